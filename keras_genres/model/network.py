"""The whole network: raw pixels in, 19 scores out."""

import warnings

import keras
from keras import layers

from keras_genres.errors import UserError
from keras_genres.model import own
from keras_genres.model.backbones import find_backbone
from keras_genres.model.depth import set_stochastic_depth
from keras_genres.model.heads import add_head, start_at
from keras_genres.model.row import PREPROCESSING
from keras_genres.model.weights import explain_download_error, load_weight_file, resolve_weights


def build_network(settings, height=None, width=None, *, seed=0, prior=None):
    """Build preprocessing, backbone and head as one network.

    Only stock Keras layers are used, so a saved network loads without this
    package. The backbone is one nested model: see `backbone_of`. Weights of
    the backbone that come from no file follow `keras.utils.set_random_seed`;
    the head's follow `seed`.

    Args:
        settings: `ModelSettings`.
        height: Rows of pixels; `None` for the backbone's own.
        width: Columns of pixels; `None` for the backbone's own.
        seed: Seed of the head's first weights and of dropout.
        prior: Share of training posters of each genre, shape `(genres,)`.
            The head then starts with those scores instead of 0.5, and the
            first steps are not spent on learning that most genres are rare.

    Returns:
        A `keras.Model` from float32 RGB `images` of shape
        `(N, height, width, 3)` in 0–255 to float32 scores `(N, 19)`.

    Raises:
        UserError: For an unknown backbone, too few pixels, or weights that
            cannot be had or do not fit.
    """
    backbone = find_backbone(settings.backbone)
    height, width = height or backbone.height, width or backbone.width
    _require_size(backbone, height, width)
    core = build_backbone(backbone, height, width, resolve_weights(settings))
    if settings.stochastic_depth is not None:
        set_stochastic_depth(core, settings.stochastic_depth, backbone)
    if settings.head == "levels":
        core = keras.Model(core.inputs, backbone.block_maps_of(core), name=core.name)

    images = keras.Input((height, width, 3), dtype="float32", name="images")
    x = preprocess(images, backbone)
    outputs = core(x)
    scores = add_head(outputs if settings.head == "levels" else [outputs], settings, seed)
    network = keras.Model(images, scores, name=f"{backbone.name}_genres")
    if prior is not None:
        start_at(network, prior, settings)
    return network


def build_backbone(backbone, height, width, weights="none"):
    """Build a headless backbone that takes preprocessed pixels.

    Args:
        backbone: Row of the table.
        height: Rows of pixels.
        width: Columns of pixels.
        weights: `imagenet`, `none` or the path of a weight file.

    Returns:
        A `keras.Model` named as the row, without preprocessing of its own.

    Raises:
        UserError: For weights that cannot be had or do not fit.
    """
    if keras.config.image_data_format() != "channels_last":
        raise UserError(
            "Keras is set to channels_first, and keras-genres needs channels_last. "
            'Set "image_data_format" to "channels_last" in ~/.keras/keras.json.'
        )
    if hasattr(own, backbone.application):
        core = getattr(own, backbone.application)(height, width, **backbone.options)
    else:
        core = _stock(backbone, height, width, "imagenet" if weights == "imagenet" else None)
    if backbone.first_layer:
        core = keras.Model(core.get_layer(backbone.first_layer).input, core.output)
    core.name = backbone.name
    if weights not in ("imagenet", "none"):
        load_weight_file(core, weights, backbone)
    return core


def backbone_of(network):
    """Return the nested backbone of a network, also of one loaded from a file.

    Raises:
        ValueError: If there is none.
    """
    for layer in network.layers:
        if isinstance(layer, keras.Model):
            return layer
    raise ValueError(f"`network` must come from `build_network`. Received: {network.name}")


def every_layer(network):
    """Yield a network and all layers in it, also those of networks inside."""
    waiting = [network]
    while waiting:
        layer = waiting.pop()
        yield layer
        waiting += getattr(layer, "layers", ())


def _stock(backbone, height, width, weights):
    try:
        with warnings.catch_warnings():
            # MobileNets say which of their ImageNet files they take; the choice is right.
            warnings.filterwarnings("ignore", message="`input_shape` is undefined")
            return getattr(keras.applications, backbone.application)(
                include_top=False,
                weights=weights,
                input_shape=(height, width, 3),
                **backbone.options,
            )
    except Exception as error:
        explained = explain_download_error(error, backbone) if weights else None
        if explained is None:
            raise
        raise explained from None


def preprocess(images, backbone):
    """Turn symbolic images of 0–255 RGB into what a backbone wants to see."""
    kind = PREPROCESSING[backbone.preprocessing]
    # float32 also under mixed precision: bfloat16 would round the pixels to three digits.
    x = layers.Rescaling(list(kind.scale), list(kind.offset), dtype="float32", name="preprocess")(
        images
    )
    return keras.ops.flip(x, axis=-1) if kind.is_bgr else x


def _require_size(backbone, height, width):
    if min(height, width) < backbone.smallest:
        raise UserError(
            f"{backbone.title} needs posters of at least {backbone.smallest} × "
            f"{backbone.smallest} pixels. Received: {height} × {width}. "
            "Set input.height and input.width higher."
        )
