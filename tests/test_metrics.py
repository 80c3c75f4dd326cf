import numpy as np
import pytest
from sklearn import metrics as second
from synthetic import draw_labels, draw_scores

from keras_genres.evaluation import metrics, ranking
from keras_genres.evaluation.metrics import pick
from keras_genres.genres import GENRES

LABELS = np.array([[1, 1, 0], [1, 0, 0], [0, 0, 0]])
PICKS = np.array([[1, 0, 0], [1, 0, 1], [0, 0, 0]])


def random_cases(cases=30, genres=19):
    """Yield labels, picks and coarse scores; some genres lack positives or picks."""
    for seed in range(cases):
        generator = np.random.default_rng(seed)
        posters = int(generator.integers(3, 80))
        labels = (generator.random((posters, genres)) < generator.random(genres)).astype(np.uint8)
        scores = np.round(generator.random((posters, genres)), 1).astype(np.float32)
        labels[:, generator.random(genres) < 0.2] = 0
        scores[:, generator.random(genres) < 0.2] = 0
        yield labels, pick(scores, 0.6), scores


def test_macro_f1_counts_a_genre_nobody_picked_as_zero():
    # genre 0: 2 hits, no misses -> 1; genre 1: 1 miss -> 0; genre 2: 1 false pick -> 0
    assert metrics.macro_f1(LABELS, PICKS) == pytest.approx(1 / 3)


def test_micro_f1_throws_all_decisions_together():
    # 2 hits, 3 picks, 3 positives -> 2 * 2 / 6
    assert metrics.micro_f1(LABELS, PICKS) == pytest.approx(2 / 3)


def test_weighted_f1_weighs_by_positives():
    # F1 1, 0, 0 with 2, 1 and 0 positives
    assert metrics.weighted_f1(LABELS, PICKS) == pytest.approx(2 / 3)


def test_samples_f1_counts_a_poster_with_nothing_to_find_as_zero():
    # posters: 1 hit of 1 pick and 2 genres -> 2/3; 1 hit of 2 picks -> 2/3; nothing -> 0
    assert metrics.samples_f1(LABELS, PICKS) == pytest.approx(4 / 9)


def test_poster_measures_count():
    assert metrics.hamming_loss(LABELS, PICKS) == pytest.approx(2 / 9)  # 2 wrong of 9
    assert metrics.exact_match(LABELS, PICKS) == pytest.approx(1 / 3)  # the empty poster
    assert metrics.at_least_one_right(LABELS, PICKS) == pytest.approx(2 / 3)


def test_top_3_hit_counts_posters_with_a_true_genre_in_the_first_three():
    scores = np.array([[0.1, 0.4, 0.3, 0.2], [0.1, 0.4, 0.3, 0.2], [0.1, 0.4, 0.3, 0.2]])
    labels = np.array([[1, 0, 0, 0], [0, 0, 0, 1], [0, 0, 0, 0]])
    # genre 0 is fourth: out; genre 3 is third: in; no genre: out
    assert metrics.top_k_hits(labels, scores).tolist() == [0, 1, 0]


def test_top_k_hit_counts_a_tie_across_the_last_place_as_out():
    labels = np.array([[0, 1, 0, 0]])
    assert metrics.top_k_hit(labels, np.array([[0.9, 0.5, 0.5, 0.1]])) == 1
    assert metrics.top_k_hit(labels, np.array([[0.9, 0.5, 0.5, 0.5]])) == 0
    assert metrics.top_k_hit(labels, np.full((1, 4), 0.5)) == 0


def test_top_k_hit_with_as_many_places_as_genres_only_asks_for_a_genre():
    assert metrics.top_k_hit(LABELS, np.zeros((3, 3)), k=3) == pytest.approx(2 / 3)
    with pytest.raises(ValueError, match="at least 1"):
        metrics.top_k_hit(LABELS, np.zeros((3, 3)), k=0)


def test_top_k_hit_agrees_with_scikit_learn_on_one_genre_a_poster():
    generator = np.random.default_rng(0)
    true = generator.integers(0, 19, 200)
    scores = generator.random((200, 19))
    wanted = second.top_k_accuracy_score(true, scores, k=3, labels=range(19))
    assert metrics.top_k_hit(np.eye(19, dtype=int)[true], scores) == pytest.approx(wanted)


def test_averages_agree_with_scikit_learn():
    for labels, picks, _ in random_cases():
        found = metrics.measures(labels, picks)
        for average in metrics.AVERAGES:
            wanted = second.f1_score(labels, picks, average=average, zero_division=0)
            assert found[f"{average}_f1"] == pytest.approx(wanted, abs=1e-12)
        assert found["hamming_loss"] == pytest.approx(second.hamming_loss(labels, picks), abs=1e-12)
        assert found["exact_match"] == pytest.approx(
            second.accuracy_score(labels, picks), abs=1e-12
        )
        assert list(found) == list(dict.fromkeys(found))


