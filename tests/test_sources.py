import csv
import io
import os
import subprocess

import pytest
from pictures import write_posters

from keras_genres.data.quality import PictureError
from keras_genres.errors import UserError
from keras_genres.inference.sources import Sources


@pytest.fixture
def posters(tmp_path, monkeypatch):
    """The folder `posters`, in the current one: 3 posters, 2 below in `more/deep`."""
    monkeypatch.chdir(tmp_path)
    write_posters(tmp_path / "posters", 3, ["Drama"])
    write_posters(tmp_path / "posters" / "more" / "deep", 2, ["Drama"], first=3)
    return tmp_path / "posters"


def names(*sources, **options):
    return [found.name for found in Sources(sources, **options)]


def reason(found):
    with pytest.raises(PictureError) as caught:
        found.read()
    return caught.value.reason


ALL = [
    "posters/more/deep/p003.jpg",
    "posters/more/deep/p004.jpg",
    "posters/p000.jpg",
    "posters/p001.jpg",
    "posters/p002.jpg",
]


def write_table(path, rows, **options):
    with open(path, "w", newline="", encoding="utf-8") as file:
        csv.writer(file, **options).writerows(rows)
    return str(path)


def test_a_folder_is_gone_through_to_the_bottom_in_order(posters):
    assert names("posters") == ALL
    assert [found.read()[:2] for found in Sources(["posters"])] == [b"\xff\xd8"] * 5


def test_lists_hidden_files_and_unfinished_jobs_in_a_folder_are_no_posters(posters):
    for name in ("labels.csv", "notes.TXT", ".hidden.jpg", "Thumbs.db"):
        (posters / name).write_bytes(b"x")
    (posters / "out.partial").mkdir()
    (posters / "out.partial" / "rows").write_bytes(b"x")
    (posters / "odd").write_bytes(b"x")  # no ending at all: a poster, until it is opened
    assert names("posters") == ["posters/more/deep/p003.jpg", ALL[1], "posters/odd", *ALL[2:]]


def test_a_file_and_a_missing_file_are_a_poster_each(posters):
    (posters / "empty.jpg").touch()
    found = list(Sources(["posters/p000.jpg", "posters/none.jpg", "posters/empty.jpg"]))
    assert found[0].read() == (posters / "p000.jpg").read_bytes()
    assert [reason(each) for each in found[1:]] == ["missing", "empty file"]


def test_a_pattern_names_files_in_order(posters):
    assert names("posters/**/*.jpg") == ALL
    assert names("posters/p00[12].jpg") == ALL[3:]


def test_a_pattern_of_no_file_is_told_with_the_folder_that_is_there(posters):
    for pattern, said in [
        ("posters/*.webp", r"No file is of the pattern posters/\*\.webp\.$"),
        ("posters/mo?e", "No file is of"),  # a folder is none
        ("postres/*.jpg", r"Did you mean posters/\*\.jpg\?$"),
        ("posters/mroe/**/*.jpg", r"Did you mean posters/more/\*\*/\*\.jpg\?$"),
        ("none/*.jpg", r"\*\.jpg\.$"),
    ]:
        with pytest.raises(UserError, match=said):
            Sources(["posters/p000.jpg", pattern])


def test_a_file_whose_name_looks_like_a_pattern_is_a_file(posters):
    os.rename(posters / "p000.jpg", posters / "p[12].jpg")
    assert names("posters/p[12].jpg") == ["posters/p[12].jpg"]


def test_a_csv_names_posters_beside_it_or_in_images_and_keeps_their_names(posters):
    rows = [("id", "Image File"), ("1", "p000.jpg"), ("2", "more\\deep\\p003.jpg"), ("3", "")]
    table = write_table(posters / "films.csv", rows, delimiter=";")
    found = list(Sources([table]))
    assert [each.name for each in found] == ["p000.jpg", "more\\deep\\p003.jpg", ""]
    assert found[1].read() == (posters / "more/deep/p003.jpg").read_bytes()
    assert reason(found[2]) == "missing"
    other = write_table("films.csv", [("cover", "x"), ("p001.jpg", "")])
    (found,) = Sources([other], column="COVER", images="posters")
    assert found.read() == (posters / "p001.jpg").read_bytes()


def test_a_csv_may_name_urls_and_absolute_paths(posters):
    path = str(posters / "p000.jpg")
    table = write_table("films.csv", [("path",), ("https://a.example/b.jpg",), (path,)])
    one, two = Sources([table], fetch=lambda url: f"fetched {url}".encode())
    assert one.read() == b"fetched https://a.example/b.jpg"
    assert two.read() == (posters / "p000.jpg").read_bytes()


def test_more_rows_than_are_looked_at_for_the_folder_are_all_there(posters):
    rows = [("path",), ("posters/p000.jpg",), *((f"p{number}.jpg",) for number in range(450))]
    assert names(write_table("films.csv", rows)) == [name for (name,) in rows[1:]]


def test_a_list_on_stdin_names_files_and_urls(posters):
    stdin = io.BytesIO(b"posters/p000.jpg\r\n\n  https://a.example/b.jpg\nposters/caf\xe9.jpg")
    found = list(Sources(["-"], stdin=stdin, fetch=lambda url: b"fetched"))
    assert [each.name for each in found[:2]] == ["posters/p000.jpg", "https://a.example/b.jpg"]
    assert found[1].read() == b"fetched"
    assert os.fsencode(found[2].name) == b"posters/caf\xe9.jpg"


