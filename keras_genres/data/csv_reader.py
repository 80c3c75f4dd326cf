"""Posters and their genres from a CSV.

Either with a `genres` column (`Action|Drama`), or with the 19 genres as
columns of 0 and 1, as the paper has it.
"""

import os
import posixpath
import re
from collections import Counter
from functools import partial
from itertools import islice
from pathlib import Path

from keras_genres.data.csv_rows import read_rows
from keras_genres.data.packed import COLUMNS
from keras_genres.data.source import GENRE_BIT, Rows, Source, some
from keras_genres.data.table import escape
from keras_genres.errors import UserError
from keras_genres.genres import GENRES, find_genre, parse_genre

FILE_COLUMNS = ("filename", "file", "image", "poster", "path", "imagename", "imagefile")
GENRE_COLUMNS = ("genres", "genre")
FILM_COLUMNS = ("imdbid", "filmid", "movieid", "tmdbid", "tconst", "film", "id")
"""Column names that are looked for, in this order, without case, spaces, `_` and `-`."""

MAX_EXTRA = 300
"""Characters that are kept of a further cell, such as a title."""
MAX_EXTRA_COLUMNS = 100
"""Further columns that are kept."""


def read_table(path, *, images=None, id_column=None, ignore_unknown=False):
    """Read a CSV of either kind. Arguments and errors as in `read_source`."""
    # The rows are read anew for each question: they never stand in memory together.
    table = _Table(Path(path))
    table.check()
    header, keys = table.header, [key_of(name) for name in table.header]
    file_column = next((keys.index(key) for key in FILE_COLUMNS if key in keys), None)
    if file_column is None:
        raise UserError(
            f"{path} has no column of file names: one of {', '.join(FILE_COLUMNS)}. "
            f"Received the columns {', '.join(header)}."
        )
    film_column = _film_column(path, header, keys, id_column)
    kind, genre_columns, ignored, genres_of = _find_genres(
        table, keys, file_column, {file_column, film_column}, ignore_unknown
    )
    extra_columns = {
        escape(name[:MAX_EXTRA]): column
        for column, name in enumerate(header)
        if column != file_column
        and column not in genre_columns
        and name not in COLUMNS
        and not _is_index(name)
    }
    notes = []
    if len(extra_columns) > MAX_EXTRA_COLUMNS:
        notes.append(f"The first {MAX_EXTRA_COLUMNS} of {len(extra_columns)} columns are kept.")
        extra_columns = dict(islice(extra_columns.items(), MAX_EXTRA_COLUMNS))
    rows, rejected, longer = Rows(extra_columns), [], 0
    for row in table:
        genres = genres_of(row)
        name = _inside(row[file_column])
        if name is None:
            rejected.append((row[file_column], "outside the images folder", "not read"))
            continue
        film = row[film_column].strip() if film_column is not None else ""
        longer += any(len(row[column]) > MAX_EXTRA for column in extra_columns.values())
        cells = {title: row[column][:MAX_EXTRA] for title, column in extra_columns.items()}
        rows.add(name, genres, film, cells)
    folder = images_folder(table.path, images, list(islice(rows.names, 200)))
    count = len(rows.names)
    entries, repeated = rows.entries()
    source = Source(kind, folder, entries, rejected, notes, dict(ignored))
    if longer:
        source.notes.append(
            f"{longer} rows of {table.path.name} have a cell of more than {MAX_EXTRA} characters; "
            "its beginning is kept."
        )
    if len(repeated):
        names = [entries.names[row] for row in repeated[:4]]
        source.notes.append(
            f"{count - len(entries)} rows of {table.path.name} name a file again; such "
            f"rows are one poster with the genres of all: {some(names)}."
        )
    return source


def _find_genres(table, keys, file_column, taken, ignore_unknown):
    """Return `(kind, columns read, unknown genres -> count, function of a row)`.

    The function returns the genres of a row as bits, and counts unknown ones.
    """
    path, header = table.path, table.header
    by_genre = {}
    for column, name in enumerate(header):
        genre = find_genre(name)
        if genre and column not in taken and genre in by_genre:
            raise UserError(f"{path} has the genre {genre} in two columns.")
        if genre and column not in taken:
            by_genre[genre] = column
    missing = [genre for genre in GENRES if genre not in by_genre]
    listed = next((keys.index(key) for key in GENRE_COLUMNS if key in keys), None)
    if missing and listed is not None:
        ignored = Counter()
        count = partial(_from_list, path, file_column, listed, ignored if ignore_unknown else None)
        return "genres column", {listed}, ignored, count
    if len(missing) == len(GENRES):
        raise UserError(
            f"{path} has no genres. Expected a `genres` column (Action|Drama) or the 19 genres as "
            f"columns of 0 and 1. Received the columns {', '.join(header)}."
        )
    if missing:
        raise UserError(f"{path} lacks the genre columns {', '.join(missing)}.")
    columns = set(by_genre.values())
    ignored = _unknown_columns(table, columns | taken, ignore_unknown)
    columns |= {header.index(name) for name in ignored}
    return "genre columns", columns, ignored, partial(_from_columns, path, file_column, by_genre)


