import dataclasses

import numpy as np
import pytest
import tensorflow as tf

from keras_genres.input import variation
from keras_genres.input.augment import augment_batch
from keras_genres.input.variation import FLIP, LUMA, NUM_UNIFORMS, affine_maps
from keras_genres.settings import AugmentSettings

OFF = AugmentSettings(False, 0, 0, 0, 0, 0, 0, 0)
ALL = AugmentSettings()
PARTS = [field.name for field in dataclasses.fields(OFF) if not getattr(OFF, field.name)]


def drawn_posters(count=2, height=16, width=16, seed=0, low=0, high=256):
    random = np.random.default_rng(seed)
    return random.integers(low, high, (count, height, width, 3), dtype=np.uint8)


def middle(count=2, **columns):
    """Uniforms that change nothing, but for some columns."""
    uniforms = np.full((count, NUM_UNIFORMS), 0.5, np.float32)
    for name, value in columns.items():
        uniforms[:, getattr(variation, name)] = value
    return uniforms


def varied(images, settings, **columns):
    return augment_batch(images, middle(len(images), **columns), settings).numpy()


def test_all_off_gives_the_same_pixels():
    images = drawn_posters()
    uniforms = np.random.default_rng(1).random((2, NUM_UNIFORMS), np.float32)
    found = augment_batch(images, uniforms, OFF).numpy()
    assert found.dtype == np.float32
    np.testing.assert_array_equal(found, images)


@pytest.mark.parametrize("part", PARTS)
def test_the_middle_of_each_part_changes_nothing(part):
    images = drawn_posters()
    settings = dataclasses.replace(OFF, **{part: getattr(ALL, part)})
    np.testing.assert_allclose(varied(images, settings), images, atol=1e-3)


@pytest.mark.parametrize("others", [OFF, dataclasses.replace(OFF, rotation_degrees=15)])
def test_flip_mirrors_left_to_right(others):
    images = drawn_posters(width=13)
    settings = dataclasses.replace(others, flip=True)
    np.testing.assert_array_equal(varied(images, settings, FLIP=0.0), images[:, :, ::-1])
    np.testing.assert_array_equal(varied(images, settings, FLIP=0.5), images)


def test_flip_mirrors_only_the_posters_that_drew_it():
    images = drawn_posters(2)
    uniforms = middle(2)
    uniforms[1, FLIP] = 0.2
    found = augment_batch(images, uniforms, dataclasses.replace(OFF, flip=True)).numpy()
    np.testing.assert_array_equal(found, [images[0], images[1, :, ::-1]])


@pytest.mark.parametrize("side", [15, 16])
@pytest.mark.parametrize(("uniform", "quarters"), [(0.0, -2), (0.25, -1), (0.75, 1)])
def test_rotation_turns_about_the_centre(side, uniform, quarters):
    images = drawn_posters(height=side, width=side)
    settings = dataclasses.replace(OFF, rotation_degrees=180)
    found = varied(images, settings, ROTATION=uniform)
    # A positive angle turns anticlockwise, as np.rot90 does.
    np.testing.assert_allclose(found, np.rot90(images, quarters, (1, 2)), atol=0.01)


def test_shift_moves_by_whole_pixels():
    images = drawn_posters(height=16, width=32)
    settings = dataclasses.replace(OFF, shift=0.25, fill="black")
    # 0.25 of 16 rows times 2 × 0.75 - 1 is 2 rows down; 8 columns × -0.5 is 4 to the left.
    found = varied(images, settings, SHIFT_Y=0.75, SHIFT_X=0.25)
    np.testing.assert_array_equal(found[:, 2:, :-4], images[:, :-2, 4:])
    assert (found[:, :2] == 0).all() and (found[:, :, -4:] == 0).all()


def test_reflect_mirrors_the_edge():
    images = drawn_posters()
    settings = dataclasses.replace(OFF, shift=0.25)
    found = varied(images, settings, SHIFT_Y=0.75)
    np.testing.assert_array_equal(found[:, :2], images[:, 1::-1])


