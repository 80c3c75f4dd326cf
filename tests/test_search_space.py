"""The space of a search, what Optuna is asked, and what is recorded."""

import numpy as np
import pytest

from keras_genres.errors import UserError
from keras_genres.search.journal import Beginning, Journal, Trial
from keras_genres.search.space import (
    DEFAULT,
    Choice,
    Range,
    counts,
    default_space,
    make_space,
    read_space,
    show,
    to_plain,
)
from keras_genres.search.study import ask, importances, make_study
from keras_genres.settings import Settings, load_settings
from keras_genres.training.stages import resolve

BASE = resolve(load_settings(None, ["model.backbone=smallcnn", "model.weights=none"]))
HEAD = BASE.replace({"training.head_epochs": 5})


def test_a_space_is_read_in_either_form_with_values_as_the_settings_hold_them(tmp_path):
    file = tmp_path / "space.yaml"
    file.write_text(
        "training.head_learning_rate: {low: 1e-5, high: 1e-2, log: true}\n"
        "model.dropout: [0.2, '0.5', 0]\n"
        "training:\n  batch_size: {low: 16, high: 128, step: 16}\n  jit: [off, on]\n"
    )
    assert read_space(file, HEAD) == {
        "training.head_learning_rate": Range(1e-5, 1e-2, log=True),
        "model.dropout": Choice((0.2, 0.5, 0.0)),
        "training.batch_size": Range(16, 128, step=16),
        "training.jit": Choice(("off", "on")),
    }


@pytest.mark.parametrize(
    "plain, message",
    [
        ({}, "empty"),
        ({"training.head_learning_rat": [1]}, "Did you mean 'training.head_learning_rate'"),
        ({"model.dropout": 0.5}, "must be a list of values or {low"),
        ({"model.dropout": []}, "no values"),
        ({"model.dropout": [0.2, "0.2"]}, "twice"),
        ({"model.dropout": [0.2, 0.99]}, "between 0 and 0.95"),
        ({"model.dropout": {"low": 0.1, "high": 1.2}}, "between 0 and 0.95"),
        ({"model.dropout": {"low": 0.5}}, "both low and high"),
        ({"model.dropout": {"low": 0.5, "high": 0.2}}, "low must be below high"),
        ({"model.dropout": {"low": 0, "high": 0.5, "log": True}}, "low above 0"),
        ({"model.dropout": {"low": 0, "high": 0.5, "step": 0.2}}, "do not meet 0.5"),
        ({"model.dropout": {"low": 0, "high": 0.5, "step": float("nan")}}, "number above 0"),
        ({"model.dropout": {"low": 0, "high": 0.5, "stepp": 1}}, "Did you mean 'step'"),
        ({"model.dropout": {"low": 0, "high": 0.5, "log": "yes"}}, "true or false"),
        ({"training.batch_size": {"low": 1, "high": 9, "step": 0.5}}, "whole number above 0"),
        ({"training.loss": {"low": 0, "high": 1}}, "must be one of bce"),
        ({"training.unfreeze": {"low": "a", "high": "b"}}, "no number"),
        ({"training.seed": [0, 1]}, "chance"),
        ({"model.backbone": ["vgg16"]}, "give it to the command"),
        ({"evaluation.thresholds": ["exact"]}, "does not change what is trained"),
        ({"input.cache": ["off", "disk"]}, "does not change what is trained"),
        ({"training.focal_gamma": [1, 2]}, "counts only with training.loss=focal"),
        ({"training.head_learning_rate": [1e-3]}, "training.head_epochs above 0"),
    ],
)
def test_what_does_not_fit_is_refused_in_one_line(plain, message):
    with pytest.raises(UserError, match=message):
        make_space(plain, BASE)


def test_a_file_that_names_a_setting_twice_is_refused(tmp_path):
    file = tmp_path / "space.yaml"
    file.write_text("model.dropout: [0.2]\nmodel:\n  dropout: [0.5]\n")
    with pytest.raises(UserError, match=r"'model\.dropout' twice"):
        read_space(file, BASE)


def test_the_built_in_space_is_a_file_for_itself(tmp_path):
    file = tmp_path / "space.yaml"
    file.write_text(show(DEFAULT))
    assert read_space(file, HEAD) == default_space(HEAD)
    assert to_plain(default_space(HEAD)).keys() == DEFAULT.keys()


def test_the_built_in_space_leaves_out_what_never_counts():
    assert "training.head_learning_rate" not in default_space(BASE)  # no epoch of the head alone
    frozen = default_space(HEAD.replace({"training.epochs": 0}))
    assert "training.head_learning_rate" in frozen
    assert not {"training.learning_rate", "training.layer_decay"} & set(frozen)


def test_a_setting_counts_only_where_all_it_hangs_on_is_there():
    values = Settings().to_changes()
    weighted = values | {"training.loss": "weighted_bce"}
    assert not counts("training.pos_weight_cap", values)
    assert counts("training.pos_weight_cap", weighted)
    assert not counts("training.pos_weight_cap", weighted | {"training.pos_weight": "effective"})


