"""What a search began with and what it has tried, so that it can be gone on with."""

import dataclasses
import shutil
from dataclasses import dataclass, field

from keras_genres import __version__
from keras_genres.errors import UserError
from keras_genres.files import read_sealed, write_sealed
from keras_genres.setting_values import shorten
from keras_genres.training.environment import versions
from keras_genres.training.origin import HARMLESS

SCRATCH = ".trial-"
"""Beginning of the name of a trial's folder, which goes with the trial."""
_BEGINNING = "search.json"
_TRIALS = "trials.json"
_LATER = "Choose another --out."


@dataclass(frozen=True)
class Beginning:
    """What a search began with; all but the versions must be the same to go on."""

    settings: dict
    """`{"section.name": value}` of what is not searched."""
    space: dict
    """The space as plain values."""
    measure: str
    prune: bool
    split_sha256: str
    posters_sha256: str | None
    """Hash over names and contents of the posters; `None` where `data prepare` wrote none."""
    weights_sha256: str | None
    """Of the weight file, if it is one."""
    versions: dict

    def require_same(self, now, folder):
        """Refuse to go on with something else.

        Args:
            now: The `Beginning` that is asked for.
            folder: Folder of the search, for the message.

        Returns:
            The versions that differ, in words; empty if none does.

        Raises:
            UserError: If something differs; it shows the difference.
        """
        if now.split_sha256 != self.split_sha256:
            raise UserError(
                f"{folder} searched on the split {self.split_sha256[:8]}, and the data now has "
                f"{now.split_sha256[:8]}: scores on different splits cannot be mixed. {_LATER}"
            )
        if now.posters_sha256 != self.posters_sha256:
            raise UserError(f"{folder} searched on posters of other contents. {_LATER}")
        if now.weights_sha256 != self.weights_sha256:
            raise UserError(f"{folder} searched with another weight file. {_LATER}")
        for part, what in (("space", "space"), ("settings", "settings")):
            found = _differences(getattr(self, part), getattr(now, part))
            if found:
                raise UserError(f"{folder} searched with another {what}: {found}. {_LATER}")
        if (self.measure, self.prune) != (now.measure, now.prune):
            raise UserError(f"{folder} searched by {self._how()}, not by {now._how()}. {_LATER}")
        return _differences(self.versions, now.versions)

    def _how(self):
        return f"--measure {self.measure}" + ("" if self.prune else " --no-prune")


@dataclass(frozen=True)
class Trial:
    """What was tried and what came of it."""

    state: str
    """`complete`, `pruned` or `failed`."""
    params: dict
    """`{"section.name": value}` of the space that were tried."""
    value: float | None
    """The measure on validation; of the last epoch if pruned, `None` if failed."""
    by_epoch: list = field(default_factory=list)
    """What pruning looked at after each epoch."""
    best_epoch: int | None = None
    """From 1; `None` unless complete."""
    seconds: float = 0.0
    note: str = ""
    """Why it failed."""


class Journal:
    """The folder of a search.

    Args:
        folder: The folder; it is made if missing.
        beginning: The `Beginning` that is asked for.
        note: Called with a line that a user should see.

    Attributes:
        trials: `Trial`s in order.

    Raises:
        UserError: If the folder holds other things, is damaged, or searched
            with anything else.
    """

    def __init__(self, folder, beginning, note):
        self.folder = folder
        file = folder / _BEGINNING
        self.trials = []
        if not file.exists():
            if folder.exists() and any(folder.iterdir()):
                raise UserError(f"{folder} holds other things and no search. {_LATER}")
            write_sealed(file, dataclasses.asdict(beginning))
            self._save()
            return
        other = f"{folder} was written by another version of keras-genres. {_LATER}"
        try:
            began = Beginning(**read_sealed(file))
            differs = began.require_same(beginning, folder)
            if (folder / _TRIALS).exists():  # killed before it was written there is none
                self.trials = [Trial(**each) for each in read_sealed(folder / _TRIALS)["trials"]]
        except (TypeError, KeyError):
            raise UserError(other) from None
        if differs:
            note(f"Note: the search began with other versions ({differs}); scores may differ a bit")
        for left in folder.glob(f"{SCRATCH}*"):
            shutil.rmtree(left, ignore_errors=True)

    def add(self, trial):
        """Record a trial."""
        self.trials.append(trial)
        self._save()

    def _save(self):
        rows = [dataclasses.asdict(trial) for trial in self.trials]
        write_sealed(self.folder / _TRIALS, {"trials": rows})


def counted(settings, space):
    """Return the settings that make a search what it is, `{"section.name": value}`."""
    return {
        name: value
        for name, value in settings.to_changes().items()
        if name not in HARMLESS and name not in space
    }


def search_versions():
    """Return the versions that a search hangs on."""
    import optuna

    found = versions()
    kept = {name: found[name] for name in ("tensorflow", "keras", "jax", "numpy")}
    return {"keras-genres": __version__, "optuna": optuna.__version__} | kept


def _differences(before, now):
    names = sorted({*before, *now})
    changed = [name for name in names if before.get(name) != now.get(name)]
    return ", ".join(
        f"{name} {shorten(before.get(name))} -> {shorten(now.get(name))}" for name in changed
    )
