"""A SavedModel that plain TensorFlow or TF Serving can load.

Signatures, all returning `scores` of shape `(N, 19)`:

- `serving_default`: `images`, float32 `(N, H, W, 3)`, RGB 0-255;
- `serve_uint8`: the same in uint8;
- `serve_bytes`: `image_bytes`, string `(N,)`, JPEG or PNG files.

Images of another size than the network's are resized inside the graph as
evaluation does. Genre names and thresholds are in
`assets.extra/keras_genres.json`.
"""

import itertools
import json
import math
import os
import subprocess
import sys
from pathlib import Path

import keras
import numpy as np

from keras_genres.archive import require_known_network
from keras_genres.artefact import metadata_of, read_metadata, update_thresholds, write_metadata
from keras_genres.errors import UserError
from keras_genres.files import whole_folder
from keras_genres.genres import NUM_GENRES

TOLERANCE = 1e-5
"""Largest score difference to Keras for a float32 network."""
REDUCED_TOLERANCE = 2e-2
"""The same for bfloat16 and float16, which keep 8 and 11 bits."""
_BATCH = 16
_MOST_PER_PIXEL = 512  # numbers a layer makes; our widest makes 64
_LOOKED_AT = 3  # times as many files are looked at as are wanted


def export(run, out=None, posters=(), overwrite=False):
    """Export the model of a run as a SavedModel and check it against Keras.

    Args:
        run: A `Run` with `model.keras` and `thresholds.json`.
        out: Folder to write; `None` for `saved_model/` of the run, which is replaced.
        posters: JPEG or PNG files to check on; drawn noise if there are none.
        overwrite: Replace `out` if it is there.

    Returns:
        The folder, the largest score difference, and the number of posters checked.

    Raises:
        UserError: If the model is missing or not as it was written, the folder
            is there already, or the difference is above the tolerance; then
            nothing is written.
    """
    told = read_metadata(run.whole(run.model_file))
    metadata = told | metadata_of(run)
    require_known_network(run.model_file)  # before Keras and its seconds
    if out is None:
        out, made = run.saved_model, run.new_folder(run.saved_model)
        update_thresholds(run, {run.model_file: told})
    else:
        out = Path(out)
        made = whole_folder(out, overwrite, mark="saved_model.pb")
    with made as scratch:
        difference, count = _write(run.model_file, scratch, metadata["fit"], posters)
        write_metadata(scratch, metadata)
    return out, difference, count


def write_saved_model(model_file, folder, fit, posters=()):
    """Write the SavedModel and compare it with Keras, on the TensorFlow backend.

    Args:
        model_file: A `.keras` file.
        folder: Folder to write into.
        fit: How posters of another shape are fitted: `squeeze`, `crop` or `pad`.
        posters: Files to compare on; drawn noise if there are none.

    Returns:
        The largest score difference and the number of posters compared.

    Raises:
        UserError: If the difference is above the tolerance.
    """
    import tensorflow as tf

    network = load_network(model_file)
    height, width = network.input_shape[1:3]
    _save(network, height, width, fit, folder)
    serve = tf.saved_model.load(str(folder)).signatures["serve_bytes"]
    files = [Path(poster).read_bytes() for poster in posters] or _noise(height, width)
    worst = 0.0
    for start in range(0, len(files), _BATCH):
        batch = files[start : start + _BATCH]
        found = serve(image_bytes=tf.constant(batch))["scores"].numpy()
        worst = max(worst, float(np.abs(found - _keras_scores(network, batch, fit)).max()))
    is_full = all(layer.compute_dtype == "float32" for layer in network.layers)
    tolerance = TOLERANCE if is_full else REDUCED_TOLERANCE
    if not worst <= tolerance:
        raise UserError(
            f"The SavedModel's scores differ from Keras's by {worst:.1e}, more than {tolerance:g}: "
            "nothing was written. This is a bug; please report what `keras-genres doctor` prints."
        )
    return worst, len(files)


def load_network(model_file):
    """Load a `.keras` file in safe mode, without its training state.

    Raises:
        UserError: If the file is missing, damaged, or holds what no network of ours has.
    """
    require_known_network(model_file)
    try:
        network = keras.saving.load_model(model_file, compile=False, safe_mode=True)
    except Exception as error:  # zipfile, h5py, JSON and Keras each raise their own
        reason = (str(error).splitlines() or [type(error).__name__])[0]
        raise UserError(f"{model_file} cannot be loaded: {reason}") from error
    _require_modest(network, model_file)
    return network


