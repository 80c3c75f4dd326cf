"""Thresholds chosen on saved validation scores."""

import numpy as np

from keras_genres.errors import UserError
from keras_genres.evaluation.metrics import f1_from_counts, f1_per_genre, pick
from keras_genres.genres import GENRES

METHODS = ("exact", "grid", "expected", "shrunk")
"""Best F1 over all cuts, over those of a grid, as expected, or drawn toward a common rule."""
FALLBACK = 0.5
"""Threshold of a genre without a positive poster, where every cut has F1 0."""
FIXED = "fixed picks"
"""Method of a run that picks the same genres for every poster, with scores of 0 and 1.

Chosen anew, its thresholds would pick all genres, whatever it stands for.
"""


def choose_thresholds(labels, scores):
    """Return for each genre the threshold with the best F1 over all cut points.

    Choose on validation scores and report on test scores: a threshold
    scored on the posters that chose it looks better than it is.

    Every way to cut the ranked scores in two is tried; posters with equal
    scores stay together. Among cuts of equal F1 the lowest is taken. The
    threshold lies halfway between the lowest score picked and the highest one
    left out (0 when none is), so that a new poster just below the former is
    taken as much as one just above the latter is not. It is a number of the
    precision of `scores`: where no such number lies between, it is the lowest
    score picked. So float32 scores are picked alike in float32 and float64.

    Args:
        labels: 0/1 array of shape `(posters, genres)`.
        scores: Sigmoid outputs in [0, 1], same shape.

    Returns:
        float64 array of shape `(genres,)`; 0.5 for a genre without a positive poster.

    Raises:
        ValueError: If the shapes differ or a score is not a number.

    Example:
        >>> choose_thresholds(np.array([[1], [0]]), np.array([[0.5], [0.25]]))
        array([0.375])

    Source: Lipton et al. 2014, "Optimal Thresholding of Classifiers to
    Maximize F1 Measure", arXiv:1402.1892.
    """
    labels, scores = _checked(labels, scores)
    return np.array([_best_cut(*genre)[0] for genre in zip(labels.T, scores.T, strict=True)])


def tuned_macro_f1(labels, scores):
    """Return macro F1 at the best threshold of every genre.

    The same as `macro_f1` after `choose_thresholds`, in one go. It is an
    optimistic number: the thresholds are chosen on the posters they are
    scored on. A genre without a positive poster counts as 0.
    """
    labels, scores = _checked(labels, scores)
    best = [_best_cut(*genre)[1] for genre in zip(labels.T, scores.T, strict=True)]
    return float(np.mean(best))


def grid_thresholds(labels, scores, step=0.05):
    """Return for each genre the threshold of a grid with the best F1.

    The grid is `step`, `2 * step`, … below 1. Among equals the lowest is taken.

    Args:
        labels: 0/1 array of shape `(posters, genres)`.
        scores: Sigmoid outputs in [0, 1], same shape.
        step: Distance between thresholds; 0.05 is the paper's.

    Returns:
        float64 array of shape `(genres,)`; 0.5 for a genre without a positive poster.

    Raises:
        ValueError: If the shapes differ, a score is not a number, or the step
            is not between 0 and 1.
    """
    if not 0 < step < 1:
        raise ValueError(f"`step` must be between 0 and 1. Received: {step}")
    # 3 * 0.05 is 0.15000000000000002: the file should say 0.15.
    grid = np.round(np.arange(1, np.ceil(1 / step - 1e-9)) * step, 12)
    best = grid[f1_curve(labels, scores, grid).argmax(axis=1)]
    return np.where(np.asarray(labels).any(axis=0), best, FALLBACK)


def f1_curve(labels, scores, thresholds):
    """Return the F1 of each genre at each of some thresholds.

    Args:
        labels: 0/1 array of shape `(posters, genres)`.
        scores: Same shape.
        thresholds: Array of shape `(thresholds,)`, the same for all genres.

    Returns:
        float64 array of shape `(genres, thresholds)`.
    """
    labels, scores = _checked(labels, scores)
    thresholds = np.asarray(thresholds, np.float64)
    return np.stack(
        [
            f1_from_counts(
                _reaching(np.sort(ranked[found]), thresholds),
                _reaching(np.sort(ranked), thresholds),
                found.sum(),
            )
            for found, ranked in zip(labels.T, scores.T, strict=True)
        ]
    )


