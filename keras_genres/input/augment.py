"""Varied posters for training: one resampling, one colour matrix.

Flip, rotation, shift and scale are one affine map, so a poster is
interpolated once, not four times; brightness, contrast, saturation and hue
are one 3×4 matrix a poster. All chance comes in as `uniforms`: the same
numbers give the same pixels.
"""

import math

import numpy as np
import tensorflow as tf

from keras_genres.input.resample import moved_lanes, pixels_of

AUGMENT_VERSION = 2
"""Rises when the pixels of any varied poster change: what is kept of them is then made anew."""

# Column of `uniforms` each part reads. A part keeps its column when others
# are off, so turning one off leaves the others' pixels alone.
FLIP, ROTATION, SHIFT_Y, SHIFT_X, SCALE, BRIGHTNESS, CONTRAST, SATURATION, HUE = range(9)
NUM_UNIFORMS = 9

LUMA = np.array([0.299, 0.587, 0.114], np.float32)
"""Share of red, green and blue in grey (ITU-R BT.601)."""

# In YIQ grey is one axis and hue an angle about it. The matrices below are
# taken back to RGB: `_GREY` keeps the grey part of a colour, `_CHROMA` the
# rest, and `_QUARTER_TURN` is that rest turned by 90° of hue.
_TO_YIQ = np.array([LUMA, [0.596, -0.274, -0.322], [0.211, -0.523, 0.312]], np.float64)
_TURN = np.linalg.inv(_TO_YIQ) @ [[0, 0, 0], [0, 0, -1], [0, 1, 0]] @ _TO_YIQ
_QUARTER_TURN = _TURN.astype(np.float32)
_GREY = np.outer(np.ones(3, np.float32), LUMA)
_CHROMA = np.eye(3, dtype=np.float32) - _GREY


def augment_batch(images, uniforms, settings):
    """Return varied posters.

    Posters are moved first, then coloured: brightness, contrast about the
    poster's mean grey, saturation, hue, in this order, and clipped once at
    the end. A part of strength 0 is left out; with all off the pixels come
    back as they are. Moved pixels are bilinear within `resample.ERROR_LEVELS`.

    Args:
        images: uint8 tensor of shape `(posters, height, width, 3)`; height and
            width are static.
        uniforms: float32 tensor in [0, 1), shape `(posters, NUM_UNIFORMS)`.
            0.5 everywhere changes nothing.
        settings: An `AugmentSettings`.

    Returns:
        float32 tensor in 0–255, same shape.

    Source: section 4.1 of Arayıt & Tolga 2025 names the parts. Colour
        changes as one matrix: Haeberli, "Matrix Operations for Image
        Processing", 1993; hue as a turn about the grey axis of YIQ, the
        colour space of NTSC television.
    """
    maps = affine_maps(uniforms, settings, *images.shape[1:3])
    moved = images if maps is None else moved_lanes(images, maps, settings.fill)
    grey = _mean_grey(images) if settings.contrast else None
    pixels = _coloured(moved, *colour_changes(grey, uniforms, settings))
    return tf.ensure_shape(pixels, images.shape)


