"""The report of a run, made from its saved scores alone."""

import json
from dataclasses import dataclass

import numpy as np

from keras_genres.errors import UserError
from keras_genres.evaluation import metrics
from keras_genres.evaluation.alarms import find_run_warnings, find_warnings
from keras_genres.evaluation.before_after import before_after, format_before_after
from keras_genres.evaluation.intervals import bootstrap_intervals
from keras_genres.evaluation.metrics import pick
from keras_genres.evaluation.posters import choose_columns, find_posters
from keras_genres.evaluation.side_by_side import side_by_side
from keras_genres.evaluation.tables import format_report_table, format_table, plain, records
from keras_genres.files import write_json, write_text
from keras_genres.genres import GENRES

__all__ = ["Report", "format_report", "format_table", "make_report", "write_report"]

SPLITS = ("val", "test")
"""The splits of a report: thresholds come from the first, results from the second."""

_INTERVAL_DIGITS = 6
# Sums of floats end differently on another number of cores; a bootstrap of a
# thousand resamples has three digits at most.


@dataclass(frozen=True)
class Report:
    """What is known of a run's scores."""

    tables: dict
    """`val` and `test`: the Report CSV as a DataFrame, see `metrics.genre_table`."""
    summaries: dict
    """`val` and `test`: everything else, as plain JSON values; see `summarise`."""
    predictions: dict
    """`val` and `test`: the `Predictions` it was made from."""
    calibration: dict | None = None
    """What the run's calibration does, see `before_after`; `None` for a run without one."""
    calibrated: np.ndarray | None = None
    """Test scores after calibration, shape `(posters, genres)`."""

    @property
    def warnings(self):
        """Return what a reader should know before the numbers, as sentences."""
        found = [line for part in self.summaries.values() for line in part["warnings"]]
        return list(dict.fromkeys(found))


def make_report(run, posters=None, crossing=None):
    """Return the `Report` of a run, from its predictions and thresholds.

    Args:
        run: The `Run`. Nothing is written.
        posters: `Posters` the run was trained on, for warnings of what crosses
            from training.
        crossing: `twins.Crossing` of those posters, for the same.

    Raises:
        UserError: If predictions or thresholds are missing, damaged or of another split.
    """
    thresholds, saved = run.thresholds(), run.threshold_facts()
    chosen = {key: saved.get(key) for key in ("method", "chosen_on")}
    found = {split: run.predictions(split) for split in SPLITS}
    for split, part in found.items():
        if not len(part.filenames):
            raise UserError(
                f"{run.predictions_file(split)} has no posters, so there is nothing to report. "
                "Prepare the data with a larger share for it."
            )
    settings = run.settings().evaluation
    tables, summaries = {}, {}
    for split, part in found.items():
        picks = pick(part.scores, thresholds)
        tables[split] = metrics.genre_table(part.labels, picks, thresholds)
        summaries[split] = {
            "split": split,
            "posters": len(part.filenames),
            "groups": len(np.unique(part.groups)),
            "split_sha256": run.split().sha256,
            "thresholds": chosen,
            **summarise(part, thresholds, settings),
        }
    of_run = find_run_warnings(run, found, thresholds, saved, posters, crossing)
    for split in SPLITS:
        of_split = find_warnings(split, found, summaries[split])
        summaries[split]["warnings"] = [*of_run, *of_split]
    calibration, test = run.calibration(), found["test"]
    return Report(
        tables,
        summaries,
        found,
        before_after(run, test),
        None if calibration is None else calibration.apply(test.scores),
    )


def summarise(predictions, thresholds, settings):
    """Return the measures of one split as plain JSON values.

    Args:
        predictions: `Predictions` of the split.
        thresholds: Floats of shape `(genres,)`.
        settings: The `EvaluationSettings`, for the intervals.

    Returns:
        Dictionary with `measures` (by thresholds: `tuned` and `at_0.5`),
        `ranking` (measures without thresholds), `intervals` (low and high of
        `tuned` and of the top-3 hit: `bounds`; of each genre's tuned F1:
        `genres`) and `genres`. What is not defined is `None`.
    """
    labels, scores = predictions.labels, predictions.scores
    picks = {"tuned": pick(scores, thresholds), "at_0.5": pick(scores, 0.5)}
    precisions, aucs = metrics.average_precision(labels, scores), metrics.roc_auc(labels, scores)
    top_3 = metrics.top_k_hits(labels, scores)
    intervals = bootstrap_intervals(
        labels,
        picks["tuned"],
        predictions.groups,
        settings.resamples,
        settings.confidence,
        settings.seed,
        extra={"top_3_hit": top_3},
        per_genre=True,
    )
    of_genres = intervals.pop("genre_f1", [])
    by_genre = zip(
        GENRES,
        metrics.f1_per_genre(labels, picks["tuned"]),
        metrics.f1_per_genre(labels, picks["at_0.5"]),
        precisions,
        aucs,
        strict=True,
    )
    return {
        "measures": {name: metrics.measures(labels, part) for name, part in picks.items()},
        "ranking": {
            "top_3_hit": float(top_3.mean()),
            "mean_average_precision": plain(metrics.mean_over_genres(precisions)),
            "mean_roc_auc": plain(metrics.mean_over_genres(aucs)),
        },
        "intervals": {
            "method": "bootstrap over groups, percentiles",
            "confidence": settings.confidence,
            "resamples": settings.resamples,
            "seed": settings.seed,
            "bounds": {name: _rounded(pair) for name, pair in intervals.items()},
            "genres": {
                genre: _rounded(pair) for genre, pair in zip(GENRES, of_genres, strict=False)
            },
        },
        "genres": {
            genre: dict(
                zip(
                    ("f1", "f1_at_0.5", "average_precision", "roc_auc"),
                    map(plain, values),
                    strict=True,
                )
            )
            for genre, *values in by_genre
        },
    }


