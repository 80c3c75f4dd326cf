"""What a user sees of a training: `history.csv`, a bar, a line an epoch."""

import csv
import sys
import time

import keras
from tqdm import tqdm

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
    """Append a row to `history.csv` after every epoch, over all `fit` calls of a run.

    Args:
        path: The CSV.
        stages: The run's `Stage`s.
    """

    def __init__(self, path, stages):
        super().__init__()
        self.path = path
        self.stages = stages

    def on_train_begin(self, logs=None):
        if not self.path.exists():
            self._write(HISTORY_COLUMNS)

    def on_epoch_begin(self, epoch, logs=None):
        self.start = time.perf_counter()

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
            "seconds": f"{time.perf_counter() - self.start:.2f}",
            "is_best": int(logs["is_best"]),
        }
        self._write([row[column] for column in HISTORY_COLUMNS])

    def _write(self, row):
        with open(self.path, "a", newline="", encoding="utf-8") as file:
            csv.writer(file, lineterminator="\n").writerow(row)


class Progress(keras.callbacks.Callback):
    """Show rate and remaining time: a bar on a terminal, and a line an epoch everywhere.

    Args:
        stages: The run's `Stage`s.
        steps: Training steps in an epoch.
        batch_size: Posters in a step.
    """

    def __init__(self, stages, steps, batch_size):
        super().__init__()
        self.stages = stages
        self.steps = steps
        self.batch_size = batch_size
        self.bar = None

    def on_train_begin(self, logs=None):
        self.epochs = self.stages[-1].first_epoch + self.stages[-1].epochs
        self.best = None

    def on_epoch_begin(self, epoch, logs=None):
        self.stage = stage_at(self.stages, epoch)
        self.start = time.perf_counter()
        self.bar = tqdm(
            total=self.steps * self.batch_size,
            desc=f"Epoch {epoch + 1}/{self.epochs} {self.stage.name}",
            unit=" posters",
            leave=False,
            disable=None,
            file=sys.stderr,
        )

    def on_train_batch_end(self, batch, logs=None):
        if not self.bar.disable:
            # Reading the loss waits for the step, which a bar nobody sees must not.
            self.bar.set_postfix(loss=f"{float(logs['loss']):.4f}", refresh=False)
            self.bar.update(self.batch_size)

    def on_epoch_end(self, epoch, logs=None):
        self.bar.close()
        seconds = time.perf_counter() - self.start
        if logs["is_best"]:
            self.best = epoch + 1
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
