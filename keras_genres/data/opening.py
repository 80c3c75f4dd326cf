"""Open posters so that nothing but a plain file inside the source is ever read.

A folder from a stranger may hold pipes, which block who opens them, devices,
which never end, and links to what is none of a stranger's business.
"""

import contextlib
import hashlib
import os
import stat
from functools import lru_cache

MAX_FILE_MB = 256
"""Larger files are not read."""
_PART_BYTES = 2**20
_FLAGS = (
    os.O_RDONLY
    | getattr(os, "O_BINARY", 0)
    | getattr(os, "O_CLOEXEC", 0)
    | getattr(os, "O_NONBLOCK", 0)  # a pipe without a writer would block
    | getattr(os, "O_NOCTTY", 0)
)


class Unusable(Exception):
    """A file that is left out; carries `(reason, detail)`."""


@contextlib.contextmanager
def open_plain(path):
    """Open a plain file for reading; yield it and its `os.stat_result`.

    Raises:
        Unusable: If it is missing, no plain file, too large or cannot be read.
    """
    try:
        _require_plain(os.stat(path))  # opening a device alone may do something
        handle = os.open(path, _FLAGS)
    except (FileNotFoundError, NotADirectoryError):
        raise Unusable("missing", "no such file") from None
    except (OSError, ValueError) as error:  # ValueError: a name with NUL in it
        raise Unusable("unreadable", _why(error)) from None
    with open(handle, "rb") as file:
        seen = os.fstat(handle)
        _require_plain(seen)
        if seen.st_size > MAX_FILE_MB * 2**20:
            raise Unusable("too large", f"{seen.st_size / 2**20:.0f} MB, at most {MAX_FILE_MB}")
        yield file, seen


def read_plain(path):
    """Return `(bytes, os.stat_result)` of a plain file. Errors as in `open_plain`."""
    with open_plain(path) as (file, seen):
        try:
            # No more than it says: some files grow while they are read.
            return file.read(MAX_FILE_MB * 2**20), seen
        except OSError as error:
            raise Unusable("unreadable", _why(error)) from None


def hash_plain(path):
    """Return the SHA-256 of a plain file, 64 hexadecimal digits. Errors as in `open_plain`."""
    digest = hashlib.sha256()
    with open_plain(path) as (file, _):
        try:
            for _ in range(MAX_FILE_MB * 2**20 // _PART_BYTES + 1):
                part = file.read(_PART_BYTES)
                if not part:
                    break
                digest.update(part)
        except OSError as error:
            raise Unusable("unreadable", _why(error)) from None
    return digest.hexdigest()


class Tree:
    """A folder of posters out of which no symbolic link leads.

    The folder itself may be a link, and links from one of its files to
    another are followed.

    Args:
        folder: The folder.
        follow_links: Follow links that lead outside too.
    """

    def __init__(self, folder, follow_links=False):
        self._folder = os.path.realpath(folder)
        self._follows = follow_links
        self._real_folder = lru_cache(maxsize=4096)(os.path.realpath)

    def path_of(self, name):
        """Return the path of a file or folder, by its name below the folder.

        Raises:
            Unusable: If a link leads out of the folder.
        """
        path = os.path.join(self._folder, name)
        if self._follows:
            return path
        try:
            head, tail = os.path.split(path)
            path = os.path.join(self._real_folder(head), tail)
            if os.path.islink(path):
                path = os.path.realpath(path)
        except (OSError, ValueError) as error:
            raise Unusable("unreadable", _why(error)) from None
        if path != self._folder and not path.startswith(os.path.join(self._folder, "")):
            raise Unusable("link to outside", f"leads to {path}, --follow-links allows it")
        return path


def _require_plain(seen):
    if not stat.S_ISREG(seen.st_mode):
        raise Unusable("not a file", f"a {kind_of(seen.st_mode)}")


def kind_of(mode):
    """Return what a mode of `os.stat` says in a word or two: `pipe`, `folder`, …"""
    for is_kind, name in (
        (stat.S_ISDIR, "folder"),
        (stat.S_ISFIFO, "pipe"),
        (stat.S_ISSOCK, "socket"),
        (stat.S_ISCHR, "device"),
        (stat.S_ISBLK, "device"),
    ):
        if is_kind(mode):
            return name
    return "special file"


def _why(error):
    return getattr(error, "strerror", None) or str(error) or type(error).__name__
