"""`bench train`: the head's stage on a frozen backbone, ours against plain Keras.

Equal work: the same decoded posters in memory, split, size, batch size,
precision, epochs, learning rate, dropout and parts of the augmentation, and
a validation after every epoch. What is timed is the stage from `compile` to
the last epoch's end, tracing included; reading and decoding posters and
building the network are not.
"""

import dataclasses
import gc
import itertools
import tempfile
import time
from pathlib import Path

import keras
import numpy as np
from keras import layers

from keras_genres.bench.keras_layers import varied
from keras_genres.bench.machine import describe_machine, use_cores
from keras_genres.bench.measure import Contender, Measure, run_rounds, summarise
from keras_genres.bench.peers import Peer, choose_peers, peer_versions
from keras_genres.bench.posters import some_posters
from keras_genres.bench.result import Result
from keras_genres.data.table import Posters
from keras_genres.errors import UserError
from keras_genres.evaluation.thresholds import tuned_macro_f1
from keras_genres.genres import NUM_GENRES
from keras_genres.input.cache import keep_decoded
from keras_genres.input.pipeline import (
    PosterSource,
    evaluation_batches,
    steps_per_epoch,
    training_batches,
)
from keras_genres.model.backbones import find_backbone
from keras_genres.model.network import build_backbone
from keras_genres.model.row import PREPROCESSING
from keras_genres.settings import Settings, load_settings
from keras_genres.training import callbacks
from keras_genres.training.devices import choose_precision, set_precision
from keras_genres.training.job import build_job
from keras_genres.training.stages import resolve

PEERS = (
    Peer("keras-fit"),
    Peer("fastai", lacks="needs torchvision; not measured by this version"),
    Peer("timm", lacks="needs torchvision; not measured by this version"),
)
MEASURES = (
    Measure("seconds", "time of the stage", "s", "less"),
    Measure("macro_f1", "val macro F1, tuned, last epoch", "", "neither"),
)
_NOTES = {
    "ours": "fit's head stage: training_batches, StepLR, validation scores, best epoch kept",
    "keras-fit": (
        "as the Keras guide to transfer learning: frozen base called with training=False, pooling, "
        "dropout, dense sigmoid, Adam, binary cross-entropy, Keras's augmentation layers in "
        "tf.data over cached posters, fit with validation_data"
    ),
}


@dataclasses.dataclass
class Task:
    """What every contender trains."""

    settings: Settings
    """Resolved settings: one stage, the head's."""
    posters: Posters
    """Posters of all splits."""
    source: PosterSource
    """The same posters, decoded in memory."""
    decoded: np.ndarray
    """Their pixels, uint8 of shape `(posters, height, width, 3)`."""

    def rows(self, part):
        """Return the row numbers of `train` or `val`."""
        return np.flatnonzero(self.posters.splits == part)

    def labels(self, part):
        """Return the labels of `train` or `val`, float32."""
        return self.posters.labels[self.rows(part)].astype(np.float32)


def bench_train(
    data=None,
    *,
    backbone="mobilenetv2",
    weights="none",
    epochs=3,
    posters=600,
    size=None,
    batch_size=32,
    rounds=3,
    threads=None,
    precision="auto",
    peers=(),
    seed=0,
    note=lambda line: None,
):
    """Time the training of a head on a frozen backbone.

    Args:
        data: Prepared posters; `None` to draw some.
        backbone: Name in the table of backbones.
        weights: `imagenet`, `none` or a weight file.
        epochs: Epochs of the stage.
        posters: How many, all splits together.
        size: `(height, width)` in pixels; `None` for the backbone's own.
        batch_size: Posters in a training step.
        rounds: How often each contender trains, from the start.
        threads: CPU cores to use; `None` for all.
        precision: As `training.precision`.
        peers: Names of peers; empty for all.
        seed: Seed of posters, weights, order and augmentation; every round adds 1.
        note: Called with a line before each piece of work.

    Returns:
        A `Result`: seconds of the stage, and validation macro F1 with the
        last epoch's best thresholds, which is optimistic for everybody alike.

    Raises:
        UserError: For what the user can mend: unknown names, too few posters or cores.
    """
    names, left_out = choose_peers(PEERS, peers)
    changes = {
        "model.backbone": backbone,
        "model.weights": weights,
        "input.cache": "memory",
        "input.cache_memory_gib": 1e6,
        "training.head_epochs": epochs,
        "training.epochs": 0,
        "training.unfreeze": "none",
        "training.batch_size": batch_size,
        "training.precision": precision,
        "training.devices": "one",
        "training.seed": seed,
    }
    if size is not None:
        changes |= {"input.height": size[0], "input.width": size[1]}
    settings = resolve(load_settings().replace(changes))
    with use_cores(threads) as use, some_posters(data, posters, seed, note) as (found, where):
        task = _task(settings, found)
        # Whoever is no peer is a way of ours; each gets the task and returns
        # seconds and further measures.
        ways = {"ours": ours} | {name: _PEER_WAYS[name] for name in names}
        what = f"{backbone}, head, {epochs} epochs"
        contenders = [
            Contender(what, name, _timed(way, task), name not in names, _NOTES[name])
            for name, way in ways.items()
        ]
        timings = run_rounds(contenders, rounds, note)
        machine = describe_machine(use, peer_versions(PEERS, names))
    shown = settings.input
    return Result(
        "train",
        summarise(contenders, MEASURES, timings),
        timings,
        {"posters": f"{len(found)} ({where}), {len(task.rows('train'))} in training"}
        | {"size": f"{shown.height} × {shown.width}", "batch_size": batch_size}
        | {"precision": choose_precision(precision), "weights": Path(weights).name}
        | {"rounds": rounds, "seed": seed}
        | {"augmentation": dataclasses.asdict(settings.augment)},
        machine,
        [f"{one.who}: {one.note}" for one in contenders],
        left_out,
    )


