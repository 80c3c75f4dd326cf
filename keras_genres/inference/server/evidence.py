"""Maps of evidence as the service answers them: over the whole poster, and drawn on it."""

import base64
import io

import numpy as np
from PIL import Image

from keras_genres.data.quality import load_picture
from keras_genres.inference.explain import shown
from keras_genres.inference.overlay import on_poster, overlay

_MOST_CELLS = 32  # of a map's longer side, where it has to be fitted
_MOST_PIXELS = 1024  # of an overlay's longer side
_QUALITY = 88  # of its JPEG


def lay(data, evidence, fit, max_megapixels, with_overlay):
    """Return maps for JSON and their overlays.

    Args:
        data: The bytes of the poster's file.
        evidence: Array of shape `(genres, rows, columns)`, over what the model saw.
        fit: `(fit, height, width)`: how the poster became that.
        max_megapixels: As for `load_picture`.
        with_overlay: Whether to draw overlays.

    Returns:
        A list of maps, each a list of rows in [0, 1] over the whole poster, and
        one of `data:` URLs, or of `None`.
    """
    shapes = [shown(each) for each in evidence]
    if fit[0] == "squeeze" and not with_overlay:
        return [_rows(each) for each in shapes], [None] * len(shapes)
    picture = load_picture(data, max_megapixels, at_least=(_MOST_PIXELS, _MOST_PIXELS))
    picture.thumbnail((_MOST_PIXELS, _MOST_PIXELS), Image.Resampling.LANCZOS)
    maps = shapes
    if fit[0] != "squeeze":
        scale = _MOST_CELLS / max(picture.size)
        cells = [max(1, round(side * scale)) for side in picture.size]
        maps = [np.nan_to_num(on_poster(each, cells, *fit)) for each in shapes]
    drawn = [_url(overlay(picture, each, *fit)) if with_overlay else None for each in shapes]
    return [_rows(each) for each in maps], drawn


def _rows(values):
    return np.round(np.asarray(values, float), 3).tolist()


def _url(picture):
    file = io.BytesIO()
    picture.save(file, "JPEG", quality=_QUALITY)
    return "data:image/jpeg;base64," + base64.b64encode(file.getvalue()).decode()
