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
