"""Thousands of steps and dozens of checkpoints take no more memory than the first ones."""

import os
import statistics
import subprocess
import sys
import time
from pathlib import Path

import pytest
from conftest import TINY

EPOCHS = int(os.environ.get("KERAS_GENRES_SOAK_EPOCHS", "340"))  # of six steps each
SOAK = (
    f"training.epochs={EPOCHS}",
    f"training.patience={EPOCHS}",
    "training.checkpoint_seconds=0.5",
    "input.cache=disk",
)


def sample(pid):
    """Return resident KiB, open files and threads of a process."""
    status = dict(
        line.split(":", 1) for line in Path(f"/proc/{pid}/status").read_text().splitlines()
    )
    files = len(os.listdir(f"/proc/{pid}/fd"))
    return int(status["VmRSS"].split()[0]), files, int(status["Threads"])


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="needs Linux's /proc")
@pytest.mark.parametrize("place", ["pixels", "kept"])
def test_memory_files_and_threads_do_not_grow(prepared, tmp_path, capsys, place):
    kept = place == "kept"
    more = ("prefix.cache=on", "training.unfreeze=block4") if kept else ("prefix.cache=off",)
    args = [sys.executable, "-m", "keras_genres", "fit", "smallcnn"]
    args += ["--data", str(prepared), "--out", str(tmp_path / "run")]
    for change in (*TINY, *SOAK, *more):
        args += ["--set", change]
    log = open(tmp_path / "log", "w")  # noqa: SIM115
    process = subprocess.Popen(args, stdout=log, stderr=log)
    history, folder = tmp_path / "run.partial/history.csv", tmp_path / "run.partial/checkpoints"
    rows, seen = {}, set()
    while process.poll() is None:
        time.sleep(0.05)
        try:
            epochs = len(history.read_text().splitlines()) - 1
            seen |= {path.name for path in folder.glob("0*.npz")}
            rows[epochs] = sample(process.pid)
        except (FileNotFoundError, ProcessLookupError):
            continue
        if epochs > EPOCHS:
            break
    assert process.wait() == 0, (tmp_path / "log").read_text()[-2000:]
    assert len(seen) >= 50, "fewer checkpoints than the claim is about"
    warm = [rows[epoch] for epoch in rows if EPOCHS * 0.1 <= epoch < EPOCHS * 0.2]
    late = [rows[epoch] for epoch in rows if EPOCHS * 0.9 <= epoch <= EPOCHS]
    before, after = (
        [statistics.median(column) for column in zip(*part, strict=True)] for part in (warm, late)
    )
    growth = after[0] / before[0] - 1
    with capsys.disabled():
        print(
            f"\n{place}: {6 * EPOCHS} steps, {len(seen)} checkpoints seen, memory "
            f"{before[0] / 1024:.0f} -> {after[0] / 1024:.0f} MiB ({growth:+.1%}), open files "
            f"{before[1]:g} -> {after[1]:g}, threads {before[2]:g} -> {after[2]:g}"
        )
    assert growth < 0.02
    assert after[1] <= before[1] + 1
    assert after[2] <= before[2] + 1
