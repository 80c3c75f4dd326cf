"""RandAugment: colours against Pillow, moves against their matrices."""

import dataclasses
import itertools
import math

import keras
import numpy as np
import pytest
import tensorflow as tf
from PIL import Image, ImageEnhance, ImageOps

from keras_genres.input.pipeline import PosterSource, training_batches, view_batches
from keras_genres.input.randaugment import COLOURS, MOVES, NUM_COLUMNS, OPERATIONS, moved, picks
from keras_genres.input.recolour import recoloured
from keras_genres.input.variation import NUM_UNIFORMS, RANDAUGMENT, affine_maps
from keras_genres.model.augment import augmented
from keras_genres.settings import AugmentSettings, InputSettings

OFF = AugmentSettings(False, 0, 0, 0, 0, 0, 0, 0)
HEIGHT, WIDTH = 30, 20


def drawn_posters(count=3):
    """Soft pictures, the last of few levels, as equalizing wants them."""
    random = np.random.default_rng(0)
    coarse = random.integers(30, 220, (count, 6, 5, 3), dtype=np.uint8)
    images = [np.asarray(Image.fromarray(each).resize((WIDTH, HEIGHT))) for each in coarse]
    images[-1] = images[-1] // 64 * 64
    return np.stack(images)


def drawing(*names, way=1, count=3):
    """Uniforms that draw these operations for every poster, all one way."""
    uniforms = np.full((count, NUM_UNIFORMS), 0.5, np.float32)
    for slot, name in enumerate(names):
        uniforms[:, RANDAUGMENT + 2 * slot] = (OPERATIONS.index(name) + 0.5) / len(OPERATIONS)
        uniforms[:, RANDAUGMENT + 2 * slot + 1] = 0.75 if way > 0 else 0.25
    return uniforms


def settings(number=1, magnitude=10.0, **others):
    return dataclasses.replace(OFF, randaugment=number, randaugment_magnitude=magnitude, **others)


def by_pillow(name, image, magnitude, way):
    factor = 1 + 0.09 * magnitude * way
    made = {
        "identity": lambda: image,
        "autocontrast": lambda: ImageOps.autocontrast(image),
        "equalize": lambda: ImageOps.equalize(image),
        "solarize": lambda: ImageOps.solarize(image, round(256 - 25.6 * magnitude)),
        "posterize": lambda: ImageOps.posterize(image, 8 - round(0.4 * magnitude)),
        "color": lambda: ImageEnhance.Color(image).enhance(factor),
        "contrast": lambda: ImageEnhance.Contrast(image).enhance(factor),
        "brightness": lambda: ImageEnhance.Brightness(image).enhance(factor),
        "sharpness": lambda: ImageEnhance.Sharpness(image).enhance(factor),
    }
    return np.asarray(made[name](), np.int32)


@pytest.mark.parametrize("name", COLOURS)
def test_colours_are_pillows(name):
    images = drawn_posters()
    for magnitude, way in ((9, 1), (9, -1), (4, 1), (0, 1)):
        found = recoloured(images, drawing(name, way=way), settings(1, magnitude)).numpy()
        assert found.dtype == np.uint8
        wanted = [by_pillow(name, Image.fromarray(each), magnitude, way) for each in images]
        is_exact = name in ("identity", "equalize", "solarize", "posterize")
        np.testing.assert_allclose(found, wanted, atol=0 if is_exact else 1)
        if magnitude == 9 and name != "identity":
            assert abs(found.astype(int) - images).max() > 10


def test_a_flat_poster_is_left_as_it_is_where_there_is_nothing_to_stretch():
    images = np.full((1, HEIGHT, WIDTH, 3), 77, np.uint8)
    for name in ("autocontrast", "equalize", "contrast", "color", "sharpness"):
        np.testing.assert_array_equal(
            recoloured(images, drawing(name, count=1), settings()), images
        )


def test_operations_follow_one_another_and_moves_leave_colours_alone():
    images = drawn_posters()
    both = recoloured(images, drawing("solarize", "brightness", way=-1), settings(2, 5))
    one = recoloured(images, drawing("solarize", way=-1), settings(1, 5))
    np.testing.assert_array_equal(
        both, recoloured(one, drawing("brightness", way=-1), settings(1, 5))
    )
    for name in MOVES:
        np.testing.assert_array_equal(recoloured(images, drawing(name), settings()), images)


