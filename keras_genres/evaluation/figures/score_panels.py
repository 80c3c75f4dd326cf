"""A small panel for each genre: what the scores are worth, and where picks go wrong."""

import numpy as np

from keras_genres.evaluation.calibration import (
    BINS,
    brier_scores,
    expected_calibration_error,
    reliability_bins,
    wilson_interval,
)
from keras_genres.evaluation.figures.panels import COLUMNS, ROOT_TICKS, Panels
from keras_genres.evaluation.figures.style import INK, QUIET, TEST, TRAIN, VAL
from keras_genres.evaluation.metrics import pick, ratio
from keras_genres.genres import GENRES

_EDGES = np.linspace(0, 1, 25)
_CELL_GAP = 0.02
_WHITE_FROM = 0.75
"""Depth of blue from which white text is easier to read on it than dark; never on orange."""


def calibration(labels, scores, genres=GENRES, after=None):
    """Return a reliability curve for each genre: how often it is there, by its score.

    Args:
        labels: 0/1 array of shape `(posters, genres)`.
        scores: Same shape.
        genres: Names in column order.
        after: Calibrated scores, same shape; `None` for a run without a calibration.
    """
    labels, scores = np.asarray(labels), np.asarray(scores)
    panels = Panels("Calibration", _how_to_read(after is not None), genres)
    panels.scale_y("share", ROOT_TICKS, np.sqrt)
    panels.scale_x("score", ROOT_TICKS, np.sqrt)
    result = scores if after is None else np.asarray(after)
    briers, before = brier_scores(labels, result), brier_scores(labels, scores)
    for index, frame in enumerate(panels.frames):
        found = labels[:, index]
        frame.line((0, 1), (0, 1), QUIET, 0.8, alpha=0.7)
        if not np.array_equal(scores[:, index], result[:, index]):
            bins = reliability_bins(found, scores[:, index])
            _reliability(frame, bins, is_result=False)
            error = _percent(expected_calibration_error(bins))
            for line, text in enumerate((error, f"Brier {before[index]:.3f}")):
                words = frame.write(0.03, 0.89 - 0.13 * line, text, VAL, 7.5)
                panels.sheet.cover(words)
        bins = reliability_bins(found, result[:, index])
        _reliability(frame, bins, is_result=True)
        panels.number(index, _percent(expected_calibration_error(bins)), TEST)
        words = frame.write(0.98, 0.035, f"Brier {briers[index]:.3f}", size=7.5, across="right")
        panels.sheet.cover(words)
    return panels.sheet


def _how_to_read(is_pair):
    bins = f"in up to {BINS} bins of equal size, with 95 % intervals. On the grey line"
    first = [("dots: test posters", TEST), f"{bins} scores are"]
    if is_pair:
        first = [("blue: after calibration", TEST), ("orange: before", VAL), bins]
    second = "true shares; above it they are too low, below too high."
    error = [("per cent", TEST), "is the mean distance from it (ECE)."]
    return [first, [f"scores are {second}" if is_pair else second, *error]]


def _reliability(frame, bins, is_result):
    """Draw a curve; that of the result with intervals, another one faint and behind it."""
    x, y = np.sqrt(np.clip(bins.mean_scores, 0, 1)), np.sqrt(bins.shares)
    if not is_result:
        frame.line(x, y, VAL, 1.0, alpha=0.6)
        for point in zip(x, y, strict=True):
            frame.dot(*point, VAL, size=2.5)
        return
    ends = wilson_interval(np.rint(bins.shares * bins.posters), bins.posters)
    for where, low, high in zip(x, *np.sqrt(ends), strict=True):
        frame.line((where, where), (low, high), TEST, 1.6, alpha=0.3)
    frame.line(x, y, TEST, 1.0)
    for point in zip(x, y, strict=True):
        frame.dot(*point, TEST, size=4)


def _percent(error):
    return f"{error:.1%}" if error < 0.0995 else f"{error:.0%}"


