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


@click.command()
@click.argument("model", type=click.Path())
@click.argument("poster", type=click.Path())
@click.option("--genre", "genres", multiple=True, metavar="G", help="Genre to explain; repeatable.")
@click.option(
    "--top",
    type=click.IntRange(1, 19),
    default=3,
    show_default=True,
    help="Without --genre, how many genres of the highest scores.",
)
@click.option(
    "--method",
    type=click.Choice(["gradcam", "occlusion", "both"]),
    help="Default: gradcam for a model of Keras, else occlusion.",
)
@click.option("--out", type=click.Path(), help="Folder to make; default: NAME-explained.")
@overwrite_option
def explain(model, poster, genres, top, method, out, overwrite):
    """Show where in POSTER the MODEL sees its genres, as pictures and JSON.

    \b
        keras-genres explain runs/v2s poster.jpg
        keras-genres explain runs/v2s poster.jpg --genre horror --method both
    """
    from keras_genres.inference.explain import explain

    folder, found = explain(model, poster, out, genres, top, method, overwrite)
    click.echo(found.as_text())
    click.echo(f"Explanation: {folder / 'panel.png'}")
