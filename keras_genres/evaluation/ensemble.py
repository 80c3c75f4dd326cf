"""Several runs of one split as one: the mean of their scores, in a run folder of its own."""

from dataclasses import dataclass

import numpy as np
import yaml

from keras_genres.calibration_map import logits
from keras_genres.errors import UserError
from keras_genres.evaluation.metrics import mean_average_precision
from keras_genres.files import write_text
from keras_genres.manifest import entry_of
from keras_genres.runs import Predictions

WEIGHTS = ("even", "validation")
AVERAGES = ("scores", "logits")
"""What is averaged: scores, or their logits, where a sure member counts for more."""
_ROUNDS = 20
_SEEN = ("input.height", "input.width", "input.fit")


@dataclass(frozen=True)
class Ensemble:
    """Members and how often each counts."""

    runs: tuple
    """`Run`s that count at least once."""
    counts: tuple
    """Whole numbers; a member's weight is its count over their sum."""
    of: str = "scores"
    """One of `AVERAGES`."""

    def mean(self, scores):
        """Return the weighted mean of the members' scores, float32 of the same shape.

        Of logits it is the sigmoid of their mean, scores clipped as a
        calibration clips them.

        Example:
            >>> Ensemble((one, other), (1, 3)).mean([np.array([[0.2]]), np.array([[0.6]])])
            array([[0.5]], dtype=float32)
        """
        total = sum(
            count * each
            for count, each in zip(self.counts, _averaged(scores, self.of), strict=True)
        )
        mean = total / sum(self.counts)
        return (mean if self.of == "scores" else 1 / (1 + np.exp(-mean))).astype(np.float32)

    @property
    def members(self):
        """Return what `environment.json` says of the members, with the hashes of what they gave."""
        found = []
        for run, count in zip(self.runs, self.counts, strict=True):
            files = {split: run.predictions_file(split) for split in ("val", "test")}
            if run.has(run.model_file):
                files["model"] = run.model_file
            found.append(
                {
                    "run": run.path.resolve().name,
                    "weight": count / sum(self.counts),
                    "backbone": run.settings().model.backbone,
                    "seed": run.settings().training.seed,
                    **{
                        f"{name}_sha256": entry_of(run.whole(at)).sha256
                        for name, at in files.items()
                    },
                }
            )
        return found


def choose_members(runs, weights="even", of="scores"):
    """Return the `Ensemble` of some runs.

    Args:
        runs: Finished `Run`s of one split, two or more.
        weights: `even`, or `validation`: from nothing, the run is added (again)
            that gives the mean of scores the best mean average precision on
            validation, 20 times; the best of these ensembles is taken. A run
            that never helps is left out. The measure needs no thresholds, so
            nothing else is fitted to these posters on the way.
        of: One of `AVERAGES`.

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
        return Ensemble(tuple(runs), (1,) * len(runs), of)
    counts = _select(found[0].labels, _averaged([each.scores for each in found], of))
    kept = [(run, count) for run, count in zip(runs, counts, strict=True) if count]
    return Ensemble(*zip(*kept, strict=True), of)


def write_settings(run, ensemble, method=None):
    """Write settings and split of an ensemble into a new run folder.

    Args:
        run: The `Run` in the making.
        ensemble: The `Ensemble`.
        method: Of `thresholds.METHODS`; `None` for the first member's.
    """
    first = ensemble.runs[0]
    settings = first.settings()
    if method:
        settings = settings.replace({"evaluation.thresholds": method})
    write_text(run.settings_file, _counted(settings, common_input(ensemble.runs)))
    first.split().save(run.split_file)


def write_scores(run, ensemble):
    """Write the mean of the members' saved scores into the run folder of an ensemble."""
    for split in ("val", "test"):
        found = [each.predictions(split) for each in ensemble.runs]
        mean = ensemble.mean([each.scores for each in found])
        Predictions(found[0].filenames, found[0].labels, mean, found[0].groups).save(
            run.predictions_file(split)
        )


def describe(ensemble):
    """Return what `environment.json` says of an ensemble: its members, and their sums."""
    members = ensemble.members
    environments = [run.environment() for run in ensemble.runs]
    facts = {
        "title": _title(members),
        "kind": "ensemble",
        "backbone": "+".join(dict.fromkeys(each["backbone"] for each in members)),
        "average": ensemble.of,
        "members": members,
        "data": environments[0].get("data"),
        "parameters": _sum(environments, "parameters"),
        "seconds": _sum(environments, "seconds"),
    }
    return {key: value for key, value in facts.items() if value is not None}


def common_input(runs):
    """Return what one network of all these runs sees: `{"height", "width", "fit"}`.

    That is what the run of the largest posters sees; the others' are resized
    from it. `None` if posters are cropped or padded to other shapes or filled
    in other ways, so that no single picture serves all.
    """
    seen = [[run.counted_settings().get(name) for name in _SEEN] for run in runs]
    if None in {each for one in seen for each in one}:
        return None
    height, width, fit = max(seen, key=lambda each: each[0] * each[1])
    if any(each[2] != fit for each in seen):
        return None
    if fit != "squeeze" and any(each[0] * width != each[1] * height for each in seen):
        return None
    return {"height": height, "width": width, "fit": fit}


def _counted(settings, seen):
    """Return as YAML the settings that count: the others would speak of what was not done."""
    kept = {"evaluation": settings.to_dict()["evaluation"]}
    if seen:
        kept = {"input": seen} | kept
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


def _averaged(scores, of):
    if of not in AVERAGES:
        raise ValueError(f"`of` must be one of {AVERAGES}. Received: {of!r}")
    return [np.asarray(each, np.float64) if of == "scores" else logits(each) for each in scores]


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
