"""A search on drawn posters: on validation alone, in parts, and what it leaves."""

import csv
import json
import os
import signal
import sys

import pytest
from click.testing import CliRunner
from conftest import TINY

from keras_genres.cli import main
from keras_genres.data.table import load_posters, write_posters
from keras_genres.errors import UserError
from keras_genres.search import search as searching
from keras_genres.search.search import search
from keras_genres.search.trial import Failed, Pruned, Workshop
from keras_genres.settings import load_settings
from keras_genres.training.interrupt import StopOnSignal

SPACE = """
training.head_learning_rate: {low: 1e-4, high: 1e-2, log: true}
training.batch_size: [8, 16]
"""
# Of a network that stays frozen only the head is traced, which is quick.
HEAD = (*TINY, "training.epochs=0", "prefix.cache=on", "prefix.views=1", "input.check=off")


@pytest.fixture(scope="module", autouse=True)
def cache(tmp_path_factory):
    """Folder of activations that no other module fills."""
    with pytest.MonkeyPatch.context() as patch:
        folder = tmp_path_factory.mktemp("search-cache")
        patch.setenv("XDG_CACHE_HOME", str(folder))
        yield folder / "keras-genres"


@pytest.fixture(scope="module")
def without_test_posters(prepared, tmp_path_factory):
    """A prepared folder whose test posters are not there."""
    folder, found = tmp_path_factory.mktemp("no-test"), load_posters(prepared)
    names = [
        f"gone/{row}.jpg" if split == "test" else os.path.relpath(path, folder)
        for row, (path, split) in enumerate(zip(found.paths, found.splits, strict=True))
    ]
    old = found.split
    write_posters(folder, names, found.labels, found.splits, found.groups, old.seed, old.fractions)
    return folder


@pytest.fixture(scope="module")
def file(tmp_path_factory):
    """The YAML file of a small space."""
    file = tmp_path_factory.mktemp("space") / "space.yaml"
    file.write_text(SPACE)
    return file


def settings(*overrides):
    return load_settings(None, [*HEAD, *overrides])


@pytest.fixture(scope="module")
def done(without_test_posters, file, tmp_path_factory):
    """Folder of a search of three trials on posters that lack those of the test."""
    out = tmp_path_factory.mktemp("searches") / "done"
    search(settings(), without_test_posters, out, 3, file)
    return out


def trials_of(folder):
    """Return the recorded trials without their seconds."""
    trials = json.loads((folder / "trials.json").read_text())["trials"]
    return [{**trial, "seconds": 0} for trial in trials]


def test_a_search_needs_no_test_poster_and_leaves_what_it_says(done, cache):
    assert sorted(path.name for path in done.iterdir()) == [
        *("best.yaml", "history.png", "history.svg", "parameters.png", "parameters.svg"),
        *("search.json", "trials.csv", "trials.json"),
    ]
    rows = list(csv.DictReader((done / "trials.csv").open()))
    assert [row["state"] for row in rows] == ["complete"] * 3
    names = ("training.head_learning_rate", "training.batch_size")
    assert [rows[0][name] for name in names] == ["0.0001", "16"]
    # Training and validation were computed once for all of them, and of the test nothing.
    assert {row["training.batch_size"] for row in rows} == {"8", "16"}
    assert len(list(cache.glob("*.rows"))) == 2
    best = max(rows, key=lambda row: float(row["value"]))
    found = load_settings(done / "best.yaml")
    values = found.to_changes()
    assert [f"{values[name]:.6g}" for name in names] == [best[name] for name in names]
    assert found.replace(dict.fromkeys(names, 1)) == settings().replace(dict.fromkeys(names, 1))


def test_a_search_that_was_interrupted_ends_as_if_it_was_not(
    done, without_test_posters, file, tmp_path, monkeypatch
):
    out, say = tmp_path / "search", searching.say

    def interrupt(line):
        say(line)
        if line.startswith("Trial 2/3: "):
            os.kill(os.getpid(), signal.SIGINT)

    monkeypatch.setattr(searching, "say", interrupt)
    with pytest.raises(UserError, match="Interrupted; 1 trials are kept"):
        search(settings(), without_test_posters, out, 3, file)
    assert len(trials_of(out)) == 1 and not list(out.glob(".*"))
    monkeypatch.setattr(searching, "say", say)
    search(settings(), without_test_posters, out, 3, file)
    assert trials_of(out) == trials_of(done)


