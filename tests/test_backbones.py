"""The table of backbones, against the networks that it speaks of."""

import functools
import re
import subprocess
import sys

import keras
import pytest

from keras_genres.errors import UserError
from keras_genres.model.backbones import BACKBONES, find_backbone, list_backbones
from keras_genres.model.network import build_backbone
from keras_genres.model.row import PREPROCESSING

LIGHT = (
    "vgg16",
    "resnet50v2",
    "inceptionv3",
    "mobilenetv2",
    "mobilenetv3small",
    "efficientnetlite0",
    "efficientnetb0",
    "convnexttiny",
    "smallcnn",
)
"""Quick to build; of the other families the default tests build none."""
HEAVY = sorted(set(BACKBONES) - set(LIGHT))


@functools.cache
def core_of(name):
    row = BACKBONES[name]
    return build_backbone(row, row.smallest, row.smallest)


def check_row(row, core):
    blocks = row.layers_by_block(core)
    assert tuple(blocks) == row.block_names
    # Every layer in one block, in the network's order.
    assert [layer for layers in blocks.values() for layer in layers] == core.layers
    for name, layers in blocks.items():
        assert any(layer.weights for layer in layers), f"{name} has nothing to train"
    assert core.count_params() == row.parameters
    assert core.output.shape[-1] >= 160
    seen = row.feature_map_of(core)
    # A VGG ends with a pooling, and before it there are twice as many places.
    factor = 2 if row.name.startswith("vgg") else 1
    assert [side // factor for side in seen.shape[1:3]] == list(core.output.shape[1:3])
    assert seen.shape[-1] == core.output.shape[-1]
    assert factor == 2 or seen is core.output


@pytest.mark.parametrize("name", LIGHT)
def test_every_layer_is_in_exactly_one_block(name):
    check_row(BACKBONES[name], core_of(name))


@pytest.mark.slow
@pytest.mark.parametrize("name", HEAVY)
def test_every_layer_is_in_exactly_one_block_of_the_big_ones(name):
    row = BACKBONES[name]
    check_row(row, build_backbone(row, row.smallest, row.smallest))
    keras.backend.clear_session()


# How stock networks number the blocks in their layers' names, where they do.
@pytest.mark.parametrize(
    "name, numbered",
    [
        ("vgg16", r"block(\d+)_"),
        pytest.param("resnet50", r"conv(\d+)_block", marks=pytest.mark.slow),
        ("resnet50v2", r"conv(\d+)_block"),
        pytest.param("densenet121", r"conv(\d+)_block", marks=pytest.mark.slow),
        ("mobilenetv2", r"block_(\d+)_"),
        ("mobilenetv3small", r"expanded_conv_(\d+)_"),
        pytest.param("xception", r"block(\d+)_", marks=pytest.mark.slow),
        ("efficientnetlite0", r"block(\d+)[a-z]_"),
        ("efficientnetb0", r"block(\d+)[a-z]_"),
        pytest.param("efficientnetv2b0", r"block(\d+)[a-z]_", marks=pytest.mark.slow),
    ],
)
def test_blocks_hold_the_layers_that_keras_numbers_so(name, numbered):
    found = set()
    for block, layers in BACKBONES[name].layers_by_block(core_of(name)).items():
        for layer in layers:
            if match := re.match(numbered, layer.name):
                assert f"block{match[1]}" == block, layer.name
                found.add(block)
    stretches = {block for block in BACKBONES[name].block_names if block[-1].isdigit()}
    assert found >= stretches - {"block0"}


def test_inception_blocks_have_the_convolutions_of_the_paper():
    counts = [
        sum(isinstance(layer, keras.layers.Conv2D) for layer in layers)
        for layers in BACKBONES["inceptionv3"].layers_by_block(core_of("inceptionv3")).values()
    ]
    # The stem has 5; 35 x 35 cells 7 each, then a reduction, 17 x 17 cells 10 each, and so on.
    assert counts == [5, 7, 7, 7, 4, 10, 10, 10, 10, 6, 9, 9]


def test_blocks_are_found_although_keras_numbers_layers_anew():
    row = BACKBONES["inceptionv3"]
    again = build_backbone(row, 80, 80)
    assert again.layers[1].name != core_of("inceptionv3").layers[1].name
    counts = [len(layers) for layers in row.layers_by_block(again).values()]
    assert counts == [
        len(layers) for layers in row.layers_by_block(core_of("inceptionv3")).values()
    ]


def test_blocks_of_another_network_are_an_error():
    for look in (BACKBONES["vgg16"].layers_by_block, BACKBONES["vgg16"].feature_map_of):
        with pytest.raises(ValueError, match="must be a VGG16"):
            look(core_of("smallcnn"))


def test_no_backbone_normalises_pixels_itself():
    for name in LIGHT:
        kinds = {type(layer) for layer in core_of(name).layers}
        assert not kinds & {keras.layers.Normalization, keras.layers.Rescaling}, name


def test_the_promised_names_are_in_the_table():
    promised = """
        vgg16 vgg19 resnet50 resnet101 resnet152 resnet50v2 resnet101v2 resnet152v2 inceptionv3
        xception densenet121 densenet169 densenet201 mobilenetv2 mobilenetv3small mobilenetv3large
        efficientnetlite0 efficientnetb0 efficientnetb1 efficientnetb2 efficientnetb3
        efficientnetb4 efficientnetb5 efficientnetb6 efficientnetb7 efficientnetv2b0
        efficientnetv2b1 efficientnetv2b2 efficientnetv2b3 efficientnetv2s efficientnetv2m
        efficientnetv2l convnexttiny convnextsmall convnextbase convnextlarge smallcnn
    """
    assert set(promised.split()) <= set(BACKBONES)


def test_rows_are_sound():
    for name, row in BACKBONES.items():
        assert name == row.name
        assert row.preprocessing in PREPROCESSING
        assert row.smallest <= min(row.height, row.width)
        assert row.unfreeze
    assert [row["name"] for row in list_backbones()] == list(BACKBONES)
    assert not BACKBONES["efficientnetlite0"].imagenet
    assert BACKBONES["efficientnetv2s"].block_names == (
        "stem", "block1", "block2", "block3", "block4", "block5", "block6", "top",
    )  # fmt: skip


def test_an_unknown_backbone_is_answered_with_the_nearest():
    assert find_backbone("EfficientNet-V2 S") is BACKBONES["efficientnetv2s"]
    with pytest.raises(UserError, match="Did you mean 'efficientnetv2s'"):
        find_backbone("eficientnetv2s")


def test_the_table_is_read_without_keras():
    code = (
        "import sys, keras_genres.model.backbones as table; table.list_backbones();"
        "sys.exit(any(name in sys.modules for name in ('keras', 'tensorflow', 'h5py')))"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_blocks_are_listed_in_ranges():
    rows = {row["name"]: row["blocks"] for row in list_backbones()}
    assert rows["mobilenetv2"] == "stem block0-16 top"
    assert rows["inceptionv3"] == "stem mixed0-10"
    assert rows["vgg16"] == "block1-5"
