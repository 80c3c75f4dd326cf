"""Where a training stands, so that one that was cut off ends as if it was not.

A checkpoint holds the network's variables (weights, statistics, the state of
dropout's chance), the optimizer's, the running mean of the loss, the epoch
and the batch, what early stopping remembers with the best weights, and the
history. The order and the variation of the posters need nothing: they are
functions of (seed, epoch, poster).
"""

import time

import keras
import numpy as np

from keras_genres.errors import UserError
from keras_genres.training.callbacks import Diverged
from keras_genres.training.checkpoint import Checkpoints
from keras_genres.training.display import say

MOST_LOWERED = 3
"""Times that a diverged training is taken back and tried at half the learning rate."""


class Course:
    """How far a job's training has come.

    Args:
        job: The `Job`.
        folder: Folder of the checkpoints.
        early: The `MacroF1EarlyStopping`, whose memory is kept.
        history: The `History`, whose rows are kept.
        begun: `time.perf_counter()` when this process began with it; `None` for now.

    Attributes:
        epoch: Epoch (from 0) that is trained, or is the next one.
        step: Batches of it that are done.
        is_trained: Whether nothing is left to train.
        lowered: How often the learning rate was halved after diverging.
        resumed: `[epoch, step]` of each time the run was taken up again.
    """

    def __init__(self, job, folder, early, history, begun=None):
        self.job = job
        self.early = early
        self.history = history
        self.checkpoints = Checkpoints(folder)
        self.epoch = 0
        self.step = 0
        self.is_trained = False
        self.lowered = 0
        self.resumed = []
        self._optimizer = None  # arrays, until there is a model to take them
        self._metrics = None
        self._earlier_seconds = 0.0
        self._saved = time.perf_counter()
        self._begun = self._saved if begun is None else begun

    @property
    def factor(self):
        """What the learning rate is multiplied by."""
        return 0.5**self.lowered

    @property
    def seconds(self):
        """Seconds spent so far, by all processes of this run."""
        return self._earlier_seconds + time.perf_counter() - self._begun

    def is_due(self):
        """Whether it is time for a checkpoint."""
        seconds = self.job.settings.training.checkpoint_seconds
        return time.perf_counter() - self._saved >= seconds

    def save(self, model=None):
        """Write a checkpoint.

        Args:
            model: The compiled model that is trained; `None` when no stage is
                under way, so that there is no optimizer to keep.

        Raises:
            Diverged: If what would be kept is not finite.
            UserError: If it cannot be written.
        """
        groups = {"network": _values(self.job.network.variables)}
        # A stage begins with an optimizer of its own.
        if model is not None and not self._begins_stage():
            groups["optimizer"] = self._optimizer_values(model)
            groups["metrics"] = _values(model.metrics_variables)
        if not all(np.isfinite(values).all() for part in groups.values() for values in part):
            raise Diverged(self.epoch)
        if self.early.best_weights is not None:
            groups["best"] = self.early.best_weights
        state = {
            "epoch": self.epoch,
            "step": self.step,
            "is_trained": self.is_trained,
            "lowered": self.lowered,
            "resumed": self.resumed,
            "accumulate": self.job.accumulate,
            "seconds": self.seconds,
            "early": self.early.memory(),
            "history": self.history.memory(),
        }
        self.checkpoints.save(state, groups)
        self._saved = time.perf_counter()

    def resume(self):
        """Take up the newest sound checkpoint of an earlier process.

        Returns:
            Whether there is one.

        Raises:
            UserError: If all are damaged, or of another network.
        """
        found = self.checkpoints.load()
        if found is None:
            return False
        state, groups = found
        state["resumed"].append([state["epoch"], state["step"]])
        self.checkpoints.save(state, groups)  # a process that is killed soon was one, too
        self._earlier_seconds = state["seconds"]
        self._take_up(state, groups)
        return True

    def take_back(self):
        """Take up the newest sound checkpoint of this process."""
        self._take_up(*self.checkpoints.load())

    def _take_up(self, state, groups):
        _assign(self.job.network.variables, groups["network"])
        self.epoch, self.step = state["epoch"], state["step"]
        self.is_trained = state["is_trained"]
        self.lowered = state["lowered"]
        self.resumed = state["resumed"]
        self.job.accumulate = state["accumulate"]
        self.early.remember(state["early"], groups.get("best"))
        self.history.remember(state["history"])
        self._optimizer = groups.get("optimizer")
        self._metrics = groups.get("metrics") if self.step else None

    def put_back(self, model):
        """Give a newly compiled model the optimizer's state, where a stage is taken up."""
        if self._optimizer is not None:
            self._assign_optimizer(model, self._optimizer)
        self._optimizer = None

    def put_back_metrics(self, model):
        """Give the model the running mean of the loss, where an epoch is taken up in its middle."""
        if self._metrics is not None:
            _assign(model.metrics_variables, self._metrics)
        self._metrics = None

    def go_back(self):
        """Take up the last checkpoint with half the learning rate.

        Raises:
            UserError: If that was tried often enough.
        """
        epoch, lowered = self.epoch + 1, self.lowered
        if lowered == MOST_LOWERED:
            raise UserError(
                f"The loss is not a number any more in epoch {epoch}, though the learning rate was "
                f"halved {lowered} times. Begin again with a lower training.learning_rate or "
                "training.head_learning_rate, or with --set training.precision=float32."
            )
        state, groups = self.checkpoints.load()
        # Written at once: the next failure must find that this one was counted.
        self.checkpoints.save(state | {"lowered": lowered + 1}, groups)
        self.take_back()
        say(
            f"Epoch {epoch}: the loss is not a number any more; back to epoch {self.epoch + 1}, "
            f"batch {self.step}, with the learning rate times {self.factor:g} "
            f"({self.lowered} of {MOST_LOWERED})"
        )

    def _begins_stage(self):
        return self.step == 0 and any(each.first_epoch == self.epoch for each in self.job.stages)

    def _optimizer_values(self, model):
        variables = _optimizer_variables(model)
        # Steps are counted in whole batches, which means the same however a batch is cut.
        return [
            value // self.job.accumulate if _counts_steps(variable) else value
            for variable, value in zip(variables, _values(variables), strict=True)
        ]

    def _assign_optimizer(self, model, values):
        variables = _optimizer_variables(model)
        factors = [self.job.accumulate if _counts_steps(each) else 1 for each in variables]
        _assign(variables, values, factors)


def _optimizer_variables(model):
    """Return the optimizer's variables but for the sums of a batch that is cut in parts.

    Between two batches those are zero.
    """
    return [
        variable for variable in model.optimizer.variables if "gradient_accum" not in variable.path
    ]


def _counts_steps(variable):
    return variable.path.endswith("iteration")


def _values(variables):
    # Copies: on a CPU a NumPy view of a variable changes with it.
    return [np.array(keras.ops.convert_to_numpy(variable)) for variable in variables]


def _assign(variables, values, factors=None):
    shapes = [tuple(variable.shape) for variable in variables]
    if shapes != [value.shape for value in values]:
        raise UserError(
            f"The checkpoint is of another network: {len(values)} arrays, {len(shapes)} expected, "
            "or of other shapes. Begin the run again with --overwrite."
        )
    for number, (variable, value) in enumerate(zip(variables, values, strict=True)):
        variable.assign(value if factors is None else value * factors[number])
