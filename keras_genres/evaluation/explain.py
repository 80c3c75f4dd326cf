"""What the numbers of a report mean, in plain words."""

import numpy as np

from keras_genres.evaluation.metrics import macro_f1
from keras_genres.evaluation.thresholds import FIXED
from keras_genres.genres import GENRES, NUM_GENRES

GLOSSARY = (
    ("Precision", "Of the posters a genre was given to, the share that has it."),
    ("Recall", "Of the posters that have a genre, the share it was given to."),
    (
        "F1",
        "The harmonic mean of the two: high only if both are. 0 where nothing is picked rightly.",
    ),
    (
        "Threshold",
        "A genre is given to a poster whose score reaches the genre's threshold. Each has its own.",
    ),
    ("Posters, support", "How many posters of the split have the genre."),
    ("Macro average", "The mean over the genres, each counting alike, however rare."),
    ("Micro average", "All decisions, posters times genres, thrown together: common genres rule."),
    ("Weighted average", "The mean over the genres, each counting by its posters."),
    ("Samples average", "The mean over the posters, each scored by its own genres."),
    (
        "Hamming loss",
        "The share of wrong decisions among all. Picking nothing already has a low one.",
    ),
    ("Exact match", "The share of posters whose picks are all of its genres and no other."),
    ("At least one right", "The share of posters with a right pick among however many."),
    ("Top-3 hit", "The share of posters with a true genre among their three highest scores."),
    (
        "Average precision",
        "The area under a genre's precision-recall curve: how well its scores rank, whatever the "
        "threshold. Picking at random gives the share of posters with the genre.",
    ),
    (
        "ROC AUC",
        "How often a poster with the genre scores above one without it. At random it is 0.5.",
    ),
    (
        "Calibration error (ECE)",
        "The mean distance between scores and shares, in bins of posters with like scores. Even "
        "perfect scores have some, from the chance in each bin.",
    ),
    (
        "Brier score",
        "The mean squared distance of scores from 1 where the genre is there and 0 where it is "
        "not. Always saying the share p of a genre has p times 1 - p.",
    ),
    (
        "Interval",
        "How far a number may be off because the test is a sample: bootstrap percentiles over "
        "groups of posters. That another training gives another model is not in it.",
    ),
    (
        "Group",
        "Posters of one film or of one picture. A group is never on both sides of the split.",
    ),
)
"""Terms and their meanings, for a reader who knows none."""

HEADLINES = (
    ("macro_f1", "Macro F1", "mean over the genres"),
    ("micro_f1", "Micro F1", "all decisions together"),
    ("samples_f1", "Samples F1", "mean over the posters"),
    ("top_3_hit", "Top-3 hit", "a true genre among three"),
)


def headlines(report):
    """Return the numbers a report begins with, of the test.

    Returns:
        List of dictionaries: `name`, `meaning`, `value`, and `low` and `high`,
        `None` without intervals.
    """
    test = report.summaries["test"]
    values = test["measures"]["tuned"] | test["ranking"]
    bounds = test["intervals"]["bounds"]
    rows = []
    for key, name, meaning in HEADLINES:
        low, high = bounds.get(key, (None, None))
        rows.append(
            {"name": name, "meaning": meaning, "value": values[key], "low": low, "high": high}
        )
    return rows


def explain(report):
    """Return what the numbers of the test mean, as sentences."""
    test, table = report.summaries["test"], report.tables["test"].set_index("genre")
    measures, posters = test["measures"]["tuned"], test["posters"]
    f1 = table["f1"].loc[list(GENRES)]
    micro = table.loc["micro avg"]
    lines = [
        f"The result is of {posters:,} test posters, which took no part in training"
        + (
            "; but the thresholds were chosen on them."
            if test["thresholds"]["chosen_on"] == "test"
            else " or in any choice."
        ),
        f"Macro F1 is {measures['macro_f1']:.3f}: the mean over {NUM_GENRES} genres, the rare ones "
        f"counting as much as the common. Best is {f1.idxmax()} with {f1.max():.2f}, last is "
        f"{f1.idxmin()} with {f1.min():.2f}.",
        f"Of 100 genres the model gives, {100 * micro['precision']:.0f} are right; of 100 genres "
        f"the posters have, it finds {100 * micro['recall']:.0f}.",
        f"For {100 * test['ranking']['top_3_hit']:.0f} of 100 posters a true genre is among the "
        "three highest scores, without any threshold.",
    ]
    labels = report.predictions["test"].labels
    everything = macro_f1(labels, np.ones_like(labels))
    lines.append(
        f"Giving all {NUM_GENRES} genres to every poster, without looking, would have macro F1 "
        f"{everything:.3f}. What a model has above that it has learned."
    )
    bounds = test["intervals"]["bounds"]
    if bounds:
        low, high = bounds["macro_f1"]
        lines.append(
            f"[{low:.3f}, {high:.3f}] is a {100 * test['intervals']['confidence']:g} % interval: "
            "how far macro F1 may be off because these posters are a sample. Another training "
            "with another seed moves it as well."
        )
    val = report.summaries["val"]["measures"]["tuned"]["macro_f1"]
    if test["thresholds"]["chosen_on"] == "val":
        lines.append(
            f"On validation macro F1 is {val:.3f}. That is no result: thresholds, and a network's "
            "best epoch, were chosen there."
        )
    return lines


def explain_calibration():
    """Return how the calibration of a run was chosen, a few sentences."""
    return (
        "Calibrated scores are shares: of posters with 0.7, seven in ten have the genre. For each "
        "genre plain scores, temperature, Platt scaling and isotonic regression were compared by "
        "their cross-validated Brier score on validation, groups of posters kept together, and the "
        "simplest one within a standard error of the best was taken. Predictions and exports have "
        "calibrated scores, on which the carried thresholds pick the same genres."
    )


def explain_thresholds(report):
    """Return how the thresholds of a report were chosen, as sentences."""
    chosen = report.summaries["test"]["thresholds"]
    method, where = chosen["method"] or "", chosen["chosen_on"]
    name = {"val": "validation", "test": "test", "train": "training"}.get(where)
    if method == FIXED:
        return ["This run picks the same genres for every poster, so there is nothing to choose."]
    posters = f"the {name} posters" if name else "posters that thresholds.json does not name"
    if method == "exact":
        how = (
            f"For each genre all ways to cut the scores of {posters} in two were tried, and that "
            "with the best F1 was taken: halfway between the lowest score picked and the highest "
            "left out (Lipton et al. 2014)."
        )
    elif method == "expected":
        how = (
            f"For each genre scores were made shares by Platt scaling on {posters}, and the cut "
            "was taken that has the best expected F1 there (Ye et al. 2012)."
        )
    elif method == "shrunk":
        how = (
            f"For each genre the share of {posters} that its best cut picks was drawn toward a "
            "share common to all genres, the more so the rarer the genre; how far was chosen on "
            "posters that did not choose."
        )
    elif method.startswith("grid "):
        how = (
            f"For each genre the threshold of a grid with steps of {method.removeprefix('grid ')} "
            f"was taken that has the best F1 on {posters}."
        )
    else:
        how = f"The thresholds were chosen on {posters}."
    why = (
        "Rare genres have low ones: a poster seldom scores high in a genre that few posters have, "
        "and 0.5 would miss nearly all of them."
    )
    return [how, why]
