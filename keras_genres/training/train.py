"""The stages of a run, one after the other."""

import importlib.util

import keras

from keras_genres.errors import UserError
from keras_genres.input.pipeline import steps_per_epoch
from keras_genres.training import callbacks, display
from keras_genres.training.display import say
from keras_genres.training.trainee import kept_trainee, live_trainee


def train(job, sources, prefix, run, stop):
    """Train all stages of a job and go back to the best epoch.

    Stages on pixels that follow one another are one `fit` call, in which a
    callback unfreezes; a stage on kept activations is a call of its own.

    Args:
        job: The `Job`.
        sources: Split name to `PosterSource`.
        prefix: The `PrefixCache`, filled.
        run: The `Run`; its `history.csv` and best weights are written.
        stop: The `StopOnSignal` that is asked after each batch.

    Returns:
        The `MacroF1EarlyStopping`, which knows the best epoch, and a function
        that scores a split: see `Trainee.score`.

    Raises:
        UserError: If it was interrupted, or the loss is not a number any more.
    """
    training = job.settings.training
    last = job.stages[-1]
    early = callbacks.MacroF1EarlyStopping(
        training.monitor,
        training.patience,
        last.first_epoch,
        run.checkpoints / "best.weights.h5",
        job.network,
    )
    steps = steps_per_epoch(len(sources["train"]), training.batch_size)
    try:
        for stages in _fits(job.stages, prefix):
            trainee = _begin(job, sources, prefix, stages)
            hooks = [
                stop,
                *(callbacks.Unfreeze(stage, job.open, job.compile) for stage in stages[1:]),
                callbacks.StepLR(job.stages, training.step_epochs, training.gamma),
                callbacks.Validate(
                    _validation(trainee, stop), job.posters.part("val").labels, job.loss
                ),
                early,
                display.History(run.history_file, job.stages),
                display.Progress(job.stages, steps, training.batch_size),
            ]
            if training.tensorboard:
                hooks.append(keras.callbacks.TensorBoard(run.path / "tensorboard"))
            trainee.model.fit(
                trainee.batches,
                steps_per_epoch=steps,
                initial_epoch=stages[0].first_epoch,
                epochs=stages[-1].first_epoch + stages[-1].epochs,
                callbacks=hooks,
                shuffle=False,  # the batches are shuffled already
                verbose=0,
            )
    except BaseException as error:
        if early.best_epoch is None:
            kept = "Nothing was kept"
        else:
            (run.path / ".keep").touch()
            kept = f"The weights of epoch {early.best_epoch + 1} and the history are in {run.path}"
        if isinstance(error, KeyboardInterrupt):
            raise UserError(f"Interrupted in the middle of training. {kept}.") from None
        if not isinstance(error, UserError):
            say(kept)
        raise
    early.take_best(job.network)
    return early, trainee.score


def _fits(stages, prefix):
    """Return the stages of each `fit` call: those on pixels together, the others alone."""
    fits = []
    for stage in stages:
        if fits and not {stage, fits[-1][-1]} & set(prefix.kept):
            fits[-1].append(stage)
        else:
            fits.append([stage])
    return fits


def _begin(job, sources, prefix, stages):
    first = stages[0]
    job.open(first)
    if first in prefix.kept:
        trainee = kept_trainee(job, prefix.kept[first], first.first_epoch)
    else:
        trainee = live_trainee(job, sources, first.first_epoch)
    job.compile(trainee.model, first.learning_rate)
    if first is not job.stages[0]:
        callbacks.say_unfroze(first)
    return trainee


def _validation(trainee, stop):
    return lambda model: trainee.score("val", [stop])


def require_tensorboard():
    """Check that TensorBoard is there, before hours are spent.

    Raises:
        UserError: If it is not installed.
    """
    if importlib.util.find_spec("tensorboard") is None:
        raise UserError(
            "training.tensorboard needs a package: pip install 'keras-genres[tensorboard]'"
        )
