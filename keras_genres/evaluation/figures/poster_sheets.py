"""Sheets of posters: samples of the data, and those a model is most wrong about.

Names and titles come from strangers: they are cleaned and shortened. A poster
that is gone or cannot be read leaves a box that says so.
"""

from dataclasses import dataclass

import numpy as np
from PIL import Image

from keras_genres.data.quality import PictureError, load_picture
from keras_genres.evaluation.calibration import poster_losses
from keras_genres.evaluation.figures.lettering import clean_text, shorten, text_width, wrap
from keras_genres.evaluation.figures.sheet import MARGIN, Sheet
from keras_genres.evaluation.figures.style import INK, LINE, QUIET, TEST, VAL
from keras_genres.evaluation.metrics import pick
from keras_genres.genres import GENRES

SAMPLES = 21
TOP_LOSSES = 12

_ACROSS = 7
_GAP = 0.14
_HEIGHT_OF_WIDTH = 1.47
"""A film poster is 27 by 40 inches, give or take."""
_LINES = 4
"""Lines below a sample: at most two of the title, the rest for genres."""
_LINE_INCHES = 0.128
_ROWS_OF_SCORES = 5


@dataclass(frozen=True)
class Card:
    """A poster to be shown."""

    path: str
    title: str
    """Title and year as far as they are known, else empty."""
    labels: np.ndarray
    """0/1 array of shape `(genres,)`."""


def make_cards(posters, rows):
    """Return a `Card` for each of some rows of `Posters`."""
    extra = {name.lower(): values for name, values in reversed(posters.extra.items())}
    cards, paths = [], posters.take(np.asarray(rows, int)).paths
    for row, path in zip(rows, paths, strict=True):
        title, year = (
            clean_text(extra[name][row]) if name in extra else "" for name in ("title", "year")
        )
        title = f"{title} ({year})" if title and year else title or year
        cards.append(Card(path, title, posters.labels[row]))
    return cards


def choose_samples(labels, count=SAMPLES, seed=0):
    """Return rows of posters drawn so that each genre that occurs is shown.

    Each genre in turn, the rarest first, gets a poster unless one that was
    drawn has it; the rest is drawn from all.

    Args:
        labels: 0/1 array of shape `(posters, genres)`.
        count: Rows to draw, at least as many as there are genres.
        seed: Seed of the draws.

    Returns:
        Increasing int array of at most `count` rows.
    """
    labels = np.asarray(labels).astype(bool)
    generator = np.random.default_rng(seed)
    order = generator.permutation(len(labels))
    chosen = []
    for genre in np.argsort(labels.sum(axis=0), kind="stable"):
        having = order[labels[order, genre]]
        if len(having) and not labels[chosen, genre].any():
            chosen.append(int(having[0]))
    rest = [int(row) for row in order if row not in set(chosen)]
    return np.sort(np.array(chosen + rest[: max(0, count - len(chosen))], int))


