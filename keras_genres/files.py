"""Files that appear whole or not at all."""

import contextlib
import errno
import glob
import hashlib
import json
import os
import shutil
import tempfile
from pathlib import Path

from keras_genres.errors import UserError
from keras_genres.locks import alone

_MENDABLE = {
    errno.ENOSPC: "no space left on the disk; free some and try again",
    errno.EDQUOT: "the disk quota is used up; free some space and try again",
    errno.EACCES: "permission denied; choose a place you may write to",
    errno.EPERM: "operation not permitted; choose a place you may write to",
    errno.EROFS: "the file system is read-only; choose another place",
}

_MOST_JSON_BYTES = 64 * 2**20


def explain_os_error(error):
    """Return one line for an error of the disk that the user can mend, or `None`.

    HDF5 and TensorFlow wrap the system's error in exceptions of their own, so
    the text of the whole chain is searched when there is no `errno`.
    """
    seen = error
    while seen is not None:
        code = getattr(seen, "errno", None)
        if code is None and "No space left on device" in str(seen):
            code = errno.ENOSPC
        if code is None and "Disk quota exceeded" in str(seen):
            code = errno.EDQUOT
        if code is None and f"errno = {errno.ENOSPC}" in str(seen):
            code = errno.ENOSPC
        if code in _MENDABLE:
            name = getattr(seen, "filename", None)
            return (
                f"Could not write {name}: {_MENDABLE[code]}."
                if name
                else (f"Could not write: {_MENDABLE[code]}.")
            )
        seen = seen.__cause__ or seen.__context__
    return None


