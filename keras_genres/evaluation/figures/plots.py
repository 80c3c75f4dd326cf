"""Figures with a row a genre or a slice, and the history of a training.

Each function takes arrays and returns a `Sheet`; `figures.draw_figures` makes
all of a run's.
"""

import numpy as np

from keras_genres.evaluation.figures.frame import Frame, nice_ticks
from keras_genres.evaluation.figures.lettering import clean_text, shorten
from keras_genres.evaluation.figures.sheet import Sheet
from keras_genres.evaluation.figures.style import (
    INK,
    LINE,
    QUIET,
    SPLIT_COLOURS,
    SPLIT_NAMES,
    TEST,
    TRAIN,
    VAL,
)
from keras_genres.genres import GENRES

_ROW_INCHES = 0.23
_BAR = 0.66
_NAME_INCHES = 1.15
_RIGHT_INCHES = 2.45
_TOP_INCHES = 0.98


def f1_per_genre(test_f1, val_f1, thresholds, support, genres=GENRES, tuned=True):
    """Return a bar of test F1 for each genre, best first, with validation as a dot.

    Args:
        test_f1: F1 on test at the thresholds, shape `(genres,)`.
        val_f1: The same on validation.
        thresholds: Shape `(genres,)`.
        support: Test posters of each genre, shape `(genres,)`.
        genres: Names in column order.
        tuned: Whether the thresholds were chosen on validation.
    """
    test_f1, val_f1 = np.asarray(test_f1), np.asarray(val_f1)
    order = np.argsort(-test_f1, kind="stable")
    macro = test_f1.mean()
    subtitle = (
        ("bar: test", TEST),
        ("dot: validation", VAL),
        f"{'(thresholds were chosen there). ' if tuned else ''}Dashed: test macro F1 {macro:.2f}.",
    )
    sheet, frame = _row_sheet("F1 per genre", subtitle, [genres[i] for i in order], 1)
    for tick in (0, 0.2, 0.4, 0.6, 0.8, 1):
        frame.mark_x(tick, f"{tick:g}", grid=True)
    for row, index in enumerate(order):
        _bar(frame, row, 0, test_f1[index], TEST)
        frame.dot(val_f1[index], row, VAL, size=6)
    frame.line((macro, macro), frame.y_range, INK, 0.9, dashes=(4, 3), layer=2)
    for right, title, colour, texts in (
        (6.35, "test F1", TEST, [f"{test_f1[i]:.2f}" for i in order]),
        (7.15, "threshold", QUIET, [f"{thresholds[i]:.2f}" for i in order]),
        (7.86, "posters", QUIET, [f"{support[i]:,}" for i in order]),
    ):
        _column(frame, right, title, colour, texts)
    return sheet


def genre_distribution(counts, genres=GENRES):
    """Return stacked bars of the posters of each genre in train, validation and test.

    Args:
        counts: `train`, `val` and `test` -> posters of each genre, shape `(genres,)`.
        genres: Names in column order.
    """
    totals = sum(np.asarray(counts[split], int) for split in SPLIT_COLOURS)
    order = np.argsort(-totals, kind="stable")
    subtitle = ("A poster counts in each of its genres. The most frequent first.",)
    high = max(1, totals.max()) * 1.02
    names = [genres[index] for index in order]
    sheet, frame = _row_sheet("Posters per genre", subtitle, names, high)
    for tick in nice_ticks(high):
        frame.mark_x(tick, f"{tick:,.0f}", grid=True)
    left = np.zeros(len(genres))
    for right, (split, colour) in zip((6.45, 7.25, 7.86), SPLIT_COLOURS.items(), strict=True):
        part = np.asarray(counts[split], int)[order]
        for row, count in enumerate(part):
            _bar(frame, row, left[row], left[row] + count, colour)
        left += part
        _column(frame, right, SPLIT_NAMES[split], colour, [f"{count:,}" for count in part])
    return sheet


def errors_by(column, slices, confidence=0.95):
    """Return samples F1 of each slice of the test posters as a dot with its interval.

    Args:
        column: Name of the column they were sliced by.
        slices: List of `slices.Slice`, at least one.
        confidence: Coverage of the intervals, to be named.
    """
    title = shorten(f"Errors by {clean_text(column)}", 6, 11, bold=True)
    subtitle = [("dot: samples F1 of the test posters", TEST)]
    if any(np.isfinite(part.low) for part in slices):
        subtitle.append(f"with {100 * confidence:g} % intervals (bootstrap of groups).")
    total = sum(part.posters for part in slices)
    mean = sum(part.samples_f1 * part.posters for part in slices) / total
    subtitle.append(f"Dashed: all, {mean:.2f}.")
    names = [clean_text(part.name) for part in slices]
    sheet, frame = _row_sheet(title, subtitle, names, 1, names_inches=1.55)
    for tick in (0, 0.2, 0.4, 0.6, 0.8, 1):
        frame.mark_x(tick, f"{tick:g}", grid=True)
    frame.line((mean, mean), frame.y_range, INK, 0.9, dashes=(4, 3), layer=1)
    for row, part in enumerate(slices):
        if np.isfinite(part.low):
            frame.line((part.low, part.high), (row, row), TEST, 3.2, alpha=0.35)
        frame.dot(part.samples_f1, row, TEST, size=6.5)
    for right, head, colour, texts in (
        (6.4, "samples F1", TEST, [f"{part.samples_f1:.2f}" for part in slices]),
        (7.12, "macro F1", QUIET, [f"{part.macro_f1:.2f}" for part in slices]),
        (7.86, "posters", QUIET, [f"{part.posters:,}" for part in slices]),
    ):
        _column(frame, right, head, colour, texts)
    return sheet


