"""Import Keras and its backend without the notes that TensorFlow prints."""

import importlib
import os
import sys
import tempfile


def start_keras():
    """Import Keras and TensorFlow; hold back what their libraries print meanwhile.

    TensorFlow's C++ writes to stderr as it is loaded (that it found no GPU,
    say, which `keras-genres doctor` tells better), before any setting of its
    own can stop it. If the import fails, what was held back is printed.
    """
    if "keras" in sys.modules:
        return
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")  # errors come as exceptions
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
