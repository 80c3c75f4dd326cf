"""One stage of a training, by us and by others, for `bench train` and `bench prefix`.

Equal work: the same decoded posters in memory, split, size, batch size,
precision, epochs, open blocks, learning rate, dropout and parts of the
augmentation, and a validation after every epoch. What is timed is the stage
from its first step to its last, tracing and the computing of kept activations
included; reading and decoding posters and building the network are not.
"""

import contextlib
import csv
import dataclasses
import gc
import io
import itertools
import statistics
import tempfile
import time

import keras
import numpy as np
from keras import layers

from keras_genres.bench.keras_layers import varied
from keras_genres.data.table import Posters
from keras_genres.errors import UserError
from keras_genres.evaluation.thresholds import tuned_macro_f1
from keras_genres.genres import NUM_GENRES
from keras_genres.input.cache import keep_decoded
from keras_genres.input.pipeline import PosterSource
from keras_genres.model.backbones import find_backbone
from keras_genres.model.network import build_backbone, preprocess
from keras_genres.runs import Run
from keras_genres.settings import Settings
from keras_genres.training.devices import choose_precision, set_precision
from keras_genres.training.interrupt import StopOnSignal
from keras_genres.training.job import build_job
from keras_genres.training.prefix import keep_frozen
from keras_genres.training.stages import stages
from keras_genres.training.train import train

KERAS_FIT = (
    "as the Keras guide to transfer learning: base called with training=False, pooling, dropout, "
    "dense sigmoid, Adam, binary cross-entropy, Keras's augmentation layers in tf.data over cached "
    "posters, fit with validation_data"
)


@dataclasses.dataclass
class Task:
    """What every contender trains."""

    settings: Settings
    """Resolved settings of one stage."""
    posters: Posters
    """Posters of all splits."""
    source: PosterSource
    """The same posters, decoded in memory."""
    decoded: np.ndarray
    """Their pixels, uint8 of shape `(posters, height, width, 3)`."""

    def rows(self, part):
        """Return the row numbers of a split."""
        return np.flatnonzero(self.posters.splits == part)

    def labels(self, part):
        """Return the labels of a split, float32."""
        return self.posters.labels[self.rows(part)].astype(np.float32)


def read_task(settings, posters):
    """Decode posters and return the `Task` of training on them.

    Raises:
        UserError: If a split has none of them.
    """
    for part in ("train", "val", "test"):
        if not (posters.splits == part).any():
            raise UserError(f"None of the {len(posters)} posters is in {part}. Raise --posters.")
    set_precision(choose_precision(settings.training.precision))
    height, width = settings.input.height, settings.input.width
    source = PosterSource(posters.paths, height, width, settings.input)
    source.prepare()
    decoded, _ = keep_decoded(posters.paths, height, width, settings.input)
    return Task(settings, posters, source, decoded)


def ours(task, views=None, folder=None):
    """Train as `fit` does.

    Args:
        task: The `Task`.
        views: Views of the prefix cache; `None` for none, on pixels.
        folder: Folder of the prefix cache, which other trainings may share;
            `None` for a new one.

    Returns:
        Dictionary of measures: `seconds` of the stage, `epoch_seconds` (median
        of all epochs but the first), `macro_f1` of the last epoch,
        `best_macro_f1` of the best, and `cache_mib`.
    """
    with tempfile.TemporaryDirectory(prefix="keras-genres-bench-") as scratch:
        settings = task.settings.replace(
            {
                "prefix.cache": "on" if views else "off",
                "prefix.views": views or 1,
                "prefix.seed": task.settings.training.seed,
                "input.cache_folder": str(folder or scratch),
            }
        )
        job = build_job(settings, task.posters)
        sources = {part: task.source.rows(task.rows(part)) for part in ("train", "val", "test")}
        run = Run(scratch)
        with contextlib.redirect_stderr(io.StringIO()), StopOnSignal() as stop:
            started = time.perf_counter()
            prefix = keep_frozen(job, sources, stop)
            train(job, sources, prefix, run, stop)
            seconds = time.perf_counter() - started
        with run.history_file.open(newline="") as file:
            history = list(csv.DictReader(file))
        kept = sum(one.size for one in prefix.kept.values())
    epochs = [float(row["seconds"]) for row in history]
    scores = [float(row["val_macro_f1_tuned"]) for row in history]
    return {
        "seconds": seconds,
        "epoch_seconds": statistics.median(epochs[1:] or epochs),
        "macro_f1": scores[-1],
        "best_macro_f1": max(scores),
        "cache_mib": kept / 2**20,
    }