def test_several_sources_come_in_the_order_they_are_given(posters):
    given = ["http://a.example/b.jpg", "posters/more", "posters/p000.jpg"]
    assert names(*given) == [given[0], *ALL[:2], given[2]]


def test_nothing_but_plain_files_is_read(posters):
    os.mkfifo(posters / "pipe.jpg")
    os.symlink("/dev/zero", posters / "zero.jpg")
    os.symlink("/etc/hostname", posters / "outside.jpg")
    os.symlink("p000.jpg", posters / "inside.jpg")
    found = {os.path.basename(each.name): each for each in Sources(["posters"])}
    assert reason(found["pipe.jpg"]) == "not a file"
    assert reason(found["zero.jpg"]) == "link to outside"
    assert reason(found["outside.jpg"]) == "link to outside"
    assert found["inside.jpg"].read() == (posters / "p000.jpg").read_bytes()
    (device,) = Sources(["/dev/zero"])
    assert reason(device) == "not a file"


def test_links_are_followed_only_when_asked_and_never_in_a_circle(posters, tmp_path):
    write_posters(tmp_path / "outside", 1, ["Drama"], first=9)
    os.symlink(tmp_path / "outside", posters / "link")
    os.symlink("..", posters / "more" / "up")
    (link,) = [each for each in Sources(["posters"]) if each.name == "posters/link"]
    assert reason(link) == "link to outside"
    followed = names("posters", follow_links=True)
    assert followed == ["posters/link/p009.jpg", *ALL]


def test_a_deep_folder_does_not_end_the_run(posters):
    place = posters
    for _ in range(1100):
        place = place / "d"
    steps = str(place.relative_to(posters)).split("/")
    here = os.getcwd()
    os.chdir(posters)
    for step in steps:  # longer than a path may be
        os.mkdir(step)
        os.chdir(step)
    os.chdir(here)
    try:
        assert names("posters")[-5:] == ALL
    finally:  # pytest's own clearing up would end in a RecursionError, of this test or a later run
        subprocess.run(["rm", "-rf", posters / "d"], check=True)


@pytest.mark.parametrize("parts", [1, 2, 5])
def test_parts_are_disjoint_and_together_all_wherever_the_folder_stands(posters, parts, tmp_path):
    os.rename(posters, tmp_path / "elsewhere")
    write_posters(tmp_path / "elsewhere", 30, ["Drama"])
    whole = names("elsewhere")
    shards = [names("elsewhere", shard=(part, parts)) for part in range(1, parts + 1)]
    assert sorted(name for part in shards for name in part) == sorted(whole)
    os.rename(tmp_path / "elsewhere", tmp_path / "here")
    again = [names("here", shard=(part, parts)) for part in range(1, parts + 1)]
    assert [[os.path.relpath(name, "here") for name in part] for part in again] == [
        [os.path.relpath(name, "elsewhere") for name in part] for part in shards
    ]


@pytest.mark.parametrize(
    ("sources", "options", "said"),
    [
        ([], {}, "No source"),
        (["-", "a", "-"], {}, "stands twice"),
        (["posters"], {"column": "path"}, "no source is one"),
        (["posters"], {"images": "posters"}, "no source is one"),
        (["none.csv"], {}, "There is no none.csv"),
        (["films.csv"], {}, "name one with --column. It has a, b"),
        (["films.csv"], {"column": "c"}, "no column 'c'"),
    ],
)
def test_what_does_not_fit_is_told_before_anything_is_read(posters, sources, options, said):
    write_table("films.csv", [("a", "b"), ("1", "2")])
    with pytest.raises(UserError, match=said):
        Sources(sources, **options)


def test_a_folder_that_is_not_there_is_told_with_the_one_that_is(posters):
    with pytest.raises(UserError, match=r"no file or folder postres\. Did you mean posters\?"):
        Sources(["posters/p000.jpg", "postres"])
    with pytest.raises(UserError, match=r"no file or folder posters/mroe/\. Did you mean .*more"):
        Sources(["posters/mroe/"])
    with pytest.raises(UserError, match=r"There is no file or folder none/at/all\.$"):
        Sources(["none/at/all"])
    found = list(Sources(["posters/p009.jpg", "posters/p000.jpg"]))
    assert [each.name for each in found] == ["posters/p009.jpg", "posters/p000.jpg"]
    assert reason(found[0]) == "missing"


def test_a_csv_of_posters_elsewhere_is_told_to_name_their_folder(posters):
    rows = [["filename"], *[[f"p00{number}.jpg"] for number in range(3)]]
    table = write_table("films.csv", rows)
    with pytest.raises(
        UserError, match=r"none of the first 3 posters that films\.csv names\. .*--im"
    ):
        Sources([table])
    assert names(table, images="posters") == ["p000.jpg", "p001.jpg", "p002.jpg"]
    with pytest.raises(UserError, match="posters/more has none of the first 3"):
        Sources([table], images="posters/more")
    # One that is there, or a URL, and the others are rows with their errors.
    write_table("films.csv", [*rows, ["posters/p000.jpg"]])
    assert len(names("films.csv")) == 4
    write_table("films.csv", [*rows, ["https://example.org/a.jpg"]])
    assert len(names("films.csv")) == 4
