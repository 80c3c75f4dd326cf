"""Real processes, killed at random moments, end as the run that was never killed."""

import collections
import os
import random
import signal
import subprocess
import sys
import time

import pytest
from outcome import differences, outcome

from keras_genres.runs import Run

KILLS = int(os.environ.get("KERAS_GENRES_KILLS", "100"))
SEED = 5

COMMON = (
    "model.backbone=smallcnn",
    "input.height=32",
    "input.width=32",
    "input.cache=disk",
    "training.head_epochs=3",
    "training.head_learning_rate=1e-3",
    "training.epochs=6",
    "training.learning_rate=3e-3",
    "training.patience=4",
    "training.batch_size=8",
    "training.checkpoint_seconds=0.05",
    "training.deterministic=true",
    "evaluation.resamples=20",
)
VARIANTS = {
    "on pixels": ("prefix.cache=off",),
    "on kept activations": ("prefix.cache=on", "training.unfreeze=block3", "prefix.views=8"),
    "first kept, then pixels": ("prefix.cache=auto", "prefix.views=2"),
}

# What a killer can wait for: a file that is there only while something is being made.
MOMENTS = {
    "decoding": ("cache", "**/.posters-*"),
    "prefix cache": ("cache", "**/prefix-*.partial"),
    "checkpoint": ("run.partial", "checkpoints/checkpoint.writing"),
    "between the stages": ("run.partial", "checkpoints/000002-*"),
    "scores": ("run.partial", "predictions/val.npz"),
    "model": ("run.partial", "model.keras"),
    "export": ("run.partial", "saved_model.partial"),
    "report": ("run.partial", "report.partial"),
    "hashes": ("run.partial", ".done"),
}


class Job:
    """A run that is begun and resumed by the same command, as a scheduler would."""

    def __init__(self, folder, data, changes):
        self.folder = folder
        folder.mkdir()
        self.args = [sys.executable, "-m", "keras_genres", "fit", "smallcnn"]
        self.args += ["--data", str(data), "--resume", str(folder / "run")]
        for change in (*COMMON, *changes):
            self.args += ["--set", change]
        self.run = Run(folder / "run")

    def start(self):
        with open(self.folder / "log", "ab") as log:
            environment = os.environ | {"XDG_CACHE_HOME": str(self.folder / "cache")}
            return subprocess.Popen(self.args, stdout=log, stderr=log, env=environment)

    def finish(self):
        process = self.start()
        assert process.wait() == 0, (self.folder / "log").read_text()[-3000:]

    def kill_at(self, moment, random):
        """Start a process and kill it; return whether it was killed before its end."""
        seen = {path: path.stat().st_mtime_ns for path in self._matches(moment)}
        process = self.start()
        wait = random.uniform(0, 0.05) if moment else random.uniform(4, 12)
        deadline = time.monotonic() + 60
        while process.poll() is None and time.monotonic() < deadline:
            if not moment or any(
                path not in seen or _changed(path, seen[path]) for path in self._matches(moment)
            ):
                break
            time.sleep(0.001)
        try:
            process.wait(wait)
        except subprocess.TimeoutExpired:
            process.send_signal(signal.SIGKILL)
        return process.wait() == -signal.SIGKILL

    def _matches(self, moment):
        if not moment:
            return []
        folder, pattern = MOMENTS[moment]
        return list((self.folder / folder).glob(pattern))


def _changed(path, before):
    try:
        return path.stat().st_mtime_ns != before
    except FileNotFoundError:
        return False


@pytest.mark.slow
def test_a_run_killed_anywhere_ends_as_the_one_that_was_not(prepared, tmp_path, capsys):
    chance = random.Random(SEED)
    wanted = {}
    for name, changes in VARIANTS.items():
        uncut = Job(tmp_path / f"uncut {name}", prepared, changes)
        uncut.finish()
        wanted[name] = outcome(uncut.run)
    kills, ends, different = collections.Counter(), 0, []
    while kills.total() < KILLS:
        name = list(VARIANTS)[ends % len(VARIANTS)]
        job = Job(tmp_path / f"{ends} {name}", prepared, VARIANTS[name])
        moments = [*MOMENTS, *["any time"] * 6]
        for moment in sorted(chance.sample(moments, 8), key=moments.index):
            if job.kill_at(moment if moment in MOMENTS else None, chance):
                kills[moment] += 1
            if job.run.path.exists():
                break
        job.finish()
        ends += 1
        different += [
            f"{job.folder.name}: {what}" for what in differences(outcome(job.run), wanted[name])
        ]
        left = [path.name for path in job.folder.iterdir()]
        assert sorted(left) == ["cache", "log", "run"], left
        assert "Traceback" not in (job.folder / "log").read_text()
    with capsys.disabled():
        print(f"\n{kills.total()} kills in {ends} runs, {len(different)} differences")
        print(", ".join(f"{moment} {count}" for moment, count in kills.most_common()))
    assert different == []
