"""The command line as a user meets it: what is printed where, and the exit code."""

import json
import re
import shutil
from pathlib import Path

import click
import pytest
from click.testing import CliRunner
from conftest import TINY

from keras_genres import cli
from keras_genres.genres import GENRES

README = (Path(__file__).parents[1] / "README.md").read_text(encoding="utf-8")


def call(*args):
    return CliRunner().invoke(cli.main, [str(arg) for arg in args])


def commands(group=cli.main, prefix="keras-genres"):
    for name, command in sorted(group.commands.items()):
        if isinstance(command, click.Group):
            yield from commands(command, f"{prefix} {name}")
        else:
            yield f"{prefix} {name}", command


COMMANDS = dict(commands())


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_explains_itself_and_is_in_the_readme(name):
    result = call(*name.split()[1:], "--help")
    assert result.exit_code == 0
    assert COMMANDS[name].help
    assert name in README


@pytest.mark.parametrize("name", COMMANDS)
def test_every_option_has_help(name):
    options = [part for part in COMMANDS[name].params if isinstance(part, click.Option)]
    assert [option.name for option in options if not option.help] == []


def test_commands_the_readme_names_exist():
    groups = ("bench", "data", "experiment")
    named = set(re.findall(rf"keras-genres (?!--)(?:(?:{'|'.join(groups)}) [a-z]+|[a-z]+)", README))
    known = set(COMMANDS) | {f"keras-genres {group}" for group in groups}
    assert {name for name in named if name not in known} == set()


def test_data_fit_thresholds_report_export_one_after_the_other(tmp_path):
    result = call("data", "sample", "--out", tmp_path / "posters", "--posters", 80)
    assert result.exit_code == 0, result.output
    labels = tmp_path / "posters" / "labels.csv"
    result = call("data", "prepare", labels, "--out", tmp_path / "data", "--seed", 1)
    assert result.exit_code == 0, result.output
    assert json.loads((tmp_path / "data/split.json").read_text())["seed"] == 1
    overrides = [part for override in TINY for part in ("--set", override)]
    fit = ["fit", "smallcnn", "--data", tmp_path / "data", "--out", tmp_path / "run", *overrides]
    result = call(*fit)
    assert result.exit_code == 0, result.output
    assert "macro avg" in result.stdout and f"Run folder: {tmp_path / 'run'}" in result.stdout
    assert "Epoch 3/3" in result.stderr and "Epoch" not in result.stdout

    result = call("thresholds", tmp_path / "run", "--method", "grid", "--format", "json")
    assert result.exit_code == 0, result.output
    rows = json.loads(result.stdout)
    assert [row["genre"] for row in rows][:19] == list(GENRES)
    assert all(abs(row["threshold"] / 0.05 - round(row["threshold"] / 0.05)) < 1e-9 for row in rows)

    result = call("report", tmp_path / "run", "--data", tmp_path / "data", "--format", "csv")
    assert result.exit_code == 0, result.output
    header = "split,genre,precision,recall,f1,support,threshold"
    assert result.stdout.splitlines()[0] == header

    result = call("export", tmp_path / "run", "--format", "saved_model")
    assert result.exit_code == 0, result.output
    assert "differ from Keras's by at most" in result.stdout

    result = call(*fit)
    assert result.exit_code == 1
    assert len(result.stderr.strip().splitlines()) == 1 and "is there already" in result.stderr


def test_report_refuses_data_of_another_split_and_says_what_changed(run, drawn, tmp_path):
    result = call("data", "prepare", drawn / "labels.csv", "--out", tmp_path / "new", "--seed", 5)
    assert result.exit_code == 0, result.output
    result = call("report", run.path, "--data", tmp_path / "new")
    assert result.exit_code == 1
    assert "seed 0 -> 5" in result.stderr
    assert len(result.stderr.strip().splitlines()) == 1


