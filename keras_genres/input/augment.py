"""Varied posters for training: one resampling, one colour matrix.

Flip, rotation, shift and scale are one affine map, so a poster is
interpolated once, not four times; brightness, contrast, saturation and hue
are one 3×4 matrix a poster. All chance comes in as `uniforms`: the same
numbers give the same pixels.
"""

import math

import numpy as np
import tensorflow as tf

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
_GREY = np.outer(np.ones(3), _TO_YIQ[0])
_CHROMA = np.eye(3) - _GREY
_QUARTER_TURN = np.linalg.inv(_TO_YIQ) @ [[0, 0, 0], [0, 0, -1], [0, 1, 0]] @ _TO_YIQ


def augment_batch(images, uniforms, settings):
    """Return varied posters.

    Posters are moved first, then coloured: brightness, contrast about the
    poster's mean grey, saturation, hue, in this order, and clipped once at
    the end. A part of strength 0 is left out; with all off the pixels come
    back as they are.

    Args:
        images: uint8 tensor of shape `(posters, height, width, 3)`.
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
    pixels = _move(images, uniforms, settings)
    gain, offset, mix = colour_changes(images, uniforms, settings)
    if gain is None and mix is None:
        return pixels
    shape, count = tf.shape(pixels), tf.shape(pixels)[0]
    if mix is not None:
        pixels = tf.reshape(pixels, (count, -1, 3))
        pixels = tf.matmul(pixels, mix, transpose_b=True)
    pixels = tf.reshape(pixels, (count, -1))
    if gain is not None and mix is None:
        pixels = pixels * gain[:, None]
    if offset is not None:
        pixels = pixels + offset[:, None]
    pixels = tf.reshape(tf.clip_by_value(pixels, 0.0, 255.0), shape)
    return tf.ensure_shape(pixels, images.shape)


def affine_maps(uniforms, settings, height, width):
    """Return where each pixel of a varied poster comes from.

    Args:
        uniforms: float32 tensor of shape `(posters, NUM_UNIFORMS)`.
        settings: An `AugmentSettings`.
        height: Rows of a poster.
        width: Columns of a poster.

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
    mirror = tf.ones_like(zoom)
    if settings.flip:
        mirror = tf.where(uniforms[:, FLIP] < 0.5, -mirror, mirror)
    down = settings.shift * height * signed[:, SHIFT_Y]
    right = settings.shift * width * signed[:, SHIFT_X]

    # Forward about the centre: mirror, zoom, turn, shift. The resampling
    # asks for the way back: from an output pixel to its source.
    cos, sin = tf.cos(angle) / zoom, tf.sin(angle) / zoom
    centre_x, centre_y = (width - 1) / 2, (height - 1) / 2
    back_x, back_y = centre_x + right, centre_y + down
    return tf.stack(
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


def colour_changes(images, uniforms, settings):
    """Return the colour change of each poster: `clip(mix @ rgb + offset)`.

    Args:
        images: Tensor of shape `(posters, height, width, 3)`, 0–255; its mean
            grey is the point that contrast leaves alone.
        uniforms: float32 tensor of shape `(posters, NUM_UNIFORMS)`.
        settings: An `AugmentSettings`.

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
        bright = tf.ones_like(contrast) if gain is None else gain
        offset = (1.0 - contrast) * bright * _mean_grey(images)
        gain = contrast * bright
    if settings.saturation or settings.hue:
        chroma = 1.0 + settings.saturation * signed[:, SATURATION]
        angle = 2.0 * math.pi * settings.hue * signed[:, HUE]
        mix = (
            _matrix(_GREY)
            + (chroma * tf.cos(angle))[:, None, None] * _matrix(_CHROMA)
            + (chroma * tf.sin(angle))[:, None, None] * _matrix(_QUARTER_TURN)
        )
        if gain is not None:
            mix = gain[:, None, None] * mix
    return gain, offset, mix


def _move(images, uniforms, settings):
    if not (settings.rotation_degrees or settings.shift or settings.scale):
        if settings.flip:
            mirrored = uniforms[:, FLIP] < 0.5
            images = tf.where(mirrored[:, None, None, None], images[:, :, ::-1], images)
        return tf.cast(images, tf.float32)
    height, width = images.shape[1:3]
    maps = affine_maps(uniforms, settings, height, width)
    pixels = tf.raw_ops.ImageProjectiveTransformV3(
        images=tf.cast(images, tf.float32),
        transforms=tf.pad(maps, [[0, 0], [0, 2]]),
        output_shape=[height, width],
        interpolation="BILINEAR",
        fill_mode="REFLECT" if settings.fill == "reflect" else "CONSTANT",
        fill_value=0.0,
    )
    return tf.ensure_shape(pixels, images.shape)


def _mean_grey(images):
    return tf.reduce_sum(tf.reduce_mean(tf.cast(images, tf.float32), axis=(1, 2)) * LUMA, axis=1)


def _matrix(values):
    return tf.constant(values, tf.float32)