def _from_list(path, file_column, listed, ignored, row):
    """Return the genres of a row's list as bits; count unknown ones unless `ignored` is `None`."""
    bits = 0
    for name in split_genres(row[listed]):
        genre = find_genre(name)
        if genre is not None:
            bits |= GENRE_BIT[genre]
        elif ignored is not None:
            ignored[name] += 1
        else:
            _refuse(f"{path}, {row[file_column]}", name)
    return bits


def _from_columns(path, file_column, by_genre, row):
    """Return the genres of a row's 19 columns as bits."""
    bits = 0
    for genre, column in by_genre.items():
        value = _BINARY.get(row[column].strip().lower())
        if value is None:
            raise UserError(
                f"{path}, {row[file_column]}: {genre} must be 0 or 1. Received: {row[column]!r}"
            )
        if value:
            bits |= GENRE_BIT[genre]
    return bits


def _unknown_columns(table, known, ignore_unknown):
    """Return further columns of 0 and 1, which can only be genres we do not have -> count."""
    ones = {
        column: 0
        for column, name in enumerate(table.header)
        if not (column in known or name in COLUMNS or _is_index(name))
    }
    for row in table:
        for column in list(ones):
            value = row[column].strip().lower()
            if value in ("0", "1", "0.0", "1.0"):
                ones[column] += _BINARY[value]
            else:
                del ones[column]
    ignored = {table.header[column]: count for column, count in ones.items() if count}
    for name in ignored:
        if not ignore_unknown:
            _refuse(table.path, name)
    return ignored


_BINARY = {"0": 0, "1": 1, "0.0": 0, "1.0": 1, "false": 0, "true": 1}


def _is_index(name):
    return not name or name.startswith("Unnamed:")


def _refuse(where, name):
    try:
        parse_genre(name)
    except UserError as error:
        raise UserError(f"{where}: {error}") from None


def split_genres(text):
    """Return the names in one cell of a `genres` column.

    Example:
        >>> split_genres("Action | Sci-Fi"), split_genres("['Drama', 'War']"), split_genres("")
        (['Action', 'Sci-Fi'], ['Drama', 'War'], [])
    """
    parts = (part.strip(" \t\r\n'\"") for part in re.split(r"[|,;]", text.strip().strip("[]")))
    return [part for part in parts if part and part not in ("N/A", "\\N", "nan")]


def _film_column(path, header, keys, wanted):
    if wanted is None:
        return next((keys.index(key) for key in FILM_COLUMNS if key in keys), None)
    if key_of(wanted) not in keys:
        raise UserError(f"{path} has no column {wanted!r}. It has {', '.join(header)}.")
    return keys.index(key_of(wanted))


def images_folder(path, images, names):
    """Return the folder of the pictures; `names` are a few of them."""
    if images is not None:
        if not Path(images).is_dir():
            raise UserError(f"There is no folder {images}. --images takes the folder of pictures.")
        return Path(images)
    beside, below = path.parent, path.parent / "images"
    found = {
        folder: sum(os.path.isfile(folder / name) for name in names) for folder in (beside, below)
    }
    return below if found[below] > found[beside] else beside


def _inside(name):
    """Return the path below the images folder that a CSV means, or `None` if it leads outside."""
    name = name.strip().replace("\\", "/")
    if not name or "\0" in name or name.startswith("/") or re.match(r"[A-Za-z]:", name):
        return None
    name = posixpath.normpath(name)
    return None if name in (".", "..") or name.startswith("../") else name


class _Table:
    """A CSV whose rows can be gone through as often as needed, never held together."""

    def __init__(self, path):
        self.path = path
        self.header = next(self._lines(), [])

    def __iter__(self):
        rows = self._lines()
        next(rows)
        return filter(any, rows)

    def check(self):
        """Raise a `UserError` unless there are rows, all of them as long as the header."""
        again = [name for name, count in Counter(self.header).items() if name and count > 1]
        if again:
            raise UserError(f"{self.path} has the column {again[0]!r} twice. Remove or rename one.")
        number = 1
        for number, row in enumerate(self if self.header else (), start=2):
            if len(row) != len(self.header):
                raise UserError(
                    f"{self.path}, row {number} has {len(row)} cells, "
                    f"the header has {len(self.header)}."
                )
        if number == 1:
            raise UserError(
                f"{self.path} holds no posters: it needs a header and at least one row."
            )

    def _lines(self):
        rows = read_rows(self.path)
        try:
            yield [name.strip() for name in next(rows, [])]
        except FileNotFoundError:
            raise UserError(f"There is no {self.path}.") from None
        yield from rows


def key_of(name):
    return re.sub(r"[\s_\-]+", "", name).casefold()
