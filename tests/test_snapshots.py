"""Cycles of the cosine: their rates, their networks, and the ensemble of these."""

import numpy as np
import pytest
from conftest import TINY

from keras_genres.errors import UserError
from keras_genres.inference.load import load_network
from keras_genres.model.average import members_of
from keras_genres.settings import TrainingSettings, load_settings
from keras_genres.training import callbacks
from keras_genres.training.fit import fit, resume
from keras_genres.training.snapshot_ensemble import snapshot_ensemble
from keras_genres.training.snapshots import snapshots_of
from keras_genres.training.stages import Stage, learning_rate_of, stages
from keras_genres.verify import verify

CYCLES = (*TINY, "training.schedule=cosine", "training.head_epochs=0", "training.cycles=2")


def rates(cycles, epochs, **more):
    stage = Stage("blocks", 10, epochs, 1.0, (), cycles)
    training = TrainingSettings(schedule="cosine", **more)
    return [learning_rate_of(stage, epoch, training) for epoch in range(10, 10 + epochs)]


def test_each_cycle_begins_at_the_full_rate_and_falls_as_one_cosine_of_its_length():
    assert rates(3, 12) == 3 * rates(1, 4)
    assert rates(2, 7) == rates(1, 3) + rates(1, 4)
    assert rates(2, 8, warmup_epochs=2) == rates(1, 4, warmup_epochs=2) + rates(1, 4)
    assert Stage("all", 10, 7, 1.0, (), 2).cycle_ends == (12, 16)


@pytest.mark.parametrize(
    ("changes", "said"),
    [(("training.schedule=step",), "schedule=cosine"), (("training.cycles=5",), "has 2")],
)
def test_cycles_that_cannot_be_are_refused(changes, said):
    settings = load_settings(
        None, [*CYCLES, "training.unfreeze=all", "training.learning_rate=0.1", *changes]
    )
    with pytest.raises(UserError, match=said):
        stages(settings)


@pytest.fixture(scope="module")
def cycled(prepared, tmp_path_factory):
    return fit(load_settings(None, CYCLES), prepared, tmp_path_factory.mktemp("runs") / "cycled")


def test_the_network_of_each_cycle_is_kept_and_their_mean_is_a_run(cycled, prepared, tmp_path):
    files = snapshots_of(cycled)
    assert [file.name for file in files] == ["1.keras", "2.keras"]
    assert verify(cycled.path).findings == ()
    run = snapshot_ensemble(cycled.path, prepared, tmp_path / "mean")
    network = load_network(run.model_file)
    assert len(members_of(network)) == 2
    images = np.random.default_rng(0).uniform(0, 255, (3, 32, 32, 3)).astype("float32")
    parts = [load_network(file).predict_on_batch(images) for file in files]
    assert np.abs(parts[0] - parts[1]).max() > 1e-4
    assert np.abs(network.predict_on_batch(images) - np.mean(parts, axis=0)).max() < 1e-6
    assert verify(run.path).findings == ()


class Killed(BaseException):
    """What a SIGKILL would be: nothing of ours catches it."""


@pytest.mark.slow
def test_a_run_cut_after_a_snapshot_keeps_the_same_networks(
    cycled, prepared, tmp_path, monkeypatch
):
    whole = callbacks.Snapshots.on_epoch_end

    def killed(self, epoch, logs=None):
        whole(self, epoch, logs)
        raise Killed

    with monkeypatch.context() as patch:
        patch.setattr(callbacks.Snapshots, "on_epoch_end", killed)
        with pytest.raises(Killed):
            fit(load_settings(None, CYCLES), prepared, tmp_path / "run")
    run = resume(tmp_path / "run")
    for one, other in zip(snapshots_of(run), snapshots_of(cycled), strict=True):
        pairs = zip(load_network(one).weights, load_network(other).weights, strict=True)
        assert all((np.asarray(a) == np.asarray(b)).all() for a, b in pairs)


def test_a_run_of_one_cycle_has_no_snapshots(finished, prepared, tmp_path):
    assert snapshots_of(finished) == []
    with pytest.raises(UserError, match="has 0 snapshots"):
        snapshot_ensemble(finished.path, prepared, tmp_path / "mean")
