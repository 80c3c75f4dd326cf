import itertools

import numpy as np
import pytest

from keras_genres.data import hashes as module
from keras_genres.data.hashes import near_hashes


@pytest.fixture
def crowded():
    """Hashes half of which share 32 bits, so that two of four bands find the same pairs."""
    hashes = np.random.default_rng(0).integers(0, 2**63, 300, dtype=np.uint64)
    hashes[:150] = hashes[:150] % 2**32 & np.uint64(0x0F0F0F0F)
    return hashes


def test_every_near_pair_comes_once(crowded):
    found = [pair for one, two in near_hashes(crowded, 10) for pair in zip(one, two, strict=True)]
    wanted = {
        (one, two)
        for one, two in itertools.combinations(range(300), 2)
        if int(crowded[one] ^ crowded[two]).bit_count() <= 10
    }
    assert len(wanted) > 1000
    assert len(found) == len(set(found))
    assert set(found) == wanted


def test_bits_are_counted_alike_with_and_without_numpy_2(crowded, monkeypatch):
    counts = [int(value).bit_count() for value in crowded]
    assert module._popcount(crowded).tolist() == counts
    monkeypatch.delattr(np, "bitwise_count", raising=False)
    assert module._popcount(crowded).tolist() == counts
