"""Find places for the names of dots, so that none is on top of another."""

import numpy as np

_DISTANCES = (0.085, 0.16, 0.25, 0.36, 0.5, 0.7, 0.95, 1.25, 1.6)
_ANGLES = np.deg2rad(np.arange(0, 360, 15))
_ROUNDS = 4
_FAR = 0.12
"""Distance in inches from which a name needs a line to its dot."""


def place_names(dots, sizes, bounds, taken=()):
    """Return where the names of dots go.

    Each name takes the place around its dot that covers least; then each looks
    again, now knowing the others. The same dots give the same places.

    Args:
        dots: Middles of the dots, in inches, shape `(dots, 2)`.
        sizes: Width and height of each name, shape `(dots, 2)`.
        bounds: `(left, top, right, bottom)` to stay within.
        taken: Further boxes `(left, top, right, bottom)` to keep off.

    Returns:
        List of `(middle, needs_line)`: the middle of each name, and whether it
        is so far from its dot that a line should join them.
    """
    dots, sizes = np.asarray(dots, float).reshape(-1, 2), np.asarray(sizes, float).reshape(-1, 2)
    around = np.hstack([dots - 0.05, dots + 0.05])
    fixed = np.vstack([around, np.asarray(taken, float).reshape(-1, 4)])
    places = [_places(dot, size) for dot, size in zip(dots, sizes, strict=True)]
    costs = [_fixed_costs(options, index, bounds, fixed) for index, options in enumerate(places)]
    # Crowded dots choose first.
    crowd = (np.abs(dots[:, None] - dots).max(axis=2) < 0.5).sum(axis=1)
    order, chosen = np.argsort(-crowd, kind="stable"), {}
    for _ in range(_ROUNDS):
        before = dict(chosen)
        for index in order:
            options = places[index][0]
            others = [places[other][0][which] for other, which in chosen.items() if other != index]
            cost = costs[index] + 30 * _overlap(options, np.reshape(others, (-1, 4))).sum(axis=1)
            chosen[index] = int(np.round(cost, 9).argmin())
        if chosen == before:
            break
    found = []
    for index, (boxes, distances) in enumerate(places):
        box = boxes[chosen[index]]
        middle = (float(box[0] + box[2]) / 2, float(box[1] + box[3]) / 2)
        found.append((middle, bool(distances[chosen[index]] > _FAR)))
    return found


def _places(dot, size):
    """Return boxes around a dot, and how far each is from it."""
    width, height = size
    boxes, distances = [], []
    for distance in _DISTANCES:
        for angle in _ANGLES:
            toward = np.array([np.cos(angle), np.sin(angle)])
            # The near edge of the name, not its middle, is at the distance.
            middle = (
                dot + toward * distance + np.clip(toward * 1.6, -1, 1) * (width / 2, height / 2)
            )
            boxes.append([*(middle - size / 2), *(middle + size / 2)])
            distances.append(distance)
    return np.array(boxes), np.array(distances)


def _fixed_costs(options, index, bounds, fixed):
    boxes, distances = options
    left, top, right, bottom = bounds
    outside = np.clip(left - boxes[:, 0], 0, None) + np.clip(boxes[:, 2] - right, 0, None)
    outside += np.clip(top - boxes[:, 1], 0, None) + np.clip(boxes[:, 3] - bottom, 0, None)
    covered = _overlap(boxes, fixed)
    middles = (boxes[:, :2] + boxes[:, 2:]) / 2
    own = (fixed[index, :2] + fixed[index, 2:]) / 2
    # A line to a far name should not run through another dot.
    shares = np.array([0.3, 0.5, 0.7, 0.9])[:, None, None]
    points = own + shares * (middles - own)
    rest = np.delete(fixed, index, axis=0)
    hits = (points[..., None, :] > rest[:, :2]) & (points[..., None, :] < rest[:, 2:])
    crossed = hits.all(axis=-1).any(axis=0).sum(axis=1) * (distances > _FAR)
    # Beside is easier to read than above, and to the right than to the left.
    aside = 0.02 * (np.abs(middles[:, 1] - own[1]) > 0.08) + 0.01 * (middles[:, 0] < own[0])
    return 100 * outside + 20 * covered.sum(axis=1) + crossed + 0.6 * distances + aside


def _overlap(boxes, others):
    """Return the shared width + height of each pair of boxes that overlap, else 0."""
    low = np.maximum(boxes[:, None, :2], others[None, :, :2])
    high = np.minimum(boxes[:, None, 2:], others[None, :, 2:])
    shared = high - low
    return np.where((shared > 0).all(axis=2), shared.sum(axis=2), 0)
