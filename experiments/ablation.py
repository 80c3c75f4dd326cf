"""What each part of a recipe adds: one change at a time, over seeds, on validation alone.

    python experiments/ablation.py experiments/changes.csv --data data/ --weights F --out rows.csv

The first file has a line for each change: `name,settings`, the settings as
`--set` takes them, with spaces between. Each is trained as `fit` trains it, up
to the best epoch; then validation is scored and no report is written. The test
posters are never scored. Rows of seeds that are in `--out` already are not
trained again, so a run that was cut off goes on.
"""

import contextlib
import csv
import gc
import statistics
import tempfile
import time
from pathlib import Path

import click

from keras_genres.recipes import RECIPES
from keras_genres.settings import load_settings
from keras_genres.training.start import start_keras

COLUMNS = ("name", "seed", "map", "exact", "expected", "epoch", "seconds")


@click.command()
@click.argument("changes", type=click.Path(exists=True))
@click.option("--data", type=click.Path(exists=True), required=True, help="Prepared posters.")
@click.option("--backbone", default="mobilenetv2", show_default=True)
@click.option("--weights", default="imagenet", show_default=True, help="Or a weight file.")
@click.option("--recipe", type=click.Choice(list(RECIPES)), default="best", show_default=True)
@click.option("--set", "overrides", multiple=True, help="Changes that all rows share.")
@click.option("--seeds", default=3, show_default=True)
@click.option("--out", type=click.Path(), required=True, help="CSV of every training.")
def main(changes, data, backbone, weights, recipe, overrides, seeds, out):
    """Print what each line of CHANGES adds to a recipe."""
    start_keras()
    base = load_settings(overrides=overrides, recipe=RECIPES[recipe])
    base = base.replace({"model.backbone": backbone, "model.weights": weights})
    with open(changes, newline="") as file:
        wanted = [(row["name"], row["settings"].split()) for row in csv.DictReader(file)]
    done = _read(out)
    for name, settings in [(recipe, []), *wanted]:
        asked = dict(part.split("=", 1) for part in settings)
        for seed in range(seeds):
            if (name, seed) not in done:
                row = measure(base.replace(asked | {"training.seed": seed}), data)
                done[name, seed] = row | {"name": name, "seed": seed}
                _append(out, done[name, seed])
                click.echo(done[name, seed], err=True)
        click.echo(_line(name, recipe, done, seeds))


def measure(settings, data):
    """Train and return what the scores of validation are worth.

    Args:
        settings: `Settings`.
        data: Folder that `data prepare` wrote.

    Returns:
        Dictionary: `map`, the mean average precision; `exact` and `expected`,
        macro F1 at thresholds of other posters (`evaluation.expected_f1.cross_fitted`);
        `epoch`, the best one; `seconds` of training, kept activations being there.
    """
    import keras

    from keras_genres.data.table import load_posters
    from keras_genres.evaluation.expected_f1 import cross_fitted
    from keras_genres.evaluation.metrics import mean_average_precision
    from keras_genres.runs import Predictions, Run
    from keras_genres.training.interrupt import StopOnSignal
    from keras_genres.training.job import build_job, poster_sources
    from keras_genres.training.prefix import keep_frozen
    from keras_genres.training.stages import resolve
    from keras_genres.training.train import train

    keras.backend.clear_session()
    gc.collect()
    settings, posters = resolve(settings), load_posters(data)
    job = build_job(settings, posters)
    sources = poster_sources(job)
    with tempfile.TemporaryDirectory() as scratch, StopOnSignal() as stop:
        prefix = keep_frozen(job, sources, stop)
        begun = time.perf_counter()
        course, score = train(job, sources, prefix, Run(scratch), stop)
        seconds = time.perf_counter() - begun
        scores = score("val")
    rows = posters.part("val")
    predictions = Predictions(rows.filenames, rows.labels, scores, rows.groups)
    fitted = cross_fitted(predictions, settings.evaluation.grid_step, ("exact", "expected"))
    return {
        "map": round(float(mean_average_precision(rows.labels, scores)), 4),
        **{method: round(float(values.mean()), 4) for method, values in fitted.items()},
        "epoch": course.early.best_epoch + 1,
        "seconds": round(seconds),
    }


def _line(name, recipe, done, seeds):
    """Return a row of the Markdown table: means, spreads, and gaps to the recipe by seed."""
    cells = [name]
    for column in ("map", "expected"):
        values = [float(done[name, seed][column]) for seed in range(seeds)]
        gaps = [float(done[recipe, seed][column]) for seed in range(seeds)]
        gaps = [value - base for value, base in zip(values, gaps, strict=True)]
        spread = statistics.stdev(values) if seeds > 1 else 0
        cells += [f"{statistics.mean(values):.4f} ± {spread:.4f}"]
        cells += [" ".join(f"{gap:+.4f}" for gap in gaps)]
    seconds = [float(done[name, seed]["seconds"]) for seed in range(seeds)]
    cells.append(f"{statistics.mean(seconds):.0f}")
    return f"| {' | '.join(cells)} |"


def _read(path):
    with contextlib.suppress(FileNotFoundError), open(path, newline="") as file:
        return {(row["name"], int(row["seed"])): row for row in csv.DictReader(file)}
    return {}


def _append(path, row):
    is_new = not Path(path).exists()
    with open(path, "a", newline="") as file:
        writer = csv.DictWriter(file, COLUMNS)
        if is_new:
            writer.writeheader()
        writer.writerow(row)


if __name__ == "__main__":
    main()
