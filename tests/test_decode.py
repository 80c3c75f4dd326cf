import io
import os
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

from keras_genres.input.decode import decode_poster, decode_posters, resize_poster

KINDS = {
    "jpeg 4:2:0": {"format": "JPEG", "subsampling": 2, "quality": 60},
    "jpeg 4:4:4": {"format": "JPEG", "subsampling": 0, "quality": 95},
    "progressive jpeg": {"format": "JPEG", "progressive": True},
    "png": {"format": "PNG"},
}


def drawn_picture(height=60, width=41, mode="RGB"):
    rows, columns = np.mgrid[:height, :width]
    waves = [127 + 120 * np.sin(rows / (3 + k) + columns / (5 - k)) for k in range(3)]
    return Image.fromarray(np.stack(waves, -1).astype(np.uint8)).convert(mode)


def file_bytes(image, **kind):
    out = io.BytesIO()
    image.save(out, **kind)
    return out.getvalue()


def pillow_pixels(data):
    return np.asarray(Image.open(io.BytesIO(data)).convert("RGB"))


@pytest.mark.parametrize("mode", ["RGB", "L"])
@pytest.mark.parametrize("kind", KINDS)
def test_pixels_are_those_of_pillow(kind, mode):
    data = file_bytes(drawn_picture(mode=mode), **KINDS[kind])
    pixels = decode_poster(data, 60, 41).numpy()
    assert pixels.dtype == np.uint8
    np.testing.assert_array_equal(pixels, pillow_pixels(data))


def test_pixels_of_real_posters_are_those_of_pillow():
    folder = os.environ.get("KERAS_GENRES_POSTERS")
    if not folder:
        pytest.skip("KERAS_GENRES_POSTERS is not set")
    files = sorted((Path(folder) / "images").iterdir())[::200]
    assert files
    for file in files:
        wanted = pillow_pixels(file.read_bytes())
        found = decode_poster(file.read_bytes(), *wanted.shape[:2]).numpy()
        np.testing.assert_array_equal(found, wanted, err_msg=str(file))


def test_squeeze_averages_the_pixels_it_joins():
    # A triangle filter of factor 2 weighs 4 neighbours 1, 3, 3, 1; at the
    # ends 3, 3, 1.
    image = np.array([[0, 0, 160, 160]], np.uint8)[..., None].repeat(3, 2)
    found = resize_poster(tf.constant(image), 1, 2).numpy()[0, :, 0]
    assert found.tolist() == [round(160 / 7), round(160 * 6 / 7)]


def test_resizing_to_the_same_shape_changes_nothing():
    image = np.asarray(drawn_picture())
    resize = tf.function(
        lambda image: resize_poster(image, 60, 41),
        input_signature=[tf.TensorSpec((None, None, 3), tf.uint8)],
    )
    np.testing.assert_array_equal(resize(image), image)


@pytest.mark.parametrize(("shape", "kept"), [((4, 8), (4, 4)), ((8, 4), (4, 4)), ((4, 4), (4, 4))])
def test_crop_keeps_the_centred_square(shape, kept):
    image = np.arange(np.prod(shape), dtype=np.uint8).reshape(*shape, 1).repeat(3, 2)
    top, left = (shape[0] - kept[0]) // 2, (shape[1] - kept[1]) // 2
    found = resize_poster(tf.constant(image), *kept, "crop").numpy()
    np.testing.assert_array_equal(found, image[top : top + kept[0], left : left + kept[1]])


def test_pad_keeps_the_aspect_between_black_bars():
    image = tf.fill((8, 4, 3), tf.constant(200, tf.uint8))
    found = resize_poster(image, 8, 8, "pad").numpy()[..., 0]
    assert (found[:, 2:6] == 200).all()
    assert (found[:, :2] == 0).all() and (found[:, 6:] == 0).all()
    wide = resize_poster(tf.transpose(image, (1, 0, 2)), 8, 8, "pad").numpy()[..., 0]
    np.testing.assert_array_equal(wide, found.T)


@pytest.mark.parametrize("fit", ["squeeze", "crop", "pad"])
@pytest.mark.parametrize("shape", [(1, 500), (500, 1), (1, 1), (268, 182)])
def test_every_shape_comes_out_as_asked(fit, shape):
    image = tf.fill((*shape, 3), tf.constant(7, tf.uint8))
    assert resize_poster(image, 32, 24, fit).shape == (32, 24, 3)


def test_an_unknown_fit_is_refused():
    with pytest.raises(ValueError, match="stretch"):
        resize_poster(tf.zeros((4, 4, 3), tf.uint8), 4, 4, "stretch")


@pytest.mark.parametrize("data", [b"", b"no picture", file_bytes(drawn_picture(), format="BMP")])
def test_bytes_that_are_no_jpeg_or_png_are_refused(data):
    with pytest.raises(tf.errors.InvalidArgumentError):
        decode_poster(data, 8, 8)


@pytest.mark.parametrize("kind", ["JPEG", "PNG"])
def test_a_file_cut_short_is_refused(kind):
    data = file_bytes(drawn_picture(200, 200), format=kind)
    with pytest.raises(tf.errors.InvalidArgumentError):
        decode_poster(data[: len(data) // 2], 8, 8)


@pytest.mark.parametrize("fit", ["squeeze", "crop", "pad"])
def test_a_saved_model_decodes_as_the_pipeline_does(tmp_path, fit):
    files = [
        file_bytes(drawn_picture(50 + 7 * k, 40), **KINDS[kind]) for k, kind in enumerate(KINDS)
    ]
    module = tf.Module()
    module.decode = tf.function(
        lambda data: decode_posters(data, 32, 24, fit),
        input_signature=[tf.TensorSpec((None,), tf.string)],
    )
    tf.saved_model.save(module, str(tmp_path / "model"))
    found = tf.saved_model.load(str(tmp_path / "model")).decode(tf.constant(files)).numpy()
    mapped = tf.data.Dataset.from_tensor_slices(files).map(lambda d: decode_poster(d, 32, 24, fit))
    assert found.shape == (4, 32, 24, 3)
    np.testing.assert_array_equal(found, np.stack(list(mapped.as_numpy_iterator())))
    np.testing.assert_array_equal(found[0], decode_poster(files[0], 32, 24, fit))
