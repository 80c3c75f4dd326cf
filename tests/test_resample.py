import numpy as np
import pytest
import tensorflow as tf

from keras_genres.input.resample import ERROR_LEVELS, moved_lanes, pixels_of
from keras_genres.input.variation import NUM_UNIFORMS, affine_maps
from keras_genres.settings import AugmentSettings

IDENTITY = [1, 0, 0, 0, 1, 0]


def drawn_posters(count, height, width):
    return np.random.default_rng(0).integers(0, 256, (count, height, width, 3), dtype=np.uint8)


def moved(images, maps, fill="reflect"):
    maps = np.broadcast_to(np.float32(maps), (len(images), 6))
    return pixels_of(moved_lanes(tf.constant(images), tf.constant(maps), fill)).numpy()


def bilinear(images, maps, fill):
    """The formula in float64, one corner at a time."""
    count, height, width, _ = images.shape
    padding = 100
    mode = {"mode": "symmetric"} if fill == "reflect" else {"constant_values": 0}
    sides = ((0, 0), (padding, padding), (padding, padding), (0, 0))
    images = np.pad(images.astype(np.float64), sides, **mode)
    a, b, c, d, e, f = np.float64(maps).T[:, :, None, None]
    y, x = np.mgrid[:height, :width]
    columns, rows = a * x + b * y + c, d * x + e * y + f
    left, top = np.floor(columns).astype(int), np.floor(rows).astype(int)
    found = np.zeros((count, height, width, 3))
    poster = np.arange(count)[:, None, None]
    for row, vertical in ((top, 1 - (rows - top)), (top + 1, rows - top)):
        for column, level in ((left, 1 - (columns - left)), (left + 1, columns - left)):
            pixels = images[poster, row + padding, column + padding]
            found += pixels * (vertical * level)[..., None]
    return found


@pytest.mark.parametrize("fill", ["reflect", "black"])
@pytest.mark.parametrize(("height", "width"), [(30, 20), (17, 40), (64, 64)])
def test_pixels_are_bilinear_within_the_stated_error(fill, height, width):
    images = drawn_posters(16, height, width)  # noise: the steepest pictures there are
    uniforms = np.random.default_rng(1).random((16, NUM_UNIFORMS), np.float32)
    maps = affine_maps(tf.constant(uniforms), AugmentSettings(), height, width, tf).numpy()
    error = abs(moved(images, maps, fill) - bilinear(images, maps, fill))
    assert error.max() < ERROR_LEVELS


@pytest.mark.parametrize("fill", ["reflect", "black"])
def test_far_moves_mirror_again_and_again_or_leave_black(fill):
    images = drawn_posters(4, 12, 9)
    maps = np.float32([[4, 1, -20, -2, 5, 7]] * 4)
    wanted = bilinear(images, maps, fill)
    np.testing.assert_allclose(moved(images, maps, fill), wanted, atol=ERROR_LEVELS)
    assert (fill == "black") == ((wanted == 0).mean() > 0.5)


@pytest.mark.parametrize("fill", ["reflect", "black"])
def test_maps_without_fractions_give_exact_pixels(fill):
    images = drawn_posters(2, 11, 8)
    np.testing.assert_array_equal(moved(images, IDENTITY, fill), images)
    np.testing.assert_array_equal(moved(images, [-1, 0, 7, 0, 1, 0], fill), images[:, :, ::-1])
    shifted = moved(images, [1, 0, 2, 0, 1, -3], fill)
    np.testing.assert_array_equal(shifted[:, 3:, :-2], images[:, :-3, 2:])
    edge = images[:, 2::-1, 2:] if fill == "reflect" else 0 * images[:, :3, 2:]
    np.testing.assert_array_equal(shifted[:, :3, :-2], edge)


def test_flat_colours_stay_flat():
    images = np.zeros((1, 10, 10, 3), np.uint8) + np.uint8([255, 1, 254])
    found = moved(images, [0.7, 0.3, 0.123, -0.31, 0.9, 1.77])
    np.testing.assert_array_equal(found, images)


def test_a_pixel_outside_counts_as_black_on_its_own_side_only():
    images = np.full((1, 4, 4, 3), 200, np.uint8)
    found = moved(images, [1, 0, 0.25, 0, 1, 0], "black")
    np.testing.assert_allclose(found[0, 0, :, 0], [200, 200, 200, 150], atol=ERROR_LEVELS)


def test_an_unknown_fill_is_told():
    with pytest.raises(ValueError, match="'reflect' or 'black'"):
        moved(drawn_posters(1, 4, 4), IDENTITY, "wrap")
