"""Heads: from the feature map of a backbone to a score for each genre.

`pooled` is the paper's: global pooling, dropout, `Dense`. The others look at
the places of the feature map for each genre apart, since what tells a genre
may be a small part of a poster, or at the channels of every block, since the
last one knows things and forgets colours and textures. Only stock Keras
layers and operations are used.
"""

import keras
import numpy as np
from keras import layers, ops

from keras_genres.genres import GENRES, NUM_GENRES

SPATIAL = "head"
"""Name of the layer that is a head of its own: feature map to logits."""
LEVELS = "levels"
"""Name of the layer where what every block gives comes together."""
_NORM, _POOL = "norm", "pool"
_POOLS = {"avg": layers.GlobalAveragePooling2D, "max": layers.GlobalMaxPooling2D}


def add_head(outputs, settings, seed=0):
    """Put a head on a backbone.

    Args:
        outputs: List of what the backbone gives: its feature map, a symbolic
            tensor of shape `(N, rows, columns, channels)`; for `levels` also
            those of its lower blocks.
        settings: `ModelSettings`.
        seed: Seed of first weights and of dropout.

    Returns:
        Symbolic float32 scores `(N, genres)`.
    """
    if settings.head in _SPATIAL:
        (features,) = outputs
        inputs = keras.Input(features.shape[1:], dtype="float32", name="features")
        logits = keras.Model(inputs, _SPATIAL[settings.head](inputs, settings, seed), name=SPATIAL)
        found = logits(ops.cast(features, "float32"))
        return layers.Activation("sigmoid", dtype="float32", name="genres")(found)
    if settings.head == "levels":
        x = layers.Concatenate(dtype="float32", name=LEVELS)([*map(mean_and_deviation, outputs)])
        # Channels of all blocks on one scale, known after few steps: small data has no more.
        x = layers.BatchNormalization(
            momentum=0.9, center=False, scale=False, epsilon=1e-6, dtype="float32", name=_NORM
        )(x)
    else:
        x = _POOLS[settings.pooling](name=_POOL)(*outputs)
    x = layers.Dropout(settings.dropout, seed=seed, name="dropout")(x)
    # float32 whatever the policy: sigmoid and loss need the digits.
    head = layers.Dense(
        NUM_GENRES,
        activation="sigmoid",
        # Thousands of channels on one scale: random weights would be mostly noise to unlearn.
        kernel_initializer="zeros" if settings.head == "levels" else _glorot(seed),
        dtype="float32",
        name="genres",
    )
    return head(x)


def mean_and_deviation(features):
    """Return each channel's mean and standard deviation over the places.

    Args:
        features: Tensor of shape `(N, rows, columns, channels)`; one of shape
            `(N, 2 * channels)` was treated so before and comes back.

    Source: the deviation beside the mean as the style of a picture is Huang &
        Belongie 2017, arXiv:1703.06868; features of all blocks under one
        classifier, Hariharan et al. 2015, arXiv:1411.5752.
    """
    if len(features.shape) == 2:
        return features
    features = ops.cast(features, "float32")
    mean, variance = ops.moments(features, axes=(1, 2))
    # A channel that is the same everywhere has no slope at a root of 0.
    return ops.concatenate([mean, ops.sqrt(variance + 1e-5)], axis=-1)


def start_at(network, prior, settings):
    """Make a network's head, which is new, begin at the share of training posters of each genre.

    Args:
        network: The network.
        prior: Those shares, shape `(genres,)`.
        settings: Its `ModelSettings`.

    Source: Lin et al. 2017, arXiv:1708.02002.
    """
    if settings.head not in _SPATIAL:
        network.get_layer("genres").bias.assign(_logit(prior))
        return
    head = network.get_layer(SPATIAL)
    if settings.head == "csra":  # there it is in both parts
        head.get_layer("places").bias.assign(_logit(prior) / (1 + settings.csra_weight))
    else:
        head.get_layer("logits").bias.assign(_logit(prior))


def has_levels(network):
    """Return whether a network's head looks at every block."""
    return LEVELS in _names(network)


def pooled(network, outputs):
    """Return what is kept of a backbone's outputs when only the head is trained.

    Args:
        network: As `build_network` returns it.
        outputs: What the backbone gives; of lower blocks also `mean_and_deviation` of it.

    Returns:
        Tensor of shape `(N, channels)`, or the feature map where the head needs it.
    """
    if has_levels(network):
        return network.get_layer(LEVELS)([*map(mean_and_deviation, outputs)])
    return network.get_layer(_POOL)(*outputs) if _POOL in _names(network) else outputs[0]


