"""Sources that mean harm: a night's `data prepare` goes on, and nothing of them is ever run."""

import csv
import os
import socket
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from hostile import zip_of
from pictures import encoded, picture, write_csv, write_posters

from keras_genres.cli import main
from keras_genres.data.changed import ready_posters
from keras_genres.data.csv_reader import read_table
from keras_genres.data.prepare import prepare
from keras_genres.data.table import escape, load_posters
from keras_genres.errors import UserError
from keras_genres.settings import InputSettings, PrepareSettings


def rows_of(path):
    with open(path, newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


@pytest.fixture
def folders(tmp_path):
    """Genre folders of 24 plain posters."""
    write_posters(tmp_path / "source" / "Drama", 12, ["Drama"])
    write_posters(tmp_path / "source" / "War", 12, ["War"], first=12)
    return tmp_path / "source"


def rejected(data):
    return {row["filename"]: row["reason"] for row in rows_of(data / "rejected.csv")}


def test_what_is_no_picture_costs_its_row_and_nothing_more(folders, tmp_path):
    drama = folders / "Drama"
    os.mkfifo(drama / "pipe.jpg")
    (drama / "loop.jpg").symlink_to("loop.jpg")
    (drama / "device.jpg").symlink_to("/dev/zero")
    (drama / "lost.jpg").symlink_to("nowhere.jpg")
    (drama / "folder.jpg").mkdir()
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(drama / "socket.jpg"))
    with open(drama / "huge.jpg", "wb") as file:
        file.truncate(300 * 2**20)
    (drama / "page.jpg").write_bytes(b"<html>")
    (drama / "archive.jpg").write_bytes(zip_of())
    (drama / "cut.jpg").write_bytes(encoded(picture(70))[:700])
    (drama / "really.png").write_bytes(encoded(picture(71)))  # a JPEG
    found = prepare(folders, tmp_path / "data")
    assert rejected(tmp_path / "data") == {
        "Drama/pipe.jpg": "not a file",
        "Drama/socket.jpg": "not a file",
        "Drama/loop.jpg": "unreadable",
        "Drama/device.jpg": "link to outside",
        "Drama/lost.jpg": "missing",
        "Drama/folder.jpg": "sub-folder",
        "Drama/huge.jpg": "too large",
        "Drama/page.jpg": "not an image",
        "Drama/archive.jpg": "not an image",
        "Drama/cut.jpg": "truncated",
    }
    assert len(found.posters) == 25
    assert "../source/Drama/really.png" in found.posters.filenames


@pytest.fixture
def elsewhere(folders, tmp_path):
    """Links in the folders of `folders` to a poster outside, and to one inside."""
    (tmp_path / "private.jpg").write_bytes(encoded(picture(80)))
    (folders / "War" / "far.jpg").symlink_to(tmp_path / "private.jpg")
    (folders / "War" / "near.jpg").symlink_to("../Drama/p003.jpg")
    return folders


def test_links_out_of_the_source_are_left_out_unless_asked_for(elsewhere, tmp_path):
    prepare(elsewhere, tmp_path / "data")
    assert rejected(tmp_path / "data") == {"War/far.jpg": "link to outside"}
    (row,) = rows_of(tmp_path / "data" / "rejected.csv")
    assert "--follow-links" in row["detail"]
    call = ["data", "prepare", str(elsewhere), "--out", str(tmp_path / "all"), "--follow-links"]
    assert CliRunner().invoke(main, call).exit_code == 0
    assert rejected(tmp_path / "all") == {}
    assert "../source/War/far.jpg" in load_posters(tmp_path / "all").filenames


def test_the_source_itself_may_be_a_link(elsewhere, tmp_path):
    (tmp_path / "link").symlink_to(elsewhere)
    assert len(prepare(tmp_path / "link", tmp_path / "data").posters) == 25


def test_a_genre_folder_that_is_a_link_to_outside_is_refused_in_one_line(folders, tmp_path):
    write_posters(tmp_path / "other", 3, ["Comedy"], first=40)
    (folders / "Comedy").symlink_to(tmp_path / "other")
    with pytest.raises(UserError, match=r"Comedy is a link that leads to .*--follow-links"):
        prepare(folders, tmp_path / "data")
    settings = PrepareSettings(follow_links=True)
    assert len(prepare(folders, tmp_path / "data", settings).posters) == 27


