"""What the look at each file found, in columns.

As objects with their look they would take half a kilobyte a poster.
"""

from array import array

import numpy as np

from keras_genres.data.duplicates import Looks, Thumbs
from keras_genres.data.texts import number_runs


class Findings:
    """The usable `Inspection`s of many posters, in order.

    Args:
        folder: Where a file of thumbnails may be for the time being.
    """

    def __init__(self, folder):
        self._digests = bytearray()
        self._hashes = array("Q")
        self._sizes = array("I")
        self._kinds = array("H")
        self._kind_names, self._kind_numbers = [], {}
        self._thumbs = Thumbs(folder)

    def __len__(self):
        return len(self._kinds)

    def append(self, inspection):
        """Add one at the end."""
        self._digests += bytes.fromhex(inspection.sha256)
        self._hashes.append(int.from_bytes(inspection.look[:8], "big"))
        self._thumbs.append(inspection.look[8:])
        self._sizes.extend((inspection.width, inspection.height))
        kind = (inspection.format, inspection.oddities)
        if kind not in self._kind_numbers:
            self._kind_numbers[kind] = len(self._kind_names)
            self._kind_names.append(kind)
        self._kinds.append(self._kind_numbers[kind])

    def looks(self):
        """Return the `Looks`; their thumbnails go with `close`."""
        return Looks(np.frombuffer(self._hashes, dtype=np.uint64), self._thumbs)

    def digests(self):
        """Return the SHA-256 of every file, uint64 array of shape `(posters, 4)`."""
        return np.frombuffer(self._digests, dtype=np.uint64).reshape(-1, 4)

    def sizes(self):
        """Return width and height, array of shape `(posters, 2)`."""
        return np.array(self._sizes, dtype=np.uint32).reshape(-1, 2)

    def kind(self, row):
        """Return `(format, oddities)` of a poster."""
        return self._kind_names[self._kinds[row]]

    def close(self):
        """Forget the looks and the digests."""
        self._thumbs.close()
        self._hashes, self._digests = array("Q"), bytearray()


def number_digests(digests):
    """Return an int array: the same digests have the same number."""
    order = np.lexsort(digests.T)
    return number_runs(order, lambda one, two: (digests[one] != digests[two]).any(axis=1))
