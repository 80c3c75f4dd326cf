"""HDF5 files of weights from anywhere, looked at before a value is read.

HDF5 can point to other files, to parts of itself or to nothing, and can claim
arrays of any size in a few bytes. Weights need none of that: groups, and
plain arrays of numbers that lie in the file as they are.
"""

import math
import os

from keras_genres.errors import UserError

_MOST_ITEMS = 100_000
_DEEPEST = 64


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
