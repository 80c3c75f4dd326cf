"""`hashes.json`: what each file of a finished run folder held when it was written.

Every reader of a run folder asks here first, so a file that is torn, flipped
or missing is named before its numbers are used. A command that replaces a
file announces the new hash beforehand and settles on it afterwards: whenever
it is killed, the file is one of the two that the manifest knows.

A folder inside that has a `hashes.json` of its own, such as the runs of the
leak experiment, is named and left to that file. Names with a leading dot and
leftovers (`NAME.partial`, `NAME.old`) do not belong to a run.
"""

import contextlib
import hashlib
import os
import re
from dataclasses import asdict, dataclass
from pathlib import Path

from keras_genres.errors import UserError
from keras_genres.files import read_sealed, sync_folder, write_sealed
from keras_genres.plain_files import (
    HASHES,
    is_plain_name,
    name_in,
    require_plain,
    require_plain_files,
    scan,
)

_MOST_READ_BYTES = 2**30  # predictions of a million posters are a third of it
_EDITED = (".json", ".yaml", ".csv", ".md")
_MAKERS = {
    "thresholds.json": "thresholds",
    "calibration.json": "calibrate",
    "report/": "report",
    "MODEL_CARD.md": "report",
    "saved_model/": "export",
}
# Commands that write a file again, from files of the run that they do not replace.
_HEX = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True)
class Entry:
    """One file as it was written."""

    bytes: int
    """Its size."""
    sha256: str
    """Hash of its content."""


@dataclass(frozen=True)
class Manifest:
    """What `hashes.json` holds."""

    files: dict
    """Name, with `/`, -> tuple of what may be there: an `Entry`, or `None` for no file.

    More than one while a command replaces the file; the last is the newest.
    """
    folders: tuple = ()
    """Names of folders inside that have a `hashes.json` of their own."""


def write_manifest(folder):
    """Write `hashes.json` for all files in a finished folder, and put them on the disk.

    Args:
        folder: The folder; everything in it has been written.

    Raises:
        UserError: If it holds a link or something else that is no file.
    """
    folder = Path(folder)
    require_plain_files(folder)
    names, inner, _ = scan(folder)
    files = {name: (_synced_entry(folder / name),) for name in names}
    for place in {(folder / name).parent for name in names}:
        sync_folder(place)
    _write(folder, Manifest(files, tuple(inner)))


def update_manifest(folder, changed):
    """Take files that were changed on purpose as they are now.

    Args:
        folder: A folder with `hashes.json`.
        changed: Paths of files in it; one that is gone is forgotten.

    Raises:
        UserError: If the manifest is missing or damaged.
    """
    announce(folder, {path: entry_of(path) if path.exists() else None for path in changed})
    settle(folder, changed)


def read_manifest(folder):
    """Return the `Manifest` of a finished folder.

    Raises:
        UserError: If there is none, or it is damaged or names what is not inside.
    """
    folder = Path(folder)
    if not folder.is_dir():
        raise UserError(f"There is no run folder {folder}.")
    path = folder / HASHES
    if not path.exists():
        raise UserError(
            f"{folder} has no {HASHES}: an earlier version made the run, or it was removed. "
            f"`keras-genres verify {folder} --accept` takes its files as they are."
        )
    try:
        require_plain(folder, HASHES)
        value = read_sealed(path)
        files = {_checked(name): (Entry(**entry),) for name, entry in value["files"].items()}
        for name, entries in value.get("changing", {}).items():
            more = tuple(entry and Entry(**entry) for entry in entries)
            files[_checked(name)] = (*files.get(name, (None,)), *more)
        folders = tuple(map(_checked, value.get("folders", ())))
        for entry in (entry for entries in files.values() for entry in entries if entry):
            if type(entry.bytes) is not int or not _HEX.fullmatch(entry.sha256):
                raise ValueError
    except (UserError, OSError, KeyError, TypeError, ValueError, AttributeError):
        raise UserError(
            f"{path} is damaged: it is not what keras-genres wrote. `keras-genres verify {folder} "
            "--accept` takes the files as they are."
        ) from None
    return Manifest(files, folders)


def require_whole(folder, path):
    """Refuse a file that is not as it was written, or a folder with such a file.

    Args:
        folder: The run folder.
        path: A file or a folder in it.

    Raises:
        UserError: One line that names the file, what is wrong and what to do.
    """
    manifest, name = read_manifest(folder), name_in(folder, path)
    names = [each for each in manifest.files if each == name or each.startswith(name + "/")]
    if Path(path).is_dir():
        there, _, odd = scan(folder, path)
        names += [each for each in (*there, *odd) if each not in manifest.files]
    for each in names or [name]:
        fault = find_fault(folder, each, manifest)
        if fault:
            raise UserError(explain_fault(folder, each, fault))


