"""The figures of a report."""

import pandas as pd

from keras_genres.errors import UserError
from keras_genres.evaluation.panels import precision_recall, thresholds_panels
from keras_genres.evaluation.plots import f1_per_genre, genre_distribution, history
from keras_genres.evaluation.style import house_style, save_png
from keras_genres.genres import GENRES

_HISTORY_NUMBERS = [
    "epoch",
    "loss",
    "val_loss",
    "val_macro_f1",
    "val_macro_f1_tuned",
    "is_best",
]


def draw_figures(run, report, folder):
    """Write every figure of a report as PNG.

    `history.png` is left out where the run has no `history.csv` or no epoch
    in it.

    Args:
        run: The `Run`, for its history and split.
        report: The `Report`.
        folder: Where to write.

    Raises:
        UserError: If `history.csv` is damaged.
    """
    val, test = (report.tables[split].iloc[: len(GENRES)] for split in ("val", "test"))
    thresholds = test["threshold"].to_numpy()
    arrays = {name: (part.labels, part.scores) for name, part in report.predictions.items()}
    counts = {
        split: [part["genres"][genre] for genre in GENRES]
        for split, part in run.split().splits.items()
    }
    epochs = read_history(run.history_file)
    with house_style():
        figures = {
            "f1_per_genre": f1_per_genre(
                test["f1"].to_numpy(), val["f1"].to_numpy(), thresholds, test["support"].to_numpy()
            ),
            "precision_recall": precision_recall(*arrays["test"], thresholds),
            "thresholds": thresholds_panels(arrays["val"], arrays["test"], thresholds),
            "genre_distribution": genre_distribution(counts),
        }
        if len(epochs):
            figures["history"] = history(epochs)
        for name, figure in figures.items():
            save_png(figure, folder / f"{name}.png")


def read_history(path):
    """Return `history.csv` as a DataFrame, without rows where it is missing or empty.

    Raises:
        UserError: If it lacks a column, or a number is not one.
    """
    if not path.exists() or not path.stat().st_size:
        return pd.DataFrame(columns=["stage", *_HISTORY_NUMBERS])
    try:
        table = pd.read_csv(path, dtype={"stage": str})
        table["stage"]  # a KeyError if it is missing
        table[_HISTORY_NUMBERS] = table[_HISTORY_NUMBERS].astype(float)
        return table.astype({"epoch": int})
    except (KeyError, ValueError) as error:
        reason = " ".join(str(error).split())
        raise UserError(
            f"{path} is not a history of training: {reason}. Move it away to report without it."
        ) from None
