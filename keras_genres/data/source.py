"""What a source of posters holds, whatever its kind."""

from array import array
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path

import numpy as np

from keras_genres.data.texts import Texts
from keras_genres.genres import GENRES, NUM_GENRES

GENRE_BIT = {genre: 1 << index for index, genre in enumerate(GENRES)}
"""The bit of a genre in the number that holds the genres of a poster."""


@dataclass(slots=True)
class Entry:
    """One poster as the source names it."""

    name: str
    """Path below the images folder, with `/`; unique in the source."""
    genres: frozenset
    """Names of its known genres; may be empty."""
    films: frozenset = frozenset()
    """Ids of the films it stands for; empty where the source has no ids."""
    extra: dict = field(default_factory=dict)
    """Further columns of the CSV."""


class Entries:
    """The posters of a source, sorted by name; a column for each thing known of them.

    To be read like a list of `Entry`, which would take ten times the memory.

    Args:
        names: Path of each poster below the images folder, `Texts`.
        genres: Its genres as bits, integers of shape `(posters,)`.
        films: Ids of films, `Texts`, a poster's together; `None` for none.
        film_starts: Where in `films` the ids of each poster begin, and the end.
        extra: Further columns, name -> `Texts`.
        differed: Whether the rows for a poster gave different genres, bool array.
    """

    def __init__(self, names, genres, films=None, film_starts=None, extra=None, differed=None):
        self.names = names
        self.genres = np.asarray(genres, dtype="<u4")
        self.films = films if films is not None else Texts()
        self.extra = extra or {}
        self._film_starts = film_starts
        if film_starts is None:
            self._film_starts = np.zeros(len(names) + 1, dtype=np.int64)
        self.differed = differed if differed is not None else np.zeros(len(names), dtype=bool)

    def __len__(self):
        return len(self.names)

    def __getitem__(self, index):
        extra = {title: texts[index] for title, texts in self.extra.items()}
        return Entry(self.names[index], _genre_set(int(self.genres[index])), self._of(index), extra)

    def __iter__(self):
        return map(self.__getitem__, range(len(self)))

    def take(self, rows):
        """Return the posters of an increasing index array; itself where that is all."""
        if len(rows) == len(self):
            return self
        counts = np.diff(self._film_starts)[rows]
        starts = np.concatenate([[0], np.cumsum(counts)])
        within = np.arange(starts[-1]) + np.repeat(self._film_starts[rows] - starts[:-1], counts)
        return Entries(
            self.names.take(rows),
            self.genres[rows],
            self.films.take(within),
            starts,
            {title: texts.take(rows) for title, texts in self.extra.items()},
            self.differed[rows],
        )

    def films_or_name(self, index):
        """Return the ids of a poster's films; without any its name, as if it were a film."""
        return self._of(index) or {self.names[index]}

    def labels(self):
        """Return the genres as a uint8 0/1 array of shape `(posters, genres)`."""
        octets = self.genres.view(np.uint8).reshape(-1, 4)
        return np.unpackbits(octets, axis=1, count=NUM_GENRES, bitorder="little")

    def _of(self, index):
        rows = range(self._film_starts[index], self._film_starts[index + 1])
        return frozenset(filter(None, (self.films[row] for row in rows)))

    def film_rows(self):
        """Return every film of every poster.

        Returns:
            `(posters, rows, numbers)`, int arrays of one length: a poster,
            where in `films` the id stands, and a number that the same ids
            share and that grows as ids do.
        """
        rows = np.fromiter((row for row, film in enumerate(self.films) if film), np.int64)
        posters = np.searchsorted(self._film_starts, rows, side="right") - 1
        return posters, rows, self.films.numbers()[rows]


@dataclass
class Source:
    """What a source holds."""

    kind: str
    """`genre folders`, `genres column` or `genre columns`."""
    images: Path
    """Folder that the names of entries are relative to."""
    entries: Entries
    """The posters, sorted by name."""
    rejected: list = field(default_factory=list)
    """`(name, reason, detail)` of what is left out already."""
    notes: list = field(default_factory=list)
    """Lines worth telling the user."""
    ignored: dict = field(default_factory=dict)
    """Unknown genres that were ignored -> how many times."""

    @property
    def conflicts(self):
        """Names of posters whose rows in the CSV gave different genres, a set."""
        return {self.entries.names[row] for row in np.flatnonzero(self.entries.differed)}


class Rows:
    """The rows of a CSV as they come, of which `entries` makes posters.

    Args:
        titles: Names of the further columns.
    """

    def __init__(self, titles=()):
        self.names, self._films = Texts(), Texts()
        self._genres = array("I")
        self._extra = {title: Texts() for title in titles}

    def add(self, name, genres, film="", extra=None):
        """Add a row: name, genres as bits, id of a film or `""`, further cells by title."""
        self.names.append(name)
        self._genres.append(genres)
        self._films.append(film)
        for title, text in (extra or {}).items():
            self._extra[title].append(text)

    def entries(self):
        """Make one poster of the rows that name one file. The rows are gone then.

        It has the genres and films of all its rows, and the further cells of the first.

        Returns:
            `(entries, repeated)`: the `Entries`, and the index array of those
            with several rows.
        """
        order = self.names.order()
        is_first = np.ones(len(order), dtype=bool)
        is_first[1:] = self.names.differ(order[:-1], order[1:])
        starts = np.append(np.flatnonzero(is_first), len(order))
        genres = np.array(self._genres, dtype="<u4")[order]
        firsts = order[is_first]
        joined = np.bitwise_or.reduceat(genres, starts[:-1]) if len(order) else genres
        differed = np.zeros(len(firsts), dtype=bool)
        poster = np.cumsum(is_first) - 1
        differed[poster[genres != genres[starts[poster]]]] = True
        # Column by column, so that no more than one stands there twice.
        names, self.names = self.names.take(firsts), None
        films, self._films = self._films.take(order), None
        extra = {title: self._extra.pop(title).take(firsts) for title in list(self._extra)}
        entries = Entries(names, joined, films, starts, extra, differed)
        return entries, np.flatnonzero(np.diff(starts) > 1)


@lru_cache(maxsize=4096)
def _genre_set(bits):
    return frozenset(genre for genre, bit in GENRE_BIT.items() if bits & bit)


def some(names, most=3):
    """Return the first few names as text."""
    return ", ".join(names[:most]) + (" …" if len(names) > most else "")