def searched(number, seed=0, value=lambda params: params["model.dropout"]):
    """Return the trials of a search that trains nothing."""
    space, trials = default_space(BASE), []
    for _ in range(number):
        _, params = ask(make_study(trials, space, seed), space, BASE.to_changes())
        trials.append(Trial("complete", params, value(params), [], 1))
    return trials


def test_a_study_made_anew_asks_for_the_same():
    trials = searched(12)  # beyond the random ones
    assert searched(12) == trials
    assert searched(3, seed=1)[1:] != trials[1:3]
    assert len({repr(trial.params) for trial in trials}) == 12


def test_the_first_trial_is_what_the_search_begins_with():
    (first,) = searched(1)
    values = BASE.to_changes()
    assert first.params == {name: values[name] for name in first.params}
    assert "training.weight_decay" not in first.params  # 0, which a log scale does not hold


def test_only_settings_that_count_are_asked_for():
    space = default_space(BASE)
    for trial in searched(10):
        values = BASE.to_changes() | trial.params
        assert all(counts(name, values) for name in trial.params)
        if values["training.loss"] == "focal":
            assert "training.focal_gamma" in trial.params
    assert {trial.params["training.loss"] for trial in searched(10)} <= set(
        space["training.loss"].values
    )


def test_what_decides_the_value_is_the_most_important():
    trials = searched(25)
    shares = importances(make_study(trials, default_space(BASE), 0))
    assert max(shares, key=shares.get) == "model.dropout"
    assert importances(make_study(trials[:3], default_space(BASE), 0)) == {}


@pytest.mark.parametrize("prune", [True, False])
def test_a_trial_below_the_median_is_given_up(prune):
    space = make_space({"model.dropout": [0.1, 0.5]}, BASE)
    good = [Trial("complete", {"model.dropout": 0.1}, 0.5, [0.5] * 6, 1)] * 5
    asked, _ = ask(make_study(good, space, 0, prune), space, BASE.to_changes())
    said = []
    for epoch in range(6):
        asked.report(0.1, epoch)
        said.append(asked.should_prune())
    assert said == [False] * 3 + [prune] * 3


BEGINNING = Beginning(
    settings={"model.dropout": 0.2},
    space={"training.batch_size": [1, 2]},
    measure="map",
    prune=True,
    split_sha256="a" * 64,
    posters_sha256=None,
    weights_sha256=None,
    versions={"keras": "3"},
)
TRIAL = Trial("pruned", {"training.batch_size": 2}, 0.25, [0.25], None, 1.5)


def test_trials_are_there_again_in_another_process(tmp_path):
    Journal(tmp_path / "search", BEGINNING, print).add(TRIAL)
    (tmp_path / "search" / ".trial-killed").mkdir()
    assert Journal(tmp_path / "search", BEGINNING, print).trials == [TRIAL]
    assert not (tmp_path / "search" / ".trial-killed").exists()


@pytest.mark.parametrize(
    "change, message",
    [
        ({"split_sha256": "b" * 64}, "split aaaaaaaa, and the data now has bbbbbbbb"),
        ({"posters_sha256": "c"}, "other contents"),
        ({"weights_sha256": "c"}, "another weight file"),
        ({"space": {"training.batch_size": [1, 4]}}, r"space: training.batch_size \[1, 2\] ->"),
        ({"settings": {"model.dropout": 0.3}}, "settings: model.dropout 0.2 -> 0.3"),
        ({"measure": "macro_f1"}, "by --measure map, not by --measure macro_f1"),
        ({"prune": False}, "--no-prune"),
    ],
)
def test_a_search_goes_on_only_with_what_it_began_with(tmp_path, change, message):
    folder = tmp_path / "search"
    Journal(folder, BEGINNING, print).add(TRIAL)
    before = {path.name: path.read_bytes() for path in folder.iterdir()}
    now = Beginning(**{**vars(BEGINNING), **change})
    with pytest.raises(UserError, match=message):
        Journal(folder, now, print)
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == before


def test_other_versions_are_noted_and_other_things_are_left_alone(tmp_path):
    said = []
    Journal(tmp_path / "search", BEGINNING, said.append)
    Journal(tmp_path / "search", Beginning(**{**vars(BEGINNING), "versions": {}}), said.append)
    assert len(said) == 1 and "keras '3' -> None" in said[0]
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "notes.txt").touch()
    with pytest.raises(UserError, match="holds other things"):
        Journal(tmp_path / "mine", BEGINNING, print)


def test_a_trial_that_was_changed_by_hand_is_found(tmp_path):
    Journal(tmp_path, BEGINNING, print).add(TRIAL)
    file = tmp_path / "trials.json"
    file.write_text(file.read_text().replace("0.25", "0.95", 1))
    with pytest.raises(UserError, match="damaged"):
        Journal(tmp_path, BEGINNING, print)


def test_a_range_holds_what_its_steps_meet():
    part = Range(16, 128, step=16)
    assert [part.holds(value) for value in (16, 32, 40, 144, None, True)] == [
        *(True, True, False, False, False, False)
    ]
    assert Range(0.0, 0.8, step=0.1).holds(np.float64(0.3))
