import csv
import io
import json

import numpy as np
import pytest

from keras_genres.errors import UserError
from keras_genres.genres import GENRES
from keras_genres.inference.outputs import format_of, header_of, line_of, write_parquet
from keras_genres.inference.predictor import Prediction
from keras_genres.inference.sources import Sources

SCORES = np.linspace(0.05, 0.95, 19, dtype=np.float32)[::-1]
GOOD = Prediction("a.jpg", GENRES[:2], dict(zip(GENRES, map(float, SCORES), strict=True)))
BAD = Prediction("b.jpg", (), {}, "truncated (at the end)")


def cells(prediction, top=None):
    text = header_of("csv", top) + line_of("csv", prediction, top)
    titles, row = csv.reader(io.StringIO(text))
    assert len(titles) == len(row)
    return dict(zip(titles, row, strict=True))


def test_a_line_of_json_is_what_the_service_answers():
    told = json.loads(line_of("jsonl", GOOD))
    assert list(told) == ["source", "genres", "scores", "error"]
    assert told["source"] == "a.jpg" and told["error"] is None
    assert told["genres"] == ["Action", "Adventure"] and list(told["scores"]) == list(GENRES)
    assert json.loads(line_of("jsonl", BAD)) == {
        "source": "b.jpg",
        "genres": [],
        "scores": {},
        "error": "truncated (at the end)",
    }


def test_scores_are_read_back_as_the_same_float32():
    told = json.loads(line_of("jsonl", GOOD))["scores"]
    assert (np.array([told[genre] for genre in GENRES], np.float32) == SCORES).all()
    row = cells(GOOD)
    assert (np.array([float(row[genre]) for genre in GENRES], np.float32) == SCORES).all()
    assert max(len(row[genre]) for genre in GENRES) <= 11


def test_a_row_of_csv_has_every_genre_or_the_best():
    row = cells(GOOD)
    assert list(row) == ["source", "genres", *GENRES, "error"]
    assert row["genres"] == "Action|Adventure" and row["error"] == ""
    row = cells(GOOD, top=2)
    titles = ["source", "genres", "genre_1", "score_1", "genre_2", "score_2", "error"]
    assert list(row) == titles
    assert [row["genre_1"], row["score_1"], row["genre_2"]] == ["Action", "0.95", "Adventure"]
    assert set(cells(BAD, top=2).values()) == {"b.jpg", "", BAD.error}
    assert set(cells(BAD).values()) == {"b.jpg", "", BAD.error}


def test_top_keeps_the_best_scores_and_all_picked_genres():
    told = json.loads(line_of("jsonl", GOOD, top=1))
    assert told["genres"] == ["Action", "Adventure"] and list(told["scores"]) == ["Action"]


def test_a_row_of_a_table_is_for_people():
    assert line_of("table", GOOD) == f"{'a.jpg':40}  Action 0.95, Adventure 0.90\n"
    assert line_of("table", GOOD, top=3).endswith("Action 0.95*, Adventure 0.90*, Animation 0.85\n")
    assert line_of("table", BAD) == f"{'b.jpg':40}  ! truncated (at the end)\n"
    none = Prediction("c.jpg", (), GOOD.scores)
    assert line_of("table", none) == f"{'c.jpg':40}  -\n"


@pytest.mark.parametrize("form", ["table", "csv", "jsonl"])
def test_hostile_names_stay_in_their_line(form):
    name = "=cmd|'/c x'!A\n\x1b[2J\u202e\udcff\",.jpg"
    for each in (Prediction(name, (), GOOD.scores), Prediction(name, (), {}, f"no {name}")):
        line = line_of(form, each)
        line.encode("utf-8")
        if form == "csv":
            (row,) = csv.reader(io.StringIO(line))
            assert row[0].startswith("./=cmd") and len(row) == 22
            assert not row[-1] or row[-1].startswith("no ")
        else:
            assert line.count("\n") == 1 and "\x1b" not in line
        if form == "jsonl":
            assert json.loads(line)["source"] == name.replace("\udcff", "\\xff")


NAMES = ["a; -b.jpg", "=a.jpg", ' "@a.jpg', "\t;+a.jpg", "'=a.jpg", "a\r=b\n.jpg", 'a";=b.jpg']


@pytest.mark.parametrize("name", [*NAMES, "a, b;c.jpg", "a\rb.jpg", "-5"])
def test_names_in_a_csv_lead_to_their_files(name, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    picture = tmp_path / name
    picture.write_bytes(b"x")
    line = line_of("csv", Prediction(name, (), GOOD.scores))
    (tmp_path / "out.csv").write_text(header_of("csv") + line, newline="")
    (found,) = Sources(["out.csv"], column="source")
    assert found.read() == b"x" and found.name.removeprefix("./") == name


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("parting", [",", ";", "\t"])
def test_no_part_of_a_name_is_a_formula_wherever_cells_are_parted(name, parting):
    line = line_of("csv", Prediction(name, (), {}, f"no {name}"))
    for row in csv.reader(io.StringIO(line, newline=""), delimiter=parting):
        assert all(cell.lstrip(' "')[:1] not in ("=", "+", "-", "@") or not cell for cell in row)


def test_the_ending_of_a_file_says_its_form():
    names = [None, "a.txt", "A.CSV", "a.jsonl", "a.ndjson", "a.parquet"]
    forms = ["table", "table", "csv", "jsonl", "jsonl", "parquet"]
    assert list(map(format_of, names)) == forms


@pytest.mark.parametrize("name", ["a", "a.josnl", "a.csv.gz"])
def test_another_ending_is_refused_before_any_poster_is_read(name):
    with pytest.raises(UserError, match=r"ends in none of \.txt, \.csv, \.jsonl"):
        format_of(name)


def test_parquet_holds_the_same(tmp_path):
    parquet = pytest.importorskip("pyarrow.parquet")
    lines = [line_of("jsonl", each) for each in (GOOD, BAD)]
    write_parquet(lines, tmp_path / "a.parquet")
    table = parquet.read_table(tmp_path / "a.parquet")
    assert table.column_names == ["source", "genres", *GENRES, "error"]
    good, bad = table.to_pylist()
    assert good["genres"] == ["Action", "Adventure"] and good["error"] is None
    assert (np.array([good[genre] for genre in GENRES], np.float32) == SCORES).all()
    assert bad["error"] == BAD.error and bad["War"] is None and bad["genres"] == []


def test_parquet_of_the_best_has_them_in_order(tmp_path):
    parquet = pytest.importorskip("pyarrow.parquet")
    write_parquet([line_of("jsonl", GOOD, top=2)], tmp_path / "a.parquet", top=2)
    (row,) = parquet.read_table(tmp_path / "a.parquet").to_pylist()
    assert row["top_genres"] == ["Action", "Adventure"]
    assert np.float32(row["top_scores"][0]) == SCORES[0]


def test_parquet_is_written_in_groups(tmp_path):
    parquet = pytest.importorskip("pyarrow.parquet")
    line = line_of("jsonl", GOOD, top=1)
    write_parquet((line for _ in range(8193)), tmp_path / "a.parquet", top=1)
    told = parquet.ParquetFile(tmp_path / "a.parquet").metadata
    assert (told.num_rows, told.num_row_groups) == (8193, 2)


def test_parquet_without_pyarrow_says_what_to_install(monkeypatch):
    from keras_genres.inference.outputs import require_parquet

    monkeypatch.setitem(__import__("sys").modules, "pyarrow.parquet", None)
    with pytest.raises(UserError, match=r"keras-genres\[parquet\]"):
        require_parquet()
