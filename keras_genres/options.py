"""Options that several commands share."""

import json

import click

from keras_genres.errors import UserError
from keras_genres.recipes import RECIPES

format_option = click.option(
    "--format",
    "form",
    type=click.Choice(["table", "csv", "json"]),
    default="table",
    show_default=True,
    help="Form of the output.",
)
overwrite_option = click.option("--overwrite", is_flag=True, help="Replace what is there.")
run_argument = click.argument("run", type=click.Path())
config_option = click.option("--config", type=click.Path(), help="YAML file of settings.")
set_option = click.option(
    "--set",
    "overrides",
    multiple=True,
    metavar="NAME=VALUE",
    help="Change a setting, as in training.batch_size=64.",
)
seed_option = click.option("--seed", type=int, help="Short for --set training.seed=…")
weights_option = click.option("--weights", help="imagenet, none, or a weight file of the backbone.")


class RowChoice(click.Choice):
    """Name of a row of a table; of a wrong one `find` says in a line what is nearest.

    Args:
        rows: Table by name.
        find: Returns the row of a name that a user wrote, or raises `UserError`.
    """

    def __init__(self, rows, find):
        super().__init__(sorted(rows), case_sensitive=False)
        self.find = find

    def convert(self, value, param, ctx):
        try:
            return self.find(value).name
        except UserError as error:
            self.fail(str(error), param, ctx)


_SHORTCUTS = {
    "weights": "model.weights",
    "unfreeze": "training.unfreeze",
    "jit": "training.jit",
    "precision": "training.precision",
    "seed": "training.seed",
    "prefix_cache": "prefix.cache",
}


def settings_options(command):
    """Add `--recipe`, `--config`, `--set` and the shortcuts, resolved to `settings`."""
    from functools import wraps

    @wraps(command)
    def wrapped(recipe, config, overrides, backbone, **values):
        from keras_genres.settings import load_settings, read_changes

        short = {name: values.pop(name) for name in _SHORTCUTS}
        # A shortcut is the most specific thing said, so it comes last.
        overrides = [
            *overrides,
            *_backbone_override(config, overrides, backbone, bool(values.get("resume"))),
            *(f"{_SHORTCUTS[name]}={value}" for name, value in short.items() if value is not None),
        ]
        if values.get("resume"):  # what is not said was said when the run began
            values["changes"] = RECIPES.get(recipe, {}) | read_changes(config, overrides)
        settings = load_settings(config, overrides, RECIPES.get(recipe))
        return command(settings=settings, **values)

    for option in (
        seed_option,
        click.option("--precision", help="auto, float32, bfloat16 or float16."),
        click.option("--jit", help="Compile with XLA: auto, on or off."),
        click.option(
            "--prefix-cache", help="Compute the frozen part once and keep it: auto, on or off."
        ),
        click.option("--unfreeze", help="all, none, or blocks: `blocks 4-6,top`, `block6`."),
        weights_option,
        set_option,
        config_option,
        click.option(
            "--recipe",
            type=click.Choice(list(RECIPES)),
            help="Settings to begin with: the paper's, which are the defaults, or the best found.",
        ),
    ):
        wrapped = option(wrapped)
    return wrapped


def _backbone_override(config, overrides, backbone, is_resumed):
    """Return the override that the argument BACKBONE is, and note what it overrules.

    Raises:
        click.UsageError: If nothing names a backbone, unless a run is resumed that has one.
    """
    from keras_genres.yaml_files import read_yaml

    named = {"--config": read_yaml(config).get("model.backbone")} if config else {}
    for override in overrides:
        name, _, value = override.partition("=")
        if name.strip() == "model.backbone":
            named["--set"] = value.strip()
    named = {where: value for where, value in named.items() if value}
    if backbone is None:
        if not named and not is_resumed:
            raise click.UsageError("Missing argument 'BACKBONE', and --config names none.")
        return []
    for where, value in named.items():
        if value != backbone:
            click.echo(f"Note: {backbone} instead of {where}'s {value}", err=True)
    return [f"model.backbone={backbone}"]


def print_rows(rows, form):
    """Print a list of dictionaries as an aligned table, CSV or JSON."""
    if form == "json":
        click.echo(json.dumps(rows, indent=2))
        return
    names = list(rows[0])
    cells = [[str(row[name]) for name in names] for row in rows]
    if form == "csv":
        import csv
        import sys

        writer = csv.writer(sys.stdout, lineterminator="\n")
        writer.writerows([names, *cells])
        return
    widths = [max(map(len, column)) for column in zip(names, *cells, strict=True)]
    for row in [names, *cells]:
        line = "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True))
        click.echo(line.rstrip())
