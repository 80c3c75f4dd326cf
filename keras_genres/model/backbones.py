"""The table of backbones: sizes, preprocessing, blocks, weights.

Nothing here imports Keras, so the command line can read the table at once.
"""

import difflib
import itertools
import re

from keras_genres.errors import UserError
from keras_genres.model.row import Backbone


def _blocks(first, last, start, stem=True, top=None):
    """Rows `blockN` whose `start` holds the number in place of `#`."""
    rows = [("stem", "")] if stem else []
    for n in range(first, last + 1):
        rows.append((f"block{n}", start.replace("#", str(n))))
    return tuple(rows + ([("top", top)] if top else []))


_VGG = _blocks(1, 5, "block#_conv1", stem=False)
_RESNET = _blocks(2, 5, "conv#_block1_.*")
_RESNET_V2 = _blocks(2, 5, "conv#_block1_.*", top="post_bn")
_DENSENET = _blocks(2, 5, "conv#_block1_.*", top="bn")
_XCEPTION = _blocks(1, 14, "block#_.*", stem=False)
_INCEPTION = (
    ("stem", ""),
    ("stem", r"after max_pooling2d(_\d+)?"),
    ("mixed0", r"after max_pooling2d(_\d+)?"),
    *((f"mixed{n}", f"after mixed{n - 1}") for n in range(1, 11)),
)
_MOBILENET_V2 = (
    ("stem", ""),
    ("block0", "expanded_conv_.*"),
    *_blocks(1, 16, "block_#_.*", stem=False, top="Conv_1"),
)


def _mobilenet_v3(last):
    return (
        ("stem", ""),
        ("block0", "expanded_conv_.*"),
        *_blocks(1, last, "expanded_conv_#_.*", stem=False, top="conv_1"),
    )


def _efficientnet(last):
    return _blocks(1, last, "block#a_.*", top="top_conv")


# A ConvNeXt stage starts with the layer that halves the picture for it.
_CONVNEXT = (
    ("stem", ""),
    ("block1", ".*_stage_0_block_0_.*"),
    ("block2", ".*_downsampling_block_0"),
    ("block3", ".*_downsampling_block_1"),
    ("block4", ".*_downsampling_block_2"),
    ("top", r"layer_normalization(_\d+)?"),
)

_KERNELS = "{}_weights_tf_dim_ordering_tf_kernels_notop.h5"
_NO_PREPROCESSING = {"include_preprocessing": False}


def _row(title, size, smallest, preprocessing, parameters, blocks, unfreeze, **more):
    more.setdefault("application", title)
    name = re.sub(r"[^a-z0-9]", "", title.lower())
    return Backbone(
        name=name,
        title=title,
        height=size,
        width=size,
        smallest=smallest,
        preprocessing=preprocessing,
        parameters=parameters,
        blocks=blocks,
        unfreeze=unfreeze,
        **more,
    )


def _vgg(depth, parameters, last_conv):
    return _row(
        f"VGG{depth}", 224, 32, "caffe", parameters, _VGG, "blocks 4-5",
        weights_file=_KERNELS.format(f"vgg{depth}"), feature_layer=last_conv,
    )  # fmt: skip


def _resnet(depth, parameters):
    # The paper trained all of ResNet50; opening the top is the gentler default.
    return _row(
        f"ResNet{depth}", 224, 32, "caffe", parameters, _RESNET, "blocks 4-5",
        weights_file=_KERNELS.format(f"resnet{depth}"), feature_layer="conv5_block3_out",
    )  # fmt: skip


def _resnet_v2(depth, parameters):
    return _row(
        f"ResNet{depth}V2", 224, 32, "tf", parameters, _RESNET_V2, "blocks 4-5,top",
        weights_file=_KERNELS.format(f"resnet{depth}v2"), feature_layer="post_relu",
    )  # fmt: skip


def _densenet(depth, parameters):
    return _row(
        f"DenseNet{depth}", 224, 32, "torch", parameters, _DENSENET, "blocks 4-5,top",
        weights_file=_KERNELS.format(f"densenet{depth}"), feature_layer="relu",
    )  # fmt: skip


def _mobilenet_v3_row(size, parameters, last):
    return _row(
        f"MobileNetV3{size}", 224, 32, "tf", parameters, _mobilenet_v3(last),
        f"blocks {last - 2}-{last},top", options=_NO_PREPROCESSING,
        weights_file=f"weights_mobilenet_v3_{size.lower()}_224_1.0_float_no_top_v2.h5",
        feature_layer=r"activation(_\d+)?",
    )  # fmt: skip


def _efficientnet_b(n, pixels, parameters):
    # The stock network divides by the root of std in its Normalization layer and, with Keras's
    # own ImageNet weights only, by the root of std once more: "torch" is what both come to.
    # The paper opened the top two blocks of B0.
    return _row(
        f"EfficientNetB{n}", pixels, 32, "torch", parameters, _efficientnet(7),
        "blocks 6-7,top", weights_file=f"efficientnetb{n}_notop.h5", first_layer="stem_conv_pad",
        feature_layer="top_activation",
    )  # fmt: skip


def _efficientnet_v2(kind, pixels, preprocessing, parameters, last, unfreeze):
    return _row(
        f"EfficientNetV2{kind}", pixels, 32, preprocessing, parameters, _efficientnet(last),
        unfreeze, options=_NO_PREPROCESSING,
        weights_file=f"efficientnetv2-{kind.lower()}_notop.h5", feature_layer="top_activation",
    )  # fmt: skip


