"""Posters that vanished or changed since `data prepare`."""

import json
import os
import shutil

import numpy as np
import pytest
from click.testing import CliRunner
from pictures import encoded, picture, write_csv, write_posters

from keras_genres.cli import main
from keras_genres.data.changed import carry_stamps, find_changes, ready_posters
from keras_genres.data.check import check
from keras_genres.data.prepare import prepare
from keras_genres.data.table import load_posters, require_positives
from keras_genres.data.table import write_posters as write_table
from keras_genres.errors import UserError
from keras_genres.genres import GENRES
from keras_genres.settings import InputSettings
from keras_genres.split import Split

LEAVE_OUT = InputSettings(changed="leave_out")


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    folder = tmp_path_factory.mktemp("made")
    rows = write_posters(folder / "images", 24, ["|".join(GENRES[:-1]), "|".join(GENRES)])
    (folder / "images" / 'odd, "é".png').write_bytes(encoded(picture(90).quantize(9), "PNG"))
    rows.append(('odd, "é".png', "Drama"))
    prepare(write_csv(folder / "labels.csv", ["filename", "genres"], rows), folder / "data")
    return folder


@pytest.fixture
def data(made, tmp_path):
    """A prepared folder beside its `images`, with the times of change they had."""
    return shutil.copytree(made, tmp_path / "work") / "data"


def image(data, number):
    return data.parent / "images" / f"p{number:03}.jpg"


def rewrite(path, content):
    """Change the content of a file and leave its size and time as they were."""
    seen = path.stat()
    path.write_bytes(content)
    os.utime(path, ns=(seen.st_atime_ns, seen.st_mtime_ns))


def flipped(path):
    content = bytearray(path.read_bytes())
    content[-20] ^= 1
    return bytes(content)


def test_untouched_posters_are_all_there(data):
    notes = []
    posters, left_out = ready_posters(data, InputSettings(), notes.append)
    assert (len(posters), left_out, notes) == (25, [], [])
    assert posters.split == load_posters(data).split
    assert len(ready_posters(data, InputSettings(check="hash"), notes.append)[0]) == 25


def test_what_ails_each_is_said_in_one_line_with_both_ways_out(data):
    image(data, 1).unlink()
    image(data, 2).write_bytes(image(data, 2).read_bytes() + b"12")
    size = image(data, 2).stat().st_size
    image(data, 3).write_bytes(flipped(image(data, 3)))
    image(data, 4).unlink()
    os.mkfifo(image(data, 4))
    with pytest.raises(UserError) as error:
        ready_posters(data, InputSettings())
    assert str(error.value) == (
        "4 of 25 posters changed or vanished since `data prepare`: ../images/p001.jpg (vanished), "
        f"../images/p002.jpg (size {size - 2} -> {size} bytes), ../images/p003.jpg (other "
        "content), ../images/p004.jpg (no file but a pipe). Run `keras-genres data prepare` "
        "again, or train without them: --set input.changed=leave_out."
    )


def test_only_the_first_five_are_named(data):
    for number in range(8):
        image(data, number).unlink()
    with pytest.raises(UserError, match=r"8 of 25 posters vanished .*p004.jpg \(vanished\) and 3"):
        ready_posters(data, InputSettings())


def test_copied_posters_with_other_times_are_no_alarm(data):
    for number in range(5):
        os.utime(image(data, number), ns=(1, 1))
    notes = []
    posters, left_out = ready_posters(data, InputSettings(), notes.append)
    assert (len(posters), left_out) == (25, [])
    assert notes == ["Note: 5 posters have another time of change, and the same content."]


def test_a_change_that_keeps_size_and_time_is_found_by_hash_alone(data):
    rewrite(image(data, 3), flipped(image(data, 3)))
    assert ready_posters(data, InputSettings())[1] == []
    with pytest.raises(UserError, match=r"p003.jpg \(other content\)"):
        ready_posters(data, InputSettings(check="hash"))


def test_with_the_check_off_nothing_is_looked_at(data):
    shutil.rmtree(data.parent / "images")
    (data / "files.csv").unlink()
    posters, left_out = ready_posters(data, InputSettings(check="off"))
    assert (len(posters), left_out) == (25, [])


def test_what_is_left_out_is_told_and_the_split_is_another(data):
    train = load_posters(data).part("train").filenames
    gone = [name for name in train if name.startswith("../images")][:2]
    for name in gone:
        (data / name).unlink()
    notes = []
    posters, left_out = ready_posters(data, LEAVE_OUT, notes.append)
    assert left_out == [(name, "vanished") for name in sorted(gone)]
    assert notes[0] == "Left out: 2 of 25 posters vanished since `data prepare`."
    assert [note.strip() for note in notes[1:]] == [f"{name}: vanished" for name in sorted(gone)]
    assert not set(gone) & set(posters.filenames)
    written = load_posters(data).split
    assert posters.split.sha256 != written.sha256
    assert posters.split.splits["test"] == written.splits["test"]
    assert posters.split.splits["train"]["posters"] == len(train) - 2
    assert posters.split == Split.of(
        posters.filenames,
        posters.labels,
        posters.splits,
        posters.groups,
        written.seed,
        written.fractions,
    )


