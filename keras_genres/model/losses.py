"""Losses for posters with several genres."""

import keras
import numpy as np
from keras import ops


def make_loss(training, labels=None):
    """Return the loss that the settings name.

    Args:
        training: `TrainingSettings`.
        labels: 0/1 array of shape `(posters, genres)` of the training split;
            only `weighted_bce` looks at it.

    Returns:
        A `keras.losses.Loss` on labels and sigmoid scores.

    Raises:
        ValueError: If `weighted_bce` gets no labels.
    """
    smoothing = training.label_smoothing
    if training.loss == "bce":
        return keras.losses.BinaryCrossentropy(label_smoothing=smoothing, name="bce")
    if training.loss == "focal":
        return keras.losses.BinaryFocalCrossentropy(
            gamma=training.focal_gamma, label_smoothing=smoothing, name="focal"
        )
    if training.loss == "asymmetric":
        return AsymmetricLoss(
            training.asymmetric_gamma, training.asymmetric_margin, label_smoothing=smoothing
        )
    if training.loss == "hill":
        return HillLoss(label_smoothing=smoothing)
    if training.loss != "weighted_bce":
        raise ValueError(
            "`training.loss` must be bce, weighted_bce, focal, asymmetric or hill. "
            f"Received: {training.loss!r}"
        )
    if labels is None:
        raise ValueError("`weighted_bce` needs the labels of the training split.")
    if training.pos_weight == "effective":
        weights = effective_weights(labels, training.effective_beta)
    else:
        weights = pos_weights(labels, training.pos_weight_cap)
    return WeightedBinaryCrossentropy(weights, label_smoothing=smoothing)


def pos_weights(labels, cap):
    """Return negatives / positives of each genre, at most `cap`.

    Args:
        labels: 0/1 array of shape `(posters, genres)` of the training split.
        cap: Largest weight. A genre without positives gets it too.

    Returns:
        float32 array of shape `(genres,)`.

    Example:
        >>> pos_weights(np.array([[1, 0], [0, 0], [0, 0]]), cap=10)
        array([ 2., 10.], dtype=float32)

    Source: section 5.1.2 of the paper; the ratio is the one that PyTorch's
    `BCEWithLogitsLoss` suggests for `pos_weight`.
    """
    positives = _positives(labels)
    negatives = len(labels) - positives
    ratio = negatives / np.maximum(positives, 1)
    return np.where(positives == 0, cap, np.minimum(ratio, cap)).astype("float32")


def effective_weights(labels, beta=0.999):
    """Return a weight for each genre that falls with its effective number of posters.

    The more posters of a genre there are the less another one adds: `n` of
    them count for `(1 - beta**n) / (1 - beta)`. A weight is the inverse of
    that number, and the mean of all weights is 1.

    Args:
        labels: 0/1 array of shape `(posters, genres)` of the training split.
        beta: In [0, 1); 0 weights all genres alike, near 1 by the inverse of their number.

    Returns:
        float32 array of shape `(genres,)`. A genre without positives counts as one with one.

    Example:
        >>> effective_weights(np.array([[1, 0], [1, 1], [1, 0]]), beta=0.5)
        array([0.72727275, 1.2727273 ], dtype=float32)

    Source: Cui et al. 2019, "Class-Balanced Loss Based on Effective Number of
    Samples", arXiv:1901.05555.
    """
    if not 0 <= beta < 1:
        raise ValueError(f"`beta` must be at least 0 and below 1. Received: {beta}")
    weights = (1 - beta) / (1 - beta ** np.maximum(_positives(labels), 1))
    return (weights / weights.mean()).astype("float32")


def _positives(labels):
    labels = np.asarray(labels)
    if labels.ndim != 2:
        raise ValueError(
            f"`labels` must have shape (posters, genres). Received: shape={labels.shape}"
        )
    return labels.sum(axis=0, dtype="float64")


class _GenreLoss(keras.losses.Loss):
    """A loss that is a sum over genres, on labels and sigmoid scores in float32.

    Args:
        label_smoothing: Share of the way to 0.5 that every label is moved.
        **options: What `keras.losses.Loss` takes.
    """

    def __init__(self, label_smoothing=0.0, **options):
        super().__init__(**options)
        self.label_smoothing = label_smoothing

    def call(self, y_true, y_pred):
        """Return the mean over genres for each poster, shape `(N,)`."""
        labels = ops.cast(y_true, "float32")
        labels = labels * (1 - self.label_smoothing) + 0.5 * self.label_smoothing
        # Keras's own bound: log(0) stays away, and 1 - 1e-7 is still below 1 in float32.
        low = keras.config.epsilon()
        scores = ops.clip(ops.cast(y_pred, "float32"), low, 1 - low)
        return ops.mean(self.terms(labels, scores), axis=-1)

    def terms(self, labels, scores):
        """Return the loss of each poster and genre, shape `(N, genres)`."""
        raise NotImplementedError

    def get_config(self):
        """Return what `from_config` needs."""
        return {**super().get_config(), "label_smoothing": self.label_smoothing}


