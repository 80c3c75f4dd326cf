"""The paper's own numbers, and which of our runs stands beside which of its rows.

Source: Arayıt & Tolga, "Multi-Label Movie Genre Classification Using Transfer
Learning", 2025. Its figures are on validation, with thresholds tuned on that
same validation.
"""

import csv
from dataclasses import dataclass
from pathlib import Path

import keras_genres
from keras_genres.errors import UserError
from keras_genres.genres import GENRES

MEASURES = ("macro_f1", "micro_f1", "samples_f1")


@dataclass(frozen=True)
class PaperRow:
    """A row of Table 9, and what of ours does it again."""

    model: str
    """Its name in Table 9."""
    table: str
    """The per-genre table whose averages it repeats."""
    experiments: tuple
    """Names of our experiments that follow its recipe."""
    backbone: str | None = None
    """Backbone whose other runs stand beside it, for want of a closer row."""
    remark: str = ""
    """What a reader should know of it, a sentence."""


ROWS = (
    PaperRow(
        "VGG-16 (Historical Comparison)",
        "8 right",
        ("vgg16_frozen", "vgg16_finetuned"),
        "vgg16",
        "The paper does not say whether its VGG-16 was frozen or fine-tuned, so both of ours "
        "stand beside it.",
    ),
    PaperRow("ResNet50 (Baseline, 12 Epochs)", "3", ("resnet50",), "resnet50"),
    PaperRow("ResNet50 (Balanced, 50 Epochs)", "4 right", ("resnet50_pos_weight",)),
    PaperRow("EfficientNet-B0 (30 epochs)", "5", ("efficientnetb0",), "efficientnetb0"),
    PaperRow(
        "EfficientNetV2-S (Blocks 6–7, Lower Epoch)",
        "6",
        ("efficientnetv2s_blocks6-7",),
    ),
    PaperRow(
        "EfficientNetV2-S (Blocks 4–7, 100 Epoch)",
        "7",
        ("efficientnetv2s_blocks4-7",),
        "efficientnetv2s",
        "The paper's 0.76 is very probably contaminated: if a resumed run drew its split anew, "
        "most of its validation had been trained on, which would explain why only this row has a "
        "higher macro than micro F1.",
    ),
)
"""Table 9, in the paper's order."""

DIFFERENCES = (
    "The paper's numbers are on validation, with thresholds tuned on that same validation, so they "
    "stand beside our validation; it never reports its test.",
    "Its data are 33,887 posters of a Kaggle set, split by poster; ours are split by group, so "
    "that no film or picture is on both sides. Its framework is PyTorch with torchvision, ours "
    "is Keras.",
)
"""What differs between the paper's numbers and ours, in sentences."""


@dataclass(frozen=True)
class Paper:
    """The numbers of `experiments/paper`."""

    tables: dict
    """Tables 2 to 8: table -> row -> `(precision, recall, f1)`, as floats of two digits."""
    variants: dict
    """Table -> what it is a table of."""
    table9: dict
    """Model -> `macro_f1`, `micro_f1` and `samples_f1`."""
    thresholds: dict
    """Table 10: genre -> threshold of the best model."""
    text_numbers: list
    """Dictionaries with `section`, `table`, `row` and `value` (text: its digits count)."""
    statements: list
    """Dictionaries with `place`, `says`, `against` and `shows`."""


def paper_folder(folder=None):
    """Return the folder of the paper's numbers.

    Args:
        folder: A folder to take; `None` for `experiments/paper` beside the
            package, as in a checkout, else in the working folder.

    Raises:
        UserError: If it holds no `table9.csv`.
    """
    checkout = Path(keras_genres.__file__).parents[1] / "experiments/paper"
    places = [Path(folder)] if folder else [checkout, Path("experiments/paper")]
    for place in places:
        if (place / "table9.csv").is_file():
            return place
    raise UserError(
        f"There is no table9.csv in {places[-1]}. Name the checkout's experiments/paper with "
        "--paper-folder."
    )


def load_paper(folder=None):
    """Read the paper's numbers.

    Args:
        folder: See `paper_folder`.

    Raises:
        UserError: If a file is missing or does not hold what it should.
    """
    folder = paper_folder(folder)
    tables, variants = {}, {}
    for row in _read(folder / "tables2-8.csv"):
        values = tuple(_number(row, name, folder) for name in ("precision", "recall", "f1"))
        tables.setdefault(row["table"], {})[row["row"]] = values
        variants[row["table"]] = f"{row['backbone']}, {row['variant']}"
    paper = Paper(
        tables=tables,
        variants=variants,
        table9={
            row["model"]: {name: _number(row, name, folder) for name in MEASURES}
            for row in _read(folder / "table9.csv")
        },
        thresholds={
            row["genre"]: _number(row, "threshold", folder) for row in _read(folder / "table10.csv")
        },
        text_numbers=_read(folder / "text_numbers.csv", ("section", "table", "row", "value")),
        statements=_read(folder / "statements.csv", ("place", "says", "against", "shows")),
    )
    _check(paper, folder)
    return paper


def find_row(experiment, backbone=None):
    """Return the row of Table 9 that a run stands beside, and whether it follows its recipe.

    Args:
        experiment: Name of the run's experiment; may be `None`.
        backbone: Name of its backbone; `None` for a baseline, which the paper has none of.

    Returns:
        A `PaperRow` and `True`, or one with the same backbone and `False`, or
        `None` and `False`.

    Example:
        >>> find_row("resnet50_pos_weight", "resnet50")[0].table
        '4 right'
    """
    for row in ROWS:
        if experiment in row.experiments:
            return row, True
    return next((row for row in ROWS if backbone and row.backbone == backbone), None), False


def _read(path, columns=()):
    try:
        with open(path, encoding="utf-8", newline="") as file:
            rows = list(csv.DictReader(file, strict=True))
        [row[name] + "" for row in rows for name in columns]
    except OSError as error:
        raise UserError(f"Cannot read {path}: {error.strerror}.") from None
    except (KeyError, TypeError, ValueError, csv.Error):
        raise UserError(f"{path} must be a CSV with the columns {', '.join(columns)}.") from None
    return rows


def _number(row, name, folder):
    try:
        return float(row[name])
    except (KeyError, TypeError, ValueError):
        raise UserError(
            f"A table in {folder} has no number {name!r} in {list(row.values())}. Take the files "
            "of the checkout again."
        ) from None


def _check(paper, folder):
    """Refuse tables that lack a genre, an average or a model that is spoken of."""
    wanted = {row.table for row in ROWS} | {row["table"] for row in paper.text_numbers}
    complete = {*GENRES, "Macro Avg", "Micro Avg", "Samples Avg"}
    if (
        wanted <= set(paper.tables)
        and all(complete <= set(rows) for rows in paper.tables.values())
        and all(row.model in paper.table9 for row in ROWS)
        and set(paper.thresholds) == set(GENRES)
        and all(row["row"] in paper.tables[row["table"]] for row in paper.text_numbers)
    ):
        return
    raise UserError(
        f"The tables in {folder} lack a genre, an average or a model of the paper. Take the files "
        "of the checkout again."
    )
