"""Import Keras and its backend without the notes that TensorFlow prints."""

import importlib
import importlib.util
import os
import sys
import tempfile

from keras_genres.errors import UserError


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
    sys.stderr.flush()
    stderr = os.dup(2)
    with tempfile.TemporaryFile() as held:
        os.dup2(held.fileno(), 2)
        try:
            for name in ("tensorflow", "keras"):
                importlib.import_module(name)
        except BaseException:
            os.dup2(stderr, 2)
            held.seek(0)
            os.write(2, held.read())
            raise
        finally:
            os.dup2(stderr, 2)
            os.close(stderr)


def _keep_memory():
    """Let TensorFlow keep the memory of a step for the next one.

    By default it gives each large tensor back to the system, which clears
    the pages again for every step: on a CPU that is a third of the time. Where
    there is a GPU, the network's memory is on it.
    """
    if not os.path.exists("/dev/nvidiactl"):
        os.environ.setdefault("TF_CPU_ALLOCATOR_USE_BFC", "true")
