"""`bench train` and `bench predict` on a network of seconds."""

import pytest
from click.testing import CliRunner

from keras_genres import cli
from keras_genres.bench.predict import DECODED, FILES, WHOLE, bench_predict
from keras_genres.bench.train import bench_prefix, bench_train

SMALL = {"backbone": "smallcnn", "size": (32, 32), "batch_size": 16}


def test_train_gives_time_and_validation_f1_of_all(prepared):
    found = bench_train(
        prepared, epochs=2, posters=80, rounds=1, views=(2,), precision="float32", **SMALL
    )
    assert [one["who"] for one in found.timings] == [
        "ours, on pixels",
        "ours, 2 views",
        "keras-fit",
    ]
    for one in found.timings:
        assert one["seconds"] > 0 and 0 <= one["macro_f1"] <= 1
    # As many views as epochs, of the training's seed: the same training.
    pixels, kept, _ = found.timings
    assert kept["macro_f1"] == pytest.approx(pixels["macro_f1"], abs=0.05)
    assert found.settings["precision"] == "float32"
    shown = [one for one in found.rows if one["against"] == "keras-fit"]
    assert [one["measure"] for one in shown] == 2 * [
        "time of the stage",
        "val macro F1, tuned, last epoch",
    ]
    assert [line.split(":")[0] for line in found.left_out] == ["fastai", "timm"]


def test_prefix_compares_epochs_with_open_blocks_to_ours_on_pixels(prepared):
    found = bench_prefix(
        prepared, unfreeze="block4", epochs=2, posters=80, rounds=1, views=(1,), **SMALL
    )
    shown = {one["against"]: one for one in found.rows if one["measure"].startswith("time of an")}
    assert set(shown) == {"", "ours, on pixels", "keras-fit"}
    kept = next(one for one in found.timings if one["who"] == "ours, 1 view")
    # 55 posters in float16 and 25 in float32, 1,536 numbers each at the cut below block 4.
    assert "55 in training" in found.settings["posters"]
    assert kept["cache_mib"] == pytest.approx(1536 * (55 * 2 + 25 * 4) / 2**20)


def test_predict_compares_scores_beside_speed(finished, prepared):
    found = bench_predict(
        finished.path, prepared, posters=20, batch_size=8, rounds=1, peers=["keras-predict"]
    )
    by = {(one["what"], one["who"]): one for one in found.timings}
    assert set(by) == {
        (what, who) for what in (DECODED, FILES, WHOLE) for who in ("ours", "keras-predict")
    }
    assert {one["posters"] for one in found.timings} == {20}
    for key in set(by) - {(FILES, "keras-predict")}:
        assert by[key]["score_difference"] < 1e-5
    # Pillow resizes by another rounding, so its scores are near, not equal.
    assert by[FILES, "keras-predict"]["score_difference"] < 0.1
    assert found.settings["size"] == "32 × 32"


def test_onnxruntime_scores_as_keras_does(prepared):
    pytest.importorskip("onnxruntime")
    pytest.importorskip("tf2onnx")
    found = bench_predict(
        None, prepared, posters=20, rounds=1, peers=["onnxruntime"], **SMALL | {"batch_size": 8}
    )
    by = {(one["what"], one["who"]): one for one in found.timings}
    assert by[DECODED, "onnxruntime"]["score_difference"] < 1e-5
    assert by[FILES, "onnxruntime"]["posters"] == 20
    assert found.machine["packages"]["onnxruntime"]


def test_a_run_has_its_own_size(finished, prepared):
    done = CliRunner().invoke(
        cli.main,
        ["bench", "predict", str(finished.path), "--data", str(prepared), "--size", "64"],
    )
    assert done.exit_code == 1 and "--size belongs to --backbone" in done.stderr


def test_posters_must_fill_a_batch(prepared):
    args = ["bench", "input", "--data", str(prepared), "--posters", "4", "--backbone", "none"]
    done = CliRunner().invoke(cli.main, args)
    assert done.exit_code == 1 and "4 posters do not fill a batch of 32" in done.stderr
