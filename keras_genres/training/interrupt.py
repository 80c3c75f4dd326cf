"""Ctrl-C and SIGTERM: stop between two batches."""

import os
import signal
import threading

import keras


class StopOnSignal(keras.callbacks.Callback):
    """Turn SIGINT and SIGTERM into a `KeyboardInterrupt` at the end of a batch.

    Raised wherever Python happens to be, it can get lost in a destructor or a
    library's callback, and training would run on. A second signal raises at
    once. Use it as a context, give it to `predict` among the callbacks, and
    call `check` between two steps of other work.

    Attributes:
        is_asked: Whether a signal came.
        is_now: Whether a second one did, so that Python was stopped in the middle of a step.
    """

    def __init__(self):
        super().__init__()
        self.is_asked = self.is_now = False
        self._old = {}

    def __enter__(self):
        # Only the main thread may set handlers; elsewhere the caller's stay.
        if threading.current_thread() is threading.main_thread():
            for number in (signal.SIGINT, signal.SIGTERM):
                self._old[number] = signal.signal(number, self._note)
        return self

    def __exit__(self, *error):
        for number, handler in self._old.items():
            signal.signal(number, handler)

    def _note(self, number, frame):
        if self.is_asked:
            self.is_now = True
            raise KeyboardInterrupt
        self.is_asked = True
        # Not print(): the signal may have come in the middle of one.
        os.write(2, b"\nStopping after this step; once more to stop at once\n")

    def check(self):
        """Raise `KeyboardInterrupt` if a signal came."""
        if self.is_asked:
            raise KeyboardInterrupt

    def on_predict_batch_end(self, batch, logs=None):
        self.check()
