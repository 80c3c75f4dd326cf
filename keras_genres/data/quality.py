"""Is this file a poster, and which pixels does it hold?

Everything downstream decodes plain 8-bit JPEG and PNG only. What else people
have in their folders is brought to that form here, by one function,
`load_picture`, so that a file means the same pixels wherever it is read.

Not noticed: a JPEG whose data were cut but that has an end marker all the
same. Every decoder shows grey, or the last colours, where data are lacking.
"""

import contextlib
import dataclasses
import hashlib
import io
import struct
import threading
import warnings
from dataclasses import dataclass

import numpy as np
from PIL import Image, ImageChops, UnidentifiedImageError

from keras_genres.data.duplicates import look_of
from keras_genres.data.opening import Unusable, read_plain
from keras_genres.data.stripped import orientation_of, strip_jpeg, strip_png
from keras_genres.errors import UserError
from keras_genres.settings import PrepareSettings

# Our own limit is checked on the header, before anything is decoded; Pillow's
# warnings about the same thing, and about damaged metadata, would only fill
# the screen.
warnings.filterwarnings("ignore", category=Image.DecompressionBombWarning)
warnings.filterwarnings("ignore", category=UserWarning, module=r"PIL\.")

MIN_SIDE = 16
"""A poster needs at least this many pixels each way."""
BLANK_RANGE = 4
"""A picture is blank if no colour channel spans more than this many of 256 levels."""

# Pillow knows some forty formats, a few of which start other programs.
Image.init()
_FORMATS = [
    kind for kind in ("JPEG", "PNG", "WEBP", "GIF", "BMP", "TIFF", "AVIF") if kind in Image.OPEN
]
_MAGIC = (b"\xff\xd8", b"\x89PNG", b"GIF8", b"RIFF", b"BM", b"II*\0", b"MM\0*")
_ORIENTATION = 0x0112
_HEADER_BYTES, _HEADER_READS = 4 * 2**20, 100_000  # of a picture before its pixels
_MORE_READS = 1_000_000  # by decoders that Pillow has in Python, about a second


class PictureError(UserError):
    """A file that is not a usable picture.

    Attributes:
        reason: Two or three words, the same for all files with this trouble.
        detail: What was seen in this file.
    """

    def __init__(self, name, reason, detail):
        super().__init__(f"{name} is no usable picture: {reason} ({detail}).")
        self.reason = reason
        self.detail = detail


@dataclass(frozen=True, slots=True)
class Inspection:
    """What one look at a file found. About 1.5 KB; no pixels are kept."""

    reason: str = ""
    """Why the file is left out; empty for a usable picture."""
    detail: str = ""
    """What was seen, beside `reason`."""
    width: int = 0
    """Columns of pixels, as seen (after an EXIF rotation)."""
    height: int = 0
    """Rows of pixels."""
    format: str = ""
    """`JPEG`, `PNG`, …"""
    oddities: tuple = ()
    """What keeps the file from being a plain 8-bit RGB or grey JPEG or PNG; often nothing."""
    sha256: str = ""
    """SHA-256 of the bytes of the file."""
    look: bytes = b""
    """Perceptual hash and thumbnail, as `duplicates.look_of` makes them."""
    size: int = 0
    """Bytes of the file."""
    mtime_ns: int = 0
    """When it was changed last, nanoseconds since 1970."""

    @property
    def is_usable(self):
        return not self.reason


def load_picture(source, max_megapixels=PrepareSettings.max_megapixels, at_least=None):
    """Return the picture in a file as plain RGB, the way a viewer would show it.

    The first frame of an animation; CMYK turned into RGB (also Adobe's
    inverted kind); 16 bits scaled to 8; palettes resolved; transparency laid
    on white; turned upright as EXIF says. Colour profiles are not applied:
    no decoder downstream applies them either.

    Args:
        source: Path of the file, or its bytes.
        max_megapixels: Larger pictures are refused by their header.
        at_least: `(width, height)` in pixels that are enough, so that a larger
            JPEG may be decoded to half, a quarter or an eighth of its size,
            which is faster; `None` for all of its pixels.

    Returns:
        A `PIL.Image.Image` of mode `RGB`.

    Raises:
        PictureError: If it is no usable picture; a `UserError` that names the file.
    """
    name = "the picture" if isinstance(source, bytes) else str(source)
    try:
        data = source if isinstance(source, bytes) else _read(source)[0]
        return _decode(data, max_megapixels, at_least)[0]
    except Unusable as error:
        raise PictureError(name, *error.args) from None


def inspect(path, max_megapixels=PrepareSettings.max_megapixels):
    """Decode a file once and return an `Inspection`. Never raises for a bad file."""
    return examine(path, max_megapixels)[0]


def examine(path, max_megapixels=PrepareSettings.max_megapixels):
    """As `inspect`, with what was read.

    Returns:
        `(inspection, picture, data)`: the RGB picture, `None` where there is
        none, and the bytes of the file.
    """
    found, data = Inspection(), b""
    try:
        data, seen = _read(path)
        digest = hashlib.sha256(data).hexdigest()
        found = Inspection(sha256=digest, size=seen.st_size, mtime_ns=seen.st_mtime_ns)
        picture, kind, oddities = _decode(data, max_megapixels)
        if all(high - low <= BLANK_RANGE for low, high in picture.getextrema()):
            raise Unusable("blank", "a single colour")
    except Unusable as error:
        reason, detail = error.args
        return dataclasses.replace(found, reason=reason, detail=detail), None, data
    found = dataclasses.replace(
        found,
        width=picture.width,
        height=picture.height,
        format=kind,
        oddities=oddities,
        look=look_of(picture),
    )
    return found, picture, data


