"""A sheet as pixels, through matplotlib's Agg renderer."""

import numpy as np
from matplotlib.artist import Artist
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure
from matplotlib.path import Path
from matplotlib.transforms import Affine2D
from PIL import Image

from keras_genres.evaluation.figures.lettering import letter
from keras_genres.evaluation.figures.style import (
    INK,
    LINE,
    PIXELS_PER_INCH,
    QUIET,
    TEST,
    TRAIN,
    VAL,
)

_NEAR_COLOUR = 12


def sheet_image(sheet):
    """Return a `Sheet` as a `PIL` image: with a palette, or of full colour if it has pictures.

    Call within `style.house_style()`.
    """
    figure = Figure((sheet.width, sheet.height), dpi=PIXELS_PER_INCH, facecolor="white")
    figure.add_artist(_Marks(sheet))
    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    image = Image.fromarray(np.asarray(canvas.buffer_rgba())[..., :3])
    for left, top, picture in sheet.pictures:
        image.paste(picture, (left, top))
    return image if sheet.pictures else _few_colours(image)


class _Marks(Artist):
    """Everything of a sheet, as one artist of a matplotlib figure."""

    def __init__(self, sheet):
        super().__init__()
        self.set_zorder(1)
        self._sheet = sheet

    def draw(self, renderer):
        """Draw onto an Agg renderer."""
        # Points, downwards from the top, into pixels, upwards from the bottom.
        scale = renderer.points_to_pixels(1.0)
        place = Affine2D().scale(scale, -scale).translate(0, self._sheet.height * 72 * scale)
        for look, marks in self._sheet.marks():
            gc = renderer.new_gc()
            gc.set_alpha(look.alpha)
            gc.set_joinstyle("round")
            gc.set_foreground(look.colour)
            if look.kind == "dot":
                gc.set_foreground(look.colour if look.hollow else "white")
                gc.set_linewidth(1.0 if look.hollow else 0.8)
                size = Affine2D().scale(renderer.points_to_pixels(look.width / 2))
                face = None if look.hollow else to_rgb(look.colour)
                renderer.draw_markers(gc, Path.unit_circle(), size, Path(marks), place, face)
            else:
                path = Path(*map(np.concatenate, zip(*marks, strict=True)))
                path.should_simplify = False
                gc.set_linewidth(look.width)
                gc.set_dashes(0, look.dashes or None)
                face = to_rgb(look.colour) if look.kind == "fill" else None
                renderer.draw_path(gc, path, place, face)
            gc.restore()
        gc = renderer.new_gc()
        gc.set_linewidth(0)
        gc.set_snap(False)  # else the stems of some letters would move and not of others
        for colour, outlines in _outlines(self._sheet.words).items():
            path = Path(*map(np.concatenate, zip(*outlines, strict=True)))
            renderer.draw_path(gc, path, place, to_rgb(colour))
        gc.restore()


def _outlines(words):
    """Return the letters of texts by colour, as `(points, codes)` like marks."""
    colours = {}
    for each in words:
        x, y = (72 * value for value in each.start)
        for character in each.text:
            shape = letter(character, each.bold)
            points = shape.vertices * (each.size, -each.size)
            points = points[:, ::-1] * (1, -1) if each.upright else points
            place = np.array((x, y))
            colours.setdefault(each.colour, []).append((points + place, shape.codes))
            step = shape.advance * each.size
            x, y = (x, y - step) if each.upright else (x + step, y)
    return colours


def _few_colours(image):
    """Return a drawing with a palette of 256 colours, a third of the bytes; ours stay exact."""
    image = image.quantize(256, method=Image.Quantize.FASTOCTREE, dither=Image.Dither.NONE)
    palette = np.array(image.getpalette()).reshape(-1, 3)
    for colour in ("white", INK, QUIET, LINE, TRAIN, VAL, TEST):
        wanted = np.rint(np.multiply(to_rgb(colour), 255)).astype(int)
        distances = np.abs(palette - wanted).max(axis=1)
        if distances.min() <= _NEAR_COLOUR:
            palette[distances.argmin()] = wanted
    image.putpalette(palette.astype(np.uint8).tobytes())
    return image
