"""Files that mean harm cost `data prepare` one row each, and little time and memory."""

import functools
import json
import zlib

import pytest
from guarded import run_guarded
from hostile import (
    bmp,
    chunk,
    exif,
    exif_bomb,
    exif_of,
    frames,
    gif,
    gif_comment,
    png,
    resized_jpeg,
    segment,
    tiff_bomb,
    tiff_of_many_directories,
    tiff_with_tile,
    webp,
    with_chunks,
    with_scans,
    with_segments,
    zip_of,
)
from pictures import encoded, picture

from keras_genres.data.quality import inspect, load_picture

MEMORY = 900 * 2**20
"""Most memory of the process that looks at all of them; without any it takes about 100 MiB."""


JPEG, STILL = encoded(picture(0)), encoded(picture(0), "PNG")
PROGRESSIVE = encoded(picture(0), progressive=True)
MUCH, BETWEEN = ("much beside the picture",), ("bytes between segments",)


@functools.cache
def _zeros():
    return zlib.compress(b"\0" * 200_000_000)  # 200 kB


CASES = {
    # sizes that are claimed, and pictures that unpack to more than they should
    "png of 10,000 megapixels": (lambda: png(100_000, 100_000), "too large"),
    "png of 1 x 60,000,000": (lambda: png(1, 60_000_000), "too small"),
    "png of 60,000,000 x 1": (lambda: png(60_000_000, 1), "too small"),
    "png of 16 x 4,000,001": (lambda: png(16, 4_000_001), "too large"),
    "jpeg of 65500 x 65500": (lambda: resized_jpeg(JPEG, 65500, 65500), "too large"),
    "gif of 65535 x 65535": (lambda: gif(65535, 65535), "too large"),
    "webp of 16384 x 16384": (lambda: webp(16384, 16384), "too large"),
    "bmp of 60,000,000 x 1": (lambda: bmp(60_000_000, 1), "too small"),
    "bmp of 9000 x -9000": (lambda: bmp(9000, -9000), "too large"),
    "tiff with a tile of 40000 x 40000": (lambda: tiff_with_tile(40_000), "too large"),
    "png whose pixels unpack to 200 MB": (lambda: png(60, 90, _zeros()), "blank"),
    "png whose text unpacks to 200 MB": (
        lambda: with_chunks(STILL, chunk(b"zTXt", b"k\0\0" + _zeros())),
        MUCH,
    ),
    "png whose profile unpacks to 200 MB": (
        lambda: with_chunks(STILL, chunk(b"iCCP", b"k\0\0" + _zeros())),
        MUCH,
    ),
    "png whose international text unpacks to 200 MB": (
        lambda: with_chunks(STILL, chunk(b"iTXt", b"k\0\1\0\0\0" + _zeros())),
        MUCH,
    ),
    # parts without end
    "png of 20,000 chunks": (
        lambda: with_chunks(STILL, *[chunk(b"tEXt", b"a\0b")] * 20_000),
        "too many parts",
    ),
    "png with a chunk of 2 GB": (
        lambda: with_chunks(STILL, chunk(b"tEXt", b"a\0b", 2**31 - 1)),
        "unreadable",
    ),
    "jpeg of a million segments": (
        lambda: with_segments(JPEG, *[segment(0xFE)] * 1_000_000),
        "too many parts",
    ),
    "jpeg of 3,000 scans": (lambda: with_scans(PROGRESSIVE, 3000), "too many parts"),
    "jpeg with 5 MB of fill bytes": (lambda: JPEG[:2] + b"\xff" * 5_000_000 + JPEG[2:], BETWEEN),
    "jpeg with 5 MB of zeros": (lambda: JPEG[:20] + b"\0" * 5_000_000 + JPEG[20:], BETWEEN),
    "gif with 5 MB of comment": (lambda: gif(60, 90, gif_comment(5_000_000)), "too many parts"),
    "tiff of 200,000 directories": (
        lambda: tiff_of_many_directories(200_000),
        ("TIFF", "animated"),
    ),
    "tiff whose 20,000 tags hold 3 MB each": (
        lambda: tiff_bomb(20_000, 3_000_000),
        "too many parts",
    ),
    "bmp of two million runs of one pixel": (
        lambda: bmp(8000, 8000, 1, b"\1\1" * 2_000_000),
        "too many parts",
    ),
    "animated png of 400 frames": (lambda: frames("PNG", 400), ("animated",)),
    "animated webp of 100 frames": (lambda: frames("WEBP", 100), ("WEBP", "animated")),
    "animated gif of 400 frames": (lambda: frames("GIF", 400), ("GIF", "animated", "palette")),
    # what says how a picture lies and looks
    "exif of orientation 9": (lambda: with_segments(JPEG, segment(0xE1, exif_of(9))), ()),
    "exif that points far away": (
        lambda: with_segments(JPEG, segment(0xE1, b"Exif\0\0II*\0\xff\xff\xff\xff")),
        (),
    ),
    "exif that points to itself": (
        lambda: with_segments(JPEG, segment(0xE1, exif("<", [(0x8769, 4, 1, 8)], 8))),
        (),
    ),
    "exif of 5,000 tags of 65 kB each": (
        lambda: with_segments(JPEG, segment(0xE1, exif_bomb(5000, 65_000))),
        (),
    ),
    "exif of 6 MB": (
        lambda: with_segments(JPEG, *[segment(0xE1, exif_bomb(5000, 65_000))] * 99),
        (),
    ),
    "png exif of 2 MB, 50,000 tags": (
        lambda: with_chunks(STILL, chunk(b"eXIf", exif_bomb(50_000, 2_000_000)[6:])),
        MUCH,
    ),
    "profile of 6 MB": (
        lambda: with_segments(
            JPEG, *[segment(0xE2, b"ICC_PROFILE\0\1\xff" + b"x" * 65_000) for _ in range(99)]
        ),
        (),
    ),
    "index of previews that points to itself": (
        lambda: with_segments(JPEG, segment(0xE2, b"MPF\0" + exif_bomb(5000, 60_000)[6:])),
        (),
    ),
    # one thing that says it is another
    "page": (lambda: b"<!doctype html><html><body>404</body></html>", "not an image"),
    "svg": (lambda: b"<svg xmlns='http://www.w3.org/2000/svg' onload='alert(1)'/>", "not an image"),
    "archive": (lambda: zip_of(), "not an image"),
    "program": (lambda: b"\x7fELF" + b"\0" * 500, "not an image"),
    "postscript": (lambda: encoded(picture(0), "EPS"), "not an image"),
    "jpeg with an archive behind it": (lambda: JPEG + zip_of(), ()),
    "jpeg with a script behind it": (lambda: JPEG + b"<script>alert(1)</script>", ()),
    "jpeg with a page in its comment": (
        lambda: with_segments(JPEG, segment(0xFE, b"<html><script>alert(1)</script>")),
        (),
    ),
    "gif that is a jar": (lambda: gif(60, 90) + zip_of("a.class"), ("GIF", "palette")),
    "png with a page behind it": (lambda: STILL + b"<html>", ()),
    "jpeg with a jpeg behind it": (lambda: JPEG + encoded(picture(1, 200, 300)), ()),
}
"""Name -> `(function that returns the bytes, what is expected)`: a reason, or its oddities."""