def read_whole(folder, path):
    """Return the bytes of a file that is as it was written.

    Raises:
        UserError: As `require_whole`.
    """
    name, manifest = name_in(folder, path), read_manifest(folder)
    fault = find_fault(folder, name, manifest, hashed=False)
    if not fault and os.path.getsize(path) > _MOST_READ_BYTES:
        raise UserError(f"{path} is larger than any file of its kind: it is not read.")
    if not fault:
        data = Path(path).read_bytes()
        entry = Entry(len(data), hashlib.sha256(data).hexdigest())
        fault = _difference(entry, manifest.files[name])
    if fault:
        raise UserError(explain_fault(folder, name, fault))
    return data


def find_fault(folder, name, manifest, hashed=True):
    """Return what is wrong with a file, in a few words; empty if nothing is.

    Args:
        folder: The run folder.
        name: Name of the file in it, with `/`.
        manifest: Its `Manifest`.
        hashed: Also compare the content, and not only what can be seen from outside.
    """
    accepted = manifest.files.get(name)
    if accepted is None:
        exists = os.path.lexists(Path(folder) / name)
        return f"it is not in {HASHES}" if exists else "there is no such file"
    try:
        size = require_plain(folder, name)
    except FileNotFoundError:
        return "" if None in accepted else "it is missing"
    except (OSError, UserError) as error:
        return str(getattr(error, "strerror", None) or error)
    if not any(entry and entry.bytes == size for entry in accepted):
        return _difference(Entry(size, ""), accepted)
    if not hashed:
        return ""
    try:
        return _difference(entry_of(Path(folder) / name), accepted)
    except OSError as error:
        return f"it cannot be read: {error.strerror}"


def explain_fault(folder, name, fault):
    """Return one line for a file that is not as it was written."""
    return (
        f"{Path(folder) / name} is not as it was written: {fault}. {explain_remedy(folder, name)}"
    )


def explain_remedy(folder, name):
    """Return what to do about a file that is not as it was written."""
    for start, command in _MAKERS.items():
        if name.startswith(start):
            return (
                f"`keras-genres {command} {folder}` writes it again, or `keras-genres verify "
                f"{folder} --accept` takes the files as they are."
            )
    # What people edit. A damaged archive, or one that is gone, cannot be taken as it is.
    if not name.endswith(_EDITED) or not (Path(folder) / name).is_file():
        return f"Bring it back from a copy; `keras-genres verify {folder}` checks the whole run."
    return (
        f"Bring it back from a copy, or `keras-genres verify {folder} --accept` takes the files as "
        "they are."
    )


def announce(folder, changes):
    """Let the manifest know what files are about to become.

    Args:
        folder: A folder with `hashes.json`.
        changes: Path of each file -> its new `Entry`, or `None` if it will be gone.
    """
    manifest = read_manifest(folder)
    files = dict(manifest.files)
    for path, entry in changes.items():
        name = name_in(folder, path)
        files[name] = (*files.get(name, (None,)), entry)
    _write(folder, Manifest(files, manifest.folders))


def settle(folder, paths):
    """Let the manifest hold nothing but what was announced last for these files."""
    manifest = read_manifest(folder)
    files = dict(manifest.files)
    for path in paths:
        name = name_in(folder, path)
        files[name] = files[name][-1:]
    _write(folder, Manifest(files, manifest.folders))


def settle_leftovers(folder):
    """Settle on what is there of what a command had announced when it was killed.

    Only for one who is alone in the folder. A file that is none of those
    announced stays as it is, to be told by who reads it.
    """
    manifest = read_manifest(folder)
    files = dict(manifest.files)
    for name, accepted in manifest.files.items():
        if len(accepted) > 1 and not find_fault(folder, name, manifest):
            path = Path(folder) / name
            files[name] = (entry_of(path) if path.exists() else None,)
    if files != manifest.files:
        _write(folder, Manifest(files, manifest.folders))


def entry_of(file):
    """Return the `Entry` of a file: a path, or one that is open for reading bytes."""
    if isinstance(file, str | Path):
        with open(file, "rb") as opened:
            return entry_of(opened)
    digest = hashlib.file_digest(file, "sha256").hexdigest()
    return Entry(file.seek(0, os.SEEK_END), digest)


def _difference(found, accepted):
    """Say how a file differs from what may be there; empty if it is one of them."""
    if found in accepted:
        return ""
    wanted = [entry for entry in accepted if entry]
    if any(entry.bytes == found.bytes for entry in wanted):
        return "its content was changed"
    sizes = " or ".join(f"{entry.bytes:,}" for entry in wanted) or "no"
    return f"it has {found.bytes:,} bytes where {sizes} were written"


def _write(folder, manifest):
    files, changing = {}, {}
    for name, (first, *more) in sorted(manifest.files.items()):
        if first:
            files[name] = asdict(first)
        if more:
            changing[name] = [entry and asdict(entry) for entry in more]
    value = {"files": files}
    if manifest.folders:
        value["folders"] = list(manifest.folders)
    if changing:
        value["changing"] = changing
    write_sealed(Path(folder) / HASHES, value)


def _synced_entry(path):
    with open(path, "rb") as file:
        entry = entry_of(file)
        with contextlib.suppress(OSError):  # some systems sync only what is open for writing
            os.fsync(file.fileno())
    return entry


def _checked(name):
    if not is_plain_name(name):
        raise ValueError
    return name
