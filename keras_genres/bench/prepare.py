"""`bench prepare`: `data prepare` against a plain loop over the files.

The loop does less, and its note says what. Every round is a process of its
own, for peak memory is a property of a process.
"""

import contextlib
import shutil
import tempfile
import time
from pathlib import Path

from keras_genres.bench.machine import describe_machine, use_cores
from keras_genres.bench.measure import Contender, Measure, run_rounds, summarise
from keras_genres.bench.peers import Peer, choose_peers, peer_versions
from keras_genres.bench.posters import DRAWN_SIZE, read_once
from keras_genres.bench.result import Result
from keras_genres.bench.worker import once, peak_mib
from keras_genres.data.sample import MIN_POSTERS, draw_sample
from keras_genres.errors import UserError

PEERS = (
    Peer("pillow-loop", ("PIL", "sklearn")),
    Peer("imagehash-loop", ("PIL", "sklearn", "imagehash"), ("ImageHash",)),
)
MEASURES = (
    Measure("posters_per_second", "speed", "posters/s"),
    Measure("posters_per_cpu_second", "speed of a core", "posters/s of CPU time"),
    Measure("peak_mib", "peak memory", "MiB", "less"),
)
_WHAT = "prepare"
_LESS = (
    "decodes each file in a plain loop and splits by scikit-learn on the first genre alone; no "
    "groups, no reasons, no conversions, nothing written"
)
_MEMORY = (
    "peak memory is the whole process's, imported packages included: what tells is how it grows "
    "with --posters"
)


def bench_prepare(posters=1000, rounds=3, threads=None, peers=(), seed=0, note=lambda line: None):
    """Time `data prepare` on drawn posters, and its peak memory.

    Args:
        posters: How many are drawn.
        rounds: How often each contender works.
        threads: Cores to use; `None` for all. The peers' loops use one.
        peers: Names of peers; empty for all.
        seed: Seed of the drawing and the split.
        note: Called with a line before each piece of work.

    Returns:
        A `Result`.

    Raises:
        UserError: For too few posters or cores, or an unknown peer.
    """
    if posters < MIN_POSTERS:
        raise UserError(f"--posters must be at least {MIN_POSTERS}. Received: {posters}")
    names, left_out = choose_peers(PEERS, peers)
    with (
        use_cores(threads, uses_tensorflow=False) as use,
        tempfile.TemporaryDirectory(prefix="keras-genres-bench-") as scratch,
    ):
        note(f"Drawing {posters} posters")
        drawn = Path(scratch) / "posters"
        draw_sample(drawn, posters, seed)
        read_once(sorted((drawn / "images").iterdir()))
        work = {"labels": str(drawn / "labels.csv"), "seed": seed}
        contenders = [
            Contender(_WHAT, "ours", _elsewhere("ours", work | {"jobs": use.used}), is_ours=True)
        ]
        for name in names:
            hashes = name == "imagehash-loop"
            contenders.append(
                Contender(
                    _WHAT,
                    name,
                    _elsewhere("loop", work | {"hashes": hashes}),
                    note=f"{_LESS}; {'imagehash.phash, never compared' if hashes else 'no hash'}",
                )
            )
        timings = run_rounds(contenders, rounds, note)
    return Result(
        "prepare",
        summarise(contenders, MEASURES, timings),
        timings,
        {"posters": f"{posters} (drawn, JPEG of {DRAWN_SIZE[0]} × {DRAWN_SIZE[1]})"}
        | {"rounds": rounds, "seed": seed},
        describe_machine(use, peer_versions(PEERS, names)),
        [f"{one.who}: {one.note}" for one in contenders if one.note] + [_MEMORY],
        left_out,
    )


def ours(labels, seed, jobs):
    """Return a round of `data prepare`."""
    from keras_genres.data.prepare import prepare
    from keras_genres.settings import PrepareSettings

    out = Path(labels).parent / "prepared"

    def run():
        shutil.rmtree(out, ignore_errors=True)
        with _watch() as found:
            prepared = prepare(labels, out, PrepareSettings(seed=seed), jobs=jobs)
        return _rates(found, prepared.facts["posters"] + sum(prepared.facts["rejected"].values()))

    return run


def loop(labels, seed, hashes):
    """Return a round of the plain loop: decode, hash if asked, split."""
    import pandas as pd
    from PIL import Image
    from sklearn.model_selection import train_test_split

    if hashes:
        import imagehash
    images = Path(labels).parent / "images"

    def run():
        with _watch() as found:
            table = pd.read_csv(labels)
            kept, prints = [], {}
            for name in table["filename"]:
                with contextlib.suppress(OSError), Image.open(images / name) as picture:
                    picture = picture.convert("RGB")
                    if hashes:
                        prints[name] = str(imagehash.phash(picture))
                    kept.append(name)
            table = table[table["filename"].isin(kept)]
            first = table["genres"].str.split("|").str[0]
            rare = first.map(first.value_counts()) < 4  # too few to be stratified
            first = first.where(~rare, "other")
            _, rest = train_test_split(
                table, test_size=0.3, random_state=seed, stratify=_if_enough(first)
            )
            train_test_split(rest, test_size=0.5, random_state=seed)
        return _rates(found, len(kept))

    return run


def _if_enough(first):
    return first if first.value_counts().min() > 1 else None


def _elsewhere(name, arguments):
    return lambda: once(f"keras_genres.bench.prepare:{name}", arguments)


@contextlib.contextmanager
def _watch():
    found = {}
    started, cpu = time.perf_counter(), time.process_time()
    yield found
    found["seconds"] = time.perf_counter() - started
    found["cpu_seconds"] = time.process_time() - cpu


def _rates(found, posters):
    return found | {
        "posters": posters,
        "posters_per_second": posters / found["seconds"],
        "posters_per_cpu_second": posters / max(found["cpu_seconds"], 1e-9),
        "peak_mib": peak_mib(),
    }
