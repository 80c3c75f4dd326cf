"""Two posters mixed into one: the mathematics, for any array package.

Mixup adds up two posters by their shares, CutMix pastes a part of one into
the other; their labels become the mean by the same shares. The partner of a
poster is the one before it in its batch, which the shuffle chose.

Source: Zhang et al. 2018, "mixup: Beyond Empirical Risk Minimization",
arXiv:1710.09412; Yun et al. 2019, "CutMix", arXiv:1905.04899. Mixing what a
layer in the middle gives is Verma et al. 2019, "Manifold Mixup",
arXiv:1806.05236.
"""

from keras_genres.input.boxes import is_inside

# Column of a mix: the poster's own share of each pixel, and the box that its
# partner fills, from the first row and column to those after the last.
SHARE, TOP, LEFT, BOTTOM, RIGHT = range(5)
NUM_MIX = 5


def partners_of(values, ops):
    """Return what each row of a batch is mixed with: the row before it; the first has the last."""
    return ops.roll(values, 1, axis=0)


def mixed(values, partners, mixes):
    """Return posters, or anything with a row a poster, mixed by their shares.

    Args:
        values: float32 tensor of shape `(posters, ...)`.
        partners: Tensor of the same shape.
        mixes: float32 tensor of shape `(posters, NUM_MIX)`, of which the
            share is read; 1 leaves a row as it is.
    """
    shares = mixes[:, SHARE][(..., *[None] * (len(values.shape) - 1))]
    return shares * values + (1.0 - shares) * partners


def mixed_pixels(pixels, partners, mixes, ops):
    """Return posters mixed by their shares, with their partner in their box.

    Args:
        pixels: float32 tensor of shape `(posters, height, width, 3)`.
        partners: Tensor of the same shape.
        mixes: float32 tensor of shape `(posters, NUM_MIX)`.
        ops: The package of `pixels`: `tensorflow` or `keras.ops`.
    """
    inside = is_inside(mixes[:, TOP:], *pixels.shape[1:3], ops)
    return ops.where(inside, partners, mixed(pixels, partners, mixes))


def mixed_labels(labels, partners, mixes, height=1, width=1):
    """Return labels mixed by the shares of the area that each poster has.

    Args:
        labels: float32 tensor of shape `(posters, genres)`.
        partners: Labels of the partners, same shape.
        mixes: float32 tensor of shape `(posters, NUM_MIX)`.
        height: Rows of a poster.
        width: Columns of a poster.
    """
    area = (mixes[:, BOTTOM] - mixes[:, TOP]) * (mixes[:, RIGHT] - mixes[:, LEFT])
    shares = mixes[:, SHARE] * (1.0 - area / (height * width))
    return mixed(labels, partners, shares[:, None])
