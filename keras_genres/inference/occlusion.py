"""Where a model sees a genre, told from scores alone: parts of the poster are hidden.

Needs no gradient and no look into the network, so it works for every form of
a model, and can be held against Grad-CAM.

Source: Zeiler & Fergus 2014, arXiv:1311.2901.
"""

import itertools

import numpy as np

from keras_genres.genres import NUM_GENRES, genre_columns

FILLS = ("grey", "mean")
UNITS = ("logit", "score")
_MOST_POSITIONS = 64
_GREY = 127.5
_LOWEST_SCORE = 1e-7


def occlusion(
    score,
    image,
    genres,
    *,
    positions=9,
    patch=0.25,
    fill="grey",
    unit="logit",
    batch_size=16,
):
    """Return how much a poster loses of genres when parts of it are hidden.

    A patch is put onto `positions` × `positions` places, evenly spaced from
    edge to edge, so the model sees `positions` squared posters and one more.

    Args:
        score: Function from images of shape `(N, height, width, 3)`, of the
            dtype of `image`, to scores of shape `(N, 19)`.
        image: One poster as the model sees it, `(height, width, 3)`, RGB in 0–255.
        genres: Names of genres, or their columns in the scores.
        positions: Places of the patch each way, at most 64.
        patch: Height and width of the patch, as a share of the poster's.
        fill: What hides: `grey`, or the poster's `mean` colour.
        unit: Whether a difference of the `logit` or of the `score` is returned.
            Far from 0.5 scores hardly move and logits do.
        batch_size: Posters that `score` gets at a time, at most.

    Returns:
        float32 array of shape `(genres, positions, positions)`: for each part
        of the poster the mean loss over the patches on it, weighted by how
        much of it they hide. Below 0 where hiding makes the genre likelier.

    Raises:
        ValueError: If an argument is out of range, or `score` returns
            something else.
    """
    image, columns = np.asarray(image), genre_columns(genres)
    _require(image, positions, patch, fill, unit, batch_size)
    rows, row_shares = _patches(image.shape[0], positions, patch)
    sides, side_shares = _patches(image.shape[1], positions, patch)
    colour = np.full(3, _GREY) if fill == "grey" else image.mean(axis=(0, 1), dtype="float64")
    colour = np.rint(colour).astype(image.dtype)
    hidden = [None, *itertools.product(rows, sides)]  # first the whole poster
    found = []
    for start in range(0, len(hidden), batch_size):
        batch = np.stack(
            [_hide(image, each, colour) for each in hidden[start : start + batch_size]]
        )
        found.append(_values(score(batch), len(batch), unit)[:, columns])
    found = np.concatenate(found)
    losses = (found[0] - found[1:]).T.reshape(len(columns), positions, positions)
    weights = row_shares.sum(axis=0)[:, None] * side_shares.sum(axis=0)
    return (row_shares.T @ losses @ side_shares / weights).astype("float32")


def lowered(scores, losses):
    """Return scores after losses of their logits, as `occlusion` tells them.

    Example:
        >>> lowered(np.array([0.5, 0.9]), np.array([0.0, np.log(9)]))
        array([0.5, 0.5])
    """
    return 1 / (1 + np.exp(np.asarray(losses, "float64") - _logits(scores)))


def _logits(scores):
    scores = np.clip(np.asarray(scores, "float64"), _LOWEST_SCORE, 1 - _LOWEST_SCORE)
    return np.log(scores / (1 - scores))


def _patches(size, positions, patch):
    """Return `(start, stop)` of patches along one side, and how much of each cell each hides.

    The cells divide the side evenly; the shares have shape `(patches, cells)`.
    """
    length = max(1, round(size * patch), -(-size // positions))  # no gap between two
    starts = np.rint(np.linspace(0, size - length, positions)).astype(int)
    edges = np.linspace(0, size, positions + 1)
    lows = np.maximum(starts[:, None], edges[None, :-1])
    highs = np.minimum(starts[:, None] + length, edges[None, 1:])
    spans = [(int(start), int(start) + length) for start in starts]
    return spans, np.maximum(0, highs - lows)


def _hide(image, place, colour):
    if place is None:
        return image
    (top, bottom), (left, right) = place
    image = image.copy()
    image[top:bottom, left:right] = colour
    return image


def _values(scores, count, unit):
    scores = np.asarray(scores, "float64")
    if scores.shape != (count, NUM_GENRES):
        raise ValueError(
            f"`score` must return scores of shape {(count, NUM_GENRES)}. "
            f"Received: shape {scores.shape}"
        )
    return scores if unit == "score" else _logits(scores)


def _require(image, positions, patch, fill, unit, batch_size):
    if image.ndim != 3 or image.shape[2] != 3:
        raise ValueError(
            f"`image` must have shape (height, width, 3). Received: image.shape={image.shape}"
        )
    most = min(_MOST_POSITIONS, *image.shape[:2])
    if not 1 <= positions <= most:
        raise ValueError(f"`positions` must be 1 to {most}. Received: {positions}")
    if not 0 < patch <= 1:
        raise ValueError(f"`patch` must be above 0 and at most 1. Received: {patch}")
    for name, value, known in (("fill", fill, FILLS), ("unit", unit, UNITS)):
        if value not in known:
            raise ValueError(f"`{name}` must be one of {', '.join(known)}. Received: {value!r}")
    if batch_size < 1:
        raise ValueError(f"`batch_size` must be 1 or more. Received: {batch_size}")
