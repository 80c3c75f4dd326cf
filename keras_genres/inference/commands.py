"""Commands for a trained model: options, one call, print.

Keras and the servers are imported inside the commands.
"""

import contextlib

import click

from keras_genres.options import overwrite_option, run_argument


@click.command()
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
    from keras_genres.locks import alone
    from keras_genres.runs import Run
    from keras_genres.training.start import start_keras

    run = Run.open(run)
    start_keras()
    from keras_genres.inference.export import check_posters, export

    with contextlib.nullcontext() if out else alone(run.path):
        made = export(run, out, check_posters(run, posters), overwrite)
    path, difference, count = made
    click.echo(f"{path}: scores differ from Keras's by at most {difference:.1e} ({count} pictures)")