def history(table):
    """Return loss and macro F1 over the epochs, the unfreezing and the best epoch marked.

    Args:
        table: DataFrame of `history.csv`, at least one row.
    """
    epochs, stages = table["epoch"].to_numpy(), table["stage"].to_numpy()
    best = np.flatnonzero(table["is_best"].to_numpy() == 1)
    subtitle = [f"{len(epochs)} epoch{'s' if len(epochs) > 1 else ''}."]
    if len(best):
        subtitle.append(f"Circled: the best, epoch {epochs[best[-1]]}, whose weights were kept.")
    changes = np.flatnonzero(stages[1:] != stages[:-1])
    if len(changes):
        subtitle.append("Dotted: blocks of the backbone unfrozen.")
    sheet = Sheet(3.5, "Training", subtitle)
    panels = (
        ("Loss", (("loss", "training", TRAIN, ()), ("val_loss", "validation", VAL, ()))),
        (
            "Macro F1 on validation",
            (("val_macro_f1_tuned", "tuned", VAL, ()), ("val_macro_f1", "at 0.5", VAL, (3, 1.5))),
        ),
    )
    for number, (title, lines) in enumerate(panels):
        columns = [table[name].to_numpy(float) for name, *_ in lines]
        frame = _history_frame(sheet, number, epochs, np.concatenate(columns))
        sheet.write(frame.left, frame.top - 0.12, title, INK, 9)
        for change in changes:
            where = epochs[change : change + 2].mean()
            frame.line((where, where), frame.y_range, QUIET, 0.9, dashes=(1, 2))
        for values, (_, _, colour, dashes) in zip(columns, lines, strict=True):
            frame.line(epochs, values, colour, 1.4, dashes=dashes)
            known = np.isfinite(values)
            for point in zip(epochs[known], values[known], strict=True):
                frame.dot(*point, colour, size=3.6)
            if len(best) and known[best[-1]]:
                frame.dot(epochs[best[-1]], values[best[-1]], INK, size=8, hollow=True)
        ends = [
            (values[-1], text, colour)
            for values, (_, text, colour, _) in zip(columns, lines, strict=True)
        ]
        _label_ends(frame, epochs[-1], ends)
    return sheet


def _history_frame(sheet, number, epochs, values):
    """Return a frame with scales that hold the values, from 0 on where `number` is 1."""
    values = values[np.isfinite(values)]
    low, high = (values.min(), values.max()) if len(values) else (0.0, 1.0)
    pad = 0.1 * (high - low) or 0.05
    low, high = (0.0 if number else low - pad), high + pad
    first, last = epochs[0], epochs[-1]
    x_range = (first - 0.5, last + 0.5) if len(epochs) < 3 else (first - 0.02 * last, last)
    frame = Frame(sheet, 0.5 + 3.95 * number, 1.0, 2.85, 1.95, x_range, (low, high))
    step = nice_ticks(high - low, 4)[1]
    for tick in np.arange(np.ceil(low / step - 1e-9), np.floor(high / step + 1e-9) + 1) * step:
        frame.mark_y(tick, f"{tick + 0.0:.4g}")
    step = max(1, nice_ticks(last - first, 6)[-1 if last == first else 1])
    for tick in np.arange(np.ceil(first / step), last / step + 1e-9) * step:
        frame.mark_x(tick, f"{tick:g}")
    frame.name_x("epoch")
    return frame


def _label_ends(frame, x, ends):
    """Write the name of each line at its end, moved apart where they would touch."""
    floor, apart = np.inf, 0.15
    for value, text, colour in sorted(ends, key=lambda end: (np.nan_to_num(end[0]), end[1])):
        y = frame.y(value) if np.isfinite(value) else frame.top + frame.height
        y = min(float(y), floor)
        floor = y - apart
        at = frame.x(x) + 0.1
        frame.sheet.write(at, y, text, colour, 8.5, along="center")


def _row_sheet(title, subtitle, names, high, names_inches=_NAME_INCHES):
    """Return a sheet and its frame with a named row for each, the first on top."""
    rows = len(names)
    sheet = Sheet(rows * _ROW_INCHES + _TOP_INCHES + 0.4, title, subtitle)
    width = sheet.width - names_inches - _RIGHT_INCHES
    frame = Frame(
        sheet, names_inches, _TOP_INCHES, width, rows * _ROW_INCHES, (0, high), (rows - 0.5, -0.5)
    )
    for row, name in enumerate(names):
        text = shorten(name, names_inches - 0.25, 9)
        sheet.write(names_inches - 0.1, frame.y(row), text, INK, 9, across="right", along="center")
    sheet.line((names_inches, names_inches), (frame.top, frame.top + frame.height), LINE, layer=0)
    return sheet, frame


def _bar(frame, row, start, end, colour):
    left, right = frame.x(start), frame.x(end)
    height = _BAR * _ROW_INCHES
    if right - left > 1e-3:
        frame.sheet.box(left, frame.y(row) - height / 2, right - left, height, colour)


def _column(frame, right, title, colour, texts):
    """Write a column of texts beside the rows, its right edge `right` inches from the left."""
    frame.sheet.write(right, frame.top - 0.1, title, colour, 8.5, bold=True, across="right")
    for row, text in enumerate(texts):
        frame.sheet.write(right, frame.y(row), text, colour, 8.5, across="right", along="center")
