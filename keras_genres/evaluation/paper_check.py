"""The paper's averages recomputed from its rows, and where it disagrees with itself.

A printed 0.49 stands for anything from 0.485 to 0.495, so what follows from
printed numbers is an interval. A number disagrees when its own interval does
not touch it.
"""

import json
import textwrap

import numpy as np

from keras_genres.evaluation.markdown import csv_text
from keras_genres.evaluation.metrics import f1_from_counts
from keras_genres.evaluation.paper import MEASURES, ROWS
from keras_genres.evaluation.tables import align
from keras_genres.genres import GENRES

_COLUMNS = ("precision", "recall", "f1")
_HALF = 0.005  # half of the last printed digit
_SLACK = 1e-9


def f1_of(precision, recall):
    """Return F1 from precision and recall, of any shape, by the counts of our metrics."""
    precision, recall = np.asarray(precision, float), np.asarray(recall, float)
    # With precision × recall hits among `recall` picks and `precision`
    # positives, the two ratios are the ones given.
    return f1_from_counts(precision * recall, recall, precision)


def f1_bounds(precision, recall):
    """Return the least and greatest F1 that two-digit precision and recall allow.

    Example: precision 0.62 and recall 0.50 allow 0.549 to 0.558.
    """
    low, high = (
        [np.clip(np.asarray(part, float) + way, 0, 1) for part in (precision, recall)]
        for way in (-_HALF, _HALF)
    )
    return f1_of(*low), f1_of(*high)


def recompute_averages(paper):
    """Return every printed average beside what follows from other printed numbers.

    Args:
        paper: The `Paper`.

    Returns:
        List of dictionaries: `table`, `variant`, `average`, `measure`,
        `printed`, `recomputed` (`None` where only bounds follow), `low`,
        `high`, `agrees`, `how`.
    """
    found = []
    for table, rows in paper.tables.items():
        values = np.array([rows[genre] for genre in GENRES])
        for average in ("Macro", "Micro", "Weighted", "Samples"):
            printed = rows.get(f"{average} Avg")
            if printed is None:
                continue
            for measure, number, column in zip(_COLUMNS, printed, values.T, strict=True):
                middle, low, high, how = _follows(average, measure, printed, column, rows)
                found.append(
                    {
                        "table": table,
                        "variant": paper.variants[table],
                        "average": average.lower(),
                        "measure": measure,
                        "printed": number,
                        "recomputed": middle,
                        "low": round(float(low), 4),
                        "high": round(float(high), 4),
                        "agrees": _touches(number, low, high),
                        "how": how,
                    }
                )
    return found


def _follows(average, measure, printed, column, rows):
    """Return what an average should be: middle or `None`, least, greatest, and why."""
    if average == "Macro":
        mean = column.mean()
        return round(float(mean), 4), mean - _HALF, mean + _HALF, "mean of the 19 rows"
    if average == "Micro" and measure == "f1":
        middle = round(float(f1_of(*printed[:2])), 4)
        return middle, *f1_bounds(*printed[:2]), "from its precision and recall"
    if average == "Weighted" and measure == "recall":
        recall = rows["Micro Avg"][1]
        return recall, recall - _HALF, recall + _HALF, "equals micro recall"
    if average == "Samples":
        if measure != "f1":
            return None, 0.0, 1.0, "needs every poster"
        # Poster by poster F1 is a harmonic mean: at most the arithmetic one,
        # at least precision + recall - 1. Both sides are linear.
        precision, recall = printed[:2]
        low, high = precision + recall - 1 - 2 * _HALF, (precision + recall) / 2 + _HALF
        return None, max(0.0, low), high, "at most the mean of its precision and recall"
    low, high = max(0.0, column.min() - _HALF), min(1.0, column.max() + _HALF)
    return None, low, high, "between the lowest and the highest genre"


def find_disagreements(paper):
    """Return where the paper disagrees with itself.

    Args:
        paper: The `Paper`.

    Returns:
        List of dictionaries with `place`, `says`, `against`, `shows` and
        `found` (`computed` from the numbers, or `read` in the text).
    """
    computed = [
        *_rows_without_their_f1(paper),
        *_averages(paper),
        *_table9(paper),
        *_text(paper),
        *_macro_above_micro(paper),
    ]
    return [row | {"found": "computed"} for row in computed] + [
        {name: row[name] for name in ("place", "says", "against", "shows")} | {"found": "read"}
        for row in paper.statements
    ]


def _rows_without_their_f1(paper):
    for table, rows in paper.tables.items():
        for genre in GENRES:
            precision, recall, f1 = rows[genre]
            low, high = f1_bounds(precision, recall)
            if not _touches(f1, low, high):
                yield _pair(
                    f"Table {table}, {genre}",
                    f"F1 {f1:.2f}",
                    "the same row",
                    f"precision {precision:.2f} and recall {recall:.2f} give {low:.3f} to "
                    f"{high:.3f}",
                )


