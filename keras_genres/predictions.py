"""Saved scores of one split: `predictions/val.npz` and `test.npz`.

A `.npz` is a zip archive of arrays. What this module reads is exactly what it
writes, four plain arrays that are not packed, so that a file cannot claim
more than it is large.
"""

import io
import math
import zipfile
from dataclasses import dataclass

import numpy as np

from keras_genres.errors import UserError
from keras_genres.files import whole_file
from keras_genres.genres import NUM_GENRES

_ARRAYS = {"filenames": np.str_, "labels": np.uint8, "scores": np.float32, "groups": np.str_}
_LAST_CHARACTER = 0x10FFFF


@dataclass(frozen=True)
class Predictions:
    """Saved scores of one split, in the order of the data."""

    filenames: np.ndarray
    """Unicode array of shape `(posters,)`."""
    labels: np.ndarray
    """uint8 0/1 array of shape `(posters, genres)`."""
    scores: np.ndarray
    """float32 array in [0, 1], shape `(posters, genres)`."""
    groups: np.ndarray
    """Unicode array of shape `(posters,)`: posters of one film or picture share it."""

    def save(self, path):
        """Write a `.npz` without pickled objects, the same bytes for the same arrays."""
        with whole_file(path, "wb") as file, zipfile.ZipFile(file, "w") as archive:
            for name, kind in _ARRAYS.items():
                part = io.BytesIO()
                np.lib.format.write_array(
                    part, np.asarray(getattr(self, name), dtype=kind), allow_pickle=False
                )
                # A fixed date: numpy.savez writes none either, and two equal files stay equal.
                archive.writestr(zipfile.ZipInfo(f"{name}.npy"), part.getvalue())

    @classmethod
    def load(cls, path):
        """Read a `.npz` of predictions.

        Raises:
            UserError: If the file is missing, damaged or of other shapes.
        """
        try:
            with open(path, "rb") as file:
                return cls.parse(file.read(), path)
        except FileNotFoundError:
            raise UserError(f"There is no {path}. Is this a finished run?") from None
        except OSError as error:
            raise UserError(f"{path} cannot be read: {error.strerror}.") from None

    @classmethod
    def parse(cls, data, name):
        """Return what the bytes of a `.npz` hold.

        Args:
            data: The bytes.
            name: What to call them in a message.

        Raises:
            UserError: If they are damaged, or hold other arrays, shapes or values.
        """
        try:
            with zipfile.ZipFile(io.BytesIO(data)) as archive:
                _require_entries(archive)
                found = cls(**{part: _read(archive, part) for part in _ARRAYS})
        except Exception as error:  # NumPy and zipfile raise many kinds for damaged files
            reason = " ".join(str(error).split())[:200] or type(error).__name__
            raise UserError(f"{name} is damaged: {reason}.") from None
        wanted = (len(found.filenames), NUM_GENRES)
        if found.labels.shape != wanted or found.scores.shape != wanted:
            raise UserError(
                f"{name} must hold labels and scores of shape {wanted}. Received: "
                f"{found.labels.shape} and {found.scores.shape}"
            )
        if found.groups.shape != wanted[:1]:
            raise UserError(f"{name} must name a group for each of {wanted[0]} posters.")
        if not np.isfinite(found.scores).all():
            raise UserError(f"{name} holds scores that are not numbers.")
        if len(found.scores) and not (found.scores.min() >= 0 and found.scores.max() <= 1):
            raise UserError(f"{name} holds scores that are not between 0 and 1.")
        if len(found.labels) and found.labels.max() > 1:
            raise UserError(f"{name} holds labels that are neither 0 nor 1.")
        return found


def _require_entries(archive):
    names = [entry.filename for entry in archive.infolist()]
    wanted = [f"{name}.npy" for name in _ARRAYS]
    if sorted(names) != sorted(wanted):
        raise ValueError(f"it must hold {', '.join(wanted)} and nothing else")
    for entry in archive.infolist():
        # Packed arrays could grow a thousandfold in memory; ours never are.
        if entry.compress_type != zipfile.ZIP_STORED:
            raise ValueError(f"{entry.filename} is packed")


def _read(archive, name):
    """Return one array; what its header claims must be there before memory is taken for it."""
    entry = archive.getinfo(f"{name}.npy")
    with archive.open(entry) as file:
        version = np.lib.format.read_magic(file)
        if version != (1, 0):
            raise ValueError(f"{entry.filename} is of version {version}")
        shape, is_fortran, dtype = np.lib.format.read_array_header_1_0(file)
        wanted = np.dtype(_ARRAYS[name])
        if dtype.kind != wanted.kind or not dtype.isnative:
            raise ValueError(f"{entry.filename} holds {dtype} where {wanted} is expected")
        if wanted.itemsize and dtype != wanted:
            raise ValueError(f"{entry.filename} holds {dtype} where {wanted} is expected")
        if len(shape) != (1 if wanted.kind == "U" else 2) or is_fortran:
            raise ValueError(f"{entry.filename} is of shape {shape}")
        data = file.read()
    if min(shape) < 0 or math.prod(shape) * dtype.itemsize != len(data):
        raise ValueError(f"{entry.filename} does not hold the {shape} values it claims")
    values = np.frombuffer(data, dtype).reshape(shape)
    if wanted.kind == "U" and len(data):
        _require_text(np.frombuffer(data, np.uint32), entry.filename)
    return values.copy()  # a view of bytes cannot be written to


def _require_text(characters, name):
    # Bytes of file names that are no UTF-8 are kept as U+DC80 to U+DCFF; other
    # surrogates, and numbers above the last character, are no text at all.
    is_surrogate = (characters >= 0xD800) & (characters <= 0xDFFF)
    is_byte = (characters >= 0xDC80) & (characters <= 0xDCFF)
    if characters.max() > _LAST_CHARACTER or (is_surrogate & ~is_byte).any():
        raise ValueError(f"{name} holds what is no text")
