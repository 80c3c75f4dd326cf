"""From the scores of a network to shares: a strictly increasing map for each genre.

Scores are mapped as logits. With `z` the logit of a score,

    z' = slope * z + intercept + sum over k of rise[k] * clip((z - start[k]) / width[k], 0, 1)

and the calibrated score is the sigmoid of `z'`. Temperature and Platt scaling
have no steps; isotonic regression is a line of steps. As each map is strictly
increasing, no poster changes its rank, and a threshold is mapped like a score.
"""

import hashlib
import math
from dataclasses import dataclass

import numpy as np

from keras_genres.errors import UserError
from keras_genres.files import json_text
from keras_genres.genres import GENRES, NUM_GENRES

METHODS = ("none", "temperature", "platt", "isotonic")
MOST_STEPS = 64
LEAST_SCORE, MOST_SCORE = float(np.float32(1e-7)), float(np.float32(1 - 1e-7))
"""Scores are clipped to these numbers of float32: a score of 0 or 1 has no logit."""

_KEYS = {"method", "slope", "intercept", "start", "width", "rise"}
_LEAST_SLOPE, _LEAST_WIDTH, _LARGEST = 1e-4, 1e-4, 1e4
# Far wider than any sensible map, and safe in float32.
_CHUNK_CELLS = 1_000_000


@dataclass(frozen=True)
class GenreMap:
    """The map of one genre; the numbers are of float32."""

    method: str = "none"
    """One of `METHODS`; `none` passes scores bit for bit."""
    slope: float = 1.0
    """Above 0."""
    intercept: float = 0.0
    start: tuple = ()
    """Logit at which each step begins."""
    width: tuple = ()
    """Length of each step, above 0."""
    rise: tuple = ()
    """Height of each step, 0 or more."""

    def __post_init__(self):
        for key in ("slope", "intercept"):
            object.__setattr__(self, key, _short(getattr(self, key)))
        for key in ("start", "width", "rise"):
            object.__setattr__(self, key, tuple(map(_short, getattr(self, key))))
        numbers = (self.slope, self.intercept, *self.start, *self.width, *self.rise)
        if self.method not in METHODS:
            raise ValueError(f"`method` must be one of {METHODS}. Received: {self.method!r}")
        if not len(self.start) == len(self.width) == len(self.rise) <= MOST_STEPS:
            raise ValueError(f"`start`, `width` and `rise` must be as long, up to {MOST_STEPS}.")
        if not all(abs(each) <= _LARGEST for each in numbers):  # nor NaN
            raise ValueError(f"Numbers of a map must be between -{_LARGEST:g} and {_LARGEST:g}.")
        if self.slope < _LEAST_SLOPE or min(self.width, default=1) < _LEAST_WIDTH:
            raise ValueError(f"`slope` and `width` must be {_LEAST_SLOPE:g} or more.")
        if min(self.rise, default=0) < 0:
            raise ValueError("`rise` must be 0 or more.")
        if self.method == "none" and (self.slope != 1 or self.intercept or self.start):
            raise ValueError("The method `none` has no numbers of its own.")

    def apply(self, scores):
        """Return calibrated scores of this genre, float64 of the same shape."""
        scores = np.asarray(scores, np.float64)
        if self.method == "none":
            return scores
        steps = (np.array(each, np.float64) for each in (self.start, self.width, self.rise))
        return _mapped(scores, self.slope, self.intercept, *steps)


