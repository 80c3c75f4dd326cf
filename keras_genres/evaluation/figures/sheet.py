"""A surface to draw a figure on, in inches, that is quick to save twice.

matplotlib's `Axes` and `Text` lay out every text anew for PNG and for SVG,
about a millisecond each, and the figures of a report hold a thousand texts.
Here the marks of one look become one path and letters are cached outlines,
which takes a fifth of the time. matplotlib turns them into pixels.
"""

from dataclasses import dataclass

import numpy as np
from matplotlib.path import Path

from keras_genres.evaluation.figures.lettering import Words
from keras_genres.evaluation.figures.sheet_png import sheet_image
from keras_genres.evaluation.figures.sheet_svg import sheet_svg
from keras_genres.evaluation.figures.style import INK, LINE, PIXELS_PER_INCH, QUIET, WIDTH_INCHES

MARGIN = 0.12
"""Inches from the left and upper edge to the title."""
_DIGITS = 2
# A hundredth of a point is far below a pixel, and keeps numbers in the SVG short.


@dataclass(frozen=True)
class Look:
    """How a mark is drawn; marks that share it are drawn together."""

    layer: int
    kind: str
    """`fill`, `line` or `dot`."""
    colour: str
    width: float = 0
    """Points: of a line, or across a dot."""
    dashes: tuple = ()
    alpha: float = 1
    hollow: bool = False


class Sheet:
    """A figure of our width; places in inches from its top left corner.

    Args:
        height: Inches.
        title: One bold line.
        subtitle: Lines below it, each a sequence of texts, or `(text,
            colour)`: the coloured ones are the legend. One line may be given
            without the outer sequence.
    """

    def __init__(self, height, title, subtitle=()):
        self.width, self.height = WIDTH_INCHES, height
        self.words, self.pictures, self._marks = [], [], {}
        self.write(MARGIN, MARGIN, title, INK, 11, bold=True, along="top")
        lines = subtitle if subtitle and isinstance(subtitle[0], list) else [subtitle]
        for number, line in enumerate(lines):
            x = MARGIN
            for piece in line:
                text, colour = (piece, QUIET) if isinstance(piece, str) else piece
                words = self.write(
                    x, 0.39 + 0.17 * number, text, colour, 8.5, colour != QUIET, along="top"
                )
                x += words.width + 0.07

    def write(self, x, y, text, colour=QUIET, size=8.5, bold=False, **places):
        """Write a line of text; see `lettering.Words`."""
        words = Words(float(x), float(y), text, colour, size, bold, **places)
        self.words.append(words)
        return words

    def cover(self, words, layer=2):
        """Fade what is below a line of text, so that it can be read on top of curves."""
        left, top, right, bottom = words.box
        self.box(left - 0.02, top, right - left + 0.04, bottom - top, "white", 0.85, layer)

    def line(self, x, y, colour=LINE, width=0.6, dashes=(), alpha=1.0, layer=1):
        """Draw a line through points, given as two sequences; NaN breaks it."""
        points = _points(x, y)
        known = np.isfinite(points).all(axis=1)
        for part in np.split(points, np.flatnonzero(~known)):
            part = part[np.isfinite(part).all(axis=1)]
            if len(part) > 1:
                codes = np.full(len(part), Path.LINETO, Path.code_type)
                codes[0] = Path.MOVETO
                look = Look(layer, "line", colour, width, tuple(dashes), alpha)
                self._marks.setdefault(look, []).append((part, codes))

    def fill(self, x, y, colour, alpha=1.0, layer=1):
        """Fill the polygon through points."""
        points = _points(x, y)
        codes = np.full(len(points) + 1, Path.LINETO, Path.code_type)
        codes[[0, -1]] = Path.MOVETO, Path.CLOSEPOLY
        look = Look(layer, "fill", colour, alpha=alpha)
        self._marks.setdefault(look, []).append((np.vstack([points, points[:1]]), codes))

    def box(self, left, top, width, height, colour, alpha=1.0, layer=1):
        """Fill a rectangle."""
        right, bottom = left + width, top + height
        self.fill((left, right, right, left), (top, top, bottom, bottom), colour, alpha, layer)

    def dot(self, x, y, colour, size=5.5, hollow=False, layer=3):
        """Mark a place with a dot (rimmed in white) or a ring, `size` points across."""
        look = Look(layer, "dot", colour, size, hollow=hollow)
        self._marks.setdefault(look, []).append(tuple(_points([x], [y])[0].tolist()))

    def picture(self, left, top, image):
        """Put a `PIL` image there, pixel for pixel; see `pixels`. It is not in the SVG."""
        self.pictures.append((round(left * PIXELS_PER_INCH), round(top * PIXELS_PER_INCH), image))

    @staticmethod
    def pixels(inches):
        """Return how many pixels of the PNG a length has."""
        return round(inches * PIXELS_PER_INCH)

    def marks(self):
        """Return `(look, [(points, codes), …])` from the lowest layer up.

        Points are in 1/72 inch, downwards, and codes those of `matplotlib.path`;
        a dot is only its middle.
        """
        order = {"fill": 0, "line": 1, "dot": 2}
        return sorted(self._marks.items(), key=lambda item: (item[0].layer, order[item[0].kind]))

    def save(self, folder, name):
        """Write `NAME.png`, and `NAME.svg` unless there are pictures; the same bytes each time.

        Call within `style.house_style()`.
        """
        sheet_image(self).save(folder / f"{name}.png")
        if not self.pictures:
            (folder / f"{name}.svg").write_text(sheet_svg(self), encoding="utf-8", newline="\n")


def _points(x, y):
    return np.round(np.column_stack([x, y]).astype(float) * 72, _DIGITS)
