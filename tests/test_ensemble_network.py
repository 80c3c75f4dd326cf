"""Ensembles of members that see other sizes, by scores or logits, as network and as run."""

import subprocess
import sys

import keras
import numpy as np
import pytest
from click.testing import CliRunner
from conftest import TINY
from synthetic import draw_scores, write_run

from keras_genres.artefact import read_metadata
from keras_genres.cli import main
from keras_genres.data.table import load_posters
from keras_genres.errors import UserError
from keras_genres.evaluation.ensemble import Ensemble, choose_members, common_input
from keras_genres.evaluation.thresholds import choose_thresholds, sweep
from keras_genres.files import write_json, write_text
from keras_genres.genres import GENRES
from keras_genres.inference.explain import explain_image
from keras_genres.inference.exports.norms import with_norms_as_products
from keras_genres.inference.load import load_network
from keras_genres.inference.predictor import Predictor
from keras_genres.manifest import entry_of, write_manifest
from keras_genres.model.average import average_networks, members_of, resize_matrix
from keras_genres.model.network import build_network
from keras_genres.runs import Run
from keras_genres.settings import ModelSettings, load_settings
from keras_genres.training.complete import save_network, save_scores
from keras_genres.training.ensemble import ensemble
from keras_genres.training.job import Job, poster_sources
from keras_genres.training.soup import soup
from keras_genres.training.trainee import live_scorer
from keras_genres.verify import verify


def scored(path, noise, **more):
    """Write a run of drawn scores: the same posters each time, other scores for other noise."""
    run = write_run(path, posters=60, history=False, **more)
    generator = np.random.default_rng(noise)
    for split in ("val", "test"):
        found = run.predictions(split)
        found.scores[:] = draw_scores(found.labels, generator)
        found.save(run.predictions_file(split))
    sweep(run)
    write_manifest(run.path)
    return run


def built(size, seed=0, **more):
    """Return a small network whose scores differ from poster to poster."""
    keras.utils.set_random_seed(seed)
    settings = ModelSettings(backbone="smallcnn", weights="none", **more)
    network = build_network(settings, *size, seed=seed)
    generator, head = np.random.default_rng(seed), network.layers[-1]
    head.set_weights([generator.normal(0, 0.5, each.shape) for each in head.get_weights()])
    return network


def untrained(path, prepared, size):
    """Write a run of a small network with its scores, as `fit` would without training."""
    changes = [f"input.height={size[0]}", f"input.width={size[1]}"]
    settings = load_settings(None, [*TINY, "model.weights=none", *changes])
    posters, run = load_posters(prepared), Run(path, checked=False)
    run.path.mkdir()
    write_text(run.settings_file, settings.to_yaml())
    posters.split.save(run.split_file)
    write_json(run.environment_file, {"data": str(prepared)})
    job = Job(settings, posters, (), built(size), None, 1)
    save_scores(run, posters, live_scorer(job, poster_sources(job)))
    sweep(run)
    save_network(run, job.network)
    write_manifest(run.path)
    return run


def pictures(height, width):
    return np.random.default_rng(0).uniform(0, 255, (3, height, width, 3)).astype("float32")


def mean(counts, scores, of="scores"):
    return Ensemble((None,) * len(counts), counts, of).mean(scores)


def test_the_mean_of_scores_and_of_logits_by_hand():
    scores = [np.array([[each]]) for each in (0.2, 0.8, 0.9)]
    assert mean((1, 1), scores[:2])[0, 0] == np.float32(0.5)
    assert mean((1, 3), scores[::2])[0, 0] == np.float32(0.725)
    # log(0.2 / 0.8) + log(0.9 / 0.1) = log(2.25), whose half is log(1.5) = log(0.6 / 0.4)
    assert mean((1, 1), scores[::2], "logits")[0, 0] == pytest.approx(0.6)
    ends = [np.array([[0.0]]), np.array([[1.0]])]
    # Not exactly: float32 comes nearer to 0 than to 1.
    assert mean((1, 1), ends, "logits")[0, 0] == pytest.approx(0.5, abs=0.03)


def test_the_run_says_what_it_is_made_of(tmp_path):
    runs = [scored(tmp_path / f"r{noise}", noise) for noise in range(3)]
    paths = [each.path for each in runs]
    notes = []
    run = ensemble(paths, tmp_path / "mean", of="logits", scores_only=True, note=notes.append)
    members = run.environment()["members"]
    assert [each["run"] for each in members] == ["r0", "r1", "r2"]
    for split in ("val", "test"):
        hashes = [entry_of(each.predictions_file(split)).sha256 for each in runs]
        assert [each[f"{split}_sha256"] for each in members] == hashes
    val = run.predictions("val")
    assert run.thresholds().tolist() == choose_thresholds(val.labels, val.scores).tolist()
    assert "mean of the logits of r0, r1, r2" in (run.report / "report.md").read_text()
    assert verify(run.path).is_whole and "No model: it was not asked for" in notes
    with pytest.raises(UserError, match="there is none"):
        ensemble(paths, tmp_path / "more", data=tmp_path, note=notes.append)
    assert not (tmp_path / "more").exists()


def test_scores_are_averaged_without_keras(tmp_path):
    for noise in range(2):
        scored(tmp_path / f"r{noise}", noise)
    code = """
import sys
from keras_genres.cli import main
try:
    main(["ensemble", "r0", "r1", "--out", "mean", "--scores-only", "--weights", "validation"])
except SystemExit as error:
    assert not error.code
assert not {"keras", "tensorflow", "jax"} & {name.split(".")[0] for name in sys.modules}
"""
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    # What needs a network says that there is none.
    for name, *rest in (["predict", "x.jpg"], ["export", "--compare"]):
        found = CliRunner().invoke(main, [name, str(tmp_path / "mean"), *rest])
        assert found.exit_code == 1 and "has scores and no network" in found.stderr