def test_a_genre_that_becomes_empty_is_refused_by_name(data):
    posters = load_posters(data)
    war = (posters.labels[:, 18] == 1) & (posters.splits == "val")
    for name in posters.filenames[war]:
        (data / name).unlink()
    left, _ = ready_posters(data, LEAVE_OUT, lambda line: None)
    with pytest.raises(UserError, match="No validation poster has the genre War:"):
        require_positives(left)


def test_a_split_that_becomes_empty_is_refused(data):
    for name in load_posters(data).part("val").filenames:
        (data / name).unlink()
    with pytest.raises(UserError, match=r"posters vanished .* none of val is left"):
        ready_posters(data, LEAVE_OUT, lambda line: None)


def test_a_copy_of_an_odd_file_is_watched_too(data):
    (copy,) = (data / "converted").iterdir()
    copy.write_bytes(copy.read_bytes() + b"1")
    with pytest.raises(UserError, match=r"converted/odd_é_-[0-9a-f]{16}.png \(size"):
        ready_posters(data, InputSettings())


def test_a_folder_without_files_csv_tells_what_vanished_and_says_so_once(data):
    (data / "files.csv").unlink()
    image(data, 5).write_bytes(b"other")
    notes = []
    assert ready_posters(data, InputSettings(), notes.append)[1] == []
    assert len(notes) == 1 and "has no files.csv, so only vanished posters" in notes[0]
    image(data, 5).unlink()
    with pytest.raises(UserError, match="1 of 25 posters vanished"):
        ready_posters(data, InputSettings(), notes.append)


@pytest.mark.parametrize(
    "old, new, message",
    [
        ("filename,size", "filename,bytes", "has not the columns"),
        ("../images/p001.jpg", "../images/p991.jpg", "is not of the table beside it"),
        (",1", ",x1", "is damaged at"),
        ("filename", "\0", "not a readable CSV"),
        ("\n", "\n\n\n", "is not of the table"),
    ],
)
def test_a_damaged_files_csv_is_one_line(data, old, new, message):
    file = data / "files.csv"
    file.write_text(file.read_text().replace(old, new, 1))
    with pytest.raises(UserError, match=r"was changed after prepare\.json was written"):
        ready_posters(data, InputSettings())
    (data / "prepare.json").unlink()
    with pytest.raises(UserError, match=message) as error:
        ready_posters(data, InputSettings())
    assert "\n" not in str(error.value) and "data prepare" in str(error.value)


def test_a_files_csv_that_is_cut_or_too_long_is_refused(data):
    (data / "prepare.json").unlink()
    file = data / "files.csv"
    lines = file.read_text().splitlines(keepends=True)
    file.write_text("".join(lines[:-1]))
    with pytest.raises(UserError, match=r"'../images/p023\.jpg' expected, nothing"):
        ready_posters(data, InputSettings())
    file.write_text("".join([*lines, lines[-1]]))
    with pytest.raises(UserError, match="names more posters"):
        ready_posters(data, InputSettings())


def test_some_posters_of_a_folder_keep_their_stamps_in_another(data, tmp_path):
    posters = load_posters(data)
    rows = np.arange(0, 24, 2)
    chosen = posters.take(rows)
    out = tmp_path / "some" / "data"
    names = [os.path.relpath(path, out) for path in chosen.paths]
    write_table(out, names, chosen.labels, chosen.splits, chosen.groups, 0, posters.split.fractions)
    carry_stamps(posters, rows, names, out)
    assert find_changes(out, names) == ([], True)
    os.unlink(chosen.paths[3])
    assert find_changes(out, names)[0] == [(3, "vanished")]


def test_names_no_table_of_ours_would_hold_are_compared_too(tmp_path):
    # By hand: with line ends, quotes, NUL; a name that leads nowhere.
    names = ["a\nb.jpg", 'c"d.jpg', "-e.jpg", "\u202ef.jpg"]
    for number, name in enumerate(names):
        (tmp_path / name).write_bytes(encoded(picture(number)))
    write_table(
        tmp_path, names, np.ones((4, 19)), ["train", "train", "val", "test"], list("abcd"), 0, {}
    )
    assert find_changes(tmp_path, names) == ([], False)
    (tmp_path / names[0]).unlink()
    with pytest.raises(UserError, match=r"a\\nb.jpg \(vanished\)"):
        ready_posters(tmp_path, InputSettings(), lambda line: None)
    assert find_changes(tmp_path, ["x\0y"])[0] == [(0, "cannot be read: embedded null byte")]


def test_check_reports_changes_by_time_or_by_hash_and_leaves_with_0(data):
    def call(*options):
        found = CliRunner().invoke(main, ["data", "check", str(data), *options])
        assert found.exit_code == 0, found.output
        return found.stdout

    assert "Warning" not in call("--hash")
    image(data, 1).unlink()
    image(data, 2).write_bytes(b"12")
    rewrite(image(data, 3), flipped(image(data, 3)))
    found = json.loads(call("--format", "json"))
    assert found["vanished"] == ["../images/p001.jpg"]
    assert list(found["changed"]) == ["../images/p002.jpg"]
    text = call("--hash")
    assert "Warning: 1 of 25 posters vanished since `data prepare`: ../images/p001.jpg" in text
    assert "Warning: 2 of 25 posters changed" in text and "p003.jpg (other content)" in text


def test_check_says_where_changes_are_not_known(data):
    (data / "files.csv").unlink()
    assert check(data)["changed"] is None
    found = CliRunner().invoke(main, ["data", "check", str(data)])
    assert "Whether posters changed is not known" in found.stdout