def score_histograms(labels, scores, thresholds, genres=GENRES):
    """Return how scores spread where a genre is there and where it is not.

    Args:
        labels: 0/1 array of shape `(posters, genres)`.
        scores: Same shape.
        thresholds: Shape `(genres,)`.
        genres: Names in column order.
    """
    labels, scores = np.asarray(labels).astype(bool), np.asarray(scores)
    subtitle = (
        ("blue: test posters with the genre", TEST),
        ("grey: all others", TRAIN),
        "each with area 1. Line and number: the threshold.",
    )
    panels = Panels("Scores", subtitle, genres, height=0.85)
    panels.scale_y("posters", ())
    panels.scale_x("score", ROOT_TICKS, np.sqrt)
    for index, frame in enumerate(panels.frames):
        roots = np.sqrt(np.clip(scores[:, index], 0, 1))
        found = labels[:, index]
        parts = [(roots[~found], TRAIN, 0.35), (roots[found], TEST, 0.3)]
        shares = [np.histogram(part, _EDGES)[0] / max(1, len(part)) for part, _, _ in parts]
        highest = max(share.max() for share in shares)
        frame.mark_y(0, "")
        for share, (part, colour, alpha) in zip(shares, parts, strict=True):
            if len(part):
                _outline(frame, share / highest, colour, alpha)
        if not found.any():
            panels.say(index, "none in test")
        cut = np.sqrt(np.clip(thresholds[index], 0, 1))
        frame.line((cut, cut), (0, 1), INK, 1.0, dashes=(3, 2), layer=3)
        panels.number(index, f"{thresholds[index]:.2f}", INK)
    return panels.sheet


def _outline(frame, heights, colour, alpha):
    """Draw a histogram, without a line where it is empty."""
    x, y = np.repeat(_EDGES, 2), np.concatenate([[0], np.repeat(heights, 2), [0]])
    frame.sheet.fill(frame.x(x), frame.y(y), colour, alpha)
    is_gap = np.concatenate([[False], heights == 0, [False]])
    places = np.flatnonzero(is_gap) * 2
    frame.line(np.insert(x, places, np.nan), np.insert(y, places, np.nan), colour, 1.0)


def confusion(labels, scores, thresholds, genres=GENRES):
    """Return the confusion matrix of each genre at its threshold, with counts and row shares.

    Args:
        labels: 0/1 array of shape `(posters, genres)`.
        scores: Same shape.
        thresholds: Shape `(genres,)`.
        genres: Names in column order.
    """
    labels = np.asarray(labels).astype(bool)
    picks = pick(scores, thresholds).astype(bool)
    subtitle = (
        ("blue: right", TEST),
        ("orange: wrong", VAL),
        "test posters; in per cent of a row. Number at the name: those with the genre.",
    )
    panels = Panels("Confusion of each genre", subtitle, genres, height=0.92)
    for index, frame in enumerate(panels.frames):
        found, picked = labels[:, index], picks[:, index]
        for row, has in enumerate((found, ~found)):
            for column, says in enumerate((picked, ~picked)):
                count = (has & says).sum()
                _cell(frame, row, column, count, float(ratio(count, has.sum())))
        if index % COLUMNS == 0:
            for row, word in enumerate(("has it", "not")):
                panels.sheet.write(
                    frame.left - 0.07, frame.y(0.75 - row / 2), word, across="right", along="center"
                )
        panels.number(index, f"{found.sum():,}")
    for frame in panels.frames[-COLUMNS:]:
        for column, word in enumerate(("picked", "not")):
            x = frame.x(0.25 + column / 2)
            bottom = frame.top + frame.height + 0.06
            panels.sheet.write(x, bottom, word, across="center", along="top")
    return panels.sheet


def _cell(frame, row, column, count, share):
    width, height = frame.width / 2, frame.height / 2
    left, top = frame.left + column * width, frame.top + row * height
    colour = TEST if row == column else VAL
    # From faint to full: an empty cell still shows whether it is a right one.
    depth = 0.06 + 0.94 * share
    frame.sheet.box(
        left + _CELL_GAP / 2,
        top + _CELL_GAP / 2,
        width - _CELL_GAP,
        height - _CELL_GAP,
        colour,
        round(depth, 2),
    )
    ink = "white" if depth > _WHITE_FROM and colour == TEST else INK
    x, y = left + width / 2, top + height / 2
    frame.sheet.write(x, y - 0.025, f"{count:,}", ink, 8.5, bold=True, across="center")
    frame.sheet.write(x, y + 0.125, f"{share:.0%}", ink, 7.5, across="center")