def _averages(paper):
    for row in recompute_averages(paper):
        if not row["agrees"]:
            yield _pair(
                f"Table {row['table']}, {row['average']} {row['measure']}",
                f"{row['printed']:.2f}",
                "the same table",
                f"{row['low']:.3f} to {row['high']:.3f} ({row['how']})",
            )


def _table9(paper):
    for row in ROWS:
        for name in MEASURES:
            average = name.removesuffix("_f1").title()
            there = paper.tables[row.table][f"{average} Avg"][2]
            here = paper.table9[row.model][name]
            if abs(here - there) > _SLACK:
                yield _pair(
                    f"Table 9, {row.model}",
                    f"{average.lower()} F1 {here:.2f}",
                    f"Table {row.table}",
                    f"{there:.2f}",
                )


def _text(paper):
    for row in paper.text_numbers:
        value = float(row["value"])
        there = paper.tables[row["table"]][row["row"]][2]
        half = 0.5 * 10.0 ** -len(row["value"].partition(".")[2])
        if not _touches(there, value - half, value + half, exact=half >= _HALF):
            name = row["row"].replace(" Avg", "").lower() if "Avg" in row["row"] else row["row"]
            yield _pair(
                f"Section {row['section']}",
                f"{name} F1 {row['value']}",
                f"Table {row['table']}",
                f"{there:.2f}",
            )


def _macro_above_micro(paper):
    rows = [row for row, values in paper.table9.items() if values["macro_f1"] > values["micro_f1"]]
    for model in rows:
        values = paper.table9[model]
        yield _pair(
            f"Table 9, {model}",
            f"macro F1 {values['macro_f1']:.2f} above micro F1 {values['micro_f1']:.2f}",
            "the other rows of Table 9" if len(rows) == 1 else "section 5.1.1",
            "micro is above macro, which section 5.1.1 explains by rare genres doing worse",
        )


def _pair(place, says, against, shows):
    return {"place": place, "says": says, "against": against, "shows": shows}


def _touches(printed, low, high, exact=False):
    """Return whether a two-digit number can lie between two bounds."""
    half = 0.0 if exact else _HALF
    return bool(printed + half >= low - _SLACK and printed - half <= high + _SLACK)


def format_paper(paper, form="table"):
    """Return recomputed averages and disagreements as text.

    Args:
        paper: The `Paper`.
        form: `table`, `csv` (both in one table, told apart by `kind`) or `json`.
    """
    averages, disagreements = recompute_averages(paper), find_disagreements(paper)
    if form == "json":
        both = {"averages": averages, "disagreements": disagreements}
        return json.dumps(both, indent=2, ensure_ascii=False)
    if form == "csv":
        rows = [{"kind": "average"} | row for row in averages]
        rows += [{"kind": "disagreement"} | row for row in disagreements]
        columns = dict.fromkeys(name for row in rows for name in row)
        return csv_text([columns | row for row in rows])
    if form != "table":
        raise ValueError(f"`form` must be 'table', 'csv' or 'json'. Received: {form!r}")
    agree = sum(row["agrees"] for row in averages)
    lines = [
        f"{agree} of {len(averages)} printed averages agree with what follows from other printed "
        "numbers. In pairs, printed and recomputed: precision, recall and F1; ! where "
        "they disagree.",
        _averages_table(averages),
        "Micro and weighted averages need the posters of each genre, which are not printed; they "
        "lie among their rows, and weighted recall equals micro recall. Samples averages need "
        "every poster.",
        f"{len(disagreements)} disagreements:",
    ]
    lines = [line if "\n" in line else textwrap.fill(line, 100) for line in lines]
    items = [
        textwrap.fill(
            f"{row['place']}: {row['says']}. {_sentence(row['against'])}: {row['shows']}.",
            100,
            initial_indent=f"{number:2d}. ",
            subsequent_indent="    ",
        )
        for number, row in enumerate(disagreements, 1)
    ]
    return "\n\n".join([*lines[:3], "\n".join([lines[3], *items])])


def _sentence(text):
    return text[:1].upper() + text[1:]


def _averages_table(averages):
    """Return a line a table: the averages of which a middle follows, printed and recomputed."""
    shown = {("macro", name): f"macro {short}" for name, short in zip(_COLUMNS, "PRF", strict=True)}
    shown |= {("micro", "f1"): "micro F"}
    by_key = {(row["table"], row["average"], row["measure"]): row for row in averages}
    rows = [["table", *(cell for name in shown.values() for cell in (name, ""))]]
    for table in dict.fromkeys(row["table"] for row in averages):
        backbone = by_key[table, "macro", "f1"]["variant"].partition(",")[0]
        cells = [f"{table:8} {backbone}"]
        for pair in shown:
            row = by_key[table, *pair]
            cells += [f"{row['printed']:.2f}", f"{row['recomputed']:.3f}" + " !"[not row["agrees"]]]
        rows.append(cells)
    return align(rows)
