import numpy as np
import pytest

from keras_genres.evaluation.cooccurrence import cooccurrence, largest_differences


def test_shares_are_of_the_rows_genre():
    shares = cooccurrence(np.array([[1, 1, 0], [1, 0, 0], [1, 0, 0], [0, 1, 0]], np.uint8))
    assert shares[0].tolist() == pytest.approx([1, 1 / 3, 0])
    assert shares[1].tolist() == pytest.approx([1 / 2, 1, 0])
    assert np.isnan(shares[2]).all()


def test_counts_do_not_overflow_a_byte():
    assert cooccurrence(np.ones((300, 2), np.uint8)).tolist() == [[1, 1], [1, 1]]


def test_largest_differences_come_first_and_leave_out_what_is_equal_or_not_known():
    true = np.array([[1, 0.1, 0.5], [0.2, 1, 0.5], [np.nan] * 3])
    picked = np.array([[1, 0.4, 0.5], [0.9, 1, 0.5], [0.3, 0.3, 1]])
    assert largest_differences(true, picked, 9) == [(1, 0), (0, 1)]
    assert largest_differences(true, picked, 1) == [(1, 0)]
