import numpy as np
import pytest

from keras_genres.errors import UserError
from keras_genres.split import Split, hash_rows

FRACTIONS = {"train": 0.7, "val": 0.15, "test": 0.15}


def small(splits=("train", "train", "val", "test"), seed=0):
    labels = np.zeros((4, 19), np.uint8)
    labels[[0, 1, 2, 3], [0, 1, 0, 0]] = 1
    names = ["a.jpg", "b.jpg", "c.jpg", "d.jpg"]
    return Split.of(names, labels, splits, ["1", "1", "2", "3"], seed, FRACTIONS)


def test_the_hash_does_not_hang_on_the_order_of_rows():
    labels = np.eye(19, dtype=np.uint8)[:3]
    one = hash_rows(["a", "b", "c"], labels, ["train", "val", "test"])
    two = hash_rows(["c", "a", "b"], labels[[2, 0, 1]], ["test", "train", "val"])
    assert one == two


@pytest.mark.parametrize("change", ["filename", "label", "split"])
def test_the_hash_changes_with_every_part_of_a_row(change):
    names, labels, splits = ["a", "b"], np.zeros((2, 19), np.uint8), ["train", "val"]
    before = hash_rows(names, labels, splits)
    if change == "filename":
        names[0] = "x"
    elif change == "label":
        labels[0, 3] = 1
    else:
        splits[0] = "test"
    assert hash_rows(names, labels, splits) != before


def test_counts_are_kept_for_each_split():
    split = small()
    assert split.splits["train"]["posters"] == 2
    assert split.splits["train"]["groups"] == 1
    assert split.splits["train"]["genres"]["Action"] == 1
    assert split.splits["test"]["genres"]["Adventure"] == 0


def test_a_saved_split_is_read_back(tmp_path):
    small().save(tmp_path / "split.json")
    assert Split.load(tmp_path / "split.json") == small()


def test_another_split_is_refused_with_what_changed():
    other = small(("train", "val", "val", "test"), seed=1)
    with pytest.raises(UserError, match=r"seed 0 -> 1; train 2 -> 1 posters"):
        small().require_same(other, "runs/a", "data/")
    small().require_same(small(), "runs/a", "data/")


@pytest.mark.parametrize("text", ["[]", "{}", '{"sha256": "x", "seed": 0, "fractions": {}}'])
def test_a_file_that_is_no_split_is_refused(tmp_path, text):
    (tmp_path / "split.json").write_text(text)
    with pytest.raises(UserError, match="is not a split file"):
        Split.load(tmp_path / "split.json")
