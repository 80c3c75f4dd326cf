"""Tables as text: for a terminal, as CSV and as JSON."""

import json
import math
import textwrap

from keras_genres.evaluation.metrics import AVERAGES

_TERMINAL_COLUMNS = 100
_MEASURES = {
    "micro_f1": "micro F1",
    "macro_f1": "macro F1",
    "weighted_f1": "weighted F1",
    "samples_f1": "samples F1",
    "hamming_loss": "Hamming loss",
    "exact_match": "exact match",
    "at_least_one_right": "at least one right",
}
_RANKING = {
    "top_3_hit": "top-3 hit",
    "mean_average_precision": "mean average precision",
    "mean_roc_auc": "mean ROC AUC",
}


def format_table(table, form="table"):
    """Return a DataFrame as text.

    Args:
        table: The DataFrame.
        form: `table` (aligned, numbers to 3 digits), `csv` (numbers in full,
            nothing where there is none) or `json` (a list of rows, numbers in
            full, null where there is none).
    """
    if form == "csv":
        # repr() of a float reads back as the same float.
        return table.to_csv(index=False, lineterminator="\n")
    if form == "json":
        return json.dumps(records(table), indent=2, ensure_ascii=False)
    if form != "table":
        raise ValueError(f"`form` must be 'table', 'csv' or 'json'. Received: {form!r}")
    rows = [[_cell(value) for value in row] for row in table.itertuples(index=False)]
    return align([[str(name) for name in table.columns], *rows])


def records(table):
    """Return the rows of a DataFrame as dictionaries of plain values; `None` for NaN."""
    rows = table.astype(object).to_dict(orient="records")
    return [{name: plain(value) for name, value in row.items()} for row in rows]


def plain(value):
    """Return a number or text as JSON holds it; `None` for NaN."""
    value = value.item() if hasattr(value, "item") else value
    return None if isinstance(value, float) and math.isnan(value) else value


def align(rows, gap=2):
    """Return rows of texts as lines: the first column to the left, the others to the right."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = []
    for first, *others in rows:
        cells = [first.ljust(widths[0])]
        cells += [text.rjust(width) for text, width in zip(others, widths[1:], strict=True)]
        lines.append((" " * gap).join(cells).rstrip())
    return "\n".join(lines)


def format_report_table(report):
    """Return a `Report` for a terminal of 100 columns, test and validation side by side."""
    test, val = report.summaries["test"], report.summaries["val"]
    chosen = test["thresholds"]
    parts = [
        f"Test: {_size(test)}. Validation: {_size(val)}.\n"
        f"Thresholds: {chosen['method']}, chosen on {chosen['chosen_on']}.",
        _genre_part(report.tables["test"], report.tables["val"]),
        _measure_part(test, val),
    ]
    intervals = test["intervals"]
    if intervals["bounds"]:
        parts[-1] += (
            f"\nIn brackets: {100 * intervals['confidence']:g} % intervals from "
            f"{intervals['resamples']} bootstrap resamples of groups."
        )
    parts += [textwrap.fill(f"Warning: {line}", _TERMINAL_COLUMNS) for line in report.warnings]
    return "\n\n".join(parts)


def _size(summary):
    return f"{summary['posters']} posters in {summary['groups']} groups"


def _genre_part(test, val):
    columns = ["precision", "recall", "f1", "support"]
    rows = [["genre", "threshold", *columns, *columns]]
    for one, other in zip(test.itertuples(index=False), val.itertuples(index=False), strict=True):
        values = [_cell(getattr(part, name)) for part in (one, other) for name in columns]
        rows.append([one.genre, _cell(one.threshold), *values])
    lines = align(rows).split("\n")
    head, genres = lines[0], lines[1 : len(lines) - len(AVERAGES)]
    second = head.index("support") + len("support")
    title = "test".rjust(second).ljust(len(head) - len("validation")) + "validation"
    return "\n".join([title, head, *genres, "", *lines[len(lines) - len(AVERAGES) :]])


def _measure_part(test, val):
    rows = [["measure", "test", "", "validation", "", "test at 0.5", "val at 0.5"]]
    for name, label in _MEASURES.items():
        values = [
            cell
            for part in (test, val)
            for cell in (_cell(part["measures"]["tuned"][name]), _interval(part, name))
        ]
        values += [_cell(part["measures"]["at_0.5"][name]) for part in (test, val)]
        rows.append([label, *values])
    for name, label in _RANKING.items():
        values = [
            cell
            for part in (test, val)
            for cell in (_cell(part["ranking"][name]), _interval(part, name))
        ]
        rows.append([label, *values, "", ""])
    return align(rows)


def _interval(summary, name):
    pair = summary["intervals"]["bounds"].get(name)
    return f"[{pair[0]:.3f}, {pair[1]:.3f}]" if pair else ""


def _cell(value):
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return ""
    return f"{value:.3f}" if isinstance(value, float) else str(value)
