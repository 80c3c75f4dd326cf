"""What a user sees of a training: `history.csv`, a bar, a line an epoch."""

import csv
import sys
import time

import keras
from tqdm import tqdm

from keras_genres.files import whole_file
from keras_genres.training.stages import stage_at

HISTORY_COLUMNS = (
    "epoch",
    "stage",
    "learning_rate",
    "loss",
    "val_loss",
    "val_macro_f1",
    "val_macro_f1_tuned",
    "seconds",
    "is_best",
)


def say(text):
    """Print a line on stderr without breaking a progress bar."""
    tqdm.write(text, file=sys.stderr)


class History(keras.callbacks.Callback):
    """Add a row to `history.csv` after every epoch, over all `fit` calls of a run.

    Args:
        path: The CSV; after every epoch it is there whole.
        stages: The run's `Stage`s.
    """

    def __init__(self, path, stages):
        super().__init__()
        self.path = path
        self.stages = stages
        self._rows = []
        self._earlier_seconds = 0.0  # of an epoch that is taken up in its middle
        self._start = None

    def on_train_begin(self, logs=None):
        self._write()

    def on_epoch_begin(self, epoch, logs=None):
        self._start = time.perf_counter() - self._earlier_seconds
        self._earlier_seconds = 0.0

    def on_epoch_end(self, epoch, logs=None):
        rate = keras.ops.convert_to_numpy(self.model.optimizer.learning_rate)
        stage = stage_at(self.stages, epoch)
        row = {
            "epoch": epoch + 1,
            "stage": stage.name,
            "learning_rate": f"{float(rate):.6g}",
            "loss": f"{logs['loss']:.6f}",
            "val_loss": f"{logs['val_loss']:.6f}",
            "val_macro_f1": f"{logs['val_macro_f1']:.6f}",
            "val_macro_f1_tuned": f"{logs['val_macro_f1_tuned']:.6f}",
            "seconds": f"{time.perf_counter() - self._start:.2f}",
            "is_best": int(logs["is_best"]),
        }
        self._rows.append([row[column] for column in HISTORY_COLUMNS])
        self._start = None
        self._write()

    def memory(self):
        """Return the rows, and the seconds spent on the epoch under way, as plain values."""
        seconds = 0.0 if self._start is None else time.perf_counter() - self._start
        return {"rows": self._rows, "seconds": seconds}

    def remember(self, memory):
        """Take up what `memory` gave."""
        self._rows = memory["rows"]
        self._earlier_seconds, self._start = memory["seconds"], None

    def _write(self):
        with whole_file(self.path) as file:
            csv.writer(file, lineterminator="\n").writerows([HISTORY_COLUMNS, *self._rows])


class Progress(keras.callbacks.Callback):
    """Show rate and remaining time: a bar on a terminal, and a line an epoch everywhere.

    Args:
        stages: The run's `Stage`s.
        steps: Training steps in an epoch.
        batch_size: Posters in a step.
        done: Steps of the first epoch that were done earlier.
    """

    def __init__(self, stages, steps, batch_size, done=0):
        super().__init__()
        self.stages = stages
        self.steps = steps
        self.batch_size = batch_size
        self.done = done
        self.bar = None

    def on_train_begin(self, logs=None):
        self.epochs = self.stages[-1].first_epoch + self.stages[-1].epochs

    def on_epoch_begin(self, epoch, logs=None):
        self.stage = stage_at(self.stages, epoch)
        self.start = time.perf_counter()
        self.bar = tqdm(
            total=self.steps * self.batch_size,
            initial=self.done * self.batch_size,
            desc=f"Epoch {epoch + 1}/{self.epochs} {self.stage.name}",
            unit=" posters",
            leave=False,
            disable=None,
            file=sys.stderr,
        )
        self.done = 0

    def on_train_batch_end(self, batch, logs=None):
        if not self.bar.disable:
            # Reading the loss waits for the step, which a bar nobody sees must not.
            self.bar.set_postfix(loss=f"{float(logs['loss']):.4f}", refresh=False)
            self.bar.update(self.batch_size)

    def on_epoch_end(self, epoch, logs=None):
        self.bar.close()
        seconds = time.perf_counter() - self.start
        stage_end = self.stage.first_epoch + self.stage.epochs
        left = format_seconds(seconds * (stage_end - epoch - 1))
        say(
            f"Epoch {epoch + 1}/{self.epochs} {self.stage.name}: loss {logs['loss']:.4f}, val_loss "
            f"{logs['val_loss']:.4f}, macro F1 {logs['val_macro_f1']:.4f}, tuned "
            f"{logs['val_macro_f1_tuned']:.4f}{'*' if logs['is_best'] else ''}, {seconds:.1f} s, "
            f"{left} left in this stage"
        )

    def on_train_end(self, logs=None):
        if self.bar is not None:
            self.bar.close()


def format_seconds(seconds):
    """Return a length of time for people.

    Example:
        >>> format_seconds(75), format_seconds(7300)
        ('1:15', '2:01:40')
    """
    minutes, seconds = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{seconds:02}" if hours else f"{minutes}:{seconds:02}"
