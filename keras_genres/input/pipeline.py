"""Posters to batches, with tf.data.

What is shuffled are row numbers, and all chance is a function of (seed,
epoch, poster): the same seed gives the same pixels whatever the parallelism,
every epoch differs, and a stream begun at epoch k is the stream from epoch 0,
k epochs on.
"""

import copy
import os
from dataclasses import dataclass

import numpy as np
import tensorflow as tf

from keras_genres.input.augment import augment_batch
from keras_genres.input.cache import keep_decoded
from keras_genres.input.chance import epoch_mixes, epoch_rows, epoch_uniforms, steps_per_epoch
from keras_genres.input.decode import decode_poster
from keras_genres.input.mixing import mixed_labels, mixed_pixels, partners_of
from keras_genres.input.recolour import recoloured


@dataclass
class _Store:
    """What sources cut from one another share."""

    paths: np.ndarray
    decoded: np.ndarray | None = None
    is_prepared: bool = False


class PosterSource:
    """Posters by row number, decoded from the cache or anew.

    Make one for all splits and take `rows` of it, so that the memory budget
    and the disk cache count once.

    Args:
        paths: Files of the posters.
        height: Rows of pixels.
        width: Columns of pixels.
        settings: An `InputSettings`.

    Example:
        >>> posters = PosterSource(paths, 224, 224, settings.input)
        >>> print(posters.prepare(), file=sys.stderr)
        Decoded posters: 1.7 GiB in memory (budget 4 GiB)
        >>> train = posters.rows(np.flatnonzero(splits == "train"))
    """

    def __init__(self, paths, height, width, settings):
        self.height = height
        self.width = width
        self.settings = settings
        self._store = _Store(np.array([os.fspath(path) for path in paths], dtype=object))
        self._rows = np.arange(len(self._store.paths))

    def __len__(self):
        return len(self._rows)

    @property
    def paths(self):
        """Files of the posters, in the order of the rows."""
        return self._store.paths[self._rows].tolist()

    def prepare(self):
        """Decode every poster once and keep it, unless the cache is off.

        With the cache off every poster is still decoded once, to name the
        damaged ones now. Without this call posters are decoded as they are
        asked for. All sources that `rows` made share what is decoded.

        Returns:
            One line that says where the decoded posters are, and why; empty
            if it was done before.

        Raises:
            UserError: If a poster cannot be read, or they do not fit.
        """
        store = self._store
        if store.is_prepared:
            return ""
        store.decoded, said = keep_decoded(store.paths, self.height, self.width, self.settings)
        store.is_prepared = True
        return said

    def rows(self, rows):
        """Return the source of some posters, sharing what is decoded.

        Args:
            rows: Row numbers in this source, shape `(posters,)`.
        """
        part = copy.copy(self)
        part._rows = self._rows[np.asarray(rows, np.int64)]
        return part

    def batches(self, rows, batch_size):
        """Return the decoded posters of a stream of row numbers.

        Args:
            rows: Dataset of tuples whose first part is an int64 scalar, a row
                number of this source.
            batch_size: Posters in a batch; the stream must come out even.

        Returns:
            Dataset of the same tuples in batches, with uint8 posters of shape
            `(batch_size, height, width, 3)` in front of them.
        """
        shape = (self.height, self.width, 3)
        if self._store.decoded is None:
            paths = tf.constant(self.paths, tf.string)
            fit = self.settings.fit

            def decode(row, *more):
                data = tf.io.read_file(paths[row])
                return decode_poster(data, *shape[:2], fit), row, *more

            return rows.map(decode, tf.data.AUTOTUNE).batch(batch_size, drop_remainder=True)

        # One gather a batch in NumPy: the array stays outside the graph, so
        # memory and a mapped file are read alike and never copied whole.
        decoded, kept = self._store.decoded, self._rows

        def gather(row, *more):
            (posters,) = tf.numpy_function(lambda row: [decoded[kept[row]]], [row], [tf.uint8])
            return tf.ensure_shape(posters, (batch_size, *shape)), row, *more

        batches = rows.batch(batch_size, drop_remainder=True)
        return batches.map(gather, tf.data.AUTOTUNE)


