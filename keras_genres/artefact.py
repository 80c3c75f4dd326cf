"""What a model file tells about itself: genre names, thresholds, calibration, split.

Kept as `keras_genres.json` inside `model.keras` (a zip archive) and in
`assets.extra/` of a SavedModel, the place the format leaves to users. So
thresholds can be chosen again without Keras, and read without our package.

`thresholds` always belong to the scores that the model itself puts out.
`model.keras` puts out those of the network; `calibration` and
`calibrated_thresholds` beside it say what they mean. An export of a calibrated
run has the calibration in its graph: `calibrated` is true.
"""

import math
import shutil
import zipfile
from pathlib import Path

from keras_genres import __version__
from keras_genres.archive import METADATA, read_entries, read_json_entry
from keras_genres.calibration_map import CalibrationMap
from keras_genres.errors import UserError
from keras_genres.files import json_text, read_json, whole_file
from keras_genres.genres import GENRES

CALIBRATION = ("calibration", "calibrated", "calibrated_thresholds")
"""Keys that only what comes from a calibrated run has."""

ENSEMBLE = "ensemble"
"""Key that only a model that averages several networks has."""


def metadata_of(run, calibrated=False):
    """Return what a model of a `Run` tells about itself.

    Args:
        run: The `Run`.
        calibrated: Whether the model puts out calibrated scores where the run
            has a calibration, as exports do, and not the network's.

    Raises:
        UserError: If the run has no thresholds or settings, or one of its
            files is damaged.
    """
    settings, environment = run.settings(), run.environment()
    thresholds, calibration = run.thresholds(), run.calibration()
    is_ensemble = environment.get("kind") == ENSEMBLE
    made_of = {key: environment.get(key) for key in ("average", "members")}
    return {
        "format": "keras-genres",
        "tool_version": __version__,
        "backbone": environment["backbone"] if is_ensemble else settings.model.backbone,
        "genres": list(GENRES),
        **_thresholds_of(thresholds, calibration, calibrated),
        "height": settings.input.height,
        "width": settings.input.width,
        "fit": settings.input.fit,
        "pixels": "RGB, 0-255; preprocessing is inside the model",
        "split_sha256": run.split().sha256,
        **({ENSEMBLE: made_of} if is_ensemble else {}),
    }


def calibrated_metadata(told):
    """Return metadata for an export with the calibration of a `.keras` file in its graph.

    Args:
        told: What the `.keras` file tells about itself.
    """
    if "calibrated_thresholds" not in told:
        return told
    new = {key: value for key, value in told.items() if key not in CALIBRATION}
    new["thresholds"] = told["calibrated_thresholds"]
    return new | {"calibration": told["calibration"], "calibrated": True}


def _thresholds_of(thresholds, calibration, calibrated):
    """Return the parts that change when thresholds or calibration do."""
    raw = _by_genre(thresholds)
    if calibration is None:
        return {"thresholds": raw}
    carried = _by_genre(calibration.carry_thresholds(thresholds))
    if calibrated:
        return {"thresholds": carried, "calibration": calibration.to_json(), "calibrated": True}
    return {
        "thresholds": raw,
        "calibration": calibration.to_json(),
        "calibrated_thresholds": carried,
    }


def _by_genre(thresholds):
    return dict(zip(GENRES, map(float, thresholds), strict=True))


def write_metadata(model, metadata, replace=None):
    """Put metadata into a `.keras` file or a SavedModel folder, replacing what is there.

    Args:
        model: The file or folder.
        metadata: Dictionary, as `metadata_of` makes it.
        replace: Opens the file that is replaced, as `Run.new_file`; `None`
            for a model that belongs to no finished run.

    Raises:
        UserError: If a file is not a `.keras` file.
    """
    replace = replace or (lambda path: whole_file(path, "wb"))
    text = json_text(metadata).encode()
    if Path(model).is_dir():
        with replace(metadata_file(model)) as file:
            file.write(text)
        return
    entries = read_entries(model)
    try:
        with (
            replace(Path(model)) as file,
            zipfile.ZipFile(model) as old,
            zipfile.ZipFile(file, "w") as new,
        ):
            for name, entry in entries.items():
                if name != METADATA:
                    with old.open(entry) as source, new.open(entry, "w") as target:
                        shutil.copyfileobj(source, target, 1 << 20)
            new.writestr(zipfile.ZipInfo(METADATA), text)  # a fixed date, as in predictions
    except zipfile.BadZipFile:
        raise UserError(f"{model} is not a .keras file, or it is damaged.") from None


