"""The figures of a report."""

import re

import numpy as np

from keras_genres.evaluation.figures import maps, panels, plots, score_panels
from keras_genres.evaluation.figures.captions import ERRORS_BY, FIGURES, FigureText, figure_text
from keras_genres.evaluation.figures.style import house_style
from keras_genres.evaluation.history import read_history
from keras_genres.evaluation.metrics import pick
from keras_genres.evaluation.slices import slice_errors
from keras_genres.genres import GENRES

__all__ = ["FIGURES", "FigureText", "draw_figures", "figure_text", "read_history"]

_NAME_LETTERS = 40


def draw_figures(run, report, folder, posters=None, columns=()):
    """Write every figure of a report that can be drawn, as PNG and SVG.

    Sheets of posters are PNG alone. `history` is left out where the run has
    no `history.csv` or no epoch in it.

    Args:
        run: The `Run`, for its history and split.
        report: The `Report`.
        folder: Where to write.
        posters: `data.table.Posters` the run was trained on; `None` leaves out
            what needs them.
        columns: Names of `posters.extra` to sort errors by.

    Returns:
        Names of the figures, in the order of `FIGURES`; `figure_text` has their texts.

    Raises:
        UserError: If `history.csv` is damaged, or the posters are of another split.
    """
    figures = _drawings(run, report)
    errors = {}
    if posters is not None:
        run.split().require_same(posters.split, str(run.path), str(posters.root))
        figures |= _poster_sheets(report, posters)
        errors = _errors(report, posters, columns)
    drawn = []
    with house_style():
        for name in [*(text.name for text in FIGURES), *errors]:
            sheet = (errors.get(name) or figures.get(name, _nothing))()
            if sheet is not None:
                sheet.save(folder, name)
                drawn.append(name)
    return drawn


def _nothing():
    return None


def _drawings(run, report):
    """Return functions that draw what scores, split and history tell, by name."""
    val, test = (report.tables[split].iloc[: len(GENRES)] for split in ("val", "test"))
    thresholds = test["threshold"].to_numpy()
    arrays = {name: (part.labels, part.scores) for name, part in report.predictions.items()}
    counts = {
        split: [part["genres"][genre] for genre in GENRES]
        for split, part in run.split().splits.items()
    }
    tuned = report.summaries["test"]["thresholds"]["chosen_on"] == "val"
    epochs = read_history(run)
    return {
        "genre_distribution": lambda: plots.genre_distribution(counts),
        "f1_per_genre": lambda: plots.f1_per_genre(
            test["f1"].to_numpy(),
            val["f1"].to_numpy(),
            thresholds,
            test["support"].to_numpy(),
            tuned=tuned,
        ),
        "confusion": lambda: score_panels.confusion(*arrays["test"], thresholds),
        "history": lambda: plots.history(epochs) if len(epochs) else None,
        "cooccurrence": lambda: maps.cooccurrence_maps(*arrays["test"], thresholds),
        "precision_recall_map": lambda: maps.precision_recall_map(*arrays["test"], thresholds),
        "thresholds": lambda: panels.thresholds_panels(
            arrays["val"], arrays["test"], thresholds, tuned=tuned
        ),
        "precision_recall": lambda: panels.precision_recall(*arrays["test"], thresholds),
        "calibration": lambda: score_panels.calibration(*arrays["test"], after=report.calibrated),
        "scores": lambda: score_panels.score_histograms(*arrays["test"], thresholds),
    }


def _poster_sheets(report, posters):
    from keras_genres.evaluation.figures import poster_sheets as sheets

    test = report.predictions["test"]
    thresholds = report.tables["test"]["threshold"].to_numpy()[: len(GENRES)]

    def samples():
        train = np.flatnonzero(posters.splits == "train")
        rows = train[sheets.choose_samples(posters.labels[train])]
        return sheets.samples(sheets.make_cards(posters, rows)) if len(rows) else None

    def top_losses():
        worst = sheets.choose_top_losses(test.labels, test.scores, test.groups)
        rows = _rows_of(test.filenames, posters)[worst]
        cards = sheets.make_cards(posters, rows)
        return sheets.top_losses(cards, test.scores[worst], thresholds)

    return {"samples": samples, "top_losses": top_losses}


def _errors(report, posters, columns):
    """Return functions that draw the errors by each column, by name of the figure."""
    test, summary = report.predictions["test"], report.summaries["test"]
    thresholds = report.tables["test"]["threshold"].to_numpy()[: len(GENRES)]
    picks, rows = pick(test.scores, thresholds), _rows_of(test.filenames, posters)
    how = {name: summary["intervals"][name] for name in ("resamples", "confidence", "seed")}
    figures = {}
    for column in columns:

        def draw(column=column):
            values = posters.extra[column][rows]
            slices = slice_errors(test.labels, picks, test.groups, values, **how)
            return plots.errors_by(column, slices, how["confidence"])

        figures[_free_name(column, figures)] = draw
    return figures


def _free_name(column, taken):
    """Return a name for files that any system can hold and no other column has."""
    letters = re.sub("[^a-z0-9]+", "_", column.lower()).strip("_")[:_NAME_LETTERS] or "column"
    name, number = f"{ERRORS_BY}{letters}", 1
    while name in taken:
        number += 1
        name = f"{ERRORS_BY}{letters}_{number}"
    return name


def _rows_of(filenames, posters):
    """Return the rows of `Posters` that have these names."""
    rows = {name: row for row, name in enumerate(posters.filenames.tolist())}
    return np.array([rows[name] for name in filenames.tolist()], int)
