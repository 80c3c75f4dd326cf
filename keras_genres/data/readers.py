"""Posters and their genres from genre folders, and the choice among the readers.

Genre folders are how the Kaggle set of the paper comes: one sub-folder per
genre, and the same file in several. A poster's genres are the folders it is in.
"""

import heapq
import operator
import os
from functools import partial, reduce
from itertools import groupby
from pathlib import Path

from keras_genres.data.batches import map_files
from keras_genres.data.csv_reader import read_table
from keras_genres.data.opening import Tree, Unusable, hash_plain
from keras_genres.data.source import GENRE_BIT, Rows, Source, some
from keras_genres.data.texts import Texts
from keras_genres.errors import UserError
from keras_genres.genres import find_genre, parse_genre

CLUTTER = {"thumbs.db", "desktop.ini", "__macosx"}


def read_source(
    path,
    *,
    images=None,
    id_column=None,
    ignore_unknown=False,
    follow_links=False,
    skip=(),
    jobs=None,
):
    """Read a folder of genre folders, or a CSV.

    Args:
        path: The folder or the CSV.
        images: Folder of a CSV's pictures; by default the folder of the CSV
            or `images` in it, whichever has them.
        id_column: CSV column with the film's id; by default the first of
            `csv_reader.FILM_COLUMNS` that is there.
        ignore_unknown: Leave out genres that are none of ours instead of stopping.
        follow_links: Follow symbolic links that lead out of the folder.
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
        return read_folders(
            path, ignore_unknown=ignore_unknown, follow_links=follow_links, skip=skip, jobs=jobs
        )
    if not path.exists():
        raise UserError(f"There is no {path}. Give a folder of genre folders, or a CSV.")
    return read_table(path, images=images, id_column=id_column, ignore_unknown=ignore_unknown)


def read_folders(folder, *, ignore_unknown=False, follow_links=False, skip=(), jobs=None):
    """Read genre folders. Arguments and errors as in `read_source`."""
    folder = Path(folder)
    tree = Tree(folder, follow_links)
    skip = {os.path.realpath(path) for path in skip}
    names = [
        name
        for name in _names(folder)
        if os.path.isdir(folder / name) and os.path.realpath(folder / name) not in skip
    ]
    if not any(find_genre(name) for name in names):
        tables = [name for name in _names(folder) if name.lower().endswith(".csv")]
        hint = f" To read a CSV, name it: {folder / tables[0]}" if tables else ""
        raise UserError(
            f"{folder} has no genre folders. Expected sub-folders such as {folder / 'Action'}, "
            f"each with posters.{hint}"
        )
    rejected, ignored, shelves = [], {}, []
    for name in names:
        genre = find_genre(name) if ignore_unknown else parse_genre(name)
        try:
            tree.path_of(name)
        except Unusable as error:
            raise UserError(
                f"The genre folder {folder / name} is a link that {error.args[1]}."
            ) from None
        files = Texts()
        for file in _names(folder / name):
            if os.path.isdir(folder / name / file):
                rejected.append((f"{name}/{file}", "sub-folder", "not read"))
            else:
                files.append(file)
        if not len(files):
            raise UserError(f"The genre folder {folder / name} is empty. Fill it or remove it.")
        if genre is None:
            ignored[name] = len(files)
        else:
            shelves.append((name, GENRE_BIT[genre], files))
    loose = [name for name in _names(folder) if not os.path.isdir(folder / name)]
    rejected += [(name, "in no genre folder", "") for name in loose]
    entries, notes = _merge_copies(tree, shelves, jobs)
    return Source("genre folders", folder, entries, rejected, notes, ignored)


def _merge_copies(tree, shelves, jobs):
    """Make one entry of the copies of a file: same name, same bytes, several folders.

    Args:
        tree: The `Tree` of the genre folders.
        shelves: `(folder name, genre bit, file names)` of each genre folder, sorted by name.
        jobs: Files read at a time.

    Returns:
        `(entries, notes)`.
    """
    rows, twice, several = Rows(), [], 0
    total = sum(len(files) for _, _, files in shelves)
    names = (f"{shelves[place][0]}/{file}" for file, place in _by_file(shelves))
    digests = map_files(partial(_digest, tree), names, jobs, total, "Reading", "file")
    # Folders are gone through side by side, so the copies of a file come together.
    for file, places in groupby(_by_file(shelves), key=operator.itemgetter(0)):
        copies = {}
        for _, place in places:
            # A file that cannot be read is itself only; the reason is found later.
            copies.setdefault(next(digests) or place, []).append(place)
        for alike in copies.values():
            genres = reduce(operator.or_, (shelves[place][1] for place in alike))
            rows.add(f"{shelves[alike[0]][0]}/{file}", genres)
        if len(copies) > 1:
            several += 1
            twice += [file] if len(twice) < 4 else []
    notes = []
    if several:
        notes.append(
            f"{several} file names stand for different pictures in different genre folders, and "
            f"are kept apart: {some(twice)}."
        )
    digests.close()
    return rows.entries()[0], notes


def _by_file(shelves):
    """Yield `(file name, index of its genre folder)` of every file, sorted."""

    def of(place):
        return ((file, place) for file in shelves[place][2])

    return heapq.merge(*map(of, range(len(shelves))))


def _names(folder):
    """Return the names in a folder, sorted, without hidden files and what systems leave behind."""
    try:
        names = os.listdir(folder)
    except OSError as error:
        raise UserError(f"Cannot read {folder}: {error.strerror}.") from None
    return sorted(
        name for name in names if not name.startswith(".") and name.lower() not in CLUTTER
    )


def _digest(tree, name):
    try:
        return hash_plain(tree.path_of(name))
    except Unusable:
        return ""
