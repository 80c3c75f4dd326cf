"""What comes out of a run, to compare two runs bit for bit."""

import csv
import io
import json
import zipfile

import h5py
import numpy as np


def outcome(run):
    """Return all that two equal trainings share: name -> plain value or bytes.

    Left out is what differs between any two runs: times, dates and places.
    """
    found = {
        "history": [_without(row, "seconds") for row in csv.DictReader(run.history_file.open())],
        "best epoch": json.loads(run.environment_file.read_text())["best_epoch"],
        "settings": run.settings_file.read_bytes(),
        "split": run.split_file.read_bytes(),
        "thresholds": run.thresholds_file.read_bytes(),
        "weights": weights_of(run.model_file),
    }
    for split in ("val", "test"):
        found[f"scores of {split}"] = run.predictions_file(split).read_bytes()
        found[f"report of {split}"] = (run.report / f"{split}.csv").read_bytes()
    return found


def differences(found, wanted):
    """Return the names of what differs."""
    return [name for name in wanted if found[name] != wanted[name]]


def weights_of(model_file):
    """Return the arrays of a `.keras` file: name -> bytes."""
    arrays = {}

    def take(name, item):
        if isinstance(item, h5py.Dataset):
            arrays[name] = np.asarray(item).tobytes()

    with zipfile.ZipFile(model_file) as archive:
        data = io.BytesIO(archive.read("model.weights.h5"))
    with h5py.File(data) as file:
        file.visititems(take)
    assert arrays
    return arrays


def _without(row, name):
    return {key: value for key, value in row.items() if key != name}
