import json

import numpy as np
import pytest
from synthetic import draw_labels, draw_scores, write_run

from keras_genres.evaluation.metrics import f1_per_genre, macro_f1, pick
from keras_genres.evaluation.thresholds import (
    choose_thresholds,
    f1_curve,
    grid_thresholds,
    sweep,
    tuned_macro_f1,
)
from keras_genres.genres import GENRES


def column(*values):
    return np.array(values)[:, None]


def small_cases(cases=200):
    """Yield small labels and scores with many ties; some genres are empty or full."""
    for seed in range(cases):
        generator = np.random.default_rng(seed)
        posters = int(generator.integers(1, 13))
        labels = (generator.random((posters, 4)) < generator.random(4)).astype(np.uint8)
        scores = np.round(generator.random((posters, 4)), int(generator.integers(1, 3)))
        yield labels, scores.astype(generator.choice([np.float32, np.float64]))


def test_threshold_lies_halfway_below_the_lowest_score_picked():
    labels, scores = column(1, 1, 0, 0), column(0.9, 0.5, 0.25, 0.1)
    assert choose_thresholds(labels, scores).tolist() == [0.375]


def test_posters_of_equal_score_stay_together():
    # Picking 0.5 brings 1 hit and 2 wrong: F1 2*2/(4+2) = 2/3, as good as stopping above:
    # 2*1/(1+2) = 2/3. The lower one wins the tie.
    labels, scores = column(1, 1, 0, 0), column(0.75, 0.5, 0.5, 0.5)
    assert choose_thresholds(labels, scores).tolist() == [0.25]
    assert pick(scores, choose_thresholds(labels, scores)).sum() == 4


def test_genre_without_positives_gets_one_half_and_counts_as_zero():
    labels, scores = np.array([[0, 1], [0, 0]]), np.array([[0.9, 0.8], [0.1, 0.2]])
    assert choose_thresholds(labels, scores).tolist() == [0.5, 0.5]
    assert grid_thresholds(labels, scores)[0] == 0.5
    assert tuned_macro_f1(labels, scores) == 0.5


def test_genre_that_every_poster_has_is_always_picked():
    labels, scores = column(1, 1), column(0.4, 0.8)
    assert choose_thresholds(labels, scores).tolist() == [0.2]
    assert choose_thresholds(labels, scores * 0).tolist() == [0]


def test_neighbouring_float32_scores_leave_no_room_between():
    low = np.float32(0.3)
    high = np.nextafter(low, np.float32(1))
    threshold = choose_thresholds(column(1, 0), column(high, low))
    assert threshold.item() == float(high)
    assert pick(column(high, low), threshold).ravel().tolist() == [1, 0]


def test_no_cut_is_better_by_brute_force():
    for labels, scores in small_cases():
        best = f1_per_genre(labels, pick(scores, choose_thresholds(labels, scores)))
        for genre in range(4):
            found, ranked = labels[:, [genre, genre]], scores[:, [genre, genre]]
            tried = [f1_per_genre(found, pick(ranked, cut))[0] for cut in np.unique(ranked)]
            assert best[genre] == max(tried)


def test_tuned_macro_f1_is_macro_f1_at_the_chosen_thresholds():
    for labels, scores in small_cases():
        picks = pick(scores, choose_thresholds(labels, scores))
        assert tuned_macro_f1(labels, scores) == pytest.approx(macro_f1(labels, picks), abs=1e-12)


def test_exact_thresholds_are_never_worse_than_a_grid():
    cases = list(small_cases(60))
    generator = np.random.default_rng(1)
    labels = draw_labels(400, generator)
    cases.append((labels, draw_scores(labels, generator)))
    for labels, scores in cases:
        exact = f1_per_genre(labels, pick(scores, choose_thresholds(labels, scores)))
        for step in (0.05, 0.01, 0.3):
            grid = f1_per_genre(labels, pick(scores, grid_thresholds(labels, scores, step)))
            assert (exact >= grid).all()


