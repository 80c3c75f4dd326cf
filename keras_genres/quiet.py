"""Hold back what the C++ of libraries prints on stderr, which no setting of theirs stops."""

import contextlib
import os
import re
import sys
import tempfile
import threading

_ALONE = threading.RLock()
"""One at a time: stderr is the process's."""


@contextlib.contextmanager
def held_stderr(noise=".*"):
    """Drop lines that are printed on file descriptor 2 while the block runs.

    All other lines are printed at the end of the block, and if it fails, these too.

    Args:
        noise: Pattern of the lines to drop, matched from their start.

    Example:
        >>> with held_stderr("INFO: "):
        ...     interpreter.allocate_tensors()
    """
    with _ALONE, contextlib.ExitStack() as stack:
        with contextlib.suppress(OSError, ValueError):
            sys.stderr.flush()
        try:
            stderr = os.dup(2)
        except OSError:  # closed: nobody would see it
            yield
            return
        stack.callback(os.close, stderr)
        held = stack.enter_context(tempfile.TemporaryFile())
        os.dup2(held.fileno(), 2)
        dropped = re.compile(noise.encode())
        try:
            yield
        except Exception:
            dropped = None
            raise
        finally:
            os.dup2(stderr, 2)
            held.seek(0)
            for line in held:
                if dropped is None or not dropped.match(line):
                    os.write(2, line)
