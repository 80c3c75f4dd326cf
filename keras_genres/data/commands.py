"""`keras-genres data …`: bring, draw, prepare and check posters."""

import json

import click

from keras_genres.options import overwrite_option
from keras_genres.settings import PrepareSettings, describe_settings


@click.group()
def data():
    """Prepare posters: read, check, group and split them."""


def prepare_options(command):
    """Add an option for every field of `PrepareSettings`."""
    for name, default, meaning in reversed(describe_settings(PrepareSettings)):
        command = click.option(
            "--" + name.replace("_", "-"),
            default=default,
            show_default=True,
            help=meaning,
            is_flag=default is False,
        )(command)
    return command


@data.command()
@click.argument("source", type=click.Path())
@click.option("--out", type=click.Path(), required=True, help="Folder to make.")
@click.option("--images", type=click.Path(), help="Folder of the posters a CSV names.")
@click.option("--id-column", help="CSV column that names the film.")
@click.option("--ignore-unknown", is_flag=True, help="Leave out genres that are not of the 19.")
@click.option(
    "--extend",
    type=click.Path(),
    help="Prepared folder whose validation and test posters stay so; all others are trained on.",
)
@click.option("--jobs", type=click.IntRange(1), help="Posters checked at a time.")
@prepare_options
@overwrite_option
@click.pass_context
def prepare(
    context, source, out, images, id_column, ignore_unknown, extend, jobs, overwrite, **values
):
    """Make multilabel_posters.csv and its split from SOURCE.

    SOURCE is a folder with a sub-folder for each genre, or a CSV with the 19
    genre columns or a `genres` column (`Action|Drama`).

    \b
        keras-genres data prepare posters/ --out data/
        keras-genres data prepare more-posters/ --extend data/ --out more-data/
    """
    drawn = ("seed", "val_fraction", "test_fraction")
    given = [name for name in drawn if context.get_parameter_source(name).name != "DEFAULT"]
    if extend and given:
        raise click.UsageError(
            f"--extend takes the split of {extend}: --{given[0].replace('_', '-')} does not count."
        )
    from keras_genres.data.check import check, format_check
    from keras_genres.data.prepare import prepare

    prepare(
        source,
        out,
        PrepareSettings(**values),
        images=images,
        id_column=id_column,
        ignore_unknown=ignore_unknown,
        extend=extend,
        overwrite=overwrite,
        jobs=jobs,
    )
    click.echo(format_check(check(out)))


@data.command()
@click.argument("folder", type=click.Path())
@click.option(
    "--format",
    "form",
    type=click.Choice(["table", "json"]),
    default="table",
    show_default=True,
    help="Form of the output.",
)
@click.option("--hash", "by_hash", is_flag=True, help="Read every poster again.")
def check(folder, form, by_hash):
    """Show what `data prepare` found in FOLDER, and which posters changed since."""
    from keras_genres.data.check import check, format_check

    found = check(folder, by_hash, note=lambda line: click.echo(line, err=True))
    click.echo(json.dumps(found, indent=2) if form == "json" else format_check(found))


@data.command()
@click.option("--out", type=click.Path(), required=True, help="Folder to make.")
@click.option("--posters", type=int, default=600, show_default=True, help="How many to draw.")
@click.option("--seed", type=int, default=0, show_default=True, help="Of the drawing.")
@overwrite_option
def sample(out, posters, seed, overwrite):
    """Draw posters whose look carries their genres, with a labels.csv."""
    from keras_genres.data.sample import draw_sample

    draw_sample(out, posters, seed, overwrite=overwrite)
    click.echo(
        f"{posters} posters in {out}; next: keras-genres data prepare {out}/labels.csv --out data/"
    )


@data.command()
def download():
    """Bring the paper's posters from Kaggle, into kagglehub's cache."""
    from keras_genres.data.download import download, prepare_command

    folder = download()
    click.echo(f"Posters in {folder}; next: {prepare_command(folder)}")
