"""The network with everything that training needs around it."""

import contextlib
import dataclasses
from dataclasses import dataclass

import keras
import numpy as np

from keras_genres.input.pipeline import PosterSource
from keras_genres.model.backbones import BACKBONES
from keras_genres.model.freezing import set_open_blocks
from keras_genres.model.losses import make_loss
from keras_genres.model.network import backbone_of, build_network
from keras_genres.training import devices
from keras_genres.training.optimizers import StageAdam, factors_by_depth
from keras_genres.training.stages import stages, with_choices


@dataclass
class Job:
    """What is trained, and how: `fit` and `dry_run` both build one."""

    settings: object
    posters: object
    stages: tuple
    network: object
    loss: object
    device_count: int
    accumulate: int = 1
    """Parts that a batch is cut into, where memory does not hold all of it at once."""
    frozen_size: int | None = None
    """Posters that go through the frozen part at a time, if it is not to hang on the batch."""

    def open(self, stage):
        """Set what `stage` trains."""
        training, model = self.settings.training, self.settings.model
        set_open_blocks(
            self.network,
            BACKBONES[model.backbone],
            stage.blocks,
            # Random weights have no statistics worth keeping.
            keep_batchnorm_still=training.keep_batchnorm_still and model.weights != "none",
        )

    def compile(self, model, learning_rate):
        """Compile with a new, built Adam, the same loss and the same precision.

        Args:
            model: The network, or a model on its layers.
            learning_rate: Adam step size.
        """
        training = self.settings.training
        with self.scope():
            model.compile(
                optimizer=StageAdam(
                    learning_rate,
                    self._factors(model.trainable_variables),
                    training.weight_decay,
                    training.ema,
                    global_clipnorm=training.clip_norm or None,
                    gradient_accumulation_steps=self.accumulate if self.accumulate > 1 else None,
                ),
                loss=self.loss,
                jit_compile=training.jit == "on",
            )
            # Slots made later, inside a running fit, would be outside the scope.
            model.optimizer.build(model.trainable_variables)

    def _factors(self, variables):
        decay = self.settings.training.layer_decay
        if decay == 1:
            return None
        backbone = BACKBONES[self.settings.model.backbone]
        blocks = backbone.layers_by_block(backbone_of(self.network)).values()
        return factors_by_depth(variables, list(blocks), decay)

    @property
    def part_size(self):
        """Posters that go through the network at a time in training."""
        return self.settings.training.batch_size // self.accumulate

    @property
    def scoring_size(self):
        """The same in scoring: no gradients are kept, so twice as many fit."""
        return 2 * self.part_size

    @property
    def pass_size(self):
        """The same in the pass over the frozen part, whose sums are rounded by it."""
        return self.frozen_size if self.frozen_size and self.accumulate == 1 else self.scoring_size

    def scope(self):
        """Return the scope in which models of this job are made and compiled."""
        if self.is_mirrored:
            return self.network.distribute_strategy.scope()
        return contextlib.nullcontext()

    @property
    def is_mirrored(self):
        return self.device_count > 1 and keras.backend.backend() == "tensorflow"


def build_job(settings, posters):
    """Choose devices and precision, and build the network of resolved settings.

    Args:
        settings: Resolved `Settings`.
        posters: `Posters` of all splits.

    Returns:
        A `Job`, open for its first stage and not compiled.

    Raises:
        UserError: If weights, size or devices do not fit.
    """
    training = settings.training
    devices.hide_gpus_from_tensorflow()
    if training.deterministic:
        devices.be_deterministic()
    keras.utils.set_random_seed(training.seed)
    precision = devices.choose_precision(training.precision)
    settings = with_choices(
        settings,
        precision,
        devices.choose_jit(training.jit),
        devices.choose_where(settings.augment.where),
    )
    devices.set_precision(precision)
    scope, device_count = devices.use_all_devices(training.devices, training.batch_size)
    labels = posters.part("train").labels
    with scope:
        network = build_network(
            settings.model,
            settings.input.height,
            settings.input.width,
            seed=training.seed,
            prior=labels.mean(axis=0) if settings.model.prior_bias else None,
        )
    loss = make_loss(training, labels)
    job = Job(settings, posters, stages(settings), network, loss, device_count)
    job.open(job.stages[0])
    return job


def poster_sources(job):
    """Return the `PosterSource` of each split; they share one store of decoded posters."""
    posters, options = job.posters, job.settings.input
    source = PosterSource(posters.paths, options.height, options.width, options)
    return {
        part: source.rows(np.flatnonzero(posters.splits == part))
        for part in ("train", "val", "test")
    }


def plain_copy(job):
    """Return the network without optimizer, loss or strategy, everything trainable.

    The optimizer's averages would triple the file, and a loss of ours would
    keep it from loading without this package.
    """
    settings = job.settings
    model = dataclasses.replace(settings.model, weights="none")
    copy = build_network(model, settings.input.height, settings.input.width)
    copy.set_weights(job.network.get_weights())
    return copy
