"""Can the files of a run be used, and do they belong together?"""

import csv
import io
from dataclasses import dataclass

from keras_genres.archive import require_known_network
from keras_genres.artefact import metadata_of, read_metadata, wanted_thresholds
from keras_genres.calibration_map import calibration_hash
from keras_genres.errors import UserError
from keras_genres.files import parse_json
from keras_genres.genres import GENRES

WRONG, NOTE = "wrong", "note"
_EVALUATED = ("val", "test")
_OF_SPLIT = ("predictions/", "thresholds.json", "calibration.json")  # told by split.json
_OF_EXPORT = ("thresholds", "calibration", "calibrated_thresholds")
_OF_MODEL = ("backbone", "height", "width", "fit", "split_sha256", *_OF_EXPORT)
_REPORT = ("val.csv", "test.csv", "val.json", "test.json", "report.md")


@dataclass(frozen=True)
class Finding:
    """What is to be said of one file."""

    file: str
    """Its name in the run folder."""
    level: str
    """`wrong`, or `note` for what does no harm."""
    what: str
    """What was found."""
    todo: str = ""
    """What to do, a sentence; empty for nothing."""
    is_readable: bool = True
    """Whether the file can be used if it is taken as it is."""


def find_contradictions(run, damaged):
    """Yield a `Finding` for each file that cannot be used or does not belong to the others.

    Neither hashes are looked at, nor Keras and TensorFlow needed.

    Args:
        run: The `Run`, opened without a look at its hashes.
        damaged: Names of files that are passed over, since more is wrong with them.
    """
    if not run.has(run.settings_file):
        return  # the folder around the runs of an experiment
    parts = [
        ("settings.yaml", run.settings),
        ("environment.json", run.environment),
        ("split.json", run.split),
        *(
            (f"predictions/{part}.npz", lambda part=part: run.predictions(part))
            for part in _EVALUATED
        ),
        ("thresholds.json", run.threshold_facts),
        ("calibration.json", run.calibration),  # or None without one
    ]
    is_sound = True
    for name, read in parts:
        if name in damaged or (name.startswith(_OF_SPLIT) and "split.json" in damaged):
            is_sound = False
            continue
        try:
            read()
        except UserError as error:
            is_sound = False
            yield Finding(name, WRONG, str(error), is_readable=False)
    if is_sound:
        yield from _of_models(run, damaged)
        yield from _of_report(run, damaged)


def _of_models(run, damaged):
    is_network = run.environment().get("kind") != "baseline"
    for model in (run.model_file, run.saved_model):
        name = model.name
        if any(each == name or each.startswith(name + "/") for each in damaged):
            continue
        if not run.has(model):
            if is_network:
                yield Finding(name, NOTE, "the run has none")
            continue
        try:
            if model == run.model_file:
                require_known_network(model)
            found = read_metadata(model)
            wanted = metadata_of(run, calibrated=model == run.saved_model)
            wanted["thresholds"] = wanted_thresholds(run, model, found)["thresholds"]
        except UserError as error:
            yield Finding(name, WRONG, str(error), is_readable=False)
            continue
        for key in _OF_MODEL:
            if found.get(key) != wanted.get(key):
                what = f"it tells another {key} than the run: it is of another run, or out of date"
                todo = (
                    f"`keras-genres export {run.path}` makes both models tell the run's thresholds "
                    "and calibration."
                )
                yield Finding(name, WRONG, what, todo if key in _OF_EXPORT else "")


def _of_report(run, damaged):
    again = f"`keras-genres report {run.path}` writes it again."
    for name in _REPORT:
        if f"report/{name}" not in damaged and not run.has(run.report / name):
            yield Finding(f"report/{name}", NOTE, "the run has none", again)
            damaged = {*damaged, f"report/{name}"}
    thresholds = {genre: str(value) for genre, value in zip(GENRES, run.thresholds(), strict=True)}
    for part in _EVALUATED:
        table, summary = (run.report / f"{part}.{kind}" for kind in ("csv", "json"))
        if f"report/{table.name}" not in damaged:
            text = run.read(table).decode("utf-8", "replace")
            rows = csv.DictReader(io.StringIO(text, newline=""))
            told = {row.get("genre"): row.get("threshold") for row in rows}
            if {genre: told.get(genre) for genre in GENRES} != thresholds:
                what = "it tells other thresholds than thresholds.json"
                yield Finding(f"report/{table.name}", WRONG, what, again)
        if f"report/{summary.name}" not in damaged:
            try:
                told = parse_json(run.read(summary), summary)["split_sha256"]
            except (UserError, KeyError, TypeError):
                told = None
            if told != run.split().sha256:
                what = "it tells of another split than split.json"
                yield Finding(f"report/{summary.name}", WRONG, what, again)
    yield from _of_calibration(run, damaged, again)


def _of_calibration(run, damaged, again):
    """Hold the table of a calibration against the calibration."""
    calibration, table = run.calibration(), run.report / "calibration.json"
    wanted = None if calibration is None else calibration_hash(calibration)
    told = None
    if f"report/{table.name}" in damaged:
        return
    if run.has(table):
        try:
            told = parse_json(run.read(table), table)["calibration_sha256"]
        except (UserError, KeyError, TypeError):
            told = ""
    if told != wanted:
        what = "it tells of another calibration than calibration.json" if run.has(table) else ""
        yield Finding(f"report/{table.name}", WRONG, what or "the report has none", again)
