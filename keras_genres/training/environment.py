"""Where a run was made: versions, devices, commit, command."""

import contextlib
import importlib.metadata
import os
import platform
import subprocess
import sys
from pathlib import Path

from keras_genres import __version__

PACKAGES = ("tensorflow", "keras", "jax", "numpy", "pandas", "scikit-learn", "Pillow")


def describe_environment():
    """Return versions, devices, git commit and command as a dictionary for JSON."""
    import keras

    from keras_genres.training.devices import gpus

    return describe_machine() | {
        "backend": keras.backend.backend(),
        "gpus": [gpu.name for gpu in gpus()],
    }


def describe_machine():
    """Return what of `describe_environment` is known without Keras."""
    return {
        "keras_genres": __version__,
        "python": platform.python_version(),
        "platform": platform.platform(),
        "processor": processor(),
        "cores": cores(),
        "packages": versions(),
        "git_commit": git_commit(),
        "command": " ".join(["keras-genres", *sys.argv[1:]]),
    }


def versions():
    """Return the installed version of each package we stand on, `None` if it is absent."""
    found = {}
    for name in PACKAGES:
        found[name] = None
        with contextlib.suppress(importlib.metadata.PackageNotFoundError):
            found[name] = importlib.metadata.version(name)
    return found


def cores():
    """Return how many CPU cores this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count()


def processor():
    """Return the name of the CPU."""
    with contextlib.suppress(OSError):
        for line in Path("/proc/cpuinfo").read_text().splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()


def git_commit():
    """Return the commit of the installed source, `None` outside a git checkout."""
    folder = Path(__file__).parent
    with contextlib.suppress(OSError, subprocess.SubprocessError):
        done = subprocess.run(
            ["git", "-C", folder, "rev-parse", "HEAD"],
            capture_output=True,
            text=True,
            timeout=5,
            check=True,
        )
        return done.stdout.strip()
    return None
