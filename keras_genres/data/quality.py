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
import warnings
from dataclasses import dataclass

import numpy as np
from PIL import Image, ImageChops

from keras_genres.data.bounded import (
    one_line_of,
    open_picture,
    refuse_large,
    room_for_bytes,
    room_for_pixels,
)
from keras_genres.data.duplicates import look_of
from keras_genres.data.opening import Unusable, read_plain
from keras_genres.data.stripped import Stripped, orientation_of
from keras_genres.errors import UserError
from keras_genres.settings import PrepareSettings

# Our own limit is checked on the header, before anything is decoded; Pillow's
# warnings about the same thing, and about damaged metadata, would only fill
# the screen.
warnings.filterwarnings("ignore", category=Image.DecompressionBombWarning)
warnings.filterwarnings("ignore", category=UserWarning, module=r"PIL\.")

BLANK_RANGE = 4
"""A picture is blank if no colour channel spans more than this many of 256 levels."""

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
        with contextlib.ExitStack() as rooms:
            return _decode(data, max_megapixels, rooms, at_least)[0]
    except Unusable as error:
        raise PictureError(name, *error.args) from None


def rgb_of(image, max_megapixels=PrepareSettings.max_megapixels):
    """Return a picture of Pillow as `load_picture` returns the file it came from.

    Args:
        image: A `PIL.Image.Image`, loaded or not. It is turned upright as its
            EXIF says; `PIL.ImageOps.exif_transpose` has done so and removed that.
        max_megapixels: Larger pictures are refused.

    Raises:
        PictureError: If it is too large, or its file is damaged.
    """
    try:
        refuse_large(image.size, max_megapixels)
        image.load()
        return _to_rgb(image, _orientation(image, Stripped(b"")))
    except Unusable as error:
        raise PictureError("the picture", *error.args) from None
    except Exception as error:  # as in `_decode`
        raise PictureError("the picture", "unreadable", one_line_of(error)) from None


def inspect(path, max_megapixels=PrepareSettings.max_megapixels):
    """Decode a file once and return an `Inspection`. Never raises for a bad file."""
    with examine(path, max_megapixels) as (found, _, _):
        return found


@contextlib.contextmanager
def examine(path, max_megapixels=PrepareSettings.max_megapixels):
    """As `inspect`, with what was read, for the time of a `with` block.

    Other threads wait while there is no room for their pictures beside this one.

    Yields:
        `(inspection, picture, data)`: the RGB picture, `None` where there is
        none, and the bytes of the file.
    """
    with contextlib.ExitStack() as rooms:
        rooms.enter_context(room_for_bytes(path))
        yield _examine(path, max_megapixels, rooms)


def _examine(path, max_megapixels, rooms):
    found, data = Inspection(), b""
    try:
        data, seen = _read(path)
        digest = hashlib.sha256(data).hexdigest()
        found = Inspection(sha256=digest, size=seen.st_size, mtime_ns=seen.st_mtime_ns)
        picture, kind, oddities = _decode(data, max_megapixels, rooms)
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


def _decode(data, max_megapixels, rooms, at_least=None):
    """Return `(RGB picture, format, oddities)` of the bytes of a file, with room in `rooms`."""
    image, stripped = open_picture(data, max_megapixels)
    rooms.enter_context(room_for_pixels(image))
    try:
        if at_least is not None:
            image.draft(None, at_least)
        seen = stripped.oddities + stripped.unpack()
        image.load()
        turn = _orientation(image, stripped)
        return _to_rgb(image, turn), image.format, _oddities(image, data, seen, turn)
    except Unusable:
        raise
    except Exception as error:
        text = one_line_of(error)
        is_cut = "truncated" in text.lower() or isinstance(error, EOFError)
        raise Unusable("truncated" if is_cut else "unreadable", text) from None


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


def _orientation(image, stripped):
    if image.format == "TIFF":
        value = image.tag_v2.get(_ORIENTATION, 1)
        return value if value in range(2, 9) else 1
    return orientation_of(stripped.exif or image.info.get("exif", b""))


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
