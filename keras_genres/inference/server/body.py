"""Read the body of a request, never more of it than is allowed, nor longer."""

import asyncio
import contextlib

from keras_genres.inference.server.limits import MB, Gone, Refused

_LINGER_SECONDS = 2.0
_LINGER_BYTES = 64 * MB


async def read_body(request, feed, limits, take):
    """Hand the body of a request on, part by part, as it comes.

    Args:
        request: A Starlette `Request` whose body nobody has read.
        feed: Called with each part, `bytes`.
        limits: The `Limits`.
        take: `take` of a lease of `UploadRoom`.

    Raises:
        Refused: 413 for a body that says it is too large, or is; 408 for one
            that takes too long; 429 without room.
        Gone: If the client went.
    """
    most = limits.body_mb * MB
    if int(request.headers.get("content-length", 0)) > most:
        raise _too_large(limits)
    seen = 0
    try:
        async with asyncio.timeout(limits.body_seconds):
            while True:
                message = await request.receive()
                if message["type"] == "http.disconnect":
                    raise Gone
                part = message.get("body", b"")
                seen += len(part)
                if seen > most:
                    raise _too_large(limits)
                take(len(part))
                feed(part)
                if not message.get("more_body", False):
                    return
    except TimeoutError:
        raise Refused(
            408,
            f"The body of the request took more than {limits.body_seconds:g} seconds to come.",
            "slow body",
        ) from None


def _too_large(limits):
    return Refused(
        413, f"The body of the request is larger than {limits.body_mb:g} MB.", "body too large"
    )


async def unless_gone(request, work):
    """Return what `work` returns, or give it up when the client goes.

    The body of the request must have been read.

    Raises:
        Gone: If the client went.
    """
    working = asyncio.ensure_future(work)
    gone = asyncio.ensure_future(request.receive())
    try:
        await asyncio.wait({working, gone}, return_when=asyncio.FIRST_COMPLETED)
        if not working.done():
            raise Gone
        return working.result()
    finally:
        for task in (working, gone):
            task.cancel()


class Exchange:
    """One request and its answer, with the body seen through to its end.

    An answer may be ready while the client is still sending. A connection that
    is closed with bytes unread takes the answer with it, so some of what
    still comes is read first, as web servers do.

    Args:
        scope, receive, send: Of ASGI, for one request.
        headers: `[(name, value)]` in bytes, added to the answer.
        is_last: Returns whether the connection ends with this answer.
    """

    def __init__(self, scope, receive, send, headers=(), is_last=lambda: False):
        self.status = None
        self._is_last = is_last
        self._receive = receive
        self._send = send
        self._headers = headers
        asked = {name: value.lower() for name, value in scope["headers"]}
        self._has_body = b"transfer-encoding" in asked or (
            asked.get(b"content-length", b"0") != b"0"
        )
        # Such a client sends nothing before it is told to, and now it is not.
        self._waits_for_leave = asked.get(b"expect") == b"100-continue"

    async def receive(self):
        """Return the next message of the client."""
        self._waits_for_leave = False
        message = await self._receive()
        if message["type"] == "http.disconnect" or not message.get("more_body", False):
            self._has_body = False
        return message

    async def send(self, message):
        """Send a message of the answer."""
        if message["type"] == "http.response.start":
            self.status = message["status"]
            headers = [*message.get("headers", ()), *self._headers]
            if self._has_body or self._is_last():
                headers.append((b"connection", b"close"))
            message = message | {"headers": headers}
        elif self._has_body and not message.get("more_body", False):
            await self._send(message | {"more_body": True})
            if not self._waits_for_leave:
                await self._swallow()
            message = message | {"body": b""}
        await self._send(message)

    async def _swallow(self):
        seen = 0
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_LINGER_SECONDS):
                while self._has_body and seen < _LINGER_BYTES:
                    seen += len((await self.receive()).get("body", b""))
