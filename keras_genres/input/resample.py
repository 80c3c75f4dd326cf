"""Moved posters: bilinear resampling, compiled, with a pixel in one number.

TensorFlow's own kernel (`ImageProjectiveTransformV3`) computes each channel
of each pixel on its own, bounds and borders included. Here the three channels
lie side by side in one integer, so four pixels are read instead of twelve
numbers, and one multiplication weighs all three channels. XLA makes each
function one loop; as separate TensorFlow operations every step would walk
through memory once more.
"""

import tensorflow as tf

from keras_genres.input.variation import neighbours

_LANE_BITS = 21  # three lanes in an int64
_WEIGHT_BITS = 13  # 255 levels × 2**13 fill a lane
_ONE = 1 << _WEIGHT_BITS

ERROR_LEVELS = 0.1
"""Most that a resampled pixel differs from a bilinear one in float64, in levels of 0–255.

Half a step of 2**-13 in each of the two fractions and a whole one in their
product are 255 × 2 / 8192 = 0.06; the rest is float32 in the maps.
"""


def moved_lanes(images, maps, fill):
    """Return posters with every pixel taken from elsewhere, bilinearly.

    A map without fractions (the identity, a mirror, whole pixels) gives exact
    pixels; others differ by at most `ERROR_LEVELS` from the same maps in
    float64.

    Args:
        images: uint8 tensor of shape `(posters, height, width, 3)`; height and
            width are static.
        maps: float32 tensor of shape `(posters, 6)`, see `variation.affine_maps`.
        fill: `reflect` mirrors the poster at its edges as often as needed;
            `black` takes pixels outside as 0.

    Returns:
        int64 tensor of shape `(posters, height, width)`, for `pixels_of`.

    Raises:
        ValueError: If `fill` is neither.
    """
    if fill not in ("reflect", "black"):
        raise ValueError(f"`fill` must be 'reflect' or 'black'. Received: {fill!r}")
    # Two functions: seeing both, XLA would pack each pixel anew for each reader.
    return _blended(_packed(images), maps, *images.shape[1:3], fill)


def pixels_of(moved):
    """Return float32 pixels, `(posters, height, width, 3)`, of moved lanes or of images."""
    if moved.dtype != tf.int64:
        return tf.cast(moved, tf.float32)
    shifts = tf.constant([0, _LANE_BITS, 2 * _LANE_BITS], tf.int64)
    levels = tf.bitwise.right_shift(moved[..., None], shifts)
    levels = tf.bitwise.bitwise_and(levels, 2**_LANE_BITS - 1)
    return tf.cast(levels, tf.float32) / _ONE


@tf.function(jit_compile=True)
def _packed(images):
    """Return `(posters, height, width, 3)` uint8 as int32: red, green, blue from the low end."""
    red, green, blue = tf.unstack(tf.cast(images, tf.int32), axis=-1)
    return red + green * 2**8 + blue * 2**16


@tf.function(jit_compile=True)
def _blended(pixels, maps, height, width, fill):
    """Return the weighted sums of four pixels, three lanes in an int64."""
    columns = tf.range(width, dtype=tf.float32)[None, None, :]
    rows = tf.range(height, dtype=tf.float32)[None, :, None]
    a, b, c, d, e, f = (part[:, None, None] for part in tf.unstack(maps, axis=1))
    left, right, x = neighbours(a * columns + b * rows + c, width, fill, tf)
    top, bottom, y = neighbours(d * columns + e * rows + f, height, fill, tf)
    x, y = (tf.cast(part * _ONE + 0.5, tf.int32) for part in (x, y))
    # The four sum to _ONE whatever the rounding, so flat colours stay flat.
    both = tf.bitwise.right_shift(x * y + _ONE // 2, _WEIGHT_BITS)
    weights = (_ONE - x - y + both, x - both, y - both, both)

    first = tf.range(tf.shape(pixels)[0])[:, None, None] * (height * width)
    pixels = tf.reshape(pixels, [-1])
    total = tf.constant(0, tf.int64)
    corners = ((top, left), (top, right), (bottom, left), (bottom, right))
    for (row, column), weight in zip(corners, weights, strict=True):
        if fill == "black":
            weight = tf.where(_inside(row, height) & _inside(column, width), weight, 0)
            row = tf.clip_by_value(row, 0, height - 1)
            column = tf.clip_by_value(column, 0, width - 1)
        pixel = tf.gather(pixels, first + row * width + column)
        total += _in_lanes(pixel) * tf.cast(weight, tf.int64)
    return total


def _inside(index, size):
    return (index >= 0) & (index < size)


def _in_lanes(pixel):
    """Spread the three bytes of an int32 over the lanes of an int64."""
    pixel = tf.cast(pixel, tf.int64)
    lanes = tf.bitwise.bitwise_and(pixel, 0xFF)
    for channel in (1, 2):
        byte = tf.bitwise.bitwise_and(pixel, 0xFF << (8 * channel))
        lanes += tf.bitwise.left_shift(byte, channel * (_LANE_BITS - 8))
    return lanes
