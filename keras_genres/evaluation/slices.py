"""Errors by decade, or by any other column of the data."""

from dataclasses import dataclass

import numpy as np

from keras_genres.evaluation.intervals import percentile_interval, resample_measures
from keras_genres.evaluation.metrics import f1_per_genre, poster_values

MOST_SLICES = 12
LEAST_POSTERS = 5
"""Smaller slices are thrown together or joined."""
NOT_KNOWN = "not known"

_YEARS = (1800, 2199)
_LEAST_YEARS = 0.9
"""Share of a column's values that must be years to take it for years."""


@dataclass(frozen=True)
class Slice:
    """Posters that have something in common, and how well the picks fit them."""

    name: str
    posters: int
    groups: int
    samples_f1: float
    macro_f1: float
    """Mean F1 of the genres that a poster of the slice has."""
    hamming_loss: float
    low: float
    """Lower end of the interval of `samples_f1`; NaN where there is none."""
    high: float


def slice_errors(labels, picks, groups, values, resamples=1000, confidence=0.95, seed=0):
    """Return how well picks fit the posters of each value of a column.

    Slices differ in their genres too, so a low F1 may be the fault of hard
    genres rather than of, say, old posters.

    Args:
        labels: 0/1 array of shape `(posters, genres)`.
        picks: Same shape.
        groups: Group of each poster, shape `(posters,)`.
        values: Text of the column for each poster, shape `(posters,)`; see `name_slices`.
        resamples: Bootstrap resamples of groups; 0 for no intervals.
        confidence: Coverage of the intervals.
        seed: Seed of the draws.

    Returns:
        List of `Slice`: decades in order, other values the most frequent first.
    """
    labels, picks, groups = np.asarray(labels), np.asarray(picks), np.asarray(groups)
    names, which = name_slices(values)
    masks = [which == number for number in range(len(names))]
    f1 = poster_values(labels, picks)["samples_f1"]
    bounds = _bounds(masks, f1, labels, picks, groups, resamples, confidence, seed)
    return [
        _slice(name, mask, labels[mask], picks[mask], groups[mask], each)
        for name, mask, each in zip(names, masks, bounds, strict=True)
    ]


def name_slices(values, most=MOST_SLICES, least=LEAST_POSTERS):
    """Sort posters into named slices.

    Years become decades, those with few posters joined to their neighbours,
    and what is no year among them is not known. Of other values the most
    frequent stand alone, and so does what is not known; the rest is thrown
    together.

    Args:
        values: Texts, shape `(posters,)`.
        most: Values that stand alone at most.
        least: Posters a slice needs to stand alone.

    Returns:
        `(names, which)`: names of the slices, and for each poster the index of
        its own, int array of shape `(posters,)`.

    Example:
        >>> name_slices(["1994", "1999", "2003", ""], least=1)
        (['1990s', '2000s', 'not known'], array([0, 0, 1, 2]))
    """
    values = [" ".join(str(value).split()) for value in values]
    decades = _decades(values)
    if decades is not None:
        return _merge_decades(decades, least)
    found, counts = np.unique([value for value in values if value], return_counts=True)
    order = np.argsort(-counts, kind="stable")
    alone = [str(found[row]) for row in order[:most] if counts[row] >= least]
    others = len(found) - len(alone)
    # Nothing of the data has this place in the list, so no value can pass for it.
    rest, unknown = len(alone), len(alone) + (others > 0)
    place = {name: number for number, name in enumerate(alone)}
    which = [place.get(value, rest) if value else unknown for value in values]
    names = alone + [f"{others} other value{'s' * (others > 1)}"] * (others > 0)
    return names + [NOT_KNOWN] * (not all(values)), np.array(which, dtype=int)


def _merge_decades(decades, least):
    """Join decades with few posters to the next, the last one to the one before."""
    found, counts = np.unique([decade for decade in decades if decade], return_counts=True)
    spans, size = [[]], 0
    for decade, count in zip(found.tolist(), counts, strict=True):
        spans[-1].append(decade)
        size += count
        if size >= least:
            spans.append([])
            size = 0
    rest = spans.pop()
    if rest:
        spans = [*spans[:-1], [*spans[-1], *rest]] if spans else [rest]
    place = {decade: number for number, span in enumerate(spans) for decade in span}
    names = [f"{span[0]}–{span[-1]}" if len(span) > 1 else span[0] for span in spans]
    which = np.array([place.get(decade, len(spans)) for decade in decades], dtype=int)
    return names + [NOT_KNOWN] * (not all(decades)), which


def _decades(values):
    """Return `1990s` for each value, an empty text for one that is no year; `None` if few are."""
    years = [_year(value) for value in values]
    known = sum(year is not None for year in years)
    if not known or known < _LEAST_YEARS * sum(map(bool, values)):
        return None
    return ["" if year is None else f"{year // 10 * 10}s" for year in years]


def _year(value):
    try:
        number = float(value)
    except ValueError:
        return None
    return int(number) if _YEARS[0] <= number <= _YEARS[1] and number % 1 == 0 else None


def _bounds(masks, f1, labels, picks, groups, resamples, confidence, seed):
    nothing = [(np.nan, np.nan)] * len(masks)
    if not resamples or len(np.unique(groups)) < 2:
        return nothing
    extra = {}
    for number, mask in enumerate(masks):
        extra |= {f"posters {number}": mask, f"f1 {number}": mask * f1}
    # One genre is enough: of the measures only the means of `extra` are used.
    drawn = resample_measures(labels[:, :1], picks[:, :1], groups, resamples, seed, extra)
    found = []
    for number, mask in enumerate(masks):
        posters, sums = drawn[f"posters {number}"], drawn[f"f1 {number}"]
        has = posters > 0  # a small slice is missing from some resamples
        if len(np.unique(groups[mask])) < 2:
            found.append(nothing[0])
        else:
            found.append(percentile_interval(sums[has] / posters[has], confidence))
    return found


def _slice(name, mask, labels, picks, groups, bounds):
    values = poster_values(labels, picks)
    present = labels.any(axis=0)
    return Slice(
        name=name,
        posters=int(mask.sum()),
        groups=len(np.unique(groups)),
        samples_f1=float(values["samples_f1"].mean()),
        macro_f1=float(f1_per_genre(labels, picks)[present].mean()) if present.any() else 0.0,
        hamming_loss=float(values["hamming_loss"].mean()),
        low=bounds[0],
        high=bounds[1],
    )
