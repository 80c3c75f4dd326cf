"""Posters to batches as a PyTorch user does it; runs in a worker process.

Nothing else of the package imports this module: it needs PyTorch, and
albumentations with OpenCV, or torchvision.
"""

import itertools
import os
import time

import numpy as np
import torch
from torch.utils.data import DataLoader, Dataset, Sampler


def make(kind, paths, labels, size, batch_size, steps, threads, augment, in_memory, seed):
    """Return a function that times `steps` batches of a running DataLoader.

    Args:
        kind: `albumentations` or `torchvision`.
        paths: Files of the posters.
        labels: Rows of 0 and 1.
        size: `(height, width)` in pixels.
        batch_size: Posters in a batch.
        steps: Batches that are timed.
        threads: Worker processes; 1 means that the main process does the work.
        augment: The fields of an `AugmentSettings`.
        in_memory: Decode once, before anything is timed.
        seed: Seed of the order.
    """
    torch.manual_seed(seed)
    torch.set_num_threads(threads)
    way = {"albumentations": _Albumentations, "torchvision": _Torchvision}[kind](size, augment)
    loader = DataLoader(
        _Posters(way, paths, np.asarray(labels, np.float32), in_memory),
        batch_size=batch_size,
        sampler=_Endless(len(paths), seed),
        num_workers=threads if threads > 1 else 0,
        collate_fn=way.collate,
        drop_last=True,
    )
    # Every worker has delivered, and what lay ready has been taken.
    warm = 3 * max(1, loader.num_workers)

    def run():
        seen = {}
        batches = iter(loader)
        for _, _, worker, cpu in itertools.islice(batches, warm):
            seen[worker] = cpu
        before, started, own = dict(seen), time.perf_counter(), time.process_time()
        for _, _, worker, cpu in itertools.islice(batches, steps):
            seen[worker] = cpu
        seconds, own = time.perf_counter() - started, time.process_time() - own
        others = sum(seen[worker] - before.get(worker, 0) for worker in seen if loader.num_workers)
        return {"seconds": seconds, "cpu_seconds": own + others, "posters": steps * batch_size}

    return run


class _Endless(Sampler):
    """Shuffled rows, one epoch after the other, without end."""

    def __init__(self, count, seed):
        self.count = count
        self.chance = torch.Generator().manual_seed(seed)

    def __iter__(self):
        while True:
            yield from torch.randperm(self.count, generator=self.chance).tolist()


class _Posters(Dataset):
    def __init__(self, way, paths, labels, in_memory):
        self.way = way
        self.paths = paths
        self.labels = labels
        self.decoded = [way.decode(path) for path in paths] if in_memory else None

    def __len__(self):
        return len(self.paths)

    def __getitem__(self, row):
        kept = self.decoded
        image = self.way.decode(self.paths[row]) if kept is None else kept[row]
        return self.way.vary(image), self.labels[row]


class _Albumentations:
    """OpenCV decodes and resizes, albumentations varies; uint8 up to the batch."""

    def __init__(self, size, augment):
        import albumentations as A
        import cv2

        # A worker a core; OpenCV's own threads would come on top.
        cv2.setNumThreads(0)
        self.size = size
        border = cv2.BORDER_REFLECT if augment["fill"] == "reflect" else cv2.BORDER_CONSTANT
        shift, scale = augment["shift"], augment["scale"]
        parts = []
        if augment["flip"]:
            parts.append(A.HorizontalFlip(p=0.5))
        if shift or scale or augment["rotation_degrees"]:
            parts.append(
                A.Affine(
                    scale=(1 - scale, 1 + scale),
                    translate_percent={"x": (-shift, shift), "y": (-shift, shift)},
                    rotate=(-augment["rotation_degrees"], augment["rotation_degrees"]),
                    interpolation=cv2.INTER_LINEAR,
                    border_mode=border,
                    keep_ratio=True,
                    p=1.0,
                )
            )
        colours = {
            name: (1 - augment[name], 1 + augment[name])
            for name in ("brightness", "contrast", "saturation")
        }
        if any(augment[name] for name in (*colours, "hue")):
            parts.append(A.ColorJitter(**colours, hue=(-augment["hue"], augment["hue"]), p=1.0))
        self.transform = A.Compose(parts)

    def decode(self, path):
        import cv2

        image = cv2.cvtColor(cv2.imread(path, cv2.IMREAD_COLOR), cv2.COLOR_BGR2RGB)
        return cv2.resize(image, self.size[::-1], interpolation=cv2.INTER_AREA)

    def vary(self, image):
        return self.transform(image=image)["image"]

    @staticmethod
    def collate(samples):
        images, labels = zip(*samples, strict=True)
        images = torch.from_numpy(np.stack(images)).float()
        return images, torch.from_numpy(np.stack(labels)), os.getpid(), time.process_time()


class _Torchvision:
    """torchvision decodes, resizes and varies, on tensors of shape (3, height, width)."""

    def __init__(self, size, augment):
        from torchvision.transforms import v2

        self.resize = v2.Resize(size, antialias=True)
        parts = []
        if augment["flip"]:
            parts.append(v2.RandomHorizontalFlip(0.5))
        shift, scale = augment["shift"], augment["scale"]
        if shift or scale or augment["rotation_degrees"]:
            parts.append(
                v2.RandomAffine(
                    augment["rotation_degrees"],
                    translate=(shift, shift),
                    scale=(1 - scale, 1 + scale),
                    interpolation=v2.InterpolationMode.BILINEAR,
                )
            )
        colours = {name: augment[name] for name in ("brightness", "contrast", "saturation", "hue")}
        if any(colours.values()):
            parts.append(v2.ColorJitter(**colours))
        self.transform = v2.Compose(parts) if parts else v2.Identity()

    def decode(self, path):
        from torchvision.io import ImageReadMode, read_image

        return self.resize(read_image(path, ImageReadMode.RGB))

    def vary(self, image):
        return self.transform(image)

    @staticmethod
    def collate(samples):
        images, labels = zip(*samples, strict=True)
        images = torch.stack(images).float()
        return images, torch.from_numpy(np.stack(labels)), os.getpid(), time.process_time()
