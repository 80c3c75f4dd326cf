"""One background a genre, and one touch: a pattern that also crosses other genres' posters.

A scene is a function `(canvas, rng)` that paints the whole canvas; a touch is
a function `(canvas, rng, low)` that lays a pattern over it and keeps out of
the title below `low`, a share of the height.
"""

import math

import numpy as np

from keras_genres.data.sample_brush import arc

INK = (22, 20, 28)
WHITE = (255, 255, 255)


def pick(rng, *options):
    """Return one of the options."""
    return options[rng.integers(len(options))]


def rays(canvas, rng, color, x, y, count):
    """Paint wedges of light from a point."""
    turn = rng.uniform(0, 360)
    for k in range(count):
        a, b = (math.radians(turn + 360 * (k + part) / count) for part in (0, 0.5))
        ends = [(x + 260 * math.cos(t), y + 260 * math.sin(t)) for t in (a, b)]
        canvas.page.poly([(x, y), *ends], color)


def ridge(canvas, rng, y, rough, color, snow=None):
    """Paint mountains whose feet fill the canvas below `y`; `snow` is their cap's colour."""
    x = -20.0
    while x < 110:
        half, high = rng.uniform(14, 30), rough * rng.uniform(0.6, 1.2)
        canvas.page.poly([(x - half, y), (x, y - high), (x + half, y)], color)
        if snow is not None:
            cap = [
                (x, y - high),
                (x + 0.34 * half, y - 0.66 * high),
                (x + 0.1 * half, y - 0.74 * high),
            ]
            cap += [(x - 0.06 * half, y - 0.62 * high), (x - 0.3 * half, y - 0.7 * high)]
            canvas.page.poly(cap, snow)
        x += half * rng.uniform(0.7, 1.3)
    canvas.page.box(-1, y - 0.5, 101, canvas.height + 1, color)


def hills(canvas, rng, y, swell, color, outline=None):
    """Paint a rolling line of hills that fills the canvas below `y`."""
    phase, waves = rng.uniform(0, 6.3), rng.uniform(0.7, 1.5)
    top = [(x, y - swell * math.sin(phase + x * waves * 0.063)) for x in range(-4, 108, 4)]
    canvas.page.poly([*top, (104, canvas.height + 4), (-4, canvas.height + 4)], color, outline, 2)


def skyline(canvas, rng, y, color, window=None):
    """Paint houses whose roofs are near `y`; `window` is the colour of their lights."""
    x = -4.0
    while x < 100:
        wide, high = rng.uniform(7, 15), rng.uniform(0, 30)
        canvas.page.box(x, y - high, x + wide, canvas.height, color)
        if window is not None:
            for _ in range(int(rng.integers(2, 9))):
                left, top = x + rng.uniform(1, wide - 2), y - high + rng.uniform(3, 40)
                canvas.page.box(left, top, left + 1.3, top + 2, window)
        x += wide


def dots(canvas, rng, count, color, small, large, low=1.0):
    """Paint discs of random sizes above `low`."""
    for _ in range(count):
        x, y = rng.uniform(0, 100), rng.uniform(0, low * canvas.height)
        canvas.page.dot(x, y, rng.uniform(small, large), fill=color)


def _action(canvas, rng):
    sky = pick(
        rng,
        ((20, 44, 58), (200, 92, 30)),
        ((40, 16, 20), (230, 110, 20)),
        ((14, 60, 78), (240, 150, 50)),
    )
    canvas.gradient(*sky, (70, 22, 12), slant=rng.uniform(-0.5, 0.5))
    x, y = rng.uniform(30, 70), rng.uniform(45, 75)
    rays(canvas, rng, (255, 170, 60, 46), x, y, 14)
    canvas.glow(x, y, 60, (255, 190, 80), 0.9)
    skyline(canvas, rng, 0.74 * canvas.height, (34, 16, 18), (255, 170, 60))
    canvas.clouds((30, 14, 14), 0.7, 4, 0.5, 1.0)


def _adventure(canvas, rng):
    sky = pick(
        rng,
        ((44, 120, 160), (250, 214, 140)),
        ((226, 110, 50), (255, 220, 130)),
        ((20, 110, 120), (220, 230, 170)),
    )
    canvas.gradient(*sky, slant=rng.uniform(-0.3, 0.3))
    canvas.glow(rng.uniform(15, 85), rng.uniform(25, 60), 40, (255, 246, 200), 1.0)
    canvas.clouds(WHITE, 0.5, 3, 0.0, 0.5, 2.0)
    base = pick(rng, (60, 96, 110), (110, 74, 60), (50, 100, 80))
    for k in range(3):
        color = tuple(int(c * (1 - 0.28 * k)) for c in base)
        cap = (250, 246, 236) if k == 0 else None
        ridge(canvas, rng, canvas.height * (0.60 + 0.12 * k), 36 - 8 * k, color, cap)


