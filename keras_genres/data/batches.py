"""Work on many files at a time, in order, without a list of all of them."""

from concurrent.futures import ThreadPoolExecutor
from itertools import islice

from tqdm import tqdm

_BATCH = 256


def map_files(work, items, jobs, total, desc, unit):
    """Yield `work(item)` for each item, in order, and show the progress.

    Threads: Pillow lets go of the interpreter lock while it decodes, and with
    a few more of them than there are cores they are as fast as processes.

    Args:
        work: Function of one item.
        items: What to work on; may be an iterator.
        jobs: Threads.
        total: How many items there are.
        desc: Word before the bar.
        unit: What one item is.
    """
    items = iter(items)
    pool = ThreadPoolExecutor(jobs)
    progress = tqdm(total=total, desc=desc, unit=unit, disable=None)
    try:
        # In batches, so that Ctrl-C waits for few and no list of futures piles up.
        while batch := list(islice(items, _BATCH)):
            for result in pool.map(work, batch):
                yield result
                progress.update()
    finally:
        progress.close()
        pool.shutdown(cancel_futures=True)
