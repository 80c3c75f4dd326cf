"""`experiment`: what is run, skipped, refused and said."""

import json
import shutil

import numpy as np
import pytest
from click.testing import CliRunner
from outcome import differences, outcome

from keras_genres import cli
from keras_genres.data.table import load_posters
from keras_genres.errors import UserError
from keras_genres.experiments.cut import cut_posters, describe_cut, scale_epochs
from keras_genres.experiments.leak import continued, describe, redraw
from keras_genres.experiments.order import Order
from keras_genres.experiments.run import run_all, run_experiment
from keras_genres.experiments.status import state_of, status
from keras_genres.experiments.table import find_experiment, find_experiments
from keras_genres.locks import alone
from keras_genres.manifest import write_manifest
from keras_genres.runs import Run
from keras_genres.settings import load_settings
from keras_genres.split import SPLITS
from keras_genres.verify import verify

TINY = """# A tiny network
#
# Paper: nothing
model:
  backbone: smallcnn
input:
  height: 32
  width: 32
training:
  epochs: 4
  batch_size: 16
evaluation:
  resamples: 20
"""


def call(*args):
    return CliRunner().invoke(cli.main, ["experiment", *(str(arg) for arg in args)])


@pytest.fixture
def files(tmp_path):
    """Folder of two experiment files."""
    folder = tmp_path / "experiments"
    folder.mkdir()
    (folder / "tiny.yaml").write_text(TINY)
    (folder / "leak.yaml").write_text(TINY.replace("A tiny network", "A tiny leak"))
    return folder


def test_the_shipped_experiments_stand_beside_the_baselines_and_the_leak():
    found = find_experiments()
    assert {"resnet50", "efficientnetv2s_blocks4-7", "constant", "mlknn", "leak"} <= set(found)
    assert found["vgg16_frozen"].title == "VGG16, frozen"
    assert list(found)[-1] == "leak"


def test_a_misspelt_experiment_gets_the_near_miss(files):
    with pytest.raises(UserError, match=r"no experiment 'tyni'\. Did you mean 'tiny'\?"):
        find_experiment("tyni", files)


def test_a_folder_without_experiments_is_said(tmp_path):
    with pytest.raises(UserError, match="no experiment files"):
        find_experiments(tmp_path)


def test_cut_posters_stay_in_their_split_with_whole_groups_and_even_genres(prepared, tmp_path):
    full = load_posters(prepared)
    cut = load_posters(cut_posters(prepared, 60, tmp_path / "cut"))
    assert abs(len(cut) - 60) <= 6
    names = dict(zip(full.paths, full.splits, strict=True))
    assert [names[path] for path in cut.paths] == cut.splits.tolist()
    whole = {group: (full.groups == group).sum() for group in np.unique(cut.groups)}
    assert all((cut.groups == group).sum() == count for group, count in whole.items())
    for split in SPLITS:
        shares = [part.part(split).labels.mean(axis=0) for part in (full, cut)]
        assert np.abs(shares[0] - shares[1]).max() < 0.12
        assert (shares[1][shares[0] > 0] > 0).all()
    assert cut.extra.keys() == full.extra.keys()


def test_training_posters_alone_can_be_cut(prepared, tmp_path):
    full = load_posters(prepared)
    folder = Order(str(prepared), str(tmp_path), train_posters=50).posters_folder()
    cut = load_posters(folder)
    assert abs((cut.splits == "train").sum() - 50) <= 6
    for split in ("val", "test"):
        assert cut.part(split).paths == full.part(split).paths
    said = describe_cut(cut.split, full.split)
    assert said == f"{(cut.splits == 'train').sum()} of 82 training posters"
    assert cut_posters(prepared, 50, folder) == folder  # one of all splits is made anew
    assert len(load_posters(folder)) < 60


def test_a_cut_is_made_once_and_again_for_other_posters(prepared, tmp_path):
    first = cut_posters(prepared, 60, tmp_path / "cut") / "split.json"
    made = first.stat().st_mtime_ns
    assert cut_posters(prepared, 60, tmp_path / "cut") == first.parent
    assert first.stat().st_mtime_ns == made
    cut_posters(prepared, 70, tmp_path / "cut")
    assert first.stat().st_mtime_ns != made


def test_a_cut_to_more_than_there_is_takes_the_posters_themselves(prepared, tmp_path):
    assert cut_posters(prepared, 5000, tmp_path / "cut") == prepared
    assert not (tmp_path / "cut").exists()


def test_too_small_a_cut_is_refused(prepared, tmp_path):
    with pytest.raises(UserError, match="too few"):
        cut_posters(prepared, 2, tmp_path / "cut")


def test_epochs_are_scaled_together_and_stay_at_least_one():
    settings = load_settings(None, ["training.head_epochs=10", "training.epochs=90"])
    training = scale_epochs(settings, 0.1).training
    found = (training.head_epochs, training.epochs, training.step_epochs, training.patience)
    assert found == (1, 9, 2, 1)
    assert (
        scale_epochs(load_settings(None, ["training.head_epochs=0"]), 0.1).training.head_epochs == 0
    )