@dataclass(frozen=True)
class CalibrationMap:
    """A `GenreMap` for each genre, in index order."""

    genres: tuple

    def __post_init__(self):
        if len(self.genres) != NUM_GENRES:
            raise ValueError(f"{NUM_GENRES} maps expected. Received: {len(self.genres)}")

    @classmethod
    def from_json(cls, value, name="The JSON"):
        """Return what `to_json` gave; other keys beside `genres` are passed over.

        Args:
            value: Parsed JSON.
            name: What to call it in a message.

        Raises:
            UserError: If it is anything else than 19 strictly increasing maps.
        """
        genre = None
        try:
            found = value["genres"]
            if list(found) != list(GENRES):
                raise ValueError("it must have the 19 genres in index order")
            maps = []
            for genre in GENRES:
                maps.append(_parse(found[genre]))
        except (KeyError, TypeError, ValueError) as error:
            where = f", at {genre}" if genre else ""
            reason = error if type(error) is ValueError else "it is not of that form"
            text = str(reason).rstrip(".")
            raise UserError(f"{name} is no calibration of keras-genres{where}: {text}.") from None
        return cls(tuple(maps))

    def to_json(self):
        """Return plain JSON values, the same for the same map."""
        return {
            "scale": "logit",
            "clip": _short(LEAST_SCORE),
            "genres": {
                genre: {
                    "method": each.method,
                    "slope": each.slope,
                    "intercept": each.intercept,
                    "start": list(each.start),
                    "width": list(each.width),
                    "rise": list(each.rise),
                }
                for genre, each in zip(GENRES, self.genres, strict=True)
            },
        }

    @property
    def methods(self):
        """Return the method of each genre, as a tuple."""
        return tuple(each.method for each in self.genres)

    def arrays(self):
        """Return the numbers as arrays, for a graph.

        Returns:
            Dictionary of float32 arrays `slope` and `intercept`, shape
            `(genres,)`, `start`, `width` and `rise`, shape `(genres, steps)`
            with at least one step (steps of a rise of 0 fill up), and the bool
            array `is_plain`, shape `(genres,)`: genres whose scores pass as they are.
        """
        steps = max(1, *(len(each.start) for each in self.genres))
        fill = {"start": 0.0, "width": 1.0, "rise": 0.0}
        found = {
            key: np.array([getattr(each, key) for each in self.genres], np.float32)
            for key in ("slope", "intercept")
        }
        for key, value in fill.items():
            rows = [getattr(each, key) for each in self.genres]
            padded = [[*row, *[value] * (steps - len(row))] for row in rows]
            found[key] = np.array(padded, np.float32)
        found["is_plain"] = np.array([each.method == "none" for each in self.genres])
        return found

    def apply(self, scores):
        """Return calibrated scores, computed in float64.

        Args:
            scores: Scores of a network in [0, 1], shape `(posters, genres)`.

        Returns:
            float32 array of the same shape.

        Raises:
            ValueError: If the shape is another.
        """
        scores = np.asarray(scores)
        if scores.ndim != 2 or scores.shape[1] != NUM_GENRES:
            raise ValueError(
                f"`scores` must have the shape (posters, {NUM_GENRES}). Received: {scores.shape}"
            )
        arrays = self.arrays()
        is_mapped = ~arrays.pop("is_plain")
        found = scores.astype(np.float32)
        if not is_mapped.any():
            return found
        numbers = {key: value[is_mapped].astype(np.float64) for key, value in arrays.items()}
        rows = max(1, _CHUNK_CELLS // numbers["start"].size)
        for first in range(0, len(scores), rows):
            part = scores[first : first + rows, is_mapped].astype(np.float64)
            found[first : first + rows, is_mapped] = _mapped(part, **numbers)
        return found

    def carry_thresholds(self, thresholds):
        """Return thresholds for calibrated scores that pick the same genres.

        They are numbers of float32 where a genre is mapped, since rounding
        keeps the order of a score and a threshold that were rounded alike.

        Args:
            thresholds: Thresholds of a network's scores, shape `(genres,)`.

        Returns:
            float64 array of the same shape; as it was where the method is `none`.
        """
        thresholds = np.asarray(thresholds, np.float64)
        is_plain = [method == "none" for method in self.methods]
        return np.where(is_plain, thresholds, self.apply(thresholds[None])[0])


def calibration_hash(calibration):
    """Return the SHA-256 of a `CalibrationMap`, by which a table of it knows its own."""
    return hashlib.sha256(json_text(calibration.to_json()).encode()).hexdigest()


def logits(scores):
    """Return the logits of scores, clipped as a `CalibrationMap` clips them, in float64."""
    scores = np.clip(np.asarray(scores, np.float64), LEAST_SCORE, MOST_SCORE)
    return np.log(scores) - np.log1p(-scores)


def _mapped(scores, slope, intercept, start, width, rise):
    z = logits(scores)
    steps = np.clip((z[..., None] - start) / width, 0, 1)
    z = slope * z + intercept + (rise * steps).sum(axis=-1)
    return 1 / (1 + np.exp(-np.clip(z, -700, 700)))


def _parse(value):
    if set(value) != _KEYS:
        raise ValueError(f"it must have {', '.join(sorted(_KEYS))}")
    lists = [value[key] for key in ("start", "width", "rise")]
    if not all(isinstance(each, list) and len(each) <= MOST_STEPS for each in lists):
        raise ValueError(f"it must have lists of up to {MOST_STEPS} steps")
    numbers = [value["slope"], value["intercept"], *(each for part in lists for each in part)]
    if not all(type(each) in (int, float) and math.isfinite(each) for each in numbers):
        raise ValueError("it must have numbers")
    if not all(abs(each) <= _LARGEST for each in numbers):
        raise ValueError(f"its numbers must be between -{_LARGEST:g} and {_LARGEST:g}")
    return GenreMap(**value)


def _short(value):
    """Return the shortest number that is the same in float32."""
    return float(str(np.float32(value)))
