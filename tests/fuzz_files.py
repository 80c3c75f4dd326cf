"""What becomes of run folders, settings and model files when they are changed, input by input.

Each function takes a number, which decides the input, and returns a short
text: `read`, `refused`, or `!` and what should not have happened.
"""

import copy
import functools
import io
import json
import os
import random
import tempfile
import traceback
import zipfile
from pathlib import Path

import h5py
import numpy as np
from mutate import mutated
from synthetic import write_run

from keras_genres import archive, hdf5
from keras_genres.archive import require_known_network
from keras_genres.artefact import read_metadata
from keras_genres.errors import UserError
from keras_genres.evaluation.about import about_run, settings_rows
from keras_genres.evaluation.compare.facts import read_facts
from keras_genres.evaluation.history import read_history
from keras_genres.evaluation.page import report_page
from keras_genres.evaluation.report import format_report, make_report
from keras_genres.evaluation.report_markdown import report_markdown
from keras_genres.evaluation.thresholds import sweep
from keras_genres.files import write_json
from keras_genres.hdf5 import require_plain_weights
from keras_genres.manifest import update_manifest, write_manifest
from keras_genres.plain_files import HASHES
from keras_genres.runs import Run
from keras_genres.settings import Settings, load_settings
from keras_genres.verify import format_verified, verify
from keras_genres.yaml_files import parse_yaml

_YAML_PARTS = """&a|*a|<<: *a|!!python/object/apply:os.system|!!int|!x|? |: |- |[|{|]|}|,|"|'|\t|\0
%YAML 1.1|---|...|\x85|\u2028|\ud7ff|.inf|-.inf|.nan|0x7fffffffffffffffff|0b_|0x_|1e999|1:60:60|~
null|true|2001-99-99|2001-01-01|12:30:45|=|#|> |\x1b[2J|model:|training: |seed: 1|weights: |\\ud800
[[[[[[[[[[[[[[[[[[[[[[[[|{a: {a: {a: {a: {a: {a: {a: {a: {a: {a: {a: {a: {a: {a: {a: {a: {a: """
_PARTS = [part.encode("utf-8") for part in _YAML_PARTS.replace("\n", "|").split("|")]
_VALUES = (
    *(None, True, False, 0, -1, 1.5, 1e308, 10**30, "", "x" * 5000, "\ud800", "\x1b[2J", "=cmd()"),
    *("../../etc/passwd", "<script>", [], {}, [[[[]]]], {"a": {"b": [1]}}, float("nan"), -1e-9),
    *("\n", "0" * 64, "test", "val", ["a"] * 50),
)


def settings(number):
    """Settings from a YAML file, or from `--set`."""
    draw = random.Random(number)
    if draw.random() < 0.3:
        return _outcome(lambda: _same_again(load_settings(None, [_override(draw)])))
    data = _text(draw, [Settings().to_yaml().encode(), b"training: {seed: 3}\n"], _PARTS)
    return _outcome(lambda: _same_again(Settings().replace(parse_yaml(data, "a.yaml"))))


def run_folder(number):
    """A file of a finished run, changed and taken as it is."""
    draw = random.Random(number)
    run, valid = _run()
    name = draw.choice(sorted(valid))
    if name == HASHES:
        data = _text(draw, [valid[name]], _PARTS)
    elif name.endswith(".json") and draw.random() < 0.7:
        data = _json(draw, valid[name])
    elif name.endswith(".npz"):
        data = _npz(draw, valid[name])
    else:
        data = _text(draw, [valid[name], *valid.values()], _PARTS)
    path = run.path / name
    path.write_bytes(data)
    try:
        if name != HASHES:
            update_manifest(run.path, [path])
        return _outcome(lambda: _use(run))
    finally:
        path.write_bytes(valid[name])
        (run.path / HASHES).write_bytes(valid[HASHES])


def _harmless(path, name, start=0, size=None):
    """As `require_harmless_weights` without a process for each of many thousand files."""
    return hdf5.look(path, start, path.stat().st_size if size is None else size, name)


archive.require_harmless_weights = _harmless


def weights(number):
    """A file of weights, read as far as HDF5 is asked."""
    draw = random.Random(number)
    data = mutated(_weights(), [_weights()], draw)

    def read():
        try:
            with h5py.File(io.BytesIO(data), "r") as file:
                require_plain_weights(file, "it", len(data))
                file.visititems(lambda name, item: np.asarray(item) if _is_array(item) else None)
        except UserError:
            raise
        except Exception as error:  # h5py raises many kinds; `load_weight_file` tells damage
            raise UserError(str(error) or "damaged") from None

    return _outcome(read)


def model(number):
    """A `.keras` file, up to where Keras would load it."""
    draw = random.Random(number)
    path = _changed_model(draw)
    return _outcome(lambda: (require_known_network(path), read_metadata(path)))


def loaded_model(number):
    """A `.keras` file, loaded by Keras if it gets that far."""
    from keras_genres.inference.load import load_network

    path = _changed_model(random.Random(number))
    return _outcome(lambda: load_network(path))


def loaded_weights(number):
    """A file of weights, loaded into a backbone."""
    from keras_genres.model import weights as module
    from keras_genres.model.weights import load_weight_file

    module.require_harmless_weights = _harmless
    core, row, valid = _backbone()
    path = _folder() / "changed.weights.h5"
    path.write_bytes(mutated(valid, [valid], random.Random(number)))
    return _outcome(lambda: load_weight_file(core, path, row))


def light(number):
    """One of those that take no Keras."""
    return (settings, weights, model, settings, weights, run_folder)[number % 6](number)


