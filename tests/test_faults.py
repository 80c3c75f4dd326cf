"""What a machine does to a run: full and read-only disks, a jumping clock, a second starter."""

import contextlib
import os
import random
import shutil
import signal
import subprocess
import sys
import time

import pytest
from click.testing import CliRunner
from conftest import TINY
from outcome import differences, outcome

from keras_genres.cli import main
from keras_genres.errors import UserError
from keras_genres.runs import Run
from keras_genres.settings import load_settings
from keras_genres.training import callbacks
from keras_genres.training.fit import fit, resume

LONG = ("training.epochs=40", "training.patience=40", "training.checkpoint_seconds=0.05")
MIB = 2**20


def settings(*changes):
    return load_settings(None, [*TINY, *changes])


def start(folder, data, out="run", changes=LONG):
    """Start `fit` as a process; its output goes to `OUT.log` in `folder`."""
    args = [sys.executable, "-m", "keras_genres", "fit", "smallcnn"]
    args += ["--data", str(data), "--out", str(out)]
    for change in (*TINY, *changes):
        args += ["--set", change]
    with open(folder / "log", "w") as log:
        return subprocess.Popen(args, stdout=log, stderr=log)


def wait_for(process, folder, pattern):
    deadline = time.monotonic() + 120
    while not list(folder.glob(pattern)):
        assert process.poll() is None and time.monotonic() < deadline, log_of(folder.parent)
        time.sleep(0.01)


def log_of(folder):
    return "\n".join(path.read_text() for path in folder.glob("**/log"))


def last_line(folder):
    text = (folder / "log").read_text()
    assert "Traceback" not in text
    return text.strip().splitlines()[-1]


