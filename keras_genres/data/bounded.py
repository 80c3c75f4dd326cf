"""Open pictures so that none takes more time or memory than an honest one."""

import contextlib
import io
import os
import struct
import threading

from PIL import Image, UnidentifiedImageError

from keras_genres.data.jpeg import strip_jpeg
from keras_genres.data.opening import Unusable
from keras_genres.data.png import strip_png
from keras_genres.data.stripped import Stripped

MIN_SIDE = 16
"""A poster needs at least this many pixels each way."""

# Pillow knows some forty formats, a few of which start other programs.
Image.init()
_FORMATS = [
    kind for kind in ("JPEG", "PNG", "WEBP", "GIF", "BMP", "TIFF", "AVIF") if kind in Image.OPEN
]
# The C library gives memory back at once only from 32 MB a piece on; Pillow's
# pieces are of 16, and each thread would keep those of its largest picture.
Image.core.set_block_size(64 * 2**20)
_MAGIC = (b"\xff\xd8", b"\x89PNG", b"GIF8", b"RIFF", b"BM", b"II*\0", b"MM\0*")
_HEADER_BYTES, _HEADER_READS = 4 * 2**20, 100_000  # of a picture before its pixels
_MORE_READS = 1_000_000  # by decoders that Pillow has in Python, about a second


def open_picture(data, max_megapixels):
    """Read the header of a picture.

    Args:
        data: The bytes of a file.
        max_megapixels: Larger pictures are refused.

    Returns:
        `(image, stripped)`: a `PIL.Image.Image` that is not loaded yet, and the
        `Stripped` of the file, which is the file itself but for JPEG and PNG.

    Raises:
        Unusable: If it is no picture, a damaged one, or too large or small.
    """
    refuse_large(_claimed_size(data), max_megapixels)
    try:
        file, stripped = _strip(data)
        image = Image.open(file, formats=_FORMATS)
    except Unusable:
        raise
    except UnidentifiedImageError:
        if data.startswith(_MAGIC):
            raise Unusable("unreadable", "damaged header") from None
        raise Unusable("not an image", "neither JPEG nor PNG nor another known format") from None
    except Image.DecompressionBombError as error:
        raise Unusable("too large", str(error).split(",")[0]) from None
    except Exception as error:  # a damaged header makes Pillow's plugins raise all sorts
        raise Unusable("unreadable", one_line_of(error)) from None
    refuse_large(image.size, max_megapixels)
    _refuse_large_tiles(image, max_megapixels)
    if min(image.size) < MIN_SIDE:
        seen = f"{image.width}x{image.height} pixels, at least {MIN_SIDE} each way"
        raise Unusable("too small", seen)
    if isinstance(file, _Metered):
        file.left_bytes, file.left_reads = 4 * len(data) + _HEADER_BYTES, _MORE_READS
    return image, stripped


def room_for_pixels(image):
    """Return a context in which a picture is decoded: as many at a time as memory allows."""
    return _PIXELS.of(image.width * image.height)


def room_for_bytes(path):
    """Return a context in which a file is read and looked at. To be entered first of the two."""
    try:
        return _BYTES.of(os.stat(path).st_size)
    except (OSError, ValueError):
        return contextlib.nullcontext()  # why it cannot be read is told when it is read


def one_line_of(error):
    """Return what an exception says, shortly."""
    text = " ".join(str(error).split())
    return text[:120] or type(error).__name__


class _Metered(io.BytesIO):
    """Bytes of a file of which only so much may be read, counting what is read again.

    A small file can send its reader to one place of it many thousand times.
    """

    left_bytes, left_reads = _HEADER_BYTES, _HEADER_READS

    def read(self, size=-1):
        part = super().read(size)
        self.left_bytes -= len(part)
        self.left_reads -= 1
        if self.left_bytes < 0 or self.left_reads < 0:
            raise Unusable("too many parts", "the same bytes are read again and again")
        return part


class _Room:
    """Lets work be done at a time that takes no more than so much together."""

    def __init__(self, most):
        self._most = self._left = most
        self._changed = threading.Condition()

    @contextlib.contextmanager
    def of(self, amount):
        """Wait for room for so much. What is more than all of it gets all."""
        amount = min(amount, self._most)
        with self._changed:
            self._changed.wait_for(lambda: self._left >= amount)
            self._left -= amount
        try:
            yield
        finally:
            with self._changed:
                self._left += amount
                self._changed.notify_all()


# Decoding takes up to 16 bytes a pixel, and a file up to three times its size:
# together at most 2 GB at a time, however many threads.
_PIXELS = _Room(64_000_000)
_BYTES = _Room(256 * 2**20)


def _strip(data):
    """Return `(file for Pillow, Stripped)` of the bytes of a file."""
    if data.startswith(b"\xff\xd8\xff"):
        found = strip_jpeg(data)
    elif data.startswith(b"\x89PNG\r\n\x1a\n"):
        found = strip_png(data)
    elif data[4:8] == b"ftyp":
        return io.BytesIO(_without_exif(data)), Stripped(data)
    elif data.startswith(b"RIFF"):
        return io.BytesIO(data), Stripped(data)  # libwebp reads it, at once and whole
    else:
        return _Metered(data), Stripped(data)
    return io.BytesIO(found.data), found


def _without_exif(data):
    """Return an AVIF file whose EXIF block no reader finds; how it lies is said elsewhere in it."""
    start = data.find(b"meta", 0, 4096)
    end = start - 4 + int.from_bytes(data[max(0, start - 4) : start], "big")
    if start < 4 or b"Exif" not in data[start:end]:
        return data
    return data[:start] + data[start:end].replace(b"Exif", b"xExf") + data[end:]


def _claimed_size(data):
    """Return the size in the header of those formats whose readers take memory by it at once."""
    try:
        if data.startswith(b"GIF8"):
            return struct.unpack_from("<HH", data, 6)
        if data.startswith(b"RIFF") and data[12:16] == b"VP8X":
            return tuple(int.from_bytes(data[at : at + 3], "little") + 1 for at in (24, 27))
    except struct.error:
        pass
    return 0, 0


def refuse_large(size, max_megapixels):
    """Raise `Unusable` for a size `(width, height)` of more pixels than that."""
    width, height = size
    if width * height > max_megapixels * 1e6:
        seen = f"{width}x{height} pixels, at most {max_megapixels:g} million"
        raise Unusable("too large", seen)


def _refuse_large_tiles(image, max_megapixels):
    """Refuse a TIFF whose tiles are far larger than itself: each is unpacked whole."""
    if image.format == "TIFF":
        tile = [image.tag_v2.get(tag, 0) for tag in (322, 323)]
        if all(isinstance(side, int) for side in tile):
            refuse_large(tile, max_megapixels)