def metadata_file(model):
    """Return the file that holds a model's metadata: the `.keras` file, or one in the SavedModel.

    A link is not followed to tell which.
    """
    model = Path(model)
    return model / "assets.extra" / METADATA if model.is_dir() else model


def read_metadata(model):
    """Return the metadata of a `.keras` or `.tflite` file or a SavedModel folder.

    Raises:
        UserError: If the model is missing, damaged or not one of ours.
    """
    model = Path(model)
    place = metadata_file(model)
    value = read_json(place) if model.is_dir() else read_json_entry(model, METADATA)
    return check_metadata(value, place)


def check_metadata(value, place):
    """Return metadata as they are if they are such as `metadata_of` makes.

    Args:
        value: Parsed JSON.
        place: Where it was found, for a message.

    Raises:
        UserError: If they are not.
    """
    if not _is_ours(value):
        raise UserError(f"{place} does not tell genres, thresholds and size as keras-genres does.")
    if "calibration" in value:
        CalibrationMap.from_json(value["calibration"], f"What {place} holds")
    return value


def _is_ours(value):
    try:
        told = [value["thresholds"], value.get("calibrated_thresholds", value["thresholds"])]
        thresholds = [each[genre] for each in told for genre in GENRES]
        sizes = [value["height"], value["width"]]
        return (
            value["genres"] == list(GENRES)
            and all(len(each) == len(GENRES) for each in told)
            and all(type(each) in (int, float) and math.isfinite(each) for each in thresholds)
            and all(type(each) is int and 0 < each <= 4096 for each in sizes)
            and all(isinstance(value[key], str) for key in ("fit", "backbone", "split_sha256"))
            and type(value.get("calibrated", False)) is bool
            and ("calibration" in value or not set(CALIBRATION) & set(value))
        )
    except (KeyError, TypeError):
        return False


def models_of(run):
    """Return the models in a run's folder and their metadata, as `{path: metadata}`.

    Raises:
        UserError: If what one tells about itself is not as it was written.
    """
    models = [model for model in (run.model_file, run.saved_model) if run.has(model)]
    for model in models:
        run.whole(metadata_file(model))
    return {model: read_metadata(model) for model in models}


def update_thresholds(run, models):
    """Carry a run's thresholds and calibration into models that lie in its folder.

    What a SavedModel puts out is fixed in its graph: it gets the thresholds of
    its own scores, however it was calibrated.

    Args:
        run: The `Run`.
        models: Their metadata, as `models_of` returns them.

    Returns:
        The paths that were changed.
    """
    changed = []
    for model, told in models.items():
        new = {key: value for key, value in told.items() if key not in CALIBRATION}
        new |= wanted_thresholds(run, model, told)
        if new != told:
            write_metadata(model, new, run.new_file)
            changed.append(model)
    return changed


def is_stale(run, told):
    """Whether an export of a run has another calibration in its graph than the run has now.

    Args:
        run: The `Run`.
        told: The export's metadata.
    """
    calibration = run.calibration()
    now = None if calibration is None else calibration.to_json()
    return now != (told["calibration"] if told.get("calibrated") else None)


def wanted_thresholds(run, model, told):
    """Return what a model in a run's folder should tell of thresholds and calibration.

    Args:
        run: The `Run`.
        model: Path of the model.
        told: Its metadata.
    """
    is_network = Path(model) == run.model_file
    if is_network:
        return _thresholds_of(run.thresholds(), run.calibration(), calibrated=False)
    own = told["calibration"] if told.get("calibrated") else None
    own = own and CalibrationMap.from_json(own, f"What {metadata_file(model)} holds")
    return _thresholds_of(run.thresholds(), own, calibrated=True)
