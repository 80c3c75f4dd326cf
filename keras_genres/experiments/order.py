"""How experiments are to be run: data, cuts, weights and changed settings."""

import re
from dataclasses import dataclass
from pathlib import Path

from keras_genres.errors import UserError
from keras_genres.experiments.cut import cut_posters, describe_cut, scale_epochs
from keras_genres.settings import load_settings
from keras_genres.split import Split


@dataclass(frozen=True)
class Order:
    """How experiments are to be run; the same for each of `run all`."""

    data: str | None
    """Folder that `data prepare` wrote."""
    out: str = "runs"
    """Folder of the run folders."""
    posters: int | None = None
    """Posters to cut the data to; `None` for all."""
    epoch_scale: float = 1.0
    """Factor of every number of epochs."""
    weights: str | None = None
    """`imagenet`, `none`, a weight file, or a folder of weight files named by backbone."""
    frozen_backbone: str | None = None
    """Backbone of the baselines on frozen features; `None` for the default."""
    seed: int | None = None
    """Seed of the training; the run folder's name then ends in it."""
    changes: tuple = ()
    """Settings to change, `name=value`."""
    folder: str | None = None
    """Folder of the experiment files; `None` for the usual place."""
    train_posters: int | None = None
    """Training posters to cut the data to, validation and test kept whole; `None` for all."""

    def path(self, name):
        """Return the run folder of an experiment."""
        suffix = "" if self.seed is None else f"-seed{self.seed}"
        return Path(self.out) / f"{name}{suffix}"

    def full_split(self):
        """Return the `Split` of the data before any cut.

        Raises:
            UserError: If there is no prepared folder.
        """
        file = Path(self.data) / "split.json"
        if not file.exists():
            raise UserError(
                f"{self.data} is not a folder of prepared posters: it has no split.json. "
                "Run `keras-genres data prepare` to make one."
            )
        return Split.load(file)

    def posters_folder(self):
        """Return the prepared folder to train on, cut to size where that is asked for.

        Cut posters stand below `out` in a folder whose name begins with a dot,
        so that `runs/*` does not take it for a run.
        """
        self.full_split()
        if self.posters is not None:
            return cut_posters(self.data, self.posters, Path(self.out) / f".posters-{self.posters}")
        if self.train_posters is not None:
            folder = Path(self.out) / f".train-posters-{self.train_posters}"
            return cut_posters(self.data, self.train_posters, folder, splits=("train",))
        return Path(self.data)

    def cut_of(self, experiment):
        """Return how an experiment is cut to size as a sentence for tables; empty if it is not."""
        return describe_cut(
            Split.load(self.posters_folder() / "split.json"),
            self.full_split(),
            self.epoch_scale if experiment.trains else 1.0,
            self.changes_of(experiment),
        )

    def changes_of(self, experiment):
        """Return the changed settings that count for an experiment."""
        row = _baseline(experiment)
        if row is None:
            return self.changes
        return tuple(each for each in self.changes if row.takes(each.partition("=")[0].strip()))

    def settings_of(self, experiment):
        """Return the settings to run an experiment with.

        Raises:
            UserError: For an unknown or unfit setting, or weights that are not there.
        """
        overrides = list(self.changes_of(experiment))
        if self.seed is not None:
            overrides.append(f"training.seed={self.seed}")
        row = _baseline(experiment)
        is_frozen = row is not None and row.features == "frozen"
        if is_frozen and self.frozen_backbone:
            overrides.append(f"model.backbone={self.frozen_backbone}")
        if row is None:
            settings = load_settings(experiment.file, overrides)
        else:
            settings = row.settings(None, overrides)
        if self.weights is not None and (row is None or is_frozen):
            weights = _find_weights(settings.model.backbone, self.weights)
            settings = settings.replace({"model.weights": weights})
        if not experiment.trains:
            return settings
        from keras_genres.training.stages import resolve

        settings = resolve(settings)
        return scale_epochs(settings, self.epoch_scale) if self.epoch_scale != 1 else settings


def _baseline(experiment):
    """Return the row of a baseline, `None` for another experiment."""
    from keras_genres.baselines.table import BASELINES

    return BASELINES[experiment.name] if experiment.kind == "baseline" else None


def _find_weights(backbone, weights):
    """Return the weights of a backbone; in a folder, the file named after it."""
    if not Path(weights).is_dir():
        return weights
    files = [file for file in sorted(Path(weights).glob("*.h5")) if _backbone_of(file) == backbone]
    if len(files) == 1:
        return str(files[0])
    found = f"{len(files)} of them" if files else "none"
    raise UserError(
        f"{weights} must hold one .h5 file whose name begins with {backbone}_, and has {found}. "
        "Pass --weights none to start from random weights."
    )


def _backbone_of(file):
    """Return what the name of a weight file begins with, as in `vgg16_notop.weights.h5`."""
    return re.split(r"[_.]", file.name.lower())[0]
