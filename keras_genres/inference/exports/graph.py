"""A network and its calibration as one TensorFlow graph, which every form is made from."""

import numpy as np
import tensorflow as tf

from keras_genres.calibration_map import LEAST_SCORE, MOST_SCORE
from keras_genres.model.network import every_layer


def scorer(network, calibration=None):
    """Return a function from float32 images `(N, height, width, 3)` to `{"scores": (N, 19)}`.

    Args:
        network: The Keras network, on the TensorFlow backend.
        calibration: A `CalibrationMap`, or `None` for the scores of the network.
    """

    def score(images):
        return {"scores": calibrated(network(images, training=False), calibration)}

    return score


def calibrated(scores, calibration):
    """Return what `CalibrationMap.apply` does, of float32 tensors `(N, 19)`."""
    if calibration is None or set(calibration.methods) == {"none"}:
        return scores
    numbers = calibration.arrays()
    clipped = tf.clip_by_value(scores, LEAST_SCORE, MOST_SCORE)
    # Not log1p: some runtimes lack it, and 1 - score is exact where it matters.
    z = tf.math.log(clipped) - tf.math.log(1 - clipped)
    steps = (z[:, :, None] - numbers["start"]) / numbers["width"]
    risen = tf.reduce_sum(numbers["rise"] * tf.clip_by_value(steps, 0.0, 1.0), axis=-1)
    mapped = tf.math.sigmoid(numbers["slope"] * z + numbers["intercept"] + risen)
    # Not tf.where, before which LiteRT's int8 rounds scores to 256 levels. A product with 1 and
    # a sum with 0 are exact.
    is_plain = numbers["is_plain"].astype(np.float32)
    return is_plain * scores + (1 - is_plain) * mapped


def trace(network, calibration=None, batch=None):
    """Return the scorer as a traced function of images of the network's own size.

    Args:
        network, calibration: As for `scorer`.
        batch: Images in a batch; `None` for any number.
    """
    spec = tf.TensorSpec((batch, *network.input_shape[1:3], 3), tf.float32, name="images")
    return tf.function(scorer(network, calibration), input_signature=[spec])


def in_float32(network):
    """Make a network of mixed precision compute in float32, which is what it keeps weights in.

    Other runtimes have no bfloat16, and only some of float16's operations.

    Returns:
        The same network, changed.
    """
    for layer in every_layer(network):
        if layer.compute_dtype != "float32":
            layer.dtype_policy = "float32"
    return network
