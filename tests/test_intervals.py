import numpy as np
import pytest
from synthetic import draw_labels, draw_scores

from keras_genres.evaluation.intervals import (
    bootstrap_intervals,
    percentile_interval,
    resample_measures,
)
from keras_genres.evaluation.metrics import measures, pick, top_k_hit, top_k_hits


def drawn(posters, seed=0):
    generator = np.random.default_rng(seed)
    labels = draw_labels(posters, generator)
    scores = draw_scores(labels, generator)
    return labels, scores, pick(scores, 0.3)


def width(interval):
    return interval[1] - interval[0]


def test_resamples_are_measures_of_the_drawn_posters():
    labels, scores, picks = drawn(40)
    groups = np.arange(40) // 3
    found = resample_measures(
        labels, picks, groups, resamples=5, seed=7, extra={"top": top_k_hits(labels, scores)}
    )
    draws = np.random.default_rng(7).integers(14, size=(5, 14))
    for number, drawn_groups in enumerate(draws):
        rows = np.concatenate([np.flatnonzero(groups == group) for group in drawn_groups])
        wanted = measures(labels[rows], picks[rows])
        wanted["top"] = top_k_hit(labels[rows], scores[rows])
        assert {name: values[number] for name, values in found.items()} == pytest.approx(
            wanted, abs=1e-12
        )


def test_intervals_hold_the_measure_itself():
    labels, _, picks = drawn(400)
    intervals = bootstrap_intervals(labels, picks, np.arange(400), resamples=300)
    for name, value in measures(labels, picks).items():
        assert intervals[name][0] < value < intervals[name][1]


def test_interval_of_a_share_is_about_the_normal_one():
    labels, _, picks = drawn(2000)
    share = measures(labels, picks)["at_least_one_right"]
    low, high = bootstrap_intervals(labels, picks, np.arange(2000))["at_least_one_right"]
    half = 1.96 * np.sqrt(share * (1 - share) / 2000)
    assert (low, high) == pytest.approx((share - half, share + half), abs=half / 4)


def test_fewer_groups_make_wider_intervals():
    labels, _, picks = drawn(1000)
    many = bootstrap_intervals(labels, picks, np.arange(1000), resamples=300)
    few = bootstrap_intervals(labels[:50], picks[:50], np.arange(50), resamples=300)
    assert all(width(few[name]) > 2 * width(many[name]) for name in ("micro_f1", "exact_match"))


def test_posters_that_go_together_count_as_one():
    labels, _, picks = drawn(50)
    labels, picks = np.tile(labels, (20, 1)), np.tile(picks, (20, 1))
    by_group = bootstrap_intervals(labels, picks, np.tile(np.arange(50), 20), resamples=300)
    by_poster = bootstrap_intervals(labels, picks, np.arange(1000), resamples=300)
    for name in ("micro_f1", "samples_f1", "hamming_loss"):
        assert width(by_group[name]) > 3 * width(by_poster[name])


def test_a_measure_that_never_varies_has_no_width():
    labels, _, _ = drawn(30)
    intervals = bootstrap_intervals(labels, labels, np.arange(30), resamples=50)
    assert intervals["exact_match"] == intervals["micro_f1"] == (1.0, 1.0)
    assert intervals["hamming_loss"] == (0.0, 0.0)


def test_one_group_or_no_resamples_give_no_interval():
    labels, _, picks = drawn(30)
    assert bootstrap_intervals(labels, picks, np.zeros(30)) == {}
    assert bootstrap_intervals(labels, picks, np.arange(30), resamples=0) == {}


def test_seed_decides_and_the_names_of_groups_do_not():
    labels, _, picks = drawn(60)
    one = bootstrap_intervals(labels, picks, np.arange(60), resamples=50, seed=1)
    assert one == bootstrap_intervals(labels, picks, np.arange(60) + 100, resamples=50, seed=1)
    assert one != bootstrap_intervals(labels, picks, np.arange(60), resamples=50, seed=2)


def test_wider_coverage_is_wider():
    assert percentile_interval(np.arange(101), 0.9) == pytest.approx((5, 95))
    assert percentile_interval(np.arange(101), 0.5) == pytest.approx((25, 75))
