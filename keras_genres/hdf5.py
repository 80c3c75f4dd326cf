"""HDF5 files of weights from anywhere, looked at before a value is read.

HDF5 can point to other files, to parts of itself or to nothing, and can claim
arrays of any size in a few bytes. Weights need none of that: groups, and
plain arrays of numbers that lie in the file as they are.

Some files crash the HDF5 library as they are opened, and new ones are found
each year. So a file is looked at in a process of its own first.
"""

import json
import math
import os
import signal
import subprocess
import sys
from pathlib import Path

from keras_genres.errors import UserError

_MOST_ITEMS = 100_000
_DEEPEST = 64
_MOST_SECONDS = 120
_MOST_MEMORY = 4 * 2**30
_CHILD = (
    "import sys; sys.path.append(sys.argv[1]); from keras_genres import hdf5; "
    "hdf5.look_and_print(sys.argv[2], *map(int, sys.argv[3:5]), sys.argv[5])"
)


def require_harmless_weights(path, name, start=0, size=None):
    """Refuse what `require_plain_weights` refuses, and files that crash HDF5, in a child process.

    Args:
        path: The file.
        name: What to call it in a message.
        start: First byte of the HDF5 file in it.
        size: Bytes of the HDF5 file; `None` for all from `start` on.

    Returns:
        How many numbers its arrays hold.

    Raises:
        UserError: In one line, also for damage.
    """
    path = Path(path)
    size = path.stat().st_size - start if size is None else size
    # Without the working folder in its path (-P), which may hold a stranger's modules.
    command = [sys.executable, "-P", "-c", _CHILD, str(Path(__file__).parents[1])]
    try:
        done = subprocess.run(
            [*command, str(path.absolute()), str(start), str(size), name],
            capture_output=True,
            timeout=_MOST_SECONDS,
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise UserError(f"{name} keeps HDF5 busy for more than {_MOST_SECONDS} seconds.") from None
    if done.returncode < 0:
        end = signal.Signals(-done.returncode).name
        raise UserError(f"{name} is damaged or made to do harm: HDF5 crashes on it ({end}).")
    try:
        told = json.loads(done.stdout)
    except ValueError:
        raise RuntimeError(done.stderr.decode(errors="replace")) from None
    if "error" in told:
        raise UserError(told["error"])
    return told["numbers"]


def look_and_print(path, start, size, name):
    """Print what `look` finds as JSON, for the process that waits for it."""
    _limit_memory(size)
    try:
        told = {"numbers": look(path, start, size, name)}
    except UserError as error:
        told = {"error": str(error)}
    print(json.dumps(told))


def look(path, start, size, name):
    """As `require_harmless_weights`, in this process: the file may crash it."""
    import h5py

    try:
        with open(path, "rb") as whole, h5py.File(FilePart(whole, start, size), "r") as file:
            numbers = require_plain_weights(file, name, size)
            _read_attributes(file)
    except UserError:
        raise
    except Exception as error:  # h5py raises many kinds for damage
        reason = " ".join(str(error).split())[:200] or type(error).__name__
        raise UserError(f"{name} is damaged or cut short ({reason}).") from None
    return numbers


def _limit_memory(size):
    try:
        import resource
    except ImportError:  # not on Windows
        return
    _, most = resource.getrlimit(resource.RLIMIT_AS)
    wanted = _MOST_MEMORY + size
    resource.setrlimit(resource.RLIMIT_AS, (wanted if most < 0 else min(wanted, most), most))


def _read_attributes(file):
    """Read the lists of names that Keras keeps beside groups: their bytes lie elsewhere in it."""

    def visit(_, item):
        for key in item.attrs:
            about = item.attrs.get_id(key)
            if about.shape is not None and math.prod(about.shape) <= _MOST_ITEMS:
                item.attrs[key]

    visit("", file)
    file.visititems(visit)


def require_plain_weights(file, name, size):
    """Refuse what a file of weights has no need of.

    Args:
        file: An open `h5py.File`.
        name: What to call it in a message.
        size: Its size in bytes; arrays must not claim more together.

    Returns:
        How many numbers its arrays hold.

    Raises:
        UserError: For links out of the file or around in it, arrays that lie
            elsewhere, are packed or hold anything but numbers, and claims
            that are larger than the file.
    """
    import h5py

    claimed, numbers, seen = 0, 0, set()
    waiting = [(file, "", 0)]
    while waiting:
        group, place, depth = waiting.pop()
        if depth > _DEEPEST:
            raise UserError(f"{name} nests groups more than {_DEEPEST} deep.")
        for key in group:
            where = f"{place}/{key}" if isinstance(key, str) else f"{place}/?"
            if not isinstance(key, str) or not key.isprintable():
                raise UserError(f"{name} holds a name that is no text, in {place or '/'!r}.")
            if not isinstance(group.get(key, getlink=True), h5py.HardLink):
                raise UserError(f"{name} holds a link to another place, {where!r}: not followed.")
            item = group[key]
            about = h5py.h5o.get_info(item.id)
            if (about.fileno, about.addr) in seen:
                raise UserError(f"{name} holds {where!r} in two places.")
            seen.add((about.fileno, about.addr))
            if len(seen) > _MOST_ITEMS:
                raise UserError(f"{name} holds more than {_MOST_ITEMS:,} groups and arrays.")
            if isinstance(item, h5py.Group):
                waiting.append((item, where, depth + 1))
            elif isinstance(item, h5py.Dataset):
                claimed += _require_plain_array(item, name, where)
                numbers += math.prod(item.shape)
                if claimed > size:
                    raise UserError(f"{name} claims arrays of more bytes than it has.")
            else:
                raise UserError(f"{name} holds {where!r}, which is neither group nor array.")
    return numbers


def _require_plain_array(item, name, where):
    """Return the bytes of an array that lies in the file, as it is."""
    import h5py

    kind = item.dtype.kind
    if item.shape is None or kind not in "fiub":
        raise UserError(
            f"{name} holds {item.dtype} in {where!r}, where float16 or float32 is expected."
        )
    plan = item.id.get_create_plist()
    if plan.get_layout() not in (h5py.h5d.CONTIGUOUS, h5py.h5d.COMPACT):
        raise UserError(
            f"{name} holds {where!r} in pieces or in another file; Keras writes it in one piece."
        )
    if plan.get_external_count():
        raise UserError(f"{name} holds {where!r} in another file: not read.")
    needed = math.prod(item.shape) * item.dtype.itemsize
    if item.id.get_storage_size() < needed:
        raise UserError(
            f"{name} claims an array of {item.shape} in {where!r} and does not hold it."
        )
    return needed


class FilePart:
    """A stretch of an open file, to be read as a file: an entry of an archive that is not packed.

    `zipfile` reads an entry from its start for every step back, and HDF5
    jumps about; here a jump costs nothing.

    Args:
        file: The file, open for reading bytes.
        start: First byte.
        size: Number of bytes.
    """

    def __init__(self, file, start, size):
        self._file, self._start, self._size = file, start, size
        self._place = 0

    def seek(self, offset, whence=os.SEEK_SET):
        """Go to a place, as files do."""
        base = {os.SEEK_SET: 0, os.SEEK_CUR: self._place, os.SEEK_END: self._size}[whence]
        self._place = max(0, base + offset)
        return self._place

    def tell(self):
        """Return the place."""
        return self._place

    def read(self, size=-1):
        """Return bytes up to the end of the stretch."""
        left = max(0, self._size - self._place)
        self._file.seek(self._start + self._place)
        data = self._file.read(left if size < 0 else min(size, left))
        self._place += len(data)
        return data

    def readinto(self, buffer):
        """Fill a buffer and return how many bytes were there."""
        data = self.read(len(buffer))
        buffer[: len(data)] = data
        return len(data)
