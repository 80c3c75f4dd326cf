"""`MODEL_CARD.md`: what a model is, what it is good for and what not, beside the model itself.

In the form of Hugging Face: facts for machines as YAML at the top, then text.

Source: Mitchell et al. 2019, "Model Cards for Model Reporting", arXiv:1810.03993;
the fields are those of `huggingface_hub.ModelCardData`.
"""

import numpy as np
import yaml

from keras_genres.evaluation.about import about_run
from keras_genres.evaluation.alarms import NAMES, is_alarm
from keras_genres.evaluation.compare.facts import read_facts
from keras_genres.evaluation.explain import explain_thresholds
from keras_genres.evaluation.markdown import (
    escape_markdown,
    interval_text,
    markdown_list,
    markdown_pairs,
    markdown_table,
)
from keras_genres.evaluation.report_markdown import calibration_markdown, headlines_table
from keras_genres.genres import GENRES, NUM_GENRES
from keras_genres.split import SPLITS

_DIGITS = 4
_FEW = 3
_MEASURES = (
    ("f1", "Macro F1", "macro_f1"),
    ("f1", "Micro F1", "micro_f1"),
    ("f1", "Weighted F1", "weighted_f1"),
    ("f1", "Samples F1", "samples_f1"),
    ("mean_average_precision", "Mean average precision", "mean_average_precision"),
    ("roc_auc", "Mean ROC AUC", "mean_roc_auc"),
    ("top_3_hit", "Top-3 hit", "top_3_hit"),
)
_USE = """\
```python
from keras_genres import Predictor

predictor = Predictor.load("model.keras")  # or the run folder
print(predictor.predict(["poster.jpg"])[0].genres)
```

The SavedModel needs TensorFlow alone:

```python
import json
from pathlib import Path

import tensorflow as tf

serve = tf.saved_model.load("saved_model").signatures["serve_bytes"]
told = json.loads(Path("saved_model/assets.extra/keras_genres.json").read_text())
poster = Path("poster.jpg").read_bytes()
scores = serve(image_bytes=tf.constant([poster]))["scores"].numpy()[0]
print([g for g, s in zip(told["genres"], scores) if s >= told["thresholds"][g]])
```

Preprocessing is part of both: give them JPEG or PNG files of any size."""


def model_card(run, report):
    """Return the model card of a run.

    Args:
        run: The `Run`, with a model.
        report: Its `Report`.

    Returns:
        Markdown; the same for the same run folder, wherever that lies.
    """
    about = about_run(run)
    alarms = [line for line in report.warnings if is_alarm(line)]
    parts = [_front_matter(run, report, about.title), f"# {escape_markdown(about.title)}", ""]
    if about.cut:
        parts += [
            f"**Cut to size: {escape_markdown(about.cut)}.** A whole run has other numbers.",
            "",
        ]
    parts += [
        f"A network that tells which of {NUM_GENRES} film genres a poster is of: "
        f"{', '.join(GENRES)}. A poster gets each genre whose score reaches the genre's threshold, "
        "so it may get several or none. Trained with keras-genres.",
        "",
    ]
    if alarms:
        parts += ["## Before the numbers", "", markdown_list(alarms), ""]
    parts += ["## Result on test", "", headlines_table(report), "", _result_note(report), ""]
    parts += [_genres(run, report), ""]
    if report.calibration is not None:
        parts += ["Predictions and exports have calibrated scores and the thresholds of those.", ""]
    parts += ["## Data", "", _data(run), "", _counts(run), ""]
    parts += ["## Thresholds", "", *explain_thresholds(report), ""]
    parts += ["## Calibration", "", *_calibration(report), ""]
    parts += ["## Intended use", "", markdown_list(_uses()), ""]
    parts += ["## Limits", "", markdown_list(_limits(run, report)), ""]
    parts += ["## How to use it", "", _USE, ""]
    parts += ["## Training, hardware and time", "", markdown_pairs(_made(about)), ""]
    return "\n".join(parts)


def _front_matter(run, report, title):
    test = report.summaries["test"]
    values = test["measures"]["tuned"] | test["ranking"]
    metrics = [
        {"type": kind, "name": name, "value": round(values[key], _DIGITS)}
        for kind, name, key in _MEASURES
        if values[key] is not None
    ]
    if report.calibration is not None:
        mean = report.calibration["table"][-1]
        for key, name in (("brier", "Brier score"), ("ece", "expected calibration error")):
            value = round(mean[f"{key}_after"], _DIGITS)
            metrics.append(
                {"type": f"{key}_score", "name": f"Mean {name}, calibrated", "value": value}
            )
    split = run.split()
    result = {
        "task": {"type": "image-classification", "name": "Film genres of a poster, multi-label"},
        "dataset": {
            "type": "film-posters",
            "name": f"Film posters, split {split.sha256[:12]}",
            "split": "test",
        },
        "metrics": metrics,
    }
    value = {
        "library_name": "keras",
        "pipeline_tag": "image-classification",
        "tags": [
            "keras-genres",
            "multi-label-classification",
            "film-posters",
            *(read_facts(run).backbone or "").split("+"),
        ],
        "metrics": ["f1", "roc_auc"],
        "model-index": [{"name": title, "results": [result]}],
    }
    text = yaml.safe_dump(value, sort_keys=False, allow_unicode=True, width=1000)
    return f"---\n{text}---\n"


