"""How long a training step waits for its posters."""

import time

import keras
import numpy as np

from keras_genres.bench.measure import Contender, Measure
from keras_genres.model.backbones import find_backbone
from keras_genres.model.freezing import set_open_blocks
from keras_genres.model.network import build_network
from keras_genres.settings import ModelSettings

WAIT = Measure("wait_percent", "waiting for posters", "% of the time", "neither")


def wait_contenders(batches, steps, backbone, weights, blocks, size, seed):
    """Return the training step on real batches, and on one batch again and again.

    Args:
        batches: Dataset of `(images, labels)` without end.
        steps: Steps that are timed.
        backbone: Name in the table of backbones.
        weights: `imagenet`, `none` or a weight file.
        blocks: Names of the blocks that are trained; empty for the head alone,
            the fastest step and so the one that waits most.
        size: `(height, width)` in pixels.
        seed: Seed of the network.

    Returns:
        Two `Contender`s. The constant one stands as the peer, so the ratio is
        the share of its speed that real input leaves.
    """
    keras.utils.set_random_seed(seed)
    network = build_network(ModelSettings(backbone=backbone, weights=weights), *size, seed=seed)
    set_open_blocks(network, find_backbone(backbone), blocks)
    network.compile(keras.optimizers.Adam(1e-4), keras.losses.BinaryCrossentropy())
    constant = next(iter(batches))
    count = len(constant[0])

    def real():
        stream = iter(batches)
        _train(network, next(stream))
        waited, started = 0.0, time.perf_counter()
        for _ in range(steps):
            asked = time.perf_counter()
            batch = next(stream)
            waited += time.perf_counter() - asked
            _train(network, batch)
        seconds = time.perf_counter() - started
        return _rates(seconds, waited, steps * count)

    def again():
        _train(network, constant)
        started = time.perf_counter()
        for _ in range(steps):
            _train(network, constant)
        return _rates(time.perf_counter() - started, None, steps * count)

    trained = ", ".join(blocks) or "head"
    what = f"{backbone} step"
    return [
        Contender(what, "ours", real, is_ours=True, note=f"train_on_batch, trained: {trained}"),
        Contender(what, "constant", again, note="the same step on one batch again and again"),
    ]


def _train(network, batch):
    if keras.backend.backend() != "tensorflow":
        batch = [np.asarray(part) for part in batch]  # as Keras's own fit hands them on
    # It returns numbers, so the step has ended when it returns.
    return np.asarray(network.train_on_batch(*batch))


def _rates(seconds, waited, posters):
    found = {"seconds": seconds, "posters": posters, "posters_per_second": posters / seconds}
    if waited is not None:
        found["wait_percent"] = 100 * waited / seconds
    return found
