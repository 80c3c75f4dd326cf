"""ONNX and LiteRT files give the scores of Keras, and tell what they are."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import keras
import numpy as np
import pytest
from click.testing import CliRunner

from keras_genres.artefact import metadata_of
from keras_genres.calibration_map import CalibrationMap, GenreMap
from keras_genres.cli import main
from keras_genres.errors import UserError
from keras_genres.genres import NUM_GENRES
from keras_genres.inference.export import ALL, choose_posters, default_out, export
from keras_genres.inference.exports.check import TOLERANCES, Reference
from keras_genres.inference.exports.onnx import write_onnx
from keras_genres.inference.find import find_model
from keras_genres.inference.runtimes import open_model
from keras_genres.model.backbones import BACKBONES
from keras_genres.model.network import build_network
from keras_genres.runs import Run
from keras_genres.settings import ModelSettings

STEEP = GenreMap("isotonic", 1e-3, -1.0, (-1.0, -0.2, 0.3), (0.5, 0.1, 0.3), (2.0, 1.0, 1.0))
CALIBRATION = CalibrationMap(
    (GenreMap("platt", 0.8, -0.3), STEEP, *[GenreMap("temperature", 1.7)] * 7, *[GenreMap()] * 10)
)
FORMS = (
    ("saved_model", None),
    ("onnx", None),
    ("litert", None),
    ("litert", "float16"),
    ("litert", "dynamic"),
)


def images_of(count, size=32, dtype=np.uint8):
    return np.random.default_rng(1).integers(0, 256, (count, size, size, 3)).astype(dtype)


@pytest.fixture(scope="module")
def calibrated(finished, tmp_path_factory):
    """A calibrated copy of the finished `Run`; do not write into it."""
    run = Run(shutil.copytree(finished.path, tmp_path_factory.mktemp("calibrated") / "run"))
    run.save_calibration(CALIBRATION, {})
    return run


@pytest.fixture(scope="module")
def exported(calibrated, tmp_path_factory):
    """Its exports by form and quantization, as paths; do not write into them."""
    folder = tmp_path_factory.mktemp("exported")
    posters, sample = choose_posters(calibrated, quantize="int8")
    found = {}
    for form, quantize in ALL:
        out = folder / default_out(calibrated, form, quantize).name
        more = {"form": form, "quantize": quantize, "sample": sample, "most_changed": 0.1}
        path, parity = export(calibrated, out, posters, **more)
        assert (path, parity.posters) == (out, len(posters))
        found[form, quantize] = path
    return found


@pytest.mark.parametrize("form, quantize", FORMS)
def test_every_form_gives_the_calibrated_scores_of_keras(calibrated, exported, form, quantize):
    model = open_model(exported[form, quantize])
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


def test_genres_without_a_calibration_pass_as_they_are(finished, exported, tmp_path):
    raw, _ = export(finished, tmp_path / "raw.onnx", form="onnx")
    both = [open_model(each).score(images_of(5)) for each in (raw, exported["onnx", None])]
    np.testing.assert_array_equal(both[0][:, 9:], both[1][:, 9:])
    assert np.abs(both[0][:, :9] - both[1][:, :9]).max() > 0.1


def test_kernels_of_int8_take_a_quarter(exported):
    sizes = [exported["litert", each].stat().st_size for each in ("dynamic", None)]
    assert sizes[0] < 0.35 * sizes[1]


def test_int8_computes_in_whole_numbers_and_keeps_the_head_in_float(exported):
    sizes = {quantize: exported["litert", quantize].stat().st_size for quantize in (None, "int8")}
    assert sizes["int8"] < 0.35 * sizes[None]
    both = [open_model(exported["litert", each]).score(images_of(8)) for each in ("int8", None)]
    assert np.abs(both[0] - both[1]).max() < 0.1
    # 256 levels of a score would all be whole numbers here.
    assert np.abs(both[0] * 256 - np.round(both[0] * 256)).max() > 0.05


ELSEWHERE = """
import sys
for name in ("keras_genres", "keras", "tensorflow", "tf2onnx"):
    sys.modules[name] = None
import json, numpy as np
path, images = sys.argv[1], np.load(sys.argv[2]).astype("float32")
if path.endswith(".onnx"):
    import onnxruntime
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    told = session.get_modelmeta().custom_metadata_map
    assert told["labels"].split("\\n") == json.loads(told["keras_genres.json"])["genres"]
    scores, told = session.run(["scores"], {"images": images})[0], told["keras_genres.json"]
else:
    import zipfile
    from ai_edge_litert.interpreter import Interpreter
    score = Interpreter(path).get_signature_runner()
    scores = np.concatenate([score(images=image[None])["scores"] for image in images])
    told = zipfile.ZipFile(path).read("keras_genres.json")
