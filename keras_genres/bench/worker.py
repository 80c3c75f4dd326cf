"""A contender in a process of its own, which waits between rounds.

PyTorch beside TensorFlow would share thread pools and fork a process full of
threads; and peak memory is a property of a process.
"""

import contextlib
import importlib
import json
import os
import signal
import subprocess
import sys
import traceback
from pathlib import Path

_PROTOCOL = "keras-genres bench worker"


class Worker:
    """Run a function in another process, as often as asked.

    Args:
        maker: `module:function`. It is called once, with `arguments`, and
            returns a function without arguments that works one round and
            returns a dictionary of numbers.
        arguments: What JSON can hold.
        environment: Variables to set for the process.

    Raises:
        RuntimeError: With the other process's traceback, if it fails.
    """

    def __init__(self, maker, arguments, environment=None):
        self._process = subprocess.Popen(
            [sys.executable, "-m", "keras_genres.bench.worker"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env=os.environ | (environment or {}),
            text=True,
            encoding="utf-8",
        )
        self._ask({"maker": maker, "arguments": arguments})

    def run(self):
        """Work one round."""
        return self._ask("run")

    def close(self):
        """End the process."""
        if self._process.poll() is None:
            self._process.stdin.close()
            try:
                self._process.wait(timeout=10)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()
        self._process.stdout.close()

    def __enter__(self):
        return self

    def __exit__(self, *error):
        self.close()

    def _ask(self, request):
        try:
            self._process.stdin.write(json.dumps(request) + "\n")
            self._process.stdin.flush()
            answer = json.loads(self._process.stdout.readline())
        except (BrokenPipeError, ValueError):
            code = self._process.wait()
            raise RuntimeError(f"The {_PROTOCOL} ended with exit code {code}") from None
        if "error" in answer:
            self.close()
            raise RuntimeError(f"The {_PROTOCOL} failed:\n{answer['error']}")
        return answer["value"]


def once(maker, arguments, environment=None):
    """Work one round in a process of its own."""
    with Worker(maker, arguments, environment) as worker:
        return worker.run()


def peak_mib():
    """Return the most memory this process has held so far in MiB, `None` where it is not told."""
    # Not getrusage() where it can be helped: on Linux a started process
    # inherits the peak of the one that started it.
    with contextlib.suppress(OSError):
        for line in Path("/proc/self/status").read_text().splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) / 2**10
    try:
        import resource
    except ImportError:  # Windows
        return None
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / (2**20 if sys.platform == "darwin" else 2**10)


def main():
    """Answer requests, one JSON value a line, until stdin ends."""
    # Ctrl-C reaches both processes, and the other one tells of it.
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    # Whatever a library prints goes to stderr: stdout is for answers.
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    run = None
    for line in sys.stdin:
        request = json.loads(line)
        try:
            if request == "run":
                answer = {"value": run()}
            else:
                module, _, name = request["maker"].partition(":")
                run = getattr(importlib.import_module(module), name)(**request["arguments"])
                answer = {"value": None}
        except BaseException:
            answer = {"error": traceback.format_exc()}
        answers.write(json.dumps(answer) + "\n")
        answers.flush()


if __name__ == "__main__":
    main()
