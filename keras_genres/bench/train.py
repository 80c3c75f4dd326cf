"""`bench train` and `bench prefix`: one stage, ours against plain Keras."""

import dataclasses
import functools
from pathlib import Path

from keras_genres.bench.machine import describe_machine, use_cores
from keras_genres.bench.measure import Contender, Measure, run_rounds, summarise
from keras_genres.bench.peers import Peer, choose_peers, peer_versions
from keras_genres.bench.posters import some_posters
from keras_genres.bench.result import Result
from keras_genres.bench.stage import KERAS_FIT, keras_fit, ours, read_task, timed
from keras_genres.model.backbones import find_backbone
from keras_genres.settings import load_settings
from keras_genres.training.devices import choose_precision
from keras_genres.training.stages import resolve, stages

PEERS = (
    Peer("keras-fit"),
    Peer("fastai", lacks="needs torchvision; not measured by this version"),
    Peer("timm", lacks="needs torchvision; not measured by this version"),
)
_SECONDS = Measure("seconds", "time of the stage", "s", "less")
_EPOCH = Measure("epoch_seconds", "time of an epoch after the first", "s", "less")
_CACHE = Measure("cache_mib", "kept activations", "MiB", "neither")
_F1 = Measure("macro_f1", "val macro F1, tuned, last epoch", "", "neither")
_ON_PIXELS = "ours, on pixels"


def bench_train(data=None, *, unfreeze="none", epochs=10, **options):
    """Time a whole stage: the head's, or that of open blocks.

    Args:
        data: Prepared posters; `None` to draw some.
        unfreeze: Blocks trained besides the head, as `training.unfreeze`.
        epochs: Epochs of the stage.
        **options: As `bench_stage` takes them.

    Returns:
        A `Result`: seconds of the stage, computing the prefix cache included,
        and validation macro F1 with the last epoch's best thresholds, which is
        optimistic for everybody alike.

    Raises:
        UserError: For what the user can mend: unknown names, too few posters or cores.
    """
    return bench_stage("train", data, unfreeze, epochs, (_SECONDS, _F1), PEERS, **options)


def bench_prefix(data=None, *, unfreeze=None, epochs=3, **options):
    """Time the epochs of a stage with and without the prefix cache, and what it costs.

    Args:
        data: Prepared posters; `None` to draw some.
        unfreeze: Blocks trained besides the head; `None` for the backbone's own.
        epochs: Epochs of the stage; the first traces and is not counted.
        **options: As `bench_stage` takes them.

    Returns:
        A `Result`: seconds of an epoch, of the stage, and size of the cache.
    """
    measures = (_EPOCH, _SECONDS, _CACHE, _F1)
    return bench_stage("prefix", data, unfreeze, epochs, measures, PEERS[:1], **options)


def bench_stage(
    name,
    data,
    unfreeze,
    epochs,
    measures,
    known,
    *,
    backbone="mobilenetv2",
    weights="none",
    views=(1, 4),
    posters=600,
    size=None,
    batch_size=32,
    rounds=3,
    threads=None,
    precision="auto",
    learning_rate=1e-3,
    peers=(),
    seed=0,
    note=lambda line: None,
):
    """Time one stage of a training.

    Args:
        name: Name of the bench.
        data: Prepared posters; `None` to draw some.
        unfreeze: Blocks trained besides the head; `none` for the head's stage.
        epochs: Epochs of the stage.
        measures: The `Measure`s to show.
        known: The `Peer`s there are.
        backbone: Name in the table of backbones.
        weights: `imagenet`, `none` or a weight file.
        views: Views of the prefix cache, one contender each.
        posters: How many, all splits together.
        size: `(height, width)` in pixels; `None` for the backbone's own.
        batch_size: Posters in a training step.
        rounds: How often each contender trains, from the start.
        threads: CPU cores to use; `None` for all.
        precision: As `training.precision`.
        learning_rate: Adam step size.
        peers: Names of peers; empty for all.
        seed: Seed of posters, weights, order and augmentation; every round adds 1.
        note: Called with a line before each piece of work.

    Returns:
        A `Result`.
    """
    names, left_out = choose_peers(known, peers)
    changes = {
        "model.backbone": backbone,
        "model.weights": weights,
        "model.prior_bias": True,
        "input.cache": "memory",
        "input.cache_memory_gib": 1e6,
        "prefix.disk_gib": 1e6,
        # Without weights all blocks are open by default; the table's own are meant here.
        "training.unfreeze": unfreeze or find_backbone(backbone).unfreeze,
        "training.batch_size": batch_size,
        "training.precision": precision,
        "training.devices": "one",
        "training.patience": epochs,
        "training.seed": seed,
    }
    if unfreeze == "none":
        changes |= {"training.head_epochs": epochs, "training.epochs": 0}
        changes |= {"training.head_learning_rate": learning_rate}
    else:
        changes |= {"training.head_epochs": 0, "training.epochs": epochs}
        changes |= {"training.learning_rate": learning_rate}
    if size is not None:
        changes |= {"input.height": size[0], "input.width": size[1]}
    settings = resolve(load_settings().replace(changes))
    (stage,) = stages(settings)
    what = f"{backbone}, {', '.join((*stage.blocks, 'head'))}, {epochs} epochs"
    with use_cores(threads) as use, some_posters(data, posters, seed, note) as (found, where):
        task = read_task(settings, found)
        ways = {_ON_PIXELS: (ours, "fit on varied posters, no prefix cache")}
        for count in views:
            way = functools.partial(ours, views=count)
            text = f"fit with --prefix-cache on --set prefix.views={count}, computing it included"
            ways[f"ours, {count} view{'s' if count > 1 else ''}"] = (way, text)
        ways |= {"keras-fit": (keras_fit, KERAS_FIT)} if "keras-fit" in names else {}
        # `bench prefix` asks what the cache adds to our own way on pixels.
        others = {"keras-fit"} | ({_ON_PIXELS} if name == "prefix" else set())
        contenders = [
            Contender(what, who, timed(way, task), who not in others, text)
            for who, (way, text) in ways.items()
        ]
        timings = run_rounds(contenders, rounds, note)
        machine = describe_machine(use, peer_versions(known, names))
        counts = {part: len(task.rows(part)) for part in ("train", "val", "test")}
    shown = settings.input
    return Result(
        name,
        summarise(contenders, measures, timings),
        timings,
        {"posters": f"{len(found)} ({where}), {counts['train']} in training"}
        | {"size": f"{shown.height} × {shown.width}", "batch_size": batch_size}
        | {"precision": choose_precision(precision), "weights": Path(weights).name}
        | {"learning_rate": learning_rate, "rounds": rounds, "seed": seed}
        | {"augmentation": dataclasses.asdict(settings.augment)},
        machine,
        [f"{one.who}: {one.note}" for one in contenders],
        left_out,
    )
