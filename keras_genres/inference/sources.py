"""Where posters to predict come from, one after the other, in an order that stays.

A source is a file, a folder, a pattern, a CSV with a column of files, `-` for
a list on stdin, or a URL. Names are gone through as they are needed; of a
folder or pattern they stand in memory once, packed.
"""

import difflib
import glob
import hashlib
import os
import sys
from dataclasses import dataclass
from functools import partial
from itertools import chain, islice
from pathlib import Path

from keras_genres.data.csv_reader import FILE_COLUMNS, images_folder, key_of
from keras_genres.data.csv_rows import read_rows
from keras_genres.data.opening import Tree, Unusable, read_plain
from keras_genres.data.quality import PictureError
from keras_genres.data.readers import CLUTTER
from keras_genres.data.texts import Texts
from keras_genres.errors import UserError
from keras_genres.inference.fetching import fetch, is_url

NO_POSTERS = (".csv", ".json", ".jsonl", ".md", ".parquet", ".tsv", ".txt", ".xml", ".yaml")
"""Endings of files in a folder that are left out: lists and notes beside the posters."""
_MOST_LINE = 2**16
_LOOKED_AT = 200
"""Rows of a CSV that tell which folder its files are in."""


@dataclass(frozen=True, slots=True)
class Found:
    """A poster that a source names."""

    name: str
    """Path or URL as the source has it."""
    read: object
    """Function that returns the bytes of its file, or raises `PictureError`."""
    key: str = ""
    """Its name below the folder it was found in, wherever that stands; else empty."""
    path: str | None = None
    """Its file on this machine."""


class Sources:
    """The posters of several sources, in order.

    Can be gone through once more only without `-`.

    Args:
        sources: Texts: files, folders, patterns, CSV files, URLs, `-`.
        column: Column of CSV files that names posters; `None`: looked for.
        images: Folder that files in a CSV are relative to; `None`: that of the
            CSV, or `images/` beside it.
        shard: `(i, n)`: take the i-th of n parts, from 1 on. Which part a
            poster belongs to follows from its name alone, in a folder the name
            below that folder, so machines may have it in different places.
        follow_links: In folders, also follow links that lead outside.
        fetch: Returns the bytes behind a URL.
        stdin: Binary file that `-` reads.

    Raises:
        UserError: If a CSV has no such column or names posters of another folder,
            a folder is not there, no file is of a pattern, or options do not
            fit the sources.

    Example:
        >>> for poster in Sources(["posters/", "https://example.org/a.jpg"]):
        ...     data = poster.read()
    """

    def __init__(
        self,
        sources,
        column=None,
        images=None,
        shard=None,
        follow_links=False,
        fetch=fetch,
        stdin=None,
    ):
        self._sources = [os.fspath(source) for source in sources]
        if not self._sources:
            raise UserError("No source. Give files, folders, patterns, a CSV, URLs or `-`.")
        if self._sources.count("-") > 1:
            raise UserError("`-` stands twice; a list on stdin can be read once.")
        tables = [source for source in self._sources if self._reader(source) == self._in_table]
        if (column or images) and not tables:
            raise UserError("--column and --images belong to a CSV, and no source is one.")
        self._column, self._images = column, images
        self._shard = shard
        self._follows = follow_links
        self._fetch = fetch
        self._stdin = stdin
        for source in self._sources:
            if self._reader(source) in (self._one, self._in_pattern):
                _require_there(source)
        for table in tables:
            self._require_posters(table, self._column_of(table, self._header(table)))

    def __iter__(self):
        for source in self._sources:
            for found in self._reader(source)(source):
                if self._is_mine(found):
                    yield found

    def _is_mine(self, found):
        if self._shard is None:
            return True
        part, parts = self._shard
        return shard_of(found.key or found.name, parts) == part

    @property
    def is_part(self):
        """Whether this is one of several parts, in which there may be no poster at all."""
        return self._shard is not None

    @property
    def may_hold_urls(self):
        """Whether posters may have to be waited for, longer than for a disk."""
        lists = (self._in_list, self._in_table)
        return any(is_url(source) or self._reader(source) in lists for source in self._sources)

    def _reader(self, source):
        if source == "-":
            return self._in_list
        if is_url(source):
            return self._one
        if os.path.isdir(source):
            return self._in_folder
        if source.lower().endswith(".csv"):
            return self._in_table
        if glob.has_magic(source) and not os.path.lexists(source):
            return self._in_pattern
        return self._one

    def _one(self, name, folder=None):
        if is_url(name):
            yield Found(name, partial(self._fetch, name))
        else:
            path = name if folder is None else _joined(folder, name)
            yield Found(name, partial(read_file, name, path), path=path)

    def _in_list(self, _):
        stdin = sys.stdin.buffer if self._stdin is None else self._stdin
        number = 0
        while line := stdin.readline(_MOST_LINE):
            number += 1
            if len(line) == _MOST_LINE:
                raise UserError(f"Line {number} of the list on stdin is no path: it is too long.")
            name = os.fsdecode(line.rstrip(b"\r\n"))
            short = name.strip()
            if short:  # names of files may begin or end with spaces
                yield from self._one(short if is_url(short) else name)

    def _in_folder(self, folder):
        tree = Tree(folder, self._follows)
        for name in self._walk(folder):
            shown = os.path.join(folder, name) if name != os.sep else folder
            if name.endswith(os.sep):
                yield Found(
                    shown, partial(_raise, shown, "unreadable", "a folder that cannot be listed")
                )
            else:
                yield Found(shown, partial(_read_inside, tree, name, shown), name, shown)

    def _walk(self, folder):
        """Yield the names of files below a folder, and of folders that cannot be read, with `/`."""
        above, stack = [_identity(folder)], [("", iter([""]))]
        while stack:
            start, names = stack[-1]
            name = next(names, None)
            if name is None:
                stack.pop(), above.pop()
                continue
            if name and not name.endswith(os.sep):
                yield start + name
                continue
            place = _identity(os.path.join(folder, start + name))
            if name and place in above:  # a link to a folder above would never end
                continue
            try:
                inside = self._names(os.path.join(folder, start + name))
            except OSError:
                yield start + name or os.sep  # the folder itself
                continue
            above.append(place)
            stack.append((start + name, inside))

    def _names(self, folder):
        names = Texts()
        with os.scandir(folder) as entries:
            for entry in entries:
                lower = entry.name.lower()
                if lower.startswith(".") or lower in CLUTTER or lower.endswith(".partial"):
                    continue
                if entry.is_dir(follow_symlinks=self._follows):
                    names.append(entry.name + os.sep)
                elif not lower.endswith(NO_POSTERS):
                    names.append(entry.name)
        return _sorted(names)

    def _in_pattern(self, pattern):
        names = Texts()
        for name in _files_of(pattern):
            names.append(name)
        for name in _sorted(names):
            yield from self._one(name)

    def _in_table(self, path):
        rows = read_rows(path)
        at = self._column_of(path, next(rows))
        first = list(islice(rows, _LOOKED_AT))
        names = [row[at].strip() for row in first if at < len(row)]
        folder = str(images_folder(Path(path), self._images, names))
        for row in chain(first, rows):
            yield from self._cell(row, at, folder)

    def _cell(self, row, at, folder):
        name = row[at].strip() if at < len(row) else ""
        if name:
            yield from self._one(name, folder)
        elif any(row):
            yield Found("", partial(_raise, "", "missing", "an empty cell"))

    def _require_posters(self, path, at):
        """Refuse a CSV when the folder is a wrong one: then every row would be an error."""
        rows = islice(read_rows(path), 1, 1 + _LOOKED_AT)
        names = [row[at].strip() for row in rows if at < len(row)]
        folder = images_folder(Path(path), self._images, names)
        found = [is_url(name) or _is_there(folder, name) for name in names if name]
        if found and not any(found):
            raise UserError(
                f"{folder} has none of the first {len(found)} posters that {path} names. Name "
                "their folder with --images."
            )

    def _header(self, path):
        try:
            return next(read_rows(path), [])
        except FileNotFoundError:
            raise UserError(f"There is no {path}.") from None

    def _column_of(self, path, header):
        keys = [key_of(name) for name in header]
        wanted = FILE_COLUMNS if self._column is None else (key_of(self._column),)
        for key in wanted:
            if key in keys:
                return keys.index(key)
        what = "no column of file names" if self._column is None else f"no column {self._column!r}"
        raise UserError(f"{path} has {what}; name one with --column. It has {', '.join(header)}.")


