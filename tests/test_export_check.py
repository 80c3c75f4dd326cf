"""When an export is taken for the same model, on which posters, and what the options allow."""

import shutil
import sys
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

from keras_genres.artefact import models_of
from keras_genres.calibration_map import CalibrationMap, GenreMap
from keras_genres.cli import main
from keras_genres.data.prepare import prepare
from keras_genres.data.table import load_posters
from keras_genres.errors import UserError
from keras_genres.files import json_text
from keras_genres.genres import NUM_GENRES
from keras_genres.inference.export import choose_posters, compare, export
from keras_genres.inference.exports.check import Reference
from keras_genres.inference.exports.graph import calibrated
from keras_genres.inference.load import load_network
from keras_genres.settings import PrepareSettings


@pytest.fixture(scope="module")
def network(finished):
    return load_network(finished.model_file)


def test_a_graph_calibrates_as_numpy_does():
    kinds = (
        GenreMap(),
        GenreMap("temperature", 1.5),
        GenreMap("platt", 0.5, -1.25),
        GenreMap("isotonic", 0.05, -3.0, (-4.0, -1.0), (2.0, 3.0), (1.5, 0.75)),
    )
    calibration = CalibrationMap(tuple(kinds[i % 4] for i in range(NUM_GENRES)))
    edges = np.array([0, 1e-9, 1e-7, 1e-6, 1 - 1e-6, 1 - 1e-7, 1], np.float32)
    column = np.concatenate([edges, np.linspace(0, 1, 200, dtype=np.float32)])
    scores = np.repeat(column[:, None], NUM_GENRES, axis=1)
    found = calibrated(scores, calibration).numpy()
    np.testing.assert_allclose(found, calibration.apply(scores), rtol=1e-5, atol=1e-6)
    np.testing.assert_array_equal(found[:, ::4], scores[:, ::4])
    assert calibrated(scores, CalibrationMap((GenreMap(),) * NUM_GENRES)) is scores


def test_a_steep_calibration_that_magnifies_a_rounding_is_no_fault(network):
    steep = CalibrationMap((GenreMap("temperature", 50.0),) * NUM_GENRES)
    reference = Reference(network, steep, "squeeze")
    near = steep.apply(reference.raw + np.float32(5e-5))
    assert abs(near - reference.scores).max() > 1e-4
    assert reference._fault(near, 0.0, 1e-4) is None
    far = steep.apply(reference.raw + np.float32(5e-3))
    assert "more than 0.0001 makes" in reference._fault(far, 0.0, 1e-4)


def test_int8_is_judged_by_its_decisions(network):
    reference = Reference(network, None, "squeeze", most_changed=0.1)
    found = reference.scores + 0.2
    assert reference._fault(found, 0.1, None) is None
    assert reference._fault(found, 0.11, None) == (
        "11.00% of its genre decisions are others than Keras's, more than --most-changed 0.1"
    )
    found[0, 0] = np.nan
    assert reference._fault(found, 0.0, None) == "some of its scores are no numbers"


def test_the_scales_of_int8_come_from_training_posters_drawn_by_lot(finished, prepared):
    posters, sample = choose_posters(finished, quantize="int8")
    paths = {part: set(load_posters(prepared).part(part).paths) for part in ("train", "val")}
    assert len(sample) > 50 and set(map(str, sample)) <= set(map(str, paths["train"]))
    assert {path.resolve() for path in posters} <= {Path(each).resolve() for each in paths["val"]}
    assert sample != sorted(sample)
    assert choose_posters(finished, quantize="int8")[1] == sample


def test_half_of_a_folder_of_posters_sets_the_scales(finished, drawn):
    posters, sample = choose_posters(finished, drawn, "int8")
    assert len(posters) == len(sample) == 60 and not set(posters) & set(sample)


def test_posters_of_another_split_set_no_scales(run, drawn, tmp_path):
    prepare(drawn / "labels.csv", tmp_path / "data", PrepareSettings(seed=7))
    with run.new_file(run.environment_file) as file:
        file.write(json_text(run.environment() | {"data": str(tmp_path / "data")}).encode())
    with pytest.raises(UserError, match="is another split than the run was trained on"):
        choose_posters(run, quantize="int8")


def test_a_model_without_posters_is_compared_without_int8(finished, tmp_path):
    alone = shutil.copy(finished.model_file, tmp_path / "alone.keras")
    found, notes = compare(alone, forms=[("onnx", None), ("litert", "int8")])
    assert [one.form for one in found] == ["keras", "onnx"]
    assert notes == [
        "litert int8 is left out: int8 needs posters like those of training to set its scales. "
        "Name a folder of posters with --posters."
    ]


def test_what_a_killed_export_left_is_removed_and_nothing_else(finished, tmp_path):
    out = tmp_path / "mine.onnx"
    killed, other, beside = (tmp_path / f".mine.onnx.{end}" for end in ("ab12", "cd34", "txt"))
    killed.mkdir()
    (killed / "mine.onnx").touch()
    other.mkdir()
    (other / "notes.txt").touch()
    beside.touch()
    export(finished, out, form="onnx")
    assert out.exists() and not killed.exists()
    assert (other / "notes.txt").exists() and beside.exists()


def call(*args):
    return CliRunner().invoke(main, [str(arg) for arg in ("export", *args)])


@pytest.mark.parametrize(
    "arguments",
    [
        ("--format", "onnx", "--quantize", "int8"),
        ("--quantize", "int8"),
        ("--compare", "--out", "x"),
        ("--compare", "--overwrite"),
        ("--format", "litert", "--most-changed", "0.1"),
        ("--format", "litert", "--quantize", "int8", "--most-changed", "2"),
    ],
)
def test_options_that_do_not_go_together_are_wrong_usage(arguments, finished):
    assert call(finished.path, *arguments).exit_code == 2


def test_a_place_that_cannot_be_is_one_line_and_the_run_is_as_it_was(run, tmp_path):
    (tmp_path / "file").touch()
    for out, said in (
        (tmp_path / "file" / "m.onnx", "Cannot make"),
        (run.path / "saved_model", r"is a file \*\.onnx"),
    ):
        with pytest.raises(UserError, match=said):
            export(run, out, overwrite=True, form="onnx")
    assert len(models_of(run)) == 2


@pytest.mark.parametrize("package", ["tf2onnx", "onnxruntime"])
def test_a_package_that_is_missing_is_named(package, run, monkeypatch):
    monkeypatch.delitem(sys.modules, package, raising=False)
    monkeypatch.setattr(sys, "path", [])
    monkeypatch.setattr(sys, "path_importer_cache", {})
    with pytest.raises(UserError, match=r"pip install 'keras-genres\[onnx\]'"):
        export(run, form="onnx")
