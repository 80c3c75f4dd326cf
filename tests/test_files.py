import errno
import os

import pytest

from keras_genres.errors import UserError
from keras_genres.files import (
    UNFINISHED,
    explain_os_error,
    read_json,
    read_sealed,
    whole_file,
    whole_folder,
    write_json,
    write_sealed,
)


def test_a_failed_write_leaves_the_old_file_and_nothing_else(tmp_path):
    path = tmp_path / "a.txt"
    path.write_text("old")
    with pytest.raises(RuntimeError), whole_file(path) as file:
        file.write("half")
        raise RuntimeError
    assert path.read_text() == "old"
    assert os.listdir(tmp_path) == ["a.txt"]


def test_a_written_file_may_be_read_by_others(tmp_path):
    write_json(tmp_path / "a.json", {"a": 1})
    umask = os.umask(0)
    os.umask(umask)
    assert (tmp_path / "a.json").stat().st_mode & 0o777 == 0o666 & ~umask
    assert read_json(tmp_path / "a.json") == {"a": 1}


def test_a_failed_folder_is_removed(tmp_path):
    with pytest.raises(RuntimeError), whole_folder(tmp_path / "run") as scratch:
        (scratch / "a").write_text("a")
        raise RuntimeError
    assert os.listdir(tmp_path) == []


def test_a_failed_folder_with_a_keep_file_stays_as_partial(tmp_path):
    with pytest.raises(RuntimeError), whole_folder(tmp_path / "run") as scratch:
        (scratch / ".keep").touch()
        raise RuntimeError
    assert os.listdir(tmp_path) == ["run.partial"]
    with (
        pytest.raises(UserError, match=r"run.partial is there already"),
        whole_folder(tmp_path / "run"),
    ):
        pass


def test_a_folder_that_is_there_is_refused_and_replaced_only_on_request(tmp_path):
    for content in ("one", "two"):
        with whole_folder(tmp_path / "run", overwrite=True) as scratch:
            (scratch / content).touch()
    assert os.listdir(tmp_path) == ["run"]
    assert os.listdir(tmp_path / "run") == ["two"]
    with pytest.raises(UserError, match="is there already"), whole_folder(tmp_path / "run"):
        pass
    assert os.listdir(tmp_path / "run") == ["two"]


def test_json_that_is_missing_or_damaged_is_named(tmp_path):
    with pytest.raises(UserError, match="There is no"):
        read_json(tmp_path / "a.json")
    (tmp_path / "a.json").write_text("{")
    with pytest.raises(UserError, match="not readable JSON"):
        read_json(tmp_path / "a.json")


def test_a_full_disk_is_told_from_a_bug_however_it_is_wrapped():
    full = OSError(errno.ENOSPC, "No space left on device", "run/model.keras")
    assert "run/model.keras: no space left" in explain_os_error(full)
    wrapped = ValueError("Unable to write (errno = 28, error message = 'No space left on device')")
    assert "no space left" in explain_os_error(wrapped)
    assert explain_os_error(ValueError("something else")) is None
    assert explain_os_error(OSError(errno.ENOENT, "No such file")) is None


def test_a_folder_with_other_things_is_never_replaced(tmp_path):
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "thesis.txt").write_text("years")
    with (
        pytest.raises(UserError, match="holds other things"),
        whole_folder(tmp_path / "mine", overwrite=True, mark="settings.yaml"),
    ):
        pass
    assert (tmp_path / "mine" / "thesis.txt").read_text() == "years"
    assert os.listdir(tmp_path) == ["mine"]


def test_a_folder_below_a_file_is_one_line(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(UserError, match="Cannot make"), whole_folder(tmp_path / "file" / "run"):
        pass


def test_a_partial_folder_of_somebody_else_is_never_replaced(tmp_path):
    theirs = tmp_path / "run.partial"
    theirs.mkdir()
    (theirs / "notes.txt").write_text("mine")
    with (
        pytest.raises(UserError, match="holds other things"),
        whole_folder(tmp_path / "run", overwrite=True, mark="settings.yaml"),
    ):
        pass
    assert (theirs / "notes.txt").read_text() == "mine"


def test_a_folder_called_old_survives_a_replacement(tmp_path):
    for name in ("run", "run.old"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "a").write_text(name)
    with whole_folder(tmp_path / "run", overwrite=True) as scratch:
        (scratch / "a").write_text("new")
    assert (tmp_path / "run" / "a").read_text() == "new"
    assert (tmp_path / "run.old" / "a").read_text() == "run.old"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["run", "run.old"]


def test_a_resumed_folder_keeps_what_is_in_it(tmp_path):
    with pytest.raises(RuntimeError), whole_folder(tmp_path / "run") as scratch:
        (scratch / "a").write_text("first")
        (scratch / ".keep").touch()
        raise RuntimeError
    with whole_folder(tmp_path / "run", resume=True) as scratch:
        assert (scratch / "a").read_text() == "first"
    assert [path.name for path in (tmp_path / "run").iterdir()] == ["a"]
    assert not (tmp_path / "run" / UNFINISHED).exists()


@pytest.mark.parametrize("where", range(0, 100, 9))
def test_a_sealed_file_notices_every_flipped_bit_that_says_something(tmp_path, where):
    path = tmp_path / "sealed.json"
    write_sealed(path, {"epoch": 3, "best": 0.25, "names": ["a", "b"]})
    assert read_sealed(path) == {"epoch": 3, "best": 0.25, "names": ["a", "b"]}
    data = bytearray(path.read_bytes())
    data[where] ^= 1
    if data.split() == path.read_bytes().split():
        return  # white space says nothing
    path.write_bytes(data)
    with pytest.raises(UserError):
        read_sealed(path)
