"""What a model file tells about itself: genre names, thresholds, split.

Kept as `keras_genres.json` inside `model.keras` (a zip archive) and in
`assets.extra/` of a SavedModel, the place the format leaves to users. So
thresholds can be chosen again without Keras, and read without our package.
"""

import json
import shutil
import zipfile
from pathlib import Path

from keras_genres import __version__
from keras_genres.errors import UserError
from keras_genres.files import read_json, whole_file, write_json
from keras_genres.genres import GENRES

_NAME = "keras_genres.json"


def metadata_of(run):
    """Return what the model of a `Run` tells about itself.

    Raises:
        UserError: If the run has no thresholds or settings.
    """
    settings = run.settings()
    thresholds = run.thresholds()
    return {
        "format": "keras-genres",
        "tool_version": __version__,
        "backbone": settings.model.backbone,
        "genres": list(GENRES),
        "thresholds": dict(zip(GENRES, map(float, thresholds), strict=True)),
        "height": settings.input.height,
        "width": settings.input.width,
        "fit": settings.input.fit,
        "pixels": "RGB, 0-255; preprocessing is inside the model",
        "split_sha256": run.split().sha256,
    }


def write_metadata(model, metadata):
    """Put metadata into a `.keras` file or a SavedModel folder, replacing what is there."""
    model = Path(model)
    if model.is_dir():
        write_json(model / "assets.extra" / _NAME, metadata)
        return
    text = json.dumps(metadata, indent=2, ensure_ascii=False)
    try:
        with (
            whole_file(model, "wb") as file,
            zipfile.ZipFile(model) as old,
            zipfile.ZipFile(file, "w") as new,
        ):
            for entry in old.infolist():
                if entry.filename != _NAME:
                    with old.open(entry) as source, new.open(entry, "w") as target:
                        shutil.copyfileobj(source, target, 1 << 20)
            new.writestr(_NAME, text)
    except (FileNotFoundError, zipfile.BadZipFile):
        raise UserError(f"{model} is not a .keras file.") from None


def read_metadata(model):
    """Return the metadata of a `.keras` file or a SavedModel folder.

    Raises:
        UserError: If the model is missing, damaged or not one of ours.
    """
    model = Path(model)
    if model.is_dir():
        return read_json(model / "assets.extra" / _NAME)
    try:
        with zipfile.ZipFile(model) as archive:
            return json.loads(archive.read(_NAME))
    except FileNotFoundError:
        raise UserError(f"There is no {model}.") from None
    except KeyError:
        raise UserError(f"{model} was not written by keras-genres: it has no {_NAME}.") from None
    except (zipfile.BadZipFile, ValueError):
        raise UserError(f"{model} is not a .keras file, or it is damaged.") from None


def update_thresholds(run):
    """Carry a run's thresholds into the models that lie in its folder.

    Returns:
        The paths that were changed.
    """
    changed = []
    for model in (run.model_file, run.saved_model):
        if model.exists():
            metadata = read_metadata(model)
            wanted = metadata_of(run)["thresholds"]
            if metadata.get("thresholds") != wanted:
                write_metadata(model, metadata | {"thresholds": wanted})
                changed.append(model)
    return changed
