"""Pictures and small sources of posters that the data tests draw themselves."""

import csv
import io

import numpy as np
from PIL import Image


def picture(seed, width=60, height=90):
    """Return an RGB picture of soft blobs; another seed gives a plainly other picture."""
    random = np.random.default_rng(seed)
    coarse = random.integers(0, 256, (6, 5, 3), dtype=np.uint8)
    return Image.fromarray(coarse).resize((width, height), Image.Resampling.BICUBIC)


def encoded(image, kind="JPEG", **options):
    """Return the bytes of a picture as a file."""
    file = io.BytesIO()
    image.save(file, kind, **options)
    return file.getvalue()


def write_csv(path, header, rows):
    with open(path, "w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([header, *rows])
    return path


def write_posters(folder, count, genres, first=0):
    """Write `count` JPEG posters; return rows `(filename, genres)`, genres taken in turn."""
    folder.mkdir(parents=True, exist_ok=True)
    rows = []
    for number in range(first, first + count):
        name = f"p{number:03}.jpg"
        (folder / name).write_bytes(encoded(picture(number), quality=90))
        rows.append((name, genres[number % len(genres)]))
    return rows
