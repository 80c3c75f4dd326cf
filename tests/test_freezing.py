"""Which weights are trained after blocks were opened."""

import keras
import numpy as np
import pytest

from keras_genres.errors import UserError
from keras_genres.genres import NUM_GENRES
from keras_genres.model.backbones import BACKBONES
from keras_genres.model.freezing import count_parameters, parse_unfreeze, set_open_blocks
from keras_genres.model.network import backbone_of, build_network
from keras_genres.settings import ModelSettings

SMALL = BACKBONES["smallcnn"]
HEAD = ["kernel", "bias"]


@pytest.fixture
def network():
    keras.utils.set_random_seed(0)
    return build_network(ModelSettings(backbone="smallcnn"), 32, 32)


def layers_trained(network):
    """Names of the layers that have a trained weight, and the head's."""
    trained = {id(variable) for variable in network.trainable_variables}
    layers = [*backbone_of(network).layers, network.get_layer("genres")]
    return [
        layer.name for layer in layers if any(id(variable) in trained for variable in layer.weights)
    ]


@pytest.mark.parametrize(
    "text, expected",
    [
        ("all", BACKBONES["efficientnetv2s"].block_names),
        ("none", ()),
        ("blocks 4-6", ("block4", "block5", "block6")),
        ("block6", ("block6",)),
        ("block 6", ("block6",)),
        ("6", ("block6",)),
        ("top", ("top",)),
        ("blocks 4-6,top", ("block4", "block5", "block6", "top")),
        (" Blocks 4 - 6 , Top ", ("block4", "block5", "block6", "top")),
        ("block5,block6", ("block5", "block6")),
        ("top, block5", ("block5", "top")),
        ("blocks 4-top", ("block4", "block5", "block6", "top")),
        ("block4-block6", ("block4", "block5", "block6")),
        ("stem-2", ("stem", "block1", "block2")),
        ("5-6,6-top", ("block5", "block6", "top")),
        (None, ("block4", "block5", "block6", "top")),
    ],
)
def test_blocks_are_read(text, expected):
    assert parse_unfreeze(text, BACKBONES["efficientnetv2s"]) == expected


def test_numbers_mean_the_blocks_that_end_with_them():
    assert parse_unfreeze("blocks 9-10", BACKBONES["inceptionv3"]) == ("mixed9", "mixed10")
    assert parse_unfreeze("block 1", BACKBONES["mobilenetv2"]) == ("block1",)


@pytest.mark.parametrize("row", BACKBONES.values(), ids=lambda row: row.name)
def test_the_default_of_every_backbone_can_be_read(row):
    blocks = parse_unfreeze(None, row)
    assert blocks[-1] == row.block_names[-1]
    assert parse_unfreeze("all", row) == row.block_names


@pytest.mark.parametrize(
    "text, said",
    [
        ("blok6", "Did you mean 'block6'"),
        ("blocks 4-9", "no block '9'"),
        ("blocks 6-4", "lower one first"),
        ("4-5-6", "not a range"),
        ("block4,,top", "no block ''"),
        ("al", "Did you mean 'all'"),
        ("head", "stem, block1, block2, block3, block4, block5, block6, top"),
    ],
)
def test_an_unknown_block_is_answered_with_what_there_is(text, said):
    with pytest.raises(UserError, match=said) as caught:
        parse_unfreeze(text, BACKBONES["efficientnetv2s"])
    assert "\n" not in str(caught.value)


def test_closed_backbone_trains_only_the_head(network):
    set_open_blocks(network, SMALL, ())
    assert [variable.name for variable in network.trainable_variables] == HEAD
    assert count_parameters(network)[0] == (160 + 1) * NUM_GENRES


def test_open_blocks_train_their_convolutions_but_not_batchnormalization(network):
    set_open_blocks(network, SMALL, ("block3", "block4"))
    assert layers_trained(network) == [
        "block3_conv1", "block3_conv2", "block3_conv0",
        "block4_conv1", "block4_conv2", "block4_conv0", "genres",
    ]  # fmt: skip


def test_batchnormalization_is_trained_on_request(network):
    set_open_blocks(network, SMALL, ("block4",), keep_batchnorm_still=False)
    assert {name for name in layers_trained(network) if "bn" in name} == {
        "block4_bn0", "block4_bn1", "block4_bn2",
    }  # fmt: skip


def test_all_open_trains_everything_that_can_be(network):
    set_open_blocks(network, SMALL, SMALL.block_names, keep_batchnorm_still=False)
    averages = 2 * (2 * (24 + 48 + 96 + 160) + (48 + 96 + 160))
    trained, total = count_parameters(network)
    assert total == SMALL.parameters + 161 * NUM_GENRES
    assert trained == total - averages


def test_blocks_can_be_opened_after_they_were_closed_and_closed_again(network):
    backbone_of(network).trainable = False
    set_open_blocks(network, SMALL, ("block4",))
    opened = count_parameters(network)
    set_open_blocks(network, SMALL, ())
    set_open_blocks(network, SMALL, ("block4",))
    assert count_parameters(network) == opened
    set_open_blocks(network, SMALL, ())
    assert [variable.name for variable in network.trainable_variables] == HEAD


def test_layers_within_layers_are_opened_and_closed():
    # ConvNeXt halves the picture in a Sequential of its own.
    row = BACKBONES["convnexttiny"]
    network = build_network(ModelSettings(backbone="convnexttiny", weights="none"), 32, 32)
    set_open_blocks(network, row, ("block2",))
    trained = layers_trained(network)
    assert trained[0] == "convnext_tiny_downsampling_block_0"
    assert {name.split("_")[3] for name in trained[1:-1]} == {"1"}
    inner = backbone_of(network).get_layer("convnext_tiny_downsampling_block_0")
    assert len(inner.trainable_variables) == 4
    assert not backbone_of(network).get_layer("convnext_tiny_downsampling_block_1").trainable


def test_an_unknown_block_is_a_programming_error(network):
    with pytest.raises(ValueError, match="block9"):
        set_open_blocks(network, SMALL, ("block9",))


@pytest.mark.parametrize("still", [True, False])
def test_a_step_of_training_moves_only_what_is_open(network, still):
    set_open_blocks(network, SMALL, ("block4",), keep_batchnorm_still=still)
    adam = keras.optimizers.Adam(1e-2)
    network.compile(optimizer=adam, loss="binary_crossentropy", jit_compile=False)
    before = [np.array(variable) for variable in network.variables]
    random = np.random.default_rng(0)
    images = random.uniform(0, 255, (8, 32, 32, 3)).astype("float32")
    labels = (random.random((8, NUM_GENRES)) < 0.3).astype("float32")
    network.train_on_batch(images, labels)
    moved = {
        variable.path
        for variable, old in zip(network.variables, before, strict=True)
        if not np.array_equal(np.array(variable), old)
    }
    moved = {"/".join(path.split("/")[-2:]) for path in moved if "seed" not in path}
    expected = {"block4_conv0/kernel", "block4_conv1/kernel", "block4_conv2/kernel"}
    expected |= {"genres/kernel", "genres/bias"}
    if not still:
        parts = ("gamma", "beta", "moving_mean", "moving_variance")
        expected |= {f"block4_bn{n}/{part}" for n in (0, 1, 2) for part in parts}
    assert moved == expected
