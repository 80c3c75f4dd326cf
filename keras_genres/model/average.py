"""Several networks as one that gives the mean of their scores."""

import re

import keras
import numpy as np
from keras import layers, ops

from keras_genres.calibration_map import LEAST_SCORE, MOST_SCORE


def average_networks(networks, counts, size=None, of="scores"):
    """Return the network whose scores are the weighted mean of others'.

    Each is one nested model, so the result is made of stock layers, too. A
    network of another size than the whole sees the picture resized as
    evaluation resizes posters, though from the picture and not from the file.

    Args:
        networks: Networks as `network.build_network` makes them. They get
            other names: `member1`, `member2`, …
        counts: How often each counts: whole numbers, 1 or more.
        size: `(height, width)` of the images; `None` for that of all networks.
        of: `scores`, or `logits` of scores clipped as a calibration clips them.

    Returns:
        A `keras.Model` from images to scores `(N, 19)`.

    Raises:
        ValueError: If the networks see posters of different shapes and there
            is no `size`, or `of` is neither.
    """
    if of not in ("scores", "logits"):
        raise ValueError(f"`of` must be 'scores' or 'logits'. Received: {of!r}")
    shapes = {network.input_shape for network in networks}
    if size is None and len(shapes) != 1:
        raise ValueError(f"`networks` must see posters of one shape. Received: {sorted(shapes)}")
    size = tuple(size or networks[0].input_shape[1:3])
    images = keras.Input((*size, 3), dtype="float32", name="images")
    seen, scores = {size: images}, []
    for number, (network, count) in enumerate(zip(networks, counts, strict=True), start=1):
        network.name = f"member{number}"
        wanted = tuple(network.input_shape[1:3])
        if wanted not in seen:  # networks of one size share what is resized
            seen[wanted] = _resized(images, *wanted)
        found = network(seen[wanted])
        # Counted, not scaled: a mean of scores up to 1 is never above 1.
        scores += [found if of == "scores" else _logits(found)] * count
    if len(scores) == 1:
        scores *= 2
    mean = layers.Average(dtype="float32", name="mean")(scores)
    if of == "logits":
        mean = layers.Activation("sigmoid", dtype="float32", name="genres")(mean)
    return keras.Model(images, mean, name="ensemble_genres")


def members_of(network):
    """Return the networks that a network averages, in order; none of one that is no ensemble."""
    return [
        layer
        for layer in network.layers
        if isinstance(layer, keras.Model) and re.fullmatch(r"member\d+", layer.name)
    ]


def resize_matrix(size, new_size):
    """Return the matrix that resizes a line of pixels bilinearly with antialiasing.

    Args:
        size: Pixels of the line.
        new_size: Pixels of the result.

    Returns:
        float32 array of shape `(size, new_size)`, to multiply a line with from
        the right; each column has the sum 1.

    Source: what `tf.image.resize(…, "bilinear", antialias=True)` does: a
    triangle as wide as two pixels of the coarser of the two lines.
    """
    scale = size / new_size
    centres = (np.arange(new_size) + 0.5) * scale
    distance = np.abs(np.arange(size)[:, None] + 0.5 - centres)
    matrix = np.maximum(0, 1 - distance / max(scale, 1))
    return (matrix / matrix.sum(axis=0)).astype("float32")


def _resized(images, height, width):
    """Resize symbolic images: a product with one matrix for the rows, and one for the columns.

    Keras's own resizing with antialiasing becomes an operation that ONNX and
    LiteRT do not have.
    """
    if (height, width) == tuple(images.shape[1:3]):
        return images
    x = images
    for axis, new_size in ((1, height), (2, width)):
        order = [1, 2, 3]
        order[axis - 1], order[2] = 3, axis
        x = layers.Permute(order)(x)  # this axis and the last one change places
        product = layers.Dense(
            new_size,
            use_bias=False,
            trainable=False,
            dtype="float32",
            name=f"{'rows' if axis == 1 else 'columns'}_{new_size}_of_{height}x{width}",
        )
        size = x.shape[-1]
        x = product(x)
        product.set_weights([resize_matrix(size, new_size)])
        x = layers.Permute(order)(x)
    return x


def _logits(scores):
    scores = ops.clip(scores, LEAST_SCORE, MOST_SCORE)
    return ops.log(scores) - ops.log(1 - scores)
