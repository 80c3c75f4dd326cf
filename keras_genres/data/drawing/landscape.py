"""Parts of a landscape that several scenes share; lengths are in canvas units."""

import math


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


def darker(color, share):
    """Return the colour with `share` of its light taken away."""
    return tuple(int(part * (1 - share)) for part in color)


def pick(rng, *options):
    """Return one of the options."""
    return options[rng.integers(len(options))]