def test_each_measure_equals_its_own_function():
    for labels, picks, _ in random_cases(3):
        for name, value in metrics.measures(labels, picks).items():
            assert getattr(metrics, name)(labels, picks) == value


def test_genre_table_is_the_classification_report_of_scikit_learn():
    for labels, picks, _ in random_cases():
        table = metrics.genre_table(labels, picks, np.full(19, 0.6)).set_index("genre")
        wanted = second.classification_report(
            labels, picks, target_names=GENRES, zero_division=0, output_dict=True
        )
        assert list(table.index) == list(wanted)
        for row, values in wanted.items():
            assert table.loc[row, "precision"] == pytest.approx(values["precision"], abs=1e-12)
            assert table.loc[row, "recall"] == pytest.approx(values["recall"], abs=1e-12)
            assert table.loc[row, "f1"] == pytest.approx(values["f1-score"], abs=1e-12)
            assert table.loc[row, "support"] == values["support"]
        assert table["threshold"].isna().sum() == 4


def test_average_precision_and_auc_are_nan_where_they_have_no_meaning():
    labels = np.array([[0, 1, 1], [0, 1, 0]])
    scores = np.array([[0.1, 0.2, 0.9], [0.3, 0.4, 0.1]])
    assert np.isnan(metrics.average_precision(labels, scores)).tolist() == [True, False, False]
    assert np.isnan(metrics.roc_auc(labels, scores)).tolist() == [True, True, False]
    assert metrics.mean_average_precision(labels, scores) == 1.0
    assert np.isnan(metrics.mean_average_precision(labels * 0, scores))


def test_average_precision_and_auc_agree_with_scikit_learn():
    generator = np.random.default_rng(5)
    labels = draw_labels(300, generator)
    scores = draw_scores(labels, generator)
    np.testing.assert_allclose(
        metrics.average_precision(labels, scores),
        second.average_precision_score(labels, scores, average=None),
        atol=1e-12,
    )
    np.testing.assert_allclose(
        metrics.roc_auc(labels, scores),
        second.roc_auc_score(labels, scores, average=None),
        atol=1e-12,
    )


def test_ranking_measures_agree_with_scikit_learn_where_scores_are_tied():
    for labels, _, scores in random_cases():
        for found, ranked in zip(labels.T, scores.T, strict=True):
            if not 0 < found.sum() < len(found):
                continue
            wanted = second.average_precision_score(found, ranked)
            assert ranking.average_precision(found, ranked) == pytest.approx(wanted, abs=1e-12)
            wanted = second.roc_auc_score(found, ranked)
            assert ranking.roc_auc(found, ranked) == pytest.approx(wanted, abs=1e-12)
            exact, reached, _ = second.precision_recall_curve(found, ranked)
            curve = ranking.precision_recall_curve(found, ranked)
            # Theirs goes the other way and ends with a point of no threshold.
            np.testing.assert_allclose(curve, [exact[-2::-1], reached[-2::-1]], atol=1e-12)


def test_the_order_of_posters_and_genres_does_not_matter():
    for labels, picks, scores in random_cases(5):
        generator = np.random.default_rng(9)
        posters, genres = generator.permutation(len(labels)), generator.permutation(19)
        before = metrics.measures(labels, picks)
        for rows, columns in ((posters, np.arange(19)), (np.arange(len(labels)), genres)):
            where = np.ix_(rows, columns)
            assert metrics.measures(labels[where], picks[where]) == pytest.approx(before, abs=1e-12)
            assert metrics.top_k_hit(labels[where], scores[where]) == metrics.top_k_hit(
                labels, scores
            )


def test_pick_includes_a_score_that_is_the_threshold_in_float32():
    score = np.float32(0.1)  # a little above the float64 0.1
    scores = np.full((1, 1), score)
    assert pick(scores, float(score)).item() == 1
    assert pick(scores, np.nextafter(float(score), 1)).item() == 0
    # A Python float would be rounded to float32 and reach itself.
    assert pick(scores, 0.10000000149011613).item() == 0


def test_scores_in_the_place_of_picks_are_refused():
    with pytest.raises(ValueError, match="`picks` must hold only 0 and 1"):
        metrics.macro_f1(LABELS, PICKS * 0.7)
    with pytest.raises(ValueError, match="same shape"):
        metrics.macro_f1(LABELS, PICKS[:2])
