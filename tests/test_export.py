"""The SavedModel speaks for itself: plain TensorFlow, no package of ours."""

import json
import shutil
import subprocess
import sys

import numpy as np
import pytest

from keras_genres.artefact import models_of, read_metadata, update_thresholds, write_metadata
from keras_genres.errors import UserError
from keras_genres.evaluation.thresholds import sweep
from keras_genres.genres import GENRES
from keras_genres.inference.export import check_posters, export
from keras_genres.inference.load import load_network
from keras_genres.manifest import update_manifest

PLAIN_TENSORFLOW = """
import sys; sys.modules["keras_genres"] = sys.modules["keras"] = None
import json, pathlib, numpy as np, tensorflow as tf
folder, data, predictions = sys.argv[1:]
saved = np.load(predictions)
model = tf.saved_model.load(folder)
files = [(pathlib.Path(data) / name).read_bytes() for name in saved["filenames"]]
serve = model.signatures["serve_bytes"]
scores = serve(image_bytes=tf.constant(files))["scores"].numpy()
images = np.random.default_rng(0).integers(0, 256, (2, 32, 32, 3)).astype("uint8")
as_uint8 = model.signatures["serve_uint8"](images=tf.constant(images))["scores"].numpy()
as_float = model.signatures["serving_default"](
    images=tf.constant(images.astype("float32")))["scores"].numpy()
large = model.signatures["serving_default"](
    images=tf.zeros((1, 90, 70, 3)))["scores"].numpy()
print(json.dumps({
    "difference": float(abs(scores - saved["scores"]).max()),
    "dtypes": float(abs(as_uint8 - as_float).max()),
    "large": list(large.shape),
    "signatures": sorted(model.signatures),
    "genres": json.loads(
        (pathlib.Path(folder) / "assets.extra/keras_genres.json").read_text())["genres"],
}))
"""


def test_plain_tensorflow_gives_the_saved_scores_from_the_files(finished, prepared):
    done = subprocess.run(
        [
            sys.executable,
            "-c",
            PLAIN_TENSORFLOW,
            finished.saved_model,
            prepared,
            finished.predictions_file("test"),
        ],
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout.splitlines()[-1])
    assert found["difference"] < 1e-5
    assert found["dtypes"] == 0.0
    assert found["large"] == [1, 19]
    assert found["signatures"] == ["serve_bytes", "serve_uint8", "serving_default"]
    assert found["genres"] == list(GENRES)


def test_an_export_is_checked_on_the_posters_of_the_run(run):
    shutil.rmtree(run.saved_model)
    folder, parity = export(run, posters=check_posters(run))
    assert folder == run.saved_model and parity.difference < 1e-5
    assert parity.posters == len(run.predictions("val").filenames)


def test_without_the_posters_it_is_checked_on_noise(run, tmp_path):
    run.environment_file.write_text("{}")
    update_manifest(run.path, [run.environment_file])
    assert check_posters(run) == []
    _, parity = export(run, tmp_path / "model")
    assert parity.difference < 1e-5 and parity.posters == 8


def test_a_folder_that_is_there_is_refused(run, tmp_path):
    (tmp_path / "model").mkdir()
    (tmp_path / "model" / "mine").touch()
    with pytest.raises(UserError, match="is there already"):
        export(run, tmp_path / "model")
    assert [path.name for path in (tmp_path / "model").iterdir()] == ["mine"]


def test_a_folder_without_posters_is_named(run):
    with pytest.raises(UserError, match="There is no readable JPEG or PNG file in"):
        check_posters(run, run.path / "predictions")


def test_thresholds_chosen_again_reach_both_models(run):
    before = read_metadata(run.model_file)["thresholds"]
    sweep(run, "grid", 0.05)
    assert len(update_thresholds(run, models_of(run))) == 2
    for model in (run.model_file, run.saved_model):
        after = read_metadata(model)["thresholds"]
        assert after != before
        assert list(after.values()) == run.thresholds().tolist()
    assert update_thresholds(run, models_of(run)) == []
    load_network(run.model_file)  # the archive is still a Keras model


def test_metadata_do_not_change_the_weights(run):
    before = load_network(run.model_file).get_weights()
    write_metadata(run.model_file, {"a": 1})
    for old, new in zip(before, load_network(run.model_file).get_weights(), strict=True):
        np.testing.assert_array_equal(old, new)


@pytest.mark.parametrize("damage", ["cut", "missing", "text"])
def test_a_damaged_model_is_named(run, damage):
    content = run.model_file.read_bytes()
    if damage == "missing":
        run.model_file.unlink()
    else:
        run.model_file.write_bytes(content[: len(content) // 2] if damage == "cut" else b"hello")
    with pytest.raises(UserError, match=r"model\.keras"):
        export(run)
    assert (run.saved_model / "saved_model.pb").exists()
