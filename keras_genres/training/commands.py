"""`keras-genres ensemble` and `soup`: options, one call, print.

Nothing heavy is imported before a command runs.
"""

import click

from keras_genres.options import overwrite_option

_runs = click.argument("runs", nargs=-1, required=True, type=click.Path(), metavar="RUN…")
_out = click.option("--out", type=click.Path(), required=True, help="Run folder to make.")


@click.command()
@_runs
@_out
@click.option(
    "--weights",
    type=click.Choice(["even", "validation"]),
    default="even",
    show_default=True,
    help="Count members alike, or choose them by mean average precision on validation.",
)
@click.option(
    "--average",
    "of",
    type=click.Choice(["scores", "logits"]),
    default="scores",
    show_default=True,
    help="What is averaged.",
)
@click.option(
    "--thresholds",
    "--method",
    "method",
    type=click.Choice(["exact", "grid", "expected", "shrunk"]),
    help="How thresholds are chosen; default: as in the first run.",
)
@click.option(
    "--data",
    type=click.Path(),
    help="Prepared posters for the new model to score, where members see several sizes.",
)
@click.option("--snapshots", is_flag=True, help="Of one run: the networks of its cycles.")
@click.option("--scores-only", is_flag=True, help="Write no model, in a second, without Keras.")
@overwrite_option
def ensemble(runs, out, weights, of, method, data, snapshots, scores_only, overwrite):
    """Average the scores of finished runs of one split into a run folder.

    Where all have a model, the folder has one model that runs them all and
    gives the mean. It sees posters as large as the largest member does, and
    resizes them for the others.

    \b
        keras-genres ensemble runs/seed0 runs/seed1 runs/seed2 --out runs/ensemble
        keras-genres ensemble runs/v2s runs/b0 --data data/ --out runs/both --weights validation
        keras-genres ensemble runs/cycles --snapshots --data data/ --out runs/snapshots
    """
    if snapshots and (len(runs) > 1 or not data or scores_only or weights != "even"):
        raise click.UsageError("--snapshots takes one RUN and --data, and counts all alike.")
    if data and scores_only:
        raise click.UsageError("--data needs the model that --scores-only leaves out.")
    if not scores_only:
        from keras_genres.training.start import start_keras

        start_keras()
    if snapshots:
        from keras_genres.training.snapshot_ensemble import snapshot_ensemble

        _show(snapshot_ensemble(runs[0], data, out, method, overwrite, of))
        return
    from keras_genres.training.ensemble import ensemble

    more = {"of": of, "data": data, "scores_only": scores_only}
    _show(ensemble(runs, out, weights, method, overwrite, **more))


@click.command()
@_runs
@click.option("--data", "folder", type=click.Path(), required=True, help="Prepared posters.")
@_out
@click.option("--greedy", is_flag=True, help="Keep only runs that do not make validation worse.")
@overwrite_option
def soup(runs, folder, out, greedy, overwrite):
    """Average the weights of finished runs of one network and split.

    \b
        keras-genres soup runs/seed0 runs/seed1 runs/seed2 --data data/ --out runs/soup
    """
    from keras_genres.training.start import start_keras

    start_keras()
    from keras_genres.training.soup import soup

    _show(soup(runs, folder, out, greedy, overwrite))


def _show(run):
    from keras_genres.evaluation.report import format_report

    click.echo(format_report(run))
    click.echo(f"Run folder: {run.path}")
