"""The networks at the ends of a run's cycles, kept in its folder."""

import os

from keras_genres.files import sync_folder
from keras_genres.training.job import plain_copy

FOLDER = "snapshots"


def save_snapshot(job, run, number):
    """Keep the network as it is now, whole or not at all, as `snapshots/NUMBER.keras`.

    Args:
        job: The `Job`.
        run: The `Run` in its scratch folder.
        number: Number of the cycle, from 1.
    """
    folder = run.path / FOLDER
    folder.mkdir(exist_ok=True)
    scratch = folder / f".{number}.keras"  # what is left of it is removed when the run ends
    plain_copy(job).save(scratch)
    with open(scratch, "rb") as file:
        os.fsync(file.fileno())
    os.replace(scratch, folder / f"{number}.keras")
    sync_folder(folder)


def snapshots_of(run):
    """Return the files of a run's snapshots, in the order of the cycles."""
    files = (run.path / FOLDER).glob("[0-9]*.keras")
    return sorted(files, key=lambda path: int(path.stem))