def test_a_csv_does_not_read_through_links_to_outside(tmp_path):
    rows = write_posters(tmp_path / "source" / "images", 20, ["Drama"])
    (tmp_path / "secret.jpg").write_bytes(encoded(picture(60)))
    (tmp_path / "source" / "images" / "s.jpg").symlink_to(tmp_path / "secret.jpg")
    (tmp_path / "source" / "images" / "sub").symlink_to(tmp_path)
    rows += [("s.jpg", "Drama"), ("sub/secret.jpg", "Drama"), ("../../secret.jpg", "Drama")]
    table = write_csv(tmp_path / "source" / "labels.csv", ["filename", "genres"], rows)
    assert len(prepare(table, tmp_path / "data").posters) == 20
    assert rejected(tmp_path / "data") == {
        "s.jpg": "link to outside",
        "sub/secret.jpg": "link to outside",
        "../../secret.jpg": "outside the images folder",
    }


NAMES = [
    b"line\nend.jpg",
    b"car\rriage.jpg",
    b'quo"te, comma.jpg',
    b"-rf.jpg",
    b"=cmd().jpg",
    b"a;=cmd().jpg",
    b"b;+1.jpg",
    b"\xff\xfe.jpg",
    "\u202egpj.exe.jpg".encode(),
    b"\x1b[2J.jpg",
    b"$(touch x) `id` %s {0}.jpg",
    "東京 é.jpg".encode(),
    b"n" * 251 + b".jpg",
    ("𠀀" * 62 + ".jpg").encode(),
]


def test_odd_names_come_through_or_as_a_copy_under_a_plain_name(folders, tmp_path):
    for number, name in enumerate(NAMES):
        try:
            with open(os.path.join(os.fsencode(folders / "War"), name), "wb") as file:
                file.write(encoded(picture(100 + number)))
        except OSError:
            pytest.skip("this file system does not take such names")
    data = tmp_path / "data"
    found = prepare(folders, data)
    assert len(found.posters) == 24 + len(NAMES)
    assert found.facts["rejected"] == {}
    assert found.facts["converted"] == {"name": 7}
    originals = {encoded(picture(100 + number)) for number in range(len(NAMES))}
    for name, path in zip(found.posters.filenames, found.posters.paths, strict=True):
        assert name.isprintable() and not name.startswith(("=", "+", "-", "@"))
        assert escape(name) == name  # as it is, and no formula wherever cells are parted
        with open(path, "rb") as file:
            originals.discard(file.read())
    assert not originals
    assert ready_posters(data, InputSettings(check="hash"))[1] == []
    for file in data.glob("*.csv"):
        for row in rows_of(file):
            assert all(escape(cell) == cell for cell in row.values()), file


def test_cells_that_are_formulas_are_escaped_in_every_table(tmp_path):
    images = tmp_path / "source" / "images"
    rows = [
        (name, "Drama", f"film;=1+{number}", "=cmd|' /C calc'!A0", "a\tb;@SUM(1)")
        for number, (name, _) in enumerate(write_posters(images, 24, ["Drama"]))
    ]
    rows += [("=gone.jpg", "Drama", "+x", "-2+3", ""), ("@none.jpg", "Drama", "=y", "", "")]
    rows += [("p001.jpg", "War", "=y", "", "")]
    header = ["filename", "genres", "film_id", "title", "=note"]
    prepare(write_csv(images.parent / "labels.csv", header, rows), tmp_path / "data")
    tables = list((tmp_path / "data").glob("*.csv"))
    assert len(tables) == 5
    for file in tables:
        with open(file, newline="", encoding="utf-8") as opened:
            for row in csv.reader(opened):
                assert all(escape(cell) == cell for cell in row), file
    posters = load_posters(tmp_path / "data")
    assert posters.extra["title"][0] == "'=cmd|' /C calc'!A0"
    assert set(posters.extra) == {"film_id", "title", "'=note"}
    assert all(group.removeprefix("film-").isalnum() for group in posters.groups)


def test_a_picture_that_changes_while_it_is_prepared_is_what_was_seen(folders, tmp_path):
    # Copies are made of the bytes that were looked at, never of a second reading.
    (folders / "War" / "a\n.jpg").write_bytes(encoded(picture(50)))
    posters = prepare(folders, tmp_path / "data").posters
    (folders / "War" / "a\n.jpg").write_bytes(b"")
    (copy,) = (path for path in posters.paths if "converted" in path)
    assert Path(copy).read_bytes() == encoded(picture(50))
    assert ready_posters(tmp_path / "data", InputSettings())[1] == []


