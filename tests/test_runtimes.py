"""A model in any form, as one function of pixels."""

import shutil
import sys
import threading
import zipfile

import numpy as np
import pytest

from keras_genres.artefact import read_metadata
from keras_genres.errors import UserError
from keras_genres.genres import GENRES
from keras_genres.inference.export import export
from keras_genres.inference.runtimes import open_model


@pytest.fixture(scope="module")
def forms(finished, tmp_path_factory):
    """Paths of one model in all its forms; do not write into them."""
    folder = tmp_path_factory.mktemp("forms")
    return {
        "run": finished.path,
        "keras": finished.model_file,
        "saved_model": finished.saved_model,
        "onnx": export(finished, folder / "model.onnx", form="onnx")[0],
        "litert": export(finished, folder / "model.tflite", form="litert")[0],
    }


@pytest.fixture(scope="module")
def images():
    return np.random.default_rng(0).integers(0, 256, (5, 32, 32, 3), np.uint8)


FORMS = ["run", "keras", "saved_model", "onnx", "litert"]


@pytest.mark.parametrize("form", FORMS)
def test_every_form_gives_the_same_scores_for_any_number_of_images(form, forms, images):
    runtime = open_model(forms[form])
    wanted = open_model(forms["keras"]).score(images)
    assert runtime.kind == ("keras" if form == "run" else form)
    for count in (1, 2, 5):
        scores = runtime.score(images[:count])
        assert scores.shape == (count, len(GENRES)) and scores.dtype == np.float32
        np.testing.assert_allclose(scores, wanted[:count], atol=1e-4)
    as_float = runtime.score(images.astype("float32"))
    np.testing.assert_array_equal(as_float, runtime.score(images))


@pytest.mark.parametrize("form", FORMS)
def test_every_form_tells_size_fit_and_thresholds(form, forms, finished):
    runtime = open_model(forms[form])
    assert (runtime.height, runtime.width, runtime.fit) == (32, 32, "squeeze")
    assert runtime.metadata["split_sha256"] == finished.split().sha256
    assert runtime.thresholds.dtype == np.float32
    np.testing.assert_allclose(runtime.thresholds, finished.thresholds(), rtol=1e-6)
    assert (runtime.network is not None) == (form in ("run", "keras"))
    assert (runtime.score_files is not None) == (form == "saved_model")


@pytest.mark.parametrize("form", FORMS)
def test_images_of_another_size_are_a_mistake_of_the_caller(form, forms):
    with pytest.raises(ValueError, match="`images` must be"):
        open_model(forms[form]).score(np.zeros((1, 32, 31, 3), np.uint8))


@pytest.mark.parametrize("form", ["onnx", "litert"])
def test_threads_may_score_at_once(form, forms, images):
    runtime = open_model(forms[form])
    wanted, found = runtime.score(images), [None] * 8

    def work(slot):
        found[slot] = runtime.score(images)

    threads = [threading.Thread(target=work, args=(slot,)) for slot in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for scores in found:
        np.testing.assert_allclose(scores, wanted, atol=1e-6)


@pytest.mark.parametrize("damage", ["cut", "hello", "empty"])
@pytest.mark.parametrize("form", ["keras", "onnx", "litert"])
def test_a_damaged_file_is_named_in_one_line(form, damage, forms, tmp_path):
    path = tmp_path / forms[form].name
    content = forms[form].read_bytes()
    path.write_bytes({"cut": content[: len(content) // 2], "hello": b"hello", "empty": b""}[damage])
    with pytest.raises(UserError) as told:
        open_model(path)
    assert path.name in str(told.value) and "\n" not in str(told.value)


def test_a_litert_file_with_a_damaged_model_is_named(forms, tmp_path):
    path = tmp_path / "model.tflite"
    with zipfile.ZipFile(forms["litert"]) as archive:
        told = archive.read("keras_genres.json")
    path.write_bytes(b"\0" * 1000)
    with zipfile.ZipFile(path, "a") as archive:
        archive.writestr("keras_genres.json", told)
    with pytest.raises(UserError, match=r"model\.tflite cannot be loaded"):
        open_model(path)


def test_a_model_of_another_tool_is_refused(forms, tmp_path):
    onnx = pytest.importorskip("onnx")
    other = onnx.load(forms["onnx"])
    del other.metadata_props[:]
    onnx.save(other, tmp_path / "other.onnx")
    with pytest.raises(UserError, match=r"other\.onnx has no keras_genres\.json"):
        open_model(tmp_path / "other.onnx")


def test_a_litert_file_of_another_tool_is_refused(forms, tmp_path):
    with zipfile.ZipFile(forms["litert"]) as archive:
        start = archive.getinfo("keras_genres.json").header_offset
    (tmp_path / "other.tflite").write_bytes(forms["litert"].read_bytes()[:start])
    with pytest.raises(UserError, match=r"other\.tflite is damaged, or keras-genres did not"):
        open_model(tmp_path / "other.tflite")


def test_a_model_that_is_not_what_it_tells_is_refused(forms, tmp_path):
    path = tmp_path / "model.tflite"
    content = forms["litert"].read_bytes()
    path.write_bytes(content.replace(b'"height": 32,', b'"height": 33,'))
    with pytest.raises(UserError):  # the archive's own sum
        open_model(path)
    onnx = pytest.importorskip("onnx")
    other = onnx.load(forms["onnx"])
    for entry in other.metadata_props:
        entry.value = entry.value.replace('"height": 32', '"height": 33')
    onnx.save(other, tmp_path / "other.onnx")
    with pytest.raises(UserError, match="it is not as keras-genres wrote it"):
        open_model(tmp_path / "other.onnx")


def test_what_is_no_model_is_told(tmp_path):
    with pytest.raises(UserError, match="There is no model"):
        open_model(tmp_path / "none.onnx")
    (tmp_path / "a.h5").touch()
    with pytest.raises(UserError, match=r"expected a run folder, .* \.keras, \.onnx, \.tflite"):
        open_model(tmp_path / "a.h5")
    (tmp_path / "folder").mkdir()
    with pytest.raises(UserError):
        open_model(tmp_path / "folder")


@pytest.mark.parametrize(
    ("form", "modules"),
    [("onnx", ["onnxruntime"]), ("litert", ["ai_edge_litert.interpreter", "tensorflow"])],
)
def test_a_runtime_that_is_not_installed_is_named(form, modules, forms, monkeypatch):
    for module in modules:
        monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(UserError, match=rf"pip install 'keras-genres\[{form}\]'"):
        open_model(forms[form])


def test_tensorflow_runs_litert_where_its_own_package_is_missing(forms, images, monkeypatch):
    wanted = open_model(forms["litert"]).score(images)
    monkeypatch.setitem(sys.modules, "ai_edge_litert.interpreter", None)
    np.testing.assert_allclose(open_model(forms["litert"]).score(images), wanted, atol=1e-6)


def test_a_saved_model_elsewhere_is_opened(forms, images, tmp_path):
    folder = shutil.copytree(forms["saved_model"], tmp_path / "model")
    runtime = open_model(folder)
    assert runtime.metadata == read_metadata(folder)
    np.testing.assert_allclose(
        runtime.score(images), open_model(forms["keras"]).score(images), atol=1e-6
    )
