"""The run folder: what is in it, and how it is read and written."""

import contextlib
import os
import stat
from pathlib import Path

import numpy as np

from keras_genres.calibration_map import CalibrationMap
from keras_genres.errors import UserError
from keras_genres.files import (
    UNFINISHED,
    json_text,
    parse_json,
    partial_of,
    sync_folder,
    whole_file,
    whole_folder,
)
from keras_genres.genres import GENRES
from keras_genres.manifest import (
    announce,
    entry_of,
    read_manifest,
    read_whole,
    require_whole,
    settle,
)
from keras_genres.plain_files import HASHES, require_plain, scan
from keras_genres.predictions import Predictions
from keras_genres.settings import Settings
from keras_genres.split import Split, hash_rows
from keras_genres.yaml_files import parse_yaml

__all__ = ["Predictions", "Run"]

_LONGEST_TEXT = 200


class Run:
    """A run folder.

    Every file of a finished run is held against `hashes.json` before it is
    used; see `manifest`.

    Args:
        path: The folder. Nothing is read or made until asked for.
        checked: Whether to hold files against their hashes; `None` for all
            but a run in the making, `NAME.partial`, which has none yet.
    """

    def __init__(self, path, checked=None):
        self.path = Path(path)
        self.is_checked = not _is_partial(self.path) if checked is None else checked
        self.settings_file = self.path / "settings.yaml"
        self.environment_file = self.path / "environment.json"
        self.split_file = self.path / "split.json"
        self.history_file = self.path / "history.csv"
        self.checkpoints = self.path / "checkpoints"
        self.thresholds_file = self.path / "thresholds.json"
        self.calibration_file = self.path / "calibration.json"
        self.report = self.path / "report"
        self.model_card = self.path / "MODEL_CARD.md"
        self.model_file = self.path / "model.keras"
        self.saved_model = self.path / "saved_model"
        self._seen = {}

    @classmethod
    def open(cls, path):
        """Return the finished run at `path`.

        Raises:
            UserError: If there is no folder, it is not a run, not finished, or
                its `hashes.json` is missing or damaged.
        """
        run = cls(path, checked=True)
        if not run.path.is_dir():
            cls.require_finished(partial_of(run.path))
            raise UserError(f"There is no run folder {path}.")
        cls.require_finished(path)
        if not run.is_run():
            raise UserError(f"{path} is not a run folder: it has no settings.yaml and split.json.")
        return run

    @staticmethod
    def require_finished(path):
        """Refuse a run that was cut off, and say how to go on with it.

        Raises:
            UserError: If the folder at `path` is one.
        """
        path = Path(path)
        if path.is_dir() and (_is_partial(path) or (path / UNFINISHED).exists()):
            whole = path.with_name(path.name.removesuffix(".partial"))
            raise UserError(
                f"{path} is a run that was cut off. `keras-genres fit --resume {whole}` goes on "
                "with it."
            )

    def is_run(self):
        """Whether this is the folder of a finished run, be it damaged.

        Raises:
            UserError: If it looks like one and `hashes.json` is missing or damaged.
        """
        marks = (self.settings_file, self.split_file)
        if not os.path.lexists(self.path / HASHES) and not all(mark.exists() for mark in marks):
            return False
        names = read_manifest(self.path).files
        return all(mark.name in names for mark in marks)

    def has(self, path):
        """Whether a file or folder belongs to the run, or at least lies in it."""
        if os.path.lexists(path):
            return True
        if not self.is_checked:
            return False
        name = Path(path).relative_to(self.path).as_posix()
        files = read_manifest(self.path).files
        return any(each == name or each.startswith(name + "/") for each in files)

    def read(self, path):
        """Return the bytes of a file of the run.

        Raises:
            UserError: If it is missing or not as it was written.
        """
        if self.is_checked:
            return read_whole(self.path, path)
        try:
            require_plain(self.path, Path(path).relative_to(self.path).as_posix())
            return Path(path).read_bytes()
        except FileNotFoundError:
            raise UserError(f"There is no {path}. Is this a finished run?") from None
        except (OSError, UserError) as error:
            reason = getattr(error, "strerror", None) or error
            raise UserError(f"{path} cannot be read: {reason}.") from None

    def whole(self, path):
        """Return the path of a file or folder of the run when all of it is as it was written.

        Large files are hashed once, however often they are asked for.

        Raises:
            UserError: If it is not.
        """
        if self.is_checked:
            stamp = _stamp(path)
            if stamp is None or self._seen.get(path) != stamp:
                require_whole(self.path, path)
                self._seen[path] = stamp
        return path

    def whole_model(self):
        """Return the path of `model.keras` when it is as it was written.

        Raises:
            UserError: If it is not, or the run has none.
        """
        if self.is_checked and not self.has(self.model_file):
            raise UserError(f"{self.path} has scores and no network. Name a run with model.keras.")
        return self.whole(self.model_file)

    def require_scores(self):
        """Check all that a report is made from, before anything is changed.

        Raises:
            UserError: If a file is not as it was written.
        """
        scores = (self.predictions_file(split) for split in ("val", "test"))
        files = (self.settings_file, self.environment_file, self.split_file, self.history_file)
        for file in (*files, *scores):
            if self.has(file):
                self.whole(file)

    @contextlib.contextmanager
    def new_file(self, path):
        """Open a file of the run for writing bytes that is replaced only when the block ends well.

        In a finished run its hash is replaced with it: if the process is
        killed, the old and the new file are both as they were written.
        """
        with whole_file(path, "w+b") as file:
            yield file
            if self.is_checked:
                file.flush()
                file.seek(0)
                announce(self.path, {path: entry_of(file)})
        if self.is_checked:
            settle(self.path, [path])

    @contextlib.contextmanager
    def new_folder(self, path):
        """Give a scratch folder that replaces a folder of the run when the block ends well.

        In a finished run the hashes are replaced with it, as in `new_file`.
        """
        changes = {}
        with whole_folder(path, overwrite=True) as scratch:
            yield scratch
            if self.is_checked:
                name = path.relative_to(self.path).as_posix()
                old = read_manifest(self.path).files
                changes = {self.path / each: None for each in old if each.startswith(name + "/")}
                for each in scan(scratch)[0]:
                    changes[path / each] = entry_of(scratch / each)
                announce(self.path, changes)
        if self.is_checked:
            settle(self.path, changes)

    def remove_file(self, path):
        """Remove a file of the run; a finished run forgets its hash."""
        if self.is_checked:
            announce(self.path, {path: None})
        path.unlink(missing_ok=True)
        sync_folder(path.parent)
        if self.is_checked:
            settle(self.path, [path])

    def predictions_file(self, split):
        """Return the path of the saved scores of `val` or `test`."""
        return self.path / "predictions" / f"{split}.npz"

    def settings(self):
        """Return the resolved `Settings` of the run."""
        return Settings().replace(self.counted_settings())

    def counted_settings(self):
        """Return what `settings.yaml` says as `{"section.name": value}`.

        A baseline's holds only the settings that counted for it.
        """
        return parse_yaml(self.read(self.settings_file), self.settings_file)

    def environment(self):
        """Return what `environment.json` says of how the run was made; empty without the file.

        Raises:
            UserError: If it is not as it was written, or no JSON object.
        """
        if not self.has(self.environment_file):
            return {}
        return self._json(self.environment_file)

    def split(self):
        """Return the `Split` the run was trained on."""
        return Split.parse(self.read(self.split_file), self.split_file)

    def predictions(self, split):
        """Return the saved `Predictions` of `val` or `test`.

        Raises:
            UserError: If they are missing or damaged, or are not the posters
                and labels that `split.json` speaks of.
        """
        path = self.predictions_file(split)
        found = Predictions.parse(self.read(path), path)
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
        value = {
            "method": method,
            "chosen_on": chosen_on,
            "split_sha256": self.split().sha256,
            "genres": by_genre,
        }
        with self.new_file(self.thresholds_file) as file:
            file.write(json_text(value).encode())

    def thresholds(self):
        """Return the threshold of every genre, shape `(genres,)`.

        Raises:
            UserError: As `threshold_facts`.
        """
        found = self.threshold_facts()["genres"]
        return np.array([found[genre]["threshold"] for genre in GENRES], float)

    def threshold_facts(self):
        """Return all that `thresholds.json` holds, as `save_thresholds` wrote it.

        Raises:
            UserError: If the file is missing, damaged or of another split.
        """
        again = f"Run `keras-genres thresholds {self.path}` to"
        if not self.has(self.thresholds_file):
            raise UserError(f"There is no {self.thresholds_file}. {again} choose thresholds.")
        values = self._json(self.thresholds_file)
        try:
            genres = [values["genres"][genre] for genre in GENRES]
            ok = all(_is_share(each["threshold"]) for each in genres)
            ok = ok and all(_is_share(each.get("val_f1", 0)) for each in genres)
            split = values["split_sha256"]
        except (KeyError, TypeError, AttributeError):
            ok = False
        if not ok:
            raise UserError(
                f"{self.thresholds_file} lacks the threshold of a genre, between 0 and 1. "
                f"{again} write it again."
            )
        if split != self.split().sha256:
            raise UserError(
                f"{self.thresholds_file} was chosen on another split. {again} choose again."
            )
        texts = {key: _text(values.get(key)) for key in ("method", "chosen_on")}
        return values | texts

    def save_calibration(self, calibration, how, chosen_on="val"):
        """Write `calibration.json`.

        Args:
            calibration: The `CalibrationMap`.
            how: How it was chosen, plain JSON values, for a reader.
            chosen_on: Split whose posters chose it.
        """
        value = {"chosen_on": chosen_on, "split_sha256": self.split().sha256, "how": how}
        with self.new_file(self.calibration_file) as file:
            file.write(json_text(value | calibration.to_json()).encode())

    def calibration(self):
        """Return the `CalibrationMap` of the run, or `None` for a run that was not calibrated.

        Raises:
            UserError: As `calibration_facts`.
        """
        found = self.calibration_facts()
        return found and CalibrationMap.from_json(found, self.calibration_file)

    def calibration_facts(self):
        """Return all that `calibration.json` holds, or `None` without one.

        Raises:
            UserError: If the file is damaged or of another split.
        """
        if not self.has(self.calibration_file):
            return None
        again = f"`keras-genres calibrate {self.path}` writes it again, and with --undo removes it."
        found = self._json(self.calibration_file)
        try:
            CalibrationMap.from_json(found, self.calibration_file)
        except UserError as error:
            raise UserError(f"{error} {again}") from None
        if found.get("split_sha256") != self.split().sha256:
            raise UserError(f"{self.calibration_file} was chosen on another split: {again}")
        how = found.get("how")
        return found | {
            "chosen_on": _text(found.get("chosen_on")),
            "how": how if isinstance(how, dict) else {},
        }

    def _json(self, path):
        value = parse_json(self.read(path), path, is_strict=True)
        if not isinstance(value, dict):
            raise UserError(f"{path} must hold a JSON object. Received: {type(value).__name__}")
        return value


def _is_partial(path):
    return path.name.endswith(".partial")


def _is_share(value):
    return type(value) in (int, float) and 0 <= value <= 1


def _text(value):
    """Return a word or two from a file as one line that can be printed; `None` for no text."""
    if not isinstance(value, str):
        return None
    return "".join(c if c.isprintable() else "?" for c in value[:_LONGEST_TEXT])


def _stamp(path):
    """Return what changes when a file is written; `None` for no file."""
    try:
        status = os.lstat(path)
    except OSError:
        return None
    is_file = stat.S_ISREG(status.st_mode)
    return (status.st_ino, status.st_size, status.st_mtime_ns) if is_file else None
