"""JPEG files without anything but their picture: see `stripped`."""

import re
import struct

from keras_genres.data.opening import Unusable
from keras_genres.data.stripped import MAX_PARTS, Stripped

MAX_SCANS = 100
"""Scans of a JPEG; a progressive one has about ten."""
MAX_SCANNED_MEGAPIXELS = 1000
"""Scans times million pixels: each scan goes over the whole picture."""

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
    view = memoryview(data)  # slices of it take no memory
    kept, exif, odd = [view[:2]], b"", []
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
            kept.append(view[place - 2 :])
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
            kept.append(view[place - 2 : end])
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
            kept.append(view[place:end])
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
