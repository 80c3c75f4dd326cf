"""Valid posters and tables, and what becomes of them when bytes are changed."""

import io
import struct
import zlib

import numpy as np
from hostile import chunk, exif_of, segment, with_chunks, with_segments
from pictures import encoded, picture
from PIL import Image, features


def valid_posters():
    """Return a dict of small valid posters of every kind, name -> bytes."""
    image = picture(11, 40, 56)
    grey, cmyk = image.convert("L"), image.convert("CMYK")
    alpha = image.convert("RGBA").rotate(20)
    deep = Image.fromarray(np.asarray(grey).astype(np.uint16) * 257)
    jpeg, png = encoded(image, quality=80), encoded(image, "PNG")
    found = {
        "jpeg": jpeg,
        "jpeg 4:4:4": encoded(image, subsampling=0, quality=95),
        "jpeg 4:2:2": encoded(image, subsampling=1, quality=60),
        "jpeg grey": encoded(grey),
        "jpeg cmyk": encoded(cmyk),
        "jpeg progressive": encoded(image, progressive=True),
        "jpeg progressive grey": encoded(grey, progressive=True),
        "jpeg restarts": encoded(image, restart_marker_rows=1),
        "jpeg rgb": encoded(image, keep_rgb=True),
        "jpeg exif": with_segments(jpeg, segment(0xE1, exif_of(6))),
        "jpeg icc": encoded(image, icc_profile=b"\0" * 200, comment="a comment"),
        "jpeg two": encoded(image, "MPO", save_all=True, append_images=[grey]),
        "png": png,
        "png grey": encoded(grey, "PNG"),
        "png grey alpha": encoded(alpha.convert("LA"), "PNG"),
        "png alpha": encoded(alpha, "PNG"),
        "png palette": encoded(image.quantize(16), "PNG"),
        "png palette clear": encoded(image.quantize(9), "PNG", transparency=0),
        "png 1 bit": encoded(image.convert("1"), "PNG"),
        "png 2 bits": encoded(image.quantize(4), "PNG", bits=2),
        "png 16 bits": encoded(deep, "PNG"),
        "png interlaced": interlaced(image),
        "png exif": with_chunks(png, chunk(b"eXIf", exif_of(3)[6:])),
        "png text": encoded(image, "PNG", dpi=(72, 72), icc_profile=b"\0" * 200),
        "png moving": encoded(image, "PNG", save_all=True, append_images=[picture(12, 40, 56)]),
        "gif": encoded(image, "GIF"),
        "gif moving": encoded(image, "GIF", save_all=True, append_images=[grey]),
        "bmp": encoded(image, "BMP"),
        "bmp palette": encoded(image.quantize(16), "BMP"),
        "tiff": encoded(image, "TIFF"),
        "tiff grey 16": encoded(deep, "TIFF"),
    }
    for method in ("tiff_lzw", "tiff_adobe_deflate", "jpeg", "packbits"):
        found[f"tiff {method}"] = encoded(image, "TIFF", compression=method)
    if features.check("webp"):
        found["webp"] = encoded(image, "WEBP")
        found["webp lossless"] = encoded(alpha, "WEBP", lossless=True)
        found["webp moving"] = encoded(image, "WEBP", save_all=True, append_images=[grey])
    if features.check("avif"):
        found["avif"] = encoded(image, "AVIF", speed=10)
        found["avif turned"] = encoded(image, "AVIF", speed=10, exif=exif_of(6))
    return found


def interlaced(image):
    """Return a PNG in seven passes, which Pillow reads and does not write."""
    pixels = np.asarray(image)
    rows = []
    for top, left, down, right in (
        *((0, 0, 8, 8), (0, 4, 8, 8), (4, 0, 8, 4), (0, 2, 4, 4)),
        *((2, 0, 4, 2), (0, 1, 2, 2), (1, 0, 2, 1)),
    ):
        part = pixels[top::down, left::right]
        rows += [b"\0" + row.tobytes() for row in part if row.size]
    header = struct.pack(">IIBBBBB", image.width, image.height, 8, 2, 0, 0, 1)
    return (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", header)
        + chunk(b"IDAT", zlib.compress(b"".join(rows)))
        + chunk(b"IEND")
    )


