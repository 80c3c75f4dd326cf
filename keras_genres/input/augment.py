"""Varied posters for training: one resampling, one colour matrix.

Crop, flip, rotation, shift and scale are one affine map, so a poster is
interpolated once, not five times; brightness, contrast, saturation and hue
are one 3×4 matrix a poster. All chance comes in as `uniforms`: the same
numbers give the same pixels.
"""

import tensorflow as tf

from keras_genres.input.boxes import erase_boxes, filled
from keras_genres.input.resample import moved_lanes, pixels_of
from keras_genres.input.variation import LUMA, affine_maps, colour_changes, coloured

AUGMENT_VERSION = 2
"""Rises when the pixels of any varied poster change: what is kept of them is then made anew."""


def augment_batch(images, uniforms, settings):
    """Return varied posters.

    Posters are moved first, then coloured: brightness, contrast about the
    poster's mean grey, saturation, hue, in this order, and clipped once at
    the end. Then a box may be erased. A part that is off is left out; with all
    off the pixels come back as they are. Moved pixels are bilinear within
    `resample.ERROR_LEVELS`. RandAugment's moves are in it, its colours come
    before: see `recolour.recoloured`.

    Args:
        images: uint8 tensor of shape `(posters, height, width, 3)`; height and
            width are static.
        uniforms: float32 tensor in [0, 1), shape `(posters, NUM_UNIFORMS)`.
            0.5 everywhere changes nothing with the default parts.
        settings: An `AugmentSettings`.

    Returns:
        float32 tensor in 0–255, same shape.

    Source: section 4.1 of Arayıt & Tolga 2025 names the parts. Colour
        changes as one matrix: Haeberli, "Matrix Operations for Image
        Processing", 1993; hue as a turn about the grey axis of YIQ, the
        colour space of NTSC television.
    """
    maps = affine_maps(uniforms, settings, *images.shape[1:3], tf)
    moved = images if maps is None else moved_lanes(images, maps, settings.fill)
    grey = tf.reduce_sum(_mean_colours(images) * LUMA, axis=1) if settings.contrast else None
    pixels = _coloured(moved, *colour_changes(grey, uniforms, settings, tf))
    if settings.erase:
        boxes = erase_boxes(uniforms, settings.erase, *images.shape[1:3], tf)
        pixels = _erased(pixels, boxes)
    return tf.ensure_shape(pixels, images.shape)


def _mean_colours(images):
    height, width = images.shape[1:3]
    # Rows of bytes as long as they come: summing three at a time takes thrice as long.
    rows = tf.cast(tf.reshape(images, (-1, height, width * 3)), tf.float32)
    columns = tf.reshape(tf.reduce_mean(rows, axis=1), (-1, width, 3))
    return tf.reduce_mean(columns, axis=1)


@tf.function(jit_compile=True)
def _coloured(moved, gain, offset, mix):
    """Return float32 pixels of images or lanes, changed in colour.

    One compiled loop with the unpacking: each pixel is written once.
    """
    return coloured(pixels_of(moved), gain, offset, mix, tf.clip_by_value)


@tf.function(jit_compile=True)
def _erased(pixels, boxes):
    return filled(pixels, _mean_colours(pixels), boxes, tf)
