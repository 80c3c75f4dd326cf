"""A comparison as text: for a terminal, as CSV, as JSON and as Markdown."""

import json
import textwrap

from keras_genres.evaluation.compare.runs import MEASURES
from keras_genres.evaluation.compare.tables import (
    difference_rows,
    genre_rows,
    notes,
    seed_rows,
    table9,
    table10,
)
from keras_genres.evaluation.markdown import csv_text, markdown_list, markdown_table
from keras_genres.evaluation.tables import align

_NAME_COLUMNS = {True: 34, False: 27}
"""Columns for a run's name, by whether the terminal is of the usual width."""
_TRAINING = ("best epoch", "epochs", "parameters", "minutes", "weights")
_LEAST_COLUMNS, _USUAL_COLUMNS = 80, 100


def format_comparison(comparison, paper=None, form="table", columns=_USUAL_COLUMNS):
    """Return a comparison as text.

    Args:
        comparison: The `Comparison`.
        paper: The `Paper`, for its columns; `None` for ours alone.
        form: `table`, `csv` (Table 9 with numbers in full), `json` (all
            tables) or `markdown` (Table 9).
        columns: Width of the terminal; Table 9 is cut into as many tables as
            it takes, at 80 columns and more.
    """
    rows, lines = table9(comparison, paper), notes(comparison, paper)
    if form == "csv":
        return csv_text(rows)
    if form == "json":
        found = {
            "table9": rows,
            "table10": table10(comparison, paper),
            "genres": genre_rows(comparison, paper),
            "differences": difference_rows(comparison),
            "seeds": seed_rows(comparison),
            "notes": lines,
        }
        return json.dumps(found, indent=2, ensure_ascii=False)
    if form == "markdown":
        return table9_markdown(rows, seed_rows(comparison), lines)
    if form != "table":
        raise ValueError(f"`form` must be 'table', 'csv', 'json' or 'markdown'. Received: {form!r}")
    columns = max(columns, _LEAST_COLUMNS)
    is_wide = columns >= _USUAL_COLUMNS
    parts = _tables(rows, table9_blocks(rows), columns, _NAME_COLUMNS[is_wide])
    if comparison.seeds:
        parts.append(_seed_table(seed_rows(comparison), is_wide))
    width = min(columns, _USUAL_COLUMNS)
    return "\n\n".join([*parts, "\n".join(textwrap.fill(line, width) for line in lines)])


def table9_blocks(rows):
    """Return the columns of Table 9 in blocks that stay together.

    Returns:
        List of `(title, headers, cells)`: cells are a list of texts a row.
        Blocks without any text are left out.
    """
    short = [name.removesuffix("_f1") for name in MEASURES]
    names = dict(zip(MEASURES, short, strict=True))
    blocks = [
        ("validation F1", short, [_numbers(row, "val_{}", MEASURES) for row in rows]),
        (
            "test F1",
            ["macro", "", "micro", "samples"],
            [
                [
                    *_with_interval(row, "test_macro_f1"),
                    *_numbers(row, "test_{}", MEASURES[1:]),
                ]
                for row in rows
            ],
        ),
        (
            "validation F1, ours and the paper's",
            [cell for name in short for cell in (name, "paper")] + [""],
            [_beside_paper(row) for row in rows],
        ),
        *(
            (f"test macro, minus {name}", ["", "", ""], [_difference(row, name) for row in rows])
            for name in ("best", "prior")
        ),
        *(
            (f"test {name}", ["F1", ""], [_with_interval(row, f"test_{measure}") for row in rows])
            for measure, name in names.items()
            if measure != "macro_f1"
        ),
        (
            "training",
            list(_TRAINING),
            [_training(row) for row in rows],
        ),
    ]
    return [block for block in blocks if any(text for cells in block[2] for text in cells)]


def _numbers(row, name, measures):
    values = [row.get(name.format(measure)) for measure in measures]
    return ["" if value is None else f"{value:.3f}" for value in values]


def _with_interval(row, name):
    low, high = row[f"{name}_low"], row[f"{name}_high"]
    pair = "" if low is None else f"[{low:.3f}, {high:.3f}]"
    return ["" if row[name] is None else f"{row[name]:.3f}", pair]


def _difference(row, name):
    value, low, high = (row[f"to_{name}{end}"] for end in ("", "_low", "_high"))
    pair = "" if low is None else f"[{low:+.3f}, {high:+.3f}]"
    mark = "*" if row[f"to_{name}_excludes_0"] else ""
    return ["" if value is None else f"{value:+.3f}", pair, mark]


def _beside_paper(row):
    """Return ours and the paper's number of each measure; nothing where the paper has no row."""
    if row.get("paper_row") is None:
        return [""] * (2 * len(MEASURES) + 1)
    pairs = zip(_numbers(row, "val_{}", MEASURES), _paper_numbers(row), strict=True)
    return [cell for pair in pairs for cell in pair] + [_mark(row)]


def _paper_numbers(row):
    values = [row.get(f"paper_val_{name}") for name in MEASURES]
    return ["" if value is None else f"{value:.2f}" for value in values]


