"""One touch a genre: a pattern that crosses the poster, whichever genre is its main one.

A touch is a function `(canvas, rng, top, floor)`; `top` and `floor` are
the heights, in canvas units, between which the lettering leaves room.
"""

import math

import numpy as np

from keras_genres.data.drawing.shapes import arc, heart, star

INK = (22, 20, 28)
WHITE = (255, 255, 255)


def _streaks(canvas, rng, top, floor):
    side = 1 if rng.random() < 0.5 else -1
    for _ in range(14):
        x, y = rng.uniform(0, 100), rng.uniform(0, floor)
        long, thick = rng.uniform(14, 44), rng.uniform(0.5, 1.5)
        color = ((255, 240, 200, 210), (255, 180, 60, 220), (255, 120, 20, 220))[rng.integers(3)]
        canvas.page.poly(
            [
                (x, y),
                (x + side * long, y - 0.62 * long),
                (x + side * long, y - 0.62 * long + thick),
            ],
            color,
        )


def _route(canvas, rng, top, floor):
    y = floor * rng.uniform(0.82, 0.96)
    rise, bend = rng.uniform(14, 34), rng.uniform(4, 10)
    spots = [(x, y - rise * x / 100 + bend * math.sin(x / 14)) for x in range(6, 92, 2)]
    for k in range(0, len(spots) - 1, 2):
        canvas.page.line(spots[k : k + 2], (214, 34, 26), 1.9)
    x, y = spots[-1]
    for slope in (-1, 1):
        canvas.page.line([(x - 4, y - 4 * slope), (x + 4, y + 4 * slope)], (214, 34, 26), 2.4)


def _confetti(canvas, rng, top, floor):
    bright = ((255, 70, 120), (40, 200, 250), (255, 220, 40), (110, 220, 70), (180, 110, 250))
    for _ in range(11):
        x, y = rng.uniform(2, 98), rng.uniform(2, floor)
        canvas.page.dot(x, y, rng.uniform(2.0, 3.8), None, bright[rng.integers(5)], INK, 0.9)


def _gilt(canvas, rng, top, floor):
    tall = canvas.height
    for inset, wide, color in (
        (2.6, 2.6, (150, 106, 40)),
        (2.6, 1.4, (232, 192, 102)),
        (5.4, 0.6, (232, 192, 102)),
    ):
        canvas.page.box(inset, inset, 100 - inset, tall - inset, None, color, wide)
    for x in (5, 95):
        for y in (5, tall - 5):
            canvas.page.dot(x, y, 3.4, None, (232, 192, 102), (120, 80, 26), 0.7)


def _laughter(canvas, rng, top, floor):
    for side in rng.permutation([14, 86])[: rng.integers(1, 3)]:
        x, y = side + rng.uniform(-2, 2), rng.uniform(top + 12, floor - 14)
        pen = canvas.pen(x, y, rng.uniform(9, 12), rng.uniform(-20, 20))
        pen.poly([(-0.3, 0.4), (0.1, 0.5), (-0.5, 1.1)], WHITE, INK, 0.1)
        pen.dot(0, 0, 1.15, 0.72, WHITE, INK, 0.1)
        pen.poly([(-0.3, 0.4), (0.1, 0.5), (-0.46, 1.0)], WHITE)
        red = (230, 30, 50)
        for x in (-0.74, -0.32):
            pen.line([(x, -0.34), (x, 0.34)], red, 0.15)
        pen.line([(-0.74, 0), (-0.32, 0)], red, 0.13)
        pen.line([(-0.04, 0.36), (0.22, -0.34), (0.48, 0.36)], red, 0.15)
        pen.line([(0.08, 0.14), (0.36, 0.14)], red, 0.12)
        pen.line([(0.78, -0.36), (0.78, 0.1)], red, 0.15)
        pen.dot(0.78, 0.32, 0.1, 0.1, red)


def _tape(canvas, rng, top, floor):
    y, turn = (
        floor * rng.uniform(0.62, 0.94),
        rng.uniform(6, 16) * (1 if rng.random() < 0.5 else -1),
    )
    pen = canvas.pen(50, y, 10, turn)
    pen.box(-8, -0.42, 8, 0.42, (250, 206, 20))
    for k in range(-8, 9):
        pen.poly([(k - 0.35, 0.42), (k + 0.05, -0.42), (k + 0.5, -0.42), (k + 0.1, 0.42)], INK)


