"""Figures of all genres in one plane: precision against recall, and genres that come together.

Each function takes arrays and returns a `Sheet`; `figures.draw_figures` makes
all of a run's.
"""

import numpy as np

from keras_genres.evaluation.cooccurrence import cooccurrence, largest_differences
from keras_genres.evaluation.figures.frame import Frame, thin
from keras_genres.evaluation.figures.lettering import text_width
from keras_genres.evaluation.figures.placing import place_names
from keras_genres.evaluation.figures.sheet import Sheet
from keras_genres.evaluation.figures.style import INK, LINE, QUIET, TEST, VAL
from keras_genres.evaluation.metrics import pick, ratio
from keras_genres.genres import GENRES

_MAP_INCHES = 2.72
_NAME_INCHES = 1.0
_DEPTHS = 20
"""Shades of a map: more are not told apart, and fewer make a smaller file."""
_PAIRS = 12
_LEVELS = (0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9)


def precision_recall_map(labels, scores, thresholds, genres=GENRES):
    """Return precision against recall, a named dot a genre, on lines of equal F1.

    Args:
        labels: 0/1 array of shape `(posters, genres)`.
        scores: Same shape.
        thresholds: Shape `(genres,)`.
        genres: Names in column order.
    """
    labels = np.asarray(labels)
    picks = pick(scores, thresholds)
    hits, picked, positives = (part.sum(axis=0) for part in (labels & picks, picks, labels))
    precision, recall = ratio(hits, picked), ratio(hits, positives)
    known = np.flatnonzero(positives)
    subtitle = [
        ("dot: a genre, test posters at the chosen thresholds", TEST),
        ("ring: mean of the genres", INK),
        "grey: lines of equal F1",
    ]
    sheet = Sheet(6.3, "Precision against recall", subtitle)
    highest = [
        max(0.5, np.ceil(10 * part.max(initial=0) + 0.3) / 10) for part in (recall, precision)
    ]
    x_high, y_high = (min(1.0, high) for high in highest)
    frame = Frame(sheet, 0.7, 0.8, 6.75, 4.85, (0, x_high), (0, y_high))
    for tick in np.arange(0, y_high + 1e-9, 0.1):
        frame.mark_y(tick, f"{tick:g}")
    for tick in np.arange(0, x_high + 1e-9, 0.1):
        frame.mark_x(tick, f"{tick:g}", grid=True)
    frame.name_x("recall: share of a genre's posters that were picked")
    frame.name_y("precision: share of picks that are right", 0.45)
    _equal_f1(frame)
    if not len(known):
        middle = frame.left + frame.width / 2, frame.top + frame.height / 2
        sheet.write(*middle, "No test poster has a genre.", INK, 9, across="center")
        return sheet
    frame.dot(recall.mean(), precision.mean(), INK, size=9, hollow=True)
    places = np.column_stack([frame.x(recall[known]), frame.y(precision[known])])
    names = [genres[index] for index in known]
    sizes = [(text_width(name, 9) + 0.04, 0.15) for name in names]
    bounds = (frame.left, frame.top, frame.left + frame.width, frame.top + frame.height)
    mean = frame.x(recall.mean()), frame.y(precision.mean())
    ring = [(mean[0] - 0.08, mean[1] - 0.08, mean[0] + 0.08, mean[1] + 0.08)]
    found = place_names(places, sizes, bounds, ring)
    for name, dot, ((x, y), is_far) in zip(names, places, found, strict=True):
        if is_far:
            sheet.line((dot[0], x), (dot[1], y), QUIET, 0.6, layer=1)
        sheet.dot(*dot, TEST, size=6.5)
        sheet.cover(sheet.write(x, y, name, INK, 9, across="center", along="center"))
    return sheet


def _equal_f1(frame):
    """Draw lines of equal F1, each named where it leaves the frame at the top or the right."""
    (_, x_high), (_, y_high) = frame.x_range, frame.y_range
    for f1 in _LEVELS:
        start = f1 * y_high / (2 * y_high - f1) if y_high > f1 / 2 else x_high
        if start >= x_high:
            continue
        # Close together where the line is steep.
        x = start + (x_high - start) * np.linspace(0, 1, 200) ** 3
        line = thin(frame.x(x), frame.y(f1 * x / (2 * x - f1)), inches=0.002)
        frame.sheet.line(*line, QUIET, 0.7, alpha=0.45)
        end = f1 * x_high / (2 * x_high - f1)
        frame.sheet.write(
            frame.left + frame.width + 0.09, frame.y(end), f"F1 {f1:g}", size=7.5, along="center"
        )


