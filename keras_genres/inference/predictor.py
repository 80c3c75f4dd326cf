"""Posters in, genres out: a trained model as a notebook or a service uses it."""

import contextlib
import itertools
import threading
from collections import deque
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

from keras_genres.data.bounded import room_for_bytes
from keras_genres.data.quality import PictureError, load_picture, rgb_of
from keras_genres.errors import UserError
from keras_genres.genres import GENRES
from keras_genres.inference.sources import Found
from keras_genres.settings import PrepareSettings

TTA = ("flip",)
READERS = 4
"""Threads that read posters."""
_BATCHES_AHEAD = 2


@dataclass(frozen=True, slots=True)
class Prediction:
    """What a model says of one poster."""

    source: str
    """Path, URL or name of the poster."""
    genres: tuple
    """Those whose score reaches their threshold, the best first."""
    scores: dict
    """Score of every genre, the best first; empty if the poster could not be read."""
    error: str | None = None
    """Why it could not be read."""

    def to_dict(self, top=None):
        """Return plain values for JSON.

        Args:
            top: How many scores to keep, the best first; `None` for all.
        """
        return {
            "source": self.source,
            "genres": list(self.genres),
            "scores": dict(itertools.islice(self.scores.items(), top)),
            "error": self.error,
        }


class Predictor:
    """A model that is ready to tell genres.

    Args:
        runtime: A `Runtime`.
        batch_size: Posters that go through the network together.
        max_megapixels: Larger posters are refused by their header.

    Attributes:
        genres: Names, in the order of the scores.
        thresholds: float32 array `(19,)`.
        height: Rows of pixels the model takes.
        width: Columns of pixels.
        metadata: What the model tells about itself.

    Example:
        >>> predictor = Predictor.load("runs/v2s")
        >>> predictor.predict(["poster.jpg"])[0].genres
        ('Drama', 'Romance')
    """

    def __init__(self, runtime, batch_size=32, max_megapixels=PrepareSettings.max_megapixels):
        if batch_size < 1:
            raise ValueError(f"`batch_size` must be at least 1. Received: {batch_size}")
        self.runtime = runtime
        self.batch_size = batch_size
        self.max_megapixels = max_megapixels
        self.genres = GENRES
        self.thresholds = runtime.thresholds
        self.height, self.width = runtime.height, runtime.width
        self.metadata = runtime.metadata
        self._resize = None
        self._making = threading.Lock()

    @classmethod
    def load(cls, model, batch_size=32, **more):
        """Load a model.

        Args:
            model: Run folder, `.keras` file or an exported model.
            batch_size, more: As for the class.

        Raises:
            UserError: If there is no such model, or it is damaged.
        """
        from keras_genres.training.start import start_keras

        start_keras()
        from keras_genres.inference.runtimes import open_model

        return cls(open_model(model), batch_size, **more)

    def read(self, poster):
        """Return the pixels of a poster as the network sees them.

        They are the pixels that evaluation has: odd pictures are converted as
        `data prepare` converts them.

        Args:
            poster: Path, bytes of a file, `PIL.Image.Image`, or array `(rows,
                columns, 3)` of RGB in 0-255.

        Returns:
            uint8 array of shape `(height, width, 3)`.

        Raises:
            UserError: If it is no usable picture; it names the file.
        """
        return self._resized(self._pixels(poster))

    def score(self, images):
        """Return the scores of images, as `Runtime.score`: shape `(N, 19)`."""
        return self.runtime.score(images)

    def predict(self, posters, top=None, tta=None):
        """Return a `Prediction` for each poster, in their order.

        Args:
            posters: What `read` takes, each; or one of them alone.
            top: Scores to keep of each, the best first; `None` for all.
            tta: `flip` averages the scores of a poster and its mirror image.
                Thresholds were chosen without it.

        Returns:
            List of `Prediction`; a poster that cannot be read has an `error`.
        """
        is_array = isinstance(posters, np.ndarray) and posters.ndim == 3
        if is_array or isinstance(posters, (str, Path, bytes, Image.Image)):
            posters = [posters]
        return list(self.stream(posters, top=top, tta=tta))

    def stream(self, posters, top=None, tta=None, readers=READERS):
        """Yield a `Prediction` for each poster, in order and in flat memory.

        Posters are read by threads while the network works on those before.

        Args:
            posters: Iterable of what `read` takes, or of `Found`; it may be endless.
            top, tta: As for `predict`.
            readers: Threads that read posters.
        """
        if tta is not None and tta not in TTA:
            raise ValueError(f"`tta` must be None or one of {', '.join(TTA)}. Received: {tta!r}")
        posters = enumerate(posters)
        waiting = deque()
        with ThreadPoolExecutor(readers) as pool:

            def fill():
                for number, poster in itertools.islice(
                    posters, self.batch_size * (1 + _BATCHES_AHEAD) - len(waiting)
                ):
                    waiting.append((_name(poster, number), pool.submit(self._try, poster)))

            try:
                fill()
                while waiting:
                    batch = [waiting.popleft() for _ in range(min(self.batch_size, len(waiting)))]
                    found = [(name, future.result()) for name, future in batch]
                    fill()
                    yield from self._predictions(found, top, tta)
            finally:
                pool.shutdown(wait=False, cancel_futures=True)

    def _predictions(self, found, top, tta):
        images = [image for _, image in found if not isinstance(image, str)]
        scores = iter(self._scores(np.stack(images), tta) if images else ())
        for name, image in found:
            if isinstance(image, str):
                yield Prediction(name, (), {}, image)
            else:
                yield self.prediction(name, next(scores), top)

    def prediction(self, source, scores, top=None):
        """Return the `Prediction` that scores of shape `(19,)` stand for."""
        order = np.argsort(-scores, kind="stable")
        picked = tuple(GENRES[at] for at in order if scores[at] >= self.thresholds[at])
        return Prediction(source, picked, {GENRES[at]: float(scores[at]) for at in order[:top]})

    def _scores(self, images, tta):
        count = len(images)
        # A few shapes only: for each the network is traced and planned anew.
        wanted = min(self.batch_size, 1 << (count - 1).bit_length())
        if count < wanted:
            images = np.pad(images, [(0, wanted - count), (0, 0), (0, 0), (0, 0)])
        scores = self.score(images)
        if tta == "flip":
            scores = (scores + self.score(images[:, :, ::-1])) / 2
        return scores[:count]

    def _try(self, poster):
        """Return the pixels of a poster, or why there are none."""
        path = poster if isinstance(poster, (str, Path)) else getattr(poster, "path", None)
        try:
            # Large files wait for one another: a folder full of them is read in flat memory too.
            with contextlib.nullcontext() if path is None else room_for_bytes(path):
                return self.read(poster.read() if isinstance(poster, Found) else poster)
        except PictureError as error:
            return f"{error.reason} ({error.detail})"
        except UserError as error:
            return str(error)

    def _pixels(self, poster):
        if isinstance(poster, Image.Image):
            poster = rgb_of(poster, self.max_megapixels)
        elif isinstance(poster, (str, Path, bytes)):
            poster = load_picture(poster, self.max_megapixels)
        pixels = np.asarray(poster)
        if pixels.ndim != 3 or pixels.shape[2] != 3 or not pixels.size:
            raise UserError(
                f"An array must hold RGB pixels, shape (rows, columns, 3). Received: {pixels.shape}"
            )
        if pixels.dtype != np.uint8:
            pixels = _levels(pixels)
        return pixels

    def _resized(self, pixels):
        with self._making:  # several readers begin at once
            if self._resize is None:
                self._resize = _resizing(self.height, self.width, self.runtime.fit)
        return self._resize(pixels)


