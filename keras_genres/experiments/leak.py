"""A leak, made on purpose and measured.

A run is trained on one split. Then training and validation are drawn anew,
as happens when a run that was cut off is resumed with another seed, and the
test is left alone. Most posters of the new validation were trained on, so
its score jumps; the test's does not.
"""

import os
import time
from pathlib import Path

import numpy as np

from keras_genres.data.changed import carry_stamps
from keras_genres.data.splits import draw_splits
from keras_genres.data.table import load_posters, write_posters
from keras_genres.evaluation.intervals import bootstrap_intervals
from keras_genres.evaluation.metrics import macro_f1, mean_average_precision, pick
from keras_genres.evaluation.thresholds import choose_thresholds
from keras_genres.files import whole_folder, write_json, write_text
from keras_genres.manifest import write_manifest
from keras_genres.runs import Predictions, Run
from keras_genres.split import SPLITS

FIRST, REDRAWN, SECOND = "first", "redrawn", "second"
_CONTINUED = 0.5  # share of the second stage's epochs that the resumed run trains


def leak(settings, data, out, overwrite=False, facts=None, resume=False):
    """Train, draw the split anew, go on training, and write what happened to the scores.

    Args:
        settings: Resolved `Settings` of the first run.
        data: Folder that `data prepare` wrote.
        out: Folder to make: the run folders `first` and `second`, the posters
            `redrawn` with the scores of `first` on its validation, and
            `leak.json`, `leak.csv`, `leak.md`, `leak.png` and `leak.svg`.
        overwrite: Replace a folder of this kind that is there.
        facts: More to be said of both runs in `environment.json`.
        resume: Go on with what was cut off.

    Returns:
        The `Run` at `out`, which holds `environment.json` and the two runs.

    Raises:
        UserError: For anything the user can mend; `out` is then not written.
    """
    from keras_genres.experiments.leak_figure import draw_leak
    from keras_genres.training.fit import fit_or_resume

    started = time.perf_counter()
    facts = dict(facts or {})
    with whole_folder(out, overwrite, mark="leak.json", resume=resume) as scratch:
        (scratch / ".keep").touch()
        first = fit_or_resume(settings, data, scratch / FIRST, facts | {"title": "Before"})
        posters = load_posters(data)
        redraw(posters, scratch / REDRAWN, os.path.join(out, REDRAWN))
        redrawn = load_posters(scratch / REDRAWN)
        evaluated = _score_validation(settings, redrawn, first)
        evaluated.save(scratch / REDRAWN / "val.npz")
        second = fit_or_resume(
            continued(settings),
            scratch / REDRAWN,
            scratch / SECOND,
            facts
            | {
                "title": "After the split was drawn anew",
                "data": str((Path(out) / REDRAWN).resolve()),
            },
            start=first,
        )
        found = {
            "experiment": facts.get("experiment", "leak"),
            "cut": facts.get("cut", ""),
            "share_of_new_validation_trained_on": _share_seen(posters, redrawn),
            "rows": _rows(settings, first, evaluated, second),
            "warnings": _warnings(second),
        }
        write_json(scratch / "leak.json", found)
        write_text(scratch / "leak.csv", _csv(found["rows"]))
        write_text(scratch / "leak.md", describe(found))
        draw_leak(found, first, second, scratch)
        seconds = round(time.perf_counter() - started, 1)
        write_json(scratch / "environment.json", first.environment() | facts | {"seconds": seconds})
        write_manifest(scratch)
    return Run(out)


def redraw(posters, folder, final):
    """Write posters whose training and validation are drawn anew and whose test stays.

    Args:
        posters: `Posters` of all splits.
        folder: Where to write.
        final: Where the folder will stand; its file names are relative to that.
    """
    pool = np.flatnonzero(posters.splits != "test")
    share = (posters.splits[pool] == "val").mean()
    fractions = dict(zip(SPLITS, (1 - 2 * share, share, share), strict=True))
    seed = posters.split.seed + 1
    drawn = draw_splits(posters.labels[pool], posters.groups[pool], fractions, seed)
    splits = posters.splits.copy()
    splits[pool] = np.where(drawn == "val", "val", "train")
    names = [os.path.relpath(path, final).replace(os.sep, "/") for path in posters.paths]
    carry_stamps(posters, np.arange(len(posters)), names, folder)
    write_posters(
        folder,
        names,
        posters.labels,
        splits,
        posters.groups,
        seed,
        posters.split.fractions,
        posters.extra,
    )


