"""Training on kept activations is training on pixels, only sooner."""

import csv
import json
import os

import keras
import numpy as np
import pytest
import tensorflow as tf
from conftest import TINY
from test_fit import FIT, run_on_jax, run_on_two_devices

from keras_genres.data.table import load_posters
from keras_genres.errors import UserError
from keras_genres.input.decode import decode_posters
from keras_genres.runs import Run
from keras_genres.settings import load_settings
from keras_genres.training.fit import dry_run, fit
from keras_genres.training.interrupt import StopOnSignal
from keras_genres.training.job import build_job, poster_sources
from keras_genres.training.prefix import PrefixCache, keep_frozen
from keras_genres.training.prefix_choice import choose_place, pays
from keras_genres.training.stages import resolve
from keras_genres.training.trainee import kept_trainee, live_trainee

# Both stages leave something frozen, and there are as many views as epochs in
# the longer one, made with the training's seed.
FROZEN = (
    *TINY,
    "training.head_epochs=2",
    "training.epochs=2",
    "training.unfreeze=block4",
    "prefix.views=4",
    "prefix.seed=0",
)


@pytest.fixture
def cache(tmp_path, monkeypatch):
    """Folder of activations that no other test fills."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return tmp_path / "cache/keras-genres"


def frozen(*overrides):
    return load_settings(None, [*FROZEN, *overrides])


def history(run):
    return list(csv.DictReader(run.history_file.open()))


@pytest.fixture(scope="module")
def live(prepared, tmp_path_factory):
    """The run without a cache."""
    return fit(frozen("prefix.cache=off"), prepared, tmp_path_factory.mktemp("live") / "run")


def test_a_run_on_kept_activations_is_the_run_on_pixels(prepared, tmp_path, cache, live, capsys):
    run = fit(frozen("prefix.cache=on"), prepared, tmp_path / "run")
    said = capsys.readouterr().err
    assert "stage head: on, as asked: 82 posters × 4 views and 38 as they are, 160 numbers" in said
    assert "stage blocks: on, as asked: 82 posters × 4 views and 38 as they are, 1536" in said
    for kept, wanted in zip(history(run), history(live), strict=True):
        assert kept["stage"] == wanted["stage"]
        # float16 keeps three digits of what the frozen part gives.
        assert float(kept["loss"]) == pytest.approx(float(wanted["loss"]), abs=5e-4)
        assert float(kept["val_loss"]) == pytest.approx(float(wanted["val_loss"]), abs=5e-4)
    scores, wanted = (one.predictions("test") for one in (run, live))
    np.testing.assert_allclose(scores.scores, wanted.scores, atol=5e-3)
    # The trained tail is in the saved model, which gives the saved scores from pixels.
    model = keras.saving.load_model(run.model_file, compile=False)
    paths = load_posters(prepared).part("test").paths
    images = decode_posters(tf.stack([tf.io.read_file(path) for path in map(str, paths)]), 32, 32)
    found = model.predict(tf.cast(images, tf.float32), verbose=0)
    np.testing.assert_allclose(found, scores.scores, atol=1e-5)


def test_a_stage_too_short_for_its_own_activations_takes_those_of_a_later_one(
    prepared, tmp_path, cache, monkeypatch, capsys
):
    gradual = ("training.head_epochs=1", "training.epochs=3", "training.gradual_epochs=1")
    gradual += ("training.unfreeze=block3,block4", "prefix.cache=auto")
    live = fit(frozen(*gradual, "prefix.cache=off"), prepared, tmp_path / "live")
    monkeypatch.setattr(PrefixCache, "_pays", lambda self, stage, cut: (stage.name == "blocks", ""))
    run = fit(frozen(*gradual), prepared, tmp_path / "run")
    said = capsys.readouterr().err
    for name in ("head", "from block4"):
        assert f"stage {name}: on, from what stage blocks keeps" in said
    assert len(list(cache.glob("*.rows"))) == 6  # four views, validation and test, at one cut
    stages = [row["stage"] for row in history(run)]
    assert stages == ["head", "from block4", "blocks", "blocks"]
    for kept, wanted in zip(history(run)[:2], history(live), strict=False):
        assert float(kept["loss"]) == pytest.approx(float(wanted["loss"]), abs=5e-4)
        assert float(kept["val_loss"]) == pytest.approx(float(wanted["val_loss"]), abs=5e-4)


def test_what_lies_between_lower_activations_and_the_open_blocks_stays_frozen(
    prepared, cache, monkeypatch
):
    monkeypatch.setattr(PrefixCache, "_pays", lambda self, stage, cut: (stage.name == "blocks", ""))
    found = fill(
        prepared,
        "training.gradual_epochs=1",
        "training.unfreeze=block3,block4",
        "prefix.cache=auto",
    )
    job = found.job
    for stage in job.stages:
        job.open(stage)
        trainee = kept_trainee(job, found.kept[stage])
        opened = {id(variable) for variable in trainee.model.trainable_variables}
        assert opened == {id(variable) for variable in job.network.trainable_variables}
        live = live_trainee(job, found.runner.sources)
        # Held-out posters are kept in float32.
        np.testing.assert_allclose(trainee.score("val"), live.score("val"), atol=1e-5)


def fill(data, *overrides):
    """Build a job and keep what it leaves frozen, without training."""
    posters = load_posters(data)
    job = build_job(resolve(frozen(*overrides)), posters)
    return keep_frozen(job, poster_sources(job), StopOnSignal())


def test_what_was_kept_is_found_again_and_no_poster_is_decoded(prepared, cache, capsys):
    fill(prepared, "prefix.cache=on")
    capsys.readouterr()
    before = {path: path.read_bytes() for path in cache.glob("*.rows")}
    found = fill(prepared, "prefix.cache=auto", "training.learning_rate=5e-3")
    said = capsys.readouterr().err
    assert said.count("found from an earlier run") == 2
    assert "Decoded posters" not in said
    assert len(found.kept) == 2
    assert {path: path.read_bytes() for path in cache.glob("*.rows")} == before


@pytest.mark.parametrize(
    "change, shared",
    [
        ("augment.hue=0.1", 4),  # posters as they are: val and test, at two cuts
        ("augment.crop=0.5", 4),
        ("augment.randaugment_magnitude=3", 12),  # of no operation
        ("training.mixup=0.4", 12),  # mixed after they were kept
        ("input.fit=pad", 0),
        ("model.pooling=max", 6),  # the lower cut does not know of the pooling
        ("prefix.seed=1", 4),
        ("prefix.views=5", 12),
        ("training.seed=5", 0),  # random weights of another seed are other weights
    ],
)
def test_what_was_kept_serves_only_what_it_was_made_for(prepared, cache, change, shared):
    fill(prepared, "prefix.cache=on")
    before = set(cache.glob("*.rows"))
    assert len(before) == 12  # two cuts, each with 4 views, val and test
    for path in before:
        os.utime(path, (0, 0))
    fill(prepared, "prefix.cache=on", change)
    assert len({path for path in before if path.stat().st_mtime > 0}) == shared


def test_a_changed_poster_makes_its_split_anew(prepared, cache):
    fill(prepared, "prefix.cache=on")
    before = set(cache.glob("*.rows"))
    path = load_posters(prepared).part("val").paths[0]
    seen = os.stat(path)
    try:
        os.utime(path, ns=(seen.st_atime_ns, seen.st_mtime_ns + 10**9))
        fill(prepared, "prefix.cache=on")
    finally:
        os.utime(path, ns=(seen.st_atime_ns, seen.st_mtime_ns))
    assert len(set(cache.glob("*.rows")) - before) == 2  # val at two cuts


class StopAfter(StopOnSignal):
    """A user who interrupts after some batches."""

    def __init__(self, batches):
        super().__init__()
        self.batches = batches

    def check(self):
        self.batches -= 1
        self.is_asked = self.batches == 0
        super().check()


def test_an_interrupted_pass_is_taken_up_where_it_stopped(prepared, tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "whole"))
    fill(prepared, "prefix.cache=on")
    whole = {path.name: path.read_bytes() for path in tmp_path.glob("whole/*/*.rows")}
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cut"))
    job = build_job(resolve(frozen("prefix.cache=on")), load_posters(prepared))
    # 82 posters in batches of 32 are 3 batches a view: the fifth is in the second view.
    with pytest.raises(KeyboardInterrupt):
        keep_frozen(job, poster_sources(job), StopAfter(5))
    partial = sorted(tmp_path.glob("cut/*/*.partial"))
    assert [json.loads(path.with_suffix(".json").read_text())["done"] for path in partial] == [
        64,
        64,
    ]
    again = StopAfter(99)
    capsys.readouterr()
    keep_frozen(job, poster_sources(job), again)
    # Of 366 posters 82 + 64 are done at both cuts: 160 and 1,536 numbers of two bytes.
    said = "Computing the frozen part: 220 posters, views included, going on from 0.5 MiB"
    assert said in capsys.readouterr().err
    # 12 batches of views and 2 of val and test, less the 5 that were done.
    assert 99 - again.batches == 9
    assert {path.name: path.read_bytes() for path in tmp_path.glob("cut/*/*.rows")} == whole


def test_memory_holds_what_the_disk_would(prepared, cache):
    in_memory = fill(prepared, "prefix.cache=on", "prefix.place=memory")
    assert not list(cache.glob("prefix-*"))
    on_disk = fill(prepared, "prefix.cache=on")
    for one, other in zip(in_memory.kept.values(), on_disk.kept.values(), strict=True):
        for rows, wanted in zip(one.all, other.all, strict=True):
            np.testing.assert_array_equal(rows.array(), wanted.array())


def test_auto_leaves_out_what_would_not_pay_and_says_so(prepared, cache, capsys):
    assert not fill(prepared).kept
    said = capsys.readouterr().err
    # 2 epochs of 82 + 18 posters, against 4 views of 82 and 38 others.
    assert "stage head: off, 200 passes of a poster in 2 epochs are fewer than the 366 that" in said
    assert not list(cache.glob("prefix-*"))


def test_a_stage_that_trains_all_blocks_has_nothing_to_keep(prepared, tmp_path, cache, capsys):
    settings = frozen("prefix.cache=on", "training.unfreeze=all", "training.head_epochs=1")
    run = fit(settings, prepared, tmp_path / "run")
    said = capsys.readouterr().err
    assert "stage all: off (all blocks are trained, nothing is frozen)" in said
    assert "stage head: on" in said
    assert [row["stage"] for row in history(run)] == ["head", "all", "all"]


def test_no_room_is_an_error_when_asked_and_a_note_otherwise(prepared, tmp_path, cache):
    limits = ("prefix.disk_gib=1e-6", "prefix.memory_gib=1e-6")
    with pytest.raises(UserError, match=r"prefix.disk_gib=1e-06 and over prefix.memory_gib=1e-06"):
        fit(frozen("prefix.cache=on", *limits), prepared, tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_a_dry_run_says_what_would_be_kept(prepared, cache):
    assert "Prefix cache, stage head: off, 200 passes" in dry_run(frozen(), prepared)


def test_time_saved_decides(tmp_path):
    assert pays(10, without=600, cost=200)[0]
    assert not pays(10, without=600, cost=580)[0]
    assert not pays(10, without=6, cost=1)[0]
    assert pays(10, 600, 200)[1] == "3:20 to compute instead of 10:00 in up to 10 epochs"
    options = load_settings(None, ["prefix.memory_gib=1"]).prefix
    assert choose_place(options, 2**20, 0, tmp_path) == ("disk", "")
    full = load_settings(None, ["prefix.memory_gib=1", "prefix.disk_gib=0.5"]).prefix
    assert choose_place(full, 2**30, 0, tmp_path)[0] == "memory"
    assert choose_place(full, 2**30, 1, tmp_path)[0] is None


def test_jax_trains_on_kept_activations(prepared, tmp_path, cache):
    settings = [*FROZEN, "prefix.cache=on"]
    run_on_jax(FIT.format(settings=settings, data=str(prepared), out=str(tmp_path / "run")))
    run = Run.open(tmp_path / "run")
    losses = [float(row["loss"]) for row in history(run)]
    assert losses[3] < losses[0]
    assert json.loads(run.environment_file.read_text())["devices"] == 1


@pytest.mark.slow
@pytest.mark.parametrize("backend", ["tensorflow", "jax"])
def test_two_devices_train_on_kept_activations(prepared, tmp_path, cache, live, backend):
    settings = [*FROZEN, "prefix.cache=on"]
    run = run_on_two_devices(backend, settings, prepared, tmp_path / "run")
    environment = json.loads(run.environment_file.read_text())
    assert environment["devices"] == 2
    assert sorted(environment["stages_on_kept_activations"]) == ["blocks", "head"]
    if backend == "tensorflow":  # JAX draws other first weights
        assert float(history(run)[0]["loss"]) == pytest.approx(
            float(history(live)[0]["loss"]), abs=2e-3
        )


def test_bfloat16_networks_keep_bfloat16(prepared, tmp_path, cache):
    try:
        run = fit(
            frozen("prefix.cache=on", "training.precision=bfloat16"), prepared, tmp_path / "r"
        )
    finally:
        keras.config.set_dtype_policy("float32")
    formats = {json.loads(path.read_text())["what"]["format"] for path in cache.glob("*.json")}
    assert formats == {"bfloat16", "float32"}
    losses = [float(row["loss"]) for row in history(run)]
    assert losses[3] < losses[0]


def test_views_made_on_the_device_train_alike(prepared, tmp_path, cache, live):
    run = fit(frozen("prefix.cache=on", "augment.where=device"), prepared, tmp_path / "run")
    for kept, wanted in zip(history(run), history(live), strict=True):
        assert float(kept["loss"]) == pytest.approx(float(wanted["loss"]), abs=2e-3)


def test_posters_varied_on_the_device_train_as_in_the_pipeline(prepared, tmp_path, live):
    run = fit(frozen("prefix.cache=off", "augment.where=device"), prepared, tmp_path / "run")
    for kept, wanted in zip(history(run), history(live), strict=True):
        assert float(kept["loss"]) == pytest.approx(float(wanted["loss"]), abs=2e-3)
    assert "where: device" in run.settings_file.read_text()


def test_a_folder_that_cannot_be_written_to_leaves_memory(prepared, tmp_path, capsys):
    (tmp_path / "file").write_text("not a folder")
    inside = f"input.cache_folder={tmp_path / 'file/inside'}"
    fill(prepared, "prefix.cache=on", inside)
    said = capsys.readouterr().err
    assert said.count("in memory (/") == 2 and said.count("cannot be written to") == 2
    with pytest.raises(UserError, match=r"cannot be written to. Set prefix"):
        fill(prepared, "prefix.cache=on", "prefix.place=disk", inside)
