"""Recipes: settings by name, and what is said comes after them."""

from pathlib import Path

import click
import pytest
from click.testing import CliRunner

import keras_genres
from keras_genres.cli import main
from keras_genres.model.backbones import BACKBONES
from keras_genres.options import settings_options
from keras_genres.recipes import RECIPES
from keras_genres.settings import Settings, load_settings
from keras_genres.training.stages import resolve


def resolved(*arguments):
    """Return the settings that a command with these arguments gets."""
    found = []

    @click.command()
    @click.argument("backbone", required=False)
    @settings_options
    def command(settings):
        found.append(settings)

    done = CliRunner().invoke(command, arguments)
    assert done.exit_code == 0, done.output
    return found[0]


def test_the_paper_s_recipe_is_the_defaults():
    assert load_settings(recipe=RECIPES["paper"]) == Settings()
    assert resolved("vgg16", "--recipe", "paper") == resolved("vgg16")


def test_the_best_recipe_changes_what_it_says_for_every_backbone():
    for name, row in BACKBONES.items():
        settings = resolved(name, "--recipe", "best", "--weights", "none")
        changes = settings.to_changes()
        assert all(changes[key] == value for key, value in RECIPES["best"].items())
        height = resolve(settings).input.height
        assert height % 32 == 0 and 1.25 < height / row.width < 1.55


def test_what_is_said_comes_after_the_recipe(tmp_path):
    file = tmp_path / "mine.yaml"
    file.write_text("model:\n  dropout: 0.3\n  head: csra\n")
    settings = resolved(
        "vgg16", "--recipe", "best", "--config", str(file), "--set", "model.head=pooled"
    )
    assert (settings.model.dropout, settings.model.head) == (0.3, "pooled")
    assert settings.training.schedule == RECIPES["best"]["training.schedule"]


@pytest.mark.parametrize(
    "changes, size",
    [
        ({}, (224, 224)),
        ({"input.shape": "portrait"}, (320, 224)),
        ({"input.shape": "portrait", "input.width": 160}, (224, 160)),
        ({"input.shape": "portrait", "input.height": 256}, (256, 224)),
    ],
)
def test_a_portrait_is_as_much_higher_as_a_poster(changes, size):
    settings = Settings().replace({"model.backbone": "mobilenetv2", "model.weights": "none"})
    found = resolve(settings.replace(changes)).input
    assert (found.height, found.width) == size


def test_there_is_no_other_recipe():
    done = CliRunner().invoke(main, ["fit", "vgg16", "--recipe", "worst"])
    assert done.exit_code == 2 and "'paper', 'best'" in done.output


def test_the_best_recipe_is_an_experiment_too():
    file = Path(keras_genres.__file__).parents[1] / "experiments" / "best.yaml"
    written = load_settings(file).replace({"model.backbone": Settings().model.backbone})
    assert written == load_settings(recipe=RECIPES["best"])
