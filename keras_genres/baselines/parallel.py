"""Many small fits at a time."""

from concurrent.futures import ThreadPoolExecutor

from threadpoolctl import threadpool_limits

from keras_genres.training.environment import cores


def each(work, items):
    """Return `work(item)` for each item, in order, computed on all cores.

    Each fit has one thread: of matrices this small, threads inside NumPy wait
    for each other for longer than they compute, sixty times as long where
    another program runs too. With one thread results are also the same to the
    last digit, whatever the number of cores.
    """
    with threadpool_limits(1), ThreadPoolExecutor(cores()) as pool:
        return list(pool.map(work, items))