def training_batches(
    source,
    labels,
    *,
    batch_size,
    seed,
    augment,
    mixup=0.0,
    cutmix=0.0,
    first_epoch=0,
    first_step=0,
    where="pipeline",
):
    """Return varied, shuffled batches without end.

    An epoch is `steps_per_epoch` batches. Its last batch is filled up with
    posters of another shuffle, so every poster comes at least once an epoch
    and no batch has another shape: XLA compiles once.

    Args:
        source: A `PosterSource`.
        labels: 0/1 array of shape `(posters, genres)`.
        batch_size: Posters in a batch.
        seed: Seed of the order and of the variations.
        augment: An `AugmentSettings`.
        mixup: How varied posters are mixed, see `chance.epoch_mixes`; 0 for not.
        cutmix: The same for pasting a part of one into another.
        first_epoch: Epoch to begin with.
        first_step: Batches of it to skip.
        where: `pipeline` varies the posters here; `device` leaves it to the
            training step of `model.augment.augmented`, and a quarter of the
            bytes goes to the device. RandAugment's colours are made here.

    Returns:
        Dataset of `(images, labels)`: float32 in 0–255 of shape
        `(batch_size, height, width, 3)` and float32 of shape
        `(batch_size, genres)`. With `device` the images are a pair: uint8
        posters as decoded, and the uniforms that vary them, float32 of shape
        `(batch_size, NUM_UNIFORMS)`. Where posters are mixed three more follow:
        their partners, the partners' uniforms, and the mixes of shape
        `(batch_size, NUM_MIX)`.

    Raises:
        ValueError: If there are no posters, or not one row of labels for
            each, or `where` is neither.
    """
    if where not in ("pipeline", "device"):
        raise ValueError(f"`where` must be 'pipeline' or 'device'. Received: {where!r}")
    count = _require_posters(source)
    labels = np.asarray(labels, np.float32)
    if len(labels) != count:
        raise ValueError(f"`labels` must have {count} rows. Received: {labels.shape}")
    with tf.device("CPU:0"):  # tf.data reads it there; a GPU's memory is the network's
        labels = tf.constant(labels)

    size = source.height, source.width

    def one_epoch(epoch):
        rows = epoch_rows(count, batch_size, seed, epoch)
        parts = [rows, tf.gather(epoch_uniforms(count, seed, epoch), rows)]
        if mixup or cutmix:
            parts += [epoch_mixes(count, batch_size, seed, epoch, mixup, cutmix, *size)]
        return tf.data.Dataset.from_tensor_slices(tuple(parts))

    def vary(images, rows, uniforms, *mixes):
        wanted = tf.gather(labels, rows)
        images = recoloured(images, uniforms, augment)
        if mixes:
            wanted = mixed_labels(wanted, partners_of(wanted, tf), *mixes, *size)
        if where == "device":
            inputs = (images, uniforms)
            # Partners go along: on the device a batch may be cut in parts.
            more = (*(partners_of(each, tf) for each in inputs), *mixes) if mixes else ()
            return inputs + more, wanted
        pixels = augment_batch(images, uniforms, augment)
        return _mixed(pixels, *mixes) if mixes else pixels, wanted

    epochs = tf.data.Dataset.counter(first_epoch)
    # Rows are skipped, so nothing is decoded for it.
    rows = epochs.flat_map(one_epoch).skip(first_step * batch_size)
    batches = source.batches(rows, batch_size).map(vary, tf.data.AUTOTUNE)
    batches = batches.apply(tf.data.experimental.assert_cardinality(tf.data.INFINITE_CARDINALITY))
    return batches.prefetch(tf.data.AUTOTUNE).with_options(options())


def evaluation_batches(source, batch_size, start=0):
    """Return the posters as they are, in order.

    The last batch is filled up with its last poster, so that all batches have
    one shape: cut the scores to `len(source)`.

    Args:
        source: A `PosterSource`.
        batch_size: Posters in a batch.
        start: First row.

    Returns:
        Dataset of float32 images in 0–255, shape `(batch_size, height, width, 3)`.

    Raises:
        ValueError: If there are no posters.
    """
    count = _require_posters(source)
    end = start + steps_per_epoch(count - start, batch_size) * batch_size
    rows = np.arange(start, end)
    rows = tf.data.Dataset.from_tensor_slices((np.minimum(rows, count - 1),))
    batches = source.batches(rows, batch_size)
    batches = batches.map(lambda images, rows: tf.cast(images, tf.float32), tf.data.AUTOTUNE)
    return batches.prefetch(tf.data.AUTOTUNE).with_options(options())


def view_batches(source, *, batch_size, seed, view, augment, start=0, where="pipeline"):
    """Return each poster varied once, in order.

    Args:
        source: A `PosterSource`.
        batch_size: Posters in a batch; the last is filled up with its last poster.
        seed: Seed of the variations.
        view: Which variation: the one that `training_batches` of this seed
            gives in that epoch.
        augment: An `AugmentSettings`.
        start: First row.
        where: As in `training_batches`.

    Returns:
        Dataset of images as `training_batches` yields them.
    """
    count = _require_posters(source)
    end = start + steps_per_epoch(count - start, batch_size) * batch_size
    rows = np.minimum(np.arange(start, end), count - 1)
    uniforms = tf.gather(epoch_uniforms(count, seed, view), rows)
    batches = source.batches(tf.data.Dataset.from_tensor_slices((rows, uniforms)), batch_size)

    def vary(images, rows, uniforms):
        images = recoloured(images, uniforms, augment)
        return (images, uniforms) if where == "device" else augment_batch(images, uniforms, augment)

    batches = batches.map(vary, tf.data.AUTOTUNE)
    return batches.prefetch(tf.data.AUTOTUNE).with_options(options())


@tf.function(jit_compile=True)
def _mixed(pixels, mixes):
    return mixed_pixels(pixels, partners_of(pixels, tf), mixes, tf)


def _require_posters(source):
    if not len(source):
        raise ValueError("`source` must hold at least one poster. Received: 0")
    return len(source)


def options():
    """Return what all our datasets are read with."""
    found = tf.data.Options()
    found.deterministic = True
    # One machine reads all posters and splits each batch among its devices.
    found.experimental_distribute.auto_shard_policy = tf.data.experimental.AutoShardPolicy.OFF
    return found
