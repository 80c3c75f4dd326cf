import itertools
import os
from pathlib import Path

import numpy as np
import pytest
from pictures import encoded, picture
from PIL import Image, ImageEnhance

from keras_genres.data.duplicates import (
    Looks,
    Thumbs,
    components,
    look_of,
    same_pictures,
    stock_pictures,
    thumb_likeness,
)
from keras_genres.data.quality import load_picture

BITS = 10


def looks_of(pictures):
    return Looks.of([look_of(image) for image in pictures])


def near(hashes, bits):
    """Looks with these hashes and one thumbnail, so that only the hashes decide."""
    thumb = np.arange(256, dtype=np.uint8)
    hashes = np.array(hashes, dtype=np.uint64)
    firsts, pairs = same_pictures(Looks(hashes, np.tile(thumb, (len(hashes), 1))), bits)
    return firsts.tolist(), {tuple(pair) for pair in pairs.tolist()}


def test_a_poster_saved_again_is_the_same_picture():
    first = picture(1, 182, 268)
    variants = [
        first,
        load_picture(encoded(first, quality=15)),
        first.resize((91, 134)),
        first.resize((200, 200)),
        ImageEnhance.Brightness(first).enhance(1.1),
        first.convert("L").convert("RGB"),
    ]
    firsts, pairs = same_pictures(looks_of(variants), BITS)
    links = [*enumerate(firsts.tolist()), *pairs.tolist()]
    assert components(6, links) == [0] * 6


def test_other_pictures_are_other_pictures():
    firsts, pairs = same_pictures(looks_of([picture(seed) for seed in range(100)]), BITS)
    assert firsts.tolist() == list(range(100))
    assert len(pairs) == 0


def test_near_hashes_of_unlike_thumbnails_are_no_pair():
    thumbs = np.random.default_rng(0).integers(0, 256, (3, 256)).astype(np.uint8)
    firsts, pairs = same_pictures(Looks(np.array([5, 5, 4], np.uint64), thumbs), BITS)
    assert firsts.tolist() == [0, 1, 2]
    assert len(pairs) == 0


def test_thumbnails_in_a_file_are_as_good_as_an_array(tmp_path):
    sizes = ((60, 90), (40, 60))
    looks = looks_of([picture(seed).resize(size) for seed in range(8) for size in sizes])
    thumbs = Thumbs(tmp_path)
    for thumb in looks.thumbs:
        thumbs.append(thumb.tobytes())
    assert (thumbs[np.array([7, 0, 7])] == looks.thumbs[[7, 0, 7]]).all()
    for one, two in zip(
        same_pictures(looks, BITS), same_pictures(Looks(looks.hashes, thumbs), BITS), strict=True
    ):
        assert one.tolist() == two.tolist()
    thumbs.close()
    assert list(tmp_path.iterdir()) == []


def test_exactly_the_pairs_within_so_many_bits_are_found():
    random = np.random.default_rng(0)
    seeds = random.integers(0, 2**63, 40, dtype=np.uint64)
    hashes = []
    for seed, changed in itertools.product(seeds, (0, 3, 6, 7, 10, 11)):
        places = random.choice(64, changed, replace=False)
        hashes.append(int(seed) ^ sum(1 << int(place) for place in places))
    unique = sorted(set(hashes))
    for bits in (0, 6, 10):
        wanted = {
            (one, two)
            for one, two in itertools.combinations(range(len(unique)), 2)
            if bin(unique[one] ^ unique[two]).count("1") <= bits
        }
        assert near(unique, bits)[1] == wanted


def test_a_crowded_hash_costs_no_pairs():
    firsts, pairs = near([7] * 5000 + [6], BITS)
    assert firsts == [0] * 5000 + [5000]
    assert pairs == {(0, 5000)}


def test_many_near_hashes_are_all_compared():
    # All share three of four bands: the worst bucket there can be.
    firsts, pairs = near(range(0, 2**11), 1)
    assert firsts == list(range(2**11))
    assert len(pairs) == 2**11 * 11 // 2


def test_hash_ignores_the_mean_and_has_31_bits_set():
    bits = np.unpackbits(np.frombuffer(look_of(picture(3))[:8], np.uint8))
    assert bits[0] == 0
    assert bits.sum() == 31


def test_likeness_of_a_flat_thumbnail_is_a_number():
    flat = np.full((2, 256), 9, np.uint8)
    assert thumb_likeness(flat, np.array([[0, 1]])).tolist() == [0.0]


def test_components_follow_chains_to_the_smallest():
    assert components(5, [(3, 1), (1, 4)]) == [0, 1, 2, 1, 1]


def test_a_stock_picture_is_one_that_enough_films_share():
    firsts = np.array([0, 0, 0, 3, 4])
    pairs = np.array([[0, 3]])
    films = [{"a"}, {"b"}, {"b"}, {"c"}, {"d"}]
    assert stock_pictures(firsts, pairs, films, 3).tolist() == [3, 3, 3, 3, 0]
    assert stock_pictures(firsts, pairs, films, 4).tolist() == [0] * 5


def test_a_chain_of_look_alikes_is_no_stock_picture():
    pairs = np.array([[0, 1], [1, 2], [2, 3], [3, 4]])
    films = [{str(number)} for number in range(5)]
    assert stock_pictures(np.arange(5), pairs, films, 4).tolist() == [0] * 5


def test_no_posters_have_no_pairs():
    firsts, pairs = same_pictures(Looks.of([]), BITS)
    assert (len(firsts), pairs.shape) == (0, (0, 2))


@pytest.mark.skipif("KERAS_GENRES_POSTERS" not in os.environ, reason="needs real posters")
def test_real_posters_saved_again_are_found_and_others_are_not_confused():
    files = sorted(Path(os.environ["KERAS_GENRES_POSTERS"], "images").iterdir())[:600:3]
    first = [Image.open(file).convert("RGB") for file in files]
    again = [load_picture(encoded(image.resize((120, 176)), quality=40)) for image in first]
    firsts, pairs = same_pictures(looks_of(first + again), BITS)
    roots = components(400, [*enumerate(firsts.tolist()), *pairs.tolist()])
    assert roots == [*range(200), *range(200)]
