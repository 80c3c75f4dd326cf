"""One background a genre: sky, land and light in the palette of the genre.

A scene is a function `(canvas, rng)` that paints the whole canvas.
"""

import numpy as np

from keras_genres.data.drawing.landscape import darker, dots, hills, pick, rays, ridge, skyline
from keras_genres.data.drawing.palettes import SKIES
from keras_genres.data.drawing.shapes import arc
from keras_genres.genres import GENRES

INK = (22, 20, 28)
WHITE = (255, 255, 255)


def paint_scene(canvas, genre, rng):
    """Paint the sky of a genre in one of its palettes, then what stands before it."""
    slant = rng.uniform(-0.6, 0.6) if genre not in ("Sport", "Sci-Fi") else 0.0
    canvas.gradient(*pick(rng, *SKIES[genre]), slant=slant)
    _SCENES[genre](canvas, rng)


def _action(canvas, rng):
    x, y = rng.uniform(25, 75), rng.uniform(40, 80)
    rays(canvas, rng, (255, 170, 60, 46), x, y, 14)
    canvas.glow(x, y, 60, (255, 190, 80), 0.9)
    skyline(canvas, rng, 0.74 * canvas.height, (34, 16, 18), (255, 170, 60))
    canvas.clouds((30, 14, 14), 0.7, 4, 0.5, 1.0)


def _adventure(canvas, rng):
    canvas.glow(rng.uniform(15, 85), rng.uniform(25, 60), 40, (255, 246, 200), 1.0)
    canvas.clouds(WHITE, 0.5, 3, 0.0, 0.5, 2.0)
    base = pick(rng, (60, 96, 110), (110, 74, 60), (50, 100, 80))
    for k in range(3):
        snow = (250, 246, 236) if k == 0 else None
        foot = canvas.height * (0.60 + 0.12 * k)
        ridge(canvas, rng, foot, 36 - 8 * k, darker(base, 0.28 * k), snow)


def _animation(canvas, rng):
    for _ in range(4):
        x, y = rng.uniform(0, 100), rng.uniform(5, 60)
        for shift, radius in ((-7, 5), (0, 8), (8, 6)):
            canvas.page.dot(x + shift, y, radius, fill=WHITE)
    ground = pick(rng, (110, 214, 60), (250, 130, 60), (170, 110, 240))
    hills(canvas, rng, 0.62 * canvas.height, 7, ground, INK)
    hills(canvas, rng, 0.76 * canvas.height, 5, darker(ground, 0.2), INK)


def _biography(canvas, rng):
    for x in range(0, 104, 8):
        canvas.page.box(x, 0, x + 4, canvas.height, (255, 240, 210, 22))
    canvas.glow(rng.uniform(30, 70), rng.uniform(20, 60), 70, (255, 238, 200), 0.7)


def _comedy(canvas, rng):
    count = int(rng.integers(9, 14))
    glare = (255, 250, 220, 190)
    rays(canvas, rng, glare, rng.uniform(30, 70), rng.uniform(45, 90), count)
    if rng.random() < 0.5:
        hill = pick(rng, (240, 70, 50), (40, 170, 220), (250, 250, 244))
        hills(canvas, rng, 0.7 * canvas.height, 3, hill)


def _crime(canvas, rng):
    skyline(canvas, rng, 0.68 * canvas.height, (10, 12, 22), (236, 206, 120))
    lean, light = rng.uniform(-18, 18), pick(rng, (220, 220, 200, 60), (180, 210, 230, 60))
    for y in np.arange(-10, 0.9 * canvas.height, 9):
        blind = [(0, y), (100, y + lean), (100, y + lean + 4.5), (0, y + 4.5)]
        canvas.page.poly(blind, light)


def _documentary(canvas, rng):
    canvas.clouds(WHITE, 0.8, 3, 0.0, 0.6, 1.6)
    land = pick(rng, (104, 116, 96), (130, 112, 90), (86, 104, 114))
    hills(canvas, rng, 0.58 * canvas.height, 4, land)
    hills(canvas, rng, 0.68 * canvas.height, 3, darker(land, 0.25))


def _drama(canvas, rng):
    canvas.clouds((220, 222, 220), 0.5, 2, 0.0, 0.8)
    canvas.glow(rng.uniform(20, 80), rng.uniform(20, 90), 55, (226, 214, 196), 0.6)
    if rng.random() < 0.6:
        hills(canvas, rng, 0.7 * canvas.height, 2, (62, 74, 84))


def _family(canvas, rng):
    canvas.glow(rng.uniform(10, 90), rng.uniform(15, 40), 26, (255, 244, 170), 1.0)
    canvas.clouds(WHITE, 0.8, 4, 0.05, 0.5, 1.8)
    green = pick(rng, (136, 196, 84), (160, 200, 70), (110, 186, 100))
    for k in range(3):
        hills(canvas, rng, canvas.height * (0.58 + 0.1 * k), 5, darker(green, 0.14 * k))


def _fantasy(canvas, rng):
    canvas.glow(rng.uniform(15, 85), rng.uniform(15, 50), 44, (250, 226, 255), 0.9)
    canvas.clouds((230, 190, 250), 0.6, 3, 0.2, 0.9, 1.6)
    dots(canvas, rng, 50, (255, 250, 230, 220), 0.3, 0.7, 0.6)
    ridge(canvas, rng, 0.74 * canvas.height, 24, (64, 32, 110))


