"""The run folder: what is in it, and how it is read and written."""

import io
import zipfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from keras_genres.errors import UserError
from keras_genres.files import read_json, whole_file, write_json
from keras_genres.genres import GENRES, NUM_GENRES
from keras_genres.settings import load_settings
from keras_genres.split import Split, hash_rows


@dataclass(frozen=True)
class Predictions:
    """Saved scores of one split, in the order of the data."""

    filenames: np.ndarray
    """Unicode array of shape `(posters,)`."""
    labels: np.ndarray
    """uint8 0/1 array of shape `(posters, genres)`."""
    scores: np.ndarray
    """float32 array in [0, 1], shape `(posters, genres)`."""
    groups: np.ndarray
    """Unicode array of shape `(posters,)`: posters of one film or picture share it."""

    def save(self, path):
        """Write a `.npz` without pickled objects, the same bytes for the same arrays."""
        with whole_file(path, "wb") as file, zipfile.ZipFile(file, "w") as archive:
            for name, kind in _ARRAYS.items():
                part = io.BytesIO()
                np.lib.format.write_array(
                    part, np.asarray(getattr(self, name), dtype=kind), allow_pickle=False
                )
                # A fixed date: numpy.savez writes none either, and two equal files stay equal.
                archive.writestr(zipfile.ZipInfo(f"{name}.npy"), part.getvalue())

    @classmethod
    def load(cls, path):
        """Read a `.npz` of predictions.

        Raises:
            UserError: If the file is missing, damaged or of other shapes.
        """
        try:
            with np.load(path, allow_pickle=False) as arrays:
                parts = {name: arrays[name] for name in _ARRAYS}
        except FileNotFoundError:
            raise UserError(f"There is no {path}. Is this a finished run?") from None
        except Exception as error:  # NumPy and zipfile raise many kinds for damaged files
            reason = str(error).splitlines()[0] if str(error) else type(error).__name__
            raise UserError(f"{path} is damaged: {reason}.") from None
        found = cls(**parts)
        posters = len(found.filenames)
        wanted = (posters, NUM_GENRES)
        if (
            found.labels.shape != wanted
            or found.scores.shape != wanted
            or (found.groups.shape != (posters,))
        ):
            raise UserError(
                f"{path} must hold labels and scores of shape {wanted}. Received: "
                f"{found.labels.shape} and {found.scores.shape}"
            )
        if not np.isfinite(found.scores).all():
            raise UserError(f"{path} holds scores that are not numbers.")
        return found


_ARRAYS = {"filenames": np.str_, "labels": np.uint8, "scores": np.float32, "groups": np.str_}


class Run:
    """A run folder.

    Args:
        path: The folder. Nothing is read or made until asked for.
    """

    def __init__(self, path):
        self.path = Path(path)
        self.settings_file = self.path / "settings.yaml"
        self.environment_file = self.path / "environment.json"
        self.split_file = self.path / "split.json"
        self.history_file = self.path / "history.csv"
        self.checkpoints = self.path / "checkpoints"
        self.thresholds_file = self.path / "thresholds.json"
        self.report = self.path / "report"
        self.model_file = self.path / "model.keras"
        self.saved_model = self.path / "saved_model"

    @classmethod
    def open(cls, path):
        """Return the run at `path`.

        Raises:
            UserError: If there is no folder, or it is not a finished run.
        """
        run = cls(path)
        if not run.path.is_dir():
            raise UserError(f"There is no run folder {path}.")
        if not run.split_file.exists() or not run.settings_file.exists():
            raise UserError(f"{path} is not a run folder: it has no settings.yaml and split.json.")
        return run

    def predictions_file(self, split):
        """Return the path of the saved scores of `val` or `test`."""
        return self.path / "predictions" / f"{split}.npz"

    def settings(self):
        """Return the resolved `Settings` of the run."""
        return load_settings(self.settings_file)

    def environment(self):
        """Return what `environment.json` says of how the run was made; empty without the file."""
        return read_json(self.environment_file) if self.environment_file.exists() else {}

    def split(self):
        """Return the `Split` the run was trained on."""
        return Split.load(self.split_file)

    def predictions(self, split):
        """Return the saved `Predictions` of `val` or `test`.

        Raises:
            UserError: If they are missing or damaged, or are not the posters
                and labels that `split.json` speaks of.
        """
        path = self.predictions_file(split)
        found = Predictions.load(path)
        wanted = self.split().splits[split]
        if hash_rows(found.filenames, found.labels, split) != wanted["sha256"]:
            raise UserError(
                f"{path} does not hold the {split} posters and labels of {self.split_file} "
                f"({len(found.filenames)} posters, {wanted['posters']} expected): one of the two "
                "was changed. Scores on different splits cannot be mixed."
            )
        return found

    def save_thresholds(self, thresholds, method, f1, chosen_on="val"):
        """Write `thresholds.json`.

        Args:
            thresholds: Floats of shape `(genres,)`.
            method: `exact`, `grid` with its step, say `grid 0.05`, or `thresholds.FIXED`.
            f1: F1 of each genre on validation at its threshold.
            chosen_on: Split whose posters chose them.
        """
        by_genre = {
            genre: {"threshold": float(threshold), "val_f1": float(score)}
            for genre, threshold, score in zip(GENRES, thresholds, f1, strict=True)
        }
        write_json(
            self.thresholds_file,
            {
                "method": method,
                "chosen_on": chosen_on,
                "split_sha256": self.split().sha256,
                "genres": by_genre,
            },
        )

    def thresholds(self):
        """Return the threshold of every genre, shape `(genres,)`.

        Raises:
            UserError: If `thresholds.json` is missing, damaged or of another split.
        """
        if not self.thresholds_file.exists():
            raise UserError(
                f"There is no {self.thresholds_file}. Run `keras-genres thresholds {self.path}` "
                "to choose thresholds."
            )
        values = read_json(self.thresholds_file)
        try:
            found = np.array([values["genres"][genre]["threshold"] for genre in GENRES], float)
            split = values["split_sha256"]
        except (KeyError, TypeError, ValueError):
            raise UserError(
                f"{self.thresholds_file} lacks the threshold of a genre. "
                f"Run `keras-genres thresholds {self.path}` to write it again."
            ) from None
        if split != self.split().sha256:
            raise UserError(
                f"{self.thresholds_file} was chosen on another split. "
                f"Run `keras-genres thresholds {self.path}` to choose again."
            )
        return found
