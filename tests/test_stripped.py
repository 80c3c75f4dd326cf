"""What a file carries beside its picture never reaches a decoder."""

import io
import struct

import numpy as np
import pytest
from hostile import chunk, exif, exif_bomb, exif_of, segment, with_chunks, with_scans, with_segments
from mutate import interlaced
from pictures import encoded, picture
from PIL import Image

from keras_genres.data.jpeg import strip_jpeg
from keras_genres.data.opening import Unusable
from keras_genres.data.png import strip_png
from keras_genres.data.stripped import orientation_of

JPEG, PNG = encoded(picture(0)), encoded(picture(0), "PNG")


def pixels(data):
    return np.asarray(Image.open(io.BytesIO(data)))


def test_a_jpeg_without_anything_else_stays_byte_for_byte():
    for options in ({}, {"progressive": True}, {"restart_marker_rows": 1}, {"subsampling": 0}):
        data = encoded(picture(0), **options)
        found = strip_jpeg(data)
        assert (found.data, found.exif, found.oddities) == (data, b"", ())


def test_metadata_previews_and_what_follows_a_jpeg_are_left_out():
    full = with_segments(
        JPEG,
        segment(0xE1, exif_of(6)),
        segment(0xE2, b"ICC_PROFILE\0\1\1" + b"x" * 500),
        segment(0xE2, b"MPF\0" + exif_bomb(50, 900)),
        segment(0xED, b"Photoshop 3.0\0" + b"8BIM"),
        segment(0xFE, b"\xff\xda\xff\xd9"),
    )
    found = strip_jpeg(full + b"PK\3\4 a second file")
    assert found.data == JPEG
    assert found.exif == exif_of(6)
    assert found.oddities == ()


def test_the_colours_a_jpeg_means_are_kept():
    data = encoded(picture(0).convert("CMYK"))
    assert strip_jpeg(data).data == data and b"Adobe" in data


def test_bytes_between_segments_are_left_out_and_told():
    found = strip_jpeg(JPEG[:2] + b"\0junk\xff\xff\xff" + JPEG[2:])
    assert (found.data, found.oddities) == (JPEG, ("bytes between segments",))


@pytest.mark.parametrize(
    "change, oddity",
    [
        (lambda data: data[:-2], "no end marker"),
        (lambda data: with_segments(data, segment(0xF0, b"abc")), "unknown segment"),
        (lambda data: with_segments(data, segment(0xFE, b"", 0)), "bad segment"),
        (lambda data: data.replace(b"\xff\xc0", b"\xff\xc9"), "rare coding"),
        (lambda data: data.replace(b"\xff\xc0\0\x11\x08", b"\xff\xc0\0\x11\x0c"), "rare coding"),
    ],
)
def test_what_decoders_may_differ_in_is_told(change, oddity):
    assert oddity in strip_jpeg(change(JPEG)).oddities


def test_a_progressive_jpeg_that_lacks_a_scan_is_unfinished():
    data = encoded(picture(0), progressive=True)
    assert strip_jpeg(data).oddities == ()
    cut = data[: data.rfind(b"\xff\xda")] + b"\xff\xd9"
    assert strip_jpeg(cut).oddities == ("unfinished",)


def test_segments_and_scans_without_end_are_refused():
    with pytest.raises(Unusable, match="too many parts"):
        strip_jpeg(with_segments(JPEG, *[segment(0xFE)] * 10_001))
    progressive = encoded(picture(0), progressive=True)
    strip_jpeg(with_scans(progressive, 80))
    with pytest.raises(Unusable, match="101 scans"):
        strip_jpeg(with_scans(progressive, 200))


def test_text_and_profiles_of_a_png_are_left_out():
    full = with_chunks(PNG, chunk(b"tEXt", b"a\0b"), chunk(b"iCCP", b"x"), chunk(b"eXIf", b"MM"))
    found = strip_png(full + b"<script>")
    assert (found.data, found.exif, found.oddities) == (PNG, b"MM", ())


@pytest.mark.parametrize(
    "data, oddities",
    [
        (with_chunks(PNG, chunk(b"tEXt", b"k\0" + b"x" * 100_001)), ("much beside the picture",)),
        (with_chunks(PNG, chunk(b"aBCd", b"x")), ("unknown chunk",)),
        (with_chunks(PNG, chunk(b"tEXt", b"a\0b")[:-1] + b"\0"), ("bad checksum",)),
        (with_chunks(PNG, PNG[8:33]), ("chunks out of order",)),
        (PNG[:-12], ("chunks out of order",)),
    ],
)
def test_chunks_that_decoders_may_differ_in_are_told(data, oddities):
    found = strip_png(data)
    assert found.oddities == oddities
    if oddities != ("chunks out of order",):
        assert found.data == PNG


def taller(data, rows):
    """Return a PNG whose header claims more rows than it has."""
    header = data[16:20] + struct.pack(">I", rows) + data[24:29]
    return data[:8] + chunk(b"IHDR", header) + data[33:]


@pytest.mark.parametrize("mode", ["RGB", "L", "P", "1", "LA", "RGBA", "I;16"])
@pytest.mark.parametrize("size", [(60, 90), (17, 31)])
def test_the_pixels_of_a_whole_png_end_where_they_should(mode, size):
    if mode == "I;16":
        image = Image.fromarray(np.zeros(size[::-1], np.uint16))
    else:
        image = picture(0, *size).convert(mode)
    data = encoded(image, "PNG")
    assert strip_png(data).unpack() == ()
    with pytest.raises(Unusable, match="truncated"):
        strip_png(taller(data, size[1] + 1)).unpack()
    assert strip_png(taller(data, size[1] - 1)).unpack() == ("unfinished",)


def test_the_pixels_of_an_interlaced_png_end_where_they_should():
    for size in ((40, 56), (1, 1), (3, 9), (17, 31)):
        assert strip_png(interlaced(picture(0, *size))).unpack() == ()


def test_a_png_in_a_coding_of_its_own_is_told():
    header = chunk(b"IHDR", PNG[16:26] + b"\x20\0\0")
    assert strip_png(PNG[:8] + header + PNG[33:]).oddities == ("rare coding",)


def test_of_an_animation_the_still_picture_is_kept():
    frames = [picture(number) for number in (5, 6)]
    data = encoded(frames[0], "PNG", save_all=True, append_images=frames[1:])
    found = strip_png(data)
    assert found.oddities == ("animated",)
    assert (pixels(found.data) == np.asarray(frames[0])).all()


def test_chunks_without_end_are_refused():
    with pytest.raises(Unusable, match="too many parts"):
        strip_png(with_chunks(PNG, *[chunk(b"tEXt", b"a\0b")] * 10_001))


@pytest.mark.parametrize("order", "<>")
def test_the_orientation_is_read(order):
    for turn in range(1, 9):
        assert orientation_of(exif_of(turn, order)) == turn
        assert orientation_of(exif_of(turn, order).removeprefix(b"Exif\0\0")) == turn


@pytest.mark.parametrize(
    "block",
    [
        b"",
        b"Exif\0\0",
        b"Exif\0\0II*\0\xff\xff\xff\xff",  # far behind its end
        exif_of(0),
        exif_of(9),
        exif_of(60_000),
        exif("<", [(0x0112, 2, 1, 6)]),  # text
        exif("<", [(0x8769, 4, 1, 8)] * 3, following=8),  # points back to itself
        exif("<", [(1, 7, 2**31, 0)]),
        exif_of(6)[:-10],
    ],
)
def test_a_damaged_orientation_is_upright(block):
    assert orientation_of(block) == 1
