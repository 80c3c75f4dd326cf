"""`keras-genres report` and `thresholds`: options, one call, print.

Nothing heavy is imported before a command runs.
"""

import click

from keras_genres.options import format_option, run_argument


@click.command()
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


@click.command()
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
