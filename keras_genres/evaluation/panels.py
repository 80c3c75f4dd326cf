"""Figures with a small panel for each genre.

Each function takes arrays and returns a figure; `figures.draw_figures` makes
all of a run's. Call them within `style.house_style()`.
"""

import numpy as np

from keras_genres.evaluation.metrics import average_precision, f1_per_genre, pick, ratio
from keras_genres.evaluation.ranking import precision_recall_curve
from keras_genres.evaluation.style import (
    INK,
    LINE,
    QUIET,
    TEST,
    VAL,
    WIDTH_INCHES,
    new_figure,
)
from keras_genres.evaluation.thresholds import f1_curve
from keras_genres.genres import GENRES

_COLUMNS = 5
_PANEL_INCHES = 1.18
_STEP_INCHES = 1.49
# Rare genres are cut at small scores: a root scale gives those room.
_CUTS = np.linspace(0, 1, 401) ** 2
_CUT_TICKS = (0, 0.1, 0.3, 0.6, 1)


def precision_recall(labels, scores, thresholds, genres=GENRES):
    """Return the precision-recall curve of each genre, with the point its threshold gives.

    Args:
        labels: 0/1 array of shape `(posters, genres)`.
        scores: Same shape.
        thresholds: Shape `(genres,)`.
        genres: Names in column order.
    """
    labels = np.asarray(labels)
    picks = pick(scores, thresholds)
    hits = (labels & picks).sum(axis=0)
    precision, recall = ratio(hits, picks.sum(axis=0)), ratio(hits, labels.sum(axis=0))
    areas = average_precision(labels, scores)
    subtitle = (
        ("curve: test posters", TEST),
        ("dot: at the chosen threshold.", INK),
        "Grey line: picking at random. Number: average precision.",
    )
    panels = _Panels("Precision and recall", subtitle, genres, "recall", "precision")
    for tick in (0, 0.5, 1):
        panels.mark_x(tick, f"{tick:g}")
    for index in range(len(genres)):
        found = labels[:, index].astype(bool)
        if not found.any():
            panels.say(index, "no positive\nin test")
            continue
        exact, reached = precision_recall_curve(found, scores[:, index])
        panels.line(index, (0, 1), (found.mean(),) * 2, QUIET, lw=0.8, alpha=0.7)
        panels.line(index, reached[::-1], exact[::-1], TEST, drawstyle="steps-post")
        panels.dot(index, recall[index], precision[index], INK)
        panels.number(index, areas[index], TEST)
    return panels.figure


def thresholds_panels(val, test, thresholds, genres=GENRES):
    """Return F1 over the threshold for each genre, with the threshold that was chosen.

    Args:
        val: `(labels, scores)` of validation, each of shape `(posters, genres)`.
        test: The same of test.
        thresholds: Shape `(genres,)`.
        genres: Names in column order.
    """
    subtitle = (
        ("validation", VAL),
        ("test.", TEST),
        "Dot and number: the threshold, chosen on validation.",
    )
    panels = _Panels("F1 over the threshold", subtitle, genres, "threshold", "F1")
    for tick in _CUT_TICKS:
        panels.mark_x(np.sqrt(tick), f"{tick:g}")
    curves = [(f1_curve(*part, _CUTS), colour) for part, colour in ((test, TEST), (val, VAL))]
    chosen = f1_per_genre(val[0], pick(val[1], thresholds))
    for index in range(len(genres)):
        if not val[0][:, index].any():
            panels.say(index, "no positive\nin validation")
        for curve, colour in curves:
            if curve[index].any():
                panels.line(index, np.sqrt(_CUTS), curve[index], colour)
        panels.dot(index, np.sqrt(np.clip(thresholds[index], 0, 1)), chosen[index], VAL)
        panels.number(index, thresholds[index], VAL)
    return panels.figure


class _Panels:
    """A grid of panels, both axes from 0 to 1, drawn into one pair of axes in inches.

    Nineteen pairs of axes with their ticks would take four times as long.
    """

    def __init__(self, title, subtitle, genres, x_label, y_label):
        self.count = len(genres)
        height = -(-self.count // _COLUMNS) * _STEP_INCHES + 1.05
        self.figure = new_figure(height, title, subtitle)
        self.axes = self.figure.add_axes((0, 0, 1, 1))
        self.axes.set(xlim=(0, WIDTH_INCHES), ylim=(0, height))
        self.axes.set_axis_off()
        self.height = height
        for index, genre in enumerate(genres):
            for y in (0, 0.5, 1):
                self.line(index, (0, 1), (y, y), LINE, lw=0.6, zorder=1)
            self.line(index, (0, 0), (0, 1), LINE, lw=0.8, zorder=1)
            self._text(index, 0, 1.04, genre, color=INK, size=9, va="bottom")
            if index % _COLUMNS == 0:
                self._text(index, -0.3, 0.5, y_label, rotation=90, ha="center", va="center")
                for y in (0, 0.5, 1):
                    self._text(index, -0.05, y, f"{y:g}", size=7.5, ha="right", va="center")
            if self._is_lowest(index):
                self._text(index, 0.5, -0.19, x_label, ha="center", va="top")

    def mark_x(self, x, text):
        """Write a tick below the lowest panel of each column."""
        for index in filter(self._is_lowest, range(self.count)):
            self.line(index, (x, x), (0, -0.03), LINE, lw=0.8)
            self._text(index, x, -0.05, text, size=7.5, ha="center", va="top")

    def line(self, index, x, y, colour, lw=1.2, zorder=2, **options):
        """Draw a line in the panel of a genre."""
        x, y = self._inches(index, np.asarray(x), np.asarray(y))
        self.axes.plot(x, y, color=colour, lw=lw, zorder=zorder, clip_on=False, **options)

    def dot(self, index, x, y, colour):
        """Mark a point in the panel of a genre."""
        x, y = self._inches(index, x, y)
        self.axes.plot([x], [y], "o", color=colour, ms=5.5, mec="white", mew=0.8, zorder=3)

    def number(self, index, value, colour):
        """Write a number beside the name of a genre."""
        self._text(index, 1, 1.04, f"{value:.2f}", color=colour, ha="right", va="bottom")

    def say(self, index, text):
        """Write why a panel shows less than the others."""
        self._text(index, 0.5, 0.8, text, size=8, ha="center", va="center")

    def _is_lowest(self, index):
        return index + _COLUMNS >= self.count

    def _inches(self, index, x, y):
        row, column = divmod(index, _COLUMNS)
        bottom = self.height - 0.9 - row * _STEP_INCHES - _PANEL_INCHES
        return 0.55 + column * _STEP_INCHES + x * _PANEL_INCHES, bottom + y * _PANEL_INCHES

    def _text(self, index, x, y, text, color=QUIET, size=8.5, **options):
        x, y = self._inches(index, x, y)
        self.axes.text(x, y, text, color=color, size=size, **options)