def _rounded(pair):
    return np.round(pair, _INTERVAL_DIGITS).tolist()


def write_report(run, posters=None, columns=None, html=False, duplicates=False, note=None):
    """Write `report/` and `MODEL_CARD.md` of a run from its predictions and thresholds alone.

    The folder is replaced whole. A run without a model, a baseline, has no card.
    The same run folder and posters give the same bytes.

    Args:
        run: The `Run`.
        posters: `Posters` it was trained on, for sheets of them and errors by
            column; `None` to look where `environment.json` says they are, and
            to leave these out if they are not there.
        columns: Columns of the data to sort errors by; `None` or none for
            `year` where the data have it.
        html: Also write `report.html`, one page with everything.
        duplicates: Also look at every poster for pictures that cross the split.
        note: Called with a line that says what is left out.

    Returns:
        The `Report`.

    Raises:
        UserError: If predictions or thresholds are missing, damaged or of
            another split, or if the posters are asked for and not there.
    """
    from keras_genres.evaluation.figures.draw import draw_figures
    from keras_genres.evaluation.report_markdown import report_markdown

    if posters is None:
        posters, line = find_posters(run)
        if line and note is not None:
            note(line)
    columns = choose_columns(posters, columns)
    crossing = _crossing(posters) if duplicates else None
    report = make_report(run, posters, crossing)
    if run.has(run.model_file):
        from keras_genres.evaluation.model_card import model_card

        # Before the folder: where that is, a run that was cut off counts as complete.
        with run.new_file(run.model_card) as file:
            file.write(model_card(run, report).encode())
    with run.new_folder(run.report) as folder:
        for split in SPLITS:
            write_text(folder / f"{split}.csv", format_table(report.tables[split], "csv"))
            write_json(folder / f"{split}.json", report.summaries[split])
            table = format_table(side_by_side(report, split), "csv")
            write_text(folder / f"{split}_side_by_side.csv", table)
        if report.calibration is not None:
            for form in ("csv", "json"):
                text = format_before_after(report.calibration, form)
                write_text(folder / f"calibration.{form}", text + "\n")
        if crossing is not None and crossing.pictures:
            crossing.write(folder / "duplicates.csv")
        drawn = draw_figures(run, report, folder, posters=posters, columns=columns)
        write_text(folder / "report.md", report_markdown(run, report, drawn))
        if html:
            from keras_genres.evaluation.page import report_page

            write_text(folder / "report.html", report_page(run, report, folder, drawn))
    return report


def _crossing(posters):
    from keras_genres.evaluation.twins import crossing_pictures

    if posters is None:
        raise UserError(
            "--duplicates needs the posters the run was trained on. Name them with --data."
        )
    return crossing_pictures(posters)


def format_report(run, form="table"):
    """Return the report of a run as text, validation and test side by side.

    Args:
        run: A `Run`, or a `Report` that is made already.
        form: `table` for a terminal of 100 columns, `csv` (the Report CSV of
            both splits with a leading `split` column) or `json`.
    """
    report = run if isinstance(run, Report) else make_report(run)
    if form == "table":
        return format_report_table(report)
    if form == "csv":
        import pandas as pd

        parts = [report.tables[split].assign(split=split) for split in SPLITS]
        table = pd.concat(parts, ignore_index=True)
        return format_table(table[["split", *table.columns.drop("split")]], "csv")
    if form == "json":
        tables = {split: records(report.tables[split]) for split in SPLITS}
        both = {split: report.summaries[split] | {"table": tables[split]} for split in SPLITS}
        return json.dumps(both, indent=2, ensure_ascii=False)
    raise ValueError(f"`form` must be 'table', 'csv' or 'json'. Received: {form!r}")
