"""Each method of a baseline against what one can count by hand."""

import itertools

import numpy as np
import pytest
from pictures import encoded, picture
from PIL import Image

from keras_genres.baselines import low_level
from keras_genres.baselines.linear import Logistic, NaiveBayes
from keras_genres.baselines.low_level import PARTS, features_of, low_level_features
from keras_genres.baselines.methods import best_model
from keras_genres.baselines.mlknn import MLkNN, nearest
from keras_genres.baselines.priors import best_constant_set, most_frequent
from keras_genres.baselines.rakel import RAkEL, draw_labelsets
from keras_genres.errors import UserError
from keras_genres.evaluation import metrics


def parts_of(values):
    """Return the numbers of a picture by the names in `PARTS`."""
    bounds = np.cumsum(list(PARTS.values()))[:-1]
    return dict(zip(PARTS, np.split(values, bounds), strict=True))


# Label priors


def test_most_frequent_picks_as_many_genres_as_a_poster_has_on_average():
    # 3, 2 and 2 genres of 4: 7 / 3 rounds to 2; the counts are 3, 1, 2, 1.
    labels = np.array([[1, 1, 1, 0], [1, 0, 1, 0], [1, 0, 0, 1]])
    np.testing.assert_array_equal(most_frequent(labels), [1, 0, 1, 0])


def test_half_a_genre_more_is_rounded_up():
    # 2.5 genres on average, where Python's round() gives 2.
    labels = np.array([[1, 1, 1, 0], [1, 1, 0, 0]])
    np.testing.assert_array_equal(most_frequent(labels), [1, 1, 1, 0])


@pytest.mark.parametrize("measure", ["macro_f1", "micro_f1", "samples_f1"])
@pytest.mark.parametrize("seed", range(8))
def test_no_constant_set_scores_better_than_the_best_one(measure, seed):
    generator = np.random.default_rng(seed)
    shares = generator.uniform(0.05, 0.7, 6)
    labels = (generator.random((25, 6)) < shares).astype(np.uint8)
    labels[labels.sum(axis=1) == 0, 0] = 1

    def score(picks):
        return getattr(metrics, measure)(labels, np.tile(picks, (25, 1)).astype(np.uint8))

    best = max(score(np.array(picks)) for picks in itertools.product([0, 1], repeat=6))
    assert score(best_constant_set(labels, measure)) == pytest.approx(best, abs=1e-12)


def test_the_best_set_differs_by_measure():
    # Ten posters: genre 0 on eight, genre 1 on three.
    labels = np.zeros((10, 2), np.uint8)
    labels[:8, 0] = 1
    labels[7:, 1] = 1
    # Micro: {0} has 2·8 / (10 + 11) = 0.76, both have 2·11 / (20 + 11) = 0.71.
    np.testing.assert_array_equal(best_constant_set(labels, "micro_f1"), [1, 0])
    np.testing.assert_array_equal(best_constant_set(labels, "macro_f1"), [1, 1])
    with pytest.raises(ValueError, match="hamming"):
        best_constant_set(labels, "hamming")


# Low-level features


def test_a_plain_red_poster_is_one_colour_without_edges():
    found = parts_of(features_of(Image.new("RGB", (64, 96), (255, 0, 0))))
    colours = found["colours"].reshape(low_level.HUES, low_level.SATURATIONS, low_level.VALUES)
    assert colours[0, -1, -1] == 1 and colours.sum() == 1
    assert found["hues by cell"].reshape(6, -1)[:, 0].tolist() == [1] * 6
    assert not found["edges by cell"].any() and not found["orientations by cell"].any()
    brightness, contrast, saturation, spread, _ = found["light"]
    assert brightness == pytest.approx(76 / 255, abs=0.01)  # 0.299 of 255
    assert (contrast, saturation, spread) == (0, 1, 0)


def test_red_on_both_sides_of_the_closed_circle_is_one_bin():
    one, other = (
        parts_of(features_of(Image.new("RGB", (64, 96), colour)))["colours"]
        for colour in [(255, 12, 0), (255, 0, 12)]
    )
    np.testing.assert_array_equal(one, other)


