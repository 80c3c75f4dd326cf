"""Which posters show the same picture, and which belong together.

A poster's look is a 64-bit perceptual hash, by which candidates are found,
and a small thumbnail, by which they are confirmed: a hash alone takes two
dark posters with a face in the middle for one.

Source: Zauner, "Implementation and Benchmarking of Perceptual Image Hash
Functions", 2010 (the DCT hash).
"""

import tempfile
from dataclasses import dataclass

import numpy as np
from PIL import Image

from keras_genres.data.hashes import near_hashes

THUMB = 16
"""The thumbnail is this many pixels high and wide, grey."""
LOOK_BYTES = 8 + THUMB * THUMB
# On 12,037 film posters every pair of one picture had 0.92 or more, and of the
# pairs with near hashes that are two pictures none had more than 0.82.
SAME_THUMB = 0.88
"""Smallest correlation of two thumbnails for one picture."""

_SIDE = 32
_CHUNK = 512  # pairs of thumbnails compared at a time


def _dct_rows():
    """Return the 8 lowest rows of the DCT-II of 32 samples, shape `(8, 32)`."""
    wave = np.outer(np.arange(8), np.arange(_SIDE) + 0.5) * np.pi / _SIDE
    return np.cos(wave)


_DCT = _dct_rows()


def look_of(picture):
    """Return the look of an RGB picture as `LOOK_BYTES` bytes.

    The hash: luma of the picture squeezed to 32x32; its 8x8 lowest DCT
    coefficients in row order; bit i is set if coefficient i is above the
    median of the 63 without the mean, and bit 0, the mean's own, is always 0.
    """
    small = picture.resize((_SIDE, _SIDE), Image.Resampling.BOX, reducing_gap=2.0)
    luma = np.asarray(small, dtype=np.float64) @ (0.299, 0.587, 0.114)
    waves = (_DCT @ luma @ _DCT.T).ravel()
    bits = waves > np.median(waves[1:])
    bits[0] = False
    half = _SIDE // THUMB
    thumb = luma.reshape(THUMB, half, THUMB, half).mean(axis=(1, 3)).round()
    return np.packbits(bits).tobytes() + thumb.astype(np.uint8).tobytes()


@dataclass(frozen=True)
class Looks:
    """The looks of many posters."""

    hashes: np.ndarray
    """uint64 array of shape `(posters,)`."""
    thumbs: np.ndarray
    """uint8 array of shape `(posters, 16 * 16)`, or a `Thumbs` that reads its rows from a file."""

    @classmethod
    def of(cls, looks):
        """Unpack a list of looks."""
        rows = np.frombuffer(b"".join(looks), np.uint8).reshape(-1, LOOK_BYTES)
        hashes = np.ascontiguousarray(rows[:, :8]).view(">u8").ravel().astype(np.uint64)
        return cls(hashes, rows[:, 8:])


class Thumbs:
    """Thumbnails in a file: few are ever looked at, those of near hashes.

    Args:
        folder: Where the file may be; it has no name there and goes when closed.
    """

    def __init__(self, folder):
        self._file = tempfile.TemporaryFile(dir=folder)  # noqa: SIM115 (open until `close`)

    def append(self, thumb):
        """Add the `THUMB * THUMB` bytes of a thumbnail at the end."""
        self._file.write(thumb)

    def __getitem__(self, rows):
        """Return the thumbnails of an index array, shape `(rows, 16 * 16)`."""
        size = THUMB * THUMB
        wanted, places = np.unique(rows, return_inverse=True)
        found = np.empty((len(wanted), size), dtype=np.uint8)
        for place, row in enumerate(wanted.tolist()):
            self._file.seek(row * size)
            found[place] = np.frombuffer(self._file.read(size), dtype=np.uint8)
        return found[places]

    def close(self):
        """Forget them."""
        self._file.close()


