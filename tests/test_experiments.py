import csv
import subprocess
import sys
from pathlib import Path

import pytest

from keras_genres.settings import describe_settings, load_settings
from keras_genres.training.stages import resolve
from keras_genres.yaml_files import read_yaml

FOLDER = Path(__file__).parents[1] / "experiments"
FILES = sorted(FOLDER.glob("*.yaml"))
PAPER = {
    "resnet50": (0, 50, "all", "bce"),
    "resnet50_pos_weight": (0, 50, "all", "weighted_bce"),
    "efficientnetb0": (10, 20, "blocks 6-7", "bce"),
    "efficientnetv2s_blocks6-7": (10, 40, "block6,top", "bce"),
    "efficientnetv2s_blocks4-7": (10, 90, "blocks 4-6,top", "bce"),
    "vgg16_frozen": (10, 90, "none", "bce"),
    "vgg16_finetuned": (10, 20, "block5", "bce"),
}
"""Epochs of both stages, blocks and loss of the paper's networks."""


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_every_experiment_loads_and_says_how_it_is_run(file):
    settings = load_settings(file)
    resolve(settings)
    assert read_yaml(file)["model.backbone"] == settings.model.backbone
    text = file.read_text(encoding="utf-8")
    for word in (f"keras-genres experiment run {file.stem} --data", "# Cost:", "# Score:"):
        assert word in text.partition("\nmodel:")[0]


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_an_experiment_holds_only_what_differs_from_the_defaults(file):
    defaults = {name: default for name, default, _ in describe_settings()}
    values = load_settings(file).to_dict()
    for name in read_yaml(file).keys() - {"model.backbone"}:
        section, _, key = name.partition(".")
        assert values[section][key] != defaults[name], name


@pytest.mark.parametrize("name", PAPER)
def test_the_papers_networks_are_trained_as_the_paper_says(name):
    training = resolve(load_settings(FOLDER / f"{name}.yaml")).training
    found = (training.head_epochs, training.epochs, training.unfreeze, training.loss)
    assert found == PAPER[name]
    assert training.batch_size == 32
    assert (training.step_epochs, training.gamma) == (15, 0.5)


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


def test_the_ablation_trains_each_change_once_and_goes_on_where_it_was(prepared, tmp_path):
    script = Path(__file__).parents[1] / "experiments/ablation.py"
    changes, out = tmp_path / "changes.csv", tmp_path / "rows.csv"
    options = "--backbone smallcnn --weights none --seeds 1 --set training.head_epochs=1"
    options += " --set input.height=32 --set input.width=32"

    def run():
        command = [sys.executable, script, changes, "--data", prepared, "--out", out]
        done = subprocess.run([*command, *options.split()], capture_output=True, text=True)
        assert done.returncode == 0, done.stderr[-2000:]
        return done.stdout.splitlines()

    changes.write_text("name,settings\npooled,model.head=pooled\n")
    lines = run()
    assert [line.split(" | ")[0] for line in lines] == ["| best", "| pooled"]
    rows = list(csv.DictReader(out.open()))
    assert [row["name"] for row in rows] == ["best", "pooled"] and float(rows[0]["map"]) > 0
    assert run() == lines and list(csv.DictReader(out.open())) == rows
