"""`report.html`: a report as one page that needs nothing else, and asks for nothing else.

Styles and pictures are inside, there is no script, and a policy in the page
forbids the browser to load anything. Jinja2 escapes every text.
"""

import base64
import hashlib
import io
from pathlib import Path

from keras_genres import __version__
from keras_genres.evaluation.about import about_run, settings_rows
from keras_genres.evaluation.alarms import is_alarm
from keras_genres.evaluation.before_after import explain_before_after, table_rows
from keras_genres.evaluation.explain import (
    GLOSSARY,
    explain,
    explain_calibration,
    explain_thresholds,
    headlines,
)
from keras_genres.evaluation.figures.captions import figure_text
from keras_genres.evaluation.history import read_history
from keras_genres.evaluation.metrics import AVERAGES
from keras_genres.evaluation.side_by_side import side_by_side
from keras_genres.genres import GENRES
from keras_genres.split import SPLITS

TEMPLATES = Path(__file__).parent / "templates"

_JPEG_QUALITY = 88
_PLACES = {
    "genre_distribution": "posters",
    "samples": "posters",
    "history": "training",
    "thresholds": "thresholds",
    "calibration": "calibration",
}
# A figure stands where its subject is; all others in the section of figures.


def report_page(run, report, folder, drawn):
    """Return the page of a `Report` as HTML.

    Args:
        run: The `Run`.
        report: Its `Report`.
        folder: Where its figures are, `NAME.svg` or, of pictures, `NAME.png`.
        drawn: Names of the figures, in order.
    """
    import jinja2
    from markupsafe import Markup

    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["number"] = _number
    environment.filters["code"] = _code
    css = (TEMPLATES / "report.css").read_text(encoding="utf-8")
    digest = base64.b64encode(hashlib.sha256(css.encode()).digest()).decode()
    return environment.get_template("report.html").render(
        css=Markup(css),
        policy=(
            f"default-src 'none'; style-src 'sha256-{digest}'; img-src data:; "
            "base-uri 'none'; form-action 'none'"
        ),
        version=__version__,
        about=about_run(run),
        counts={name: run.split().splits[name]["posters"] for name in SPLITS},
        warnings=report.warnings,
        has_alarm=any(map(is_alarm, report.warnings)),
        headlines=headlines(report),
        sentences=explain(report),
        confidence=f"{100 * report.summaries['test']['intervals']['confidence']:g} %",
        tables={split: _genre_rows(report, split) for split in ("test", "val")},
        how_thresholds=explain_thresholds(report),
        history=_history_rows(run),
        calibration=_calibration(report),
        figures=_figures(folder, drawn, Markup),
        settings=settings_rows(run),
        glossary=GLOSSARY,
    )


def _number(value, digits=3):
    """Return a number with as many digits; an empty text for none."""
    if value is None or value != value:
        return ""
    return f"{value:,}" if isinstance(value, int) else f"{value:.{digits}f}"


def _code(text):
    """Return text, escaped, in which what stands between backticks is code."""
    from markupsafe import Markup, escape

    parts = text.split("`")
    if len(parts) % 2 == 0:  # one of them has no other
        return text
    marked = (
        f"<code>{escape(part)}</code>" if i % 2 else escape(part) for i, part in enumerate(parts)
    )
    return Markup("".join(marked))


def _genre_rows(report, split):
    """Return `(genres, averages)`, the rows of `side_by_side` as dictionaries."""
    table = side_by_side(report, split)
    table = table.rename(columns=lambda name: name.replace("_at_0.5", "_half"))
    rows = table.to_dict(orient="records")
    return rows[: len(GENRES)], rows[-len(AVERAGES) :]


def _calibration(report):
    """Return the table of a calibration as rows of texts and what it says; `None` without one."""
    if report.calibration is None:
        return None
    head, *rows = table_rows(report.calibration)
    lines = [explain_calibration(), *explain_before_after(report.calibration)]
    return {"head": head, "rows": rows, "lines": lines}


def _history_rows(run):
    table = read_history(run)
    rows = table.to_dict(orient="records")
    best = max((index for index, row in enumerate(rows) if row["is_best"] == 1), default=None)
    return [row | {"is_last_best": index == best} for index, row in enumerate(rows)]


def _figures(folder, drawn, markup):
    """Return the figures of each place of the page, as dictionaries."""
    places = {place: [] for place in [*_PLACES.values(), "figures"]}
    for text in map(figure_text, drawn):
        figure = text._asdict() | _content(folder, text.name, text.alt, markup)
        places[_PLACES.get(text.name, "figures")].append(figure)
    return places


def _content(folder, name, alt, markup):
    from keras_genres.evaluation.svg import inline_svg

    file = folder / f"{name}.svg"
    if file.exists():
        svg = inline_svg(file.read_text(encoding="utf-8"), f"{name}-", alt)
        kind = "drawing" if svg.has_our_colours else "drawing own-colours"
        return {"kind": kind, "svg": markup(svg.markup), "source": None, "size": None}
    source, size = _picture(folder / f"{name}.png")
    return {"kind": "picture", "svg": None, "source": source, "size": size}


def _picture(path):
    """Return a PNG as a `data:` address, as JPEG where that is smaller, and its size in pixels."""
    from PIL import Image

    data, kind = path.read_bytes(), "png"
    with Image.open(io.BytesIO(data)) as image:
        size = image.size
        file = io.BytesIO()
        # Full colour for every pixel: text in colour has fringes without.
        image.convert("RGB").save(file, "JPEG", quality=_JPEG_QUALITY, subsampling=0, optimize=True)
    if file.tell() < len(data):
        data, kind = file.getvalue(), "jpeg"
    return f"data:image/{kind};base64,{base64.b64encode(data).decode()}", size
