"""What a setting may hold: types, ranges, and where its documentation stands."""

import ast
import dataclasses
import difflib
import inspect
import itertools
import types
import typing
from pathlib import Path
from typing import Literal

import yaml

from keras_genres.errors import UserError

_RANGES = {
    "batch_size": (1, 65536),
    "height": (16, 4096),
    "width": (16, 4096),
    "dropout": (0, 0.95),
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
    "step_epochs": (1, float("inf")),
    "gamma": (1e-6, 1),
    "grid_step": (0.001, 0.5),
    "confidence": (0.5, 0.999),
    "pos_weight_cap": (1, float("inf")),
    "views": (1, 1000),
    "patience": (1, float("inf")),
}


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
        if not low <= value <= high:
            wanted = f"between {low} and {high}" if high < float("inf") else f"at least {low}"
            raise UserError(f"{prefix}{part.name} must be {wanted}. Received: {value}")


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
        raise UserError(f"{name} must be one of {', '.join(hint.__args__)}. Received: {value!r}")
    if hint is bool:
        text = str(value).lower()
        if text in ("true", "yes", "on", "1"):
            return True
        if text in ("false", "no", "off", "0"):
            return False
        raise UserError(f"{name} must be true or false. Received: {value!r}")
    try:
        if isinstance(value, bool | dict | list):
            raise ValueError
        if hint is int and isinstance(value, float) and not value.is_integer():
            raise ValueError
        number = hint(value)
    except (TypeError, ValueError):
        kind = {int: "a whole number", float: "a number", str: "a text"}[hint]
        raise UserError(f"{name} must be {kind}. Received: {value!r}") from None
    if isinstance(number, float) and number != number:
        raise UserError(f"{name} must be a number. Received: {value!r}")
    return number


def explain_unknown(name, known):
    """Return the message for a setting that does not exist, with the near miss."""
    near = explain_near(name, known)
    return f"Unknown setting {name!r}.{near} `keras-genres settings` lists them all."


def explain_near(name, known):
    """Return ` Did you mean …?` for the known name nearest to `name`, or nothing."""
    near = difflib.get_close_matches(name, known, n=1, cutoff=0.5)
    return f" Did you mean {near[0]!r}?" if near else ""


def read_yaml(path):
    """Return the settings in a YAML file as `{"section.name": value}`.

    Raises:
        UserError: If the file cannot be read or does not hold sections.
    """
    try:
        values = yaml.safe_load(Path(path).read_text(encoding="utf-8"))
    except OSError as error:
        raise UserError(f"Cannot read {path}: {error.strerror}.") from None
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        reason = " ".join(str(error).split())
        raise UserError(f"{path} is not YAML: {reason}.") from None
    if values is None:
        return {}
    if not isinstance(values, dict):
        raise UserError(
            f"{path} must hold sections such as `training:`. Received: {type(values).__name__}"
        )
    return _flatten(values, path)


def _flatten(values, path):
    flat = {}
    for section, parts in values.items():
        if not isinstance(parts, dict):
            raise UserError(
                f"{path}: {section!r} must be a section with settings below it. Received: {parts!r}"
            )
        flat |= {f"{section}.{name}": value for name, value in parts.items()}
    return flat


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