@pytest.mark.parametrize(
    "args, message",
    [
        (["fit", "smallcnn", "--data", "nowhere"], "nowhere"),
        (["data", "prepare", "nowhere", "--out", "data"], "nowhere"),
        (["data", "check", "nowhere"], "nowhere"),
        (["report", "nowhere"], "There is no run folder nowhere"),
        (["thresholds", "nowhere"], "There is no run folder nowhere"),
        (["export", "nowhere"], "There is no run folder nowhere"),
        (["fit", "smallcnn", "--data", "x", "--set", "training.epoch=1"], "'training.epochs'"),
        (["fit", "smallcnn", "--data", "x", "--config", "no.yaml"], "Cannot read no.yaml"),
        (["data", "sample", "--out", "x", "--posters", "3"], "3"),
    ],
)
def test_bad_input_is_answered_by_one_line_and_exit_1(args, message, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    result = call(*args)
    assert result.exit_code == 1, result.output
    assert len(result.stderr.strip().splitlines()) == 1
    assert message in result.stderr
    assert list(tmp_path.iterdir()) == []


def test_wrong_usage_exits_2():
    assert call("fit", "smallcnnn", "--data", "x").exit_code == 2
    assert call("report").exit_code == 2


def test_a_config_file_and_set_and_shortcuts_are_resolved_in_this_order(prepared, tmp_path):
    config = tmp_path / "a.yaml"
    config.write_text("training: {seed: 1, batch_size: 8, head_epochs: 3}\nmodel: {dropout: 0.1}\n")
    result = call(
        "fit", "smallcnn", "--data", prepared, "--config", config, "--dry-run",
        "--set", "training.seed=2", "--set", "training.batch_size=4", "--seed", 3,
        "--set", "input.height=32", "--set", "input.width=32",
    )  # fmt: skip
    assert result.exit_code == 0, result.output
    assert "seed: 3" in result.stdout
    assert "batch_size: 4" in result.stdout
    assert "head_epochs: 3" in result.stdout
    assert "dropout: 0.1" in result.stdout


def test_backbones_and_settings_are_listed_in_every_form():
    for name in ("backbones", "settings"):
        assert call(name).exit_code == 0
        rows = json.loads(call(name, "--format", "json").stdout)
        lines = call(name, "--format", "csv").stdout.splitlines()
        assert len(lines) == len(rows) + 1
    assert "efficientnetv2s" in call("backbones").stdout
    assert "model.pooling = avg (one of avg, max)" in call("settings").stdout


def test_doctor_prints_versions_and_devices():
    result = call("doctor")
    assert result.exit_code == 0, result.output
    for word in ("tensorflow", "keras", "backend", "GPUs"):
        assert word in result.stdout


def test_a_bug_keeps_its_traceback(run, monkeypatch):
    monkeypatch.setattr("keras_genres.runs.Run.open", lambda path: 1 / 0)
    assert isinstance(call("report", run.path).exception, ZeroDivisionError)


def test_a_full_disk_is_one_line(run, monkeypatch):
    def full(*args, **kwargs):
        raise OSError(28, "No space left on device", "report/test.csv")

    monkeypatch.setattr("keras_genres.files.os.fsync", full)
    shutil.rmtree(run.report)
    result = call("report", run.path)
    assert result.exit_code == 1
    assert result.stderr == (
        "Error: Could not write report/test.csv: no space left on the disk; "
        "free some and try again.\n"
    )
    assert not run.report.exists()


def test_a_mistyped_backbone_is_told_the_nearest_and_separators_do_not_count(tmp_path):
    for command in (
        ["fit", "mobilenett"],
        ["baseline", "mlknn-frozen", "--backbone", "mobilenett"],
    ):
        result = call(*command, "--data", str(tmp_path))
        assert result.exit_code == 2
        assert "Did you mean 'mobilenetv2'?" in result.stderr.splitlines()[-1]
    result = call("fit", "MobileNet-V2", "--data", str(tmp_path))
    assert "BACKBONE" not in result.stderr and result.exit_code == 1


def test_fit_takes_the_backbone_of_the_config_file_unless_one_is_named(prepared, tmp_path):
    (tmp_path / "mine.yaml").write_text("model:\n  backbone: smallcnn\n")
    tiny = [part for each in TINY for part in ("--set", each) if "backbone" not in each]
    base = ["fit", "--data", prepared, "--dry-run", "--config", tmp_path / "mine.yaml", *tiny]
    result = call(*base)
    assert result.exit_code == 0, result.output
    assert "backbone: smallcnn" in result.stdout
    result = call("fit", "MobileNetV2", *base[1:], "--weights", "none")
    assert result.exit_code == 0, result.output
    assert "backbone: mobilenetv2" in result.stdout
    assert "mobilenetv2 instead of --config's smallcnn" in result.stderr
    result = call("fit", "--data", prepared)
    assert result.exit_code == 2
    assert "Missing argument 'BACKBONE'" in result.output
