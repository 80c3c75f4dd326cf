"""Rows that are kept, found again, taken up and thrown away."""

import json
import os

import ml_dtypes
import numpy as np
import pytest

from keras_genres.errors import UserError
from keras_genres.input.activations import activation_batches, plain_activation_batches
from keras_genres.input.chance import epoch_rows
from keras_genres.training.activations import Activations, make_room

VALUES = np.arange(12, dtype="float32").reshape(4, 3)


def kept(folder, identity=None, format="float16", rows=4):
    return Activations(identity or {"cut": "head"}, rows, 3, format, folder)


@pytest.mark.parametrize("format", ["float16", "bfloat16", "float32"])
@pytest.mark.parametrize("place", ["memory", "disk"])
def test_rows_come_back_as_they_went_in(tmp_path, format, place):
    rows = kept(tmp_path if place == "disk" else None, format=format)
    rows.append(VALUES[:3])
    assert not rows.is_whole
    rows.append(VALUES[3:])
    assert rows.is_whole
    np.testing.assert_array_equal(rows.array().astype("float32"), VALUES)
    assert rows.size == 12 * (4 if format == "float32" else 2)


def test_another_process_finds_whole_rows(tmp_path):
    kept(tmp_path).append(VALUES)
    found = kept(tmp_path)
    assert found.is_whole
    np.testing.assert_array_equal(found.array(), VALUES)


def test_any_other_identity_finds_nothing(tmp_path):
    kept(tmp_path, {"cut": "head", "weights": "a"}).append(VALUES)
    assert kept(tmp_path, {"cut": "head", "weights": "b"}).done == 0
    assert kept(tmp_path, {"cut": "head", "weights": "a"}, "bfloat16").done == 0
    assert kept(tmp_path, {"cut": "head", "weights": "a"}, rows=5).done == 0


def test_rows_that_were_synced_are_taken_up_and_the_rest_written_anew(tmp_path):
    cut_off = kept(tmp_path)
    cut_off.append(VALUES[:2])
    cut_off.close()
    with open(cut_off.partial, "ab") as file:
        file.write(b"torn")  # written, but never said to be safe
    again = kept(tmp_path)
    assert again.done == 2
    again.append(VALUES[2:])
    np.testing.assert_array_equal(again.array(), VALUES)
    assert not again.partial.exists()


@pytest.mark.parametrize("damage", ["shorter", "no progress", "no number"])
def test_a_partial_file_is_believed_only_as_far_as_it_goes(tmp_path, damage):
    cut_off = kept(tmp_path)
    cut_off.append(VALUES[:3])
    cut_off.close()
    if damage == "shorter":
        os.truncate(cut_off.partial, 7)  # one row of 6 bytes and a bit
    elif damage == "no progress":
        cut_off.progress.unlink()
    else:
        cut_off.progress.write_text(json.dumps({"done": None}))
    again = kept(tmp_path)
    assert again.done == (1 if damage == "shorter" else 0)
    again.append(VALUES[again.done :])
    np.testing.assert_array_equal(again.array(), VALUES)


def test_values_beyond_float16_are_cut_off_and_counted(tmp_path):
    rows = kept(tmp_path, rows=1)
    rows.append(np.array([[1e5, -7e4, 2.0]], "float32"))
    assert rows.clipped == 2
    np.testing.assert_array_equal(rows.array(), [[65504, -65504, 2]])


def test_values_that_are_no_numbers_are_refused(tmp_path):
    with pytest.raises(UserError, match="not numbers"):
        kept(tmp_path).append(np.array([[1, np.nan, 2]], "float32"))


def test_the_longest_unused_rows_make_room(tmp_path):
    made = [kept(tmp_path, {"number": number}) for number in range(3)]
    for age, rows in zip((30, 10, 20), made, strict=True):
        rows.append(VALUES)
        os.utime(rows.file, (1e9 - age, 1e9 - age))
    # 3 files of 24 bytes: 20 more in 72 bytes means that one goes, the one unused for 30 seconds.
    assert make_room(tmp_path, 20, 72) == 24
    assert [rows.file.exists() for rows in made] == [False, True, True]
    assert not made[0].progress.exists()
    assert make_room(tmp_path, 70, 72, spared={made[1].file}) == 24
    assert [rows.file.exists() for rows in made] == [False, True, False]


@pytest.mark.parametrize("kind", [np.float16, ml_dtypes.bfloat16])
def test_epochs_take_the_views_in_turn_and_the_order_of_the_pixels_batches(kind):
    views = [np.array([[row, view] for row in range(5)]).astype(kind) for view in range(2)]
    labels = np.arange(5 * 19).reshape(5, 19) % 2
    batches = activation_batches(views, labels, batch_size=2, seed=3)
    # 5 posters in batches of 2 are 3 batches an epoch.
    seen = [(np.asarray(rows).astype(int), found.numpy()) for rows, found in batches.take(9)]
    for epoch in range(3):
        part = seen[3 * epoch : 3 * epoch + 3]
        rows = np.concatenate([found for found, _ in part])
        np.testing.assert_array_equal(rows[:, 0], epoch_rows(5, 2, 3, epoch))
        assert set(rows[:, 1]) == {epoch % 2}
        np.testing.assert_array_equal(np.concatenate([y for _, y in part]), labels[rows[:, 0]])


def test_rows_to_be_scored_come_in_order_in_batches_of_one_size():
    found = list(plain_activation_batches(VALUES, 3).as_numpy_iterator())
    np.testing.assert_array_equal(np.concatenate(found), VALUES[[0, 1, 2, 3, 3, 3]])
