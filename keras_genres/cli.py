"""The command line: parse, call one function, print.

Results go to stdout, progress and notes to stderr. Keras, TensorFlow and
pandas are imported inside the commands that need them, so `--help` starts at
once.
"""

import json
import os
import signal

import click

from keras_genres import __version__
from keras_genres.bench.commands import bench
from keras_genres.errors import UserError
from keras_genres.files import explain_os_error
from keras_genres.model.backbones import BACKBONES
from keras_genres.settings import PrepareSettings


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


main.add_command(bench)

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


@main.group()
def data():
    """Prepare posters: read, check, group and split them."""


def prepare_options(command):
    """Add an option for every field of `PrepareSettings`."""
    from keras_genres.settings import describe_settings

    for name, default, meaning in reversed(describe_settings(PrepareSettings)):
        command = click.option(
            "--" + name.replace("_", "-"), default=default, show_default=True, help=meaning
        )(command)
    return command


@data.command()
@click.argument("source", type=click.Path())
@click.option("--out", type=click.Path(), required=True, help="Folder to make.")
@click.option("--images", type=click.Path(), help="Folder of the posters a CSV names.")
@click.option("--id-column", help="CSV column that names the film.")
@click.option("--ignore-unknown", is_flag=True, help="Leave out genres that are not of the 19.")
@click.option("--jobs", type=click.IntRange(1), help="Posters checked at a time.")
@prepare_options
@overwrite_option
def prepare(source, out, images, id_column, ignore_unknown, jobs, overwrite, **values):
    """Make multilabel_posters.csv and its split from SOURCE.

    SOURCE is a folder with a sub-folder for each genre, or a CSV with the 19
    genre columns or a `genres` column (`Action|Drama`).

    \b
        keras-genres data prepare posters/ --out data/
    """
    from keras_genres.data.check import check, format_check
    from keras_genres.data.prepare import prepare

    prepare(
        source,
        out,
        PrepareSettings(**values),
        images=images,
        id_column=id_column,
        ignore_unknown=ignore_unknown,
        overwrite=overwrite,
        jobs=jobs,
    )
    click.echo(format_check(check(out)))


@data.command()
@click.argument("folder", type=click.Path())
@click.option(
    "--format",
    "form",
    type=click.Choice(["table", "json"]),
    default="table",
    show_default=True,
    help="Form of the output.",
)
def check(folder, form):
    """Show what `data prepare` found in the posters of FOLDER."""
    from keras_genres.data.check import check, format_check

    found = check(folder)
    click.echo(json.dumps(found, indent=2) if form == "json" else format_check(found))


@data.command()
@click.option("--out", type=click.Path(), required=True, help="Folder to make.")
@click.option("--posters", type=int, default=600, show_default=True, help="How many to draw.")
@click.option("--seed", type=int, default=0, show_default=True, help="Of the drawing.")
@overwrite_option
def sample(out, posters, seed, overwrite):
    """Draw posters whose look carries their genres, with a labels.csv."""
    from keras_genres.data.sample import draw_sample

    draw_sample(out, posters, seed, overwrite=overwrite)
    click.echo(
        f"{posters} posters in {out}; next: keras-genres data prepare {out}/labels.csv --out data/"
    )


@data.command()
def download():
    """Bring the paper's posters from Kaggle, into kagglehub's cache."""
    from keras_genres.data.download import download, prepare_command

    folder = download()
    click.echo(f"Posters in {folder}; next: {prepare_command(folder)}")


_SHORTCUTS = {
    "weights": "model.weights",
    "unfreeze": "training.unfreeze",
    "jit": "training.jit",
    "precision": "training.precision",
    "seed": "training.seed",
    "prefix_cache": "prefix.cache",
}


def settings_options(command):
    """Add `--config`, `--set` and the shortcuts, resolved to `settings`."""
    from functools import wraps

    @wraps(command)
    def wrapped(config, overrides, backbone, **values):
        from keras_genres.settings import load_settings

        short = {name: values.pop(name) for name in _SHORTCUTS}
        # A shortcut is the most specific thing said, so it comes last.
        overrides = [
            *overrides,
            f"model.backbone={backbone}",
            *(f"{_SHORTCUTS[name]}={value}" for name, value in short.items() if value is not None),
        ]
        return command(settings=load_settings(config, overrides), **values)

    for option in (
        click.option("--seed", type=int, help="Short for --set training.seed=…"),
        click.option("--precision", help="auto, float32, bfloat16 or float16."),
        click.option("--jit", help="Compile with XLA: auto, on or off."),
        click.option(
            "--prefix-cache", help="Compute the frozen part once and keep it: auto, on or off."
        ),
        click.option("--unfreeze", help="all, none, or blocks: `blocks 4-6,top`, `block6`."),
        click.option("--weights", help="imagenet, none, or a weight file of the backbone."),
        click.option(
            "--set",
            "overrides",
            multiple=True,
            metavar="NAME=VALUE",
            help="Change a setting, as in training.batch_size=64.",
        ),
        click.option("--config", type=click.Path(), help="YAML file of settings."),
    ):
        wrapped = option(wrapped)
    return wrapped


