"""`keras-genres bench …`: options, one call, print.

Nothing heavy is imported before a bench runs.
"""

import click

from keras_genres.model.backbones import BACKBONES


@click.group()
def bench():
    """Measure speed against the usual ways, at equal work in one run."""


def _options(*names):
    """Add the named options and those that every bench has."""

    def decorate(command):
        for name in reversed((*names, "rounds", "peers", "seed", "form", "json_file")):
            command = _OPTIONS[name](command)
        return command

    return decorate


_OPTIONS = {
    "data": click.option(
        "--data", type=click.Path(), help="Prepared posters; without it posters are drawn."
    ),
    "size": click.option(
        "--size",
        help="Pixels a side, or HEIGHTxWIDTH; default: 224 for input, else the backbone's.",
    ),
    "batch_size": click.option(
        "--batch-size", type=click.IntRange(1), default=32, show_default=True, help="Posters."
    ),
    "threads": click.option("--threads", type=int, help="CPU cores to use; default: all."),
    "weights": click.option(
        "--weights",
        default="none",
        show_default=True,
        help="imagenet, none, or a weight file of the backbone.",
    ),
    "rounds": click.option(
        "--rounds",
        type=click.IntRange(1),
        default=5,
        show_default=True,
        help="How often each contender works.",
    ),
    "peers": click.option(
        "--peer", "peers", multiple=True, help="Measure against this one; default: all installed."
    ),
    "seed": click.option(
        "--seed", type=click.IntRange(0), default=0, show_default=True, help="Of all that is drawn."
    ),
    "form": click.option(
        "--format",
        "form",
        type=click.Choice(["table", "csv", "json"]),
        default="table",
        show_default=True,
        help="Form of the output.",
    ),
    "json_file": click.option(
        "--json", "json_file", type=click.Path(), help="File for everything, every timing in it."
    ),
}


def _posters(default):
    return click.option(
        "--posters",
        type=click.IntRange(1),
        default=default,
        show_default=True,
        help="How many posters.",
    )


def _backbone(more=()):
    return click.option(
        "--backbone",
        type=click.Choice([*more, *sorted(BACKBONES)]),
        metavar="NAME",
        default="mobilenetv2",
        show_default=True,
        help=f"Network{', or none to leave training steps out' if more else ''}.",
    )


@bench.command()
@_backbone(more=("none",))
@_posters(1000)
@click.option(
    "--unfreeze", default="none", show_default=True, help="Blocks trained besides the head."
)
@click.option(
    "--steps",
    type=click.IntRange(1),
    default=20,
    show_default=True,
    help="Training steps in a round.",
)
@_options("data", "size", "batch_size", "threads", "weights")
def input(size, form, json_file, **values):
    """Posters to varied batches, and how long a training step waits for them.

    \b
        keras-genres bench input --data data/ --threads 1
    """
    _start_keras()
    from keras_genres.bench.input import bench_input
    from keras_genres.bench.posters import parse_size

    values["size"] = parse_size(size or "224")
    _tell(bench_input(**values, note=_note), form, json_file)


def _stage_options(command):
    """Add what `train` and `prefix` share."""
    for option in reversed(
        (
            _backbone(),
            _posters(600),
            click.option(
                "--views",
                type=click.IntRange(1),
                multiple=True,
                default=(1, 4),
                show_default=True,
                help="Views of the prefix cache; several are measured one by one.",
            ),
            click.option(
                "--learning-rate", type=float, default=1e-3, show_default=True, help="Adam's."
            ),
            click.option(
                "--precision",
                default="auto",
                show_default=True,
                help="auto, float32, bfloat16 or float16.",
            ),
            _options("data", "size", "batch_size", "threads", "weights"),
        )
    ):
        command = option(command)
    return command


def _epochs(default):
    return click.option(
        "--epochs", type=click.IntRange(1), default=default, show_default=True, help="Of the stage."
    )


@bench.command()
@_epochs(10)
@click.option(
    "--unfreeze", default="none", show_default=True, help="Blocks trained besides the head."
)
@_stage_options
def train(size, form, json_file, **values):
    """A whole stage, validation and the computing of the prefix cache included.

    \b
        keras-genres bench train --data data/ --weights mobilenetv2_notop.weights.h5
    """
    _start_keras()
    from keras_genres.bench.posters import parse_size
    from keras_genres.bench.train import bench_train

    values["size"] = parse_size(size) if size else None
    _tell(bench_train(**values, note=_note), form, json_file)


@bench.command()
@_epochs(3)
@click.option("--unfreeze", help="Blocks trained besides the head; default: the backbone's.")
@_stage_options
def prefix(size, form, json_file, **values):
    """Epochs with open blocks, with and without the prefix cache.

    \b
        keras-genres bench prefix --data data/ --backbone efficientnetb0 --unfreeze "block7,top"
    """
    _start_keras()
    from keras_genres.bench.posters import parse_size
    from keras_genres.bench.train import bench_prefix

    values["size"] = parse_size(size) if size else None
    _tell(bench_prefix(**values, note=_note), form, json_file)


@bench.command()
@click.argument("run", type=click.Path(), required=False)
@_backbone()
@_posters(320)
@_options("data", "size", "batch_size", "threads", "weights")
def predict(size, form, json_file, **values):
    """Scores of posters, by the model of RUN or by --backbone.

    \b
        keras-genres bench predict runs/v2s --data data/
    """
    _start_keras()
    from keras_genres.bench.posters import parse_size
    from keras_genres.bench.predict import bench_predict

    values["size"] = parse_size(size) if size else None
    _tell(bench_predict(**values, note=_note), form, json_file)


@bench.command()
@_posters(34_000)
@_options()
def sweep(form, json_file, **values):
    """Choosing the thresholds of all genres on drawn scores."""
    from keras_genres.bench.sweep import bench_sweep

    _tell(bench_sweep(**values, note=_note), form, json_file)


@bench.command()
@_posters(1000)
@_options("threads")
def prepare(form, json_file, **values):
    """`data prepare` on drawn posters, with its peak memory."""
    from keras_genres.bench.prepare import bench_prepare

    _tell(bench_prepare(**values, note=_note), form, json_file)


def _start_keras():
    from keras_genres.training.start import start_keras

    start_keras()


def _note(line):
    click.echo(line, err=True)


def _tell(result, form, json_file):
    if json_file:
        result.save(json_file)
    click.echo(result.format(form))
