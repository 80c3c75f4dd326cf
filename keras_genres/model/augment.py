"""Posters varied inside the training step, on the device.

The pipeline then sends decoded bytes, a quarter of what float32 pixels take,
and the processor only gathers them. Stock layers for this (`RandomRotation`
and its kin) turn XLA off for the whole network; gathers do not.
"""

import keras
from keras import ops

from keras_genres.input.boxes import erase_boxes, filled
from keras_genres.input.mixing import NUM_MIX, mixed_pixels
from keras_genres.input.variation import (
    LUMA,
    NUM_UNIFORMS,
    affine_maps,
    colour_changes,
    coloured,
    neighbours,
)


def augmented(network, settings, is_mixed=False):
    """Return a network that varies and mixes its posters first, to train `network` with.

    The layers and weights are those of `network`, which is what to save and
    to score with. Compile and fit the result on what
    `training_batches(..., where="device")` yields.

    Args:
        network: A `keras.Model` from images of shape `(N, height, width, 3)`,
            float32 in 0–255.
        settings: An `AugmentSettings`.
        is_mixed: Whether each poster is mixed with its partner.

    Returns:
        A `keras.Model` from a pair, uint8 images of the same shape and float32
        uniforms of shape `(N, NUM_UNIFORMS)`, to the output of `network`. Where
        posters are mixed it takes three more: images and uniforms of their
        partners, and mixes of shape `(N, NUM_MIX)`.

    Example:
        >>> trainee = augmented(network, settings.augment)
        >>> trainee.compile("adam", "binary_crossentropy")
        >>> trainee.fit(training_batches(..., where="device"), steps_per_epoch=steps)
        >>> network.save("model.keras")
    """

    def posters(name):
        images = keras.Input(network.input_shape[1:], dtype="uint8", name=f"{name}images")
        return [images, keras.Input((NUM_UNIFORMS,), dtype="float32", name=f"{name}uniforms")]

    vary = Augment(settings, name="augment")
    inputs = posters("")
    pixels = vary(inputs)
    if is_mixed:
        partners, mixes = posters("partner_"), keras.Input((NUM_MIX,), dtype="float32", name="mix")
        pixels = Mix(name="mix_posters")([pixels, vary(partners), mixes])
        inputs += [*partners, mixes]
    return keras.Model(inputs, network(pixels), name=f"augmented_{network.name}")


class Augment(keras.layers.Layer):
    """`augment`, as a layer: float32 pixels of `[images, uniforms]` under any policy."""

    def __init__(self, settings, **options):
        # bfloat16 has three digits: too few for pixels, and for where they are.
        super().__init__(**options | {"dtype": "float32"})
        self.settings = settings

    def call(self, inputs):
        """Return the varied posters of `[images, uniforms]`."""
        return augment(*inputs, self.settings)

    def compute_output_shape(self, input_shape):
        """Return the shape of the images."""
        return input_shape[0]


class Mix(keras.layers.Layer):
    """`mixed_pixels`, as a layer: float32 pixels of `[pixels, partners, mixes]`."""

    def __init__(self, **options):
        super().__init__(**options | {"dtype": "float32"})

    def call(self, inputs):
        """Return the mixed posters of `[pixels, partners, mixes]`."""
        return mixed_pixels(*inputs, ops)

    def compute_output_shape(self, input_shape):
        """Return the shape of the pixels."""
        return input_shape[0]


def augment(images, uniforms, settings):
    """Return varied posters, the pixels of `input.augment.augment_batch` on any backend.

    With the same uniforms the two differ by what rounding does: at most
    `input.resample.ERROR_LEVELS` times the gain of the colour change.

    Args:
        images: uint8 or float tensor of shape `(posters, height, width, 3)`, 0–255.
        uniforms: float32 tensor in [0, 1), shape `(posters, NUM_UNIFORMS)`.
        settings: An `AugmentSettings`.

    Returns:
        float32 tensor in 0–255, same shape.
    """
    pixels = _moved(images, uniforms, settings)
    grey = None
    if settings.contrast:
        means = ops.mean(ops.cast(images, "float32"), axis=(1, 2))
        grey = ops.sum(means * LUMA, axis=1)
    pixels = coloured(pixels, *colour_changes(grey, uniforms, settings, ops), ops.clip)
    if settings.erase:
        boxes = erase_boxes(uniforms, settings.erase, *images.shape[1:3], ops)
        pixels = filled(pixels, ops.mean(pixels, axis=(1, 2)), boxes, ops)
    return pixels


def _moved(images, uniforms, settings):
    height, width = images.shape[1:3]
    maps = affine_maps(uniforms, settings, height, width, ops)
    if maps is None:
        return ops.cast(images, "float32")
    # Not maps[:, part, None, None]: without XLA, TensorFlow 2.17 and 2.21 simplify that together
    # with the stack it reads from, and lose the two axes.
    a, b, c, d, e, f = (ops.reshape(maps[:, part], (-1, 1, 1)) for part in range(6))
    columns = ops.arange(width, dtype="float32")[None, None, :]
    rows = ops.arange(height, dtype="float32")[None, :, None]
    left, right, x = neighbours(a * columns + b * rows + c, width, settings.fill, ops)
    top, bottom, y = neighbours(d * columns + e * rows + f, height, settings.fill, ops)

    first = ops.arange(ops.shape(images)[0], dtype="int32")[:, None, None] * (height * width)
    flat = ops.reshape(images, (-1, 3))

    def pixels_at(row, column, weight):
        if settings.fill == "black":
            inside = (row >= 0) & (row < height) & (column >= 0) & (column < width)
            weight = ops.where(inside, weight, 0.0)
            row, column = ops.clip(row, 0, height - 1), ops.clip(column, 0, width - 1)
        found = ops.take(flat, first + row * width + column, axis=0)
        return ops.cast(found, "float32") * weight[..., None]

    upper = pixels_at(top, left, (1 - x) * (1 - y)) + pixels_at(top, right, x * (1 - y))
    lower = pixels_at(bottom, left, (1 - x) * y) + pixels_at(bottom, right, x * y)
    return upper + lower
