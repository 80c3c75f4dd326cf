"""A small panel for each genre: the grid, and curves over the threshold.

Each function takes arrays and returns a `Sheet`; `figures.draw_figures` makes
all of a run's.
"""

import numpy as np

from keras_genres.evaluation.figures.frame import Frame
from keras_genres.evaluation.figures.sheet import Sheet
from keras_genres.evaluation.figures.style import INK, LINE, QUIET, TEST, VAL
from keras_genres.evaluation.metrics import average_precision, f1_per_genre, pick, ratio
from keras_genres.evaluation.ranking import precision_recall_curve
from keras_genres.evaluation.thresholds import f1_curve
from keras_genres.genres import GENRES

COLUMNS = 5
PANEL_INCHES = 1.18
_STEP_INCHES = 1.49
_LEFT_INCHES = 0.55
_TOP_INCHES = 0.98
# Rare genres are cut at small scores: a root scale gives those room.
_CUTS = np.linspace(0, 1, 401) ** 2
ROOT_TICKS = (0, 0.1, 0.3, 0.6, 1)


class Panels:
    """A sheet with a square frame for each genre.

    Args:
        title: Title of the sheet.
        subtitle: As for `Sheet`.
        genres: Names.
        height: Inches of a frame.
    """

    def __init__(self, title, subtitle, genres=GENRES, height=PANEL_INCHES):
        self.count = len(genres)
        step = _STEP_INCHES - PANEL_INCHES + height
        rows = -(-self.count // COLUMNS)
        self.sheet = Sheet(_TOP_INCHES + rows * step + 0.15, title, subtitle)
        self.frames = []
        for index, genre in enumerate(genres):
            row, column = divmod(index, COLUMNS)
            left, top = _LEFT_INCHES + column * _STEP_INCHES, _TOP_INCHES + row * step
            self.frames.append(Frame(self.sheet, left, top, PANEL_INCHES, height))
            self.sheet.write(left, top - 0.055, genre, INK, 9)

    def scale_y(self, name, ticks=(0, 0.5, 1), place=float):
        """Draw the lines of a vertical scale; name it and write its ticks at the left."""
        for index, frame in enumerate(self.frames):
            is_first = index % COLUMNS == 0
            for tick in ticks:
                frame.mark_y(place(tick), f"{tick:g}" if is_first else "")
            if is_first:
                frame.name_y(name)

    def scale_x(self, name, ticks=(0, 0.5, 1), place=float):
        """Write a horizontal scale below the lowest panel of each column."""
        for frame in self.frames[-COLUMNS:]:
            for tick in ticks:
                frame.mark_x(place(tick), f"{tick:g}")
            frame.name_x(name)
        for frame in self.frames:
            frame.line((0, 0), (0, 1), LINE, 0.6, layer=0)

    def number(self, index, text, colour=QUIET):
        """Write a number at the right, beside the name of a genre."""
        frame = self.frames[index]
        self.sheet.write(
            frame.left + frame.width, frame.top - 0.055, text, colour, 8.5, across="right"
        )

    def say(self, index, *lines):
        """Write why a panel shows less than the others."""
        frame = self.frames[index]
        for number, line in enumerate(lines):
            y = frame.top + 0.18 * frame.height + 0.15 * number
            words = self.sheet.write(frame.left + frame.width / 2, y, line, size=8, across="center")
            self.sheet.cover(words, layer=3)


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
        ("curve and number: test posters, average precision", TEST),
        ("dot: at the chosen threshold", INK),
        "grey line: picking at random",
    )
    panels = Panels("Precision and recall", subtitle, genres)
    panels.scale_y("precision")
    panels.scale_x("recall")
    for index, frame in enumerate(panels.frames):
        found = labels[:, index].astype(bool)
        if not found.any():
            panels.say(index, "no positive", "in test")
            continue
        exact, reached = precision_recall_curve(found, np.asarray(scores)[:, index])
        # The recall a cut adds counts with the precision of that cut, as in the area.
        frame.line((0, 1), (found.mean(),) * 2, QUIET, 0.8, alpha=0.7)
        frame.curve(np.append(0, np.repeat(reached, 2)[:-1]), np.repeat(exact, 2), TEST)
        frame.dot(recall[index], precision[index], INK)
        panels.number(index, f"{areas[index]:.2f}", TEST)
    return panels.sheet


def thresholds_panels(val, test, thresholds, genres=GENRES, tuned=True):
    """Return F1 over the threshold for each genre, with the threshold that was chosen.

    Args:
        val: `(labels, scores)` of validation, each of shape `(posters, genres)`.
        test: The same of test.
        thresholds: Shape `(genres,)`.
        genres: Names in column order.
        tuned: Whether the thresholds were chosen on validation.
    """
    subtitle = (
        ("validation", VAL),
        ("test", TEST),
        "dot and number: the threshold" + (", chosen on validation" if tuned else ""),
    )
    panels = Panels("F1 over the threshold", subtitle, genres)
    panels.scale_y("F1")
    panels.scale_x("threshold", ROOT_TICKS, np.sqrt)
    curves = [(f1_curve(*part, _CUTS), colour) for part, colour in ((test, TEST), (val, VAL))]
    chosen = f1_per_genre(val[0], pick(val[1], thresholds))
    for index, frame in enumerate(panels.frames):
        if not val[0][:, index].any():
            panels.say(index, "no positive", "in validation")
        for curve, colour in curves:
            if curve[index].any():
                frame.curve(np.sqrt(_CUTS), curve[index], colour)
        frame.dot(np.sqrt(np.clip(thresholds[index], 0, 1)), chosen[index], VAL)
        panels.number(index, f"{thresholds[index]:.2f}", VAL)
    return panels.sheet
