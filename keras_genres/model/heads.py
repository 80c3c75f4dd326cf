"""Heads: from the feature map of a backbone to a score for each genre.

`pooled` is the paper's: global pooling, dropout, `Dense`. The others look at
the places of the feature map for each genre apart, since what tells a genre
may be a small part of a poster. Only stock Keras layers are used.
"""

import keras
import numpy as np
from keras import layers, ops

from keras_genres.genres import GENRES, NUM_GENRES

SPATIAL = "head"
"""Name of the layer that is a head other than the pooled one: feature map to logits."""
_POOLS = {"avg": layers.GlobalAveragePooling2D, "max": layers.GlobalMaxPooling2D}


def add_head(features, settings, seed=0):
    """Put a head on a feature map.

    Args:
        features: Symbolic tensor of shape `(N, rows, columns, channels)`.
        settings: `ModelSettings`.
        seed: Seed of first weights and of dropout.

    Returns:
        Symbolic float32 scores `(N, genres)`.
    """
    # float32 whatever the policy: sigmoid and loss need the digits.
    if settings.head == "pooled":
        x = _POOLS[settings.pooling](name="pool")(features)
        x = layers.Dropout(settings.dropout, seed=seed, name="dropout")(x)
        head = layers.Dense(
            NUM_GENRES,
            activation="sigmoid",
            kernel_initializer=_glorot(seed),
            dtype="float32",
            name="genres",
        )
        return head(x)
    inputs = keras.Input(features.shape[1:], dtype="float32", name="features")
    logits = _SPATIAL[settings.head](inputs, settings, seed)
    logits = keras.Model(inputs, logits, name=SPATIAL)(ops.cast(features, "float32"))
    return layers.Activation("sigmoid", dtype="float32", name="genres")(logits)


def start_at(network, prior, settings):
    """Make a network's head, which is new, begin at the share of training posters of each genre.

    Args:
        network: The network.
        prior: Those shares, shape `(genres,)`.
        settings: Its `ModelSettings`.

    Source: Lin et al. 2017, arXiv:1708.02002.
    """
    if has_pool(network):
        network.get_layer("genres").bias.assign(_logit(prior))
        return
    head = network.get_layer(SPATIAL)
    if settings.head == "csra":  # there it is in both parts
        head.get_layer("places").bias.assign(_logit(prior) / (1 + settings.csra_weight))
    else:
        head.get_layer("logits").bias.assign(_logit(prior))


def has_pool(network):
    """Return whether a network's head pools first, the same way for each genre."""
    return any(layer.name == "pool" for layer in network.layers)


def pooled(network, features):
    """Return what is kept of a feature map when only the head is trained.

    Pooled features `(N, channels)`, or the feature map itself where the head needs it.
    """
    return network.get_layer("pool")(features) if has_pool(network) else features


def scored(network, kept):
    """Return scores `(N, genres)` of what `pooled` returned."""
    for name in ("dropout", "genres") if has_pool(network) else (SPATIAL, "genres"):
        kept = network.get_layer(name)(kept)
    return kept


def logits_of(network, features):
    """Return float32 logits `(N, genres)` of a feature map, as in scoring."""
    if not has_pool(network):
        return network.get_layer(SPATIAL)(ops.cast(features, "float32"), training=False)
    x = ops.cast(network.get_layer("pool")(features), "float32")
    head = network.get_layer("genres")
    return ops.matmul(x, head.kernel) + head.bias


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
