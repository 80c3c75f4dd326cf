"""A map lies on its poster where the network saw it."""

import numpy as np
import pytest
from PIL import Image

from keras_genres.inference.overlay import colour_scale, on_poster, overlay
from keras_genres.input.decode import resize_poster

VIEW = 60, 48
SHAPES = [(120, 80), (80, 120), (301, 199), (61, 400), (48, 60)]
"""Rows and columns of posters: portrait, landscape, odd, very wide, of the view's shape turned."""


def peak(field):
    return np.unravel_index(np.nanargmax(field), field.shape)


@pytest.mark.parametrize("fit", ["squeeze", "crop", "pad"])
@pytest.mark.parametrize("shape", SHAPES)
def test_what_the_network_saw_lies_where_it_is_on_the_poster(fit, shape):
    height, width = VIEW
    for down, across in [(0.5, 0.5), (0.3, 0.55), (0.8, 0.45)]:
        row, column = int(shape[0] * down), int(shape[1] * across)
        poster = np.zeros((*shape, 3), np.uint8)
        radius = max(2, min(shape) // 20)
        poster[row - radius : row + radius + 1, column - radius : column + radius + 1] = 255
        seen = np.asarray(resize_poster(poster, height, width, fit))[..., 0] / 255
        if seen.max() < 0.2:  # crop has cut it off
            assert fit == "crop"
            continue
        field = on_poster(seen, shape[::-1], fit, height, width)
        assert field.shape == shape
        found = np.array(peak(np.where(np.isnan(field), 0, field)))
        # As near as a pixel of the view is wide on the poster.
        one = max(shape[0] / height, shape[1] / width) + radius
        assert np.abs(found - (row, column)).max() <= one, (fit, shape, found, row, column)


@pytest.mark.parametrize("shape", SHAPES)
def test_what_crop_kept_is_what_the_network_saw_to_the_pixel(shape):
    height, width = VIEW
    poster = np.random.default_rng(0).integers(0, 256, (*shape, 3), np.uint8)
    is_kept = ~np.isnan(on_poster(np.ones((7, 7)), shape[::-1], "crop", height, width))
    rows, columns = is_kept.any(axis=1), is_kept.any(axis=0)
    assert is_kept.sum() == rows.sum() * columns.sum()
    part = poster[rows][:, columns]
    np.testing.assert_array_equal(
        resize_poster(part, height, width, "squeeze"), resize_poster(poster, height, width, "crop")
    )


@pytest.mark.parametrize("shape", SHAPES)
def test_the_bars_of_pad_are_left_out(shape):
    height, width = VIEW
    poster = np.full((*shape, 3), 255, np.uint8)
    is_poster = np.asarray(resize_poster(poster, height, width, "pad"))[..., 0] / 255
    field = on_poster(is_poster, shape[::-1], "pad", height, width)
    # At the edge a pixel of the view is half poster, half bar.
    assert field.min() > 0.4
    edges = [max(2, round(2 * side / least)) for side, least in zip(shape, VIEW, strict=True)]
    down, across = (slice(2 * edge, -2 * edge) for edge in edges)
    assert field[down, across].min() > 0.99


def test_a_map_is_enlarged_smoothly_and_evenly():
    evidence = np.zeros((7, 7))
    evidence[3, 3] = 1
    field = on_poster(evidence, (140, 210))
    assert field.min() == 0 and field.max() <= 1
    assert np.abs(np.diff(field, axis=0)).max() < 0.1
    np.testing.assert_allclose(field, field[::-1, ::-1], atol=1e-6)
    assert (field > 0.5).mean() == pytest.approx(1 / 49, rel=0.3)


def test_strong_evidence_is_bright_and_opaque_and_none_shows_the_poster():
    picture = Image.fromarray(np.random.default_rng(0).integers(0, 256, (90, 60, 3), np.uint8))
    evidence = np.zeros((9, 6))
    evidence[1:3, 1:3] = 1
    made = overlay(picture, evidence)
    assert made.size == picture.size and made.mode == "RGB"
    pixels = np.asarray(made, float)
    before = np.asarray(picture.convert("L"), float)
    there, away = (slice(17, 23), slice(17, 23)), (slice(60, 85), slice(5, 55))
    assert pixels[there].mean() > pixels[away].mean() + 40
    grey = pixels.mean(axis=2)
    assert np.corrcoef(grey[away].ravel(), before[away].ravel())[0, 1] > 0.95
    assert grey[there].std() < 0.5 * grey[away].std()
    nothing = overlay(picture, np.full((3, 3), -1.0))
    np.testing.assert_array_equal(nothing, overlay(picture, np.zeros((7, 7))))


def test_what_the_network_did_not_see_is_pale():
    picture = Image.new("RGB", (40, 120), "black")
    pixels = np.asarray(overlay(picture, np.zeros((7, 7)), "crop", 32, 32))
    assert (pixels[:39] > 150).all() and (pixels[-39:] > 150).all()
    assert (pixels[45:75] == 0).all()


def test_more_evidence_is_lighter_all_the_way():
    made = overlay(Image.new("RGB", (256, 8), "black"), np.linspace(0, 1, 256)[None])
    steps = np.asarray(made.convert("L"), float)[4].reshape(16, 16).mean(axis=1)
    assert (np.diff(steps) > 5).all()
    assert colour_scale(100, 10).size == (100, 10)


def test_arguments_that_do_not_go_together_are_errors():
    for fit, size in (("stretch", {}), ("crop", {}), ("pad", {"height": 20})):
        with pytest.raises(ValueError, match=r"fit|needed"):
            on_poster(np.ones((2, 2)), (20, 30), fit, **size)
