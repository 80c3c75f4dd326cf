"""What a run began with, so that a resume with anything else is refused."""

import dataclasses
import hashlib
from dataclasses import dataclass

import keras
import numpy as np

from keras_genres import __version__
from keras_genres.data.stamps import hash_contents
from keras_genres.errors import UserError
from keras_genres.files import read_sealed, write_sealed
from keras_genres.settings import Settings
from keras_genres.training.environment import versions

HARMLESS = (
    "input.check",
    "input.cache",
    "input.cache_memory_gib",
    "input.cache_folder",
    "prefix.place",
    "prefix.memory_gib",
    "prefix.disk_gib",
    "training.checkpoint_seconds",
    "training.tensorboard",
)
"""Settings that a resume may change: they say where things are kept, not what comes out."""

_FILE = "start.json"
_LEFT_TO_CHOOSE = (None, "auto")


@dataclass(frozen=True)
class Origin:
    """What a run began with."""

    settings: dict
    """Every resolved setting, `{"section.name": value}`."""
    data: str
    """Absolute path of the prepared folder."""
    split_sha256: str
    posters_sha256: str | None
    """Hash over names and contents of the posters; `None` where `data prepare` wrote none."""
    weights_sha256: str
    """Hash over the network's variables before training: weight file, seed and Keras's start."""
    versions: dict
    """Backend, and the version of each package that computes."""
    left_out: list = dataclasses.field(default_factory=list)
    """`[filename, what ails it]` of posters that were left out."""
    facts: dict = dataclasses.field(default_factory=dict)
    """What `fit` was told of the run."""
    overwrite: bool = False
    """Whether a finished run is to be replaced in the end."""
    start: str | None = None
    """Run folder whose weights training begins with."""

    def save(self, folder):
        """Write it beside the checkpoints."""
        write_sealed(folder / _FILE, dataclasses.asdict(self))

    @classmethod
    def load(cls, folder):
        """Read what a run began with.

        Raises:
            UserError: If the file is missing, damaged or of another version.
        """
        try:
            return cls(**read_sealed(folder / _FILE))
        except TypeError:
            raise UserError(
                f"{folder / _FILE} was written by another version of keras-genres. Go on with that "
                "version, or begin the run again with --overwrite."
            ) from None

    @staticmethod
    def is_in(folder):
        """Whether a folder of checkpoints has one: a run was begun there."""
        return (folder / _FILE).exists()

    def resolved(self, changes=None):
        """Return the settings to go on with.

        Args:
            changes: `{"section.name": value}` that are asked for now. What is
                left to choose, empty or `auto`, was chosen when the run began.

        Raises:
            UserError: If a change would alter what comes out; it shows all of them.
        """
        settings = Settings().replace(self.settings)
        return require_harmless(settings, changes or {})

    def require_same(self, now, allow=()):
        """Refuse to go on with other posters, weights or versions.

        Args:
            now: The `Origin` of what is there now.
            allow: `versions` accepts other versions of the packages.

        Raises:
            UserError: If something differs; it shows the difference.
        """
        if now.split_sha256 != self.split_sha256:
            raise UserError(
                f"The run began on the split {self.split_sha256[:8]}; {now.data} has "
                f"{now.split_sha256[:8]}. Resume with --data and the posters it began on."
            )
        if now.posters_sha256 != self.posters_sha256:
            raise UserError(
                f"Posters in {now.data} have other contents than when the run began. Bring them "
                "back, or begin another run."
            )
        if now.versions != self.versions and "versions" not in allow:
            names = {*self.versions, *now.versions}
            found = [
                f"{name} {self.versions.get(name)} -> {now.versions.get(name)}"
                for name in sorted(names)
                if self.versions.get(name) != now.versions.get(name)
            ]
            raise UserError(
                f"The run began with other versions: {', '.join(found)}. Scores may then come out "
                "a little different: install those, or resume with --allow versions."
            )
        if now.weights_sha256 != self.weights_sha256:
            raise UserError(
                f"The weights that the run began with were others ({self.weights_sha256[:8]} -> "
                f"{now.weights_sha256[:8]}): {_weights(self.settings)} was changed, or another "
                "version of Keras starts differently. Bring the file back, or begin another run."
            )


def require_harmless(settings, changes):
    """Return settings with some changed, none of which alters what comes out.

    Args:
        settings: Resolved `Settings` of a run.
        changes: `{"section.name": value}`; empty and `auto` stand for what was chosen.

    Raises:
        UserError: If one would alter what comes out; it shows all of them.
    """
    asked = {name: value for name, value in changes.items() if value not in _LEFT_TO_CHOOSE}
    wanted = settings.replace(asked)
    refused = [
        f"{name} {_value(settings, name)} -> {_value(wanted, name)}"
        for name in asked
        if _value(settings, name) != _value(wanted, name) and name not in HARMLESS
    ]
    if refused:
        raise UserError(
            f"The run began with other settings: {', '.join(refused)}. Resume without them, "
            f"or begin another run. Only {', '.join(HARMLESS)} may change."
        )
    return wanted


def origin_of(job, data, left_out=(), facts=None, overwrite=False, start=None):
    """Return the `Origin` of a job that has not been trained.

    Args:
        job: The `Job`.
        data: Absolute path of the prepared folder.
        left_out, facts, overwrite, start: See `Origin`.
    """
    return Origin(
        settings=job.settings.to_changes(),
        data=str(data),
        split_sha256=job.posters.split.sha256,
        posters_sha256=hash_contents(job.posters.root),
        weights_sha256=_hash_of_variables(job.network),
        versions=_versions(),
        left_out=[list(each) for each in left_out],
        facts=facts or {},
        overwrite=overwrite,
        start=start,
    )


def _versions():
    backend = keras.backend.backend()
    found = versions()
    # TensorFlow decodes and varies the posters under either backend.
    names = dict.fromkeys(("tensorflow", "keras", backend, "numpy"))
    return {"backend": backend, "keras-genres": __version__} | {name: found[name] for name in names}


def _hash_of_variables(network):
    digest = hashlib.sha256()
    for variable in network.variables:
        values = np.ascontiguousarray(keras.ops.convert_to_numpy(variable))
        digest.update(f"{values.dtype} {values.shape}\n".encode())
        digest.update(values.data if values.ndim else values.tobytes())
    return digest.hexdigest()


def _value(settings, name):
    section, _, key = name.partition(".")
    return getattr(getattr(settings, section), key)


def _weights(settings):
    weights = settings["model.weights"]
    return "Keras's download" if weights == "imagenet" else weights
