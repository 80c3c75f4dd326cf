"""The most that labels let anyone reach: one source of genres scored against another."""

from dataclasses import dataclass

import numpy as np

from keras_genres.data.table import load_posters
from keras_genres.errors import UserError
from keras_genres.evaluation.metrics import f1_per_genre, measures
from keras_genres.genres import GENRES

_MOST_GENRES = 3
"""Genres that IMDb gives a film at most."""


@dataclass(frozen=True)
class Bound:
    """What one source of labels scores against another."""

    jaccard: float
    """Mean Jaccard index of the two sources' genres of a poster."""
    posters: int
    measures: dict
    """Macro, micro, samples, weighted F1 and the others by name: array over draws."""
    f1: np.ndarray
    """F1 of each genre, shape `(draws, genres)`."""


def simulated_bound(labels, jaccard=0.945, draws=20, seed=0):
    """Return what a second source would score that agrees with `labels` so far.

    The second source differs at some posters by one genre: one left out, one
    added or one exchanged, so that films have about as many genres as before
    and at most three. A genre is added as often as it occurs. How many posters
    differ follows from the mean Jaccard index.

    It is a bound from labels: a model, or a person, that knew every film could
    not be told from this second source. It does not say what can be read from
    a poster, which is less.

    Args:
        labels: 0/1 array of shape `(posters, genres)`, each poster with a genre.
        jaccard: Mean Jaccard index of the two sources, in (0, 1].
        draws: How many second sources are drawn.
        seed: Of the draws.

    Returns:
        A `Bound`.

    Raises:
        ValueError: If a poster has no genre.
        UserError: If one genre a poster cannot make so much difference.
    """
    labels = np.asarray(labels).astype(bool)
    if not labels.any(axis=1).all():
        raise ValueError("`labels` must give every poster a genre.")
    found, values, agreement = [], [], []
    for draw in range(draws):
        random = np.random.default_rng((seed, draw))
        other = _second_source(labels, jaccard, random)
        agreement.append(mean_jaccard(labels, other))
        values.append(measures(labels, other))
        found.append(f1_per_genre(labels, other))
    return Bound(
        float(np.mean(agreement)),
        len(labels),
        {name: np.array([each[name] for each in values]) for name in values[0]},
        np.array(found),
    )


def bound_of(labels, other):
    """Return the `Bound` of a real second source, with one draw.

    Args:
        labels: 0/1 array of shape `(posters, genres)`.
        other: The same posters' genres by the second source.
    """
    values = {name: np.array([value]) for name, value in measures(labels, other).items()}
    return Bound(
        mean_jaccard(labels, other), len(labels), values, f1_per_genre(labels, other)[None]
    )


def mean_jaccard(labels, other):
    """Return the mean over posters of common genres over all genres; 1 where both have none.

    Example:
        >>> mean_jaccard([[1, 1, 0], [0, 0, 1]], [[1, 0, 0], [0, 0, 1]])
        0.75
    """
    labels, other = np.asarray(labels).astype(bool), np.asarray(other).astype(bool)
    both, either = (labels & other).sum(axis=1), (labels | other).sum(axis=1)
    return float(np.where(either, both / np.maximum(either, 1), 1.0).mean())


def bound(data, second=None, jaccard=0.945, split="test", draws=20, seed=0):
    """Return the `Bound` of prepared posters.

    Args:
        data: Folder that `data prepare` wrote.
        second: Prepared folder with the second source's genres of the same
            files; `None` to draw one.
        jaccard: As for `simulated_bound`.
        split: `train`, `val`, `test` or `all`.
        draws, seed: As for `simulated_bound`.

    Raises:
        UserError: If a folder cannot be read, or the two have no poster in common.
    """
    posters = load_posters(data)
    if split != "all":
        posters = posters.part(split)
    if second is None:
        return simulated_bound(posters.labels, jaccard, draws, seed)
    other = load_posters(second)
    rows = {name: row for row, name in enumerate(map(_stem, other.filenames))}
    common = [
        (row, rows[name]) for row, name in enumerate(map(_stem, posters.filenames)) if name in rows
    ]
    if not common:
        raise UserError(
            f"{data} and {second} name no poster alike: the second source must have the same "
            "file names."
        )
    mine, theirs = map(list, zip(*common, strict=True))
    return bound_of(posters.labels[mine], other.labels[theirs])


def bound_rows(found):
    """Return a `Bound` as rows `what, f1, spread` for a table: averages, then genres."""
    names = {f"{kind}_f1": f"{kind} F1" for kind in ("macro", "micro", "samples", "weighted")}
    parts = [(title, found.measures[name]) for name, title in names.items()]
    parts += [(genre, found.f1[:, column]) for column, genre in enumerate(GENRES)]
    return [
        {"what": name, "f1": f"{values.mean():.3f}", "spread": f"{values.std():.3f}"}
        for name, values in parts
    ]


def _second_source(labels, jaccard, random):
    """Return changed labels: a bisection over the share of posters that differ by a genre."""
    order = random.permutation(len(labels))
    changed = _one_genre_off(labels, random)
    low, high = 0, len(labels)
    if mean_jaccard(labels, changed) > jaccard:
        raise UserError(
            f"One genre a poster cannot lower the mean Jaccard index to {jaccard:g}: "
            f"{mean_jaccard(labels, changed):.3f} is the least."
        )
    other = labels
    while low < high:
        count = (low + high + 1) // 2
        found = labels.copy()
        found[order[:count]] = changed[order[:count]]
        if mean_jaccard(labels, found) >= jaccard:
            low, other = count, found
        else:
            high = count - 1
    return other


def _one_genre_off(labels, random):
    """Return labels with one genre left out, added or exchanged at each poster."""
    share = labels.mean(axis=0)
    other = labels.copy()
    sizes = labels.sum(axis=1)
    # As many are added as left out, so that a film keeps its number of genres on average.
    can_add, can_drop = sizes < _MOST_GENRES, sizes > 1
    adds = min(can_add.sum(), can_drop.sum(), len(labels) // 3)
    add = _some(can_add, adds, random)
    drop = _some(can_drop & ~add, adds, random)
    for row in range(len(labels)):
        if not add[row]:
            other[row, random.choice(np.flatnonzero(labels[row]))] = False
        if not drop[row]:
            weights = np.where(labels[row], 0, share)
            if weights.sum():
                other[row, random.choice(labels.shape[1], p=weights / weights.sum())] = True
    return other


def _some(mask, count, random):
    rows = random.permutation(np.flatnonzero(mask))[:count]
    found = np.zeros(len(mask), bool)
    found[rows] = True
    return found


def _stem(name):
    return str(name).rpartition("/")[2]
