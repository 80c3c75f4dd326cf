"""Each file of a finished run, damaged in turn: `verify` and every command that reads it tell.

`READS` says which command reads which files. A test looks at what the
commands open, so a command that begins to read another file is noticed.
"""

import contextlib
import random
import shutil
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

from keras_genres.cli import main
from keras_genres.plain_files import HASHES
from keras_genres.runs import Run

SCORES = {"predictions/val.npz", "predictions/test.npz"}
ABOUT = {"settings.yaml", "environment.json", "split.json"}
REPORTED = {*ABOUT, *SCORES, "thresholds.json", "history.csv"}
METADATA = "saved_model/assets.extra/keras_genres.json"
STATUS = {"environment.json", "history.csv", "report/val.json", "report/test.json"}

READS = {
    "report": REPORTED,
    "report --html": REPORTED,
    "thresholds": {*REPORTED, "model.keras", METADATA} - {"thresholds.json"},
    "calibrate": {*REPORTED, "model.keras", METADATA},
    "compare": REPORTED,
    "export": {*ABOUT, "predictions/val.npz", "thresholds.json", "model.keras"},
    "experiment status": STATUS,
}
"""Command -> files of a finished run that it uses. `verify` reads all."""

WRITES = {
    "report": {"report/", "MODEL_CARD.md"},
    "report --html": {"report/", "MODEL_CARD.md"},
    "thresholds": {"report/", "MODEL_CARD.md", "thresholds.json", "model.keras", METADATA},
    "calibrate": {"report/", "MODEL_CARD.md", "calibration.json", "saved_model/", "model.keras"},
    "export": {"saved_model/", "model.keras"},
}
"""Command -> files it makes anew, and reads again when they are made."""

DAMAGES = ("cut in half", "zeroed", "one bit flipped", "removed")
SEED = 7


