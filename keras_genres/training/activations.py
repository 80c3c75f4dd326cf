"""Rows of activations, kept in memory or in a file that grows and can be taken up again.

A file is `prefix-KEY.rows`: numbers and nothing else, so that it can be
mapped. While it grows it is `prefix-KEY.partial`, and `prefix-KEY.json` says
how many of its rows are safely on the disk. The key is a hash over all that
the rows depend on, so a stale file has another name.
"""

import contextlib
import hashlib
import json
import os
import time

import ml_dtypes
import numpy as np

from keras_genres.errors import UserError
from keras_genres.files import explain_os_error, write_json

FORMATS = {"float16": np.float16, "bfloat16": ml_dtypes.bfloat16, "float32": np.float32}
_SYNC_SECONDS = 10
_LARGEST = float(np.finfo(np.float16).max)


def key_of(identity):
    """Return the hash of a dictionary of plain values, as a file name's part."""
    text = json.dumps(identity, sort_keys=True)
    return hashlib.sha256(text.encode("utf-8", "surrogateescape")).hexdigest()[:32]


class Activations:
    """The activations of some posters at one cut, row by row.

    Args:
        identity: Dictionary of all that the rows depend on.
        rows: Number of posters.
        width: Numbers of a poster.
        format: Key of `FORMATS`.
        folder: Folder of the file; `None` keeps the rows in memory.

    Attributes:
        done: Rows that are there.
        clipped: Values beyond the format's range that were cut off, so far.
    """

    def __init__(self, identity, rows, width, format, folder=None):
        self.identity = identity | {"rows": rows, "width": width, "format": format}
        self.rows = rows
        self.width = width
        self.dtype = np.dtype(FORMATS[format])
        self.folder = folder
        self.clipped = 0
        self._array = None
        self._file = None
        if folder is None:
            self.done = 0
            return
        name = f"prefix-{key_of(self.identity)}"
        self.file = folder / f"{name}.rows"
        self.partial = folder / f"{name}.partial"
        self.progress = folder / f"{name}.json"
        self.done = self._rows_on_disk()

    @property
    def row_size(self):
        """Bytes of a row."""
        return self.width * self.dtype.itemsize

    @property
    def size(self):
        """Bytes of all rows."""
        return self.rows * self.row_size

    @property
    def is_whole(self):
        return self.done == self.rows

    def append(self, values):
        """Add the next rows.

        Args:
            values: float32 array of shape `(some, width)`.

        Raises:
            UserError: If a value is not a number, or the disk is full.
        """
        if not np.isfinite(values).all():
            raise UserError(
                "The frozen part of the network gives activations that are not numbers. "
                "Try --precision float32, or other --weights."
            )
        if self.dtype == np.float16:
            self.clipped += int(np.count_nonzero(np.abs(values) > _LARGEST))
            values = np.clip(values, -_LARGEST, _LARGEST)
        values = np.ascontiguousarray(values, dtype=self.dtype)
        if self.folder is None:
            if self._array is None:
                self._array = np.empty((self.rows, self.width), self.dtype)
            self._array[self.done : self.done + len(values)] = values
            self.done += len(values)
            return
        with self._told():
            if self._file is None:
                self._open()
            self._file.write(values.tobytes())
            self.done += len(values)
            if self.is_whole:
                self._finish()
            elif time.monotonic() - self._synced > _SYNC_SECONDS:
                self._sync()

    def array(self):
        """Return all rows: shape `(rows, width)`, read-only.

        Raises:
            ValueError: If rows are missing.
        """
        if not self.is_whole:
            raise ValueError(f"{self.rows} rows are wanted. Received: {self.done}")
        if self._array is None:
            os.utime(self.file)  # what was used last is removed last
            shape = (self.rows, self.width)
            self._array = np.memmap(self.file, self.dtype, "r", shape=shape)
        return self._array

    def close(self):
        """Sync what was written so far, so that another run can go on from it."""
        if self._file is not None:
            with self._told():
                self._sync()
            self._file.close()
            self._file = None

    def refresh(self):
        """Look again what is there: another run may have written since."""
        if self.folder is not None:
            self.done = self._rows_on_disk()

    def _rows_on_disk(self):
        if self.file.exists() and self.file.stat().st_size == self.size:
            return self.rows
        try:
            said = json.loads(self.progress.read_text())["done"]
            # What was written after the last sync may be torn: it is written anew.
            there = self.partial.stat().st_size // self.row_size
            return max(0, min(int(said), there, self.rows - 1))
        except (OSError, ValueError, KeyError, TypeError):
            return 0

    def _open(self):
        self.partial.parent.mkdir(parents=True, exist_ok=True)
        mode = "r+b" if self.done else "wb"
        self._file = open(self.partial, mode)  # noqa: SIM115
        self._file.truncate(self.done * self.row_size)
        self._file.seek(0, os.SEEK_END)
        self._synced = time.monotonic()

    def _sync(self):
        self._file.flush()
        os.fsync(self._file.fileno())
        write_json(self.progress, {"done": self.done, "what": self.identity})
        self._synced = time.monotonic()

    def _finish(self):
        self._sync()
        self._file.close()
        self._file = None
        os.replace(self.partial, self.file)

    @contextlib.contextmanager
    def _told(self):
        try:
            yield
        except OSError as error:
            reason = explain_os_error(error) or f"Could not write {self.file}: {error.strerror}."
            raise UserError(
                f"{reason} Set input.cache_folder to another disk, prefix.views lower, or "
                "--prefix-cache off."
            ) from None


def make_room(folder, needed, limit, spared=()):
    """Remove the longest unused activations until `needed` bytes fit below `limit`.

    Args:
        folder: Folder of the files.
        needed: Bytes about to be written.
        limit: Bytes that all activations in the folder may take.
        spared: Files that stay.

    Returns:
        Bytes that were removed.
    """
    found = []
    for path in folder.glob("prefix-*"):
        if path.suffix in (".rows", ".partial") and path not in spared:
            with contextlib.suppress(OSError):
                seen = path.stat()
                found.append((seen.st_mtime, seen.st_size, path))
    total = sum(size for _, size, _ in found)
    total += sum(path.stat().st_size for path in spared if path.exists())
    removed = 0
    for _, size, path in sorted(found):
        if total + needed <= limit:
            break
        for old in (path, path.with_suffix(".json")):
            with contextlib.suppress(OSError):
                old.unlink()
        total -= size
        removed += size
    return removed
