"""Import Keras and its backend without the notes that TensorFlow prints."""

import importlib
import importlib.util
import logging
import os
import sys

from keras_genres.errors import UserError
from keras_genres.quiet import held_stderr


def start_keras():
    """Import Keras and TensorFlow; hold back what their libraries print meanwhile.

    TensorFlow's C++ writes to stderr as it is loaded (that it found no GPU,
    say, which `keras-genres doctor` tells better), before any setting of its
    own can stop it. If the import fails, what was held back is printed.

    Raises:
        UserError: If `KERAS_BACKEND` names a backend that is not supported or
            not installed.
    """
    backend = os.environ.get("KERAS_BACKEND") or "tensorflow"
    if backend not in ("tensorflow", "jax"):
        raise UserError(f"KERAS_BACKEND must be tensorflow or jax. Received: {backend!r}")
    if backend == "jax" and importlib.util.find_spec("jax") is None:
        raise UserError("KERAS_BACKEND=jax needs JAX: pip install 'keras-genres[jax]'")
    if "keras" in sys.modules:
        return
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")  # errors come as exceptions
    _keep_memory()
    with held_stderr():
        for name in ("tensorflow", "keras"):
            importlib.import_module(name)
    logging.getLogger("tensorflow").addFilter(_is_news)


def _is_news(record):
    """Return whether a note is worth showing; each network that is built is traced once."""
    return "triggered tf.function retracing" not in record.getMessage()


def _keep_memory():
    """Let TensorFlow keep the memory of a step for the next one.

    By default it gives each large tensor back to the system, which clears
    the pages again for every step: on a CPU that is a third of the time. Where
    there is a GPU, the network's memory is on it.
    """
    if not os.path.exists("/dev/nvidiactl"):
        os.environ.setdefault("TF_CPU_ALLOCATOR_USE_BFC", "true")