def affine_maps(uniforms, settings, height, width, ops=tf):
    """Return where each pixel of a varied poster comes from.

    Args:
        uniforms: float32 tensor of shape `(posters, NUM_UNIFORMS)`.
        settings: An `AugmentSettings`.
        height: Rows of a poster.
        width: Columns of a poster.
        ops: `tf`, or `keras.ops` for tensors of Keras.

    Returns:
        float32 tensor of shape `(posters, 6)`: `a, b, c, d, e, f` such that
        the pixel at column `x`, row `y` of the result shows what was at
        column `a x + b y + c`, row `d x + e y + f`. Columns and rows count
        pixel centres from 0. `None` if nothing moves.
    """
    signed = 2.0 * uniforms - 1.0
    moves = (settings.rotation_degrees, settings.shift, settings.scale)
    if not (settings.flip or any(moves)):
        return None
    zoom = 1.0 + settings.scale * signed[:, SCALE]
    angle = math.radians(settings.rotation_degrees) * signed[:, ROTATION]
    mirror = ops.ones_like(zoom)
    if settings.flip:
        mirror = ops.where(uniforms[:, FLIP] < 0.5, -mirror, mirror)
    down = settings.shift * height * signed[:, SHIFT_Y]
    right = settings.shift * width * signed[:, SHIFT_X]

    # Forward about the centre: mirror, zoom, turn, shift. The resampling
    # asks for the way back: from an output pixel to its source.
    cos, sin = ops.cos(angle) / zoom, ops.sin(angle) / zoom
    centre_x, centre_y = (width - 1) / 2, (height - 1) / 2
    back_x, back_y = centre_x + right, centre_y + down
    return ops.stack(
        [
            mirror * cos,
            -mirror * sin,
            centre_x - mirror * (cos * back_x - sin * back_y),
            sin,
            cos,
            centre_y - (sin * back_x + cos * back_y),
        ],
        axis=1,
    )


def colour_changes(grey, uniforms, settings, ops=tf):
    """Return the colour change of each poster: `clip(mix @ rgb + offset)`.

    Args:
        grey: Mean grey of each poster in levels, shape `(posters,)`: the
            point that contrast leaves alone. `None` will do without contrast.
        uniforms: float32 tensor of shape `(posters, NUM_UNIFORMS)`.
        settings: An `AugmentSettings`.
        ops: `tf`, or `keras.ops` for tensors of Keras.

    Returns:
        `gain` of shape `(posters,)`, `offset` of shape `(posters,)` in
        levels, the same for the three channels since grey stays grey, and
        `mix` of shape `(posters, 3, 3)` with `gain` in it. Each is `None` if
        no part needs it.
    """
    signed = 2.0 * uniforms - 1.0
    gain = offset = mix = None
    if settings.brightness:
        gain = 1.0 + settings.brightness * signed[:, BRIGHTNESS]
    if settings.contrast:
        contrast = 1.0 + settings.contrast * signed[:, CONTRAST]
        bright = ops.ones_like(contrast) if gain is None else gain
        offset = (1.0 - contrast) * bright * grey
        gain = contrast * bright
    if settings.saturation or settings.hue:
        chroma = 1.0 + settings.saturation * signed[:, SATURATION]
        angle = 2.0 * math.pi * settings.hue * signed[:, HUE]
        mix = (
            _GREY
            + (chroma * ops.cos(angle))[:, None, None] * _CHROMA
            + (chroma * ops.sin(angle))[:, None, None] * _QUARTER_TURN
        )
        if gain is not None:
            mix = gain[:, None, None] * mix
    return gain, offset, mix


def _mean_grey(images):
    height, width = images.shape[1:3]
    # Rows of bytes as long as they come: summing three at a time takes thrice as long.
    rows = tf.cast(tf.reshape(images, (-1, height, width * 3)), tf.float32)
    columns = tf.reshape(tf.reduce_mean(rows, axis=1), (-1, width, 3))
    return tf.reduce_sum(tf.reduce_mean(columns, axis=1) * LUMA, axis=1)


@tf.function(jit_compile=True)
def _coloured(moved, gain, offset, mix):
    """Return float32 pixels of images or lanes, changed in colour.

    One compiled loop with the unpacking: each pixel is written once.
    """
    pixels = pixels_of(moved)
    if mix is not None:
        pixels = sum(
            pixels[..., channel, None] * mix[:, None, None, :, channel] for channel in range(3)
        )
    elif gain is not None:
        pixels = pixels * gain[:, None, None, None]
    else:
        return pixels
    if offset is not None:
        pixels = pixels + offset[:, None, None, None]
    return tf.clip_by_value(pixels, 0.0, 255.0)
