"""`bench sweep` and `bench prepare`, and what the command line says of bad input."""

import json

import numpy as np
import pytest
from click.testing import CliRunner

from keras_genres import cli
from keras_genres.bench.prepare import bench_prepare
from keras_genres.bench.sweep import GRID_STEP, bench_sweep, curve_loop, draw_scores, grid_loop
from keras_genres.evaluation.metrics import f1_per_genre, pick
from keras_genres.evaluation.thresholds import choose_thresholds


def call(*args):
    return CliRunner().invoke(cli.main, ["bench", *map(str, args)])


def test_drawn_scores_rank_and_rare_genres_score_low():
    labels, scores = draw_scores(4000, seed=0)
    assert labels.shape == scores.shape == (4000, 19) and scores.dtype == np.float32
    assert 0 < labels.mean(axis=0)[0] < 0.06 and labels.mean(axis=0)[-1] > 0.4
    assert scores[:, 0].mean() < 0.1 < 0.3 < scores[:, -1].mean()
    assert (scores[labels == 1].mean()) > scores[labels == 0].mean()


def test_peers_of_the_sweep_do_what_they_say():
    labels, scores = draw_scores(400, seed=1)
    grid, curve = grid_loop(labels, scores), curve_loop(labels, scores)
    ours = f1_per_genre(labels, pick(scores, choose_thresholds(labels, scores)))
    steps = np.arange(1, 20) * GRID_STEP
    best = np.max([f1_per_genre(labels, pick(scores, step)) for step in steps], axis=0)
    np.testing.assert_allclose(f1_per_genre(labels, pick(scores, grid)), best)
    np.testing.assert_allclose(f1_per_genre(labels, pick(scores, curve)), ours)
    assert (ours >= best).all()


def test_sweep_tells_time_and_macro_f1_of_all_three():
    found = bench_sweep(posters=300, rounds=2)
    assert {one["who"] for one in found.timings} == {"ours", "f1-grid", "pr-curve"}
    assert len(found.timings) == 6 and found.settings["posters"] == 300
    gains = [
        one["min"]
        for one in found.rows
        if one["against"] == "f1-grid" and one["measure"] == "macro F1"
    ]
    assert len(gains) == 1 and gains[0] >= 0
    assert "scikit-learn" in found.machine["packages"]


def test_sweep_prints_and_saves(tmp_path):
    args = ("sweep", "--posters", 200, "--rounds", 1, "--peer", "pr-curve")
    done = call(*args, "--json", tmp_path / "sweep.json", "--format", "csv")
    assert done.exit_code == 0, done.output
    assert done.stdout.startswith("what,who,against,measure,unit,median,min,max\n")
    assert "Round 1/1" in done.stderr
    saved = json.loads((tmp_path / "sweep.json").read_text())
    assert saved["bench"] == "sweep" and len(saved["timings"]) == 2


def test_prepare_tells_speed_and_memory_of_processes_of_their_own():
    found = bench_prepare(posters=40, rounds=1, peers=["pillow-loop"])
    ours, loop = found.timings
    assert (ours["posters"], loop["posters"]) == (40, 40)
    assert ours["seconds"] > 0 and ours["cpu_seconds"] > 0
    assert 10 < ours["peak_mib"] < 1000
    assert any("no groups" in line for line in found.notes)


@pytest.mark.parametrize(
    ("args", "said"),
    [
        (("sweep", "--peer", "nobody"), "--peer must be one of f1-grid, pr-curve"),
        (("sweep", "--posters", 1), "--posters must be at least 2"),
        (("prepare", "--posters", 10), "--posters must be at least 40"),
        (("prepare", "--threads", 99999), "--threads must be between 1 and"),
        (("input", "--peer", "dali"), "dali: needs a GPU"),
        (("input", "--size", "wide"), "--size must be pixels"),
        (("input", "--data", "nowhere"), "There is no folder nowhere"),
        (("train", "--weights", "nowhere.h5", "--data", "nowhere"), "nowhere"),
        (("train", "--peer", "timm"), "timm: needs torchvision"),
        (("predict", "nowhere"), "There is no run folder nowhere"),
    ],
)
def test_bad_input_is_said_in_one_line(args, said, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    done = call(*args)
    assert done.exit_code == 1, done.output
    last = done.stderr.splitlines()[-1]
    assert last.startswith("Error: ") and said in last