def refusal(tmp_path, data):
    path = tmp_path / "labels.csv"
    path.write_bytes(data)
    with pytest.raises(UserError) as error:
        read_table(path)
    assert "\n" not in str(error.value) and len(str(error.value)) <= 2000
    return str(error.value)


@pytest.mark.parametrize(
    "data, message",
    [
        (b"filename,genres\na.jpg,Dra\0ma\n", "NUL bytes"),
        ("filename,genres\na.jpg,Drama\n".encode("utf-16"), "not UTF-8 (byte 0)"),
        ("filename,genres\na.jpg,Drama\n".encode("utf-16-le"), "NUL bytes"),
        (b'filename,genres\na.jpg,"Drama\nb.jpg,War\n', "unexpected end of data"),
        (b'filename,genres\n"a.jpg"x,Drama\n', "expected after"),
        (b"filename,genres,genres\na.jpg,Drama,War\n", "has the column 'genres' twice"),
        (b"filename,genres\na.jpg," + b"x" * 200_000 + b"\n", "field larger than field limit"),
        (b"filename,genres\na.jpg," + b"x" * 2_000_000 + b"\n", "a line is longer than"),
        (b'filename,genres\na.jpg,"' + b"x\n" * 100_000, "field larger than field limit"),
        (b"filename,genres," + b",".join(b"c%d" % n for n in range(5000)) + b"\n", "columns"),
        (b"," * 1_000_000 + b"\n", "columns, at most 1000"),
        (b"filename,genres\na.jpg," + b"Nope\x1b[2J" * 9000 + b"\n", r"Unknown genre 'Nope\x1b[2J"),
    ],
)
def test_a_csv_that_is_none_or_out_of_all_measure_is_refused_in_one_line(tmp_path, data, message):
    assert message in refusal(tmp_path, data)


def test_lone_carriage_returns_end_lines_too(tmp_path):
    (tmp_path / "labels.csv").write_bytes(b"filename,genres\ra.jpg,Drama\rb.jpg,War\r")
    assert [entry.name for entry in read_table(tmp_path / "labels.csv").entries] == [
        "a.jpg",
        "b.jpg",
    ]


def test_a_csv_that_is_a_pipe_is_refused_and_not_waited_for(tmp_path):
    os.mkfifo(tmp_path / "labels.csv")
    with pytest.raises(UserError, match="is not a file"):
        read_table(tmp_path / "labels.csv")


def test_long_cells_and_many_columns_are_cut_and_told(tmp_path):
    header = ["filename", "genres", *(f"c{number}" for number in range(150))]
    rows = [["a.jpg", "Drama", "x" * 5000, *range(149)]]
    source = read_table(write_csv(tmp_path / "labels.csv", header, rows))
    assert source.entries[0].extra["c0"] == "x" * 300
    assert len(source.entries[0].extra) == 100
    assert len(source.notes) == 2 and "more than 300 characters" in source.notes[1]


def test_names_in_a_csv_that_no_system_takes_are_one_row_each(tmp_path):
    rows = write_posters(tmp_path / "images", 20, ["Drama"])
    rows += [("x" * 5000, "Drama"), ("p/" * 3000 + "a.jpg", "Drama"), ("con:/a.jpg", "Drama")]
    table = write_csv(tmp_path / "labels.csv", ["filename", "genres"], rows)
    assert len(prepare(table, tmp_path / "data").posters) == 20
    assert sorted(rejected(tmp_path / "data").values()) == ["missing", "unreadable", "unreadable"]


def test_a_hostile_table_takes_no_room_for_its_longest_cell(tmp_path):
    rows = write_posters(tmp_path / "images", 20, ["Drama"])
    prepare(write_csv(tmp_path / "l.csv", ["filename", "genres"], rows), tmp_path / "data")
    table = tmp_path / "data" / "multilabel_posters.csv"
    table.write_text(table.read_text().replace("p003", "p" * 100_000))
    with pytest.raises(UserError, match="has a cell of more than 4096 characters"):
        load_posters(tmp_path / "data")


def test_a_poster_without_permission_is_one_row(folders, tmp_path):
    (folders / "War" / "p012.jpg").chmod(0)
    if os.access(folders / "War" / "p012.jpg", os.R_OK):
        pytest.skip("the administrator may read everything")
    found = prepare(folders, tmp_path / "data")
    assert found.facts["rejected"] == {"unreadable": 1}
    assert np.all(found.posters.filenames != "../source/War/p012.jpg")
