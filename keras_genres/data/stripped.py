"""JPEG and PNG files without anything but their picture.

What else a file carries — EXIF, profiles, previews, text, a second file glued
to its end — is none of a decoder's business, and is where hostile files hide
what eats memory and time. So it is taken out before a decoder sees the file.
Of EXIF the orientation is read, here, by a few lines that follow no offset
but one.
"""

import re
import struct
import zlib
from dataclasses import dataclass

from keras_genres.data.opening import Unusable

MAX_PARTS = 10_000
"""Segments of a JPEG or chunks of a PNG; each costs a decoder time, whatever its size."""
MAX_SCANS = 100
"""Scans of a JPEG; a progressive one has about ten."""
MAX_SCANNED_MEGAPIXELS = 1000
"""Scans times million pixels: each scan goes over the whole picture."""
MAX_OTHER_BYTES = 100_000
"""What a PNG may carry beside its picture; it may unpack to a thousand times as much."""

_ORIENTATION = 0x0112
_PART_BYTES = 2**20


@dataclass(frozen=True)
class Stripped:
    """The picture of a file, and what was seen on the way."""

    data: bytes
    """A file with the picture alone. Not checked: it may still be damaged."""
    exif: bytes = b""
    """The EXIF block."""
    oddities: tuple = ()
    """Why another decoder might not read the file as this one does."""


# A marker, after any number of fill bytes; FF 00 and FF FF are none.
_MARKER = re.compile(rb"\xff+([^\x00\xff])")
# In a scan the restart markers D0–D7 belong to the data.
_SCAN_END = re.compile(rb"\xff[^\x00\xd0-\xd7\xff]")
_SOI, _EOI, _SOS, _APP1 = 0xD8, 0xD9, 0xDA, 0xE1
_FRAMES = {*range(0xC0, 0xD0)} - {0xC4, 0xC8, 0xCC}
_PROGRESSIVE = 0xC2
_USUAL_FRAMES = (0xC0, 0xC1, _PROGRESSIVE)  # baseline, extended, progressive; Huffman coded
_TABLES = {0xC4, 0xCC, 0xDB, 0xDC, 0xDD}
_PASSED_OVER = {*range(0xE0, 0xF0), 0xFE}
_ALONE = {0x01, *range(0xD0, 0xD9)}


def strip_jpeg(data):
    """Return the `Stripped` of a JPEG: headers, tables and scans up to its end marker.

    The end marker is that of the first picture; what follows it is left out.

    Raises:
        Unusable: If it has more segments or scans than an honest file.
    """
    kept, exif, odd = [data[:2]], b"", []
    place, parts, scans, pixels = 2, 0, 0, 0
    is_ended, progress = False, None
    while found := _MARKER.search(data, place):
        if found.end() - place > 2:
            odd.append("bytes between segments")
        code, place = found[1][0], found.end()
        if code == _EOI:
            kept.append(b"\xff\xd9")
            is_ended = True
            break
        if code in _ALONE:
            odd.append("bytes between segments")
            continue
        parts += 1
        if parts > MAX_PARTS:
            raise Unusable("too many parts", f"more than {MAX_PARTS} segments")
        end = place + int.from_bytes(data[place : place + 2], "big")
        if end < place + 2:
            odd.append("bad segment")
            break
        if end > len(data):
            odd.append("bad segment")
            kept.append(data[place - 2 :])
            break
        segment = data[place + 2 : end]
        if code in _FRAMES:
            pixels = _pixels_of(segment)
            progress = _Progress(segment) if code == _PROGRESSIVE else None
            if code not in _USUAL_FRAMES or segment[:1] != b"\x08":
                odd.append("rare coding")
        if code == _APP1 and not exif and segment.startswith(b"Exif\0\0"):
            exif = segment
        if code in _FRAMES | _TABLES or code == _SOS or _tells_colours(code, segment):
            kept.append(data[place - 2 : end])
        elif code not in _PASSED_OVER:
            odd.append("unknown segment")
        place = end
        if code == _SOS:
            scans += 1
            if progress:
                progress.add(segment)
            is_slow = scans > 1 and scans * pixels > MAX_SCANNED_MEGAPIXELS * 1e6
            if scans > MAX_SCANS or is_slow:
                raise Unusable("too many parts", f"{scans} scans or more")
            found = _SCAN_END.search(data, place)
            end = found.start() if found else len(data)
            kept.append(data[place:end])
            place = end
    if not is_ended:
        odd.append("no end marker")
    if progress and not progress.is_complete():
        odd.append("unfinished")  # each version of libjpeg smooths the rest in its own way
    return Stripped(b"".join(kept), exif, tuple(dict.fromkeys(odd)))