def ours(task):
    """Train as `fit` does in its first stage.

    Returns:
        Seconds of the stage, and a dictionary of further measures.
    """
    training = task.settings.training
    job = build_job(task.settings, task.posters)
    train, val = (task.source.rows(task.rows(part)) for part in ("train", "val"))
    with tempfile.TemporaryDirectory(prefix="keras-genres-bench-") as scratch:
        started = time.perf_counter()
        batches = training_batches(
            train,
            task.labels("train"),
            batch_size=training.batch_size,
            seed=training.seed,
            augment=task.settings.augment,
        )
        checks = evaluation_batches(val, 2 * training.batch_size)

        def score(network):
            return network.predict(checks, verbose=0)[: len(val)].astype(np.float32)

        stage = job.stages[0]
        job.compile(job.network, stage.learning_rate)
        history = job.network.fit(
            batches,
            steps_per_epoch=steps_per_epoch(len(train), training.batch_size),
            epochs=stage.epochs,
            callbacks=[
                callbacks.StepLR(job.stages, training.step_epochs, training.gamma),
                callbacks.Validate(score, task.labels("val"), job.loss),
                callbacks.MacroF1EarlyStopping(
                    "val_macro_f1_tuned",
                    training.head_epochs,
                    stage.first_epoch,
                    Path(scratch) / "best.weights.h5",
                ),
            ],
            shuffle=False,
            verbose=0,
        ).history
        seconds = time.perf_counter() - started
    return seconds, {"macro_f1": history["val_macro_f1_tuned"][-1]}


def keras_fit(task):
    """Train as the Keras guide to transfer learning does.

    Returns:
        Seconds of the stage, and a dictionary of further measures.

    Source: the Keras guide "Transfer learning & fine-tuning".
    """
    import tensorflow as tf

    settings = task.settings
    training, seed = settings.training, settings.training.seed
    keras.utils.set_random_seed(seed)
    model = _guide_model(settings)
    rows = {part: task.rows(part) for part in ("train", "val")}
    pixels = {part: task.decoded[rows[part]] for part in rows}
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
        optimizer=keras.optimizers.Adam(training.head_learning_rate),
        loss=keras.losses.BinaryCrossentropy(),
        metrics=[keras.metrics.BinaryAccuracy()],
    )
    model.fit(train, epochs=training.head_epochs, validation_data=val, shuffle=False, verbose=0)
    seconds = time.perf_counter() - started
    scores = np.asarray(model.predict(val, verbose=0), np.float32)
    return seconds, {"macro_f1": tuned_macro_f1(task.labels("val"), scores)}


_PEER_WAYS = {"keras-fit": keras_fit}


def _guide_model(settings):
    row = find_backbone(settings.model.backbone)
    shape = (settings.input.height, settings.input.width)
    base = build_backbone(row, *shape, settings.model.weights)
    base.trainable = False
    inputs = keras.Input((*shape, 3))
    wanted = PREPROCESSING[row.preprocessing]
    x = layers.Rescaling(list(wanted.scale), list(wanted.offset))(inputs)
    x = keras.ops.flip(x, axis=-1) if wanted.is_bgr else x
    x = base(x, training=False)
    x = layers.GlobalAveragePooling2D()(x)
    x = layers.Dropout(settings.model.dropout)(x)
    return keras.Model(inputs, layers.Dense(NUM_GENRES, activation="sigmoid", dtype="float32")(x))


def _task(settings, posters):
    for part in ("train", "val"):
        if not (posters.splits == part).any():
            raise UserError(f"None of the {len(posters)} posters is in {part}. Raise --posters.")
    set_precision(choose_precision(settings.training.precision))
    height, width = settings.input.height, settings.input.width
    source = PosterSource(posters.paths, height, width, settings.input)
    source.prepare()
    decoded, _ = keep_decoded(posters.paths, height, width, settings.input)
    return Task(settings, posters, source, decoded)


def _timed(way, task):
    # Another seed every round, so that the spread of macro F1 is one over seeds.
    seeds = itertools.count(task.settings.training.seed)

    def run():
        settings = task.settings.replace({"training.seed": next(seeds)})
        cpu = time.process_time()
        seconds, more = way(dataclasses.replace(task, settings=settings))
        cpu = time.process_time() - cpu
        keras.backend.clear_session()
        gc.collect()
        return {"seconds": seconds, "cpu_seconds": cpu, **more}

    return run
