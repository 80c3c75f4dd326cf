"""Hashes that are nearly the same, among very many.

Source: Norouzi, Punjani & Fleet, "Fast Search in Hamming Space with
Multi-Index Hashing", CVPR 2012.
"""

import itertools

import numpy as np

_BANDS = 4
_BAND_BITS = 64 // _BANDS
_CHUNK = 1 << 14  # pairs compared at a time


def near_hashes(hashes, bits):
    """Yield index arrays `(one, two)`: every pair of hashes at most `bits` apart.

    Of four bands of 16 bits at least one differs in no more than `bits // 4`
    bits. So each band is looked up with every change of that many bits.
    A pair comes once, from the first band that finds it.
    """
    for band in range(_BANDS):
        keys = (hashes >> np.uint64(band * _BAND_BITS)).astype(np.uint16)
        order = np.argsort(keys, kind="stable")
        places = np.empty_like(order)
        places[order] = np.arange(len(order))
        # starts[k]: where key k begins among the sorted keys
        starts = np.searchsorted(keys[order], np.arange(2**_BAND_BITS + 1))
        for change in _changes(bits // _BANDS):
            wanted = keys ^ np.uint16(change)
            ends = starts[1:][wanted]
            if change:
                lows = starts[wanted]
                # The other way round would bring the same pairs.
                ends = np.where(wanted > keys, ends, lows)
            else:
                lows = places + 1
            for one, two in _compare(hashes, order, lows, ends - lows, bits):
                differing = hashes[one] ^ hashes[two]
                fresh = np.ones(len(one), dtype=bool)
                for earlier in range(band):
                    part = (differing >> np.uint64(earlier * _BAND_BITS)).astype(np.uint16)
                    fresh &= _BITS_IN_16[part] > bits // _BANDS
                yield one[fresh], two[fresh]


def _changes(bits):
    """Return every 16-bit number with at most `bits` bits set."""
    return [
        sum(1 << place for place in places)
        for count in range(bits + 1)
        for places in itertools.combinations(range(_BAND_BITS), count)
    ]


def _compare(hashes, order, lows, counts, bits):
    """Compare hash i with the `counts[i]` hashes from `lows[i]` on, in chunks of memory."""
    ends = np.cumsum(counts)
    start = 0
    while start < len(counts):
        done = ends[start - 1] if start else 0
        # At least one row: a crowded bucket may be larger than a chunk.
        stop = max(start + 1, int(np.searchsorted(ends, done + _CHUNK, side="right")))
        rows = np.repeat(np.arange(start, stop), counts[start:stop])
        within = np.arange(len(rows)) - np.repeat(
            ends[start:stop] - counts[start:stop] - done, counts[start:stop]
        )
        others = order[lows[rows] + within]
        near = _popcount(hashes[rows] ^ hashes[others]) <= bits
        rows, others = rows[near], others[near]
        yield np.minimum(rows, others), np.maximum(rows, others)
        start = stop


_BITS_IN_16 = np.array([bin(value).count("1") for value in range(1 << 16)], dtype=np.uint8)


def _popcount(values):
    """Return how many bits are set in each of a 1-D uint64 array."""
    if hasattr(np, "bitwise_count"):  # from NumPy 2 on
        return np.bitwise_count(values)
    parts = np.ascontiguousarray(values).view(np.uint16).reshape(-1, 4)
    return _BITS_IN_16[parts].sum(axis=1, dtype=np.uint8)
