"""The stages of a run, from the settings.

Stage 1 trains the head on a frozen backbone, stage 2 the head and the open
blocks at a lower rate; each has a schedule of its own. Gradual unfreezing
makes a stage of each block that opens.

Source: section 4.3 of Arayıt & Tolga 2025; gradual unfreezing is Howard &
Ruder 2018, arXiv:1801.06146.
"""

import dataclasses
import math
from dataclasses import dataclass

from keras_genres.errors import UserError
from keras_genres.model.backbones import find_backbone
from keras_genres.model.freezing import parse_unfreeze
from keras_genres.model.weights import resolve_weights

PAPER_HEAD_EPOCHS = 10
PAPER_LEARNING_RATE = 1e-5
SCRATCH_LEARNING_RATE = 1e-3
PORTRAIT = 10 / 7
"""Rows a column of `input.shape=portrait`: posters have 3 rows for 2 columns."""
_LOWEST_SHARE = 0.01
"""Share of the full rate that the cosine falls to."""


@dataclass(frozen=True)
class Stage:
    """Epochs trained with the same blocks open."""

    name: str
    """`head`, `blocks` or `all`; `from BLOCK` while only that block and those above are open."""
    first_epoch: int
    """First epoch of the stage, from 0."""
    epochs: int
    """Number of epochs, at most."""
    learning_rate: float
    """Adam step size in its first epoch."""
    blocks: tuple
    """Names of the open blocks of the backbone."""
    cycles: int = 1
    """Times that the cosine runs from the full rate to the lowest."""

    @property
    def cycle_ends(self):
        """Last epoch (from 0) of each cycle, which are as long as one another, give or take one."""
        return tuple(
            self.first_epoch + (number + 1) * self.epochs // self.cycles - 1
            for number in range(self.cycles)
        )


def resolve(settings):
    """Fill the settings that were left empty with what this backbone gets.

    Args:
        settings: `Settings`.

    Returns:
        `Settings` without an empty stage, size or weights setting.

    Raises:
        UserError: For an unknown backbone or block, no epoch at all, or two settings at odds.
    """
    if settings.training.cutmix and settings.prefix.cache == "on":
        raise UserError(
            "training.cutmix pastes pixels, but prefix.cache=on trains on what a layer gives. Use "
            "--prefix-cache off, or training.mixup, which mixes either."
        )
    backbone = find_backbone(settings.model.backbone)
    weights = resolve_weights(settings.model)
    is_pretrained = weights != "none"
    training = settings.training
    fill = {
        "model.weights": weights,
        "input.height": settings.input.height or _height(settings.input, backbone),
        "input.width": settings.input.width or backbone.width,
    }
    if training.unfreeze is None:
        fill["training.unfreeze"] = backbone.unfreeze if is_pretrained else "all"
    if training.head_epochs is None:
        fill["training.head_epochs"] = PAPER_HEAD_EPOCHS if is_pretrained else 0
    if training.learning_rate is None:
        rate = PAPER_LEARNING_RATE if is_pretrained else SCRATCH_LEARNING_RATE
        fill["training.learning_rate"] = rate
    resolved = settings.replace(fill)
    stages(resolved)
    return resolved


def _height(settings, backbone):
    if settings.shape == "backbone":
        return backbone.height
    # In whole steps of the last feature map, which has one place for 32 pixels.
    return round((settings.width or backbone.width) * PORTRAIT / 32) * 32


def stages(settings):
    """Return the `Stage`s of resolved settings, in order.

    Raises:
        UserError: If no epoch is left to train, or a block is not known.
    """
    training = settings.training
    backbone = find_backbone(settings.model.backbone)
    blocks = parse_unfreeze(training.unfreeze, backbone)
    found = []
    if training.head_epochs:
        found.append(Stage("head", 0, training.head_epochs, training.head_learning_rate, ()))
    if blocks and training.epochs:
        name = "all" if len(blocks) == len(backbone.block_names) else "blocks"
        rate, epoch = training.learning_rate, training.head_epochs
        step = training.gradual_epochs
        if step:
            for lowest in range(len(blocks) - 1, 0, -1):
                found.append(Stage(f"from {blocks[lowest]}", epoch, step, rate, blocks[lowest:]))
                epoch += step
        left = training.head_epochs + training.epochs - epoch
        if left < 1:
            raise UserError(
                f"Opening {len(blocks)} blocks one by one every {step} epochs takes "
                f"{epoch - training.head_epochs} and then some to train them all; "
                f"training.epochs is {training.epochs}. Raise it, or lower training.gradual_epochs."
            )
        found.append(Stage(name, epoch, left, rate, blocks))
    if not found:
        raise UserError(
            "There is no epoch to train: set training.head_epochs, or training.epochs with blocks "
            f"to unfreeze. Received: head_epochs={training.head_epochs}, "
            f"epochs={training.epochs}, unfreeze={training.unfreeze!r}"
        )
    if training.cycles > 1:
        found[-1] = _in_cycles(found[-1], training)
    return tuple(found)


def _in_cycles(stage, training):
    if training.schedule != "cosine":
        raise UserError(
            f"training.cycles={training.cycles} runs the cosine again and again, but "
            f"training.schedule is {training.schedule}. Set training.schedule=cosine."
        )
    if stage.epochs < training.cycles:
        raise UserError(
            f"training.cycles={training.cycles} needs as many epochs in the last stage, which has "
            f"{stage.epochs}. Lower it, or raise training.epochs."
        )
    return dataclasses.replace(stage, cycles=training.cycles)


def stage_at(stages, epoch):
    """Return the stage in which `epoch` (from 0) lies."""
    return [stage for stage in stages if stage.first_epoch <= epoch][-1]


def learning_rate_of(stage, epoch, training):
    """Return the step size of `epoch` (from 0), which lies in `stage`.

    Args:
        stage: The `Stage`.
        epoch: Its number in the run.
        training: `TrainingSettings`.

    Example:
        >>> stage, training = Stage("blocks", 10, 40, 1e-5, ()), TrainingSettings()
        >>> [learning_rate_of(stage, epoch, training) for epoch in (10, 24, 25, 40)]
        [1e-05, 1e-05, 5e-06, 2.5e-06]

    Source: `step` is `torch.optim.lr_scheduler.StepLR`, which the paper used;
    `cosine` is Loshchilov & Hutter 2017, arXiv:1608.03983, which begins again
    in each cycle of the stage.
    """
    number = sum(epoch > end for end in stage.cycle_ends[:-1])
    begin = stage.cycle_ends[number - 1] + 1 if number else stage.first_epoch
    epochs = stage.first_epoch + stage.epochs - begin
    if number < stage.cycles - 1:
        epochs = stage.cycle_ends[number] + 1 - begin
    epoch -= begin
    warmup = 0 if number else min(training.warmup_epochs, epochs - 1)
    if epoch < warmup:
        return stage.learning_rate * (epoch + 1) / (warmup + 1)
    if training.schedule == "step":
        return stage.learning_rate * training.gamma ** (epoch // training.step_epochs)
    done = (epoch - warmup) / (epochs - warmup)
    share = (1 + math.cos(math.pi * done)) / 2
    return stage.learning_rate * (_LOWEST_SHARE + (1 - _LOWEST_SHARE) * share)


def with_choices(settings, precision, jit, where):
    """Return settings in which `auto` is replaced by what was chosen for the devices."""
    return settings.replace(
        {"training.precision": precision, "training.jit": jit, "augment.where": where}
    )
