"""`keras-genres experiment …`: options, one call, print.

Nothing heavy is imported before an experiment runs.
"""

import click

from keras_genres.errors import UserError
from keras_genres.options import format_option, overwrite_option, print_rows


@click.group()
def experiment():
    """The paper as a program: its networks, the baselines, and the leak."""


folder_option = click.option(
    "--experiments",
    "folder",
    type=click.Path(),
    help="Folder of the experiment files; default: the checkout's experiments/.",
)
out_option = click.option(
    "--out", type=click.Path(), default="runs", show_default=True, help="Folder of the run folders."
)


@experiment.command("list")
@folder_option
@format_option
def list_(folder, form):
    """List the experiments and what of the paper each does again."""
    from keras_genres.experiments.table import find_experiments

    rows = [
        {"name": each.name, "kind": each.kind, "title": each.title, "paper": each.paper}
        for each in find_experiments(folder).values()
    ]
    print_rows(rows, form)


@experiment.command()
@click.argument("name")
@click.option("--data", type=click.Path(), required=True, help="Prepared posters.")
@out_option
@click.option(
    "--posters", type=click.IntRange(1), help="Cut the data to about this many, splits kept."
)
@click.option(
    "--train-posters",
    type=click.IntRange(1),
    help="Cut only the training posters to about this many; validation and test stay whole.",
)
@click.option(
    "--epoch-scale",
    type=click.FloatRange(0, 1, min_open=True),
    default=1.0,
    show_default=True,
    help="Multiply every number of epochs.",
)
@click.option(
    "--weights", help="imagenet, none, a weight file, or a folder of files named by backbone."
)
@click.option("--frozen-backbone", help="Backbone of the baselines on frozen features.")
@click.option("--seed", type=click.IntRange(0), help="Of the training; ends the run folder's name.")
@click.option(
    "--set",
    "changes",
    multiple=True,
    metavar="NAME=VALUE",
    help="Change a setting; it is written into every table.",
)
@folder_option
@overwrite_option
def run(name, overwrite, **options):
    """Run the experiment NAME, or `all` that are not done.

    \b
        keras-genres experiment run efficientnetb0 --data data/
        keras-genres experiment run all --data data/ --posters 2000 --epoch-scale 0.1
    """
    import signal

    from keras_genres.experiments.order import Order
    from keras_genres.experiments.run import run_all, run_experiment, summary

    # Docker and batch schedulers end a job by SIGTERM; it stops as by Ctrl-C.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    if options["posters"] and options["train_posters"]:
        raise click.UsageError("--posters and --train-posters exclude one another.")
    order = Order(**options)

    def note(line):
        click.echo(line, err=True)

    if name == "all":
        if overwrite:
            raise click.UsageError("`all` skips what is done; --overwrite is for one experiment.")
        failed = run_all(order, note=note)
        if failed:
            raise UserError(f"{len(failed)} failed: {', '.join(failed)}.")
        click.echo(f"All done; next: keras-genres compare {order.out}/* --paper")
        return
    done = run_experiment(name, order, overwrite, note)
    click.echo(summary(done))
    click.echo(f"Run folder: {done.path}")


@experiment.command()
@out_option
@folder_option
@format_option
def status(out, folder, form):
    """Show which experiments are done, cut off or to do, with their scores."""
    from keras_genres.experiments.status import status

    print_rows(status(out, folder), form)