def mutated(data, others, random):
    """Return `data` after one to three changes; whatever comes out depends on `random` alone."""
    for _ in range(random.choice((1, 1, 1, 2, 3))):
        data = random.choice(_CHANGES)(data, others, random) or data
    if data.startswith(b"\x89PNG") and random.random() < 0.7:
        data = _with_checksums(data)  # else hardly any change would get beyond them
    return data


def _place(data, random):
    """Return a place in a file, half of the time in its head, where the structure is."""
    most = len(data) if random.random() < 0.5 else min(len(data), 700)
    return random.randrange(max(1, most))


def _flip(data, _, random):
    data = bytearray(data)
    for _ in range(random.choice((1, 1, 2, 4, 16))):
        data[_place(data, random)] ^= 1 << random.randrange(8)
    return bytes(data)


def _overwrite(data, _, random):
    start = _place(data, random)
    run = random.choice((b"\0", b"\xff", random.randbytes(1))) * random.choice((1, 2, 4, 8, 100))
    return data[:start] + run + data[start + len(run) :]


def _number(data, _, random):
    """Change what may be a length, a count or an offset."""
    start, width = _place(data, random), random.choice((1, 2, 4))
    value = random.choice((0, 1, 2, 127, 128, 255, 256, 65535, 2**31 - 1, 2**31, 2**32 - 1))
    value %= 256**width
    order = random.choice(("big", "little"))
    return data[:start] + value.to_bytes(width, order) + data[start + width :]


def _cut(data, _, random):
    return data[: _place(data, random) + 1]


def _cut_but_end(data, _, random):
    return data[: _place(data, random)] + data[-random.choice((2, 12, 50)) :]


def _remove(data, _, random):
    start = _place(data, random)
    return data[:start] + data[start + random.choice((1, 2, 4, 30, 300)) :]


def _insert(data, _, random):
    start = _place(data, random)
    return data[:start] + random.randbytes(random.choice((1, 2, 4, 30, 300))) + data[start:]


def _repeat(data, _, random):
    start = _place(data, random)
    part = data[start : start + random.choice((4, 20, 200))]
    return data[:start] + part * random.choice((2, 3, 50)) + data[start:]


def _splice(data, others, random):
    other = random.choice(others)
    return data[: _place(data, random)] + other[_place(other, random) :]


def _append(data, others, random):
    return data + random.choice((random.choice(others), b"\0" * 99, b"<script>", b"PK\3\4"))


def _swap_parts(data, _, random):
    """Repeat, drop or move a segment of a JPEG or a chunk of a PNG."""
    parts = parts_of(data)
    if len(parts) < 3:
        return None
    row = random.randrange(1, len(parts))
    kind = random.randrange(3)
    if kind == 0:
        parts.insert(random.randrange(1, len(parts)), parts[row])
    elif kind == 1:
        del parts[row]
    else:
        parts.insert(random.randrange(1, len(parts)), parts.pop(row))
    return b"".join(parts)


_CHANGES = (
    *(_flip, _flip, _overwrite, _number, _number, _cut, _cut_but_end),
    *(_remove, _insert, _repeat, _splice, _append, _swap_parts),
)


def parts_of(data):
    """Return the beginning of a JPEG or PNG, its segments or chunks, and the rest, in order."""
    file = io.BytesIO(data)
    if data.startswith(b"\x89PNG"):
        parts = [file.read(8)]
        while len(head := file.read(8)) == 8:
            parts.append(head + file.read(int.from_bytes(head[:4], "big") + 4))
        return [*parts, head]
    if data.startswith(b"\xff\xd8"):
        parts = [file.read(2)]
        while (head := file.read(4))[:1] == b"\xff" and head[1:2] != b"\xda":
            parts.append(head + file.read(max(0, int.from_bytes(head[2:], "big") - 2)))
        return [*parts, head + file.read()]
    return [data]


def _with_checksums(data):
    first, *chunks = parts_of(data)
    found = [first]
    for part in chunks:
        body = part[4:-4]
        is_whole = len(part) >= 12 and len(part) == 12 + int.from_bytes(part[:4], "big")
        found.append(part[:4] + body + struct.pack(">I", zlib.crc32(body)) if is_whole else part)
    return b"".join(found)
