"""Losses, counted by hand and against NumPy."""

import keras
import numpy as np
import pytest

from keras_genres.genres import NUM_GENRES
from keras_genres.model.losses import WeightedBinaryCrossentropy, make_loss, pos_weights
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
