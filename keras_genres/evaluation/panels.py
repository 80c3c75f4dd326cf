"""Figures with a small panel for each genre.

Each function takes arrays and returns a figure; `figures.draw_figures` makes
all of a run's. Call them within `style.house_style()`.
"""

import numpy as np
from matplotlib.scale import FuncScale
from sklearn.metrics import precision_recall_curve

from keras_genres.evaluation.metrics import average_precision, f1_per_genre, pick, ratio
from keras_genres.evaluation.style import INK, QUIET, TEST, VAL, WIDTH_INCHES, new_figure, place
from keras_genres.evaluation.thresholds import f1_curve
from keras_genres.genres import GENRES

_COLUMNS = 5
_PANEL_INCHES = 1.18
_GAP_INCHES = 0.31
_CUTS = np.linspace(0, 1, 401) ** 2
# Rare genres are cut at small scores: a root scale gives those room.
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
        ("dot: at the chosen threshold.", VAL),
        "Grey line: picking at random. Number: average precision.",
    )
    figure, panels = _panel_figure("Precision and recall", subtitle, genres, "recall", "precision")
    for index, axes in enumerate(panels):
        axes.set_xticks((0, 0.5, 1), ("0", "0.5", "1"))
        found = labels[:, index].astype(bool)
        if not found.any():
            _say_empty(axes)
            continue
        exact, reached, _ = precision_recall_curve(found, scores[:, index])
        axes.axhline(found.mean(), color=QUIET, lw=0.8, alpha=0.7)
        # The last point, precision 1 at recall 0, is no point of any threshold.
        axes.plot(reached[:-1], exact[:-1], color=TEST, lw=1.2, drawstyle="steps-post")
        _dot(axes, recall[index], precision[index])
        _corner(axes, f"{areas[index]:.2f}", TEST)
    return figure


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
        ("test", TEST),
        "Dot and number: the chosen threshold, best on validation.",
    )
    figure, panels = _panel_figure("F1 over the threshold", subtitle, genres, "threshold", "F1")
    curves = [(f1_curve(*part, _CUTS), colour) for part, colour in ((test, TEST), (val, VAL))]
    chosen = f1_per_genre(val[0], pick(val[1], thresholds))
    for index, axes in enumerate(panels):
        axes.set_xscale(FuncScale(axes.xaxis, (_root, np.square)))
        axes.set_xticks(_CUT_TICKS, [f"{tick:g}" for tick in _CUT_TICKS])
        if not val[0][:, index].any():
            _say_empty(axes, "no positive\nin validation")
        for curve, colour in curves:
            if curve[index].any():
                axes.plot(_CUTS, curve[index], color=colour, lw=1.2)
        _dot(axes, thresholds[index], chosen[index])
        _corner(axes, f"{thresholds[index]:.2f}", VAL)
    return figure


def _panel_figure(title, subtitle, genres, x_label, y_label):
    """Return a figure and a panel for each genre, both axes from 0 to 1."""
    rows = -(-len(genres) // _COLUMNS)
    step = _PANEL_INCHES + _GAP_INCHES
    height = rows * step + 1.05
    figure = new_figure(height, title, subtitle)
    panels = []
    for index, genre in enumerate(genres):
        row, column = divmod(index, _COLUMNS)
        left, top = 0.55 + column * step, 0.9 + row * step
        right, bottom = (
            WIDTH_INCHES - left - _PANEL_INCHES,
            height - top - _PANEL_INCHES,
        )
        axes = place(figure, left, bottom, right, top)
        axes.set(xlim=(0, 1), ylim=(0, 1.02), yticks=(0, 0.5, 1))
        axes.set_title(genre, color=INK, pad=4)
        axes.grid(axis="y")
        is_lowest = index + _COLUMNS >= len(genres)
        axes.tick_params(labelleft=column == 0, labelbottom=is_lowest, length=2, labelsize=7.5)
        if column == 0:
            axes.set_ylabel(y_label)
        if is_lowest:
            axes.set_xlabel(x_label)
        panels.append(axes)
    return figure, panels


def _dot(axes, x, y):
    axes.plot([x], [y], "o", color=VAL, ms=5.5, mec="white", mew=0.8, clip_on=False, zorder=5)


def _corner(axes, text, colour):
    """Write a number above the panel's right end, beside its title."""
    axes.set_title(text, loc="right", color=colour, pad=4, size=8.5)


def _say_empty(axes, text="no positive\nin test"):
    axes.text(
        0.5, 0.5, text, transform=axes.transAxes, ha="center", va="center", size=8, color=QUIET
    )


def _root(values):
    return np.sqrt(np.maximum(values, 0))
