"""One motif a genre (Action to History): the thing that names the genre on a sample poster.

A motif is a function `(pen, rng)` that draws inside the pen's [-1, 1] square.
"""

import math

from keras_genres.data.drawing.shapes import arc, profile, star

INK = (22, 20, 28)
CREAM = (247, 236, 208)
GOLD = (214, 168, 74)


def action(pen, rng):
    """An explosion with debris and a running figure."""
    turn = rng.uniform(0, 360)
    spikes = int(rng.integers(11, 15))
    layers = ((1.05, (196, 40, 16)), (0.84, (250, 110, 18)), (0.62, (255, 196, 48)))
    for radius, color in (*layers, (0.4, (255, 250, 222))):
        pen.poly(star(0, 0, radius, radius * 0.58, spikes, turn, rng), color)
    for _ in range(9):
        far, angle = rng.uniform(0.75, 1.1), rng.uniform(0, 2 * math.pi)
        x, y = far * math.cos(angle), far * math.sin(angle)
        pen.poly(star(x, y, 0.08, 0.04, 3, rng.uniform(0, 360)), INK)
    pen.dot(0.13, -0.36, 0.1, 0.12, INK)
    pen.line([(0.08, -0.22), (-0.04, 0.14)], INK, 0.2)
    pen.line([(0.06, -0.16), (0.3, -0.04), (0.42, -0.24)], INK, 0.09)
    pen.line([(0.04, -0.16), (-0.24, -0.1), (-0.32, 0.1)], INK, 0.09)
    pen.line([(-0.02, 0.12), (0.22, 0.3), (0.16, 0.62)], INK, 0.12)
    pen.line([(-0.06, 0.12), (-0.2, 0.42), (-0.5, 0.46)], INK, 0.12)


def adventure(pen, rng):
    """A compass rose."""
    pen.dot(0, 0, 1, 1, (26, 54, 74), GOLD, 0.1)
    pen.dot(0, 0, 0.8, 0.8, CREAM, GOLD, 0.05)
    for k in range(24):
        a = math.pi * k / 12
        ends = [(r * math.cos(a), r * math.sin(a)) for r in (0.66, 0.76)]
        pen.line(ends, (90, 70, 46), 0.03)
    for turn, length, colors in (
        (45, 0.5, ((170, 140, 90), (120, 94, 58))),
        (0, 0.84, ((196, 48, 34), (112, 22, 22))),
    ):
        for quarter in range(4):
            a = math.radians(turn + 90 * quarter)
            tip = (length * math.cos(a), length * math.sin(a))
            for side, color in zip((-1, 1), colors, strict=True):
                b = a + side * math.pi / 4
                pen.poly([(0, 0), tip, (0.2 * math.cos(b), 0.2 * math.sin(b))], color)
    pen.dot(0, 0, 0.09, 0.09, GOLD, INK, 0.03)


_TOONS = ((120, 214, 62), (255, 110, 176), (64, 190, 246), (255, 150, 40), (176, 116, 250))


def animation(pen, rng):
    """A cartoon creature with thick outlines and big eyes."""
    skin = _TOONS[rng.integers(len(_TOONS))]
    line = 0.1
    if rng.random() < 0.5:
        for x in (-0.5, 0.5):
            pen.dot(x * 1.2, -0.68, 0.27, 0.32, skin, INK, line)
    else:
        for x in (-0.3, 0.3):
            pen.line([(x, -0.6), (x * 1.7, -1.0)], INK, line)
            pen.dot(x * 1.7, -1.0, 0.13, 0.13, (255, 226, 60), INK, 0.08)
    pen.dot(0, 0.06, 0.94, 0.86, skin, INK, line)
    look = rng.uniform(-0.09, 0.09)
    for x in (-0.33, 0.33):
        pen.dot(x, -0.16, 0.3, 0.34, (255, 255, 255), INK, 0.08)
        pen.dot(x + look, -0.12, 0.14, 0.17, INK)
        pen.dot(x + look + 0.05, -0.18, 0.05, 0.06, (255, 255, 255))
    for x in (-0.64, 0.64):
        pen.dot(x, 0.26, 0.13, 0.09, (255, 120, 130, 150))
    mouth = [*arc(0, 0.32, 0.44, 0.42, 0, 180)]
    pen.poly(mouth, (140, 18, 40), INK, 0.08)
    pen.dot(0, 0.6, 0.2, 0.1, (255, 116, 128))