def _animation(canvas, rng):
    sky = pick(rng, (60, 200, 250), (255, 160, 200), (120, 230, 200), (255, 214, 80))
    canvas.gradient(sky, tuple(min(255, c + 50) for c in sky))
    for _ in range(4):
        x, y = rng.uniform(0, 100), rng.uniform(5, 60)
        for dx, r in ((-7, 5), (0, 8), (8, 6)):
            canvas.page.dot(x + dx, y, r, fill=WHITE)
    ground = pick(rng, (110, 214, 60), (250, 130, 60), (170, 110, 240))
    hills(canvas, rng, 0.66 * canvas.height, 7, ground, INK)
    hills(canvas, rng, 0.82 * canvas.height, 5, tuple(int(c * 0.8) for c in ground), INK)


def _biography(canvas, rng):
    wall = pick(
        rng,
        ((190, 164, 124), (96, 66, 44)),
        ((150, 140, 112), (66, 56, 46)),
        ((206, 178, 140), (120, 76, 52)),
    )
    canvas.gradient(*wall, slant=rng.uniform(-0.8, 0.8))
    for x in range(0, 104, 8):
        canvas.page.box(x, 0, x + 4, canvas.height, (255, 240, 210, 22))
    canvas.glow(rng.uniform(30, 70), rng.uniform(20, 60), 70, (255, 238, 200), 0.7)


def _comedy(canvas, rng):
    paper = pick(rng, (255, 216, 30), (255, 228, 70), (255, 200, 20))
    canvas.gradient(paper, paper)
    x, y = rng.uniform(30, 70), rng.uniform(45, 90)
    rays(canvas, rng, (255, 248, 214, 190), x, y, int(rng.integers(9, 14)))
    if rng.random() < 0.5:
        hills(
            canvas,
            rng,
            0.78 * canvas.height,
            3,
            pick(rng, (240, 70, 50), (40, 170, 220), (250, 250, 244)),
        )


def _crime(canvas, rng):
    canvas.gradient(
        *pick(
            rng,
            ((14, 20, 36), (52, 66, 86)),
            ((24, 22, 26), (84, 78, 70)),
            ((10, 26, 36), (46, 84, 92)),
        ),
        slant=0.4,
    )
    skyline(canvas, rng, 0.68 * canvas.height, (10, 12, 22), (236, 206, 120))
    lean, light = rng.uniform(-18, 18), pick(rng, (220, 220, 200, 60), (180, 210, 230, 60))
    for y in np.arange(-10, 0.9 * canvas.height, 9):
        canvas.page.poly([(0, y), (100, y + lean), (100, y + lean + 4.5), (0, y + 4.5)], light)


def _documentary(canvas, rng):
    canvas.gradient(
        *pick(
            rng,
            ((150, 176, 190), (226, 222, 206)),
            ((170, 170, 164), (226, 226, 220)),
            ((120, 156, 160), (220, 214, 190)),
        )
    )
    canvas.clouds(WHITE, 0.8, 3, 0.0, 0.6, 1.6)
    land = pick(rng, (104, 116, 96), (130, 112, 90), (86, 104, 114))
    hills(canvas, rng, 0.6 * canvas.height, 4, land)
    hills(canvas, rng, 0.72 * canvas.height, 3, tuple(int(c * 0.75) for c in land))


def _drama(canvas, rng):
    canvas.gradient(
        *pick(
            rng,
            ((70, 90, 104), (176, 166, 152)),
            ((56, 66, 84), (150, 156, 164)),
            ((110, 104, 104), (186, 172, 156)),
            ((60, 86, 90), (160, 170, 160)),
        ),
        slant=rng.uniform(-0.8, 0.8),
    )
    canvas.clouds((220, 222, 220), 0.5, 2, 0.0, 0.8)
    if rng.random() < 0.6:
        hills(canvas, rng, 0.8 * canvas.height, 2, (52, 62, 72))
    canvas.glow(rng.uniform(20, 80), rng.uniform(20, 90), 55, (226, 214, 196), 0.5)


