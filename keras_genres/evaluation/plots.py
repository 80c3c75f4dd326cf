"""Figures with a row a genre, and the history of a training.

Each function takes arrays and returns a figure; `figures.draw_figures` makes
all of a run's. Call them within `style.house_style()`.
"""

import numpy as np
from matplotlib.ticker import MaxNLocator
from matplotlib.transforms import blended_transform_factory

from keras_genres.evaluation.style import (
    INK,
    QUIET,
    SPLIT_COLOURS,
    SPLIT_NAMES,
    TEST,
    TRAIN,
    VAL,
    WIDTH_INCHES,
    new_figure,
    place,
)
from keras_genres.genres import GENRES

_ROW_INCHES = 0.23


def f1_per_genre(test_f1, val_f1, thresholds, support, genres=GENRES):
    """Return a bar of test F1 for each genre, best first, with validation as a dot.

    Args:
        test_f1: F1 on test at the thresholds, shape `(genres,)`.
        val_f1: The same on validation.
        thresholds: Shape `(genres,)`.
        support: Test posters of each genre, shape `(genres,)`.
        genres: Names in column order.
    """
    test_f1, val_f1 = np.asarray(test_f1), np.asarray(val_f1)
    order = np.argsort(-test_f1, kind="stable")
    macro = test_f1.mean()
    subtitle = (
        ("bar: test", TEST),
        ("dot: validation", VAL),
        f"(thresholds were chosen there). Dashed: test macro F1 {macro:.2f}.",
    )
    figure, axes = _row_figure("F1 per genre", subtitle, [genres[i] for i in order], right=2.3)
    rows = np.arange(len(order))
    axes.barh(rows, test_f1[order], height=0.66, color=TEST)
    axes.axvline(macro, color=INK, lw=0.9, ls=(0, (4, 3)))
    axes.plot(val_f1[order], rows, "o", color=VAL, ms=6, mec="white", mew=0.9, clip_on=False)
    axes.set_xlim(0, 1)
    columns = (
        ("test F1", TEST, [f"{test_f1[i]:.2f}" for i in order]),
        ("threshold", QUIET, [f"{thresholds[i]:.2f}" for i in order]),
        ("posters", QUIET, [f"{support[i]:,}" for i in order]),
    )
    for inches, column in zip((6.3, 7.1, 7.85), columns, strict=True):
        _column(axes, inches, *column)
    return figure


def genre_distribution(counts, genres=GENRES):
    """Return stacked bars of the posters of each genre in train, validation and test.

    Args:
        counts: `train`, `val` and `test` -> posters of each genre, shape `(genres,)`.
        genres: Names in column order.
    """
    subtitle = ("A poster counts in each of its genres.",)
    figure, axes = _row_figure("Posters per genre", subtitle, genres, right=2.5)
    rows, left = np.arange(len(genres)), np.zeros(len(genres))
    for inches, (split, colour) in zip((6.3, 7.15, 7.8), SPLIT_COLOURS.items(), strict=True):
        axes.barh(rows, counts[split], left=left, height=0.66, color=colour, ec="white", lw=0.5)
        left += counts[split]
        _column(axes, inches, SPLIT_NAMES[split], colour, [f"{n:,}" for n in counts[split]])
    axes.set_xlim(0, max(1, left.max()) * 1.02)
    axes.xaxis.set_major_locator(MaxNLocator(5, integer=True))
    axes.xaxis.set_major_formatter("{x:,.0f}")
    return figure


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
        subtitle.append("Vertical line: blocks of the backbone unfrozen.")
    figure = new_figure(3.5, "Training", subtitle)
    panels = (
        ("Loss", (("loss", "training", TRAIN, "-"), ("val_loss", "validation", VAL, "-"))),
        (
            "Macro F1 on validation",
            (
                ("val_macro_f1_tuned", "tuned", VAL, "-"),
                ("val_macro_f1", "at 0.5", VAL, (0, (3, 1.5))),
            ),
        ),
    )
    for number, (title, lines) in enumerate(panels):
        axes = place(figure, 0.5 + 3.95 * number, 0.5, 4.5 - 3.95 * number, 0.95)
        axes.set_title(title, color=INK)
        axes.set_xlabel("epoch")
        axes.xaxis.set_major_locator(MaxNLocator(6, integer=True))
        axes.grid(axis="y")
        for name, _, colour, dashes in lines:
            axes.plot(epochs, table[name], color=colour, ls=dashes, marker="o", ms=2.5)
            if len(best):
                ring = {"ms": 8, "mfc": "none", "mec": INK, "mew": 1}
                axes.plot(epochs[best[-1]], table[name].to_numpy()[best[-1]], "o", **ring)
        for change in changes:
            axes.axvline(epochs[change : change + 2].mean(), color=QUIET, lw=0.9, ls=":")
        if len(epochs) == 1:
            axes.set_xlim(epochs[0] - 1, epochs[0] + 1)
        axes.margins(y=0.12)
        axes.set_ylim(bottom=0 if number else None)
        _label_ends(axes, epochs[-1], [(table[n].iloc[-1], text, c) for n, text, c, _ in lines])
    return figure


def _row_figure(title, subtitle, genres, right):
    """Return a figure and axes with a named row for each genre, the first on top."""
    figure = new_figure(len(genres) * _ROW_INCHES + 1.25, title, subtitle)
    axes = place(figure, 1.15, 0.35, right, 0.9)
    axes.set_yticks(np.arange(len(genres)), genres, color=INK)
    axes.tick_params(axis="y", length=0, labelsize=9, pad=7)
    axes.set_ylim(len(genres) - 0.4, -0.6)
    axes.spines["left"].set_visible(False)
    axes.grid(axis="x")
    return figure, axes


def _column(axes, inches, title, colour, texts):
    """Write a column of texts beside the rows, its right edge `inches` from the left."""
    where = blended_transform_factory(axes.figure.transFigure, axes.transData)
    options = {"transform": where, "ha": "right", "va": "center", "size": 8.5, "color": colour}
    axes.text(inches / WIDTH_INCHES, -1.1, title, weight="bold", **options)
    for row, text in enumerate(texts):
        axes.text(inches / WIDTH_INCHES, row, text, **options)


def _label_ends(axes, x, ends):
    """Write the name of each line at its end, moved apart where they would touch."""
    low, high = axes.get_ylim()
    apart = 0.075 * (high - low)
    floor = -np.inf
    for y, text, colour in sorted(ends):
        y = max(y if np.isfinite(y) else low, floor)
        floor = y + apart
        axes.annotate(
            text,
            (x, y),
            xytext=(7, 0),
            textcoords="offset points",
            va="center",
            size=8.5,
            color=colour,
            bbox={"fc": "white", "ec": "none", "pad": 0.5},
            annotation_clip=False,
        )