def same_pictures(looks, bits):
    """Find the posters that show one picture.

    Candidates have hashes at most `bits` apart; the thumbnail confirms them.
    Time grows near linearly: each hash is looked up in four tables of 16
    bits, with what may differ there, so only a few in 65,536 are compared.
    Posters with one hash and one picture are compared with others once, by
    the first of them, so a picture that thousands share costs no more.

    Args:
        looks: A `Looks`.
        bits: Most bits in which the hashes of one picture may differ.

    Returns:
        `(firsts, pairs)`: for each poster the first one with its hash and
        picture (often itself), shape `(posters,)`; and the pairs of such
        first ones that show one picture too, shape `(pairs, 2)`, sorted.
    """
    firsts = _collapse(looks)
    leaders = np.flatnonzero(firsts == np.arange(len(firsts)))
    found = [np.empty((0, 2), dtype=np.int64)]
    for one, two in near_hashes(looks.hashes[leaders], bits):
        pairs = leaders[np.stack([one, two], axis=1)]
        found.append(pairs[_same_thumbs(looks.thumbs, pairs)])
    return firsts, np.unique(np.concatenate(found), axis=0)


def stock_pictures(firsts, pairs, films, least):
    """Find the "no poster" pictures that many films share.

    Films are counted around each picture, not along chains of likeness: a
    chain of look-alikes is no single picture.

    Args:
        firsts: As `same_pictures` returns them.
        pairs: As `same_pictures` returns them.
        films: For each poster the films it stands for, strings; may be an iterator.
        least: A picture of at least this many films is a stock picture.

    Returns:
        int array of shape `(posters,)`: the number of films that share the
        picture where it is a stock picture, else 0.
    """
    shares = np.bincount(firsts, minlength=len(firsts)) > 1
    shares[pairs.ravel()] = True
    counts = np.zeros(len(firsts), dtype=int)
    own = {}
    for poster, (first, names) in enumerate(zip(firsts, films, strict=True)):
        if shares[first]:
            own.setdefault(int(first), set()).update(names)
        else:
            counts[poster] = len(set(names))
    around = {first: set(names) for first, names in own.items()}
    for one, two in pairs.tolist():
        around[one] |= own[two]
        around[two] |= own[one]
    for poster in np.flatnonzero(shares[firsts]):
        counts[poster] = len(around[int(firsts[poster])])
    return np.where(counts >= least, counts, 0)


def components(count, links):
    """Return for each of `count` nodes the smallest node it is linked to, over any chain.

    Example:
        >>> components(4, [(3, 1), (1, 2)])
        [0, 1, 1, 1]
    """
    parents = list(range(count))

    def root(node):
        while parents[node] != node:
            parents[node] = parents[parents[node]]
            node = parents[node]
        return node

    for one, two in links:
        one, two = root(one), root(two)
        parents[max(one, two)] = min(one, two)
    return [root(node) for node in range(count)]


def thumb_likeness(thumbs, pairs):
    """Return the correlation of the two thumbnails of each pair, shape `(pairs,)`.

    A correlation, since two dark posters differ by few levels everywhere, and
    a brighter print of one poster by many.
    """
    one, two = (thumbs[pairs[:, side]].astype(np.float32) for side in (0, 1))
    one -= one.mean(axis=1, keepdims=True)
    two -= two.mean(axis=1, keepdims=True)
    scale = np.sqrt((one * one).sum(axis=1) * (two * two).sum(axis=1))
    return (one * two).sum(axis=1) / np.maximum(scale, 1e-6)


def _same_thumbs(thumbs, pairs):
    same = np.empty(len(pairs), dtype=bool)
    for start in range(0, len(pairs), _CHUNK):
        rows = slice(start, start + _CHUNK)
        same[rows] = thumb_likeness(thumbs, pairs[rows]) >= SAME_THUMB
    return same


def _collapse(looks):
    """Return for each poster the first one with the same hash and the same thumbnail."""
    firsts = np.arange(len(looks.hashes))
    order = np.argsort(looks.hashes, kind="stable")
    cuts = np.flatnonzero(np.diff(looks.hashes[order])) + 1
    starts, ends = np.append(0, cuts), np.append(cuts, len(order))
    several = ends - starts > 1
    for start, end in zip(starts[several], ends[several], strict=True):
        rest = order[start:end]
        while len(rest) > 1:
            pairs = np.stack([np.full(len(rest), rest[0]), rest], axis=1)
            same = _same_thumbs(looks.thumbs, pairs)
            same[0] = True
            firsts[rest[same]] = rest[0]
            rest = rest[~same]
    return firsts
