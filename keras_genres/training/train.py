"""The stages of a run, one after the other, from wherever it stands."""

import contextlib
import gc
import importlib.util

import keras

from keras_genres.errors import UserError
from keras_genres.files import explain_os_error
from keras_genres.input.cache import check_readable
from keras_genres.input.chance import steps_per_epoch
from keras_genres.training import callbacks, display
from keras_genres.training.course import Course
from keras_genres.training.display import say
from keras_genres.training.snapshots import save_snapshot
from keras_genres.training.stages import stage_at
from keras_genres.training.trainee import kept_trainee, live_trainee


class TooLarge(UserError):
    """Memory does not hold a single poster of a step."""


def train(job, sources, prefix, run, stop, begun=None, watch=None, goes_back=True):
    """Train all stages of a job and go back to the best epoch.

    Begins at the last checkpoint of the run, if it has one. Stages on pixels
    that follow one another are one `fit` call, in which a callback unfreezes;
    a stage on kept activations is a call of its own, and so is the rest of an
    epoch that is taken up in its middle.

    Args:
        job: The `Job`.
        sources: Split name to `PosterSource`.
        prefix: The `PrefixCache`, filled.
        run: The `Run`; its `history.csv` and checkpoints are written.
        stop: The `StopOnSignal` that is asked after each batch.
        begun: `time.perf_counter()` when this process began with it; `None` for now.
        watch: Called after each epoch with its number, from 0, and the scores of
            validation; may raise to end the training. `None` for nobody.
        goes_back: Whether a training that diverges is tried again at a lower rate.

    Returns:
        The `Course`, trained, and a function that scores a split: see
        `Trainee.score`.

    Raises:
        KeyboardInterrupt: If it was interrupted; the checkpoint is written then.
        UserError: If it diverged again and again, or (`TooLarge`) not even one
            poster at a time fits in memory.
        Diverged: If it diverged and does not go back.
    """
    training = Training(job, sources, prefix, run, stop, begun, watch, goes_back)
    training.begin()
    while not training.course.is_trained:
        training.go_on()
    training.course.early.take_best(job.network)
    return training.course, training.score


class Training:
    """A training that can go back to its last checkpoint: see `train`."""

    def __init__(self, job, sources, prefix, run, stop, begun=None, watch=None, goes_back=True):
        self.watch = watch
        self.goes_back = goes_back
        self.job = job
        self.sources = sources
        self.prefix = prefix
        self.run = run
        self.stop = stop
        training, last = job.settings.training, job.stages[-1]
        self.history = display.History(run.history_file, job.stages)
        # What a restart costs at first must not stop what it is for.
        stoppable = last.first_epoch if last.cycles == 1 else last.first_epoch + last.epochs
        early = callbacks.MacroF1EarlyStopping(
            training.monitor, training.patience, stoppable, job.network
        )
        self.course = Course(job, run.checkpoints, early, self.history, begun)
        self.steps = steps_per_epoch(len(sources["train"]), training.batch_size)
        self.averaged = callbacks.AverageWeights()
        self.model = None

    def begin(self):
        """Take up the last checkpoint, or write the first one."""
        course = self.course
        if not course.resume():
            course.save()
            return
        if course.is_trained:
            say("Training was done already; going on from its end")
        else:
            say(f"Going on in epoch {course.epoch + 1} after {course.step} of {self.steps} batches")

    def go_on(self):
        """Train to the end, or until it had to be taken back to the last checkpoint.

        Raises:
            As `train`.
        """
        try:
            self._train_stages()
            self.course.is_trained = True
            self.course.save()
            return
        except KeyboardInterrupt:
            self.averaged.put_back()
            # After a second signal the step is torn: then the last checkpoint counts.
            if not self.stop.is_now:
                with contextlib.suppress(callbacks.Diverged):
                    self.course.save(self.model)
            raise
        except callbacks.Diverged:
            if not self.goes_back:
                raise
            take_back = self.course.go_back
        except Exception as error:
            if not is_out_of_memory(error):
                self._explain(error)
                raise
            take_back = self._cut_batch
        # Out of the handler, where the error no longer holds what fills the memory.
        self.model = None
        self.averaged = callbacks.AverageWeights()
        gc.collect()
        take_back()

    def score(self, part, hooks=()):
        """Score a split the way the last stage is scored: see `Trainee.score`."""
        while True:
            try:
                return self._trainee(self.job.stages[-1]).score(part, hooks)
            except Exception as error:
                if not is_out_of_memory(error):
                    raise
            gc.collect()
            cut_batch(self.job)

    def _train_stages(self):
        course = self.course
        for stages in _fits(self.job.stages, self.prefix):
            end = stages[-1].first_epoch + stages[-1].epochs
            if course.epoch >= end or course.early.stopped_epoch is not None:
                continue
            at = stage_at(stages, course.epoch)
            stages = stages[stages.index(at) :]
            self.job.open(at)
            trainee = self._trainee(at)
            self.job.compile(trainee.model, at.learning_rate)
            self.model = trainee.model
            course.put_back(trainee.model)
            if (course.epoch, course.step) == (at.first_epoch, 0) and at is not self.job.stages[0]:
                callbacks.say_unfroze(at)
            while course.epoch < end and course.early.stopped_epoch is None:
                self._fit(trainee, stages, end)
            self.model = None

    def _trainee(self, stage):
        if stage in self.prefix.kept:
            return kept_trainee(self.job, self.prefix.kept[stage])
        return live_trainee(self.job, self.sources)

    def _fit(self, trainee, stages, end):
        """Train up to epoch `end`, or to the end of an epoch that is taken up in its middle."""
        epoch, step = self.course.epoch, self.course.step
        hooks = self._hooks(trainee, stages, step)
        if step == self.steps:  # only its validation is left
            _end_epoch(trainee.model, hooks, epoch)
            return
        trainee.model.fit(
            trainee.batches(epoch, step),
            steps_per_epoch=(self.steps - step) * self.job.accumulate,
            initial_epoch=epoch,
            epochs=epoch + 1 if step else end,
            callbacks=hooks,
            shuffle=False,  # the batches are shuffled already
            verbose=0,
        )

    def _hooks(self, trainee, stages, step):
        job, training = self.job, self.job.settings.training
        hooks = [
            *(callbacks.Unfreeze(stage, job.open, job.compile) for stage in stages[1:]),
            callbacks.StageLR(job.stages, training, self.course.factor),
            self.averaged,
            callbacks.Validate(
                lambda model: trainee.score("val", [self.stop]),
                job.posters.part("val").labels,
                job.loss,
                self.watch,
            ),
            self.course.early,
            *self._snapshots(),
            callbacks.PutBack(self.averaged),
            self.history,
            display.Progress(
                job.stages, self.steps * job.accumulate, job.part_size, step * job.accumulate
            ),
            callbacks.Keep(self.course, self.stop),
        ]
        if training.tensorboard:
            hooks.insert(-1, keras.callbacks.TensorBoard(self.run.path / "tensorboard"))
        return hooks

    def _snapshots(self):
        """Return the callback that keeps the network of each cycle, if there are several."""
        ends = self.job.stages[-1].cycle_ends
        if len(ends) == 1:
            return []
        return [callbacks.Snapshots(ends, lambda number: save_snapshot(self.job, self.run, number))]

    def _explain(self, error):
        """Name the posters that became unreadable, which TensorFlow's error does not.

        Raises:
            UserError: If there are some.
        """
        if type(error).__module__.startswith("tensorflow"):
            options = self.job.settings.input
            paths = [path for source in self.sources.values() for path in source.paths]
            check_readable(paths, options.height, options.width, options.fit)

    def _cut_batch(self):
        before = self.job.accumulate
        self.course.take_back()
        self.job.accumulate = max(before, self.job.accumulate)
        cut_batch(self.job)