def cooccurrence_maps(labels, scores, thresholds, genres=GENRES):
    """Return which genres come together in truth, in picks, and the difference of the two.

    Args:
        labels: 0/1 array of shape `(posters, genres)`.
        scores: Same shape.
        thresholds: Shape `(genres,)`.
        genres: Names in column order.
    """
    true, picked = cooccurrence(labels), cooccurrence(pick(scores, thresholds))
    subtitle = [
        [
            ("depth of blue:", TEST),
            "of test posters with the row's genre, the share that has the column's too.",
        ],
        [
            "Difference: how the picks depart from the truth,",
            ("blue: too seldom", TEST),
            ("orange: too often", VAL),
            "together.",
        ],
    ]
    size, across, down = _MAP_INCHES, _MAP_INCHES + _NAME_INCHES + 0.16, _MAP_INCHES + 1.2
    sheet = Sheet(1.75 + down + size + 0.2, "Genres that come together", subtitle)
    left, top = _NAME_INCHES, 1.75
    _map(sheet, left, top, "true", true, genres)
    _map(sheet, left + across, top, "picked", picked, genres)
    _map(sheet, left, top + down, "difference", picked - true, genres)
    _pair_list(sheet, left + across - _NAME_INCHES + 0.25, top + down, true, picked, genres)
    return sheet


def _map(sheet, left, top, title, shares, genres):
    cell = _MAP_INCHES / len(genres)
    sheet.write(left - 0.06, top - 0.1, title, INK, 9, bold=True, across="right")
    for index, name in enumerate(genres):
        middle = (index + 0.5) * cell
        sheet.write(left - 0.06, top + middle, name, INK, 7.5, across="right", along="center")
        sheet.write(left + middle, top - 0.06, name, INK, 7.5, along="center", upright=True)
        sheet.box(left + index * cell, top + index * cell, cell, cell, LINE, 1.0)
    steps = np.rint(np.nan_to_num(shares) * _DEPTHS).astype(int)
    np.fill_diagonal(steps, 0)
    for row, column in np.argwhere(steps):
        depth = min(1.0, abs(steps[row, column]) / _DEPTHS)
        is_too_often = title == "difference" and steps[row, column] > 0
        colour = VAL if is_too_often else TEST
        place = (left + column * cell, top + row * cell)
        sheet.box(*place, cell - 0.008, cell - 0.008, colour, depth)
    for row in np.flatnonzero(np.isnan(shares).any(axis=1)):
        y = top + (row + 0.5) * cell
        sheet.line((left, left + _MAP_INCHES), (y, y), LINE, 1.0, dashes=(2, 2))
    sheet.line(
        np.array([0, 1, 1, 0, 0]) * _MAP_INCHES + left,
        np.array([0, 0, 1, 1, 0]) * _MAP_INCHES + top,
        LINE,
    )


def _pair_list(sheet, left, top, true, picked, genres):
    """Write the largest differences as text, beside the maps."""
    ends = (left + 2.35, left + 2.85, left + 3.35)
    sheet.write(left, top - 0.1, "Largest differences", INK, 9, bold=True)
    for end, title in zip(ends, ("true", "picked", ""), strict=True):
        sheet.write(end, top - 0.1, title, QUIET, 8.5, across="right")
    for number, (row, column) in enumerate(largest_differences(true, picked, _PAIRS)):
        y = top + 0.12 + 0.205 * number
        one, other = true[row, column], picked[row, column]
        colour = VAL if other > one else TEST
        sheet.write(left, y, f"{genres[row]} → {genres[column]}", INK, 8.5)
        for end, text, ink in zip(
            ends,
            (f"{one:.0%}", f"{other:.0%}", f"{100 * (other - one):+.0f}"),
            (QUIET, QUIET, colour),
            strict=True,
        ):
            sheet.write(end, y, text, ink, 8.5, across="right", bold=ink == colour)
