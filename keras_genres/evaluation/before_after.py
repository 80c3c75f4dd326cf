"""What a calibration does to scores it was not chosen on: ECE and Brier score before and after."""

import json

import numpy as np

from keras_genres.calibration_map import calibration_hash
from keras_genres.evaluation.calibration import (
    BINS,
    bin_of,
    brier_scores,
    expected_calibration_error,
    reliability_bins,
)
from keras_genres.evaluation.intervals import percentile_interval, resample_means
from keras_genres.evaluation.markdown import csv_text
from keras_genres.evaluation.metrics import pick
from keras_genres.evaluation.tables import align
from keras_genres.genres import GENRES

MEAN = "mean"
_DIGITS = 6  # as in the intervals of a report


def before_after(run, predictions=None):
    """Return what the calibration of a run does on test, or `None` for a run without one.

    Args:
        run: The `Run`.
        predictions: Its test `Predictions`; `None` to read them.

    Returns:
        Dictionary of plain JSON values: `table` (rows of the genres and of
        their mean: `genre, method, val_positives, positives`, and for `ece`
        and `brier` `_before, _after, _difference, _low, _high`), `posters`,
        `changed_picks`, `chosen_on`, `bins`, `intervals`, and the
        `calibration_sha256`. Below 0 a difference is an improvement. Bounds
        are `None` without resamples.

    Raises:
        UserError: If calibration, thresholds or predictions are missing,
            damaged or of another split.
    """
    facts, calibration = run.calibration_facts(), run.calibration()
    if calibration is None:
        return None
    settings = run.settings().evaluation
    test = run.predictions("test") if predictions is None else predictions
    after, thresholds = calibration.apply(test.scores), run.thresholds()
    chosen = facts["how"].get("genres")
    chosen = chosen if isinstance(chosen, dict) else {}
    columns = {
        "genre": [*GENRES, MEAN],
        "method": [*calibration.methods, None],
        "val_positives": [*(_count(chosen.get(genre)) for genre in GENRES), None],
        "positives": [*map(int, test.labels.sum(axis=0, dtype=int)), None],
    }
    columns |= _columns(test, after, settings)
    rows = [dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)]
    picks = pick(test.scores, thresholds), pick(after, calibration.carry_thresholds(thresholds))
    return {
        "split": "test",
        "posters": len(test.filenames),
        "chosen_on": facts["chosen_on"],
        "changed_picks": int((picks[0] != picks[1]).sum()),
        "bins": BINS,
        "intervals": {
            "method": "paired bootstrap over groups, percentiles",
            "confidence": settings.confidence,
            "resamples": settings.resamples,
            "seed": settings.seed,
        },
        "calibration_sha256": calibration_hash(calibration),
        "table": rows,
    }


def format_before_after(found, form="table"):
    """Return what `before_after` found as text.

    Args:
        found: The dictionary.
        form: `table` for a terminal, `csv` (a row a genre, and their mean) or `json`.
    """
    if form == "json":
        return json.dumps(found, indent=2, ensure_ascii=False)
    if form == "csv":
        return csv_text(found["table"]).rstrip("\n")
    if form != "table":
        raise ValueError(f"`form` must be 'table', 'csv' or 'json'. Received: {form!r}")
    return "\n\n".join([align(table_rows(found)), *explain_before_after(found)])


def table_rows(found):
    """Return a table for a reader as rows of texts, the headers first."""
    head = ["genre", "method", "ECE", "after", "difference", "Brier", "after", "difference"]
    body = []
    for row in found["table"]:
        cells = [row["genre"], row["method"] or ""]
        for name in ("ece", "brier"):
            cells += [f"{row[f'{name}_before']:.4f}", f"{row[f'{name}_after']:.4f}"]
            cells.append(_difference(row, name))
        body.append(cells)
    return [head, *body]


