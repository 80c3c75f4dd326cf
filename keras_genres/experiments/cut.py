"""An experiment cut to size: fewer posters, fewer epochs.

A cut run says so wherever its numbers stand, since they are not those of the
recipe it was cut from.
"""

import math
import os
from pathlib import Path

import numpy as np

from keras_genres.data.changed import carry_stamps
from keras_genres.data.splits import draw_splits
from keras_genres.data.table import load_posters, write_posters
from keras_genres.errors import UserError
from keras_genres.files import read_json, whole_folder, write_json
from keras_genres.split import SPLITS

_MARK = "cut.json"
_SCALED = ("head_epochs", "epochs", "step_epochs", "patience")


def cut_posters(data, count, out, seed=0, splits=SPLITS):
    """Write a prepared folder with about `count` of another's posters, and reuse one that is there.

    Every poster stays in its split, groups stay whole, and genres keep their
    shares: each split is thinned as the splits themselves are drawn. No genre
    of a split is lost.

    Args:
        data: Folder that `data prepare` wrote.
        count: Posters wanted, over the splits that are thinned.
        out: Folder to make.
        seed: Seed of the choice.
        splits: Names of the splits to thin; the others are kept whole.

    Returns:
        The folder to train on: `out`, or `data` itself where it has no more than `count`.

    Raises:
        UserError: If too few posters would be left to fill every split.
    """
    posters = load_posters(data)
    is_thinned = np.isin(posters.splits, splits)
    if count >= is_thinned.sum():
        return Path(data)
    out = Path(out)
    facts = {"from_sha256": posters.split.sha256, "posters": count, "seed": seed}
    if tuple(splits) != SPLITS:
        facts["splits"] = list(splits)
    if (out / _MARK).exists() and read_json(out / _MARK) == facts:
        return out
    share = count / is_thinned.sum()
    thinned = [_thin(posters, split, share, seed) for split in splits]
    kept = np.sort(np.concatenate([np.flatnonzero(~is_thinned), *thinned]))
    chosen = posters.take(kept)
    with whole_folder(out, overwrite=True, mark=_MARK) as folder:
        names = [os.path.relpath(path, out).replace(os.sep, "/") for path in chosen.paths]
        split = posters.split
        write_posters(
            folder,
            names,
            chosen.labels,
            chosen.splits,
            chosen.groups,
            split.seed,
            split.fractions,
            chosen.extra,
        )
        carry_stamps(posters, kept, names, folder)
        write_json(folder / _MARK, facts)
    return out


def _thin(posters, split, share, seed):
    """Return the rows of a split that are kept."""
    rows = np.flatnonzero(posters.splits == split)
    rest = (1 - share) / 2
    try:
        drawn = draw_splits(
            posters.labels[rows],
            posters.groups[rows],
            dict(zip(SPLITS, (share, rest, rest), strict=True)),
            seed,
        )
    except UserError:
        raise UserError(
            f"{share:.1%} of the {len(rows)} {split} posters are too few. Keep more --posters."
        ) from None
    kept = drawn == SPLITS[0]
    # A genre of few posters may have lost them all, and then nothing could be trained.
    for genre in np.flatnonzero(posters.labels[rows].any(axis=0)):
        has = posters.labels[rows, genre] == 1
        if not kept[has].any():
            kept |= posters.groups[rows] == posters.groups[rows][has][0]
    return rows[kept]


def scale_epochs(settings, scale):
    """Return resolved settings with every number of epochs times `scale`, at least 1.

    Epochs of both stages, of StepLR and of the patience go together, so that
    the recipe keeps its shape. What is 0 stays 0.
    """
    training = settings.training
    return settings.replace(
        {
            f"training.{name}": max(1, math.ceil(getattr(training, name) * scale - 1e-9))
            for name in _SCALED
            if getattr(training, name)
        }
    )


def describe_cut(data, full, epoch_scale=1.0, changes=()):
    """Return how a run was cut to size as a sentence for tables; empty if it was not.

    Args:
        data: The `Split` trained on.
        full: The `Split` it was cut from.
        epoch_scale: Factor of the epochs.
        changes: Settings that were changed, `name=value`.

    Example: `"400 of 4,000 posters; epochs × 0.1; input.height=112"`.
    """
    parts = []
    sizes = [sum(part["posters"] for part in split.splits.values()) for split in (data, full)]
    if data.sha256 != full.sha256:
        if all(_is_whole(data, full, name) for name in ("val", "test")):
            sizes = [split.splits["train"]["posters"] for split in (data, full)]
            parts.append(f"{sizes[0]:,} of {sizes[1]:,} training posters")
        else:
            parts.append(f"{sizes[0]:,} of {sizes[1]:,} posters")
    if epoch_scale != 1:
        parts.append(f"epochs × {epoch_scale:g}")
    return "; ".join([*parts, *changes])


def _is_whole(data, full, split):
    # Not by hash, which is of paths: those are relative to each folder.
    facts = ("posters", "groups", "genres")
    return all(data.splits[split][each] == full.splits[split][each] for each in facts)