def test_picks_are_the_same_in_float32_and_after_json():
    generator = np.random.default_rng(2)
    labels = draw_labels(500, generator)
    for digits in (7, 2):
        scores = np.round(draw_scores(labels, generator), digits)
        thresholds = choose_thresholds(labels, scores)
        reloaded = np.array(json.loads(json.dumps(thresholds.tolist())))
        np.testing.assert_array_equal(pick(scores, thresholds), pick(scores, reloaded))
        np.testing.assert_array_equal(pick(scores, thresholds), scores >= np.float32(thresholds))


def test_grid_holds_the_thresholds_of_the_paper():
    # Best between 0.1 and 0.2: 0.15 is the lowest of 0.15 and 0.2.
    assert grid_thresholds(column(1, 0), column(0.2, 0.1)).tolist() == [0.15]
    # Nothing below 0.5 but 0.25.
    assert grid_thresholds(column(1, 1), column(0.5, 0.6), step=0.25).tolist() == [0.25]
    with pytest.raises(ValueError, match="`step`"):
        grid_thresholds(column(1), column(0.5), step=0)


def test_f1_curve_is_f1_at_each_threshold():
    generator = np.random.default_rng(3)
    labels = draw_labels(200, generator)
    scores = np.round(draw_scores(labels, generator), 2)
    cuts = [0.0, 0.1, 0.25, 0.5, 1.0]
    curve = f1_curve(labels, scores, cuts)
    for column_, cut in enumerate(cuts):
        np.testing.assert_array_equal(curve[:, column_], f1_per_genre(labels, pick(scores, cut)))


def test_order_of_posters_and_genres_does_not_matter():
    generator = np.random.default_rng(4)
    labels = draw_labels(100, generator)
    scores = np.round(draw_scores(labels, generator), 2)
    thresholds = choose_thresholds(labels, scores)
    rows, columns = generator.permutation(100), generator.permutation(19)
    np.testing.assert_array_equal(choose_thresholds(labels[rows], scores[rows]), thresholds)
    np.testing.assert_array_equal(
        choose_thresholds(labels[:, columns], scores[:, columns]), thresholds[columns]
    )


def test_scores_that_are_no_numbers_are_refused():
    with pytest.raises(ValueError, match="finite"):
        choose_thresholds(column(1, 0), column(0.5, np.nan))
    with pytest.raises(ValueError, match="same shape"):
        tuned_macro_f1(column(1, 0), column(0.5))


def test_sweep_saves_what_it_returns(tmp_path):
    run = write_run(tmp_path / "run", without=[16])
    table = sweep(run)
    found = run.predictions("val")
    assert table["genre"].tolist() == list(GENRES)
    np.testing.assert_array_equal(run.thresholds(), table["threshold"])
    np.testing.assert_array_equal(
        table["val_f1"], f1_per_genre(found.labels, pick(found.scores, run.thresholds()))
    )
    assert table.loc[16, ["threshold", "val_f1", "positives"]].tolist() == [0.5, 0, 0]
    saved = json.loads(run.thresholds_file.read_text())
    assert (saved["method"], saved["chosen_on"]) == ("exact", "val")


def test_sweep_follows_the_settings_of_the_run_unless_told(tmp_path):
    changes = {"evaluation.thresholds": "grid", "evaluation.grid_step": 0.1}
    run = write_run(tmp_path / "run", changes=changes)
    sweep(run)
    assert set(run.thresholds()) <= {0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9}
    assert json.loads(run.thresholds_file.read_text())["method"] == "grid 0.1"
    sweep(run, grid_step=0.25)
    assert set(run.thresholds()) <= {0.25, 0.5, 0.75}
    sweep(run, method="exact")
    assert json.loads(run.thresholds_file.read_text())["method"] == "exact"
    with pytest.raises(ValueError, match="`method`"):
        sweep(run, method="best")
