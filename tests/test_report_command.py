"""`report` with the posters behind a run: where they are looked for, and what is made of them."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from pictures import encoded, picture
from synthetic import draw_scores

from keras_genres.cli import main
from keras_genres.data.table import load_posters, write_posters
from keras_genres.evaluation.posters import choose_columns, find_posters
from keras_genres.evaluation.thresholds import sweep
from keras_genres.files import write_json
from keras_genres.manifest import write_manifest
from keras_genres.runs import Predictions, Run
from keras_genres.settings import Settings


def call(*args):
    return CliRunner().invoke(main, ["report", *map(str, args)])


def write_run_on(data, path):
    """Write a finished run with drawn scores on prepared posters."""
    posters = load_posters(data)
    run = Run(path, checked=False)
    path.mkdir()
    run.settings_file.write_text(Settings().replace({"evaluation.resamples": 50}).to_yaml())
    posters.split.save(run.split_file)
    generator = np.random.default_rng(0)
    for split in ("val", "test"):
        part = posters.part(split)
        scores = draw_scores(part.labels, generator)
        found = Predictions(part.filenames, part.labels, scores, part.groups)
        found.save(run.predictions_file(split))
    write_json(run.environment_file, {"data": str(data), "title": "On drawn posters"})
    sweep(run)
    write_manifest(path)
    return run


@pytest.fixture
def data(prepared, tmp_path):
    """A table of the prepared posters with years, and copies of their files, to change."""
    posters = load_posters(prepared)
    folder = tmp_path / "data"
    folder.mkdir()
    names = [Path(path).name for path in posters.paths]
    for name, path in zip(names, posters.paths, strict=True):
        shutil.copy(path, folder / name)
    years = [str(1950 + number % 70) for number in range(len(names))]
    split = posters.split
    columns = posters.labels, posters.splits, posters.groups, split.seed, split.fractions
    write_posters(folder, names, *columns, {"year": years})
    return folder


@pytest.fixture
def run(data, tmp_path):
    return write_run_on(data, tmp_path / "run")


def test_posters_are_found_where_the_run_was_trained(run, data):
    posters, note = find_posters(run)
    assert len(posters) == len(load_posters(data)) and note is None
    result = call(run.path)
    assert result.exit_code == 0, result.output
    assert "Note:" not in result.stderr


def test_posters_that_are_gone_or_changed_are_a_note_and_not_an_error(run, data, tmp_path):
    data.rename(tmp_path / "elsewhere")
    result = call(run.path)
    assert result.exit_code == 0, result.output
    assert "is not there" in result.stderr and "--data" in result.stderr
    assert find_posters(run, tmp_path / "elsewhere")[1] is None
    split = json.loads((tmp_path / "elsewhere" / "split.json").read_text())
    write_json(tmp_path / "elsewhere" / "split.json", split | {"sha256": "0" * 64})
    (tmp_path / "elsewhere").rename(data)
    posters, note = find_posters(run)
    assert posters is None and "was changed after" in note
    run.environment_file.unlink()
    write_manifest(run.path)
    assert "does not say where" in find_posters(run)[1]


def test_columns_are_checked(run, data):
    posters = load_posters(data)
    assert choose_columns(posters) == choose_columns(posters, ["year", "year"]) == ("year",)
    assert choose_columns(None) == ()
    result = call(run.path, "--by", "director")
    assert result.exit_code == 1 and "no column 'director'" in result.stderr
    shutil.rmtree(data)
    result = call(run.path, "--by", "year")
    assert result.exit_code == 1 and "--data" in result.stderr
    result = call(run.path, "--duplicates")
    assert result.exit_code == 1 and "--data" in result.stderr


def test_pictures_on_two_sides_are_named_when_asked_for(run, data):
    posters = load_posters(data)
    train, test = (posters.part(split) for split in ("train", "test"))
    result = call(run.path, "--duplicates")
    assert "more than one split" not in " ".join(result.stdout.split())
    assert not (run.report / "duplicates.csv").exists()
    for path in (train.paths[0], test.paths[0]):
        with open(path, "wb") as file:
            file.write(encoded(picture(1)))
    result = call(run.path, "--duplicates")
    assert result.exit_code == 0, result.output
    assert "1 picture stands in more than one split" in " ".join(result.stdout.split())
    table = (run.report / "duplicates.csv").read_text()
    assert str(train.filenames[0]) in table and str(test.filenames[0]) in table


def test_html_writes_one_page_and_says_where(run):
    result = call(run.path, "--html")
    assert result.exit_code == 0, result.output
    assert "report.html" in result.stderr
    text = (run.report / "report.html").read_text()
    assert "On drawn posters" in text and str(run.path) not in text
    assert call(run.path).exit_code == 0
    assert not (run.report / "report.html").exists()  # it would be of another report
