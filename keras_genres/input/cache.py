"""Decoded posters, kept: in memory where they fit, in one mapped file otherwise.

Every poster is decoded once, up front, so that a damaged one is named before
the first epoch rather than in the middle of it.
"""

import contextlib
import hashlib
import math
import os
import shutil
import sys
import time
from pathlib import Path

import numpy as np
import tensorflow as tf
from tqdm import tqdm

from keras_genres.errors import UserError
from keras_genres.files import explain_os_error, whole_file
from keras_genres.input.decode import DECODER_VERSION, decode_poster

GIB = 2**30
_CHUNK = 64  # posters handed to Python at a time
_SPARE_BYTES = 64 * 2**20  # left free on the disk of a cache
_NAMED = 5  # damaged posters named in one line


def keep_decoded(paths, height, width, settings):
    """Decode posters once and keep them where the settings say.

    Args:
        paths: Files of the posters, in the order of the rows.
        height: Rows of a decoded poster.
        width: Columns of a decoded poster.
        settings: An `InputSettings`: `fit`, `cache`, `cache_memory_gib` and
            `cache_folder` count.

    Returns:
        The uint8 array of shape `(posters, height, width, 3)`, read-only,
        or `None` with the cache off; and one line that says what was decided.

    Raises:
        UserError: If a poster cannot be read (the first ones are named), or
            the posters do not fit where they were asked to be kept.
    """
    paths = [os.fspath(path) for path in paths]
    shape = (len(paths), height, width, 3)
    size = math.prod(shape)
    said = f"Decoded posters: {amount(size)}"
    place, why = settings.cache, "as asked"
    over = f"over input.cache_memory_gib={settings.cache_memory_gib:g}"
    fits = size <= settings.cache_memory_gib * GIB
    if place == "auto":
        place = "memory" if fits else "disk"
        why = f"budget {settings.cache_memory_gib:g} GiB" if fits else over
    if place == "memory":
        if not fits:
            raise UserError(
                f"{len(paths)} decoded posters take {amount(size)}, {over}. "
                "Raise it, or set input.cache=disk."
            )
        return _in_memory(paths, shape, settings.fit), f"{said} in memory ({why})"
    if place == "disk":
        key = fingerprint(paths, shape, settings.fit, DECODER_VERSION, tf.__version__)
        file = cache_folder(settings) / f"posters-{key[:32]}.uint8"
        is_there = file.exists() and file.stat().st_size == size
        lack = None if is_there else lack_of_room(file.parent, size)
        if lack is None:
            if not is_there:
                _write(file, paths, shape, settings.fit)
            array = np.memmap(file, np.uint8, "r", shape=shape)
            return array, f"{said} {'found in' if is_there else 'written to'} {file} ({why})"
        if settings.cache == "disk":
            raise UserError(
                f"{len(paths)} decoded posters take {amount(size)}, but {lack}. Free some, or set "
                "input.cache_folder to a larger disk or input.cache=off."
            )
        why = f"{amount(size)} are {over}, and {lack}"
    check_readable(paths, height, width, settings.fit)
    return None, f"Decoded posters: not kept ({why}); they are decoded anew in every epoch"


def check_readable(paths, height, width, fit="squeeze"):
    """Decode every poster and keep none.

    Raises:
        UserError: If some cannot be read; the first ones are named.
    """
    for _ in _decoded_chunks(paths, height, width, fit):
        pass


def fingerprint(paths, *more):
    """Return the SHA-256 over files (path, size, time of change) and further values.

    Nothing is read from the files, so 35,000 take under a second.

    Args:
        paths: The files, in order.
        *more: Whatever else the kept result depends on; it counts by its `repr`.

    Raises:
        UserError: If files are missing; the first ones are named.
    """
    digest = hashlib.sha256(repr(more).encode())
    bad = []
    for path in paths:
        try:
            seen = os.stat(path)
        except OSError:
            bad.append(path)
            continue
        row = f"{os.path.abspath(path)}\t{seen.st_size}\t{seen.st_mtime_ns}\n"
        digest.update(row.encode("utf-8", "surrogateescape"))
    if bad:
        raise _unreadable(bad)
    return digest.hexdigest()


def cache_folder(settings):
    """Return the folder of the disk cache."""
    if settings.cache_folder:
        return Path(settings.cache_folder).expanduser()
    if sys.platform == "win32":
        home = os.environ.get("LOCALAPPDATA") or Path.home() / "AppData" / "Local"
    else:
        home = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(home) / "keras-genres"


