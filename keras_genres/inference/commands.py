"""Commands for a trained model: options, one call, print.

Keras and the servers are imported inside the commands.
"""

import contextlib
import json
from dataclasses import asdict
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
    type=click.Choice(["float16", "dynamic", "int8"]),
    help="For litert: weights of half the size; of a quarter; or computing in whole numbers too.",
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
    "--most-changed",
    type=click.FloatRange(0, 1),
    help="For dynamic and int8: largest share of genre decisions that may differ from Keras's.  "
    "[default: 0.1]",
)
@click.option(
    "--compare",
    "is_compared",
    is_flag=True,
    help="Make every form, or only the one that --format says, for a moment, and print how each "
    "differs from Keras.",
)
@click.option("--json", "as_json", is_flag=True, help="Print the comparison as JSON.")
@overwrite_option
def export(model, form, quantize, out, posters, most_changed, is_compared, as_json, overwrite):
    """Export MODEL, a run folder or a .keras file, and check it against Keras.

    \b
        keras-genres export runs/v2s --format onnx
        keras-genres export runs/v2s --format litert --quantize int8
        keras-genres export runs/v2s --compare
    """
    if is_compared and (out or overwrite):
        raise click.UsageError("--compare keeps nothing: leave out --out and --overwrite.")
    if quantize and form != "litert":
        raise click.UsageError("--quantize belongs to --format litert.")
    if most_changed is not None and quantize not in ("dynamic", "int8") and not is_compared:
        raise click.UsageError(
            "--most-changed belongs to --quantize dynamic or int8, or --compare."
        )
    from keras_genres.inference.find import find_model
    from keras_genres.locks import alone
    from keras_genres.training.start import start_keras

    model = find_model(model)
    start_keras()
    from keras_genres.inference import export as exports

    limit = {} if most_changed is None else {"most_changed": most_changed}
    if is_compared:
        forms = [
            each for each in exports.ALL if form in (None, each[0]) and quantize in (None, each[1])
        ]
        _print_comparison(*exports.compare(model, posters, forms, **limit), as_json)
        return
    form = form or "saved_model"
    checked, sample = exports.choose_posters(model, posters, quantize)
    is_in_run = out is None and form == "saved_model" and not isinstance(model, Path)
    with alone(model.path) if is_in_run else contextlib.nullcontext():
        path, parity = exports.export(
            model, out, checked, overwrite, form=form, quantize=quantize, sample=sample, **limit
        )
    if as_json:
        click.echo(json.dumps({"path": str(path)} | asdict(parity), indent=2))
    else:
        click.echo(f"{path}: {parity}")


def _print_comparison(found, notes, as_json):
    rows = [asdict(one) if as_json else one.row() for one in found]
    print_rows(rows, "json" if as_json else "table")
    for note in notes:
        click.echo(note, err=True)
    faults = [f"{one.name}: {one.fault}." for one in found if one.fault]
    if faults:
        raise UserError(" ".join(faults))


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
    help="Default: gradcam for a network of Keras, else occlusion.",
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
