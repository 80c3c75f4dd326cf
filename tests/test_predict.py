import csv
import json
import os
import random
import signal
import subprocess
import sys
import time

import pytest
from click.testing import CliRunner
from pictures import write_posters

from keras_genres.cli import main
from keras_genres.genres import GENRES
from keras_genres.inference.predictor import Predictor


@pytest.fixture(scope="module")
def many(tmp_path_factory):
    """Folder of 21 files, two of which are no posters."""
    folder = tmp_path_factory.mktemp("many") / "posters"
    write_posters(folder, 21, ["Drama"])
    (folder / "p004.jpg").write_bytes(b"no picture")
    (folder / "p020.jpg").write_bytes(b"")
    return folder


@pytest.fixture(scope="module")
def loaded(finished):
    return Predictor.load(finished.path, batch_size=4)


@pytest.fixture
def predict(finished, loaded, tmp_path, monkeypatch):
    """Run the command on the tiny run, loaded once, in a new folder; return click's result."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(Predictor, "load", lambda model, batch_size: loaded)

    def run(*args, **more):
        command = ["predict", str(finished.path), "--batch", "4", *map(str, args)]
        return CliRunner().invoke(main, command, **more)

    return run


def rows_of(path):
    with open(path, encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def shown():
    return sorted(name for name in os.listdir() if not name.startswith("."))


def test_a_table_has_a_line_for_each_poster(predict, many):
    result = predict(many)
    assert result.exit_code == 0
    lines = result.stdout.splitlines()
    assert len(lines) == 21 and lines[0].startswith(str(many / "p000.jpg"))
    assert "! not an image" in lines[4] and "! empty file" in lines[20]
    assert "21 posters, 2 of them unreadable" in result.stderr


def test_every_form_says_the_same(predict, many):
    parquet = pytest.importorskip("pyarrow.parquet")
    for name in ("a.csv", "a.jsonl", "a.parquet"):
        assert predict(many, "--out", name).exit_code == 0
    table = rows_of("a.csv")
    with open("a.jsonl", encoding="utf-8") as file:
        lines = [json.loads(line) for line in file]
    packed = parquet.read_table("a.parquet").to_pylist()
    assert len(table) == len(lines) == len(packed) == 21
    for row, line, one in zip(table, lines, packed, strict=True):
        assert row["source"] == line["source"] == one["source"]
        assert row["genres"].split("|") == (line["genres"] or [""]) == (one["genres"] or [""])
        assert row["error"] == (line["error"] or "") == (one["error"] or "")
        for genre in GENRES if line["scores"] else ():
            assert float(row[genre]) == line["scores"][genre]
            assert one[genre] == pytest.approx(line["scores"][genre], abs=1e-7)
    assert shown() == ["a.csv", "a.jsonl", "a.parquet"]


def test_lines_are_printed_in_the_form_that_is_asked_for(predict, many):
    result = predict(many / "p000.jpg", "--format", "jsonl", "--top", 2)
    assert len(json.loads(result.stdout)["scores"]) == 2
    result = predict(many / "p000.jpg", "--format", "csv", "--top", 1)
    assert result.stdout.splitlines()[0] == "source,genres,genre_1,score_1,error"


def test_a_csv_and_a_list_on_stdin_name_posters(predict, many):
    with open("films.csv", "w", encoding="utf-8") as file:
        file.write(f"title,cover\nA,{many / 'p000.jpg'}\nB,p404.jpg\n")
    result = predict("films.csv", "--column", "cover", "--format", "jsonl")
    first, second = map(json.loads, result.stdout.splitlines())
    assert first["error"] is None and second["error"] == "missing (no such file)"
    listed = predict("-", "--format", "jsonl", input=f"{many / 'p000.jpg'}\n")
    assert json.loads(listed.stdout) == first | {"source": str(many / "p000.jpg")}


def test_a_url_on_this_machine_is_a_line_with_its_error(predict, many):
    result = predict("http://127.0.0.1:9/a.jpg", many / "p000.jpg", "--format", "jsonl")
    assert result.exit_code == 0
    first, _ = map(json.loads, result.stdout.splitlines())
    assert first["error"] == "address not allowed (127.0.0.1 is not public)"
    assert first["source"] == "http://127.0.0.1:9/a.jpg"


def test_exit_code_1_only_if_nothing_could_be_read(predict, many):
    assert predict(many / "p004.jpg", many / "p000.jpg").exit_code == 0
    result = predict(many / "p004.jpg", "none.jpg")
    assert result.exit_code == 1 and "No poster could be read" in result.stderr
    assert len(result.stdout.splitlines()) == 2


def test_shards_are_together_the_whole(predict, many):
    sources = []
    for part in (1, 2, 3):
        assert predict(many, "--out", f"{part}.csv", "--shard", f"{part}/3").exit_code == 0
        sources += [row["source"] for row in rows_of(f"{part}.csv")]
    assert sorted(sources) == sorted(str(path) for path in many.iterdir())


def test_a_shard_without_posters_is_a_table_without_rows(predict, many):
    results = [
        predict(many / "p000.jpg", "--out", f"{part}.csv", "--shard", f"{part}/2")
        for part in (1, 2)
    ]
    assert [result.exit_code for result in results] == [0, 0]
    assert sorted(len(rows_of(f"{part}.csv")) for part in (1, 2)) == [0, 1]


def test_the_star_of_a_table_is_explained(predict, many):
    result = predict(many, "--top", "3")
    assert "*" in result.stdout and "*: the score reaches" in result.stderr
    assert "*:" not in predict(many).stderr
    assert "*:" not in predict(many, "--top", "3", "--format", "csv").stderr


def test_flip_changes_scores_a_little(predict, many):
    plain, flipped = (
        json.loads(predict(many / "p000.jpg", "--format", "jsonl", *tta).stdout)["scores"]
        for tta in ((), ("--tta", "flip"))
    )
    assert plain != flipped
    assert max(abs(plain[genre] - flipped[genre]) for genre in GENRES) < 0.5


@pytest.mark.parametrize(
    ("args", "code", "said"),
    [
        (["--resume"], 2, "go with --out"),
        (["--overwrite"], 2, "go with --out"),
        (["--shard", "0/2"], 2, "I from 1 to N"),
        (["--shard", "3/2"], 2, "I from 1 to N"),
        (["--shard", "a"], 2, "I from 1 to N"),
        (["--top", "0"], 2, "--top"),
        (["--column", "x"], 1, "no source is one"),
        (["--format", "parquet"], 1, "Parquet needs a file"),
        (["--out", "a.csv", "--resume", "--overwrite"], 1, "cannot stand together"),
        (["--out", ".", "--format", "csv"], 1, "is a folder"),
        (["--out", "a.josnl"], 1, "ends in none of"),
    ],
)
def test_what_does_not_fit_is_refused(predict, many, args, code, said):
    result = predict(many, *args)
    assert result.exit_code == code and said in result.stderr
    assert os.listdir() == []


def test_a_model_that_is_none_and_a_source_without_posters_leave_nothing(predict, many, tmp_path):
    (tmp_path / "empty").mkdir()
    result = predict("empty", "--out", "a.csv")
    assert result.exit_code == 1 and "hold no poster" in result.stderr
    result = CliRunner().invoke(main, ["predict", "none", str(many), "--out", "a.csv"])
    assert result.exit_code == 1 and "none" in result.stderr
    assert os.listdir() == ["empty"]


def test_a_file_is_replaced_only_when_asked(predict, many):
    assert predict(many, "--out", "a.csv").exit_code == 0
    result = predict(many, "--out", "a.csv")
    assert result.exit_code == 1 and "is there already" in result.stderr
    assert "finished already" in predict(many, "--out", "a.csv", "--resume").stderr
    result = predict(many, "--out", "a.csv", "--resume", "--tta", "flip")
    assert result.exit_code == 1 and "was made with another tta" in result.stderr
    assert predict(many / "p000.jpg", "--out", "a.csv", "--overwrite").exit_code == 0
    assert len(rows_of("a.csv")) == 1


class Stop(BaseException):
    """Stands for the end of a process."""


def cut_off(monkeypatch, predict, rows, *args):
    """Run the command until so many lines are written."""
    from keras_genres.inference.journal import Journal

    write = Journal.write

    def write_until(self, *line):
        if self.rows == rows:
            raise Stop
        write(self, *line)

    with monkeypatch.context() as patch, pytest.raises(Stop):
        patch.setattr(Journal, "write", write_until)
        predict(*args, catch_exceptions=False)


@pytest.mark.parametrize("name", ["a.csv", "a.jsonl", "a.txt", "a.parquet"])
def test_a_job_that_was_cut_off_ends_as_the_one_that_was_not(predict, many, monkeypatch, name):
    if name.endswith("parquet"):
        pytest.importorskip("pyarrow")
    predict(many, "--out", f"whole-{name}")
    cut_off(monkeypatch, predict, 13, many, "--out", name)
    assert not os.path.exists(name)
    result = predict(many, "--out", name, "--resume")
    assert result.exit_code == 0 and "Going on after 12 posters" in result.stderr
    with open(name, "rb") as resumed, open(f"whole-{name}", "rb") as whole:
        assert resumed.read() == whole.read()
    assert shown() == [name, f"whole-{name}"]


@pytest.mark.parametrize(
    ("more", "said"),
    [
        (["--top", "3"], "another top"),
        (["--tta", "flip"], "another tta"),
        (["--format", "jsonl"], "another format"),
        (["--shard", "1/2"], "another sources"),
        (["--batch", "8"], "another batch"),
    ],
)
def test_another_job_is_not_gone_on_with(predict, many, monkeypatch, more, said):
    cut_off(monkeypatch, predict, 13, many, "--out", "a.csv")
    result = predict(many, "--out", "a.csv")
    assert result.exit_code == 1 and "cut off" in result.stderr
    result = predict(many, "--out", "a.csv", "--resume", *more)
    assert result.exit_code == 1 and said in result.stderr


def test_another_model_and_other_files_are_not_gone_on_with(predict, many, monkeypatch, run):
    cut_off(monkeypatch, predict, 13, many, "--out", "a.csv")
    with open(run.model_file, "ab") as file:
        file.write(b"\0")
    command = ["predict", str(run.path), str(many), "--out", "a.csv", "--resume", "--batch", "4"]
    result = CliRunner().invoke(main, command)
    assert result.exit_code == 1 and "another model" in result.stderr
    extra = many / "p0000.jpg"
    extra.write_bytes(b"new")
    try:
        result = predict(many, "--out", "a.csv", "--resume")
    finally:
        extra.unlink()
    assert result.exit_code == 1 and "files came or went" in result.stderr


class Job:
    """The command as a process of its own."""

    def __init__(self, finished, folder, *args):
        self.folder = folder
        command = [sys.executable, "-m", "keras_genres", "predict", str(finished.path)]
        self.command = [*command, *map(str, args), "--batch", "4"]

    def start(self, *more):
        return subprocess.Popen(
            [*self.command, *more], cwd=self.folder, stderr=subprocess.PIPE, text=True
        )


def wait_for(path, process):
    while not path.exists() and process.poll() is None:
        time.sleep(0.01)


@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, 143), (signal.SIGINT, 130)])
def test_a_signal_ends_it_with_the_line_that_goes_on(finished, many, tmp_path, number, code):
    # A pipe that is never closed: the job waits for more of its list.
    (tmp_path / "list").write_text("".join(f"{many / 'p000.jpg'}\n" for _ in range(12)))
    job = Job(finished, tmp_path, "-", "--out", "a.csv")
    with subprocess.Popen(
        job.command, cwd=tmp_path, stdin=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        process.stdin.write((tmp_path / "list").read_text() * 2)
        process.stdin.flush()
        wait_for(tmp_path / "a.csv.partial" / "job.json", process)
        time.sleep(1.0)
        process.send_signal(number)
        _, said = process.communicate(timeout=60)
    assert process.returncode == code, said
    assert "Traceback" not in said
    line = said.strip().splitlines()[-1]
    assert line.startswith("Interrupted. Go on, with the same list on stdin: keras-genres ")
    assert line.endswith("--out a.csv --batch 4 --resume")


def rows_saved(partial):
    """Return how many rows of a job are safe on the disk."""
    try:
        return json.loads((partial / "progress.json").read_text())["rows"]
    except (OSError, ValueError):
        return 0


@pytest.mark.slow
def test_a_job_killed_again_and_again_loses_and_doubles_no_row(finished, tmp_path, capsys):
    chance = random.Random(7)
    write_posters(tmp_path / "posters", 300, ["Drama"])
    for number in range(0, 300, 37):
        (tmp_path / "posters" / f"p{number:03}.jpg").write_bytes(b"no picture")
    for name in ("a.csv", "a.parquet"):
        sources = ["posters"] * 20
        whole = Job(finished, tmp_path, *sources, "--out", f"whole-{name}").start()
        _, said = whole.communicate()
        assert whole.returncode == 0, said
        job = Job(finished, tmp_path, *sources, "--out", name)
        partial, kills, going_on = tmp_path / f"{name}.partial", 0, 0
        while True:
            before = rows_saved(partial)
            process = job.start("--resume")
            is_last = kills == 4
            while not is_last and process.poll() is None and rows_saved(partial) == before:
                time.sleep(0.01)
            try:
                wait = None if is_last else chance.uniform(0, 2)
                _, said = process.communicate(timeout=wait)
                break
            except subprocess.TimeoutExpired:
                process.kill()
                _, said = process.communicate()
                kills += 1
                going_on += "Going on" in said
        assert process.returncode == 0, said
        with capsys.disabled():
            print(f"\n{name}: {kills} kills, {going_on} of them of a job that went on")
        assert (tmp_path / name).read_bytes() == (tmp_path / f"whole-{name}").read_bytes()
    assert len(rows_of(tmp_path / "a.csv")) == 6000
