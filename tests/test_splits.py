import csv
import os
from pathlib import Path

import numpy as np
import pytest

from keras_genres.data.splits import draw_splits, split_fractions
from keras_genres.errors import UserError
from keras_genres.genres import GENRES
from keras_genres.settings import PrepareSettings

FRACTIONS = {"train": 0.7, "val": 0.15, "test": 0.15}


def posters(count, seed=0):
    random = np.random.default_rng(seed)
    shares = np.linspace(0.02, 0.5, 19)
    labels = (random.random((count, 19)) < shares).astype(np.uint8)
    labels[labels.sum(axis=1) == 0, 18] = 1
    return labels


def spread(labels, splits):
    shares = np.array([labels[splits == name].mean(axis=0) for name in FRACTIONS])
    return (shares.max(axis=0) - shares.min(axis=0)).max()


def test_twenty_posters_of_two_genres_split_evenly():
    labels = np.zeros((20, 19), np.uint8)
    labels[:, 0] = 1
    labels[:10, 1] = 1
    splits = draw_splits(
        labels,
        [f"g{n}" for n in range(20)],
        {**FRACTIONS, "train": 0.5, "val": 0.3, "test": 0.2},
        0,
    )
    for name, wanted in (("train", 10), ("val", 6), ("test", 4)):
        rows = splits == name
        assert (rows.sum(), labels[rows, 1].sum()) == (wanted, wanted // 2)


@pytest.mark.parametrize("seed", range(3))
def test_genre_shares_differ_by_less_than_a_point(seed):
    labels = posters(2000)
    splits = draw_splits(labels, [f"g{n}" for n in range(2000)], FRACTIONS, seed)
    assert spread(labels, splits) < 0.01
    assert abs((splits == "train").sum() - 1400) <= 10


def test_groups_never_cross_and_shares_still_hold():
    labels = posters(2000)
    random = np.random.default_rng(1)
    groups = [f"g{n}" for n in random.integers(0, 900, 2000)]
    splits = draw_splits(labels, groups, FRACTIONS, 0)
    found = {}
    for group, split in zip(groups, splits, strict=True):
        assert found.setdefault(group, split) == split
    assert spread(labels, splits) < 0.01


def test_the_order_of_the_posters_does_not_count_and_the_seed_does():
    labels = posters(300)
    groups = np.array([f"g{n}" for n in range(300)])
    splits = draw_splits(labels, groups, FRACTIONS, 5)
    order = np.random.default_rng(0).permutation(300)
    assert (draw_splits(labels[order], groups[order], FRACTIONS, 5) == splits[order]).all()
    assert (draw_splits(labels, groups, FRACTIONS, 6) != splits).any()


def test_a_giant_group_goes_to_training():
    labels = posters(400)
    groups = ["giant"] * 200 + [f"g{n}" for n in range(200)]
    splits = draw_splits(labels, groups, FRACTIONS, 0)
    assert set(splits[:200]) == {"train"}
    assert abs((splits == "val").sum() - 60) <= 6


def test_too_few_groups_for_three_splits_are_refused():
    with pytest.raises(UserError, match="2 films or pictures are too few"):
        draw_splits(posters(50), ["a", "b"] * 25, FRACTIONS, 0)


def test_fractions_must_leave_posters_for_training():
    assert split_fractions(PrepareSettings()) == FRACTIONS
    with pytest.raises(UserError, match=r"must leave posters for training.*0\.6 and 0\.4"):
        split_fractions(PrepareSettings(val_fraction=0.6, test_fraction=0.4))


@pytest.mark.skipif("KERAS_GENRES_POSTERS" not in os.environ, reason="needs real posters")
def test_real_genres_have_the_same_share_in_every_split():
    with open(Path(os.environ["KERAS_GENRES_POSTERS"], "labels.csv"), encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    labels = np.array([[g in row["genres"].split("|") for g in GENRES] for row in rows], np.uint8)
    for seed in (0, 1):
        splits = draw_splits(labels, [row["imdb_id"] for row in rows], FRACTIONS, seed)
        assert spread(labels, splits) < 0.01
