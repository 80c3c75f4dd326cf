"""Many short texts in one piece of memory.

A Python string costs 50 bytes before its first letter and 8 more in a list;
of tens of thousands of posters several texts each are known.
"""

import heapq
from array import array

import numpy as np

_PART = 4096


class Texts:
    """A list of texts that can only grow: UTF-8 in one piece, and where each ends.

    Args:
        texts: What to begin with.

    Example:
        >>> films = Texts(["tt2", "tt10"])
        >>> films.append("tt2")
        >>> films[1], len(films), films.numbers().tolist()
        ('tt10', 3, [1, 0, 1])
    """

    def __init__(self, texts=()):
        self._bytes = bytearray()
        self._ends = array("q", [0])
        for text in texts:
            self.append(text)

    def append(self, text):
        """Add a text at the end."""
        # File names that are no UTF-8 come from the system with surrogates in them.
        self._bytes += text.encode("utf-8", "surrogatepass")
        self._ends.append(len(self._bytes))

    def __len__(self):
        return len(self._ends) - 1

    def __getitem__(self, index):
        """Return the text at an index from 0 on."""
        return self._raw(index).decode("utf-8", "surrogatepass")

    def __iter__(self):
        return (self[index] for index in range(len(self)))

    def take(self, rows):
        """Return the texts of an index array, in its order."""
        return Texts(self[row] for row in rows)

    def order(self):
        """Return the index array that sorts the texts as Python does; equal ones stay in order."""
        # UTF-8 sorts as its code points do. `sorted` makes an object of each text,
        # so it gets a part of them at a time.
        starts = range(0, len(self), _PART)
        parts = [
            array("q", sorted(range(start, min(start + _PART, len(self))), key=self._raw))
            for start in starts
        ]
        return np.fromiter(heapq.merge(*parts, key=self._raw), np.int64, count=len(self))

    def numbers(self):
        """Return an int array: equal texts have the same number, and numbers grow as texts do."""
        return number_runs(self.order(), self.differ)

    def differ(self, one, two):
        """Say of two index arrays of one shape which texts of a pair are not the same."""
        pairs = zip(one, two, strict=True)
        return np.fromiter((self._raw(a) != self._raw(b) for a, b in pairs), bool, len(one))

    def array(self):
        """Return a Unicode array of shape `(texts,)`."""
        width = max(map(len, self), default=0)
        return np.fromiter(self, dtype=f"U{max(width, 1)}", count=len(self))

    def _raw(self, index):
        return bytes(self._bytes[self._ends[index] : self._ends[index + 1]])


def number_runs(order, differ):
    """Number what is equal alike, from the order that sorts it.

    Args:
        order: Index array that sorts the items.
        differ: Function of two index arrays: which items of a pair are not the same.

    Returns:
        int array, the number of each item; numbers grow with the order.
    """
    numbers = np.zeros(len(order), dtype=np.int64)
    if len(order):
        numbers[order[1:]] = np.cumsum(differ(order[:-1], order[1:]))
    return numbers
