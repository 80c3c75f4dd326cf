"""Scales on a sheet: a rectangle whose sides have values, ticks and names."""

from dataclasses import dataclass, field

import numpy as np
from matplotlib.path import Path

from keras_genres.evaluation.figures.sheet import Sheet
from keras_genres.evaluation.figures.style import LINE


@dataclass
class Frame:
    """A rectangle of a sheet with a scale of its own on each side.

    Args:
        sheet: The `Sheet`.
        left, top, width, height: Inches.
        x_range: Values at the left and right edge.
        y_range: Values at the lower and upper edge.
    """

    sheet: Sheet
    left: float
    top: float
    width: float
    height: float
    x_range: tuple = (0, 1)
    y_range: tuple = (0, 1)
    tick_size: float = field(default=7.5, kw_only=True)

    def x(self, values):
        """Return where values are, in inches from the left of the sheet."""
        low, high = self.x_range
        return self.left + (np.asarray(values, float) - low) / (high - low) * self.width

    def y(self, values):
        """Return where values are, in inches from the top of the sheet."""
        low, high = self.y_range
        return self.top + (high - np.asarray(values, float)) / (high - low) * self.height

    def line(self, x, y, colour, width=1.2, **look):
        """Draw a line through points of the scales."""
        self.sheet.line(self.x(x), self.y(y), colour, width, **({"layer": 2} | look))

    def curve(self, x, y, colour, width=1.2, **look):
        """Draw a line of many points, without those that nobody could see."""
        self.sheet.line(*thin(self.x(x), self.y(y)), colour, width, **({"layer": 2} | look))

    def dot(self, x, y, colour, **look):
        """Mark a point of the scales."""
        self.sheet.dot(self.x(x), self.y(y), colour, **look)

    def write(self, x, y, text, *args, **look):
        """Write at a point of the scales."""
        return self.sheet.write(self.x(x), self.y(y), text, *args, **look)

    def mark_x(self, value, text, grid=False):
        """Write a tick below the frame; `grid` draws its line through the frame."""
        x, bottom = self.x(value), self.top + self.height
        self.sheet.line((x, x), (self.top if grid else bottom, bottom + 0.035), LINE, 0.6, layer=0)
        self.sheet.write(x, bottom + 0.06, text, size=self.tick_size, across="center", along="top")

    def mark_y(self, value, text):
        """Draw a line across the frame, with a tick's text to its left (may be empty)."""
        y = self.y(value)
        self.sheet.line((self.left, self.left + self.width), (y, y), LINE, 0.6, layer=0)
        if text:
            self.sheet.write(
                self.left - 0.06, y, text, size=self.tick_size, across="right", along="center"
            )

    def name_x(self, text):
        """Write what the horizontal scale is, below its ticks."""
        self.sheet.write(
            self.left + self.width / 2,
            self.top + self.height + 0.21,
            text,
            across="center",
            along="top",
        )

    def name_y(self, text, distance=0.36):
        """Write what the vertical scale is, upright, `distance` inches to the left."""
        self.sheet.write(
            self.left - distance,
            self.top + self.height / 2,
            text,
            across="center",
            along="center",
            upright=True,
        )


def thin(x, y, inches=0.004):
    """Return a line without the points that change it by less than a length."""
    path = Path(np.column_stack([x, y]) / inches)
    path.simplify_threshold = 1.0
    path.should_simplify = True
    kept = path.cleaned(simplify=True)
    points = kept.vertices[kept.codes != Path.STOP] * inches
    return points[:, 0], points[:, 1]


def nice_ticks(high, most=5):
    """Return round numbers from 0 to at most `high`, not more than `most` steps.

    Example:
        >>> nice_ticks(3700)
        [0.0, 1000.0, 2000.0, 3000.0]
    """
    if not high > 0:
        return [0.0]
    power = 10.0 ** np.floor(np.log10(high / most))
    step = next(power * times for times in (1, 2, 5, 10) if power * times * most >= high)
    return [round(step * number, 12) for number in range(int(high / step + 1e-9) + 1)]
