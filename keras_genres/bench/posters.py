"""Posters to measure on: prepared ones, or drawn for the occasion."""

import contextlib
import tempfile
from pathlib import Path

import numpy as np

from keras_genres.data.prepare import prepare
from keras_genres.data.sample import MIN_POSTERS, draw_sample
from keras_genres.data.table import load_posters
from keras_genres.errors import UserError
from keras_genres.settings import PrepareSettings

DRAWN_SIZE = (268, 182)
"""Height and width of a drawn poster, those of the paper's."""


@contextlib.contextmanager
def some_posters(data=None, count=None, seed=0, note=lambda line: None):
    """Give posters with labels and splits.

    Args:
        data: Folder that `data prepare` wrote; `None` to draw posters and
            prepare them in a temporary folder.
        count: How many; of `data` that many are drawn by lot, and `None`
            takes all.
        seed: Seed of the lot, or of the drawing.
        note: Called with a line before posters are drawn.

    Yields:
        `Posters` and one word line about where they come from.

    Raises:
        UserError: For data that cannot be read, or more posters than there are.
    """
    if data is None:
        count = max(count or MIN_POSTERS, MIN_POSTERS)
        with tempfile.TemporaryDirectory(prefix="keras-genres-bench-") as scratch:
            note(f"Drawing {count} posters")
            folder = Path(scratch)
            draw_sample(folder / "posters", count, seed, size=DRAWN_SIZE)
            prepare(folder / "posters" / "labels.csv", folder / "data", PrepareSettings(seed=seed))
            yield load_posters(folder / "data"), "drawn, JPEG of {} × {}".format(*DRAWN_SIZE)
        return
    posters = load_posters(data)
    if count is not None and count > len(posters):
        raise UserError(f"{data} holds {len(posters)} posters. Received: --posters {count}")
    if count is not None:
        posters = posters.take(draw_lot(posters.splits, count, seed))
    yield posters, f"of {data}"


def draw_lot(splits, count, seed=0):
    """Draw rows of which each split has its share.

    Args:
        splits: Split of each row.
        count: How many rows are drawn.
        seed: Seed of the lot.

    Returns:
        Row numbers in order, shape `(count,)`.
    """
    # A stream of its own: the splits may be drawn with the same seed.
    chance = np.random.default_rng([seed, 1])
    rank = np.empty(len(splits))
    for split in np.unique(splits):
        rows = chance.permutation(np.flatnonzero(splits == split))
        rank[rows] = (np.arange(len(rows)) + 0.5) / len(rows)
    return np.sort(np.argsort(rank, kind="stable")[:count])


def read_once(paths):
    """Read files and forget them, so that nobody is the first to wait for the disk."""
    for path in paths:
        try:
            Path(path).read_bytes()
        except OSError as error:
            raise UserError(f"Cannot read {path}: {error.strerror}.") from None


def parse_size(text):
    """Return `(height, width)` of `224` or `278x185`.

    Raises:
        UserError: For anything else.
    """
    parts = str(text).lower().replace("×", "x").split("x")
    try:
        numbers = [int(part) for part in parts]
    except ValueError:
        numbers = []
    if len(numbers) not in (1, 2) or not all(16 <= number <= 4096 for number in numbers):
        raise UserError(
            "--size must be pixels from 16 to 4096, such as 224, or HEIGHTxWIDTH, such as 278x185. "
            f"Received: {text!r}"
        )
    return numbers[0], numbers[-1]
