"""Is this file a poster, and which pixels does it hold?

Everything downstream decodes plain 8-bit JPEG and PNG only. What else people
have in their folders is brought to that form here, by one function,
`load_picture`, so that a file means the same pixels wherever it is read.
"""

import hashlib
import io
import os
import struct
import warnings
import zlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image, ImageChops, UnidentifiedImageError

from keras_genres.data.duplicates import look_of
from keras_genres.errors import UserError
from keras_genres.settings import PrepareSettings

# Our own limit is checked on the header, before anything is decoded; Pillow's
# warning about the same thing would only repeat it, once for each thread.
warnings.filterwarnings("ignore", category=Image.DecompressionBombWarning)

MAX_FILE_MB = 256
"""Larger files are not read into memory."""
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
        data = source if isinstance(source, bytes) else _read(source)
        return _decode(data, max_megapixels, at_least)[0]
    except _Unusable as error:
        raise PictureError(name, *error.args) from None


def inspect(path, max_megapixels=PrepareSettings.max_megapixels):
    """Decode a file once and return an `Inspection`. Never raises for a bad file."""
    try:
        data = _read(path)
    except _Unusable as error:
        return Inspection(*error.args)
    digest = hashlib.sha256(data).hexdigest()
    try:
        picture, kind, oddities = _decode(data, max_megapixels)
        if all(high - low <= BLANK_RANGE for low, high in picture.getextrema()):
            raise _Unusable("blank", "a single colour")
    except _Unusable as error:
        return Inspection(*error.args, sha256=digest)
    return Inspection(
        width=picture.width,
        height=picture.height,
        format=kind,
        oddities=oddities,
        sha256=digest,
        look=look_of(picture),
    )


class _Unusable(Exception):
    """Carries `(reason, detail)`."""


def _read(path):
    try:
        size = os.stat(path).st_size
        if size > MAX_FILE_MB * 2**20:
            raise _Unusable("too large", f"{size / 2**20:.0f} MB, at most {MAX_FILE_MB}")
        data = Path(path).read_bytes()
    except FileNotFoundError:
        raise _Unusable("missing", "no such file") from None
    except OSError as error:
        raise _Unusable("unreadable", error.strerror or type(error).__name__) from None
    if not data:
        raise _Unusable("empty file", "0 bytes")
    return data


def _decode(data, max_megapixels, at_least=None):
    """Return `(RGB picture, format, oddities)` of the bytes of a file."""
    try:
        image = Image.open(io.BytesIO(data), formats=_FORMATS)
    except UnidentifiedImageError:
        if data.startswith(_MAGIC):
            raise _Unusable("unreadable", "damaged header") from None
        raise _Unusable("not an image", "neither JPEG nor PNG nor another known format") from None
    except Image.DecompressionBombError as error:
        raise _Unusable("too large", str(error).split(",")[0]) from None
    except Exception as error:  # a damaged header makes Pillow's plugins raise all sorts
        raise _Unusable("unreadable", _one_line(error)) from None
    if image.width * image.height > max_megapixels * 1e6:
        seen = f"{image.width}x{image.height} pixels, at most {max_megapixels:g} million"
        raise _Unusable("too large", seen)
    if min(image.size) < MIN_SIDE:
        seen = f"{image.width}x{image.height} pixels, at least {MIN_SIDE} each way"
        raise _Unusable("too small", seen)
    try:
        # A multi-picture JPEG holds previews behind the picture; it does not move.
        # Asked before load(), since counting frames throws loaded pixels away.
        moves = image.format != "MPO" and getattr(image, "is_animated", False)
        if at_least is not None:
            image.draft(None, at_least)
        image.load()
        kind = "JPEG" if image.format == "MPO" else image.format
        return _to_rgb(image), kind, _oddities(image, data, moves)
    except _Unusable:
        raise
    except Exception as error:
        text = _one_line(error)
        is_cut = "truncated" in text or "Truncated" in text or isinstance(error, EOFError)
        raise _Unusable("truncated" if is_cut else "unreadable", text) from None


def _oddities(image, data, moves):
    """Name what a plain decoder of JPEG and PNG would refuse or show differently."""
    found = []
    if image.format not in ("JPEG", "MPO", "PNG"):
        found.append(image.format)
    if moves:
        found.append("animated")
    if image.mode == "CMYK":
        found.append("CMYK")
    if _is_deep(image, data):
        found.append("16-bit")
    if image.mode in ("P", "PA"):
        found.append("palette")
    if image.mode in ("RGBA", "LA", "PA", "RGBa", "La") or "transparency" in image.info:
        found.append("alpha")
    if _orientation(image) != 1:
        found.append("rotated")
    if image.format in ("JPEG", "MPO") and data.rfind(b"\xff\xd9") < data.rfind(b"\xff\xda"):
        # Pillow forgives junk in place of the end marker when all pixels are there.
        found.append("no end marker")
    if image.format == "PNG" and not _are_chunks_sound(data):
        found.append("bad checksum")  # forgiven by Pillow, by others not
    if not found and image.mode not in ("RGB", "L"):
        found.append(f"mode {image.mode}")
    return tuple(found)


def _are_chunks_sound(data):
    """Whether every chunk of a PNG up to its end has the checksum it gives."""
    place = 8
    while place + 12 <= len(data):
        length, kind = struct.unpack_from(">I4s", data, place)
        end = place + 8 + length
        if end + 4 > len(data):
            return False
        if zlib.crc32(data[place + 4 : end]) != int.from_bytes(data[end : end + 4], "big"):
            return False
        if kind == b"IEND":
            return True
        place = end + 4
    return False


def _is_deep(image, data):
    if image.format == "PNG":
        return data[24] == 16
    return image.mode.startswith("I;16") or (
        image.format == "TIFF" and max(image.tag_v2.get(258, (8,))) == 16
    )


def _orientation(image):
    try:
        value = image.getexif().get(_ORIENTATION, 1)
    except Exception:  # damaged EXIF data says nothing about the pixels
        return 1
    return value if value in range(2, 9) else 1


def _to_rgb(image):
    turn = _orientation(image)
    if image.mode.startswith("I") and image.mode != "I":
        image = Image.fromarray((np.asarray(image) >> 8).astype(np.uint8))
    elif image.mode == "I" and image.format == "PNG":  # older Pillow reads 16-bit grey so
        image = Image.fromarray((np.asarray(image) >> 8).clip(0, 255).astype(np.uint8))
    elif image.mode in ("I", "F"):
        raise _Unusable("unreadable", "32-bit pixels have no agreed white")
    elif image.mode == "CMYK":
        if image.format in ("JPEG", "MPO") and "adobe" not in image.info:
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
