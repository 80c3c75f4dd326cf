"""The figures of a search and of a range of learning rates."""

import numpy as np

from keras_genres.evaluation.figures.frame import Frame, nice_ticks
from keras_genres.evaluation.figures.lettering import shorten
from keras_genres.evaluation.figures.sheet import Sheet
from keras_genres.evaluation.figures.style import INK, LINE, QUIET, TRAIN, VAL
from keras_genres.search.space import Choice

_COLUMNS = 2
_PANEL_WIDTH, _PANEL_HEIGHT = 3.2, 1.0
_STEP_ACROSS, _STEP_DOWN = 3.7, 1.55
_LEFT, _TOP = 0.6, 1.0
_MOST_TICKS = 9
_SPREAD = 0.24
"""How far apart dots of one choice lie at most, as a share of the way to the next choice."""


def draw_history(found):
    """Return the sheet of a search's values over its trials, with the best so far.

    Args:
        found: A `results.Found` with a best trial.
    """
    trials, best = found.trials, found.trials[found.best]
    subtitle = (
        ("dot: a trial", VAL),
        ("line: the best so far", INK),
        ("ring: given up early", QUIET),
        f"cross: failed. Best: trial {found.best + 1}, {best.value:.4f}.",
    )
    sheet = Sheet(3.5, f"Search: {_NAMES[found.measure]} on validation", subtitle)
    low, high = _value_range(trials)
    last = max(2, len(trials))
    frame = Frame(sheet, _LEFT, _TOP, 7.15, 1.95, (0.5, last + 0.5), (low, high))
    for tick in _ticks(low, high):
        frame.mark_y(tick, f"{tick:.4g}")
    for tick in _ticks(1, last, 10):
        if tick == int(tick):
            frame.mark_x(tick, f"{tick:g}")
    frame.name_x("trial")
    best_so_far = -np.inf
    x, y = [], []
    for number, trial in enumerate(trials, start=1):
        if trial.state == "complete":
            frame.dot(number, trial.value, VAL)
            best_so_far = max(best_so_far, trial.value)
        elif trial.state == "pruned":  # what was far worse stands on the edge
            frame.dot(number, max(low, trial.value), QUIET, size=4.5, hollow=True)
        else:
            frame.write(number, low, "×", QUIET, 9, across="center", along="center")
        if np.isfinite(best_so_far):
            x += [number - 0.5, number + 0.5]
            y += [best_so_far, best_so_far]
    frame.line(x, y, INK, 1.0, layer=1)
    frame.dot(found.best + 1, best.value, INK, size=9, hollow=True)
    return sheet