def _result_note(report):
    test = report.summaries["test"]
    intervals = test["intervals"]
    note = f"{test['posters']:,} test posters in {test['groups']:,} groups."
    if intervals["bounds"]:
        note += (
            f" Intervals are of {100 * intervals['confidence']:g} %, from {intervals['resamples']} "
            "bootstrap resamples of groups of posters."
        )
    return note


def _genres(run, report):
    """Return the table of the genres: score, interval and threshold."""
    table = report.tables["test"].iloc[: len(GENRES)]
    calibration = run.calibration()
    carried = None if calibration is None else calibration.carry_thresholds(table["threshold"])
    intervals = report.summaries["test"]["intervals"]["genres"]
    head = ["genre", "test posters", "precision", "recall", "F1", "interval of F1", "threshold"]
    rows = [head + (["of calibrated scores"] if carried is not None else [])]
    for index, row in enumerate(table.itertuples(index=False)):
        cells = [row.genre, f"{row.support:,}"]
        cells += [f"{value:.3f}" for value in (row.precision, row.recall, row.f1)]
        cells += [interval_text(*intervals.get(row.genre, (None, None))), f"{row.threshold:.4f}"]
        rows.append(cells + ([f"{carried[index]:.4f}"] if carried is not None else []))
    return markdown_table(rows)


def _data(run):
    split = run.split()
    parts = [split.splits[name] for name in SPLITS]
    sizes = ", ".join(
        f"{part['posters']:,} {NAMES[name]}" for name, part in zip(SPLITS, parts, strict=True)
    )
    return (
        f"{sizes} posters, in {sum(part['groups'] for part in parts):,} groups: the split keeps "
        "posters of one film or of one picture together. The network learns from training, "
        "validation is for choices, and test gave the numbers above. "
        f"Split: seed {split.seed}, SHA-256 `{split.sha256}`."
    )


def _counts(run):
    counts = {name: run.split().splits[name]["genres"] for name in SPLITS}
    rows = [[genre, *(f"{counts[name][genre]:,}" for name in SPLITS)] for genre in GENRES]
    return markdown_table([["posters with", *(NAMES[name] for name in SPLITS)], *rows])


def _calibration(report):
    if report.calibration is None:
        return [
            "None: scores are the network's own. A score of 0.7 does not mean that seven in ten "
            "such posters have the genre; `report/calibration.png` shows what it means."
        ]
    return calibration_markdown(report.calibration)


def _uses():
    return [
        "To suggest genres for film posters that a person looks over, to search and sort "
        "catalogues, and to study what posters show.",
        "Not to rate films for an age, not to judge people on a poster, and not as the only source "
        "of what a film is.",
    ]


def _limits(run, report):
    """Return what holds for every run, and what this one's numbers say."""
    labels = report.predictions["test"].labels
    per_poster = labels.sum(axis=1, dtype=int)
    train = run.split().splits["train"]["genres"]
    rarest = sorted(GENRES, key=lambda genre: (train[genre], GENRES.index(genre)))[:_FEW]
    f1 = report.tables["test"].iloc[: len(GENRES)].set_index("genre")["f1"]
    worst = [GENRES[i] for i in np.argsort(f1.to_numpy(), kind="stable")[:_FEW]]
    return [
        f"It knows {NUM_GENRES} genres and no other: a western gets some of these, or none.",
        f"A test poster has {per_poster.min()} to {per_poster.max()} genres, "
        f"{per_poster.mean():.1f} on average. Labels that come from IMDb name at most three genres "
        "a film, so true ones are missing, and a pick that is counted as wrong may be right.",
        "Rare genres are learned from few posters: "
        f"{', '.join(f'{genre} from {train[genre]:,}' for genre in rarest)}. "
        f"Lowest on test are {', '.join(worst)}.",
        "Collections of posters cover decades, countries and languages unevenly. What is rare in "
        "the training posters is told less well; the report shows errors by year, or by another "
        "column, where the data have it.",
        "A poster is an advertisement: it may promise another film, and who relies on it repeats "
        "the habits of those who draw posters.",
        "Thresholds and calibration hold where genres are about as frequent as among the "
        "validation posters, and for posters of the same kind: whole ones, no photographs of "
        "posters on a wall, no stills.",
    ]


def _made(about):
    """Return pairs of texts, what was trained before how; each name once."""
    return list(dict([*about.trained, *about.made_by]).items())
