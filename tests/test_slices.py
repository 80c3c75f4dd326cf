import numpy as np
import pytest
from synthetic import draw_labels, draw_scores

from keras_genres.evaluation.metrics import hamming_loss, pick, samples_f1
from keras_genres.evaluation.slices import name_slices, slice_errors


def test_years_become_decades_in_order():
    names, which = name_slices(["2003", "1994", "1999.0", "", "2009"], least=1)
    assert names == ["1990s", "2000s", "not known"]
    assert which.tolist() == [1, 0, 0, 2, 1]


def test_decades_with_few_posters_are_joined_to_their_neighbours():
    years = ["1895", "1912", "1923"] + ["1935"] * 3 + ["1941", "1955", "2001"]
    names, which = name_slices(years, least=3)
    assert names == ["1890s–1920s", "1930s", "1940s–2000s"]
    assert np.bincount(which).tolist() == [3, 3, 3]
    # The three after the 1930s would be too few for a slice of their own.
    assert name_slices(years, least=4)[0] == ["1890s–2000s"]
    names, which = name_slices(["1990", "2001", ""], least=9)
    assert names == ["1990s–2000s", "not known"] and which.tolist() == [0, 0, 1]


def test_a_few_that_are_no_years_are_not_known():
    names, which = name_slices(["1994"] * 18 + ["199?", "0"], least=1)
    assert names == ["1990s", "not known"]
    assert which[-2:].tolist() == [1, 1]


@pytest.mark.parametrize("values", [["12", "25", "1994"], ["nan", "inf"], ["1994", "x", "y"]])
def test_numbers_that_are_no_years_stay_as_they_are(values):
    names, _ = name_slices(values, least=1)
    assert sorted(names) == sorted(values)


def test_frequent_values_stand_alone_and_the_rest_is_one():
    values = ["France"] * 4 + ["India"] * 6 + ["Peru", "Chad"] + [" "] * 2
    names, which = name_slices(values, most=2, least=3)
    assert names == ["India", "France", "2 other values", "not known"]
    assert np.bincount(which).tolist() == [6, 4, 2, 2]


def test_a_value_cannot_pass_for_the_rest():
    names, which = name_slices(["1 other value"] * 3 + ["not known"] * 2 + ["rare", ""], least=2)
    assert names == ["1 other value", "not known", "1 other value", "not known"]
    assert which.tolist() == [0, 0, 0, 1, 1, 2, 3]


def test_slices_are_measured_like_the_whole():
    generator = np.random.default_rng(0)
    labels = draw_labels(400, generator)
    picks = pick(draw_scores(labels, generator), 0.3)
    groups = np.arange(400) // 2
    values = np.where(np.arange(400) % 4 < 2, "1980", "1990")
    found = slice_errors(labels, picks, groups, values, resamples=200)
    assert [part.name for part in found] == ["1980s", "1990s"]
    mask = values == "1980"
    assert found[0].samples_f1 == pytest.approx(samples_f1(labels[mask], picks[mask]))
    assert found[0].hamming_loss == pytest.approx(hamming_loss(labels[mask], picks[mask]))
    assert (found[0].posters, found[0].groups) == (200, 100)
    assert found[0].low < found[0].samples_f1 < found[0].high


def test_intervals_are_wider_for_groups_than_for_posters():
    generator = np.random.default_rng(0)
    labels = draw_labels(60, generator).repeat(5, axis=0)
    picks = pick(draw_scores(labels[::5], generator), 0.3).repeat(5, axis=0)
    values = ["a"] * 300
    alone, together = (
        slice_errors(labels, picks, groups, values, resamples=300)[0]
        for groups in (np.arange(300), np.arange(300) // 5)
    )
    # Copies add nothing: five of each make the true interval sqrt(5) times as wide.
    assert (together.high - together.low) / (alone.high - alone.low) == pytest.approx(
        np.sqrt(5), rel=0.2
    )


def test_one_group_or_no_resamples_have_no_interval():
    labels = np.eye(19, dtype=np.uint8)
    values = ["a"] * 10 + ["b"] * 9
    groups = np.array([0] * 10 + list(range(1, 10)))
    found = {part.name: part for part in slice_errors(labels, labels, groups, values)}
    assert np.isnan(found["a"].low) and np.isfinite(found["b"].low)
    assert np.isnan(slice_errors(labels, labels, groups, values, resamples=0)[1].low)


def test_macro_f1_counts_the_genres_of_the_slice():
    labels = np.zeros((6, 19), np.uint8)
    labels[:, 0], labels[5, 1] = 1, 1
    picks = np.zeros_like(labels)
    picks[:, 0] = 1
    one, other = slice_errors(labels, picks, np.arange(6), ["a"] * 5 + ["b"] * 1, resamples=0)
    assert one.macro_f1 == 1.0 and other.name == "1 other value"
    assert other.macro_f1 == 0.5  # Action right, Adventure missed
