"""The three ways posters and their genres come: genre folders and two kinds of CSV.

- A folder with one sub-folder per genre. The same file stands in several: a
  poster's genres are the folders it is in.
- A CSV with a `genres` column (`Action|Drama`).
- A CSV with the 19 genres as columns of 0 and 1, as the paper has it.
"""

import csv
import hashlib
import os
import posixpath
import re
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

from tqdm import tqdm

from keras_genres.data.table import COLUMNS
from keras_genres.errors import UserError
from keras_genres.genres import GENRES, find_genre, parse_genre

FILE_COLUMNS = ("filename", "file", "image", "poster", "path", "imagename", "imagefile")
GENRE_COLUMNS = ("genres", "genre")
FILM_COLUMNS = ("imdbid", "filmid", "movieid", "tmdbid", "tconst", "film", "id")
"""Column names that are looked for, in this order, without case, spaces, `_` and `-`."""

_CLUTTER = {"thumbs.db", "desktop.ini", "__macosx"}


@dataclass
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


@dataclass
class Source:
    """What a source holds."""

    kind: str
    """`genre folders`, `genres column` or `genre columns`."""
    images: Path
    """Folder that the names of entries are relative to."""
    entries: list
    """One `Entry` a poster, sorted by name."""
    rejected: list = field(default_factory=list)
    """`(name, reason, detail)` of what is left out already."""
    notes: list = field(default_factory=list)
    """Lines worth telling the user."""
    ignored: dict = field(default_factory=dict)
    """Unknown genres that were ignored -> how many times."""
    conflicts: set = field(default_factory=set)
    """Names of posters whose rows in the CSV gave different genres."""


def read_source(path, *, images=None, id_column=None, ignore_unknown=False, skip=(), jobs=None):
    """Read a folder of genre folders, or a CSV.

    Args:
        path: The folder or the CSV.
        images: Folder of a CSV's pictures; by default the folder of the CSV
            or `images` in it, whichever has them.
        id_column: CSV column with the film's id; by default the first of
            `FILM_COLUMNS` that is there.
        ignore_unknown: Leave out genres that are none of ours instead of stopping.
        skip: Folders that are not read, such as the one being written.
        jobs: Files read at a time.

    Returns:
        A `Source`.

    Raises:
        UserError: If there is nothing there, or it is none of the three kinds.
    """
    path = Path(path)
    if path.is_dir():
        if images is not None or id_column is not None:
            raise UserError("--images and --id-column go with a CSV; genre folders have neither.")
        return read_folders(path, ignore_unknown=ignore_unknown, skip=skip, jobs=jobs)
    if not path.exists():
        raise UserError(f"There is no {path}. Give a folder of genre folders, or a CSV.")
    return read_table(path, images=images, id_column=id_column, ignore_unknown=ignore_unknown)


def read_folders(folder, *, ignore_unknown=False, skip=(), jobs=None):
    """Read genre folders. Arguments and errors as in `read_source`."""
    folder = Path(folder)
    skip = {os.path.realpath(path) for path in skip}
    names = [
        name
        for name in _names(folder)
        if (folder / name).is_dir() and os.path.realpath(folder / name) not in skip
    ]
    if not any(find_genre(name) for name in names):
        tables = [name for name in _names(folder) if name.lower().endswith(".csv")]
        hint = f" To read a CSV, name it: {folder / tables[0]}" if tables else ""
        raise UserError(
            f"{folder} has no genre folders. Expected sub-folders such as {folder / 'Action'}, "
            f"each with posters.{hint}"
        )
    source = Source("genre folders", folder, [])
    files = []
    for name in names:
        genre = find_genre(name) if ignore_unknown else parse_genre(name)
        found = []
        for file in _names(folder / name):
            if (folder / name / file).is_dir():
                source.rejected.append((f"{name}/{file}", "sub-folder", "not read"))
            else:
                found.append((file, name, genre))
        if not found:
            raise UserError(f"The genre folder {folder / name} is empty. Fill it or remove it.")
        if genre is None:
            source.ignored[name] = len(found)
        else:
            files += found
    loose = [name for name in _names(folder) if not (folder / name).is_dir()]
    source.rejected += [(name, "in no genre folder", "") for name in loose]
    _merge_copies(source, files, jobs)
    return source


