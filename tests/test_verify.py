"""`verify`: what is wrong, what is only noted, and what is taken as it is."""

import json
import os
import shutil
import subprocess
import sys

import pytest
from click.testing import CliRunner
from synthetic import write_run

from keras_genres.artefact import models_of, read_metadata, update_thresholds, write_metadata
from keras_genres.cli import main
from keras_genres.errors import UserError
from keras_genres.evaluation.report import write_report
from keras_genres.evaluation.thresholds import sweep
from keras_genres.files import write_json, write_sealed
from keras_genres.manifest import find_fault, read_manifest, settle_leftovers, write_manifest
from keras_genres.plain_files import HASHES
from keras_genres.runs import Run
from keras_genres.verify import accept, verify


def call(*args):
    return CliRunner().invoke(main, ["verify", *map(str, args)])


def told(run):
    """Return what is said of which file."""
    return {each.file: (each.level, each.what) for each in verify(run.path).findings}


@pytest.fixture
def baseline(tmp_path):
    """A finished run without a network."""
    run = write_run(tmp_path / "baseline", posters=30, history=False)
    sweep(run)
    write_json(run.environment_file, {"kind": "baseline", "title": "A baseline"})
    write_report(run)
    write_manifest(run.path)
    return run


def test_a_finished_run_is_whole_with_its_count(finished):
    result = call(finished.path)
    assert result.exit_code == 0 and not result.stderr
    found = verify(finished.path)
    assert found.is_whole and found.findings == ()
    files = [path for path in finished.path.rglob("*") if path.is_file() and path.name != HASHES]
    assert (found.files, found.bytes) == (len(files), sum(path.stat().st_size for path in files))
    assert f"{len(files)} files" in result.stdout and "all as they were written" in result.stdout


def test_a_baseline_is_whole_without_models(baseline):
    assert verify(baseline.path).findings == ()


def test_what_a_user_adds_is_noted_and_no_error(run):
    (run.path / "notes.txt").write_text("look at epoch 3")
    (run.path / "report.partial").mkdir()
    (run.path / os.fsdecode(b"\xff")).touch()
    result = call(run.path)
    assert result.exit_code == 0
    assert told(run)["notes.txt"][0] == told(run)["report.partial"][0] == "note"
    assert len(told(run)) == 3


def test_findings_come_as_json(run):
    run.history_file.unlink()
    result = call(run.path, "--format", "json")
    assert result.exit_code == 1 and len(result.stderr.splitlines()) == 1
    found = json.loads(result.stdout)
    assert not found["is_whole"] and found["path"] == str(run.path)
    (finding,) = found["findings"]
    assert (finding["file"], finding["level"]) == ("history.csv", "wrong")
    assert "from a copy" in finding["todo"]


def test_a_link_out_of_the_run_is_wrong(run, tmp_path):
    os.symlink("/etc/hostname", run.path / "more.txt")
    assert told(run) == {"more.txt": ("wrong", "it is a link; a run folder holds plain files only")}
    with pytest.raises(UserError, match="is a link"):
        accept(run.path)


@pytest.mark.parametrize("name", ["settings.yaml", "environment.json", "model.keras"])
def test_pipes_do_not_make_anybody_wait(run, name):
    (run.path / name).unlink()
    os.mkfifo(run.path / name)
    assert told(run)[name] == ("wrong", "it is no plain file")
    with pytest.raises(UserError, match="no plain file"):
        accept(run.path)
    with pytest.raises(UserError, match="no plain file"):
        Run(run.path, checked=False).read(run.path / name)


def test_a_run_inside_that_is_a_link_to_its_own_folder_is_wrong(run):
    with open(run.path / HASHES) as file:
        value = json.load(file)
    del value["sha256"]
    write_sealed(run.path / HASHES, value | {"folders": ["again"]})
    os.symlink(".", run.path / "again")
    assert set(told(run)) == {"again"}


