"""What is kept of a stage's frozen part, and all that it depends on."""

import dataclasses
import hashlib
from dataclasses import dataclass

import keras
import numpy as np

from keras_genres.input.augment import AUGMENT_VERSION
from keras_genres.input.cache import fingerprint
from keras_genres.input.decode import DECODER_VERSION
from keras_genres.model.backbones import BACKBONES
from keras_genres.model.cut import HEAD, cut_width, prefix_weights
from keras_genres.training.activations import Activations

HELD_OUT = ("val", "test")
"""Splits that are kept once, as they are and in float32, so that scores are not rounded."""


@dataclass
class Kept:
    """What is kept for one stage."""

    cut: str
    """Where the network is cut."""
    views: list
    """`Activations` of each varied copy of the training posters; may be none."""
    held_out: dict
    """Split name to `Activations` of its posters as they are."""

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

    @property
    def missing_size(self):
        """Bytes still to be computed."""
        return sum((part.rows - part.done) * part.row_size for part in self.all)

    def __str__(self):
        held_out = sum(part.rows for part in self.held_out.values())
        return (
            f"{self.views[0].rows} posters × {len(self.views)} views and {held_out} as they are, "
            f"{self.views[0].width} numbers each"
        )


class Layout:
    """Lays out what is to be kept at a cut: whose rows, how many, under which key.

    Args:
        job: The `Job`.
        sources: Split name to `PosterSource`.
    """

    def __init__(self, job, sources):
        self.job = job
        self.backbone = BACKBONES[job.settings.model.backbone]
        self.counts = {part: len(source) for part, source in sources.items()}
        self._paths = {part: source.paths for part, source in sources.items()}
        self._posters = None
        self._weights = {}

    def at(self, cut, folder):
        """Return the `Kept` of a cut.

        Args:
            cut: Name of the cut.
            folder: Folder of the files; `None` for memory.

        Raises:
            UserError: If posters are missing.
        """
        settings = self.job.settings
        options = settings.prefix
        # A poster's variation depends on how many there are.
        varied = {"seed": options.seed, "of": self.counts["train"], "augment": self._augment()}
        kind = options.format
        if kind == "auto":
            kind = "bfloat16" if settings.training.precision == "bfloat16" else "float16"
        rows_of = self._rows_of(cut, folder)
        views = [rows_of("train", kind, view=view, **varied) for view in range(options.views)]
        held_out = [part for part in HELD_OUT if self.counts[part]]
        return Kept(cut, views, {part: rows_of(part, "float32") for part in held_out})

    def plain(self, cut, folder):
        """Return the `Kept` of a cut in which the posters of every split are as they are.

        Those of validation and test are the ones of `at`.

        Args:
            cut: Name of the cut.
            folder: Folder of the files; `None` for memory.

        Raises:
            UserError: If posters are missing.
        """
        rows_of = self._rows_of(cut, folder)
        return Kept(cut, [], {part: rows_of(part, "float32") for part in self.counts})

    def _rows_of(self, cut, folder):
        width = cut_width(self.job.network, self.backbone, cut)
        common = self._common(cut)
        posters = self._fingerprints()

        def rows_of(part, kind, **more):
            identity = common | {"posters": posters[part]} | more
            return Activations(identity, self.counts[part], width, kind, folder)

        return rows_of

    def _common(self, cut):
        settings = self.job.settings
        head = settings.model.head
        return {
            "backbone": self.backbone.name,
            "cut": cut,
            "weights": self._weights_hash(cut),
            "pixels": [settings.input.height, settings.input.width, settings.input.fit],
            "decoder": DECODER_VERSION,
            "pooling": settings.model.pooling if cut == HEAD and head == "pooled" else None,
            **({} if head == "pooled" else {"head": head}),
            "precision": settings.training.precision,
            "batch": self.job.pass_size,  # by which sums are rounded
            "jit": settings.training.jit,
            "keras": [keras.__version__, keras.backend.backend()],
        }

    def _augment(self):
        found = dataclasses.asdict(self.job.settings.augment) | {"version": AUGMENT_VERSION}
        del found["where"]  # the same posters, but for the rounding
        # What is off does nothing, and what was kept before there was such a part is still found.
        for name, off in (("crop", 1), ("erase", 0), ("randaugment", 0)):
            if found[name] == off:
                del found[name]
        if "randaugment" not in found:
            del found["randaugment_magnitude"]
        return found

    def _fingerprints(self):
        if self._posters is None:
            self._posters = {part: fingerprint(paths) for part, paths in self._paths.items()}
        return self._posters

    def _weights_hash(self, cut):
        if cut not in self._weights:
            digest = hashlib.sha256()
            for values in prefix_weights(self.job.network, self.backbone, cut):
                digest.update(np.ascontiguousarray(values).data)
            self._weights[cut] = digest.hexdigest()
        return self._weights[cut]
