"""`keras-genres serve`: a model, a socket, and an orderly end."""

import contextlib
import ipaddress
import logging
import signal
import socket
import time
from functools import partial
from pathlib import Path

import uvicorn
from h11 import IDLE
from uvicorn.protocols.http.h11_impl import H11Protocol

from keras_genres.errors import UserError
from keras_genres.inference.fetching import SECONDS, fetch
from keras_genres.inference.server.app import make_app

_LAST_SECONDS = 1.0  # that an idle connection stays open at the end


def listen(host, port):
    """Return a socket that is bound, so that a port in use is told before a model is loaded.

    Raises:
        UserError: If the address cannot be had.
    """
    try:
        family, *_, address = socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        bound = socket.socket(family, socket.SOCK_STREAM)
        bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        bound.bind(address)
    except (OSError, OverflowError) as error:
        reason = getattr(error, "strerror", None) or error
        raise UserError(
            f"Cannot listen on {host} port {port}: {reason}. Choose another with --host or --port."
        ) from None
    return bound


def address_of(bound):
    """Return the URL at which a bound socket is reached."""
    host, port = bound.getsockname()[:2]
    host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)
    return f"http://[{host}]:{port}/" if ":" in host else f"http://{host}:{port}/"


def serve_model(
    model,
    bound,
    limits,
    note=print,
    urls=(False, False),
    most_batch=32,
    wait_ms=5.0,
    drain_seconds=2.0,
):
    """Load a model and serve it until SIGTERM or Ctrl-C.

    Args:
        model: Run folder, `.keras` file or exported model.
        bound: A socket from `listen`.
        limits: The `Limits`.
        note: Called with each line for the person at the terminal.
        urls: Whether URLs are taken, and whether those of private addresses too.
        most_batch, wait_ms: As for `Service`.
        drain_seconds: As for `serve`.

    Raises:
        UserError: If the model cannot be used.
    """
    from keras_genres.training.start import start_keras

    start_keras()
    from keras_genres.inference.runtimes import open_model
    from keras_genres.inference.server.service import Service

    name = Path(model).resolve().name
    service = Service(open_model(model), name, limits, wait_ms, most_batch, fetcher(limits, *urls))
    serve(service, bound, drain_seconds, note)


def serve(service, bound, drain_seconds=2.0, note=print):
    """Serve until SIGTERM or Ctrl-C.

    SIGTERM makes `/readyz` say 503 at once, while requests are answered for
    `drain_seconds` more, so that a load balancer can look elsewhere first; each
    answer ends its connection, so that its client does so too.
    Then nothing new is taken and what runs is finished. Ctrl-C does not wait
    for anybody to look; a second one ends at once.

    Args:
        service: A `Service`.
        bound: A socket from `listen`.
        drain_seconds: As said.
        note: Called with each line for the person at the terminal.
    """
    # The parser warns of each broken form, which is the clients' affair.
    logging.getLogger("python_multipart").setLevel(logging.ERROR)
    limits = service.limits
    config = uvicorn.Config(
        make_app(service),
        http=_bounded_protocol(limits.header_seconds),
        ws="none",
        lifespan="on",
        log_level="error",
        access_log=False,
        server_header=False,
        proxy_headers=False,
        limit_concurrency=limits.connections,
        timeout_keep_alive=15,
        timeout_graceful_shutdown=int(limits.body_seconds + limits.seconds) + 1,
    )
    _Server(config, service, drain_seconds, note).run(sockets=[bound])


def fetcher(limits, is_allowed, is_private_allowed):
    """Return what fetches a URL within the limits; `None` where URLs are not taken."""
    if not is_allowed:
        return None
    return partial(
        fetch,
        allow_private=is_private_allowed,
        seconds=min(limits.seconds, SECONDS),
        most_mb=limits.body_mb,
    )


def _is_loopback(bound):
    return ipaddress.ip_address(bound.getsockname()[0].partition("%")[0]).is_loopback


class _Server(uvicorn.Server):
    def __init__(self, config, service, drain_seconds, note):
        super().__init__(config)
        self._service = service
        self._drain = drain_seconds
        self._note = note
        self._end = None

    async def startup(self, sockets=None):
        """Listen, and say where."""
        await super().startup(sockets)
        self._note(f"Serving {self._service.name} at {address_of(sockets[0])} (Ctrl-C stops)")
        if not _is_loopback(sockets[0]):
            self._note("Note: whoever reaches this port may use it; there is no login.")

    def handle_exit(self, sig, frame):
        """Take note of a signal. It is not raised again at the end: to be stopped is no error."""
        if self._end is not None and sig == signal.SIGINT:
            self.should_exit = self.force_exit = True
            return
        if self._end is None:
            self._note("Stopping: what runs is finished. Ctrl-C ends at once.")
            self._service.drain()
        wait = self._drain if sig == signal.SIGTERM else 0.0
        self._end = min(self._end or float("inf"), time.monotonic() + wait)

    async def on_tick(self, counter):
        if self._end is not None and time.monotonic() >= self._end:
            self.should_exit = True
        return await super().on_tick(counter)


def _bounded_protocol(seconds):
    """Return uvicorn's protocol, with a time in which the head of a request must be here."""

    class BoundedProtocol(H11Protocol):
        _waiting = None

        def connection_made(self, transport):
            super().connection_made(transport)
            self._watch()

        def data_received(self, data):
            super().data_received(data)
            self._watch()

        def connection_lost(self, exc):
            self._rest()
            super().connection_lost(exc)

        def shutdown(self):
            """Close as the service ends: an idle connection a little later.

            A request may be on its way that was sent before its client could know.
            """
            if self.cycle is None or self.cycle.response_complete:
                self.loop.call_later(_LAST_SECONDS, self._shut)
            else:
                super().shutdown()

        def _shut(self):
            if not self.transport.is_closing():
                super().shutdown()

        def _watch(self):
            """Keep the time while a head is on its way; uvicorn does so between requests."""
            if self.conn.their_state is not IDLE or self.transport.is_closing():
                self._rest()
            elif self._waiting is None:
                self._waiting = self.loop.call_later(seconds, self._end)

        def _rest(self):
            if self._waiting is not None:
                self._waiting.cancel()
                self._waiting = None

        def _end(self):
            self._waiting = None
            with contextlib.suppress(Exception):
                self.transport.abort()

    return BoundedProtocol