def biography(pen, rng):
    """A silhouette portrait in an oval gold frame."""
    pen.dot(0, 0, 0.88, 1.1, (150, 104, 36))
    pen.dot(0, 0, 0.84, 1.06, GOLD, (246, 214, 130), 0.05)
    pen.dot(0, 0, 0.7, 0.91, (106, 70, 24))
    pen.dot(0, 0, 0.66, 0.87, (240, 226, 194))
    side = 1 if rng.random() < 0.5 else -1
    dark = (58, 36, 28)
    head = [(side * x * 0.62, y * 0.68 + 0.06) for x, y in profile() if y < 0.62]
    body = [*arc(0, 0, 0.66, 0.87, 32, 148)]
    pen.poly(head, dark)
    pen.poly([(-0.2, 0.38), (0.2, 0.38), *body], dark)
    if rng.random() < 0.5:
        pen.dot(-side * 0.36, -0.22, 0.2, 0.17, dark)
    for k in range(4):
        pen.dot(*((0, -1.08), (0, 1.08), (-0.86, 0), (0.86, 0))[k], 0.11, 0.11, GOLD, dark, 0.03)


def comedy(pen, rng):
    """A laughing theatre mask with ribbons."""
    for side in (-1, 1):
        ribbon = [(side * (0.84 + 0.2 * math.sin(7 * k / 12)), k / 12 - 0.4) for k in range(17)]
        pen.line(ribbon, (224, 36, 44), 0.14)
    brow = [(0.92 * k / 8, -0.78 - 0.07 * math.cos(math.pi * k / 4)) for k in range(-8, 9)]
    jaw = [(0.94, -0.3), (0.9, 0.06), (0.78, 0.42), (0.56, 0.74), (0.3, 0.94), (0, 1.0)]
    shape = [*brow, *jaw, *((-x, y) for x, y in reversed(jaw[:-1]))]
    pen.poly(shape, (255, 253, 244), (46, 26, 24), 0.09)
    for x in (-0.42, 0.42):
        eye = [*arc(x, -0.2, 0.27, 0.26, 180, 360), *arc(x, -0.2, 0.27, 0.1, 360, 180)]
        pen.poly(eye, (46, 26, 24))
        pen.line(arc(x, -0.36, 0.3, 0.26, 205, 335), (46, 26, 24), 0.06)
    mouth = [*arc(0, 0.16, 0.6, 0.62, 0, 180), *arc(0, 0.16, 0.6, 0.16, 180, 0)]
    pen.poly(mouth, (206, 24, 38), (46, 26, 24), 0.06)
    pen.poly([(-0.52, 0.3), (0, 0.4), (0.52, 0.3), (0.44, 0.44), (0, 0.54), (-0.44, 0.44)], CREAM)


def crime(pen, rng):
    """A fingerprint on an evidence card."""
    pen.box(-0.84, -1.04, 0.84, 1.04, (14, 14, 20, 130))
    pen.box(-0.8, -1.0, 0.8, 1.0, (238, 236, 226), (40, 44, 60), 0.04)
    ink = (30, 38, 74)
    for ring in range(1, 8):
        radius = ring / 8
        steps = arc(0.04 * radius, -0.06 + 0.1 * radius, 0.66 * radius, 0.84 * radius, 0, 360, 26)
        gap = int(rng.integers(0, 20))
        shift = rng.uniform(-0.02, 0.02)
        loop = [(x + shift, y) for x, y in steps[gap:] + steps[1:gap]]
        pen.line(loop, ink, 0.055)
    pen.box(-0.8, 0.84, 0.8, 1.0, (196, 30, 40))


def documentary(pen, rng):
    """A film camera with two reels and a recording light."""
    body = (44, 48, 54)
    for x, radius in ((-0.46, 0.4), (0.3, 0.46)):
        pen.dot(x, -0.5, radius, radius, body, (236, 236, 230), 0.05)
        for k in range(5):
            a = math.radians(72 * k + rng.uniform(0, 10))
            spot = (x + 0.56 * radius * math.cos(a), -0.5 + 0.56 * radius * math.sin(a))
            pen.dot(*spot, radius * 0.2, radius * 0.2, (236, 236, 230))
    pen.box(-0.76, -0.12, 0.48, 0.62, body, (236, 236, 230), 0.05)
    pen.poly([(0.48, 0.16), (0.98, -0.08), (0.98, 0.58), (0.48, 0.34)], body, (236, 236, 230), 0.05)
    pen.dot(-0.16, 0.25, 0.24, 0.24, (150, 190, 206), (236, 236, 230), 0.05)
    pen.dot(-0.58, 0.06, 0.09, 0.09, (235, 30, 34))
    for x in (-0.62, 0.3):
        pen.line([(-0.14, 0.62), (x, 1.06)], body, 0.09)


def drama(pen, rng):
    """Two faces that look past each other, half light and half dark."""
    light, dark = (234, 218, 196), (30, 44, 60)
    pen.poly(arc(0, 0, 1, 1, 90, 270), (78, 110, 134))
    pen.poly(arc(0, 0, 1, 1, -90, 90), (192, 164, 138))
    left = [(x * 0.72 - 0.42, y * 0.86 + 0.06) for x, y in profile() if y < 0.7]
    right = [(-x * 0.72 + 0.42, y * 0.86 + 0.06) for x, y in profile() if y < 0.7]
    pen.poly(left, light)
    pen.poly(right, dark)
    pen.line([(-0.2, -0.22), (-0.08, -0.2)], dark, 0.05)
    pen.line([(0.2, -0.22), (0.08, -0.2)], light, 0.05)
    pen.poly([(0.09, -0.1), (0.15, 0.06), (0.03, 0.06)], (150, 190, 214))