def _film(canvas, rng, top, floor):
    tall, white = canvas.height, (246, 246, 240)
    canvas.page.box(0, 0, 100, 4, white)
    canvas.page.box(0, tall - 4, 100, tall, white)
    for left in (0, 91):
        canvas.page.box(left, 0, left + 9, tall, (18, 18, 20))
        for y in np.arange(rng.uniform(0, 4), tall, 6.2):
            canvas.page.box(left + 2.4, y, left + 6.6, y + 3.4, white)


def _rain(canvas, rng, top, floor):
    lean = rng.uniform(-0.3, 0.3)
    for _ in range(90):
        x, y, long = rng.uniform(-5, 105), rng.uniform(-5, floor), rng.uniform(5, 13)
        canvas.page.line([(x, y), (x + lean * long, y + long)], (220, 234, 244, 185), 0.8)


def _bunting(canvas, rng, top, floor):
    sag, y = rng.uniform(5, 10), rng.uniform(3, 8)
    colors = ((230, 60, 50), (255, 206, 60), (70, 170, 220), (110, 190, 90))
    count = 9
    knots = [(100 * k / count, y + sag * math.sin(math.pi * k / count)) for k in range(count + 1)]
    for k in range(count):
        (x, top), (far, end) = knots[k], knots[k + 1]
        canvas.page.poly(
            [(x + 0.8, top), (far - 0.8, end), ((x + far) / 2, (top + end) / 2 + 12)], colors[k % 4]
        )
    canvas.page.line(knots, (120, 76, 50), 0.9)


def _sparkles(canvas, rng, top, floor):
    for _ in range(16):
        x, y, size = rng.uniform(3, 97), rng.uniform(3, floor), rng.uniform(2.5, 7)
        canvas.glow(x, y, size, (220, 150, 255), 0.8)
        canvas.page.poly(star(x, y, size, size * 0.16, 4), (255, 244, 200))


def _meander(canvas, rng, top, floor):
    color, paper = (118, 54, 28), (230, 200, 140)
    size = 8.4
    for y in (0.0, canvas.height - 10):
        canvas.page.box(0, y, 100, y + 10, paper)
        for k in range(13):
            x = k * size
            key = [(0, 8.4), (0, 1.8), (6.4, 1.8), (6.4, 6.4), (3.2, 6.4), (3.2, 4.4)]
            canvas.page.line([(x + a, y + b) for a, b in key], color, 1.2)
        canvas.page.box(0, y + 8.4, 100, y + 10, color)


def _drips(canvas, rng, top, floor):
    red = (170 + int(rng.integers(0, 30)), 6, 10)
    x = -3.0
    canvas.page.box(0, 0, 100, 3, red)
    while x < 102:
        half, long = rng.uniform(1.5, 3.2), rng.uniform(6, 16) * (2 if rng.random() < 0.25 else 1)
        canvas.page.poly(
            [
                (x - half * 1.9, 0),
                (x - half, 5),
                (x - half, long),
                (x + half, long),
                (x + half, 5),
                (x + half * 1.9, 0),
            ],
            red,
        )
        canvas.page.dot(x, long, half, half * 1.3, red)
        x += half * rng.uniform(2.4, 4.0)


def _equaliser(canvas, rng, top, floor):
    count = 15
    for k in range(count):
        x, bars = 2 + 96 * k / count, int(rng.integers(1, 7))
        for bar in range(bars):
            part = bar / 6
            color = (int(30 + 225 * part), int(230 - 150 * part), int(240 - 60 * part))
            canvas.page.box(x, floor - 4.4 * bar - 3.4, x + 4.6, floor - 4.4 * bar, color)