@keras.saving.register_keras_serializable(package="keras_genres")
class WeightedBinaryCrossentropy(_GenreLoss):
    """Binary cross-entropy whose positive term is scaled per genre.

    Only the positive term is scaled, as `pos_weight` of PyTorch's
    `BCEWithLogitsLoss` does, so a missed Sport poster costs more while a
    false alarm costs what it did.

    Args:
        pos_weight: Sequence of `genres` floats.
        name: Name of the loss.
        **options: As for every loss of genres.
    """

    def __init__(self, pos_weight, name="weighted_bce", **options):
        super().__init__(name=name, **options)
        self.pos_weight = [float(weight) for weight in np.asarray(pos_weight)]

    def terms(self, labels, scores):
        """Return the loss of each poster and genre, shape `(N, genres)`."""
        weight = ops.convert_to_tensor(self.pos_weight, dtype="float32")
        hit = weight * labels * ops.log(scores)
        return -(hit + (1 - labels) * ops.log(1 - scores))

    def get_config(self):
        """Return what `from_config` needs."""
        return {**super().get_config(), "pos_weight": self.pos_weight}


@keras.saving.register_keras_serializable(package="keras_genres")
class AsymmetricLoss(_GenreLoss):
    """Cross-entropy that plays down genres which are absent and known to be.

    Of 19 genres a poster lacks 17, and most of those are easy to tell: without
    this they outweigh the few that are there. What is absent counts with
    `p ** gamma`, after `margin` is taken from its score, so that one below
    `margin` counts nothing at all. Positives count in full.

    Args:
        gamma: How strongly easy absences are played down.
        margin: Score below which an absence counts nothing.
        name: Name of the loss.
        **options: As for every loss of genres.

    Source: Ridnik et al. 2021, "Asymmetric Loss For Multi-Label
    Classification", arXiv:2009.14119; defaults are those of its section 4.
    """

    def __init__(self, gamma=4.0, margin=0.05, name="asymmetric", **options):
        super().__init__(name=name, **options)
        self.gamma = gamma
        self.margin = margin

    def terms(self, labels, scores):
        """Return the loss of each poster and genre, shape `(N, genres)`."""
        shifted = ops.maximum(scores - self.margin, 0.0)
        # A power of 0 has no slope that is a number.
        focus = ops.power(ops.maximum(shifted, keras.config.epsilon()), self.gamma)
        return -(labels * ops.log(scores) + (1 - labels) * focus * ops.log(1 - shifted))

    def get_config(self):
        """Return what `from_config` needs."""
        return {**super().get_config(), "gamma": self.gamma, "margin": self.margin}


@keras.saving.register_keras_serializable(package="keras_genres")
class HillLoss(_GenreLoss):
    """A loss for labels of which some are missing: IMDb gives a film three genres at most.

    An absent genre with a high score may well be there, unnamed. Its loss
    `(1.5 - p) * p**2` has its steepest slope at 0.5 and none at 1, so that such
    a genre is no longer pushed down. Positives are focal, of scores one logit lower.

    Args:
        name: Name of the loss.
        **options: As for every loss of genres.

    Source: Zhang et al. 2021, "Simple and Robust Loss Design for Multi-Label
    Learning with Missing Labels", arXiv:2112.07368, with its constants.
    """

    _STEEPEST, _MARGIN, _GAMMA = 1.5, 1.0, 2.0

    def __init__(self, name="hill", **options):
        super().__init__(name=name, **options)

    def terms(self, labels, scores):
        """Return the loss of each poster and genre, shape `(N, genres)`."""
        lower = ops.sigmoid(ops.log(scores / (1 - scores)) - self._MARGIN)
        lower = ops.maximum(lower, keras.config.epsilon())
        hit = ops.power(1 - lower, self._GAMMA) * ops.log(lower)
        return -labels * hit + (1 - labels) * (self._STEEPEST - scores) * ops.square(scores)
