"""`keras-genres report`, `thresholds`, `calibrate` and `verify`: options, one call, print.

Nothing heavy is imported before a command runs.
"""

import click

from keras_genres.errors import UserError
from keras_genres.options import format_option, run_argument


@click.command()
@run_argument
@click.option(
    "--method",
    type=click.Choice(["exact", "grid", "expected", "shrunk"]),
    help="Default: the run's own.",
)
@click.option("--grid-step", type=click.FloatRange(0.001, 0.5), help="Distance of the grid.")
@click.option(
    "--cross-fit", is_flag=True, help="Change nothing; print how well each method does on others."
)
@format_option
def thresholds(run, method, grid_step, cross_fit, form):
    """Choose the thresholds of RUN again from its validation scores.

    The report and the models in the run folder get the new thresholds too,
    those of a calibrated run on the scale of their scores; `report --html`
    then makes the page again.

    --cross-fit tells which method to take, from validation alone: macro F1 of
    posters that did not choose the thresholds they are picked by.

    
        keras-genres thresholds runs/v2s --cross-fit
        keras-genres thresholds runs/v2s --method expected
    """
    if cross_fit:
        _cross_fit(run, method, grid_step, form)
        return
    from keras_genres.artefact import models_of, update_thresholds
    from keras_genres.evaluation.report import format_table, write_report
    from keras_genres.evaluation.thresholds import sweep
    from keras_genres.locks import alone
    from keras_genres.manifest import settle_leftovers
    from keras_genres.runs import Run

    run = Run.open(run)
    with alone(run.path):
        settle_leftovers(run.path)
        run.require_scores()  # what stands in the way is told before anything is changed
        run.calibration()
        models = models_of(run)
        table = sweep(run, method, grid_step)
        for model in update_thresholds(run, models):
            click.echo(f"Carried the thresholds into {model}", err=True)
        write_report(run, note=_note)
    click.echo(format_table(table, form))


def _cross_fit(run, method, grid_step, form):
    from keras_genres.evaluation.expected_f1 import compare_methods
    from keras_genres.evaluation.report import format_table
    from keras_genres.runs import Run

    click.echo(format_table(compare_methods(Run.open(run), method, grid_step), form))


@click.command()
@run_argument
@click.option("--undo", is_flag=True, help="Remove the calibration: scores are the network's.")
@format_option
def calibrate(run, undo, form):
    """Make the scores of RUN shares: of posters with 0.7, seven in ten have the genre.

    Chosen for each genre on validation, by cross-validated Brier score: plain
    scores, temperature, Platt scaling or isotonic regression. No pick changes,
    since thresholds are carried along. Printed is what it does on test. Models
    and report of the run folder get it too; a SavedModel in it is exported
    again, with the calibration inside.

    \b
        keras-genres calibrate runs/v2s
        keras-genres calibrate runs/v2s --undo
    """
    from keras_genres.artefact import is_stale, models_of, update_thresholds
    from keras_genres.evaluation.before_after import format_before_after
    from keras_genres.evaluation.calibrate import calibrate
    from keras_genres.evaluation.report import write_report
    from keras_genres.locks import alone
    from keras_genres.manifest import settle_leftovers
    from keras_genres.runs import Run

    run = Run.open(run)
    with alone(run.path):
        settle_leftovers(run.path)
        run.require_scores()  # what stands in the way is told before anything is changed
        models = models_of(run)
        if not undo:
            calibrate(run)
        elif run.has(run.calibration_file):
            run.remove_file(run.calibration_file)
        else:
            raise UserError(f"{run.path} has no calibration. Nothing was changed.")
        for model in update_thresholds(run, models):
            what = "Took the calibration out of" if undo else "Carried the calibration into"
            click.echo(f"{what} {model}", err=True)
        made = write_report(run, note=_note)
        if run.saved_model in models and is_stale(run, models[run.saved_model]):
            _export_again(run)
    if made.calibration is not None:
        click.echo(format_before_after(made.calibration, form))


