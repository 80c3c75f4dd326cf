"""`bench input`: posters to varied batches, ours against Keras's layers and PyTorch.

Equal work: the same files, size, parts of the augmentation and their
strengths, batch size and cores; float32 images and 0/1 labels come out. What
is timed is a running stream: building it and its first batches are not.
"""

import contextlib
import dataclasses
import tempfile
import time

import numpy as np

from keras_genres.bench.keras_layers import batches_of_folder, link_posters, varied
from keras_genres.bench.machine import describe_machine, use_cores
from keras_genres.bench.measure import Contender, Measure, run_rounds, summarise
from keras_genres.bench.peers import Peer, choose_peers, peer_versions
from keras_genres.bench.posters import read_once, some_posters
from keras_genres.bench.result import Result
from keras_genres.bench.wait import WAIT, wait_contenders
from keras_genres.bench.worker import Worker
from keras_genres.errors import UserError
from keras_genres.input.pipeline import PosterSource, training_batches
from keras_genres.model.backbones import find_backbone
from keras_genres.model.freezing import parse_unfreeze
from keras_genres.settings import AugmentSettings, InputSettings

PEERS = (
    Peer("keras-layers"),
    Peer(
        "torch-albumentations",
        ("torch", "albumentations", "cv2"),
        ("torch", "albumentations", "opencv-python-headless"),
    ),
    Peer(
        "torchvision",
        ("torch", "torchvision"),
        ("torchvision",),
        install="pip install torchvision",
    ),
    Peer("dali", lacks="needs a GPU and nvidia-dali; not measured by this version"),
)
MEASURES = (
    Measure("posters_per_second", "speed", "posters/s"),
    Measure("posters_per_cpu_second", "speed of a core", "posters/s of CPU time"),
    WAIT,
)
FILES, MEMORY = "first epoch (files)", "later epochs (memory)"
_WARM = 4  # batches taken before the clock starts
_FEW = 20  # batches, of which the first few may lie ready
_NOTES = {
    "ours": (
        "first epoch: decode all into memory (exact DCT, antialiased), then batches from there, "
        "as fit does; later epochs: from memory"
    ),
    "keras-layers": (
        "image_dataset_from_directory (bilinear, not antialiased) on links named by row, labels "
        "looked up by row; eight Random* layers on batches, brightness added; later epochs: "
        "cache() of decoded float32 batches, so not shuffled anew"
    ),
    "torch-albumentations": (
        "DataLoader with a worker a core (none for one core), OpenCV decodes and resizes "
        "(INTER_AREA), HorizontalFlip, Affine, ColorJitter on uint8; float32 batches, channels last"
    ),
    "torchvision": (
        "DataLoader with a worker a core (none for one core), transforms.v2; shows black where the "
        "poster was moved away; float32 batches, channels first"
    ),
}


def bench_input(
    data=None,
    *,
    posters=1000,
    size=(224, 224),
    batch_size=32,
    rounds=5,
    threads=None,
    peers=(),
    backbone="mobilenetv2",
    weights="none",
    unfreeze="none",
    steps=20,
    seed=0,
    note=lambda line: None,
):
    """Time the input of training, alone and below a training step.

    Args:
        data: Prepared posters; `None` to draw some.
        posters: How many; as many as fill whole batches are used in a round.
        size: `(height, width)` in pixels.
        batch_size: Posters in a batch.
        rounds: How often each contender works.
        threads: CPU cores to use; `None` for all.
        peers: Names of peers; empty for all.
        backbone: Network of the training step; `none` to leave it out.
        weights: Weights of the network.
        unfreeze: Blocks that the step trains besides the head.
        steps: Training steps in a round.
        seed: Seed of posters, order, augmentation and network.
        note: Called with a line before each piece of work.

    Returns:
        A `Result`.

    Raises:
        UserError: For what the user can mend: too few posters or cores, unknown names.
    """
    names, left_out = choose_peers(PEERS, peers)
    row = None if backbone == "none" else find_backbone(backbone)
    blocks = parse_unfreeze(unfreeze, row) if row else ()
    augment = AugmentSettings()
    with use_cores(threads) as use, contextlib.ExitStack() as stack:
        found, where = stack.enter_context(some_posters(data, posters, seed, note))
        num_steps = len(found) // batch_size
        if not num_steps:
            raise UserError(f"{len(found)} posters do not fill a batch of {batch_size}.")
        found = found.take(np.arange(num_steps * batch_size))
        read_once(found.paths)
        work = _Work(found.paths, found.labels, size, batch_size, augment, seed)
        contenders = [
            Contender(FILES, "ours", work.first_epoch, is_ours=True, note=_NOTES["ours"]),
            Contender(MEMORY, "ours", work.later_epoch(), is_ours=True),
        ]
        for name in list(names):
            try:
                ways = {}
                for what in (FILES, MEMORY):
                    note(f"Getting {name} ready: {what}")
                    ways[what] = work.peer(name, what == MEMORY, use.used, stack)
            except RuntimeError as error:  # installed, but not in one piece
                reason = f"{name}: {str(error).strip().splitlines()[-1]}"
                if name in peers:
                    raise UserError(f"--peer {reason}") from None
                left_out.append(reason)
                names.remove(name)
                continue
            contenders += [Contender(what, name, ways[what], note=_NOTES[name]) for what in ways]
        if row:
            batches = work.batches(work.source(is_kept=True))
            contenders += wait_contenders(batches, steps, backbone, weights, blocks, size, seed)
        timings = run_rounds(contenders, rounds, note)
    notes = list(dict.fromkeys(f"{one.who}: {one.note}" for one in contenders if one.note))
    if num_steps < _FEW:
        notes.append(
            f"Only {num_steps} batches a round: what a stream starts with counts for much in it. "
            f"Take at least {_FEW * batch_size} posters for numbers to keep."
        )
    return Result(
        "input",
        summarise(contenders, MEASURES, timings),
        timings,
        {"posters": f"{len(found)} ({where})", "size": f"{size[0]} × {size[1]}"}
        | {"batch_size": batch_size, "precision": "float32", "rounds": rounds, "seed": seed}
        | {"augmentation": dataclasses.asdict(augment)},
        describe_machine(use, peer_versions(PEERS, names)),
        notes,
        left_out,
    )


