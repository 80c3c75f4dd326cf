"""`multilabel_posters.csv`, the table that training and evaluation read.

Columns: `filename` (relative to the CSV), the 19 genres in index order as
0/1, `split`, `group`; then whatever else the source knew of a poster, such
as title and year. Beside it stands `split.json`, whose hash guards it.
"""

import csv
import os
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from keras_genres.errors import UserError
from keras_genres.files import whole_file
from keras_genres.genres import GENRES, NUM_GENRES
from keras_genres.split import SPLITS, Split

TABLE = "multilabel_posters.csv"
SPLIT_FILE = "split.json"
FACTS = "prepare.json"
COLUMNS = ("filename", *GENRES, "split", "group")

_AGAIN = "Run `keras-genres data prepare` to write it again."


@dataclass(frozen=True)
class Posters:
    """The posters of a prepared folder, in the order of its table."""

    root: Path
    """Folder of the CSV; filenames are relative to it."""
    filenames: np.ndarray
    """Unicode array of shape `(posters,)`, as in the CSV, with `/` between folders."""
    labels: np.ndarray
    """uint8 0/1 array of shape `(posters, genres)`."""
    splits: np.ndarray
    """Unicode array of shape `(posters,)`: `train`, `val` or `test`."""
    groups: np.ndarray
    """Unicode array of shape `(posters,)`: posters of one film or picture share it."""
    split: Split
    """What `split.json` says, of the whole table even in a `part`."""
    extra: dict = field(default_factory=dict)
    """Further columns (title, year, …): name -> unicode array of shape `(posters,)`."""

    def __len__(self):
        return len(self.filenames)

    @property
    def paths(self):
        """Absolute path of every poster, a list of `str`."""
        root = str(self.root)
        return [os.path.normpath(os.path.join(root, name)) for name in self.filenames.tolist()]

    def part(self, split):
        """Return the posters of `train`, `val` or `test`, in order.

        Raises:
            ValueError: For another name.
        """
        if split not in SPLITS:
            raise ValueError(f"`split` must be one of {SPLITS}. Received: {split!r}")
        return self.take(np.flatnonzero(self.splits == split))

    def take(self, rows):
        """Return the posters of an index array (or 0/1 mask), in its order."""
        return Posters(
            root=self.root,
            filenames=self.filenames[rows],
            labels=self.labels[rows],
            splits=self.splits[rows],
            groups=self.groups[rows],
            split=self.split,
            extra={name: values[rows] for name, values in self.extra.items()},
        )


def load_posters(path):
    """Read a prepared folder, checking all of it.

    Args:
        path: The folder, or its `multilabel_posters.csv`.

    Returns:
        `Posters`. Whether the files are still there is not looked up: see `check`.

    Raises:
        UserError: If a file is missing, the table is not as `data prepare`
            writes it, or it is not the one `split.json` speaks of.
    """
    path = Path(path)
    table = path if path.suffix.lower() == ".csv" else path / TABLE
    if not table.parent.is_dir():
        raise UserError(f"There is no folder {table.parent}.")
    header, rows = _read(table)
    number = {name: column for column, name in enumerate(header)}
    missing = [name for name in COLUMNS if name not in number]
    if missing:
        raise UserError(f"{table} lacks the columns {', '.join(missing)}. {_AGAIN}")
    if not rows:
        raise UserError(f"{table} holds no posters. {_AGAIN}")
    columns = dict(zip(header, zip(*rows, strict=True), strict=True))
    del rows  # a list of cells a poster, most of what this takes
    labels = _read_labels(table, columns)
    posters = Posters(
        root=Path(os.path.realpath(table.parent)),
        filenames=np.array(columns["filename"]),
        labels=labels,
        splits=np.array(columns["split"]),
        groups=np.array(columns["group"]),
        split=_read_split(table),
        extra={name: np.array(columns[name]) for name in header if name not in COLUMNS},
    )
    _check(table, posters)
    return posters


