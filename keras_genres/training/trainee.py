"""What a `fit` call trains: the whole network on pixels, or its tail on kept activations."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from keras_genres.input.activations import activation_batches, plain_activation_batches
from keras_genres.input.pipeline import evaluation_batches, training_batches
from keras_genres.model.augment import augmented
from keras_genres.model.backbones import BACKBONES
from keras_genres.model.cut import build_tail


@dataclass(frozen=True)
class Trainee:
    """A model with the batches it is trained and scored on."""

    model: Any
    """The `keras.Model` to compile and fit; its layers are the network's."""
    batches: Callable
    """Called with an epoch and how many of its batches to skip; returns a dataset of training
    batches without end, cut into the job's parts."""
    score: Callable
    """Called with a split name and callbacks; returns float32 scores `(posters, genres)`."""


def live_trainee(job, sources):
    """Return the whole network with batches of varied posters.

    Args:
        job: The `Job`.
        sources: Split name to `PosterSource`.
    """
    settings = job.settings
    training, where = settings.training, settings.augment.where
    model = job.network
    if where == "device":
        with job.scope():
            is_mixed = bool(training.mixup or training.cutmix)
            model = augmented(job.network, settings.augment, is_mixed)

    def batches(epoch, step=0):
        found = training_batches(
            sources["train"],
            job.posters.part("train").labels,
            batch_size=training.batch_size,
            seed=training.seed,
            augment=settings.augment,
            mixup=training.mixup,
            cutmix=training.cutmix,
            first_epoch=epoch,
            first_step=step,
            where=where,
        )
        return _in_parts(found, job)

    return Trainee(model, batches, live_scorer(job, sources))


def kept_trainee(job, kept):
    """Return what lies above a cut, with batches of kept activations.

    Args:
        job: The `Job`.
        kept: A `Kept`, whole.
    """
    settings = job.settings
    views = [view.array() for view in kept.views]
    backbone = BACKBONES[settings.model.backbone]
    with job.scope():
        model = build_tail(job.network, backbone, kept.cut, views[0].dtype.name)
        scorer = build_tail(job.network, backbone, kept.cut)
    # The same layers under an input of float32: what is scored is not rounded.
    scorer.compile(jit_compile=settings.training.jit == "on")

    def batches(epoch, step=0):
        found = activation_batches(
            views,
            job.posters.part("train").labels,
            batch_size=settings.training.batch_size,
            seed=settings.training.seed,
            mixup=settings.training.mixup,
            first_epoch=epoch,
            first_step=step,
        )
        return _in_parts(found, job)

    def score(part, hooks=()):
        rows = kept.held_out[part].array()
        found = plain_activation_batches(rows, job.scoring_size)
        return _scores(scorer, found, len(rows), hooks)

    return Trainee(model, batches, score)


def live_scorer(job, sources):
    """Return a function that scores a split from its pixels: see `Trainee.score`."""

    def score(part, hooks=()):
        batches = evaluation_batches(sources[part], job.scoring_size)
        return _scores(job.network, batches, len(sources[part]), hooks)

    return score


def _in_parts(batches, job):
    return batches if job.accumulate == 1 else batches.rebatch(job.part_size, drop_remainder=True)


def _scores(model, batches, count, hooks):
    return model.predict(batches, verbose=0, callbacks=[*hooks])[:count].astype(np.float32)
