"""Files that mean harm, drawn by the tests themselves: bombs, polyglots, liars."""

import io
import struct
import zipfile
import zlib

import numpy as np
from pictures import encoded, picture
from PIL import Image


def chunk(kind, data=b"", length=None):
    """Return a chunk of a PNG with the right checksum, and any length it claims."""
    size = len(data) if length is None else length
    return struct.pack(">I", size) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def png(width, height, pixels=b"", before=b"", after=b"", depth=8, colours=2):
    """Return a PNG of this size whose pixels are zeros unless given as packed bytes."""
    header = struct.pack(">IIBBBBB", width, height, depth, colours, 0, 0, 0)
    pixels = pixels or zlib.compress(b"\0" * min(height * (width * 3 + 1), 10**7))
    return (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", header)
        + before
        + chunk(b"IDAT", pixels)
        + after
        + chunk(b"IEND")
    )


def with_chunks(data, *chunks):
    """Return a PNG with chunks put in behind its header."""
    return data[:33] + b"".join(chunks) + data[33:]


def segment(code, data=b"", length=None):
    """Return a segment of a JPEG."""
    size = len(data) + 2 if length is None else length
    return bytes((0xFF, code)) + struct.pack(">H", size) + data


def with_segments(data, *segments):
    """Return a JPEG with segments put in at its beginning."""
    return data[:2] + b"".join(segments) + data[2:]


def resized_jpeg(data, width, height):
    """Return a JPEG whose header claims another size."""
    for code in (0xC0, 0xC1, 0xC2):
        start = data.find(bytes((0xFF, code, 0, 17)))
        if start > 0:
            return data[: start + 5] + struct.pack(">HH", height, width) + data[start + 9 :]
    raise ValueError("`data` has no frame header")


def with_scans(data, count):
    """Return a progressive JPEG whose last scan comes `count` times."""
    start = data.rfind(b"\xff\xda")
    # A scan that refines is refused when it comes again; libjpeg warns of others.
    return data[:start] + data[start:-2] * count + data[-2:]


def exif(order="<", entries=(), following=0):
    """Return an EXIF block; entries are `(tag, type, count, value)`."""
    head = (b"II*\0" if order == "<" else b"MM\0*") + struct.pack(order + "I", 8)
    body = struct.pack(order + "H", len(entries))
    body += b"".join(struct.pack(order + "HHII", *entry) for entry in entries)
    return b"Exif\0\0" + head + body + struct.pack(order + "I", following)


def exif_of(turn, order="<"):
    """Return an EXIF block that gives this orientation."""
    value = turn if order == "<" else turn << 16
    return exif(order, [(0x0112, 3, 1, value)])


def exif_bomb(entries, size):
    """Return an EXIF block each entry of which points to all of its own bytes."""
    rows = [(tag, 7, size, 8) for tag in range(1, entries + 1)]
    block = exif("<", [*rows, (0x0112, 3, 1, 6)])
    return block.ljust(size, b"\0")


def tiff_bomb(entries, size):
    """Return a TIFF, a real one but for thousands of tags that each hold the whole file."""
    real = encoded(picture(3), "TIFF")
    start = int.from_bytes(real[4:8], "little")
    count = int.from_bytes(real[start : start + 2], "little")
    old = real[start + 2 : start + 2 + 12 * count]
    rows = b"".join(struct.pack("<HHII", 40_000 + tag, 7, size, 8) for tag in range(entries))
    table = struct.pack("<H", count + entries) + old + rows + b"\0\0\0\0"
    return real[:4] + struct.pack("<I", len(real)) + real[8:] + table.ljust(size, b"\0")


def tiff_of_many_directories(count):
    """Return a TIFF with `count` empty directories behind its picture."""
    real = bytearray(encoded(picture(3), "TIFF"))
    start = int.from_bytes(real[4:8], "little")
    entries = int.from_bytes(real[start : start + 2], "little")
    last = start + 2 + 12 * entries
    real[last : last + 4] = struct.pack("<I", len(real))
    for _ in range(count):
        real += struct.pack("<HI", 0, len(real) + 6)
    return bytes(real)


def tiff_with_tile(side):
    """Return a small TIFF whose one tile claims to be `side` pixels high and wide."""
    data = zlib.compress(b"\0" * 3_000_000, 9)
    tags = [
        (256, 4, 1, 64),
        (257, 4, 1, 64),
        (258, 3, 1, 8),
        (259, 3, 1, 8),
        (262, 3, 1, 1),
        (277, 3, 1, 1),
        (322, 4, 1, side),
        (323, 4, 1, side),
        (324, 4, 1, 8),
        (325, 4, 1, len(data)),
    ]
    table = struct.pack("<H", len(tags)) + b"".join(struct.pack("<HHII", *tag) for tag in tags)
    return b"II*\0" + struct.pack("<I", 8 + len(data)) + data + table + b"\0\0\0\0"


def gif(width, height, *blocks):
    """Return a GIF whose header claims this size, with further blocks before its picture."""
    real = encoded(picture(4).quantize(16), "GIF")
    start = 13 + 3 * 2 ** ((real[10] & 7) + 1)
    head = real[:6] + struct.pack("<HH", width, height) + real[10:start]
    return head + b"".join(blocks) + real[start:]


def gif_comment(size):
    """Return a GIF comment of about `size` bytes."""
    return b"!\xfe" + (b"\xff" + b"c" * 255) * (size // 256) + b"\0"


def webp(width, height):
    """Return a WebP whose canvas claims this size."""
    real = encoded(picture(4), "WEBP", lossless=True)
    size = (width - 1).to_bytes(3, "little") + (height - 1).to_bytes(3, "little")
    body = b"WEBPVP8X" + struct.pack("<I", 10) + b"\x02\0\0\0" + size
    frame = b"\0" * 6 + (59).to_bytes(3, "little") + (89).to_bytes(3, "little")
    frame += b"\0\0\0\0" + real[12:]
    body += b"ANIM" + struct.pack("<I", 6) + b"\0" * 6
    body += b"ANMF" + struct.pack("<I", len(frame)) + frame
    return b"RIFF" + struct.pack("<I", len(body)) + body


def bmp(width, height, compression=0, data=b""):
    """Return an 8-bit BMP with this header and these bytes of pixels."""
    palette = b"".join(bytes((level, level, level, 0)) for level in range(256))
    start = 54 + len(palette)
    info = struct.pack("<IiiHHIIiiII", 40, width, height, 1, 8, compression, 0, 0, 0, 256, 0)
    return b"BM" + struct.pack("<IHHI", start + len(data), 0, 0, start) + info + palette + data


def zip_of(name="a.html"):
    """Return the bytes of a ZIP archive."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr(name, "<script>alert(1)</script>")
    return file.getvalue()


def frames(kind, count):
    """Return an animation of many small frames."""
    random = np.random.default_rng(0)
    first = picture(5, 32, 32)
    more = [
        Image.fromarray(random.integers(0, 256, (32, 32, 3), np.uint8)) for _ in range(count - 1)
    ]
    return encoded(first, kind, save_all=True, append_images=more, duration=10)
