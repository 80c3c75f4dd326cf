"""Contenders at equal work, run in turn, round by round.

A machine does not keep its speed: another process wakes up, a core gets hot.
So contenders take turns, and a ratio is taken within a round, where both had
the same luck; the median over rounds is what is told, with its spread.
"""

import statistics
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True)
class Measure:
    """A number that every round of a contender gives."""

    name: str
    """Key in what `Contender.run` returns."""
    title: str
    """What it is called in the table."""
    unit: str
    """Unit of the value."""
    better: Literal["more", "less", "neither"] = "more"
    """Which value is better; `neither` compares by difference, not by ratio."""


@dataclass
class Contender:
    """Somebody's way to do a piece of work."""

    what: str
    """The work. Contenders of the same work are compared."""
    who: str
    """Name in the table."""
    run: Callable
    """Does the work once, called without arguments. Returns a dictionary of numbers by the name
    of their `Measure`; further numbers are kept in the JSON."""
    is_ours: bool = False
    """Whether it is this package's way."""
    note: str = ""
    """One line on how it does the work, and what it does not do."""


def run_rounds(contenders, rounds, note=lambda line: None):
    """Let every contender work once a round.

    Those who are compared work right after one another, in an order that
    turns from round to round.

    Args:
        contenders: `Contender`s.
        rounds: How often each works.
        note: Called with a line before each piece of work.

    Returns:
        List of dictionaries, one a contender and round: `what`, `who`,
        `round` from 1, and what `run` returned.

    Raises:
        ValueError: If there is no round.
    """
    if rounds < 1:
        raise ValueError(f"`rounds` must be at least 1. Received: {rounds}")
    timings = []
    for number in range(rounds):
        for what in dict.fromkeys(one.what for one in contenders):
            some = [one for one in contenders if one.what == what]
            first = number % len(some)
            for one in some[first:] + some[:first]:
                note(f"Round {number + 1}/{rounds}: {what}, {one.who}")
                timings.append({"what": what, "who": one.who, "round": number + 1, **one.run()})
    return timings


def summarise(contenders, measures, timings):
    """Return the table: medians with their spread, then ours against every peer.

    Args:
        contenders: The `Contender`s, in the order of the table.
        measures: The `Measure`s to show.
        timings: As `run_rounds` returns them.

    Returns:
        List of dictionaries with `what`, `who`, `against`, `measure`, `unit`,
        `median`, `min` and `max`. Where `against` is empty they are values of
        `who`. Elsewhere they say how many times as good `who` is as
        `against` (above 1: better, whichever way better is), taken within a
        round; for a measure of which neither is better, `who` minus `against`.
    """
    rows = []
    for what in dict.fromkeys(one.what for one in contenders):
        some = [one for one in contenders if one.what == what]
        values = {
            (one.who, measure): _by_round(timings, what, one.who, measure.name)
            for one in some
            for measure in measures
        }
        for (who, measure), found in values.items():
            rows += _row(what, who, "", measure, measure.unit, found.values())
        for ours in filter(lambda one: one.is_ours, some):
            for peer in filter(lambda one: not one.is_ours, some):
                for measure in measures:
                    pairs = _pairs(values[ours.who, measure], values[peer.who, measure])
                    unit = "difference" if measure.better == "neither" else "x as good"
                    found = [compare(measure, *pair) for pair in pairs]
                    rows += _row(what, ours.who, peer.who, measure, unit, found)
    return rows


def compare(measure, ours, peer):
    """Return how many times as good `ours` is as `peer`, or the difference.

    Example:
        >>> compare(Measure("seconds", "time", "s", "less"), ours=2.0, peer=5.0)
        2.5
    """
    if measure.better == "neither":
        return ours - peer
    above, below = (ours, peer) if measure.better == "more" else (peer, ours)
    return above / below if below else float("inf")


def _by_round(timings, what, who, name):
    return {
        one["round"]: one[name]
        for one in timings
        if one["what"] == what and one["who"] == who and one.get(name) is not None
    }


def _pairs(ours, peer):
    return [(ours[number], peer[number]) for number in ours if number in peer]


def _row(what, who, against, measure, unit, values):
    values = [float(value) for value in values]
    if not values:
        return []
    return [
        {
            "what": what,
            "who": who,
            "against": against,
            "measure": measure.title,
            "unit": unit,
            "median": statistics.median(values),
            "min": min(values),
            "max": max(values),
        }
    ]