def test_every_operation_is_as_likely_and_each_way_too():
    uniforms = tf.random.stateless_uniform((7000, NUM_COLUMNS), [1, 2])
    for which, way in picks(uniforms, 2, tf):
        counts = np.bincount(which.numpy().astype(int), minlength=14)
        assert len(counts) == len(OPERATIONS) == 14 and 420 < counts.min() <= counts.max() < 580
        assert abs(way.numpy().mean()) < 0.05


def matrix(name, way, magnitude):
    """Return the way back of a move about the centre, as a 3 × 3 matrix."""
    share, found = way * magnitude / 10, np.eye(3)
    if name == "rotate":
        angle = math.radians(30 * share)
        found[:2, :2] = [[math.cos(angle), -math.sin(angle)], [math.sin(angle), math.cos(angle)]]
    elif name.startswith("shear"):
        found[(0, 1) if name == "shear_x" else (1, 0)] = 0.3 * share
    else:
        axis = 0 if name == "translate_x" else 1
        found[axis, 2] = 0.45 * share * (WIDTH, HEIGHT)[axis]
    centre = np.eye(3)
    centre[:2, 2] = (WIDTH - 1) / 2, (HEIGHT - 1) / 2
    return centre @ found @ np.linalg.inv(centre)


def as_matrix(parts):
    return np.vstack([np.reshape(parts, (2, 3)), [0, 0, 1]])


@pytest.mark.parametrize("way", [1, -1])
@pytest.mark.parametrize("names", [*((name,) for name in MOVES), ("rotate", "shear_x"), MOVES[1:]])
def test_moves_are_folded_into_the_map_after_the_others(names, way):
    uniforms = drawing(*names, way=way, count=2)
    uniforms[:, :RANDAUGMENT] = np.random.default_rng(0).random((2, RANDAUGMENT))
    rest = dataclasses.replace(AugmentSettings(), crop=0.5)
    before = affine_maps(tf.constant(uniforms), rest, HEIGHT, WIDTH, tf).numpy()
    chosen = dataclasses.replace(rest, randaugment=len(names), randaugment_magnitude=8)
    found = affine_maps(tf.constant(uniforms), chosen, HEIGHT, WIDTH, tf).numpy()
    for one, other in zip(found, before, strict=True):
        wanted = as_matrix(other)
        for name in names:
            wanted = wanted @ matrix(name, way, 8)
        np.testing.assert_allclose(as_matrix(one), wanted, atol=1e-3)


def test_colours_and_magnitude_0_move_nothing():
    parts = [tf.constant([part]) for part in (1.0, 0.0, 0.0, 0.0, 1.0, 0.0)]
    for chosen, names in ((settings(), COLOURS), (settings(1, 0), OPERATIONS)):
        for name in names:
            drawn = drawing(name, count=1)[:, RANDAUGMENT:]
            found = moved(parts, tf.constant(drawn), chosen, HEIGHT, WIDTH, tf)
            np.testing.assert_allclose(np.ravel(found), np.ravel(parts), atol=1e-5)


@pytest.fixture
def source(tmp_path):
    files = [tmp_path / f"{number}.png" for number in range(7)]
    for file, pixels in zip(files, drawn_posters(7), strict=True):
        keras.utils.save_img(file, pixels, scale=False)
    source = PosterSource(files, HEIGHT, WIDTH, InputSettings(cache="memory"))
    source.prepare()
    return source


def test_the_device_and_the_views_show_what_the_pipeline_shows(source):
    chosen = dataclasses.replace(AugmentSettings(), randaugment=2)
    options = {"batch_size": 7, "seed": 4, "augment": chosen}
    labels = np.eye(7)

    def stream(**more):
        found = training_batches(source, labels, **options, **more).as_numpy_iterator()
        return list(itertools.islice(found, 2))

    inputs = keras.Input((HEIGHT, WIDTH, 3))
    network = augmented(keras.Model(inputs, inputs), chosen)
    batches = stream()
    for (pixels, rows), (again, _), (pair, _) in zip(
        batches, stream(), stream(where="device"), strict=True
    ):
        np.testing.assert_array_equal(pixels, again)
        on_device = keras.ops.convert_to_numpy(network(list(pair)))
        # 0.1 of resampling, times the strongest colour change of the defaults.
        np.testing.assert_allclose(on_device, pixels, atol=0.25)
        plain = source._store.decoded[rows.argmax(axis=1)]
        assert (pair[0] != plain).any(axis=(1, 2, 3)).sum() > 2
    (view,) = view_batches(source, view=1, **options).as_numpy_iterator()
    np.testing.assert_array_equal(batches[1][0], view[batches[1][1].argmax(axis=1)])
