"""One sample poster: scene, touches, motifs and lettering put together."""

import numpy as np

from keras_genres.data.sample_brush import Canvas
from keras_genres.data.sample_lettering import set_small_print, set_title
from keras_genres.data.sample_motifs_more import MOTIFS
from keras_genres.data.sample_scenes import SCENES
from keras_genres.data.sample_touches import TOUCHES

# Colour of the title, and of the shade under it that keeps it legible.
_LETTERS = {
    "Action": ((255, 226, 150), (24, 8, 8)),
    "Adventure": ((255, 238, 196), (24, 34, 40)),
    "Animation": ((255, 255, 255), (60, 20, 90)),
    "Biography": ((250, 232, 190), (46, 28, 18)),
    "Comedy": ((222, 30, 44), (255, 226, 80)),
    "Crime": ((240, 236, 220), (8, 10, 16)),
    "Documentary": ((24, 26, 30), (238, 238, 232)),
    "Drama": ((244, 238, 228), (32, 40, 50)),
    "Family": ((255, 252, 240), (40, 90, 60)),
    "Fantasy": ((255, 232, 190), (40, 14, 80)),
    "History": ((96, 36, 16), (230, 204, 150)),
    "Horror": ((222, 20, 20), (4, 3, 5)),
    "Music": ((255, 250, 240), (30, 6, 46)),
    "Mystery": ((224, 240, 216), (8, 28, 32)),
    "Romance": ((255, 246, 240), (176, 44, 90)),
    "Sci-Fi": ((150, 250, 255), (4, 6, 28)),
    "Sport": ((255, 255, 255), (12, 60, 26)),
    "Thriller": ((250, 246, 242), (10, 8, 10)),
    "War": ((238, 226, 180), (34, 34, 26)),
}

_TITLE_SPACE = 36.0
"""Height kept for title, tagline and credits, in hundredths of the width."""


def draw_poster(genres, title, year, rng, size=(268, 182)):
    """Draw a film poster whose look carries its genres.

    The first genre sets the scene, the palette and the large motif; every
    other one adds a smaller motif, and a touch where its zone is free.

    Args:
        genres: One to three genre names.
        title: Title of the film.
        year: Year of the film.
        rng: NumPy generator that all randomness comes from.
        size: `(height, width)` in pixels.

    Returns:
        An RGB Pillow image.
    """
    canvas = Canvas(size, rng)
    ink, paper = _LETTERS[genres[0]]
    SCENES[genres[0]](canvas, rng)
    low = (canvas.height - _TITLE_SPACE) / canvas.height
    zones = set()
    for genre in genres:
        touch, zone = TOUCHES[genre]
        if zone not in zones:
            zones.add(zone)
            touch(canvas, rng, low)
    _place_motifs(canvas, genres, paper, rng, low * canvas.height)
    canvas.shade(paper, 0.92, low - 0.06, low + 0.07)
    middle = canvas.height - 25 + rng.uniform(-1, 1)
    set_title(canvas, title, genres[0], middle, ink, paper)
    set_small_print(canvas, rng, middle, year, ink, middle - 13.5)
    return canvas.finish(grain=rng.uniform(2, 6))


def _place_motifs(canvas, genres, paper, rng, floor):
    hero = rng.uniform(25, 31) if len(genres) < 3 else rng.uniform(22, 26)
    x, y = 50 + rng.uniform(-8, 8), 0.47 * floor + rng.uniform(-5, 5)
    spots = []
    if len(genres) > 1:
        # The others stand in corners: two of them on a diagonal or on one side.
        side = 1 if rng.random() < 0.5 else -1
        x = 50 + side * rng.uniform(6, 15)
        low_first = rng.random() < 0.5
        rows = (floor - 19, 24) if low_first else (24, floor - 19)
        y = 0.5 * floor + (rng.uniform(-13, -3) if low_first else rng.uniform(3, 13))
        if len(genres) > 2:
            y = 0.5 * floor + rng.uniform(-4, 4)
        spots = [(50 - side * 29, rows[0]), (50 - side * rng.choice([-29, 29]), rows[1])]
    placed = [(genres[0], x, y, hero)]
    for genre, (left, top) in zip(genres[1:], spots, strict=False):
        radius = rng.uniform(15, 19)
        placed.append((genre, left + rng.uniform(-4, 4), top + rng.uniform(-4, 4), radius))
    dark = np.mean(paper) < 128
    for genre, left, top, radius in placed:
        canvas.glow(left, top, radius * 1.9, paper if dark else (255, 255, 250), 0.75)
        flip = genre not in ("Mystery", "Music") and rng.random() < 0.5
        MOTIFS[genre](canvas.pen(left, top, radius, rng.uniform(-13, 13), flip), rng)
