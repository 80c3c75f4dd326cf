"""The pass over the pixels that fills what is kept of the frozen part."""

import contextlib
import shutil
import time

import numpy as np
from tqdm import tqdm

from keras_genres.errors import UserError
from keras_genres.input.cache import amount, cache_folder
from keras_genres.input.pipeline import evaluation_batches, view_batches
from keras_genres.model.augment import augmented
from keras_genres.model.backbones import BACKBONES
from keras_genres.model.cut import build_prefix
from keras_genres.training.activations import make_room
from keras_genres.training.display import say


class PrefixPass:
    """Runs the frozen part of a job's network over its posters.

    Args:
        job: The `Job`.
        sources: Split name to `PosterSource`.
    """

    def __init__(self, job, sources):
        self.job = job
        self.sources = sources
        self.batch_size = job.pass_size
        self._prefixes = {}
        self._timed = {}

    def fill(self, kept, stop):
        """Compute what is missing, every pixel once for all cuts.

        An interrupted pass is taken up where it stopped, if it went to files.

        Args:
            kept: List of `Kept`.
            stop: The `StopOnSignal` that is asked between two batches.
        """
        if not any(one.missing for one in kept):
            return
        parts = [part for one in kept for part in one.all]
        on_disk = [part for part in parts if part.folder is not None]
        with _alone(on_disk[0].folder if on_disk else None), contextlib.ExitStack() as close:
            for part in parts:
                part.refresh()
                close.callback(part.close)
            self._make_room(on_disk)
            groups = [(name, group) for name, group in self._groups(kept) if group]
            total = sum(max(part.rows - part.done for _, part in group) for _, group in groups)
            # A log shows no bar, and minutes of silence look like a hang.
            done = sum(one.size - one.missing_size for one in kept)
            from_there = f", going on from {amount(done)}" if done else ""
            say(f"Computing the frozen part: {total} posters, views included{from_there}")
            bar = close.enter_context(
                tqdm(total=total, desc="Frozen part", unit=" posters", disable=None)
            )
            for name, group in groups:
                self._fill_group(name, group, bar, stop)

    def seconds(self, cuts):
        """Time one batch up to some cuts, after one that compiles it; seconds a poster."""
        if cuts not in self._timed:
            images = _arrays(next(iter(self._batches(0, 0).take(1))))
            prefix = self._prefix(cuts, is_varied=True)
            prefix.predict_on_batch(images)
            started = time.perf_counter()
            prefix.predict_on_batch(images)
            self._timed[cuts] = (time.perf_counter() - started) / self.batch_size
        return self._timed[cuts]

    def _groups(self, kept):
        """Yield view or split, and the `(cut, Activations)` that a pass over it fills."""
        for view in range(max(len(one.views) for one in kept)):
            found = [(one.cut, one.views[view]) for one in kept if view < len(one.views)]
            yield view, [(cut, part) for cut, part in found if not part.is_whole]
        for name in self.sources:
            found = [(one.cut, one.held_out[name]) for one in kept if name in one.held_out]
            yield name, [(cut, part) for cut, part in found if not part.is_whole]

    def _fill_group(self, name, group, bar, stop):
        prefix = self._prefix(tuple(cut for cut, _ in group), is_varied=name not in self.sources)
        at = min(part.done for _, part in group)
        # The batches of a pass that was never cut: of another batch a poster may
        # come out rounded otherwise.
        at -= at % self.batch_size
        for images in self._batches(name, at):
            found = prefix.predict_on_batch(_arrays(images))
            found = found if isinstance(found, (list, tuple)) else [found]
            for (_, part), values in zip(group, found, strict=True):
                # The last batch is filled up; and one cut may be further than another.
                part.append(np.asarray(values)[part.done - at : part.rows - at])
            at += self.batch_size
            bar.update(min(self.batch_size, bar.total - bar.n))
            stop.check()

    def _batches(self, name, start):
        settings = self.job.settings
        if name in self.sources:
            return evaluation_batches(self.sources[name], self.batch_size, start)
        return view_batches(
            self.sources["train"],
            batch_size=self.batch_size,
            seed=settings.prefix.seed,
            view=name,
            augment=settings.augment,
            start=start,
            where=settings.augment.where,
        )

    def _prefix(self, cuts, is_varied):
        settings = self.job.settings
        on_device = is_varied and settings.augment.where == "device"
        if (cuts, on_device) not in self._prefixes:
            backbone = BACKBONES[settings.model.backbone]
            prefix = build_prefix(self.job.network, backbone, cuts)
            if on_device:
                prefix = augmented(prefix, settings.augment)
            prefix.compile(jit_compile=settings.training.jit == "on")
            self._prefixes[cuts, on_device] = prefix
        return self._prefixes[cuts, on_device]

    def _make_room(self, parts):
        if not parts:
            return
        folder = cache_folder(self.job.settings.input)
        needed = sum((part.rows - part.done) * part.row_size for part in parts)
        spared = {path for part in parts for path in (part.file, part.partial)}
        used = sum(path.stat().st_size for path in folder.glob("prefix-*"))
        limit = min(
            self.job.settings.prefix.disk_gib * 2**30, used + shutil.disk_usage(folder).free
        )
        removed = make_room(folder, needed, limit, spared)
        if removed:
            say(f"Removed {amount(removed)} of activations that were not used for longest")


@contextlib.contextmanager
def explain_interrupt():
    """Turn Ctrl-C in the block, which fills what is kept, into a line for the user."""
    try:
        yield
    except KeyboardInterrupt:
        raise UserError(
            "Interrupted while the frozen part was computed. What is on the disk stays, "
            "and the same command goes on from there."
        ) from None


def _arrays(images):
    """Return a batch, which may be a pair, as NumPy arrays for either backend."""
    return [part.numpy() for part in images] if isinstance(images, tuple) else images.numpy()


@contextlib.contextmanager
def _alone(folder):
    """Let one process at a time compute into a folder: the next then finds it done."""
    if folder is None:
        yield
        return
    folder.mkdir(parents=True, exist_ok=True)
    try:
        import fcntl
    except ImportError:  # Windows: two would do the same work, and the last rename wins
        yield
        return
    with open(folder / "prefix.lock", "w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            say(f"Waiting for another run that computes activations in {folder}")
            fcntl.flock(lock, fcntl.LOCK_EX)
        yield