class _Progress:
    """Which bits of the coefficients the scans of a progressive JPEG have brought.

    Args:
        frame: Its frame header.
    """

    def __init__(self, frame):
        self._missing = {component: [None] * 64 for component in frame[6::3]}

    def add(self, scan):
        """Take in the header of a scan."""
        count = scan[0] if scan else 0
        if len(scan) != 4 + 2 * count:
            return
        first, last, bits = scan[-3:]
        for component in scan[1 : 2 * count : 2]:
            if component in self._missing:
                for at in range(first, min(last, 63) + 1):
                    self._missing[component][at] = bits & 15

    def is_complete(self):
        """Whether every bit of every coefficient has come."""
        return all(bit == 0 for bits in self._missing.values() for bit in bits)


def _pixels_of(frame):
    height, width = struct.unpack_from(">HH", frame.ljust(5, b"\0"), 1)
    return height * width


def _tells_colours(code, segment):
    return (code == 0xE0 and segment.startswith(b"JFIF\0")) or (
        code == 0xEE and segment.startswith(b"Adobe")
    )


_PICTURE = (b"IHDR", b"PLTE", b"tRNS", b"IDAT", b"IEND")
_HARMLESS = {
    *(b"gAMA", b"cHRM", b"sRGB", b"pHYs", b"tIME", b"sBIT", b"bKGD", b"hIST", b"cICP"),
    *(b"tEXt", b"zTXt", b"iTXt", b"iCCP", b"eXIf"),
}
_ANIMATION = (b"acTL", b"fcTL", b"fdAT")


def strip_png(data):
    """Return the `Stripped` of a PNG: its header, palette, transparency and pixels.

    Of an animation the picture that plain decoders show is kept.

    Raises:
        Unusable: If it has more chunks than an honest file.
    """
    kept, exif, odd, pixels = [data[:8]], b"", [], []
    place, parts, others, order = 8, 0, 0, []
    while place + 12 <= len(data):
        length, kind = struct.unpack_from(">I4s", data, place)
        end = place + 12 + length
        parts += 1
        if parts > MAX_PARTS:
            raise Unusable("too many parts", f"more than {MAX_PARTS} chunks")
        if end > len(data):
            kept.append(data[place:])
            break
        if zlib.crc32(data[place + 4 : end - 4]) != int.from_bytes(data[end - 4 : end], "big"):
            odd.append("bad checksum")
        if not order or kind != order[-1] or kind != b"IDAT":
            order.append(kind)
        if kind in _PICTURE:
            kept.append(data[place:end])
            if kind == b"IDAT":
                pixels.append(data[place + 8 : end - 4])
        elif kind == b"eXIf":
            exif = exif or data[place + 8 : end - 4]
        if kind in _ANIMATION:
            odd.append("animated")
        elif kind in _HARMLESS:
            others += length
        elif kind not in _PICTURE:
            odd.append("unknown chunk")
        place = end
        if kind == b"IEND":
            break
    else:  # cut within the eight bytes before or the four behind a chunk
        kept.append(data[place:])
    if others > MAX_OTHER_BYTES:
        odd.append("much beside the picture")
    if not _is_orderly([kind for kind in order if kind in _PICTURE], order):
        odd.append("chunks out of order")
    if not odd and not _are_all_there(data[16:24], pixels):
        odd.append("unfinished")
    return Stripped(b"".join(kept), exif, tuple(dict.fromkeys(odd)))


def _is_orderly(picture, order):
    """Whether the chunks stand as a PNG has them; in `order` pixels in a row count once."""
    wanted = [kind for kind in _PICTURE if kind in picture]
    return picture == wanted and order[:1] == [b"IHDR"] and order[-1:] == [b"IEND"]


def _are_all_there(size, pixels):
    """Whether the packed pixels of a PNG end where they should; they are unpacked and let go."""
    width, height = struct.unpack(">II", size)
    # At most 8 bytes a pixel; what is larger than allowed is refused elsewhere.
    left = 8 * min(width * height, MAX_SCANNED_MEGAPIXELS * 10**6) + 8 * height
    unpacking = zlib.decompressobj()
    try:
        for part in pixels:
            while part and left > 0:
                left -= len(unpacking.decompress(part, _PART_BYTES))
                part = unpacking.unconsumed_tail
    except zlib.error:
        return False
    return unpacking.eof and not unpacking.unused_data


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
