import csv
import os
import shutil
import tracemalloc
from pathlib import Path

import numpy as np
import pytest
from pictures import encoded, picture, write_csv, write_posters
from PIL import Image

from keras_genres.data import prepare as module
from keras_genres.data.check import check
from keras_genres.data.prepare import prepare
from keras_genres.data.quality import load_picture
from keras_genres.data.table import load_posters
from keras_genres.errors import UserError
from keras_genres.genres import GENRES
from keras_genres.settings import PrepareSettings

COMMON = ["Drama", "Comedy", "Drama|Comedy"]


def rows_of(path):
    with open(path, newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


@pytest.fixture
def source(tmp_path):
    """A CSV beside `images/` with 30 plain posters; returns a function that adds rows."""
    images = tmp_path / "source" / "images"
    rows = [(*row, f"tt{n}") for n, row in enumerate(write_posters(images, 30, COMMON))]

    def add(*more):
        for name, data, genres, film in more:
            (images / name).write_bytes(data)
            rows.append((name, genres, film))
        return write_csv(images.parent / "labels.csv", ["filename", "genres", "imdb_id"], rows)

    return add


def test_a_prepared_folder_holds_every_poster_once(source, tmp_path):
    found = prepare(source(), tmp_path / "data")
    posters = load_posters(tmp_path / "data")
    assert len(posters) == 30
    assert posters.filenames[0] == "../source/images/p000.jpg"
    assert all(os.path.isfile(path) for path in posters.paths)
    assert posters.labels[:, GENRES.index("Drama")].sum() == 20
    assert posters.labels.sum() == 40
    assert sorted(posters.groups) == sorted(f"film-tt{n}" for n in range(30))
    assert found.facts["posters"] == 30
    assert found.facts["genres_per_poster"] == {"1": 20, "2": 10}
    assert sorted(path.name for path in (tmp_path / "data").iterdir()) == [
        "conflicts.csv",
        "duplicates.csv",
        "files.csv",
        "multilabel_posters.csv",
        "prepare.json",
        "rejected.csv",
        "split.json",
    ]


def test_the_same_posters_give_the_same_bytes_and_another_seed_others(source, tmp_path):
    table = source()
    for name, seed in (("a", 0), ("b", 0), ("c", 1)):
        prepare(table, tmp_path / name, PrepareSettings(seed=seed), jobs=1 if name == "a" else 4)
    a, b, c = ((tmp_path / n / "multilabel_posters.csv").read_bytes() for n in "abc")
    assert a == b != c


def test_genre_folders_and_csv_give_the_same_labels(source, tmp_path):
    by_csv = prepare(source(), tmp_path / "csv").posters
    for path, labels in zip(by_csv.paths, by_csv.labels, strict=True):
        for genre in np.array(GENRES)[labels == 1]:
            (tmp_path / "folders" / genre).mkdir(parents=True, exist_ok=True)
            shutil.copy(path, tmp_path / "folders" / genre)
    by_folder = prepare(tmp_path / "folders", tmp_path / "data").posters
    assert [Path(path).name for path in by_folder.paths] != []
    found = {
        Path(p).name: row.tolist() for p, row in zip(by_folder.paths, by_folder.labels, strict=True)
    }
    assert found == {
        Path(p).name: row.tolist() for p, row in zip(by_csv.paths, by_csv.labels, strict=True)
    }


def test_what_is_left_out_is_listed_with_its_reason(source, tmp_path):
    good = encoded(picture(99))
    table = source(
        ("empty.jpg", b"", "Drama", "x1"),
        ("cut.jpg", good[:900], "Drama", "x2"),
        ("page.jpg", b"<html>", "Drama", "x3"),
        ("nogenre.jpg", good, "", "x4"),
        ("=cmd().jpg", b"", "Drama", "x5"),
    )
    (table.parent / "images" / "p029.jpg").unlink()
    found = prepare(table, tmp_path / "data")
    rejected = {r["filename"]: r["reason"] for r in rows_of(tmp_path / "data" / "rejected.csv")}
    assert rejected == {
        "empty.jpg": "empty file",
        "cut.jpg": "truncated",
        "page.jpg": "not an image",
        "nogenre.jpg": "no genre",
        "'=cmd().jpg": "empty file",
        "p029.jpg": "missing",
    }
    assert len(found.posters) == 29
    assert found.facts["rejected"]["empty file"] == 2


def test_odd_files_are_copied_as_plain_png_that_every_decoder_reads_alike(source, tmp_path):
    tf = pytest.importorskip("tensorflow")
    exif = Image.Exif()
    exif[0x0112] = 6
    odd = {
        "cmyk.jpg": encoded(picture(40).convert("CMYK")),
        "palette.png": encoded(picture(41).quantize(32), "PNG"),
        "alpha.png": encoded(picture(42).convert("RGBA").rotate(30), "PNG"),
        "deep.png": encoded(
            Image.fromarray(np.asarray(picture(43).convert("L")).astype(np.uint16) * 257), "PNG"
        ),
        "turned.jpg": encoded(picture(44), exif=exif),
        "moving.gif": encoded(picture(45), "GIF", save_all=True, append_images=[picture(46)]),
        "web.jpg": encoded(picture(47), "WEBP"),
    }
    table = source(*((name, data, "War", name) for name, data in odd.items()))
    found = prepare(table, tmp_path / "data")
    assert sum(found.facts["converted"].values()) == 7
    assert len(list((tmp_path / "data" / "converted").iterdir())) == 7
    converted = 0
    for name, path in zip(found.posters.filenames, found.posters.paths, strict=True):
        if name.startswith("converted/"):
            original = next(data for key, data in odd.items() if key.split(".")[0] in name)
            wanted = np.asarray(load_picture(original))
            seen = tf.io.decode_image(Path(path).read_bytes(), channels=3).numpy()
            assert (seen == wanted).all()
            converted += 1
    assert converted == 7


def test_what_belongs_together_stays_in_one_split_and_conflicts_are_listed(source, tmp_path):
    again = picture(3).resize((120, 180))
    table = source(
        ("bytes.jpg", encoded(picture(2), quality=90), "Drama|Comedy", "tt900"),  # p002 again
        ("small.jpg", encoded(again, quality=60), "War", "tt901"),  # p003 again
        ("other.jpg", encoded(picture(80)), "Drama", "tt4"),  # another poster of p004's film
    )
    found = prepare(table, tmp_path / "data")
    groups = dict(
        zip(map(os.path.basename, found.posters.filenames), found.posters.groups, strict=True)
    )
    assert groups["bytes.jpg"] == groups["p002.jpg"] == "film-tt2"
    assert groups["small.jpg"] == groups["p003.jpg"] == "film-tt3"
    assert groups["other.jpg"] == groups["p004.jpg"] == "film-tt4"
    duplicates = rows_of(tmp_path / "data" / "duplicates.csv")
    why = {os.path.basename(row["filename"]): row["why"] for row in duplicates}
    assert why == {
        "bytes.jpg": "same bytes",
        "p002.jpg": "same bytes",
        "small.jpg": "same picture",
        "p003.jpg": "same picture",
        "other.jpg": "same film",
        "p004.jpg": "same film",
    }
    for group in ("film-tt2", "film-tt3", "film-tt4"):
        assert len({row["split"] for row in duplicates if row["group"] == group}) == 1
    conflicts = rows_of(tmp_path / "data" / "conflicts.csv")
    assert {row["group"] for row in conflicts} == {"film-tt3", "film-tt4"}
    assert found.facts["conflicts"] == {"groups": 2, "posters": 4}
    assert found.facts["duplicates"]["largest_group"] == 2


def test_a_stock_picture_of_many_films_is_left_out_and_nine_films_are_not(source, tmp_path):
    stock = picture(77)

    def of(count):
        return [
            (f"s{n}.jpg", encoded(stock, quality=70 + n), "Drama", f"s{n}") for n in range(count)
        ]

    assert len(prepare(source(*of(9)), tmp_path / "nine").posters) == 39
    found = prepare(source(*of(10)[9:]), tmp_path / "ten")
    assert len(found.posters) == 30
    assert found.facts["rejected"] == {"stock picture": 10}
    detail = rows_of(tmp_path / "ten" / "rejected.csv")[0]["detail"]
    assert detail == "10 films share this picture"


def test_ten_posters_of_one_film_are_no_stock_picture(source, tmp_path):
    same = [(f"s{n}.jpg", encoded(picture(77), quality=70 + n), "Drama", "one") for n in range(12)]
    assert len(prepare(source(*same), tmp_path / "data").posters) == 42


def test_a_genre_missing_from_a_split_is_said(source, tmp_path):
    table = source(("war.jpg", encoded(picture(60)), "War|Drama", "w"))
    notes = prepare(table, tmp_path / "data").facts["notes"]
    assert any(
        note.startswith("No poster in val has the genre") and "War" in note for note in notes
    )


def test_a_file_name_that_looks_like_a_formula_is_still_found(source, tmp_path):
    images = source().parent / "images"
    (images / "=cmd().jpg").write_bytes(encoded(picture(61)))
    rows = [("=cmd().jpg", "Drama"), *((f"p{n:03}.jpg", "Drama") for n in range(20))]
    table = write_csv(images / "labels.csv", ["filename", "genres"], rows)
    posters = prepare(table, images.parent / "data").posters
    assert "../images/=cmd().jpg" in posters.filenames
    assert all(map(os.path.isfile, posters.paths))


def test_titles_are_carried_along_behind_the_contracts_columns(source, tmp_path):
    table = source()
    rows = [(row["filename"], row["genres"], "=cmd()", "1999") for row in rows_of(table)]
    write_csv(table, ["filename", "genres", "title", "year"], rows)
    posters = prepare(table, tmp_path / "data").posters
    assert set(posters.extra["title"]) == {"'=cmd()"}
    assert set(posters.extra["year"]) == {"1999"}


@pytest.mark.parametrize("overwrite", [False, True])
def test_the_source_is_never_overwritten(source, tmp_path, overwrite):
    table = source()
    for out in (table.parent, tmp_path, table.parent / "images"):
        with pytest.raises(UserError, match=r"which is read|is there already|not overwritten"):
            prepare(table, out, images=table.parent / "images", overwrite=overwrite)
    assert len(list((table.parent / "images").iterdir())) == 30
    assert table.exists()


def test_only_a_prepared_folder_is_overwritten(source, tmp_path):
    table = source()
    prepare(table, tmp_path / "data")
    with pytest.raises(UserError, match="is there already"):
        prepare(table, tmp_path / "data")
    prepare(table, tmp_path / "data", overwrite=True)
    (tmp_path / "home").mkdir()
    (tmp_path / "home" / "letter.txt").write_text("dear")
    with pytest.raises(UserError, match="not overwritten"):
        prepare(table, tmp_path / "home", overwrite=True)
    assert (tmp_path / "home" / "letter.txt").read_text() == "dear"


def test_bad_sources_are_refused_and_leave_nothing(tmp_path):
    (tmp_path / "none_good" / "Drama").mkdir(parents=True)
    (tmp_path / "none_good" / "Drama" / "a.jpg").write_bytes(b"")
    (tmp_path / "empty" / "Drama").mkdir(parents=True)
    write_csv(tmp_path / "nolabels.csv", ["filename"], [["a.jpg"]])
    write_csv(tmp_path / "nofiles.csv", ["filename", "genres"], [["a.jpg", "Drama"]])
    for name, message in (
        ("nothing", "There is no"),
        ("none_good", "No poster of .* can be used: 1 empty file"),
        ("empty", "is empty"),
        ("nolabels.csv", "has no genres"),
        ("nofiles.csv", "No poster of .* can be used: 1 missing"),
    ):
        with pytest.raises(UserError, match=message):
            prepare(tmp_path / name, tmp_path / "out" / "data")
    assert not list(tmp_path.glob("out/*"))


def test_an_interrupt_leaves_nothing(source, tmp_path, monkeypatch):
    seen = []

    def look(*args):
        seen.append(args)
        if len(seen) > 10:
            raise KeyboardInterrupt
        return real(*args)

    real = module.examine
    monkeypatch.setattr(module, "examine", look)
    with pytest.raises(KeyboardInterrupt):
        prepare(source(), tmp_path / "out" / "data")
    assert not list(tmp_path.glob("out/*"))


def test_out_may_lie_inside_the_folder_of_genres(tmp_path):
    write_posters(tmp_path / "Drama", 12, ["Drama"])
    write_posters(tmp_path / "War", 12, ["War"], first=12)
    for _ in range(2):
        posters = prepare(tmp_path, tmp_path / "data", overwrite=True).posters
        assert len(posters) == 24
    assert posters.filenames[0] == "../Drama/p000.jpg"


def test_an_id_column_that_is_none_is_noticed(source, tmp_path):
    rows = [(row["filename"], row["genres"], "x") for row in rows_of(source())[:20]]
    rows += [(row["filename"], row["genres"], row["filename"]) for row in rows_of(source())[20:]]
    table = write_csv(tmp_path / "source" / "labels.csv", ["filename", "genres", "id"], rows)
    found = prepare(table, tmp_path / "data", PrepareSettings(val_fraction=0.1, test_fraction=0.1))
    assert found.facts["duplicates"]["largest_group"] == 20
    assert "The group film-x has 20 posters" in found.facts["notes"][-1]


def draw_tiny(folder, count):
    """Write `count` tiny posters of 1 to 3 genres and their CSV; return its path."""
    images = folder / "images"
    images.mkdir(parents=True)
    rows = []
    for number in range(count):
        name = f"poster_{number:05}.jpg"
        (images / name).write_bytes(encoded(picture(number, 16, 24)))
        genres = {GENRES[number % 19], GENRES[number // 19 % 19], GENRES[number // 361 % 19]}
        rows.append((name, "|".join(genres), f"tt{number:07}", f"Title {number}", 1900))
    return write_csv(
        folder / "labels.csv", ["filename", "genres", "imdb_id", "title", "year"], rows
    )


def peak_of(table, out):
    """Return the peak of what Python and NumPy hold while `table` is prepared and checked."""
    tracemalloc.start()
    try:
        prepare(table, out, jobs=1)
        check(out)
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


def test_a_poster_more_takes_less_than_half_a_kilobyte(tmp_path):
    # As objects it was 2.3 KB. What is needed whatever their number is the same twice.
    few, many = (draw_tiny(tmp_path / str(count), count) for count in (300, 1500))
    peak_of(few, tmp_path / "first")  # imports and caches
    grown = peak_of(many, tmp_path / "many") - peak_of(few, tmp_path / "few")
    assert grown / 1200 < 512


@pytest.mark.slow
@pytest.mark.skipif("KERAS_GENRES_POSTERS" not in os.environ, reason="needs real posters")
def test_genre_folders_of_real_posters_keep_every_count(tmp_path):
    real = Path(os.environ["KERAS_GENRES_POSTERS"])
    labels = rows_of(real / "labels.csv")
    for row in labels:
        for genre in row["genres"].split("|"):
            (tmp_path / "folders" / genre).mkdir(parents=True, exist_ok=True)
            shutil.copy(real / "images" / row["filename"], tmp_path / "folders" / genre)
    posters = prepare(tmp_path / "folders", tmp_path / "data").posters
    counts = [sum(genre in row["genres"].split("|") for row in labels) for genre in GENRES]
    assert posters.labels.sum(axis=0).tolist() == counts
    shares = np.array([posters.part(s).labels.mean(axis=0) for s in ("train", "val", "test")])
    assert (shares.max(axis=0) - shares.min(axis=0)).max() < 0.01
