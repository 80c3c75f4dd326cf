"""How posters are varied: the mathematics, for any array package.

Where a pixel comes from and what becomes of its colour is written once. The
input pipeline calls it with TensorFlow, a training step on the device with
`keras.ops`: both have the few functions used here, under one name.
"""

import math

import numpy as np

from keras_genres.input import randaugment

# Column of `uniforms` each part reads. A part keeps its column when others
# are off, so turning one off leaves the others' pixels alone.
FLIP, ROTATION, SHIFT_Y, SHIFT_X, SCALE, BRIGHTNESS, CONTRAST, SATURATION, HUE = range(9)
NUM_FIRST = 9
"""Columns that are drawn together; each later one is drawn by itself."""
CROP_AREA, CROP_Y, CROP_X, ERASE, ERASE_AREA, ERASE_ASPECT, ERASE_Y, ERASE_X = range(9, 17)
RANDAUGMENT = 17
"""First of the columns of `randaugment.picks`."""
NUM_UNIFORMS = RANDAUGMENT + randaugment.NUM_COLUMNS

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


def affine_maps(uniforms, settings, height, width, ops):
    """Return where each pixel of a varied poster comes from.

    Args:
        uniforms: float32 tensor of shape `(posters, NUM_UNIFORMS)`.
        settings: An `AugmentSettings`.
        height: Rows of a poster.
        width: Columns of a poster.
        ops: The package of `uniforms`: `tensorflow` or `keras.ops`.

    Returns:
        float32 tensor of shape `(posters, 6)`: `a, b, c, d, e, f` such that
        the pixel at column `x`, row `y` of the result shows what was at
        column `a x + b y + c`, row `d x + e y + f`. Columns and rows count
        pixel centres from 0. `None` if nothing moves.
    """
    signed = 2.0 * uniforms - 1.0
    moves = (settings.rotation_degrees, settings.shift, settings.scale, settings.randaugment)
    if not (settings.flip or any(moves) or settings.crop < 1):
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
    parts = [
        mirror * cos,
        -mirror * sin,
        centre_x - mirror * (cos * back_x - sin * back_y),
        sin,
        cos,
        centre_y - (sin * back_x + cos * back_y),
    ]
    if settings.randaugment:
        drawn = uniforms[:, RANDAUGMENT:]
        parts = randaugment.moved(parts, drawn, settings, height, width, ops)
    if settings.crop < 1:
        parts = _cropped(parts, uniforms, settings.crop, height, width, ops)
    return ops.stack(parts, axis=1)


def _cropped(parts, uniforms, least, height, width, ops):
    """Return the parts of maps that move a window of the poster in its place.

    The window has the poster's shape, `least` to all of its area, and lies in
    it anywhere. What moves into view beside it is what the poster has there.

    Source: Szegedy et al. 2015, arXiv:1409.4842, but for the aspect, which
    is kept: lettering and faces are squeezed by `input.fit` already.
    """
    side = ops.sqrt(1.0 - (1.0 - least) * uniforms[:, CROP_AREA])
    found = []
    for axis, (size, column) in enumerate(((width, CROP_X), (height, CROP_Y))):
        by_x, by_y, at = parts[3 * axis : 3 * axis + 3]
        centre = (size - 1) / 2
        start = (1.0 - side) * size * (uniforms[:, column] - 0.5)
        found += [side * by_x, side * by_y, centre + start + side * (at - centre)]
    return found


def colour_changes(grey, uniforms, settings, ops):
    """Return the colour change of each poster: `clip(mix @ rgb + offset)`.

    Args:
        grey: Mean grey of each poster in levels, shape `(posters,)`: the
            point that contrast leaves alone. `None` will do without contrast.
        uniforms: float32 tensor of shape `(posters, NUM_UNIFORMS)`.
        settings: An `AugmentSettings`.
        ops: The package of `uniforms`: `tensorflow` or `keras.ops`.

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


def neighbours(positions, size, fill, ops):
    """Return the two pixels that positions along an axis lie between.

    Args:
        positions: float32 tensor; pixel centres count from 0.
        size: Pixels along the axis.
        fill: `reflect` mirrors the axis at its ends, half a pixel outside the
            outermost centres, as often as needed; `black` does not.
        ops: The package of `positions`: `tensorflow` or `keras.ops`.

    Returns:
        int32 tensors of the pixel at or before and of the one after, and the
        way from the first to the second as a float32 in [0, 1]. With `black`
        they may be outside the axis.
    """
    if fill == "reflect":
        from_end = positions + 0.5
        from_end = from_end - 2 * size * ops.floor(from_end * (0.5 / size))
        positions = ops.minimum(from_end, 2 * size - from_end) - 0.5
    else:
        # Further out is as black, and the number fits an int32.
        positions = ops.minimum(ops.maximum(positions, -2.0), size + 1.0)
    before = ops.floor(positions)
    part = positions - before
    before = ops.cast(before, "int32")
    if fill == "reflect":
        return ops.maximum(before, 0), ops.minimum(before + 1, size - 1), part
    return before, before + 1, part


def coloured(pixels, gain, offset, mix, clip):
    """Return pixels changed in colour.

    Args:
        pixels: float32 tensor of shape `(posters, height, width, 3)`, 0–255.
        gain, offset, mix: As `colour_changes` returns them.
        clip: `tf.clip_by_value` or `keras.ops.clip`.

    Returns:
        Tensor of the same shape, within 0–255; `pixels` if nothing changes.
    """
    if mix is not None:
        # Not a matrix product: GPUs round its factors to three digits.
        pixels = sum(
            pixels[..., channel, None] * mix[:, None, None, :, channel] for channel in range(3)
        )
    elif gain is not None:
        pixels = pixels * gain[:, None, None, None]
    else:
        return pixels
    if offset is not None:
        pixels = pixels + offset[:, None, None, None]
    return clip(pixels, 0.0, 255.0)
