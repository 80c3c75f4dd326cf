"""Runs of one split side by side, from their saved scores alone.

Runs are ordered by validation, never by test: the best of many tests looks
better than it is. Whether one run is better than another is asked of their
difference on the same resamples of the test's groups, which is known more
closely than either score, since both stumble over the same posters.

Source: Efron & Tibshirani 1993, "An Introduction to the Bootstrap", chapter
13; pairs on the same resamples: Koehn 2004, "Statistical Significance Tests
for Machine Translation Evaluation".
"""

import itertools
from dataclasses import dataclass, field

import numpy as np

from keras_genres.errors import UserError
from keras_genres.evaluation import metrics
from keras_genres.evaluation.compare.facts import Facts, name_runs, open_runs, read_facts
from keras_genres.evaluation.intervals import percentile_interval, resample_models
from keras_genres.evaluation.metrics import pick

SPLITS = ("val", "test")
MEASURES = ("macro_f1", "micro_f1", "samples_f1")
_DIGITS = 6  # as in a report: sums of floats end differently on another number of cores


@dataclass(frozen=True)
class Entry:
    """One run of a comparison."""

    label: str
    """What tables and figures call it; no other run of the comparison is called so."""
    facts: Facts
    """How it was made."""
    thresholds: np.ndarray
    """Floats of shape `(genres,)`."""
    measures: dict
    """`val` and `test` -> every measure at the thresholds."""
    bounds: dict
    """`val` and `test` -> measure -> `(low, high)`; empty without resamples."""
    genre_f1: dict
    """`val` and `test` -> F1 of each genre, shape `(genres,)`."""
    is_constant: bool
    """It picks the same genres for every poster: nothing was learned from any."""


@dataclass(frozen=True)
class Difference:
    """Test macro F1 of one run minus that of another, on the same resamples."""

    label: str
    other: str
    value: float
    bounds: tuple | None
    """`(low, high)`; `None` without resamples."""

    @property
    def excludes_0(self):
        """Return whether the interval leaves 0 out; `None` without one."""
        return None if self.bounds is None else not self.bounds[0] <= 0 <= self.bounds[1]


@dataclass(frozen=True)
class Comparison:
    """Runs of one split, the best on validation first."""

    entries: list
    """An `Entry` a run."""
    differences: dict
    """`(label, other)` -> `Difference`, for every ordered pair of two runs."""
    best: str
    """Label of the run with the best validation macro F1."""
    priors: dict
    """Measure -> label of the best one on validation that picks the same for every poster."""
    all_genres: dict
    """Every measure on test of picking all genres for every poster, which takes no run."""
    seeds: list
    """Lists of labels of runs that differ only by `training.seed`."""
    sizes: dict
    """`train`, `val` and `test` -> posters."""
    evaluation: object
    """`EvaluationSettings` of the intervals."""
    notes: list = field(default_factory=list)
    """What was left out or is odd, as sentences."""

    @property
    def prior(self):
        """Return the label of the prior by macro F1; `None` if there is none."""
        return self.priors.get("macro_f1")

    def entry(self, label):
        """Return the `Entry` called `label`."""
        return next(entry for entry in self.entries if entry.label == label)