def test_a_search_is_not_gone_on_with_on_another_split(done, prepared, file):
    with pytest.raises(UserError, match="different splits cannot be mixed"):
        search(settings(), prepared, done, 4, file)


def test_the_command_tells_the_best_of_a_search_that_is_done(done, without_test_posters, file):
    asked = [part for override in HEAD for part in ("--set", override)]
    command = ["search", "--data", without_test_posters, "--out", done, "--space", file]
    command = [str(part) for part in (*command, "--trials", 3, *asked)]
    result = CliRunner().invoke(main, [*command, "--format", "json"])
    assert result.exit_code == 0, result.output
    rows = json.loads(result.stdout)
    assert {row["setting"] for row in rows} == {
        "training.head_learning_rate",
        "training.batch_size",
    }
    assert "3 trials: 3 complete. Best: trial" in result.stderr
    assert result.stderr.count("Importances are told from 5 complete trials on.") == 1
    table = CliRunner().invoke(main, [*command, "--minutes", "0"])
    assert "8, 16" in table.stdout and f"Search folder: {done}" in table.stdout


def test_without_optuna_one_line_says_how_to_get_it(monkeypatch, tmp_path):
    monkeypatch.setitem(sys.modules, "optuna", None)
    monkeypatch.setattr(
        "importlib.util.find_spec", lambda name: None if name == "optuna" else pytest.fail(name)
    )
    result = CliRunner().invoke(main, ["search", "smallcnn", "--data", "x", "--out", str(tmp_path)])
    assert result.exit_code == 1
    assert "pip install 'keras-genres[search]'" in result.output
    shown = CliRunner().invoke(main, ["search", "--show-space"])
    assert shown.exit_code == 0 and "training.head_learning_rate: {low: " in shown.output


@pytest.fixture
def workshop(prepared, tmp_path):
    """Makes workshops on the prepared posters; their folder is `tmp_path`."""
    posters = load_posters(prepared)

    def make(measure="map"):
        return Workshop(posters, measure, 32, 2, tmp_path, StopOnSignal())

    return make


def test_settings_that_cannot_be_trained_fail_alone_and_leave_nothing(workshop, tmp_path):
    made = workshop()
    with pytest.raises(Failed, match="diverged: not finite in epoch 1"):
        made.run(settings("training.head_learning_rate=1e38"), print)
    with pytest.raises(Failed, match="no epoch to train"):
        made.run(settings("training.head_epochs=0"), print)
    assert list(tmp_path.iterdir()) == []


def test_a_trial_that_is_given_up_leaves_nothing(workshop, tmp_path):
    seen = []

    def watch(epoch, value):
        seen.append((epoch, value))
        raise Pruned

    with pytest.raises(Pruned):
        workshop("macro_f1").run(settings("training.head_epochs=3"), watch)
    assert [epoch for epoch, _ in seen] == [0] and 0 < seen[0][1] < 1
    assert list(tmp_path.iterdir()) == []


def test_macro_f1_is_cross_fitted_and_told_with_the_best_epoch(workshop):
    seen = []
    made = workshop("macro_f1")
    value, epoch = made.run(settings("training.head_epochs=2"), lambda *each: seen.append(each))
    assert [each for each, _ in seen] == [0, 1]
    best = max(f1 for _, f1 in seen)
    assert epoch == 1 + [f1 for _, f1 in seen].index(best)
    assert 0 < value < best  # thresholds of other posters fit less well


def test_three_failures_at_the_start_end_the_search(without_test_posters, tmp_path, monkeypatch):
    file = tmp_path / "space.yaml"
    file.write_text("training.head_learning_rate: {low: 1e-4, high: 1e-2}\n")
    out, run = tmp_path / "search", Workshop.run

    def diverge(self, settings, watch):
        return run(self, settings.replace({"training.head_epochs": 0}), watch)

    monkeypatch.setattr(Workshop, "run", diverge)
    with pytest.raises(UserError, match=r"All of the first 3 trials failed.*no epoch to train"):
        search(settings(), without_test_posters, out, 9, file)
    assert [trial["state"] for trial in trials_of(out)] == ["failed"] * 3
    assert not (out / "best.yaml").exists()
