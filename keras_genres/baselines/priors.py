"""Picks that are the same for every poster: what a model must beat.

They have nothing to tune: a threshold can only keep a genre for all posters
or drop it for all, and since keeping one always has the better F1 of its
genre, tuned priors would pick all genres. So their picks are fixed.
"""

import math

import numpy as np

from keras_genres.baselines.table import MEASURES
from keras_genres.evaluation.metrics import f1_from_counts


def most_frequent(labels):
    """Pick the `k` most frequent genres; `k` is the mean number of genres of a poster, rounded.

    Args:
        labels: 0/1 array of shape `(posters, genres)`, of the training posters.

    Returns:
        uint8 array of shape `(genres,)`. Among equally frequent genres the
        first come first.

    Example:
        >>> most_frequent(np.array([[1, 0, 0], [1, 1, 0], [0, 1, 1]]))
        array([1, 1, 0], dtype=uint8)
    """
    labels = np.asarray(labels)
    # Not round(), which takes 2.5 down and 3.5 up.
    k = max(1, math.floor(labels.sum(axis=1).mean() + 0.5))
    return _first(labels.sum(axis=0), k)


def best_constant_set(labels, measure="macro_f1"):
    """Pick the one set of genres that scores best when every poster gets it.

    For macro F1 that is all genres: each counts alone, and picking it for all
    posters has a better F1 than picking it for none, which has 0. For micro
    F1 the best set of `m` genres are the `m` most frequent. For samples F1 a
    genre adds `2 / (m + genres of the poster)` for each poster that has it,
    so with `m` given the best set are the `m` genres that add most. Trying
    every `m` finds the best of all sets.

    Args:
        labels: 0/1 array of shape `(posters, genres)`, of the training posters.
        measure: One of `table.MEASURES`.

    Returns:
        uint8 array of shape `(genres,)`. Among sets that score alike the
        smallest is taken.

    Raises:
        ValueError: If the measure is another.

    Source: for micro and macro F1 Lipton et al. 2014, arXiv:1402.1892.
    """
    labels = np.asarray(labels, dtype=np.int64)
    posters, genres = labels.shape
    if measure == "macro_f1":
        return np.ones(genres, np.uint8)
    counts, sizes = labels.sum(axis=0), labels.sum(axis=1)
    best, best_score = None, -1.0
    for m in range(1, genres + 1):
        if measure == "micro_f1":
            chosen = _first(counts, m)
            score = f1_from_counts((counts * chosen).sum(), posters * m, counts.sum())
        elif measure == "samples_f1":
            gains = (labels * (2.0 / (m + sizes))[:, None]).sum(axis=0)
            chosen = _first(gains, m)
            score = (gains * chosen).sum() / posters
        else:
            raise ValueError(f"`measure` must be one of {MEASURES}. Received: {measure!r}")
        # Not for the last digit of a sum: the smaller set is as good.
        if score > best_score + 1e-12:
            best, best_score = chosen, score
    return best


def _first(values, k):
    chosen = np.zeros(len(values), np.uint8)
    chosen[np.argsort(-values, kind="stable")[:k]] = 1
    return chosen
