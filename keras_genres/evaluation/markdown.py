"""Rows of plain values as Markdown and as CSV, whatever a title holds."""

import csv
import html
import io

from keras_genres.data.table import escape


def rows_markdown(rows, lines=()):
    """Return dictionaries as a Markdown table, numbers to three digits, with notes below."""
    body = [[_cell(value) for value in row.values()] for row in rows]
    table = markdown_table([list(rows[0]), *body])
    return f"{table}\n\n{markdown_list(lines)}" if lines else table


def markdown_list(lines):
    """Return sentences as a Markdown list."""
    return "\n".join(f"- {escape_markdown(line)}" for line in lines)


def markdown_pairs(rows):
    """Return pairs of a name of ours and a text as a Markdown list."""
    return "\n".join(f"- {name}: {escape_markdown(text)}" for name, text in rows)


def interval_text(low, high):
    """Return an interval to three digits; empty where there is none."""
    return "" if low is None or low != low else f"[{low:.3f}, {high:.3f}]"


def _cell(value):
    if value is None:
        return ""
    return f"{value:.3f}" if isinstance(value, float) else str(value)


def markdown_table(rows):
    """Return rows of texts as a Markdown table; the first are the headers."""
    header, *body = [[escape_markdown(str(cell)) for cell in row] for row in rows]
    rule = ["---"] + ["---:"] * (len(header) - 1)
    return "\n".join(f"| {' | '.join(row)} |" for row in [header, rule, *body])


def escape_markdown(text):
    """Return text that Markdown shows as it is: a title may hold anything."""
    text = html.escape(text, quote=False)
    for sign in "\\|[]`*_":
        text = text.replace(sign, f"\\{sign}")
    return text


def csv_text(rows):
    """Return dictionaries as CSV, numbers in full, no cell of which is a formula."""
    file = io.StringIO()
    writer = csv.writer(file, lineterminator="\n")
    writer.writerow([escape(name) for name in rows[0]])
    for row in rows:
        writer.writerow(["" if cell is None else escape(cell) for cell in row.values()])
    return file.getvalue()