def write_posters(folder, filenames, labels, splits, groups, seed, fractions, extra=None):
    """Write `multilabel_posters.csv` and `split.json`.

    Args:
        folder: Where to; it is made if missing.
        filenames: Paths relative to `folder`, with `/` between folders.
        labels: 0/1 array of shape `(posters, genres)`.
        splits: `train`, `val` or `test` for each poster.
        groups: Group of each poster.
        seed: Seed the split was drawn with.
        fractions: Wanted share of `train`, `val` and `test`, a dict.
        extra: Further columns, name -> sequence of strings.

    Returns:
        The `Split` that was written.
    """
    folder, extra = Path(folder), extra or {}
    clash = [name for name in extra if name in COLUMNS]
    if clash:
        raise ValueError(f"`extra` must not hold columns of the table. Received: {clash}")
    split = Split.of(filenames, labels, splits, groups, seed, fractions)
    digits = np.asarray(labels, dtype=np.uint8).astype(str)
    more = [[escape(value) for value in values] for values in extra.values()]
    with whole_file(folder / TABLE) as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow([*COLUMNS, *extra])
        for row in zip(filenames, digits, splits, groups, *more, strict=True):
            name, genres, part, group, *rest = row
            writer.writerow([name, *genres, part, group, *rest])
    split.save(folder / SPLIT_FILE)
    return split


def require_positives(posters):
    """Refuse data in which a genre has no poster to learn from or to choose its threshold on.

    Raises:
        UserError: If nobody has some genre in training or validation; it names them.
    """
    for split, name in (("train", "training"), ("val", "validation")):
        counts = posters.labels[posters.splits == split].sum(axis=0)
        absent = [genre for genre, count in zip(GENRES, counts, strict=True) if count == 0]
        if absent:
            raise UserError(
                f"No {name} poster has the genre {', '.join(absent)}: it can be neither learned "
                "nor judged. Add posters of it and run `keras-genres data prepare` again."
            )


def escape(text):
    """Return a cell that a spreadsheet shows instead of running it as a formula.

    Example:
        >>> escape("=cmd()"), escape("-5"), escape("Jaws")
        ("'=cmd()", '-5', 'Jaws')
    """
    text = str(text)
    if not text.startswith(("=", "+", "-", "@", "\t", "\r")):
        return text
    try:
        float(text)
    except ValueError:
        return "'" + text
    return text


def write_csv(path, header, rows):
    """Write a table of reports, whole or not at all, no cell of which is a formula."""
    with whole_file(path) as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(header)
        writer.writerows([escape(cell) for cell in row] for row in rows)


def _read(table):
    try:
        with open(table, encoding="utf-8-sig", newline="") as file:
            reader = csv.reader(file, strict=True)
            header = next(reader, [])
            rows = [row for row in reader if row]
    except FileNotFoundError:
        raise UserError(f"There is no {table}. Run `keras-genres data prepare` first.") from None
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise UserError(f"{table} is not a readable CSV: {error}. {_AGAIN}") from None
    if len(set(header)) < len(header):
        raise UserError(f"{table} has a column twice. {_AGAIN}")
    for number, row in enumerate(rows, start=1):
        if len(row) != len(header):
            raise UserError(
                f"{table}, poster {number} has {len(row)} cells, {len(header)} expected. {_AGAIN}"
            )
    return header, rows


def _read_labels(table, columns):
    labels = np.array([columns[genre] for genre in GENRES]).T
    good = (labels == "0") | (labels == "1")
    if not good.all():
        row, genre = np.argwhere(~good)[0]
        raise UserError(
            f"{table}: {GENRES[genre]} of {columns['filename'][row]} must be 0 or 1. "
            f"Received: {str(labels[row, genre])!r}"
        )
    return np.ascontiguousarray(labels == "1", dtype=np.uint8).reshape(-1, NUM_GENRES)


def _read_split(table):
    path = table.parent / SPLIT_FILE
    if not path.exists():
        raise UserError(f"There is no {path} beside {table.name}. {_AGAIN}")
    return Split.load(path)


def _check(table, posters):
    unknown = sorted(set(posters.splits.tolist()) - set(SPLITS))
    if unknown:
        raise UserError(
            f"{table}: split must be one of {', '.join(SPLITS)}. Received: {unknown[0]!r}"
        )
    names = posters.filenames.tolist()
    if len(set(names)) < len(names) or "" in names:
        twice = next(name for name in sorted(names) if not name or names.count(name) > 1)
        raise UserError(f"{table} names the poster {twice!r} twice or not at all. {_AGAIN}")
    split_of = {}
    for group, split in zip(posters.groups.tolist(), posters.splits.tolist(), strict=True):
        if split_of.setdefault(group, split) != split:
            raise UserError(
                f"{table}: the group {group!r} is in both {split_of[group]} and {split}: "
                f"posters of one film or picture must not cross a split. {_AGAIN}"
            )
    wanted = posters.split
    found = Split.of(
        names, posters.labels, posters.splits, posters.groups, wanted.seed, wanted.fractions
    )
    if found.sha256 != wanted.sha256:
        raise UserError(
            f"{table} was changed after {SPLIT_FILE} was written: {wanted.difference(found)}. "
            f"{_AGAIN}"
        )
