"""Thresholds by expected F1, and methods compared without optimism."""

import json

import numpy as np
import pytest
from click.testing import CliRunner
from synthetic import write_run

from keras_genres.cli import main
from keras_genres.evaluation.expected_f1 import cross_fitted, expected_thresholds
from keras_genres.evaluation.metrics import macro_f1, pick
from keras_genres.evaluation.thresholds import METHODS, choose_thresholds, sweep


def drawn(count, seed):
    """Return labels of 19 genres, some rare, and scores that are their true shares."""
    random = np.random.default_rng(seed)
    means = np.linspace(-4.5, -1.5, 19)
    shares = 1 / (1 + np.exp(-random.normal(means, 1.0, (count, 19))))
    return (random.random(shares.shape) < shares).astype("uint8"), shares.astype("float32")


def test_with_true_shares_the_threshold_is_half_the_best_f1():
    # Lipton et al. 2014: at the best cut of calibrated scores, threshold = F1 / 2.
    labels, scores = drawn(40000, 0)
    chosen = expected_thresholds(labels, scores)
    found = pick(scores, chosen)
    f1 = 2 * (found & (labels == 1)).sum(0) / (found.sum(0) + labels.sum(0))
    np.testing.assert_allclose(chosen, f1 / 2, atol=0.03)


def test_on_other_posters_it_does_better_than_the_exact_cut_of_few():
    gains = []
    for seed in range(8):
        few, others = drawn(300, seed), drawn(4000, 100 + seed)
        by = [method(*few) for method in (expected_thresholds, choose_thresholds)]
        expected, exact = (macro_f1(others[0], pick(others[1], each)) for each in by)
        gains.append(expected - exact)
    assert np.mean(gains) > 0.005


def test_a_monotone_change_of_scores_leaves_the_picks_nearly_alone():
    labels, scores = drawn(2000, 3)
    other = (1 / (1 + np.exp(-(0.5 * np.log(scores / (1 - scores)) + 1)))).astype("float32")
    same = pick(scores, expected_thresholds(labels, scores)) == pick(
        other, expected_thresholds(labels, other)
    )
    assert same.mean() > 0.9999


def test_no_poster_all_posters_and_scores_that_tell_nothing_have_a_threshold():
    labels, scores = drawn(200, 0)
    labels[:, 0], labels[:, 1] = 0, 1
    scores[:, 2] = 0.25
    labels[:, 3] = scores[:, 3] < np.median(scores[:, 3])
    chosen = expected_thresholds(labels, scores)
    assert chosen[0] == 0.5
    assert pick(scores, chosen)[:, 1:3].all()
    assert chosen[3] == choose_thresholds(labels, scores)[3]
    assert np.isfinite(chosen).all()


def test_picks_are_the_same_in_float32_and_after_json():
    labels, scores = drawn(500, 1)
    for digits in (7, 2):
        rounded = np.round(scores, digits)
        chosen = expected_thresholds(labels, rounded)
        again = np.array(json.loads(json.dumps(chosen.tolist())))
        np.testing.assert_array_equal(pick(rounded, chosen), rounded >= np.float32(again))


def test_bad_scores_are_refused():
    with pytest.raises(ValueError, match="same shape"):
        expected_thresholds(np.zeros((3, 19)), np.zeros((2, 19)))


def test_cross_fitting_takes_the_optimism_away(tmp_path):
    run = write_run(tmp_path / "run")
    predictions = run.predictions("val")
    random = np.random.default_rng(0)
    # Scores that know nothing: what is above chance on their own posters is optimism.
    predictions.scores[:] = random.random(predictions.scores.shape)
    found = cross_fitted(predictions, 0.05)
    assert set(found) == set(METHODS) and all(each.shape == (5,) for each in found.values())
    own = macro_f1(
        predictions.labels,
        pick(predictions.scores, choose_thresholds(predictions.labels, predictions.scores)),
    )
    assert found["exact"].max() < own
    again = cross_fitted(predictions, 0.05, ("exact",))
    np.testing.assert_array_equal(again["exact"], found["exact"])


def test_the_command_compares_and_changes_nothing_and_the_method_can_be_taken(tmp_path):
    run = write_run(tmp_path / "run")
    sweep(run)
    before = run.thresholds_file.read_bytes()
    done = CliRunner().invoke(
        main, ["thresholds", str(run.path), "--cross-fit", "--format", "json"]
    )
    rows = json.loads(done.stdout)
    assert [row["method"] for row in rows] == ["exact", "grid 0.05", "expected", "shrunk"]
    assert all(row["lowest"] <= row["macro_f1"] <= row["highest"] for row in rows)
    assert rows[0]["on_own"] >= max(rows[1]["on_own"], rows[2]["on_own"])
    assert run.thresholds_file.read_bytes() == before
    sweep(run, "expected")
    facts = json.loads(run.thresholds_file.read_text())
    assert facts["method"] == "expected"
    found = run.predictions("val")
    np.testing.assert_array_equal(run.thresholds(), expected_thresholds(found.labels, found.scores))
