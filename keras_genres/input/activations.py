"""Kept activations to batches, with tf.data.

The order of the rows is that of `training_batches`: a seed gives the same
batches of posters whether their frozen part is kept or computed anew.
"""

import numpy as np
import tensorflow as tf

from keras_genres.input.chance import epoch_mixes, epoch_rows, steps_per_epoch
from keras_genres.input.mixing import mixed, mixed_labels, partners_of
from keras_genres.input.pipeline import options


def activation_batches(views, labels, *, batch_size, seed, mixup=0.0, first_epoch=0, first_step=0):
    """Return shuffled batches of activations without end.

    Epoch `e` shows view `e % views` of every poster. With as many views as
    epochs, made with the seed of the training, these are the batches of
    `training_batches`, but for the rounding of the views' format.

    Args:
        views: List of arrays of shape `(posters, width)`, one a view.
        labels: 0/1 array of shape `(posters, genres)`.
        batch_size: Posters in a batch.
        seed: Seed of the order.
        mixup: How activations are mixed, see `chance.epoch_mixes`; 0 for not.
        first_epoch: Epoch to begin with.
        first_step: Batches of it to skip.

    Returns:
        Dataset of `(activations, labels)` of shapes `(batch_size, width)`, in
        the format of the views, and `(batch_size, genres)`, float32.
    """
    count, width = views[0].shape
    kind = tf.as_dtype(views[0].dtype)
    with tf.device("CPU:0"):
        labels = tf.constant(np.asarray(labels, np.float32))

    def one_epoch(epoch):
        rows = epoch_rows(count, batch_size, seed, epoch)
        parts = [rows, tf.repeat(epoch % len(views), tf.size(rows))]
        if mixup:
            parts += [epoch_mixes(count, batch_size, seed, epoch, mixup)]
        parts = tf.data.Dataset.from_tensor_slices(tuple(parts))
        return parts.batch(batch_size, drop_remainder=True)

    def gather(rows, view, *mixes):
        (found,) = tf.numpy_function(
            lambda rows, view: [views[view[0]][rows]], [rows, view], [kind]
        )
        found, wanted = tf.ensure_shape(found, (batch_size, width)), tf.gather(labels, rows)
        if mixes:
            exact = tf.cast(found, tf.float32)
            found = tf.cast(mixed(exact, partners_of(exact, tf), *mixes), kind)
            wanted = mixed_labels(wanted, partners_of(wanted, tf), *mixes)
        return found, wanted

    batches = tf.data.Dataset.counter(first_epoch).flat_map(one_epoch).skip(first_step)
    batches = batches.map(gather, tf.data.AUTOTUNE)
    batches = batches.apply(tf.data.experimental.assert_cardinality(tf.data.INFINITE_CARDINALITY))
    return batches.prefetch(tf.data.AUTOTUNE).with_options(options())


def plain_activation_batches(rows, batch_size):
    """Return activations in order; the last batch is filled up with its last row.

    Args:
        rows: Array of shape `(posters, width)`.
        batch_size: Posters in a batch.

    Returns:
        Dataset of arrays of shape `(batch_size, width)`: cut the scores to `len(rows)`.
    """
    count, width = rows.shape
    kind = tf.as_dtype(rows.dtype)
    at = np.minimum(np.arange(steps_per_epoch(count, batch_size) * batch_size), count - 1)

    def gather(at):
        (found,) = tf.numpy_function(lambda at: [rows[at]], [at], [kind])
        return tf.ensure_shape(found, (batch_size, width))

    batches = tf.data.Dataset.from_tensor_slices(at).batch(batch_size, drop_remainder=True)
    return batches.map(gather, tf.data.AUTOTUNE).prefetch(tf.data.AUTOTUNE).with_options(options())
