"""More posters beside a split whose validation and test stay what they are."""

import csv
import re
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from pictures import encoded, picture, write_csv, write_posters

from keras_genres.cli import main
from keras_genres.data.duplicates import components
from keras_genres.data.extend import crossing
from keras_genres.data.prepare import prepare
from keras_genres.data.table import load_posters
from keras_genres.errors import UserError

TRAIN, VAL, TEST = range(3)


class Source:
    """A CSV of posters beside their folder, which can grow."""

    def __init__(self, folder, count=30):
        self.images = folder / "images"
        plain = write_posters(self.images, count, ["Drama", "Comedy", "Drama|Comedy"])
        self.rows = [(*row, f"tt{number}") for number, row in enumerate(plain)]
        self.path = folder / "labels.csv"
        self.write()

    def write(self):
        write_csv(self.path, ["filename", "genres", "imdb_id"], self.rows)

    def add(self, name, image, film, genres="Drama", **options):
        (self.images / name).write_bytes(encoded(image, **options))
        self.rows.append((name, genres, film))
        self.write()


@pytest.fixture
def source(tmp_path):
    return Source(tmp_path / "source")


@pytest.fixture
def old(source, tmp_path):
    """The split of the first 30 posters."""
    prepare(source.path, tmp_path / "old")
    return tmp_path / "old"


def splits_of(folder):
    """Return name of the file -> split."""
    posters = load_posters(folder)
    names = [Path(name).name for name in posters.filenames]
    return dict(zip(names, posters.splits.tolist(), strict=True))


def some_of(folder, split):
    """Return `(number, name)` of posters of a split."""
    names = sorted(name for name, found in splits_of(folder).items() if found == split)
    return [(int(re.search(r"\d+", name)[0]), name) for name in names]


def rejected_of(folder):
    with open(folder / "rejected.csv", newline="") as file:
        return {row["filename"]: (row["reason"], row["detail"]) for row in csv.DictReader(file)}


def test_held_out_posters_stay_and_all_others_are_trained_on(source, old, tmp_path):
    before = splits_of(old)
    for number in range(100, 120):
        source.add(f"new{number}.jpg", picture(number), f"tt{number}")
    found = prepare(source.path, tmp_path / "more", extend=old)
    after = splits_of(tmp_path / "more")
    assert {name: after[name] for name in before} == before
    assert {after[name] for name in after if name.startswith("new")} == {"train"}
    assert len(after) == 50 and not found.facts["rejected"]
    now, then = found.posters.split, load_posters(old).split
    assert now.splits["test"] == then.splits["test"] and now.splits["val"] == then.splits["val"]
    assert now.sha256 != then.sha256 and found.facts["extends"] == then.sha256
    held_out = {name: then.splits[name]["posters"] / 50 for name in ("val", "test")}
    assert now.fractions == {"train": 1 - sum(held_out.values()), **held_out}


def test_a_new_poster_of_a_film_or_picture_that_is_held_out_is_left_out(source, old, tmp_path):
    (test, test_name), (val, val_name) = some_of(old, "test")[0], some_of(old, "val")[0]
    train, _ = some_of(old, "train")[0]
    source.add("film.jpg", picture(200), f"tt{test}")
    source.add("picture.jpg", picture(val).resize((120, 180)), "tt300", quality=60)
    source.add("bytes.jpg", picture(test), "tt301", quality=90)
    source.add("odd.png", picture(val).quantize(64), "tt302", kind="PNG")
    source.add("fine.jpg", picture(201), f"tt{train}")
    prepare(source.path, tmp_path / "more", extend=old)
    after = splits_of(tmp_path / "more")
    assert (after[test_name], after[val_name], after["fine.jpg"]) == ("test", "val", "train")
    told = {name: f"of one film or picture with a {split} poster of {old}" for name, split in (
        ("film.jpg", "test"), ("picture.jpg", "val"), ("bytes.jpg", "test"), ("odd.png", "val")
    )}  # fmt: skip
    assert rejected_of(tmp_path / "more") == {
        name: ("held out", detail) for name, detail in told.items()
    }
    assert not (tmp_path / "more" / "converted").exists()
    assert len(after) == 31


def test_a_new_poster_between_validation_and_test_costs_neither(source, old, tmp_path):
    (test, _), (val, _) = some_of(old, "test")[0], some_of(old, "val")[0]
    source.add("between.jpg", picture(test).resize((120, 180)), f"tt{val}")
    prepare(source.path, tmp_path / "more", extend=old)
    assert splits_of(tmp_path / "more") == splits_of(old)
    assert list(rejected_of(tmp_path / "more")) == ["between.jpg"]


