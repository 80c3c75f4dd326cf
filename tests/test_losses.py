"""Losses, counted by hand and against NumPy."""

import keras
import numpy as np
import pytest

from keras_genres.genres import NUM_GENRES
from keras_genres.model.losses import (
    AsymmetricLoss,
    HillLoss,
    WeightedBinaryCrossentropy,
    effective_weights,
    make_loss,
    pos_weights,
)
from keras_genres.settings import TrainingSettings


@pytest.fixture
def batch():
    random = np.random.default_rng(0)
    labels = (random.random((8, NUM_GENRES)) < 0.3).astype("float32")
    scores = random.uniform(0.01, 0.99, (8, NUM_GENRES)).astype("float32")
    return labels, scores


def value(loss, labels, scores):
    return float(keras.ops.convert_to_numpy(loss(labels, scores)))


def test_pos_weight_is_negatives_over_positives():
    labels = np.array([[1, 1, 0, 1], [0, 1, 0, 1], [0, 1, 0, 0], [0, 0, 0, 0]])
    # 3 to 1, 1 to 3, none at all, 2 to 2
    np.testing.assert_allclose(pos_weights(labels, 10), [3, 1 / 3, 10, 1])


def test_pos_weight_is_capped():
    labels = np.zeros((100, 1))
    labels[0] = 1
    assert pos_weights(labels, 10).tolist() == [10]
    assert pos_weights(labels, 200).tolist() == [99]


def test_pos_weight_of_bytes_does_not_overflow():
    assert pos_weights(np.ones((300, 1), dtype="uint8"), 10).tolist() == [0]


def test_pos_weight_refuses_another_shape():
    with pytest.raises(ValueError, match="posters, genres"):
        pos_weights(np.ones(3), 10)


def test_only_the_positive_term_is_weighted():
    loss = WeightedBinaryCrossentropy([4.0, 4.0])
    one, none = np.array([[1.0, 0.0]]), np.array([[0.0, 0.0]])
    scores = np.array([[0.5, 0.5]])
    # log 2 for each genre; the positive one counts four times; mean over two genres
    assert value(loss, one, scores) == pytest.approx((4 + 1) / 2 * np.log(2))
    assert value(loss, none, scores) == pytest.approx(np.log(2))


def test_weighted_equals_numpy_with_a_weight_per_genre(batch):
    labels, scores = batch
    weight = np.linspace(0.5, 9, NUM_GENRES)
    wide = scores.astype("float64")
    terms = -(weight * labels * np.log(wide) + (1 - labels) * np.log(1 - wide))
    loss = WeightedBinaryCrossentropy(weight)
    assert value(loss, labels, scores) == pytest.approx(terms.mean(), rel=1e-6)


def test_weights_of_one_are_plain_bce(batch):
    plain = make_loss(TrainingSettings(loss="bce"))
    weighted = WeightedBinaryCrossentropy(np.ones(NUM_GENRES))
    assert value(weighted, *batch) == pytest.approx(value(plain, *batch), rel=1e-5)


def test_scores_of_zero_and_one_stay_finite():
    loss = WeightedBinaryCrossentropy([10.0, 10.0])
    wrong = value(loss, np.array([[1.0, 0.0]]), np.array([[0.0, 1.0]]))
    assert np.isfinite(wrong)
    # 16.1 = -log 1e-7, ten times for the miss and once for the false alarm
    assert wrong == pytest.approx((10 + 1) / 2 * 16.1, rel=0.02)
    assert value(loss, np.array([[1.0, 0.0]]), np.array([[1.0, 0.0]])) < 1e-5


def test_half_precision_scores_are_summed_in_float32(batch):
    labels, scores = batch
    loss = WeightedBinaryCrossentropy(np.ones(NUM_GENRES))
    result = loss(labels, keras.ops.cast(scores, "bfloat16"))
    assert keras.backend.standardize_dtype(result.dtype) == "float32"


def test_focal_plays_easy_decisions_down(batch):
    labels, scores = batch
    gamma = 2.0
    loss = make_loss(TrainingSettings(loss="focal", focal_gamma=gamma))
    right = np.where(labels == 1, scores, 1 - scores).astype("float64")
    expected = (-((1 - right) ** gamma) * np.log(right)).mean()
    assert value(loss, labels, scores) == pytest.approx(expected, rel=1e-4)


def test_settings_choose_the_loss():
    labels = np.zeros((20, NUM_GENRES))
    labels[:5] = 1
    loss = make_loss(TrainingSettings(loss="weighted_bce", pos_weight_cap=2.5), labels)
    assert loss.pos_weight == [2.5] * NUM_GENRES
    loss = make_loss(TrainingSettings(loss="weighted_bce", pos_weight_cap=25), labels)
    assert loss.pos_weight == [3.0] * NUM_GENRES
    with pytest.raises(ValueError, match="needs the labels"):
        make_loss(TrainingSettings(loss="weighted_bce"))


def test_weighted_loss_survives_serialisation(batch):
    loss = WeightedBinaryCrossentropy(np.linspace(1, 5, NUM_GENRES))
    again = keras.losses.deserialize(keras.losses.serialize(loss))
    assert value(again, *batch) == value(loss, *batch)


