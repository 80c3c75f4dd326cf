"""Posters and their genres from a CSV.

Either with a `genres` column (`Action|Drama`), or with the 19 genres as
columns of 0 and 1, as the paper has it.
"""

import csv
import posixpath
import re
from collections import Counter
from pathlib import Path

from keras_genres.data.source import Entry, Source, some
from keras_genres.data.table import COLUMNS
from keras_genres.errors import UserError
from keras_genres.genres import GENRES, find_genre, parse_genre

FILE_COLUMNS = ("filename", "file", "image", "poster", "path", "imagename", "imagefile")
GENRE_COLUMNS = ("genres", "genre")
FILM_COLUMNS = ("imdbid", "filmid", "movieid", "tmdbid", "tconst", "film", "id")
"""Column names that are looked for, in this order, without case, spaces, `_` and `-`."""


def read_table(path, *, images=None, id_column=None, ignore_unknown=False):
    """Read a CSV of either kind. Arguments and errors as in `read_source`."""
    path = Path(path)
    header, rows = _read_csv(path)
    keys = [_key(name) for name in header]
    file_column = next((keys.index(key) for key in FILE_COLUMNS if key in keys), None)
    if file_column is None:
        raise UserError(
            f"{path} has no `filename` column. Received the columns {', '.join(header)}."
        )
    film_column = _film_column(path, header, keys, id_column)
    taken = {file_column, film_column}
    kind, genre_sets, genre_columns, ignored = _genres_of(
        path, header, keys, rows, file_column, taken, ignore_unknown
    )
    extra_columns = [
        (column, name)
        for column, name in enumerate(header)
        if column != file_column
        and column not in genre_columns
        and name not in COLUMNS
        and not _is_index(name)
    ]
    source = Source(kind, _images_folder(path, images, [row[file_column] for row in rows]), [])
    source.ignored = ignored
    entries, repeated, shared = {}, [], {}
    for row, genres in zip(rows, genre_sets, strict=True):
        name = _inside(row[file_column])
        if name is None:
            source.rejected.append((row[file_column], "outside the images folder", "not read"))
            continue
        film = row[film_column].strip() if film_column is not None else ""
        films = frozenset([film] if film else [])
        known = entries.get(name)
        genres = shared.setdefault(genres, genres)  # thousands of posters have the same few
        if known is None:
            extra = {title: row[column] for column, title in extra_columns}
            entries[name] = Entry(name, genres, films, extra)
            continue
        repeated.append(name)
        if known.genres != genres:
            source.conflicts.add(name)
        known.genres |= genres
        known.films |= films
    if repeated:
        source.notes.append(
            f"{len(repeated)} rows of {path.name} name a file again; such rows are one poster with "
            f"the genres of all: {some(sorted(set(repeated)))}."
        )
    source.entries = sorted(entries.values(), key=lambda entry: entry.name)
    return source


def _genres_of(path, header, keys, rows, file_column, taken, ignore_unknown):
    """Return `(kind, a set of genres for each row, columns read, unknown genres)`."""
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
        sets, ignored = _from_list(path, rows, file_column, listed, ignore_unknown)
        return "genres column", sets, {listed}, ignored
    if len(missing) == len(GENRES):
        raise UserError(
            f"{path} has no genres. Expected a `genres` column (Action|Drama) or the 19 genres as "
            f"columns of 0 and 1. Received the columns {', '.join(header)}."
        )
    if missing:
        raise UserError(f"{path} lacks the genre columns {', '.join(missing)}.")
    columns = set(by_genre.values())
    ignored = _unknown_columns(path, header, rows, columns | taken, ignore_unknown)
    sets = _from_columns(path, rows, file_column, by_genre)
    return "genre columns", sets, columns | {header.index(name) for name in ignored}, ignored


def _from_list(path, rows, file_column, listed, ignore_unknown):
    sets, ignored = [], Counter()
    for row in rows:
        genres = set()
        for name in split_genres(row[listed]):
            genre = find_genre(name)
            if genre is not None:
                genres.add(genre)
            elif ignore_unknown:
                ignored[name] += 1
            else:
                _refuse(f"{path}, {row[file_column]}", name)
        sets.append(frozenset(genres))
    return sets, dict(ignored)


def _from_columns(path, rows, file_column, by_genre):
    sets = []
    for row in rows:
        genres = set()
        for genre, column in by_genre.items():
            value = _BINARY.get(row[column].strip().lower())
            if value is None:
                raise UserError(
                    f"{path}, {row[file_column]}: {genre} must be 0 or 1. Received: {row[column]!r}"
                )
            if value:
                genres.add(genre)
        sets.append(frozenset(genres))
    return sets


def _unknown_columns(path, header, rows, known, ignore_unknown):
    """Return further columns of 0 and 1, which can only be genres we do not have -> count."""
    ignored = {}
    for column, name in enumerate(header):
        if column in known or name in COLUMNS or _is_index(name):
            continue
        values = [row[column].strip().lower() for row in rows]
        if set(values) <= {"0", "1", "0.0", "1.0"} and {"1", "1.0"} & set(values):
            if not ignore_unknown:
                _refuse(path, name)
            ignored[name] = sum(_BINARY[value] for value in values)
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
    if _key(wanted) not in keys:
        raise UserError(f"{path} has no column {wanted!r}. It has {', '.join(header)}.")
    return keys.index(_key(wanted))


def _images_folder(path, images, names):
    if images is not None:
        if not Path(images).is_dir():
            raise UserError(f"There is no folder {images}. --images takes the folder of pictures.")
        return Path(images)
    names = [name for name in map(_inside, names) if name][:200]
    beside, below = path.parent, path.parent / "images"
    found = {folder: sum((folder / name).is_file() for name in names) for folder in (beside, below)}
    return below if found[below] > found[beside] else beside


def _inside(name):
    """Return the path below the images folder that a CSV means, or `None` if it leads outside."""
    name = name.strip().replace("\\", "/")
    if not name or "\0" in name or name.startswith("/") or re.match(r"[A-Za-z]:", name):
        return None
    name = posixpath.normpath(name)
    return None if name in (".", "..") or name.startswith("../") else name


def _read_csv(path):
    try:
        with open(path, encoding="utf-8-sig", newline="") as file:
            first = file.readline()
            file.seek(0)
            cut = max(",;\t", key=first.count)
            reader = csv.reader(file, delimiter=cut, strict=True)
            header = [name.strip() for name in next(reader, [])]
            rows = [row for row in reader if any(row)]
    except UnicodeDecodeError as error:
        raise UserError(
            f"{path} is not UTF-8 (byte {error.start}). Save it again as CSV UTF-8."
        ) from None
    except (OSError, csv.Error) as error:
        raise UserError(f"{path} is not a readable CSV: {error}.") from None
    if not rows:
        raise UserError(f"{path} holds no posters: it needs a header and at least one row.")
    for number, row in enumerate(rows, start=2):
        if len(row) != len(header):
            raise UserError(
                f"{path}, row {number} has {len(row)} cells, the header has {len(header)}."
            )
    return header, rows


def _key(name):
    return re.sub(r"[\s_\-]+", "", name).casefold()
