"""Predictions as text lines or a Parquet file.

Names are a stranger's text: no cell of a CSV is a formula, and no line of a
table moves a cursor. A name in a CSV still leads to its file. Scores have as
many digits as tell a float32 exactly.
"""

import csv
import io
import itertools
import json

import numpy as np

from keras_genres.data.table import escape
from keras_genres.errors import UserError, one_line
from keras_genres.files import whole_file
from keras_genres.genres import GENRES

FORMATS = {"table": (".txt",), "csv": (".csv",), "jsonl": (".jsonl", ".ndjson")}
FORMATS["parquet"] = (".parquet", ".pq")
"""Names of the forms, and the endings of files that stand for them."""
_NAME_WIDTH = 40
_GROUP_ROWS = 8192


def format_of(out):
    """Return the form that a file's ending stands for; `table` for no file.

    Raises:
        UserError: For another ending.
    """
    if out is None:
        return "table"
    for form, endings in FORMATS.items():
        if str(out).lower().endswith(endings):
            return form
    known = ", ".join(ending for endings in FORMATS.values() for ending in endings)
    raise UserError(f"{out} ends in none of {known}. Name the form with --format.")


def header_of(form, top=None):
    """Return what stands before the first line: the titles of a CSV, else nothing."""
    if form != "csv":
        return ""
    if top is None:
        scores = GENRES
    else:
        ranks = range(1, min(top, len(GENRES)) + 1)
        scores = [title for rank in ranks for title in (f"genre_{rank}", f"score_{rank}")]
    return _csv_line(["source", "genres", *scores, "error"])


def line_of(form, prediction, top=None):
    """Return a `Prediction` as a line, with its end.

    Args:
        form: `table`, `csv` or `jsonl`.
        prediction: The `Prediction`.
        top: Scores to tell, the best first; `None` for all.
    """
    return {"table": _table_line, "csv": _cells, "jsonl": _json_line}[form](prediction, top)


def _json_line(prediction, top):
    told = prediction.to_dict(top)
    for key in ("source", "error"):
        told[key] = told[key] and _text(told[key])
    told["scores"] = {genre: float(_short(score)) for genre, score in told["scores"].items()}
    return json.dumps(told, ensure_ascii=False) + "\n"


def _cells(prediction, top):
    scores = prediction.scores
    if top is None:
        cells = [_short(scores[genre]) if scores else "" for genre in GENRES]
    else:
        best = itertools.islice(scores.items(), top)
        cells = [cell for genre, score in best for cell in (genre, _short(score))]
        cells += [""] * (2 * min(top, len(GENRES)) - len(cells))
    error = escape(_text(prediction.error or ""))
    line = _csv_line(["|".join(prediction.genres), *cells, error])
    return f"{_first_cell(_text(prediction.source))},{line}"


def _first_cell(name):
    """Return the cell of a name, which reads back as a path of the same file.

    `escape` would put an apostrophe into names with a `;` before a sign. In
    quotes at the very beginning of a line a `;` parts no cell, in whatever
    country, and `./` before a sign that begins a formula keeps it a path.
    """
    escaped = escape(name)
    if escaped == name:
        return _csv_line([name]).removesuffix("\n")
    if escaped.startswith("'") and not name.startswith("'"):
        name = f"./{name}"
    doubled = name.replace('"', '""')
    return f'"{doubled}"'


def _csv_line(cells):
    line = io.StringIO()
    # A carriage return in a cell is put in quotes only where lines end in one.
    csv.writer(line, lineterminator="\r\n").writerow(cells)
    return line.getvalue().removesuffix("\r\n") + "\n"


def _table_line(prediction, top):
    name = one_line(_text(prediction.source)).ljust(_NAME_WIDTH)
    if prediction.error is not None:
        return f"{name}  ! {one_line(prediction.error)}\n"
    told = prediction.genres
    if top is not None:
        told = tuple(itertools.islice(prediction.scores, top))
    parts = [
        f"{genre} {prediction.scores[genre]:.2f}"
        + "*" * (top is not None and genre in prediction.genres)
        for genre in told
    ]
    return f"{name}  {', '.join(parts) or '-'}\n"


def _text(name):
    """Return a name in which bytes that are no UTF-8 stand as escapes."""
    return name.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")


def _short(score):
    """Return the shortest text that is read as the same float32."""
    return str(np.float32(score))


def require_parquet():
    """Raise a `UserError` unless Parquet can be written."""
    try:
        import pyarrow.parquet  # noqa: F401
    except ModuleNotFoundError:
        raise UserError(
            "Parquet needs pyarrow. Install it: pip install 'keras-genres[parquet]'"
        ) from None


def write_parquet(lines, path, top=None):
    """Turn lines of JSON into a Parquet file, whole or not at all.

    Columns: `source`, `genres` (list), a float32 column for each genre, or
    with `top` the lists `top_genres` and `top_scores`; `error`.

    Args:
        lines: Iterable of lines as `line_of` makes them for `jsonl`.
        path: The file.
        top: As the lines were made with.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    texts, floats = pa.list_(pa.string()), pa.list_(pa.float32())
    if top is None:
        scores = [(genre, pa.float32()) for genre in GENRES]
    else:
        scores = [("top_genres", texts), ("top_scores", floats)]
    columns = [("source", pa.string()), ("genres", texts), *scores, ("error", pa.string())]
    schema = pa.schema(columns)
    lines = iter(lines)
    with whole_file(path, "wb") as file, pq.ParquetWriter(file, schema) as writer:
        while group := [
            _flat(json.loads(line), top) for line in itertools.islice(lines, _GROUP_ROWS)
        ]:
            writer.write_table(pa.Table.from_pylist(group, schema=schema))


def _flat(row, top):
    scores = row.pop("scores")
    if top is None:
        return {**row, **scores}
    return {**row, "top_genres": list(scores), "top_scores": list(scores.values())}