def test_a_cut_is_said_in_full(prepared, tmp_path):
    full = load_posters(prepared).split
    cut = load_posters(cut_posters(prepared, 60, tmp_path / "cut")).split
    count = sum(part["posters"] for part in cut.splits.values())
    assert describe_cut(full, full) == ""
    said = describe_cut(cut, full, 0.1, ("input.height=112",))
    assert said == f"{count} of 120 posters; epochs × 0.1; input.height=112"


def test_missing_data_are_told_once_for_all(files, tmp_path):
    result = call("run", "all", "--data", tmp_path / "gone", "--experiments", files)
    assert result.exit_code == 1
    assert result.output.count("Error") == 1
    assert "is not a folder of prepared posters" in result.output


def test_weights_are_found_by_the_backbones_name(files, tmp_path):
    weights = tmp_path / "weights"
    weights.mkdir()
    order = Order("data", weights=str(weights), folder=str(files))
    experiment = find_experiment("tiny", files)
    with pytest.raises(UserError, match="begins with smallcnn_, and has none"):
        order.settings_of(experiment)
    (weights / "smallcnn_notop.weights.h5").touch()
    (weights / "vgg16_notop.weights.h5").touch()
    found = order.settings_of(experiment).model.weights
    assert found == str(weights / "smallcnn_notop.weights.h5")


def test_a_baseline_takes_only_the_changes_that_count_for_it():
    order = Order("data", changes=("input.height=112", "evaluation.resamples=10"))
    constant = find_experiment("constant")
    assert order.changes_of(constant) == ("evaluation.resamples=10",)
    assert order.settings_of(constant).evaluation.resamples == 10


def test_run_status_and_run_all_one_after_the_other(files, prepared, tmp_path):
    where = ["--out", tmp_path / "runs", "--experiments", files]
    (files / "leak.yaml").unlink()
    result = call("run", "tiny", "--data", prepared, *where, "--posters", 90, "--epoch-scale", 0.5)
    assert result.exit_code == 0, result.output
    run = Run.open(tmp_path / "runs" / "tiny")
    found = run.environment()
    assert found["experiment"] == "tiny"
    assert found["title"] == "A tiny network"
    assert found["cut"].endswith("of 120 posters; epochs × 0.5")
    assert run.settings().training.epochs == 2
    rows = json.loads(call("status", *where, "--format", "json").stdout)
    assert rows[0]["state"] == "done"
    assert rows[0]["epochs"] == 2
    assert 0 < float(rows[0]["val_macro_f1"]) <= 1
    assert {row["state"] for row in rows[1:]} == {"to do"}
    again = call("run", "tiny", "--data", prepared, *where)
    assert again.exit_code == 1
    assert "is there already" in again.output
    order = Order(str(prepared), str(tmp_path / "runs"), 90, 0.5, folder=str(files))
    assert state_of(find_experiment("tiny", files), order) == "done"
    other = Order(str(prepared), str(tmp_path / "runs"), folder=str(files))
    with pytest.raises(UserError, match="another split"):
        run_all(other)


def test_a_run_that_was_cut_off_is_told_and_begun_again(files, prepared, tmp_path):
    partial = tmp_path / "runs" / "tiny.partial"
    partial.mkdir(parents=True)
    (partial / "history.csv").write_text("epoch\n1\n")
    order = Order(str(prepared), str(tmp_path / "runs"), folder=str(files))
    assert state_of(find_experiment("tiny", files), order) == "cut off"
    assert status(order.out, files)[0]["epochs"] == 1
    result = call("run", "tiny", "--data", prepared, "--out", order.out, "--experiments", files)
    assert result.exit_code == 1
    assert "holds other things" in result.output
    (partial / "settings.yaml").touch()
    scale = ("--epoch-scale", 0.25)
    result = call(
        "run", "tiny", "--data", prepared, "--out", order.out, "--experiments", files, *scale
    )
    assert result.exit_code == 0, result.output
    assert "was cut off after 1 epoch; it begins again" in result.stderr
    assert not partial.exists()


def test_a_training_that_was_cut_off_goes_on_inside_the_run(files, prepared, tmp_path, monkeypatch):
    from test_resume import Killed, kill_after

    often = ("training.checkpoint_seconds=0",)
    order = Order(
        str(prepared), str(tmp_path / "runs"), epoch_scale=0.5, folder=str(files), changes=often
    )
    with monkeypatch.context() as patch:
        kill_after(patch, 3)
        with pytest.raises(Killed):
            run_experiment("tiny", order)
    assert state_of(find_experiment("tiny", files), order) == "cut off"
    with alone(order.path("tiny")):
        assert status(order.out, files)[0]["state"] == "running"
    notes = []
    run = run_experiment("tiny", order, note=notes.append)
    assert any("it goes on from there" in line for line in notes)
    assert run.environment()["resumed"] == [{"epoch": 1, "batches_done": 3}]
    assert run.environment()["experiment"] == "tiny"


