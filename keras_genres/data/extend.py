"""A larger set of posters in which an earlier split's validation and test stay what they are.

Drawn anew, a split gives the next network some of the posters to train on
that the last one was tested on: then the two cannot be compared, and a
network that goes on from the last one has seen its test.
"""

from collections import defaultdict
from pathlib import PurePosixPath

import numpy as np

from keras_genres.data.duplicates import components
from keras_genres.data.packed import read_posters
from keras_genres.data.stamps import FILES, read_stamps
from keras_genres.errors import UserError
from keras_genres.split import SPLITS

_TRAIN, _VAL, _TEST = range(3)


class HeldOut:
    """Validation and test posters of a prepared folder, known again by their bytes.

    Args:
        folder: The prepared folder.

    Attributes:
        split: Its `Split`.

    Raises:
        UserError: If it cannot be read, or does not say what its files were like.
    """

    def __init__(self, folder):
        posters = read_posters(folder, with_extra=False)
        if not (posters.root / FILES).exists():
            raise UserError(
                f"{folder} has no {FILES}, so its posters cannot be known again. Make it with "
                "`keras-genres data prepare`."
            )
        self.folder = folder
        self.split = posters.split
        self._rows = defaultdict(list)
        stamps = read_stamps(posters.root, posters.filenames)
        for name, stamp, split in zip(posters.filenames, stamps, posters.splits, strict=True):
            if split != _TRAIN:
                self._rows[stamp.sha256].append((PurePosixPath(name).name, int(split)))

    def __len__(self):
        return sum(map(len, self._rows.values()))

    def find(self, names, digests):
        """Return the split of each poster; those that are new are for training.

        Args:
            names: Names of the posters, an iterable.
            digests: SHA-256 of what training reads of each, 64 hexadecimal digits.

        Returns:
            int array of shape `(posters,)`: index into `SPLITS`.
        """
        splits, found = [], defaultdict(list)
        for row, (name, digest) in enumerate(zip(names, digests, strict=True)):
            splits.append(_TRAIN)
            if digest in self._rows:
                found[digest].append((row, PurePosixPath(name).name))
        for digest, rows in found.items():
            known = self._rows[digest]
            if len(rows) > len(known):  # the same bytes came once more: which were there before?
                were = {name for name, _ in known}
                rows = [(row, name) for row, name in rows if name in were]
            for row, _ in rows:
                splits[row] = known[0][1]  # the same bytes were never on two sides
        return np.array(splits, dtype=np.int64)

    def notes(self, splits, source):
        """Return what is to be said of the posters that were not found again.

        Raises:
            UserError: If none of a split was found.
        """
        notes = []
        for number in (_VAL, _TEST):
            name, count = SPLITS[number], int((splits == number).sum())
            total = self.split.splits[SPLITS[number]]["posters"]
            if total and not count:
                raise UserError(
                    f"None of the {total} {name} posters of {self.folder} can be used from "
                    f"{source}: to extend, give a source that holds those posters, too."
                )
            if count < total:
                notes.append(
                    f"{total - count} of the {total} {name} posters of {self.folder} are not "
                    f"among those of {source}: scores on them cannot be compared with earlier ones."
                )
        return notes


def crossing(splits, links):
    """Find posters that belong to a group of the test or of validation and are not of it.

    Args:
        splits: Index into `SPLITS` of each poster.
        links: Pairs of posters that belong together, as `groups.find_links` returns them.

    Returns:
        int array: the split that a poster would cross into, `0` where it crosses none.
        Without those posters no group is in two splits: training goes before
        validation, and validation before the test.

    Example:
        >>> crossing(np.array([0, 2, 1]), {"same film": np.array([[0, 1]])})
        array([2, 0, 0])
    """
    pairs = np.concatenate([np.empty((0, 2), np.int64), *links.values()]).astype(np.int64)
    crosses = np.zeros(len(splits), np.int64)
    # Training posters first: one may be all that ties a validation poster to a test poster.
    for lower in (_TRAIN, _VAL):
        stays = crosses == 0
        joined = pairs[stays[pairs].all(axis=1)]
        roots = np.array(components(len(splits), joined.tolist()), np.int64)
        highest = np.zeros(len(splits), np.int64)
        np.maximum.at(highest, roots[stays], splits[stays])
        wrong = stays & (splits == lower) & (highest[roots] > lower)
        crosses[wrong] = highest[roots][wrong]
    return crosses
