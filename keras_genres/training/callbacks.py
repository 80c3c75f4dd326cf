"""What happens between epochs: unfreezing, the rate, validation, early stopping.

Keras has no macro-F1 stopping over two stages, no StepLR and no unfreezing.
A run may take several `fit` calls, one a stage, on the whole network or on
what lies above a cut: what is remembered is remembered over all of them.
"""

import keras
import numpy as np

from keras_genres.evaluation.metrics import macro_f1, pick
from keras_genres.evaluation.thresholds import tuned_macro_f1
from keras_genres.training.display import say
from keras_genres.training.optimizers import averages_of
from keras_genres.training.stages import learning_rate_of, stage_at


class Diverged(Exception):
    """The loss, the scores or the weights are not finite any more."""

    def __init__(self, epoch):
        super().__init__(f"not finite in epoch {epoch + 1}")


class Unfreeze(keras.callbacks.Callback):
    """Open the blocks of a later stage when its first epoch begins.

    The optimizer starts afresh: Adam's moving averages belong to the head's
    stage and are not carried over.

    Args:
        stage: The `Stage` to begin.
        open_blocks: Called with the stage; sets what is trainable.
        recompile: Called with the model and the learning rate; compiles it with
            a new optimizer, whose slots it builds, and the same loss.
    """

    def __init__(self, stage, open_blocks, recompile):
        super().__init__()
        self.stage = stage
        self.open_blocks = open_blocks
        self.recompile = recompile

    def on_epoch_begin(self, epoch, logs=None):
        # At epoch begin, not end: compile() clears stop_training, so at epoch
        # end it would undo early stopping.
        if epoch != self.stage.first_epoch:
            return
        model = self.model
        self.open_blocks(self.stage)
        self.recompile(model, self.stage.learning_rate)
        # fit() holds the old step.
        model.make_train_function(force=True)
        say_unfroze(self.stage)


def say_unfroze(stage):
    """Print that a stage begins and what it trains."""
    say(
        f"Epoch {stage.first_epoch + 1}: unfroze {', '.join(stage.blocks)}, "
        f"learning rate {stage.learning_rate:.0e}"
    )


class StageLR(keras.callbacks.Callback):
    """Set the learning rate of each epoch: StepLR or a cosine, by stage.

    Args:
        stages: The run's `Stage`s.
        training: `TrainingSettings`: `schedule` and what belongs to it.
        factor: What every rate is multiplied by: less than 1 after a training diverged.
    """

    def __init__(self, stages, training, factor=1.0):
        super().__init__()
        self.stages = stages
        self.training = training
        self.factor = factor

    def on_epoch_begin(self, epoch, logs=None):
        rate = learning_rate_of(stage_at(self.stages, epoch), epoch, self.training)
        self.model.optimizer.learning_rate = rate * self.factor


class AverageWeights(keras.callbacks.Callback):
    """Put averaged weights in place for validation and early stopping.

    Stands before them; `PutBack` stands behind them. Training goes on with
    its own weights. Does nothing where the optimizer averages none.
    """

    def __init__(self):
        super().__init__()
        self._own = None

    def on_epoch_end(self, epoch, logs=None):
        model = self.model  # reading it brings JAX's weights up to date
        averages = averages_of(model)
        if averages:
            variables = model.trainable_variables
            self._own = variables, [np.array(keras.ops.convert_to_numpy(v)) for v in variables]
            _assign(variables, averages)

    def put_back(self):
        """Put the weights in place that are trained, if they are not."""
        if self._own is not None:
            _assign(*self._own)
            self._own = None


class PutBack(keras.callbacks.Callback):
    """Put the trained weights back that an `AverageWeights` took out."""

    def __init__(self, averaged):
        super().__init__()
        self._averaged = averaged

    def on_epoch_end(self, epoch, logs=None):
        self._averaged.put_back()


def _assign(variables, values):
    for variable, value in zip(variables, values, strict=True):
        variable.assign(value)


class Validate(keras.callbacks.Callback):
    """Score the validation posters after every epoch.

    Adds to the epoch's logs `val_loss`, `val_macro_f1` (every threshold 0.5)
    and `val_macro_f1_tuned` (the best thresholds of that epoch).

    Args:
        score: Called with the model; returns scores of shape `(posters, genres)`.
        labels: 0/1 array of the same shape.
        loss: The training loss.
        watch: Called with the epoch and its scores; `None` for nobody.

    Raises:
        Diverged: If the scores or the loss are not finite.
    """

    def __init__(self, score, labels, loss, watch=None):
        super().__init__()
        self.score = score
        self.labels = np.asarray(labels)
        self.loss = loss
        self.watch = watch

    def on_epoch_end(self, epoch, logs=None):
        scores = self.score(self.model)
        if not np.isfinite(scores).all() or not np.isfinite(logs.get("loss", 0.0)):
            raise Diverged(epoch)
        labels = self.labels.astype("float32")
        logs["val_loss"] = float(keras.ops.convert_to_numpy(self.loss(labels, scores)))
        logs["val_macro_f1"] = float(macro_f1(self.labels, pick(scores, 0.5)))
        logs["val_macro_f1_tuned"] = float(tuned_macro_f1(self.labels, scores))
        if self.watch is not None:
            self.watch(epoch, scores)


