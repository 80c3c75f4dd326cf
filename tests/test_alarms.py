"""Every alarm has a run in which it is raised and one in which it is not."""

import dataclasses
import json

import numpy as np
import pytest
from synthetic import write_run

from keras_genres.data.table import Posters
from keras_genres.evaluation.alarms import find_run_warnings, is_alarm
from keras_genres.evaluation.report import make_report
from keras_genres.evaluation.thresholds import sweep
from keras_genres.evaluation.twins import Crossing
from keras_genres.files import read_json
from keras_genres.runs import Predictions
from keras_genres.split import Split


@pytest.fixture
def run(tmp_path):
    run = write_run(tmp_path / "run")
    sweep(run)
    return run


def warnings_of(run, **facts):
    return "\n".join(make_report(run, **facts).warnings)


def rewrite(run, split, **arrays):
    """Replace arrays of saved predictions, and let `split.json` speak of them."""
    found = dataclasses.replace(run.predictions(split), **arrays)
    parts = {name: run.predictions(name) for name in ("val", "test")} | {split: found}
    found.save(run.predictions_file(split))
    names, labels, groups = (
        np.concatenate([getattr(part, field) for part in parts.values()])
        for field in ("filenames", "labels", "groups")
    )
    splits = np.repeat(list(parts), [len(part.filenames) for part in parts.values()])
    Split.of(names, labels, splits, groups, 0, {}).save(run.split_file)
    sweep(run)


def change_thresholds(run, change):
    saved = read_json(run.thresholds_file)
    change(saved)
    run.thresholds_file.write_text(json.dumps(saved))


def posters_with(run, groups):
    """Return posters of a training split with these groups."""
    count = len(groups)
    return Posters(
        root=run.path,
        filenames=np.array([f"{number}.jpg" for number in range(count)]),
        labels=np.ones((count, 19), np.uint8),
        splits=np.full(count, "train"),
        groups=np.array(groups),
        split=run.split(),
    )


def test_an_honest_run_is_told_only_that_validation_is_optimistic(run):
    warnings = make_report(run).warnings
    assert len(warnings) == 1 and "Validation scores are optimistic" in warnings[0]
    assert not is_alarm(warnings[0])


def test_thresholds_chosen_on_test_are_told_loudly(run):
    change_thresholds(run, lambda saved: saved.update(chosen_on="test"))
    found = warnings_of(run)
    assert "TEST SCORES ARE NO RESULT" in found and is_alarm(found)
    assert "Validation scores are optimistic" not in found


def test_thresholds_that_do_not_say_where_they_come_from_are_told(run):
    change_thresholds(run, lambda saved: saved.pop("chosen_on"))
    assert "does not say which posters" in warnings_of(run)


def test_thresholds_of_other_validation_scores_are_told(run):
    found = run.predictions("val")
    shuffled = found.scores[np.random.default_rng(0).permutation(len(found.scores))]
    dataclasses.replace(found, scores=shuffled).save(run.predictions_file("val"))
    assert "written for other validation scores" in warnings_of(run)
    sweep(run)
    assert "written for other validation scores" not in warnings_of(run)


def test_validation_that_was_trained_on_differs_from_the_test(run):
    found = run.predictions("val")
    known = np.where(found.labels == 1, 0.9, 0.1) * np.linspace(0.9, 1, len(found.labels))[:, None]
    scores = np.where(np.arange(len(known))[:, None] % 2, known, found.scores)
    rewrite(run, "val", scores=scores.astype(np.float32))
    found = warnings_of(run)
    assert "Validation has a mean ROC AUC" in found and "above the test's" in found


def test_a_jump_in_the_history_is_told_with_its_epoch(run):
    lines = run.history_file.read_text().splitlines()
    for number in range(9, 13):
        cells = lines[number].split(",")
        cells[4], cells[6] = "0.1", "0.7"
        lines[number] = ",".join(cells)
    run.history_file.write_text("\n".join(lines) + "\n")
    found = warnings_of(run)
    assert "jumps from 0.27 to 0.70 at epoch 9" in found


def test_groups_of_training_that_are_asked_again_are_told(run):
    groups = run.predictions("test").groups[:1]
    found = warnings_of(run, posters=posters_with(run, groups))
    assert f"1 group is in both training and test (say {str(groups[0])!r})" in found
    assert "1 group" not in warnings_of(run, posters=posters_with(run, ["another"]))


def test_a_poster_in_both_splits_is_told_by_its_scores(run):
    val, test = run.predictions("val"), run.predictions("test")
    scores = test.scores.copy()
    scores[5] = val.scores[7]
    folder = np.array([f"/home/somebody/{name}" for name in test.filenames])
    rewrite(run, "test", scores=scores, filenames=folder)
    found = warnings_of(run)
    assert "1 pair of a validation and a test poster have the same 19 scores" in found
    assert "somebody" not in found


def test_label_priors_are_not_taken_for_twins(run):
    prior = np.full((300, 19), 0.2, np.float32)
    rewrite(run, "val", scores=prior)
    rewrite(run, "test", scores=prior)
    assert "same 19 scores" not in warnings_of(run)


def test_pictures_that_cross_the_split_are_told_and_clean_tables_are_not(run):
    crossing = Crossing([[("x/a.jpg", "test"), ("x/b.jpg", "train")]], unread=2)
    found = warnings_of(run, crossing=crossing)
    assert "1 picture stands in more than one split (say 'a.jpg' in test and 'b.jpg'" in found
    assert "2 posters were not compared" in found
    clean = warnings_of(run, crossing=Crossing([], unread=0))
    assert "picture stands" not in clean and "not compared" not in clean


def test_fixed_picks_and_tiny_splits_raise_nothing_more(run):
    val, test = run.predictions("val"), run.predictions("test")
    parts = {"val": val, "test": test}
    parts = {
        name: Predictions(*(getattr(part, field.name)[:3] for field in dataclasses.fields(part)))
        for name, part in parts.items()
    }
    saved = {"chosen_on": "val", "genres": read_json(run.thresholds_file)["genres"]}
    for values in saved["genres"].values():
        del values["val_f1"]
    assert find_run_warnings(run, parts, np.full(19, 0.5), saved) == []


def test_a_network_that_sees_nothing_is_told_and_fixed_picks_are_not(run):
    assert "passes no signal" not in warnings_of(run)
    scores = np.full_like(run.predictions("val").scores, 0.3)
    scores[::2] += 1e-5
    rewrite(run, "val", scores=scores)
    assert "passes no signal" in warnings_of(run)
    change_thresholds(run, lambda saved: saved.update(method="fixed picks"))
    assert "passes no signal" not in warnings_of(run)
