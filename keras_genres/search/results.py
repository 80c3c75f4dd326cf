"""What a search leaves: a table of trials, the best settings, two figures."""

import os
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from keras_genres.data.table import write_csv
from keras_genres.evaluation.figures.style import house_style
from keras_genres.files import write_text
from keras_genres.search.figures import draw_history, draw_parameters
from keras_genres.search.journal import SCRATCH
from keras_genres.search.study import TOLD_TRIALS, importances
from keras_genres.settings import Settings

_COLUMNS = ("trial", "state", "value", "best_epoch", "epochs", "seconds")


@dataclass(frozen=True)
class Found:
    """A search as far as it has come."""

    trials: list
    """`Trial`s in order."""
    space: dict
    settings: Any
    """`Settings` that the search began with."""
    measure: str
    """Of `trial.MEASURES`."""
    study: Any
    """Optuna's study of the trials."""
    split_sha256: str

    @property
    def best(self):
        """Index of the best complete trial, the first of equals; `None` without one."""
        complete = [row for row, trial in enumerate(self.trials) if trial.state == "complete"]
        return max(complete, key=lambda row: self.trials[row].value, default=None)

    def rows(self):
        """Return a dictionary for each setting of the space, the most important first.

        Its share in how trials differ is empty where too few are known, its
        value where it did not count in the best trial.
        """
        best = None if self.best is None else self.trials[self.best].params
        shares = importances(self.study)
        rows = [
            {
                "setting": name,
                "best": "" if best is None else _cell(best.get(name)),
                "importance": f"{shares[name]:.2f}" if name in shares else "",
                "tried": str(part),
            }
            for name, part in self.space.items()
        ]
        return sorted(rows, key=lambda row: -shares.get(row["setting"], 0))

    def summary(self):
        """Return a line on how many trials there are and which is the best."""
        states = [trial.state for trial in self.trials]
        counts = ", ".join(
            f"{states.count(state)} {state}"
            for state in ("complete", "pruned", "failed")
            if state in states
        )
        text = f"{len(states)} trials: {counts or 'none yet'}."
        if self.best is None:
            return text
        best, first = self.trials[self.best], self.trials[0]
        text += f" Best: trial {self.best + 1}, {self.measure} {best.value:.4f} on validation"
        if first.value is not None and self.best:
            text += f" (trial 1, the settings it began with: {first.value:.4f})"
        if not importances(self.study):
            text += f". Importances are told from {TOLD_TRIALS} complete trials on"
        return text + "."


def write_results(found, folder):
    """Write `trials.csv`, `best.yaml` and the figures of a search, each whole or not at all.

    Args:
        found: The `Found`.
        folder: Where to.
    """
    names = list(found.space)
    rows = [
        [
            number,
            trial.state,
            "" if trial.value is None else f"{trial.value:.6f}",
            trial.best_epoch or "",
            len(trial.by_epoch),
            f"{trial.seconds:.1f}",
            *(_cell(trial.params.get(name)) for name in names),
            trial.note,
        ]
        for number, trial in enumerate(found.trials, start=1)
    ]
    write_csv(folder / "trials.csv", [*_COLUMNS, *names, "note"], rows)
    if found.best is None:
        return
    write_text(folder / "best.yaml", _best_yaml(found))
    with tempfile.TemporaryDirectory(prefix=SCRATCH, dir=folder) as scratch, house_style():
        draw_history(found).save(Path(scratch), "history")
        draw_parameters(found, importances(found.study)).save(Path(scratch), "parameters")
        for file in Path(scratch).iterdir():
            os.replace(file, folder / file.name)


def _best_yaml(found):
    """Return the best settings as `fit --config` takes them: what is not a default."""
    best = found.trials[found.best]
    usual, sections = Settings().to_changes(), {}
    for name, value in found.settings.replace(best.params).to_changes().items():
        if name in best.params or value != usual[name] or name == "model.backbone":
            section, _, key = name.partition(".")
            sections.setdefault(section, {})[key] = value
    head = (
        f"# Trial {found.best + 1} of {len(found.trials)}, the best: {found.measure} "
        f"{best.value:.4f} on validation\n# of split {found.split_sha256}.\n"
    )
    return head + yaml.safe_dump(sections, sort_keys=False, allow_unicode=True)


def _cell(value):
    if value is None:
        return ""
    return f"{value:.6g}" if isinstance(value, float) else str(value)
