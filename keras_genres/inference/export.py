"""A trained model for other runtimes: SavedModel, ONNX or LiteRT, whole or not at all.

Each is written beside its place, loaded by its own runtime and compared with
Keras before it is put there.
"""

import contextlib
import glob
import importlib.util
import os
import shutil
import tempfile
from pathlib import Path

from keras_genres.archive import require_known_network
from keras_genres.artefact import (
    calibrated_metadata,
    metadata_of,
    read_metadata,
    update_thresholds,
)
from keras_genres.errors import UserError
from keras_genres.files import sync_folder, whole_folder
from keras_genres.inference.exports.check import MOST_CHANGED, label
from keras_genres.inference.exports.make import make
from keras_genres.inference.exports.posters import check_posters, choose_posters
from keras_genres.locks import alone
from keras_genres.runs import Run

__all__ = ["ALL", "FORMS", "check_posters", "choose_posters", "compare", "export"]

FORMS = {"saved_model": "", "onnx": ".onnx", "litert": ".tflite"}
"""How the name of a model of each form ends."""
ALL = (
    ("saved_model", None),
    ("onnx", None),
    ("litert", None),
    ("litert", "float16"),
    ("litert", "dynamic"),
    ("litert", "int8"),
)
"""Every form with every quantization it has."""
_NEEDED = {"onnx": ("tf2onnx", "onnxruntime"), "litert": ()}


def export(
    model,
    out=None,
    posters=(),
    overwrite=False,
    *,
    form="saved_model",
    quantize=None,
    sample=(),
    most_changed=MOST_CHANGED,
):
    """Export a trained model and check it against Keras.

    Args:
        model: A `Run` with `model.keras` and `thresholds.json`, or the path of
            a `.keras` file.
        out: Folder or file to write. `None`: a SavedModel of a run is
            `saved_model/` of the run, which is replaced; all others stand
            beside the model, named after it.
        posters: JPEG or PNG files to check on; drawn noise if there are none.
        overwrite: Replace `out` if it is there.
        form: One of `FORMS`.
        quantize: For LiteRT `float16`, `dynamic`, `int8` or `None`.
        sample: Files that set the scales of `int8`; `posters` if there are none.
        most_changed: For `dynamic` and `int8`, largest share of genre decisions that may differ.

    Returns:
        The path and its `Parity`.

    Raises:
        UserError: If the model is missing or not as it was written, a package
            is missing, `out` is there already, or the export is not the same
            model by the tolerance of its form; then nothing is written.
    """
    require_packages(form)
    model_file, told, metadata = _facts(model)
    posters = list(posters)
    with contextlib.ExitStack() as stack:
        if out is None and form == "saved_model" and isinstance(model, Run):
            out = model.saved_model
            made = stack.enter_context(model.new_folder(out))
            update_thresholds(model, {model_file: told})
        else:
            out = Path(out) if out is not None else default_out(model, form, quantize)
            made = stack.enter_context(_scratch(out, form, overwrite))
        wanted = [(form, quantize, made)]
        parity = make(model_file, metadata, wanted, posters, sample, most_changed)[-1]
        if parity.fault:
            nearer = " --quantize dynamic comes nearer." if quantize == "int8" else ""
            raise UserError(
                f"The {label(form, quantize)} export was not kept: {parity.fault}.{nearer}"
            )
    return out, parity


def compare(model, folder=None, forms=ALL, most_changed=MOST_CHANGED):
    """Make forms of a model in a temporary folder and compare each with Keras.

    Args:
        model: As for `export`.
        folder: Folder of posters to take instead of those of the run.
        forms: Pairs of form and quantization.
        most_changed: As for `export`.

    Returns:
        A list of `Parity`, first of Keras itself; and lines about forms that
        were left out.

    Raises:
        UserError: If the model is missing or not as it was written.
    """
    model_file, _, metadata = _facts(model)
    posters = choose_posters(model, folder)[0]
    wanted, notes, sample = [], [], []
    with tempfile.TemporaryDirectory(prefix="keras-genres-export-") as scratch:
        for form, quantize in forms:
            try:
                require_packages(form)
                if quantize == "int8":
                    posters, sample = choose_posters(model, folder, quantize)
            except UserError as error:
                notes.append(f"{label(form, quantize)} is left out: {error}")
                continue
            path = Path(scratch) / f"{form}-{quantize}{FORMS[form]}"
            if form == "saved_model":
                path.mkdir()
            wanted.append((form, quantize, path))
        return make(model_file, metadata, wanted, posters, sample, most_changed), notes


def require_packages(form):
    """Refuse a form whose packages are not installed.

    Raises:
        UserError: It names what to install.
    """
    missing = [each for each in _NEEDED.get(form, ()) if not importlib.util.find_spec(each)]
    if missing:
        raise UserError(f"{form} needs {' and '.join(missing)}: pip install 'keras-genres[{form}]'")


def default_out(model, form, quantize=None):
    """Return where an export stands that nobody named a place for: beside the model.

    Args:
        model: A `Run` or the path of a `.keras` file.
        form: One of `FORMS`.
        quantize: For LiteRT `float16`, `dynamic`, `int8` or `None`.
    """
    path = Path(os.path.abspath(model.path if isinstance(model, Run) else model))
    name = path.name if isinstance(model, Run) else path.stem
    end = "-saved_model" if form == "saved_model" else FORMS[form]
    return path.with_name(name + (f"-{quantize}" if quantize else "") + end)


def _facts(model):
    """Return the `.keras` file, what it tells of itself, and what an export of it tells."""
    if not isinstance(model, Run):
        require_known_network(model)
        told = read_metadata(model)
        return Path(model), told, calibrated_metadata(told)
    told = read_metadata(model.whole_model())
    metadata = calibrated_metadata(told) | metadata_of(model, calibrated=True)
    require_known_network(model.model_file)  # before Keras and its seconds
    return model.model_file, told, metadata


@contextlib.contextmanager
def _scratch(out, form, overwrite):
    """Give a path to write to that becomes `out` when the block ends well."""
    if form == "saved_model":
        with whole_folder(out, overwrite, mark="saved_model.pb") as folder:
            yield folder
        return
    if out.suffix != FORMS[form]:
        raise UserError(f"A model of {form} is a file *{FORMS[form]}. Received: --out {out}")
    if os.path.lexists(out) and (not overwrite or not out.is_file()):
        raise UserError(
            f"{out} is there already. Choose another --out, or replace it with --overwrite."
        )
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UserError(f"Cannot make {out}: {error.strerror}. Choose another --out.") from None
    with alone(out):
        _sweep(out)
        with tempfile.TemporaryDirectory(dir=out.parent, prefix=f".{out.name}.") as folder:
            made = Path(folder) / out.name
            yield made
            with open(made, "rb") as file:
                os.fsync(file.fileno())
            os.replace(made, out)
            sync_folder(out.parent)


def _sweep(out):
    """Remove what exports to the same place left that were killed."""
    for folder in out.parent.glob(f".{glob.escape(out.name)}.*"):
        if folder.is_dir() and set(os.listdir(folder)) <= {out.name}:
            shutil.rmtree(folder)
