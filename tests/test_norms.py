"""Normalization without a convolution before it, in int8."""

import keras
import numpy as np
import pytest

from keras_genres.inference.exports import litert
from keras_genres.inference.exports.norms import with_norms_as_products
from keras_genres.inference.runtimes import open_interpreter

SIZE = 8


@pytest.fixture
def network():
    """A network whose channels differ twentyfold, which a normalization makes even."""
    keras.utils.set_random_seed(0)
    layers = keras.layers
    pixels = keras.Input((SIZE, SIZE, 3))
    convolved = layers.Conv2D(16, 3, use_bias=False, name="folded")(pixels)
    folded = layers.BatchNormalization(name="folded_norm")(convolved)
    joined = layers.Concatenate()([folded, folded])
    alone = layers.BatchNormalization(name="norm", scale=False)(joined)
    core = keras.Model(pixels, layers.ReLU()(alone), name="core")
    images = keras.Input((SIZE, SIZE, 3), name="images")
    x = core(layers.Rescaling(1 / 127.5, -1.0, name="preprocess")(images))
    x = layers.GlobalAveragePooling2D()(x)
    network = keras.Model(images, layers.Dense(19, activation="sigmoid", name="genres")(x))
    core.get_layer("folded_norm").gamma.assign(np.geomspace(0.05, 1, 16).astype("float32"))
    for norm in ("folded_norm", "norm"):
        core.get_layer(norm).momentum = 0.0
    network(posters(64).astype("float32"), training=True)
    return network


def posters(count):
    return np.random.default_rng(0).integers(0, 256, (count, SIZE, SIZE, 3)).astype(np.uint8)


def test_the_scores_are_the_same_and_what_is_folded_stays(network):
    images = posters(8).astype("float32")
    found = with_norms_as_products(network)
    np.testing.assert_allclose(
        found.predict(images, verbose=0), network.predict(images, verbose=0), atol=1e-6
    )
    kinds = {layer.name: type(layer).__name__ for layer in found.get_layer("core").layers}
    assert kinds["folded_norm"] == "BatchNormalization"
    assert kinds["norm"] == "_ChannelProduct"


def score(path, images):
    interpreter = open_interpreter(path)
    run = interpreter.get_signature_runner()
    return np.concatenate([run(images=image[None].astype("float32"))["scores"] for image in images])


def test_small_channels_keep_their_digits_in_int8(network, tmp_path, monkeypatch):
    images = posters(32)
    wanted = network.predict(images.astype("float32"), verbose=0)

    def error(name):
        path = tmp_path / name
        litert.write_litert(network, path, {}, None, "int8", images)
        return np.abs(score(path, images) - wanted).mean()

    ours = error("ours.tflite")
    monkeypatch.setattr(litert, "with_norms_as_products", lambda network: network)
    assert ours < 0.85 * error("plain.tflite")
