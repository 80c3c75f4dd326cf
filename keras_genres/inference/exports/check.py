"""Is an export the network it was made from? Scores of the same posters by both.

The export is loaded by the runtime that its users have.
"""

import time
from dataclasses import dataclass
from pathlib import Path

import keras
import numpy as np

from keras_genres.inference.runtimes import open_model
from keras_genres.model.network import every_layer

TOLERANCES = {
    ("saved_model", None): 1e-5,
    ("onnx", None): 3e-4,
    ("litert", None): 3e-4,
    ("litert", "float16"): 3e-2,
    ("litert", "dynamic"): None,
    ("litert", "int8"): None,
}
"""Largest score difference to Keras by form and quantization, before calibration.

ONNX Runtime and LiteRT add up in another order than TensorFlow: 4e-6 was seen of
trained networks, 1.3e-4 of a fresh InceptionV3. float16 keeps 11 bits of a weight."""
REDUCED_TOLERANCE = 2e-2
"""The same for a network of bfloat16 or float16, which keep 8 and 11 bits."""
MOST_CHANGED = 0.1
"""For kernels of int8, whose scores differ by design: largest share of changed genre decisions,
unless the user says another. On test a MobileNetV2 had 5 % and the same macro F1, a DenseNet121
8 % and 0.009 less; at 19 % another one's had fallen by a third."""
BATCH = 16
_ROUNDING = 1e-5  # of a calibration in float32


@dataclass(frozen=True)
class Parity:
    """What came of the comparison of one export with Keras."""

    form: str
    """`keras`, `saved_model`, `onnx` or `litert`."""
    quantize: str | None
    """`float16`, `dynamic`, `int8` or `None`."""
    difference: float
    """Largest score difference."""
    changed: float
    """Share of genre decisions, poster by poster and genre by genre, that are others."""
    megabytes: float
    """Size on the disk, in units of 1,000,000 bytes."""
    posters_per_second: float
    """From decoded pixels in memory to scores, in batches of 16."""
    posters: int
    """How many were compared."""
    fault: str | None = None
    """Why it is not taken for the same model; `None` if it is."""

    @property
    def name(self):
        """Form and quantization."""
        return label(self.form, self.quantize)

    def __str__(self):
        return (
            f"scores differ from Keras's by at most {self.difference:.1e}, and "
            f"{self.changed:.2%} of genre decisions ({self.posters} posters); "
            f"{self.megabytes:.1f} MB, {self.posters_per_second:.0f} posters/s"
        )

    def row(self):
        """Return the cells of a table."""
        return {
            "form": self.name,
            "largest difference": f"{self.difference:.1e}",
            "changed decisions": f"{self.changed:.2%}",
            "MB": f"{self.megabytes:.1f}",
            "posters/s": f"{self.posters_per_second:.1f}",
            "posters": self.posters,
            "same model": "no" if self.fault else "yes",
        }


class Reference:
    """Scores of some posters as Keras gives them.

    Args:
        network: The Keras network.
        calibration: A `CalibrationMap`, or `None`.
        fit: How posters of another shape are fitted.
        posters: JPEG or PNG files; drawn noise if there are none.
        most_changed: For `dynamic` and `int8`, largest share of changed genre decisions.
    """

    def __init__(self, network, calibration, fit, posters=(), most_changed=MOST_CHANGED):
        height, width = network.input_shape[1:3]
        self.files = [Path(poster).read_bytes() for poster in posters] or _noise(height, width)
        self.images = pixels(self.files, height, width, fit)
        self.calibration = calibration
        self.most_changed = most_changed
        self.raw, self.posters_per_second = _timed(
            lambda images: keras.ops.convert_to_numpy(
                network.predict_on_batch(images.astype(np.float32))
            ),
            self.images,
        )
        self.scores = self._calibrated(self.raw)
        self.is_full = all(layer.compute_dtype == "float32" for layer in every_layer(network))

    def itself(self, model_file):
        """Return the `Parity` of Keras with itself."""
        size, count = size_of(model_file) / 1e6, len(self.files)
        return Parity("keras", None, 0.0, 0.0, size, self.posters_per_second, count)

    def compare(self, path, form, quantize=None):
        """Load an export by its own runtime and return a `Parity`."""
        runtime = open_model(path)
        score = runtime.score
        found, speed = _timed(score, self.images)
        if runtime.score_files is not None:
            read = _batched(runtime.score_files, self.files)
            worse = np.abs(read - self.scores) > np.abs(found - self.scores)
            found = np.where(worse, read, found)
        picks = [scores >= runtime.thresholds for scores in (found, self.scores)]
        changed = float((picks[0] != picks[1]).mean())
        return Parity(
            form=form,
            quantize=quantize,
            difference=float(np.abs(found - self.scores).max()),
            changed=changed,
            megabytes=size_of(path) / 1e6,
            posters_per_second=speed,
            posters=len(self.files),
            fault=self._fault(found, changed, TOLERANCES[form, quantize]),
        )

    def _fault(self, found, changed, tolerance):
        if not np.isfinite(found).all():
            return "some of its scores are no numbers"
        if tolerance is None:
            if changed <= self.most_changed:
                return None
            return (
                f"{changed:.2%} of its genre decisions are others than Keras's, more than "
                f"--most-changed {self.most_changed:g}"
            )
        if not self.is_full:
            tolerance = max(tolerance, REDUCED_TOLERANCE)
        # A calibration may be steep. An export is right if its scores are those of a network
        # whose own scores are within the tolerance: a range, as the map is increasing.
        slack = 0.0 if self.calibration is None else _ROUNDING
        low = self._calibrated(self.raw.astype(np.float64) - tolerance) - slack
        high = self._calibrated(self.raw.astype(np.float64) + tolerance) + slack
        if ((low <= found) & (found <= high)).all():
            return None
        return (
            f"its scores differ from Keras's by up to {np.abs(found - self.scores).max():.1e}, "
            f"more than {tolerance:g} makes"
        )

    def _calibrated(self, scores):
        return scores if self.calibration is None else self.calibration.apply(scores)


def pixels(files, height, width, fit):
    """Return posters as the network sees them, by the way of evaluation.

    Args:
        files: Bytes of JPEG and PNG files.
        height: Rows of pixels.
        width: Columns of pixels.
        fit: How posters of another shape are fitted.

    Returns:
        uint8 array of shape `(posters, height, width, 3)`.
    """
    import tensorflow as tf

    from keras_genres.input.decode import decode_posters

    return _batched(
        lambda batch: decode_posters(tf.constant(batch), height, width, fit).numpy(), files
    )


def label(form, quantize):
    """Return the name of a form with its quantization."""
    return f"{form} {quantize}" if quantize else form


def size_of(path):
    """Return the bytes of a file, or of all files of a folder."""
    path = Path(path)
    files = path.rglob("*") if path.is_dir() else [path]
    return sum(file.stat().st_size for file in files if file.is_file())


def _timed(score, images):
    """Return scores and posters a second, without what the first batch of a size costs."""
    for warming in {min(BATCH, len(images)), len(images) % BATCH} - {0}:
        score(images[:warming])
    started = time.perf_counter()
    scores = _batched(score, images)
    return scores, len(images) / (time.perf_counter() - started)


def _batched(score, posters):
    starts = range(0, len(posters), BATCH)
    return np.concatenate([score(posters[start : start + BATCH]) for start in starts])


def _noise(height, width):
    import tensorflow as tf

    drawn = np.random.default_rng(0).integers(0, 256, (8, height + 30, width + 10, 3), np.uint8)
    return [tf.io.encode_png(image).numpy() for image in drawn]
