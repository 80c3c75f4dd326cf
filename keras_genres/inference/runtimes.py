"""A trained model, in whatever form it lies on the disk, as one function of pixels.

A run folder or `.keras` file is run by Keras, a SavedModel by TensorFlow, a
`.onnx` file by ONNX Runtime and a `.tflite` file by LiteRT. All give the same
scores for the same pixels, calibrated where the run was.
"""

import os
import threading
import warnings
import zipfile
from pathlib import Path

import numpy as np

from keras_genres.archive import METADATA
from keras_genres.artefact import ENSEMBLE, check_metadata, read_metadata
from keras_genres.calibration_map import CalibrationMap
from keras_genres.errors import UserError
from keras_genres.files import parse_json
from keras_genres.genres import GENRES, NUM_GENRES
from keras_genres.quiet import held_stderr


class Runtime:
    """A model that is ready to score.

    Args:
        kind: `keras`, `saved_model`, `onnx` or `litert`.
        metadata: What the model tells about itself, as `read_metadata` gives it.
        score: Takes images `(N, height, width, 3)`, 0-255, returns scores `(N, 19)`.
        thresholds: For those scores, as `{genre: threshold}`.
        network: The Keras network, where there is one.
        score_files: Takes the bytes of JPEG and PNG files, where the model
            itself decodes them.

    Attributes:
        height: Rows of pixels the model takes.
        width: Columns of pixels.
        fit: How posters of another shape are fitted.
        thresholds: float32 array `(19,)` in the genres' order.
    """

    def __init__(self, kind, metadata, score, thresholds, network=None, score_files=None):
        self.kind = kind
        self.metadata = metadata
        self.network = network
        self.score_files = score_files
        self.height, self.width = metadata["height"], metadata["width"]
        self.fit = metadata["fit"]
        self.thresholds = np.array([thresholds[genre] for genre in GENRES], np.float32)
        self._score = score

    @property
    def has_feature_map(self):
        """Whether there is one network of Keras to look into, and no ensemble of several."""
        return self.network is not None and ENSEMBLE not in self.metadata

    def score(self, images):
        """Return the scores of images.

        Args:
            images: uint8 or float32 RGB in 0-255, shape `(N, height, width, 3)`.

        Returns:
            float32 array of shape `(N, 19)`.

        Raises:
            ValueError: For images of another shape.
        """
        shape = (self.height, self.width, 3)
        if images.ndim != 4 or images.shape[1:] != shape:
            raise ValueError(f"`images` must be (N, {shape}). Received: {images.shape}")
        return self._score(images)


def open_model(path):
    """Load a run folder, a `.keras`, `.onnx` or `.tflite` file or a SavedModel folder.

    Raises:
        UserError: If there is none of them, it is damaged or of another tool,
            or its runtime is not installed.
    """
    path = Path(path)
    if path.is_dir() and (path / "saved_model.pb").exists():
        return _open_saved_model(path)
    if path.is_dir():
        from keras_genres.runs import Run

        run = Run.open(path)
        return _open_keras(run.whole_model())
    if not path.exists():
        raise UserError(f"There is no model {path}.")
    openers = {".keras": _open_keras, ".onnx": _open_onnx, ".tflite": _open_litert}
    if path.suffix not in openers:
        raise UserError(
            f"{path} is no model: expected a run folder, a SavedModel folder, or a file "
            f"{', '.join(openers)}."
        )
    return openers[path.suffix](path)


def _open_keras(path):
    import keras

    from keras_genres.inference.load import load_network

    metadata = read_metadata(path)
    network = load_network(path)
    calibration = None
    if "calibration" in metadata:
        calibration = CalibrationMap.from_json(metadata["calibration"])

    def score(images):
        scores = keras.ops.convert_to_numpy(network.predict_on_batch(images.astype("float32")))
        return scores if calibration is None else calibration.apply(scores)

    thresholds = metadata.get("calibrated_thresholds", metadata["thresholds"])
    return Runtime("keras", metadata, score, thresholds, network)


