"""The range of learning rates that a stage can be trained with.

Source: Smith 2017, "Cyclical Learning Rates for Training Neural Networks",
arXiv:1506.01186, section 3.3; the smoothed loss and where to stop are those
of Howard & Gugger 2020, "fastai: A Layered API for Deep Learning",
arXiv:2002.04688.
"""

from dataclasses import dataclass, field

import keras
import numpy as np

from keras_genres.data.changed import ready_posters
from keras_genres.data.table import require_positives, write_csv
from keras_genres.errors import UserError
from keras_genres.evaluation.figures.style import house_style
from keras_genres.files import whole_folder
from keras_genres.runs import Run
from keras_genres.search.figures import draw_rates
from keras_genres.search.trial import without_test
from keras_genres.training.display import say
from keras_genres.training.fit import begin_from
from keras_genres.training.interrupt import StopOnSignal
from keras_genres.training.job import build_job, poster_sources
from keras_genres.training.prefix import keep_frozen
from keras_genres.training.stages import resolve
from keras_genres.training.trainee import kept_trainee, live_trainee

TABLE = "rate.csv"
_MOMENTUM = 0.95
"""Of the smoothed loss."""
_DIVERGED = 4
"""Times the lowest smoothed loss at which the test ends."""
_LEAST = 10
"""Batches below which there is nothing to see, and which are left out at the beginning."""


@dataclass
class Rates:
    """The losses of a range test."""

    stage: str
    high: float
    """Rate the test was to end at."""
    rates: list = field(default_factory=list)
    """Learning rate of each batch."""
    losses: list = field(default_factory=list)
    """Its loss before the step."""
    smooth: list = field(default_factory=list)
    """The mean of the losses so far, later ones counting more."""

    def add(self, rate, loss):
        """Add a batch.

        Returns:
            Whether the loss has diverged. One that is not finite is not added.
        """
        if not np.isfinite(loss):
            return True
        self.rates.append(rate)
        self.losses.append(loss)
        weights = _MOMENTUM ** np.arange(len(self.losses))[::-1]
        self.smooth.append(float(np.dot(weights, self.losses) / weights.sum()))
        return len(self.smooth) > _LEAST and self.smooth[-1] > _DIVERGED * min(self.smooth)

    @property
    def steepest(self):
        """Rate at which the smoothed loss falls fastest, on the way to its lowest point.

        The first batches are left out: the mean of so few is mostly chance.
        `None` if the loss never falls after them.
        """
        lowest = self._lowest
        if lowest <= _LEAST:
            return None
        slopes = np.gradient(self.smooth, np.log(self.rates))[_LEAST : lowest + 1]
        steepest = int(slopes.argmin())
        return self.rates[_LEAST + steepest] if slopes[steepest] < 0 else None

    @property
    def tenth(self):
        """A tenth of the rate at the lowest smoothed loss; `None` if it never falls."""
        return None if self.steepest is None else self.rates[self._lowest] / 10

    @property
    def _lowest(self):
        return int(np.argmin(self.smooth))


class Rise(keras.callbacks.Callback):
    """Let the learning rate rise from batch to batch, by the same factor each time.

    Args:
        found: The `Rates` to fill.
        low: First rate.
        batches: Batches in which it rises to `found.high`.
        parts: Parts that a batch is cut into.
        stop: The `StopOnSignal` that is asked after each batch.
    """

    def __init__(self, found, low, batches, parts, stop):
        super().__init__()
        self.found = found
        self.planned = np.geomspace(low, found.high, batches)
        self.parts = parts
        self.stop = stop

    def on_train_batch_begin(self, batch, logs=None):
        if batch % self.parts == 0:
            model = self.model  # reading it brings JAX's state up to date
            model.reset_metrics()  # so that the loss is of this batch alone
            model.optimizer.learning_rate = self.planned[batch // self.parts]

    def on_train_batch_end(self, batch, logs=None):
        if (batch + 1) % self.parts:
            return
        self.stop.check()
        if self.found.add(float(self.planned[batch // self.parts]), float(logs["loss"])):
            self.model.stop_training = True


def rate(settings, data, out, stage="head", low=1e-6, high=1.0, batches=100, **options):
    """Train a few batches at rising learning rates and write the losses.

    The network is a fresh one and is thrown away. Posters of validation and
    test are not looked at, but for what is kept of the frozen part of
    validation, which a later `fit` finds.

    Args:
        settings: `Settings`.
        data: Folder that `data prepare` wrote.
        out: Folder to make: `rate.csv` and the figure.
        stage: `head` or `top`, the last one.
        low: First learning rate.
        high: Last one, if the loss does not diverge before.
        batches: Batches from the one to the other.
        **options: `start`, a finished `Run` whose weights to begin with, and `overwrite`.

    Returns:
        The `Rates`.

    Raises:
        UserError: If there is no such stage, the loss is no number from the
            beginning, or anything else the user can mend.
    """
    start, overwrite = options.get("start"), options.get("overwrite", False)
    if not 0 < low < high:
        raise UserError(f"--low must be above 0 and below --high. Received: {low:g} and {high:g}")
    if batches < _LEAST:
        raise UserError(f"--batches must be at least {_LEAST}. Received: {batches}")
    settings = resolve(settings)
    posters, _ = ready_posters(data, settings.input, say)
    require_positives(posters)
    with whole_folder(out, overwrite, mark=TABLE) as scratch, StopOnSignal() as stop:
        job = build_job(settings, without_test(posters))
        if start is not None:
            begin_from(job, Run.open(start))
        found = _try_rates(job, _find_stage(job, stage), low, high, batches, stop)
        rows = zip(found.rates, found.losses, found.smooth, strict=True)
        write_csv(
            scratch / TABLE,
            ("batch", "learning_rate", "loss", "smoothed_loss"),
            [
                [number, f"{rate:.6g}", f"{loss:.6f}", f"{smooth:.6f}"]
                for number, (rate, loss, smooth) in enumerate(rows, start=1)
            ],
        )
        with house_style():
            draw_rates(found).save(scratch, "rate")
    return found


def _find_stage(job, name):
    if name == "head":
        if job.stages[0].blocks:
            raise UserError("There is no head stage: training.head_epochs is 0. Try --stage top.")
        return job.stages[0]
    if not job.stages[-1].blocks:
        raise UserError(
            "No block is trained: training.epochs is 0, or training.unfreeze is none. "
            "Try --stage head, or --set training.epochs=1."
        )
    return job.stages[-1]


def _try_rates(job, stage, low, high, batches, stop):
    job.stages = (stage,)
    job.open(stage)
    sources = poster_sources(job)
    kept = keep_frozen(job, sources, stop).kept
    trainee = kept_trainee(job, kept[stage]) if kept else live_trainee(job, sources)
    job.compile(trainee.model, low)
    found = Rates(stage.name, high)
    trainee.model.fit(
        trainee.batches(0),
        steps_per_epoch=batches * job.accumulate,
        callbacks=[Rise(found, low, batches, job.accumulate, stop)],
        shuffle=False,  # the batches are shuffled already
        verbose=0,
    )
    if len(found.losses) < _LEAST:
        raise UserError(
            f"The loss is no number after {len(found.losses)} batches. Begin with a lower --low, "
            "or try --set training.precision=float32."
        )
    return found