def _require_modest(network, model_file):
    """Refuse a network of other inputs and scores, or one that fills the memory with a poster."""
    seen, made = network.input_shape, network.output_shape
    is_sized = len(seen) == 4 and all(type(n) is int and n <= 4096 for n in seen[1:])
    if not is_sized or seen[3] != 3 or made != (None, NUM_GENRES):
        raise UserError(
            f"{model_file} holds another network: it makes {made} of {seen}, where "
            f"{(None, NUM_GENRES)} of RGB posters is expected."
        )
    waiting = [network]
    while waiting:
        layer = waiting.pop()
        waiting += getattr(layer, "layers", ())
        shape = layer.output.shape[1:]
        if math.prod(shape) > _MOST_PER_PIXEL * math.prod(seen[1:3]):
            raise UserError(
                f"{model_file} holds another network: {layer.name!r} makes {tuple(shape)} numbers "
                "of each poster."
            )


def check_posters(run, folder=None, limit=100):
    """Return poster files to check an export on.

    Args:
        run: The `Run`; the validation posters it was trained with are taken if
            they are still where they were.
        folder: A folder of JPEG and PNG files to take instead.
        limit: Most files returned.

    Raises:
        UserError: If `folder` holds no readable JPEG or PNG file, or what the
            run says of its posters is not as it was written.
    """
    if folder is not None:
        kinds = (".jpg", ".jpeg", ".png")
        named = sorted(path for path in Path(folder).rglob("*") if path.suffix.lower() in kinds)
        found = _readable(named, limit)
        if not found:
            raise UserError(f"There is no readable JPEG or PNG file in {folder}.")
        return found
    data = run.environment().get("data")
    if not isinstance(data, str):
        return []
    return _readable((Path(data) / name for name in run.predictions("val").filenames), limit)


def _readable(paths, limit):
    """Return the first files that are plain posters: a run folder may name any file there is."""
    from keras_genres.data.quality import inspect

    found = []
    for path in itertools.islice(paths, _LOOKED_AT * limit):
        seen = inspect(path)
        if seen.is_usable and not seen.oddities:
            found.append(path)
            if len(found) == limit:
                break
    return found


def _write(model_file, folder, fit, posters):
    posters = [str(poster) for poster in posters]
    if keras.backend.backend() == "tensorflow":
        return write_saved_model(model_file, folder, fit, posters)
    # The graph has to be TensorFlow's, so another process loads the same file there.
    code = (
        "import json, sys; from keras_genres.inference.export import write_saved_model; "
        "print(json.dumps(write_saved_model(*sys.argv[1:4], sys.argv[4:])))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, str(model_file), str(folder), fit, *posters],
        env=os.environ | {"KERAS_BACKEND": "tensorflow"},
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        reason = (done.stderr.strip().splitlines() or ["no message"])[-1]
        raise UserError(f"The export, in a process of its own on TensorFlow, failed: {reason}")
    return json.loads(done.stdout.strip().splitlines()[-1])


def _save(network, height, width, fit, folder):
    import tensorflow as tf

    from keras_genres.input.decode import decode_posters, resize_poster

    def resized(images):
        def resize():
            found = tf.map_fn(
                lambda image: resize_poster(image, height, width, fit),
                images,
                fn_output_signature=tf.TensorSpec((height, width, 3), tf.uint8),
            )
            return tf.cast(found, tf.float32)

        # Rounding belongs to the resizing: images of the right size pass as they are.
        is_right = tf.reduce_all(tf.shape(images)[1:3] == (height, width))
        images = tf.cond(is_right, lambda: tf.cast(images, tf.float32), resize)
        return tf.ensure_shape(images, (None, height, width, 3))

    def score(images):
        return {"scores": network(images, training=False)}

    shape = (None, None, None, 3)

    @tf.function(input_signature=[tf.TensorSpec(shape, tf.float32, name="images")])
    def serving_default(images):
        return score(resized(images))

    @tf.function(input_signature=[tf.TensorSpec(shape, tf.uint8, name="images")])
    def serve_uint8(images):
        return score(resized(images))

    @tf.function(input_signature=[tf.TensorSpec((None,), tf.string, name="image_bytes")])
    def serve_bytes(image_bytes):
        images = decode_posters(image_bytes, height, width, fit)
        return score(tf.cast(images, tf.float32))

    module = tf.Module()
    # Plain variables only: the SavedModel must not hold Keras objects.
    module.weights = [variable.value for variable in network.variables]
    module.serving_default = serving_default
    module.serve_uint8 = serve_uint8
    module.serve_bytes = serve_bytes
    signatures = {
        "serving_default": serving_default,
        "serve_uint8": serve_uint8,
        "serve_bytes": serve_bytes,
    }
    tf.saved_model.save(module, str(folder), signatures=signatures)


def _keras_scores(network, files, fit):
    """Scores by the way of evaluation: decode, stack, `network(...)`."""
    import tensorflow as tf

    from keras_genres.input.decode import decode_posters

    images = decode_posters(tf.constant(files), *network.input_shape[1:3], fit)
    return keras.ops.convert_to_numpy(network(tf.cast(images, tf.float32), training=False))


def _noise(height, width):
    import tensorflow as tf

    drawn = np.random.default_rng(0).integers(0, 256, (8, height + 30, width + 10, 3), np.uint8)
    return [tf.io.encode_png(image).numpy() for image in drawn]
