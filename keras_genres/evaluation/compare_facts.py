"""How a run was made, as tables show it."""

import csv
import json
import math
from dataclasses import dataclass
from pathlib import Path

from keras_genres.settings import Settings

_LONGEST = 200


@dataclass(frozen=True)
class Facts:
    """What is known of a run beside its scores; `None` where nothing is."""

    path: str
    """The run folder, as it was given."""
    name: str
    """Name of the run folder."""
    title: str
    """Name for a reader; the folder's where the run has none."""
    kind: str
    """`network` or `baseline`."""
    experiment: str | None
    """Name of the experiment it is."""
    cut: str
    """How it was cut to size, a sentence; empty if it was not."""
    backbone: str | None
    """Name of the backbone; `None` for a baseline without one."""
    weights: str
    """What the backbone started from: `ImageNet`, `random`, `file`; empty without one."""
    weight_file: str
    """Name of the weight file and the start of its hash; empty without one."""
    seed: int | None
    parameters: int | None
    best_epoch: int | None
    epochs: int | None
    """Epochs trained."""
    seconds: float | None
    settings: Settings
    recipe: str
    """Two runs that differ only by `training.seed` have the same text here."""


def read_facts(run):
    """Return the `Facts` of a `Run`.

    A field of `environment.json` that is missing or of another kind is left
    empty: runs are compared by their scores.

    Raises:
        UserError: If settings or `environment.json` are damaged.
    """
    environment, settings = run.environment(), run.settings()
    environment = environment if isinstance(environment, dict) else {}
    name = clean(run.path.resolve().name)
    kind = "baseline" if environment.get("kind") == "baseline" else "network"
    title = clean(environment.get("title")) or name
    experiment, cut = clean(environment.get("experiment")) or None, clean(environment.get("cut"))
    best_epoch, digest = _whole(environment, "best_epoch"), clean(environment.get("weights_sha256"))
    has_network = kind == "network" or best_epoch is not None or bool(digest)
    weights, weight_file = _weights(settings.model.weights, digest) if has_network else ("", "")
    plain = settings.replace({"training.seed": 0}).to_dict()
    made = [kind, clean(environment.get("title")), experiment, cut, digest, plain]
    return Facts(
        path=clean(run.path),
        name=name,
        title=title,
        kind=kind,
        experiment=experiment,
        cut=cut,
        backbone=settings.model.backbone if has_network else None,
        weights=weights,
        weight_file=weight_file,
        seed=settings.training.seed,
        parameters=_whole(environment, "parameters"),
        best_epoch=best_epoch,
        epochs=_epochs(run),
        seconds=_number(environment, "seconds"),
        settings=settings,
        recipe=json.dumps(made, sort_keys=True),
    )


def clean(text):
    """Return text as one line that a terminal shows as it is; empty for what is no text.

    Control characters could colour or overwrite other lines of a table.
    """
    if not isinstance(text, str | Path):
        return ""
    line = " ".join(str(text).split())
    return "".join(c if c.isprintable() else "?" for c in line)[:_LONGEST]


def _weights(weights, digest):
    if weights in ("imagenet", "none"):
        return {"imagenet": "ImageNet", "none": "random"}[weights], ""
    if weights is None:
        return "", ""
    file = clean(weights).replace("\\", "/").rpartition("/")[2]
    return "file", f"{file} (SHA-256 {digest[:8]})" if digest else file


def _epochs(run):
    """Return the rows of `history.csv`; `None` where there is none to count."""
    try:
        with open(run.history_file, encoding="utf-8", newline="") as file:
            return max(0, sum(1 for row in csv.reader(file) if row) - 1) or None
    except (OSError, ValueError, csv.Error):
        return None


def _number(environment, name):
    value = environment.get(name)
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    return float(value) if is_number and math.isfinite(value) else None


def _whole(environment, name):
    value = _number(environment, name)
    return None if value is None else int(value)