def test_scale_grows_about_the_centre():
    columns = np.arange(9, dtype=np.uint8) * 10
    images = np.broadcast_to(columns[None, None, :, None], (1, 9, 9, 3))
    # uniform 1 would be × 1.25: the poster's ramp falls from 10 to 8 a column.
    found = varied(images, dataclasses.replace(OFF, scale=0.25), SCALE=1.0)
    np.testing.assert_allclose(found[0, 4, :, 0], 40 + 8.0 * (np.arange(9) - 4), atol=1e-3)


def test_the_whole_map_is_mirror_then_zoom_then_turn_then_shift():
    settings = AugmentSettings(rotation_degrees=90, shift=0.5, scale=0.5)
    uniforms = middle(1, FLIP=0.0, ROTATION=1.0, SCALE=1.0, SHIFT_Y=1.0, SHIFT_X=0.75)
    a, b, c, d, e, f = affine_maps(tf.constant(uniforms), settings, 21, 41, tf).numpy()[0]
    # From the centre (20, 10) 6 columns right, 2 down: mirrored (-6, 2), zoomed (-9, 3),
    # turned anticlockwise (3, 9), shifted by 0.25 × 41 columns and 0.5 × 21 rows.
    x, y = 20 + 3 + 10.25, 10 + 9 + 10.5
    np.testing.assert_allclose([a * x + b * y + c, d * x + e * y + f], [26, 12], atol=1e-4)


@pytest.mark.parametrize(("uniform", "factor"), [(0.0, 0.8), (0.25, 0.9), (1.0, 1.2)])
def test_brightness_multiplies(uniform, factor):
    images = drawn_posters(high=200)
    settings = dataclasses.replace(OFF, brightness=0.2)
    found = varied(images, settings, BRIGHTNESS=uniform)
    np.testing.assert_allclose(found, images * factor, rtol=1e-6)


def test_contrast_blends_with_the_mean_grey_of_its_own_poster():
    images = drawn_posters(low=60, high=190)
    found = varied(images, dataclasses.replace(OFF, contrast=0.5), CONTRAST=0.0)
    grey = (images @ LUMA).mean(axis=(1, 2))[:, None, None, None]
    np.testing.assert_allclose(found, 0.5 * images + 0.5 * grey, atol=1e-3)
    assert abs(grey[0] - grey[1]) > 0.1


def test_contrast_is_about_the_grey_that_brightness_left():
    images = drawn_posters(low=60, high=150)
    settings = dataclasses.replace(OFF, brightness=0.2, contrast=1.0)
    found = varied(images, settings, BRIGHTNESS=1.0, CONTRAST=0.0)
    grey = 1.2 * (images @ LUMA).mean(axis=(1, 2))
    np.testing.assert_allclose(found, np.broadcast_to(grey[:, None, None, None], found.shape), 1e-5)


def test_saturation_at_nought_is_grey():
    images = drawn_posters()
    found = varied(images, dataclasses.replace(OFF, saturation=1.0), SATURATION=0.0)
    np.testing.assert_allclose(found, (images @ LUMA)[..., None].repeat(3, -1), atol=1e-3)


def test_saturation_blends_with_grey():
    images = drawn_posters(low=100, high=150)
    found = varied(images, dataclasses.replace(OFF, saturation=0.5), SATURATION=1.0)
    grey = (images @ LUMA)[..., None]
    np.testing.assert_allclose(found, grey + 1.5 * (images - grey), atol=1e-3)


def test_a_full_turn_of_hue_changes_nothing():
    images = drawn_posters()
    found = varied(images, dataclasses.replace(OFF, hue=1.0), HUE=1.0)
    np.testing.assert_allclose(found, images, atol=1e-3)


