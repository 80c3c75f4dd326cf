"""Measures of one genre's ranking by score, over all cuts at once.

One sort a genre. They are few lines, and scikit-learn's same ones take longer
to import than a report takes to make; the tests hold them against those.
"""

import numpy as np


def ranked_counts(found, scores):
    """Return what is picked at each cut, from the highest score down.

    Posters of equal score are picked together.

    Args:
        found: 0/1 array of shape `(posters,)`: who has the genre.
        scores: Same shape.

    Returns:
        int64 arrays of shape `(distinct scores,)`: right picks and all picks.
    """
    order = np.argsort(-scores, kind="stable")
    last_of_score = np.append(np.flatnonzero(np.diff(scores[order])), len(order) - 1)
    return np.cumsum(found[order], dtype=np.int64)[last_of_score], last_of_score + 1


def precision_recall_curve(found, scores):
    """Return precision and recall at each cut, from the highest score down.

    Args:
        found: 0/1 array of shape `(posters,)`, with at least one 1.
        scores: Same shape.
    """
    hits, picked = ranked_counts(found, scores)
    return hits / picked, hits / hits[-1]


def average_precision(found, scores):
    """Return the mean precision at the cuts, weighted by the recall each adds.

    Args:
        found: 0/1 array of shape `(posters,)`, with at least one 1.
        scores: Same shape.

    Example:
        >>> float(average_precision(np.array([1, 0, 1]), np.array([0.9, 0.8, 0.1])))
        0.8333333333333333
    """
    precision, recall = precision_recall_curve(found, scores)
    return (np.diff(recall, prepend=0) * precision).sum()


def roc_auc(found, scores):
    """Return the share of pairs of a positive and a negative in right order; ties count half.

    Args:
        found: 0/1 array of shape `(posters,)`, with at least one 0 and one 1.
        scores: Same shape.

    Example:
        >>> float(roc_auc(np.array([1, 0, 0]), np.array([0.9, 0.9, 0.1])))
        0.75
    """
    hits, picked = ranked_counts(found, scores)
    before = np.append(0, hits[:-1])
    missed = np.diff(picked - hits, prepend=0)
    # Twice the area in whole numbers: the one division is the only rounding.
    return (missed * (before + hits)).sum() / (2 * hits[-1] * (picked[-1] - hits[-1]))
