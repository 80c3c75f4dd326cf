"""Genres of a folder of posters on Ray: on this machine, or unchanged on a cluster.

    pip install 'keras-genres[ray]'
    python experiments/predict_on_ray.py runs/v2s posters/ genres/ --workers 4

`ray.init()` starts Ray here, or joins the cluster that RAY_ADDRESS names. There the
model lies where every machine sees it, on a shared disk say; posters and output do,
too, or are in a bucket (s3://…).
"""

import os

import click
import ray

from keras_genres.inference.ray_batches import PredictBatch


@click.command()
@click.argument("model", type=click.Path(exists=True))
@click.argument("posters")
@click.argument("out")
@click.option("--workers", default=1, show_default=True, help="Each loads the model once.")
@click.option("--cores", default=1, show_default=True, help="Of each worker.")
@click.option("--gpus", default=0.0, show_default=True, help="Of each worker.")
@click.option("--batch", default=32, show_default=True, help="Posters at a time.")
def main(model, posters, out, workers, cores, gpus, batch):
    """Predict the genres of POSTERS and write Parquet files into the folder OUT."""
    ray.init(include_dashboard=False)
    files = ray.data.read_binary_files(posters, include_paths=True)
    told = files.map_batches(
        PredictBatch,
        fn_constructor_kwargs={
            "model": os.path.abspath(model),
            "batch_size": batch,
            "threads": cores,
        },
        batch_format="pyarrow",
        # Several of the network's batches: posters are decoded while it works.
        batch_size=8 * batch,
        compute=ray.data.ActorPoolStrategy(size=workers),
        num_cpus=cores,
        num_gpus=gpus,
    )
    told.drop_columns(["bytes"]).write_parquet(out)


if __name__ == "__main__":
    main()
