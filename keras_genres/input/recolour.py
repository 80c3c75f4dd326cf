"""RandAugment's colours, on bytes: what each operation makes of a poster.

Source: Pillow's `ImageOps` and `ImageEnhance`, whose levels these are within
one; what they cut off is rounded here, so that posters do not get darker.
"""

import tensorflow as tf

from keras_genres.input.randaugment import COLOURS, picks
from keras_genres.input.variation import LUMA, RANDAUGMENT

_LEVELS = 256


def recoloured(images, uniforms, settings):
    """Return posters after the colour operations that each of them drew.

    Args:
        images: uint8 tensor of shape `(posters, height, width, 3)`.
        uniforms: float32 tensor of shape `(posters, NUM_UNIFORMS)`.
        settings: An `AugmentSettings`.

    Returns:
        uint8 tensor, same shape; `images` without RandAugment.
    """
    if not settings.randaugment:
        return images
    drawn = picks(uniforms[:, RANDAUGMENT:], settings.randaugment, tf)
    which, ways = (tf.stack(part, axis=1) for part in zip(*drawn, strict=True))
    share = settings.randaugment_magnitude / 10

    # One poster at a time, since each has another operation: of a batch all would be computed.
    def change(inputs):
        image, which, ways = inputs
        for slot in range(settings.randaugment):
            image = _changed(image, which[slot], share, ways[slot])
        return image

    inputs = (images, tf.cast(which, tf.int32), ways)
    found = tf.map_fn(change, inputs, fn_output_signature=tf.TensorSpec(images.shape[1:], tf.uint8))
    return tf.ensure_shape(found, images.shape)


def _changed(image, which, share, way):
    factor = 1.0 + 0.9 * share * way
    made = {
        "identity": lambda: image,
        "autocontrast": lambda: _looked_up(image, _stretched(_counts(image))),
        "equalize": lambda: _looked_up(image, _equalized(_counts(image))),
        "solarize": lambda: _looked_up(image, _solarized(share)),
        "posterize": lambda: _looked_up(image, _posterized(share)),
        "color": lambda: _blended(image, _grey(image)[..., None], factor),
        "contrast": lambda: _blended(image, tf.reduce_mean(_grey(image)), factor),
        "brightness": lambda: _blended(image, 0.0, factor),
        "sharpness": lambda: _sharpened(image, factor),
    }
    # What moves pixels is done elsewhere.
    return tf.switch_case(which, [made[name] for name in COLOURS], default=made["identity"])


def _counts(image):
    """Return how often each channel has each level: int32 of shape `(3, 256)`."""
    return tf.reshape(tf.math.bincount(_by_channel(image), minlength=3 * _LEVELS), (3, _LEVELS))


def _by_channel(image):
    return tf.cast(image, tf.int32) + tf.range(3) * _LEVELS


def _looked_up(image, table):
    """Return the levels that a table of shape `(3, 256)` or `(256,)` has for those of a poster."""
    table = tf.broadcast_to(tf.cast(table, tf.uint8), (3, _LEVELS))
    return tf.gather(tf.reshape(table, [-1]), _by_channel(image))


def _stretched(counts):
    """Autocontrast: the darkest level of a channel to 0, its lightest to 255."""
    levels = tf.range(_LEVELS, dtype=tf.float64)
    there = counts > 0
    low = tf.reduce_min(tf.where(there, levels, 255.0), axis=1, keepdims=True)
    high = tf.reduce_max(tf.where(there, levels, 0.0), axis=1, keepdims=True)
    found = tf.round((levels - low) * (255.0 / tf.maximum(high - low, 1.0)))
    return tf.where(high > low, tf.clip_by_value(found, 0.0, 255.0), levels)


def _equalized(counts):
    """Equalize: levels of a channel spread so that each stretch of them is as frequent."""
    levels = tf.range(_LEVELS)
    last = tf.reduce_max(tf.where(counts > 0, levels, 0), axis=1)
    of_last = tf.gather(counts, last, axis=1, batch_dims=1)
    step = ((tf.reduce_sum(counts, axis=1) - of_last) // 255)[:, None]
    below = tf.cumsum(counts, axis=1, exclusive=True) + step // 2
    found = tf.minimum(below // tf.maximum(step, 1), 255)
    return tf.where(step > 0, found, levels)


def _solarized(share):
    """Solarize: levels from a threshold on are turned about."""
    levels = tf.range(_LEVELS)
    return tf.where(levels < round(_LEVELS * (1 - share)), levels, 255 - levels)


def _posterized(share):
    """Posterize: 8 to 4 bits of a level are left."""
    left_out = 2 ** round(4 * share)
    return tf.range(_LEVELS) // left_out * left_out


def _grey(image):
    return tf.reduce_sum(tf.cast(image, tf.float32) * LUMA, axis=-1)


def _blended(image, other, factor):
    """Return `other` at factor 0, the poster at 1 and what lies beyond it above."""
    found = other + factor * (tf.cast(image, tf.float32) - other)
    return tf.cast(tf.clip_by_value(found + 0.5, 0.0, 255.0), tf.uint8)


def _sharpened(image, factor):
    """Sharpness: blend with a smoothed poster; the outermost pixels stay."""
    pixels = tf.cast(image, tf.float32)
    rows = pixels[:-2] + pixels[1:-1] + pixels[2:]
    inner = pixels[1:-1, 1:-1]
    smooth = (rows[:, :-2] + rows[:, 1:-1] + rows[:, 2:] + 4.0 * inner) / 13.0
    smooth = tf.pad(smooth - inner, [[1, 1], [1, 1], [0, 0]]) + pixels
    return _blended(image, smooth, factor)