def samples(cards, genres=GENRES):
    """Return a sheet of posters, each above its title and genres.

    Args:
        cards: List of `Card`, at least one.
        genres: Names in column order.
    """
    rows = -(-len(cards) // _ACROSS)
    width = (8 - 2 * MARGIN + _GAP) / _ACROSS - _GAP
    height = width * _HEIGHT_OF_WIDTH
    step = height + _LINES * _LINE_INCHES + 0.2
    subtitle = ("Training posters and their genres, drawn so that every genre is among them.",)
    sheet = Sheet(0.72 + rows * step, "Sample posters", subtitle)
    for number, card in enumerate(cards):
        row, column = divmod(number, _ACROSS)
        left, y = MARGIN + column * (width + _GAP), 0.72 + row * step
        _show(sheet, card, left, y, width, height)
        y += height + 0.13
        title = wrap(card.title, width, 7, 2, bold=True) if card.title else []
        for line in title:
            sheet.write(left, y, line, INK, 7, bold=True)
            y += _LINE_INCHES
        names = ", ".join(genres[index] for index in np.flatnonzero(card.labels))
        for line in wrap(names or "no genre", width, 7, _LINES - len(title)):
            sheet.write(left, y, line, QUIET, 7)
            y += _LINE_INCHES
    return sheet


def choose_top_losses(labels, scores, groups, count=TOP_LOSSES):
    """Return rows of the posters with the largest loss, one of each group.

    Args:
        labels: 0/1 array of shape `(posters, genres)`.
        scores: Same shape.
        groups: Group of each poster, shape `(posters,)`.
        count: How many.

    Returns:
        Int array of at most `count` rows, largest loss first.
    """
    # Rounded: logarithms end differently on other machines, and ties must not.
    order = np.argsort(-np.round(poster_losses(labels, scores), 9), kind="stable")
    _, firsts = np.unique(np.asarray(groups)[order], return_index=True)
    return order[np.sort(firsts)[:count]]


def top_losses(cards, scores, thresholds, genres=GENRES):
    """Return a sheet of posters a model is wrong about, each beside its scores.

    Args:
        cards: List of `Card`, largest loss first, at least one.
        scores: Array of shape `(cards, genres)`.
        thresholds: Shape `(genres,)`.
        genres: Names in column order.
    """
    width, height = 0.98, 0.98 * _HEIGHT_OF_WIDTH
    step = height + 0.22
    across = (8 - 2 * MARGIN + _GAP) / 2
    subtitle = [
        [
            "Test posters with the largest mean cross-entropy, the worst first.",
            ("blue: its genres", TEST),
            ("orange: picked wrongly", VAL),
        ],
        ["Bar and number: the score. Tick: the threshold, which a picked genre's bar reaches."],
    ]
    sheet = Sheet(0.95 + -(-len(cards) // 2) * step, "Top losses", subtitle)
    losses = poster_losses(np.array([card.labels for card in cards]), scores)
    picks = pick(scores, thresholds)
    for number, card in enumerate(cards):
        row, column = divmod(number, 2)
        left, top = MARGIN + column * across, 0.95 + row * step
        _show(sheet, card, left, top, width, height)
        left, right = left + width + 0.12, left + across - _GAP
        loss = f"loss {losses[number]:.2f}"
        sheet.write(right, top + 0.1, loss, QUIET, 7.5, across="right")
        room = right - left - text_width(loss, 7.5) - 0.1
        title = shorten(card.title or clean_text(card.path.rsplit("/", 1)[-1]), room, 8, True)
        sheet.write(left, top + 0.1, title, INK, 8, bold=True)
        shown = _shown_genres(card.labels, scores[number], picks[number])
        for line, index in enumerate(shown[:_ROWS_OF_SCORES]):
            colour = TEST if card.labels[index] else VAL
            y = top + 0.32 + 0.185 * line
            _score(
                sheet,
                left,
                right,
                y,
                genres[index],
                scores[number, index],
                thresholds[index],
                colour,
            )
        if len(shown) > _ROWS_OF_SCORES:
            y = top + 0.3 + 0.185 * _ROWS_OF_SCORES
            more = ", ".join(genres[index] for index in shown[_ROWS_OF_SCORES:])
            text = shorten(f"also picked: {more}", right - left, 7.5)
            sheet.write(left, y, text, QUIET, 7.5, along="center")
    return sheet


def _shown_genres(labels, scores, picks):
    """Return indices of the genres that count: true ones first, then wrong picks by score."""
    order = np.argsort(-np.asarray(scores, float), kind="stable")
    true = [int(index) for index in order if labels[index]]
    return true + [int(index) for index in order if picks[index] and not labels[index]]


def _score(sheet, left, right, y, genre, score, threshold, colour):
    sheet.write(left, y, genre, colour, 8, along="center")
    score_bar(sheet, left + 0.92, right - 0.36, y, score, threshold, colour)
    sheet.write(right, y, f"{score:.2f}", colour, 8, across="right", along="center")


def score_bar(sheet, left, right, y, score, threshold, colour):
    """Draw a score from 0 to 1 as a bar, with a tick at its threshold; `y` is the bar's middle."""
    at = [left + (right - left) * float(np.clip(value, 0, 1)) for value in (score, threshold)]
    sheet.line((left, right), (y, y), LINE, 0.8, layer=0)
    if at[0] > left:
        sheet.box(left, y - 0.045, at[0] - left, 0.09, colour)
    sheet.line((at[1], at[1]), (y - 0.075, y + 0.075), INK, 1.2, layer=2)


def _show(sheet, card, left, top, width, height):
    """Put a poster into a box, as large as it fits, in the middle of its lower edge."""
    size = sheet.pixels(width), sheet.pixels(height)
    try:
        # Turned by its EXIF data, a picture's width may be its height.
        image = load_picture(card.path, at_least=(max(size), max(size)))
    except PictureError as error:
        sheet.box(left, top, width, height, LINE, 0.5)
        for line, text in enumerate(("no picture:", error.reason)):
            text = shorten(text, width - 0.1, 7)
            middle = top + height / 2 + 0.14 * line
            sheet.write(left + width / 2, middle, text, QUIET, 7, across="center")
        return
    scale = min(size[0] / image.width, size[1] / image.height)
    fitted = tuple(max(1, round(side * scale)) for side in image.size)
    image = image.resize(fitted, Image.Resampling.LANCZOS, reducing_gap=2.0)
    down = (size[1] - image.height) / sheet.pixels(1)
    aside = (size[0] - image.width) / 2 / sheet.pixels(1)
    sheet.picture(left + aside, top + down, image)
