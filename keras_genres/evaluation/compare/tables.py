"""The tables of a comparison, as rows of plain values.

Every table carries the `cut` of its runs, so that numbers of a run that was
cut to size never stand alone.
"""

import numpy as np

from keras_genres.evaluation.compare.runs import MEASURES, SPLITS
from keras_genres.evaluation.paper import DIFFERENCES, ROWS, find_row
from keras_genres.genres import GENRES

MATCHES = {True: "recipe", False: "backbone"}


def table9(comparison, paper=None):
    """Return Table 9: a row a run, best validation macro F1 first, then the paper's other rows.

    Args:
        comparison: The `Comparison`.
        paper: The `Paper`, for its columns; `None` for ours alone.

    Returns:
        List of dictionaries with the same keys; `None` where nothing is known.
    """
    rows = [_run_row(comparison, rank, entry) for rank, entry in enumerate(comparison.entries, 1)]
    if paper is None:
        return rows
    empty = dict.fromkeys(rows[0])
    beside = [row_beside(entry) for entry in comparison.entries]
    found = []
    for row, (match, follows) in zip(rows, beside, strict=True):
        found.append(row | _paper_columns(paper, match, MATCHES[follows] if match else None))
    shown = {match.model for match, follows in beside if match and follows}
    for match in ROWS:
        if match.model not in shown:
            found.append(empty | {"title": "–"} | _paper_columns(paper, match, "not run"))
    return found


def row_beside(entry):
    """Return the `PaperRow` a run stands beside or `None`, and whether it follows its recipe."""
    facts = entry.facts
    return find_row(facts.experiment, facts.backbone if facts.kind == "network" else None)


def _run_row(comparison, rank, entry):
    facts = entry.facts
    row = {"rank": rank, "run": facts.name, "title": entry.label}
    for split in SPLITS:
        for name in MEASURES:
            row[f"{split}_{name}"] = entry.measures[split][name]
            low, high = entry.bounds[split].get(name, (None, None))
            row |= {f"{split}_{name}_low": low, f"{split}_{name}_high": high}
    for name, other in (("best", comparison.best), ("prior", comparison.prior)):
        row |= _difference_columns(comparison, entry.label, other, f"to_{name}")
    return row | {
        "kind": facts.kind,
        "experiment": facts.experiment,
        "backbone": facts.backbone,
        "weights": facts.weights or None,
        "weight_file": facts.weight_file or None,
        "parameters": facts.parameters,
        "best_epoch": facts.best_epoch,
        "epochs": facts.epochs,
        "seconds": facts.seconds,
        "seed": facts.seed,
        "cut": facts.cut or None,
    }


def _difference_columns(comparison, label, other, name):
    """Return the columns of a difference in test macro F1; empty ones to itself or to nothing."""
    found = comparison.differences.get((label, other))
    low, high = (found and found.bounds) or (None, None)
    return {
        name: found and found.value,
        f"{name}_low": low,
        f"{name}_high": high,
        f"{name}_excludes_0": found and found.excludes_0,
    }


def _paper_columns(paper, match, how):
    values = paper.table9[match.model] if match else dict.fromkeys(MEASURES)
    return {
        "paper_row": match and match.model,
        "paper_match": how,
        **{f"paper_val_{name}": values[name] for name in MEASURES},
    }


def table10(comparison, paper=None):
    """Return Table 10: thresholds, a row a genre, a column a run, then the paper's best model."""
    names = [
        entry.label + (f" (cut: {entry.facts.cut})" if entry.facts.cut else "")
        for entry in comparison.entries
    ]
    rows = []
    for i, genre in enumerate(GENRES):
        row = {"genre": genre}
        for name, entry in zip(names, comparison.entries, strict=True):
            row[name] = float(entry.thresholds[i])
        if paper is not None:
            row["paper, EfficientNetV2-S (blocks 4–7)"] = paper.thresholds[genre]
        rows.append(row)
    return rows


def genre_rows(comparison, paper=None):
    """Return F1 of every genre, a row a genre and run; the paper's stands beside its own rows."""
    rows = []
    for entry in comparison.entries:
        match, follows = row_beside(entry)
        for i, genre in enumerate(GENRES):
            row = {"run": entry.facts.name, "title": entry.label, "genre": genre}
            row |= {f"{split}_f1": float(entry.genre_f1[split][i]) for split in SPLITS}
            if paper is not None:
                printed = paper.tables[match.table][genre][2] if match else None
                row |= {
                    "paper_row": match and match.model,
                    "paper_match": MATCHES[follows] if match else None,
                    "paper_val_f1": printed,
                }
            rows.append(row | {"cut": entry.facts.cut or None})
    return rows