@dataclasses.dataclass
class _Work:
    """The work that all contenders do."""

    paths: list
    labels: np.ndarray
    size: tuple
    batch_size: int
    augment: AugmentSettings
    seed: int

    @property
    def steps(self):
        return len(self.paths) // self.batch_size

    def source(self, is_kept=False):
        settings = InputSettings(cache="memory", cache_memory_gib=1e6)
        source = PosterSource(self.paths, *self.size, settings)
        if is_kept:
            source.prepare()
        return source

    def batches(self, source):
        return training_batches(
            source,
            self.labels,
            batch_size=self.batch_size,
            seed=self.seed,
            augment=self.augment,
        )

    def first_epoch(self):
        source = self.source()
        started, cpu = time.perf_counter(), time.process_time()
        source.prepare()
        seconds, cpu = time.perf_counter() - started, time.process_time() - cpu
        epoch = time_batches(self.batches(source), self.steps)
        return _rates(seconds + epoch["seconds"], cpu + epoch["cpu_seconds"], epoch["posters"])

    def later_epoch(self):
        return self._timed(self.batches(self.source(is_kept=True)))

    def peer(self, name, in_memory, threads, stack):
        """Return the work of a peer, ready to be timed; `stack` closes what it opens."""
        if name == "keras-layers":
            folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="keras-genres-bench-"))
            links = link_posters(self.paths, f"{folder}/posters")
            batches = batches_of_folder(links, self.labels, *self.size, self.batch_size, self.seed)
            if in_memory:
                batches = batches.cache()
                for _ in batches:  # a cache counts once it is full
                    pass
            return self._timed(varied(batches.repeat(), self.augment, self.seed))
        arguments = {
            "kind": name.removeprefix("torch-"),
            "paths": self.paths,
            "labels": self.labels.tolist(),
            "size": list(self.size),
            "batch_size": self.batch_size,
            "steps": self.steps,
            "threads": threads,
            "augment": dataclasses.asdict(self.augment),
            "in_memory": in_memory,
            "seed": self.seed,
        }
        # Its start would ask the Internet for a newer version.
        quiet = {"NO_ALBUMENTATIONS_UPDATE": "1", "OMP_NUM_THREADS": str(threads)}
        maker = "keras_genres.bench.torch_input:make"
        worker = stack.enter_context(Worker(maker, arguments, quiet))

        def run():
            one = worker.run()
            return _rates(one["seconds"], one["cpu_seconds"], one["posters"])

        return run

    def _timed(self, batches):
        def run():
            one = time_batches(batches, self.steps)
            return _rates(one["seconds"], one["cpu_seconds"], one["posters"])

        return run


def time_batches(batches, steps):
    """Time a running stream of batches: `seconds`, `cpu_seconds` and `posters`.

    The first batches start the stream and are not counted. What it has under
    way when the clock starts it also has when the clock stops.

    Args:
        batches: Dataset of `(images, labels)` without end.
        steps: Batches that are counted.
    """
    stream = iter(batches)
    for _ in range(_WARM):
        next(stream)
    posters, started, cpu = 0, time.perf_counter(), time.process_time()
    for _ in range(steps):
        images, _ = next(stream)
        posters += len(images)
    seconds, cpu = time.perf_counter() - started, time.process_time() - cpu
    return {"seconds": seconds, "cpu_seconds": cpu, "posters": posters}


def _rates(seconds, cpu_seconds, posters):
    return {
        "seconds": seconds,
        "cpu_seconds": cpu_seconds,
        "posters": posters,
        "posters_per_second": posters / seconds,
        "posters_per_cpu_second": posters / max(cpu_seconds, 1e-9),
    }
