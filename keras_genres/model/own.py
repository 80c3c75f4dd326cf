"""Backbones that `keras.applications` does not have, from stock layers only."""

import keras
from keras import layers

# (repeats, kernel, stride, expand, filters) of each block.
_LITE0 = (
    (1, 3, 1, 1, 16),
    (2, 3, 2, 6, 24),
    (2, 5, 2, 6, 40),
    (3, 3, 2, 6, 80),
    (3, 5, 1, 6, 112),
    (4, 5, 2, 6, 192),
    (1, 3, 1, 6, 320),
)


def lite0(height, width, drop_connect=0.2):
    """Build EfficientNet-Lite0 without a head.

    It is EfficientNet-B0 without squeeze-and-excitation and with ReLU6 for
    swish, made for phones and 8-bit numbers. Layers are named as in Keras's
    EfficientNets.

    Args:
        height: Rows of pixels.
        width: Columns of pixels.
        drop_connect: Share of posters whose last residual branch is dropped
            in training; lower branches are dropped less.

    Returns:
        A `keras.Model` from preprocessed `(N, height, width, 3)` to
        `(N, height / 32, width / 32, 1280)`.

    Source: Liu, "Higher accuracy on vision models with EfficientNet-Lite",
    TensorFlow blog, 2020; Tan & Le 2019, arXiv:1905.11946.
    """
    inputs = keras.Input((height, width, 3))
    x = _relu6_of(_conv(32, 3, 2, "stem_conv")(inputs), "stem_")
    done, blocks = 0, sum(block[0] for block in _LITE0)
    for number, (repeats, kernel, stride, expand, filters) in enumerate(_LITE0, start=1):
        for repeat in range(repeats):
            name = f"block{number}{chr(ord('a') + repeat)}_"
            x = _inverted_residual(
                x, name, kernel, stride if repeat == 0 else 1, expand, filters,
                drop_connect * done / blocks,
            )  # fmt: skip
            done += 1
    x = _relu6_of(_conv(1280, 1, name="top_conv")(x), "top_")
    return keras.Model(inputs, x, name="efficientnetlite0")


def _inverted_residual(inputs, name, kernel, stride, expand, filters, drop_rate):
    x = inputs
    incoming = inputs.shape[-1]
    if expand != 1:
        x = _relu6_of(_conv(incoming * expand, 1, name=f"{name}expand_conv")(x), f"{name}expand_")
    x = _relu6_of(_depthwise(kernel, stride, f"{name}dwconv")(x), name)
    x = _conv(filters, 1, name=f"{name}project_conv")(x)
    x = layers.BatchNormalization(name=f"{name}project_bn")(x)
    if stride == 1 and incoming == filters:
        if drop_rate:
            x = layers.Dropout(drop_rate, noise_shape=(None, 1, 1, 1), name=f"{name}drop")(x)
        x = layers.add([x, inputs], name=f"{name}add")
    return x


def _relu6_of(x, name):
    x = layers.BatchNormalization(name=f"{name}bn")(x)
    return layers.ReLU(6.0, name=f"{name}activation")(x)


def smallcnn(height, width, widths=(24, 48, 96, 160)):
    """Build the small backbone that trains from scratch on a CPU.

    It stands for the "custom CNN" of related work, in the way one would
    write it now: four residual blocks of two 3×3 convolutions, each halving
    the picture.

    Args:
        height: Rows of pixels, 16 or more.
        width: Columns of pixels, 16 or more.
        widths: Channels of each block.

    Returns:
        A `keras.Model` from preprocessed `(N, height, width, 3)` to
        `(N, height / 16, width / 16, 160)`.
    """
    inputs = x = keras.Input((height, width, 3))
    for number, filters in enumerate(widths, start=1):
        name = f"block{number}_"
        short = x
        x = _conv(filters, 3, 2, f"{name}conv1")(x)
        x = _quick_bn(f"{name}bn1")(x)
        x = layers.ReLU(name=f"{name}relu1")(x)
        x = _conv(filters, 3, name=f"{name}conv2")(x)
        x = _quick_bn(f"{name}bn2")(x)
        if number > 1:  # three colours are no features to carry on
            short = layers.AveragePooling2D(2, padding="same", name=f"{name}pool")(short)
            short = _conv(filters, 1, name=f"{name}conv0")(short)
            short = _quick_bn(f"{name}bn0")(short)
            x = layers.add([x, short], name=f"{name}add")
        x = layers.ReLU(name=f"{name}relu2")(x)
    return keras.Model(inputs, x, name="smallcnn")


def _quick_bn(name):
    # With 0.99 the moving averages need hundreds of steps; a small run has few.
    return layers.BatchNormalization(momentum=0.9, name=name)


def _conv(filters, kernel, strides=1, name=None):
    return layers.Conv2D(
        filters,
        kernel,
        strides=strides,
        padding="same",
        use_bias=False,
        kernel_initializer=_initializer(),
        name=name,
    )


def _depthwise(kernel, strides, name):
    return layers.DepthwiseConv2D(
        kernel,
        strides=strides,
        padding="same",
        use_bias=False,
        depthwise_initializer=_initializer(),
        name=name,
    )


def _initializer():
    # He et al. 2015, arXiv:1502.01852: keeps the signal's size from random weights.
    return keras.initializers.VarianceScaling(2.0, "fan_out", "truncated_normal")
