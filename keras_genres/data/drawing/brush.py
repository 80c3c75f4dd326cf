"""A canvas and pens with which the sample posters are drawn.

Units are hundredths of the poster's width, so a drawing looks the same at
every size. The canvas is `SUPERSAMPLE` times finer than the poster and is
averaged down at the end, which smooths every edge.
"""

import functools
import math

import numpy as np
from PIL import Image, ImageDraw

from keras_genres.data.drawing.shapes import arc

SUPERSAMPLE = 2


class Canvas:
    """An RGB picture with gradients, glows and clouds.

    Args:
        size: `(height, width)` of the finished poster in pixels.
        rng: NumPy generator that all randomness comes from.
    """

    def __init__(self, size, rng):
        self.size = size
        self.rng = rng
        rows, columns = size[0] * SUPERSAMPLE, size[1] * SUPERSAMPLE
        self.image = Image.new("RGB", (columns, rows))
        self.draw = ImageDraw.Draw(self.image, "RGBA")
        self.unit = columns / 100
        self.height = rows / self.unit
        """Height in hundredths of the width."""

    def pen(self, x, y, radius, angle=0.0, flip=False, jitter=0.07):
        """Return a `Pen` whose [-1, 1] square lies at `(x, y)` with that radius.

        Args:
            angle: Rotation in degrees, clockwise.
            flip: Mirror left to right.
            jitter: Up to this share is each colour channel stronger or weaker.
        """
        gain = 1 + self.rng.uniform(-jitter, jitter, 3)
        return Pen(self.draw, self.unit, x, y, radius, math.radians(angle), flip, gain)

    @property
    def page(self):
        """A `Pen` in the canvas's own units, without rotation or jitter."""
        return Pen(self.draw, self.unit, 0, 0, 1, 0.0, False, np.ones(3))

    def gradient(self, *stops, top=0.0, bottom=1.0, slant=0.0):
        """Fill a band of the canvas from the first colour to the last.

        Args:
            stops: RGB colours, evenly spaced.
            top: Upper edge of the band, as a share of the height.
            bottom: Lower edge of the band.
            slant: How far the gradient leans to one side, in shares of its length.
        """
        width, height = self.image.size
        first, last = round(top * height), round(bottom * height)
        down = np.linspace(0, 1, 64)[:, None] + slant * np.linspace(-0.5, 0.5, 48)[None, :]
        places = np.linspace(0, 1, len(stops))
        channels = [np.interp(down, places, [stop[c] for stop in stops]) for c in range(3)]
        small = Image.fromarray(np.stack(channels, axis=-1).round().astype(np.uint8))
        self.image.paste(small.resize((width, last - first), Image.BICUBIC), (0, first))

    def glow(self, x, y, radius, color, strength=1.0):
        """Lay a round light, strongest at its centre, over the canvas."""
        side = max(2, round(2 * radius * self.unit))
        corner = (round((x - radius) * self.unit), round((y - radius) * self.unit))
        mask = _soft_disc().resize((side, side), Image.BILINEAR)
        self._lay(color, corner, mask, strength)

    def clouds(self, color, strength=0.5, cells=4, top=0.0, bottom=1.0, stretch=1.0):
        """Lay soft noise over a band of the canvas.

        Args:
            cells: Clouds across the width.
            top: Upper edge of the band, as a share of the height; it fades out there.
            bottom: Lower edge of the band.
            stretch: How much wider than high the clouds are.
        """
        width, height = self.image.size
        first, last = round(top * height), round(bottom * height)
        rows = max(2, round(cells * stretch * (last - first) / width) + 1)
        total = np.zeros((96, 64))
        for octave in (1, 2, 4):
            coarse = self.rng.random((rows * octave, cells * octave)).astype(np.float32)
            fine = Image.fromarray(coarse).resize((64, 96), Image.BICUBIC)
            total += np.asarray(fine) / octave
        total = np.clip((total / 1.75 - 0.35) * 2.2, 0, 1)
        if top > 0 or bottom < 1:
            total *= np.sin(np.linspace(0, np.pi, 96))[:, None]
        mask = Image.fromarray((total * 255).astype(np.uint8))
        self._lay(color, (0, first), mask.resize((width, last - first), Image.BICUBIC), strength)

    def shade(self, color, strength, top, bottom):
        """Let a colour grow from nothing at `top` to `strength` at `bottom` (or upwards).

        Both are shares of the height; beyond `bottom` the colour stays.
        """
        width, height = self.image.size
        rows = (np.arange(height) / height - top) / (bottom - top)
        rows = np.clip(rows, 0, 1) ** 1.3
        mask = Image.fromarray((rows * 255).astype(np.uint8)[:, None]).resize((width, height))
        self._lay(color, (0, 0), mask, strength)

    def _lay(self, color, corner, mask, strength):
        mask = mask.point(lambda value: value * min(1.0, strength))
        self.image.paste(tuple(int(part) for part in color), (*corner, *_end(corner, mask)), mask)

    def finish(self, grain):
        """Return the poster at its own size, with uneven light, a vignette and film grain.

        Args:
            grain: Standard deviation of the noise, in grey levels.
        """
        pixels = np.asarray(self.image.reduce(SUPERSAMPLE), dtype=np.float32)
        rows, columns = self.size
        y = np.linspace(-1, 1, rows, dtype=np.float32)[:, None]
        x = np.linspace(-1, 1, columns, dtype=np.float32)[None, :]
        # Without this, two posters of one layout are taken for one picture.
        spots = Image.fromarray(self.rng.uniform(0.78, 1.22, (4, 3)).astype(np.float32))
        light = np.asarray(spots.resize((columns, rows), Image.BICUBIC))
        light = light * (1 - 0.10 * np.clip(x * x + y * y - 0.5, 0, None))
        noise = self.rng.standard_normal((rows, columns), dtype=np.float32) * grain
        pixels = pixels * light[..., None] + noise[..., None]
        return Image.fromarray(np.clip(pixels, 0, 255).astype(np.uint8))


