import json

import pytest
from synthetic import write_run

from keras_genres.errors import UserError
from keras_genres.evaluation.about import about_run, duration, hide_paths, settings_rows


@pytest.mark.parametrize(
    "text, wanted",
    [
        ("keras-genres fit vgg16 --data /srv/posters --out runs/a", "--data posters --out runs/a"),
        ("fit a --set input.cache_folder=/home/ann/cache", "input.cache_folder=cache"),
        ("fit a --weights ~/files/a.h5 --unfreeze blocks 13-16,top", "--weights a.h5 --unfreeze b"),
        ("fit a --data ../../ann/data/ --seed 1", "--data data --seed 1"),
        (r"fit a --data C:\Users\ann\data --seed 1", "--data data --seed 1"),
        ("fit a --data C:/Users/ann/data --seed 1", "--data data --seed 1"),
        ("fit a --data /home/ann lee/my data --seed 1", "--data my data --seed 1"),
        ("report /home/ann/run", "report run"),
    ],
)
def test_folders_of_a_command_are_named_by_their_last_part(text, wanted):
    hidden = hide_paths(text)
    assert wanted in hidden
    assert "ann/" not in hidden and "ann\\" not in hidden and "srv" not in hidden


def test_what_is_no_path_stays():
    text = "fit a --set training.epochs=3 --unfreeze blocks 13-16,top --out runs/a 3/4"
    assert hide_paths(text) == text


def test_durations_are_read_at_a_glance():
    assert [duration(s) for s in (9, 59, 61, 3590, 3600, 9000)] == [
        "9 s",
        "59 s",
        "1 min",
        "1 h 0 min",
        "1 h 0 min",
        "2 h 30 min",
    ]


def test_a_run_without_environment_is_described_by_its_settings(tmp_path):
    run = write_run(tmp_path / "run", posters=20)
    about = about_run(run)
    rows = dict(about.trained)
    assert rows["Posters"].startswith("60 training, 20 validation, 20 test")
    assert rows["Training"].startswith("12 epochs (head 4, blocks 8)")
    assert about.title == rows["Network"] == "efficientnetv2s"


def test_strange_facts_of_an_environment_are_passed_over(tmp_path):
    run = write_run(tmp_path / "run", posters=20)
    strange = {"packages": 3, "gpus": "x", "cores": "y", "seconds": "long", "data": {}}
    for content in ({}, strange):
        run.environment_file.write_text(json.dumps(content))
        assert dict(about_run(run).trained)["Posters"]
    run.environment_file.write_text("[]")
    with pytest.raises(UserError, match="must hold a JSON object"):
        about_run(run)


def test_settings_are_those_of_the_file_with_what_was_changed(tmp_path):
    run = write_run(tmp_path / "run", posters=20, changes={"training.batch_size": 8})
    rows = {row["name"]: row for row in settings_rows(run)}
    assert rows["training.batch_size"]["value"] == "8"
    assert [name for name, row in rows.items() if row["is_changed"]] == ["training.batch_size"]
    run.settings_file.write_text("training:\n  seed: 3\n")
    assert [row["name"] for row in settings_rows(run)] == ["training.seed"]