def test_run_all_goes_on_after_a_failure_and_names_it(files, prepared, tmp_path):
    for file in files.glob("*.yaml"):
        file.unlink()
    (files / "broken.yaml").write_text(TINY + "model:\n  backbone: smallcnn\n  weights: gone.h5\n")
    done = tmp_path / "runs"
    for name in find_experiments(files):
        if name != "broken":
            (done / name).mkdir(parents=True)
            (done / name / "environment.json").write_text("{}")
            write_manifest(done / name)
    notes = []
    failed = run_all(Order(str(prepared), str(done), folder=str(files)), notes.append)
    assert failed == ["broken"]
    assert sum(line.endswith("done, skipped") for line in notes) == len(notes) - 2


def test_a_new_draw_leaves_the_test_alone_and_keeps_groups_whole(prepared, tmp_path):
    posters = load_posters(prepared)
    redraw(posters, tmp_path / "redrawn", tmp_path / "redrawn")
    redrawn = load_posters(tmp_path / "redrawn")
    assert redrawn.paths == posters.paths
    is_test = posters.splits == "test"
    assert ((redrawn.splits == "test") == is_test).all()
    assert (redrawn.splits != posters.splits).any()
    assert abs((redrawn.splits == "val").sum() - (posters.splits == "val").sum()) <= 2
    for group in np.unique(redrawn.groups):
        assert len(np.unique(redrawn.splits[redrawn.groups == group])) == 1


def test_the_resumed_run_trains_its_second_stage_alone():
    settings = load_settings(None, ["training.head_epochs=3", "training.epochs=12"])
    training = continued(settings).training
    assert (training.head_epochs, training.epochs) == (0, 6)


def test_the_leak_shows_a_network_that_remembers(files, prepared, tmp_path):
    more = ("training.epochs=16", "training.patience=16", "training.monitor=val_macro_f1")
    options = [part for change in (*more, *STILL) for part in ("--set", change)]
    result = call(
        "run", "leak", "--data", prepared, "--out", tmp_path, "--experiments", files, *options
    )
    assert result.exit_code == 0, result.output
    found = json.loads((tmp_path / "leak" / "leak.json").read_text())
    before, drawn, after = found["rows"]
    assert 0.5 < found["share_of_new_validation_trained_on"] < 1
    assert drawn["val_macro_f1"] > before["val_macro_f1"] + 0.1
    assert after["test_macro_f1"] < before["test_macro_f1"] + 0.1
    assert "is memory, not skill" in result.stdout
    assert {"leak.png", "leak.csv", "leak.md"} <= {
        path.name for path in (tmp_path / "leak").iterdir()
    }
    second = Run.open(tmp_path / "leak" / "second")
    load_posters(second.environment()["data"])
    assert verify(tmp_path / "leak").findings == ()


@pytest.mark.slow
def test_a_leak_that_was_cut_off_goes_on_inside(files, prepared, tmp_path, monkeypatch):
    from test_resume import Killed, kill_after

    order = Order(
        str(prepared),
        str(tmp_path / "runs"),
        epoch_scale=0.5,
        folder=str(files),
        changes=("training.checkpoint_seconds=0",),
    )
    whole = run_experiment("leak", order)
    shutil.move(whole.path, tmp_path / "whole")
    steps = 6 * len((tmp_path / "whole/first/history.csv").read_text().splitlines()[1:])
    for batches in (3, steps):  # in the first run, and in the second one
        with monkeypatch.context() as patch:
            kill_after(patch, batches)
            with pytest.raises(Killed):
                run_experiment("leak", order)
    run = run_experiment("leak", order)
    for name in ("first", "second"):
        one, other = Run(run.path / name), Run(tmp_path / "whole" / name)
        assert one.environment()["resumed"]
        assert differences(outcome(one), outcome(other)) == []


STILL = (
    "augment.flip=false",
    "augment.rotation_degrees=0",
    "augment.shift=0",
    "augment.scale=0",
    "augment.brightness=0",
    "augment.contrast=0",
    "augment.saturation=0",
    "augment.hue=0",
    "model.dropout=0",
)


def test_the_leaks_paragraph_holds_its_numbers():
    row = {
        "point": "first split",
        "best_epoch": 3,
        "val_macro_f1": 0.3,
        "val_mean_average_precision": 0.2,
        "test_macro_f1": 0.31,
        "test_interval": [0.29, 0.33],
        "test_mean_average_precision": 0.25,
    }
    after = row | {"val_macro_f1": 0.7}
    text = describe(
        {
            "rows": [row, after, after],
            "share_of_new_validation_trained_on": 0.82,
            "cut": "400 of 4,000 posters",
            "warnings": ["a leak"],
        }
    )
    assert "82% of the posters" in text
    assert "+0.400" in text
    assert "| first split | 3 | 0.300 | 0.310 | [0.290, 0.330] | 0.200 | 0.250 |" in text
    assert "Cut to size: 400 of 4,000 posters." in text
    assert "- a leak" in text