def _fog(canvas, rng, top, floor):
    for _ in range(3):
        upper = rng.uniform(0.05, floor / canvas.height - 0.25)
        canvas.clouds((196, 220, 210), 1.0, 3, upper, upper + 0.25, 3.5)
    for k in range(5):
        x, y = 8 + 17 * k + rng.uniform(-2, 2), floor - 6 - 5 * (k % 2)
        pen = canvas.pen(x, y, 4.2, 80)
        pen.dot(0, -0.4, 0.5, 0.75, (10, 40, 44))
        pen.dot(0, 0.85, 0.36, 0.36, (10, 40, 44))


def _hearts(canvas, rng, top, floor):
    for _ in range(13):
        x, y, size = rng.uniform(4, 96), rng.uniform(4, floor), rng.uniform(2, 5.5)
        color = ((255, 90, 130), (240, 40, 90), (255, 190, 205))[rng.integers(3)]
        canvas.page.poly(heart(x, y, size), color, (255, 236, 240), 0.5)


def _grid(canvas, rng, top, floor):
    top, floor = floor - 30, floor + 2
    neon = ((60, 250, 250), (250, 70, 230))[rng.integers(2)]
    canvas.page.box(0, top, 100, floor, (10, 6, 44, 190))
    x = rng.uniform(30, 70)
    canvas.glow(x, top, 30, neon, 0.7)
    for k in range(-9, 10):
        canvas.page.line([(x + 5 * k, top), (x + 26 * k, floor)], neon, 0.8)
    for k in range(6):
        y = top + (floor - top) * (k / 5) ** 1.7
        canvas.page.line([(0, y), (100, y)], neon, 0.8)


def _track(canvas, rng, top, floor):
    x = 0 if rng.random() < 0.5 else 100
    for k in range(5):
        radius = 62 - 9 * k
        canvas.page.poly(
            arc(x, floor + 8, radius * 1.25, radius * 0.72, 180, 360),
            (196, 78, 46),
            (255, 250, 240),
            1.3,
        )
    canvas.page.poly(arc(x, floor + 8, 21, 12, 180, 360), (70, 150, 60))


def _shards(canvas, rng, top, floor):
    side = 1 if rng.random() < 0.5 else -1
    edge = 0 if side > 0 else 100
    colors = ((210, 16, 28), (12, 10, 14), (240, 236, 232), (150, 8, 20))
    y = -4.0
    k = 0
    while y < floor:
        high, reach = rng.uniform(6, 15), rng.uniform(10, 34)
        tip = (edge + side * reach, y + rng.uniform(-4, high + 4))
        canvas.page.poly([(edge, y), tip, (edge, y + high)], colors[k % 4])
        y += high * rng.uniform(0.5, 0.95)
        k += 1


def _wire(canvas, rng, top, floor):
    steel = (30, 28, 24)
    for y in (
        floor * rng.uniform(0.68, 0.8),
        floor * rng.uniform(0.9, 0.98),
    ):
        lean, sag = rng.uniform(-8, 8), rng.uniform(2, 5)
        spots = [
            (x, y + lean * x / 100 + sag * math.sin(math.pi * x / 100)) for x in range(-2, 104, 4)
        ]
        canvas.page.line(spots, steel, 1.1)
        for x, top in spots[1::3]:
            for slope in (-1, 1):
                canvas.page.line(
                    [(x - 2.6, top - 3 * slope), (x + 2.6, top + 3 * slope)], steel, 1.1
                )
            canvas.page.dot(x, top, 1.4, fill=steel)


TOUCHES = {
    "Action": (_streaks, "air"),
    "Adventure": (_route, "floor"),
    "Animation": (_confetti, "air"),
    "Biography": (_gilt, "edge"),
    "Comedy": (_laughter, "talk"),
    "Crime": (_tape, "floor"),
    "Documentary": (_film, "edge"),
    "Drama": (_rain, "air"),
    "Family": (_bunting, "top"),
    "Fantasy": (_sparkles, "air"),
    "History": (_meander, "edge"),
    "Horror": (_drips, "top"),
    "Music": (_equaliser, "floor"),
    "Mystery": (_fog, "floor"),
    "Romance": (_hearts, "air"),
    "Sci-Fi": (_grid, "floor"),
    "Sport": (_track, "floor"),
    "Thriller": (_shards, "side"),
    "War": (_wire, "floor"),
}
"""Genre name -> the touch and the zone of the poster that it takes."""