@pytest.mark.parametrize("loss", ["bce", "weighted_bce", "focal", "asymmetric", "hill"])
def test_every_loss_survives_serialisation_with_its_settings(loss, batch):
    labels, scores = batch
    settings = TrainingSettings(
        loss=loss,
        label_smoothing=0.1,
        pos_weight_cap=3,
        focal_gamma=1,
        asymmetric_gamma=2,
        asymmetric_margin=0.1,
    )
    made = make_loss(settings, labels)
    again = keras.losses.deserialize(keras.losses.serialize(made))
    assert value(again, labels, scores) == value(made, labels, scores)
    assert value(made, labels, scores) != value(make_loss(TrainingSettings()), labels, scores)


def test_effective_numbers_lie_between_no_weights_and_inverse_ones():
    labels = np.zeros((1000, 3))
    for genre, count in enumerate((500, 50, 5)):
        labels[:count, genre] = 1
    np.testing.assert_allclose(effective_weights(labels, 0.0), 1)
    inverse = 1 / np.array([500, 50, 5])
    np.testing.assert_allclose(
        effective_weights(labels, 1 - 1e-9), inverse / inverse.mean(), rtol=1e-5
    )
    # 1 - 0.99**n: 0.99343, 0.39499, 0.04901
    between = 1 / np.array([0.993430, 0.394994, 0.049010])
    np.testing.assert_allclose(effective_weights(labels, 0.99), between / between.mean(), rtol=1e-4)
    with pytest.raises(ValueError, match="below 1"):
        effective_weights(labels, 1.0)


def test_a_genre_without_posters_has_a_finite_effective_weight():
    assert np.isfinite(effective_weights(np.array([[1, 0], [1, 0]]), 0.9)).all()


def test_settings_choose_how_positives_are_weighted(batch):
    labels, _ = batch
    settings = TrainingSettings(loss="weighted_bce", pos_weight="effective", effective_beta=0.5)
    np.testing.assert_allclose(
        make_loss(settings, labels).pos_weight, effective_weights(labels, 0.5)
    )


@pytest.mark.parametrize("loss", ["weighted_bce", "asymmetric", "hill"])
def test_smoothing_moves_labels_towards_a_half(loss, batch):
    labels, scores = batch
    smooth = make_loss(TrainingSettings(loss=loss, label_smoothing=0.2), labels)
    plain = make_loss(TrainingSettings(loss=loss), labels)
    assert value(smooth, labels, scores) == pytest.approx(
        value(plain, 0.8 * labels + 0.1, scores), rel=1e-6
    )


def test_asymmetric_without_focus_and_margin_is_cross_entropy(batch):
    plain = make_loss(TrainingSettings())
    assert value(AsymmetricLoss(0.0, 0.0), *batch) == pytest.approx(value(plain, *batch), rel=1e-5)


def test_asymmetric_equals_numpy(batch):
    labels, scores = batch
    wide = scores.astype("float64")
    shifted = np.maximum(wide - 0.05, 0)
    terms = labels * np.log(wide) + (1 - labels) * shifted**4 * np.log(1 - shifted)
    assert value(AsymmetricLoss(), labels, scores) == pytest.approx(-terms.mean(), rel=1e-4)


def test_an_absence_below_the_margin_counts_nothing():
    absent = np.zeros((1, 2))
    assert value(AsymmetricLoss(), absent, np.array([[0.04, 0.01]])) == pytest.approx(0, abs=1e-12)
    assert value(AsymmetricLoss(), absent, np.array([[0.04, 0.5]])) > 0.01


def test_hill_equals_numpy(batch):
    labels, scores = batch
    wide = scores.astype("float64")
    lower = 1 / (1 + np.exp(1 - np.log(wide / (1 - wide))))
    terms = -labels * (1 - lower) ** 2 * np.log(lower) + (1 - labels) * (1.5 - wide) * wide**2
    assert value(HillLoss(), labels, scores) == pytest.approx(terms.mean(), rel=1e-4)


def test_hill_no_longer_pushes_an_absent_genre_down_that_scores_high():
    absent = np.zeros((1, 1))

    def slope(score):
        rise = value(HillLoss(), absent, np.array([[score + 0.005]]))
        return (rise - value(HillLoss(), absent, np.array([[score - 0.005]]))) / 0.01

    # 3 p (1 - p), the slope by the score
    assert [slope(score) for score in (0.1, 0.5, 0.98)] == pytest.approx(
        [0.27, 0.75, 0.0588], abs=2e-3
    )


@pytest.mark.parametrize("make", [AsymmetricLoss, HillLoss])
def test_slopes_stay_finite_at_scores_of_zero_and_one(make):
    import tensorflow as tf

    labels = tf.constant([[1.0, 0.0, 1.0, 0.0]])
    logits = tf.Variable([[-60.0, 60.0, 60.0, -60.0]])
    with tf.GradientTape() as tape:
        loss = make()(labels, tf.sigmoid(logits))
    assert np.isfinite(tape.gradient(loss, logits).numpy()).all() and np.isfinite(loss)
