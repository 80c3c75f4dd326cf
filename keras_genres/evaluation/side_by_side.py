"""Tables 2 to 8 of the paper for any run: at 0.5 to the left, with tuned thresholds to the right.

Source: Tables 2-8 of Arayıt & Tolga, "Multi-Label Movie Genre Classification
Using Transfer Learning", 2025.
"""

from keras_genres.evaluation.metrics import AVERAGES, genre_table, pick
from keras_genres.genres import GENRES

HALF = 0.5
"""The threshold to the left."""
_SCORES = ("precision", "recall", "f1")


def side_by_side(report, split):
    """Return precision, recall and F1 of each genre at 0.5 and with tuned thresholds.

    Args:
        report: The `Report`.
        split: `val` or `test`.

    Returns:
        DataFrame with a row a genre, then the four averages: `genre,
        precision_at_0.5, recall_at_0.5, f1_at_0.5, precision, recall, f1,
        f1_low, f1_high, support, threshold`. The interval is of the tuned F1,
        NaN where the run's settings ask for none; averages have no threshold.
    """
    found = report.predictions[split]
    half = genre_table(found.labels, pick(found.scores, HALF), [HALF] * len(GENRES))
    table = report.tables[split][["genre"]].copy()
    for name in _SCORES:
        table[f"{name}_at_0.5"] = half[name]
    table = table.join(report.tables[split][list(_SCORES)])
    bounds = _bounds(report.summaries[split]["intervals"])
    table["f1_low"] = [low for low, _ in bounds]
    table["f1_high"] = [high for _, high in bounds]
    return table.join(report.tables[split][["support", "threshold"]])


def _bounds(intervals):
    """Return `(low, high)` of each row of the table."""
    nothing = (float("nan"), float("nan"))
    averages = [intervals["bounds"].get(f"{name}_f1", nothing) for name in AVERAGES]
    return [intervals["genres"].get(genre, nothing) for genre in GENRES] + averages
