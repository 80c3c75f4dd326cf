"""Drawn posters, prepared once, and one real run that the tests read."""

import os
import shutil

import pytest

# As `start_keras` does, for tests that import TensorFlow themselves.
os.environ.setdefault("TF_CPU_ALLOCATOR_USE_BFC", "true")
# Two runs are compared bit for bit: see `devices.be_deterministic`.
os.environ.setdefault("TF_NUM_INTEROP_THREADS", "1")

TINY = (
    "model.backbone=smallcnn",
    "input.height=32",
    "input.width=32",
    "training.head_epochs=1",
    "training.epochs=2",
    "training.batch_size=16",
    "evaluation.resamples=50",
    # Runs are compared bit for bit, which is promised with this alone.
    "training.deterministic=true",
)
"""Settings of a run that takes seconds: both stages on 32 x 32 pixels."""


@pytest.fixture(scope="session", autouse=True)
def cache_of_their_own(tmp_path_factory):
    """Keep decoded posters of the tests out of the user's cache folder."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CACHE_HOME", str(tmp_path_factory.mktemp("cache")))
        yield


@pytest.fixture(scope="session")
def drawn(tmp_path_factory):
    """Folder of 120 drawn posters with `labels.csv`; do not write into it."""
    from keras_genres.data.sample import draw_sample

    folder = tmp_path_factory.mktemp("drawn") / "posters"
    draw_sample(folder, 120, seed=0)
    return folder


@pytest.fixture(scope="session")
def prepared(drawn, tmp_path_factory):
    """Folder that `data prepare` wrote; do not write into it."""
    from keras_genres.data.prepare import prepare
    from keras_genres.settings import PrepareSettings

    folder = tmp_path_factory.mktemp("prepared") / "data"
    prepare(drawn / "labels.csv", folder, PrepareSettings())
    return folder


@pytest.fixture(scope="session")
def finished(prepared, tmp_path_factory):
    """A finished `Run` of smallcnn through both stages; do not write into it."""
    from keras_genres.settings import load_settings
    from keras_genres.training.fit import fit

    return fit(load_settings(None, TINY), prepared, tmp_path_factory.mktemp("runs") / "tiny")


@pytest.fixture
def run(finished, tmp_path):
    """A copy of the finished `Run`, to write into."""
    from keras_genres.runs import Run

    return Run(shutil.copytree(finished.path, tmp_path / "run"))
