"""Boxes in posters: pasted from another one, or erased. For any array package.

A box is four whole numbers as float32: its first row and column, and those
after its last.
"""

import numpy as np

from keras_genres.input.variation import ERASE, ERASE_AREA, ERASE_ASPECT, ERASE_X, ERASE_Y

_SMALLEST_AREA, _LARGEST_AREA = 0.02, 0.33
_HIGHEST = 3.3
"""Rows a column of the highest erased box; the widest is as wide."""


def cut_boxes(shares, uniforms, height, width, ops):
    """Return the box of each poster that its partner is pasted into.

    Args:
        shares: float32 tensor of shape `(posters,)`: area that stays, as a
            share. A box that reaches over an edge is cut off there.
        uniforms: float32 tensor in [0, 1) of shape `(posters, 2)`: row and
            column of the box's centre.
        height: Rows of a poster.
        width: Columns of a poster.
        ops: The package of `shares`: `tensorflow` or `keras.ops`.

    Returns:
        float32 tensor of shape `(posters, 4)`: top, left, bottom, right.

    Source: Yun et al. 2019, arXiv:1905.04899.
    """
    side = ops.sqrt(1.0 - shares)
    ends = []
    for sign in (-0.5, 0.5):
        for axis, size in enumerate((height, width)):
            end = ops.floor(uniforms[:, axis] * size) + ops.floor(0.5 + sign * size * side)
            ends.append(ops.minimum(ops.maximum(end, 0.0), float(size)))
    return ops.stack(ends, axis=1)


def erase_boxes(uniforms, share, height, width, ops):
    """Return the box of each poster that is erased.

    Its area is 2 to 33 % of the poster's; its shape lies between 3.3 times as
    high as wide and 3.3 times as wide as high, as far as that fits into the
    poster, evenly in its logarithm.

    Args:
        uniforms: float32 tensor of shape `(posters, NUM_UNIFORMS)`.
        share: Share of posters that have one.
        height: Rows of a poster.
        width: Columns of a poster.
        ops: The package of `uniforms`: `tensorflow` or `keras.ops`.

    Returns:
        float32 tensor of shape `(posters, 4)`: top, left, bottom, right; all
        0 for a poster that has none.

    Source: Zhong et al. 2020, "Random Erasing Data Augmentation",
    arXiv:1708.04896. It draws again what does not fit.
    """
    area = _SMALLEST_AREA + (_LARGEST_AREA - _SMALLEST_AREA) * uniforms[:, ERASE_AREA]
    area = area * (height * width)
    highest = ops.minimum(_HIGHEST, height**2 / area)
    widest = ops.maximum(1 / _HIGHEST, area / width**2)
    aspect = widest * (highest / widest) ** uniforms[:, ERASE_ASPECT]
    starts, ends = [], []
    for side, size, column in (
        (ops.sqrt(area * aspect), height, ERASE_Y),
        (ops.sqrt(area / aspect), width, ERASE_X),
    ):
        side = ops.minimum(ops.maximum(ops.floor(side + 0.5), 1.0), float(size))
        starts.append(ops.floor(uniforms[:, column] * (size - side + 1.0)))
        ends.append(starts[-1] + side)
    boxes = ops.stack([*starts, *ends], axis=1)
    return ops.where(uniforms[:, ERASE, None] < share, boxes, 0.0)


def is_inside(boxes, height, width, ops):
    """Return which pixels lie in a poster's box: bool, `(posters, height, width, 1)`."""
    top, left, bottom, right = (ops.reshape(boxes[:, end], (-1, 1, 1, 1)) for end in range(4))
    rows = np.arange(height, dtype=np.float32)[None, :, None, None]
    columns = np.arange(width, dtype=np.float32)[None, None, :, None]
    return (rows >= top) & (rows < bottom) & (columns >= left) & (columns < right)


def filled(pixels, colours, boxes, ops):
    """Return posters whose box has one colour.

    It is the poster's mean: what is missing then is the picture and not the
    light, and no poster shows a colour by which it is told to be erased.

    Args:
        pixels: float32 tensor of shape `(posters, height, width, 3)`.
        colours: Mean colour of each poster, shape `(posters, 3)`.
        boxes: float32 tensor of shape `(posters, 4)`.
        ops: The package of `pixels`: `tensorflow` or `keras.ops`.
    """
    inside = is_inside(boxes, *pixels.shape[1:3], ops)
    return ops.where(inside, colours[:, None, None, :], pixels)
