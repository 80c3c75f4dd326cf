"""Tables and JSON with changed bytes: read, or refused in one line, in bounded time."""

import atexit
import functools
import json
import os
import random
import shutil
import tempfile
from pathlib import Path

import pytest
from guarded import run_guarded
from mutate import mutated
from pictures import write_csv, write_posters
from test_fuzz_posters import report

from keras_genres.data.changed import ready_posters
from keras_genres.data.check import check, format_check
from keras_genres.data.csv_reader import read_table
from keras_genres.data.prepare import prepare
from keras_genres.errors import UserError, is_printable
from keras_genres.genres import GENRES
from keras_genres.settings import InputSettings

FILES = ("multilabel_posters.csv", "files.csv", "split.json", "prepare.json")
MEMORY = 600 * 2**20


@functools.cache
def _made():
    """Prepare twenty posters once a process; return the folder and the sources' bytes."""
    folder = Path(tempfile.mkdtemp(dir="/dev/shm" if os.path.isdir("/dev/shm") else None))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    rows = [
        (name, genres, f"tt{number}", f'A "title", {number}', "1999")
        for number, (name, genres) in enumerate(
            write_posters(folder / "images", 20, ["Drama", "Drama|War"])
        )
    ]
    header = ["filename", "genres", "imdb_id", "title", "year"]
    listed = write_csv(folder / "labels.csv", header, rows)
    prepare(listed, folder / "data")
    onehot = [
        (name, *(int(genre in genres) for genre in GENRES), film) for name, genres, film, *_ in rows
    ]
    table = write_csv(folder / "onehot.csv", ["filename", *GENRES, "film"], onehot)
    sources = [listed.read_bytes(), table.read_bytes(), listed.read_bytes().replace(b",", b";")]
    return folder, sources, {name: (folder / "data" / name).read_bytes() for name in FILES}


def try_source(number):
    """Return in a few words what becomes of a changed CSV of posters."""
    chance = random.Random(f"source {number}")
    folder, sources, _ = _made()
    path = folder / "changed.csv"
    path.write_bytes(_changed(sources[number % len(sources)], sources, chance))
    ignore = number % 2 == 0
    if number % 20:
        return _judge(lambda: read_table(path, ignore_unknown=ignore))
    out = folder / "again"
    return _judge(
        lambda: (
            prepare(path, out, images=folder / "images", ignore_unknown=ignore, overwrite=True),
            _use(out),
        )
    )


def try_prepared(number):
    """Return in a few words what becomes of a prepared folder with one changed file."""
    chance = random.Random(f"prepared {number}")
    folder, _, files = _made()
    name = FILES[number % len(FILES)]
    changes = {name: _changed(files[name], list(files.values()), chance)}
    if name == "files.csv" and chance.random() < 0.8:  # else its hash there tells all
        changes["prepare.json"] = b"{}"
    try:
        for changed, data in changes.items():
            (folder / "data" / changed).write_bytes(data)
        return f"{name} {_judge(lambda: _use(folder / 'data'))}"
    finally:
        for changed in changes:
            (folder / "data" / changed).write_bytes(files[changed])


def _use(folder):
    found = check(folder)
    json.dumps(found)
    ready_posters(folder, InputSettings(), lambda line: line.encode())
    format_check(found).encode()


def _judge(work):
    try:
        work()
    except UserError as error:
        text = str(error)
        return "refused" if is_printable(text) and len(text) <= 2000 else f"! {text[:200]!r}"
    except Exception as error:
        return f"! {type(error).__name__}: {error}"
    return "read"


_WORDS = (
    *(b'"', b",", b"\n", b"\r", b"\0", b"\xff", b"=1+1", b"..", b"/", b"-1", b"1e999", b"NaN"),
    *(b"[" * 5000, b"{", b"null", b"true", b"[]", b"{}", b"9" * 5000, b'"x"', b"x" * 200_000),
    *("é\u202e\ud7ff".encode(), b"\xef\xbb\xbf", b"\\ud800", b"\x1b[2J", b"," * 2000),
)


def _changed(data, others, chance):
    if chance.random() < 0.5:
        start = chance.randrange(len(data))
        word = chance.choice(_WORDS)
        return data[:start] + word + data[start + chance.choice((0, 1, len(word), 20)) :]
    return mutated(data, others, chance)


@pytest.mark.parametrize("work", [try_source, try_prepared])
def test_changed_tables_are_read_or_refused_in_one_line(work):
    assert not report({number: work(number) for number in range(240)})


@pytest.mark.slow
@pytest.mark.parametrize("work", ["try_source", "try_prepared"])
def test_tens_of_thousands_of_changed_tables_are_read_or_refused_in_one_line(work):
    texts, peak = run_guarded("test_fuzz_tables", work, 20_000, workers=2, first=1000)
    assert not report(texts, peak)
    assert len(texts) == 20_000
    assert peak < MEMORY
