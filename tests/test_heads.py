"""Heads: the same contract for each, and what each looks at."""

import keras
import numpy as np
import pytest

from keras_genres.errors import UserError
from keras_genres.genres import NUM_GENRES
from keras_genres.inference.gradcam import grad_cam
from keras_genres.inference.load import load_network
from keras_genres.model.backbones import BACKBONES
from keras_genres.model.cut import HEAD, build_prefix, build_tail
from keras_genres.model.heads import add_head, logits_of, pooled, scored
from keras_genres.model.network import backbone_of, build_backbone, build_network, preprocess
from keras_genres.settings import ModelSettings, Settings

HEADS = ("pooled", "levels", "csra", "attention")
SPATIAL = HEADS[2:]
PRIOR = np.linspace(0.05, 0.4, NUM_GENRES)


def settings(head, backbone="smallcnn", **changes):
    return ModelSettings(backbone=backbone, weights="none", head=head, **changes)


def pictures(count=3):
    return np.random.default_rng(0).uniform(0, 255, (count, 64, 48, 3)).astype("float32")


def array(tensor):
    return keras.ops.convert_to_numpy(tensor)


def lively(head, backbone="smallcnn"):
    """Return a network whose head has opinions, from the same first weights each time."""
    keras.utils.set_random_seed(0)
    network = build_network(settings(head, backbone), 64, 48)
    if head == "levels":  # begins with none
        kernel = network.get_layer("genres").kernel
        kernel.assign(np.random.default_rng(0).normal(0, 0.1, kernel.shape))
    return network


def head_alone(head, shape=(2, 3, 8), **changes):
    features = keras.Input(shape)
    return keras.Model(features, add_head([features], settings(head, **changes)))


@pytest.mark.parametrize("head", HEADS)
def test_scores_begin_at_the_prior(head):
    keras.utils.set_random_seed(0)
    scores = array(build_network(settings(head), 64, 48, prior=PRIOR)(pictures()))
    keras.utils.set_random_seed(0)
    without = array(build_network(settings(head), 64, 48)(pictures()))
    assert 2 * np.abs(scores - PRIOR).mean() < np.abs(without - PRIOR).mean()


def test_a_prior_of_other_genres_is_refused():
    with pytest.raises(ValueError, match="`prior` must hold a share for each of the 19"):
        build_network(settings("csra"), 64, 48, prior=PRIOR[:3])


@pytest.mark.parametrize("head", HEADS)
def test_a_seed_gives_the_same_first_weights(head):
    keras.utils.set_random_seed(0)
    first = head_alone(head).get_weights()
    keras.utils.set_random_seed(1)
    for one, other in zip(first, head_alone(head).get_weights(), strict=True):
        np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize("head", HEADS)
def test_a_saved_network_is_let_in_and_whole(head, tmp_path):
    network = lively(head)
    network.save(tmp_path / "model.keras")
    again = load_network(tmp_path / "model.keras")
    np.testing.assert_array_equal(array(again(pictures())), array(network(pictures())))
    assert backbone_of(again).name == "smallcnn"
    maps = grad_cam(network, pictures(), ["Drama", "Horror", "War"])
    np.testing.assert_array_equal(grad_cam(again, pictures(), ["Drama", "Horror", "War"]), maps)


@pytest.mark.parametrize("head", SPATIAL)
def test_the_cut_below_the_head_keeps_the_feature_map(head):
    network = lively(head)
    backbone = BACKBONES["smallcnn"]
    rows = build_prefix(network, backbone, [HEAD])(pictures(), training=False)
    scores = build_tail(network, backbone, HEAD)(rows, training=False)
    np.testing.assert_allclose(array(scores), array(network(pictures())), atol=1e-6)
    assert rows.shape[1] == np.prod(backbone_of(network).output_shape[1:])


@pytest.mark.parametrize("head", HEADS)
def test_logits_are_those_of_the_scores(head):
    network = lively(head)
    core = backbone_of(network)
    random = np.random.default_rng(1)
    outputs = [random.normal(size=(2, *each.shape[1:])).astype("float32") for each in core.outputs]
    logits = array(logits_of(network, outputs))
    scores = array(scored(network, pooled(network, outputs)))
    np.testing.assert_allclose(1 / (1 + np.exp(-logits)), scores, atol=1e-5)


def test_the_head_on_levels_sees_every_block_by_mean_and_deviation():
    network = lively("levels")
    core, backbone = backbone_of(network), BACKBONES["smallcnn"]
    assert len(core.outputs) == len(backbone.block_names)
    images = preprocess(pictures(), backbone)
    outputs = [array(each).astype("float64") for each in core(images)]
    kept = np.concatenate(
        [part for each in outputs for part in (each.mean((1, 2)), each.std((1, 2)))], axis=1
    )
    rows = array(build_prefix(network, backbone, [HEAD])(pictures(), training=False))
    np.testing.assert_allclose(rows, kept, atol=4e-3)  # deviations near 0 are held off it