def _convnext(size, parameters):
    return _row(
        f"ConvNeXt{size}", 224, 32, "torch", parameters, _CONVNEXT, "block4,top",
        options=_NO_PREPROCESSING, weights_file=f"convnext_{size.lower()}_notop.h5",
        feature_layer=r"layer_normalization(_\d+)?",
    )  # fmt: skip


_ROWS = (
    _vgg(16, 14_714_688, "block5_conv3"),
    _vgg(19, 20_024_384, "block5_conv4"),
    _resnet(50, 23_587_712),
    _resnet(101, 42_658_176),
    _resnet(152, 58_370_944),
    _resnet_v2(50, 23_564_800),
    _resnet_v2(101, 42_626_560),
    _resnet_v2(152, 58_331_648),
    _row(
        "InceptionV3", 299, 75, "tf", 21_802_784, _INCEPTION, "blocks 9-10",
        weights_file=_KERNELS.format("inception_v3"), feature_layer="mixed10",
    ),
    _row(
        "Xception", 299, 71, "tf", 20_861_480, _XCEPTION, "blocks 13-14",
        weights_file=_KERNELS.format("xception"), feature_layer="block14_sepconv2_act",
    ),
    _densenet(121, 7_037_504),
    _densenet(169, 12_642_880),
    _densenet(201, 18_321_984),
    _row(
        "MobileNetV2", 224, 32, "tf", 2_257_984, _MOBILENET_V2, "blocks 14-16,top",
        weights_file="mobilenet_v2_weights_tf_dim_ordering_tf_kernels_1.0_224_no_top.h5",
        feature_layer="out_relu",
    ),
    _mobilenet_v3_row("Small", 939_120, 10),
    _mobilenet_v3_row("Large", 2_996_352, 14),
    _row(
        "EfficientNet-Lite0", 224, 32, "lite", 3_413_024, _efficientnet(7), "blocks 6-7,top",
        application="lite0", feature_layer="top_activation",
    ),
    _efficientnet_b(0, 224, 4_049_564),
    _efficientnet_b(1, 240, 6_575_232),
    _efficientnet_b(2, 260, 7_768_562),
    _efficientnet_b(3, 300, 10_783_528),
    _efficientnet_b(4, 380, 17_673_816),
    _efficientnet_b(5, 456, 28_513_520),
    _efficientnet_b(6, 528, 40_960_136),
    _efficientnet_b(7, 600, 64_097_680),
    _efficientnet_v2("B0", 224, "torch", 5_919_312, 6, "blocks 5-6,top"),
    _efficientnet_v2("B1", 240, "torch", 6_931_124, 6, "blocks 5-6,top"),
    _efficientnet_v2("B2", 260, "torch", 8_769_374, 6, "blocks 5-6,top"),
    _efficientnet_v2("B3", 300, "torch", 12_930_622, 6, "blocks 5-6,top"),
    # Blocks 4 to 7 of the paper, which counts the last convolution as the seventh, at the paper's
    # 224 pixels: S was trained on 128 to 300 pixels and is usually scored at 384.
    _efficientnet_v2("S", 224, "efficientnetv2", 20_331_360, 6, "blocks 4-6,top"),
    _efficientnet_v2("M", 480, "efficientnetv2", 53_150_388, 7, "blocks 5-7,top"),
    _efficientnet_v2("L", 480, "efficientnetv2", 117_746_848, 7, "blocks 5-7,top"),
    _convnext("Tiny", 27_820_128),
    _convnext("Small", 49_454_688),
    _convnext("Base", 87_566_464),
    _convnext("Large", 196_230_336),
    _convnext("XLarge", 348_147_968),
    _row(
        "SmallCNN", 96, 16, "tf", 554_952, _blocks(1, 4, "block#_conv1", stem=False), "all",
        application="smallcnn", feature_layer="block4_relu2",
    ),
)  # fmt: skip

BACKBONES = {row.name: row for row in _ROWS}
"""Every backbone by its name on the command line."""


def find_backbone(name):
    """Return the row of the table called `name`; case and separators do not count.

    Raises:
        UserError: If there is none; it names the nearest.
    """
    key = "".join(letter for letter in name.lower() if letter.isalnum())
    if key not in BACKBONES:
        near = difflib.get_close_matches(key, BACKBONES, n=1, cutoff=0.0)[0]
        raise UserError(
            f"Unknown backbone {name!r}. Did you mean {near!r}? `keras-genres backbones` lists all."
        )
    return BACKBONES[key]


def list_backbones():
    """Return the rows that `keras-genres backbones` prints.

    Returns:
        List of dictionaries with `name`, `parameters` (without a head),
        `size` (pixels it is fed by default), `imagenet`, `preprocessing`,
        `unfreeze` (opened in the second stage by default) and `blocks`, from
        the lowest to the highest.
    """
    return [
        {
            "name": row.name,
            "parameters": row.parameters,
            "size": row.height,
            "imagenet": row.imagenet,
            "preprocessing": row.preprocessing,
            "unfreeze": row.unfreeze,
            "blocks": _in_ranges(row.block_names),
        }
        for row in BACKBONES.values()
    ]


def _in_ranges(names):
    """Return block names as text, numbers that follow one another as a range."""
    parts = [re.fullmatch(r"(\D*)(\d*)", name).groups() for name in names]
    texts = []
    for word, run in itertools.groupby(parts, key=lambda part: part[0]):
        numbers = [number for _, number in run]
        texts.append(word + (f"{numbers[0]}-{numbers[-1]}" if len(numbers) > 1 else numbers[0]))
    return " ".join(texts)
