import struct
import zlib

import numpy as np
import pytest
from pictures import encoded, picture
from PIL import Image, ImageChops

from keras_genres.data.quality import PictureError, inspect, load_picture
from keras_genres.errors import UserError


@pytest.fixture
def look(tmp_path):
    def look(data, **options):
        path = tmp_path / "file"
        path.write_bytes(data)
        return inspect(path, **options)

    return look


def pixels(data):
    return np.asarray(load_picture(data)).astype(int)


def test_plain_jpeg_and_png_are_usable_and_have_nothing_odd(look):
    for kind in ("JPEG", "PNG"):
        for mode in ("RGB", "L"):
            found = look(encoded(picture(0).convert(mode), kind))
            assert (found.reason, found.oddities) == ("", ())
            assert (found.width, found.height, found.format) == (60, 90, kind)


def test_progressive_jpeg_is_plain(look):
    assert look(encoded(picture(0), progressive=True)).oddities == ()


@pytest.mark.parametrize(
    "data, reason",
    [
        (b"", "empty file"),
        (b"<html>404 not found</html>", "not an image"),
        (encoded(picture(0))[:700], "truncated"),
        (encoded(picture(0), "PNG")[:-400], "truncated"),
        (b"\xff\xd8\xff" + b"\0" * 50, "unreadable"),
        (b"\x89PNG\r\n\x1a\n" + b"\1" * 60, "unreadable"),
        (encoded(picture(0, 15, 90)), "too small"),
        (encoded(Image.new("RGB", (60, 90), (40, 80, 120))), "blank"),
        (encoded(picture(0).convert("L").convert("F"), "TIFF"), "unreadable"),
    ],
)
def test_a_file_that_is_no_poster_is_named_with_its_reason(look, data, reason):
    found = look(data)
    assert found.reason == reason
    assert found.detail and not found.is_usable


def test_a_missing_file_and_a_folder_are_named_too(tmp_path):
    assert inspect(tmp_path / "none.jpg").reason == "missing"
    assert inspect(tmp_path).reason == "not a file"


def test_a_postscript_file_is_not_an_image(look):
    # Pillow would start Ghostscript on it.
    assert look(encoded(picture(0), "EPS")).reason == "not an image"


def png_of_size(width, height):
    """Bytes of a PNG whose header promises this many pixels, and that has none."""
    header = b"IHDR" + struct.pack(">II", width, height) + b"\x08\x02\0\0\0"
    start = b"\x89PNG\r\n\x1a\n" + struct.pack(">I", 13) + header
    return start + struct.pack(">I", zlib.crc32(header)) + b"\0\0\0\0IDAT"


def test_the_pixel_limit_is_read_from_the_header(look):
    # Decoding either would find them unreadable, the second after filling the memory.
    assert look(png_of_size(9_000, 9_000)).reason == "too large"
    assert look(png_of_size(100_000, 100_000)).reason == "too large"
    assert look(encoded(picture(0)), max_megapixels=0.005).reason == "too large"
    assert look(encoded(picture(0)), max_megapixels=0.006).is_usable


def test_cmyk_jpeg_has_the_colours_a_viewer_shows(look):
    image = picture(1)
    data = encoded(image.convert("CMYK"), quality=95)
    assert b"Adobe" in data
    assert look(data).oddities == ("CMYK",)
    assert np.abs(pixels(data) - np.asarray(image)).mean() < 4


def test_cmyk_jpeg_without_adobes_mark_is_not_inverted():
    image = picture(1)
    data = encoded(ImageChops.invert(image.convert("CMYK")), quality=95)
    start = data.index(b"\xff\xee")
    length = struct.unpack(">H", data[start + 2 : start + 4])[0]
    plain = data[:start] + data[start + 2 + length :]
    assert np.abs(pixels(plain) - np.asarray(image)).mean() < 4


def test_16_bit_grey_is_scaled_and_not_clipped(look):
    ramp = np.tile(np.linspace(0, 65535, 60).astype(np.uint16), (90, 1))
    for kind in ("PNG", "TIFF"):
        data = encoded(Image.fromarray(ramp), kind)
        assert "16-bit" in look(data).oddities
        assert (pixels(data)[..., 0] == ramp >> 8).all()


def test_a_palette_is_resolved(look):
    image = picture(2).quantize(16)
    data = encoded(image, "PNG")
    assert look(data).oddities == ("palette",)
    assert (pixels(data) == np.asarray(image.convert("RGB"))).all()


def test_black_and_white_png_is_converted(look):
    image = picture(2).convert("1")
    data = encoded(image, "PNG")
    assert look(data).oddities == ("mode 1",)
    assert (pixels(data)[..., 0] == np.asarray(image) * 255).all()


