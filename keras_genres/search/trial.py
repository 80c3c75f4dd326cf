"""One trial: a training that ends with its measure on validation, and leaves nothing behind."""

import gc
import tempfile

import keras

from keras_genres.errors import UserError
from keras_genres.evaluation.expected_f1 import FOLDS, cross_fitted
from keras_genres.evaluation.metrics import mean_average_precision
from keras_genres.evaluation.thresholds import tuned_macro_f1
from keras_genres.runs import Predictions, Run
from keras_genres.search.journal import SCRATCH
from keras_genres.training.callbacks import Diverged
from keras_genres.training.job import build_job, poster_sources
from keras_genres.training.prefix import keep_frozen
from keras_genres.training.stages import resolve
from keras_genres.training.train import TooLarge, is_out_of_memory, train

MEASURES = {
    "map": "mean average precision",
    "macro_f1": "macro F1 at thresholds of other posters",
}
"""Each is on validation; the first needs no thresholds, the second is cross-fitted."""


class Pruned(Exception):
    """The trial is worse than others were by then."""


class Failed(Exception):
    """The settings of the trial cannot be trained; the message says why."""


def without_test(posters):
    """Return `Posters` of training and validation alone; the split stays that of all."""
    return posters.take(posters.splits != "test")


class Workshop:
    """Trains settings on training posters and measures them on validation.

    Args:
        posters: `Posters`; those of the test are dropped here, before a network
            could see them.
        measure: Of `MEASURES`.
        frozen_size: Posters a pass over the frozen part takes at a time,
            whatever the batch, so that trials share what is kept.
        times: Trials there will be, which share it.
        folder: Where a trial may write while it lasts.
        stop: The `StopOnSignal`.

    Raises:
        UserError: If there are too few groups for `macro_f1`.
    """

    def __init__(self, posters, measure, frozen_size, times, folder, stop):
        self.posters = without_test(posters)
        self.rows = self.posters.part("val")
        self.measure = measure
        self.frozen_size = frozen_size
        self.times = times
        self.folder = folder
        self.stop = stop
        self._sources = {}
        groups = len(set(self.rows.groups.tolist()))
        if measure == "macro_f1" and groups < FOLDS:
            raise UserError(
                f"--measure macro_f1 takes {FOLDS} groups of validation posters or more, and there "
                f"are {groups}. Use --measure map."
            )

    def run(self, settings, watch):
        """Train settings and return what they are worth.

        Args:
            settings: `Settings`.
            watch: Called with each epoch, from 0, and its `by_epoch`; may raise `Pruned`.

        Returns:
            `(value, best_epoch)`: the measure of the weights that `fit` would
            keep, and their epoch, from 1.

        Raises:
            Failed: If these settings diverge, are at odds, or do not fit in memory.
            Pruned: From `watch`.
            KeyboardInterrupt: If it was interrupted.
            UserError: If something is wrong that other settings would not mend.
        """
        keras.backend.clear_session()
        gc.collect()
        try:
            settings = resolve(settings)
        except UserError as error:
            raise Failed(str(error)) from error
        try:
            return self._run(settings, watch)
        except Diverged as error:
            raise Failed(f"diverged: {error}") from error
        except Pruned:
            raise
        except Exception as error:
            if not isinstance(error, TooLarge) and not is_out_of_memory(error):
                raise
            raise Failed(f"out of memory: {error}") from error

    def _run(self, settings, watch):
        job = build_job(settings, self.posters)
        job.frozen_size = self.frozen_size
        sources = self._sources_of(job)

        def report(epoch, scores):
            watch(epoch, self._by_epoch(scores))

        with tempfile.TemporaryDirectory(prefix=SCRATCH, dir=self.folder) as scratch:
            prefix = keep_frozen(job, sources, self.stop, times=self.times)
            course, score = train(
                job, sources, prefix, Run(scratch), self.stop, watch=report, goes_back=False
            )
            scores = score("val", [self.stop])
        return self._value(settings, scores), course.early.best_epoch + 1

    def _sources_of(self, job):
        """Return the sources of the last trial if it saw posters of the same size."""
        if job.settings.input not in self._sources:
            self._sources = {job.settings.input: poster_sources(job)}
        return self._sources[job.settings.input]

    def _by_epoch(self, scores):
        measure = mean_average_precision if self.measure == "map" else tuned_macro_f1
        return float(measure(self.rows.labels, scores))

    def _value(self, settings, scores):
        if self.measure == "map":
            return float(mean_average_precision(self.rows.labels, scores))
        rows, options = self.rows, settings.evaluation
        predictions = Predictions(rows.filenames, rows.labels, scores, rows.groups)
        found = cross_fitted(predictions, options.grid_step, (options.thresholds,))
        return float(found[options.thresholds].mean())
