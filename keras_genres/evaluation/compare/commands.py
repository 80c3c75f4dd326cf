"""`keras-genres compare` and `paper`: options, one call, print.

Nothing heavy is imported before a command runs.
"""

import shutil

import click

from keras_genres.options import format_option, overwrite_option

paper_folder_option = click.option(
    "--paper-folder",
    type=click.Path(),
    help="Folder of the paper's numbers; default: the checkout's experiments/paper.",
)


@click.command()
@click.argument("runs", nargs=-1, required=True, type=click.Path(), metavar="RUN…")
@click.option("--paper", "with_paper", is_flag=True, help="Set the paper's numbers beside ours.")
@paper_folder_option
@click.option("--out", type=click.Path(), help="Folder to make, for tables and figures.")
@click.option(
    "--format",
    "form",
    type=click.Choice(["table", "csv", "json", "markdown"]),
    default="table",
    show_default=True,
    help="Form of the output.",
)
@overwrite_option
def compare(runs, with_paper, paper_folder, out, form, overwrite):
    """Set runs of one split side by side: Table 9, and which differences hold.

    Reads saved scores alone. What is no run folder is left out.

    \b
        keras-genres compare runs/* --paper --out compared/
    """
    from keras_genres.evaluation.compare.runs import compare
    from keras_genres.evaluation.compare.text import format_comparison
    from keras_genres.evaluation.paper import load_paper

    paper = load_paper(paper_folder) if with_paper or paper_folder else None
    comparison = compare(runs)
    for line in comparison.notes:
        click.echo(line, err=True)
    if out is not None:
        from keras_genres.evaluation.compare.write import write_comparison

        write_comparison(comparison, paper, out, overwrite)
        click.echo(f"Tables and figures: {out}", err=True)
    columns = shutil.get_terminal_size((100, 24)).columns
    click.echo(format_comparison(comparison, paper, form, columns).rstrip("\n"))


@click.command()
@paper_folder_option
@format_option
def paper(paper_folder, form):
    """Recompute the paper's averages, and list where it disagrees with itself."""
    from keras_genres.evaluation.paper import load_paper
    from keras_genres.evaluation.paper_check import format_paper

    click.echo(format_paper(load_paper(paper_folder), form).rstrip("\n"))
