"""A comparison written to a folder: tables and figures."""

from keras_genres.evaluation.compare.tables import (
    cut_notes,
    difference_rows,
    genre_rows,
    notes,
    seed_rows,
    table9,
    table10,
)
from keras_genres.evaluation.compare.text import table9_markdown
from keras_genres.evaluation.markdown import csv_text, markdown_list, rows_markdown
from keras_genres.files import whole_folder, write_text


def write_comparison(comparison, paper, out, overwrite=False):
    """Write the tables of a comparison as CSV and Markdown, and its figures as PNG and SVG.

    The same runs give the same bytes, wherever they lie.

    Args:
        comparison: The `Comparison`.
        paper: The `Paper`, for its columns; `None` for ours alone.
        out: Folder to make, whole or not at all.
        overwrite: Replace a folder of this kind that is there.

    Raises:
        UserError: If the folder is there or cannot be made.
    """
    from keras_genres.evaluation.compare.plots import draw_comparison

    with whole_folder(out, overwrite, mark="table9.csv") as folder:
        _write_tables(comparison, paper, folder)
        draw_comparison(comparison, paper, folder)


def _write_tables(comparison, paper, folder):
    rows, seeds = table9(comparison, paper), seed_rows(comparison)
    thresholds, pairs = table10(comparison, paper), difference_rows(comparison)
    cuts = cut_notes(comparison.entries)
    texts = {
        "table9.csv": csv_text(rows),
        "table9.md": table9_markdown(rows, seeds, notes(comparison, paper)),
        "table10.csv": csv_text(thresholds),
        "table10.md": rows_markdown(thresholds),
        "genres.csv": csv_text(genre_rows(comparison, paper)),
        "genres.md": _genres_markdown(comparison, paper, cuts),
    }
    if pairs:
        texts["differences.csv"] = csv_text(pairs)
        texts["differences.md"] = rows_markdown(pairs, [*_pair_notes(comparison), *cuts])
    if seeds:
        texts["seeds.csv"], texts["seeds.md"] = csv_text(seeds), rows_markdown(seeds, cuts)
    for name, text in texts.items():
        write_text(folder / name, text.rstrip("\n") + "\n")


def _pair_notes(comparison):
    runs = len(comparison.entries)
    pairs, share = runs * (runs - 1) // 2, 1 - comparison.evaluation.confidence
    return [
        "Test macro F1 of the run minus that of the other, on the same resamples of groups.",
        f"Of {pairs} pairs without any difference about {pairs * share:.1f} would exclude 0 by "
        "chance.",
    ]


def _genres_markdown(comparison, paper, cuts):
    """Return a table of F1 for each split, a row a genre and a column a run."""
    parts = []
    for split, name in (("test", "Test"), ("val", "Validation")):
        wide = {}
        for row in genre_rows(comparison, paper):
            line = wide.setdefault(row["genre"], {"genre": row["genre"]})
            line[row["title"]] = row[f"{split}_f1"]
            if split == "val" and row.get("paper_row"):
                line[f"paper, {row['paper_row']}"] = row["paper_val_f1"]
        parts.append(f"{name} F1\n\n{rows_markdown(list(wide.values()))}")
    return "\n\n".join([*parts, markdown_list(cuts)])
