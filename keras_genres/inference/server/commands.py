"""`keras-genres serve`: options, one call, print. Nothing heavy is imported before it runs."""

import dataclasses

import click

from keras_genres.errors import UserError
from keras_genres.inference.server.limits import Limits


def _limit(name, least, most):
    """Return an option for one of the `Limits`, with its default."""
    default = getattr(Limits, name)
    kind = click.IntRange if isinstance(default, int) else click.FloatRange
    return click.option(
        f"--{name.replace('_', '-')}",
        name,
        type=kind(least, most),
        default=default,
        show_default=True,
        help=_LIMITS[name],
    )


_LIMITS = {
    "body_mb": "Largest body of a request in MB; more is 413.",
    "megapixels": "Largest poster in million pixels, told from its header.",
    "posters": "Most posters in a request; more is 413.",
    "queue": "Most posters of all requests that wait; then 429.",
    "upload_mb": "Memory for all bodies at a time in MB; then 429.",
    "seconds": "Longest time a request waits for scores; then 503.",
    "body_seconds": "Longest time a body may take to come; then 408.",
    "header_seconds": "Longest time the head of a request may take to come.",
    "connections": "Most connections at a time; then 503.",
}


@click.command()
@click.argument("model", type=click.Path())
@click.option("--host", default="127.0.0.1", show_default=True, help="0.0.0.0 for all networks.")
@click.option(
    "--port",
    type=click.IntRange(0, 65535),
    default=8000,
    show_default=True,
    help="0 for one that is free.",
)
@click.option("--allow-urls", is_flag=True, help='Also take JSON, {"urls": ["https://…"]}.')
@click.option("--allow-private", is_flag=True, help="Also fetch from private addresses.")
@click.option(
    "--batch", type=click.IntRange(1, 256), default=32, show_default=True, help="Posters at a time."
)
@click.option(
    "--wait-ms",
    type=click.FloatRange(0, 1000),
    default=5.0,
    show_default=True,
    help="Milliseconds a batch waits for posters that are on their way.",
)
@click.option(
    "--drain-seconds",
    type=click.FloatRange(0, 600),
    default=2.0,
    show_default=True,
    help="After SIGTERM, answer so long while /readyz says 503.",
)
@_limit("body_mb", 0.01, 4096)
@_limit("megapixels", 0.001, Limits.megapixels)
@_limit("posters", 1, 10_000)
@_limit("queue", 1, 1_000_000)
@_limit("upload_mb", 0.01, 1 << 20)
@_limit("seconds", 0.01, 3600)
@_limit("body_seconds", 0.1, 3600)
@_limit("header_seconds", 0.1, 3600)
@_limit("connections", 2, 65_536)
def serve(model, host, port, allow_urls, allow_private, batch, wait_ms, drain_seconds, **limits):
    """Answer over HTTP: the genres of posters that are uploaded, and a page at /.

    MODEL is a run folder, a .keras file or an exported model. There is no login:
    put a server that has one in front before others reach it.

    \b
        keras-genres serve runs/v2s
        curl -F posters=@poster.jpg http://127.0.0.1:8000/v1/predict
    """
    if allow_private and not allow_urls:
        raise click.UsageError("--allow-private goes with --allow-urls.")
    if limits["upload_mb"] < limits["body_mb"]:
        raise click.UsageError("--upload-mb must hold at least one body: see --body-mb.")
    if limits["queue"] < limits["posters"]:
        raise click.UsageError("--queue must hold the --posters of at least one request.")
    try:
        from keras_genres.inference.server.serving import listen, serve_model
    except ModuleNotFoundError as error:
        if error.name.startswith("keras_genres"):
            raise
        raise UserError(
            f"`serve` needs {error.name}. Install it: pip install 'keras-genres[serve]'"
        ) from None
    bound = listen(host, port)
    serve_model(
        model,
        bound,
        dataclasses.replace(Limits(), **limits),
        note=lambda line: click.echo(line, err=True),
        urls=(allow_urls, allow_private),
        most_batch=batch,
        wait_ms=wait_ms,
        drain_seconds=drain_seconds,
    )
