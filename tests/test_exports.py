"""ONNX and LiteRT files give the scores of Keras, and tell what they are."""

import json
import subprocess
import sys
import zipfile
from pathlib import Path

import keras
import numpy as np
import pytest
from click.testing import CliRunner

from keras_genres.artefact import metadata_of, read_metadata
from keras_genres.calibration_map import CalibrationMap, GenreMap
from keras_genres.cli import main
from keras_genres.errors import UserError
from keras_genres.genres import GENRES, NUM_GENRES
from keras_genres.inference.export import check_posters, choose_posters, export
from keras_genres.inference.exports.check import Reference
from keras_genres.inference.exports.onnx import write_onnx
from keras_genres.inference.find import find_model
from keras_genres.inference.runtimes import open_model
from keras_genres.model.backbones import BACKBONES

STEEP = GenreMap("isotonic", 1e-3, -1.0, (-1.0, -0.2, 0.3), (0.5, 0.1, 0.3), (2.0, 1.0, 1.0))
CALIBRATION = CalibrationMap(
    (GenreMap("platt", 0.8, -0.3), STEEP, *[GenreMap("temperature", 1.7)] * 7, *[GenreMap()] * 10)
)
FORMS = (("saved_model", None), ("onnx", None), ("litert", None), ("litert", "float16"))


def images_of(count, size=32, dtype=np.uint8):
    return np.random.default_rng(1).integers(0, 256, (count, size, size, 3)).astype(dtype)


@pytest.fixture
def calibrated(run):
    run.save_calibration(CALIBRATION, {})
    return run


@pytest.mark.parametrize("form, quantize", FORMS)
def test_every_form_gives_the_calibrated_scores_of_keras(calibrated, tmp_path, form, quantize):
    out = tmp_path / {"saved_model": "model", "onnx": "m.onnx", "litert": "m.tflite"}[form]
    posters = check_posters(calibrated)
    path, parity = export(calibrated, out, posters, form=form, quantize=quantize)
    assert (path, parity.posters) == (out, len(posters))
    model = open_model(out)
    assert model.kind == form
    assert model.metadata["calibrated"] and model.metadata["quantized" if quantize else "genres"]
    raw = keras.saving.load_model(calibrated.model_file).predict(images_of(3), verbose=0)
    wanted = CALIBRATION.apply(raw)
    assert np.abs(wanted - raw).max() > 0.1
    found = model.score(images_of(3))
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, wanted, atol=3e-2 if quantize else 1e-4)
    np.testing.assert_array_equal(model.score(images_of(3, dtype=np.float32)), found)
    np.testing.assert_allclose(model.score(images_of(1)), found[:1], atol=1e-6)
    carried = CALIBRATION.carry_thresholds(calibrated.thresholds())
    np.testing.assert_allclose(model.thresholds, carried, rtol=1e-6)


def test_genres_without_a_calibration_pass_as_they_are(calibrated, tmp_path):
    plain, _ = export(find_model(calibrated.model_file), tmp_path / "a.onnx", form="onnx")
    calibrated.remove_file(calibrated.calibration_file)
    raw, _ = export(calibrated, tmp_path / "b.onnx", form="onnx")
    both = [open_model(each).score(images_of(5))[:, 9:] for each in (plain, raw)]
    np.testing.assert_array_equal(*both)


def test_int8_computes_in_whole_numbers_and_keeps_the_head_in_float(calibrated, tmp_path):
    posters, sample = choose_posters(calibrated, quantize="int8")
    files = {"int8": {"quantize": "int8", "sample": sample, "most_changed": 0.1}, "float": {}}
    paths = {
        name: export(calibrated, tmp_path / f"{name}.tflite", posters, form="litert", **more)[0]
        for name, more in files.items()
    }
    sizes = {name: path.stat().st_size for name, path in paths.items()}
    assert sizes["int8"] < 0.35 * sizes["float"]
    scores = open_model(paths["int8"]).score(images_of(8))
    assert np.abs(scores - open_model(paths["float"]).score(images_of(8))).max() < 0.1
    # 256 levels of a score would all be whole numbers here.
    assert np.abs(scores * 256 - np.round(scores * 256)).max() > 0.05


