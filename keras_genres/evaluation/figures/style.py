"""One look for every figure.

Figures are made from `Figure` objects and never from pyplot: no window, no
global state, and a third of the import time. Colours are of Okabe & Ito's
palette, which people with any colour vision can tell apart.

Source: Okabe & Ito 2008, "Color Universal Design".
"""

import contextlib

import matplotlib
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

TRAIN = "#6F7680"
VAL = "#D55E00"
TEST = "#0072B2"
SPLIT_COLOURS = {"train": TRAIN, "val": VAL, "test": TEST}
SPLIT_NAMES = {"train": "training", "val": "validation", "test": "test"}
INK = "#22262B"
QUIET = "#5F6670"
LINE = "#DADDE2"

WIDTH_INCHES = 8.0
"""At 100 pixels an inch, the width a README shows."""
PIXELS_PER_INCH = 160

_RULES = {
    "font.family": "DejaVu Sans",  # comes with matplotlib, so that bytes do not hang on the machine
    "font.size": 9,
    "text.color": INK,
    "axes.edgecolor": LINE,
    "axes.labelcolor": QUIET,
    "axes.labelsize": 9,
    "axes.titlesize": 9,
    "axes.titlelocation": "left",
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.axisbelow": True,
    "xtick.color": LINE,
    "ytick.color": LINE,
    "xtick.labelcolor": QUIET,
    "ytick.labelcolor": QUIET,
    "xtick.labelsize": 8,
    "ytick.labelsize": 8,
    "grid.color": LINE,
    "grid.linewidth": 0.6,
    "lines.linewidth": 1.4,
    "lines.solid_capstyle": "round",
}


@contextlib.contextmanager
def house_style():
    """Draw and save with our rules, whatever the user's matplotlibrc says."""
    plain = {
        name: value
        for name, value in dict.items(matplotlib.rcParamsDefault)
        if not name.startswith(("backend", "interactive", "toolbar"))
    }
    with matplotlib.rc_context(plain | _RULES):
        yield


def new_figure(height, title, subtitle=()):
    """Return an empty white figure of our width, with a title.

    Args:
        height: Inches.
        title: One bold line.
        subtitle: Pieces of one line below it: texts, or `(text, colour)`. The
            coloured ones are the legend.
    """
    figure = Figure(figsize=(WIDTH_INCHES, height), facecolor="white")
    canvas = FigureCanvasAgg(figure)
    figure.text(0.12 / WIDTH_INCHES, 1 - 0.12 / height, title, size=11, weight="bold", va="top")
    x = 0.12 / WIDTH_INCHES
    for piece in subtitle:
        text, colour = (piece, QUIET) if isinstance(piece, str) else piece
        weight = "normal" if isinstance(piece, str) else "bold"
        drawn = figure.text(
            x, 1 - 0.38 / height, text, size=8.5, color=colour, weight=weight, va="top"
        )
        width = drawn.get_window_extent(canvas.get_renderer()).width
        x += (width / figure.dpi + 0.07) / WIDTH_INCHES
    return figure


def place(figure, left, bottom, right, top, **options):
    """Add axes whose margins from the figure's edges are given in inches."""
    width, height = figure.get_size_inches()
    box = (
        left / width,
        bottom / height,
        (width - left - right) / width,
        (height - bottom - top) / height,
    )
    return figure.add_axes(box, **options)


def save_png(figure, path):
    """Write a figure as PNG, without the date and version that would change its bytes."""
    figure.savefig(path, dpi=PIXELS_PER_INCH, format="png", metadata={"Software": None})


def save_svg(figure, path):
    """Write a figure as SVG, text as outlines, without what would change its bytes."""
    with matplotlib.rc_context({"svg.hashsalt": "keras-genres", "svg.fonttype": "path"}):
        figure.savefig(path, format="svg", metadata={"Date": None, "Creator": None})
