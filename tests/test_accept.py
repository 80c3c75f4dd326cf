"""`verify --accept` takes what a person changed, not what a disk damaged."""

import json

import pytest

from keras_genres.errors import UserError
from keras_genres.verify import accept, verify


def advice(run):
    (finding,) = [each for each in verify(run.path).findings if each.level == "wrong"]
    return finding.todo


def test_a_damaged_model_is_neither_taken_nor_advised_to_be(run):
    data = bytearray(run.model_file.read_bytes())
    data[len(data) // 2] ^= 1
    run.model_file.write_bytes(data)
    assert "from a copy" in advice(run) and "--accept" not in advice(run)
    with pytest.raises(UserError, match=r"Nothing was taken .* damaged .* Bring it back"):
        accept(run.path)


def test_a_missing_file_is_not_advised_to_be_taken(run):
    run.predictions_file("test").unlink()
    assert "from a copy" in advice(run) and "--accept" not in advice(run)
    with pytest.raises(UserError, match=r"Nothing was taken .* Bring it back from a copy"):
        accept(run.path)


def test_a_history_that_was_edited_is_taken(run):
    run.history_file.write_text(run.history_file.read_text().replace("head", "heads"))
    assert "--accept` takes the files as they are" in advice(run)
    assert accept(run.path).is_whole and verify(run.path).is_whole


def test_a_missing_manifest_is_named_once(run):
    (run.path / "hashes.json").unlink()
    (finding,) = verify(run.path).findings
    assert finding.what.startswith("an earlier version made the run, or it was removed")


def test_a_manifest_that_was_edited_is_told_in_a_sentence(run):
    file = run.path / "hashes.json"
    value = json.loads(file.read_text())
    value["files"].popitem()
    file.write_text(json.dumps(value))
    (finding,) = verify(run.path).findings
    assert finding.what.startswith("it is damaged")
