import json
import os
from pathlib import Path

import pytest

from keras_genres.errors import UserError
from keras_genres.files import write_sealed
from keras_genres.manifest import (
    announce,
    entry_of,
    read_manifest,
    read_whole,
    require_whole,
    settle,
    update_manifest,
    write_manifest,
)
from keras_genres.plain_files import HASHES, scan
from keras_genres.runs import Run


@pytest.fixture
def folder(tmp_path):
    """A finished folder with a file, and one in a folder inside."""
    folder = tmp_path / "run"
    (folder / "report").mkdir(parents=True)
    (folder / "a.txt").write_text("first")
    (folder / "report" / "b.txt").write_text("second")
    write_manifest(folder)
    return folder


def refused(folder, name, match):
    with pytest.raises(UserError, match=match) as caught:
        require_whole(folder, folder / name)
    assert "\n" not in str(caught.value) and "keras-genres verify" in str(caught.value)


def test_names_are_relative_with_slashes_and_the_same_folder_gives_the_same_bytes(folder):
    before = (folder / HASHES).read_bytes()
    assert list(json.loads(before)["files"]) == ["a.txt", "report/b.txt"]
    write_manifest(folder)
    assert (folder / HASHES).read_bytes() == before


@pytest.mark.parametrize(
    "content, said",
    [(b"firsT", "content was changed"), (b"firs", "4 bytes where 5"), (b"", "0 bytes where 5")],
)
def test_a_file_that_is_not_as_it_was_written_is_refused(folder, content, said):
    (folder / "a.txt").write_bytes(content)
    refused(folder, "a.txt", said)
    with pytest.raises(UserError, match=said):
        read_whole(folder, folder / "a.txt")


def test_missing_and_added_files_are_refused_where_they_are_used(folder):
    (folder / "report" / "b.txt").unlink()
    refused(folder, "report/b.txt", "it is missing")
    refused(folder, "report", "report/b.txt")
    (folder / "c.txt").write_text("added")
    refused(folder, "c.txt", "not in hashes.json")
    require_whole(folder, folder / "a.txt")


def test_links_and_pipes_are_refused_before_they_are_opened(folder, tmp_path):
    (tmp_path / "outside.txt").write_text("first")
    (folder / "a.txt").unlink()
    os.symlink(tmp_path / "outside.txt", folder / "a.txt")
    refused(folder, "a.txt", "is a link")
    (folder / "a.txt").unlink()
    os.mkfifo(folder / "a.txt")  # opening it would wait for ever
    refused(folder, "a.txt", "no plain file")
    with pytest.raises(UserError, match="no plain file"):
        write_manifest(folder)


def test_a_folder_that_is_a_link_is_refused_with_what_is_in_it(folder, tmp_path):
    (folder / "report").rename(tmp_path / "elsewhere")
    os.symlink(tmp_path / "elsewhere", folder / "report")
    refused(folder, "report/b.txt", "report is a link")


@pytest.mark.parametrize(
    "name", ["/etc/passwd", "../x", "a/../../x", "", "a//b", "C:\\x", "..", "a\nb", "a:b"]
)
def test_a_manifest_cannot_name_what_is_outside(folder, name):
    write_sealed(folder / HASHES, {"files": {name: {"bytes": 1, "sha256": "0" * 64}}})
    with pytest.raises(UserError, match=r"hashes\.json is damaged"):
        read_manifest(folder)


@pytest.mark.parametrize(
    "files",
    [
        [],
        {"a": {}},
        {"a": {"bytes": "1", "sha256": "0" * 64}},
        {"a": {"bytes": True, "sha256": "0" * 64}},
        {"a": {"bytes": 1, "sha256": "0"}},
        {"a": {"bytes": 1, "sha256": "0" * 64, "more": 1}},
        {"a": None},
    ],
)
def test_a_manifest_with_other_contents_is_damaged(folder, files):
    write_sealed(folder / HASHES, {"files": files})
    with pytest.raises(UserError, match=r"hashes\.json is damaged"):
        read_manifest(folder)


def test_a_finished_run_without_hashes_is_refused_with_what_to_do(folder):
    (folder / HASHES).unlink()
    with pytest.raises(UserError, match=r"has no hashes\.json.*--accept"):
        read_manifest(folder)


def test_a_file_is_whole_at_every_moment_of_its_replacement(folder):
    path = folder / "a.txt"
    new = folder.parent / "new.txt"
    new.write_text("the new one")
    announce(folder, {path: entry_of(new)})
    require_whole(folder, path)  # killed here, it is the old one
    path.write_text("the new one")
    require_whole(folder, path)  # killed here, it is the new one
    path.write_text("neither one")
    refused(folder, "a.txt", "content was changed")
    path.write_text("the new one")
    settle(folder, [path])
    require_whole(folder, path)
    path.write_text("first")
    refused(folder, "a.txt", "5 bytes where 11")


def test_files_that_come_and_go_are_whole_both_ways(folder):
    old, new = folder / "report" / "b.txt", folder / "report" / "c.txt"
    announce(folder, {old: None, new: entry_of(old)})
    require_whole(folder, folder / "report")
    old.rename(new)
    require_whole(folder, folder / "report")
    settle(folder, [old, new])
    assert "report/b.txt" not in read_manifest(folder).files
    require_whole(folder, folder / "report")


def test_changed_files_can_be_taken_as_they_are(folder):
    (folder / "a.txt").write_text("edited")
    (folder / "report" / "b.txt").unlink()
    update_manifest(folder, [folder / "a.txt", folder / "report" / "b.txt"])
    assert list(read_manifest(folder).files) == ["a.txt"]
    require_whole(folder, folder / "a.txt")


def test_folders_with_hashes_of_their_own_leftovers_and_hidden_files_are_left_to_themselves(folder):
    (folder / "first").mkdir()
    (folder / "first" / "x").touch()
    write_manifest(folder / "first")
    (folder / "report.partial").mkdir()
    (folder / "report.partial" / "y").touch()
    (folder / ".keep").touch()
    assert scan(folder) == (["a.txt", "report/b.txt"], ["first"], {})
    write_manifest(folder)
    assert read_manifest(folder).folders == ("first",)


def test_a_run_in_the_making_is_read_without_hashes_and_a_finished_one_is_not(folder):
    (folder / HASHES).unlink()
    making = Run(folder.rename(folder.with_name("run.partial")))
    assert making.read(making.path / "a.txt") == b"first"
    assert Run(making.path, checked=True).is_checked
    finished = Run(making.path.rename(folder))
    with pytest.raises(UserError, match=r"has no hashes\.json"):
        finished.read(folder / "a.txt")


def test_a_file_is_hashed_once_for_a_run_unless_it_changes(folder, monkeypatch):
    run, hashed = Run(folder), []

    def counted(file):
        hashed.extend([file] if isinstance(file, Path) else [])
        return entry_of(file)

    monkeypatch.setattr("keras_genres.manifest.entry_of", counted)
    for _ in range(3):
        assert run.whole(folder / "a.txt") == folder / "a.txt"
    assert len(hashed) == 1
    (folder / "a.txt").write_text("other")
    with pytest.raises(UserError, match="content was changed"):
        run.whole(folder / "a.txt")