def _open_saved_model(path):
    import tensorflow as tf

    metadata = read_metadata(path)
    signatures = tf.saved_model.load(str(path)).signatures

    def score(images):
        name = "serve_uint8" if images.dtype == np.uint8 else "serving_default"
        return signatures[name](images=tf.constant(images))["scores"].numpy()

    def score_files(files):
        return signatures["serve_bytes"](image_bytes=tf.constant(files))["scores"].numpy()

    return Runtime("saved_model", metadata, score, metadata["thresholds"], score_files=score_files)


def _open_onnx(path):
    try:
        import onnxruntime
    except ImportError:
        raise UserError(f"{path} needs ONNX Runtime: pip install 'keras-genres[onnx]'") from None
    there = onnxruntime.get_available_providers()
    wanted = [f"{each}ExecutionProvider" for each in ("CUDA", "CPU")]
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3  # errors: what it warns of is how it places operations
    try:
        session = onnxruntime.InferenceSession(
            str(path), options, providers=[each for each in wanted if each in there]
        )
    except Exception as error:  # of many kinds, none of them public
        raise _damaged(path, error) from None
    told = session.get_modelmeta().custom_metadata_map
    if METADATA not in told:
        raise UserError(f"{path} has no {METADATA}: keras-genres did not write it.")
    name = f"{METADATA} in {path}"
    metadata = check_metadata(parse_json(told[METADATA].encode(), name), name)
    taken, made = session.get_inputs(), session.get_outputs()
    _require_shapes(path, metadata, [each.shape for each in taken], [each.shape for each in made])
    (taken,) = taken

    def score(images):
        return session.run(None, {taken.name: images.astype(np.float32)})[0]

    return Runtime("onnx", metadata, score, metadata["thresholds"])


def _open_litert(path):
    if not zipfile.is_zipfile(path):
        raise UserError(f"{path} is damaged, or keras-genres did not write it.")
    metadata = read_metadata(path)
    interpreter = open_interpreter(path)
    taken, made = interpreter.get_input_details(), interpreter.get_output_details()
    _require_shapes(
        path, metadata, [each["shape"] for each in taken], [each["shape"] for each in made]
    )
    (taken,), (made,) = taken, made
    alone = threading.Lock()

    def score(images):
        scores = np.empty((len(images), NUM_GENRES), np.float32)
        with alone:  # an interpreter has one set of tensors
            for row, image in enumerate(images):
                interpreter.set_tensor(taken["index"], image[None].astype(np.float32))
                interpreter.invoke()
                scores[row] = interpreter.get_tensor(made["index"])[0]
        return scores

    return Runtime("litert", metadata, score, metadata["thresholds"])


def open_interpreter(path):
    """Return LiteRT's interpreter of a `.tflite` file, ready to be given a poster.

    Raises:
        UserError: If it is damaged, or LiteRT is not installed.
    """
    try:
        from ai_edge_litert.interpreter import Interpreter
    except ImportError:
        try:
            from tensorflow import lite

            Interpreter = lite.Interpreter
        except ImportError:
            raise UserError(f"{path} needs LiteRT: pip install 'keras-genres[litert]'") from None
    try:
        with warnings.catch_warnings(), held_stderr("INFO: "):  # how it places operations
            warnings.simplefilter("ignore")  # TensorFlow's own interpreter says it is old
            interpreter = Interpreter(str(path), num_threads=os.cpu_count())
            interpreter.allocate_tensors()
    except (ValueError, RuntimeError) as error:
        raise _damaged(path, error) from None
    return interpreter


def _require_shapes(path, metadata, taken, made):
    """Refuse a model whose one input and output are not what it tells of itself."""
    image = [metadata["height"], metadata["width"], 3]
    found = [[list(shape)[1:] for shape in shapes] for shapes in (taken, made)]
    if found != [[image], [[NUM_GENRES]]]:
        raise UserError(
            f"{path} takes {found[0]} and makes {found[1]} of each poster, where [{image}] and "
            f"[[{NUM_GENRES}]] are expected: it is not as keras-genres wrote it."
        )


def _damaged(path, error):
    reason = (str(error).splitlines() or [type(error).__name__])[0]
    return UserError(f"{path} cannot be loaded: {reason}")
