"""Score the posters of many requests together, one batch at a time."""

import asyncio
import time
from collections import deque
from concurrent.futures import ThreadPoolExecutor

import numpy as np

SIZES = (1, 2, 3, 4, 6, 8, 12, 16, 24, 32)
"""Batches are filled up to one of these, so that a compiled network meets few shapes."""


class Batcher:
    """Gathers posters for a few milliseconds and scores them in one thread.

    It waits only while a poster that could join is on its way: a lone poster
    is scored at once, and while the network works the next batch gathers.
    All methods belong to the thread of the event loop.

    Args:
        score: Takes uint8 images `(N, height, width, 3)`, returns scores `(N, genres)`.
        most: Images in a batch.
        wait_ms: Milliseconds a batch waits for more.
        metrics: A `Metrics`.
    """

    def __init__(self, score, most, wait_ms, metrics):
        self._score = score
        self._sizes = [size for size in SIZES if size < most] + [most]
        self._wait = wait_ms / 1000
        self._metrics = metrics
        self._images = deque()
        self._calls = deque()
        self._coming = 0
        self._changed = asyncio.Event()
        self._thread = ThreadPoolExecutor(1, "network")
        self._is_over = False
        self._since = None
        self._pace = 0.0
        self._task = None

    def start(self):
        """Begin to work, on the running event loop."""
        self._task = asyncio.get_running_loop().create_task(self._work())

    async def stop(self):
        """End; what waits is given up, and nothing more is taken."""
        self._is_over = True
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
        for _, future in (*self._images, *self._calls):
            future.cancel()
        self._thread.shutdown(wait=False, cancel_futures=True)

    @property
    def busy_seconds(self):
        """How long the network has been at what it does now; 0 while it rests."""
        since = self._since
        return 0.0 if since is None else time.monotonic() - since

    def seconds_for(self, posters):
        """Return about how long so many posters take, by those before them."""
        return posters * self._pace

    async def warm_up(self, image):
        """Score batches of every size, so that no request waits for a compilation."""
        loop = asyncio.get_running_loop()
        for size in self._sizes:
            await loop.run_in_executor(self._thread, self._score, np.stack([image] * size))

    def announce(self):
        """Say that an image is on its way: it is read just now."""
        self._coming += 1

    def withdraw(self):
        """Say that an image that was announced is not on its way any more, or is here."""
        self._coming -= 1
        self._changed.set()

    async def score(self, image):
        """Return the scores of one image, shape `(genres,)`.

        Raises:
            Exception: What the network raised.
        """
        return await self._add(self._images, image)

    async def score_all(self, images):
        """Return the scores of images, shape `(N, genres)`. Errors as in `score`."""
        return np.stack(await asyncio.gather(*map(self.score, images)))

    async def call(self, function):
        """Return what a function returns that uses the network, between two batches."""
        return await self._add(self._calls, function)

    def _add(self, queue, value):
        if self._is_over:
            raise RuntimeError("The service has ended.")
        future = asyncio.get_running_loop().create_future()
        queue.append((value, future))
        self._changed.set()
        return future

    async def _work(self):
        while True:
            await self._gather()
            batch = self._take(self._images, self._sizes[-1])
            if batch:
                images, futures = zip(*batch, strict=True)
                start = time.monotonic()
                await self._run(lambda: self._padded(images), futures)  # noqa: B023
                self._note(len(batch), time.monotonic() - start)
            for function, future in self._take(self._calls, 1):
                await self._run(lambda: [function()], [future])  # noqa: B023

    async def _gather(self):
        """Wait for work, and then a little for more of it."""
        while not self._images and not self._calls:
            await self._next_change(None)
        end = time.monotonic() + self._wait
        while self._coming and not self._calls and len(self._images) < self._sizes[-1]:
            left = end - time.monotonic()
            if left <= 0 or not await self._next_change(left):
                return

    async def _next_change(self, seconds):
        self._changed.clear()
        try:
            async with asyncio.timeout(seconds):
                await self._changed.wait()
        except TimeoutError:
            return False
        return True

    @staticmethod
    def _take(queue, most):
        """Return what is waited for still."""
        found = []
        while queue and len(found) < most:
            value, future = queue.popleft()
            if not future.done():
                found.append((value, future))
        return found

    def _padded(self, images):
        size = next(size for size in self._sizes if size >= len(images))
        batch = np.stack(images + images[-1:] * (size - len(images)))
        return self._score(batch)[: len(images)]

    async def _run(self, function, futures):
        self._since = time.monotonic()
        try:
            values = await asyncio.get_running_loop().run_in_executor(self._thread, function)
        except Exception as error:
            for future in futures:
                if not future.done():
                    future.set_exception(error)
            return
        finally:
            self._since = None
        for future, value in zip(futures, values, strict=True):
            if not future.done():
                future.set_result(value)

    def _note(self, posters, seconds):
        self._metrics.batch.observe(posters)
        self._metrics.batch_seconds.observe(seconds)
        self._pace += 0.2 * (seconds / posters - self._pace)