def look_at(number):
    """Write the case of this number as a file and look at it as `data prepare` does."""
    import tempfile

    make, _ = list(CASES.values())[number]
    with tempfile.NamedTemporaryFile(suffix=".jpg") as file:
        file.write(make())
        file.flush()
        found = inspect(file.name)
    return json.dumps([found.reason, found.oddities, found.width, found.height])


@pytest.fixture(scope="module")
def outcomes():
    texts, peak = run_guarded("test_hostile_posters", "look_at", len(CASES))
    return dict(zip(CASES, texts.values(), strict=True)), peak


@pytest.mark.parametrize("name", CASES)
def test_a_hostile_file_is_refused_with_its_reason_or_read_for_its_pixels_alone(outcomes, name):
    text = outcomes[0][name]
    assert not text.startswith("!"), text
    reason, oddities, width, height = json.loads(text)
    _, wanted = CASES[name]
    if isinstance(wanted, str):
        assert reason == wanted
    else:
        assert (reason, tuple(oddities)) == ("", wanted)
        assert (width, height) in ((60, 90), (32, 32))


def test_all_of_them_together_take_little_memory(outcomes):
    assert outcomes[1] < MEMORY


def test_files_cut_at_any_length_are_refused_or_whole():
    for data in (encoded(picture(0), quality=90), encoded(picture(0), "PNG")):
        whole = load_picture(data).tobytes()
        for length in range(0, len(data), 97):
            try:
                found = load_picture(data[:length])
            except Exception as error:
                assert type(error).__name__ == "PictureError", error
            else:
                assert found.tobytes() == whole and length > len(data) - 100
