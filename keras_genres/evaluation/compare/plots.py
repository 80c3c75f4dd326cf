"""The figures of a comparison."""

import textwrap

import numpy as np
from matplotlib.lines import Line2D

from keras_genres.evaluation.compare.runs import MEASURES
from keras_genres.evaluation.compare.tables import cut_notes, row_beside
from keras_genres.evaluation.figures.style import (
    INK,
    LINE,
    QUIET,
    TEST,
    TRAIN,
    VAL,
    WIDTH_INCHES,
    house_style,
    new_figure,
    place,
    save_png,
    save_svg,
)
from keras_genres.genres import GENRES

MOST_IN_GENRES = 8
"""Runs whose marks can be told apart in a row of `compare_genres`."""
_ROW_INCHES = 0.36
_NAME_INCHES = 2.35
_NAME_LETTERS = 34
# Okabe & Ito's colours, and a shape each: neither has to be seen to know a run.
_MARKS = (
    ("#0072B2", "o"),
    ("#D55E00", "s"),
    ("#009E73", "D"),
    ("#CC79A7", "^"),
    ("#56B4E9", "v"),
    ("#E69F00", "P"),
    ("#000000", "X"),
    ("#8A6FBF", "<"),
)


def draw_comparison(comparison, paper, folder):
    """Write the figures of a comparison as PNG and SVG.

    `compare_differences` is left out where there is one run, or no interval.

    Args:
        comparison: The `Comparison`.
        paper: The `Paper`, for its values; `None` for ours alone.
        folder: Where to write.
    """
    with house_style():
        figures = {
            "compare_f1": f1_figure(comparison, paper),
            "compare_genres": genres_figure(comparison),
        }
        if any(each.bounds for each in comparison.differences.values()):
            figures["compare_differences"] = differences_figure(comparison)
        for name, figure in figures.items():
            save_png(figure, folder / f"{name}.png")
            save_svg(figure, folder / f"{name}.svg")


def f1_figure(comparison, paper=None):
    """Return macro, micro and samples F1 on test, a row a run, with intervals.

    Args:
        comparison: The `Comparison`.
        paper: The `Paper`; its validation value is a hollow mark in the rows it belongs to.
    """
    entries = comparison.entries
    subtitle = [("dot: test", TEST), "with its interval; best validation macro F1 on top."]
    if comparison.priors:
        subtitle += [("Dashed: best constant set", QUIET)]
    beside = [row_beside(each) for each in entries]
    if paper is not None and any(match for match, _ in beside):
        subtitle += [("hollow: the paper, validation", VAL)]
    is_near = paper is not None and any(match and not follows for match, follows in beside)
    near = ["≈: the backbone of the paper's row, another recipe."] if is_near else []
    figure, bottom = _run_figure("F1 of the runs", subtitle, entries, near)
    ends = [value for entry in entries for value in _ends(entry)]
    if paper is not None:
        ends += [
            paper.table9[match.model][name] for match, _ in beside if match for name in MEASURES
        ]
    low, high = min(ends), max(ends)
    pad = 0.06 * (high - low) + 0.005
    panel = (WIDTH_INCHES - _NAME_INCHES - 0.15) / 3
    for number, name in enumerate(MEASURES):
        left = _NAME_INCHES + number * panel
        axes = place(figure, left, bottom, WIDTH_INCHES - left - panel + 0.22, 0.95)
        axes.set_title(name.removesuffix("_f1"), color=INK, weight="bold")
        axes.set_xlim(low - pad, high + pad)
        _name_rows(axes, entries if number == 0 else [None] * len(entries))
        if comparison.priors:
            prior = comparison.entry(comparison.priors[name]).measures["test"][name]
            axes.axvline(prior, color=QUIET, lw=0.9, ls=(0, (4, 3)))
        for row, (entry, (match, follows)) in enumerate(zip(entries, beside, strict=True)):
            value, bounds = entry.measures["test"][name], entry.bounds["test"].get(name)
            colour = TRAIN if entry.is_constant else TEST
            if bounds:
                axes.plot(bounds, [row, row], color=colour, lw=2.2, alpha=0.55)
            axes.plot(value, row, "o", color=colour, ms=5.5, mec="white", mew=0.8)
            axes.annotate(
                f"{value:.3f}",
                (value, row),
                xytext=(0, 5),
                textcoords="offset points",
                ha="center",
                size=7.5,
                color=colour,
                bbox={"fc": "white", "ec": "none", "pad": 0.2, "alpha": 0.95},
            )
            if paper is not None and match:
                there = paper.table9[match.model][name]
                axes.plot(there, row, "D", mfc="none", mec=VAL, ms=5, mew=1.2)
                if not follows:
                    beside_it = {"xytext": (5, 0), "textcoords": "offset points", "va": "center"}
                    axes.annotate("≈", (there, row), **beside_it, size=8, color=VAL)
    return figure


def _ends(entry):
    values = [entry.measures["test"][name] for name in MEASURES]
    return values + [end for name in MEASURES for end in entry.bounds["test"].get(name, ())]


