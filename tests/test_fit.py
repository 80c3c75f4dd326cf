"""Real training on drawn posters, from the folder to the exported model."""

import csv
import json
import os
import shutil
import signal
import subprocess
import sys
import time

import numpy as np
import pytest
from conftest import TINY

from keras_genres.errors import UserError
from keras_genres.evaluation.report import write_report
from keras_genres.runs import Run
from keras_genres.settings import load_settings
from keras_genres.training.fit import dry_run, fit

CONTRACT = (
    "settings.yaml",
    "environment.json",
    "split.json",
    "history.csv",
    "predictions/val.npz",
    "predictions/test.npz",
    "thresholds.json",
    "report/val.csv",
    "report/test.csv",
    "report/test.json",
    "model.keras",
    "saved_model/saved_model.pb",
)


def tiny(*overrides):
    return load_settings(None, [*TINY, *overrides])


def test_a_run_folder_holds_what_the_contract_says(finished):
    assert [name for name in CONTRACT if not (finished.path / name).exists()] == []
    assert not (finished.path / "checkpoints").exists()
    assert not finished.path.with_name("tiny.partial").exists()


def test_both_stages_are_in_the_history_and_the_best_epoch_is_marked(finished):
    rows = list(csv.DictReader(finished.history_file.open()))
    assert [row["stage"] for row in rows] == ["head", "all", "all"]
    assert [float(row["learning_rate"]) for row in rows] == [1e-4, 1e-3, 1e-3]
    tuned = [float(row["val_macro_f1_tuned"]) for row in rows]
    environment = json.loads(finished.environment_file.read_text())
    assert environment["best_epoch"] == 1 + int(np.argmax(tuned))


def test_saved_settings_have_nothing_left_to_choose(finished):
    settings = finished.settings()
    assert (settings.training.precision, settings.training.jit) != ("auto", "auto")
    assert settings.training.learning_rate == 1e-3
    assert settings.model.weights == "none"


def test_the_split_of_the_data_is_carried_along(finished, prepared):
    assert (finished.path / "split.json").read_bytes() == (prepared / "split.json").read_bytes()


def test_the_report_is_made_again_byte_for_byte_from_the_run_folder(run):
    before = {path.name: path.read_bytes() for path in run.report.iterdir()}
    shutil.rmtree(run.report)
    write_report(run)
    assert {path.name: path.read_bytes() for path in run.report.iterdir()} == before


def test_the_report_of_a_fit_tells_how_it_was_made(finished, prepared):
    text = (finished.report / "report.md").read_text(encoding="utf-8")
    assert f"Data: {prepared.name}\n" in text
    assert "- Time: " in text and "best epoch" in text