def test_the_hue_of_grey_pixels_does_not_count():
    found = parts_of(features_of(Image.new("RGB", (64, 96), (128, 128, 128))))
    assert not found["hues by cell"].any()
    assert found["light"][2:].tolist() == [0, 0, 0]


@pytest.mark.parametrize("is_upright, orientation", [(True, 0), (False, 4)])
def test_an_edge_is_counted_in_its_cells_and_in_its_direction(is_upright, orientation):
    pixels = np.zeros((96, 64, 3), np.uint8)
    if is_upright:
        pixels[:, 10:] = 255  # in the left column of cells
    else:
        pixels[10:] = 255  # in the upper row of cells
    found = parts_of(features_of(Image.fromarray(pixels)))
    cells = [0, 2, 4] if is_upright else [0, 1]
    edges = found["edges by cell"]
    assert np.flatnonzero(edges).tolist() == cells
    # The two pixels beside the edge, of the 31 across a cell without the border of the poster.
    np.testing.assert_allclose(edges[cells], np.sqrt(2 / 31), atol=1e-6)
    shares = found["orientations by cell"].reshape(6, -1)
    assert np.flatnonzero(shares.sum(axis=0)).tolist() == [orientation]


def test_what_is_above_and_below_is_told_apart():
    pixels = np.zeros((96, 64, 3), np.uint8)
    pixels[64:] = 255
    values = parts_of(features_of(Image.fromarray(pixels)))["values by cell"].reshape(6, -1)
    assert values[:, 0].tolist() == [1, 1, 1, 1, 0, 0]
    assert values[:, -1].tolist() == [0, 0, 0, 0, 1, 1]


def test_features_come_in_the_order_of_the_posters_whatever_their_size_and_kind(tmp_path):
    small, large = picture(0, 60, 90), picture(1, 60, 90)
    (tmp_path / "a.png").write_bytes(encoded(small, "PNG"))
    (tmp_path / "b.jpg").write_bytes(encoded(large.resize((900, 1350)), "JPEG", quality=95))
    (tmp_path / "c.png").write_bytes(encoded(small.convert("L"), "PNG"))
    found = low_level_features([tmp_path / name for name in ("a.png", "b.jpg", "c.png")], jobs=2)
    assert found.shape == (3, low_level.NUM_FEATURES)
    np.testing.assert_array_equal(found[0], features_of(small))
    # Large JPEG files are decoded at part of their size: nearly the same picture.
    assert np.abs(found[1] - features_of(large)).mean() < 0.05
    np.testing.assert_array_equal(found[2], features_of(small.convert("L").convert("RGB")))


@pytest.mark.parametrize("damage, reason", [("gone", "missing"), ("cut", "truncated")])
def test_a_poster_that_cannot_be_read_is_named(tmp_path, damage, reason):
    paths = [tmp_path / f"{number}.jpg" for number in range(3)]
    for number, path in enumerate(paths):
        path.write_bytes(encoded(picture(number, 300, 450), "JPEG"))
    if damage == "gone":
        paths[1].unlink()
    else:
        paths[1].write_bytes(paths[1].read_bytes()[:2000])
    with pytest.raises(UserError, match=rf"1\.jpg is no usable picture: {reason}.*data prepare"):
        low_level_features(paths, jobs=2)


# ML-kNN