def explain_before_after(found):
    """Return what the table says, as sentences."""
    mean, intervals, changed = found["table"][-1], found["intervals"], found["changed_picks"]
    kept = sum(row["method"] == "none" for row in found["table"])
    lines = [
        f"On {found['posters']:,} test posters, which took no part in it, the mean calibration "
        f"error (ECE) goes from {mean['ece_before']:.4f} to {mean['ece_after']:.4f} and the mean "
        f"Brier score from {mean['brier_before']:.4f} to {mean['brier_after']:.4f}.",
        "Thresholds are carried along: "
        + ("no pick changes." if not changed else f"{changed} picks change."),
    ]
    if kept:
        lines.append(
            f"{kept} of {len(GENRES)} genres keep their scores: no method was better on validation "
            "by more than one standard error, or there were too few posters to tell."
        )
    if mean["brier_low"] is not None:
        lines.append(
            f"The differences are {100 * intervals['confidence']:g} % intervals from "
            f"{intervals['resamples']} bootstrap resamples of groups; below 0 is better."
        )
    return lines


def _columns(test, after, settings):
    """Return the columns of numbers, by name: the genres and their mean."""
    sides = [test.scores.astype(np.float64), after.astype(np.float64)]
    values = {
        "ece": [_errors(test.labels, scores) for scores in sides],
        "brier": [brier_scores(test.labels, scores) for scores in sides],
    }
    differences = {name: _with_mean(new - old) for name, (old, new) in values.items()}
    bounds = dict.fromkeys(values, [(None, None)] * (len(GENRES) + 1))
    if settings.resamples and len(np.unique(test.groups)) > 1:
        bounds = _all_bounds(test.labels, sides, test.groups, differences["ece"], settings)
    columns = {}
    for name, (old, new) in values.items():
        columns[f"{name}_before"] = _with_mean(old).tolist()
        columns[f"{name}_after"] = _with_mean(new).tolist()
        columns[f"{name}_difference"] = differences[name].tolist()
        columns[f"{name}_low"], columns[f"{name}_high"] = zip(*bounds[name], strict=True)
    return columns


def _errors(labels, scores):
    parts = zip(labels.T, scores.T, strict=True)
    return np.array([expected_calibration_error(reliability_bins(*part)) for part in parts])


def _all_bounds(labels, sides, groups, measured, settings):
    """Return pairs of low and high of each difference, from the same resamples for all."""
    how = (groups, settings.resamples, settings.seed)
    errors = [(scores - labels) ** 2 for scores in sides]
    brier = _with_mean(resample_means(errors[1] - errors[0], *how))
    ece = _with_mean(np.subtract(*(_resampled_ece(labels, side, *how) for side in sides[::-1])))
    # A resample is noisier than the posters it is drawn from, and noise alone
    # makes ECE larger, the more the smaller it is. So its resamples show how far
    # the difference may be off, but not where it is.
    ece += measured - ece.mean(axis=0)
    found = {}
    for name, values in (("ece", ece), ("brier", brier)):
        pairs = (percentile_interval(column, settings.confidence) for column in values.T)
        found[name] = [tuple(np.round(pair, _DIGITS).tolist()) for pair in pairs]
    return found


def _with_mean(values):
    """Return values of the genres, along the last axis, and their mean behind them."""
    values = np.asarray(values)
    return np.concatenate([values, values.mean(axis=-1, keepdims=True)], axis=-1)


def _resampled_ece(labels, scores, groups, resamples, seed):
    """Return ECE on resamples, in the bins of all posters; shape `(resamples, genres)`."""
    genres = labels.shape[1]
    which = np.stack([bin_of(column) for column in scores.T], axis=1)
    gaps = np.zeros((len(labels), genres, BINS))
    np.put_along_axis(gaps, which[..., None], (scores - labels)[..., None], axis=2)
    # A bin's share of the posters times its mean gap is a mean over all posters.
    means = resample_means(gaps.reshape(len(labels), -1), groups, resamples, seed)
    return np.abs(means).reshape(-1, genres, BINS).sum(axis=2)


def _count(told):
    value = told.get("positives") if isinstance(told, dict) else None
    return value if type(value) is int else None


def _difference(row, name):
    low, high = row[f"{name}_low"], row[f"{name}_high"]
    if row["method"] == "none":
        return ""
    if low is None:
        return f"{row[f'{name}_difference']:+.4f}"
    return f"[{low:+.4f}, {high:+.4f}]"
