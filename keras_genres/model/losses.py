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
    if training.loss == "weighted_bce":
        if labels is None:
            raise ValueError("`weighted_bce` needs the labels of the training split.")
        return WeightedBinaryCrossentropy(pos_weights(labels, training.pos_weight_cap))
    if training.loss == "focal":
        return keras.losses.BinaryFocalCrossentropy(gamma=training.focal_gamma, name="focal")
    if training.loss == "bce":
        return keras.losses.BinaryCrossentropy(name="bce")
    raise ValueError(f"`training.loss` must be bce, weighted_bce or focal. Got: {training.loss!r}")


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
    labels = np.asarray(labels)
    if labels.ndim != 2:
        raise ValueError(
            f"`labels` must have shape (posters, genres). Received: shape={labels.shape}"
        )
    positives = labels.sum(axis=0, dtype="float64")
    negatives = len(labels) - positives
    ratio = negatives / np.maximum(positives, 1)
    return np.where(positives == 0, cap, np.minimum(ratio, cap)).astype("float32")


@keras.saving.register_keras_serializable(package="keras_genres")
class WeightedBinaryCrossentropy(keras.losses.Loss):
    """Binary cross-entropy whose positive term is scaled per genre.

    Only the positive term is scaled, as `pos_weight` of PyTorch's
    `BCEWithLogitsLoss` does, so a missed Sport poster costs more while a
    false alarm costs what it did.

    Args:
        pos_weight: Sequence of `genres` floats.
        name: Name of the loss.
        **options: What `keras.losses.Loss` takes.
    """

    def __init__(self, pos_weight, name="weighted_bce", **options):
        super().__init__(name=name, **options)
        self.pos_weight = [float(weight) for weight in np.asarray(pos_weight)]

    def call(self, y_true, y_pred):
        """Return the mean over genres for each poster, shape `(N,)`."""
        scores = ops.cast(y_pred, "float32")
        labels = ops.cast(y_true, "float32")
        # Keras's own bound: log(0) stays away, and 1 - 1e-7 is still below 1 in float32.
        scores = ops.clip(scores, keras.config.epsilon(), 1 - keras.config.epsilon())
        weight = ops.convert_to_tensor(self.pos_weight, dtype="float32")
        hit = weight * labels * ops.log(scores)
        return -ops.mean(hit + (1 - labels) * ops.log(1 - scores), axis=-1)

    def get_config(self):
        """Return what `from_config` needs."""
        return {**super().get_config(), "pos_weight": self.pos_weight}
