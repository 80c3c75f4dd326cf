"""One sample poster: scene, touches, motifs and lettering put together."""

from keras_genres.data.drawing.brush import Canvas
from keras_genres.data.drawing.lettering import set_credits, set_title
from keras_genres.data.drawing.motifs_more import MOTIFS
from keras_genres.data.drawing.palettes import AURAS, LETTERS
from keras_genres.data.drawing.scenes import paint_scene
from keras_genres.data.drawing.touches import TOUCHES

_TITLE, _CREDITS = 26.0, 13.0
"""Heights kept for the title and for the credits, in hundredths of the width."""


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
    tall = canvas.height
    ink, paper = LETTERS[genres[0]]
    zones = {TOUCHES[genre][1] for genre in genres}
    # A title at the top would lie on what hangs down from there.
    title_first = "top" not in zones and rng.random() < 0.4
    top = _TITLE if title_first else 0.0
    floor = tall - _CREDITS - (0.0 if title_first else _TITLE)

    paint_scene(canvas, genres[0], rng)
    for genre in genres:
        touch, zone = TOUCHES[genre]
        if zone in zones:
            zones.remove(zone)
            touch(canvas, rng, top, floor)
    _place_motifs(canvas, genres, rng, top, floor)
    canvas.shade(paper, 0.94, (floor - 3) / tall, (floor + 9) / tall)
    if title_first:
        canvas.shade(paper, 0.85, (top + 4) / tall, (top - 8) / tall)
    middle = 16.0 if title_first else floor + 13.5
    set_title(canvas, title, genres[0], middle, ink, paper, rng)
    set_credits(canvas, year, ink, paper, rng)
    return canvas.finish(grain=rng.uniform(1.5, 4.5))


def _place_motifs(canvas, genres, rng, top, floor):
    """Draw the main motif near the middle and the others in corners, on a diagonal or a side."""
    room = floor - top
    side = 1 if rng.random() < 0.5 else -1
    x, y, radius = 50 + rng.uniform(-9, 9), top + 0.48 * room, rng.uniform(26, 32)
    rows = [floor - 21, top + 22]
    if rng.random() < 0.5:
        rows.reverse()
    if len(genres) == 2:
        x, radius = 50 + side * rng.uniform(7, 14), rng.uniform(24, 29)
        y += rng.uniform(4, 12) * (1 if rows[0] < rows[1] else -1)
    elif len(genres) == 3:
        x, radius = 50 + side * rng.uniform(3, 9), rng.uniform(22, 26)
    placed = [(x, y + rng.uniform(-4, 4), radius)]
    sides = (-side, -side if rng.random() < 0.35 else side)
    for k in range(len(genres) - 1):
        spot = (50 + sides[k] * rng.uniform(26, 31), rows[k] + rng.uniform(-3, 3))
        placed.append((*spot, rng.uniform(18, 21.5)))
    for genre, (x, y, radius) in zip(genres, placed, strict=True):
        canvas.glow(x, y, 1.8 * radius, AURAS[genre], 0.85)
        # A mirrored question mark or note would be wrong.
        flip = genre not in ("Mystery", "Music") and rng.random() < 0.5
        MOTIFS[genre](canvas.pen(x, y, radius, rng.uniform(-13, 13), flip), rng)
