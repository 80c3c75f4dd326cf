"""What kept views cost in quality: validation macro F1 by their number, over seeds.

    python experiments/views.py --data data/ --weights FILE --posters 3000 --json views.json

Trains the head, or open blocks, on a frozen backbone for some epochs. With as many views
as epochs, made with the training's seed, every epoch has its own variation: these are the
batches of training on pixels (`tests/test_prefix.py` holds the two to be one), so that
row stands for it. Fewer views are the first of the same files, so that each pixel goes
through the backbone once for all rows of a seed.
"""

import statistics
import tempfile

import click

from keras_genres.files import write_json
from keras_genres.settings import load_settings
from keras_genres.training.start import start_keras


@click.command()
@click.option("--data", type=click.Path(exists=True), required=True, help="Prepared posters.")
@click.option("--backbone", default="mobilenetv2", show_default=True)
@click.option("--weights", default="imagenet", show_default=True, help="Or a weight file.")
@click.option("--unfreeze", default="none", show_default=True, help="Blocks to train.")
@click.option("--posters", default=3000, show_default=True)
@click.option("--epochs", default=10, show_default=True, help="And views of the last row.")
@click.option("--views", multiple=True, type=int, default=(1, 2, 4, 8), show_default=True)
@click.option("--learning-rate", default=1e-3, show_default=True)
@click.option("--size", type=int, help="Pixels a side; default: the backbone's.")
@click.option("--seeds", default=3, show_default=True)
@click.option("--json", "json_file", type=click.Path(), help="File for every score.")
def main(
    data, backbone, weights, unfreeze, posters, epochs, views, learning_rate, size, seeds, json_file
):
    """Print a table of views against validation macro F1."""
    start_keras()
    from keras_genres.bench.posters import some_posters
    from keras_genres.bench.stage import ours, read_task, timed
    from keras_genres.training.stages import resolve

    is_head = unfreeze == "none"
    settings = load_settings().replace(
        {
            "model.backbone": backbone,
            "model.weights": weights,
            "model.prior_bias": True,
            "training.unfreeze": unfreeze,
            "training.head_epochs": epochs if is_head else 0,
            "training.epochs": 0 if is_head else epochs,
            "training.head_learning_rate": learning_rate,
            "training.learning_rate": learning_rate,
            "training.patience": epochs,
            "input.cache": "memory",
            "input.height": size,
            "input.width": size,
        }
    )
    rows = []
    with some_posters(data, posters, 0, lambda line: click.echo(line, err=True)) as (found, _):
        task = read_task(resolve(settings), found)
        for seed in range(seeds):
            task.settings = task.settings.replace({"training.seed": seed})
            with tempfile.TemporaryDirectory() as folder:
                for count in (epochs, *sorted(views, reverse=True)):
                    way = timed(lambda task, count=count: ours(task, count, folder), task)
                    rows.append({"seed": seed, "views": count} | way())
                    click.echo(rows[-1], err=True)
    if json_file:
        write_json(json_file, {"posters": posters, "epochs": epochs, "rows": rows})
    for name, title in (("best_macro_f1", "best epoch"), ("macro_f1", "last epoch")):
        click.echo(f"{title}\nviews  macro F1  spread  minus one view an epoch, by seed")
        base = {row["seed"]: row[name] for row in rows if row["views"] == epochs}
        for count in (*sorted(views), epochs):
            scores = {row["seed"]: row[name] for row in rows if row["views"] == count}
            gaps = "  ".join(f"{scores[seed] - base[seed]:+.4f}" for seed in scores)
            spread = max(scores.values()) - min(scores.values())
            click.echo(f"{count:5}  {statistics.mean(scores.values()):8.4f}  {spread:6.4f}  {gaps}")


if __name__ == "__main__":
    main()
