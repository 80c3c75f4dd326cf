"""States of a training on the disk: each whole and hashed, the last two kept.

A checkpoint is `NUMBER-SHA256.npz`, arrays and a JSON text without pickled
objects. The hash in its name is over every byte of it. It is written under
another name, synced and renamed, so that a file of that name is whole unless
the disk fails it; then the one before is taken.
"""

import hashlib
import json
import os
import re

import numpy as np

from keras_genres.errors import UserError
from keras_genres.files import explain_os_error, sync_folder
from keras_genres.training.display import say

_NAME = re.compile(r"(\d{6})-([0-9a-f]{64})\.npz")
_KEPT = 2
_STATE = "state"


class Checkpoints:
    """The checkpoints in a folder.

    Args:
        folder: The folder; it is made when the first one is saved.
    """

    def __init__(self, folder):
        self.folder = folder
        self._damaged = set()

    def save(self, state, groups):
        """Write a checkpoint and remove all but the one before it.

        Args:
            state: Dictionary of plain values, for JSON.
            groups: Name to list of arrays.

        Raises:
            UserError: If the disk is full or cannot be written to; the
                checkpoints that are there stay.
        """
        arrays = {_STATE: np.frombuffer(json.dumps(state).encode(), np.uint8)}
        for name, values in groups.items():
            arrays |= {f"{name}-{number:05}": value for number, value in enumerate(values)}
        scratch = self.folder / "checkpoint.writing"
        older = self._files()
        number = older[-1][0] + 1 if older else 0
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            with open(scratch, "w+b") as file:
                np.savez(file, **arrays)
                file.flush()
                os.fsync(file.fileno())
                file.seek(0)
                digest = hashlib.file_digest(file, "sha256").hexdigest()
            os.replace(scratch, self.folder / f"{number:06}-{digest}.npz")
            sync_folder(self.folder)
        except BaseException as error:
            scratch.unlink(missing_ok=True)
            reason = explain_os_error(error)
            if reason is None:
                raise
            raise UserError(reason) from error
        sound = [path for _, path in older if path not in self._damaged]
        for _, path in older:
            if path not in sound[1 - _KEPT :]:
                path.unlink(missing_ok=True)

    def load(self):
        """Read the newest checkpoint that is as it was written.

        Returns:
            The state and the groups that `save` was given, or `None` if there
            is no checkpoint.

        Raises:
            UserError: If there are some and all are damaged.
        """
        files = [path for _, path in self._files()]
        for path in reversed(files):
            try:
                return self._read(path)
            except (OSError, ValueError, KeyError, EOFError) as error:
                self._damaged.add(path)
                older = len(files) > len(self._damaged)
                say(
                    f"Checkpoint {path.name[:13]}… is damaged ({error})"
                    + ("; taking the one before it" if older else "")
                )
        if files:
            raise UserError(
                f"No checkpoint in {self.folder} can be read. Begin the run again with --overwrite."
            )
        return None

    def _read(self, path):
        with open(path, "rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
            if digest != _NAME.fullmatch(path.name)[2]:
                raise ValueError("its contents do not have the hash it was saved with")
            file.seek(0)
            with np.load(file, allow_pickle=False) as arrays:
                state = json.loads(arrays[_STATE].tobytes())
                groups = {}
                for key in arrays.files:
                    if key != _STATE:
                        groups.setdefault(key.rpartition("-")[0], []).append(arrays[key])
        return state, groups

    def _files(self):
        """Return `(number, path)` of every checkpoint, the newest last."""
        if not self.folder.is_dir():
            return []
        found = ((_NAME.fullmatch(path.name), path) for path in self.folder.iterdir())
        return sorted((int(name[1]), path) for name, path in found if name)
