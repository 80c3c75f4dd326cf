"""A map of evidence laid on its poster, where the network saw it."""

import numpy as np
from matplotlib import colormaps
from PIL import Image

COLOURS = "inferno"
"""Colour map of matplotlib, perceptually uniform: equal steps look equal, also in grey."""
_LOWEST_COLOUR = 0.3  # what is below is near black and would only darken the poster
_MOST_ALPHA = 0.8
# The poster is nearly grey and a little dark, so that the colours of the map
# stand out, bright ones also on white paper.
_GREY_SHARE = 0.75
_BRIGHTNESS = 0.75
_UNSEEN_WHITE = 0.65


def overlay(picture, evidence, fit="squeeze", height=None, width=None):
    """Return a poster with a map of evidence on it, strong evidence bright and opaque.

    Args:
        picture: `PIL.Image.Image` of mode `RGB`: the whole poster, of any shape.
        evidence: Map of shape `(rows, columns)`, laid evenly over what the
            network saw; below 0 counts as 0 and above 1 as 1.
        fit: How the poster became what the network saw: `squeeze`, `crop` or
            `pad`, as in `input.decode.resize_poster`.
        height: Rows of pixels the network saw; not needed for `squeeze`.
        width: Columns of pixels the network saw; not needed for `squeeze`.

    Returns:
        An RGB picture of the poster's shape. What `crop` cut off is pale.

    Raises:
        ValueError: If `fit` is unknown, or needs height and width.
    """
    strength = on_poster(evidence, picture.size, fit, height, width)
    is_unseen = np.isnan(strength)
    levels = np.rint(np.nan_to_num(strength) * 255).astype(np.uint8)
    colours, alphas = _tables()
    quiet = Image.blend(picture, picture.convert("L").convert("RGB"), _GREY_SHARE)
    quiet = quiet.point(lambda level: round(_BRIGHTNESS * level))
    made = Image.composite(Image.fromarray(colours[levels]), quiet, Image.fromarray(alphas[levels]))
    if is_unseen.any():
        pale = Image.fromarray(np.where(is_unseen, round(255 * _UNSEEN_WHITE), 0).astype(np.uint8))
        made.paste(Image.new("RGB", made.size, "white"), mask=pale)
    return made


def on_poster(evidence, size, fit="squeeze", height=None, width=None):
    """Return a map smoothly enlarged to the shape of its poster.

    Args:
        evidence, fit, height, width: As for `overlay`.
        size: `(columns, rows)` of the poster in pixels.

    Returns:
        float32 array of shape `(rows, columns)` in [0, 1]; NaN where `crop`
        cut the poster off.

    Raises:
        ValueError: As for `overlay`.
    """
    evidence = np.clip(np.asarray(evidence, "float32"), 0, 1)
    (left, top, right, bottom), view = _seen(size, fit, height, width)
    rows, columns = evidence.shape
    scale = np.array([columns, rows, columns, rows])
    part = Image.fromarray(evidence).resize(
        (right - left, bottom - top), Image.Resampling.BICUBIC, box=tuple(scale * view)
    )
    found = np.full((size[1], size[0]), np.nan, "float32")
    # Bicubic waves overshoot a little beside a peak.
    found[top:bottom, left:right] = np.clip(np.asarray(part), 0, 1)
    return found


def colour_scale(width, height):
    """Return a bar of the colours on grey, from no evidence to the strongest."""
    levels = np.rint(np.linspace(0, 255, width)).astype(np.uint8)[None].repeat(height, axis=0)
    colours, alphas = _tables()
    grey = Image.new("RGB", (width, height), (round(255 * _BRIGHTNESS),) * 3)
    return Image.composite(Image.fromarray(colours[levels]), grey, Image.fromarray(alphas[levels]))


def _tables():
    """Return the colour and the opacity of each of 256 levels."""
    strength = np.linspace(0, 1, 256)
    colours = colormaps[COLOURS](_LOWEST_COLOUR + (1 - _LOWEST_COLOUR) * strength)[:, :3]
    alphas = _MOST_ALPHA * strength**0.75
    return np.rint(255 * colours).astype(np.uint8), np.rint(255 * alphas).astype(np.uint8)


def _seen(size, fit, height, width):
    """Return what the network saw of the poster in pixels, and where that was in its view.

    Both are `(left, top, right, bottom)`, the second in shares of the view. The
    same whole numbers as in `input.decode`, which has them in TensorFlow.
    """
    columns, rows = size
    whole = (0, 0, columns, rows), np.array([0, 0, 1, 1])
    if fit == "squeeze":
        return whole
    if fit not in ("crop", "pad"):
        raise ValueError(f"`fit` must be one of squeeze, crop, pad. Received: {fit!r}")
    if not height or not width:
        raise ValueError(f"`height` and `width` are needed for {fit!r}.")
    if fit == "crop":
        kept_rows = min(rows, _rounded_ratio(columns * height, width))
        kept_columns = min(columns, _rounded_ratio(rows * width, height))
        left, top = (columns - kept_columns) // 2, (rows - kept_rows) // 2
        return (left, top, left + kept_columns, top + kept_rows), whole[1]
    tall = min(height, _rounded_ratio(rows * width, columns))
    wide = min(width, _rounded_ratio(columns * height, rows))
    left, top = (width - wide) // 2, (height - tall) // 2
    view = np.array([left / width, top / height, (left + wide) / width, (top + tall) / height])
    return whole[0], view


def _rounded_ratio(numerator, denominator):
    return max(1, (2 * numerator + denominator) // (2 * denominator))
