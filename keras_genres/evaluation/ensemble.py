"""Several runs of one split as one: the mean of their scores, in a run folder of its own."""

from dataclasses import dataclass

import numpy as np
import yaml

from keras_genres.errors import UserError
from keras_genres.evaluation.metrics import mean_average_precision
from keras_genres.evaluation.thresholds import sweep
from keras_genres.files import write_text
from keras_genres.runs import Predictions

WEIGHTS = ("even", "validation")
_ROUNDS = 20
_SEEN = ("input.height", "input.width", "input.fit")


@dataclass(frozen=True)
class Ensemble:
    """Members and how often each counts."""

    runs: tuple
    """`Run`s that count at least once."""
    counts: tuple
    """Whole numbers; a member's weight is its count over their sum."""

    def mean(self, scores):
        """Return the weighted mean of the members' scores, float32 of the same shape."""
        total = sum(
            count * np.asarray(each, np.float64)
            for count, each in zip(self.counts, scores, strict=True)
        )
        return (total / sum(self.counts)).astype(np.float32)

    @property
    def members(self):
        """Return what `environment.json` says of the members."""
        return [
            {
                "run": run.path.name,
                "weight": count / sum(self.counts),
                "backbone": run.settings().model.backbone,
                "seed": run.settings().training.seed,
            }
            for run, count in zip(self.runs, self.counts, strict=True)
        ]


def choose_members(runs, weights="even"):
    """Return the `Ensemble` of some runs.

    Args:
        runs: Finished `Run`s of one split, two or more.
        weights: `even`, or `validation`: from nothing, the run is added (again)
            that gives the mean of scores the best mean average precision on
            validation, 20 times; the best of these ensembles is taken. A run
            that never helps is left out. The measure needs no thresholds, so
            nothing else is fitted to these posters on the way.

    Raises:
        UserError: If the runs are not of one split and its posters, or fewer
            than two, or one is a constant set.

    Source: Caruana et al. 2004, "Ensemble Selection from Libraries of Models".
    """
    if len({run.path.resolve() for run in runs}) < max(2, len(runs)):
        raise UserError("An ensemble takes two runs or more, each of them once.")
    first, found = runs[0], []
    for run in runs:
        first.split().require_same(run.split(), first.path, run.path)
        found.append(run.predictions("val"))
        if not np.array_equal(found[0].filenames, found[-1].filenames):
            raise UserError(f"{run.path} has the posters in another order than {first.path}.")
        if np.isin(found[-1].scores, (0, 1)).all():
            raise UserError(f"{run.path} has picks and no scores: its mean with others is none.")
    if weights == "even":
        return Ensemble(tuple(runs), (1,) * len(runs))
    counts = _select(found[0].labels, [each.scores for each in found])
    kept = [(run, count) for run, count in zip(runs, counts, strict=True) if count]
    return Ensemble(*zip(*kept, strict=True))


def write_scores(run, ensemble, method=None):
    """Write settings, split, scores and thresholds of an ensemble into a new run folder.

    Args:
        run: The `Run` in the making.
        ensemble: The `Ensemble`.
        method: Of `thresholds.METHODS`; `None` for the first member's.
    """
    first = ensemble.runs[0]
    settings = first.settings()
    if method:
        settings = settings.replace({"evaluation.thresholds": method})
    write_text(run.settings_file, _counted(settings, sees_alike(ensemble.runs)))
    first.split().save(run.split_file)
    for split in ("val", "test"):
        found = [each.predictions(split) for each in ensemble.runs]
        mean = ensemble.mean([each.scores for each in found])
        Predictions(found[0].filenames, found[0].labels, mean, found[0].groups).save(
            run.predictions_file(split)
        )
    sweep(run)


def describe(ensemble):
    """Return what `environment.json` says of an ensemble: its members, and their sums."""
    members = ensemble.members
    environments = [run.environment() for run in ensemble.runs]
    facts = {
        "title": _title(members),
        "kind": "ensemble",
        "backbone": "+".join(dict.fromkeys(each["backbone"] for each in members)),
        "members": members,
        "data": environments[0].get("data"),
        "parameters": _sum(environments, "parameters"),
        "seconds": _sum(environments, "seconds"),
    }
    return {key: value for key, value in facts.items() if value is not None}


def sees_alike(runs):
    """Whether the networks of runs take posters of one size, filled in one way."""
    seen = [[run.counted_settings().get(name) for name in _SEEN] for run in runs]
    return all(each == seen[0] for each in seen)


def _counted(settings, with_size):
    """Return as YAML the settings that count: the others would speak of what was not done."""
    values = settings.to_dict()
    kept = {"evaluation": values["evaluation"]}
    if with_size:
        kept = {
            "input": {name.partition(".")[2]: settings.to_changes()[name] for name in _SEEN}
        } | kept
    return yaml.safe_dump(kept, sort_keys=False, allow_unicode=True)


def _title(members):
    names = [each["backbone"] for each in members]
    parts = [f"{names.count(name)} × {name}" for name in dict.fromkeys(names)]
    return f"Ensemble of {' and '.join(parts)}"


def _sum(environments, key):
    values = [each.get(key) for each in environments]
    if not all(isinstance(value, (int, float)) for value in values):
        return None
    return round(sum(values), 1)


def _select(labels, scores):
    counts, best, chosen = np.zeros(len(scores), int), -1.0, None
    total = np.zeros(labels.shape)
    for step in range(1, _ROUNDS + 1):
        values = [mean_average_precision(labels, (total + each) / step) for each in scores]
        take = int(np.argmax(values))
        counts[take] += 1
        total += scores[take]
        if values[take] > best:
            best, chosen = values[take], counts.copy()
    return chosen // np.gcd.reduce(chosen)