def _history(canvas, rng):
    canvas.clouds((150, 104, 56), 0.55, 3)
    canvas.clouds((250, 236, 200), 0.5, 5)
    tall = canvas.height
    for x in (3, 97):
        canvas.page.box(x - 6, 0.1 * tall, x + 6, tall, (150, 112, 66, 120))
        for flute in (-3.6, 0, 3.6):
            canvas.page.box(x + flute - 0.7, 0.1 * tall, x + flute + 0.7, tall, (110, 76, 40, 120))


def _horror(canvas, rng):
    light = pick(rng, (150, 14, 14), (90, 110, 50))
    canvas.glow(rng.uniform(25, 75), rng.uniform(35, 80), 55, light, 0.7)
    canvas.clouds((0, 0, 0), 0.8, 3)
    for side, inward in ((0, 1), (100, -1)):
        for _ in range(4):
            y, reach = rng.uniform(20, 110), inward * rng.uniform(12, 34)
            bend = (side + 0.5 * reach, y - rng.uniform(-6, 14))
            tip = (side + reach, y - rng.uniform(0, 24))
            canvas.page.line([(side, y), bend, tip], (4, 3, 5), 1.6)


def _music(canvas, rng):
    for _ in range(5):
        x, foot = rng.uniform(0, 100), rng.uniform(0, 100)
        light = pick(rng, (255, 80, 180, 70), (90, 230, 240, 70), (255, 220, 120, 70))
        tall = canvas.height
        canvas.page.poly([(x - 1, -2), (x + 1, -2), (foot + 16, tall), (foot - 16, tall)], light)
    dots(canvas, rng, 16, (255, 220, 250, 60), 1, 4)


def _mystery(canvas, rng):
    canvas.glow(rng.uniform(15, 85), rng.uniform(20, 45), 30, (236, 240, 190), 0.9)
    for stem in rng.uniform(0, 100, 5):
        canvas.page.box(stem - 1.6, 0, stem + 1.6, canvas.height, (10, 26, 30, 170))
    canvas.clouds((170, 200, 192), 0.8, 3, 0.35, 1.0, 3.0)


def _romance(canvas, rng):
    x, y = rng.uniform(25, 75), rng.uniform(55, 80)
    canvas.glow(x, y, 55, (255, 240, 200), 0.9)
    canvas.page.dot(x, y, rng.uniform(11, 17), fill=(255, 236, 190))
    sea = pick(rng, (200, 84, 120), (214, 110, 120))
    canvas.page.box(0, 0.62 * canvas.height, 100, canvas.height, sea)
    for _ in range(14):
        y, middle = rng.uniform(0.63, 0.8) * canvas.height, x + rng.normal(0, 8)
        canvas.page.box(middle - 7, y, middle + 7, y + 0.7, (255, 226, 190, 150))


def _scifi(canvas, rng):
    nebula = pick(rng, (60, 60, 200), (20, 140, 180), (140, 40, 180))
    canvas.clouds(nebula, 0.5, 3)
    dots(canvas, rng, 90, (220, 240, 255, 230), 0.2, 0.6)
    canvas.glow(rng.uniform(10, 90), rng.uniform(10, 60), 40, (40, 200, 240), 0.6)


def _sport(canvas, rng):
    wide = rng.uniform(12, 20)
    for y in np.arange(0, canvas.height, 2 * wide):
        canvas.page.box(0, y, 100, y + wide, (255, 255, 255, 26))
    chalk = (250, 255, 250, 235)
    middle = rng.uniform(40, 80)
    canvas.page.line([(-2, middle), (102, middle)], chalk, 1.6)
    canvas.page.line(arc(50, middle, 30), chalk, 1.6)
    canvas.page.box(6, -20, 94, canvas.height + 20, None, chalk, 1.6)
    for x in (8, 92):
        canvas.glow(x, 4, 34, (255, 255, 230), 0.9)


def _thriller(canvas, rng):
    red = pick(rng, (190, 16, 26), (160, 10, 24), (206, 36, 20))
    side, split = pick(rng, 0, 100), rng.uniform(35, 65)
    lean, tall = rng.choice([-1, 1]) * rng.uniform(20, 50), canvas.height
    canvas.page.poly([(side, 0), (split + lean, 0), (split - lean, tall), (side, tall)], red)
    canvas.clouds((6, 4, 8), 0.6, 4)


def _war(canvas, rng):
    canvas.clouds((44, 42, 34), 0.75, 3, 0.0, 0.9)
    for _ in range(3):
        foot, tip = rng.uniform(10, 90), rng.uniform(-30, 130)
        beam = [(foot, 0.8 * canvas.height), (tip - 9, -4), (tip + 9, -4)]
        canvas.page.poly(beam, (250, 244, 200, 60))
    hills(canvas, rng, 0.72 * canvas.height, 3, (46, 46, 34))
    for x in rng.uniform(0, 100, 5):
        post = [(x, 0.74 * canvas.height), (x + rng.normal(0, 3), 0.62 * canvas.height)]
        canvas.page.line(post, (40, 38, 30), 1.3)


_SCENES = dict(
    zip(
        GENRES,
        (
            _action, _adventure, _animation, _biography, _comedy, _crime, _documentary, _drama,
            _family, _fantasy, _history, _horror, _music, _mystery, _romance, _scifi, _sport,
            _thriller, _war,
        ),
        strict=True,
    )
)  # fmt: skip
