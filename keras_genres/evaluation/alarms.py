"""What a reader should know before believing the numbers of a report."""

import numpy as np

from keras_genres.genres import GENRES

LEAK_ALARM = 0.60
"""Test macro F1 above which a leak is likelier than a good model, on real posters.

A linear probe on frozen features of real posters has 0.31 to 0.34, and labels
from two sources agree with each other at F1 0.90 to 1.00 a genre.
"""


def find_warnings(split, predictions, summary):
    """Return what speaks against the numbers of a split, as sentences.

    Args:
        split: `val` or `test`.
        predictions: `val` and `test` -> `Predictions`.
        summary: The split's part of a report, as `report.make_report` builds it.
    """
    found = []
    name = {"val": "Validation", "test": "Test"}[split]
    macro = summary["measures"]["tuned"]["macro_f1"]
    if split == summary["thresholds"]["chosen_on"]:
        found.append(
            f"{name} scores are optimistic: the thresholds were chosen on these posters. "
            "The result is the test's."
        )
    elif macro > LEAK_ALARM:
        found.append(
            f"{name} macro F1 is {macro:.2f}, above {LEAK_ALARM:.2f}: more than honest splits of "
            "real posters have given. That is fine for drawn posters; on real ones take it for "
            "a leak until the opposite is shown (one film or one picture on both sides?)."
        )
    empty = [
        genre
        for genre, has in zip(GENRES, predictions[split].labels.any(axis=0), strict=True)
        if not has
    ]
    if empty:
        result = "threshold is 0.5 for want of a better" if split == "val" else "F1 says nothing"
        found.append(
            f"{name} has no poster of {', '.join(empty)}: the {result}, and macro F1 counts 0."
        )
    shared = np.intersect1d(predictions["val"].groups, predictions["test"].groups)
    if len(shared):
        how_many = "1 group is" if len(shared) == 1 else f"{len(shared)} groups are"
        found.append(
            f"{how_many} in both validation and test (say {str(shared[0])!r}), so the two are not "
            "independent. Prepare the data again and train anew."
        )
    return found
