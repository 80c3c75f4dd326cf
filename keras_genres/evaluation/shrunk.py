"""Thresholds of rare genres, drawn toward what suits all genres."""

import numpy as np

from keras_genres.evaluation.metrics import macro_f1
from keras_genres.evaluation.thresholds import choose_thresholds

STRENGTHS = (0, 3, 10, 30, 100, 300, np.inf)
"""Positives at which a genre's own ratio counts half; 0 is its own alone, infinity none of it."""
_RATIOS = np.geomspace(0.25, 16, 97)
_FOLDS = 5


def shrunk_thresholds(labels, scores):
    """Return thresholds between each genre's own best and one rule for all.

    Scores of different genres are on no common scale, so what is shared is
    how many posters are picked for one that has the genre. Of `n` positives
    the genre's own ratio, that of `choose_thresholds`, counts `n / (n + k)`
    and the common one, with the best macro F1 of all, the rest, both by their
    logarithms. `k`, one of `STRENGTHS`, has the best macro F1 on posters that
    did not choose: see `choose_strength`.

    Args:
        labels: 0/1 array of shape `(posters, genres)`.
        scores: Sigmoid outputs in [0, 1], same shape.

    Returns:
        float64 array of shape `(genres,)`; 0.5 for a genre without a positive poster.

    Raises:
        ValueError: If the shapes differ or a score is not a number.
    """
    return thresholds_at(labels, scores, choose_strength(labels, scores))


def choose_strength(labels, scores):
    """Return the best of `STRENGTHS` by five parts, each picked by thresholds of the others.

    Among equals the least is taken.
    """
    labels, scores = np.asarray(labels), np.asarray(scores)
    fold = np.random.default_rng(0).permutation(len(labels)) % _FOLDS
    found = []
    for strength in STRENGTHS:
        picks = np.zeros(labels.shape, bool)
        for part in range(_FOLDS):
            is_out = fold == part
            chosen = thresholds_at(labels[~is_out], scores[~is_out], strength)
            picks[is_out] = scores[is_out] >= chosen
        found.append(macro_f1(labels, picks))
    return STRENGTHS[int(np.argmax(found))]


def thresholds_at(labels, scores, strength):
    """Return thresholds as `shrunk_thresholds`, with a given strength `k`."""
    own = choose_thresholds(labels, scores)
    labels, scores = np.asarray(labels).astype(bool), np.asarray(scores)
    positives = labels.sum(axis=0)
    known = positives > 0
    if not strength or not known.any():
        return own
    ranked = np.sort(scores[:, known], axis=0)[::-1]
    ratios = [_picked(ranked, positives[known], ratio) for ratio in _RATIOS]
    common = _RATIOS[int(np.argmax([macro_f1(labels[:, known], scores[:, known] >= each)
                                    for each in ratios]))]  # fmt: skip
    mine = (scores >= own).sum(axis=0)[known] / positives[known]
    weight = positives[known] / (positives[known] + strength)
    ratio = np.exp(weight * np.log(mine) + (1 - weight) * np.log(common))
    own[known] = _picked(ranked, positives[known], ratio)
    return own


def _picked(ranked, positives, ratio):
    """Return the thresholds that pick so many posters for one with the genre."""
    count = np.clip(np.round(ratio * positives).astype(int), 1, len(ranked))
    return ranked[count - 1, np.arange(ranked.shape[1])].astype(np.float64)
