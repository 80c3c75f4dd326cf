"""Baselines from prepared posters to a run folder, and as commands."""

import json
import os
import shutil

import numpy as np
import pytest
from click.testing import CliRunner
from conftest import TINY
from test_layers import loaded_by

from keras_genres import cli
from keras_genres.baselines import methods
from keras_genres.baselines.methods import METHODS
from keras_genres.baselines.run import baseline
from keras_genres.baselines.table import BASELINES
from keras_genres.data.table import load_posters
from keras_genres.errors import UserError
from keras_genres.evaluation.metrics import micro_f1, pick
from keras_genres.evaluation.report import make_report, write_report
from keras_genres.evaluation.thresholds import choose_thresholds
from keras_genres.genres import GENRES
from keras_genres.runs import Run
from keras_genres.settings import load_settings

CONTRACT = (
    "settings.yaml",
    "environment.json",
    "split.json",
    "predictions/val.npz",
    "predictions/test.npz",
    "thresholds.json",
    "report/val.csv",
    "report/test.csv",
    "report/test.json",
)
QUICK = {
    "frozen": (
        "model.backbone=smallcnn",
        "model.weights=none",
        "input.height=32",
        "input.width=32",
        "training.batch_size=16",
    ),
    "pixels": [part for part in TINY if "head_epochs" not in part],
}
PRIORS = ("most-frequent", "constant")


def quick(name, *more):
    row = BASELINES[name]
    overrides = ["evaluation.resamples=50", *QUICK.get(row.features, ()), *more]
    return row.settings(None, overrides)


def call(*args):
    return CliRunner().invoke(cli.main, ["baseline", *map(str, args)])


