"""The command line: parse, call one function, print.

Results go to stdout, progress and notes to stderr. Keras, TensorFlow and
pandas are imported inside the commands that need them, so `--help` starts at
once.
"""

import os
import signal

import click

from keras_genres import __version__
from keras_genres.baselines.commands import baseline
from keras_genres.bench.commands import bench
from keras_genres.data.commands import data
from keras_genres.errors import UserError
from keras_genres.evaluation.commands import bound, calibrate, report, thresholds, verify
from keras_genres.evaluation.compare.commands import compare, paper
from keras_genres.experiments.commands import experiment
from keras_genres.files import explain_os_error
from keras_genres.inference.commands import explain, export
from keras_genres.inference.predict_command import predict
from keras_genres.inference.server.commands import serve
from keras_genres.model.backbones import BACKBONES, find_backbone
from keras_genres.options import (
    RowChoice,
    format_option,
    overwrite_option,
    print_rows,
    settings_options,
)
from keras_genres.search.commands import rate, search
from keras_genres.training.commands import ensemble, soup


class _Group(click.Group):
    """Print what a user can mend as one line and exit with 1; bugs keep their traceback."""

    def invoke(self, context):
        try:
            return super().invoke(context)
        except UserError as error:
            raise click.ClickException(str(error)) from error
        except KeyboardInterrupt:
            raise click.ClickException("Interrupted.") from None
        except Exception as error:
            line = explain_os_error(error)
            if line is None or os.environ.get("KERAS_GENRES_TRACEBACK"):
                raise
            raise click.ClickException(line) from error


@click.group(cls=_Group, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="keras-genres")
def main():
    """Learn to tell the genres of films from their posters."""


for command in (
    data,
    baseline,
    report,
    thresholds,
    calibrate,
    verify,
    bound,
    predict,
    explain,
    export,
    compare,
    ensemble,
    soup,
    search,
    rate,
    paper,
    experiment,
    bench,
    serve,
):
    main.add_command(command)


@main.command()
@click.option("--out", type=click.Path(), default="demo", show_default=True, help="Folder to make.")
@click.option(
    "--seed", type=int, default=0, show_default=True, help="Of drawing, split and training."
)
@overwrite_option
def demo(out, seed, overwrite):
    """Draw a sample of posters, prepare it, train and report: the whole job in minutes."""
    from keras_genres.demo import demo
    from keras_genres.evaluation.report import format_report

    run = demo(out, seed, overwrite, note=lambda line: click.echo(line, err=True))
    click.echo(format_report(run))
    click.echo(f"Run folder: {run.path}")


@main.command()
@click.argument(
    "backbone",
    type=RowChoice(BACKBONES, find_backbone),
    metavar="[BACKBONE]",
    required=False,
)
@click.option("--data", "folder", type=click.Path(), help="Prepared posters.")
@click.option("--out", type=click.Path(), help="Run folder to make; default: runs/BACKBONE.")
@click.option("--dry-run", is_flag=True, help="Show settings and stages, train one batch.")
@click.option(
    "--resume",
    type=click.Path(),
    metavar="RUN",
    help="Go on with a run that was cut off; with BACKBONE and --data, begin it if need be.",
)
@click.option(
    "--allow",
    multiple=True,
    type=click.Choice(["versions"]),
    help="What may differ from when a resumed run began.",
)
@settings_options
@overwrite_option
def fit(settings, folder, out, dry_run, overwrite, resume, allow, changes=None):
    """Fine-tune BACKBONE on prepared posters and write a run folder.

    Without BACKBONE the --config file names it.

    \b
        keras-genres fit efficientnetv2s --data data/ --out runs/v2s
        keras-genres fit --resume runs/v2s
    """
    if resume and (out or dry_run or overwrite):
        raise click.UsageError("--resume RUN stands alone: without --out, --overwrite, --dry-run.")
    if not folder and not resume:
        raise click.UsageError("Missing option '--data'.")
    from keras_genres.training.start import start_keras

    # Docker and batch schedulers end a job by SIGTERM; it stops as by Ctrl-C.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    start_keras()
    from keras_genres.training import fit as fits

    if dry_run:
        click.echo(fits.dry_run(settings, folder))
        return
    if resume and not (folder and "model.backbone" in changes and fits.is_new(resume)):
        run = fits.resume(resume, folder, changes, allow)
    else:
        out = out or resume or f"runs/{settings.model.backbone}"
        run = fits.fit(settings, folder, out, overwrite)
    from keras_genres.evaluation.report import format_report

    click.echo(format_report(run))
    click.echo(f"Run folder: {run.path}")


@main.command()
@format_option
def backbones(form):
    """List the backbones with their parameters and blocks."""
    from keras_genres.model.backbones import list_backbones

    print_rows(list_backbones(), form)


@main.command()
@format_option
def settings(form):
    """List every setting with its default, meaning and, where it is a choice, its values."""
    from keras_genres.settings import allowed_values, describe_settings

    rows = [
        {
            "name": name,
            "default": default,
            "values": ", ".join(allowed_values(name)),
            "meaning": meaning,
        }
        for name, default, meaning in describe_settings()
    ]
    if form == "table":
        for row in rows:
            default = "" if row["default"] is None else f" = {row['default']}"
            values = f" (one of {row['values']})" if row["values"] else ""
            click.echo(f"{row['name']}{default}{values}\n    {row['meaning']}")
    else:
        print_rows(rows, form)


@main.command()
def doctor():
    """Print versions and devices, why a GPU is not seen, and what to do."""
    from keras_genres.training.doctor import doctor

    rows, todo = doctor()
    for name, finding in rows:
        click.echo(f"{name:16}{finding}")
    for line in todo:
        click.echo(f"-> {line}")
