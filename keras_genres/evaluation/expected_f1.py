"""Thresholds from shares instead of counts, and how to tell which method is better."""

import numpy as np

from keras_genres.errors import UserError
from keras_genres.evaluation.calibrators import fit_map
from keras_genres.evaluation.metrics import macro_f1, pick
from keras_genres.evaluation.thresholds import (
    METHODS,
    between,
    choose,
    choose_thresholds,
    require_choice,
)
from keras_genres.genres import NUM_GENRES

FOLDS = 5
REPEATS = 5


def expected_thresholds(labels, scores):
    """Return for each genre the threshold with the best expected F1.

    Scores become shares by Platt scaling: of the posters with this score, so
    many have the genre. Of `n` posters that sum to `s` the best `k` have the
    expected F1 `2 (sum of their shares) / (k + s)`. The labels are asked for
    two numbers a genre, not for a cut, so a rare genre's threshold hangs less
    on single posters. Where higher scores do not mean more posters with the
    genre, the threshold is that of `choose_thresholds`.

    Args:
        labels: 0/1 array of shape `(posters, genres)`.
        scores: Sigmoid outputs in [0, 1], same shape.

    Returns:
        float64 array of shape `(genres,)`; 0.5 for a genre without a positive poster.

    Raises:
        ValueError: If the shapes differ or a score is not a number.

    Source: Ye et al. 2012, "Optimizing F-measure: A Tale of Two Approaches",
    arXiv:1206.4625, with the ratio of expectations; Platt 1999.
    """
    chosen = choose_thresholds(labels, scores)  # which checks them, too
    labels, scores = np.asarray(labels).astype(bool), np.asarray(scores)
    for genre in np.flatnonzero(labels.any(axis=0) & ~labels.all(axis=0)):
        ranked = np.sort(scores[:, genre])[::-1]
        found = fit_map("platt", labels[:, genre], scores[:, genre])
        if found is not None:
            chosen[genre] = _best_cut(ranked, found.apply(ranked))
    return chosen


def cross_fitted(predictions, grid_step, methods=METHODS, seed=0):
    """Return the macro F1 of methods on posters that did not choose the thresholds.

    The groups fall into five parts. Each part is picked by thresholds of the
    other four, five times with other parts. So a method is chosen on
    validation alone, without the optimism of scoring it where it chose.

    Args:
        predictions: `Predictions` of validation.
        grid_step: As for `choose`.
        methods: Names of methods.
        seed: Seed of the parts.

    Returns:
        `{method: array of shape (5,)}`: macro F1 of each repeat.

    Raises:
        ValueError: If there are fewer than five groups.
    """
    groups, member = np.unique(predictions.groups, return_inverse=True)
    if len(groups) < FOLDS:
        raise ValueError(f"`predictions` must hold {FOLDS} groups. Received: {len(groups)}")
    random = np.random.default_rng(seed)
    found = {method: [] for method in methods}
    for _ in range(REPEATS):
        fold = (random.permutation(len(groups)) % FOLDS)[member]
        for method, scores in found.items():
            picks = np.zeros((len(member), NUM_GENRES), bool)
            for part in range(FOLDS):
                is_out = fold == part
                chosen = choose(
                    method, predictions.labels[~is_out], predictions.scores[~is_out], grid_step
                )
                picks[is_out] = pick(predictions.scores[is_out], chosen)
            scores.append(macro_f1(predictions.labels, picks))
    return {method: np.array(scores) for method, scores in found.items()}


def compare_methods(run, method=None, grid_step=None):
    """Compare methods of choosing thresholds on a run's validation scores.

    Args:
        run: The `Run`; nothing of it is changed.
        method: The only one to try, of `METHODS`; `None` for all.
        grid_step: As for `sweep`.

    Returns:
        DataFrame `method, macro_f1, lowest, highest, on_own`: mean, least and
        most over the repeats of `cross_fitted`, and the optimistic macro F1
        of thresholds on the posters that chose them.

    Raises:
        UserError: If the run lacks validation scores, its picks are fixed, or
            it has too few posters.
    """
    import pandas as pd

    predictions = run.predictions("val")
    require_choice(run, predictions.scores)
    step = run.settings().evaluation.grid_step if grid_step is None else grid_step
    methods = METHODS if method is None else (method,)
    try:
        found = cross_fitted(predictions, step, methods)
    except ValueError as error:
        raise UserError(f"{run.path} cannot be cross-fitted: {error}") from None
    labels, scores = predictions.labels, predictions.scores
    return pd.DataFrame(
        {
            "method": name if name != "grid" else f"grid {step:g}",
            "macro_f1": each.mean(),
            "lowest": each.min(),
            "highest": each.max(),
            "on_own": macro_f1(labels, pick(scores, choose(name, labels, scores, step))),
        }
        for name, each in found.items()
    )


def _best_cut(ranked, shares):
    """Return the threshold of falling scores with such shares."""
    count = np.arange(1, len(ranked) + 1)
    f1 = 2 * np.cumsum(shares) / (count + shares.sum())
    # Posters of one score stay together.
    is_end = np.append(ranked[1:] < ranked[:-1], True)
    best = np.flatnonzero(is_end)[f1[is_end].argmax()]
    left_out = ranked[best + 1] if best + 1 < len(ranked) else min(ranked.dtype.type(0), ranked[-1])
    return between(left_out, ranked[best])
