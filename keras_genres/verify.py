"""Is a run folder as it was written, and does what is in it belong together?"""

import zipfile
import zlib
from dataclasses import asdict, dataclass
from pathlib import Path

from keras_genres.contradictions import NOTE, WRONG, Finding, find_contradictions
from keras_genres.errors import UserError
from keras_genres.files import partial_of
from keras_genres.locks import alone
from keras_genres.manifest import explain_remedy, find_fault, read_manifest, write_manifest
from keras_genres.plain_files import HASHES, LEFTOVERS, ODD_NAME, require_plain_files, scan
from keras_genres.runs import Run

_SAID = ("file", "level", "what", "todo")


@dataclass(frozen=True)
class Verified:
    """What `verify` found."""

    path: str
    files: int
    """Files the manifest names, with those of runs inside."""
    bytes: int
    """Their size."""
    findings: tuple

    @property
    def is_whole(self):
        """Whether nothing is wrong."""
        return not any(each.level == WRONG for each in self.findings)

    def to_dict(self):
        """Return everything as plain JSON values."""
        findings = [asdict(each) for each in self.findings]
        return {
            "path": self.path,
            "files": self.files,
            "bytes": self.bytes,
            "is_whole": self.is_whole,
            "findings": [{key: each[key] for key in _SAID} for each in findings],
        }


def verify(path):
    """Check every file of a finished run against its hash, and the files against one another.

    Neither Keras nor TensorFlow is imported. The folder of the leak
    experiment is checked with the runs in it.

    Args:
        path: The run folder.

    Returns:
        A `Verified`.

    Raises:
        UserError: If it is no run folder, or one that is not finished.
    """
    path = Path(path)
    _require_run(path)
    try:
        manifest = read_manifest(path)
    except UserError as error:
        said = str(error).removeprefix(f"{path} has no {HASHES}: ")
        said = said.replace(f"{path / HASHES} is", "it is", 1)
        return Verified(str(path), 0, 0, (Finding(HASHES, WRONG, said),))
    found = []
    for name in sorted(manifest.files):
        fault = find_fault(path, name, manifest)
        if fault:
            found.append(Finding(name, WRONG, fault, explain_remedy(path, name)))
    found += _half_changed(path, manifest, {each.file for each in found})
    found += _strangers(path, manifest)
    damaged = {each.file for each in found if each.level == WRONG}
    found += find_contradictions(Run(path, checked=False), damaged)
    files, size = len(manifest.files), _size(manifest)
    for name in manifest.folders:
        if name in damaged:
            continue  # a link, which is not followed
        if not (path / name).is_dir():
            found.append(Finding(name, WRONG, "the run is missing"))
            continue
        inner = verify(path / name)
        files, size = files + inner.files, size + inner.bytes
        found += [Finding(f"{name}/{e.file}", e.level, e.what, e.todo) for e in inner.findings]
    return Verified(str(path), files, size, tuple(found))


def accept(path):
    """Take the files of a finished run as they are, and write their hashes anew.

    For files that were changed on purpose, and for a run of a version that
    wrote no hashes.

    Args:
        path: The run folder.

    Returns:
        A `Verified` of what is left to say.

    Raises:
        UserError: If it is no finished run, holds a link, or a file cannot be
            used as it is; nothing is then written.
    """
    path = Path(path)
    _require_run(path)
    with alone(path):
        places = [*_runs_inside(path), path]
        found = []
        for place in places:
            require_plain_files(place)
            _require_sound_model(Run(place, checked=False).model_file)
            inside = place.relative_to(path).as_posix() + "/" if place != path else ""
            for each in find_contradictions(Run(place, checked=False), ()):
                if not each.is_readable:
                    raise UserError(
                        f"Nothing was taken as it is: {each.what.rstrip('.')}. Bring it back from "
                        "a copy."
                    )
                found.append(Finding(inside + each.file, each.level, each.what, each.todo))
        for place in places:
            write_manifest(place)
        manifests = [read_manifest(place) for place in places]
    files = sum(len(manifest.files) for manifest in manifests)
    return Verified(str(path), files, sum(map(_size, manifests)), tuple(found))


def _require_sound_model(path):
    """Refuse a `.keras` archive whose entries do not have the checksums they give."""
    try:
        with zipfile.ZipFile(path) as archive:
            damaged = archive.testzip()
    except FileNotFoundError:
        return  # a baseline has none
    except (zipfile.BadZipFile, OSError, zlib.error, NotImplementedError, RuntimeError) as error:
        damaged = f"it is no whole archive: {error}"
    if damaged:
        raise UserError(
            f"Nothing was taken as it is: {path} is damaged ({damaged}). Bring it back from a copy."
        )


def format_verified(verified, is_accepted=False):
    """Return a line for each finding, and one for the whole folder."""
    lines = [
        f"{each.level}: {each.file}: {each.what.rstrip('.')}. {each.todo}".rstrip()
        for each in verified.findings
    ]
    wrong = sum(each.level == WRONG for each in verified.findings)
    count = f"{verified.path}: {verified.files} files, {verified.bytes / 1e6:.1f} MB"
    ending = "all taken as they are" if is_accepted else "all as they were written"
    ending = f"{wrong} wrong" if wrong else ending
    return "\n".join([*lines, f"{count}, {ending}"])


def _require_run(path):
    run = Run(path, checked=False)
    is_marked = run.settings_file.exists() and run.split_file.exists()
    if not (path / HASHES).exists() and not is_marked and not (path / "leak.json").exists():
        Run.require_finished(path if path.is_dir() else partial_of(path))
        raise UserError(
            f"{path} is not a run folder: it has no settings.yaml and split.json."
            if path.is_dir()
            else f"There is no run folder {path}."
        )
    Run.require_finished(path)


def _half_changed(path, manifest, damaged):
    """Note files that a command was replacing when it was killed; all are one of the two."""
    told = set()
    for name, accepted in manifest.files.items():
        first = name.partition("/")[0]
        if len(accepted) > 1 and name not in damaged and first not in told:
            told.add(first)
            what = (
                "a command that was replacing it was cut off; it is the old or the new one, whole"
            )
            yield Finding(first, NOTE, what, explain_remedy(path, name))


def _strangers(path, manifest):
    """Tell what lies in the folder and was not written by us."""
    names, inner, odd = scan(path)
    for name, what in odd.items():
        if what == ODD_NAME:
            yield Finding(ascii(name)[1:-1], NOTE, what)
        elif name not in manifest.files:
            yield Finding(name, WRONG, f"it is {what}; a run folder holds plain files only")
    for name in [*names, *inner]:
        if name not in manifest.files and name not in manifest.folders:
            yield Finding(name, NOTE, "added after the run was finished; nothing reads it")
    for each in sorted(path.iterdir()):
        if each.name.endswith(LEFTOVERS):
            what = "left by a command that was cut off; it can be removed"
            yield Finding(each.name, NOTE, what)


def _runs_inside(path):
    folders = (each for each in sorted(path.iterdir()) if each.is_dir() and not each.is_symlink())
    runs = (Run(each, checked=False) for each in folders)
    return [run.path for run in runs if run.settings_file.exists() and run.split_file.exists()]


def _size(manifest):
    return sum(entries[-1].bytes for entries in manifest.files.values() if entries[-1])