def _family(canvas, rng):
    canvas.gradient(
        *pick(
            rng,
            ((120, 200, 240), (255, 240, 214)),
            ((255, 190, 130), (255, 240, 200)),
            ((150, 214, 230), (250, 226, 180)),
        )
    )
    canvas.glow(rng.uniform(10, 90), rng.uniform(15, 40), 26, (255, 244, 170), 1.0)
    canvas.clouds(WHITE, 0.8, 4, 0.05, 0.5, 1.8)
    green = pick(rng, (136, 196, 84), (160, 200, 70), (110, 186, 100))
    for k in range(3):
        hills(
            canvas,
            rng,
            canvas.height * (0.62 + 0.1 * k),
            5,
            tuple(int(c * (1 - 0.14 * k)) for c in green),
        )


def _fantasy(canvas, rng):
    canvas.gradient(
        *pick(
            rng,
            ((36, 16, 84), (150, 80, 190), (240, 170, 210)),
            ((24, 20, 90), (110, 90, 210), (200, 180, 250)),
            ((60, 14, 90), (190, 80, 180), (250, 200, 190)),
        )
    )
    canvas.glow(rng.uniform(15, 85), rng.uniform(15, 50), 44, (250, 226, 255), 0.9)
    canvas.clouds((230, 190, 250), 0.6, 3, 0.2, 0.9, 1.6)
    dots(canvas, rng, 50, (255, 250, 230, 220), 0.3, 0.7, 0.6)
    ridge(canvas, rng, 0.8 * canvas.height, 24, (64, 32, 110))


def _history(canvas, rng):
    canvas.gradient(
        *pick(
            rng,
            ((226, 204, 154), (190, 150, 96)),
            ((216, 190, 140), (166, 120, 76)),
            ((232, 214, 172), (204, 170, 116)),
        ),
        slant=0.3,
    )
    canvas.clouds((150, 104, 56), 0.55, 3)
    canvas.clouds((250, 236, 200), 0.5, 5)
    tall = canvas.height
    for x in (4, 96):
        canvas.page.box(x - 7, 0.1 * tall, x + 7, tall, (150, 112, 66, 120))
        for flute in (-4, 0, 4):
            canvas.page.box(x + flute - 0.8, 0.1 * tall, x + flute + 0.8, tall, (110, 76, 40, 120))


def _horror(canvas, rng):
    canvas.gradient(
        *pick(
            rng, ((8, 6, 10), (44, 8, 10)), ((6, 12, 10), (26, 40, 26)), ((10, 8, 14), (50, 20, 30))
        )
    )
    canvas.glow(
        rng.uniform(25, 75), rng.uniform(35, 80), 55, pick(rng, (150, 14, 14), (90, 110, 50)), 0.7
    )
    canvas.clouds((0, 0, 0), 0.8, 3)
    page = canvas.page
    for side in (0, 100):
        for _ in range(4):
            y, reach = rng.uniform(20, 110), rng.uniform(12, 34)
            inward = 1 if side == 0 else -1
            bend = (side + inward * 0.5 * reach, y - rng.uniform(-6, 14))
            page.line(
                [(side, y), bend, (side + inward * reach, y - rng.uniform(0, 24))], (4, 3, 5), 1.6
            )


def _music(canvas, rng):
    canvas.gradient(
        *pick(
            rng,
            ((40, 10, 60), (220, 30, 120)),
            ((10, 30, 70), (20, 170, 180)),
            ((60, 10, 50), (250, 110, 60)),
        ),
        slant=rng.uniform(-0.6, 0.6),
    )
    for _ in range(5):
        x, foot = rng.uniform(0, 100), rng.uniform(0, 100)
        color = pick(rng, (255, 80, 180, 70), (90, 230, 240, 70), (255, 220, 120, 70))
        canvas.page.poly(
            [(x - 1, -2), (x + 1, -2), (foot + 16, canvas.height), (foot - 16, canvas.height)],
            color,
        )
    dots(canvas, rng, 16, (255, 220, 250, 60), 1, 4)


def _mystery(canvas, rng):
    canvas.gradient(
        *pick(
            rng,
            ((12, 36, 44), (90, 130, 126)),
            ((20, 40, 36), (120, 140, 110)),
            ((16, 30, 50), (90, 120, 140)),
        )
    )
    x = rng.uniform(15, 85)
    canvas.glow(x, rng.uniform(20, 45), 30, (236, 240, 190), 0.9)
    for _ in range(5):
        stem = rng.uniform(0, 100)
        canvas.page.box(stem - 1.6, 0, stem + 1.6, canvas.height, (10, 26, 30, 170))
    canvas.clouds((170, 200, 192), 0.8, 3, 0.35, 1.0, 3.0)


