import numpy as np
import pytest
from sklearn import metrics as second
from sklearn.calibration import calibration_curve

from keras_genres.evaluation.calibration import (
    ReliabilityBins,
    brier_scores,
    expected_calibration_error,
    poster_losses,
    reliability_bins,
    wilson_interval,
)


def drawn(posters=777, seed=0):
    generator = np.random.default_rng(seed)
    scores = generator.beta(1, 6, posters).astype(np.float32)
    return (generator.random(posters) < scores).astype(np.uint8), scores


@pytest.mark.parametrize("bins", [1, 2, 10, 31])
@pytest.mark.parametrize("digits", [1, 2, 8])  # few digits: many equal scores
def test_bins_are_those_of_scikit_learn(bins, digits):
    found, scores = drawn()
    scores = scores.round(digits)
    ours = reliability_bins(found, scores, bins)
    shares, means = calibration_curve(
        found, scores.astype(np.float64), n_bins=bins, strategy="quantile"
    )
    np.testing.assert_allclose(ours.shares, shares, atol=1e-12)
    np.testing.assert_allclose(ours.mean_scores, means, atol=1e-12)
    assert ours.posters.sum() == len(found)


def test_bins_hold_as_many_posters_each_where_scores_differ():
    found, scores = drawn(500)
    assert reliability_bins(found, scores, 10).posters.tolist() == [50] * 10


def test_one_score_for_all_is_one_bin():
    bins = reliability_bins([0, 1, 0, 0], [0.3] * 4)
    assert bins.posters.tolist() == [4]
    assert bins.shares.tolist() == [0.25]
    assert expected_calibration_error(bins) == pytest.approx(0.05)


def test_error_is_zero_where_scores_are_shares_and_weighs_by_posters():
    true = ReliabilityBins(np.array([0.2, 0.8]), np.array([0.2, 0.8]), np.array([5, 5]))
    assert expected_calibration_error(true) == 0
    off = ReliabilityBins(np.array([0.2, 0.8]), np.array([0.3, 0.4]), np.array([30, 10]))
    # (30 * 0.1 + 10 * 0.4) / 40
    assert expected_calibration_error(off) == pytest.approx(0.175)


def test_no_posters_have_no_bins():
    bins = reliability_bins([], [])
    assert not len(bins.posters)
    assert np.isnan(expected_calibration_error(bins))


def test_wrong_shapes_and_numbers_of_bins_are_refused():
    with pytest.raises(ValueError, match="same shape"):
        reliability_bins([0, 1], [0.5])
    with pytest.raises(ValueError, match="`bins`"):
        reliability_bins([0], [0.5], 0)


def test_brier_scores_are_those_of_scikit_learn():
    found, scores = drawn()
    other, others = drawn(seed=1)
    ours = brier_scores(np.column_stack([found, other]), np.column_stack([scores, others]))
    assert ours == pytest.approx(
        [second.brier_score_loss(found, scores), second.brier_score_loss(other, others)]
    )


def test_poster_losses_are_those_of_scikit_learn_and_finite():
    found, scores = drawn(40)
    labels, scores = found.reshape(10, 4), scores.reshape(10, 4)
    wanted = [second.log_loss(*row, labels=[0, 1]) for row in zip(labels, scores, strict=True)]
    assert poster_losses(labels, scores) == pytest.approx(wanted, rel=1e-5)
    assert np.isfinite(poster_losses([[1, 0]], [[0.0, 1.0]])).all()
    assert poster_losses([[1, 0]], [[0.0, 1.0]]) > poster_losses([[1, 0]], [[0.1, 0.9]])


def test_wilson_interval_is_the_textbooks():
    # Agresti & Coull 1998: no hit among 25 has an upper end of 0.133.
    low, high = wilson_interval(0, 25)
    assert low == 0 and high == pytest.approx(0.1332, abs=5e-4)
    low, high = wilson_interval(np.array([5, 10]), np.array([10, 10]))
    assert low[0] == pytest.approx(0.2366, abs=5e-4) and high[0] == pytest.approx(1 - low[0])
    assert high[1] == pytest.approx(1) and low[1] == pytest.approx(0.7225, abs=5e-4)