def _outcome(use):
    try:
        use()
    except UserError as error:
        said = str(error)
        return "refused" if said and "\n" not in said else f"!lines: {said!r}"
    except MemoryError:
        return "!memory"
    except Exception as error:
        place = traceback.extract_tb(error.__traceback__)[-1]
        return f"!{type(error).__name__}: {error} in {Path(place.filename).name}:{place.lineno}"
    return "read"


def _same_again(found):
    """What was read is written and read back as the same settings."""
    assert Settings().replace(parse_yaml(found.to_yaml().encode(), "again")) == found


def _use(run):
    """Do with a run what commands do."""
    run = Run.open(run.path)
    format_verified(verify(run.path))
    read_facts(run), about_run(run), settings_rows(run), read_history(run)
    report = make_report(run)
    for form in ("table", "csv", "json"):
        format_report(report, form)
    report_markdown(run, report, [])
    report_page(run, report, run.path, []).encode("utf-8")


def _override(draw):
    name = draw.choice(["training.seed", "model.weights", "augment.flip", "training.jit", "input"])
    value = draw.choice([*map(str, _VALUES), *(part.decode() for part in _PARTS)])
    text = f"{name}={value}"
    if draw.random() < 0.5:
        place = draw.randrange(len(text) + 1)
        text = text[:place] + draw.choice(_PARTS).decode() + text[place:]
    return text


def _text(draw, valid, parts):
    """Change a text: bytes anywhere, and parts of the language where they may hurt."""
    data = draw.choice(valid[:1] * 3 + valid)
    for _ in range(draw.randrange(4)):
        place = draw.randrange(len(data) + 1)
        data = data[:place] + draw.choice(parts) + data[place:]
    return mutated(data, valid, draw) if draw.random() < 0.5 else data


def _json(draw, data):
    """Replace, remove or add values in a JSON document."""
    document = json.loads(data)
    for _ in range(draw.choice((1, 1, 2, 3))):
        places = list(_places(document))
        if not places:
            break
        holder, key = draw.choice(places)
        kind = draw.random()
        if kind < 0.6:
            holder[key] = copy.deepcopy(draw.choice(_VALUES))
        elif kind < 0.8:
            del holder[key]
        elif isinstance(holder, dict):
            holder[draw.choice(("more", "", "genres", "x" * 300))] = copy.deepcopy(
                draw.choice(_VALUES)
            )
    return json.dumps(document).encode()


def _places(value):
    items = value.items() if isinstance(value, dict) else enumerate(value)
    for key, inner in list(items):
        yield value, key
        if isinstance(inner, dict | list):
            yield from _places(inner)


def _npz(draw, data):
    """Change the bytes of an archive, or of an entry so that its checksum is right."""
    if draw.random() < 0.4:
        return mutated(data, [data], draw)
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        entries = {name: archive.read(name) for name in archive.namelist()}
    return _zipped(draw, entries, draw.choice(sorted(entries)))


def _changed_model(draw):
    data = _model()
    path = _folder() / "changed.keras"
    if draw.random() < 0.3:
        path.write_bytes(mutated(data, [data], draw))
        return path
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        entries = {name: archive.read(name) for name in archive.namelist()}
    name = draw.choice(sorted(entries))
    if name.endswith(".json") and draw.random() < 0.6:
        entries[name] = _json(draw, entries[name])
        path.write_bytes(_zipped(draw, entries))
    else:
        path.write_bytes(_zipped(draw, entries, name))
    return path


def _zipped(draw, entries, name=None):
    buffer = io.BytesIO()
    if name is not None:
        entries[name] = mutated(entries[name], list(entries.values()), draw)
    compression = zipfile.ZIP_DEFLATED if draw.random() < 0.05 else zipfile.ZIP_STORED
    with zipfile.ZipFile(buffer, "w", compression) as archive:
        for each, content in entries.items():
            archive.writestr(each, content)
    return buffer.getvalue()


def _is_array(item):
    return isinstance(item, h5py.Dataset)


# Valid files, made once in a process


@functools.cache
def _folder():
    return Path(tempfile.mkdtemp(prefix="fuzz-"))


@functools.cache
def _run():
    run = write_run(_folder() / "run", posters=12, changes={"evaluation.resamples": 0})
    sweep(run)
    about = {"title": "Fuzzed", "data": "/nowhere", "seconds": 3.5, "parameters": 10, "gpus": []}
    about |= {"packages": {"keras": "3"}, "command": "keras-genres fit vgg16", "best_epoch": 2}
    about |= {"cut": "a sentence", "weights_sha256": "0" * 64, "cores": 2, "experiment": "vgg16"}
    write_json(run.environment_file, about)
    write_manifest(run.path)
    return run, {
        path.relative_to(run.path).as_posix(): path.read_bytes()
        for path in run.path.rglob("*")
        if path.is_file()
    }


@functools.cache
def _weights():
    """Return weights as Keras lays them out, in a file of a few thousand bytes."""
    buffer = io.BytesIO()
    with h5py.File(buffer, "w") as file:
        for layer in ("conv2d", "batch_normalization", "dense"):
            group = file.create_group(f"layers/{layer}/vars")
            for number in range(2):
                group[str(number)] = np.arange(6, dtype="f4")
        file.attrs["layer_names"] = [b"a", b"b"]
    return buffer.getvalue()


@functools.cache
def _model():
    """Return the bytes of a model: the one that `KERAS_GENRES_FUZZED_MODEL` names."""
    return Path(os.environ["KERAS_GENRES_FUZZED_MODEL"]).read_bytes()


@functools.cache
def _backbone():
    from keras_genres.model.backbones import BACKBONES
    from keras_genres.model.network import build_backbone

    row = BACKBONES["smallcnn"]
    core = build_backbone(row, 32, 32)
    path = _folder() / "valid.weights.h5"
    core.save_weights(path)
    return core, row, path.read_bytes()