@contextlib.contextmanager
def whole_file(path, mode="w"):
    """Open a file for writing that replaces `path` only when the block ends well.

    Text is UTF-8 with `\\n` line ends. The content is synced before the
    rename, so a power cut leaves the old file or the new one.
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, scratch = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    text = {} if "b" in mode else {"encoding": "utf-8", "newline": ""}
    try:
        with os.fdopen(handle, mode, **text) as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        umask = os.umask(0)
        os.umask(umask)
        os.chmod(scratch, 0o666 & ~umask)  # mkstemp makes files only their owner can read
        os.replace(scratch, path)
        sync_folder(path.parent)
    except BaseException:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(scratch)
        raise


def sync_folder(path):
    """Put the names in a folder on the disk, so that a power cut does not undo a rename."""
    with contextlib.suppress(OSError):  # not every system lets a folder be opened
        handle = os.open(path, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)


def write_text(path, text):
    """Write `text` to `path`, whole or not at all."""
    with whole_file(path) as file:
        file.write(text)


def write_json(path, value):
    """Write `value` as indented JSON to `path`, whole or not at all."""
    write_text(path, json_text(value))


def json_text(value):
    """Return `value` as the indented JSON that files of ours hold."""
    return json.dumps(value, indent=2, ensure_ascii=False) + "\n"


def read_json(path):
    """Read a JSON file.

    Raises:
        UserError: If there is no such file, or it is not JSON.
    """
    try:
        with open(path, "rb") as file:
            data = file.read(_MOST_JSON_BYTES + 1)
    except FileNotFoundError:
        raise UserError(f"There is no {path}.") from None
    except OSError as error:
        raise UserError(f"{path} is not readable JSON: {error.strerror}.") from None
    return parse_json(data, path)


def parse_json(data, name, is_strict=False):
    """Return what the bytes of a JSON file hold.

    A key that stands twice is refused: two readers could see two values.

    Args:
        data: The bytes.
        name: What to call them in a message.
        is_strict: Also refuse NaN and infinity, which Python writes and JSON has not.

    Raises:
        UserError: If they are not JSON, or more or deeper than a file of ours ever is.
    """
    if len(data) > _MOST_JSON_BYTES:
        raise UserError(f"{name} is not readable JSON: more than {_MOST_JSON_BYTES >> 20} MiB.")

    def refuse(word):
        raise ValueError(f"{word} is no number")

    try:
        return json.loads(
            data.decode("utf-8"),
            object_pairs_hook=_without_twins,
            parse_constant=refuse if is_strict else None,
        )
    except RecursionError:
        raise UserError(f"{name} is not readable JSON: nested too deep.") from None
    except ValueError as error:
        reason = " ".join(str(error).split())[:200]
        raise UserError(f"{name} is not readable JSON: {reason}.") from None


def _without_twins(pairs):
    found = dict(pairs)
    if len(found) < len(pairs):
        raise ValueError("a key stands twice in it")
    return found


def write_sealed(path, value):
    """Write a JSON object with a SHA-256 over itself under `sha256`, whole or not at all.

    Args:
        path: The file.
        value: Dictionary for JSON, without the key `sha256`.
    """
    write_json(path, {**value, "sha256": _seal(value)})


def read_sealed(path):
    """Read what `write_sealed` wrote, without its `sha256`.

    Raises:
        UserError: If there is no such file, or a single character of what it
            says is not what was written.
    """
    value = read_json(path)
    seal = value.pop("sha256", None) if isinstance(value, dict) else None
    if seal is None or seal != _seal(value):
        raise UserError(f"{path} is damaged: its contents do not have the hash it gives.")
    return value


def _seal(value):
    text = json.dumps(value, sort_keys=True, ensure_ascii=True)
    return hashlib.sha256(text.encode()).hexdigest()


UNFINISHED = ".unfinished"
"""File that tells a scratch folder of ours; a finished folder has none."""


@contextlib.contextmanager
def whole_folder(path, overwrite=False, mark=None, resume=False):
    """Give a scratch folder that becomes `path` only when the block ends well.

    The scratch folder stands beside `path` as `NAME.partial`, and no other
    process can use either meanwhile. When the block fails it is removed,
    unless the block left a file called `.keep` in it.

    Args:
        path: The folder to make.
        overwrite: Replace a folder (or an interrupted `.partial`) that is there.
        mark: File that tells a folder of this kind; a folder without it holds
            somebody's other things and is not replaced. `None`: no check.
        resume: Go on in a `.partial` that is there, instead of a new one.

    Raises:
        UserError: If `path` or its `.partial` is there and `overwrite` is not
            set or the mark is missing, if another process uses it, or if the
            folder cannot be made.
    """
    path = Path(path)
    with alone(path):
        scratch = _scratch_folder(path, overwrite, mark, resume)
        try:
            yield scratch
        except BaseException:
            if not (scratch / ".keep").exists():
                shutil.rmtree(scratch, ignore_errors=True)
            raise
        for name in (".keep", UNFINISHED):
            (scratch / name).unlink(missing_ok=True)
        _put_in_place(scratch, path)


def partial_of(path):
    """Return the path of the scratch folder of `whole_folder`."""
    path = Path(path)
    return path.with_name(path.name + ".partial")


def _scratch_folder(path, overwrite, mark, resume):
    scratch = partial_of(path)
    for there in (path,) if resume else (path, scratch):
        if not overwrite and there.exists() and not _is_empty_folder(there):
            raise UserError(
                f"{there} is there already. Choose another --out, or replace it with --overwrite."
            )
    for there, marks in ((path, (mark,)), (scratch, (mark, UNFINISHED))):
        is_ours = not mark or any((there / name).exists() for name in marks)
        if there.exists() and not is_ours and not _is_empty_folder(there):
            raise UserError(
                f"{there} holds other things (it has no {mark}) and is not overwritten. "
                "Choose another --out."
            )
    try:
        if scratch.exists() and not resume:
            shutil.rmtree(scratch)
        scratch.mkdir(parents=True, exist_ok=resume)
        (scratch / UNFINISHED).touch()
    except OSError as error:
        raise UserError(f"Cannot make {path}: {error.strerror}. Choose another --out.") from None
    return scratch


def _put_in_place(scratch, path):
    sync_folder(scratch)
    if path.exists():
        # A name of its own: NAME.old may be somebody's.
        old = tempfile.mkdtemp(dir=path.parent, prefix=f".{path.name}.replaced-")
        path.rename(Path(old) / "old")
    scratch.rename(path)
    sync_folder(path.parent)
    for old in path.parent.glob(f".{glob.escape(path.name)}.replaced-*"):
        shutil.rmtree(old, ignore_errors=True)


def _is_empty_folder(path):
    return path.is_dir() and not any(path.iterdir())