def _export_again(run):
    click.echo("Exporting the SavedModel again: calibration is part of its graph", err=True)
    from keras_genres.training.start import start_keras

    start_keras()
    from keras_genres.inference.export import check_posters, export

    export(run, posters=check_posters(run))


@click.command()
@run_argument
@click.option(
    "--data",
    "folder",
    type=click.Path(),
    help="Prepared posters of the run; default: where they were when it was trained.",
)
@click.option("--html", is_flag=True, help="Also write report.html, one page to read and send.")
@click.option(
    "--by",
    "columns",
    multiple=True,
    metavar="COLUMN",
    help="Sort errors by this column of the data; default: year. May be repeated.",
)
@click.option(
    "--duplicates",
    is_flag=True,
    help="Decode all posters and look for pictures on two sides of the split.",
)
@format_option
def report(run, folder, html, columns, duplicates, form):
    """Write the tables and figures of RUN again from its saved scores.

    \b
        keras-genres report runs/v2s --html
        keras-genres report runs/v2s --data data/ --by year --by language
    """
    from keras_genres.evaluation.posters import find_posters
    from keras_genres.evaluation.report import format_report, write_report
    from keras_genres.locks import alone
    from keras_genres.manifest import settle_leftovers
    from keras_genres.runs import Run

    run = Run.open(run)
    posters = None if folder is None else find_posters(run, folder)[0]
    with alone(run.path):
        settle_leftovers(run.path)
        made = write_report(run, posters, columns, html, duplicates, _note)
    click.echo(format_report(made, form))
    if made.calibration is not None:
        _note(
            "scores and thresholds here are the network's own. The models of the run give "
            "calibrated ones, and pick the same genres."
        )
    if html:
        click.echo(f"Page: {run.report / 'report.html'}", err=True)


@click.command()
@run_argument
@click.option(
    "--accept", is_flag=True, help="Take the files as they are, and write their hashes anew."
)
@click.option(
    "--format",
    "form",
    type=click.Choice(["table", "json"]),
    default="table",
    show_default=True,
    help="Form of the output.",
)
def verify(run, accept, form):
    """Check that the files of RUN are as they were written, and belong together.

    Exits with 1 if anything is wrong. Files that were added are noted.

    \b
        keras-genres verify runs/v2s
        keras-genres verify runs/v2s --accept
    """
    import json

    from keras_genres import verify as verifying

    found = verifying.accept(run) if accept else verifying.verify(run)
    if form == "json":
        click.echo(json.dumps(found.to_dict(), indent=2))
    else:
        click.echo(verifying.format_verified(found, accept))
    if not found.is_whole:
        raise UserError(f"{run} is not whole; what is wrong stands above.")


@click.command()
@click.argument("folder", type=click.Path(), metavar="DATA")
@click.option(
    "--jaccard",
    type=click.FloatRange(0, 1, min_open=True),
    default=0.945,
    show_default=True,
    help="Mean Jaccard index of two sources of labels.",
)
@click.option("--second", type=click.Path(), help="Prepared data with a second source's labels.")
@click.option(
    "--split",
    type=click.Choice(["train", "val", "test", "all"]),
    default="test",
    show_default=True,
    help="Posters that are looked at.",
)
@click.option(
    "--draws", type=click.IntRange(1), default=20, show_default=True, help="Sources that are drawn."
)
@click.option("--seed", type=click.IntRange(0), default=0, show_default=True, help="Of the draws.")
@format_option
def bound(folder, jaccard, second, split, draws, seed, form):
    """Say what F1 the labels of DATA let anyone reach.

    Sources of genres disagree about films. One source scored against another
    is the most that a model, or a person who knows the films, can reach.
    Without --second, such a source is drawn.

    \b
        keras-genres bound data/ --jaccard 0.945
    """
    from keras_genres.evaluation.label_noise import bound, bound_rows
    from keras_genres.options import print_rows

    found = bound(folder, second, jaccard, split, draws, seed)
    print_rows(bound_rows(found), form)
    _note(
        f"{found.posters:,} posters, mean Jaccard index {found.jaccard:.3f}. A bound from labels, "
        "not of what a poster shows."
    )


def _note(line):
    click.echo(f"Note: {line}", err=True)
