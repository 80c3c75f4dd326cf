"""One motif a genre, continued (Horror to War), and the table of all 19."""

import math

from keras_genres.data.drawing import motifs as first
from keras_genres.data.drawing.motifs import CREAM, INK
from keras_genres.data.drawing.shapes import arc, heart, star
from keras_genres.genres import GENRES


def horror(pen, rng):
    """A dark grin with burning eyes, and the marks of claws."""
    pen.dot(0, 0, 1.0, 1.02, (12, 6, 10, 235), (120, 8, 12), 0.06)
    slant = rng.uniform(0.12, 0.22)
    for side in (-1, 1):
        eye = [
            (side * 0.12, -0.1),
            (side * 0.74, -0.3 - slant),
            (side * 0.6, 0.02),
            (side * 0.34, 0.06),
        ]
        pen.poly(eye, (236, 22, 16))
        pen.dot(side * 0.44, -0.13, 0.06, 0.14, (255, 232, 90))
    upper = [(-0.74, 0.28), (-0.4, 0.4), (0, 0.44), (0.4, 0.4), (0.74, 0.28)]
    lower = [(0.52, 0.66), (0.2, 0.82), (-0.2, 0.82), (-0.52, 0.66)]
    pen.poly([*upper, *lower], (128, 6, 10))
    for k in range(6):
        x = -0.58 + 0.2 * k
        deep = 0.64 + 0.06 * (k % 2) - 0.2 * abs(x)
        pen.poly([(x, 0.36), (x + 0.2, 0.36), (x + 0.1, deep)], (236, 228, 208))
    for k in range(3):
        x = 0.14 + 0.26 * k
        pen.poly(
            [(x - 0.1, -1.1), (x + 0.03, -1.0), (x - 0.4, 0.0), (x - 0.5, 0.16)], (206, 10, 14)
        )


def music(pen, rng):
    """A record with a pair of notes."""
    pen.dot(0, 0, 1, 1, (16, 14, 20))
    for radius in (0.9, 0.78, 0.66, 0.54):
        pen.line(arc(0, 0, radius), (74, 70, 88), 0.025)
    shine = rng.uniform(0, 180)
    for start in (shine, shine + 180):
        pen.poly([(0, 0), *arc(0, 0, 0.96, 0.96, start, start + 32)], (255, 255, 255, 70))
    label = ((236, 40, 128), (30, 190, 200), (250, 170, 30))[rng.integers(3)]
    pen.dot(0, 0, 0.38, 0.38, label)
    pen.dot(0, 0, 0.07, 0.07, CREAM)
    note = (255, 250, 236)
    for x, y in ((0.18, 0.62), (0.8, 0.46)):
        pen.dot(x, y, 0.22, 0.17, note, INK, 0.04)
        pen.line([(x + 0.18, y), (x + 0.18, y - 0.94)], note, 0.09)
    pen.poly([(0.32, -0.36), (1.02, -0.54), (1.02, -0.28), (0.32, -0.1)], note)


def mystery(pen, rng):
    """A magnifying glass over a question mark."""
    pen.line([(0.4, 0.4), (0.98, 0.98)], (60, 40, 30), 0.27)
    pen.line([(0.44, 0.44), (0.96, 0.96)], (142, 92, 52), 0.15)
    pen.dot(-0.2, -0.2, 0.8, 0.8, (168, 140, 84))
    pen.dot(-0.2, -0.2, 0.76, 0.76, (222, 196, 130))
    pen.dot(-0.2, -0.2, 0.63, 0.63, (176, 224, 206))
    pen.poly(
        [*arc(-0.2, -0.2, 0.56, 0.56, 190, 260), *arc(-0.2, -0.2, 0.46, 0.46, 260, 190)],
        (240, 255, 246),
    )
    ink = (16, 62, 66)
    pen.line([*arc(-0.2, -0.34, 0.22, 0.21, 180, 400), (-0.18, -0.08), (-0.19, 0.04)], ink, 0.13)
    pen.dot(-0.19, 0.2, 0.085, 0.085, ink)


def romance(pen, rng):
    """A heart with a couple in it."""
    pen.poly(heart(0, 0.02, 1.0), (206, 20, 62), (255, 226, 230), 0.07)
    pen.poly(heart(-0.03, -0.02, 0.84), (240, 62, 104))
    pen.poly(
        [*arc(-0.46, -0.42, 0.34, 0.3, 170, 280), *arc(-0.46, -0.42, 0.24, 0.2, 280, 170)],
        (255, 196, 206),
    )
    dark = (92, 6, 40)
    for side in (-1, 1):
        pen.dot(side * 0.15, -0.26, 0.15, 0.18, dark)
        pen.poly([(side * 0.06, -0.12), (side * 0.3, -0.02), (side * 0.34, 0.36), (0, 0.62)], dark)
    pen.dot(0.26, -0.22, 0.12, 0.24, dark)