def _mark(row):
    return "≈" if row.get("paper_match") == "backbone" else ""


def _training(row):
    million = row["parameters"] and f"{row['parameters'] / 1e6:.2f} M"
    minutes = None if row["seconds"] is None else f"{row['seconds'] / 60:.1f}"
    minutes = "< 0.1" if minutes == "0.0" else minutes
    epochs = (row["best_epoch"], row["epochs"]) if row["best_epoch"] else ("", "")
    return [str(cell or "") for cell in (*epochs, million, minutes, row["weights"])]


def _tables(rows, blocks, columns, name_columns):
    """Return the blocks in as many tables of at most `columns` as it takes."""
    tables, taken = [], []
    for block in blocks:
        if taken and _width(_table(rows, [*taken, block], name_columns)) > columns:
            tables.append(_table(rows, taken, name_columns))
            taken = []
        taken.append(block)
    return [*tables, _table(rows, taken, name_columns)]


def _width(text):
    return max(map(len, text.split("\n")))


def _table(rows, blocks, name_columns):
    """Return some blocks side by side, without rows that have nothing in them."""
    shown = [i for i in range(len(rows)) if any(text for block in blocks for text in block[2][i])]
    names = [textwrap.wrap(_name(rows[i]), name_columns, subsequent_indent="   ") for i in shown]
    width = max(map(len, ["run", *(line for lines in names for line in lines)]))
    pieces = [["", "run", *(lines[0] for lines in names)]]
    pieces[0] = [text.ljust(width) for text in pieces[0]]
    for title, headers, cells in blocks:
        # The first column of a block is numbers too, to be set to the right.
        body = align([["", *headers], *(["", *cells[i]] for i in shown)]).split("\n")
        body = [line[2:] for line in body]
        wide = max(len(title), *map(len, body))
        pieces.append([line.ljust(wide) for line in [title, *body]])
    lines = ["   ".join(parts).rstrip() for parts in zip(*pieces, strict=True)]
    found = lines[:2]
    for line, name in zip(lines[2:], names, strict=True):
        found += [line, *name[1:]]
    return "\n".join(found)


def _name(row):
    if row["rank"] is None:
        return f"paper: {row['paper_row']}"
    return f"{row['rank']:2} {row['title']}{' (cut)' if row['cut'] else ''}"


def _seed_table(rows, is_wide):
    """Return mean ± deviation over seeds, and least to greatest macro F1 where there is room."""
    names = [name.removesuffix("_f1") for name in MEASURES]
    lines = [["several seeds", "split", *names, "macro from–to"]]
    for row in rows:
        for split in ("test", "val"):
            name = row["title"] + (" (cut)" if row["cut"] else "")
            name = textwrap.shorten(name, _NAME_COLUMNS[is_wide], placeholder="…")
            if split == "val":
                name = f"  seeds {row['seeds'].replace(' ', ', ')}"
            ends = [row[f"{split}_macro_f1_{end}"] for end in ("least", "greatest")]
            spread = "–".join(f"{value:.3f}" for value in ends)
            lines.append([name, split, *_spreads(row, split), spread])
    shown = [line if is_wide else line[:-1] for line in lines]
    return align(shown) + "\nF1: mean ± standard deviation over seeds."


def _spreads(row, split):
    return [
        f"{row[f'{split}_{name}']:.3f} ± {row[f'{split}_{name}_deviation']:.3f}"
        for name in MEASURES
    ]


def table9_markdown(rows, seeds, lines):
    """Return Table 9, the seeds and the notes as Markdown."""
    names = [name.removesuffix("_f1") for name in MEASURES]
    columns = {"run": [_name(row).strip() for row in rows]}
    for split, name in (("val", "validation"), ("test", "test")):
        for measure, short in zip(MEASURES, names, strict=True):
            cells = [" ".join(_with_interval(row, f"{split}_{measure}")) for row in rows]
            columns[f"{name} {short}"] = cells
    for number, name in enumerate(names):
        cells = [_paper_numbers(row)[number] for row in rows]
        columns[f"paper, validation {name}"] = cells
    columns["paper's row"] = [
        f"{_mark(row)} {row['paper_row']}".strip() if row.get("paper_row") else "" for row in rows
    ]
    for name in ("best", "prior"):
        cells = [" ".join(filter(None, _difference(row, name))) for row in rows]
        columns[f"test macro, minus {name}"] = cells
    columns |= zip(_TRAINING, zip(*map(_training, rows), strict=True), strict=True)
    columns = {name: cells for name, cells in columns.items() if any(cells)}
    parts = [markdown_table([list(columns), *zip(*columns.values(), strict=True)])]
    if seeds:
        header = ["several seeds", "seeds", *(f"test {name}" for name in names)]
        body = [[row["title"], row["seeds"], *_spreads(row, "test")] for row in seeds]
        parts.append(markdown_table([header, *body]))
    return "\n\n".join([*parts, markdown_list(lines)])