def _in_memory(paths, shape, fit):
    try:
        array = np.empty(shape, np.uint8)
    except MemoryError:
        raise UserError(
            f"There is no memory for {amount(math.prod(shape))} of decoded posters. "
            "Set input.cache=disk or input.cache=off."
        ) from None
    start = 0
    for pixels in _decoded_chunks(paths, *shape[1:3], fit):
        array[start : start + len(pixels)] = pixels
        start += len(pixels)
    array.flags.writeable = False
    return array


def _write(file, paths, shape, fit):
    _remove_left_over(file.parent)
    try:
        # Written in order rather than through the map: a full disk then is an
        # error that can be told, not a bus error that ends the process.
        with whole_file(file, "wb") as out:
            for pixels in _decoded_chunks(paths, *shape[1:3], fit):
                out.write(pixels.data)
    except OSError as error:
        reason = explain_os_error(error) or f"Could not write {file}: {error.strerror}."
        raise UserError(
            f"{reason} The decoded posters need {amount(math.prod(shape))} in {file.parent}: "
            "set input.cache_folder to another disk, or input.cache=off."
        ) from None


def _remove_left_over(folder):
    """Remove what a killed process left half-written, once it is a day old."""
    for scratch in folder.glob(".posters-*"):
        with contextlib.suppress(OSError):
            if time.time() - scratch.stat().st_mtime > 24 * 3600:
                scratch.unlink()


def lack_of_room(folder, size):
    """Return in words what a folder, made or not, lacks to hold `size` bytes, or `None`."""
    there = folder.absolute()
    while not there.exists():
        there = there.parent
    if not there.is_dir() or not os.access(there, os.W_OK):
        return f"{there} cannot be written to"
    free = shutil.disk_usage(there).free
    return f"{there} has only {amount(free)} free" if free < size + _SPARE_BYTES else None


def _decoded_chunks(paths, height, width, fit):
    """Yield uint8 arrays of `(up to _CHUNK, height, width, 3)`, all posters in order.

    After a damaged poster nothing more is yielded, but the others are still
    tried, so that all damaged ones are named at once.
    """
    paths = [os.fspath(path) for path in paths]
    # TensorFlow would wait for ever on a pipe, and read a device without end.
    files = [row for row, path in enumerate(paths) if os.path.isfile(path)]

    def read(row, path):
        return row, decode_poster(tf.io.read_file(path), height, width, fit)

    named = tf.constant([paths[row] for row in files], tf.string, (len(files),))
    rows = tf.data.Dataset.from_tensor_slices((np.array(files, np.int64), named))
    posters = rows.map(read, num_parallel_calls=tf.data.AUTOTUNE, deterministic=True)
    # A damaged poster is known by its row that does not come.
    posters = posters.ignore_errors(log_warning=False).batch(_CHUNK).prefetch(2)
    is_read = np.zeros(len(paths), bool)
    with tqdm(total=len(paths), desc="Decoding posters", unit="poster", disable=None) as bar:
        for seen, pixels in posters.as_numpy_iterator():
            is_read[seen] = True
            if is_read[: seen[-1] + 1].all():
                yield pixels
            bar.update(len(seen))
    if not is_read.all():
        raise _unreadable([paths[row] for row in np.flatnonzero(~is_read)])


def _unreadable(bad):
    named = ", ".join(f"{path} ({_what_ails(path)})" for path in bad[:_NAMED])
    more = f" and {len(bad) - _NAMED} more" if len(bad) > _NAMED else ""
    posters = "1 poster" if len(bad) == 1 else f"{len(bad)} posters"
    return UserError(
        f"{posters} cannot be read: {named}{more}. "
        "Run `keras-genres data prepare` again to leave damaged posters out."
    )


def _what_ails(path):
    if not os.path.exists(path):
        return "missing"
    if not os.path.isfile(path):
        return "not a file"
    if not os.access(path, os.R_OK):
        return "no permission to read"
    return "damaged, or no JPEG or PNG" if os.path.getsize(path) else "empty"


def amount(size):
    """Return a number of bytes for people."""
    return f"{size / GIB:.1f} GiB" if size >= GIB else f"{size / 2**20:.1f} MiB"