def test_an_export_that_is_another_model_is_an_error_and_leaves_nothing(run, tmp_path):
    posters, sample = choose_posters(run, quantize="int8")
    with pytest.raises(UserError, match=r"int8 export was not kept: .* of its genre decisions"):
        export(
            run, tmp_path / "out" / "m.tflite", posters,
            form="litert", quantize="int8", sample=sample, most_changed=-1,
        )  # fmt: skip
    assert list((tmp_path / "out").iterdir()) == []


def test_scores_beyond_the_tolerance_are_a_fault(run, tmp_path):
    path, _ = export(run, tmp_path / "m.onnx", form="onnx")
    network = keras.saving.load_model(run.model_file)
    assert Reference(network, None, "squeeze").compare(path, "onnx").fault is None
    head = network.get_layer("genres")
    head.bias.assign_add(np.full(NUM_GENRES, 0.01, np.float32))
    assert "more than 0.0003" in Reference(network, None, "squeeze").compare(path, "onnx").fault


def test_a_file_that_is_there_is_kept_unless_told_otherwise(run, tmp_path):
    out = tmp_path / "m.onnx"
    out.write_text("mine")
    with pytest.raises(UserError, match="is there already"):
        export(run, out, form="onnx")
    assert out.read_text() == "mine"
    export(run, out, overwrite=True, form="onnx")
    assert open_model(out).kind == "onnx"
    with pytest.raises(UserError, match=r"a file \*\.tflite"):
        export(run, out, overwrite=True, form="litert")


def test_what_tf2onnx_alone_cannot_convert_is_converted(tmp_path):
    """It makes inputs of the mean of a Normalization layer, and has no GELU or grouped function."""
    import onnxruntime

    image = keras.Input((16, 16, 3))
    x = keras.layers.Normalization(mean=[90.0, 100.0, 110.0], variance=[9.0, 16.0, 25.0])(image)
    x = keras.layers.Conv2D(6, 3, groups=3, activation="gelu")(x)
    x = keras.layers.GlobalAveragePooling2D()(x)
    network = keras.Model(image, keras.layers.Dense(NUM_GENRES, activation="sigmoid")(x))
    write_onnx(network, tmp_path / "m.onnx", {})
    session = onnxruntime.InferenceSession(tmp_path / "m.onnx", providers=["CPUExecutionProvider"])
    assert [each.name for each in session.get_inputs()] == ["images"]
    assert session.get_inputs()[0].shape == ["posters", 16, 16, 3]
    images = images_of(3, 16, np.float32)
    (found,) = session.run(["scores"], {"images": images})
    np.testing.assert_allclose(found, network.predict(images, verbose=0), atol=1e-5)


def test_what_a_file_tells_needs_no_package_of_ours(run, tmp_path):
    import onnx

    wanted = metadata_of(run)
    path, _ = export(run, tmp_path / "m.onnx", form="onnx")
    told = {each.key: each.value for each in onnx.load(path).metadata_props}
    assert json.loads(told["keras_genres.json"]) == wanted
    assert told["labels"].split("\n") == list(GENRES)
    path, _ = export(run, tmp_path / "m.tflite", form="litert")
    with zipfile.ZipFile(path) as archive:
        assert json.loads(archive.read("keras_genres.json")) == wanted
    assert read_metadata(path) == wanted