def cut_batch(job):
    """Halve what goes through the network at a time, and leave the recipe as it is.

    The gradients of the parts are averaged before a step is taken.

    Args:
        job: The `Job`, whose `accumulate` is raised.

    Raises:
        TooLarge: If one poster at a time is too many already.
    """
    batch_size, parts = job.settings.training.batch_size, job.accumulate
    finer = [
        count
        for count in range(2 * parts, batch_size + 1)
        if batch_size % count == 0 and (batch_size // count) % job.device_count == 0
    ]
    if not finer:
        raise TooLarge(
            f"Memory does not hold {job.part_size} poster{'s' if job.part_size > 1 else ''} at "
            f"{job.settings.input.height} x {job.settings.input.width} pixels. Lower input.height "
            "and input.width, unfreeze fewer blocks, or take a smaller backbone."
        )
    job.accumulate = finer[0]
    say(
        f"Out of memory: batches of {batch_size} now go through in {finer[0]} parts of "
        f"{job.part_size}, whose gradients are averaged; the recipe stays the same"
    )


def is_out_of_memory(error):
    """Whether an error says that the device's memory, not the disk, is full."""
    text = f"{type(error).__name__}: {error}"
    signs = ("ResourceExhausted", "RESOURCE_EXHAUSTED", "MemoryError", "Out of memory")
    return any(sign in text for sign in signs) and explain_os_error(error) is None


def _end_epoch(model, hooks, epoch):
    """Do what `fit` does after the last batch of an epoch, all of whose batches are done."""
    called = keras.callbacks.CallbackList(hooks, model=model)
    called.on_train_begin()
    called.on_epoch_begin(epoch)
    logs = {
        name: float(keras.ops.convert_to_numpy(value))
        for name, value in model.get_metrics_result().items()
    }
    called.on_epoch_end(epoch, logs)
    called.on_train_end(logs)


def _fits(stages, prefix):
    """Return the stages of each `fit` call: those on pixels together, the others alone."""
    fits = []
    for stage in stages:
        if fits and not {stage, fits[-1][-1]} & set(prefix.kept):
            fits[-1].append(stage)
        else:
            fits.append([stage])
    return fits


def require_tensorboard():
    """Check that TensorBoard is there, before hours are spent.

    Raises:
        UserError: If it is not installed.
    """
    if importlib.util.find_spec("tensorboard") is None:
        raise UserError(
            "training.tensorboard needs a package: pip install 'keras-genres[tensorboard]'"
        )