def scifi(pen, rng):
    """A ringed planet and a rocket."""
    shades = (((24, 60, 140), (40, 190, 226)), ((60, 30, 130), (90, 120, 250)))[rng.integers(2)]
    ring = (140, 250, 250)
    pen.line(arc(0, 0, 1.12, 0.34, 180, 360), ring, 0.09)
    for k in range(7):
        part = k / 6
        color = [int(a + (b - a) * part) for a, b in zip(*shades, strict=True)]
        pen.dot(-0.09 * part, -0.12 * part, 0.7 - 0.09 * k, 0.7 - 0.09 * k, color)
    pen.line(arc(0, 0, 0.9, 0.25, 0, 180), (226, 70, 250), 0.05)
    pen.line(arc(0, 0, 1.12, 0.34, 0, 180), ring, 0.1)
    x, y = 0.62, -0.74
    pen.poly([(x - 0.26, y + 0.42), (x - 0.14, y + 0.16), (x + 0.02, y + 0.32)], (255, 150, 40))
    pen.poly(
        [
            (x - 0.16, y + 0.12),
            (x + 0.12, y - 0.22),
            (x + 0.3, y - 0.3),
            (x + 0.24, y - 0.1),
            (x + 0.02, y + 0.3),
        ],
        (240, 246, 255),
    )
    pen.dot(x + 0.1, y - 0.02, 0.07, 0.07, (40, 60, 120))


def sport(pen, rng):
    """A ball in flight: a football or a basketball."""
    for k in (-1, 0, 1):
        pen.line(
            [(-0.5, 0.4 * k + 0.16), (-1.3 + 0.16 * abs(k), 0.4 * k + 0.34)], (255, 255, 255), 0.08
        )
    if rng.random() < 0.6:
        pen.dot(0, 0, 0.92, 0.92, (250, 250, 250), INK, 0.07)
        pen.poly(star(0, 0, 0.32, 0.26, 5), INK)
        for k in range(5):
            a = math.radians(72 * k - 90)
            near, far = ((r * math.cos(a), r * math.sin(a)) for r in (0.3, 0.6))
            pen.line([near, far], INK, 0.05)
            rim = [(0.88 * math.cos(a + d), 0.88 * math.sin(a + d)) for d in (-0.3, 0.3)]
            pen.poly(
                [
                    *rim,
                    (0.66 * math.cos(a + 0.22), 0.66 * math.sin(a + 0.22)),
                    far,
                    (0.66 * math.cos(a - 0.22), 0.66 * math.sin(a - 0.22)),
                ],
                INK,
            )
    else:
        pen.dot(0, 0, 0.92, 0.92, (234, 118, 34), INK, 0.07)
        pen.dot(-0.26, -0.3, 0.4, 0.36, (250, 156, 74, 150))
        pen.line([(-0.9, 0), (0.9, 0)], INK, 0.06)
        pen.line([(0, -0.9), (0, 0.9)], INK, 0.06)
        pen.line(arc(-1.1, 0, 0.72, 0.9, -52, 52), INK, 0.06)
        pen.line(arc(1.1, 0, 0.72, 0.9, 128, 232), INK, 0.06)


def thriller(pen, rng):
    """A spiral in the sights."""
    pen.dot(0, 0, 0.88, 0.88, (214, 16, 28))
    turns = []
    start = rng.uniform(0, 360)
    for k in range(72):
        a = math.radians(start + 15 * k)
        turns.append((0.012 * k * math.cos(a), 0.012 * k * math.sin(a)))
    pen.line(turns, (14, 10, 16), 0.12)
    white = (250, 246, 242)
    pen.line(arc(0, 0, 0.9), white, 0.08)
    for k in range(4):
        a = math.radians(90 * k)
        ends = [(r * math.cos(a), r * math.sin(a)) for r in (0.5, 1.16)]
        pen.line(ends, white, 0.1)
    pen.dot(0, 0, 0.09, 0.09, white)


def war(pen, rng):
    """A helmet on a grounded rifle."""
    steel, olive, light = (46, 44, 34), (92, 98, 54), (134, 140, 86)
    pen.line([(0.0, 0.1), (0.0, 1.1)], steel, 0.13)
    pen.line([(0.1, 0.5), (0.1, 0.84)], steel, 0.1)
    pen.poly([(-0.46, 1.1), (-0.2, 0.98), (0.24, 1.0), (0.5, 1.1)], steel)
    pen.line(
        [(-0.56, 0.16), (-0.34, 0.5), (0, 0.56), (0.34, 0.5), (0.56, 0.16)], (112, 78, 44), 0.07
    )
    dome = [
        *arc(0, 0.06, 0.84, 0.9, 180, 360),
        (1.04, 0.2),
        (0.98, 0.32),
        (-0.98, 0.32),
        (-1.04, 0.2),
    ]
    pen.poly(dome, olive, steel, 0.06)
    pen.poly([*arc(-0.08, 0.0, 0.66, 0.72, 190, 280), *arc(-0.08, 0.0, 0.5, 0.56, 280, 190)], light)
    pen.poly([(-1.02, 0.2), (1.02, 0.2), (0.97, 0.32), (-0.97, 0.32)], (66, 70, 40))
    pen.poly(star(0.14, -0.26, 0.27, 0.11, 5), (232, 228, 200))


MOTIFS = dict(
    zip(
        GENRES,
        (
            first.action,
            first.adventure,
            first.animation,
            first.biography,
            first.comedy,
            first.crime,
            first.documentary,
            first.drama,
            first.family,
            first.fantasy,
            first.history,
            horror,
            music,
            mystery,
            romance,
            scifi,
            sport,
            thriller,
            war,
        ),
        strict=True,
    )
)
"""Genre name -> function `(pen, rng)`."""
