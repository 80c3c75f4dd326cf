"""Measures of multi-label picks and scores, from arrays alone.

`labels` and `picks` hold 0 or 1 and `scores` 0 to 1, each of shape
`(posters, genres)`. A ratio of nothing to nothing is 0, as scikit-learn's
`zero_division=0` has it.
"""

import numpy as np

from keras_genres.evaluation import ranking
from keras_genres.genres import GENRES

AVERAGES = ("micro", "macro", "weighted", "samples")
"""The averages of a report, in the order of its last rows."""


def pick(scores, thresholds):
    """Return 1 where a score reaches its genre's threshold, else 0.

    Both sides are compared in float64, where every float32 score and every
    threshold read back from JSON keeps its value: a threshold chosen at a
    score includes that score, before and after a reload.

    Args:
        scores: Sigmoid outputs of shape `(posters, genres)`.
        thresholds: One number, or an array of shape `(genres,)`.

    Returns:
        uint8 array of the shape of `scores`.

    Example:
        >>> pick(np.array([[0.2, 0.9], [0.3, 0.1]]), [0.3, 0.5])
        array([[0, 1],
               [1, 0]], dtype=uint8)
    """
    # NumPy 2 would round a Python float to float32 beside a float32 array.
    scores, thresholds = np.asarray(scores, np.float64), np.asarray(thresholds, np.float64)
    return (scores >= thresholds).astype(np.uint8)


def ratio(part, whole):
    """Return `part / whole`, and 0 where `whole` is 0."""
    part, whole = np.asarray(part, np.float64), np.asarray(whole, np.float64)
    return np.divide(part, whole, out=np.zeros(np.broadcast(part, whole).shape), where=whole > 0)


def f1_from_counts(hits, picked, positives):
    """Return F1 from counts of any shape: right picks, all picks, all positives."""
    return ratio(2 * np.asarray(hits, np.float64), np.add(picked, positives, dtype=np.float64))


def f1_per_genre(labels, picks):
    """Return the F1 of each genre, shape `(genres,)`; 0 where nothing is picked rightly."""
    labels, picks = _flags(labels, picks)
    return f1_from_counts((labels & picks).sum(0), picks.sum(0), labels.sum(0))


def macro_f1(labels, picks):
    """Return the mean F1 of the genres, each counting alike.

    A genre without a positive poster counts as 0, as in scikit-learn.

    Example:
        >>> macro_f1([[1, 1], [1, 0]], [[1, 0], [1, 0]])
        0.5
    """
    return float(f1_per_genre(labels, picks).mean())


def weighted_f1(labels, picks):
    """Return the mean F1 of the genres, each counting by its number of positives."""
    support = np.asarray(labels).sum(axis=0, dtype=np.float64)
    return float(ratio((f1_per_genre(labels, picks) * support).sum(), support.sum()))


def micro_f1(labels, picks):
    """Return the F1 of all decisions thrown together."""
    labels, picks = _flags(labels, picks)
    return float(f1_from_counts((labels & picks).sum(), picks.sum(), labels.sum()))


def samples_f1(labels, picks):
    """Return the mean F1 of the posters; 0 for a poster with neither genre nor pick."""
    return float(poster_values(labels, picks)["samples_f1"].mean())


def hamming_loss(labels, picks):
    """Return the share of wrong decisions among all posters × genres."""
    return float(poster_values(labels, picks)["hamming_loss"].mean())


def exact_match(labels, picks):
    """Return the share of posters whose picks are all their genres and no other.

    Source: the "both labels" measure of Ivašić-Kos et al. 2014, "Movie posters
    classification into genres based on low-level features".
    """
    return float(poster_values(labels, picks)["exact_match"].mean())


def at_least_one_right(labels, picks):
    """Return the share of posters with at least one right pick.

    Picking everything gives 1, so read it beside precision or exact match.

    Source: the "at least one genre" measure of Ivašić-Kos et al. 2014.
    """
    return float(poster_values(labels, picks)["at_least_one_right"].mean())


def poster_values(labels, picks):
    """Return the measures that are means over posters, one value a poster.

    Returns:
        Dictionary of float arrays of shape `(posters,)`: `samples_f1`,
        `hamming_loss`, `exact_match` and `at_least_one_right`.
    """
    labels, picks = _flags(labels, picks)
    hits = (labels & picks).sum(axis=1)
    return {
        "samples_f1": f1_from_counts(hits, picks.sum(axis=1), labels.sum(axis=1)),
        "hamming_loss": (labels != picks).mean(axis=1),
        "exact_match": (labels == picks).all(axis=1).astype(np.float64),
        "at_least_one_right": (hits > 0).astype(np.float64),
    }


def measures(labels, picks):
    """Return every measure of picks by name, from `micro_f1` to `at_least_one_right`."""
    values = {
        "micro_f1": micro_f1(labels, picks),
        "macro_f1": macro_f1(labels, picks),
        "weighted_f1": weighted_f1(labels, picks),
    }
    by_poster = poster_values(labels, picks)
    return values | {name: float(each.mean()) for name, each in by_poster.items()}


