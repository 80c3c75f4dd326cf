import itertools
import os
from pathlib import Path
from types import SimpleNamespace

import pytest

from keras_genres.errors import UserError
from keras_genres.files import whole_file
from keras_genres.inference.journal import open_journal
from keras_genres.locks import alone

JOB = {"model": "m", "sources": {"shard": None}, "batch": 2}
NAMES = [f"p{number}.jpg" for number in range(7)]


class Killed(BaseException):
    """Stands for the end of a process."""


def work(out, names=NAMES, job=JOB, stop_after=None, kill=None, batch=2, **options):
    """Write a line for each name in batches; return what the journal was."""
    options = {"header": "head\n", "every_seconds": 0.0, **options}
    with open_journal(out, job, **options) as journal:
        if journal.is_finished:
            return journal
        items = iter([SimpleNamespace(name=name) for name in names])
        journal.skip(items)
        for item in items:
            if journal.rows == stop_after:
                raise kill or KeyboardInterrupt
            journal.write(f"{item.name} é\n", item.name, item.name != "p1.jpg")
            if journal.rows % batch == 0:
                journal.mark()
        journal.finish(options.get("convert"))
    return journal


LEFT = [".out.csv.job.json", "out.csv"]
WHOLE = "head\n" + "".join(f"{name} é\n" for name in NAMES)


@pytest.fixture
def out(tmp_path):
    return tmp_path / "out.csv"


def left(out):
    return sorted(os.listdir(out.parent))


def test_a_file_appears_whole_and_beside_it_what_the_job_was(out):
    journal = work(out)
    assert out.read_text(encoding="utf-8") == WHOLE
    assert (journal.rows, journal.good, journal.is_finished) == (7, 6, True)
    assert left(out) == LEFT


@pytest.mark.parametrize("stop_after", range(2, 7))
def test_a_job_goes_on_where_it_was_interrupted(out, stop_after):
    with pytest.raises(KeyboardInterrupt):
        work(out, stop_after=stop_after)
    assert left(out) == ["out.csv.partial"]
    journal = work(out, resume=True)
    assert out.read_text(encoding="utf-8") == WHOLE
    assert (journal.rows, journal.good) == (7, 6)


@pytest.mark.parametrize("tail", [b"", b"p4", "p4.jpg é".encode()[:-1], b"p4.jpg x\np5.jpg x\np"])
def test_what_was_written_after_the_last_mark_is_cut_off(out, tail):
    with pytest.raises(KeyboardInterrupt):
        work(out, stop_after=4)
    with open(out.parent / "out.csv.partial" / "rows", "ab") as rows:
        rows.write(tail)
    work(out, resume=True)
    assert out.read_text(encoding="utf-8") == WHOLE


def test_marks_between_two_saves_count_after_an_interrupt_but_not_after_a_kill(out, monkeypatch):
    for kills in (False, True):
        with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
            if kills:  # nothing is saved any more
                patch.setattr("keras_genres.inference.journal.Journal._keep", lambda self: None)
            work(out, stop_after=5, every_seconds=3600.0, overwrite=kills)
        with open_journal(out, JOB, "head\n", resume=True) as journal:
            assert journal.rows == (0 if kills else 4)
    work(out, resume=True)
    assert out.read_text(encoding="utf-8") == WHOLE


def test_a_job_in_which_nothing_was_done_leaves_nothing(out):
    with pytest.raises(KeyboardInterrupt):
        work(out, stop_after=1)
    assert left(out) == []


def upper(lines, path):
    with whole_file(path) as file:
        file.writelines(line.upper() for line in lines)


@pytest.mark.parametrize("convert", [None, upper])
def test_a_job_killed_at_any_step_of_its_life_is_ended_by_the_next(tmp_path, monkeypatch, convert):
    wanted = WHOLE if convert is None else WHOLE.upper()
    for step in itertools.count():
        out = tmp_path / str(step) / "out.csv"
        out.parent.mkdir()
        steps = itertools.count()

        def dies(real, step=step, steps=steps):
            def call(*given, **named):
                # Whatever comes after the end of a process does not happen either.
                if ".partial" in str(given[0]) and next(steps) >= step:
                    raise Killed
                return real(*given, **named)

            return call

        with monkeypatch.context() as patch:
            for place, name in ((os, "replace"), (Path, "unlink"), (os, "unlink"), (os, "rmdir")):
                patch.setattr(place, name, dies(getattr(place, name)))
            try:
                work(out, convert=convert)
                break
            except Killed:
                pass
        work(out, resume=True, convert=convert)
        assert out.read_text(encoding="utf-8") == wanted, step
        assert left(out) == LEFT, step
    assert step > 10


