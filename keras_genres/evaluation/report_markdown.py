"""`report.md`: a report to be read in a repository."""

from keras_genres.evaluation.about import about_run
from keras_genres.evaluation.before_after import explain_before_after, table_rows
from keras_genres.evaluation.explain import (
    GLOSSARY,
    explain,
    explain_calibration,
    explain_thresholds,
    headlines,
)
from keras_genres.evaluation.figures.captions import figure_text
from keras_genres.evaluation.markdown import (
    escape_markdown,
    interval_text,
    markdown_list,
    markdown_pairs,
    markdown_table,
)
from keras_genres.evaluation.metrics import AVERAGES
from keras_genres.evaluation.side_by_side import side_by_side
from keras_genres.genres import GENRES

_HEADER = [
    "",
    "precision at 0.5",
    "recall at 0.5",
    "F1 at 0.5",
    "precision tuned",
    "recall tuned",
    "F1 tuned",
    "interval of F1",
    "posters",
]


def report_markdown(run, report, drawn):
    """Return a `Report` as Markdown.

    Args:
        run: The `Run`.
        report: Its `Report`.
        drawn: Names of the figures beside it.
    """
    about = about_run(run)
    parts = [f"# {escape_markdown(about.title)}", ""]
    if about.cut:
        parts += [
            f"**Cut to size: {escape_markdown(about.cut)}.** A whole run has other numbers.",
            "",
        ]
    if report.warnings:
        parts += ["## Before the numbers", "", markdown_list(report.warnings), ""]
    parts += ["## Result", "", headlines_table(report), "", markdown_list(explain(report)), ""]
    parts += ["## What was trained", "", markdown_pairs(about.trained), ""]
    for split, name in (("test", "Test"), ("val", "Validation")):
        parts += [f"## {name}, genre by genre", "", _genres(report, split), ""]
    parts += ["## Thresholds", "", *explain_thresholds(report), "", _thresholds(report), ""]
    if report.calibration is not None:
        parts += ["## Calibration", "", *calibration_markdown(report.calibration), ""]
    parts += ["## Figures", "", *_figures(drawn)]
    parts += ["## How it was made", "", markdown_pairs(about.made_by), ""]
    parts += ["## Words", "", *(f"- **{term}**: {meaning}" for term, meaning in GLOSSARY)]
    return "\n".join(parts) + "\n"


def calibration_markdown(found):
    """Return what `before_after` found as parts of Markdown."""
    table = markdown_table(table_rows(found))
    return [explain_calibration(), "", table, "", markdown_list(explain_before_after(found))]


def headlines_table(report):
    """Return the numbers a report begins with as a Markdown table."""
    rows = [
        [row["name"], f"{row['value']:.3f}", interval_text(row["low"], row["high"]), row["meaning"]]
        for row in headlines(report)
    ]
    return markdown_table([["test", "", "interval", ""], *rows])


def _genres(report, split):
    table = side_by_side(report, split)
    rows = [
        [
            row[0],
            *(f"{value:.3f}" for value in row[1:7]),
            interval_text(row[7], row[8]),
            f"{row[9]:,}",
        ]
        for row in table.itertuples(index=False, name=None)
    ]
    genres, averages = rows[: len(GENRES)], rows[-len(AVERAGES) :]
    return markdown_table([_HEADER, *genres, *averages])


def _thresholds(report):
    table = report.tables["test"].iloc[: len(GENRES)]
    rows = zip(table["genre"], table["threshold"], strict=True)
    return markdown_table([["genre", "threshold"], *([name, f"{at:.4f}"] for name, at in rows)])


def _figures(drawn):
    for text in map(figure_text, drawn):
        yield f"### {escape_markdown(text.title)}\n"
        yield f"![{escape_markdown(text.alt)}]({text.name}.png)\n"
        yield f"{escape_markdown(text.caption)}\n"
