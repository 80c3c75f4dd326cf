"""Read `multilabel_posters.csv` and check it, in little memory."""

import os
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from keras_genres.data.csv_rows import read_rows
from keras_genres.data.texts import Texts
from keras_genres.errors import UserError
from keras_genres.genres import GENRES, NUM_GENRES
from keras_genres.split import SPLITS, Split

TABLE = "multilabel_posters.csv"
SPLIT_FILE = "split.json"
COLUMNS = ("filename", *GENRES, "split", "group")

# Arrays of text have room for their longest cell in every row.
_MAX_CELL = 4096
_AGAIN = "Run `keras-genres data prepare` to write it again."


@dataclass(frozen=True)
class PackedPosters:
    """What `table.Posters` hold, in a third of the memory: `data check` needs no arrays of text."""

    root: Path
    filenames: Texts
    labels: np.ndarray
    splits: np.ndarray
    """Index into `SPLITS`, shape `(posters,)`."""
    groups: Texts
    split: Split
    extra: dict
    """Further columns: name -> `Texts`."""


def read_posters(path, with_extra=True):
    """Return a prepared folder as `PackedPosters`; all else as in `table.load_posters`.

    Args:
        path: As there.
        with_extra: Whether to read the further columns.
    """
    path = Path(path)
    table = path if path.suffix.lower() == ".csv" else path / TABLE
    if not table.parent.is_dir():
        raise UserError(f"There is no folder {table.parent}.")
    rows = _rows(table)
    header = next(rows)
    number = {name: column for column, name in enumerate(header)}
    missing = [name for name in COLUMNS if name not in number]
    if missing:
        raise UserError(
            f"{table} is not what `keras-genres data prepare` writes: it lacks the columns "
            f"{', '.join(missing)}. Run that command on it, and give the folder that it makes."
        )
    filenames, groups, labels, splits = Texts(), Texts(), bytearray(), bytearray()
    extra = {name: Texts() for name in header if with_extra and name not in COLUMNS}
    for row in rows:
        name, split = row[number["filename"]], row[number["split"]]
        if split not in SPLITS:
            raise UserError(
                f"{table}: split must be one of {', '.join(SPLITS)}. Received: {split!r}"
            )
        filenames.append(name)
        groups.append(row[number["group"]])
        splits.append(SPLITS.index(split))
        labels += _read_labels(table, name, [row[number[genre]] for genre in GENRES])
        for title, texts in extra.items():
            texts.append(row[number[title]])
    if not splits:
        raise UserError(f"{table} holds no posters. {_AGAIN}")
    posters = PackedPosters(
        root=Path(os.path.realpath(table.parent)),
        filenames=filenames,
        labels=np.frombuffer(labels, dtype=np.uint8).reshape(-1, NUM_GENRES),
        splits=np.frombuffer(splits, dtype=np.uint8),
        groups=groups,
        split=_read_split(table),
        extra=extra,
    )
    _check(table, posters)
    return posters


def _rows(table):
    """Yield the header and the rows of the table."""
    rows = read_rows(table, ",", _AGAIN)
    try:
        header = next(rows, [])
    except FileNotFoundError:
        raise UserError(f"There is no {table}. Run `keras-genres data prepare` first.") from None
    if len(set(header)) < len(header):
        raise UserError(f"{table} has a column twice. {_AGAIN}")
    yield header
    for number, row in enumerate(filter(None, rows), start=1):
        if len(row) != len(header):
            raise UserError(
                f"{table}, poster {number} has {len(row)} cells, {len(header)} expected. {_AGAIN}"
            )
        if max(map(len, row)) > _MAX_CELL:
            raise UserError(
                f"{table}, poster {number} has a cell of more than {_MAX_CELL} characters. {_AGAIN}"
            )
        yield row


def _read_labels(table, name, cells):
    """Return the 19 cells of a poster's genres as bytes of 0 and 1."""
    if not set(cells) <= {"0", "1"}:
        genre, cell = next(
            (genre, cell)
            for genre, cell in zip(GENRES, cells, strict=True)
            if cell not in ("0", "1")
        )
        raise UserError(f"{table}: {genre} of {name} must be 0 or 1. Received: {cell!r}")
    return bytes(map(int, cells))


def _read_split(table):
    path = table.parent / SPLIT_FILE
    if not path.exists():
        raise UserError(f"There is no {path} beside {table.name}. {_AGAIN}")
    return Split.load(path)


def _check(table, posters):
    order = posters.filenames.order()
    is_again = ~posters.filenames.differ(order[:-1], order[1:])
    twice = [posters.filenames[row] for row in (order[0], *order[1:][is_again][:1])]
    if not twice[0] or len(twice) > 1:
        raise UserError(
            f"{table} names the poster {twice[-1] if twice[0] else ''!r} twice or not at all. "
            f"{_AGAIN}"
        )
    del order
    groups = posters.groups.numbers()
    # The split of the first poster of each group, for every poster.
    _, firsts, which = np.unique(groups, return_index=True, return_inverse=True)
    wanted = posters.splits[firsts][which]
    for row in np.flatnonzero(posters.splits != wanted)[:1]:
        raise UserError(
            f"{table}: the group {posters.groups[row]!r} is in both {SPLITS[wanted[row]]} and "
            f"{SPLITS[posters.splits[row]]}: posters of one film or picture must not cross a "
            f"split. {_AGAIN}"
        )
    del groups, firsts, which, wanted
    written = posters.split
    found = Split.of(
        posters.filenames,
        posters.labels,
        np.array(SPLITS)[posters.splits],
        posters.groups,
        written.seed,
        written.fractions,
    )
    if found.sha256 != written.sha256:
        raise UserError(
            f"{table} was changed after {SPLIT_FILE} was written: {written.difference(found)}. "
            f"{_AGAIN}"
        )