def damage(path, kind, generator):
    """Damage a file; return what was in it."""
    content = path.read_bytes()
    if kind == "cut in half":
        path.write_bytes(content[: len(content) // 2])
    elif kind == "zeroed":
        path.write_bytes(bytes(len(content)))
    elif kind == "one bit flipped":
        flipped = bytearray(content)
        flipped[generator.randrange(len(content))] ^= 1 << generator.randrange(8)
        path.write_bytes(flipped)
    else:
        path.unlink()
    return content


@pytest.fixture(scope="module")
def paged(finished, tmp_path_factory):
    """A finished run with its page; do not write into it."""
    run = Run(shutil.copytree(finished.path, tmp_path_factory.mktemp("paged") / "run"))
    assert call("report --html", run).exit_code == 0
    return run


@pytest.fixture
def run(paged, tmp_path):
    """A copy of it, where `experiment status` looks."""
    return Run(shutil.copytree(paged.path, tmp_path / "experiments" / "mobilenetv2"))


def call(command, run):
    arguments = {"report --html": ["report", run.path, "--html"]}.get(command)
    if command == "experiment status":
        arguments = ["experiment", "status", "--out", run.path.parent]
    return CliRunner().invoke(main, [*map(str, arguments or [command, run.path])])


def contents(run):
    return {path: path.read_bytes() for path in run.path.rglob("*") if path.is_file()}


def files_of(run):
    return sorted(path.relative_to(run.path).as_posix() for path in contents(run))


def is_one_line(result):
    is_told = result.exit_code == 1 and isinstance(result.exception, SystemExit)
    return is_told and len(result.stderr.strip().splitlines()) == 1


def told_by_verify(run, cases):
    """Return the cases that `verify` does not tell, or tells of other files."""
    generator, missed = random.Random(SEED), []
    for name, kind in cases:
        content = damage(run.path / name, kind, generator)
        result = call("verify", run)
        lines = [line for line in result.stdout.splitlines() if line.startswith("wrong: ")]
        if not (is_one_line(result) and len(lines) == 1 and lines[0].split(": ")[1] == name):
            missed.append((name, kind, result.output))
        (run.path / name).write_bytes(content)
    assert call("verify", run).exit_code == 0
    return missed


def told_by_readers(run, cases):
    """Return the cases in which a command says anything but one line, or changes a file."""
    generator, missed = random.Random(SEED), []
    for command, name, kind in cases:
        content = damage(run.path / name, kind, generator)
        before = contents(run)
        result = call(command, run)
        is_named = name in result.stderr or (name == HASHES and str(run.path) in result.stderr)
        is_named = is_named and "keras-genres verify" in result.stderr
        if not (is_one_line(result) and is_named and contents(run) == before):
            missed.append((command, name, kind, result.output, result.exception))
        (run.path / name).write_bytes(content)
    return missed


def reader_cases():
    return [
        (command, name, kind)
        for command, names in READS.items()
        for name in sorted({*names, HASHES})
        for kind in DAMAGES
    ]


def test_verify_tells_a_damage_of_every_file(run):
    cases = [(name, DAMAGES[number % 4]) for number, name in enumerate(files_of(run))]
    cases = [case for case in cases if not case[0].endswith((".png", ".svg"))] + cases[::9]
    assert told_by_verify(run, cases) == []


def test_every_command_tells_a_damaged_file_that_it_reads_by_one_line(run):
    cases = [case for number, case in enumerate(reader_cases()) if number % 2 == 0]
    assert {command for command, _, _ in cases} == set(READS)
    assert told_by_readers(run, cases) == []


@pytest.mark.slow
def test_every_damage_of_every_file_is_told_by_verify_and_by_every_reader(run, capsys):
    names = files_of(run)
    by_verify = [(name, kind) for name in names for kind in DAMAGES]
    missed = told_by_verify(run, by_verify)
    by_readers = reader_cases()
    unanswered = told_by_readers(run, by_readers)
    with capsys.disabled():
        print(
            f"\nverify told {len(by_verify) - len(missed)} of {len(by_verify)} damages "
            f"({len(names)} files); commands that read the file told "
            f"{len(by_readers) - len(unanswered)} of {len(by_readers)}"
        )
    assert missed == [] and unanswered == []


# Which command reads what, as seen

_opened, _place = set(), []


def _watch(event, arguments):
    if event == "open" and _place and isinstance(arguments[0], str | Path):
        path, mode = Path(arguments[0]), arguments[1]
        if path.is_relative_to(_place[0]) and (mode is None or "r" in mode):
            _opened.add(path.relative_to(_place[0]).as_posix())


@contextlib.contextmanager
def watched(folder):
    """Collect the names of files in a folder that are opened to be read."""
    if _watch not in watched.hooks:
        sys.addaudithook(_watch)  # it cannot be taken away again
        watched.hooks.append(_watch)
    _opened.clear()
    _place.append(folder)
    try:
        yield _opened
    finally:
        _place.clear()


watched.hooks = []


def seen_reading(command, run):
    names = set(files_of(run)) - {HASHES}
    with watched(run.path) as opened:
        result = call(command, run)
    assert result.exit_code == 0, result.output
    made = tuple(WRITES.get(command, ()))
    return {name for name in opened & names if not (made and name.startswith(made))}


@pytest.mark.parametrize("command", [name for name in READS if name != "export"])
def test_commands_read_the_files_of_the_table(run, command):
    made = tuple(WRITES.get(command, ("-",)))
    assert seen_reading(command, run) == {
        name for name in READS[command] if not name.startswith(made)
    }


@pytest.mark.slow
def test_export_reads_the_files_of_the_table(run):
    made = tuple(WRITES["export"])
    assert seen_reading("export", run) == {
        name for name in READS["export"] if not name.startswith(made)
    }


def test_verify_reads_every_file(run):
    assert seen_reading("verify", run) == set(files_of(run)) - {HASHES}


def test_thresholds_that_are_damaged_are_chosen_again(run):
    before = run.thresholds_file.read_bytes()
    run.thresholds_file.write_bytes(before[:100])
    assert call("thresholds", run).exit_code == 0
    assert run.thresholds_file.read_bytes() == before
    assert call("verify", run).exit_code == 0
