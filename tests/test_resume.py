"""A run that was cut off ends as the one that was not; anything else is refused."""

import os
import shutil

import keras
import numpy as np
import pytest
from conftest import TINY
from outcome import differences, outcome

from keras_genres.errors import UserError
from keras_genres.settings import load_settings
from keras_genres.training import callbacks
from keras_genres.training.checkpoint import Checkpoints
from keras_genres.training.fit import fit, resume

# 82 training posters in batches of 16: six a epoch. And not on what another test kept, which is
# rounded: whether it is there may change between two runs that are compared.
CHANGES = ("training.checkpoint_seconds=0", "prefix.cache=off")


class Killed(BaseException):
    """What a SIGKILL would be: nothing of ours catches it."""


def settings(*overrides):
    return load_settings(None, [*TINY, *CHANGES, *overrides])


@pytest.fixture(scope="module")
def finished(prepared, tmp_path_factory):
    """The uncut run."""
    return fit(settings(), prepared, tmp_path_factory.mktemp("uncut") / "run")


def unlike(run, finished):
    """Return what of a run is not as in the uncut one, but for how often it kept checkpoints."""
    return [name for name in differences(outcome(run), outcome(finished)) if name != "settings"]


def kill_after(monkeypatch, batches, place=callbacks.Keep, name="on_train_batch_end"):
    """Let the process die after so many calls."""
    calls, whole = [], getattr(place, name)

    def counted(self, *args, **options):
        found = whole(self, *args, **options)
        calls.append(1)
        if len(calls) == batches:
            raise Killed
        return found

    monkeypatch.setattr(place, name, counted)


def cut_off(prepared, out, monkeypatch, batches, *overrides, **where):
    with monkeypatch.context() as patch:
        kill_after(patch, batches, **where)
        with pytest.raises(Killed):
            fit(settings(*overrides), prepared, out)
    assert not out.exists()