def choose(method, labels, scores, grid_step):
    """Return thresholds of shape `(genres,)`, chosen by one of `METHODS`.

    Raises:
        ValueError: If there is no such method, or as the method's own function says.
    """
    if method == "exact":
        return choose_thresholds(labels, scores)
    if method == "grid":
        return grid_thresholds(labels, scores, grid_step)
    if method == "expected":
        from keras_genres.evaluation.expected_f1 import expected_thresholds  # scikit-learn

        return expected_thresholds(labels, scores)
    if method == "shrunk":
        from keras_genres.evaluation.shrunk import shrunk_thresholds

        return shrunk_thresholds(labels, scores)
    raise ValueError(f"`method` must be one of {METHODS}. Received: {method!r}")


def sweep(run, method=None, grid_step=None):
    """Choose thresholds from a run's saved validation scores and save them.

    Args:
        run: The `Run`; its `thresholds.json` is replaced.
        method: One of `METHODS`; `None` for what the run's settings say.
        grid_step: Distance between the thresholds of `grid`; `None` for the settings'.

    Returns:
        DataFrame with a row a genre: `genre, threshold, val_f1,
        val_f1_at_0.5, positives`.

    Raises:
        UserError: If the run lacks validation scores or they are of another
            split, or if its picks are fixed.
    """
    import pandas as pd

    settings = run.settings().evaluation
    method = method or settings.thresholds
    step = settings.grid_step if grid_step is None else grid_step
    found = run.predictions("val")
    require_choice(run, found.scores)
    thresholds = choose(method, found.labels, found.scores, step)
    label = f"grid {step:g}" if method == "grid" else method
    f1 = f1_per_genre(found.labels, pick(found.scores, thresholds))
    run.save_thresholds(thresholds, label, f1)
    return pd.DataFrame(
        {
            "genre": GENRES,
            "threshold": thresholds,
            "val_f1": f1,
            "val_f1_at_0.5": f1_per_genre(found.labels, pick(found.scores, 0.5)),
            "positives": found.labels.sum(axis=0, dtype=int),
        }
    )


def save_fixed(run, chosen_on):
    """Save thresholds of 0.5 for a run whose scores are picks, 0 or 1, the same for every poster.

    Args:
        run: The `Run`; its `thresholds.json` is replaced.
        chosen_on: Split whose posters chose the picks.
    """
    found = run.predictions("val")
    f1 = f1_per_genre(found.labels, pick(found.scores, FALLBACK))
    run.save_thresholds([FALLBACK] * len(GENRES), FIXED, f1, chosen_on)


def require_choice(run, scores):
    """Refuse scores that are picks, the same for every poster.

    Raises:
        UserError: If they are.
    """
    # thresholds.json is not asked: it may be damaged, and is to be written anew.
    is_baseline = run.environment().get("kind") == "baseline"
    is_same = len(scores) and np.isin(scores[0], (0, 1)).all() and (scores == scores[0]).all()
    if is_baseline and is_same:
        raise UserError(
            f"{run.path} picks the same genres for every poster, so it has no thresholds to "
            "choose: with any it would pick all genres, which is the row of `keras-genres "
            "baseline constant --measure macro_f1`. Nothing was changed."
        )


def _best_cut(found, scores):
    """Return `(threshold, F1)` of one genre; `found` and `scores` have shape `(posters,)`."""
    ranked, positives = np.sort(scores), np.sort(scores[found])
    if not len(positives):
        return FALLBACK, 0.0
    # Only cuts at a positive's score can be best: a lowest pick that is wrong
    # is better left out.
    f1 = f1_from_counts(
        _reaching(positives, positives), _reaching(ranked, positives), len(positives)
    )
    best = f1.argmax()
    lowest = positives[best]
    below = np.searchsorted(ranked, lowest)
    kind = ranked.dtype.type
    left_out = ranked[below - 1] if below else min(kind(0), lowest)
    return between(left_out, lowest), float(f1[best])


def between(low, high):
    """Return the threshold halfway between two scores of one precision, above `low`."""
    # NumPy 1 would go on in float64 beside a Python number.
    middle = low + (high - low) * high.dtype.type(0.5)
    return float(middle if middle > low else high)


def _reaching(ranked, thresholds):
    """Return how many of the increasing `ranked` are at or above each threshold."""
    return len(ranked) - np.searchsorted(ranked, thresholds)


def _checked(labels, scores):
    labels, scores = np.asarray(labels), np.asarray(scores)
    if labels.shape != scores.shape or labels.ndim != 2:
        raise ValueError(
            "`labels` and `scores` must have the same shape (posters, genres). "
            f"Received: labels.shape={labels.shape}, scores.shape={scores.shape}"
        )
    if not np.issubdtype(scores.dtype, np.floating):
        scores = scores.astype(np.float64)
    if not np.isfinite(scores).all():
        raise ValueError("`scores` must be finite numbers. Received: NaN or infinite scores")
    return labels.astype(bool), scores