@pytest.fixture(scope="module", autouse=True)
def small_search():
    """Two values to choose from are as good as five, and RAkEL fits 38 classifiers for each."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(methods, "RAKEL_C", (1e-3, 1e-2))
        yield


@pytest.fixture(scope="module")
def runs(prepared, tmp_path_factory):
    """A finished `Run` of every baseline but the network, by name; do not write into them."""
    folder = tmp_path_factory.mktemp("baselines")
    facts = {"experiment": "e", "cut": "120 drawn posters"}
    return {
        name: baseline(name, quick(name), prepared, folder / name, facts=facts)
        for name in BASELINES
        if name != "cnn"
    }


NAMES = [name for name in BASELINES if name != "cnn"]


@pytest.mark.parametrize("name", NAMES)
def test_every_baseline_writes_the_run_folder_of_the_contract(runs, prepared, name):
    run = Run.open(runs[name].path)
    assert [part for part in CONTRACT if not (run.path / part).exists()] == []
    assert sorted(path.name for path in run.path.parent.iterdir()) == sorted(NAMES)
    posters = load_posters(prepared)
    for split in ("val", "test"):
        found, rows = run.predictions(split), posters.part(split)
        np.testing.assert_array_equal(found.filenames, rows.filenames)
        np.testing.assert_array_equal(found.groups, rows.groups)
        assert found.scores.min() >= 0 and found.scores.max() <= 1
    about = run.environment()
    assert about["kind"] == "baseline" and about["baseline"] == name
    assert about["experiment"] == "e" and about["cut"] == "120 drawn posters"
    assert about["posters"] == {"train": 82, "val": 18, "test": 20}
    assert about["title"] and about["seconds"] >= 0 and about["data"] == str(prepared)


@pytest.mark.parametrize("name", ["constant", "logistic-frozen"])
def test_the_report_is_made_again_byte_for_byte(runs, tmp_path, name):
    run = Run(shutil.copytree(runs[name].path, tmp_path / "run"))
    before = {path.name: path.read_bytes() for path in run.report.iterdir()}
    shutil.rmtree(run.report)
    write_report(run)
    assert {path.name: path.read_bytes() for path in run.report.iterdir()} == before


@pytest.mark.parametrize("name", [name for name in NAMES if name not in PRIORS])
def test_what_looks_at_posters_tells_drawn_ones_better_than_a_constant_set(runs, name):
    summary = make_report(runs[name]).summaries["test"]
    constant = make_report(runs["constant"]).summaries["test"]
    precision = "mean_average_precision"
    assert summary["ranking"][precision] > constant["ranking"][precision] + 0.02


@pytest.mark.parametrize("name", ["rakel", "logistic-frozen"])
def test_the_same_seed_gives_the_same_scores(runs, prepared, name):
    again = METHODS[name](quick(name), load_posters(prepared), note=lambda line: None)
    for split in ("val", "test"):
        np.testing.assert_array_equal(
            again.scores[split].astype(np.float32), runs[name].predictions(split).scores
        )


def test_another_seed_is_another_run_where_chance_takes_part(runs, prepared):
    posters = load_posters(prepared)
    settings = quick("rakel", "training.seed=1")
    other = METHODS["rakel"](settings, posters, note=lambda line: None)
    assert (other.scores["val"].astype(np.float32) != runs["rakel"].predictions("val").scores).any()


def test_only_settings_that_count_are_saved(runs):
    saved = runs["rakel"].settings_file.read_text()
    assert "resamples: 50" in saved and "seed: 0" in saved
    assert "backbone" not in saved and "epochs" not in saved
    frozen = runs["logistic-frozen"]
    assert frozen.settings().model.backbone == "smallcnn"
    assert frozen.settings().input.height == 32
    assert "epochs" not in frozen.settings_file.read_text()


def test_what_was_chosen_on_validation_is_written_down(runs):
    about = runs["logistic-frozen"].environment()
    best = max(about["search"], key=lambda row: row["val_mean_average_precision"])
    assert about["hyperparameters"] == {"C": best["C"]}
    found = make_report(runs["logistic-frozen"]).summaries["val"]["ranking"]
    assert found["mean_average_precision"] == pytest.approx(
        best["val_mean_average_precision"], abs=1e-6
    )
    assert about["title"] == "Logistic regression on frozen SmallCNN (random weights)"
    assert about["parameters"] == 554_952 + 19 * (160 + 1)
    assert runs["mlknn"].environment()["hyperparameters"]["k"] in (10, 20, 40, 80)


# Label priors


def test_priors_pick_the_same_for_every_poster_without_tuning(runs, prepared):
    train = load_posters(prepared).part("train").labels
    for name in PRIORS:
        run = runs[name]
        picks = [genre in run.environment()["picks"] for genre in GENRES]
        for split in ("val", "test"):
            assert (run.predictions(split).scores == np.array(picks)).all()
        assert json.loads(run.thresholds_file.read_text())["method"] == "fixed picks"
        assert json.loads(run.thresholds_file.read_text())["chosen_on"] == "train"
        assert run.thresholds().tolist() == [0.5] * 19
        assert not any("chosen on these" in line for line in make_report(run).warnings)
        measures = make_report(run).summaries["test"]["measures"]
        labels = run.predictions("test").labels
        picked = np.tile(picks, (len(labels), 1)).astype(int)
        assert measures["tuned"]["micro_f1"] == pytest.approx(micro_f1(labels, picked))
        assert measures["tuned"] == measures["at_0.5"]
    k = len(runs["most-frequent"].environment()["picks"])
    assert k == round(train.sum(axis=1).mean())


def test_thresholds_leave_fixed_picks_as_they_are_and_say_so(runs, tmp_path):
    run = Run(shutil.copytree(runs["constant"].path, tmp_path / "run"))
    before = {path: path.read_bytes() for path in run.path.rglob("*") if path.is_file()}
    result = CliRunner().invoke(cli.main, ["thresholds", str(run.path)])
    assert result.exit_code == 1
    assert len(result.stderr.strip().splitlines()) == 1
    assert "picks the same genres for every poster" in result.stderr
    assert {path: path.read_bytes() for path in run.path.rglob("*") if path.is_file()} == before


def test_the_best_set_by_macro_f1_is_all_genres_as_tuning_would_have_it(prepared):
    posters = load_posters(prepared)
    lines = []
    found = METHODS["constant"](quick("constant"), posters, lines.append, measure="macro_f1")
    assert found.facts["picks"] == list(GENRES) and found.scores["test"].min() == 1
    assert found.facts["title"] == "Best constant set by macro F1"
    assert lines == [f"Picked for every poster: {', '.join(GENRES)}"]
    # Tuned, a constant score ends there too: its threshold is at or below it.
    constant = np.zeros_like(found.scores["val"])
    picks = pick(constant, choose_thresholds(posters.part("val").labels, constant))
    assert picks.min() == 1


# Frozen features


@pytest.fixture
def cache(tmp_path, monkeypatch):
    """Folder of activations that no other test fills."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return tmp_path / "cache/keras-genres"


