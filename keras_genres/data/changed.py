"""What has become of the posters since `data prepare` passed them."""

import dataclasses
import os
import stat
import sys
from pathlib import Path

import numpy as np

from keras_genres.data.batches import map_files
from keras_genres.data.opening import Unusable, hash_plain, kind_of
from keras_genres.data.stamps import FILES, read_stamps, write_stamps
from keras_genres.data.table import FACTS, load_posters
from keras_genres.errors import UserError, one_line
from keras_genres.files import read_json
from keras_genres.split import SPLITS, Split

VANISHED = "vanished"
_NAMED = 5  # posters named in one line
_LISTED = 20  # lines of posters that are left out
_JOBS = 8  # files hashed at a time


def ready_posters(folder, settings, note=None, is_begun=False):
    """Load prepared posters and see to those that have vanished or changed since.

    By default the files' size and time of change are compared, which takes a
    second for 35,000 posters; only a file whose time alone is another is read,
    and counts as unchanged if its content is the same, as it is after copying.

    Args:
        folder: Folder that `data prepare` wrote, or its `multilabel_posters.csv`.
        settings: An `InputSettings`: `check` and `changed` count.
        note: Called with each line there is to say; by default it goes to stderr.
        is_begun: Whether a training goes on, so that its posters can only come back.

    Returns:
        `(posters, left_out)`: the `Posters`, and a list of `(filename, what)`
        of those left out. Where some are, `posters.split` is that of the rest.

    Raises:
        UserError: If the folder is damaged, or posters have changed and
            `settings.changed` is `error`; the first ones are named.
    """
    note = note or _say
    posters = load_posters(folder)
    if settings.check == "off":
        return posters, []
    names = posters.filenames.tolist()
    found, is_known = find_changes(posters.root, names, settings.check, note)
    if not is_known:
        note(
            f"Note: {folder} has no {FILES}, so only vanished posters are noticed. "
            "`keras-genres data prepare` writes one."
        )
    if not found:
        return posters, []
    left_out = [(names[row], what) for row, what in found]
    if settings.changed == "error":
        remedy = (
            "Bring them back to go on, or begin another run"
            if is_begun
            else "Run `keras-genres data prepare` again, or train without them: "
            "--set input.changed=leave_out"
        )
        raise UserError(f"{name_some(left_out, len(posters))}. {remedy}.")
    rest = leave_out(posters, [name for name, _ in left_out])
    for split in SPLITS:
        if not (rest.splits == split).any():
            raise UserError(
                f"{name_some(left_out, len(posters))}, and none of {split} is left. Bring them "
                "back, or run `keras-genres data prepare` again."
            )
    note(f"Left out: {_count(left_out, len(posters))} since `data prepare`.")
    for name, what in left_out[:_LISTED]:
        note(f"    {one_line(name)}: {what}")
    if len(left_out) > _LISTED:
        note(f"    and {len(left_out) - _LISTED} more")
    return rest, left_out


def leave_out(posters, names):
    """Return `Posters` without some of them, with the split that the rest make by themselves.

    Args:
        posters: The `Posters` of a whole table.
        names: File names of those to leave out, as the table has them.
    """
    rest = posters.take(~np.isin(posters.filenames, list(names)))
    written = posters.split
    split = Split.of(
        rest.filenames, rest.labels, rest.splits, rest.groups, written.seed, written.fractions
    )
    return dataclasses.replace(rest, split=split)


def find_changes(folder, names, check="stat", note=None):
    """Compare the posters' files with `files.csv`.

    Args:
        folder: The prepared folder.
        names: Names of the posters in its table, in order, a list or `Texts`.
        check: `stat`, or `hash` to read every file.
        note: Called with a line where files were copied or touched; may be `None`.

    Returns:
        `(changes, is_known)`: a list of `(row, what)`, and whether there is a
        `files.csv`; without it only what has vanished is found.

    Raises:
        UserError: If `files.csv` is damaged.
    """
    folder = Path(folder)
    is_known = (folder / FILES).exists()
    if is_known:
        stamps = read_stamps(folder, names, _written_hash(folder))
    else:
        stamps = (None for _ in names)
    changes, same = [], 0

    def unsure():
        for row, (name, stamp) in enumerate(zip(names, stamps, strict=True)):
            path = os.path.normpath(os.path.join(folder, name))
            what, is_unsure = _look(path, stamp, check)
            if what:
                changes.append((row, what))
            elif is_unsure:
                yield row, path, stamp.sha256

    total = len(names) if check == "hash" else None
    for row, what in map_files(_compare, unsure(), _JOBS, total, "Hashing", "poster"):
        if what:
            changes.append((row, what))
        else:
            same += 1
    if note and same and check == "stat":
        note(f"Note: {same} posters have another time of change, and the same content.")
    return sorted(changes), is_known


def carry_stamps(posters, rows, names, folder):
    """Write the `files.csv` of a folder that holds some posters of another.

    Args:
        posters: All `Posters` of the other folder.
        rows: Increasing indices of those that were taken.
        names: Their names in the new folder.
        folder: The new folder. Without a `files.csv` in the other nothing is written.
    """
    if (posters.root / FILES).exists():
        stamps = list(read_stamps(posters.root, posters.filenames.tolist()))
        write_stamps(folder, names, (stamps[row] for row in rows))


def name_some(changes, total):
    """Say in words how many of `total` posters changed, and of the first ones how.

    Args:
        changes: List of `(filename, what)`.
        total: How many posters there are.
    """
    some = ", ".join(f"{name} ({what})" for name, what in changes[:_NAMED])
    more = f" and {len(changes) - _NAMED} more" if len(changes) > _NAMED else ""
    return one_line(f"{_count(changes, total)} since `data prepare`: {some}{more}")


def _look(path, stamp, check):
    """Return `(what, is_unsure)`: what became of a file, or whether only its content can tell."""
    try:
        seen = os.stat(path)
    except (FileNotFoundError, NotADirectoryError):
        return VANISHED, False
    except (OSError, ValueError) as error:  # ValueError: a name with NUL in it
        return f"cannot be read: {getattr(error, 'strerror', None) or error}", False
    if not stat.S_ISREG(seen.st_mode):
        return f"no file but a {kind_of(seen.st_mode)}", False
    if stamp is None:
        return "", False
    if seen.st_size != stamp.size:
        return f"size {stamp.size} -> {seen.st_size} bytes", False
    return "", check == "hash" or seen.st_mtime_ns != stamp.mtime_ns


def _compare(job):
    row, path, sha256 = job
    try:
        return row, "" if hash_plain(path) == sha256 else "other content"
    except Unusable as error:
        reason, detail = error.args
        return row, VANISHED if reason == "missing" else f"cannot be read: {detail}"


def _written_hash(folder):
    """Return the hash of `files.csv` that `prepare.json` gives, or `None`."""
    path = folder / FACTS
    facts = read_json(path) if path.exists() else None
    found = facts.get("files_sha256") if isinstance(facts, dict) else None
    return found if isinstance(found, str) else None


def _count(changes, total):
    what = "vanished" if all(what == VANISHED for _, what in changes) else "changed or vanished"
    return f"{len(changes)} of {total} posters {what}"


def _say(line):
    print(line, file=sys.stderr)
