"""Thresholds of rare genres, drawn toward what suits all."""

import numpy as np
import pytest

from keras_genres.evaluation.metrics import macro_f1
from keras_genres.evaluation.shrunk import STRENGTHS, shrunk_thresholds, thresholds_at
from keras_genres.evaluation.thresholds import choose, choose_thresholds


def drawn(posters, share, seed, signal=1.2):
    """Labels of genres with such shares and scores that tell them apart equally well."""
    random = np.random.default_rng(seed)
    labels = random.random((posters, len(share))) < share
    logits = signal * labels + random.normal(size=labels.shape) + np.log(share)
    return labels, (1 / (1 + np.exp(-logits))).astype(np.float32)


SHARE = np.full(19, 0.03)


def test_without_strength_they_are_each_genre_s_own():
    labels, scores = drawn(300, SHARE, 0)
    np.testing.assert_array_equal(
        thresholds_at(labels, scores, 0), choose_thresholds(labels, scores)
    )


def test_with_all_strength_every_genre_is_picked_in_one_ratio():
    share = np.array([0.4, 0.1, 0.05] + [0.2] * 16)
    labels, scores = drawn(2000, share, 0)
    ratio = (scores >= thresholds_at(labels, scores, np.inf)).sum(axis=0) / labels.sum(axis=0)
    assert ratio.max() / ratio.min() < 1.03


def test_the_rarer_a_genre_the_nearer_to_the_common_ratio():
    share = np.array([0.3] * 10 + [0.02] * 9)
    labels, scores = drawn(1500, share, 1)

    def ratio(thresholds):
        return np.log((scores >= thresholds).sum(axis=0) / labels.sum(axis=0))

    own, common = (ratio(thresholds_at(labels, scores, each)) for each in (0, np.inf))
    with np.errstate(invalid="ignore"):  # a genre whose own ratio is the common one
        moved = (ratio(thresholds_at(labels, scores, 30)) - own) / (common - own)
    frequent, rare = np.nanmedian(moved[:10]), np.nanmedian(moved[10:])
    assert frequent < 0.15 and 0.35 < rare < 0.65  # 30 / (450 + 30), and 30 / (30 + 30)


def test_they_do_better_on_new_posters_where_genres_are_rare_and_alike():
    gain = []
    for seed in range(6):
        labels, scores = drawn(300, SHARE, seed)
        new = drawn(4000, SHARE, seed + 100)
        gain.append(
            macro_f1(new[0], new[1] >= shrunk_thresholds(labels, scores))
            - macro_f1(new[0], new[1] >= choose_thresholds(labels, scores))
        )
    assert np.mean(gain) > 0.01


def test_a_genre_without_positives_stays_at_a_half():
    labels, scores = drawn(200, SHARE, 0)
    labels[:, 4] = False
    for strength in STRENGTHS:
        found = thresholds_at(labels, scores, strength)
        assert found[4] == 0.5 and np.isfinite(found).all()


def test_it_is_a_method_by_name():
    labels, scores = drawn(300, SHARE, 0)
    np.testing.assert_array_equal(
        choose("shrunk", labels, scores, 0.05), shrunk_thresholds(labels, scores)
    )
    with pytest.raises(ValueError, match="shape"):
        shrunk_thresholds(labels[:, :3], scores)
