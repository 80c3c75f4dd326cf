"""`keras-genres baseline`: options, one call, print.

Nothing heavy is imported before a baseline runs.
"""

import signal

import click

from keras_genres.baselines.table import BASELINES, MEASURES
from keras_genres.errors import UserError
from keras_genres.model.backbones import BACKBONES, find_backbone
from keras_genres.options import (
    RowChoice,
    config_option,
    overwrite_option,
    seed_option,
    set_option,
    weights_option,
)

_SHORT = {"backbone": "model.backbone", "weights": "model.weights", "seed": "training.seed"}


def _help():
    width = max(map(len, BASELINES))
    rows = "\n".join(f"{row.name:{width}}  {row.meaning}" for row in BASELINES.values())
    return f"""Run the baseline NAME on prepared posters and write a run folder.

    \b
    {rows.replace(chr(10), chr(10) + "    ")}

    Hyperparameters and thresholds are chosen on validation. Best by macro F1,
    a constant set is all 19 genres.

    \b
        keras-genres baseline naive-bayes --data data/
        keras-genres baseline constant --measure samples_f1 --data data/
        keras-genres baseline logistic-frozen --data data/ --backbone mobilenetv2
    """


@click.command(help=_help())
@click.argument("name", type=click.Choice(list(BASELINES)), metavar="NAME")
@click.option("--data", "folder", type=click.Path(), required=True, help="Prepared posters.")
@click.option("--out", type=click.Path(), help="Run folder to make; default: runs/NAME.")
@click.option(
    "--measure",
    type=click.Choice(MEASURES),
    help="What the constant set is best by; default: macro_f1.",
)
@click.option(
    "--backbone",
    type=RowChoice(BACKBONES, find_backbone),
    metavar="BACKBONE",
    help="Whose frozen features; default: efficientnetv2s.",
)
@weights_option
@config_option
@set_option
@seed_option
@overwrite_option
def baseline(name, folder, out, measure, config, overrides, overwrite, **short):
    row = BASELINES[name]
    _require_fit(row, measure, overrides, short)
    # A shortcut is the most specific thing said, so it comes last.
    said = [f"{_SHORT[key]}={value}" for key, value in short.items() if value is not None]
    settings = row.settings(config, [*overrides, *said])
    options = {"measure": measure} if measure else {}
    # Batch schedulers end a job by SIGTERM; it stops as by Ctrl-C.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    from keras_genres.baselines.run import baseline
    from keras_genres.evaluation.report import format_report

    run = baseline(name, settings, folder, out or f"runs/{name}", overwrite, **options)
    click.echo(format_report(run))
    click.echo(f"Run folder: {run.path}")


def _require_fit(row, measure, overrides, short):
    """Refuse what would have no effect, so that nobody takes it for done."""
    if measure and row.name != "constant":
        raise click.UsageError("--measure is for the baseline `constant`.")
    for option in ("backbone", "weights"):
        if short[option] is not None and row.features != "frozen":
            frozen = " and ".join(name for name, r in BASELINES.items() if r.features == "frozen")
            raise click.UsageError(f"--{option} is for the baselines {frozen}.")
    from keras_genres.settings import setting_names

    known = setting_names()
    for override in overrides:
        setting = override.partition("=")[0].strip()
        if setting in known and not row.takes(setting):
            raise UserError(
                f"The baseline {row.name} has no use for {setting}. It takes "
                f"{', '.join(filter(row.takes, known))}."
            )