def scored(network, kept):
    """Return scores `(N, genres)` of what `pooled` returned."""
    for name in (_NORM, SPATIAL, "dropout", "genres"):
        if name in _names(network):
            kept = network.get_layer(name)(kept)
    return kept


def logits_of(network, outputs):
    """Return float32 logits `(N, genres)` of a backbone's outputs, as in scoring."""
    x = ops.cast(pooled(network, outputs), "float32")
    if SPATIAL in _names(network):
        return network.get_layer(SPATIAL)(x, training=False)
    if _NORM in _names(network):
        x = network.get_layer(_NORM)(x, training=False)
    head = network.get_layer("genres")
    return ops.matmul(x, head.kernel) + head.bias


def _names(network):
    return {layer.name for layer in network.layers}


def _csra(x, settings, seed):
    """Class-specific residual attention.

    A classifier scores every place; to the mean of its scores over the places
    comes, times `csra_weight`, their mean weighted by their softmax.

    Source: Zhu & Wu 2021, arXiv:2108.02456, with one head of temperature 1.
    """
    places, weight = x.shape[1] * x.shape[2], settings.csra_weight
    x = layers.Dropout(settings.dropout, seed=seed)(x)
    scores = layers.Conv2D(
        NUM_GENRES,
        1,
        kernel_initializer=_glorot(seed),
        dtype="float32",
        name="places",
    )(x)
    shares = layers.Softmax(axis=(1, 2), dtype="float32", name="shares")(scores)
    mean = layers.GlobalAveragePooling2D(dtype="float32")
    peak = layers.Multiply(dtype="float32")([shares, scores])
    peak = layers.GlobalAveragePooling2D(dtype="float32")(peak)
    peak = layers.Rescaling(weight * places, dtype="float32")(peak)  # a sum, not a mean
    return layers.Add(dtype="float32", name="logits")([mean(scores), peak])


def _attention(x, settings, seed):
    """Attention pooling with a query for each genre.

    The places become tokens; a learned query of each genre weighs them, and a
    classifier of each genre scores its own mean. Queries that depend on
    nothing are a linear map of the tokens, as which they are written here.

    Source: after ML-Decoder, Ridnik et al. 2023, arXiv:2111.12933, with one
        head, one query a genre and no feed-forward part behind it.
    """
    rows, columns, channels = x.shape[1:]
    tokens = layers.Reshape((rows * columns, channels))(x)
    tokens = layers.Dropout(settings.dropout, seed=seed)(tokens)
    tokens = layers.Dense(
        settings.attention_width,
        activation="gelu",
        kernel_initializer=_glorot(seed),
        dtype="float32",
        name="tokens",
    )(tokens)
    shares = layers.Dense(
        NUM_GENRES, kernel_initializer=_glorot(seed + 1), dtype="float32", name="queries"
    )(tokens)
    shares = layers.Softmax(axis=1, dtype="float32", name="shares")(shares)
    found = layers.Dot(axes=1, dtype="float32")([shares, tokens])  # (N, genres, width)
    found = layers.LayerNormalization(dtype="float32")(found)
    found = layers.Dropout(settings.dropout, seed=seed + 1)(found)
    return layers.EinsumDense(
        "ngw,gw->ng",
        NUM_GENRES,
        bias_axes="g",
        # Means have unit variance: so the first scores are near the prior.
        kernel_initializer=keras.initializers.TruncatedNormal(stddev=0.02, seed=seed),
        dtype="float32",
        name="logits",
    )(found)


_SPATIAL = {"csra": _csra, "attention": _attention}


def _glorot(seed):
    return keras.initializers.GlorotUniform(seed=seed)


def _logit(prior):
    prior = np.asarray(prior, dtype="float64")
    if prior.shape != (NUM_GENRES,):
        raise ValueError(
            f"`prior` must hold a share for each of the {len(GENRES)} genres. "
            f"Received: prior.shape={prior.shape}"
        )
    # Rarer than 1 in 1000 is not known from a few thousand posters.
    prior = np.clip(prior, 1e-3, 1 - 1e-3)
    return np.log(prior / (1 - prior)).astype("float32")
