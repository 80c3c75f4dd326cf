import pytest

from keras_genres.errors import UserError
from keras_genres.settings import Settings, load_settings
from keras_genres.yaml_files import parse_yaml, read_yaml


def refused(text, match):
    data = text if isinstance(text, bytes) else text.encode()
    with pytest.raises(UserError, match=match) as caught:
        Settings().replace(parse_yaml(data, "mine.yaml"))
    assert "\n" not in str(caught.value) and len(str(caught.value)) < 600
    return str(caught.value)


def test_sections_become_names():
    text = b"training:\n  seed: 3\n  jit: off\nmodel: {weights: null}\n"
    assert parse_yaml(text, "a") == {
        "training.seed": 3,
        "training.jit": False,
        "model.weights": None,
    }
    assert parse_yaml(b"", "a") == parse_yaml(b"# nothing\n", "a") == {}


BILLION_LAUGHS = "a: &a [x, x]\n" + "".join(
    f"{name}: &{name} [*{before}, *{before}]\n"
    for before, name in zip("abcdefgh", "bcdefghi", strict=True)
)


@pytest.mark.parametrize(
    "text, said",
    [
        (BILLION_LAUGHS, "anchor"),
        ("training: &a {seed: 1}", "anchor"),
        ("training: *a", "alias"),
        ("a: &a\n  b: *a\n", "anchor"),
        ("training: {<<: {seed: 1}}", "a key that is no name"),
        ("training: !!python/object/apply:os.system ['true']", "a tag"),
        ("!!python/name:os.system", "a tag"),
        ("training: {seed: !!int 'x'}", "a tag"),
        ("training: !mine {seed: 1}", "a tag"),
        ("--- !!map\ntraining: {seed: 1}", "a tag"),
        ("training:\n\tseed: 3\n", "cannot start any token in line 2"),
        ("training: {seed: 1, seed: 2}", "'seed' twice in line 1"),
        ("training: {seed: 1}\ntraining: {seed: 2}", "'training' twice in line 2"),
        ("[" * 5000, "too deep"),
        ("training: " + "{a: " * 100 + "1" + "}" * 100, "too deep"),
        ("? [a, b]\n: c", "a key that is no name"),
        ("training: {? {a: b} : 1}", "a key that is no name"),
        (b"training: {seed: \xff}", "codec can't decode"),
        ("training: {seed: \0}", "special characters"),
        ("training: {seed: 1}\n--- \nmodel: {}", "another document"),
        ("training: {seed: 2001-99-99}", "month"),
        ("training: {seed: 0b_}", "invalid literal"),
        ("training: {seed: " + "9" * 5000 + "}", "digits"),
        ("training: {seed: 0x" + "f" * 9000 + "}", "between 0 and 2147483647"),
        ("training: {seed: -" + "0x" + "f" * 9000 + "}", "at least 0"),
        ("training: {learning_rate: 0x" + "f" * 9000 + "}", "must be a number"),
        ("training: {learning_rate: .inf}", "must be a number"),
        ("training: {learning_rate: .nan}", "must be a number"),
        ("training: {learning_rate: 1e999}", "must be a number"),
        ("training: {batch_size: 1.5}", "whole number"),
        ("training: {batch_size: null}", "whole number"),
        ("training: {seed: [1]}", "whole number"),
        ("training: {seed: 2001-01-01}", "whole number"),
        ("model: {backbone: null}", "line of text"),
        ('model: {weights: "a\\0b"}', "line of text"),
        ('model: {weights: "a\\nb"}', "line of text"),
        ('model: {weights: "a\\x85b"}', "line of text"),
        ('model: {weights: "a\\u2028b"}', "line of text"),
        ("model: {prior_bias: 2}", "true or false"),
        ("model: {pooling: {a: b}}", "one of"),
        ("training: " + "x" * 100_000, "must be a section"),
        ("3: {seed: 1}", "must have a name"),
        ("training: {3: 1}", "must have a name"),
        ("x" * 100_000 + ": {seed: 1}", "128 simple|Unknown setting|must hold sections|line 1"),
        ("training: {" + "y" * 500 + ": 1}", "Unknown setting"),
        ("- a", "must hold sections"),
        ("3", "must hold sections"),
        ("x: 1", "must be a section"),
    ],
    ids=lambda each: repr(each)[:40],
)
def test_what_settings_do_not_need_is_one_line(text, said):
    refused(text, said)


def test_a_file_larger_than_settings_ever_are_is_not_parsed(tmp_path):
    path = tmp_path / "large.yaml"
    path.write_bytes(b"# " + b"x" * 2**21)
    with pytest.raises(UserError, match="more than 1 MiB"):
        read_yaml(path)
    with pytest.raises(UserError, match="Cannot read"):
        load_settings(tmp_path / "nowhere.yaml")
    with pytest.raises(UserError, match="Cannot read"):
        load_settings(tmp_path)


def test_paths_that_are_no_text_are_kept_as_they_are(tmp_path):
    import os

    name = os.fsdecode(b"weights-\xe9.h5")
    settings = Settings().replace({"model.weights": name})
    (tmp_path / "a.yaml").write_text(settings.to_yaml(), encoding="utf-8")
    assert load_settings(tmp_path / "a.yaml").model.weights == name


@pytest.mark.parametrize(
    "override",
    [
        *("training.seed=1e400", "training.seed=" + "9" * 5000, "training.learning_rate=inf"),
        *("model.weights=a\0b", "a" * 10_000 + ".b=1", "training.seed", "=", ".=", "training.=1"),
    ],
)
def test_strange_overrides_are_one_line(override):
    with pytest.raises(UserError) as caught:
        load_settings(None, [override])
    assert "\n" not in str(caught.value)
