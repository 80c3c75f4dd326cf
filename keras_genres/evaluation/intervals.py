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


def resample_measures(labels, picks, groups, resamples=1000, seed=0, extra=None, per_genre=False):
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
        per_genre: Also return `genre_f1`, of shape `(resamples, genres)`.

    Returns:
        Dictionary of float arrays of shape `(resamples,)`, with the names of
        `metrics.measures` and of `extra`.
    """
    picks, extra = {"": picks}, {"": extra}
    return resample_models(labels, picks, groups, resamples, seed, extra, per_genre)[""]


def resample_models(labels, picks, groups, resamples=1000, seed=0, extra=None, per_genre=False):
    """Return `resample_measures` of several models, on the same resamples drawn once.

    Args:
        labels: 0/1 array of shape `(posters, genres)`.
        picks: Model -> array of the same shape.
        groups: Group of each poster, shape `(posters,)`.
        resamples: Number of resamples.
        seed: Seed of the draws.
        extra: Model -> more values to be averaged over posters.
        per_genre: Also return `genre_f1`, of shape `(resamples, genres)`.

    Returns:
        Model -> what `resample_measures` returns.
    """
    labels = np.asarray(labels)
    genres, extra = labels.shape[1], extra or {}
    picks = {model: np.asarray(part) for model, part in picks.items()}
    values = {
        model: poster_values(labels, part) | (extra.get(model) or {})
        for model, part in picks.items()
    }
    columns = [labels, np.ones((len(labels), 1))]
    for model, part in picks.items():
        columns += [labels & part, part, *_columns(values[model])]
    totals = _resample_sums(np.hstack(columns), groups, resamples, seed)
    positives, posters, start = totals[:, :genres], totals[:, genres, None], genres + 1
    found = {}
    for model, part in values.items():
        hits, picked = (totals[:, start + genres * i :][:, :genres] for i in range(2))
        start += 2 * genres
        means = totals[:, start : start + len(part)] / posters
        start += len(part)
        found[model] = _averages(hits, picked, positives, per_genre)
        found[model] |= dict(zip(part, means.T, strict=True))
    return found


def _averages(hits, picked, positives, per_genre):
    f1 = f1_from_counts(hits, picked, positives)
    return ({"genre_f1": f1} if per_genre else {}) | {
        "micro_f1": f1_from_counts(hits.sum(1), picked.sum(1), positives.sum(1)),
        "macro_f1": f1.mean(axis=1),
        "weighted_f1": ratio((f1 * positives).sum(1), positives.sum(1)),
    }


def resample_means(values, groups, resamples=1000, seed=0):
    """Return the means over posters of some values on resamples of the groups.

    Args:
        values: Array of shape `(posters, columns)`.
        groups: Group of each poster, shape `(posters,)`.
        resamples: Number of resamples.
        seed: Seed of the draws.

    Returns:
        float64 array of shape `(resamples, columns)`.
    """
    columns = np.hstack([values, np.ones((len(values), 1))])
    totals = _resample_sums(columns, groups, resamples, seed)
    return totals[:, :-1] / totals[:, -1:]


def percentile_interval(values, confidence=0.95):
    """Return `(low, high)`, between which the middle `confidence` of the values lies."""
    low, high = _percentiles(values, confidence)
    return float(low), float(high)


def bootstrap_intervals(
    labels, picks, groups, resamples=1000, confidence=0.95, seed=0, extra=None, per_genre=False
):
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
        per_genre: Also return `genre_f1`, a `(low, high)` for each genre.

    Returns:
        Dictionary name -> `(low, high)`; empty without resamples, or with one
        group, which says nothing of how groups differ.

    Example:
        >>> bootstrap_intervals([[1, 0], [0, 1]], [[1, 0], [0, 1]], ["a", "b"])["exact_match"]
        (1.0, 1.0)
    """
    if not resamples or len(np.unique(groups)) < 2:
        return {}
    found = resample_measures(labels, picks, groups, resamples, seed, extra, per_genre)
    of_genres = found.pop("genre_f1", None)
    bounds = {name: percentile_interval(values, confidence) for name, values in found.items()}
    if per_genre:
        lows, highs = _percentiles(of_genres, confidence)
        bounds["genre_f1"] = list(zip(lows.tolist(), highs.tolist(), strict=True))
    return bounds


def _percentiles(values, confidence):
    tail = (1 - confidence) / 2
    return np.quantile(values, [tail, 1 - tail], axis=0)


def _columns(values):
    return [np.asarray(each, np.float64)[:, None] for each in values.values()]


def _resample_sums(columns, groups, resamples, seed):
    """Return the sums of columns over each resample, shape `(resamples, columns)`."""
    sums = _sum_by_group(columns.astype(np.float64), groups)
    return np.concatenate([weights @ sums for weights in _draw_weights(len(sums), resamples, seed)])


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
