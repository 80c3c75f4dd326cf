"""Is a run folder as it was written, and does what is in it belong together?"""

import csv
import io
from dataclasses import asdict, dataclass
from pathlib import Path

from keras_genres.archive import require_known_network
from keras_genres.artefact import metadata_of, read_metadata
from keras_genres.errors import UserError
from keras_genres.files import parse_json, partial_of
from keras_genres.genres import GENRES
from keras_genres.locks import alone
from keras_genres.manifest import (
    HASHES,
    LEFTOVERS,
    ODD_NAME,
    explain_remedy,
    find_fault,
    read_manifest,
    scan,
    write_manifest,
)
from keras_genres.runs import Run

WRONG, NOTE = "wrong", "note"
_EVALUATED = ("val", "test")
_OF_SPLIT = ("predictions/", "thresholds.json")  # what is held against split.json
_REPORT = ("val.csv", "test.csv", "val.json", "test.json", "report.md")


@dataclass(frozen=True)
class Finding:
    """What is to be said of one file."""

    file: str
    """Its name in the run folder."""
    level: str
    """`wrong`, or `note` for what does no harm."""
    what: str
    """What was found."""
    todo: str = ""
    """What to do, a sentence; empty for nothing."""
    is_readable: bool = True
    """Whether the file can be used if it is taken as it is."""


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


_SAID = ("file", "level", "what", "todo")


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
        said = str(error).removeprefix(f"{path / HASHES} ").removeprefix(f"{path} has no ")
        return Verified(str(path), 0, 0, (Finding(HASHES, WRONG, said),))
    found = []
    for name in sorted(manifest.files):
        fault = find_fault(path, name, manifest)
        if fault:
            found.append(Finding(name, WRONG, fault, explain_remedy(path, name)))
    found += _half_changed(path, manifest, {each.file for each in found})
    found += _strangers(path, manifest)
    damaged = {each.file for each in found if each.level == WRONG}
    found += _contradictions(Run(path, checked=False), damaged)
    files, size = len(manifest.files), _size(manifest)
    for name in manifest.folders:
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
            inside = place.relative_to(path).as_posix() + "/" if place != path else ""
            for each in _contradictions(Run(place, checked=False), ()):
                if not each.is_readable:
                    raise UserError(f"Nothing was taken as it is: {each.what}")
                found.append(Finding(inside + each.file, each.level, each.what, each.todo))
        for place in places:
            write_manifest(place)
        manifests = [read_manifest(place) for place in places]
    files = sum(len(manifest.files) for manifest in manifests)
    return Verified(str(path), files, sum(map(_size, manifests)), tuple(found))


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
        if not path.is_dir() and partial_of(path).is_dir():
            path = partial_of(path)
        if not path.name.endswith(".partial"):
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


def _contradictions(run, damaged):
    """Tell files that cannot be used, or do not belong together; damaged ones are passed over."""
    if not run.has(run.settings_file):
        return  # the folder around the runs of an experiment
    parts = [
        ("settings.yaml", run.settings),
        ("environment.json", run.environment),
        ("split.json", run.split),
        *(
            (f"predictions/{part}.npz", lambda part=part: run.predictions(part))
            for part in _EVALUATED
        ),
        ("thresholds.json", run.threshold_facts),
    ]
    is_sound = True
    for name, read in parts:
        if name in damaged or (name.startswith(_OF_SPLIT) and "split.json" in damaged):
            is_sound = False
            continue
        try:
            read()
        except UserError as error:
            is_sound = False
            yield Finding(name, WRONG, str(error), is_readable=False)
    if is_sound:
        yield from _of_models(run, damaged)
        yield from _of_report(run, damaged)


def _of_models(run, damaged):
    is_network = run.environment().get("kind") != "baseline"
    for model in (run.model_file, run.saved_model):
        name = model.name
        if any(each == name or each.startswith(name + "/") for each in damaged):
            continue
        if not run.has(model):
            if is_network:
                yield Finding(name, NOTE, "the run has none")
            continue
        try:
            if model == run.model_file:
                require_known_network(model)
            found, wanted = read_metadata(model), metadata_of(run)
        except UserError as error:
            yield Finding(name, WRONG, str(error), is_readable=False)
            continue
        for key in ("backbone", "height", "width", "fit", "split_sha256", "thresholds"):
            if found.get(key) != wanted[key]:
                what = f"it tells another {key} than the run: it is of another run, or out of date"
                todo = (
                    f"`keras-genres export {run.path}` makes both models tell the run's thresholds."
                )
                yield Finding(name, WRONG, what, todo if key == "thresholds" else "")


def _of_report(run, damaged):
    again = f"`keras-genres report {run.path}` writes it again."
    for name in _REPORT:
        if f"report/{name}" not in damaged and not run.has(run.report / name):
            yield Finding(f"report/{name}", NOTE, "the run has none", again)
            damaged = {*damaged, f"report/{name}"}
    thresholds = {genre: str(value) for genre, value in zip(GENRES, run.thresholds(), strict=True)}
    for part in _EVALUATED:
        table, summary = (run.report / f"{part}.{kind}" for kind in ("csv", "json"))
        if f"report/{table.name}" not in damaged:
            text = run.read(table).decode("utf-8", "replace")
            rows = csv.DictReader(io.StringIO(text, newline=""))
            told = {row.get("genre"): row.get("threshold") for row in rows}
            if {genre: told.get(genre) for genre in GENRES} != thresholds:
                what = "it tells other thresholds than thresholds.json"
                yield Finding(f"report/{table.name}", WRONG, what, again)
        if f"report/{summary.name}" not in damaged:
            try:
                told = parse_json(run.read(summary), summary)["split_sha256"]
            except (UserError, KeyError, TypeError):
                told = None
            if told != run.split().sha256:
                what = "it tells of another split than split.json"
                yield Finding(f"report/{summary.name}", WRONG, what, again)


def _runs_inside(path):
    runs = (Run(each, checked=False) for each in sorted(path.iterdir()) if each.is_dir())
    return [run.path for run in runs if run.settings_file.exists() and run.split_file.exists()]


def _size(manifest):
    return sum(entries[-1].bytes for entries in manifest.files.values() if entries[-1])
