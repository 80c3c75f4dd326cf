"""All chance of the input, as functions of (seed, epoch, poster or place in the epoch).

Nothing is remembered: a training that was cut off goes on with the same
order, variations and mixes.
"""

import math

import numpy as np
import tensorflow as tf

from keras_genres.input.boxes import cut_boxes
from keras_genres.input.variation import NUM_FIRST, NUM_UNIFORMS

# Streams drawn from one seed, a word of its state each. A new one goes to the
# end: then the numbers of the others stay what they are.
_SHUFFLE, _FILL, _AUGMENT, _MIX_KIND, _MIX_PLACE, _MIX_GAMMA, _MIX_POWER, _AUGMENT_LATER = range(8)


def steps_per_epoch(num_posters, batch_size):
    """Return the batches of an epoch, the filled-up last one included."""
    return math.ceil(num_posters / batch_size)


def epoch_rows(count, batch_size, seed, epoch):
    """Return the rows of an epoch in their order, filled up to whole batches.

    Args:
        count: Posters of the training split.
        batch_size: Posters in a batch.
        seed: Seed of the training.
        epoch: Scalar, from 0.

    Returns:
        int64 tensor of shape `(steps_per_epoch * batch_size,)`.
    """
    rows = tf.range(count, dtype=tf.int64)
    order, fill = (
        tf.random.experimental.stateless_shuffle(rows, _key(seed, stream, epoch))
        for stream in (_SHUFFLE, _FILL)
    )
    num_filled = steps_per_epoch(count, batch_size) * batch_size - count
    return tf.concat([order, tf.gather(fill, tf.range(num_filled) % count)], axis=0)


def epoch_uniforms(num_posters, seed, epoch):
    """Return the random numbers that vary each poster in an epoch.

    Args:
        num_posters: Posters of the training split.
        seed: Seed of the training.
        epoch: Scalar, from 0.

    Returns:
        float32 tensor in [0, 1), shape `(num_posters, NUM_UNIFORMS)`.
    """
    first = tf.random.stateless_uniform((num_posters, NUM_FIRST), _key(seed, _AUGMENT, epoch))
    # Column after column: one more leaves those before it as they were.
    shape = (NUM_UNIFORMS - NUM_FIRST, num_posters)
    later = tf.random.stateless_uniform(shape, _key(seed, _AUGMENT_LATER, epoch))
    return tf.concat([first, tf.transpose(later)], axis=1)


def epoch_mixes(count, batch_size, seed, epoch, mixup, cutmix=0.0, height=1, width=1):
    """Return how each poster of an epoch is mixed with its partner.

    Each poster draws a share of its own, from the Beta distribution of its
    batch's kind of mixing.

    Args:
        count: Posters of the training split.
        batch_size: Posters in a batch.
        seed: Seed of the training.
        epoch: Scalar, from 0.
        mixup: Alpha of the Beta distribution of shares: 1 draws every share
            alike, near 0 almost none but 0 and 1; 0 for no mixup.
        cutmix: The same for areas; 0 for no CutMix. With both on a batch takes
            one or the other, half and half.
        height: Rows of a poster.
        width: Columns of a poster.

    Returns:
        float32 tensor of shape `(steps_per_epoch * batch_size, NUM_MIX)`, in
        the order of `epoch_rows`: see `mixing.mixed`.
    """
    steps = steps_per_epoch(count, batch_size)
    kinds = tf.random.stateless_uniform((steps,), _key(seed, _MIX_KIND, epoch))
    share_of_cuts = (0.5 if mixup else 1.0) if cutmix else 0.0
    is_cut = tf.repeat(kinds < share_of_cuts, batch_size)
    alphas = tf.where(is_cut, *(tf.constant(alpha, tf.float64) for alpha in (cutmix, mixup)))
    shares = _beta(alphas, steps * batch_size, seed, epoch)
    places = tf.random.stateless_uniform((steps * batch_size, 2), _key(seed, _MIX_PLACE, epoch))
    boxes = cut_boxes(shares, places, height, width, tf)
    boxes = tf.where(is_cut[:, None], boxes, 0.0)
    return tf.concat([tf.where(is_cut, 1.0, shares)[:, None], boxes], axis=1)


def _beta(alphas, count, seed, epoch):
    """Draw from Beta(alpha, alpha) for each alpha; float32 in [0, 1].

    It is the share of one of two Gamma numbers. Those are taken as logarithms,
    Gamma(alpha) as Gamma(alpha + 1) times a power: of a small alpha both
    would come out as 0.
    """
    gammas, powers = (_key(seed, stream, epoch) for stream in (_MIX_GAMMA, _MIX_POWER))
    gammas = tf.random.stateless_gamma((2, count), gammas, alphas + 1.0, dtype=tf.float64)
    powers = tf.random.stateless_uniform((2, count), powers, dtype=tf.float64)
    one, other = tf.unstack(tf.math.log(gammas) + tf.math.log1p(-powers) / alphas)
    return tf.cast(tf.sigmoid(one - other), tf.float32)


def _key(seed, stream, epoch):
    word = np.random.SeedSequence(seed).generate_state(stream + 1, np.uint32)[stream]
    return tf.stack([np.int64(word), tf.cast(epoch, tf.int64)])