def compare(paths):
    """Return the `Comparison` of runs.

    Args:
        paths: Run folders; see `open_runs`.

    Raises:
        UserError: If none is a run folder, one is damaged or lacks its
            thresholds, or two have different splits.
    """
    runs, notes = open_runs(paths)
    split = runs[0].split()
    for run in runs[1:]:
        split.require_same(run.split(), str(runs[0].path), str(run.path))
    facts = [read_facts(run) for run in runs]
    evaluation = facts[0].settings.evaluation
    if any(_bootstrap(each.settings.evaluation) != _bootstrap(evaluation) for each in facts):
        notes.append(
            f"The runs' evaluation settings differ; intervals are those of {facts[0].name}'s."
        )
    labels = dict(zip(name_runs(facts), range(len(runs)), strict=True))
    thresholds = {label: runs[i].thresholds() for label, i in labels.items()}
    measures, bounds, draws, genre_f1, constant = ({} for _ in range(5))
    for part in SPLITS:
        truth, groups, scores = _scores(runs, part)
        picks = {label: pick(scores[i], thresholds[label]) for label, i in labels.items()}
        measures[part] = {label: metrics.measures(truth, each) for label, each in picks.items()}
        genre_f1[part] = {label: metrics.f1_per_genre(truth, each) for label, each in picks.items()}
        constant[part] = {label: bool((each == each[0]).all()) for label, each in picks.items()}
        draws[part] = _resample(truth, picks, groups, evaluation)
        bounds[part] = {
            label: {name: _interval(found[name], evaluation) for name in found}
            for label, found in draws[part].items()
        }
    entries = [
        Entry(
            label,
            facts[i],
            thresholds[label],
            {part: measures[part][label] for part in SPLITS},
            {part: bounds[part].get(label, {}) for part in SPLITS},
            {part: genre_f1[part][label] for part in SPLITS},
            all(constant[part][label] for part in SPLITS),
        )
        for label, i in labels.items()
    ]
    entries.sort(key=lambda entry: (-entry.measures["val"]["macro_f1"], entry.label))
    pairs = itertools.permutations(entries, 2)
    return Comparison(
        entries=entries,
        differences={
            (one.label, other.label): _difference(one, other, draws["test"], evaluation)
            for one, other in pairs
        },
        best=entries[0].label,
        priors=_priors(entries),
        all_genres=metrics.measures(truth, np.ones_like(truth)),
        seeds=_seeds(entries),
        sizes={part: values["posters"] for part, values in split.splits.items()},
        evaluation=evaluation,
        notes=notes,
    )


def _scores(runs, part):
    """Return labels, groups and the scores of every run, in one order of posters."""
    found = [run.predictions(part) for run in runs]
    orders = [np.argsort(each.filenames, kind="stable") for each in found]
    first, order = found[0], orders[0]
    if not len(order):
        raise UserError(
            f"{runs[0].predictions_file(part)} has no posters, so there is nothing to compare. "
            "Prepare the data with a larger share for it."
        )
    groups = _numbered(first.groups[order])
    for run, each, rows in zip(runs, found, orders, strict=True):
        if not np.array_equal(_numbered(each.groups[rows]), groups):
            raise UserError(
                f"{runs[0].path} and {run.path} group the {part} posters differently. Prepare the "
                "data as before, or train anew."
            )
    scores = [each.scores[rows] for each, rows in zip(found, orders, strict=True)]
    return first.labels[order], first.groups[order], scores


def _numbered(groups):
    """Return groups as numbers in order of first appearance, whatever they are called."""
    _, first, index = np.unique(groups, return_index=True, return_inverse=True)
    return np.argsort(np.argsort(first))[index]


def _resample(truth, picks, groups, evaluation):
    if not evaluation.resamples or len(np.unique(groups)) < 2:
        return {}
    return resample_models(truth, picks, groups, evaluation.resamples, evaluation.seed)


def _interval(values, evaluation):
    low, high = percentile_interval(values, evaluation.confidence)
    return round(low, _DIGITS), round(high, _DIGITS)


def _difference(one, other, draws, evaluation):
    value = one.measures["test"]["macro_f1"] - other.measures["test"]["macro_f1"]
    bounds = None
    if draws:
        paired = draws[one.label]["macro_f1"] - draws[other.label]["macro_f1"]
        bounds = _interval(paired, evaluation)
    return Difference(one.label, other.label, round(value, _DIGITS), bounds)


def _bootstrap(evaluation):
    return evaluation.resamples, evaluation.confidence, evaluation.seed


def _priors(entries):
    """Return the best constant run by each measure: one set is best by macro, another by micro."""
    constant = [entry for entry in entries if entry.is_constant]
    return {
        name: max(constant, key=lambda entry: entry.measures["val"][name]).label
        for name in MEASURES
        if constant
    }


def _seeds(entries):
    """Return the labels of runs that differ only by their seed, two seeds at least."""
    alike = {}
    for entry in entries:
        alike.setdefault(entry.facts.recipe, []).append(entry)
    return [
        [entry.label for entry in group]
        for group in alike.values()
        if len({entry.facts.seed for entry in group}) > 1
    ]