def test_hue_turns_keep_the_grey_value_and_add_up():
    images = drawn_posters(low=115, high=140)
    third = dataclasses.replace(OFF, hue=1 / 3)
    once = varied(images, third, HUE=1.0)
    np.testing.assert_allclose(once @ LUMA, images @ LUMA, atol=1e-3)
    back = varied(images, third, HUE=0.0)
    # Turned by 0°, 120° and 240° every colour averages to its grey.
    mean = (images + once + back) / 3
    np.testing.assert_allclose(mean, (images @ LUMA)[..., None].repeat(3, -1), atol=1e-3)
    assert abs(once - images).max() > 5


def test_grey_stays_grey_under_saturation_and_hue():
    images = drawn_posters()[..., :1].repeat(3, -1)
    settings = dataclasses.replace(OFF, saturation=0.5, hue=0.5)
    found = varied(images, settings, SATURATION=0.9, HUE=0.8)
    np.testing.assert_allclose(found, images, atol=1e-3)


def test_pixels_stay_between_0_and_255():
    images = drawn_posters()
    settings = dataclasses.replace(OFF, brightness=0.9, saturation=0.9)
    found = varied(images, settings, BRIGHTNESS=1.0, SATURATION=1.0)
    assert found.min() == 0 and found.max() == 255


@pytest.mark.parametrize("part", ["brightness", "contrast", "saturation", "hue"])
def test_the_strength_bounds_the_change(part):
    images = drawn_posters(64, 8, 8)
    uniforms = np.random.default_rng(1).random((64, NUM_UNIFORMS), np.float32)
    weak, strong = (
        abs(augment_batch(images, uniforms, dataclasses.replace(OFF, **{part: s})) - images).numpy()
        for s in (0.02, 0.2)
    )
    assert 0 < weak.max() < 2 * np.pi * 0.02 * 255 * 1.4  # hue: angle × the longest chroma
    assert weak.mean() < strong.mean()


def test_the_strength_bounds_the_move():
    settings = AugmentSettings(rotation_degrees=10, shift=0.1, scale=0.2)
    uniforms = np.random.default_rng(1).random((500, NUM_UNIFORMS), np.float32)
    maps = affine_maps(tf.constant(uniforms), settings, 100, 100, tf).numpy()
    zoom = 1 / np.sqrt(abs(maps[:, 0] * maps[:, 4] - maps[:, 1] * maps[:, 3]))
    degrees = np.degrees(np.arctan2(maps[:, 3], maps[:, 4]))
    assert 0.8 <= zoom.min() < 0.82 and 1.18 < zoom.max() <= 1.2001
    assert -10.001 <= degrees.min() < -9.5 and 9.5 < degrees.max() <= 10.001
    assert 0.4 < (maps[:, 0] < 0).mean() < 0.6


def test_turning_one_part_off_leaves_the_other_parts_alone():
    images = drawn_posters()
    uniforms = np.random.default_rng(1).random((2, NUM_UNIFORMS), np.float32)
    without = dataclasses.replace(ALL, brightness=0, contrast=0, saturation=0, hue=0)
    moved = augment_batch(images, uniforms, without).numpy()
    only = dataclasses.replace(without, flip=False)
    uniforms[:, FLIP] = 0.9
    np.testing.assert_array_equal(
        augment_batch(images, uniforms, only), augment_batch(images, uniforms, without)
    )
    assert not np.array_equal(moved, images)


@pytest.mark.parametrize("batch", [1, 3, 6])
def test_tf_data_gives_the_pixels_of_an_eager_call(batch):
    images = drawn_posters(6, 20, 12)
    uniforms = np.random.default_rng(1).random((6, NUM_UNIFORMS), np.float32)
    eager = augment_batch(images, uniforms, ALL).numpy()
    mapped = tf.data.Dataset.from_tensor_slices((images, uniforms)).batch(batch)
    mapped = mapped.map(lambda i, u: augment_batch(i, u, ALL), tf.data.AUTOTUNE)
    found = np.concatenate(list(mapped.as_numpy_iterator()))
    np.testing.assert_allclose(found, eager, atol=1e-3)
    np.testing.assert_array_equal(np.concatenate(list(mapped.as_numpy_iterator())), found)


