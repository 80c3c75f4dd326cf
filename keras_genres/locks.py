"""One process at a time in a folder that is written."""

import contextlib
import os
import socket
from pathlib import Path

from filelock import FileLock, Timeout

from keras_genres.errors import UserError


@contextlib.contextmanager
def alone(path):
    """Let one process at a time write the folder `path`, made or still to be made.

    The lock is a file `.NAME.lock` beside the folder, held by the operating
    system: it is free as soon as its holder ends, however it ends. It goes
    when the block ends.

    Args:
        path: The folder.

    Raises:
        UserError: If another process holds it, or it cannot be made.
    """
    path = Path(os.path.abspath(path))
    file = _lock_file(path)
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        lock = FileLock(file, timeout=0)
        lock.acquire()
    except Timeout:
        raise UserError(
            f"{path} is in use by {_holder(file)}. Wait for it to end, or choose another folder."
        ) from None
    except OSError as error:
        raise UserError(
            f"Cannot make or lock {path}: {error.strerror}. Choose another place."
        ) from None
    try:
        # Windows lets nobody write a locked file.
        with contextlib.suppress(OSError):
            file.write_text(f"process {os.getpid()} on {socket.gethostname()}")
        yield
    finally:
        # While it is still held: a peer that waits on a removed file looks again.
        with contextlib.suppress(OSError):
            file.unlink()
        lock.release()


def is_in_use(path):
    """Whether a process holds the folder `path` at this moment. Nothing is left behind."""
    file = _lock_file(Path(os.path.abspath(path)))
    if not file.exists():
        return False
    lock = FileLock(file, timeout=0)
    try:
        lock.acquire()
    except (Timeout, OSError):
        return True
    lock.release()
    return False


def _lock_file(path):
    return path.with_name(f".{path.name}.lock")


def _holder(file):
    with contextlib.suppress(OSError, UnicodeDecodeError):
        return file.read_text()[:200].strip() or "another process"
    return "another process"
