"""`multilabel_posters.csv`, the table that training and evaluation read.

Columns: `filename` (relative to the CSV), the 19 genres in index order as
0/1, `split`, `group`; then whatever else the source knew of a poster, such
as title and year. Beside it stands `split.json`, whose hash guards it.
"""

import csv
import os
import re
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from keras_genres.data.packed import COLUMNS, SPLIT_FILE, TABLE, read_posters
from keras_genres.errors import UserError
from keras_genres.files import whole_file
from keras_genres.genres import GENRES
from keras_genres.split import SPLITS, Split

FACTS = "prepare.json"


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
    table = read_posters(path)
    return Posters(
        root=table.root,
        filenames=table.filenames.array(),
        labels=table.labels,
        splits=np.array(SPLITS)[table.splits],
        groups=table.groups.array(),
        split=table.split,
        extra={name: texts.array() for name, texts in table.extra.items()},
    )


def write_posters(folder, filenames, labels, splits, groups, seed, fractions, extra=None):
    """Write `multilabel_posters.csv` and `split.json`.

    Args:
        folder: Where to; it is made if missing.
        filenames: Paths relative to `folder`, with `/` between folders, a list or `Texts`.
        labels: 0/1 array of shape `(posters, genres)`.
        splits: `train`, `val` or `test` for each poster.
        groups: Group of each poster, strings.
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
    labels = np.asarray(labels, dtype=np.uint8)
    more = [map(escape, values) for values in extra.values()]
    with whole_file(folder / TABLE) as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow([*COLUMNS, *map(escape, extra)])
        for row in zip(filenames, labels, splits, groups, *more, strict=True):
            name, genres, part, group, *rest = row
            writer.writerow([name, *genres.tolist(), part, group, *rest])
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


# Where cells may begin: at the start, and wherever a spreadsheet of another
# country, which parts columns by `;` or tabs, sees a new one. The last four
# signs are the wide ones of East Asian keyboards.
_FORMULA = re.compile(
    r"^(?=[\t\r])|(^|[;\t\r\n])((?:[^\S\t\r\n]|\")*[=+\-@\uff1d\uff0b\uff0d\uff20])"
)


def escape(text):
    """Return a cell that a spreadsheet shows instead of running it as a formula.

    An apostrophe is put before what begins like one, also behind `;`, line
    ends and tabs, which part cells in some countries' spreadsheets. Numbers
    stay as they are.

    Example:
        >>> escape("=cmd()"), escape("a;=cmd()"), escape("-5"), escape("Jaws")
        ("'=cmd()", "a;'=cmd()", '-5', 'Jaws')
    """
    text = str(text)
    if not _FORMULA.search(text):
        return text
    try:
        float(text)
    except ValueError:
        return _FORMULA.sub(lambda found: f"{found[1] or ''}'{found[2] or ''}", text)
    return text


def write_csv(path, header, rows):
    """Write a table of reports, whole or not at all, no cell of which is a formula."""
    with whole_file(path) as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(map(escape, header))
        writer.writerows([escape(cell) for cell in row] for row in rows)
