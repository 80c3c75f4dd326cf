"""Where on a poster the evidence for genres is, as the service answers it."""

import asyncio
import base64
import io
import logging
import threading
from concurrent.futures import ThreadPoolExecutor

import numpy as np
from PIL import Image

from keras_genres.data.quality import load_picture
from keras_genres.genres import GENRES
from keras_genres.inference.explain import shown
from keras_genres.inference.overlay import on_poster, overlay

_LOG = logging.getLogger("keras_genres.serve")
_LONGEST_SECONDS = 60.0  # for a few posters; a loop that has ended answers never
_MOST_CELLS = 32  # of a map's longer side, where it has to be fitted
_MOST_PIXELS = 1024  # of an overlay's longer side
_QUALITY = 88  # of its JPEG


class Evidence:
    """Makes maps beside the scoring of posters.

    Args:
        runtime: The model.
        batcher: The `Batcher` that scores with it.
        max_megapixels: As for `load_picture`.

    Attributes:
        method: `gradcam` where the model is one network of Keras, else `occlusion`.
    """

    def __init__(self, runtime, batcher, max_megapixels):
        self.method = "gradcam" if runtime.has_feature_map else "occlusion"
        self._runtime = runtime
        self._batcher = batcher
        self._max_megapixels = max_megapixels
        self._fit = (runtime.fit, runtime.height, runtime.width)
        self._thread = ThreadPoolExecutor(1, "evidence")

    async def warm_up(self, image):
        """Make one map, as the first takes seconds."""
        try:
            if self.method == "gradcam":
                await self._maps(image, GENRES[:1])
        except Exception:
            _LOG.exception("Grad-CAM failed; explanations are by occlusion.")
            self.method = "occlusion"

    def stop(self):
        """End the thread."""
        self._thread.shutdown(wait=False, cancel_futures=True)

    async def of(self, image, data, genres, with_overlay):
        """Return maps of a poster for JSON, and their overlays.

        Args:
            image: Its pixels as the model sees them.
            data: The bytes of its file.
            genres: Names.
            with_overlay: Whether to draw overlays.

        Returns:
            A list of maps, each a list of rows in [0, 1] over the whole poster,
            and one of `data:` URLs, or of `None`.
        """
        maps = await self._maps(image, genres)
        return await self._in_thread(self._lay, data, maps, with_overlay)

    async def _maps(self, image, genres):
        if self.method == "gradcam":
            return await self._batcher.call(lambda: self._grad_cam(image, genres))
        from keras_genres.inference.occlusion import occlusion

        loop = asyncio.get_running_loop()
        is_over = threading.Event()

        def score(images):
            """Score parts of a poster among the posters of others, so that these need not wait."""
            if is_over.is_set():
                raise RuntimeError("Nobody waits for this explanation any more.")
            wanted = asyncio.run_coroutine_threadsafe(self._batcher.score_all(images), loop)
            return wanted.result(_LONGEST_SECONDS)

        try:
            return await self._in_thread(occlusion, score, image, genres)
        finally:
            is_over.set()

    def _grad_cam(self, image, genres):
        from keras_genres.inference.gradcam import grad_cam

        return grad_cam(self._runtime.network, image[None], genres)[0]

    def _lay(self, data, maps, with_overlay):
        maps = [shown(each) for each in maps]
        is_whole = self._fit[0] == "squeeze"
        if is_whole and not with_overlay:
            return [_rows(each) for each in maps], [None] * len(maps)
        picture = load_picture(data, self._max_megapixels, at_least=(_MOST_PIXELS, _MOST_PIXELS))
        picture.thumbnail((_MOST_PIXELS, _MOST_PIXELS), Image.Resampling.LANCZOS)
        drawn = [
            _url(overlay(picture, each, *self._fit)) if with_overlay else None for each in maps
        ]
        if not is_whole:
            scale = _MOST_CELLS / max(picture.size)
            cells = [max(1, round(side * scale)) for side in picture.size]
            maps = [np.nan_to_num(on_poster(each, cells, *self._fit)) for each in maps]
        return [_rows(each) for each in maps], drawn

    def _in_thread(self, function, *args):
        return asyncio.get_running_loop().run_in_executor(self._thread, function, *args)


def _rows(values):
    return np.round(np.asarray(values, float), 3).tolist()


def _url(picture):
    file = io.BytesIO()
    picture.save(file, "JPEG", quality=_QUALITY)
    return "data:image/jpeg;base64," + base64.b64encode(file.getvalue()).decode()
