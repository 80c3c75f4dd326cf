"""The machine a bench runs on: what it is, and how much of it is used."""

import contextlib
import os
import platform
import sys
from dataclasses import dataclass

from keras_genres import __version__
from keras_genres.errors import UserError
from keras_genres.training.environment import (
    cores,
    describe_environment,
    git_commit,
    processor,
    versions,
)


@dataclass(frozen=True)
class Cores:
    """How much of the machine a bench may use."""

    visible: int
    """CPU cores this process could use at its start."""
    used: int
    """CPU cores each contender could use."""
    load: float | None
    """Load average at the start: what else ran is what most spoils a timing."""


@contextlib.contextmanager
def use_cores(threads=None, uses_tensorflow=True):
    """Give every contender the same number of CPU cores while the block lasts.

    Where the system allows it the process and all it starts are bound to that
    many cores, which every library then sees. Elsewhere TensorFlow's pools
    are set, and peers are told by argument.

    Args:
        threads: Cores to use; `None` for all.
        uses_tensorflow: Whether TensorFlow works in this process.

    Yields:
        The `Cores`.

    Raises:
        UserError: If there are fewer cores, or it is too late to limit TensorFlow.
    """
    there = cores()
    load = round(os.getloadavg()[0], 2) if hasattr(os, "getloadavg") else None
    threads = there if threads is None else threads
    if not 1 <= threads <= there:
        raise UserError(f"--threads must be between 1 and {there}. Received: {threads}")
    if threads == there:
        yield Cores(there, threads, load)
        return
    old = None
    if hasattr(os, "sched_setaffinity"):
        old = os.sched_getaffinity(0)
        os.sched_setaffinity(0, sorted(old)[:threads])
    try:
        if uses_tensorflow:
            _limit_tensorflow(threads)
        yield Cores(there, threads, load)
    finally:
        if old is not None:
            os.sched_setaffinity(0, old)


def describe_machine(use, peers=None):
    """Return hardware and versions as a dictionary for JSON.

    Devices are looked for only if Keras is loaded: a bench without it uses none.

    Args:
        use: The `Cores` of the bench.
        peers: Versions of the peers' packages.
    """
    if "keras" in sys.modules:
        found = describe_environment()
    else:
        found = {
            "keras_genres": __version__,
            "python": platform.python_version(),
            "platform": platform.platform(),
            "processor": processor(),
            "packages": versions(),
            "gpus": None,
            "git_commit": git_commit(),
            "command": " ".join(["keras-genres", *sys.argv[1:]]),
        }
    # Its wheels have other names too: tensorflow-cpu, NVIDIA's own.
    if not found["packages"]["tensorflow"] and "tensorflow" in sys.modules:
        found["packages"]["tensorflow"] = sys.modules["tensorflow"].__version__
    found["packages"] |= peers or {}
    return found | {"cores": use.visible, "threads": use.used, "load_average": use.load}


def _limit_tensorflow(threads):
    import tensorflow as tf

    try:
        tf.config.threading.set_intra_op_parallelism_threads(threads)
        tf.config.threading.set_inter_op_parallelism_threads(threads)
    except RuntimeError:
        raise UserError(
            "--threads must be given before TensorFlow has started its threads: "
            "start the bench in a process of its own."
        ) from None