def keras_fit(task):
    """Train as the Keras guide to transfer learning does.

    Returns:
        Dictionary of measures, as `ours` returns it, the first three.

    Source: the Keras guide "Transfer learning & fine-tuning".
    """
    import tensorflow as tf

    settings = task.settings
    training, seed = settings.training, settings.training.seed
    stage = stages(settings)[0]
    keras.utils.set_random_seed(seed)
    model = _guide_model(settings, stage.blocks)
    rows = {part: task.rows(part) for part in ("train", "val")}
    pixels = {part: task.decoded[rows[part]] for part in rows}
    clock = _Clock()
    started = time.perf_counter()
    train, val = (
        tf.data.Dataset.from_tensor_slices((pixels[part], task.labels(part))) for part in rows
    )
    train = train.shuffle(len(rows["train"]), seed=seed).batch(training.batch_size)
    # The layers want floats; ours, too, are given float posters.
    train = train.map(lambda images, labels: (tf.cast(images, tf.float32), labels))
    train = varied(train, settings.augment, seed)
    val = val.batch(2 * training.batch_size).prefetch(tf.data.AUTOTUNE)
    model.compile(
        optimizer=keras.optimizers.Adam(stage.learning_rate),
        loss=keras.losses.BinaryCrossentropy(),
        metrics=[keras.metrics.BinaryAccuracy()],
    )
    model.fit(
        train,
        epochs=stage.epochs,
        validation_data=val,
        callbacks=[clock],
        shuffle=False,
        verbose=0,
    )
    seconds = time.perf_counter() - started
    scores = np.asarray(model.predict(val, verbose=0), np.float32)
    return {
        "seconds": seconds,
        "epoch_seconds": statistics.median(clock.seconds[1:] or clock.seconds),
        "macro_f1": tuned_macro_f1(task.labels("val"), scores),
    }


def timed(way, task):
    """Return a function that does the work once; another seed every time.

    So the spread of macro F1 is one over seeds.
    """
    seeds = itertools.count(task.settings.training.seed)

    def run():
        settings = task.settings.replace({"training.seed": next(seeds)})
        cpu = time.process_time()
        found = way(dataclasses.replace(task, settings=settings))
        cpu = time.process_time() - cpu
        keras.backend.clear_session()
        gc.collect()
        return found | {"cpu_seconds": cpu}

    return run


class _Clock(keras.callbacks.Callback):
    """Times epochs, validation included."""

    def __init__(self):
        super().__init__()
        self.seconds = []

    def on_epoch_begin(self, epoch, logs=None):
        self.start = time.perf_counter()

    def on_epoch_end(self, epoch, logs=None):
        self.seconds.append(time.perf_counter() - self.start)


def _guide_model(settings, blocks):
    row = find_backbone(settings.model.backbone)
    shape = (settings.input.height, settings.input.width)
    base = build_backbone(row, *shape, settings.model.weights)
    for name, found in row.layers_by_block(base).items():
        for layer in found:
            layer.trainable = name in blocks
    inputs = keras.Input((*shape, 3))
    x = base(preprocess(inputs, row), training=False)
    x = layers.GlobalAveragePooling2D()(x)
    x = layers.Dropout(settings.model.dropout)(x)
    return keras.Model(inputs, layers.Dense(NUM_GENRES, activation="sigmoid", dtype="float32")(x))