# Before a block narrows at its end, and behind its gates, which are as wide and have one place.
@pytest.mark.parametrize(
    "name, block, layer",
    [
        ("mobilenetv2", "block3", "block_3_depthwise_relu"),
        ("efficientnetb0", "block4", "block4c_se_excite"),
        ("mobilenetv3small", "block4", "expanded_conv_4_squeeze_excite_mul"),
        ("densenet121", "block3", "pool3_relu"),
        ("resnet50", "block3", "conv3_block4_out"),
    ],
)
def test_the_widest_map_of_a_block_is_what_is_looked_at(name, block, layer):
    backbone = BACKBONES[name]
    core = build_backbone(backbone, 64, 64)
    top, *lower = backbone.block_maps_of(core)
    found = dict(zip(backbone.block_names, lower, strict=False))[block]
    assert top is core.outputs[0]
    assert found._keras_history.operation.name == layer
    assert found.shape[1] > 1


def test_a_cut_inside_keeps_what_lower_blocks_told():
    network = lively("levels")
    backbone = BACKBONES["smallcnn"]
    cut = backbone.block_names[-1]
    rows = build_prefix(network, backbone, [cut])(pictures(), training=False)
    scores = build_tail(network, backbone, cut)(rows, training=False)
    np.testing.assert_allclose(array(scores), array(network(pictures())), atol=1e-6)
    assert build_tail(network, backbone, cut).get_layer("norm") is network.get_layer("norm")


@pytest.mark.parametrize("cut", ["block3", "top"])
def test_a_cut_keeps_the_maps_inside_blocks_too(cut):
    network, backbone = lively("levels", "mobilenetv2"), BACKBONES["mobilenetv2"]
    rows = build_prefix(network, backbone, [cut])(pictures(), training=False)
    scores = array(build_tail(network, backbone, cut)(rows, training=False))
    np.testing.assert_allclose(scores, array(network(pictures())), atol=1e-6)
    assert np.ptp(scores, axis=0).max() > 1e-3  # or they would be equal whatever was kept


@pytest.mark.slow
@pytest.mark.parametrize("name", BACKBONES)
def test_outputs_of_lower_blocks_leave_the_order_of_the_layers(name):
    backbone = BACKBONES[name]
    core = build_backbone(backbone, *2 * [max(backbone.smallest, 64)])
    before = [layer.name for layer in core.layers]
    outputs = backbone.block_maps_of(core)
    assert [layer.name for layer in keras.Model(core.inputs, outputs).layers] == before
    assert {len(each.shape) for each in outputs} == {4}


def test_residual_attention_of_weight_0_is_the_mean_of_the_places():
    model = head_alone("csra", csra_weight=0.0)
    features = np.random.default_rng(0).normal(size=(4, 2, 3, 8)).astype("float32")
    kernel = model.get_layer("head").get_layer("places").kernel
    mean = features.mean((1, 2)) @ array(kernel).reshape(8, NUM_GENRES)
    np.testing.assert_allclose(array(model(features)), 1 / (1 + np.exp(-mean)), atol=1e-6)


def test_residual_attention_adds_the_places_by_their_softmax():
    model = head_alone("csra", csra_weight=0.5)
    features = np.random.default_rng(0).normal(size=(1, 2, 3, 8)).astype("float32")
    kernel = array(model.get_layer("head").get_layer("places").kernel).reshape(8, NUM_GENRES)
    scores = (features[0].reshape(6, 8) @ kernel).astype("float64")
    shares = np.exp(scores) / np.exp(scores).sum(axis=0)
    logits = scores.mean(axis=0) + 0.5 * (shares * scores).sum(axis=0)
    np.testing.assert_allclose(array(model(features))[0], 1 / (1 + np.exp(-logits)), atol=1e-6)


@pytest.mark.parametrize("head", SPATIAL)
def test_where_a_sign_stands_does_not_matter_but_that_it_is_gathered_does(head):
    model = head_alone(head)
    features = np.random.default_rng(0).normal(size=(1, 2, 3, 8)).astype("float32")
    turned = features[:, ::-1, ::-1]
    np.testing.assert_allclose(array(model(features)), array(model(turned)), atol=1e-6)
    spread = np.broadcast_to(features.mean((1, 2), keepdims=True), features.shape)
    assert np.abs(array(model(features)) - array(model(spread))).max() > 1e-3


@pytest.mark.parametrize("head", HEADS)
def test_grad_cam_reaches_through_the_head(head):
    network = lively(head)
    maps = grad_cam(network, pictures(), ["Drama", "Horror", "War"])
    assert maps.max() == 1 and np.isfinite(maps).all()


def test_what_is_no_head_is_refused():
    with pytest.raises(UserError, match=r"model\.head must be one of"):
        Settings().replace({"model.head": "tail"})