def test_mlknn_gives_the_posteriors_of_a_hand_computation():
    # Four posters, one genre: 1, 1, 0, 0. Two neighbours each.
    labels = np.array([[1], [1], [0], [0]])
    near = np.array([[1, 2], [0, 2], [3, 0], [2, 1]])
    # Neighbours with the genre: 1, 1 of those that have it; 1, 1 of those that have it not.
    model = MLkNN(k=2).fit(near, labels)
    # P(has) = (1 + 2) / (2 + 4) = 1/2; of both kinds P(c = 0, 1, 2) = 1/5, 3/5, 1/5.
    np.testing.assert_allclose(model.scores(np.array([[0, 2]])), [[0.5]])

    near = np.array([[1, 2], [0, 3], [3, 0], [2, 3]])
    near[3] = [2, 2]
    # Now 1, 1 of those with it, and 1, 0 of those without.
    model = MLkNN(k=2).fit(near, labels)
    # With it: P(c) = 1/5, 3/5, 1/5. Without: P(c) = 2/5, 2/5, 1/5.
    # c = 0: (1/5) / (1/5 + 2/5) = 1/3;  c = 1: (3/5) / (3/5 + 2/5) = 3/5;  c = 2: 1/2.
    found = model.scores(np.array([[2, 3], [0, 3], [0, 1]]))
    np.testing.assert_allclose(found[:, 0], [1 / 3, 3 / 5, 1 / 2])


def test_mlknn_keeps_genres_apart_and_takes_only_the_first_k():
    labels = np.array([[1, 0], [1, 1], [0, 0], [0, 0], [1, 0], [0, 1]])
    near = np.array([[1, 4, 2], [0, 4, 2], [3, 5, 0], [2, 5, 0], [0, 1, 3], [2, 3, 1]])
    both = MLkNN(2).fit(near, labels).scores(near)
    alone = [MLkNN(2).fit(near[:, :2], labels[:, [genre]]).scores(near) for genre in (0, 1)]
    np.testing.assert_allclose(both, np.hstack(alone))


def test_neighbours_come_nearest_first_and_a_poster_is_not_its_own():
    features = {"train": np.array([[0.0], [1.0], [3.0], [7.0]]), "val": np.array([[2.6]])}
    near = nearest(features, 2)
    assert near["train"].tolist() == [[1, 2], [0, 2], [1, 0], [2, 1]]
    assert near["val"].tolist() == [[2, 1]]


# RAkEL


class Fixed:
    """A classifier that says the shares of the classes it was shown."""

    def fit(self, features, classes):
        self.shares = np.bincount(classes) / len(classes)
        return self

    def predict_proba(self, features):
        return np.tile(self.shares, (len(features), 1))


def test_rakel_averages_the_votes_of_the_labelsets_that_hold_a_genre():
    labels = np.array([[1, 0, 0], [1, 1, 0], [0, 0, 1], [1, 1, 0]])
    model = RAkEL([(0, 1), (1, 2)], Fixed).fit(np.zeros((4, 1)), labels)
    # Set (0, 1) sees 10, 11, 00, 11: genre 0 in 3/4, genre 1 in 2/4. Set (1, 2) sees 00, 10, 01,
    # 10: genre 1 in 2/4, genre 2 in 1/4.
    np.testing.assert_allclose(model.scores(np.zeros((1, 1))), [[3 / 4, 1 / 2, 1 / 4]])


def test_rakel_knows_which_genres_come_together():
    from sklearn.linear_model import LogisticRegression

    # Genre 1 comes exactly where genre 0 does not: each is told from one feature.
    features = np.repeat([[0.0], [1.0]], 20, axis=0)
    labels = np.hstack([features, 1 - features]).astype(int)
    model = RAkEL([(0, 1)], lambda: LogisticRegression(C=100)).fit(features, labels)
    scores = model.scores(np.array([[0.0], [1.0]]))
    np.testing.assert_allclose(scores.sum(axis=1), 1)  # only 01 and 10 were seen
    assert scores[0, 0] < 0.1 and scores[1, 0] > 0.9
    assert model.parameters == 2


def test_rakel_takes_genres_that_never_vary_as_they_are():
    labels = np.array([[1, 0], [1, 0]])
    scores = RAkEL([(0, 1)], Fixed).fit(np.zeros((2, 1)), labels).scores(np.zeros((3, 1)))
    assert scores.tolist() == [[1, 0]] * 3


