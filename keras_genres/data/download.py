"""Bring the Kaggle set of the paper to this machine: `data download`."""

import shlex
from pathlib import Path

from keras_genres.errors import UserError
from keras_genres.files import explain_os_error
from keras_genres.genres import find_genre

DATASET = "lovesunkyu/movie-posters-by-genre"
"""The paper's reference [6]: https://www.kaggle.com/datasets/lovesunkyu/movie-posters-by-genre"""

_MOST_DEEP = 3


def download(dataset=DATASET):
    """Download a Kaggle data set into kagglehub's cache.

    A second call finds it there and downloads nothing. The environment
    variable `KAGGLEHUB_CACHE` moves the cache.

    Args:
        dataset: `owner/name` on Kaggle.

    Returns:
        Path of the folder that holds the genre folders.

    Raises:
        UserError: If kagglehub is not installed, Kaggle cannot be reached or
            refuses, or the set has no genre folders.
    """
    try:
        import kagglehub
    except ImportError:
        raise UserError(
            "`data download` needs kagglehub. Install it: pip install 'keras-genres[download]'"
        ) from None
    try:
        path = Path(kagglehub.dataset_download(dataset))
    except Exception as error:  # requests', Kaggle's and the disk's errors all come through
        raise UserError(_explain(dataset, error)) from error
    folder = find_genre_folders(path)
    if folder is None:
        raise UserError(f"{dataset} came to {path}, but has no genre folders (Action, Drama, …).")
    return folder


def prepare_command(folder, out="data"):
    """Return the command to run next on a downloaded folder."""
    return f"keras-genres data prepare {shlex.quote(str(folder))} --out {shlex.quote(str(out))}"


def find_genre_folders(path, deep=0):
    """Return the topmost folder in which most sub-folders are named as genres, or `None`."""
    folders = sorted(child for child in Path(path).iterdir() if child.is_dir())
    genres = [folder for folder in folders if find_genre(folder.name)]
    if len(genres) > len(folders) / 2:
        return Path(path)
    if deep == _MOST_DEEP:
        return None
    found = (find_genre_folders(folder, deep + 1) for folder in folders)
    return next(filter(None, found), None)


def _explain(dataset, error):
    """Return one line that says what to do about an error of kagglehub."""
    disk = explain_os_error(error)
    if disk is not None:
        return disk
    chain = []
    while error is not None:
        chain.append(error)
        error = error.__cause__ or error.__context__
    names = {type(part).__name__ for part in chain}
    status = next((code for code in map(_status, chain) if code), None)
    if names & {"CredentialError", "UnauthenticatedError"} or status in (401, 403):
        return (
            f"Kaggle refused {dataset}: it wants a login. Make a token at "
            "https://www.kaggle.com/settings and put it in ~/.kaggle/kaggle.json, then try again."
        )
    if status == 404 or "NotFoundError" in names:
        return f"Kaggle has no data set {dataset}."
    if names & {"ConnectionError", "ConnectTimeout", "ReadTimeout", "Timeout", "ProxyError"}:
        return (
            "Kaggle (www.kaggle.com) cannot be reached. Check the network, or download "
            f"https://www.kaggle.com/datasets/{dataset} elsewhere, unpack it, and give its folder "
            "to `keras-genres data prepare`."
        )
    reason = " ".join(str(chain[0]).split())[:200] or type(chain[0]).__name__
    return f"Downloading {dataset} failed: {reason}"


def _status(error):
    return getattr(getattr(error, "response", None), "status_code", None)
