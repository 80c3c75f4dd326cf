"""`keras-genres search` and `rate`: options, one call, print.

Nothing heavy is imported before a command runs.
"""

import signal

import click

from keras_genres.options import format_option, overwrite_option, print_rows, settings_options

_backbone = click.argument("backbone", metavar="[BACKBONE]", required=False)
_data = click.option("--data", "folder", type=click.Path(), required=True, help="Prepared posters.")


def _show_space(context, option, value):
    if value and not context.resilient_parsing:
        from keras_genres.search.space import DEFAULT, show

        click.echo(show(DEFAULT), nl=False)
        context.exit()


@click.command()
@_backbone
@_data
@click.option("--out", type=click.Path(), required=True, help="Folder of the search.")
@click.option("--space", type=click.Path(), help="YAML file: what to vary; see --show-space.")
@click.option(
    "--show-space",
    is_flag=True,
    is_eager=True,
    expose_value=False,
    callback=_show_space,
    help="Print the built-in space as a file for --space, and end.",
)
@click.option(
    "--trials",
    type=click.IntRange(1, 100_000),
    default=30,
    show_default=True,
    help="Trials in all, with those of earlier calls.",
)
@click.option("--minutes", type=click.FloatRange(0), help="Begin no trial after so many minutes.")
@click.option(
    "--measure",
    type=click.Choice(["map", "macro_f1"]),
    default="map",
    show_default=True,
    help="Mean average precision, which needs no thresholds, or cross-fitted macro F1.",
)
@click.option("--no-prune", is_flag=True, help="Train also what is worse than others were by then.")
@format_option
@settings_options
def search(settings, folder, out, space, trials, minutes, measure, no_prune, form):
    """Search for better settings of BACKBONE on validation; test posters are not looked at.

    The same command goes on with a search that was cut off; more --trials add
    to one that is done. --seed is that of the search and of every training.

    \b
        keras-genres search mobilenetv2 --data data/ --out runs/search --trials 30
        keras-genres search mobilenetv2 --recipe best --space mine.yaml --data data/ --out runs/s2
        keras-genres fit --config runs/search/best.yaml --data data/ --out runs/better
    """
    from keras_genres.search.study import require_optuna
    from keras_genres.training.start import start_keras

    require_optuna()
    _end_as_by_ctrl_c()
    start_keras()
    from keras_genres.search.search import search

    found = search(settings, folder, out, trials, space, measure, minutes, not no_prune)
    print_rows(found.rows(), form)
    click.echo(found.summary(), err=form != "table")
    click.echo(f"Search folder: {out}", err=form != "table")


@click.command()
@_backbone
@_data
@click.option("--out", type=click.Path(), required=True, help="Folder to make.")
@click.option(
    "--stage",
    type=click.Choice(["head", "top"]),
    default="head",
    show_default=True,
    help="On the frozen backbone, or with the blocks open of the last stage.",
)
@click.option("--low", type=float, default=1e-6, show_default=True, help="First learning rate.")
@click.option("--high", type=float, default=1.0, show_default=True, help="Last learning rate.")
@click.option(
    "--batches",
    type=click.IntRange(10, 100_000),
    default=100,
    show_default=True,
    help="Batches from the one to the other.",
)
@click.option(
    "--start",
    type=click.Path(),
    metavar="RUN",
    help="Begin with the weights of a finished run, say of a trained head for --stage top.",
)
@format_option
@settings_options
@overwrite_option
def rate(settings, folder, out, form, **options):
    """Find the learning rates that BACKBONE can be trained with, in one short training.

    The rate rises from batch to batch until the loss runs away. A good one is
    where the smoothed loss falls fastest (`steepest_fall`), or a tenth of that at
    its lowest point (`tenth_of_lowest`); `last_rate` is where the test ended.

    \b
        keras-genres rate mobilenetv2 --data data/ --out runs/rate
        keras-genres rate mobilenetv2 --data data/ --out runs/rate-top --stage top --start runs/head
    """
    from keras_genres.training.start import start_keras

    _end_as_by_ctrl_c()
    start_keras()
    from keras_genres.search.rate import rate

    found = rate(settings, folder, out, **options)
    texts = ("" if value is None else f"{value:.2e}" for value in (found.steepest, found.tenth))
    row = dict(zip(("steepest_fall", "tenth_of_lowest"), texts, strict=True))
    last = {"last_rate": f"{found.rates[-1]:.2e}", "batches": len(found.rates)}
    print_rows([{"stage": found.stage, **row, **last}], form)
    if found.steepest is None:
        click.echo("The loss never falls: try a lower --low or more --batches.", err=True)
    click.echo(f"Folder: {out}", err=form != "table")


def _end_as_by_ctrl_c():
    # Docker and batch schedulers end a job by SIGTERM; it stops as by Ctrl-C.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
