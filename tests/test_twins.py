"""The same poster on both sides is found by its scores and by its picture."""

import numpy as np
import pytest
from pictures import encoded, picture
from synthetic import draw_labels, draw_scores

from keras_genres.data.table import load_posters, write_posters
from keras_genres.evaluation.twins import crossing_pictures, same_scores
from keras_genres.genres import NUM_GENRES
from keras_genres.runs import Predictions


def split(scores):
    names = np.arange(len(scores)).astype(str)
    half = len(scores) // 2
    labels = np.zeros(scores.shape, np.uint8)
    return [
        Predictions(names[part], labels[part], scores[part], names[part])
        for part in (slice(half), slice(half, None))
    ]


@pytest.fixture
def scores():
    generator = np.random.default_rng(0)
    return draw_scores(draw_labels(1000, generator), generator)


def test_same_scores_are_found_with_room_for_rounding(scores):
    assert len(same_scores(*split(scores))) == 0
    scores[700] = scores[3]
    scores[900] = scores[3] * (1 + 1e-6)
    scores[600] = scores[17]
    scores[20] = scores[17]  # twins on one side are no crossing
    assert same_scores(*split(scores)).tolist() == [[3, 200], [3, 400], [17, 100], [20, 100]]


def test_scores_that_are_only_alike_are_none(scores):
    scores[700] = scores[3] * 1.01
    scores[600, :18] = scores[17, :18]
    assert len(same_scores(*split(scores))) == 0


def test_scorers_that_tell_few_posters_apart_have_no_pairs(scores):
    generator = np.random.default_rng(1)
    prior = np.broadcast_to(scores.mean(axis=0), scores.shape)
    assert len(same_scores(*split(prior))) == 0
    stump = np.where(generator.random((1000, 1)) < 0.5, scores[0], scores[1])
    assert len(same_scores(*split(stump))) == 0
    votes = (scores * 4).round() / 4  # of four neighbours
    assert len(np.unique(votes, axis=0)) > 500
    assert len(same_scores(*split(votes))) == 0
    steep = 1 / (1 + np.exp(-400 * (scores.astype(np.float64) - 0.3)))  # mostly 0 and 1
    assert len(same_scores(*split(steep.astype(np.float32)))) == 0


def write_table(folder, files, splits):
    """Write pictures, and a table that `data prepare` did not check."""
    for name, content in files.items():
        (folder / name).write_bytes(content)
    labels = np.ones((len(files), NUM_GENRES), np.uint8)
    groups = [f"group{number}" for number in range(len(files))]
    write_posters(folder, list(files), labels, splits, groups, 0, {"train": 1})
    return load_posters(folder)


def test_pictures_on_two_sides_are_found_and_named(tmp_path):
    files = {f"p{number}.jpg": encoded(picture(number)) for number in range(6)}
    files["again.jpg"] = encoded(picture(1).resize((90, 135)), quality=40)
    files["same side.jpg"] = encoded(picture(2), quality=50)
    files["=torn.jpg"] = b"no picture"
    splits = ["train"] * 3 + ["val", "test", "test"] + ["test", "train", "val"]
    found = crossing_pictures(write_table(tmp_path, files, splits))
    assert found.pictures == [[("again.jpg", "test"), ("p1.jpg", "train")]]
    assert found.unread == 1
    found.write(tmp_path / "duplicates.csv")
    assert (tmp_path / "duplicates.csv").read_text() == (
        "picture,split,filename\n1,test,again.jpg\n1,train,p1.jpg\n"
    )


def test_clean_tables_and_tables_without_files_have_none(tmp_path):
    files = {f"p{number}.jpg": encoded(picture(number)) for number in range(4)}
    posters = write_table(tmp_path, files, ["train", "train", "val", "test"])
    assert crossing_pictures(posters).pictures == []
    for name in files:
        (tmp_path / name).unlink()
    found = crossing_pictures(posters)
    assert (found.pictures, found.unread) == ([], 4)
