"""Stochastic depth of the networks that have it."""

import numpy as np
import pytest
from keras import layers

from keras_genres.errors import UserError
from keras_genres.model.network import backbone_of, build_network
from keras_genres.settings import load_settings


def network(backbone, rate=None):
    changes = {"model.backbone": backbone, "model.weights": "none", "model.stochastic_depth": rate}
    return build_network(load_settings().replace(changes).model, 64, 64)


def rates(built):
    found = backbone_of(built).layers
    return [each.rate for each in found if isinstance(each, layers.Dropout) and each.noise_shape]


@pytest.mark.parametrize("backbone", ["efficientnetlite0", "efficientnetb0", "efficientnetv2b0"])
def test_the_largest_rate_is_set_and_lower_branches_keep_their_part(backbone):
    own, raised, off = (rates(network(backbone, rate)) for rate in (None, 0.4, 0.0))
    assert own == sorted(own) and 0.1 < own[-1] <= 0.2
    assert raised[-1] == pytest.approx(0.4)
    np.testing.assert_allclose(np.array(raised) / 0.4, np.array(own) / own[-1])
    assert off == [0.0] * len(own)


def test_training_leaves_branches_out_and_prediction_none():
    built = network("efficientnetlite0", 0.9)
    core = backbone_of(built)
    images = np.random.default_rng(0).uniform(-1, 1, (4, 64, 64, 3)).astype("float32")
    for layer in core.layers:  # what is left of chance are the branches
        if isinstance(layer, layers.BatchNormalization):
            layer.trainable = False
    one, two = (np.asarray(core(images, training=True)) for _ in range(2))
    assert not np.allclose(one, two)
    one, two = (np.asarray(core(images, training=False)) for _ in range(2))
    np.testing.assert_array_equal(one, two)


def test_a_network_without_branches_is_one_line():
    with pytest.raises(UserError, match=r"VGG16 has no branches to leave out.*efficientnetb0"):
        network("vgg16", 0.2)
