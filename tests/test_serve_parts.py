"""The parts of the service, each by itself: forms, batches and headers."""

import asyncio
import threading

import numpy as np
import pytest
from serving import KIND, form

from keras_genres.inference.server.batching import SIZES, Batcher
from keras_genres.inference.server.forms import MultipartForm
from keras_genres.inference.server.limits import Refused
from keras_genres.inference.server.metrics import Metrics

IMAGE = np.zeros((2, 2, 3), np.uint8)


@pytest.mark.parametrize("size", [1, 2, 7, 1000])
def test_a_form_is_the_same_in_parts_of_any_size(size):
    contents = [b"\r\n--" * 20, b"", bytes(range(256))]
    body = form(*contents)
    found = MultipartForm(KIND, 3)
    for start in range(0, len(body), size):
        found.feed(body[start : start + size])
    assert [upload.data for upload in found.finish()] == contents
    assert [upload.source for upload in found.finish()] == ["p0.jpg", "p1.jpg", "p2.jpg"]


def test_a_form_cut_off_anywhere_is_refused():
    body = form(b"abc", b"def")
    for stop in range(len(body) - 4):
        with pytest.raises(Refused) as error:
            found = MultipartForm(KIND, 3)
            found.feed(body[:stop])
            found.finish()
        assert error.value.status == 400


def batches_of(images, most=32, wait_ms=200, score=None, before=lambda batcher: None):
    """Score images that come together; return their results and the sizes of the batches."""
    sizes = []

    def scored(batch):
        sizes.append(len(batch))
        return score(batch) if score else batch[:, 0, 0, :1].astype("float32")

    async def work():
        batcher = Batcher(scored, most, wait_ms, Metrics())
        batcher.start()
        before(batcher)
        try:
            return await asyncio.gather(*map(batcher.score, images), return_exceptions=True)
        finally:
            await batcher.stop()

    return asyncio.run(work()), sizes


def numbered(count):
    return [np.full((2, 2, 3), number, np.uint8) for number in range(count)]


def test_posters_that_come_together_are_scored_together_and_keep_their_own_scores():
    found, sizes = batches_of(numbered(50))
    assert [float(each[0]) for each in found] == list(range(50))
    assert sizes == [32, 24]  # 18 are filled up to 24


def test_only_a_few_sizes_are_ever_scored():
    for count in range(1, 33):
        _, sizes = batches_of(numbered(count))
        assert len(sizes) == 1 and sizes[0] in SIZES and sizes[0] >= count


def test_a_batch_waits_for_a_poster_on_its_way_and_no_longer_than_told():
    # Announced and never here: without the limit this would wait for ever.
    found, sizes = batches_of(numbered(1), wait_ms=1, before=Batcher.announce)
    assert sizes == [1] and float(found[0][0]) == 0


def test_a_network_that_fails_fails_its_own_batch_only():
    def score(batch):
        if batch.max() == 0:
            raise MemoryError("no room")
        return batch[:, 0, 0, :1]

    found, _ = batches_of(numbered(3), most=1, score=score)
    assert isinstance(found[0], MemoryError)
    assert [int(each[0]) for each in found[1:]] == [1, 2]


def test_who_has_gone_is_not_scored():
    async def work():
        held, sizes = threading.Event(), []

        def score(batch):
            sizes.append(len(batch))
            held.wait(10)
            return batch[:, 0, 0, :1]

        batcher = Batcher(score, 1, 0, Metrics())
        batcher.start()
        first = asyncio.ensure_future(batcher.score(IMAGE))
        gone = [asyncio.ensure_future(batcher.score(IMAGE)) for _ in range(5)]
        await asyncio.sleep(0.05)
        for each in gone:
            each.cancel()
        held.set()
        await first
        await batcher.score(IMAGE)
        await batcher.stop()
        return sizes

    assert asyncio.run(work()) == [1, 1]


def test_after_the_end_nothing_is_taken():
    async def work():
        batcher = Batcher(lambda batch: batch[:, 0, 0, :1], 4, 0, Metrics())
        waiting = asyncio.ensure_future(batcher.score(IMAGE))  # never started
        await asyncio.sleep(0)
        await batcher.stop()
        with pytest.raises(asyncio.CancelledError):
            await waiting
        with pytest.raises(RuntimeError):
            await batcher.score(IMAGE)

    asyncio.run(work())


def test_other_work_of_the_network_goes_between_batches():
    async def work():
        threads = []

        def score(batch):
            threads.append(threading.current_thread().name)
            return batch[:, 0, 0, :1]

        batcher = Batcher(score, 4, 0, Metrics())
        batcher.start()
        _, name = await asyncio.gather(
            batcher.score(IMAGE), batcher.call(lambda: threading.current_thread().name)
        )
        await batcher.stop()
        return {*threads, name}

    assert len(asyncio.run(work())) == 1
