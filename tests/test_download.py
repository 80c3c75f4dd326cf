import builtins

import pytest

from keras_genres.data.download import (
    DATASET,
    _explain,
    download,
    find_genre_folders,
    prepare_command,
)
from keras_genres.errors import UserError


class Response:
    status_code = 403


class CredentialError(Exception):
    pass


def refused():
    error = RuntimeError("403 Client Error")
    error.response = Response()
    return error


def test_a_missing_kagglehub_names_what_to_install(monkeypatch):
    real = builtins.__import__

    def absent(name, *rest, **options):
        if name == "kagglehub":
            raise ImportError(name)
        return real(name, *rest, **options)

    monkeypatch.setattr(builtins, "__import__", absent)
    with pytest.raises(UserError, match=r"pip install 'keras-genres\[download\]'"):
        download()


@pytest.mark.parametrize(
    "error, message",
    [
        (ConnectionError("no route"), "cannot be reached"),
        (refused(), "wants a login"),
        (CredentialError("x"), "wants a login"),
        (OSError(28, "No space left on device"), "no space left"),
        (RuntimeError("two\nlines"), "failed: two lines"),
    ],
)
def test_every_error_is_one_line_that_says_what_to_do(error, message):
    wrapped = ValueError("outer")
    wrapped.__cause__ = error
    for case in (error, wrapped) if "two" not in message else (error,):
        text = _explain(DATASET, case)
        assert message in text
        assert "\n" not in text


def test_the_genre_folders_are_found_below_wrappers(tmp_path):
    for genre in ("Action", "Drama", "Sci-Fi"):
        (tmp_path / "versions" / "posters" / genre).mkdir(parents=True)
    assert find_genre_folders(tmp_path) == tmp_path / "versions" / "posters"
    (tmp_path / "bare").mkdir()
    assert find_genre_folders(tmp_path / "bare") is None


def test_the_next_command_can_be_pasted():
    assert prepare_command("my set") == "keras-genres data prepare 'my set' --out data"
