"""Outlines of shapes, as lists of points; y runs down."""

import math


def arc(x, y, rx, ry=None, start=0.0, end=360.0, steps=None):
    """Return points on an ellipse; degrees run clockwise from the right."""
    ry = rx if ry is None else ry
    steps = steps or max(8, int(abs(end - start) / 10))
    angles = [math.radians(start + (end - start) * k / steps) for k in range(steps + 1)]
    return [(x + rx * math.cos(a), y + ry * math.sin(a)) for a in angles]


def star(x, y, outer, inner, spikes, turn=-90.0, jitter=None):
    """Return a star polygon; `jitter` is a generator that varies the spikes' length."""
    points = []
    for k in range(2 * spikes):
        radius = inner if k % 2 else outer
        if jitter is not None:
            radius *= jitter.uniform(0.8, 1.1)
        angle = math.radians(turn + 180 * k / spikes)
        points.append((x + radius * math.cos(angle), y + radius * math.sin(angle)))
    return points


def profile(lean=0.0):
    """Return the outline of a head, neck and shoulders that looks to the right."""
    face = [(0.02, -0.86), (0.3, -0.76), (0.42, -0.54), (0.44, -0.36), (0.43, -0.3)]
    nose = [(0.62 + lean, -0.06), (0.58, 0.0), (0.47, 0.02), (0.52, 0.12), (0.46, 0.16)]
    chin = [(0.5, 0.22), (0.44, 0.28), (0.46, 0.38), (0.36, 0.46), (0.14, 0.44)]
    body = [(0.12, 0.6), (0.36, 0.74), (0.66, 0.84), (0.76, 1.0), (-0.9, 1.0)]
    back = [(-0.82, 0.8), (-0.46, 0.66), (-0.34, 0.46), (-0.46, 0.2), (-0.56, -0.16)]
    return [*face, *nose, *chin, *body, *back, (-0.52, -0.52), (-0.32, -0.78)]


def heart(x, y, radius):
    """Return the outline of a heart."""
    points = []
    for k in range(40):
        t = 2 * math.pi * k / 40
        up = 13 * math.cos(t) - 5 * math.cos(2 * t) - 2 * math.cos(3 * t) - math.cos(4 * t)
        points.append((x + radius * math.sin(t) ** 3, y - radius * (up + 2) / 16))
    return points
