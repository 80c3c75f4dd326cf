"""`files.csv`: what every poster's file was like when `data prepare` passed it.

Columns: `filename` as in `multilabel_posters.csv` and in its order, `size` in
bytes, `mtime_ns` (nanoseconds since 1970) and `sha256`.
"""

import csv
import hashlib
import re
import struct
import tempfile
from dataclasses import dataclass
from pathlib import Path

from keras_genres.data.csv_rows import read_rows
from keras_genres.errors import UserError
from keras_genres.files import whole_file

FILES = "files.csv"
_COLUMNS = ["filename", "size", "mtime_ns", "sha256"]
_AGAIN = "Run `keras-genres data prepare` to write it again."
_NUMBER = re.compile(r"-?[0-9]{1,19}")
_HASH = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True, slots=True)
class Stamp:
    """What tells a file from another, or from itself at another time."""

    size: int
    """Bytes."""
    mtime_ns: int
    """When it was changed last, nanoseconds since 1970."""
    sha256: str
    """Of its bytes, 64 hexadecimal digits."""


class Stamps:
    """The stamps of many files, kept in a file: none is asked for twice.

    Args:
        folder: Where the file may be; it has no name there and goes when closed.
    """

    _ROW = struct.Struct("<qq32s")

    def __init__(self, folder):
        self._file = tempfile.TemporaryFile(dir=folder)  # noqa: SIM115 (open until `close`)

    def append(self, stamp):
        """Add one at the end."""
        digest = bytes.fromhex(stamp.sha256)
        self._file.write(self._ROW.pack(stamp.size, stamp.mtime_ns, digest))

    def __getitem__(self, row):
        self._file.seek(row * self._ROW.size)
        size, mtime_ns, digest = self._ROW.unpack(self._file.read(self._ROW.size))
        return Stamp(size, mtime_ns, digest.hex())

    def close(self):
        """Forget them."""
        self._file.close()


def write_stamps(folder, names, stamps):
    """Write `files.csv`.

    Args:
        folder: Where to.
        names: The posters' names, as in the table.
        stamps: The `Stamp` of each.

    Returns:
        SHA-256 of the file.
    """
    path = Path(folder) / FILES
    with whole_file(path) as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(_COLUMNS)
        for name, stamp in zip(names, stamps, strict=True):
            writer.writerow([name, stamp.size, stamp.mtime_ns, stamp.sha256])
    return _hash(path)


def read_stamps(folder, names, sha256=None):
    """Yield the `Stamp` of each poster.

    Args:
        folder: Prepared folder, in which there is a `files.csv`.
        names: Names of the posters in the table, in order.
        sha256: What the hash of the file should be; `None` where that is not known.

    Raises:
        UserError: If it is damaged, or not of this table.
    """
    path = Path(folder) / FILES
    if sha256 is not None and _hash(path) != sha256:
        raise UserError(f"{path} was changed after prepare.json was written. {_AGAIN}")
    rows = _rows(path)
    for name in names:
        row = next(rows, None)
        if row is None or row[:1] != [name]:
            found = "nothing" if not row else repr(row[0])
            raise UserError(
                f"{path} is not of the table beside it: {name!r} expected, {found} found. {_AGAIN}"
            )
        yield _read(path, row)
    if next(rows, None) is not None:
        raise UserError(f"{path} names more posters than the table beside it. {_AGAIN}")


def hash_contents(folder):
    """Return the SHA-256 over names and contents of the posters of a prepared folder.

    Args:
        folder: The folder; it may have been copied since.

    Returns:
        64 hexadecimal digits, or `None` if it has no `files.csv`.

    Raises:
        UserError: If that is damaged.
    """
    path = Path(folder) / FILES
    if not path.exists():
        return None
    digest = hashlib.sha256()
    for row in _rows(path):
        digest.update(f"{row[0]}\t{_read(path, row).sha256}\n".encode("utf-8", "surrogateescape"))
    return digest.hexdigest()


def _rows(path):
    """Return an iterator over the rows below the header."""
    rows = read_rows(path, ",", _AGAIN)
    if next(rows, None) != _COLUMNS:
        raise UserError(f"{path} has not the columns {', '.join(_COLUMNS)}. {_AGAIN}")
    return rows


def _read(path, row):
    is_sound = len(row) == len(_COLUMNS) and _HASH.fullmatch(row[3])
    if not is_sound or not all(map(_NUMBER.fullmatch, row[1:3])):
        raise UserError(f"{path} is damaged at {row[0]!r}. {_AGAIN}")
    return Stamp(int(row[1]), int(row[2]), row[3])


def _hash(path):
    try:
        with open(path, "rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise UserError(f"Cannot read {path}: {error.strerror}. {_AGAIN}") from None