def _levels(pixels):
    """Return whole levels of 0-255 as uint8."""
    if not np.issubdtype(pixels.dtype, np.number) or not np.isfinite(pixels).all():
        raise UserError(f"An array of posters must hold finite numbers. Received: {pixels.dtype}")
    if pixels.min() < 0 or pixels.max() > 255:
        raise UserError(
            "An array of posters must hold levels of 0-255. "
            f"Received: {pixels.min():g} to {pixels.max():g}"
        )
    if np.issubdtype(pixels.dtype, np.floating) and 0 < pixels.max() <= 1:
        raise UserError("An array of posters must hold levels of 0-255, not of 0-1: times 255.")
    return np.rint(pixels).astype(np.uint8)


def _resizing(height, width, fit):
    """Return the resizing of evaluation as one function of an array, compiled once."""
    import tensorflow as tf

    from keras_genres.input.decode import resize_poster

    @tf.function(input_signature=[tf.TensorSpec((None, None, 3), tf.uint8)])
    def resize(image):
        return resize_poster(image, height, width, fit)

    traced = resize.get_concrete_function()
    return lambda pixels: traced(tf.constant(pixels)).numpy()


def _name(poster, number):
    if isinstance(poster, Found):
        return poster.name
    return str(poster) if isinstance(poster, (str, Path)) else f"#{number}"
