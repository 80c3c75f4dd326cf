import itertools
import os
import subprocess
import sys

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

from keras_genres.errors import UserError
from keras_genres.input.augment import augment_batch
from keras_genres.input.decode import decode_poster
from keras_genres.input.pipeline import (
    PosterSource,
    epoch_uniforms,
    evaluation_batches,
    steps_per_epoch,
    training_batches,
)
from keras_genres.input.variation import NUM_UNIFORMS
from keras_genres.settings import AugmentSettings, InputSettings

OFF = AugmentSettings(False, 0, 0, 0, 0, 0, 0, 0)
ALL = AugmentSettings()
CACHES = ["memory", "disk", "off"]


@pytest.fixture
def paths(tmp_path):
    """7 posters; poster k is one flat colour, 10 k."""
    (tmp_path / "posters").mkdir()
    files = [tmp_path / "posters" / f"{number}.png" for number in range(7)]
    for number, file in enumerate(files):
        Image.new("RGB", (12, 16), (10 * number,) * 3).save(file)
    return files


@pytest.fixture
def source(paths):
    return prepared(paths)


def prepared(paths, cache="memory", fit="squeeze"):
    folder = str(paths[0].parent.parent / "cache")
    source = PosterSource(paths, 16, 12, InputSettings(cache=cache, fit=fit, cache_folder=folder))
    source.prepare()
    return source


LABELS = np.arange(7)[:, None].repeat(19, 1)  # row k holds k, so a label names its poster


def stream(source, batches, seed=0, augment=ALL, batch_size=3, first_epoch=0, labels=LABELS):
    found = training_batches(
        source,
        labels,
        batch_size=batch_size,
        seed=seed,
        augment=augment,
        first_epoch=first_epoch,
    )
    images, labels = zip(*itertools.islice(found.as_numpy_iterator(), batches), strict=True)
    return np.stack(images), np.stack(labels)


def posters_drawn(labels):
    return labels[..., 0].astype(int).ravel()


def test_an_epoch_has_room_for_every_poster():
    assert [steps_per_epoch(count, 3) for count in (1, 3, 7)] == [1, 1, 3]


@pytest.mark.parametrize("cache", CACHES)
def test_images_and_labels_belong_together(paths, cache):
    images, labels = stream(prepared(paths, cache), 6, augment=OFF)
    assert images.shape == (6, 3, 16, 12, 3) and images.dtype == np.float32
    assert labels.shape == (6, 3, 19) and labels.dtype == np.float32
    np.testing.assert_array_equal(images[..., 0, 0, 0], 10 * labels[..., 0])


@pytest.mark.parametrize("batch_size", [1, 3, 7, 20])
def test_every_epoch_has_every_poster(source, batch_size):
    steps = steps_per_epoch(7, batch_size)
    _, labels = stream(source, 4 * steps, batch_size=batch_size)
    for epoch in labels.reshape(4, -1, 19):
        drawn = posters_drawn(epoch)
        assert sorted(drawn[:7]) == list(range(7))
        # What fills up the last batch is spread evenly, too.
        assert np.ptp(np.bincount(drawn, minlength=7)) <= 1


def test_epochs_differ_in_order_and_pixels(source):
    images, labels = stream(source, 6)
    first, second = posters_drawn(labels[:3])[:7], posters_drawn(labels[3:])[:7]
    assert first.tolist() != second.tolist()
    one, two = (
        images[half].reshape(-1, 16, 12, 3)[np.flatnonzero(drawn == 6)[0]]
        for half, drawn in ((slice(3), first), (slice(3, 6), second))
    )
    assert abs(one - two).max() > 1


def test_the_same_seed_gives_the_same_stream_and_another_another(source):
    first, again, other = (stream(source, 6, seed=seed) for seed in (5, 5, 6))
    np.testing.assert_array_equal(first[0], again[0])
    np.testing.assert_array_equal(first[1], again[1])
    assert not np.array_equal(first[1], other[1])


@pytest.mark.parametrize("augment", [OFF, ALL])
def test_every_cache_gives_the_same_pixels(paths, augment):
    first, *others = (stream(prepared(paths, cache), 4, augment=augment) for cache in CACHES)
    for other in others:
        np.testing.assert_array_equal(first[0], other[0])
        np.testing.assert_array_equal(first[1], other[1])


def test_a_stream_begun_later_goes_on_as_the_whole_one(source):
    images, labels = stream(source, 9)
    later_images, later_labels = stream(source, 3, first_epoch=2)
    np.testing.assert_array_equal(later_images, images[6:])
    np.testing.assert_array_equal(later_labels, labels[6:])


def test_pixels_are_those_of_the_posters_own_random_numbers(source):
    images, labels = stream(source, 3, seed=3, first_epoch=4)
    drawn = posters_drawn(labels)
    flat = np.full((7, 16, 12, 3), 10, np.uint8) * np.arange(7, dtype=np.uint8)[:, None, None, None]
    uniforms = epoch_uniforms(7, 3, 4)
    wanted = augment_batch(flat, uniforms, ALL).numpy()[drawn]
    np.testing.assert_allclose(images.reshape(wanted.shape), wanted, atol=1e-3)


def test_random_numbers_differ_by_seed_epoch_and_poster():
    numbers = {(s, e): epoch_uniforms(5, s, e).numpy() for s in (0, 1) for e in (0, 1)}
    every = np.concatenate(list(numbers.values()))
    assert every.shape == (20, NUM_UNIFORMS)
    assert every.min() >= 0 and every.max() < 1
    assert len(np.unique(every)) == every.size


