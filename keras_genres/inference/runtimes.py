"""A trained model, in whatever form it lies on the disk, as one function of pixels.

A run folder or `.keras` file is run by Keras, a SavedModel by TensorFlow. All
give the same scores for the same pixels, calibrated where the run was.
"""

from pathlib import Path

import numpy as np

from keras_genres.artefact import read_metadata
from keras_genres.calibration_map import CalibrationMap
from keras_genres.errors import UserError
from keras_genres.genres import GENRES


class Runtime:
    """A model that is ready to score.

    Args:
        kind: `keras`, `saved_model`, `onnx` or `litert`.
        metadata: What the model tells about itself, as `read_metadata` gives it.
        score: Takes images `(N, height, width, 3)`, 0-255, returns scores `(N, 19)`.
        thresholds: For those scores, as `{genre: threshold}`.
        network: The Keras network, where there is one.

    Attributes:
        height: Rows of pixels the model takes.
        width: Columns of pixels.
        fit: How posters of another shape are fitted.
        thresholds: float32 array `(19,)` in the genres' order.
    """

    def __init__(self, kind, metadata, score, thresholds, network=None):
        self.kind = kind
        self.metadata = metadata
        self.network = network
        self.height, self.width = metadata["height"], metadata["width"]
        self.fit = metadata["fit"]
        self.thresholds = np.array([thresholds[genre] for genre in GENRES], np.float32)
        self._score = score

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
    """Load a run folder, a `.keras` file or a SavedModel folder.

    Raises:
        UserError: If there is none of them, or it is damaged or of another tool.
    """
    path = Path(path)
    if path.is_dir() and (path / "saved_model.pb").exists():
        return _open_saved_model(path)
    if path.is_dir():
        from keras_genres.runs import Run

        run = Run.open(path)
        return _open_keras(run.whole(run.model_file))
    if path.suffix == ".keras":
        return _open_keras(path)
    if not path.exists():
        raise UserError(f"There is no model {path}.")
    raise UserError(f"{path} is no model: expected a run folder, .keras or a SavedModel folder.")


def _open_keras(path):
    import keras

    from keras_genres.inference.export import load_network

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

    return Runtime("saved_model", metadata, score, metadata["thresholds"])