@main.command()
@click.argument("backbone", type=click.Choice(sorted(BACKBONES)), metavar="BACKBONE")
@click.option("--data", "folder", type=click.Path(), required=True, help="Prepared posters.")
@click.option("--out", type=click.Path(), help="Run folder to make; default: runs/BACKBONE.")
@click.option("--dry-run", is_flag=True, help="Show settings and stages, train one batch.")
@settings_options
@overwrite_option
def fit(settings, folder, out, dry_run, overwrite):
    """Fine-tune BACKBONE on prepared posters and write a run folder.

    \b
        keras-genres fit efficientnetv2s --data data/ --out runs/v2s
    """
    from keras_genres.training.start import start_keras

    # Docker and batch schedulers end a job by SIGTERM; it stops as by Ctrl-C.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    start_keras()
    if dry_run:
        from keras_genres.training.fit import dry_run

        click.echo(dry_run(settings, folder))
        return
    from keras_genres.evaluation.report import format_report
    from keras_genres.training.fit import fit

    run = fit(settings, folder, out or f"runs/{settings.model.backbone}", overwrite)
    click.echo(format_report(run))
    click.echo(f"Run folder: {run.path}")


@main.command()
@run_argument
@click.option("--method", type=click.Choice(["exact", "grid"]), help="Default: the run's own.")
@click.option("--grid-step", type=click.FloatRange(0.001, 0.5), help="Distance of the grid.")
@format_option
def thresholds(run, method, grid_step, form):
    """Choose the thresholds of RUN again from its validation scores.

    The report and the models in the run folder get the new thresholds too.
    """
    from keras_genres.artefact import update_thresholds
    from keras_genres.evaluation.report import format_table, write_report
    from keras_genres.evaluation.thresholds import sweep
    from keras_genres.runs import Run

    run = Run.open(run)
    table = sweep(run, method, grid_step)
    for model in update_thresholds(run):
        click.echo(f"Carried the thresholds into {model}", err=True)
    write_report(run)
    click.echo(format_table(table, form))


@main.command()
@run_argument
@click.option("--data", "folder", type=click.Path(), help="Refuse other data than these.")
@format_option
def report(run, folder, form):
    """Write the tables and figures of RUN again from its saved scores."""
    from keras_genres.evaluation.report import format_report, write_report
    from keras_genres.runs import Run

    run = Run.open(run)
    if folder is not None:
        from keras_genres.data.table import load_posters

        run.split().require_same(load_posters(folder).split, str(run.path), folder)
    click.echo(format_report(write_report(run), form))


@main.command()
@run_argument
@click.option(
    "--format",
    "form",
    type=click.Choice(["saved_model"]),
    default="saved_model",
    show_default=True,
    help="Form of the model.",
)
@click.option("--out", type=click.Path(), help="Default: saved_model/ in the run folder.")
@click.option("--posters", type=click.Path(), help="Folder of JPEG and PNG files to check on.")
@overwrite_option
def export(run, form, out, posters, overwrite):
    """Export the model of RUN and check it against Keras.

    \b
        keras-genres export runs/v2s --format saved_model
    """
    from keras_genres.runs import Run
    from keras_genres.training.start import start_keras

    run = Run.open(run)
    start_keras()
    from keras_genres.inference.export import check_posters, export

    path, difference, count = export(run, out, check_posters(run, posters), overwrite)
    click.echo(f"{path}: scores differ from Keras's by at most {difference:.1e} ({count} pictures)")


@main.command()
@format_option
def backbones(form):
    """List the backbones with their parameters and blocks."""
    from keras_genres.model.backbones import list_backbones

    _print_rows(list_backbones(), form)


@main.command()
@format_option
def settings(form):
    """List every setting with its default and meaning."""
    from keras_genres.settings import describe_settings

    rows = [
        {"name": name, "default": default, "meaning": meaning}
        for name, default, meaning in describe_settings()
    ]
    if form == "table":
        for row in rows:
            default = "" if row["default"] is None else f" = {row['default']}"
            click.echo(f"{row['name']}{default}\n    {row['meaning']}")
    else:
        _print_rows(rows, form)


@main.command()
def doctor():
    """Print versions and devices, why a GPU is not seen, and what to do."""
    from keras_genres.training.doctor import doctor

    rows, todo = doctor()
    for name, finding in rows:
        click.echo(f"{name:16}{finding}")
    for line in todo:
        click.echo(f"-> {line}")


def _print_rows(rows, form):
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
