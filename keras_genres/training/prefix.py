"""The frozen part of the network, computed once a poster and kept.

Source: the bottleneck features of transfer learning (Donahue et al. 2014,
arXiv:1310.1531), here at any block and for several varied copies.
"""

import contextlib
import dataclasses
import hashlib
import shutil
import sys
import time
from dataclasses import dataclass

import keras
import numpy as np
from tqdm import tqdm

from keras_genres.errors import UserError
from keras_genres.input.augment import AUGMENT_VERSION
from keras_genres.input.cache import amount, cache_folder, fingerprint
from keras_genres.input.decode import DECODER_VERSION
from keras_genres.input.pipeline import evaluation_batches, view_batches
from keras_genres.model.backbones import BACKBONES
from keras_genres.model.cut import HEAD, build_prefix, cut_width, find_cut, prefix_weights
from keras_genres.training.activations import Activations, make_room
from keras_genres.training.display import say
from keras_genres.training.prefix_choice import choose_place, count_epochs, pays

_HELD_OUT = ("val", "test")


@dataclass
class Kept:
    """What is kept for one stage."""

    cut: str
    """Where the network is cut."""
    views: list
    """`Activations` of each varied copy of the training posters."""
    held_out: dict
    """Split name to float32 `Activations` of its posters as they are."""

    @property
    def all(self):
        return [*self.views, *self.held_out.values()]

    @property
    def size(self):
        """Bytes."""
        return sum(part.size for part in self.all)

    @property
    def missing(self):
        """Posters still to be computed."""
        return sum(part.rows - part.done for part in self.all)


def keep_frozen(job, sources, stop):
    """Compute and keep what the stages of a job do not train, where that pays.

    Args:
        job: The `Job`.
        sources: Split name to `PosterSource`; prepared unless nothing is asked of them.
        stop: A `StopOnSignal`.

    Returns:
        The `PrefixCache`, filled.

    Raises:
        UserError: If there is no room, a poster cannot be read, or it was interrupted.
    """
    prefix = PrefixCache(job, sources)
    if not prefix.find():
        say(sources["train"].prepare())
        prefix.choose()
        try:
            prefix.build(stop)
        except KeyboardInterrupt:
            raise UserError(
                "Interrupted while the frozen part was computed. What is on the disk stays, "
                "and the same command goes on from there."
            ) from None
    return prefix


