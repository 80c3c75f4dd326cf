"""Runs averaged: their scores, and their weights."""

import shutil

import numpy as np
import pytest
from click.testing import CliRunner
from conftest import TINY

from keras_genres.artefact import read_metadata
from keras_genres.baselines.run import baseline
from keras_genres.cli import main
from keras_genres.errors import UserError
from keras_genres.evaluation.compare.facts import read_facts
from keras_genres.evaluation.ensemble import _select, choose_members
from keras_genres.evaluation.metrics import mean_average_precision
from keras_genres.inference.load import load_network
from keras_genres.runs import Run
from keras_genres.settings import load_settings
from keras_genres.training.ensemble import ensemble
from keras_genres.training.fit import fit
from keras_genres.training.soup import soup
from keras_genres.verify import verify


@pytest.fixture(scope="module")
def other(prepared, finished, tmp_path_factory):
    """A finished `Run` that differs from `finished` in its seed."""
    settings = load_settings(None, [*TINY, "training.seed=1"])
    return fit(settings, prepared, tmp_path_factory.mktemp("runs") / "other")


@pytest.fixture(scope="module")
def both(finished, other, tmp_path_factory):
    """Their ensemble, with thresholds of another method."""
    out = tmp_path_factory.mktemp("runs") / "both"
    return ensemble([finished.path, other.path], out, method="expected")


def test_the_folder_has_the_mean_of_the_scores_and_a_network_that_gives_it(both, finished, other):
    run = both
    found = {split: run.predictions(split) for split in ("val", "test")}
    for split, each in found.items():
        scores = [one.predictions(split).scores for one in (finished, other)]
        assert np.abs(each.scores - np.mean(scores, axis=0)).max() < 1e-7
        assert (each.labels == finished.predictions(split).labels).all()
    network = load_network(run.model_file)
    images = np.random.default_rng(0).uniform(0, 255, (3, 32, 32, 3)).astype("float32")
    members = [load_network(each.model_file)(images) for each in (finished, other)]
    assert np.abs(np.asarray(network(images)) - np.mean(members, axis=0)).max() < 1e-6
    assert (
        read_metadata(run.saved_model)["thresholds"] == read_metadata(run.model_file)["thresholds"]
    )
    assert [each for each in verify(run.path).findings if each.level != "note"] == []


def test_tables_call_it_by_its_members(both, finished):
    run, facts = both, read_facts(both)
    assert (facts.kind, facts.title, facts.seed) == ("ensemble", "Ensemble of 2 × smallcnn", None)
    assert facts.parameters == 2 * read_facts(finished).parameters
    assert run.threshold_facts()["method"] == "expected"
    done = CliRunner().invoke(main, ["compare", str(run.path), str(finished.path)])
    assert done.exit_code == 0 and "Ensemble of 2 × smallcnn" in done.output


def test_a_run_without_a_network_leaves_scores_alone(finished, prepared, tmp_path, capsys):
    plain = baseline("naive-bayes", None, prepared, tmp_path / "bayes")
    run = ensemble([finished.path, plain.path], tmp_path / "both")
    assert "No model:" in capsys.readouterr().err
    assert not run.model_file.exists()
    assert (run.report / "test.csv").exists()


def test_selection_takes_what_helps_and_as_often_as_it_helps():
    labels = np.random.default_rng(0).integers(0, 2, (200, 3))
    noise = np.random.default_rng(1).normal(size=(3, 200, 3))
    good, worse = labels + noise[0], labels + 1.5 * noise[1]
    counts = _select(labels, [good, worse, noise[2]])
    assert counts[0] > counts[1] > 0 and counts[2] == 0
    mean = (counts[0] * good + counts[1] * worse) / counts.sum()
    assert mean_average_precision(labels, mean) > mean_average_precision(labels, good)


def test_runs_that_cannot_be_averaged_are_one_line(finished, prepared, tmp_path):
    with pytest.raises(UserError, match="two runs or more"):
        choose_members([finished])
    with pytest.raises(UserError, match="two runs or more"):
        choose_members([finished, Run(finished.path)])
    constant = baseline("constant", None, prepared, tmp_path / "constant")
    with pytest.raises(UserError, match="picks and no scores"):
        choose_members([finished, constant])
    with pytest.raises(UserError, match="two runs or more"):
        soup([finished.path], prepared, tmp_path / "soup")
    assert not list(tmp_path.glob("soup*"))


def test_a_soup_has_the_mean_of_the_weights(finished, other, prepared, tmp_path):
    run = soup([finished.path, other.path], prepared, tmp_path / "soup")
    found = load_network(run.model_file).get_weights()
    members = [load_network(each.model_file).get_weights() for each in (finished, other)]
    for mean, one, two in zip(found, *members, strict=True):
        assert np.abs(mean - (one + two) / 2).max() < 1e-6
    assert run.environment()["members"] == ["tiny", "other"]
    assert [each for each in verify(run.path).findings if each.level != "note"] == []


def test_a_greedy_soup_is_never_worse_on_validation_than_its_best_run(
    finished, other, prepared, tmp_path
):
    run = soup([finished.path, other.path], prepared, tmp_path / "soup", greedy=True)
    values = [
        mean_average_precision(each.predictions("val").labels, each.predictions("val").scores)
        for each in (run, finished, other)
    ]
    assert values[0] >= max(values[1:]) - 1e-6


def test_runs_of_other_networks_make_no_soup(finished, prepared, tmp_path):
    other = load_settings(None, [*TINY, "model.head=csra", "training.epochs=0"])
    fit(other, prepared, tmp_path / "csra")
    with pytest.raises(UserError, match="another network"):
        soup([finished.path, tmp_path / "csra"], prepared, tmp_path / "soup")
    shutil.rmtree(tmp_path / "csra")