@pytest.mark.parametrize("cache", CACHES)
@pytest.mark.parametrize("batch_size", [1, 3, 7, 10])
def test_evaluation_keeps_the_order_and_fills_up_with_the_last_poster(paths, cache, batch_size):
    batches = evaluation_batches(prepared(paths, cache), batch_size)
    assert batches.element_spec == tf.TensorSpec((batch_size, 16, 12, 3), tf.float32)
    assert int(batches.cardinality()) == steps_per_epoch(7, batch_size)
    images = np.concatenate(list(batches.as_numpy_iterator()))
    rows = np.minimum(np.arange(len(images)), 6)
    np.testing.assert_array_equal(images[:, 0, 0, 0], 10 * rows)
    assert len(images) % batch_size == 0 and len(images) - 7 < batch_size


def test_evaluation_pixels_are_the_decoders(paths):
    random = np.random.default_rng(0)
    for path in paths:
        Image.fromarray(random.integers(0, 256, (40, 23, 3), dtype=np.uint8)).save(path)
    (batch,) = evaluation_batches(prepared(paths, fit="crop"), 7)
    wanted = [decode_poster(path.read_bytes(), 16, 12, "crop") for path in paths]
    np.testing.assert_array_equal(batch, np.float32(wanted))


@pytest.mark.parametrize("cache", CACHES)
def test_rows_are_a_view_that_shares_what_is_decoded(paths, cache):
    folder = str(paths[0].parent.parent / "cache")
    source = PosterSource(paths, 16, 12, InputSettings(cache=cache, cache_folder=folder))
    part = source.rows([6, 2, 5, 0]).rows(np.array([True, False, True, True]).nonzero()[0])
    assert source.prepare().startswith("Decoded posters: ")
    assert part.prepare() == ""
    assert len(part) == 3 and [path[-5:] for path in part.paths] == ["6.png", "5.png", "0.png"]
    (batch,) = evaluation_batches(part, 3).as_numpy_iterator()
    assert batch[:, 0, 0, 0].tolist() == [60, 50, 0]
    images, labels = stream(part, 1, augment=OFF, labels=LABELS[[6, 5, 0]])
    np.testing.assert_array_equal(images[..., 0, 0, 0], 10 * labels[..., 0])


def test_posters_not_prepared_are_decoded_as_they_are_asked_for(paths):
    (batch,) = evaluation_batches(PosterSource(paths, 16, 12, InputSettings()), 7)
    assert batch[:, 0, 0, 0].numpy().tolist() == [0, 10, 20, 30, 40, 50, 60]


def test_a_damaged_poster_is_named_before_the_first_epoch(paths):
    paths[4].write_bytes(b"no picture")
    for cache in CACHES:
        with pytest.raises(UserError, match=r"4\.png"):
            prepared(paths, cache)


def test_programming_errors_are_told(source):
    with pytest.raises(ValueError, match="7 rows"):
        stream(source, 1, labels=LABELS[:6])
    with pytest.raises(ValueError, match="at least one poster"):
        evaluation_batches(source.rows([]), 2)


FIT = """
import sys
import keras, numpy as np
from keras_genres.input.pipeline import PosterSource, evaluation_batches, training_batches
from keras_genres.settings import AugmentSettings, InputSettings
assert keras.backend.backend() == sys.argv[1]
if sys.argv[1] == "tensorflow":
    import tensorflow as tf
    two = [tf.config.LogicalDeviceConfiguration()] * 2
    tf.config.set_logical_device_configuration(tf.config.list_physical_devices("CPU")[0], two)
    scope = tf.distribute.MirroredStrategy(["CPU:0", "CPU:1"]).scope()
else:
    import contextlib
    scope = contextlib.nullcontext()
source = PosterSource(sys.argv[2:], 16, 12, InputSettings())
source.prepare()
with scope:
    inputs = keras.Input((16, 12, 3))
    mean = keras.layers.GlobalAveragePooling2D()(inputs)
    model = keras.Model(inputs, keras.layers.Dense(19, "sigmoid")(mean))
    model.compile("sgd", "binary_crossentropy")
labels = np.eye(7, 19)
batches = training_batches(source, labels, batch_size=4, seed=0, augment=AugmentSettings())
if sys.argv[1] == "tensorflow":
    strategy = model.distribute_strategy
    images, rows = next(iter(strategy.experimental_distribute_dataset(batches)))
    whole_images, whole_rows = next(batches.as_numpy_iterator())
    assert [len(part) for part in images.values] == [2, 2]
    np.testing.assert_array_equal(np.concatenate(images.values), whole_images)
    np.testing.assert_array_equal(np.concatenate(rows.values), whole_rows)
history = model.fit(batches, steps_per_epoch=2, epochs=2, verbose=0)
assert len(history.history["loss"]) == 2
scores = model.predict(evaluation_batches(source, 4), verbose=0)
assert scores.shape == (8, 19), scores.shape
flat = np.array([10.0 * k for k in range(7)])[:, None, None, None] * np.ones((1, 16, 12, 3))
wanted = keras.ops.convert_to_numpy(model(flat.astype("float32")))
np.testing.assert_allclose(scores[:7], wanted, atol=1e-5)
print("fitted")
"""


@pytest.mark.parametrize("backend", ["tensorflow", "jax"])
def test_keras_fits_and_predicts_from_the_batches(paths, backend):
    pytest.importorskip(backend)
    done = subprocess.run(
        [sys.executable, "-c", FIT, backend, *map(str, paths)],
        env={**os.environ, "KERAS_BACKEND": backend, "TF_CPP_MIN_LOG_LEVEL": "2"},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0 and "fitted" in done.stdout, done.stderr[-3000:]