def _read(path):
    data, seen = read_plain(path)
    if not data:
        raise Unusable("empty file", "0 bytes")
    return data, seen


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
    """Lets as many pictures be decoded at a time as have so many pixels together."""

    def __init__(self, pixels):
        self._most = self._left = pixels
        self._changed = threading.Condition()

    @contextlib.contextmanager
    def of(self, pixels):
        """Wait for room for a picture. One that is larger than all of it gets all."""
        pixels = min(pixels, self._most)
        with self._changed:
            self._changed.wait_for(lambda: self._left >= pixels)
            self._left -= pixels
        try:
            yield
        finally:
            with self._changed:
                self._left += pixels
                self._changed.notify_all()


# Decoding takes up to 16 bytes a pixel: at most 2 GB at a time, however many threads.
_ROOM = _Room(128_000_000)


def _decode(data, max_megapixels, at_least=None):
    """Return `(RGB picture, format, oddities)` of the bytes of a file."""
    _refuse_large(_claimed_size(data), max_megapixels)
    try:
        file, exif, oddities = _prepare_file(data)
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
        raise Unusable("unreadable", _one_line(error)) from None
    _refuse_large(image.size, max_megapixels)
    _refuse_large_tiles(image, max_megapixels)
    if min(image.size) < MIN_SIDE:
        seen = f"{image.width}x{image.height} pixels, at least {MIN_SIDE} each way"
        raise Unusable("too small", seen)
    with _ROOM.of(image.width * image.height):
        try:
            if at_least is not None:
                image.draft(None, at_least)
            if isinstance(file, _Metered):
                file.left_bytes, file.left_reads = 4 * len(data) + _HEADER_BYTES, _MORE_READS
            image.load()
            turn = _orientation(image, exif)
            return _to_rgb(image, turn), image.format, _oddities(image, data, oddities, turn)
        except Unusable:
            raise
        except Exception as error:
            text = _one_line(error)
            is_cut = "truncated" in text.lower() or isinstance(error, EOFError)
            raise Unusable("truncated" if is_cut else "unreadable", text) from None


def _prepare_file(data):
    """Return `(file for Pillow, EXIF block, oddities)`."""
    if data.startswith(b"\xff\xd8\xff"):
        found = strip_jpeg(data)
    elif data.startswith(b"\x89PNG\r\n\x1a\n"):
        found = strip_png(data)
    elif data[4:8] == b"ftyp":
        return io.BytesIO(_without_exif(data)), b"", ()
    elif data.startswith(b"RIFF"):
        return io.BytesIO(data), b"", ()  # libwebp reads it, at once and whole
    else:
        return _Metered(data), b"", ()
    return io.BytesIO(found.data), found.exif, found.oddities


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


def _refuse_large(size, max_megapixels):
    width, height = size
    if width * height > max_megapixels * 1e6:
        seen = f"{width}x{height} pixels, at most {max_megapixels:g} million"
        raise Unusable("too large", seen)


def _refuse_large_tiles(image, max_megapixels):
    """Refuse a TIFF whose tiles are far larger than itself: each is unpacked whole."""
    if image.format == "TIFF":
        tile = [image.tag_v2.get(tag, 0) for tag in (322, 323)]
        if all(isinstance(side, int) for side in tile):
            _refuse_large(tile, max_megapixels)


def _oddities(image, data, seen, turn):
    """Name what a plain decoder of JPEG and PNG would refuse or show differently."""
    found = []
    if image.format not in ("JPEG", "PNG"):
        found.append(image.format)
        if _moves(image):
            found.append("animated")
    if image.mode == "CMYK":
        found.append("CMYK")
    if _is_deep(image, data):
        found.append("16-bit")
    if image.mode in ("P", "PA"):
        found.append("palette")
    if image.mode in ("RGBA", "LA", "PA", "RGBa", "La") or "transparency" in image.info:
        found.append("alpha")
    if turn != 1:
        found.append("rotated")
    found += seen
    if not found and image.mode not in ("RGB", "L"):
        found.append(f"mode {image.mode}")
    return tuple(found)


def _moves(image):
    try:
        return getattr(image, "is_animated", False)
    except Exception:  # the first frame is there, and there is something behind it
        return True


def _is_deep(image, data):
    if image.format == "PNG":
        return data[24] == 16
    return image.mode.startswith("I;16") or (
        image.format == "TIFF" and max(image.tag_v2.get(258, (8,))) == 16
    )


def _orientation(image, exif):
    if image.format == "TIFF":
        value = image.tag_v2.get(_ORIENTATION, 1)
        return value if value in range(2, 9) else 1
    return orientation_of(exif or image.info.get("exif", b""))


def _to_rgb(image, turn):
    if image.mode.startswith("I") and image.mode != "I":
        image = Image.fromarray((np.asarray(image) >> 8).astype(np.uint8))
    elif image.mode == "I" and image.format == "PNG":  # older Pillow reads 16-bit grey so
        image = Image.fromarray((np.asarray(image) >> 8).clip(0, 255).astype(np.uint8))
    elif image.mode in ("I", "F"):
        raise Unusable("unreadable", "32-bit pixels have no agreed white")
    elif image.mode == "CMYK":
        if image.format == "JPEG" and "adobe" not in image.info:
            # Pillow undoes Adobe's inversion even where Adobe was not at work.
            image = ImageChops.invert(image)
        image = image.convert("RGB")
    if image.mode in ("RGBA", "LA", "PA", "RGBa", "La") or "transparency" in image.info:
        image = image.convert("RGBA")
        white = Image.new("RGBA", image.size, "white")
        image = Image.alpha_composite(white, image)
    image = image if image.mode == "RGB" else image.convert("RGB")
    return image if turn == 1 else image.transpose(_TURNS[turn])


_TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}


def _one_line(error):
    text = " ".join(str(error).split())
    return text[:120] or type(error).__name__