def top_k_hits(labels, scores, k=3):
    """Return 1.0 for each poster with a true genre among its `k` highest scores, else 0.0.

    A genre is among them when at most `k` genres, itself included, score as
    high. So a tie across the last place counts as out, the order of the
    genres does not matter, and a model that gives all genres one score hits
    nothing.

    Args:
        labels: 0/1 array of shape `(posters, genres)`.
        scores: Same shape.
        k: Number of places, at least 1.
    """
    scores = np.asarray(scores)
    labels = _same_shape(_as_flags(labels, "labels"), scores, "scores")
    if k < 1:
        raise ValueError(f"`k` must be at least 1. Received: {k}")
    if k >= scores.shape[1]:
        return labels.any(axis=1).astype(np.float64)
    first_out = np.partition(scores, -k - 1, axis=1)[:, -k - 1]
    return (labels & (scores > first_out[:, None])).any(axis=1).astype(np.float64)


def top_k_hit(labels, scores, k=3):
    """Return the share of posters with a true genre among their `k` highest scores.

    No threshold takes part. A poster without a genre never counts as a hit.

    Source: the top-3 task of Kundalia, Patel & Shah 2020, "Multi-label movie
    genre detection from a movie poster using knowledge transfer learning".

    Example:
        >>> top_k_hit([[1, 0, 0, 0], [0, 0, 0, 1]], [[0.1, 0.4, 0.3, 0.2], [0.1, 0.4, 0.3, 0.2]])
        0.5
    """
    return float(top_k_hits(labels, scores, k).mean())


def average_precision(labels, scores):
    """Return the average precision of each genre, shape `(genres,)`.

    NaN for a genre without a positive poster.
    """
    return _per_genre(ranking.average_precision, labels, scores, lambda found: found.any())


def roc_auc(labels, scores):
    """Return the area under the ROC curve of each genre, shape `(genres,)`.

    NaN for a genre that no poster or every poster has.
    """
    return _per_genre(
        ranking.roc_auc, labels, scores, lambda found: found.any() and not found.all()
    )


def mean_over_genres(values):
    """Return the mean of the genres that have a value; NaN if none has."""
    known = np.asarray(values)[~np.isnan(values)]
    return float(known.mean()) if len(known) else float("nan")


def mean_average_precision(labels, scores):
    """Return the mean average precision of the genres with a positive poster."""
    return mean_over_genres(average_precision(labels, scores))


def genre_table(labels, picks, thresholds, genres=GENRES):
    """Return the table of a report: a row a genre, then the four averages.

    Precision, recall, F1 and support are those of scikit-learn's
    `classification_report` with `zero_division=0`. The averages have no
    threshold (NaN).

    Args:
        labels: 0/1 array of shape `(posters, genres)`.
        picks: Same shape.
        thresholds: Floats of shape `(genres,)`, to stand beside.
        genres: Names in column order.

    Returns:
        DataFrame with `genre, precision, recall, f1, support, threshold`.
    """
    import pandas as pd

    labels, picks = _flags(labels, picks)
    support = labels.sum(axis=0)
    of_genres = _precision_recall_f1(labels, picks, axis=0)
    averages = {
        "micro": _precision_recall_f1(labels, picks, axis=None),
        "macro": of_genres.mean(axis=1),
        "weighted": ratio((of_genres * support).sum(axis=1), support.sum()),
        "samples": _precision_recall_f1(labels, picks, axis=1).mean(axis=1),
    }
    rows = list(zip(genres, *of_genres, support, thresholds, strict=True))
    for name in AVERAGES:
        rows.append((f"{name} avg", *averages[name], support.sum(), np.nan))
    columns = ["genre", "precision", "recall", "f1", "support", "threshold"]
    table = pd.DataFrame(rows, columns=columns)
    numbers = {"precision": float, "recall": float, "f1": float, "threshold": float}
    return table.astype(numbers | {"support": int})


def _precision_recall_f1(labels, picks, axis):
    """Return the three, stacked, over posters (0), over genres (1) or over all (`None`)."""
    hits, picked, positives = (part.sum(axis) for part in (labels & picks, picks, labels))
    return np.stack(
        [ratio(hits, picked), ratio(hits, positives), f1_from_counts(hits, picked, positives)]
    )


def _per_genre(measure, labels, scores, is_defined):
    scores = np.asarray(scores)
    labels = _same_shape(_as_flags(labels, "labels"), scores, "scores")
    return np.array(
        [
            measure(found, ranked) if is_defined(found) else np.nan
            for found, ranked in zip(labels.T, scores.T, strict=True)
        ],
        dtype=np.float64,
    )


def _flags(labels, picks):
    labels, picks = _as_flags(labels, "labels"), _as_flags(picks, "picks")
    return _same_shape(labels, picks, "picks"), picks


def _as_flags(array, name):
    array = np.asarray(array)
    flags = array.astype(bool)
    # Scores handed in as picks would all count as 1 and look like a result.
    if array.ndim != 2 or not np.array_equal(flags, array):
        raise ValueError(
            f"`{name}` must hold only 0 and 1, in shape (posters, genres). "
            f"Received: shape {array.shape}, dtype {array.dtype}"
        )
    return flags


def _same_shape(labels, other, name):
    if labels.shape != other.shape:
        raise ValueError(
            f"`labels` and `{name}` must have the same shape. "
            f"Received: labels.shape={labels.shape}, {name}.shape={other.shape}"
        )
    return labels
