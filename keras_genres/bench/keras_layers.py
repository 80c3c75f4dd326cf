"""Posters to batches as a Keras user does it: preprocessing layers in tf.data.

Source: the Keras guides "Image classification from scratch" and "Working
with preprocessing layers".
"""

import os
import shutil
from pathlib import Path

import keras
import numpy as np
import tensorflow as tf
from keras import layers

RANGE = (0.0, 255.0)


def augmentation(settings, seed=0):
    """Return Keras's layers for our augmentation, a list.

    Each part that is on gets Keras's layer of that name, at the strength
    that comes nearest: brightness is added there, not multiplied.

    Args:
        settings: An `AugmentSettings`.
        seed: Seed of the layers.
    """
    fill = "reflect" if settings.fill == "reflect" else "constant"
    parts = []
    if settings.flip:
        parts.append(layers.RandomFlip("horizontal", seed=seed))
    if settings.rotation_degrees:
        turn = settings.rotation_degrees / 360
        parts.append(layers.RandomRotation(turn, fill_mode=fill, seed=seed))
    if settings.shift:
        shift = settings.shift
        parts.append(layers.RandomTranslation(shift, shift, fill_mode=fill, seed=seed))
    if settings.scale:
        parts.append(layers.RandomZoom(settings.scale, fill_mode=fill, seed=seed))
    if settings.brightness:
        parts.append(layers.RandomBrightness(settings.brightness, value_range=RANGE, seed=seed))
    if settings.contrast:
        parts.append(layers.RandomContrast(settings.contrast, value_range=RANGE, seed=seed))
    if settings.saturation:
        # 0.5 changes nothing there; 0 is grey and 1 the most.
        half = settings.saturation / 2
        low, high = 0.5 - half, min(0.5 + half, 1.0)
        parts.append(layers.RandomSaturation((low, high), value_range=RANGE, seed=seed))
    if settings.hue:
        parts.append(layers.RandomHue(settings.hue, value_range=RANGE, seed=seed))
    return parts


def varied(batches, settings, seed=0):
    """Map `augmentation` over batches of `(images, labels)`, and prefetch."""
    parts = augmentation(settings, seed)

    def change(images, labels):
        # Layer by layer: inside a Sequential they would not know tf.data under JAX.
        for part in parts:
            images = part(images, training=True)
        return images, labels

    return batches.map(change, num_parallel_calls=tf.data.AUTOTUNE).prefetch(tf.data.AUTOTUNE)


def link_posters(paths, folder):
    """Put posters into one folder, named by their row, as links where that is allowed.

    `image_dataset_from_directory` reads folders, and gives a poster as many
    labels as it has folders: one. The row is that label, and the genres of
    the row are looked up.
    """
    folder = Path(folder)
    folder.mkdir(parents=True)
    for row, path in enumerate(paths):
        target = folder / f"{row:08}{Path(path).suffix.lower()}"
        try:
            os.symlink(os.path.abspath(path), target)
        except OSError:  # Windows asks for a privilege
            shutil.copyfile(path, target)
    return folder


def batches_of_folder(folder, labels, height, width, batch_size, seed=0):
    """Return decoded batches of a folder that `link_posters` made.

    Args:
        folder: The folder.
        labels: 0/1 array of shape `(posters, genres)`, in the order of the rows.
        height: Rows of pixels.
        width: Columns of pixels.
        batch_size: Posters in a batch.
        seed: Seed of the shuffling.

    Returns:
        Dataset of `(images, labels)` in float32, shuffled, one epoch.
    """
    labels = tf.constant(np.asarray(labels, np.float32))
    batches = keras.utils.image_dataset_from_directory(
        folder,
        labels=list(range(len(labels))),
        label_mode="int",
        image_size=(height, width),
        batch_size=batch_size,
        shuffle=True,
        seed=seed,
        verbose=False,
    )
    return batches.map(
        lambda images, rows: (images, tf.gather(labels, rows)), num_parallel_calls=tf.data.AUTOTUNE
    )