def continued(settings):
    """Return the settings of the resumed run: its second stage, half as long."""
    epochs = max(1, round(settings.training.epochs * _CONTINUED))
    return settings.replace({"training.head_epochs": 0, "training.epochs": epochs})


def _score_validation(settings, posters, run):
    """Return the `Predictions` of a run's network on the validation of other posters."""
    from keras_genres.training.fit import begin_from
    from keras_genres.training.job import build_job, poster_sources
    from keras_genres.training.trainee import live_scorer

    job = build_job(settings, posters)
    begin_from(job, run)
    rows = posters.part("val")
    scores = live_scorer(job, poster_sources(job))("val")
    return Predictions(rows.filenames, rows.labels, scores, rows.groups)


def _share_seen(posters, redrawn):
    """Return the share of the new validation's posters that the first run was trained on."""
    was_train = posters.splits == "train"
    is_val = redrawn.splits == "val"
    return round(float(was_train[is_val].mean()), 4)


def _rows(settings, first, evaluated, second):
    """Return the scores before, at and after the new draw."""
    test, after = first.predictions("test"), second.predictions("test")
    points = [
        ("first split", first, first.predictions("val"), test),
        ("split drawn anew, same weights", first, evaluated, test),
        ("split drawn anew, trained on", second, second.predictions("val"), after),
    ]
    rows = []
    for name, run, val, held_out in points:
        labels, scores = val.labels, val.scores
        thresholds = choose_thresholds(labels, scores)
        picks = pick(held_out.scores, thresholds)
        evaluation = settings.evaluation
        interval = bootstrap_intervals(
            held_out.labels,
            picks,
            held_out.groups,
            evaluation.resamples,
            evaluation.confidence,
            evaluation.seed,
        ).get("macro_f1")
        rows.append(
            {
                "point": name,
                "best_epoch": run.environment()["best_epoch"],
                "val_macro_f1": macro_f1(labels, pick(scores, thresholds)),
                "val_mean_average_precision": mean_average_precision(labels, scores),
                "test_macro_f1": macro_f1(held_out.labels, picks),
                "test_interval": [round(bound, 4) for bound in interval] if interval else None,
                "test_mean_average_precision": mean_average_precision(
                    held_out.labels, held_out.scores
                ),
            }
        )
    return rows


def _warnings(run):
    from keras_genres.evaluation.report import make_report

    return make_report(run).warnings


def _csv(rows):
    import pandas as pd

    return pd.DataFrame(rows).to_csv(index=False, lineterminator="\n")


def describe(found):
    """Return what happened as Markdown: a paragraph and a table.

    Args:
        found: What `leak.json` holds.
    """
    before, drawn, after = found["rows"]
    seen = found["share_of_new_validation_trained_on"]
    jump = after["val_macro_f1"] - before["val_macro_f1"]
    moved = after["test_macro_f1"] - before["test_macro_f1"]
    lines = [
        "# A leak, made on purpose",
        "",
        f"A network was trained on one split: macro F1 {before['val_macro_f1']:.3f} on validation, "
        f"{before['test_macro_f1']:.3f} on test. Then training and validation were drawn anew with "
        f"another seed, and the test was left alone. {seen:.0%} of the posters of the new "
        f"validation had been trained on. Nothing else changed, and validation macro F1 went to "
        f"{drawn['val_macro_f1']:.3f} at once and to {after['val_macro_f1']:.3f} after more "
        f"training: {jump:+.3f}. The test, which nobody was trained on, went to "
        f"{after['test_macro_f1']:.3f}: {moved:+.3f}. What validation shows and the test does not "
        "is memory, not skill. A run that is resumed must resume its split.",
        "",
        "| | best epoch | val macro F1 | test macro F1 | 95 % interval | val mAP | test mAP |",
        "|---|---|---|---|---|---|---|",
    ]
    for row in found["rows"]:
        interval = "[{:.3f}, {:.3f}]".format(*row["test_interval"]) if row["test_interval"] else ""
        lines.append(
            f"| {row['point']} | {row['best_epoch']} | {row['val_macro_f1']:.3f} "
            f"| {row['test_macro_f1']:.3f} | {interval} "
            f"| {row['val_mean_average_precision']:.3f} "
            f"| {row['test_mean_average_precision']:.3f} |"
        )
    if found["cut"]:
        lines += ["", f"Cut to size: {found['cut']}."]
    lines += ["", "What `report` says of the run after the new draw:", ""]
    lines += [f"- {line}" for line in found["warnings"]] or ["- nothing"]
    return "\n".join(lines) + "\n"
