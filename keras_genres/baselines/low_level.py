"""A poster in a few hundred numbers: its colours, its edges, its light.

Source: the kinds of features are those of Ivašić-Kos, Pobar & Mikec 2014,
"Movie posters classification into genres based on low-level features" (colour
and edges); colour histograms are Swain & Ballard 1991, "Color Indexing"; edge
histograms over a grid are Manjunath et al. 2001, "Color and Texture
Descriptors"; colourfulness is Hasler & Süsstrunk 2003, "Measuring
Colorfulness in Natural Images".
"""

import numpy as np
from PIL import Image

from keras_genres.data.batches import map_files
from keras_genres.data.quality import PictureError, load_picture
from keras_genres.errors import UserError
from keras_genres.training.environment import cores

HEIGHT, WIDTH = 96, 64
"""Size in pixels that every poster is brought to: the shape of most posters."""
GRID_ROWS, GRID_COLUMNS = 3, 2
"""Cells for what is told by place: a title below and a face above are not the same."""
HUES, SATURATIONS, VALUES = 8, 3, 3
"""Bins of the joint colour histogram."""
LEVELS = 4
"""Bins of saturation and of value in a cell."""
ORIENTATIONS = 8
"""Bins of edge orientation over half a turn; the first is an upright edge."""
EDGE_LEVELS = 32
"""A pixel is on an edge when its neighbours on both sides differ by more than this, of 255."""

_CELLS = GRID_ROWS * GRID_COLUMNS
PARTS = {
    "colours": HUES * SATURATIONS * VALUES,
    "hues by cell": _CELLS * HUES,
    "saturations by cell": _CELLS * LEVELS,
    "values by cell": _CELLS * LEVELS,
    "orientations by cell": _CELLS * ORIENTATIONS,
    "edges by cell": _CELLS,
    "light": 5,
}
"""What the numbers of a poster are, in order, and how many there are of each."""
NUM_FEATURES = sum(PARTS.values())

_CELL = (
    np.arange(HEIGHT)[:, None] * GRID_ROWS // HEIGHT * GRID_COLUMNS
    + np.arange(WIDTH)[None, :] * GRID_COLUMNS // WIDTH
)


def low_level_features(paths, jobs=None):
    """Return the low-level features of posters.

    Args:
        paths: Their files.
        jobs: Posters read at a time; by default twice the CPU cores.

    Returns:
        float32 array of shape `(posters, NUM_FEATURES)`.

    Raises:
        UserError: If a poster cannot be read; it names it.
    """
    found = np.empty((len(paths), NUM_FEATURES), np.float32)
    rows = map_files(
        lambda path: features_of(_small(path)),
        paths,
        jobs or 2 * cores(),
        len(paths),
        "Low-level features",
        " posters",
    )
    for row, values in enumerate(rows):
        found[row] = values
    return found


def features_of(picture):
    """Return the numbers of one picture.

    Histograms hold shares, and their square roots are what is returned: the
    differences of small shares then count as much as those of large ones,
    and their distribution is nearer to a normal one. Hues count by how
    saturated they are, since the hue of a grey pixel says nothing.

    Args:
        picture: A `PIL.Image.Image` of mode `RGB` and any size.

    Returns:
        float32 array of shape `(NUM_FEATURES,)`, in the order of `PARTS`.
    """
    if picture.size != (WIDTH, HEIGHT):
        picture = picture.resize((WIDTH, HEIGHT), Image.Resampling.BOX, reducing_gap=2.0)
    hsv = np.asarray(picture.convert("HSV")).astype(np.int64)
    grey = np.asarray(picture.convert("L")).astype(np.float32)
    hue, saturation, value = hsv[..., 0], hsv[..., 1], hsv[..., 2]
    # Half a bin further, so that red, where the circle closes, is one bin.
    hues = (hue * HUES + 128) // 256 % HUES
    colours = hues * SATURATIONS + saturation * SATURATIONS // 256
    colours = colours * VALUES + value * VALUES // 256
    along, down = (step[1:-1, 1:-1] for step in _steps(grey))
    strength = np.hypot(along, down)
    turn = np.arctan2(down, along) / np.pi * ORIENTATIONS
    orientations = np.floor(turn + 0.5).astype(np.int64) % ORIENTATIONS
    inner = _CELL[1:-1, 1:-1]
    edges = np.bincount(inner.ravel(), (strength > EDGE_LEVELS).ravel(), _CELLS)
    parts = [
        np.sqrt(np.bincount(colours.ravel(), minlength=PARTS["colours"]) / (HEIGHT * WIDTH)),
        _by_cell(_CELL, hues, HUES, saturation),
        _by_cell(_CELL, saturation * LEVELS // 256, LEVELS),
        _by_cell(_CELL, value * LEVELS // 256, LEVELS),
        _by_cell(inner, orientations, ORIENTATIONS, strength),
        np.sqrt(edges / np.bincount(inner.ravel())),
        _light(picture, grey, saturation),
    ]
    return np.concatenate(parts).astype(np.float32)


def _small(path):
    """Return the picture of a file in the size that features are computed on, or a bit more."""
    try:
        with Image.open(path) as image:
            # A large JPEG is decoded at half its size, or less, in a fraction of the time.
            image.draft("RGB", (2 * WIDTH, 2 * HEIGHT))
            return image.convert("RGB")
    except Exception:  # damaged files make Pillow raise all sorts
        try:
            return load_picture(path)
        except PictureError as error:
            raise UserError(
                f"{error} Run `keras-genres data prepare` again to leave it out."
            ) from None


def _steps(grey):
    """Return differences across each pixel, along its row and down its column."""
    along, down = np.zeros_like(grey), np.zeros_like(grey)
    along[:, 1:-1] = grey[:, 2:] - grey[:, :-2]
    down[1:-1] = grey[2:] - grey[:-2]
    return along, down


def _by_cell(cells, bins, count, weights=None):
    """Return root shares of the bins in each cell, one cell after the other."""
    index = (cells * count + bins).ravel()
    weights = None if weights is None else weights.ravel()
    found = np.bincount(index, weights, _CELLS * count).reshape(_CELLS, count)
    whole = found.sum(axis=1, keepdims=True)
    return np.sqrt(found / np.maximum(whole, 1e-12)).ravel()


def _light(picture, grey, saturation):
    """Return brightness, contrast, mean and spread of saturation, and colourfulness, near 0–1."""
    red, green, blue = (np.asarray(band).astype(np.float32) for band in picture.split())
    one, other = red - green, (red + green) / 2 - blue
    spread = np.hypot(one.std(), other.std())
    colourfulness = spread + 0.3 * np.hypot(one.mean(), other.mean())
    values = (grey.mean(), grey.std(), saturation.mean(), saturation.std(), colourfulness)
    return np.array(values) / 255
