"""Choose for each genre how its scores become shares, on saved validation scores.

Whether a calibration helps is asked of posters it was not fitted on: the
Brier score is cross-validated, with folds that never split a group. A genre
keeps its plain scores unless another method is better by more than chance.
"""

from dataclasses import dataclass

import numpy as np

from keras_genres.calibration_map import METHODS, CalibrationMap, GenreMap
from keras_genres.errors import UserError
from keras_genres.evaluation.calibrators import fit_map
from keras_genres.evaluation.metrics import pick
from keras_genres.genres import GENRES

FOLDS = 5
REPEATS = 4
"""How often the folds are drawn anew: one drawing moves the Brier score of a rare genre a lot."""


@dataclass(frozen=True)
class Choice:
    """What was chosen for a genre, and why."""

    map: GenreMap
    cv_brier: dict
    """Method -> cross-validated Brier score; empty where there was nothing to choose from."""
    why: str
    """A few words."""


def calibrate(run):
    """Choose a calibration on a run's validation scores and save it.

    Args:
        run: The `Run`; its `calibration.json` is replaced.

    Returns:
        The `CalibrationMap`.

    Raises:
        UserError: If the run lacks validation scores or thresholds, or they
            are of another split.
    """
    settings, thresholds = run.settings().evaluation, run.thresholds()
    found = run.predictions("val")
    if not len(found.scores):
        raise UserError(
            f"{run.predictions_file('val')} has no posters, so there is nothing to calibrate on. "
            "Prepare the data with a larger share for it."
        )
    choices = [
        choose_map(
            found.labels[:, i], found.scores[:, i], found.groups, thresholds[i], settings.seed
        )
        for i in range(len(GENRES))
    ]
    calibration = CalibrationMap(tuple(choice.map for choice in choices))
    how = {
        "criterion": "cross-validated Brier score, one-standard-error rule",
        "folds": FOLDS,
        "repeats": REPEATS,
        "seed": settings.seed,
        "posters": len(found.filenames),
        "genres": {
            genre: {
                "positives": int(found.labels[:, i].sum()),
                "cv_brier": {name: round(value, 6) for name, value in choice.cv_brier.items()},
                "why": choice.why,
            }
            for i, (genre, choice) in enumerate(zip(GENRES, choices, strict=True))
        },
    }
    run.save_calibration(calibration, how)
    return calibration


def choose_map(found, scores, groups, threshold, seed=0):
    """Choose the calibration of one genre.

    The best method is the one with the lowest cross-validated Brier score.
    Taken is the simplest one that is not worse than it by more than one
    standard error of their difference, poster for poster: first the plain
    scores, then temperature (one number), Platt (two), isotonic (many). A rare
    genre has few posters to tell methods apart, so the error is wide, and it
    keeps what is simple unless its scores are far off. It needs
    no limit of its own beside that each fold can hold a group with the genre
    and one without: scores that are ten times too high are mended with ten
    posters, since the hundreds without the genre show it too.

    Args:
        found: 0/1 array of shape `(posters,)`.
        scores: Same shape, in [0, 1].
        groups: Group of each poster, same shape.
        threshold: Threshold of the genre; a map under which a poster would be
            picked that is not, or the other way round, is not taken.
        seed: Seed of the folds.

    Returns:
        A `Choice`.

    Source: Breiman et al. 1984, "Classification and Regression Trees",
    section 3.4.3 (the rule of one standard error).
    """
    found = np.asarray(found).astype(bool)
    _, group = np.unique(np.asarray(groups), return_inverse=True)
    has_genre = np.bincount(group, found) > 0
    without = "without" if (~has_genre).sum() < has_genre.sum() else "with"
    fewest = min(has_genre.sum(), (~has_genre).sum())
    if fewest < FOLDS:
        count = f"{fewest} group{'' if fewest == 1 else 's'}"
        return Choice(GenreMap(), {}, f"{count} {without} the genre, too few to tell")
    losses = _losses(found, scores, group, has_genre, seed)
    briers = {method: float(loss.mean()) for method, loss in losses.items()}
    for method in _simplest_first(losses, group):
        fitted = fit_map(method, found, scores)
        if fitted is not None and _keeps_picks(fitted, scores, threshold):
            return Choice(fitted, briers, _reason(method, briers))
    raise AssertionError("plain scores keep all picks")


def _losses(found, scores, group, has_genre, seed):
    """Return method -> squared error of each poster where it was left out, mean over repeats."""
    losses = {method: np.zeros(len(found)) for method in METHODS}
    generator = np.random.default_rng(seed)
    for _ in range(REPEATS):
        fold = _folds(has_genre, generator)[group]
        for held in range(FOLDS):
            is_out = fold == held
            for method in list(losses):
                fitted = fit_map(method, found[~is_out], scores[~is_out])
                if fitted is None:
                    del losses[method]
                else:
                    error = fitted.apply(scores[is_out]) - found[is_out]
                    losses[method][is_out] += error**2 / REPEATS
    return losses


def _folds(has_genre, generator):
    """Return the fold of each group; groups with the genre are spread evenly over the folds."""
    order = generator.permutation(len(has_genre))
    order = order[np.argsort(~has_genre[order], kind="stable")]
    fold = np.empty(len(order), int)
    fold[order] = np.arange(len(order)) % FOLDS
    return fold


def _simplest_first(losses, group):
    """Return the methods as good as the best, simplest first, and then the plain scores."""
    best = min(losses, key=lambda method: losses[method].mean())
    as_good = [
        method
        for method, loss in losses.items()
        if (loss - losses[best]).mean() <= _standard_error(loss - losses[best], group)
    ]
    return [*as_good, METHODS[0]]


def _standard_error(values, group):
    """Return the standard error of the mean of values that come in groups."""
    sums = np.bincount(group, values)
    size, mean = np.bincount(group), values.mean()
    count = len(sums)
    return float(np.sqrt(count / (count - 1) * ((sums - size * mean) ** 2).sum()) / len(values))


def _keeps_picks(fitted, scores, threshold):
    """Whether the same posters are picked: float32 may round a score and a threshold to one."""
    raw = np.asarray(scores)[:, None]
    is_same = fitted.method == "none"
    return is_same or np.array_equal(
        pick(raw, [threshold]),
        pick(fitted.apply(raw).astype(np.float32), fitted.apply([threshold]).astype(np.float32)),
    )


def _reason(method, briers):
    best = min(briers, key=briers.get)
    if method == best:
        return "best"
    return f"as good as {best} within one standard error"
