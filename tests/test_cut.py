"""The two halves of a cut network are the network."""

import keras
import numpy as np
import pytest

from keras_genres.model.backbones import BACKBONES
from keras_genres.model.cut import HEAD, build_prefix, build_tail, cut_width, find_cut
from keras_genres.model.freezing import count_parameters, parse_unfreeze, set_open_blocks
from keras_genres.model.network import backbone_of, build_network
from keras_genres.settings import ModelSettings

# Small ones that between them have residual sums, branches side by side, dense concatenation,
# squeeze-and-excitation, operations that are no layers, and a cut input.
SOME = ("smallcnn", "mobilenetv2", "mobilenetv3small", "efficientnetb0", "densenet121")
ALL = [name for name in BACKBONES if name not in SOME]


def lively(name):
    """Return a network whose random weights pass a signal, and images."""
    backbone = BACKBONES[name]
    size = max(backbone.smallest, 40)
    keras.utils.set_random_seed(0)
    network = build_network(ModelSettings(backbone=name, weights="none"), size, size + 8)
    images = np.random.default_rng(0).uniform(0, 255, (3, size, size + 8, 3)).astype("float32")
    # Statistics as a trained network has them: with ones and zeros the signal dies away.
    for layer in leaves(network):
        if isinstance(layer, keras.layers.BatchNormalization):
            layer.momentum = 0.0
    network(images, training=True)
    return network, backbone, images


def leaves(layer):
    children = getattr(layer, "layers", None) or []
    return [leaf for child in children for leaf in leaves(child)] or [layer]


def check(name):
    network, backbone, images = lively(name)
    blocks = parse_unfreeze(backbone.block_names[-2], backbone)
    cuts = [find_cut(blocks, backbone), HEAD]
    whole = keras.ops.convert_to_numpy(network(images, training=False))
    # Called as the whole is: a compiled pass rounds its sums in another order.
    rows = build_prefix(network, backbone, cuts)(images, training=False)
    assert np.abs(whole[0] - whole[1]).max() > 1e-3, "no signal, nothing is compared"
    for cut, found in zip(cuts, rows, strict=True):
        assert found.shape == (3, cut_width(network, backbone, cut))
        tail = build_tail(network, backbone, cut)
        scores = keras.ops.convert_to_numpy(tail(found, training=False))
        np.testing.assert_allclose(scores, whole, atol=1e-6)


@pytest.mark.parametrize("name", SOME)
def test_prefix_and_tail_give_the_scores_of_the_whole_network(name):
    check(name)


@pytest.mark.slow
@pytest.mark.parametrize("name", ALL)
def test_every_other_backbone_can_be_cut_too(name):
    check(name)


def test_the_cut_lies_below_the_lowest_open_block():
    backbone = BACKBONES["efficientnetb0"]
    assert find_cut(("block7", "block6", "top"), backbone) == "block6"
    assert find_cut(("block2",), backbone) == "block2"
    assert find_cut((), backbone) == HEAD
    assert find_cut(("stem", "block7"), backbone) is None


def test_the_tail_trains_what_is_open_and_the_network_has_it_at_once():
    network, backbone, images = lively("mobilenetv2")
    set_open_blocks(network, backbone, ("block15", "top"))
    tail = build_tail(network, backbone, "block15", "float16")
    rows = build_prefix(network, backbone, ["block15"]).predict_on_batch(images)
    rows = np.asarray(rows[0] if isinstance(rows, list) else rows).astype("float16")
    # Block 16 lies above the cut and is closed.
    assert count_parameters(tail)[0] == count_parameters(network)[0]
    before = {weight.path: np.array(weight) for weight in network.weights}
    tail.compile(keras.optimizers.SGD(1.0), "binary_crossentropy", jit_compile=False)
    tail.fit(rows, np.eye(3, 19, dtype="float32"), verbose=0)
    moved = {path for path in before if not np.array_equal(before[path], _now(network, path))}
    assert moved == {weight.path for weight in network.trainable_weights}


def _now(network, path):
    return next(np.array(weight) for weight in network.weights if weight.path == path)


def test_closed_blocks_give_the_same_in_training_and_open_ones_drop_again():
    network, backbone, images = lively("efficientnetb0")
    core = backbone_of(network)
    rates = [layer.rate for layer in core.layers if isinstance(layer, keras.layers.Dropout)]
    set_open_blocks(network, backbone, ())
    still = core(images, training=True)
    np.testing.assert_array_equal(still, core(images, training=False))
    set_open_blocks(network, backbone, backbone.block_names)
    again = [layer.rate for layer in core.layers if isinstance(layer, keras.layers.Dropout)]
    assert again == rates and max(rates) > 0.1
    assert not np.array_equal(core(images, training=True), core(images, training=True))
