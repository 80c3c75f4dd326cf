"""RandAugment: a few operations a poster, drawn from a list, all of one magnitude.

The list is the paper's, whole. What moves pixels is folded into the one map
of a poster, so that it is interpolated once; what changes colours is done
before that, on bytes (`input.recolour`). So colours come first whatever the
order drawn: but for pixels that two of them blend, that is the same.

Source: Cubuk et al. 2020, "RandAugment", arXiv:1909.13719. Ranges are those
of AutoAugment, arXiv:1805.09501, with 10 for their far end; operations are
moved about the poster's centre, and half of the posters go the other way.
"""

import math

COLOURS = (
    "identity",
    "autocontrast",
    "equalize",
    "solarize",
    "posterize",
    "color",
    "contrast",
    "brightness",
    "sharpness",
)
MOVES = ("rotate", "shear_x", "shear_y", "translate_x", "translate_y")
OPERATIONS = COLOURS + MOVES
MOST = 4
"""Operations a poster has at most."""
NUM_COLUMNS = 2 * MOST

_DEGREES = 30.0
_SHEAR = 0.3
_SHIFT = 0.45  # 150 of 331 pixels


def picks(uniforms, number, ops):
    """Yield each operation of every poster: its number in `OPERATIONS`, and which way it goes.

    Args:
        uniforms: float32 tensor in [0, 1) of shape `(posters, NUM_COLUMNS)`.
        number: Operations a poster.
        ops: The package of `uniforms`: `tensorflow` or `keras.ops`.

    Returns:
        Pairs of float32 tensors of shape `(posters,)`; ways are -1 and 1.
    """
    for slot in range(number):
        which = ops.floor(uniforms[:, 2 * slot] * len(OPERATIONS))
        yield which, ops.where(uniforms[:, 2 * slot + 1] < 0.5, -1.0, 1.0)


def moved(parts, uniforms, settings, height, width, ops):
    """Return maps that also turn, shear and shift as was drawn, after all else.

    Args:
        parts: The six parts of `variation.affine_maps`, each of shape `(posters,)`.
        uniforms: As for `picks`.
        settings: An `AugmentSettings`.
        height: Rows of a poster.
        width: Columns of a poster.
        ops: The package of `uniforms`: `tensorflow` or `keras.ops`.
    """
    share = settings.randaugment_magnitude / 10
    centre_x, centre_y = (width - 1) / 2, (height - 1) / 2
    for which, way in picks(uniforms, settings.randaugment, ops):

        def strength(name, most, which=which, way=way):
            is_it = which == float(OPERATIONS.index(name))
            return ops.where(is_it, way * (share * most), 0.0)

        angle = strength("rotate", math.radians(_DEGREES))
        cos, sin = ops.cos(angle), ops.sin(angle)
        # One of them at most is not 0, so they add up. From an output pixel to its source:
        x_by_y = strength("shear_x", _SHEAR) - sin
        y_by_x = strength("shear_y", _SHEAR) + sin
        at_x = centre_x - cos * centre_x - x_by_y * centre_y
        at_y = centre_y - y_by_x * centre_x - cos * centre_y
        at_x = at_x + strength("translate_x", _SHIFT * width)
        at_y = at_y + strength("translate_y", _SHIFT * height)
        parts = [
            found
            for by_x, by_y, at in (parts[:3], parts[3:])
            for found in (
                by_x * cos + by_y * y_by_x,
                by_x * x_by_y + by_y * cos,
                by_x * at_x + by_y * at_y + at,
            )
        ]
    return parts
