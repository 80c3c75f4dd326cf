"""Several networks as one that gives the mean of their scores."""

import keras
from keras import layers


def average_networks(networks, counts):
    """Return the network whose scores are the weighted mean of others'.

    Each is one nested model, so the result is made of stock layers, too.

    Args:
        networks: Networks as `network.build_network` makes them, of one input
            shape. They get other names: `member1`, `member2`, …
        counts: How often each counts: whole numbers, 1 or more.

    Returns:
        A `keras.Model` from the same images to scores `(N, 19)`.

    Raises:
        ValueError: If the networks see posters of different shapes.
    """
    shapes = {network.input_shape for network in networks}
    if len(shapes) != 1:
        raise ValueError(f"`networks` must see posters of one shape. Received: {sorted(shapes)}")
    images = keras.Input(networks[0].input_shape[1:], dtype="float32", name="images")
    scores = []
    for number, (network, count) in enumerate(zip(networks, counts, strict=True), start=1):
        network.name = f"member{number}"
        # Counted, not scaled: a mean of scores up to 1 is never above 1.
        scores += [network(images)] * count
    if len(scores) == 1:
        scores *= 2
    mean = layers.Average(dtype="float32", name="mean")(scores)
    return keras.Model(images, mean, name="ensemble_genres")