def test_posters_that_turn_out_to_be_one_film_go_with_the_test(source, old, tmp_path):
    (test, test_name), (_, val_name) = some_of(old, "test")[0], some_of(old, "val")[0]
    _, train_name = some_of(old, "train")[0]
    source.rows = [
        (name, genres, f"tt{test}" if name in (val_name, train_name) else film)
        for name, genres, film in source.rows
    ]
    source.write()
    found = prepare(source.path, tmp_path / "more", extend=old)
    after = splits_of(tmp_path / "more")
    assert after == {
        name: split for name, split in splits_of(old).items() if name not in (val_name, train_name)
    }
    assert after[test_name] == "test" and set(rejected_of(tmp_path / "more")) == {
        val_name,
        train_name,
    }
    total = len(some_of(old, "val"))
    assert any(
        note.startswith(f"1 of the {total} val posters of {old}") for note in found.facts["notes"]
    )


def test_converted_posters_are_known_again(source, tmp_path):
    for number in range(300, 330):
        source.add(f"odd{number}.jpg", picture(number).convert("CMYK"), f"tt{number}")
    prepare(source.path, tmp_path / "old")
    prepare(source.path, tmp_path / "more", extend=tmp_path / "old")
    assert splits_of(tmp_path / "more") == splits_of(tmp_path / "old")
    assert "test" in {s for n, s in splits_of(tmp_path / "old").items() if n.startswith("odd")}


def test_posters_may_have_moved_and_one_that_is_gone_is_told(source, old, tmp_path):
    before = splits_of(old)
    _, gone = some_of(old, "test")[0]
    moved = tmp_path / "elsewhere"
    (tmp_path / "source").rename(moved)
    (moved / "images" / gone).unlink()
    found = prepare(moved / "labels.csv", tmp_path / "more", extend=old)
    assert splits_of(tmp_path / "more") == {n: s for n, s in before.items() if n != gone}
    total = len(some_of(old, "test"))
    assert [note for note in found.facts["notes"] if "compared" in note] == [
        f"1 of the {total} test posters of {old} are not among those of {moved / 'labels.csv'}: "
        "scores on them cannot be compared with earlier ones."
    ]


def test_a_source_of_new_posters_alone_is_refused_and_leaves_nothing(old, tmp_path):
    other = Source(tmp_path / "other")
    for row in range(30):
        (other.images / f"p{row:03}.jpg").write_bytes(encoded(picture(500 + row)))
    with pytest.raises(UserError, match=r"None of the \d+ val posters of .* holds those posters"):
        prepare(other.path, tmp_path / "more", extend=old)
    assert not (tmp_path / "more").exists()


def test_a_folder_that_is_none_or_does_not_know_its_files_is_refused(source, old, tmp_path):
    with pytest.raises(UserError, match="There is no folder"):
        prepare(source.path, tmp_path / "more", extend=tmp_path / "nothing")
    with pytest.raises(UserError, match="which is read"):
        prepare(source.path, old, extend=old, overwrite=True)
    (old / "files.csv").unlink()
    with pytest.raises(UserError, match=r"has no files\.csv"):
        prepare(source.path, tmp_path / "more", extend=old)


def test_the_command_extends_and_draws_no_split_beside_it(source, old, tmp_path):
    command = ["data", "prepare", str(source.path), "--extend", str(old), "--out"]
    done = CliRunner().invoke(main, [*command, str(tmp_path / "more")])
    assert done.exit_code == 0, done.output
    sha256 = load_posters(old).split.sha256
    assert f"Extends:           validation and test of the split {sha256[:16]}" in done.output
    assert splits_of(tmp_path / "more") == splits_of(old)
    for option in ("--seed", "--val-fraction"):
        refused = CliRunner().invoke(main, [*command, str(tmp_path / "no"), option, "0"])
        assert refused.exit_code == 2 and f"{option} does not count" in refused.output


@pytest.mark.parametrize(
    ("splits", "pairs", "wanted"),
    [
        ([TRAIN, TEST, VAL], [], [0, 0, 0]),
        ([TRAIN, TEST, VAL], [(0, 1)], [TEST, 0, 0]),
        ([TRAIN, TRAIN, VAL], [(0, 1), (1, 2)], [VAL, VAL, 0]),
        ([TRAIN, TEST, VAL], [(0, 1), (0, 2)], [TEST, 0, 0]),
        ([TRAIN, TEST, VAL], [(1, 2), (0, 2)], [TEST, 0, TEST]),
        ([VAL, VAL, TEST, TEST], [(0, 1), (2, 3)], [0, 0, 0, 0]),
    ],
)
def test_who_crosses_into_what_is_held_out(splits, pairs, wanted):
    links = {"same film": np.array(pairs, np.int64).reshape(-1, 2)}
    assert crossing(np.array(splits), links).tolist() == wanted


def test_no_group_is_on_two_sides_once_those_that_cross_are_gone():
    random = np.random.default_rng(0)
    for _ in range(200):
        splits = random.integers(0, 3, 40)
        pairs = random.integers(0, 40, (15, 2))
        stays = crossing(splits, {"same picture": pairs}) == 0
        assert stays[splits == TEST].all()
        joined = pairs[stays[pairs].all(axis=1)]
        sides = [set() for _ in range(40)]
        for row, root in enumerate(components(40, joined.tolist())):
            if stays[row]:
                sides[root].add(int(splits[row]))
        assert max(map(len, sides)) == 1
