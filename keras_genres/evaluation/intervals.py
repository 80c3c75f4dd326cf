"""Bootstrap intervals over groups of posters.

Posters of one film or picture are right or wrong together, so a group, not a
poster, is what gets drawn again: drawing posters would make the intervals too
narrow.

Source: Efron & Tibshirani 1993, "An Introduction to the Bootstrap", chapter 13
(percentile intervals); Davison & Hinkley 1997, "Bootstrap Methods and their
Application", section 3.8 (groups).
"""

import numpy as np

from keras_genres.evaluation.metrics import f1_from_counts, poster_values, ratio

_CHUNK_CELLS = 4_000_000


def resample_measures(labels, picks, groups, resamples=1000, seed=0, extra=None):
    """Return every measure of picks on resamples of the groups.

    The same groups and seed give the same resamples, so two models can be
    compared poster for poster: subtract their arrays.

    Args:
        labels: 0/1 array of shape `(posters, genres)`.
        picks: Same shape.
        groups: Group of each poster, shape `(posters,)`.
        resamples: Number of resamples; each draws as many groups as there are,
            with replacement.
        seed: Seed of the draws.
        extra: More values to be averaged over posters: name -> array of shape
            `(posters,)`.

    Returns:
        Dictionary of float arrays of shape `(resamples,)`, with the names of
        `metrics.measures` and of `extra`.
    """
    labels, picks = np.asarray(labels), np.asarray(picks)
    values = poster_values(labels, picks) | (extra or {})
    genres = labels.shape[1]
    columns = [labels & picks, picks, labels, np.ones((len(labels), 1)), *_columns(values)]
    sums = _sum_by_group(np.hstack(columns).astype(np.float64), groups)
    totals = np.concatenate(
        [weights @ sums for weights in _draw_weights(len(sums), resamples, seed)]
    )
    hits, picked, positives = (totals[:, genres * i : genres * (i + 1)] for i in range(3))
    f1 = f1_from_counts(hits, picked, positives)
    found = {
        "micro_f1": f1_from_counts(hits.sum(1), picked.sum(1), positives.sum(1)),
        "macro_f1": f1.mean(axis=1),
        "weighted_f1": ratio((f1 * positives).sum(1), positives.sum(1)),
    }
    means = totals[:, 3 * genres + 1 :] / totals[:, 3 * genres, None]
    return found | dict(zip(values, means.T, strict=True))


def percentile_interval(values, confidence=0.95):
    """Return `(low, high)`, between which the middle `confidence` of the values lies."""
    tail = (1 - confidence) / 2
    low, high = np.quantile(values, [tail, 1 - tail])
    return float(low), float(high)


def bootstrap_intervals(labels, picks, groups, resamples=1000, confidence=0.95, seed=0, extra=None):
    """Return a percentile interval for every measure of picks.

    Args:
        labels: 0/1 array of shape `(posters, genres)`.
        picks: Same shape.
        groups: Group of each poster, shape `(posters,)`.
        resamples: Number of resamples; 0 for no intervals.
        confidence: Coverage, say 0.95.
        seed: Seed of the draws.
        extra: More values to be averaged over posters: name -> array of shape
            `(posters,)`.

    Returns:
        Dictionary name -> `(low, high)`; empty without resamples, or with one
        group, which says nothing of how groups differ.

    Example:
        >>> bootstrap_intervals([[1, 0], [0, 1]], [[1, 0], [0, 1]], ["a", "b"])["exact_match"]
        (1.0, 1.0)
    """
    if not resamples or len(np.unique(groups)) < 2:
        return {}
    found = resample_measures(labels, picks, groups, resamples, seed, extra)
    return {name: percentile_interval(values, confidence) for name, values in found.items()}


def _columns(values):
    return [np.asarray(each, np.float64)[:, None] for each in values.values()]


def _sum_by_group(columns, groups):
    """Return the sums of each group's rows, shape `(groups, columns)`."""
    _, index = np.unique(np.asarray(groups), return_inverse=True)
    order = np.argsort(index, kind="stable")
    starts = np.flatnonzero(np.diff(index[order], prepend=-1))
    return np.add.reduceat(columns[order], starts, axis=0)


def _draw_weights(groups, resamples, seed):
    """Yield arrays `(some resamples, groups)`: how often each group was drawn.

    A resample of groups weighs each by a multinomial count. Some resamples at
    a time keep the memory flat.
    """
    generator = np.random.default_rng(seed)
    rows = max(1, _CHUNK_CELLS // groups)
    for first in range(0, resamples, rows):
        some = min(rows, resamples - first)
        draws = generator.integers(groups, size=(some, groups))
        draws += np.arange(some)[:, None] * groups
        counts = np.bincount(draws.ravel(), minlength=some * groups)
        yield counts.reshape(some, groups).astype(np.float64)
