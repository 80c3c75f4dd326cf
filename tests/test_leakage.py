"""Each sign of a leak is there in a leak, and is not in an honest run."""

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import roc_auc_score
from synthetic import draw_labels, draw_scores

from keras_genres.evaluation.leakage import compare_auc, find_jump, is_difference_suspicious
from keras_genres.evaluation.thresholds import tuned_macro_f1
from keras_genres.runs import Predictions

HONEST = {
    # A frozen MobileNetV2, then its top blocks, on 2,800 posters.
    "real": (
        "hhhhbbbbbbbb",
        [0.330, 0.308, 0.300, 0.292, 0.293, 0.277, 0.266, 0.255, 0.243, 0.231, 0.219, 0.208],
        [0.310, 0.304, 0.299, 0.300, 0.296, 0.294, 0.294, 0.297, 0.301, 0.306, 0.313, 0.313],
        [0.293, 0.320, 0.329, 0.338, 0.342, 0.347, 0.342, 0.349, 0.346, 0.341, 0.339, 0.344],
    ),
    # A small CNN from scratch on drawn posters: it learns fast, and validation loss is the lower.
    "fast": (
        "aaaaaaaaaa",
        [0.686, 0.325, 0.303, 0.267, 0.247, 0.239, 0.222, 0.226, 0.209, 0.204],
        [0.362, 0.294, 0.250, 0.237, 0.232, 0.214, 0.204, 0.205, 0.196, 0.190],
        [0.391, 0.535, 0.626, 0.648, 0.658, 0.684, 0.704, 0.714, 0.720, 0.731],
    ),
}


def history(stages, loss, val_loss, f1):
    return pd.DataFrame(
        {
            "epoch": np.arange(len(loss)) + 1,
            "stage": list(stages),
            "loss": loss,
            "val_loss": val_loss,
            "val_macro_f1_tuned": f1,
        }
    )


def predictions(posters, generator, seen=0.0):
    """Return scores of posters, two of a film, a share of which was trained on."""
    labels = np.repeat(draw_labels(posters // 2, generator), 2, axis=0)
    scores = draw_scores(labels, generator)
    is_seen = generator.random(posters) < seen
    scores[is_seen] = draw_scores(labels, generator, skill=3.3)[is_seen]
    names = np.arange(posters).astype(str)
    return Predictions(names, labels, scores, np.repeat(names[::2], 2))


def train(redraw_at=None, epochs=24):
    """Return the history of a network that learns its posters by heart, by hand in NumPy."""
    generator = np.random.default_rng(0)
    features = generator.normal(size=(350, 200))
    truth = generator.normal(size=(200, 4)) / 14
    labels = (features @ truth + generator.normal(0, 1, (350, 4)) > 1).astype(np.uint8)
    order = generator.permutation(350)
    weights, rows = np.zeros((200, 4)), []
    for epoch in range(epochs):
        if epoch == redraw_at:
            order = generator.permutation(350)
        learned, held_out = order[:250], order[250:]
        before = loss_of(labels[learned], sigmoid(features[learned] @ weights))
        for _ in range(8):
            scores = sigmoid(features[learned] @ weights)
            weights += 4e-3 * features[learned].T @ (labels[learned] - scores)
        found = sigmoid(features[held_out] @ weights)
        f1 = tuned_macro_f1(labels[held_out], found)
        mean = (before + loss_of(labels[learned], scores)) / 2
        rows.append(("b", mean, loss_of(labels[held_out], found), f1))
    return history(*zip(*rows, strict=True))


def sigmoid(values):
    return 1 / (1 + np.exp(-values))


def loss_of(labels, scores):
    scores = scores.clip(1e-7, 1 - 1e-7)
    return -np.where(labels == 1, np.log(scores), np.log(1 - scores)).mean()


def test_difference_is_that_of_scikit_learn():
    generator = np.random.default_rng(0)
    val, test = predictions(200, generator), predictions(300, generator)
    known = [
        genre
        for genre in range(19)
        if min(val.labels[:, genre].sum(), test.labels[:, genre].sum()) >= 5
    ]
    wanted = [
        np.mean([roc_auc_score(part.labels[:, g], part.scores[:, g]) for g in known])
        for part in (val, test)
    ]
    assert compare_auc(val, test)[0] == pytest.approx(wanted[0] - wanted[1], abs=1e-12)


def test_error_of_the_difference_is_its_spread_over_many_draws():
    pairs = [
        compare_auc(*(predictions(120, np.random.default_rng(seed + part)) for part in (0, 10_000)))
        for seed in range(200)
    ]
    differences, errors = np.array(pairs).T
    assert np.mean(errors) == pytest.approx(differences.std(), rel=0.2)


def test_honest_splits_raise_no_alarm_and_half_seen_validations_do():
    def alarms(seen):
        return [
            is_difference_suspicious(
                *compare_auc(predictions(600, generator, seen), predictions(600, generator))
            )
            for generator in map(np.random.default_rng, range(25))
        ]

    assert not any(alarms(0.0))
    assert all(alarms(0.5))


def test_scorers_that_know_nothing_do_not_differ():
    labels = draw_labels(100, np.random.default_rng(0))
    names = np.arange(100).astype(str)
    prior = Predictions(names, labels, np.full(labels.shape, 0.2, np.float32), names)
    assert compare_auc(prior, prior) == (0, 0)
    few = Predictions(names[:8], labels[:8] * 0, prior.scores[:8], names[:8])
    assert compare_auc(few, prior) == (0, 0)
    assert not is_difference_suspicious(0, 0)


@pytest.mark.parametrize("name", HONEST)
def test_honest_histories_have_no_jump(name):
    assert find_jump(history(*HONEST[name])) is None


def test_split_drawn_anew_jumps_and_the_same_training_without_does_not():
    assert find_jump(train()) is None
    assert find_jump(train(redraw_at=14)) == 14


def test_change_of_stage_is_no_jump():
    stages, loss, val_loss, f1 = HONEST["real"]
    val_loss = [*val_loss[:4], *(value - 0.08 for value in val_loss[4:])]
    f1 = [*f1[:4], *(value + 0.2 for value in f1[4:])]
    assert find_jump(history(stages, loss, val_loss, f1)) is None
    assert find_jump(history("b" * 12, loss, val_loss, f1)) == 4


def test_a_single_lucky_epoch_and_a_history_too_short_to_judge_are_no_jumps():
    stages, loss, val_loss, f1 = (list(part) for part in HONEST["real"])
    f1[8], val_loss[8] = 0.5, 0.2
    assert find_jump(history(stages, loss, val_loss, f1)) is None
    short = history("bbb", [0.3, 0.3, 0.3], [0.3, 0.3, 0.1], [0.3, 0.3, 0.7])
    assert find_jump(short) is None
    assert find_jump(short.iloc[:0]) is None
