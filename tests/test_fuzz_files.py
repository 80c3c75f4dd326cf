"""Settings, run folders, predictions, weights and models with changed bytes and values.

Each is read, or refused in one line: no traceback, no crash of HDF5, no hang,
no memory beyond what the file holds. See `fuzz_files` for how they are changed.
"""

import collections
import json
import os

import pytest
from guarded import run_guarded
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as some

from keras_genres.errors import UserError
from keras_genres.files import parse_json
from keras_genres.settings import Settings, setting_names
from keras_genres.split import Split
from keras_genres.yaml_files import parse_yaml

SHARE = float(os.environ.get("KERAS_GENRES_FUZZ", "1"))
"""Of the inputs of the slow test."""
MEMORY = 600 * 2**20
"""Most memory of a process without Keras."""
KERAS_MEMORY = 3 * 2**30
"""The same with Keras and TensorFlow."""

COUNTS = {
    "settings": (20_000, MEMORY),
    "weights": (20_000, MEMORY),
    "model": (10_000, MEMORY),
    "run_folder": (6_000, MEMORY),
    "loaded_weights": (6_000, KERAS_MEMORY),
    "loaded_model": (1_500, KERAS_MEMORY),
}


@pytest.fixture
def fuzzed(finished, monkeypatch):
    """Name the model that is changed."""
    monkeypatch.setenv("KERAS_GENRES_FUZZED_MODEL", str(finished.model_file))


def judged(name, count):
    """Return how often each text came, what must not have been, and the most memory held."""
    texts, peak = run_guarded("fuzz_files", name, count)
    failures = [(number, text) for number, text in texts.items() if text.startswith("!")]
    return collections.Counter(texts.values()), failures, peak


def test_changed_files_are_read_or_refused_in_one_line(fuzzed):
    tally, failures, peak = judged("light", 240)
    assert failures == []
    assert tally["read"] and tally["refused"] and tally.total() == 240
    assert peak < MEMORY


@pytest.mark.slow
@pytest.mark.parametrize("name", COUNTS)
def test_tens_of_thousands_of_changed_files(fuzzed, name, capsys):
    count, most = COUNTS[name]
    tally, failures, peak = judged(name, round(count * SHARE))
    with capsys.disabled():
        print(
            f"\n{name}: {tally['read']} read, {tally['refused']} refused, {len(failures)} failed, "
            f"{peak / 2**20:.0f} MiB"
        )
    assert failures == []
    assert tally["read"] and tally["refused"]
    assert peak < most


FEW = settings(
    max_examples=60,
    derandomize=True,
    deadline=None,
    database=None,
    suppress_health_check=list(HealthCheck),
)
PLAIN = some.none() | some.booleans() | some.integers() | some.floats() | some.text(max_size=20)
TREES = some.recursive(
    PLAIN,
    lambda inner: some.lists(inner, max_size=3) | some.dictionaries(some.text(max_size=9), inner),
    max_leaves=8,
)


@FEW
@given(some.dictionaries(some.sampled_from(setting_names()), TREES, max_size=4))
def test_settings_of_any_values_are_taken_or_refused(changes):
    try:
        found = Settings().replace(changes)
    except UserError as error:
        assert "\n" not in str(error)
        return
    assert Settings().replace(parse_yaml(found.to_yaml().encode(), "again")) == found


@FEW
@given(some.binary(max_size=200) | some.text(max_size=200).map(lambda text: text.encode()))
def test_any_bytes_as_settings_and_as_a_split_are_taken_or_refused(data):
    for read in (parse_yaml, parse_json, Split.parse):
        try:
            read(data, "a file")
        except UserError as error:
            assert "\n" not in str(error)


@FEW
@given(TREES)
def test_no_other_value_is_a_split(value):
    with pytest.raises(UserError, match=r"is not a split file|is not readable JSON"):
        Split.parse(json.dumps(value).encode(), "split.json")
