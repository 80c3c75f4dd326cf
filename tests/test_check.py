import json

import pytest
from pictures import write_csv, write_posters

from keras_genres.data.check import check, format_check
from keras_genres.data.prepare import prepare
from keras_genres.errors import UserError


@pytest.fixture
def data(tmp_path):
    rows = write_posters(tmp_path / "images", 24, ["Drama", "Drama|War"])
    (tmp_path / "images" / "p000.jpg").write_bytes(b"")
    table = write_csv(tmp_path / "labels.csv", ["filename", "genres"], rows)
    prepare(table, tmp_path / "data")
    return tmp_path / "data"


def test_check_counts_what_the_table_holds(data):
    found = check(data)
    assert found["posters"] == 23
    assert (found["genres"]["Drama"], found["genres"]["War"]) == (23, 12)
    assert sum(part["posters"] for part in found["splits"].values()) == 23
    assert found["genres_per_poster"] == {"2": 12, "1": 11}
    assert found["vanished"] == []
    assert found["prepare"]["rejected"] == {"empty file": 1}
    assert json.loads(json.dumps(found)) == found
    text = format_check(found)
    assert "Rejected:          1 empty file (see rejected.csv)" in text
    assert "11 have 1, 12 have 2" in text
    assert "Warning" not in text


def test_vanished_posters_are_named(data):
    (data.parent / "images" / "p005.jpg").unlink()
    found = check(data)
    assert found["vanished"] == ["../images/p005.jpg"]
    assert "Warning: 1 of 23 posters" in format_check(found)


def test_a_changed_table_is_refused(data):
    table = data / "multilabel_posters.csv"
    table.write_text(table.read_text().replace("train", "val", 1))
    with pytest.raises(UserError, match="changed after"):
        check(data)


def test_a_table_without_prepare_json_is_checked_too(data):
    (data / "prepare.json").unlink()
    found = check(data)
    assert found["prepare"] is None
    assert "Drama" in format_check(found)
