"""The command `predict`: options, one call, print."""

import re
import shlex
import signal
import sys
from functools import partial

import click

from keras_genres.options import overwrite_option

_FORMS = ["table", "csv", "jsonl", "parquet"]


class _Shard(click.ParamType):
    name = "I/N"

    def convert(self, value, param, context):
        found = re.fullmatch(r"(\d{1,6})/(\d{1,6})", value)
        if not found or not 1 <= int(found[1]) <= int(found[2]):
            self.fail(f"expected I/N with I from 1 to N, such as 1/4. Received: {value!r}")
        return int(found[1]), int(found[2])


class _Stopped(KeyboardInterrupt):
    """A signal came; its number is the argument."""


@click.command()
@click.argument("model", type=click.Path())
@click.argument("sources", nargs=-1, required=True, metavar="SOURCE...")
@click.option("--out", type=click.Path(), help="File to make; default: print.")
@click.option(
    "--format",
    "form",
    type=click.Choice(_FORMS),
    help="Form of the output; default: by the ending of --out, or table.",
)
@click.option(
    "--top",
    type=click.IntRange(1, 19),
    help="Tell the K best scores only; genres stay.",
    metavar="K",
)
@click.option("--column", help="Column of a CSV that names posters.")
@click.option("--images", type=click.Path(), help="Folder that files in a CSV are relative to.")
@click.option("--shard", type=_Shard(), help="Take the I-th of N parts of the posters.")
@click.option("--tta", type=click.Choice(["flip"]), help="Average with the mirror image.")
@click.option(
    "--batch",
    type=click.IntRange(1, 1024),
    default=32,
    show_default=True,
    help="Posters at a time.",
)
@click.option("--resume", is_flag=True, help="Go on with a job that was cut off, or begin it.")
@overwrite_option
@click.option("--follow-links", is_flag=True, help="In folders, follow links that lead outside.")
@click.option("--allow-private", is_flag=True, help="Also fetch from private addresses.")
@click.option(
    "--url-seconds",
    type=click.FloatRange(0.1, 3600),
    default=20.0,
    show_default=True,
    help="Most time for a poster behind a URL.",
)
@click.option(
    "--url-mb",
    type=click.FloatRange(0.01, 256),
    default=32.0,
    show_default=True,
    help="Most size of a poster behind a URL.",
)
def predict(model, sources, out, form, resume, overwrite, **options):
    """Tell the genres of posters: files, folders, patterns, a CSV, URLs, or - for a list on stdin.

    MODEL is a run folder, a .keras file or an exported model. A poster that cannot
    be read gets a line with its error. A job with --out that was cut off goes on
    with --resume.

    \b
        keras-genres predict runs/v2s poster.jpg
        keras-genres predict runs/v2s posters/ --out genres.csv
        keras-genres predict runs/v2s films.csv --column image --out genres.parquet --shard 1/4
        find posters -name '*.jpg' | keras-genres predict runs/v2s - --format jsonl --top 3
    """
    if not out and (resume or overwrite):
        raise click.UsageError("--resume and --overwrite go with --out.")
    before = {number: signal.signal(number, _stop) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        done = _run(model, sources, out, form, resume, overwrite, **options)
    except _Stopped as stopped:
        click.echo(_farewell(out, sources), err=True)
        raise SystemExit(128 + stopped.args[0]) from None
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
    if done.rows and not done.good:
        raise click.ClickException("No poster could be read.")


def _run(model, sources, out, form, resume, overwrite, **options):
    from keras_genres.inference.fetching import fetch
    from keras_genres.inference.outputs import format_of
    from keras_genres.inference.predict import predict, progress_of
    from keras_genres.inference.sources import Sources

    names = ("column", "images", "shard", "follow_links")
    told = {name: options[name] for name in names}
    fetching = {
        "allow_private": options["allow_private"],
        "seconds": options["url_seconds"],
        "most_mb": options["url_mb"],
    }
    found = Sources(sources, fetch=partial(fetch, **fetching), **told)
    told["shard"] = told["shard"] and list(told["shard"])  # as JSON gives it back
    note = partial(click.echo, err=True)
    done = predict(
        model,
        found,
        {"sources": list(sources), **told, **fetching},
        form=form or format_of(out),
        out=out,
        stream=None if out else sys.stdout.buffer,
        top=options["top"],
        tta=options["tta"],
        batch_size=options["batch"],
        resume=resume,
        overwrite=overwrite,
        note=note,
    )
    if done.good and options["top"] and (form or format_of(out)) == "table":
        note("*: the score reaches the genre's threshold")
    if done.new:
        note(progress_of(done.rows, done.good, done.new, done.seconds))
        if out:
            note(f"Predictions: {out}")
    return done


def _stop(number, frame):
    # A second one ends the process as it would any other.
    signal.signal(number, signal.SIG_DFL)
    raise _Stopped(number)


def _farewell(out, sources):
    if not out:
        return "Interrupted. A job with --out FILE can be gone on with."
    words = [word for word in sys.argv[1:] if word not in ("--overwrite", "--resume")]
    line = shlex.join(["keras-genres", *words, "--resume"])
    how = ", with the same list on stdin" if "-" in sources else " with"
    return f"Interrupted. Go on{how}: {line}"