def test_a_converted_file_is_made_at_the_end(out):
    with pytest.raises(KeyboardInterrupt):
        work(out, stop_after=3, convert=upper)
    work(out, resume=True, convert=upper)
    assert out.read_text(encoding="utf-8") == WHOLE.upper()
    assert left(out) == LEFT


def test_a_finished_file_is_left_alone_by_resume(out):
    work(out)
    before = out.stat()
    assert work(out, resume=True).is_finished
    assert out.stat() == before


def test_a_finished_file_is_not_taken_for_that_of_another_job(out):
    work(out)
    with pytest.raises(UserError, match="is finished, and was made with another model"):
        work(out, job={**JOB, "model": "n"}, resume=True)
    work(out, NAMES[:2], job={**JOB, "model": "n"}, overwrite=True)
    assert work(out, job={**JOB, "model": "n"}, resume=True).is_finished
    (out.parent / LEFT[0]).unlink()  # copied here without it, say
    assert work(out, resume=True).is_finished


def test_a_conversion_that_is_cut_off_leaves_nothing_beside_the_job(out):
    def convert(lines, path):
        path.with_name("half").write_text("half", encoding="utf-8")
        if is_cut_off:
            raise Killed
        path.write_text("".join(lines), encoding="utf-8")

    is_cut_off = True
    with pytest.raises(Killed):
        work(out, convert=convert)
    assert left(out) == ["out.csv.partial"]
    is_cut_off = False
    assert work(out, resume=True, convert=convert).is_finished
    assert out.read_text(encoding="utf-8") == WHOLE
    assert left(out) == LEFT


def test_a_job_that_was_never_begun_is_begun_by_resume(out):
    work(out, resume=True)
    assert out.read_text(encoding="utf-8") == WHOLE


def test_neither_a_file_nor_a_job_is_replaced_unasked(out):
    with pytest.raises(KeyboardInterrupt):
        work(out, stop_after=4)
    with pytest.raises(UserError, match="--resume, or begin anew with --overwrite"):
        work(out)
    work(out, NAMES[:2], overwrite=True)
    with pytest.raises(UserError, match="is there already"):
        work(out, NAMES[:2])
    assert work(out, overwrite=True).rows == 7
    assert out.read_text(encoding="utf-8") == WHOLE


@pytest.mark.parametrize(
    ("job", "said"),
    [
        ({**JOB, "model": "n"}, "another model"),
        ({**JOB, "sources": {"shard": [1, 2]}}, "another sources"),
        ({**JOB, "batch": 4, "model": "n"}, "another batch, model"),
        ({"model": "m", "batch": 2}, "another sources"),
    ],
)
def test_another_job_is_refused(out, job, said):
    with pytest.raises(KeyboardInterrupt):
        work(out, stop_after=4)
    with pytest.raises(UserError, match=said):
        work(out, job=job, resume=True)
    work(out, resume=True)  # it is still there
    assert out.read_text(encoding="utf-8") == WHOLE


@pytest.mark.parametrize(
    ("names", "said"),
    [
        (["p0.jpg", "new.jpg", *NAMES[1:]], "files came or went"),
        (NAMES[1:], "files came or went"),
        (NAMES[:2], "name 2 posters"),
    ],
)
def test_sources_that_changed_in_what_is_done_are_refused(out, names, said):
    with pytest.raises(KeyboardInterrupt):
        work(out, stop_after=4)
    with pytest.raises(UserError, match=said):
        work(out, names, resume=True)


def test_posters_that_came_at_the_end_are_predicted_too(out):
    with pytest.raises(KeyboardInterrupt):
        work(out, stop_after=4)
    work(out, [*NAMES, "p7.jpg"], resume=True)
    assert out.read_text(encoding="utf-8") == WHOLE + "p7.jpg é\n"


def test_damage_is_noticed(out):
    folder = out.parent / "out.csv.partial"
    with pytest.raises(KeyboardInterrupt):
        work(out, stop_after=4)
    with open(folder / "rows", "r+b") as rows:
        rows.truncate(8)
    with pytest.raises(UserError, match="shorter than it was"):
        work(out, resume=True)
    text = (folder / "progress.json").read_text()
    (folder / "progress.json").write_text(text.replace('"rows": 4', '"rows": 2'))
    with pytest.raises(UserError, match="damaged"):
        work(out, resume=True)


def test_two_processes_do_not_write_one_file(out):
    with alone(out), pytest.raises(UserError, match="in use"):
        work(out)


def test_folders_of_others_are_not_touched(out):
    (out.parent / "out.csv.partial").mkdir()
    (out.parent / "out.csv.partial" / "thesis.txt").touch()
    for options in ({}, {"overwrite": True}, {"resume": True}):
        with pytest.raises(UserError, match="holds other things"):
            work(out, **options)
    with pytest.raises(UserError, match="is a folder"):
        work(out.parent / "out.csv.partial")