def test_saved_scores_are_those_of_the_saved_model_without_our_package(finished, prepared):
    code = f"""
import sys; sys.modules["keras_genres"] = None
import json, keras, numpy as np, tensorflow as tf, zipfile
model = keras.saving.load_model({str(finished.model_file)!r})
saved = np.load({str(finished.predictions_file("test"))!r})
posters = [tf.io.decode_jpeg(tf.io.read_file({str(prepared)!r} + "/" + name), 3,
           dct_method="INTEGER_ACCURATE") for name in saved["filenames"]]
images = tf.stack([tf.image.resize(poster, (32, 32), antialias=True) for poster in posters])
images = tf.round(tf.clip_by_value(images, 0, 255))
scores = model.predict(images, verbose=0)
print(abs(scores - saved["scores"]).max())
print(json.loads(zipfile.ZipFile({str(finished.model_file)!r}).read("keras_genres.json"))["genres"])
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    difference, genres = done.stdout.splitlines()[-2:]
    assert float(difference) < 1e-5
    assert genres.startswith("['Action', 'Adventure'")


def test_the_same_seed_gives_the_same_run(finished, prepared, tmp_path):
    again = fit(tiny(), prepared, tmp_path / "again")
    np.testing.assert_allclose(
        again.predictions("test").scores, finished.predictions("test").scores, atol=1e-5
    )


def test_a_run_folder_that_exists_is_refused_untouched(run, prepared):
    before = sorted(path.name for path in run.path.iterdir())
    with pytest.raises(UserError, match="is there already"):
        fit(tiny(), prepared, run.path)
    assert sorted(path.name for path in run.path.iterdir()) == before


def edited(prepared, folder, change):
    """Copy the prepared data with `multilabel_posters.csv` changed by `change(rows)`."""
    folder.mkdir()
    shutil.copy(prepared / "split.json", folder)
    rows = list(csv.reader((prepared / "multilabel_posters.csv").open(newline="")))
    for row in rows[1:]:
        row[0] = os.path.relpath(prepared / row[0], folder)
    change(rows)
    with (folder / "multilabel_posters.csv").open("w", newline="") as file:
        csv.writer(file, lineterminator="\n").writerows(rows)
    return folder


def test_data_that_were_edited_after_the_split_are_refused(prepared, tmp_path):
    def flip(rows):
        rows[1][1] = str(1 - int(rows[1][1]))

    folder = edited(prepared, tmp_path / "data", flip)
    with pytest.raises(UserError, match=r"split"):
        fit(tiny(), folder, tmp_path / "run")
    assert os.listdir(tmp_path) == ["data"]


def test_a_random_backbone_that_stays_frozen_is_told(prepared):
    assert "stays random" in dry_run(tiny("training.epochs=0"), prepared)
    assert "stays random" not in dry_run(tiny(), prepared)


def test_a_dry_run_trains_one_batch_and_writes_nothing(prepared, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    text = dry_run(tiny(), prepared)
    assert "stage head: epochs 1-1, learning rate 0.0001" in text
    assert "stage all: epochs 2-3, learning rate 0.001" in text
    assert "one batch of 16 posters: loss 0." in text
    assert os.listdir(tmp_path) == []


@pytest.mark.parametrize("loss", ["weighted_bce", "focal"])
def test_other_losses_train_and_load_without_our_package(prepared, tmp_path, loss):
    run = fit(tiny(f"training.loss={loss}", "training.head_epochs=0"), prepared, tmp_path / loss)
    rows = list(csv.DictReader(run.history_file.open()))
    assert float(rows[-1]["loss"]) < float(rows[0]["loss"])


@pytest.mark.parametrize(
    "number, epochs_before", [(signal.SIGINT, 0), (signal.SIGINT, 1), (signal.SIGTERM, 1)]
)
def test_a_training_that_is_stopped_ends_in_one_line(prepared, tmp_path, number, epochs_before):
    args = [sys.executable, "-m", "keras_genres", "fit", "smallcnn"]
    args += ["--data", str(prepared), "--out", "run"]
    for override in [*TINY, "training.epochs=100000", "training.patience=100000"]:
        args += ["--set", override]
    process = subprocess.Popen(
        args,
        cwd=tmp_path,
        stderr=subprocess.PIPE,
        text=True,
        # A shell gives its background jobs a SIGINT that is ignored.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )
    try:
        # The second epoch's line comes as the third begins.
        wanted = "Epoch 2/" if epochs_before else "Decoded posters"
        for line in process.stderr:
            if line.startswith(wanted):
                time.sleep(0.2)
                process.send_signal(number)
                break
        _, rest = process.communicate(timeout=120)
    finally:
        process.kill()
    assert process.returncode == 1
    last = rest.strip().splitlines()[-1]
    assert last.startswith("Error: Interrupted"), rest
    assert "Traceback" not in rest
    assert last.endswith("Go on with: keras-genres fit --resume run")
    assert os.listdir(tmp_path) == ["run.partial"]
    assert list((tmp_path / "run.partial/checkpoints").glob("0*.npz"))


def run_on_jax(code, **environment):
    pytest.importorskip("jax")
    done = subprocess.run(
        [sys.executable, "-c", code],
        env=os.environ | {"KERAS_BACKEND": "jax"} | environment,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


FIT = """
from keras_genres.settings import load_settings
from keras_genres.training.fit import fit
run = fit(load_settings(None, {settings!r}), {data!r}, {out!r})
"""


def test_jax_trains_both_stages_and_exports_the_same_scores(prepared, tmp_path):
    code = FIT.format(settings=[*TINY], data=str(prepared), out=str(tmp_path / "run"))
    run_on_jax(code)
    run = Run.open(tmp_path / "run")
    assert [name for name in CONTRACT if not (run.path / name).exists()] == []
    rows = list(csv.DictReader(run.history_file.open()))
    assert [float(row["learning_rate"]) for row in rows] == [1e-4, 1e-3, 1e-3]
    assert float(rows[2]["loss"]) < float(rows[0]["loss"])


SPREAD = {
    "tensorflow": """
import tensorflow as tf
cpu = tf.config.list_physical_devices("CPU")[0]
tf.config.set_logical_device_configuration(cpu, [tf.config.LogicalDeviceConfiguration()] * 2)
""",
    "jax": "",
}


def run_on_two_devices(backend, settings, data, out):
    if backend == "jax":
        pytest.importorskip("jax")
    code = SPREAD[backend] + FIT.format(settings=[*settings], data=str(data), out=str(out))
    done = subprocess.run(
        [sys.executable, "-c", code],
        env=os.environ
        | {"KERAS_BACKEND": backend, "XLA_FLAGS": "--xla_force_host_platform_device_count=2"},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    return Run.open(out)


@pytest.mark.parametrize("backend", SPREAD)
def test_two_devices_share_the_batch_and_learn_as_one(prepared, finished, tmp_path, backend):
    run = run_on_two_devices(backend, TINY, prepared, tmp_path / "run")
    assert json.loads(run.environment_file.read_text())["devices"] == 2
    rows = list(csv.DictReader(run.history_file.open()))
    assert float(rows[2]["loss"]) < float(rows[0]["loss"])
    if backend == "tensorflow":
        # Stage 1 trains the head alone, without BatchNormalization over parts of a batch, so
        # two devices take the same steps as one.
        alone = list(csv.DictReader(finished.history_file.open()))
        assert float(rows[0]["loss"]) == pytest.approx(float(alone[0]["loss"]), abs=2e-3)


@pytest.mark.parametrize("precision, jit", [("bfloat16", "on"), ("float16", "off")])
def test_reduced_precision_learns_in_both_stages(prepared, tmp_path, precision, jit):
    import keras

    settings = tiny(f"training.precision={precision}", f"training.jit={jit}", "training.epochs=1")
    try:
        run = fit(settings, prepared, tmp_path / "run")
    finally:
        keras.config.set_dtype_policy("float32")
    rows = list(csv.DictReader(run.history_file.open()))
    assert [row["stage"] for row in rows] == ["head", "all"]
    assert float(rows[1]["loss"]) < float(rows[0]["loss"])
    assert run.predictions("test").scores.dtype == np.float32