def test_one_picture_serves_members_of_other_sizes_unless_it_is_cropped(tmp_path):
    tall = {"input.height": 48, "input.width": 32}
    square = {"input.height": 32, "input.width": 32}
    cropped = {"input.fit": "crop"}

    def seen(*changes):
        runs = [scored(tmp_path / f"{seen.count}-{n}", n, changes=e) for n, e in enumerate(changes)]
        seen.count += 1
        return common_input(runs)

    seen.count = 0
    assert seen(square, tall) == {"height": 48, "width": 32, "fit": "squeeze"}
    double = {"input.height": 96, "input.width": 64}
    assert seen(tall | cropped, double | cropped) == {"height": 96, "width": 64, "fit": "crop"}
    assert seen(tall | cropped, square | cropped) is None
    assert seen(tall | cropped, tall) is None


@pytest.mark.parametrize(("size", "new_size"), [(48, 32), (40, 27), (30, 30), (20, 33)])
def test_resizing_is_that_of_evaluation(size, new_size):
    import tensorflow as tf

    lines = np.random.default_rng(0).uniform(0, 255, (1, size, 1, 3)).astype("float32")
    wanted = tf.image.resize(lines, (new_size, 1), "bilinear", antialias=True).numpy()
    found = np.einsum("nhwc,hk->nkwc", lines, resize_matrix(size, new_size))
    assert np.abs(found - wanted).max() < 2e-3  # of 255


def test_a_network_averages_networks_of_several_sizes_and_heads(tmp_path):
    import tensorflow as tf

    sizes, heads = [(48, 32), (32, 32), (48, 32)], ["pooled", "csra", "levels"]
    networks = [built(size, seed, head=heads[seed]) for seed, size in enumerate(sizes)]
    images, counts = pictures(48, 32), (5, 3, 2)
    small = tf.image.resize(images, (32, 32), "bilinear", antialias=True).numpy()
    parts = [
        network.predict_on_batch(small if size == (32, 32) else images)
        for network, size in zip(networks, sizes, strict=True)
    ]
    assert min(part.std(axis=0).max() for part in parts) > 1e-3
    with pytest.raises(ValueError, match="one shape"):
        average_networks(networks, counts)
    for of in ("scores", "logits"):
        wanted = mean(counts, parts, of)
        network = average_networks(networks, counts, (48, 32), of)
        network.save(tmp_path / f"{of}.keras")
        loaded = load_network(tmp_path / f"{of}.keras")  # which refuses layers that are not ours
        assert np.abs(loaded.predict_on_batch(images) - wanted).max() < 1e-4
    assert len(members_of(loaded)) == 3 and not members_of(members_of(loaded)[1])
    products = with_norms_as_products(loaded)
    assert np.abs(products.predict_on_batch(images) - wanted).max() < 1e-4


@pytest.fixture(scope="module")
def tall(prepared, tmp_path_factory):
    """A `Run` like `finished` that sees taller posters; do not write into it."""
    return untrained(tmp_path_factory.mktemp("runs") / "tall", prepared, (48, 32))


def test_members_of_other_sizes_make_a_run_as_any_other(finished, tall, prepared, tmp_path):
    notes = []
    paths, out = [finished.path, tall.path], tmp_path / "mean"
    run = ensemble(paths, out, data=prepared, note=notes.append)
    line = next(each for each in notes if each.startswith("Model:"))
    assert float(line.split("at most ")[1].split()[0]) < 1e-5
    assert verify(out).is_whole and not verify(out).findings
    told = read_metadata(run.model_file)
    assert [each["weight"] for each in told["ensemble"]["members"]] == [0.5, 0.5]
    assert (told["backbone"], told["height"], told["width"]) == ("smallcnn", 48, 32)
    saved = run.predictions("test")
    poster = prepared / saved.filenames[0]
    predictor = Predictor.load(out)
    found = predictor.predict([poster])[0].scores
    assert [found[genre] for genre in GENRES] == pytest.approx(saved.scores[0].tolist(), abs=1e-5)
    explanation = explain_image(predictor.runtime, predictor.read(poster), top=1)
    assert list(explanation.maps) == ["occlusion"]
    with pytest.raises(UserError, match="--method occlusion"):
        explain_image(predictor.runtime, predictor.read(poster), top=1, method="gradcam")


@pytest.mark.slow
def test_what_other_sizes_change_is_told(finished, tall, tmp_path):
    notes = []
    run = ensemble([finished.path, tall.path], tmp_path / "mean", note=notes.append)
    line = next(each for each in notes if each.startswith("Model:"))
    assert float(line.split("at most ")[1].split()[0]) > 1e-5 and "--data scores" in line
    for name, *rest in (["thresholds", "--method", "grid"], ["calibrate"], ["export", "--compare"]):
        done = CliRunner().invoke(main, [name, str(run.path), *rest])
        assert done.exit_code == 0, done.output
    assert verify(run.path).is_whole


def test_runs_that_began_with_other_weights_make_no_soup(prepared, tmp_path):
    paths = []
    for seed, weights in enumerate(("imagenet", "none")):
        run = scored(tmp_path / weights, seed, changes={"model.weights": weights})
        posters = load_posters(prepared)
        posters.split.save(run.split_file)
        write_manifest(run.path)
        paths.append(run.path)
    with pytest.raises(UserError, match="began with different weights"):
        soup(paths, prepared, tmp_path / "soup")


def test_runs_of_other_splits_are_refused(tmp_path):
    one, other = (scored(tmp_path / f"r{seed}", 0, seed=seed) for seed in range(2))
    with pytest.raises(UserError, match="different splits"):
        choose_members([one, other])