def test_an_edited_file_is_taken_with_accept_and_what_hangs_on_it_is_told(run):
    text = run.thresholds_file.read_text()
    first = json.loads(text)["genres"]["Action"]["threshold"]
    run.thresholds_file.write_text(text.replace(f'"threshold": {first}', '"threshold": 0.123'))
    assert told(run)["thresholds.json"][0] == "wrong"
    result = call(run.path, "--accept")
    assert result.exit_code == 1
    wrong = set(told(run))
    assert wrong == {"model.keras", "saved_model", "report/val.csv", "report/test.csv"}
    assert "keras-genres export" in result.stdout and "keras-genres report" in result.stdout
    before = run.model_file.read_bytes()
    CliRunner().invoke(main, ["export", str(run.path)])
    CliRunner().invoke(main, ["report", str(run.path)])
    assert run.model_file.read_bytes() != before
    assert read_metadata(run.saved_model)["thresholds"]["Action"] == 0.123
    assert verify(run.path).findings == ()


def test_a_run_of_an_earlier_version_is_taken_with_accept(run):
    (run.path / HASHES).unlink()
    result = CliRunner().invoke(main, ["report", str(run.path)])
    assert result.exit_code == 1 and f"verify {run.path} --accept" in result.stderr
    assert told(run)[HASHES][0] == "wrong"
    result = call(run.path, "--accept")
    assert result.exit_code == 0 and "taken as they are" in result.stdout
    assert CliRunner().invoke(main, ["report", str(run.path)]).exit_code == 0
    assert verify(run.path).findings == ()


@pytest.mark.parametrize(
    "name, content",
    [
        ("predictions/test.npz", b"PK"),
        ("settings.yaml", b"training: [1]"),
        ("split.json", b"{}"),
        ("model.keras", b"no archive"),
        ("thresholds.json", b"{}"),
        ("environment.json", b"[]"),
    ],
)
def test_what_cannot_be_used_is_not_taken(run, name, content):
    (run.path / name).write_bytes(content)
    before = (run.path / HASHES).read_bytes()
    result = call(run.path, "--accept")
    assert result.exit_code == 1 and len(result.stderr.splitlines()) == 1
    assert "Nothing was taken" in result.stderr and name in result.stderr
    assert (run.path / HASHES).read_bytes() == before


def test_files_that_belong_to_other_runs_are_told(run, baseline):
    shutil.copy(baseline.predictions_file("val"), run.predictions_file("val"))
    shutil.copy(baseline.report / "test.json", run.report / "test.json")
    write_manifest(run.path)
    assert "does not hold the val posters" in told(run)["predictions/val.npz"][1]


def test_a_model_of_another_run_is_told(run):
    for model, metadata in models_of(run).items():
        write_metadata(model, metadata | {"split_sha256": "0" * 64, "height": 96})
    write_manifest(run.path)
    found = verify(run.path).findings
    assert {each.file for each in found} == {"model.keras", "saved_model"}
    assert sum("another height" in each.what for each in found) == 2
    assert sum("another split_sha256" in each.what for each in found) == 2


def test_a_report_that_is_out_of_date_is_told(baseline):
    Run(baseline.path)  # the report is of the thresholds before
    sweep(baseline, "grid", 0.1)
    write_manifest(baseline.path)
    assert set(told(baseline)) == {"report/val.csv", "report/test.csv"}
    assert CliRunner().invoke(main, ["report", str(baseline.path)]).exit_code == 0
    assert verify(baseline.path).findings == ()


def test_a_command_that_was_cut_off_while_it_replaced_files_is_noted(run, monkeypatch):
    def killed(*args):
        raise KeyboardInterrupt

    monkeypatch.setattr("keras_genres.runs.settle", killed)
    assert CliRunner().invoke(main, ["report", str(run.path)]).exit_code == 1
    monkeypatch.undo()
    result = call(run.path)
    assert result.exit_code == 0
    assert told(run)["MODEL_CARD.md"][0] == "note" and len(told(run)) == 1  # the first it writes
    assert CliRunner().invoke(main, ["report", str(run.path)]).exit_code == 0
    assert verify(run.path).findings == ()