def draw_parameters(found, shares):
    """Return the sheet of values over each setting, the most important first.

    Args:
        found: A `results.Found` with a best trial.
        shares: Setting -> its share in how values differ; some or all may lack.
    """
    names = sorted(found.space, key=lambda name: -shares.get(name, 0))
    subtitle = [("dot: a trial", VAL), ("ring: the best", INK)]
    if shares:
        subtitle.append("Per cent: its share in which trials are good (PED-ANOVA).")
    rows = -(-len(names) // _COLUMNS)
    title = f"Settings: {_NAMES[found.measure]} on validation"
    sheet = Sheet(_TOP + rows * _STEP_DOWN, title, subtitle)
    complete = [(row, each) for row, each in enumerate(found.trials) if each.state == "complete"]
    low, high = _value_range([trial for _, trial in complete])
    for number, name in enumerate(names):
        down, across = divmod(number, _COLUMNS)
        part, left, top = found.space[name], _LEFT + across * _STEP_ACROSS, _TOP + down * _STEP_DOWN
        frame = Frame(
            sheet, left, top, _PANEL_WIDTH, _PANEL_HEIGHT, _place_range(part), (low, high)
        )
        sheet.write(left, top - 0.09, name, INK, 9)
        if name in shares:
            where = left + _PANEL_WIDTH
            sheet.write(
                where, top - 0.09, f"{100 * shares[name]:.0f} %", QUIET, 8.5, across="right"
            )
        for tick in _ticks(low, high, 4):
            frame.mark_y(tick, f"{tick:.4g}" if across == 0 else "")
        _mark_places(frame, part)
        for row, trial in complete:
            if name not in trial.params:  # it did not count beside the others
                continue
            x = _place(part, trial.params[name], row)
            frame.dot(x, trial.value, VAL, size=5)
            if row == found.best:
                frame.dot(x, trial.value, INK, size=9, hollow=True)
    return sheet


def draw_rates(found):
    """Return the sheet of a `rate.Rates`: loss over the learning rate."""
    subtitle = [("dot: a batch", TRAIN), ("line: smoothed", INK)]
    if found.steepest is not None:
        subtitle += [(f"falls fastest at {found.steepest:.1e}", VAL)]
        subtitle += [f"a tenth of the lowest point's rate: {found.tenth:.1e}"]
    sheet = Sheet(3.5, f"Loss over the learning rate, stage {found.stage}", subtitle)
    rates, smooth = np.array(found.rates), np.array(found.smooth)
    bottom, begin = smooth.min(), smooth[: max(1, len(smooth) // 10)].max()
    pad = 0.15 * max(begin - bottom, 0.02 * abs(bottom), 1e-6)
    low, high = bottom - 2 * pad, begin + 4 * pad
    ends = np.log10([rates[0], found.high])
    frame = Frame(sheet, _LEFT, _TOP, 7.15, 1.95, tuple(ends), (low, high))
    for tick in _ticks(low, high):
        frame.mark_y(tick, f"{tick:.4g}")
    for power in range(int(np.ceil(ends[0] - 1e-9)), int(np.floor(ends[1] + 1e-9)) + 1):
        frame.mark_x(power, f"1e{power:+03d}", grid=True)
    frame.name_x("learning rate")
    places = np.log10(rates)
    for x, y in zip(places, found.losses, strict=True):
        if low <= y <= high:
            frame.dot(x, y, TRAIN, size=2.5, layer=1)
    inside = np.where((smooth >= low) & (smooth <= high), smooth, np.nan)
    frame.line(places, inside, INK, 1.4)
    for rate, colour in ((found.steepest, VAL), (found.tenth, QUIET)):
        if rate is not None:
            where = np.log10(rate)
            frame.line((where, where), frame.y_range, colour, 1.0, dashes=(4, 3))
    return sheet


def _value_range(trials):
    values = np.array([trial.value for trial in trials if trial.state == "complete"])
    pad = 0.1 * (values.max() - values.min()) or 0.01
    return values.min() - pad, values.max() + pad


def _place_range(part):
    if isinstance(part, Choice):
        return -0.5, len(part.values) - 0.5
    low, high = _scaled(part, part.low), _scaled(part, part.high)
    pad = 0.03 * (high - low)
    return low - pad, high + pad


def _place(part, value, row):
    if not isinstance(part, Choice):
        return _scaled(part, value)
    # Dots of one choice are moved apart, by the golden section, so that they do not lie in a line.
    return part.values.index(value) + _SPREAD * (2 * (row * 0.618 % 1) - 1)


def _scaled(part, value):
    return np.log10(value) if part.log else value


def _mark_places(frame, part):
    bottom = frame.top + frame.height
    frame.sheet.line((frame.left, frame.left + frame.width), (bottom, bottom), LINE, layer=0)
    if isinstance(part, Choice):
        width = _PANEL_WIDTH / len(part.values)
        for place, value in enumerate(part.values):
            frame.mark_x(place, shorten(str(value), width, frame.tick_size))
        return
    if part.step and part.high - part.low < _MOST_TICKS * part.step:
        ticks = np.arange(part.low, part.high + part.step / 2, part.step)
    else:
        ticks = _decades(part.low, part.high) if part.log else _ticks(part.low, part.high)
    for tick in ticks:
        frame.mark_x(_scaled(part, tick), f"{tick:.4g}")


def _ticks(low, high, most=5):
    """Return round numbers between two."""
    steps = nice_ticks(high - low, most)
    step = steps[1] if len(steps) > 1 else high - low
    found = np.arange(np.ceil(low / step - 1e-9), np.floor(high / step + 1e-9) + 1) * step
    return [round(float(tick), 12) + 0.0 for tick in found]  # and no -0


def _decades(low, high):
    """Return powers of ten between two numbers; with 2 and 5 times them where those are few."""
    powers = range(int(np.floor(np.log10(low))), int(np.ceil(np.log10(high))) + 1)
    for times in ((1,), (1, 3), (1, 2, 5)):
        found = [float(f"{each}e{power}") for power in powers for each in times]
        found = [tick for tick in found if low * (1 - 1e-9) <= tick <= high * (1 + 1e-9)]
        if len(found) >= 3:
            return found
    return found


_NAMES = {"map": "mean average precision", "macro_f1": "macro F1"}