def test_a_crop_fills_the_poster_with_its_window():
    columns = np.arange(32, dtype=np.uint8) * 8
    images = np.broadcast_to(columns[None, None, :, None], (1, 16, 32, 3))
    settings = dataclasses.replace(OFF, crop=0.25)
    # A quarter of the area is half of each side: columns 16 to 31, two of the result for each.
    found = varied(images, settings, CROP_AREA=1.0, CROP_X=1.0)[0, 5, :, 0]
    source = 16 + (np.arange(32) + 0.5) / 2 - 0.5
    np.testing.assert_allclose(found[1:-1], 8 * source[1:-1], atol=0.1)
    np.testing.assert_array_equal(varied(images, settings, CROP_AREA=0.0, CROP_X=1.0), images)


def test_a_window_has_the_posters_shape_lies_in_it_and_comes_first():
    uniforms = np.random.default_rng(1).random((500, NUM_UNIFORMS), np.float32)
    crop = dataclasses.replace(OFF, crop=0.3)
    maps = affine_maps(tf.constant(uniforms), crop, 60, 40, tf).numpy()
    np.testing.assert_allclose(maps[:, 0], maps[:, 4])
    assert (maps[:, [1, 3]] == 0).all()
    area = maps[:, 0] ** 2
    assert 0.3 <= area.min() < 0.31 and 0.99 < area.max() <= 1 and 0.63 < area.mean() < 0.67
    for side, at, size in ((0, 2, 40), (4, 5, 60)):
        first = maps[:, at] - 0.5 * maps[:, side]  # the outer edge of the first pixel
        last = first + size * maps[:, side]
        assert first.min() >= -0.5001 and last.max() <= size - 0.4999
        assert first.max() > 5 and last.min() < size - 5
    both = affine_maps(
        tf.constant(uniforms), dataclasses.replace(ALL, crop=0.3), 60, 40, tf
    ).numpy()
    rest = affine_maps(tf.constant(uniforms), ALL, 60, 40, tf).numpy()
    for found, window, moved in zip(both, maps, rest, strict=True):
        window, moved = (np.vstack([part.reshape(2, 3), [0, 0, 1]]) for part in (window, moved))
        np.testing.assert_allclose(found.reshape(2, 3), (window @ moved)[:2], atol=1e-4)


def test_a_box_of_the_share_of_posters_takes_their_mean_colour():
    images = drawn_posters(300, 40, 30)
    uniforms = np.random.default_rng(1).random((300, NUM_UNIFORMS), np.float32)
    found = augment_batch(images, uniforms, dataclasses.replace(OFF, erase=0.6)).numpy()
    mean = images.mean(axis=(1, 2))
    is_erased = (found != images).any(axis=-1)
    drawn = uniforms[:, variation.ERASE] < 0.6
    np.testing.assert_array_equal(is_erased.any(axis=(1, 2)), drawn)
    shapes = []
    for poster, colour, inside in zip(found[drawn], mean[drawn], is_erased[drawn], strict=True):
        rows, columns = inside.any(axis=1), inside.any(axis=0)
        np.testing.assert_array_equal(inside, rows[:, None] & columns)
        np.testing.assert_allclose(poster[inside], np.tile(colour, (inside.sum(), 1)), atol=1e-2)
        shapes.append((rows.sum(), columns.sum()))
    high, wide = np.transpose(shapes)
    # 2 to 33 % of 1,200 pixels, sides rounded.
    assert 15 < (high * wide).min() < 40 and 350 < (high * wide).max() < 420
    assert 3 < (high / wide).max() < 4 and 3 < (wide / high).max() < 4
    assert 150 < drawn.sum() < 210