def genres_figure(comparison):
    """Return test F1 of every genre, a mark a run, ordered by the best run's F1.

    With more runs than can be told apart the best on validation are shown,
    and the prior.
    """
    entries = comparison.entries
    prior = comparison.entry(comparison.prior) if comparison.priors else None
    others = [entry for entry in entries if not entry.is_constant]
    if not others:
        others, prior = entries, None
    shown = others[:MOST_IN_GENRES]
    left_out = len(others) - len(shown)
    order = np.argsort(-shown[0].genre_f1["test"], kind="stable")
    subtitle = "Test, at each run's thresholds. Ordered by the run that is best on validation."
    if left_out:
        subtitle += f" {left_out} more {'runs are' if left_out > 1 else 'run is'} not shown."
    notes = _cut_lines(shown)
    bottom = 0.4 + 0.15 * len(notes)
    figure = new_figure(len(GENRES) * 0.25 + 0.9 + bottom, "F1 per genre", [subtitle])
    _write_notes(figure, notes)
    axes = place(figure, 1.15, bottom, _NAME_INCHES + 0.25, 0.75)
    axes.set_yticks(np.arange(len(GENRES)), [GENRES[i] for i in order], color=INK)
    axes.tick_params(axis="y", length=0, labelsize=9, pad=7)
    axes.set_ylim(len(GENRES) - 0.4, -0.6)
    axes.spines["left"].set_visible(False)
    axes.hlines(np.arange(len(GENRES)), 0, 1, color=LINE, lw=0.6)
    handles = []
    rows = np.arange(len(GENRES))
    largest = max(entry.genre_f1["test"].max() for entry in shown)
    if prior is not None:
        style = {"color": QUIET, "marker": "|", "ms": 9, "mew": 1.6, "ls": "none"}
        axes.plot(prior.genre_f1["test"][order], rows, **style)
        largest = max(largest, prior.genre_f1["test"].max())
    for entry, (colour, marker) in reversed(list(zip(shown, _MARKS, strict=False))):
        style = {"color": colour, "marker": marker, "ms": 6, "mec": "white", "mew": 0.7}
        axes.plot(entry.genre_f1["test"][order], rows, ls="none", **style)
        handles.insert(0, Line2D([], [], ls="none", label=_wrapped(entry), **style))
    if prior is not None:
        style = {"color": QUIET, "marker": "|", "ms": 9, "mew": 1.6, "ls": "none"}
        handles.append(Line2D([], [], label=_wrapped(prior), **style))
    axes.set_xlim(-0.01, min(1.01, largest * 1.04 + 0.02))
    axes.legend(
        handles=handles,
        loc="upper left",
        bbox_to_anchor=(1.02, 1.01),
        frameon=False,
        fontsize=8,
        labelspacing=0.9,
        handletextpad=0.3,
    )
    return figure


def differences_figure(comparison):
    """Return test macro F1 minus that of the best run on validation, with paired intervals."""
    best, *entries = comparison.entries
    subtitle = [
        ("filled: the interval excludes 0", TEST),
        ("hollow: it does not, so the two are not told apart", QUIET),
    ]
    title = textwrap.shorten(f"Test macro F1 minus that of {_name(best)}", 88, placeholder="…")
    figure, bottom = _run_figure(title, subtitle, entries, _cut_lines([best]))
    axes = place(figure, _NAME_INCHES, bottom, 1.75, 0.75)
    _name_rows(axes, entries)
    axes.axvline(0, color=INK, lw=0.9)
    for row, entry in enumerate(entries):
        found = comparison.differences[entry.label, best.label]
        colour = TEST if found.excludes_0 else QUIET
        axes.plot(found.bounds, [row, row], color=colour, lw=2.2, alpha=0.55)
        face = colour if found.excludes_0 else "white"
        axes.plot(found.value, row, "o", mfc=face, mec=colour, ms=6, mew=1.2)
        low, high = found.bounds
        axes.annotate(
            f"{found.value:+.3f} [{low:+.3f}, {high:+.3f}]",
            (1, row),
            xytext=(8, 0),
            xycoords=("axes fraction", "data"),
            textcoords="offset points",
            va="center",
            size=8.5,
            color=colour,
        )
    ends = [
        end for entry in entries for end in comparison.differences[entry.label, best.label].bounds
    ]
    low, high = min(0, *ends), max(0, *ends)
    pad = 0.06 * (high - low) + 0.002
    axes.set_xlim(low - pad, high + pad)
    return figure


def _run_figure(title, subtitle, entries, more=()):
    """Return a figure with room for a row a run and for notes, and the bottom margin in inches.

    Args:
        title: Of the figure.
        subtitle: See `style.new_figure`.
        entries: The rows.
        more: Lines to stand above the notes on cut runs.
    """
    notes = [*more, *_cut_lines(entries)]
    bottom = 0.4 + 0.15 * len(notes)
    height = max(1, len(entries)) * _ROW_INCHES + 0.95 + bottom + 0.1
    figure = new_figure(height, title, subtitle)
    _write_notes(figure, notes)
    return figure, bottom


def _write_notes(figure, lines):
    """Write lines at the foot of a figure."""
    for number, line in enumerate(reversed(lines)):
        y = (0.1 + 0.15 * number) / figure.get_figheight()
        text = line.replace("$", r"\$")
        figure.text(0.12 / WIDTH_INCHES, y, text, size=7.5, color=QUIET)


def _cut_lines(entries):
    """Return how runs were cut to size in lines of the figure's width."""
    return [line for note in cut_notes(entries) for line in textwrap.wrap(note, 130)]


def _name_rows(axes, entries):
    names = ["" if entry is None else _wrapped(entry) for entry in entries]
    axes.set_yticks(np.arange(len(entries)), names, color=INK)
    axes.tick_params(axis="y", length=0, labelsize=8.5, pad=7)
    axes.set_ylim(len(entries) - 0.4, -0.6)
    axes.spines["left"].set_visible(False)
    axes.grid(axis="x")
    axes.locator_params(axis="x", nbins=4)


def _wrapped(entry):
    """Return the name of a run in at most two lines."""
    return "\n".join(textwrap.wrap(_name(entry), _NAME_LETTERS, max_lines=2, placeholder="…"))


def _name(entry):
    # A dollar sign would start a formula.
    return (entry.label + (" (cut)" if entry.facts.cut else "")).replace("$", r"\$")