def difference_rows(comparison):
    """Return the test macro F1 of every pair of runs, the better on validation minus the other."""
    cuts = {entry.label: entry.facts.cut for entry in comparison.entries}
    ranks = {entry.label: rank for rank, entry in enumerate(comparison.entries)}
    return [
        {
            "run": one,
            "minus": other,
            **_difference_columns(comparison, one, other, "difference"),
            "cut": cuts[one] or None,
            "cut_of_the_other": cuts[other] or None,
        }
        for one, other in comparison.differences
        if ranks[one] < ranks[other]
    ]


def seed_rows(comparison):
    """Return mean and spread over seeds, a row for each recipe that was run with several.

    The spread is the sample standard deviation; least and greatest stand
    beside it, since three seeds say little of a deviation.
    """
    by_label = {entry.label: entry for entry in comparison.entries}
    rows = []
    for labels in comparison.seeds:
        entries = [by_label[label] for label in labels]
        seeds = sorted(entry.facts.seed for entry in entries)
        titles = {entry.facts.title for entry in entries}
        title = titles.pop() if len(titles) == 1 else entries[0].facts.backbone
        row = {"title": title, "runs": len(entries), "seeds": " ".join(map(str, seeds))}
        for split in SPLITS:
            for name in MEASURES:
                values = np.array([entry.measures[split][name] for entry in entries])
                row |= {
                    f"{split}_{name}": round(float(values.mean()), 6),
                    f"{split}_{name}_deviation": round(float(values.std(ddof=1)), 6),
                    f"{split}_{name}_least": float(values.min()),
                    f"{split}_{name}_greatest": float(values.max()),
                }
        rows.append(row | {"cut": entries[0].facts.cut or None})
    return rows


def notes(comparison, paper=None):
    """Return what a reader of Table 9 should know, as sentences."""
    entries, evaluation = comparison.entries, comparison.evaluation
    sizes = comparison.sizes
    found = [
        f"One split of {sizes['train']:,} training, {sizes['val']:,} validation and "
        f"{sizes['test']:,} test posters. Ordered by validation macro F1. Thresholds were chosen "
        "on validation, so it is optimistic there: the result is the test's.",
    ]
    if entries[0].bounds["test"]:
        found.append(
            f"In brackets: {100 * evaluation.confidence:g} % bootstrap intervals, "
            f"{evaluation.resamples} resamples of groups. Differences are of test macro F1 on the "
            "same resamples; * marks those whose interval excludes 0."
        )
    if len(entries) > 1:
        found.append(f"Best on validation: {comparison.best}.")
    found += _prior_notes(comparison)
    found += cut_notes(entries)
    for file in dict.fromkeys(entry.facts.weight_file for entry in entries):
        if file:
            found.append(f"Weights from a file: {file}.")
    return found + ([] if paper is None else _paper_notes(comparison, paper))


def _prior_notes(comparison):
    """Return what runs that look at no poster have by each measure, and which have no more."""
    scores = [f"{name.removesuffix('_f1')} {comparison.all_genres[name]:.3f}" for name in MEASURES]
    found = [f"Picking all genres for every poster has F1 on test: {', '.join(scores)}."]
    for name, label in comparison.priors.items():
        value = comparison.entry(label).measures["test"][name]
        below = [
            entry.label
            for entry in comparison.entries
            if not entry.is_constant and entry.measures["test"][name] <= value
        ]
        line = f"Prior by {name.removesuffix('_f1')} F1, {value:.3f} on test: {label}"
        found.append(f"{line}; at or below it: {'; '.join(below)}." if below else f"{line}.")
    return found


def _paper_notes(comparison, paper):
    beside = [row_beside(entry) for entry in comparison.entries]
    found = list(DIFFERENCES)
    if any(match and not follows for match, follows in beside):
        found.append("≈ marks a run that has the backbone of the paper's row but not its recipe.")
    return found + [row.remark for row in ROWS if row.remark]


def cut_notes(entries):
    """Return how runs were cut to size, a sentence a cut."""
    cuts = {}
    for entry in entries:
        if entry.facts.cut:
            cuts.setdefault(entry.facts.cut, []).append(entry.label)
    return [
        f"Cut to size, {cut}: {len(labels)} runs ({'; '.join(labels)})."
        if len(labels) > 1
        else f"Cut to size, {cut}: {labels[0]}."
        for cut, labels in cuts.items()
    ]
