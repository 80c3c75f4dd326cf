"""PNG files without anything but their picture: see `stripped`."""

import struct
import zlib
from dataclasses import dataclass

from keras_genres.data.opening import Unusable
from keras_genres.data.stripped import MAX_PARTS, Stripped

MAX_OTHER_BYTES = 100_000
"""What a PNG may carry beside its picture; it may unpack to a thousand times as much."""
_PART_BYTES = 2**20

_PICTURE = (b"IHDR", b"PLTE", b"tRNS", b"IDAT", b"IEND")
_HARMLESS = {
    *(b"gAMA", b"cHRM", b"sRGB", b"pHYs", b"tIME", b"sBIT", b"bKGD", b"hIST", b"cICP"),
    *(b"tEXt", b"zTXt", b"iTXt", b"iCCP", b"eXIf"),
}
_CHANNELS = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}  # by the number a PNG has for its kind of colours
# First column and step, first row and step of the seven passes of a PNG that comes interlaced.
_PASSES = (
    *((0, 8, 0, 8), (4, 8, 0, 8), (0, 4, 4, 8), (2, 4, 0, 4)),
    *((0, 2, 2, 4), (1, 2, 0, 2), (0, 1, 1, 2)),
)
_DISORDER = "chunks out of order"
_ANIMATION = (b"acTL", b"fcTL", b"fdAT")


@dataclass(frozen=True)
class StrippedPng(Stripped):
    """That of a PNG."""

    packed: tuple = ()
    """The packed pixels, in pieces."""

    def unpack(self):
        """As in `Stripped`; Pillow fills up in silence what is missing."""
        if _DISORDER in self.oddities:
            return ()  # what the header says is not known, and others do not read it
        wanted, seen, unpacking = _unpacked_bytes(self.data), 0, zlib.decompressobj()
        try:
            for part in self.packed:
                while part and seen <= wanted:
                    seen += len(unpacking.decompress(part, _PART_BYTES))
                    part = unpacking.unconsumed_tail
        except zlib.error:
            return ("unfinished",)
        if unpacking.eof and seen < wanted:
            raise Unusable("truncated", f"{seen} of {wanted} bytes of pixels")
        is_end = unpacking.eof and seen == wanted and not unpacking.unused_data
        return () if is_end else ("unfinished",)


def strip_png(data):
    """Return the `StrippedPng` of a PNG: its header, palette, transparency and pixels.

    Of an animation the picture that plain decoders show is kept.

    Raises:
        Unusable: If it has more chunks than an honest file.
    """
    view = memoryview(data)  # slices of it take no memory
    kept, exif, odd, pixels = [view[:8]], b"", [], []
    place, parts, others, order = 8, 0, 0, []
    while place + 12 <= len(data):
        length, kind = struct.unpack_from(">I4s", data, place)
        end = place + 12 + length
        parts += 1
        if parts > MAX_PARTS:
            raise Unusable("too many parts", f"more than {MAX_PARTS} chunks")
        if end > len(data):
            kept.append(view[place:])
            break
        if zlib.crc32(view[place + 4 : end - 4]) != int.from_bytes(data[end - 4 : end], "big"):
            odd.append("bad checksum")
        if not order or kind != order[-1] or kind != b"IDAT":
            order.append(kind)
        if kind in _PICTURE:
            kept.append(view[place:end])
            if kind == b"IDAT":
                pixels.append(view[place + 8 : end - 4])
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
        kept.append(view[place:])
    if others > MAX_OTHER_BYTES:
        odd.append("much beside the picture")
    if not _is_orderly([kind for kind in order if kind in _PICTURE], order):
        odd.append(_DISORDER)
    elif data[8:12] != b"\0\0\0\r" or data[26:28] != b"\0\0" or data[28] > 1:
        odd.append("rare coding")
    return StrippedPng(b"".join(kept), exif, tuple(dict.fromkeys(odd)), tuple(pixels))


def _is_orderly(picture, order):
    """Whether the chunks stand as a PNG has them; in `order` pixels in a row count once."""
    wanted = [kind for kind in _PICTURE if kind in picture]
    return picture == wanted and order[:1] == [b"IHDR"] and order[-1:] == [b"IEND"]


def _unpacked_bytes(data):
    """Return how many bytes the pixels of a PNG take, a filter byte before each row."""
    width, height, depth, colours, _, _, interlaced = struct.unpack_from(">IIBBBBB", data, 16)
    bits = depth * _CHANNELS.get(colours, 1)
    total = 0
    for left, right, top, down in _PASSES if interlaced else ((0, 1, 0, 1),):
        columns, rows = -(-(width - left) // right), -(-(height - top) // down)
        if columns > 0 and rows > 0:
            total += rows * (1 + -(-columns * bits // 8))
    return total
