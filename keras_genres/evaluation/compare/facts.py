"""Which folders are runs, how each was made, and what tables call it."""

import csv
import io
import json
import math
from dataclasses import dataclass
from pathlib import Path

from keras_genres.errors import UserError
from keras_genres.runs import Run
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
    """`network`, `baseline` or `ensemble`."""
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


def open_runs(paths):
    """Return the finished runs among paths, and notes on what was left out.

    Args:
        paths: Folders, as a shell's `runs/*` gives them. What is no run
            folder is left out with a note; the same run counts once.

    Returns:
        List of `Run` in the given order, and a list of sentences.

    Raises:
        UserError: If no run is left, or the `hashes.json` of one is missing or damaged.
    """
    runs, notes, seen = [], [], set()
    for path in paths:
        run, real = Run(path, checked=True), Path(path).resolve()
        if real in seen:
            continue
        seen.add(real)
        if not run.path.is_dir():
            what = "no folder" if run.path.exists() else "not there"
        elif real.name.endswith((".partial", ".old")):
            what = "not finished"
        elif not run.is_run():
            what = "no run folder: it has no settings.yaml and split.json"
        else:
            runs.append(run)
            continue
        notes.append(f"Left out {path}: {what}.")
    if not runs:
        raise UserError(
            f"No run folder among {', '.join(map(str, paths)) or 'nothing'}. "
            "Name folders that `keras-genres fit` or `baseline` wrote, say runs/*."
        )
    return runs, notes


def read_facts(run):
    """Return the `Facts` of a `Run`.

    A field of `environment.json` that is missing or of another kind is left
    empty: runs are compared by their scores.

    Raises:
        UserError: If settings or `environment.json` are damaged.
    """
    environment, settings = run.environment(), run.settings()
    name = clean(run.path.resolve().name)
    kind = environment.get("kind")
    kind = kind if kind in ("baseline", "ensemble") else "network"
    title = clean(environment.get("title")) or name
    experiment, cut = clean(environment.get("experiment")) or None, clean(environment.get("cut"))
    best_epoch, digest = _whole(environment, "best_epoch"), clean(environment.get("weights_sha256"))
    counted = run.counted_settings()  # a baseline's holds only what counted for it
    has_network = kind != "baseline" or "model.backbone" in counted
    weights, weight_file = "", ""
    if has_network and kind != "ensemble":
        weights, weight_file = _weights(settings.model.weights, digest)
    plain = settings.replace({"training.seed": 0}).to_dict()
    made = [kind, clean(environment.get("title")), experiment, cut, digest, plain]
    return Facts(
        path=clean(run.path),
        name=name,
        title=title,
        kind=kind,
        experiment=experiment,
        cut=cut,
        backbone=_backbone(kind, environment, settings) if has_network else None,
        weights=weights,
        weight_file=weight_file,
        seed=settings.training.seed if kind == "network" or "training.seed" in counted else None,
        parameters=_whole(environment, "parameters"),
        best_epoch=best_epoch,
        epochs=_epochs(run),
        seconds=_number(environment, "seconds"),
        settings=settings,
        recipe=json.dumps(made, sort_keys=True),
    )


def _backbone(kind, environment, settings):
    return clean(environment.get("backbone")) if kind == "ensemble" else settings.model.backbone


def name_runs(facts):
    """Return a name for each run that no other has: its title, with seed or folder if need be."""
    titles = [each.title for each in facts]
    labels = []
    for each in facts:
        alike = [other for other in facts if other.title == each.title]
        label = each.title
        if len(alike) > 1:
            seeds = [other.seed for other in alike]
            told = len(set(seeds)) == len(seeds) and None not in seeds
            label += f" (seed {each.seed})" if told else f" ({each.name})"
        labels.append(label)
    for i, label in enumerate(labels):
        if labels.count(label) > 1 or (label != titles[i] and label in titles):
            labels[i] = f"{titles[i]} ({facts[i].path})"
    return labels


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
    if not run.has(run.history_file):
        return None
    try:
        lines = io.StringIO(run.read(run.history_file).decode("utf-8"), newline="")
        return max(0, sum(1 for row in csv.reader(lines) if row) - 1) or None
    except (ValueError, csv.Error):
        return None


def _number(environment, name):
    value = environment.get(name)
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    return float(value) if is_number and math.isfinite(value) else None


def _whole(environment, name):
    value = _number(environment, name)
    return None if value is None else int(value)