def _romance(canvas, rng):
    canvas.gradient(
        *pick(
            rng,
            ((250, 150, 160), (255, 214, 180)),
            ((236, 100, 130), (255, 190, 150)),
            ((255, 182, 200), (255, 236, 226)),
        )
    )
    x, y = rng.uniform(25, 75), rng.uniform(60, 85)
    canvas.glow(x, y, 55, (255, 240, 200), 0.9)
    canvas.page.dot(x, y, rng.uniform(11, 17), fill=(255, 236, 190))
    canvas.page.box(
        0, 0.7 * canvas.height, 100, canvas.height, pick(rng, (200, 84, 120), (214, 110, 120))
    )
    for _ in range(12):
        y, dx = rng.uniform(0.71, 0.9) * canvas.height, rng.normal(0, 8)
        canvas.page.box(x + dx - 7, y, x + dx + 7, y + 0.7, (255, 226, 190, 150))


def _scifi(canvas, rng):
    canvas.gradient(
        *pick(
            rng, ((4, 8, 30), (10, 40, 90)), ((6, 4, 26), (40, 20, 100)), ((2, 16, 30), (0, 70, 90))
        )
    )
    canvas.clouds(pick(rng, (60, 60, 200), (20, 140, 180), (140, 40, 180)), 0.5, 3)
    dots(canvas, rng, 90, (220, 240, 255, 230), 0.2, 0.6)
    canvas.glow(rng.uniform(10, 90), rng.uniform(10, 60), 40, (40, 200, 240), 0.6)


def _sport(canvas, rng):
    grass = pick(rng, (52, 150, 60), (36, 130, 56), (70, 160, 50))
    canvas.gradient(tuple(int(c * 0.7) for c in grass), grass)
    wide = rng.uniform(12, 20)
    for y in np.arange(0, canvas.height, 2 * wide):
        canvas.page.box(0, y, 100, y + wide, (255, 255, 255, 26))
    line = (250, 255, 250, 235)
    middle = rng.uniform(40, 80)
    canvas.page.line([(-2, middle), (102, middle)], line, 1.6)
    canvas.page.line(arc(50, middle, 30), line, 1.6)
    canvas.page.box(6, -20, 94, canvas.height + 20, None, line, 1.6)
    for x in (8, 92):
        canvas.glow(x, 4, 34, (255, 255, 230), 0.9)


def _thriller(canvas, rng):
    red = pick(rng, (190, 16, 26), (160, 10, 24), (206, 36, 20))
    canvas.gradient((16, 14, 18), (38, 34, 40))
    lean = rng.uniform(20, 50) * (1 if rng.random() < 0.5 else -1)
    split = rng.uniform(35, 65)
    side = 0 if rng.random() < 0.5 else 100
    canvas.page.poly(
        [(side, 0), (split + lean, 0), (split - lean, canvas.height), (side, canvas.height)], red
    )
    canvas.clouds((6, 4, 8), 0.6, 4)


def _war(canvas, rng):
    canvas.gradient(
        *pick(
            rng,
            ((70, 72, 54), (170, 150, 100)),
            ((56, 60, 50), (146, 140, 100)),
            ((90, 84, 60), (196, 150, 90)),
        )
    )
    canvas.clouds((44, 42, 34), 0.75, 3, 0.0, 0.9)
    for _ in range(3):
        foot, tip = rng.uniform(10, 90), rng.uniform(-30, 130)
        canvas.page.poly(
            [(foot, 0.8 * canvas.height), (tip - 9, -4), (tip + 9, -4)], (250, 244, 200, 60)
        )
    hills(canvas, rng, 0.76 * canvas.height, 3, (46, 46, 34))
    for x in rng.uniform(0, 100, 5):
        canvas.page.line(
            [(x, 0.78 * canvas.height), (x + rng.normal(0, 3), 0.66 * canvas.height)],
            (40, 38, 30),
            1.3,
        )


SCENES = {
    "Action": _action,
    "Adventure": _adventure,
    "Animation": _animation,
    "Biography": _biography,
    "Comedy": _comedy,
    "Crime": _crime,
    "Documentary": _documentary,
    "Drama": _drama,
    "Family": _family,
    "Fantasy": _fantasy,
    "History": _history,
    "Horror": _horror,
    "Music": _music,
    "Mystery": _mystery,
    "Romance": _romance,
    "Sci-Fi": _scifi,
    "Sport": _sport,
    "Thriller": _thriller,
    "War": _war,
}
"""Genre name -> function `(canvas, rng)`."""