@pytest.fixture
def disk(tmp_path):
    """A small disk of its own: a folder that is a tmpfs of 256 MiB."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=256m", "tmpfs", str(folder)]
    if shutil.which("mount") is None or subprocess.run(mount, capture_output=True).returncode:
        pytest.skip("needs the right to mount")
    yield folder
    subprocess.run(["umount", "-l", str(folder)], check=True)


def fill(disk):
    """Leave nothing free; return the file to remove again."""
    filler = disk / "filler"
    with open(filler, "wb", buffering=0) as file, contextlib.suppress(OSError):
        while file.write(b"\0" * MIB):
            pass
    return filler


@pytest.mark.slow
def test_a_disk_that_fills_stops_the_run_and_loses_nothing(prepared, tmp_path, disk):
    uncut = start(tmp_path, prepared, tmp_path / "uncut")
    assert uncut.wait() == 0
    process = start(tmp_path, prepared, disk / "run")
    wait_for(process, disk, "run.partial/checkpoints/000003-*")
    filler = fill(disk)
    assert process.wait() == 1
    said = last_line(tmp_path)
    assert "no space left on the disk" in said and "keras-genres fit --resume" in said
    assert list(disk.glob("run.partial/checkpoints/0*.npz"))
    # Still full: the same line, and still nothing is lost.
    assert "no space left on the disk" in refusal(disk / "run")
    filler.unlink()
    run = resume(disk / "run")
    assert differences(outcome(run), outcome(Run(tmp_path / "uncut"))) == []


@pytest.mark.slow
def test_a_disk_that_fills_while_activations_are_kept_is_told(prepared, tmp_path, disk):
    changes = ("prefix.cache=on", "prefix.views=8", "training.unfreeze=block4")
    big = ("input.height=192", "input.width=192", f"input.cache_folder={disk}")
    process = start(tmp_path, prepared, tmp_path / "run", (*LONG, *changes, *big))
    wait_for(process, disk, "prefix-*.partial")
    filler = fill(disk)
    assert process.wait() == 1
    filler.unlink()
    assert "no space left on the disk" in last_line(tmp_path)


@pytest.mark.slow
def test_a_folder_that_becomes_read_only_stops_the_run_in_one_line(prepared, tmp_path):
    process = start(tmp_path, prepared, tmp_path / "run")
    wait_for(process, tmp_path, "run.partial/checkpoints/000003-*")
    with protected(tmp_path / "run.partial/checkpoints"):
        assert process.wait() == 1
        said = last_line(tmp_path)
        assert "permi" in said and "keras-genres fit --resume" in said
        assert refusal(tmp_path / "run").startswith("Error: Could not write")
    assert resume(tmp_path / "run").environment()["best_epoch"] > 0


def test_a_read_only_place_is_refused_before_anything_is_trained(prepared, disk):
    subprocess.run(["mount", "-o", "remount,ro", str(disk)], check=True)
    with pytest.raises(UserError, match="Read-only file system"):
        fit(settings(), prepared, disk / "run")


def refusal(out):
    """Try to resume a run; return the line with which that is refused."""
    again = CliRunner().invoke(main, ["fit", "--resume", str(out)])
    assert again.exit_code == 1
    return again.stderr.strip().splitlines()[-1]


@contextlib.contextmanager
def protected(folder):
    """Let nobody write into a folder, not even root."""
    is_root = os.geteuid() == 0
    commands = [["chattr", sign + "i", folder] for sign in "+-"]
    if not is_root:
        commands = [["chmod", mode, folder] for mode in ("555", "755")]
    if shutil.which(commands[0][0]) is None:
        pytest.skip(f"needs {commands[0][0]}")
    if subprocess.run(commands[0], capture_output=True).returncode:
        pytest.skip("this file system cannot protect a folder")
    try:
        yield
    finally:
        subprocess.run(commands[1], check=True)


def test_a_clock_that_jumps_changes_nothing(prepared, finished, tmp_path, monkeypatch):
    chance, whole = random.Random(0), time.time
    monkeypatch.setattr(time, "time", lambda: whole() + chance.uniform(-1e8, 1e8))
    run = fit(settings(), prepared, tmp_path / "run")
    assert differences(outcome(run), outcome(finished)) == []
    assert 0 < run.environment()["seconds"] < 600


@pytest.mark.slow
def test_a_worker_of_the_pipeline_that_dies_leaves_a_run_to_resume(
    prepared, finished, tmp_path, monkeypatch
):
    import numpy as np

    from keras_genres.input import pipeline

    class Dying(np.ndarray):
        """Decoded posters, the reader of which dies after so many batches."""

        left = 9

        def __getitem__(self, rows):
            Dying.left -= 1
            if Dying.left == 0:
                raise SystemExit("worker killed")
            return np.asarray(super().__getitem__(rows))

    whole = pipeline.keep_decoded

    def keep(*args):
        array, said = whole(*args)
        return array.view(Dying), said

    with monkeypatch.context() as patch:
        patch.setattr(pipeline, "keep_decoded", keep)
        with pytest.raises(BaseException, match="worker killed"):
            fit(settings("training.checkpoint_seconds=0"), prepared, tmp_path / "run")
    run = resume(tmp_path / "run", changes={"training.checkpoint_seconds": 120})
    assert run.environment()["resumed"]
    assert differences(outcome(run), outcome(finished)) == []


def test_a_poster_that_vanishes_in_the_middle_of_training_is_named(
    drawn, tmp_path, monkeypatch, capsys
):
    from keras_genres.data.prepare import prepare

    shutil.copytree(drawn, tmp_path / "drawn")
    posters = prepare(tmp_path / "drawn/labels.csv", tmp_path / "data").posters
    lost, kept = posters.part("train").paths[0], tmp_path / "kept"
    ends = callbacks.Keep.on_epoch_end

    def vanish(self, epoch, logs=None):
        ends(self, epoch, logs)
        if epoch == 0:
            os.rename(lost, kept)

    with monkeypatch.context() as patch:
        patch.setattr(callbacks.Keep, "on_epoch_end", vanish)
        with pytest.raises(UserError) as caught:
            fit(settings("input.cache=off"), tmp_path / "data", tmp_path / "run")
    assert "1 poster cannot be read" in str(caught.value) and lost in str(caught.value)
    assert "What was trained is kept. Go on with: keras-genres fit --resume" in str(caught.value)
    os.rename(kept, lost)
    assert resume(tmp_path / "run").environment()["resumed"] == [{"epoch": 2, "batches_done": 0}]


@pytest.mark.slow
def test_of_two_starters_on_one_folder_one_is_refused_and_the_other_ends(
    prepared, finished, tmp_path
):
    folders = [tmp_path / "first", tmp_path / "second"]
    for folder in folders:
        folder.mkdir()
    both = [start(folder, prepared, tmp_path / "run", ()) for folder in folders]
    codes = [process.wait() for process in both]
    assert sorted(codes) == [0, 1]
    loser = folders[codes.index(1)]
    assert "in use by process" in last_line(loser) or "is there already" in last_line(loser)
    assert differences(outcome(Run(tmp_path / "run")), outcome(finished)) == []


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_keeps_the_batch_that_was_done(prepared, finished, tmp_path, number):
    process = start(tmp_path, prepared, tmp_path / "run", ())
    wait_for(process, tmp_path, "run.partial/checkpoints/000000-*")
    process.send_signal(number)
    assert process.wait() == 1
    assert last_line(tmp_path) == (
        "Error: Interrupted; everything so far is kept. Go on with: "
        f"keras-genres fit --resume {tmp_path / 'run'}"
    )
    assert differences(outcome(resume(tmp_path / "run")), outcome(finished)) == []
