"""Posters of one film or one picture, and what is said of them.

A group never crosses a split: a poster seen in training would otherwise be
asked again in the test.
"""

from collections import Counter
from dataclasses import dataclass
from hashlib import sha256

import numpy as np

from keras_genres.data.findings import number_digests
from keras_genres.data.table import escape, write_csv
from keras_genres.data.texts import Texts
from keras_genres.errors import is_printable
from keras_genres.genres import GENRES

_MOST_LETTERS = 100  # of an id that stands in the name of its group
WHY = ("same film", "same bytes", "same picture")


def find_links(entries, digests, firsts, pairs, keep):
    """Return what belongs together, and why.

    Args:
        entries: All usable `Entries`.
        digests: SHA-256 of their files, as `Findings.digests` returns them.
        firsts, pairs: As `duplicates.same_pictures` returns them, over all entries.
        keep: Increasing indices of the entries that are kept.

    Returns:
        A dict: each of `WHY` -> int array of shape `(links, 2)`, numbered by
        the place in `keep`.
    """
    places = np.full(len(entries), -1)
    places[keep] = np.arange(len(keep))
    posters, _, films = entries.film_rows()
    numbers = number_digests(digests)
    alike = np.flatnonzero(firsts != np.arange(len(firsts)))
    pictures = np.concatenate([np.stack([firsts[alike], alike], axis=1), pairs])
    same_bytes = numbers[pictures[:, 0]] == numbers[pictures[:, 1]]
    pictures = places[pictures[~same_bytes]]
    return {
        "same film": _link(places[posters], films),
        "same bytes": _link(places, numbers),
        "same picture": pictures[(pictures >= 0).all(axis=1)],
    }


def _link(places, numbers):
    """Link every place with the first of those that have its number; -1 is no place."""
    places, numbers = places[places >= 0], numbers[places >= 0]
    order = np.lexsort((places, numbers))
    places, numbers = places[order], numbers[order]
    starts = np.flatnonzero(np.diff(numbers, prepend=-1))
    firsts = np.repeat(places[starts], np.diff(np.append(starts, len(places))))
    links = np.stack([firsts, places], axis=1)
    return links[firsts != places]


@dataclass(frozen=True)
class Groups:
    """Which posters belong together."""

    names: Texts
    """Name of each group, sorted."""
    numbers: np.ndarray
    """Group of each poster, int array of shape `(posters,)`."""

    def __len__(self):
        return len(self.names)

    def of_posters(self):
        """Return the name of each poster's group, `Texts`."""
        return self.names.take(self.numbers)


def name_groups(entries, roots):
    """Name groups so that the same posters get the same names again, wherever they lie.

    Args:
        entries: The `Entries`.
        roots: For each of them the first one of its group.

    Returns:
        The `Groups`.
    """
    roots, numbers = np.unique(roots, return_inverse=True)
    posters, rows, films = entries.film_rows()
    groups = numbers[posters]
    order = np.lexsort((films, groups))
    # The film that sorts first, of each group that has one.
    named, firsts = np.unique(groups[order], return_index=True)
    film_row = np.full(len(roots), -1)
    film_row[named] = rows[order][firsts]
    names = Texts()
    for root, row in zip(roots, film_row, strict=True):
        if row >= 0:
            film = entries.films[row]
            names.append(f"film-{film if _is_plain(film) else _digest(film)}")
        else:
            names.append(f"poster-{_digest(entries.names[root])}")
    order = names.order()
    rank = np.empty(len(order), dtype=np.int64)
    rank[order] = np.arange(len(order))
    return Groups(names.take(order), rank[numbers])


def _is_plain(film):
    return len(film) <= _MOST_LETTERS and is_printable(film) and escape(film) == film


def _digest(name):
    return sha256(name.encode("utf-8", "surrogateescape")).hexdigest()[:16]


def write_groups(folder, names, entries, splits, groups, links):
    """Write `duplicates.csv` and `conflicts.csv`; return their facts."""
    flags = np.zeros(len(entries), dtype=np.uint8)
    for bit, why in enumerate(WHY):
        flags[links[why].ravel()] |= 1 << bit
    sizes = np.bincount(groups.numbers, minlength=len(groups))
    # Group by group, the posters of each in order.
    rows = np.argsort(groups.numbers, kind="stable")
    rows = rows[sizes[groups.numbers[rows]] > 1]
    low, high = (np.full(len(groups), limit, dtype=np.int64) for limit in (2**32, -1))
    np.minimum.at(low, groups.numbers, entries.genres.astype(np.int64))
    np.maximum.at(high, groups.numbers, entries.genres.astype(np.int64))
    torn = rows[(low < high)[groups.numbers[rows]]]
    joined = np.flatnonzero(entries.differed)
    write_csv(
        folder / "duplicates.csv",
        ("group", "filename", "split", "why"),
        ((groups.names[groups.numbers[r]], names[r], splits[r], _why(flags[r])) for r in rows),
    )
    write_csv(
        folder / "conflicts.csv",
        ("group", "filename", "genres", "why"),
        (
            (groups.names[groups.numbers[row]], names[row], _genres(entries[row]), why)
            for these, why in (
                (torn, "differ in group"),
                (joined, "rows of the CSV differed; their genres are joined"),
            )
            for row in these
        ),
    )
    reasons = {why: int((flags[rows] >> bit & 1).sum()) for bit, why in enumerate(WHY)}
    return {
        "groups": len(groups),
        "duplicates": {
            "groups": int((sizes > 1).sum()),
            "posters": len(rows),
            "why": dict(Counter({why: n for why, n in reasons.items() if n}).most_common()),
            "largest_group": int(sizes.max()),
        },
        "conflicts": {
            "groups": len(np.unique(groups.numbers[np.concatenate([torn, joined])])),
            "posters": len(torn) + len(joined),
        },
    }


def _why(flags):
    return ", ".join(sorted(why for bit, why in enumerate(WHY) if flags >> bit & 1))


def _genres(entry):
    return "|".join(genre for genre in GENRES if genre in entry.genres)


def tally(values):
    """Count values, most frequent first."""
    return {str(value): count for value, count in Counter(values).most_common()}
