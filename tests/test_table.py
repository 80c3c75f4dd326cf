import numpy as np
import pytest

from keras_genres.data.table import (
    COLUMNS,
    SPLIT_FILE,
    TABLE,
    escape,
    load_posters,
    require_positives,
    write_posters,
)
from keras_genres.errors import UserError
from keras_genres.genres import GENRES

FRACTIONS = {"train": 0.5, "val": 0.25, "test": 0.25}


def write(folder, **changes):
    labels = np.zeros((4, 19), np.uint8)
    labels[:, 7] = 1
    labels[0, 0] = 1
    parts = {
        "filenames": ["../posters/a.jpg", "b.jpg", "c ä,.jpg", "./=d.jpg"],
        "labels": labels,
        "splits": ["train", "train", "val", "test"],
        "groups": ["film-1", "film-1", "film-2", "film-3"],
        "extra": {"title": ["Jaws", "=cmd()", "", "Ä, b"]},
    } | changes
    return write_posters(folder, seed=0, fractions=FRACTIONS, **parts)


def edit(folder, old, new):
    table = folder / TABLE
    text = table.read_text(encoding="utf-8")
    assert old in text
    table.write_text(text.replace(old, new, 1), encoding="utf-8")


def test_posters_come_back_as_written(tmp_path):
    split = write(tmp_path)
    posters = load_posters(tmp_path)
    assert posters.filenames.tolist() == ["../posters/a.jpg", "b.jpg", "c ä,.jpg", "./=d.jpg"]
    assert posters.labels.dtype == np.uint8
    assert posters.labels.sum(axis=0).tolist() == [1, *[0] * 6, 4, *[0] * 11]
    assert posters.groups.tolist() == ["film-1", "film-1", "film-2", "film-3"]
    assert posters.split == split
    assert posters.extra["title"].tolist() == ["Jaws", "'=cmd()", "", "Ä, b"]
    assert load_posters(tmp_path / TABLE).split == split


def test_the_columns_are_the_contracts(tmp_path):
    write(tmp_path)
    header = (tmp_path / TABLE).read_text(encoding="utf-8").splitlines()[0]
    assert header == ",".join(["filename", *GENRES, "split", "group", "title"])
    assert len(COLUMNS) == 22


def test_paths_are_absolute_and_below_the_folder(tmp_path):
    write(tmp_path)
    paths = load_posters(tmp_path).paths
    assert paths[1] == str(tmp_path.resolve() / "b.jpg")
    assert paths[0] == str(tmp_path.resolve().parent / "posters" / "a.jpg")


def test_part_keeps_the_order_and_the_whole_split(tmp_path):
    write(tmp_path)
    posters = load_posters(tmp_path)
    train = posters.part("train")
    assert train.filenames.tolist() == ["../posters/a.jpg", "b.jpg"]
    assert train.extra["title"].tolist() == ["Jaws", "'=cmd()"]
    assert (len(train), train.labels.shape, train.split) == (2, (2, 19), posters.split)
    with pytest.raises(ValueError, match="must be one of"):
        posters.part("validation")


def test_a_table_changed_by_hand_is_refused_and_says_what_changed(tmp_path):
    write(tmp_path)
    edit(tmp_path, "b.jpg,0", "b.jpg,1")
    with pytest.raises(UserError, match=r"changed after .*train Action 1 -> 2.*data prepare"):
        load_posters(tmp_path)


@pytest.mark.parametrize(
    "old, new, message",
    [
        ("b.jpg,0", "b.jpg,2", "Action of b.jpg must be 0 or 1. Received: '2'"),
        ("b.jpg,0", "b.jpg,", "Action of b.jpg must be 0 or 1. Received: ''"),
        ("b.jpg,0", "b.jpg", "poster 2 has 22 cells, 23 expected"),
        ("train,film-1", "dev,film-1", "split must be one of train, val, test. Received: 'dev'"),
        ("val,film-2", "val,film-1", "group 'film-1' is in both train and val"),
        ("b.jpg", "../posters/a.jpg", "twice"),
        ("Sci-Fi", "Western", "lacks the columns Sci-Fi"),
        ("Action,", "Drama,", "has a column twice"),
    ],
)
def test_a_damaged_table_is_refused_in_one_line(tmp_path, old, new, message):
    write(tmp_path)
    edit(tmp_path, old, new)
    with pytest.raises(UserError) as error:
        load_posters(tmp_path)
    assert message in str(error.value)
    assert "\n" not in str(error.value)


def test_missing_and_empty_files_are_refused(tmp_path):
    with pytest.raises(UserError, match="There is no folder"):
        load_posters(tmp_path / "none")
    with pytest.raises(UserError, match="data prepare"):
        load_posters(tmp_path)
    write(tmp_path)
    (tmp_path / SPLIT_FILE).unlink()
    with pytest.raises(UserError, match=r"no .*split\.json beside"):
        load_posters(tmp_path)
    (tmp_path / TABLE).write_text(",".join(COLUMNS) + "\n")
    with pytest.raises(UserError, match="holds no posters"):
        load_posters(tmp_path)
    (tmp_path / TABLE).write_bytes(b"\xff\xfe\x00bad")
    with pytest.raises(UserError, match="not a readable CSV"):
        load_posters(tmp_path)


def test_a_genre_nobody_has_in_training_or_validation_is_named(tmp_path):
    labels = np.ones((4, 19), np.uint8)
    labels[2, 3] = 0
    write(tmp_path, labels=labels)
    with pytest.raises(UserError, match="No validation poster has the genre Biography:"):
        require_positives(load_posters(tmp_path))
    labels[:2, 3] = 0
    write(tmp_path, labels=labels)
    with pytest.raises(UserError, match="No training poster has the genre Biography:"):
        require_positives(load_posters(tmp_path))
    write(tmp_path, labels=np.ones((4, 19), np.uint8))
    require_positives(load_posters(tmp_path))


def test_cells_that_a_spreadsheet_would_run_are_escaped():
    assert [escape(text) for text in ("=cmd()", "@x", "+a", "-5", "+1.5", "a=b", "")] == [
        "'=cmd()", "'@x", "'+a", "-5", "+1.5", "a=b", ""
    ]  # fmt: skip