def test_what_is_transparent_is_white():
    image = picture(3).convert("RGBA")
    alpha = np.full((90, 60), 255, np.uint8)
    alpha[:45] = 0
    image.putalpha(Image.fromarray(alpha))
    found = pixels(encoded(image, "PNG"))
    assert (found[:45] == 255).all()
    assert (found[45:] == np.asarray(picture(3))[45:]).all()


def test_a_transparent_colour_without_alpha_channel_is_white_too(look):
    image = np.asarray(picture(3)).copy()
    image[:45] = (1, 2, 3)
    data = encoded(Image.fromarray(image), "PNG", transparency=(1, 2, 3))
    assert look(data).oddities == ("alpha",)
    assert (pixels(data)[:45] == 255).all()
    grey = picture(3).convert("P")
    assert look(encoded(grey, "GIF", transparency=0)).oddities == ("GIF", "palette", "alpha")


@pytest.mark.parametrize("turn, shape", [(3, (90, 60)), (6, (60, 90)), (8, (60, 90))])
def test_a_poster_lying_on_its_side_is_turned_upright(look, turn, shape):
    exif = Image.Exif()
    exif[0x0112] = turn
    data = encoded(picture(4), "PNG", exif=exif)
    found = look(data)
    assert found.oddities == ("rotated",)
    assert (found.height, found.width) == shape
    flat = np.asarray(picture(4))
    upright = {3: np.rot90(flat, 2), 6: np.rot90(flat, -1), 8: np.rot90(flat)}[turn]
    assert (pixels(data) == upright).all()


def test_damaged_exif_does_not_cost_the_poster(look):
    assert look(encoded(picture(4), exif=b"Exif\0\0garbage")).oddities == ()


@pytest.mark.parametrize("kind", ["GIF", "WEBP", "PNG"])
def test_the_first_frame_of_an_animation_counts(look, kind):
    frames = [picture(number) for number in (5, 6, 7)]
    options = {"lossless": True} if kind == "WEBP" else {}
    data = encoded(frames[0], kind, save_all=True, append_images=frames[1:], **options)
    assert "animated" in look(data).oddities
    assert np.abs(pixels(data) - np.asarray(frames[0])).mean() < (8 if kind == "GIF" else 1)


def test_a_multi_picture_jpeg_is_a_plain_jpeg(look):
    data = encoded(picture(5), "MPO", save_all=True, append_images=[picture(6)])
    found = look(data)
    assert (found.format, found.oddities) == ("JPEG", ())
    assert np.abs(pixels(data) - np.asarray(picture(5))).mean() < 4


@pytest.mark.parametrize("kind", ["WEBP", "BMP", "TIFF"])
def test_other_formats_are_odd_and_have_the_same_pixels(look, kind):
    options = {"lossless": True} if kind == "WEBP" else {}
    data = encoded(picture(6), kind, **options)
    assert look(data).oddities == (kind,)
    assert (pixels(data) == np.asarray(picture(6))).all()


def test_a_jpeg_with_zeros_for_its_end_marker_is_copied(look):
    data = encoded(picture(7))
    cut = data[:-2] + b"\0" * 200
    assert look(cut).oddities == ("no end marker",)
    assert (pixels(cut) == pixels(data)).all()


def test_a_png_with_a_bad_checksum_that_still_decodes_is_copied(look):
    data = encoded(picture(7), "PNG")
    bad = data[:-1] + b"\0"
    assert look(bad).oddities == ("bad checksum",)
    assert (pixels(bad) == pixels(data)).all()


def test_load_picture_takes_paths_and_names_the_bad_one(tmp_path):
    path = tmp_path / "bad.jpg"
    path.write_bytes(b"no picture")
    with pytest.raises(PictureError, match=r"bad\.jpg is no usable picture: not an image"):
        load_picture(path)
    assert issubclass(PictureError, UserError)


def test_a_large_jpeg_may_be_decoded_smaller_but_not_smaller_than_enough():
    data = encoded(picture(0, 600, 900), quality=95)
    small = load_picture(data, at_least=(140, 200))
    assert small.size == (150, 225)  # a quarter; an eighth would be too few
    whole = load_picture(data).resize(small.size, Image.Resampling.BOX)
    assert np.abs(np.asarray(small).astype(int) - np.asarray(whole)).mean() < 2
    assert load_picture(data, at_least=(599, 899)).size == (600, 900)
    assert load_picture(encoded(picture(0), "PNG"), at_least=(10, 10)).size == (60, 90)
