"""Text as outlines: measured without drawing, drawn at once.

Letters are taken from DejaVu Sans, which comes with matplotlib, so neither
the widths nor the bytes of a figure hang on the machine. Every text is plain:
a `$` starts no formula, and a letter the font lacks is drawn as a box.
"""

import functools
from dataclasses import dataclass
from pathlib import Path

import matplotlib
import numpy as np
from matplotlib.ft2font import FT2Font

try:
    from matplotlib.ft2font import LoadFlags

    _UNHINTED = LoadFlags.NO_HINTING
except ImportError:  # matplotlib before 3.10
    from matplotlib.ft2font import LOAD_NO_HINTING as _UNHINTED

CAP_HEIGHT = 0.73
"""Height of a capital letter, in ems."""
_DESCENT = 0.21
_MIDDLE = 0.35
"""Where the middle of a line seems to be, in ems above its baseline."""
_EM = 100
ELLIPSIS = "…"


@dataclass(frozen=True)
class Letter:
    """Outline of one letter; lengths in ems, y upwards from the baseline."""

    vertices: np.ndarray
    codes: np.ndarray
    advance: float
    """Distance to the next letter."""


@dataclass(frozen=True)
class Words:
    """A line of text on a sheet; places in inches from the sheet's top left corner."""

    x: float
    y: float
    text: str
    colour: str
    size: float
    """Points."""
    bold: bool = False
    across: str = "left"
    """Which part of the text is at `x`: `left`, `center` or `right`."""
    along: str = "baseline"
    """Which part of the text is at `y`: `baseline`, `center` or `top`."""
    upright: bool = False
    """Turned by a quarter, to be read from bottom to top."""

    @property
    def width(self):
        """Length of the line in inches."""
        return text_width(self.text, self.size, self.bold)

    @property
    def start(self):
        """`(x, y)` of the left end of the baseline."""
        em = self.size / 72
        back = {"left": 0, "center": 0.5, "right": 1}[self.across] * self.width
        down = {"baseline": 0, "center": _MIDDLE, "top": CAP_HEIGHT}[self.along] * em
        return (self.x + down, self.y + back) if self.upright else (self.x - back, self.y + down)

    @property
    def box(self):
        """`(left, top, right, bottom)` of the line with room for every letter."""
        (x, y), em = self.start, self.size / 72
        if self.upright:
            return x - CAP_HEIGHT * em, y - self.width, x + _DESCENT * em, y
        return x, y - CAP_HEIGHT * em, x + self.width, y + _DESCENT * em


def text_width(text, size, bold=False):
    """Return the width of a text of `size` points, in inches."""
    return sum(letter(each, bold).advance for each in text) * size / 72


def clean_text(text):
    """Return a text on one line, without control characters and invisible marks."""
    return " ".join("".join(each if each.isprintable() else " " for each in str(text)).split())


def shorten(text, width, size, bold=False):
    """Return a text cut to a width in inches, with an ellipsis where it was cut."""
    if text_width(text, size, bold) <= width:
        return text
    left = width - text_width(ELLIPSIS, size, bold)
    kept = 0
    for each in text:
        left -= text_width(each, size, bold)
        if left < 0:
            break
        kept += 1
    return text[:kept].rstrip(" ,.:;-") + ELLIPSIS


def wrap(text, width, size, lines, bold=False):
    """Return a text broken at spaces into at most so many lines of a width in inches."""
    found, words = [], text.split(" ")
    while words and len(found) < lines - 1:
        count = 1
        while count < len(words) and text_width(" ".join(words[: count + 1]), size, bold) <= width:
            count += 1
        found.append(shorten(" ".join(words[:count]), width, size, bold))
        words = words[count:]
    if words:
        found.append(shorten(" ".join(words), width, size, bold))
    return found


@functools.cache
def letter(character, bold=False):
    """Return the `Letter` of a character; a box for one that the font lacks."""
    font = _font(bold)
    glyph = font.load_glyph(font.get_char_index(ord(character)), _UNHINTED)
    vertices, codes = font.get_path()
    return Letter(vertices / _EM, codes, glyph.linearHoriAdvance / 65536 / _EM)


@functools.cache
def _font(bold):
    name = "DejaVuSans-Bold.ttf" if bold else "DejaVuSans.ttf"
    font = FT2Font(str(Path(matplotlib.get_data_path(), "fonts", "ttf", name)))
    font.set_size(_EM, 72)
    return font
