"""The space of a search: which settings it varies, and between what."""

from dataclasses import dataclass

import yaml

from keras_genres.errors import UserError
from keras_genres.setting_values import explain_near, explain_unknown, shorten
from keras_genres.settings import setting_names
from keras_genres.yaml_files import read_plain

_SECTIONS = ("model", "input", "augment", "prefix", "training")
_KEYS = ("low", "high", "log", "step")
_OF_THE_COMMAND = ("model.backbone", "model.weights")
_CHANCE = ("training.seed", "prefix.seed")

# What a setting hangs on: it counts where the other has one of these values; () is any but 0.
_NEEDS = {
    "model.pooling": ("model.head", ("pooled",)),
    "model.csra_weight": ("model.head", ("csra",)),
    "model.attention_width": ("model.head", ("attention",)),
    "augment.randaugment_magnitude": ("augment.randaugment", ()),
    "training.head_learning_rate": ("training.head_epochs", ()),
    "training.learning_rate": ("training.epochs", ()),
    "training.unfreeze": ("training.epochs", ()),
    "training.gradual_epochs": ("training.epochs", ()),
    "training.layer_decay": ("training.epochs", ()),
    "training.step_epochs": ("training.schedule", ("step",)),
    "training.gamma": ("training.schedule", ("step",)),
    "training.pos_weight": ("training.loss", ("weighted_bce",)),
    "training.pos_weight_cap": ("training.pos_weight", ("ratio",)),
    "training.effective_beta": ("training.pos_weight", ("effective",)),
    "training.focal_gamma": ("training.loss", ("focal",)),
    "training.asymmetric_gamma": ("training.loss", ("asymmetric",)),
    "training.asymmetric_margin": ("training.loss", ("asymmetric",)),
}

DEFAULT = {
    "training.head_learning_rate": {"low": 3e-5, "high": 1e-2, "log": True},
    "training.learning_rate": {"low": 1e-6, "high": 1e-3, "log": True},
    "training.layer_decay": {"low": 0.5, "high": 1.0},
    "training.batch_size": [16, 32, 64, 128],
    "training.schedule": ["step", "cosine"],
    "training.weight_decay": {"low": 1e-3, "high": 1.0, "log": True},
    "training.ema": [0.0, 0.99, 0.999],
    "training.loss": ["bce", "weighted_bce", "focal", "asymmetric", "hill"],
    "training.pos_weight": ["ratio", "effective"],
    "training.pos_weight_cap": {"low": 2.0, "high": 20.0, "log": True},
    "training.effective_beta": [0.9, 0.99, 0.999, 0.9999],
    "training.focal_gamma": {"low": 0.5, "high": 4.0},
    "training.asymmetric_gamma": {"low": 1.0, "high": 6.0},
    "training.asymmetric_margin": {"low": 0.0, "high": 0.2},
    "training.label_smoothing": {"low": 0.0, "high": 0.2},
    "model.dropout": {"low": 0.0, "high": 0.8, "step": 0.1},
    "model.prior_bias": [False, True],
}
"""The space without `--space`, as a file would say it."""


@dataclass(frozen=True)
class Range:
    """All numbers between two."""

    low: float
    high: float
    log: bool = False
    """Whether orders of magnitude are equally likely."""
    step: float | None = None
    """Distance between the numbers tried; `None` for any number, or every whole one."""

    @property
    def is_whole(self):
        return isinstance(self.low, int)

    def holds(self, value):
        """Whether a value of the setting is one that can be tried."""
        if isinstance(value, bool) or not isinstance(value, int | float):
            return False
        return self.low <= value <= self.high and (not self.step or _fits(value, self))

    def to_plain(self):
        """Return the range as a file says it."""
        found = {"low": self.low, "high": self.high}
        return (
            found | ({"log": True} if self.log else {}) | ({"step": self.step} if self.step else {})
        )

    def __str__(self):
        more = ", log" if self.log else f", step {self.step:g}" if self.step else ""
        return f"{self.low:g} to {self.high:g}{more}"


@dataclass(frozen=True)
class Choice:
    """Some values, in no order."""

    values: tuple

    def holds(self, value):
        """Whether a value of the setting is one that can be tried."""
        return value in self.values

    def to_plain(self):
        """Return the choice as a file says it."""
        return list(self.values)

    def __str__(self):
        return ", ".join(map(str, self.values))


def read_space(path, settings):
    """Return the space in a YAML file, its names and values checked.

    Args:
        path: File of `section.name: {low, high, log, step}` or `section.name:
            [value, …]`; sections may also stand above their names.
        settings: Resolved `Settings` that the search begins with.

    Returns:
        `{"section.name": Range or Choice}`, what others hang on first.

    Raises:
        UserError: If the file cannot be read, or a name or value does not fit.
    """
    flat = {}
    for name, value in read_plain(path).items():
        is_section = isinstance(value, dict) and name in _SECTIONS
        parts = {f"{name}.{key}": part for key, part in value.items()} if is_section else None
        for key, part in (parts or {name: value}).items():
            if key in flat:
                raise UserError(f"{path} holds {shorten(key)} twice.")
            flat[key] = part
    return make_space(flat, settings)


