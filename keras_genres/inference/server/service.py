"""What the service does with posters, apart from HTTP."""

import asyncio
import contextlib
import logging
import math
import os
from concurrent.futures import ThreadPoolExecutor

import numpy as np

from keras_genres import __version__
from keras_genres.data.quality import PictureError
from keras_genres.errors import UserError
from keras_genres.genres import GENRES
from keras_genres.inference.predictor import Prediction, Predictor
from keras_genres.inference.server.batching import Batcher
from keras_genres.inference.server.evidence import Evidence
from keras_genres.inference.server.limits import MB, Refused, UploadRoom
from keras_genres.inference.server.metrics import Metrics

_LOG = logging.getLogger("keras_genres.serve")
_STUCK_SECONDS = 120.0
_MOST_EXPLANATIONS = 8
_FETCHES = 8  # at a time, each of a body's size at most
TOO_LARGE = "too large"
"""The reason of a picture with too many pixels, as `PictureError` has it."""


class Service:
    """A model at work for many clients.

    Args:
        runtime: The opened model, as `runtimes.open_model` returns it.
        name: What the model is called, as in `/v1/model`.
        limits: The `Limits`.
        wait_ms: Milliseconds a batch waits for more posters.
        most_batch: Posters in a batch.
        fetch: Returns the bytes behind a URL or raises `UserError`; `None` where
            URLs are not allowed.
    """

    def __init__(self, runtime, name, limits, wait_ms=5.0, most_batch=32, fetch=None):
        self.runtime = runtime
        self._predictor = Predictor(runtime, max_megapixels=limits.megapixels)
        self.name = name
        self.limits = limits
        self.metrics = Metrics()
        self.room = UploadRoom(limits.upload_mb * MB)
        self.takes_urls = fetch is not None
        self._fetch = fetch
        self._batcher = Batcher(runtime.score, most_batch, wait_ms, self.metrics)
        self._fetchers = ThreadPoolExecutor(_FETCHES, "fetcher")
        self._fetching = asyncio.Semaphore(_FETCHES)
        self._readers = ThreadPoolExecutor(min(4, os.cpu_count() or 1), "reader")
        self._evidence = Evidence(runtime, self._batcher, limits.megapixels)
        self._explaining = 0
        self._waiting = 0
        thresholds = map(float, runtime.thresholds)
        self._threshold_of = dict(zip(GENRES, thresholds, strict=True))
        self._state = "starting"
        self._warming = None
        self.metrics.queue.set_function(lambda: self._waiting)
        self.metrics.upload.set_function(lambda: self.room.taken)
        self.metrics.ready.set_function(lambda: self.trouble() is None)

    async def start(self):
        """Begin to work. Until every size of batch was tried once it is not ready."""
        self._warming = asyncio.create_task(self._warm_up())

    async def _warm_up(self):
        try:
            await self._try_network()
        except Exception:
            # Whoever looks at /readyz starts it again; what went wrong stands in the log.
            _LOG.exception("The network failed on a black poster.")
            self._state = "broken"

    async def _try_network(self):
        image = np.zeros((self.runtime.height, self.runtime.width, 3), np.uint8)
        await self._batcher.warm_up(image)
        self._batcher.start()
        await self._evidence.warm_up(image)
        if self._state == "starting":
            self._state = "ready"

    def drain(self):
        """Say from now on that no more requests should be sent here."""
        self._state = "stopping"

    @property
    def is_stopping(self):
        """Whether `drain` was called."""
        return self._state == "stopping"

    async def stop(self):
        """End the threads."""
        self._warming.cancel()
        await asyncio.gather(self._warming, return_exceptions=True)
        await self._batcher.stop()
        self._evidence.stop()
        for pool in (self._readers, self._fetchers):
            pool.shutdown(wait=False, cancel_futures=True)

    def trouble(self):
        """Return why no requests should be sent here, or `None`."""
        if self._state != "ready":
            return self._state
        if self._batcher.busy_seconds > _STUCK_SECONDS:
            return "the network does not answer"
        return None

    def require_room(self, posters=1):
        """Refuse a request whose posters would have to wait too long.

        Raises:
            Refused: 503 before the model is warm, 429 when the queue is full.
        """
        if self._state in ("starting", "broken"):
            raise Refused(503, f"The model is {self._state}.", self._state, retry_after=5)
        if self._waiting + posters > self.limits.queue:
            wait = self._batcher.seconds_for(self._waiting)
            raise Refused(
                429,
                f"{self._waiting} posters are waiting, and at most {self.limits.queue} may.",
                "queue full",
                retry_after=min(60, max(1, math.ceil(wait))),
            )

    async def predict(self, uploads, top=None):
        """Return `(entry, reason)` for each `Upload`, in their order; no reason for a good one.

        Args:
            uploads: The posters.
            top: Scores to tell of each, best first; `None` for all.

        Raises:
            Refused: As `require_room`, and 503 after `Limits.seconds`.
        """
        self.require_room(len(uploads))
        self._waiting += len(uploads)
        try:
            async with self._in_time():
                return await asyncio.gather(*(self._predict(upload, top) for upload in uploads))
        finally:
            self._waiting -= len(uploads)

    @contextlib.asynccontextmanager
    async def _in_time(self):
        try:
            async with asyncio.timeout(self.limits.seconds):
                yield
        except TimeoutError:
            raise Refused(
                503,
                f"There was no answer within {self.limits.seconds:g} seconds.",
                "too slow",
                retry_after=5,
            ) from None

    async def _predict(self, upload, top):
        try:
            image, _ = await self._read(upload)
        except UserError as error:
            return self._failure(upload, error)
        scores = await self._batcher.score(image)
        self.metrics.posters.labels("scored").inc()
        return self._entry(upload, scores, top), None

    async def _read(self, upload):
        """Return the pixels of a poster and the bytes of its file, read in threads."""
        if upload.data is not None:
            return await self._decode(upload.data), upload.data
        # Threads of their own: who is slow to send must not keep uploads from being read.
        async with self._fetching:
            data = await self._in_thread(self._fetchers, self._fetch, upload.source)
            return await self._decode(data), data

    async def _decode(self, data):
        self._batcher.announce()
        try:
            return await self._in_thread(self._readers, self._pixels, data)
        finally:
            self._batcher.withdraw()

    def _pixels(self, data):
        if not data:
            raise PictureError("the picture", "empty file", "0 bytes")
        return self._predictor.read(data)

    @staticmethod
    def _in_thread(pool, function, *args):
        return asyncio.get_running_loop().run_in_executor(pool, function, *args)

    def _entry(self, upload, scores, top=None):
        return self._predictor.prediction(upload.source, scores, top).to_dict()

    def _failure(self, upload, error):
        """Return the entry of a poster that could not be read, and why in a word or two."""
        is_picture = isinstance(error, PictureError)
        reason = error.reason if is_picture else "other"
        self.metrics.posters.labels("unreadable").inc()
        self.metrics.errors.labels(reason).inc()
        text = f"{error.reason} ({error.detail})" if is_picture else str(error)
        return Prediction(upload.source, (), {}, text).to_dict(), reason

    async def explain(self, upload, genres=None, with_overlay=True):
        """Return where on a poster the evidence for genres is, as `/v1/explain` tells it.

        Args:
            upload: The poster.
            genres: Names; `None` for those that are picked, or else the best.
            with_overlay: Whether to draw the maps on the poster too.

        Raises:
            Refused: 429 with many of these at once, 422 for a file that is no
                poster, 413 for one of too many pixels, 503 after `Limits.seconds`.
        """
        self.require_room()
        if self._explaining >= _MOST_EXPLANATIONS:
            raise Refused(429, "Too many explanations at once.", "explanations", retry_after=2)
        self._explaining += 1
        try:
            async with self._in_time():
                return await self._explain(upload, genres, with_overlay)
        finally:
            self._explaining -= 1

    async def _explain(self, upload, genres, with_overlay):
        try:
            image, data = await self._read(upload)
        except UserError as error:
            entry, reason = self._failure(upload, error)
            status = 413 if reason == TOO_LARGE else 422
            raise Refused(status, entry["error"], "no poster") from None
        entry = self._entry(upload, await self._batcher.score(image))
        genres = list(dict.fromkeys(genres or entry["genres"] or list(entry["scores"])[:1]))
        maps, overlays = await self._evidence.of(image, data, genres, with_overlay)
        self.metrics.explanations.inc(len(genres))
        return {
            "source": upload.source,
            "method": self._evidence.method,
            "maps": [
                {
                    "genre": genre,
                    "score": entry["scores"][genre],
                    "threshold": self._threshold_of[genre],
                    "picked": genre in entry["genres"],
                    "map": each,
                    "overlay": overlay,
                }
                for genre, each, overlay in zip(genres, maps, overlays, strict=True)
            ],
        }

    def about(self):
        """Return what `/v1/model` tells."""
        told = self.runtime.metadata
        limits = self.limits
        return {
            "name": self.name,
            "kind": self.runtime.kind,
            "backbone": told["backbone"],
            "genres": list(GENRES),
            "thresholds": self._threshold_of,
            "calibrated": bool(told.get("calibrated") or told.get("calibration")),
            "height": self.runtime.height,
            "width": self.runtime.width,
            "fit": told["fit"],
            "split_sha256": told["split_sha256"],
            "tool_version": __version__,
            "explains_by": self._evidence.method,
            "takes_urls": self.takes_urls,
            "limits": {
                name: getattr(limits, name)
                for name in ("body_mb", "megapixels", "posters", "queue", "seconds", "body_seconds")
            },
        }