def family(pen, rng):
    """A house with a parent and children in front."""
    pen.dot(0, 0.86, 1.1, 0.26, (104, 168, 66))
    pen.box(0.34, -0.92, 0.54, -0.4, (150, 74, 54))
    pen.box(-0.66, -0.24, 0.66, 0.78, (255, 236, 196), (110, 62, 42), 0.04)
    pen.poly([(-0.92, -0.2), (0, -1.0), (0.92, -0.2)], (216, 62, 44), (110, 62, 42), 0.04)
    for x in (-0.42, 0.42):
        pen.box(x - 0.16, -0.08, x + 0.16, 0.22, (255, 208, 64), (110, 62, 42), 0.05)
        pen.line([(x, -0.08), (x, 0.22)], (110, 62, 42), 0.04)
    pen.box(-0.14, 0.16, 0.14, 0.78, (60, 120, 150), (110, 62, 42), 0.04)
    for x, tall in ((-0.44, 0.66), (-0.02, 0.4), (0.4, 0.6)):
        foot, coat = 0.98, (40, 62, 106)
        pen.poly(
            [(x - 0.17, foot), (x - 0.08, foot - tall), (x + 0.08, foot - tall), (x + 0.17, foot)],
            coat,
        )
        pen.dot(x, foot - tall - 0.08, 0.12, 0.12, coat)
    pen.line([(-0.38, 0.62), (-0.1, 0.8)], (40, 62, 106), 0.06)
    pen.line([(0.34, 0.62), (0.06, 0.8)], (40, 62, 106), 0.06)


def fantasy(pen, rng):
    """A castle before a crescent moon."""
    pen.dot(0, -0.1, 0.94, 0.94, (150, 108, 226, 120))
    pen.poly(
        [*arc(0.1, -0.22, 0.78, 0.78, 40, 320), *arc(0.34, -0.3, 0.62, 0.64, 310, 50)],
        (255, 240, 190),
    )
    stone, roof, lamp = (66, 40, 118), (196, 76, 190), (255, 222, 110)
    towers = (
        (-0.62, 0.16, 0.17),
        (0.62, 0.06, 0.17),
        (-0.26, -0.18, 0.16),
        (0.28, -0.34, 0.16),
        (0.0, 0.1, 0.24),
    )
    for x, top, half in towers:
        pen.box(x - half, top, x + half, 0.98, stone)
        tip = top - 2.9 * half
        pen.poly(
            [(x - half * 1.35, top + 0.02), (x, tip), (x + half * 1.35, top + 0.02)],
            roof,
            stone,
            0.03,
        )
        pen.dot(x, top + 0.24, 0.05, 0.09, lamp)
    pen.poly(
        [(-0.14, 0.98), (-0.14, 0.66), *arc(0, 0.66, 0.14, 0.16, 180, 360), (0.14, 0.98)], lamp
    )
    for _ in range(5):
        pen.poly(star(rng.uniform(-1, 1), rng.uniform(-1, 0.1), 0.16, 0.035, 4), (255, 246, 214))


def history(pen, rng):
    """A temple within a laurel wreath."""
    leaf = (112, 116, 42)
    for side in (-1, 1):
        pen.line(arc(0, 0, 0.96, 0.96, 90 - 66 * side, 90), leaf, 0.05)
        for k in range(8):
            a = math.radians(90 - side * (12 + 18 * k))
            for out in (0.5, -0.5):
                turn = a - side * (math.pi / 2 - out)
                x, y = 0.96 * math.cos(a), 0.96 * math.sin(a)
                dx, dy = math.cos(turn), math.sin(turn)
                blade = [(0.1, -0.07), (0.22, -0.06), (0.34, 0), (0.22, 0.06), (0.1, 0.07)]
                pen.poly(
                    [(x, y), *((x + u * dx - v * dy, y + u * dy + v * dx) for u, v in blade)], leaf
                )
    stone, dark = (232, 214, 176), (128, 96, 58)
    pen.poly([(-0.74, -0.26), (0, -0.74), (0.74, -0.26)], stone, dark, 0.05)
    pen.poly([(-0.42, -0.32), (0, -0.58), (0.42, -0.32)], dark)
    pen.box(-0.72, -0.28, 0.72, -0.12, stone, dark, 0.04)
    for x in (-0.56, -0.19, 0.19, 0.56):
        pen.box(x - 0.12, -0.1, x + 0.12, 0.5, stone, dark, 0.03)
        pen.line([(x, -0.06), (x, 0.46)], dark, 0.04)
    pen.box(-0.76, 0.5, 0.76, 0.62, stone, dark, 0.04)
    pen.box(-0.86, 0.62, 0.86, 0.76, stone, dark, 0.04)
