import subprocess
import sys
from pathlib import Path

import pytest

from keras_genres.settings import load_settings
from keras_genres.training.stages import resolve

FILES = sorted((Path(__file__).parents[1] / "experiments").glob("*.yaml"))


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_every_experiment_loads_and_says_how_it_is_run(file):
    resolve(load_settings(file, [f"model.backbone={file.stem}"]))
    header = file.read_text(encoding="utf-8").partition("\nmodel:")[0]
    for word in (f"keras-genres fit {file.stem}", "Cost:", "Score:"):
        assert word in header


def test_there_are_experiments():
    assert FILES


def test_the_views_experiment_prints_its_table(prepared):
    script = Path(__file__).parents[1] / "experiments/views.py"
    options = (
        "--backbone smallcnn --weights none --posters 80 --epochs 3 --views 1 --seeds 1 --size 32"
    )
    done = subprocess.run(
        [sys.executable, script, "--data", prepared, *options.split()],
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    assert [line.split()[0] for line in lines] == [
        "best",
        "views",
        "1",
        "3",
        "last",
        "views",
        "1",
        "3",
    ]
    assert lines[3].endswith("+0.0000")