# In the head's epoch, at its last batch, in the first and the second of the others.
@pytest.mark.slow
@pytest.mark.parametrize("batches", [2, 6, 9, 17])
def test_a_run_cut_in_the_middle_of_an_epoch_ends_as_if_it_was_not(
    prepared, tmp_path, monkeypatch, finished, batches
):
    out = tmp_path / "run"
    cut_off(prepared, out, monkeypatch, batches)
    run = resume(out)
    assert unlike(run, finished) == []
    told = run.environment()["resumed"]
    assert told == [{"epoch": 1 + (batches - 1) // 6, "batches_done": 1 + (batches - 1) % 6}]
    assert [path.name for path in tmp_path.iterdir()] == ["run"]


@pytest.mark.slow
def test_a_run_cut_in_validation_does_not_train_the_epoch_again(
    prepared, tmp_path, monkeypatch, finished
):
    out = tmp_path / "run"
    cut_off(prepared, out, monkeypatch, 2, place=callbacks.Validate, name="on_epoch_end")
    run = resume(out)
    assert run.environment()["resumed"] == [{"epoch": 2, "batches_done": 6}]
    assert unlike(run, finished) == []


@pytest.mark.slow
def test_a_run_cut_after_training_only_does_what_is_left(prepared, tmp_path, monkeypatch, finished):
    from keras_genres.training import complete

    out = tmp_path / "run"
    with monkeypatch.context() as patch:
        patch.setattr(complete, "export", lambda *args, **options: (_ for _ in ()).throw(Killed))
        with pytest.raises(Killed):
            fit(settings(), prepared, out)
    with monkeypatch.context() as patch:
        patch.setattr(keras.Model, "fit", lambda *args, **options: pytest.fail("trained again"))
        run = resume(out)
    assert unlike(run, finished) == []


@pytest.mark.slow
def test_kept_activations_are_taken_up_as_they_were(prepared, tmp_path, monkeypatch):
    kept = ("training.unfreeze=block4", "prefix.cache=on", "prefix.views=2", "prefix.place=memory")
    uncut = fit(settings(*kept), prepared, tmp_path / "uncut")
    cut_off(prepared, tmp_path / "run", monkeypatch, 9, *kept)
    run = resume(tmp_path / "run")
    assert run.environment()["stages_on_kept_activations"] == ["blocks", "head"]
    assert unlike(run, uncut) == []


@pytest.mark.slow
@pytest.mark.parametrize("batches", [4, 9, 14, 18])
def test_averages_rates_and_opened_blocks_are_taken_up(prepared, tmp_path, monkeypatch, batches):
    asked = (
        "training.ema=0.9",
        "training.weight_decay=0.05",
        "training.layer_decay=0.7",
        "training.clip_norm=1",
        "training.schedule=cosine",
        "training.warmup_epochs=1",
        "training.unfreeze=block3,block4",
        "training.gradual_epochs=1",
        "prefix.cache=off",
    )
    uncut = fit(settings(*asked), prepared, tmp_path / "uncut")
    assert set(read_stages(uncut)) == {"head", "from block4", "blocks"}
    cut_off(prepared, tmp_path / "run", monkeypatch, batches, *asked)
    assert unlike(resume(tmp_path / "run"), uncut) == []


@pytest.mark.slow
def test_an_interrupt_in_validation_keeps_the_weights_that_are_trained(
    prepared, tmp_path, monkeypatch
):
    asked = ("training.ema=0.9",)
    uncut = fit(settings(*asked), prepared, tmp_path / "uncut")

    def interrupted(self, *args, **options):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(callbacks.Validate, "on_epoch_end", interrupted)
        with pytest.raises(UserError, match="Interrupted"):
            fit(settings(*asked), prepared, tmp_path / "run")
    assert unlike(resume(tmp_path / "run"), uncut) == []


def read_stages(run):
    rows = run.history_file.read_text().splitlines()
    at = rows[0].split(",").index("stage")
    return [row.split(",")[at] for row in rows[1:]]


@pytest.mark.slow
def test_what_was_decided_of_the_prefix_cache_stays_decided(prepared, tmp_path, monkeypatch):
    # Activations that another run keeps meanwhile must not change how this one is rounded.
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    frozen = ("training.unfreeze=block4", "prefix.views=2")
    live = (*frozen, "prefix.cache=auto", "prefix.place=memory")
    uncut = fit(settings(*frozen, "prefix.cache=off"), prepared, tmp_path / "uncut")
    from keras_genres.training import prefix

    with monkeypatch.context() as patch:
        patch.setattr(prefix, "pays", lambda *args: (False, "not worth it"))
        cut_off(prepared, tmp_path / "run", patch, 9, *live)
    run = resume(tmp_path / "run")
    assert run.environment()["stages_on_kept_activations"] == []
    assert unlike(run, uncut) == []


@pytest.mark.slow
@pytest.mark.parametrize("batches", [4, 8, 14])
def test_a_stage_on_the_activations_of_a_later_one_stays_on_them(
    prepared, tmp_path, monkeypatch, batches
):
    asked = ("training.unfreeze=block3,block4", "training.gradual_epochs=1", "prefix.cache=auto")
    asked += ("prefix.views=2", "prefix.place=memory")
    from keras_genres.training.prefix import PrefixCache

    with monkeypatch.context() as patch:
        pays = {"blocks": True, "head": False, "from block4": False}
        patch.setattr(PrefixCache, "_pays", lambda self, stage, cut: (pays[stage.name], ""))
        uncut = fit(settings(*asked), prepared, tmp_path / "uncut")
        cut_off(prepared, tmp_path / "run", patch, batches, *asked)
    run = resume(tmp_path / "run")
    assert set(run.environment()["stages_on_kept_activations"]) == set(pays)
    assert unlike(run, uncut) == []


def test_a_damaged_checkpoint_falls_back_to_the_one_before(
    prepared, tmp_path, monkeypatch, finished, capsys
):
    out = tmp_path / "run"
    cut_off(prepared, out, monkeypatch, 9)
    _, newest = sorted((tmp_path / "run.partial/checkpoints").glob("0*.npz"))
    data = bytearray(newest.read_bytes())
    data[len(data) // 2] ^= 1
    newest.write_bytes(data)
    run = resume(out)
    said = capsys.readouterr().err
    assert "is damaged (its contents do not have the hash it was saved with); taking" in said
    assert run.environment()["resumed"] == [{"epoch": 2, "batches_done": 2}]
    assert unlike(run, finished) == []


def test_a_run_with_no_sound_checkpoint_is_refused_and_stays(prepared, tmp_path, monkeypatch):
    out = tmp_path / "run"
    cut_off(prepared, out, monkeypatch, 9)
    for path in (tmp_path / "run.partial/checkpoints").glob("0*.npz"):
        path.write_bytes(path.read_bytes()[:1000])
    with pytest.raises(UserError, match=r"No checkpoint in .* can be read"):
        resume(out)
    assert len(list((tmp_path / "run.partial/checkpoints").glob("0*.npz"))) == 2


@pytest.fixture(scope="module")
def cut(prepared, tmp_path_factory):
    """A run cut in its second epoch; copy it before you go on with it."""
    folder = tmp_path_factory.mktemp("cut")
    with pytest.MonkeyPatch.context() as patch:
        cut_off(prepared, folder / "run", patch, 9)
    return folder


@pytest.fixture
def left(cut, tmp_path):
    """Path of the run folder that was to be made; its `.partial` is there."""
    shutil.copytree(cut, tmp_path / "left")
    return tmp_path / "left/run"


def test_other_settings_are_refused_with_the_difference(left):
    with pytest.raises(UserError, match=r"learning_rate 0\.001 -> 0\.1"):
        resume(left, changes={"training.learning_rate": "0.1"})


@pytest.mark.slow
def test_settings_that_change_nothing_may_be_others(left, finished):
    changes = {"training.checkpoint_seconds": "60", "input.cache": "memory", "training.jit": "auto"}
    run = resume(left, changes=changes)
    assert run.settings().training.checkpoint_seconds == 60
    assert unlike(run, finished) == []


def test_another_split_is_refused_with_both_hashes(left, drawn, tmp_path):
    from keras_genres.data.prepare import prepare
    from keras_genres.settings import PrepareSettings

    other = prepare(drawn / "labels.csv", tmp_path / "other", PrepareSettings(seed=3)).posters.split
    with pytest.raises(UserError, match=f"began on the split .* has {other.sha256[:8]}"):
        resume(left, data=tmp_path / "other")


OTHER = {"keras": "9.9", "tensorflow": None, "numpy": None}


def test_another_version_of_keras_is_refused(left, monkeypatch):
    monkeypatch.setattr("keras_genres.training.origin.versions", lambda: OTHER)
    with pytest.raises(UserError, match=rf"other versions: keras {keras.__version__} -> 9\.9"):
        resume(left)


@pytest.mark.slow
def test_another_version_of_keras_is_allowed_by_name(left, monkeypatch, finished):
    monkeypatch.setattr("keras_genres.training.origin.versions", lambda: OTHER)
    run = resume(left, allow=["versions"])
    assert unlike(run, finished) == []


def test_other_first_weights_are_refused(left, monkeypatch):
    from keras_genres.training import job

    build = job.build_network
    monkeypatch.setattr(
        job, "build_network", lambda *args, **more: build(*args, **more | {"seed": 7})
    )
    with pytest.raises(UserError, match="weights that the run began with were others"):
        resume(left)


def test_a_resumed_run_that_is_finished_is_told_so(finished, capsys):
    assert resume(finished.path).path == finished.path
    assert "is finished; nothing is left to do" in capsys.readouterr().err


def test_a_finished_run_is_not_taken_for_another(finished, prepared, drawn, tmp_path):
    from keras_genres.data.prepare import prepare
    from keras_genres.settings import PrepareSettings

    assert resume(finished.path, data=prepared, changes={"model.backbone": "smallcnn"})
    with pytest.raises(UserError, match=r"model\.backbone smallcnn -> resnet50"):
        resume(finished.path, changes={"model.backbone": "resnet50"})
    prepare(drawn / "labels.csv", tmp_path / "other", PrepareSettings(seed=3))
    with pytest.raises(UserError, match="different splits"):
        resume(finished.path, data=tmp_path / "other")


def test_nothing_to_resume_is_one_line(tmp_path):
    with pytest.raises(UserError, match="nothing to resume"):
        resume(tmp_path / "run")
    assert os.listdir(tmp_path) == []


def test_a_loss_that_is_not_a_number_goes_back_and_lowers_the_rate(
    prepared, tmp_path, monkeypatch, capsys
):
    whole, calls = callbacks.Validate.on_epoch_end, []

    def once(self, epoch, logs=None):
        calls.append(epoch)
        if len(calls) == 2:
            logs["loss"] = float("nan")
        whole(self, epoch, logs)

    monkeypatch.setattr(callbacks.Validate, "on_epoch_end", once)
    run = fit(settings(), prepared, tmp_path / "run")
    assert (
        "back to epoch 2, batch 6, with the learning rate times 0.5 (1 of 3)"
        in capsys.readouterr().err
    )
    assert calls == [0, 1, 1, 2]
    rates = [row.split(",")[2] for row in run.history_file.read_text().splitlines()[1:]]
    assert rates == ["0.0001", "0.0005", "0.0005"]
    assert run.environment()["learning_rate_halved"] == 1


@pytest.mark.slow
def test_a_rate_that_is_far_too_high_is_lowered_three_times_and_explained(
    prepared, tmp_path, capsys
):
    wild = settings("training.learning_rate=1e30", "training.checkpoint_seconds=60")
    with pytest.raises(UserError, match="though the learning rate was halved 3 times"):
        fit(wild, prepared, tmp_path / "run")
    assert capsys.readouterr().err.count("the loss is not a number any more") == 3
    assert (tmp_path / "run.partial/history.csv").exists()


@pytest.mark.slow
def test_a_batch_that_does_not_fit_is_cut_and_learns_the_same(
    prepared, tmp_path, monkeypatch, finished, capsys
):
    class ResourceExhaustedError(Exception):
        """As TensorFlow's."""

    whole, calls = keras.Model.fit, []

    def fails_twice(self, *args, **options):
        calls.append(options["steps_per_epoch"])
        if len(calls) < 3:
            raise ResourceExhaustedError("OOM when allocating tensor")
        return whole(self, *args, **options)

    monkeypatch.setattr(keras.Model, "fit", fails_twice)
    run = fit(settings(), prepared, tmp_path / "run")
    said = capsys.readouterr().err
    assert "batches of 16 now go through in 2 parts of 8" in said
    assert "batches of 16 now go through in 4 parts of 4" in said
    assert calls[:3] == [6, 12, 24]
    assert run.environment()["batch_cut_in_parts"] == 4
    rows = [one.history_file.read_text().splitlines()[1:] for one in (run, finished)]
    for row, wanted in zip(*rows, strict=True):
        row, wanted = row.split(","), wanted.split(",")
        assert row[:3] == wanted[:3]
        # BatchNormalization sees four posters at a time where it is trained: not the same numbers.
        assert float(row[3]) == pytest.approx(float(wanted[3]), abs=0.05)


def test_checkpoints_keep_the_last_two(tmp_path):
    checkpoints = Checkpoints(tmp_path / "kept")
    for number in range(4):
        checkpoints.save({"epoch": number}, {"network": [np.full(3, number)]})
    names = sorted(path.name[:6] for path in (tmp_path / "kept").iterdir())
    assert names == ["000002", "000003"]
    state, groups = Checkpoints(tmp_path / "kept").load()
    assert state == {"epoch": 3} and groups["network"][0].tolist() == [3, 3, 3]


def test_a_poster_that_vanished_is_named_before_training(drawn, tmp_path, monkeypatch):
    from keras_genres.data.prepare import prepare

    shutil.copytree(drawn, tmp_path / "drawn")
    data = tmp_path / "data"
    posters = prepare(tmp_path / "drawn/labels.csv", data).posters
    lost = posters.part("train").paths[0]
    os.remove(lost)
    with pytest.raises(UserError, match="1 of 120 posters vanished"):
        fit(settings(), data, tmp_path / "run")
    assert not list(tmp_path.glob("run*"))
    leave_out = settings("input.changed=leave_out", "training.epochs=0")
    with monkeypatch.context() as patch:
        kill_after(patch, 2)
        with pytest.raises(Killed):
            fit(leave_out, data, tmp_path / "run")
    run = resume(tmp_path / "run")
    assert [row["what"] for row in run.environment()["left_out"]] == ["vanished"]
    assert run.environment()["posters"]["train"] == len(posters.part("train")) - 1
    assert run.split().sha256 != posters.split.sha256
