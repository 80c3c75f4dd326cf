import pytest

from keras_genres.errors import UserError
from keras_genres.settings import (
    PrepareSettings,
    Settings,
    describe_settings,
    load_settings,
    setting_names,
)


def test_defaults_are_the_papers():
    training = Settings().training
    assert (training.batch_size, training.step_epochs, training.gamma) == (32, 15, 0.5)
    assert (training.head_learning_rate, training.epochs) == (1e-4, 90)


def test_the_command_line_wins_over_the_file_and_the_file_over_the_defaults(tmp_path):
    file = tmp_path / "a.yaml"
    file.write_text("training:\n  batch_size: 8\n  epochs: 3\n")
    settings = load_settings(file, ["training.epochs=5"])
    assert (settings.training.batch_size, settings.training.epochs) == (8, 5)
    assert settings.training.gamma == 0.5


def test_saved_settings_are_read_back(tmp_path):
    settings = load_settings(None, ["training.learning_rate=1e-4", "input.cache=off"])
    (tmp_path / "a.yaml").write_text(settings.to_yaml())
    assert load_settings(tmp_path / "a.yaml") == settings


def test_a_bare_off_in_yaml_is_a_choice_and_not_a_truth_value(tmp_path):
    (tmp_path / "a.yaml").write_text("input:\n  cache: off\n")
    assert load_settings(tmp_path / "a.yaml").input.cache == "off"


@pytest.mark.parametrize(
    "override, message",
    [
        ("training.batchsize=3", r"Did you mean 'training.batch_size'"),
        ("batch_size=3", r"Unknown setting 'batch_size'"),
        ("training.batch_size=x", r"must be a whole number. Received: 'x'"),
        ("training.batch_size=0", r"must be between 1 and 65536"),
        ("training.learning_rate=nan", r"must be a number"),
        ("training.learning_rate=-1", r"must be at least 0"),
        ("augment.flip=maybe", r"must be true or false"),
        ("model.pooling=middle", r"must be one of avg, max"),
        ("training.batch_size", r"takes NAME=VALUE"),
    ],
)
def test_an_override_that_fits_nothing_is_an_error(override, message):
    with pytest.raises(UserError, match=message):
        load_settings(None, [override])


@pytest.mark.parametrize(
    "text, message",
    [
        ("training: [", "is not YAML"),
        ("- 1", "must hold sections"),
        ("training: 3", "must be a section"),
        ("training:\n  batch_size: [1]", "must be a whole number"),
        ("a: !!python/object:os.system {}", "is not YAML"),
    ],
)
def test_a_config_file_that_fits_nothing_is_an_error(tmp_path, text, message):
    (tmp_path / "a.yaml").write_text(text)
    with pytest.raises(UserError, match=message):
        load_settings(tmp_path / "a.yaml")


def test_a_missing_config_file_is_named(tmp_path):
    with pytest.raises(UserError, match=r"Cannot read .*nowhere.yaml"):
        load_settings(tmp_path / "nowhere.yaml")


def test_every_setting_is_documented():
    rows = describe_settings() + describe_settings(PrepareSettings)
    assert [name for name, _, meaning in rows if not meaning] == []
    assert [name for name, _, _ in describe_settings()] == setting_names()
