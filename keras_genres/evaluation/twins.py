"""Posters that stand on both sides of a split: told by their scores, or by their pictures."""

import os
from dataclasses import dataclass

import numpy as np

from keras_genres.data.table import write_csv
from keras_genres.settings import PrepareSettings

SAME_SCORE = 1e-4
"""Scores are the same within this many standard deviations of the genre's scores."""

_LEAST_GENRES = 10
_LEAST_ROWS = 0.5
_RARE_SHARE = 0.002


def same_scores(val, test):
    """Return the pairs of a validation and a test poster that have the same scores.

    One picture gets one row of scores, and two pictures hardly ever do. The
    same means: in every genre at most `SAME_SCORE` standard deviations apart,
    which leaves room for the rounding of another batch.

    A scorer that tells few posters apart says nothing by this. So there are no
    pairs if less than half of the rows differ (label priors, fixed picks), and a
    pair must share ten scores that no more than 1 poster in 500 has: the votes of
    nearest neighbours are the same for many, and so are probabilities of 0 and 1.

    Args:
        val: `Predictions` of validation.
        test: `Predictions` of test.

    Returns:
        int array of shape `(pairs, 2)`: rows of validation and of test, sorted.
    """
    scores = np.concatenate([val.scores, test.scores]).astype(np.float64)
    spread = scores.std(axis=0)
    scores = scores[:, spread > 0] / (SAME_SCORE * spread[spread > 0])
    if scores.shape[1] < _LEAST_GENRES:
        return np.empty((0, 2), dtype=np.int64)
    if len(np.unique(scores.round(), axis=0)) < _LEAST_ROWS * len(scores):
        return np.empty((0, 2), dtype=np.int64)
    pairs = _near_rows(scores)
    border = len(val.scores)
    alike = 1 + np.bincount(pairs.ravel(), minlength=len(scores))[pairs[:, 0]]
    usual = np.maximum(alike, _RARE_SHARE * len(scores))
    rare = sum(_near_counts(column, pairs[:, 0]) <= usual for column in scores.T)
    pairs = pairs[(rare >= _LEAST_GENRES) & (pairs[:, 0] < border) & (pairs[:, 1] >= border)]
    return pairs[np.lexsort(pairs.T[::-1])] - [0, border]


def _near_rows(rows):
    """Return the pairs of rows that are at most 1 apart in every column, shape `(pairs, 2)`."""
    sums = rows.sum(axis=1)
    order = np.argsort(sums, kind="stable")
    sums = sums[order]
    first = np.arange(len(rows))
    found = [np.empty((0, 2), dtype=np.int64)]
    # The sums of such a pair are at most as far apart as there are columns.
    for step in range(1, len(rows)):
        first = first[first + step < len(rows)]
        first = first[sums[first + step] - sums[first] <= rows.shape[1]]
        if not len(first):
            break
        one, two = order[first], order[first + step]
        is_near = (np.abs(rows[one] - rows[two]) <= 1).all(axis=1)
        found.append(np.stack([one[is_near], two[is_near]], axis=1))
    return np.sort(np.concatenate(found), axis=1)


def _near_counts(values, wanted):
    """Return how many values are at most 1 from each of those at an index array, itself too."""
    ordered, mine = np.sort(values), values[wanted]
    return np.searchsorted(ordered, mine + 1, "right") - np.searchsorted(ordered, mine - 1, "left")


@dataclass(frozen=True)
class Crossing:
    """Pictures that stand in more than one split."""

    pictures: list
    """For each of them its posters: `(filename, split)`, sorted by split and name."""
    unread: int
    """How many files could not be read, and so were not compared."""

    def write(self, path):
        """Write a CSV with `picture` (from 1), `split` and `filename`."""
        write_csv(
            path,
            ("picture", "split", "filename"),
            (
                (number, split, name)
                for number, posters in enumerate(self.pictures, start=1)
                for name, split in posters
            ),
        )


def crossing_pictures(posters, bits=PrepareSettings.near_duplicate_bits, jobs=None):
    """Look at every poster of a table for pictures that cross its split.

    `data prepare` puts posters that show one picture into one group, and
    groups never cross. This is for tables that something else wrote, and as
    a check of any. Every file is decoded once: about a second for a thousand
    small posters.

    Args:
        posters: `Posters` of all splits.
        bits: Most bits in which the perceptual hashes of one picture may
            differ; thumbnails then confirm it.
        jobs: Posters decoded at a time; by default twice the CPU cores.

    Returns:
        The `Crossing`.
    """
    from keras_genres.data.batches import map_files
    from keras_genres.data.duplicates import Looks, components, same_pictures
    from keras_genres.data.quality import inspect

    jobs = jobs or 2 * (os.cpu_count() or 1)
    seen = map_files(inspect, posters.paths, jobs, len(posters), "Comparing", "poster")
    looks = [(row, found.look) for row, found in enumerate(seen) if found.is_usable]
    rows = np.array([row for row, _ in looks], dtype=np.int64)
    if not len(rows):
        return Crossing([], len(posters))
    firsts, pairs = same_pictures(Looks.of([look for _, look in looks]), bits)
    links = [*zip(range(len(firsts)), firsts.tolist(), strict=True), *pairs.tolist()]
    roots = np.array(components(len(rows), links))
    order = np.argsort(roots, kind="stable")
    pictures = []
    for members in np.split(rows[order], np.flatnonzero(np.diff(roots[order])) + 1):
        if len(np.unique(posters.splits[members])) > 1:
            named = sorted((posters.splits[row], posters.filenames[row]) for row in members)
            pictures.append([(str(name), str(split)) for split, name in named])
    return Crossing(pictures, len(posters) - len(rows))