def _merge_copies(source, files, jobs):
    """Make one entry of the copies of a file: same name, same bytes, several folders."""
    paths = [source.images / folder / file for file, folder, _ in files]
    with ThreadPoolExecutor(jobs) as pool:
        digests = list(
            tqdm(
                pool.map(_digest, paths, chunksize=64),
                total=len(paths),
                desc="Reading",
                unit="file",
                disable=None,
            )
        )
    copies = {}
    for (file, folder, genre), digest in zip(files, digests, strict=True):
        # A file that cannot be read is itself only; the reason is found later.
        copies.setdefault((file, digest or folder), []).append((folder, genre))
    for (file, _), places in copies.items():
        name = f"{min(folder for folder, _ in places)}/{file}"
        source.entries.append(Entry(name, frozenset(genre for _, genre in places)))
    source.entries.sort(key=lambda entry: entry.name)
    variants = Counter(file for file, _ in copies)
    twice = sorted(file for file, count in variants.items() if count > 1)
    if twice:
        source.notes.append(
            f"{len(twice)} file names stand for different pictures in different genre folders, and "
            f"are kept apart: {_some(twice)}."
        )


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
    read_genres, kind, genre_columns, ignored = _genre_reader(
        path, header, keys, rows, {file_column, film_column}, ignore_unknown
    )
    used = {file_column, *genre_columns}
    extra_columns = [
        (column, name)
        for column, name in enumerate(header)
        if column not in used and name not in COLUMNS and name and not name.startswith("Unnamed:")
    ]
    source = Source(kind, _images_folder(path, images, [row[file_column] for row in rows]), [])
    source.ignored = ignored
    entries, repeated = {}, []
    for number, row in enumerate(rows, start=2):
        name = _inside(row[file_column])
        if name is None:
            source.rejected.append((row[file_column], "outside the images folder", f"row {number}"))
            continue
        genres = read_genres(number, row)
        film = row[film_column].strip() if film_column is not None else ""
        films = frozenset([film] if film else [])
        known = entries.get(name)
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
            f"the genres of all: {_some(sorted(set(repeated)))}."
        )
    source.entries = sorted(entries.values(), key=lambda entry: entry.name)
    return source


def _genre_reader(path, header, keys, rows, taken, ignore_unknown):
    """Return `(function of row number and row, kind, columns, ignored)`."""
    ignored = Counter()
    by_genre = {}
    for column, name in enumerate(header):
        genre = find_genre(name)
        if genre and column not in taken:
            if genre in by_genre:
                raise UserError(f"{path} has the genre {genre} in two columns.")
            by_genre[genre] = column
    listed = next((keys.index(key) for key in GENRE_COLUMNS if key in keys), None)

    def from_list(number, row):
        genres = set()
        for name in split_genres(row[listed]):
            genre = find_genre(name) if ignore_unknown else _parse(path, number, name)
            if genre is None:
                ignored[name] += 1
            else:
                genres.add(genre)
        return frozenset(genres)

    def from_columns(number, row):
        found = set()
        for genre, column in by_genre.items():
            value = _BINARY.get(row[column].strip().lower())
            if value is None:
                raise UserError(
                    f"{path}, row {number}: {header[column]} must be 0 or 1. "
                    f"Received: {row[column]!r}"
                )
            if value:
                found.add(genre)
        return frozenset(found)

    if listed is not None:
        return from_list, "genres column", {listed}, ignored
    missing = [genre for genre in GENRES if genre not in by_genre]
    if len(missing) == len(GENRES):
        raise UserError(
            f"{path} has no genres. Expected a `genres` column (Action|Drama) or the 19 genres as "
            f"columns of 0 and 1. Received the columns {', '.join(header)}."
        )
    if missing:
        raise UserError(f"{path} lacks the genre columns {', '.join(missing)}.")
    columns = set(by_genre.values())
    for column, name in enumerate(header):
        if column in columns | taken or name in COLUMNS or not rows:
            continue
        values = {row[column].strip().lower() for row in rows}
        if values <= set(_BINARY) and "1" in "".join(values):
            if not ignore_unknown:
                parse_genre(name)
            ignored[name] = sum(_BINARY[row[column].strip().lower()] for row in rows)
            columns.add(column)
    return from_columns, "genre columns", columns, ignored


_BINARY = {"0": 0, "1": 1, "0.0": 0, "1.0": 1, "false": 0, "true": 1}


def split_genres(text):
    """Return the names in one cell of a `genres` column.

    Example:
        >>> split_genres("Action | Sci-Fi"), split_genres("['Drama', 'War']"), split_genres("")
        (['Action', 'Sci-Fi'], ['Drama', 'War'], [])
    """
    parts = (part.strip(" \t\r\n'\"") for part in re.split(r"[|,;]", text.strip().strip("[]")))
    return [part for part in parts if part and part not in ("N/A", "\\N", "nan")]


def _parse(path, number, name):
    try:
        return parse_genre(name)
    except UserError as error:
        raise UserError(f"{path}, row {number}: {error}") from None


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


def _names(folder):
    """Return the names in a folder, sorted, without hidden files and what systems leave behind."""
    try:
        names = os.listdir(folder)
    except OSError as error:
        raise UserError(f"Cannot read {folder}: {error.strerror}.") from None
    return sorted(
        name for name in names if not name.startswith(".") and name.lower() not in _CLUTTER
    )


def _digest(path):
    try:
        with open(path, "rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError:
        return ""


def _key(name):
    return re.sub(r"[\s_\-]+", "", name).casefold()


def _some(names, most=3):
    return ", ".join(names[:most]) + (" …" if len(names) > most else "")