@pytest.mark.parametrize("damage", ["cut", "text", "bare", "size"])
@pytest.mark.parametrize("form, end", [("onnx", ".onnx"), ("litert", ".tflite")])
def test_a_damaged_or_foreign_file_is_one_line(run, tmp_path, form, end, damage):
    path = tmp_path / f"m{end}"
    if damage in ("cut", "text"):
        export(run, path, form=form)
        data = path.read_bytes()
        path.write_bytes(data[: len(data) // 2] if damage == "cut" else b"hello")
    else:
        _rewrite(run, path, form, {} if damage == "bare" else metadata_of(run) | {"height": 64})
    with pytest.raises(UserError, match=f"m{end}"):
        open_model(path)


def _rewrite(run, path, form, told):
    from keras_genres.inference.exports.litert import write_litert

    network = keras.saving.load_model(run.model_file)
    (write_onnx if form == "onnx" else write_litert)(network, path, told)


def test_the_command_writes_beside_the_model_and_says_how_near_it_is(run):
    call = CliRunner().invoke(main, ["export", str(run.path), "--format", "onnx"])
    assert call.exit_code == 0, call.output
    assert (run.path.parent / "run.onnx").exists()
    assert "differ from Keras's by at most" in call.stdout


def test_compare_makes_a_table_of_every_form_and_leaves_nothing(run):
    before = sorted(run.path.parent.iterdir())
    call = CliRunner().invoke(
        main, ["export", str(run.path), "--compare", "--json", "--most-changed", "0.5"]
    )
    assert call.exit_code == 0, call.output
    rows = json.loads(call.stdout)
    assert [(row["form"], row["quantize"]) for row in rows] == [
        ("keras", None), *FORMS, ("litert", "int8")
    ]  # fmt: skip
    assert all(row["posters_per_second"] > 0 and row["megabytes"] > 0 for row in rows)
    assert sorted(run.path.parent.iterdir()) == before


def test_a_keras_file_is_exported_like_its_run(run, tmp_path):
    alone = tmp_path / "alone" / "mine.keras"
    alone.parent.mkdir()
    alone.write_bytes(run.model_file.read_bytes())
    path, _ = export(find_model(alone), form="onnx")
    assert path == alone.with_suffix(".onnx")
    assert find_model(run.model_file).path == run.path


ONE_BACKBONE = """
import sys
from keras_genres.training.start import start_keras; start_keras()
import json, keras, numpy as np
from pathlib import Path
from keras_genres.artefact import write_metadata
from keras_genres.inference.export import export
from keras_genres.model.backbones import BACKBONES
from keras_genres.model.network import backbone_of, build_network
from keras_genres.settings import ModelSettings
name, folder, told = sys.argv[1:]
size = max(BACKBONES[name].smallest, 32)
keras.utils.set_random_seed(0)
model = Path(folder) / "model.keras"
network = build_network(ModelSettings(name, "none"), size, size)
for layer in backbone_of(network).layers:
    if isinstance(layer, keras.layers.BatchNormalization):
        layer.momentum = 0.0
# A fresh network passes almost no signal until its batch norms have seen a batch.
images = np.random.default_rng(0).integers(0, 256, (16, size, size, 3)).astype(np.float32)
network(images, training=True)
assert np.ptp(network.predict(images, verbose=0), axis=0).max() > 1e-3
network.save(model)
write_metadata(model, json.loads(told) | {"height": size, "width": size, "backbone": name})
for form, end in (("onnx", ".onnx"), ("litert", ".tflite")):
    path, parity = export(model, form=form)
    assert path == model.with_suffix(end) and path.stat().st_size > 1000
    print(form, parity)
"""


@pytest.mark.slow
@pytest.mark.parametrize("name", sorted(BACKBONES))
def test_every_backbone_is_exported(name, finished, tmp_path):
    told = json.dumps(metadata_of(finished))
    # A process each: the largest need the memory to themselves.
    done = subprocess.run(
        [sys.executable, "-c", ONE_BACKBONE, name, tmp_path, told],
        capture_output=True,
        text=True,
        cwd=Path(__file__).parents[1],
    )
    assert done.returncode == 0, done.stderr[-2000:]
    assert done.stdout.count("differ from Keras's") == 2