class Snapshots(keras.callbacks.Callback):
    """Keep the network at the end of each cycle of the last stage.

    Stands where the weights are in place that are validated. A cycle that is
    trained again after a cut gives the same file again.

    Args:
        ends: Last epochs (from 0) of the cycles.
        keep: Called with the number of a cycle, from 1.

    Source: Huang et al. 2017, "Snapshot Ensembles", arXiv:1704.00109.
    """

    def __init__(self, ends, keep):
        super().__init__()
        self.ends = ends
        self.keep = keep

    def on_epoch_end(self, epoch, logs=None):
        if epoch in self.ends:
            _ = self.model  # reading it brings JAX's weights up to date
            self.keep(self.ends.index(epoch) + 1)


class MacroF1EarlyStopping(keras.callbacks.Callback):
    """Stop when validation macro F1 no longer rises; keep the weights of the best epoch.

    The best epoch is remembered across both stages, also when they are two
    `fit` calls: make a new instance for a new run, and call `take_best` at its
    end. Only the last stage can be stopped, and its patience starts afresh: a
    head that has converged is the reason to unfreeze, not to stop.

    Args:
        monitor: Name of the log that is watched, larger is better.
        patience: Epochs without a better score before stopping.
        first_epoch: First epoch (from 0) of the last stage.
        network: Network whose weights are kept; `None` for the model that is
            trained, which may be only the upper part of it.

    Attributes:
        best_weights: Arrays of the best epoch, in the order of `network.weights`.
    """

    def __init__(self, monitor, patience, first_epoch, network=None):
        super().__init__()
        self.monitor = monitor
        self.patience = patience
        self.first_epoch = first_epoch
        self.network = network
        self.best = None
        self.best_epoch = None
        self.best_weights = None
        self.wait = 0
        self.stopped_epoch = None

    def on_epoch_end(self, epoch, logs=None):
        if self.monitor not in (logs or {}):
            raise ValueError(
                f"Early stopping watches {self.monitor!r}, which no callback before it wrote. "
                f"Available: {', '.join(sorted(logs or {}))}"
            )
        score = float(logs[self.monitor])
        model = self.model  # reading it brings JAX's weights up to date
        logs["is_best"] = self.best is None or score > self.best
        if logs["is_best"]:
            weights = (self.network or model).weights
            # Copies: on a CPU a NumPy view of a variable changes with it.
            self.best_weights = [np.array(keras.ops.convert_to_numpy(each)) for each in weights]
            self.best, self.best_epoch, self.wait = score, epoch, 0
        elif epoch >= self.first_epoch:
            self.wait += 1
            if self.wait >= self.patience:
                self.stopped_epoch = epoch
                model.stop_training = True
        else:
            self.wait = 0

    def memory(self):
        """Return what is remembered from epoch to epoch, as plain values; not the weights."""
        return {name: getattr(self, name) for name in _REMEMBERED}

    def remember(self, memory, best_weights):
        """Take up what `memory` gave, with the `best_weights` of that time."""
        for name in _REMEMBERED:
            setattr(self, name, memory[name])
        self.best_weights = best_weights

    def take_best(self, network):
        """Give the network the weights of the best epoch and say which it was."""
        if self.best_epoch is None:
            return
        network.set_weights(self.best_weights)
        if self.stopped_epoch is not None:
            epoch, patience = self.stopped_epoch + 1, self.patience
            say(f"Epoch {epoch}: stopped after {patience} epochs without a better score")
        say(f"Took the weights of epoch {self.best_epoch + 1}, {self.monitor} {self.best:.4f}")


_REMEMBERED = ("best", "best_epoch", "wait", "stopped_epoch")


class Keep(keras.callbacks.Callback):
    """Count the batches that are done, keep checkpoints, and stop between two batches.

    The last of the callbacks, so that an epoch counts as done when all others
    have seen its end.

    Args:
        course: The `Course`.
        stop: The `StopOnSignal` that is asked after each batch.
    """

    def __init__(self, course, stop):
        super().__init__()
        self.course = course
        self.stop = stop
        self._parts = 0

    def on_epoch_begin(self, epoch, logs=None):
        self._parts = 0
        self.course.put_back_metrics(self.model)

    def on_train_batch_end(self, batch, logs=None):
        self._parts += 1
        if self._parts % self.course.job.accumulate:
            return  # a batch that is cut in parts is done with its last one
        self.course.step += 1
        if self.course.is_due():
            self.course.save(self.model)
        self.stop.check()

    def on_epoch_end(self, epoch, logs=None):
        self.course.epoch, self.course.step = epoch + 1, 0
        # Where blocks are opened memory may run out: then no epoch before it is lost.
        begins = any(stage.first_epoch == epoch + 1 for stage in self.course.job.stages)
        if begins or self.course.is_due():
            self.course.save(self.model)
