"""What a setting may hold: types, ranges, and where its documentation stands."""

import ast
import dataclasses
import difflib
import inspect
import itertools
import math
import types
import typing
import unicodedata
from typing import Literal

from keras_genres.errors import UserError

_RANGES = {
    "batch_size": (1, 65536),
    "height": (16, 4096),
    "width": (16, 4096),
    "dropout": (0, 0.95),
    "stochastic_depth": (0, 0.95),
    "csra_weight": (0, 10),
    "attention_width": (1, 8192),
    "val_fraction": (0.01, 0.98),
    "test_fraction": (0.01, 0.98),
    "max_megapixels": (0.01, 1000),
    "near_duplicate_bits": (0, 16),
    "stock_films": (3, float("inf")),
    "rotation_degrees": (0, 180),
    "shift": (0, 0.5),
    "scale": (0, 0.9),
    "brightness": (0, 1),
    "contrast": (0, 1),
    "saturation": (0, 1),
    "hue": (0, 0.5),
    "crop": (0.05, 1),
    "erase": (0, 1),
    "randaugment": (0, 4),
    "randaugment_magnitude": (0, 10),
    "layer_decay": (0.01, 1),
    "weight_decay": (0, 10),
    "ema": (0, 0.99999),
    "cycles": (1, 1000),
    "step_epochs": (1, float("inf")),
    "gamma": (1e-6, 1),
    "grid_step": (0.001, 0.5),
    "confidence": (0.5, 0.999),
    "pos_weight_cap": (1, float("inf")),
    "mixup": (0, 100),
    "cutmix": (0, 100),
    "label_smoothing": (0, 0.9),
    "effective_beta": (0, 0.999999),
    "focal_gamma": (0, 10),
    "asymmetric_gamma": (0, 10),
    "asymmetric_margin": (0, 0.5),
    "views": (1, 1000),
    "patience": (1, float("inf")),
}
_LARGEST_WHOLE = 2**31 - 1  # what seeds and counts are in TensorFlow
_LONGEST = 80


def check_ranges(section, prefix=""):
    """Check the numbers of a section.

    Raises:
        UserError: If a number is out of its range.
    """
    for part in dataclasses.fields(section):
        value = getattr(section, part.name)
        if isinstance(value, bool) or not isinstance(value, int | float):
            continue
        low, high = _RANGES.get(part.name, (0, float("inf")))
        if isinstance(value, int):
            high = min(high, _LARGEST_WHOLE)
        if not low <= value <= high:
            is_open = high in (float("inf"), _LARGEST_WHOLE) and value < low
            wanted = f"at least {low}" if is_open else f"between {low} and {high}"
            raise UserError(f"{prefix}{part.name} must be {wanted}. Received: {shorten(value)}")


def convert(name, value, hint):
    """Turn a string or a YAML value into what a field holds.

    Args:
        name: Name of the setting, for the message.
        value: What came.
        hint: Type annotation of the field.

    Raises:
        UserError: If the value is of another kind.
    """
    if isinstance(hint, types.UnionType):
        if value is None or (isinstance(value, str) and value.lower() in ("", "null")):
            return None
        hint = next(part for part in hint.__args__ if part is not type(None))
    if typing.get_origin(hint) is Literal:
        # YAML reads a bare `off` or `on` as a truth value.
        value = {True: "on", False: "off"}[value] if isinstance(value, bool) else value
        if value in hint.__args__:
            return value
        wanted = ", ".join(hint.__args__)
        raise UserError(f"{name} must be one of {wanted}. Received: {shorten(value)}")
    if hint is bool:
        text = (value if isinstance(value, str) else shorten(value)).lower()
        if text in ("true", "yes", "on", "1"):
            return True
        if text in ("false", "no", "off", "0"):
            return False
        raise UserError(f"{name} must be true or false. Received: {shorten(value)}")
    try:
        if value is None or isinstance(value, bool | dict | list):
            raise ValueError
        if hint is str and not _is_line(value):
            raise ValueError
        if hint is int and isinstance(value, float) and not value.is_integer():
            raise ValueError
        number = hint(value)
    except (TypeError, ValueError, OverflowError):
        kind = {int: "a whole number", float: "a number", str: "a line of text"}[hint]
        raise UserError(f"{name} must be {kind}. Received: {shorten(value)}") from None
    if isinstance(number, float) and not math.isfinite(number):
        raise UserError(f"{name} must be a number. Received: {shorten(value)}")
    return number


def _is_line(value):
    """Whether a text has no line ends and control characters, which no path or name needs."""
    return not any(unicodedata.category(c) in ("Cc", "Zl", "Zp") for c in str(value))


def shorten(value):
    """Return the `repr` of a value from a file, for a message; long ones are cut.

    A whole number of more digits than Python prints is told by its size.
    """
    try:
        text = repr(value)
    except ValueError:
        return "a number of thousands of digits"
    return text if len(text) <= _LONGEST else text[:_LONGEST] + "…"


def explain_unknown(name, known):
    """Return the message for a setting that does not exist, with the near miss."""
    near = explain_near(name, known)
    return f"Unknown setting {shorten(name)}.{near} `keras-genres settings` lists them all."


def explain_near(name, known):
    """Return ` Did you mean …?` for the known name nearest to `name`, or nothing."""
    near = difflib.get_close_matches(name, known, n=1, cutoff=0.5)
    return f" Did you mean {near[0]!r}?" if near else ""


def read_meanings(cls):
    """Map field names to the string that stands below each in the source."""
    body = ast.parse(inspect.getsource(cls)).body[0].body
    return {
        field_.target.id: text.value.value
        for field_, text in itertools.pairwise(body)
        if isinstance(field_, ast.AnnAssign)
        and isinstance(text, ast.Expr)
        and isinstance(text.value, ast.Constant)
    }