def test_frozen_features_are_those_of_evaluation(prepared, cache):
    import tensorflow as tf

    from keras_genres.baselines.frozen import frozen_features
    from keras_genres.input.decode import decode_posters
    from keras_genres.model.network import build_network

    posters = load_posters(prepared)
    settings = quick("mlknn-frozen")
    found, resolved, _ = frozen_features(settings, posters)
    import keras

    keras.utils.set_random_seed(0)
    network = build_network(resolved.model, 32, 32)
    features = keras.Model(network.input, network.get_layer("pool").output)
    for split in ("train", "test"):
        paths = posters.part(split).paths
        images = decode_posters(tf.stack([tf.io.read_file(path) for path in paths]), 32, 32)
        wanted = features.predict(tf.cast(images, tf.float32), verbose=0)
        np.testing.assert_allclose(found[split], wanted, atol=1e-4)


def test_frozen_features_are_computed_once_for_all_baselines_and_for_fit(prepared, cache, capsys):
    from keras_genres.baselines.frozen import frozen_features
    from keras_genres.training.interrupt import StopOnSignal
    from keras_genres.training.job import build_job, poster_sources
    from keras_genres.training.prefix import keep_frozen
    from keras_genres.training.stages import resolve

    posters = load_posters(prepared)
    first, *_ = frozen_features(quick("mlknn-frozen"), posters)
    assert "Computing the frozen part: 120 posters" in capsys.readouterr().err
    files = set(cache.glob("*.rows"))
    assert len(files) == 3
    again, *_ = frozen_features(quick("logistic-frozen", "evaluation.seed=3"), posters)
    said = capsys.readouterr().err
    assert "found from an earlier run" in said and "Computing" not in said
    for split in first:
        np.testing.assert_array_equal(again[split], first[split])

    changes = ["prefix.cache=on", "prefix.views=1", "training.epochs=0", "training.head_epochs=1"]
    job = build_job(resolve(load_settings(None, [*TINY, *changes])), posters)
    keep_frozen(job, poster_sources(job), StopOnSignal())
    # One view of the training posters; validation and test were there.
    assert len(set(cache.glob("*.rows")) - files) == 1


def test_features_stay_in_memory_where_that_is_asked_for(prepared, cache):
    from keras_genres.baselines.frozen import frozen_features

    posters = load_posters(prepared)
    found, *_ = frozen_features(quick("mlknn-frozen", "prefix.place=memory"), posters)
    assert found["train"].shape == (82, 160) and not list(cache.glob("*.rows"))
    with pytest.raises(UserError, match=r"over prefix\.disk_gib=0"):
        tight = quick("mlknn-frozen", "prefix.place=disk", "prefix.disk_gib=0")
        frozen_features(tight, posters)


# The network


@pytest.mark.slow
def test_the_custom_network_is_a_baseline_with_history_and_model(prepared, tmp_path):
    run = baseline("cnn", quick("cnn", "training.epochs=1"), prepared, tmp_path / "cnn")
    assert [part for part in CONTRACT if not (run.path / part).exists()] == []
    assert run.history_file.exists() and run.model_file.exists()
    about = run.environment()
    assert about["kind"] == "baseline" and about["title"] == "Custom CNN from scratch"
    settings = run.settings()
    assert settings.model.backbone == "smallcnn" and settings.model.weights == "none"
    assert settings.training.unfreeze == "all" and settings.training.head_epochs == 0


