"""Which files lie in a run folder, and that they are files: no link out of it is followed."""

import os
import stat
from pathlib import Path, PurePosixPath

from keras_genres.errors import UserError

HASHES = "hashes.json"
"""File that holds the hashes of all others; see `manifest`."""
ODD_NAME = "not a name that can be listed"
LEFTOVERS = (".partial", ".old")
"""Endings of folders that a command leaves when it is killed."""


def require_plain_files(folder):
    """Refuse a folder with a link in it, or something else that is no file.

    Raises:
        UserError: If there is one.
    """
    for name, what in scan(folder)[2].items():
        if what != ODD_NAME:
            raise UserError(
                f"{Path(folder) / name} is {what}; a run folder holds plain files only."
            )


def require_plain(folder, name):
    """Return the size of a file; refuse links on the way to it, and what would hang a reader.

    Args:
        folder: The run folder, which may be a link itself.
        name: Name of the file in it, with `/`.

    Raises:
        UserError: A few words, such as `it is no plain file`.
        OSError: If there is no such file.
    """
    place = Path(folder)
    for part in PurePosixPath(name).parts:
        place = place / part
        status = os.lstat(place)
        if stat.S_ISLNK(status.st_mode):
            where = "it is" if place == Path(folder) / name else f"{place} is"
            raise UserError(f"{where} a link, and a run folder holds plain files only")
    if not stat.S_ISREG(status.st_mode):
        raise UserError("it is no plain file")
    return status.st_size


def scan(folder, below=None):
    """Return what lies in a folder, links not followed.

    Args:
        folder: The run folder.
        below: A folder in it to look at alone.

    Returns:
        Sorted names of files, of folders with hashes of their own, and for
        names of anything else what it is.
    """
    folder = Path(folder)
    names, inner, odd = [], [], {}
    waiting = [Path(below) if below else folder]
    while waiting:
        place = waiting.pop()
        for each in os.scandir(place):
            name = name_in(folder, each.path)
            if each.name.startswith(".") or (place == folder and each.name == HASHES):
                continue
            if each.is_symlink():
                odd[name] = "a link"
            elif not is_plain_name(name):
                odd[name] = ODD_NAME
            elif each.is_dir():
                if each.name.endswith(LEFTOVERS):
                    continue
                if os.path.lexists(os.path.join(each.path, HASHES)):
                    inner.append(name)
                else:
                    waiting.append(Path(each.path))
            elif each.is_file():
                names.append(name)
            else:
                odd[name] = "no plain file"
    return sorted(names), sorted(inner), odd


def name_in(folder, path):
    """Return the name of a file in a folder, with `/`."""
    return Path(os.path.relpath(path, folder)).as_posix()


def is_plain_name(name):
    """Whether a name cannot point out of the folder, on any system, and is one line."""
    is_text = name.isprintable() and "\\" not in name and ":" not in name
    return is_text and all(part not in ("", ".", "..") for part in name.split("/"))
