"""The experiments there are: a YAML file each, the baselines and the leak."""

from dataclasses import dataclass
from pathlib import Path

import keras_genres
from keras_genres.errors import UserError
from keras_genres.setting_values import explain_near

LEAK = "leak"


@dataclass(frozen=True)
class Experiment:
    """One thing that `experiment run` can run."""

    name: str
    """Name on the command line and of the run folder."""
    title: str
    """Name in tables."""
    kind: str
    """`network`, `baseline` or `leak`."""
    paper: str = ""
    """What of the paper it does again."""
    file: Path | None = None
    """Its settings; `None` where the defaults do."""
    trains: bool = True
    """Whether a network is trained, so that there are epochs to cut."""


def experiments_folder(folder=None):
    """Return the folder of experiment files.

    Args:
        folder: A folder to look in; `None` for `experiments/` beside the
            package, as in a checkout, else in the working folder.

    Raises:
        UserError: If there is none with a YAML file in it.
    """
    checkout = Path(keras_genres.__file__).parents[1] / "experiments"
    places = [Path(folder)] if folder else [checkout, Path("experiments")]
    for place in places:
        if any(place.glob("*.yaml")):
            return place
    raise UserError(
        f"There are no experiment files (*.yaml) in {places[-1]}. Name their folder with "
        "--experiments."
    )


def find_experiments(folder=None):
    """Return every `Experiment` by name, networks first.

    Args:
        folder: See `experiments_folder`.
    """
    from keras_genres.baselines.table import BASELINES

    found = [_read(file) for file in sorted(experiments_folder(folder).glob("*.yaml"))]
    found.sort(key=lambda each: (each.kind != "network", each.name))
    found += [
        Experiment(name, row.title, "baseline", "related work", trains=row.features == "pixels")
        for name, row in BASELINES.items()
    ]
    found.sort(key=lambda each: each.kind == LEAK)
    return {each.name: each for each in found}


def find_experiment(name, folder=None):
    """Return the `Experiment` called `name`.

    Raises:
        UserError: If there is none, with the near miss.
    """
    known = find_experiments(folder)
    if name not in known:
        raise UserError(
            f"There is no experiment {name!r}.{explain_near(name, known)} "
            "`keras-genres experiment list` lists them all."
        )
    return known[name]


def _read(file):
    """Return the experiment of a file, whose first comment is its title."""
    lines = file.read_text(encoding="utf-8").splitlines()
    title = lines[0].removeprefix("#").strip() if lines and lines[0].startswith("#") else file.stem
    paper = next((line[8:].strip() for line in lines if line.startswith("# Paper:")), "")
    kind = LEAK if file.stem == LEAK else "network"
    return Experiment(file.stem, title, kind, paper, file)