def _joined(folder, name):
    # Tables written on Windows part folders by the other stroke.
    return os.path.join(folder, name.replace("\\", "/"))


def _is_there(folder, name):
    try:
        return os.path.lexists(_joined(folder, name))
    except ValueError:  # a zero byte
        return False


def _files_of(pattern):
    return (name for name in glob.iglob(pattern, recursive=True) if not os.path.isdir(name))


def _require_there(source):
    """Refuse a pattern of no file, and what was meant for a folder and is not there.

    A file that is missing is a row.
    """
    if is_url(source) or os.path.lexists(source):
        return
    if glob.has_magic(source):
        if next(_files_of(source), None) is None:
            raise UserError(f"No file is of the pattern {source}.{_did_you_mean(source)}")
    elif not os.path.splitext(source)[1]:
        raise UserError(f"There is no file or folder {source}.{_did_you_mean(source)}")


def _did_you_mean(source):
    """Return ` Did you mean …?` for what stands where the first part of a path is missing."""
    parts = Path(source).parts
    for number, name in enumerate(parts):
        above = Path(*parts[:number])
        if glob.has_magic(name):
            break
        if not os.path.lexists(above / name):
            try:
                near = difflib.get_close_matches(name, os.listdir(above), n=1)
            except OSError:
                break
            return f" Did you mean {above.joinpath(*near, *parts[number + 1 :])}?" if near else ""
    return ""


def shard_of(name, shards):
    """Return which of so many parts a poster belongs to, from 1 on, by its name alone."""
    digest = hashlib.blake2b(name.encode("utf-8", "surrogatepass"), digest_size=8).digest()
    return 1 + int.from_bytes(digest, "big") % shards


def _sorted(names):
    return (names[index] for index in names.order())


def _identity(path):
    try:
        seen = os.stat(path)
        return seen.st_dev, seen.st_ino
    except OSError:
        return None


def read_file(name, path):
    """Return the bytes of a plain file.

    Args:
        name: What to call it in a message.
        path: Where it is.

    Raises:
        PictureError: If it is missing, no plain file, too large or empty.
    """
    try:
        data, _ = read_plain(path)
    except Unusable as error:
        raise PictureError(name, *error.args) from None
    if not data:
        raise PictureError(name, "empty file", "0 bytes")
    return data


def _read_inside(tree, name, shown):
    try:
        path = tree.path_of(name)
    except Unusable as error:
        raise PictureError(shown, *error.args) from None
    return read_file(shown, path)


def _raise(name, reason, detail):
    raise PictureError(name, reason, detail)