def test_the_custom_network_has_a_recipe_of_its_own_that_a_user_may_change():
    row = BASELINES["cnn"]
    assert row.settings().model.backbone == "smallcnn"
    assert row.settings().training.epochs == row.recipe["training.epochs"]
    assert row.settings(None, ["training.epochs=3"]).training.epochs == 3


# Bad input


@pytest.mark.parametrize("name", ["naive-bayes", "mlknn-frozen"])
@pytest.mark.parametrize("damage", ["gone", "cut"])
def test_a_poster_that_cannot_be_read_is_one_line_and_nothing_is_left(
    drawn, tmp_path, cache, name, damage
):
    from keras_genres.data.prepare import prepare

    shutil.copytree(drawn, tmp_path / "posters")
    prepare(tmp_path / "posters/labels.csv", tmp_path / "data")
    posters = load_posters(tmp_path / "data")
    path = posters.part("train").paths[3]
    with open(path, "rb+") as file:
        file.truncate(500)
    if damage == "gone":
        (tmp_path / "posters" / path).unlink()
    sets = [
        part for change in QUICK.get(BASELINES[name].features, ()) for part in ("--set", change)
    ]
    result = call(name, "--data", tmp_path / "data", "--out", tmp_path / "run", *sets)
    assert result.exit_code == 1, result.output
    last = result.stderr.strip().splitlines()[-1]
    assert last.startswith("Error: ") and os.path.basename(path) in last and "data prepare" in last
    assert not (tmp_path / "run").exists() and not (tmp_path / "run.partial").exists()


@pytest.mark.parametrize(
    "args, message",
    [
        (["naive-bayes", "--data", "nowhere"], "nowhere"),
        (["rakel", "--data", "x", "--set", "training.epochs=3"], "no use for training.epochs"),
        (["constant", "--data", "x", "--set", "evaluation.thresholds=grid"], "no use for"),
        (["mlknn", "--data", "x", "--set", "training.sed=3"], "'training.seed'"),
        (["mlknn", "--data", "x", "--config", "no.yaml"], "Cannot read no.yaml"),
    ],
)
def test_bad_input_is_one_line_and_exit_1(args, message, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    result = call(*args)
    assert result.exit_code == 1, result.output
    assert len(result.stderr.strip().splitlines()) == 1 and message in result.stderr
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "args, message",
    [
        (["naive"], "is not one of"),
        (["naive-bayes", "--backbone", "vgg16"], "mlknn-frozen and logistic-frozen"),
        (["cnn", "--weights", "imagenet"], "mlknn-frozen and logistic-frozen"),
        (["rakel", "--measure", "macro_f1"], "`constant`"),
        (["constant", "--measure", "accuracy"], "macro_f1"),
    ],
)
def test_wrong_usage_exits_2(args, message):
    result = call(*args, "--data", "x")
    assert result.exit_code == 2 and message in result.stderr


def test_an_unknown_name_is_answered_with_the_near_miss(prepared, tmp_path):
    with pytest.raises(UserError, match="Did you mean 'naive-bayes'"):
        baseline("naivebayes", None, prepared, tmp_path / "run")


def test_a_folder_that_is_there_is_refused_and_overwritten_on_demand(prepared, tmp_path):
    args = ["most-frequent", "--data", prepared, "--out", tmp_path / "run"]
    first = call(*args)
    assert first.exit_code == 0, first.output
    assert f"Run folder: {tmp_path / 'run'}" in first.stdout
    assert "Picked for every poster" in first.stderr and "Picked" not in first.stdout
    assert "is there already" in call(*args).stderr
    assert call(*args, "--overwrite").exit_code == 0


def test_help_names_every_baseline_with_its_meaning():
    text = " ".join(call("--help").output.split())
    for row in BASELINES.values():
        assert f"{row.name} {row.meaning}" in text


def test_baselines_without_a_network_do_not_wait_for_keras(prepared, tmp_path):
    code = "from keras_genres.baselines.run import baseline\n"
    code += f"baseline('naive-bayes', None, {str(prepared)!r}, {str(tmp_path / 'run')!r})"
    assert not loaded_by(code) & {"keras", "tensorflow", "jax"}
