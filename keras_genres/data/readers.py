"""Posters and their genres from genre folders, and the choice among the readers.

Genre folders are how the Kaggle set of the paper comes: one sub-folder per
genre, and the same file in several. A poster's genres are the folders it is in.
"""

import hashlib
import os
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from tqdm import tqdm

from keras_genres.data.csv_reader import read_table
from keras_genres.data.source import Entry, Source, some
from keras_genres.errors import UserError
from keras_genres.genres import find_genre, parse_genre

_CLUTTER = {"thumbs.db", "desktop.ini", "__macosx"}


def read_source(path, *, images=None, id_column=None, ignore_unknown=False, skip=(), jobs=None):
    """Read a folder of genre folders, or a CSV.

    Args:
        path: The folder or the CSV.
        images: Folder of a CSV's pictures; by default the folder of the CSV
            or `images` in it, whichever has them.
        id_column: CSV column with the film's id; by default the first of
            `csv_reader.FILM_COLUMNS` that is there.
        ignore_unknown: Leave out genres that are none of ours instead of stopping.
        skip: Folders that are not read, such as the one being written.
        jobs: Files read at a time.

    Returns:
        A `Source`.

    Raises:
        UserError: If there is nothing there, or it is none of the three kinds.
    """
    path = Path(path)
    if path.is_dir():
        if images is not None or id_column is not None:
            raise UserError("--images and --id-column go with a CSV; genre folders have neither.")
        return read_folders(path, ignore_unknown=ignore_unknown, skip=skip, jobs=jobs)
    if not path.exists():
        raise UserError(f"There is no {path}. Give a folder of genre folders, or a CSV.")
    return read_table(path, images=images, id_column=id_column, ignore_unknown=ignore_unknown)


def read_folders(folder, *, ignore_unknown=False, skip=(), jobs=None):
    """Read genre folders. Arguments and errors as in `read_source`."""
    folder = Path(folder)
    skip = {os.path.realpath(path) for path in skip}
    names = [
        name
        for name in _names(folder)
        if (folder / name).is_dir() and os.path.realpath(folder / name) not in skip
    ]
    if not any(find_genre(name) for name in names):
        tables = [name for name in _names(folder) if name.lower().endswith(".csv")]
        hint = f" To read a CSV, name it: {folder / tables[0]}" if tables else ""
        raise UserError(
            f"{folder} has no genre folders. Expected sub-folders such as {folder / 'Action'}, "
            f"each with posters.{hint}"
        )
    source = Source("genre folders", folder, [])
    files = []
    for name in names:
        genre = find_genre(name) if ignore_unknown else parse_genre(name)
        found = []
        for file in _names(folder / name):
            if (folder / name / file).is_dir():
                source.rejected.append((f"{name}/{file}", "sub-folder", "not read"))
            else:
                found.append((file, name, genre))
        if not found:
            raise UserError(f"The genre folder {folder / name} is empty. Fill it or remove it.")
        if genre is None:
            source.ignored[name] = len(found)
        else:
            files += found
    loose = [name for name in _names(folder) if not (folder / name).is_dir()]
    source.rejected += [(name, "in no genre folder", "") for name in loose]
    _merge_copies(source, files, jobs)
    return source


def _merge_copies(source, files, jobs):
    """Make one entry of the copies of a file: same name, same bytes, several folders."""
    paths = [source.images / folder / file for file, folder, _ in files]
    with ThreadPoolExecutor(jobs) as pool:
        digests = list(
            tqdm(
                pool.map(_digest, paths, chunksize=64),
                total=len(paths),
                desc="Reading",
                unit="file",
                disable=None,
            )
        )
    copies = {}
    for (file, folder, genre), digest in zip(files, digests, strict=True):
        # A file that cannot be read is itself only; the reason is found later.
        copies.setdefault((file, digest or folder), []).append((folder, genre))
    for (file, _), places in copies.items():
        name = f"{min(folder for folder, _ in places)}/{file}"
        source.entries.append(Entry(name, frozenset(genre for _, genre in places)))
    source.entries.sort(key=lambda entry: entry.name)
    variants = Counter(file for file, _ in copies)
    twice = sorted(file for file, count in variants.items() if count > 1)
    if twice:
        source.notes.append(
            f"{len(twice)} file names stand for different pictures in different genre folders, and "
            f"are kept apart: {some(twice)}."
        )


def _names(folder):
    """Return the names in a folder, sorted, without hidden files and what systems leave behind."""
    try:
        names = os.listdir(folder)
    except OSError as error:
        raise UserError(f"Cannot read {folder}: {error.strerror}.") from None
    return sorted(
        name for name in names if not name.startswith(".") and name.lower() not in _CLUTTER
    )


def _digest(path):
    try:
        with open(path, "rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError:
        return ""