def test_labelsets_differ_cover_all_genres_and_follow_the_seed():
    drawn = draw_labelsets(19, seed=3)
    assert len(drawn) == len(set(drawn)) == 38
    assert all(len(labelset) == 3 and list(labelset) == sorted(set(labelset)) for labelset in drawn)
    assert set().union(*drawn) == set(range(19))
    assert drawn == draw_labelsets(19, seed=3) != draw_labelsets(19, seed=4)
    assert sorted(draw_labelsets(3, k=2, models=3)) == [(0, 1), (0, 2), (1, 2)]
    with pytest.raises(ValueError, match="Received: 2"):
        draw_labelsets(7, k=3, models=2)


# Naive Bayes and logistic regression


def two_genres(posters=60):
    generator = np.random.default_rng(0)
    labels = generator.integers(0, 2, (posters, 2))
    labels[:4] = [[0, 0], [0, 1], [1, 0], [1, 1]]
    features = labels @ [[2.0, 0.0, 0.5], [0.0, 1.0, 0.5]]
    return features + generator.normal(0, 1, features.shape), labels


def test_naive_bayes_is_that_of_scikit_learn_until_it_is_tempered():
    from sklearn.naive_bayes import GaussianNB

    features, labels = two_genres()
    scores = NaiveBayes().fit(features, labels).scores(features)
    shares = (labels.sum(axis=0) + 0.5) / 61
    for genre in (0, 1):
        priors = [1 - shares[genre], shares[genre]]
        wanted = GaussianNB(priors=priors).fit(features, labels[:, genre]).predict_proba(features)
        np.testing.assert_allclose(scores[:, genre], wanted[:, 1], atol=1e-9)


def test_features_that_say_one_thing_ten_times_count_once_when_tempered():
    features, labels = two_genres(400)
    tenfold = np.repeat(features, 10, axis=1)
    sure = NaiveBayes().fit(tenfold, labels)
    before = sure.scores(tenfold)
    after = sure.temper(tenfold, labels).scores(tenfold)
    assert 8 < sure.divisor < 13
    once = NaiveBayes().fit(features, labels).scores(features)
    assert np.abs(after - once).mean() < 0.03 < np.abs(before - once).mean()
    for genre in (0, 1):
        rank = np.argsort(sure.evidence(tenfold)[:, genre])
        assert (np.diff(after[rank, genre]) >= 0).all()


def test_logistic_regression_is_that_of_scikit_learn_from_any_start():
    from sklearn.linear_model import LogisticRegression

    features, labels = two_genres()
    cold = Logistic(0.1).fit(features, labels)
    warm = Logistic(0.1).fit(features, labels, start=Logistic(0.01).fit(features, labels))
    for genre in (0, 1):
        wanted = LogisticRegression(C=0.1).fit(features, labels[:, genre]).predict_proba(features)
        for model in (cold, warm):
            np.testing.assert_allclose(model.scores(features)[:, genre], wanted[:, 1], atol=1e-3)
    assert cold.parameters == 2 * 4


@pytest.mark.parametrize("make", [lambda: Logistic(1.0), NaiveBayes])
def test_a_genre_that_all_training_posters_have_is_no_obstacle(make):
    features, labels = two_genres()
    labels[:, 1] = 1
    scores = make().fit(features, labels).scores(features)
    assert np.isfinite(scores).all() and (scores[:, 1] > 0.95).all()


# Choosing on validation


class Scores:
    def __init__(self, scores):
        self.values = np.array(scores, dtype=float)[:, None]

    def scores(self, features):
        return self.values


def test_the_model_that_ranks_validation_best_is_chosen_and_the_first_among_equals():
    labels = np.array([[1], [0], [1]])
    models = [({"C": 1}, Scores([0.1, 0.9, 0.2])), ({"C": 2}, Scores([0.9, 0.1, 0.8]))]
    models.append(({"C": 3}, Scores([0.5, 0.2, 0.4])))
    lines = []
    model, found = best_model(models, None, labels, lines.append)
    assert model is models[1][1]
    assert found["hyperparameters"] == {"C": 2}
    precision = [row["val_mean_average_precision"] for row in found["search"]]
    # Ranked 0, 1, 1: (1/2 + 2/3) / 2.
    assert precision == [pytest.approx(7 / 12, abs=1e-6), 1, 1]
    assert lines[0] == "C 1: validation mean average precision 0.5833"