class Pen:
    """Draws shapes given in a [-1, 1] square that is moved, turned and scaled."""

    def __init__(self, draw, unit, x, y, radius, angle, flip, gain):
        self.draw = draw
        self.scale = unit * radius
        self.origin = (x * unit, y * unit)
        self.cos, self.sin = math.cos(angle), math.sin(angle)
        self.mirror = -1 if flip else 1
        self.gain = gain

    def place(self, points):
        """Return points of the square as pixel positions."""
        cos, sin, scale, mirror = self.cos, self.sin, self.scale, self.mirror
        left, top = self.origin
        return [
            (
                left + scale * (mirror * x * cos - y * sin),
                top + scale * (mirror * x * sin + y * cos),
            )
            for x, y in points
        ]

    def color(self, color):
        """Return the colour with this pen's jitter; a fourth part is its opacity."""
        if color is None:
            return None
        parts = [min(255, max(0, int(c * g))) for c, g in zip(color[:3], self.gain, strict=True)]
        return (*parts, *color[3:])

    def poly(self, points, fill=None, outline=None, width=0.0):
        """Draw a closed polygon."""
        spots = self.place(points)
        if fill is not None:
            self.draw.polygon(spots, fill=self.color(fill))
        if outline is not None:
            self._stroke([*spots, *spots[:2]], outline, width)

    def line(self, points, fill, width):
        """Draw a line of round joints; `width` is in the square's units."""
        self._stroke(self.place(points), fill, width)

    def dot(self, x, y, rx, ry=None, fill=None, outline=None, width=0.0):
        """Draw an ellipse."""
        self.poly(arc(x, y, rx, ry), fill, outline, width)

    def box(self, left, top, right, bottom, fill=None, outline=None, width=0.0):
        """Draw a rectangle."""
        corners = [(left, top), (right, top), (right, bottom), (left, bottom)]
        self.poly(corners, fill, outline, width)

    def _stroke(self, spots, color, width):
        pixels = max(1, round(width * self.scale))
        self.draw.line(spots, fill=self.color(color), width=pixels, joint="curve")


@functools.cache
def _soft_disc():
    line = np.linspace(-1, 1, 128)
    distance = np.sqrt(line[:, None] ** 2 + line[None, :] ** 2)
    return Image.fromarray((np.clip(1 - distance, 0, 1) ** 1.6 * 255).astype(np.uint8))


def _end(corner, mask):
    return corner[0] + mask.width, corner[1] + mask.height
