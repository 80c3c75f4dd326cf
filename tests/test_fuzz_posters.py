"""Posters with changed bytes: Pillow and TensorFlow agree about them, or both refuse.

What once differed, and is copied to a plain PNG since: progressive JPEGs that
lack scans (each version of libjpeg smooths the rest in its own way, by up to
15 levels); JPEGs with reserved markers, and PNGs with a second header, without
an end or with pixels that do not end (read by Pillow, refused by TensorFlow).
Before that it was 14 of 6,000 changed files; since, none of 90,000.
"""

import collections
import functools
import os
import random
import tempfile
from pathlib import Path

import numpy as np
import pytest
from guarded import run_guarded
from mutate import mutated, valid_posters

from keras_genres.data.prepare import plain_copy
from keras_genres.data.quality import examine

_FOLDER = "/dev/shm" if os.path.isdir("/dev/shm") else None  # quicker than a disk
LEVELS = 1
"""Most difference of a pixel that is none."""
MEMORY = 3 * 2**30
"""Most memory of one process, TensorFlow included."""


@functools.cache
def _kinds():
    found = valid_posters()
    return list(found.items()), list(found.values())


def poster(number):
    """Return `(kind, bytes)` of the changed poster of this number."""
    chance = random.Random(f"poster {number}")
    kinds, others = _kinds()
    kind, data = kinds[number % len(kinds)]
    return kind, mutated(data, others, chance)


def try_poster(number):
    """Return in a few words what becomes of a changed poster; `!` where it must not."""
    kind, data = poster(number)
    return judge(data, kind)


def judge(data, kind=""):
    """Look at the bytes of a poster as `data prepare` does, then as training does."""
    with tempfile.NamedTemporaryFile(dir=_FOLDER) as file:
        file.write(data)
        file.flush()
        with examine(file.name) as (found, picture, _):
            if "MemoryError" in found.detail:
                return f"! memory: {found.detail}"
            return _compare(found, picture, data, kind) if found.is_usable else found.reason


def _compare(found, picture, data, kind):
    """Say what training sees of a poster that `data prepare` takes."""
    wanted = np.asarray(picture)
    kept = plain_copy(picture) if found.oddities else data
    try:
        seen = _decode(kept, *wanted.shape[:2])
    except Exception as error:
        return f"! TensorFlow refuses: {kind} {found.format} {found.oddities} {str(error)[:200]}"
    if seen is None:
        return f"! another size: {kind} {found.format} {found.oddities}"
    apart = np.abs(seen.astype(np.int16) - wanted)
    if apart.max() > LEVELS:
        share = (apart > LEVELS).any(axis=2).mean()
        return (
            f"! other pixels: by up to {apart.max()}, {share:.1%} of them, {kind} {found.oddities}"
        )
    return "accepted, copied" if found.oddities else "accepted as it is"


def _decode(data, height, width):
    """Return the pixels that training sees, or `None` if they are of another size."""
    import tensorflow as tf

    from keras_genres.input.decode import decode_poster

    raw = tf.io.decode_jpeg(data, channels=3)
    return decode_poster(data, height, width).numpy() if raw.shape == (height, width, 3) else None


def report(texts, peak=0):
    """Print what came of the inputs, with -s or where a test fails; return the failures."""
    tally = collections.Counter(text.split(":")[0] for text in texts.values())
    failures = {number: text for number, text in texts.items() if text.startswith("!")}
    print(f"\n{len(texts):,} inputs, {len(failures)} failures, at most {peak / 2**20:.0f} MiB")
    for text, count in tally.most_common():
        print(f"{count:7,}  {text}")
    for number, text in list(failures.items())[:40]:
        print(f"  {number}: {text}")
    return failures


def test_valid_posters_of_every_kind_are_accepted():
    for kind, data in valid_posters().items():
        assert judge(data).startswith("accepted"), kind


@pytest.mark.filterwarnings("ignore::UserWarning")  # Pillow's, of damaged metadata
def test_changed_posters_are_refused_or_read_alike():
    texts = {number: try_poster(number) for number in range(300)}
    assert not report(texts)


@pytest.mark.slow
def test_tens_of_thousands_of_changed_posters_are_refused_or_read_alike():
    texts, peak = run_guarded("test_fuzz_posters", "try_poster", 30_000, workers=2, first=1000)
    assert not report(texts, peak)
    assert len(texts) == 30_000
    assert peak < MEMORY


@functools.cache
def _real_posters():
    return sorted((Path(os.environ["KERAS_GENRES_POSTERS"]) / "images").iterdir())


def try_real_poster(number):
    """Return in a few words what becomes of a real poster."""
    return judge(_real_posters()[number].read_bytes())


@pytest.mark.slow
@pytest.mark.skipif("KERAS_GENRES_POSTERS" not in os.environ, reason="needs real posters")
def test_all_real_posters_are_read_alike():
    count = len(_real_posters())
    texts, peak = run_guarded("test_fuzz_posters", "try_real_poster", count, workers=2)
    tally = collections.Counter(texts.values())
    print(f"\n{count:,} real posters: {dict(tally)}, at most {peak / 2**20:.0f} MiB")
    assert tally == {"accepted as it is": count}