print(json.dumps([scores.tolist(), json.loads(told)]))
"""


@pytest.mark.parametrize("form", ["onnx", "litert"])
def test_a_program_without_our_packages_scores_and_reads_what_a_file_tells(
    form, calibrated, exported, tmp_path
):
    pytest.importorskip({"onnx": "onnxruntime", "litert": "ai_edge_litert"}[form])
    np.save(tmp_path / "images.npy", images_of(3))
    done = subprocess.run(
        [sys.executable, "-c", ELSEWHERE, exported[form, None], tmp_path / "images.npy"],
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    scores, told = json.loads(done.stdout.splitlines()[-1])
    wanted = open_model(exported[form, None])
    np.testing.assert_allclose(scores, wanted.score(images_of(3)), atol=1e-6)
    assert told == wanted.metadata == metadata_of(calibrated, calibrated=True)


def test_a_network_of_mixed_precision_leaves_as_one_of_float32(tmp_path):
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy("mixed_bfloat16")
    try:
        network = build_network(ModelSettings("smallcnn", "none"), 16, 16)
    finally:
        keras.config.set_dtype_policy(before)
    rounded = Reference(network, None, "squeeze")
    assert not rounded.is_full
    write_onnx(network, tmp_path / "m.onnx", {})
    exact = network.predict(rounded.images.astype(np.float32), verbose=0)
    found = _plain_scores(tmp_path / "m.onnx", rounded.images)
    np.testing.assert_allclose(found, exact, atol=1e-5)
    assert np.abs(rounded.scores - exact).max() > 1e-5
    assert rounded._fault(found, 0.0, 3e-4) is None


def _plain_scores(path, images):
    import onnxruntime

    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    assert [each.name for each in session.get_inputs()] == ["images"]
    assert session.get_inputs()[0].shape == ["posters", 16, 16, 3]
    return session.run(["scores"], {"images": images.astype(np.float32)})[0]


def test_a_process_of_tensorflow_exports_what_another_backend_trained(
    finished, tmp_path, monkeypatch
):
    monkeypatch.setattr(keras.backend, "backend", lambda: "jax")
    path, parity = export(finished, tmp_path / "a.onnx", form="onnx")
    assert parity.form == "onnx" and parity.difference < 1e-4
    assert open_model(path).kind == "onnx"


@pytest.mark.parametrize("is_there", [False, True])
def test_an_export_that_is_another_model_is_an_error_and_leaves_nothing(
    is_there, finished, tmp_path, monkeypatch
):
    monkeypatch.setitem(TOLERANCES, ("onnx", None), -1.0)
    out = tmp_path / "out" / "m.onnx"
    if is_there:
        out.parent.mkdir()
        out.write_text("mine")
    with pytest.raises(UserError, match="onnx export was not kept: its scores differ"):
        export(finished, out, overwrite=True, form="onnx")
    assert [path.name for path in out.parent.iterdir()] == (["m.onnx"] if is_there else [])
    assert not is_there or out.read_text() == "mine"


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
    image = keras.Input((16, 16, 3))
    x = keras.layers.Normalization(mean=[90.0, 100.0, 110.0], variance=[9.0, 16.0, 25.0])(image)
    x = keras.layers.Conv2D(6, 3, groups=3, activation="gelu")(x)
    x = keras.layers.GlobalAveragePooling2D()(x)
    network = keras.Model(image, keras.layers.Dense(NUM_GENRES, activation="sigmoid")(x))
    write_onnx(network, tmp_path / "m.onnx", {})
    images = images_of(3, 16, np.float32)
    found = _plain_scores(tmp_path / "m.onnx", images)
    np.testing.assert_allclose(found, network.predict(images, verbose=0), atol=1e-5)


def test_the_command_writes_beside_the_model_and_says_how_near_it_is(run):
    call = CliRunner().invoke(main, ["export", str(run.path), "--format", "onnx"])
    assert call.exit_code == 0, call.output
    assert (run.path.parent / "run.onnx").exists()
    assert "differ from Keras's by at most" in call.stdout


def test_compare_prints_the_forms_that_are_asked_for_and_leaves_nothing(run):
    before = sorted(run.path.parent.iterdir())
    arguments = ["export", str(run.path), "--compare", "--format"]
    call = CliRunner().invoke(main, [*arguments, "onnx"])
    assert call.exit_code == 0, call.output
    assert [line.split()[0] for line in call.stdout.splitlines()] == ["form", "keras", "onnx"]
    call = CliRunner().invoke(main, [*arguments, "litert", "--quantize", "float16", "--json"])
    _, row = json.loads(call.stdout)
    assert (row["form"], row["quantize"], row["fault"]) == ("litert", "float16", None)
    assert row["posters_per_second"] > 0 and row["megabytes"] > 0
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
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    # tf2onnx copies the weights about thirty times.
    if memory < 36 * 4 * BACKBONES[name].parameters:
        pytest.skip(f"{memory / 2**30:.0f} GiB of memory do not hold what tf2onnx makes of it")
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
