"""Run something on many inputs in a process of its own, with bounds on time and memory.

    python tests/guarded.py MODULE FUNCTION FIRST LAST

calls `FUNCTION(number)`, which returns a short text, for each number.
"""

import importlib
import json
import os
import resource
import signal
import subprocess
import sys

CPU_SECONDS = 20
"""Most of one input; the process ends with what takes longer."""
REAL_SECONDS = 300
"""The same by the clock, for what waits and does not work."""
MEMORY_BYTES = 8 * 2**30
"""Most address space; TensorFlow alone takes 3 GiB of it."""


def run_guarded(module, function, count, workers=1, first=0):
    """Call a function of a number with each number from `first` on.

    Args:
        module: Module in the folder of the tests.
        function: Name of its function, which returns a short text.
        count: How many numbers.
        workers: Processes at a time.

    Returns:
        `(texts, peak)`: number -> what came back, `! died …` where the process
        ended; and the most memory a process held, in bytes.
    """
    texts, peak = {}, 0
    step = -(-count // workers)
    ends = range(first + step, first + count + step, step)
    ranges = [(end - step, min(end, first + count)) for end in ends]
    while ranges:
        running = [(last, _start(module, function, start, last)) for start, last in ranges]
        ranges = []
        for last, process in running:
            out, errors = process.communicate()
            at = None
            for line in out.splitlines():
                at, text, held = json.loads(line)
                peak = max(peak, held)
                if text is not None:
                    texts[at] = text
            if process.returncode:
                if at is None or at in texts:
                    raise RuntimeError(errors[-2000:])
                texts[at] = f"! died with {process.returncode}: {errors[-300:]}"
                ranges += [(at + 1, last)] if at + 1 < last else []
    return texts, peak


def _start(module, function, first, last):
    return subprocess.Popen(
        [sys.executable, __file__, module, function, str(first), str(last)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=os.environ | {"CUDA_VISIBLE_DEVICES": "", "TF_CPP_MIN_LOG_LEVEL": "3"},
    )


def _work(module, function, first, last):
    work = getattr(importlib.import_module(module), function)
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY_BYTES, MEMORY_BYTES))
    for number in range(first, last):
        # The default action of both signals ends the process, wherever it hangs.
        signal.setitimer(signal.ITIMER_PROF, CPU_SECONDS)
        signal.setitimer(signal.ITIMER_REAL, REAL_SECONDS)
        _say(number, None)
        _say(number, work(number))


def _say(number, text):
    print(json.dumps([number, text, _held()]), flush=True)


def _held():
    """Return the most memory this process held, in bytes.

    `getrusage` would tell of the process that started this one, where that held more.
    """
    try:
        with open("/proc/self/status") as file:
            return 1024 * int(next(line for line in file if line.startswith("VmHWM")).split()[1])
    except OSError:
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


if __name__ == "__main__":
    sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
    _work(sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4]))