def make_space(plain, settings):
    """Return the space that plain values describe: see `read_space`."""
    if not plain:
        raise UserError("The space is empty: name a setting, as in `model.dropout: [0.2, 0.5]`.")
    space = {name: _read(name, value, settings) for name, value in plain.items()}
    for name in space:
        reason = _never_counts(name, space, settings.to_changes())
        if reason:
            raise UserError(f"{name} {reason}. Add that, or leave {name} out.")
    return dict(sorted(space.items(), key=lambda item: _depth(item[0])))


def default_space(settings):
    """Return the built-in space, without what never counts with these settings."""
    values = settings.to_changes()
    space = {name: _read(name, value, settings) for name, value in DEFAULT.items()}
    kept = {name: part for name, part in space.items() if not _never_counts(name, space, values)}
    return dict(sorted(kept.items(), key=lambda item: _depth(item[0])))


def to_plain(space):
    """Return a space as plain values for a file."""
    return {name: part.to_plain() for name, part in space.items()}


def show(plain):
    """Return plain values of a space as YAML that `read_space` takes, a line a setting."""
    return "".join(
        f"{name}: {yaml.safe_dump(value, default_flow_style=True, sort_keys=False, width=999)}"
        for name, value in plain.items()
    )


def counts(name, values):
    """Whether a setting changes anything beside these values of the others."""
    if name not in _NEEDS:
        return True
    other, wanted = _NEEDS[name]
    value = values[other]
    return (value in wanted if wanted else bool(value)) and counts(other, values)


def _never_counts(name, space, values):
    """Return why a setting never counts, in words; nothing if it may."""
    if name not in _NEEDS:
        return ""
    other, wanted = _NEEDS[name]
    part = space.get(other)
    if wanted:
        may = part.values if part else (values[other],)
        if not set(wanted) & set(may):
            return f"counts only with {other}={wanted[0]}, which the search never has"
    elif part is None and not values[other]:
        return f"counts only with {other} above 0, which the search never has"
    return _never_counts(other, space, values)


def _depth(name):
    return 1 + _depth(_NEEDS[name][0]) if name in _NEEDS else 0


def _read(name, value, settings):
    _require_searchable(name)
    if isinstance(value, list):
        return _read_choice(name, value, settings)
    if not isinstance(value, dict):
        raise UserError(
            f"{name} must be a list of values or {{low: …, high: …}}. Received: {shorten(value)}"
        )
    unknown = [key for key in value if key not in _KEYS]
    if unknown:
        near = explain_near(str(unknown[0]), _KEYS)
        raise UserError(f"{name} takes {', '.join(_KEYS)}. Received: {shorten(unknown[0])}.{near}")
    if not {"low", "high"} <= set(value):
        raise UserError(f"{name} must have both low and high. Received: {shorten(value)}")
    return _read_range(name, value, settings)


def _require_searchable(name):
    from keras_genres.training.origin import HARMLESS  # with Keras, which --show-space needs not

    if not isinstance(name, str) or name not in setting_names():
        raise UserError(explain_unknown(str(name), setting_names()))
    if name in _OF_THE_COMMAND:
        raise UserError(f"{name} is one for the whole search: give it to the command.")
    if name in _CHANCE:
        raise UserError(f"{name} is chance and nothing to be searched: average over seeds instead.")
    if name in HARMLESS or name.partition(".")[0] not in _SECTIONS:
        raise UserError(f"{name} does not change what is trained, so it cannot be searched.")


def _read_choice(name, values, settings):
    if not values:
        raise UserError(f"{name} has no values to try.")
    found = tuple(_value(name, value, settings) for value in values)
    if len(set(found)) < len(found):
        raise UserError(f"{name} has a value twice. Received: {shorten(values)}")
    return Choice(found)


def _read_range(name, value, settings):
    low, high = (_value(name, value[end], settings) for end in ("low", "high"))
    if isinstance(low, bool) or not isinstance(low, int | float):
        raise UserError(f"{name} is no number: list its values instead of low and high.")
    log, step = value.get("log", False), value.get("step")
    if not isinstance(log, bool):
        raise UserError(f"{name}: log must be true or false. Received: {shorten(log)}")
    if step is not None:
        step = _step(name, step, type(low))
    found = Range(low, high, log, step)
    if low >= high:
        raise UserError(f"{name}: low must be below high. Received: {low:g} and {high:g}")
    if log and (low <= 0 or step):
        raise UserError(f"{name}: log takes a low above 0 and no step. Received: {shorten(value)}")
    if step and not _fits(high, found):
        raise UserError(f"{name}: steps of {step:g} from {low:g} do not meet {high:g}.")
    return found


def _step(name, step, kind):
    try:
        found = kind(step) if not isinstance(step, bool) else 0
    except (TypeError, ValueError):
        found = 0
    if not found > 0 or found != float(step) or found == float("inf"):
        wanted = "a whole number" if kind is int else "a number"
        raise UserError(f"{name}: step must be {wanted} above 0. Received: {shorten(step)}")
    return found


def _fits(value, part):
    count = (value - part.low) / part.step
    return abs(count - round(count)) < 1e-6


def _value(name, value, settings):
    """Return a value as the setting holds it, its type and range checked."""
    return settings.replace({name: value}).to_changes()[name]
