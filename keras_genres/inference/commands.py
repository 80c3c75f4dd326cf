"""Commands for a trained model: options, one call, print.

Keras and the servers are imported inside the commands.
"""

import contextlib
from pathlib import Path

import click

from keras_genres.errors import UserError
from keras_genres.options import overwrite_option, print_rows


@click.command()
@click.argument("model", type=click.Path())
@click.option(
    "--format",
    "form",
    type=click.Choice(["saved_model", "onnx", "litert"]),
    help="Form of the export.  [default: saved_model]",
)
@click.option(
    "--quantize",
    type=click.Choice(["float16", "int8"]),
    help="For litert: weights of half the size, or computing in whole numbers.",
)
@click.option(
    "--out",
    type=click.Path(),
    help="Default: saved_model/ in the run folder; else a file beside the model.",
)
@click.option(
    "--posters",
    type=click.Path(),
    help="Folder of JPEG and PNG files to check on and to set the scales of int8, instead of the "
    "run's own.",
)
@click.option(
    "--compare",
    "is_compared",
    is_flag=True,
    help="Make every form for a moment, and print how each differs from Keras.",
)
@overwrite_option
def export(model, form, quantize, out, posters, is_compared, overwrite):
    """Export MODEL, a run folder or a .keras file, and check it against Keras.

    \b
        keras-genres export runs/v2s --format onnx
        keras-genres export runs/v2s --format litert --quantize int8
        keras-genres export runs/v2s --compare
    """
    if is_compared and (form or quantize or out or overwrite):
        raise click.UsageError("--compare makes every form, and keeps none.")
    if quantize and form != "litert":
        raise click.UsageError("--quantize belongs to --format litert.")
    from keras_genres.inference.find import find_model
    from keras_genres.locks import alone
    from keras_genres.training.start import start_keras

    model = find_model(model)
    start_keras()
    from keras_genres.inference import export as exports

    if is_compared:
        rows, notes, faults = exports.compare(model, posters)
        print_rows(rows, "table")
        for note in notes:
            click.echo(note, err=True)
        if faults:
            raise UserError(" ".join(faults))
        return
    form = form or "saved_model"
    checked, sample = exports.choose_posters(model, posters, quantize)
    is_in_run = out is None and form == "saved_model" and not isinstance(model, Path)
    with alone(model.path) if is_in_run else contextlib.nullcontext():
        made = exports.export(
            model, out, checked, overwrite, form=form, quantize=quantize, sample=sample
        )
    click.echo("{}: {}".format(*made))


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