class PrefixCache:
    """Which stages of a run train on kept activations, and those activations.

    Args:
        job: The `Job`.
        sources: Split name to `PosterSource`.
        note: Called with each line that says what was decided.
    """

    def __init__(self, job, sources, note=say):
        self.job = job
        self.note = note
        self.sources = sources
        self.backbone = BACKBONES[job.settings.model.backbone]
        self.batch_size = 2 * job.settings.training.batch_size
        self.kept = {}
        self._prefixes = {}
        self._timed = {}
        self._weights_hashes = {}
        settings = job.settings.prefix
        self.candidates = {
            stage: find_cut(stage.blocks, self.backbone)
            for stage in job.stages
            if settings.cache != "off"
        }

    def find(self):
        """Take the stages whose activations are all there from an earlier run.

        Returns:
            Whether that is every stage: then no poster needs to be decoded.
        """
        if self.job.settings.prefix.place != "memory":
            for stage, cut in self.candidates.items():
                if cut is not None:
                    kept = self._lay_out(cut, cache_folder(self.job.settings.input))
                    if not kept.missing:
                        self.kept[stage] = kept
                        self.note(
                            f"{_name(stage)}: on, {amount(kept.size)} found from an earlier run"
                        )
        return len(self.kept) == len(self.job.stages)

    def choose(self):
        """Decide for the other stages, and say what was decided and why.

        The last stage first: where its activations are computed, those of an
        earlier one come from the same pass and cost only the blocks between.

        Raises:
            UserError: If the cache was asked for and there is no room for it.
        """
        for stage, cut in reversed(self.candidates.items()):
            if stage in self.kept:
                continue
            if cut is None:
                self.note(f"{_name(stage)}: off (all blocks are trained, nothing is frozen)")
                continue
            is_kept, why = self._pays(stage, cut)
            if is_kept:
                is_kept, why = self._find_place(stage, cut, why)
            self.note(f"{_name(stage)}: {'on' if is_kept else 'off'}, {why}")

    def build(self, stop):
        """Compute what is missing, in one pass over the pixels for all stages.

        An interrupted pass is taken up where it stopped.

        Args:
            stop: The `StopOnSignal` that is asked between two batches.
        """
        kept = list(self.kept.values())
        missing = sum(part.missing for part in kept)
        if missing:
            with _alone(self._folder(kept)), contextlib.ExitStack() as close:
                for part in (part for one in kept for part in one.all):
                    part.refresh()
                    close.callback(part.close)
                self._make_room(kept)
                total = sum(max(_missing(group)) for group in self._passes(kept))
                bar = close.enter_context(_bar(total))
                for group, batches in self._passes_with_batches(kept):
                    self._compute(group, batches, bar, stop)
        clipped = sum(part.clipped for one in kept for part in one.all)
        if clipped:
            say(
                f"{clipped} activations are beyond ±65504 and were cut off there; "
                "--set prefix.format=bfloat16 keeps them"
            )
        for one in kept:  # mapped now, another run may make room for its own
            for part in one.all:
                part.array()

    def _lay_out(self, cut, folder):
        job, settings = self.job, self.job.settings
        options = settings.prefix
        width = cut_width(job.network, self.backbone, cut)
        kind = options.format
        if kind == "auto":
            kind = "bfloat16" if settings.training.precision == "bfloat16" else "float16"
        common = {
            "backbone": self.backbone.name,
            "cut": cut,
            "weights": self._weights_hash(cut),
            "pixels": [settings.input.height, settings.input.width, settings.input.fit],
            "decoder": DECODER_VERSION,
            "pooling": settings.model.pooling if cut == HEAD else None,
            "precision": settings.training.precision,
            "jit": settings.training.jit,
            "keras": [keras.__version__, keras.backend.backend()],
        }
        augment = dataclasses.asdict(settings.augment) | {"version": AUGMENT_VERSION}
        posters = {part: fingerprint(source.paths) for part, source in self.sources.items()}
        train = len(self.sources["train"])

        def rows_of(part, kind, **more):
            identity = common | {"posters": posters[part]} | more
            return Activations(identity, len(self.sources[part]), width, kind, folder)

        views = [
            rows_of("train", kind, view=view, seed=options.seed, of=train, augment=augment)
            for view in range(options.views)
        ]
        return Kept(cut, views, {part: rows_of(part, "float32") for part in _HELD_OUT})

    def _pays(self, stage, cut):
        options = self.job.settings.prefix
        if options.cache == "on":
            return True, "as asked"
        missing = self._lay_out(cut, cache_folder(self.job.settings.input)).missing
        train, val, test = (len(self.sources[part]) for part in ("train", *_HELD_OUT))
        live = stage.epochs * (train + val)
        if stage is self.job.stages[-1]:
            live += val + test  # its network scores them at the end
        others = tuple(kept.cut for kept in self.kept.values() if kept.missing)
        if missing >= live and not others:
            return False, (
                f"{live} passes of a poster in {count_epochs(stage.epochs)} are fewer than the "
                f"{missing} that {options.views} views take"
            )
        extra = self._seconds((*others, cut)) - (self._seconds(others) if others else 0.0)
        return pays(stage.epochs, live * self._seconds((cut,)), missing * max(extra, 0.0))

    def _find_place(self, stage, cut, why):
        options, inputs = self.job.settings.prefix, self.job.settings.input
        folder = cache_folder(inputs)
        kept = self._lay_out(cut, folder)
        others = sum(other.size for other in self.kept.values())
        place, lack = choose_place(options, kept.size, others, folder)
        if place is None:
            if options.cache == "on":
                raise UserError(
                    f"The activations of stage {stage.name} take {amount(kept.size)}: {lack}. "
                    "Set prefix.views lower, raise the limit, or use --prefix-cache off."
                )
            return False, f"its activations take {amount(kept.size)}: {lack}"
        if place == "memory":
            kept = self._lay_out(cut, None)
        self.kept[stage] = kept
        where = f"in {folder}" if place == "disk" else "in memory"
        held_out = sum(part.rows for part in kept.held_out.values())
        return True, (
            f"{why}: {kept.views[0].rows} posters × {options.views} views and {held_out} as they "
            f"are, {kept.views[0].width} numbers each, {amount(kept.size)} {where}"
        )

    def _seconds(self, cuts):
        """Time the frozen part of one batch, after one that compiles it; seconds a poster."""
        if cuts not in self._timed:
            batches = view_batches(
                self.sources["train"],
                batch_size=self.batch_size,
                seed=0,
                view=0,
                augment=self.job.settings.augment,
            )
            images = next(iter(batches.take(1))).numpy()
            prefix = self._prefix(cuts)
            prefix.predict_on_batch(images)
            started = time.perf_counter()
            prefix.predict_on_batch(images)
            self._timed[cuts] = (time.perf_counter() - started) / self.batch_size
        return self._timed[cuts]

    def _prefix(self, cuts):
        if cuts not in self._prefixes:
            prefix = build_prefix(self.job.network, self.backbone, cuts)
            prefix.compile(jit_compile=self.job.settings.training.jit == "on")
            self._prefixes[cuts] = prefix
        return self._prefixes[cuts]

    def _weights_hash(self, cut):
        if cut not in self._weights_hashes:
            digest = hashlib.sha256()
            for values in prefix_weights(self.job.network, self.backbone, cut):
                digest.update(np.ascontiguousarray(values).data)
            self._weights_hashes[cut] = digest.hexdigest()
        return self._weights_hashes[cut]

    def _folder(self, kept):
        on_disk = any(part.folder for one in kept for part in one.all)
        return cache_folder(self.job.settings.input) if on_disk else None

    def _make_room(self, kept):
        folder = self._folder(kept)
        if folder is None:
            return
        parts = [part for one in kept for part in one.all if part.folder]
        needed = sum((part.rows - part.done) * part.row_size for part in parts)
        spared = {path for part in parts for path in (part.file, part.partial)}
        limit = self.job.settings.prefix.disk_gib * 2**30
        free = shutil.disk_usage(folder).free
        used = sum(path.stat().st_size for path in folder.glob("prefix-*"))
        removed = make_room(folder, needed, min(limit, used + free), spared)
        if removed:
            say(f"Removed {amount(removed)} of activations that were not used for longest")

    def _passes(self, kept):
        """Yield lists of `(cut, Activations)` that one pass over the same pixels fills."""
        for view in range(self.job.settings.prefix.views):
            yield [(one.cut, one.views[view]) for one in kept if not one.views[view].is_whole]
        for part in _HELD_OUT:
            yield [(one.cut, one.held_out[part]) for one in kept if not one.held_out[part].is_whole]

    def _passes_with_batches(self, kept):
        settings = self.job.settings
        names = [*range(settings.prefix.views), *_HELD_OUT]
        for name, group in zip(names, self._passes(kept), strict=True):
            if not group:
                continue
            start = min(part.done for _, part in group)
            if name in _HELD_OUT:
                yield group, evaluation_batches(self.sources[name], self.batch_size, start)
            else:
                yield (
                    group,
                    view_batches(
                        self.sources["train"],
                        batch_size=self.batch_size,
                        seed=settings.prefix.seed,
                        view=name,
                        augment=settings.augment,
                        start=start,
                    ),
                )

    def _compute(self, group, batches, bar, stop):
        prefix = self._prefix(tuple(cut for cut, _ in group))
        at = min(part.done for _, part in group)
        for images in batches:
            found = prefix.predict_on_batch(images.numpy())
            found = found if isinstance(found, (list, tuple)) else [found]
            for (_, part), values in zip(group, found, strict=True):
                part.append(np.asarray(values)[part.done - at : part.rows - at])
            at += self.batch_size
            bar.update(min(self.batch_size, bar.total - bar.n))
            stop.check()


def _missing(group):
    return [part.rows - part.done for _, part in group] or [0]


def _name(stage):
    return f"Prefix cache, stage {stage.name}"


def _bar(total):
    return tqdm(total=total, desc="Frozen part", unit=" posters", disable=None, file=sys.stderr)


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