def test_runs_inside_a_folder_are_checked_with_it(run, baseline, tmp_path):
    folder = tmp_path / "leak"
    folder.mkdir()
    (folder / "leak.json").write_text("{}")
    write_json(folder / "environment.json", {})
    run.path.rename(folder / "first")
    baseline.path.rename(folder / "second")
    write_manifest(folder)
    found = verify(folder)
    assert found.findings == () and found.files > 40
    (folder / "second" / "split.json").write_text("{}")
    (finding,) = verify(folder).findings
    assert finding.file == "second/split.json"
    shutil.rmtree(folder / "second")
    assert [each.file for each in verify(folder).findings] == ["second"]
    for path in folder.rglob(HASHES):
        path.unlink()
    assert not verify(folder).is_whole
    assert accept(folder).is_whole and verify(folder).is_whole
    assert (folder / "first" / HASHES).exists()


def test_a_run_that_was_cut_off_is_named_with_how_to_go_on(run):
    partial = run.path.rename(run.path.with_name("cut.partial"))
    for asked in (partial, partial.with_name("cut")):
        for options in ([], ["--accept"]):
            result = call(asked, *options)
            assert result.exit_code == 1
            assert f"keras-genres fit --resume {partial.with_name('cut')}" in result.stderr


def test_what_is_no_run_folder_is_refused(tmp_path):
    assert "There is no run folder" in call(tmp_path / "nowhere").stderr
    assert "is not a run folder" in call(tmp_path).stderr
    (tmp_path / "file").touch()
    assert "There is no run folder" in call(tmp_path / "file").stderr


def test_two_processes_do_not_change_one_run(run):
    from keras_genres.locks import alone

    code = (
        "import sys\nfrom keras_genres.cli import main\n"
        "for command in ('thresholds', 'report', 'verify --accept'):\n"
        "    try:\n        main([*command.split(), sys.argv[1]])\n"
        "    except SystemExit as end:\n        print(end.code)\n"
    )
    with alone(run.path):
        done = subprocess.run(
            [sys.executable, "-c", code, str(run.path)], capture_output=True, text=True
        )
    assert done.stdout.split() == ["1", "1", "1"]
    assert done.stderr.count("is in use by") == 3
    assert verify(run.path).findings == ()


def test_verify_starts_without_heavy_packages(finished):
    code = "import sys\nfrom keras_genres.verify import verify\n"
    code += f"assert verify({str(finished.path)!r}).is_whole\n"
    code += "print(*{n.split('.')[0] for n in sys.modules})"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    heavy = {"keras", "tensorflow", "jax", "pandas", "sklearn", "scipy", "matplotlib"}
    assert not set(done.stdout.split()) & heavy


@pytest.mark.parametrize("steps", range(6))
def test_thresholds_that_are_cut_off_anywhere_leave_whole_files_and_can_be_chosen_again(
    run, monkeypatch, steps
):
    """Three files are replaced, each announced before and settled after."""
    from keras_genres import runs

    done = []

    def limited(act):
        def step(*args):
            if len(done) == steps:
                raise KeyboardInterrupt
            done.append(act)
            act(*args)

        return step

    def choose():
        run = Run(path)
        sweep(run, "grid", 0.05)
        update_thresholds(run, models_of(run))

    path = run.path
    with monkeypatch.context() as patch:
        patch.setattr("keras_genres.runs.announce", limited(runs.announce))
        patch.setattr("keras_genres.runs.settle", limited(runs.settle))
        with pytest.raises(KeyboardInterrupt):
            choose()
    manifest = read_manifest(path)
    assert [name for name in manifest.files if find_fault(path, name, manifest)] == []
    settle_leftovers(path)
    choose()
    report = ("report/val.csv", "report/test.csv")  # of the thresholds before
    assert [each.file for each in verify(path).findings] == list(report)
