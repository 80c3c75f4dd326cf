"""Draw the splits so that every genre has the same share in each.

Source: Sechidis, Tsoumakas & Vlahavas, "On the Stratification of Multi-label
Data", ECML PKDD 2011 (iterative stratification), here over groups of posters.
"""

import numpy as np

from keras_genres.errors import UserError
from keras_genres.split import SPLITS

# Smaller gains are far below a hundredth of a percentage point.
_LEAST_GAIN = 1e-3
_PART = 4096


def split_fractions(settings):
    """Return the wanted share of `train`, `val` and `test` as a dict.

    Raises:
        UserError: If validation and test leave nothing for training.
    """
    train = round(1.0 - settings.val_fraction - settings.test_fraction, 9)
    if train <= 0:
        raise UserError(
            "val_fraction and test_fraction must leave posters for training. Received: "
            f"{settings.val_fraction} and {settings.test_fraction}"
        )
    return dict(zip(SPLITS, (train, settings.val_fraction, settings.test_fraction), strict=True))


def draw_splits(labels, groups, fractions, seed):
    """Give every group to a split.

    The rarest genre is dealt out first: each group that has it goes to the
    split that still wants most of it; ties go to the split that wants most
    posters, then to chance. Large groups go first, since only small ones can
    even out what they leave. Dealing by genre leaves the number of posters
    of a split to luck, so single groups are moved afterwards until no move
    brings the counts of genres and posters nearer to what is wanted.

    Args:
        labels: 0/1 array of shape `(posters, genres)`.
        groups: Group of each poster, strings or numbers that sort alike.
        fractions: Wanted share of each split, a dict.
        seed: Seed of the order among groups and of ties. The order of the
            posters does not count.

    Returns:
        Unicode array of shape `(posters,)` of `train`, `val` and `test`.

    Raises:
        UserError: If there are too few groups to fill every split.
    """
    names, which = np.unique(np.asarray(groups), return_inverse=True)
    sizes = np.bincount(which, minlength=len(names))
    # Nearly all groups are small, and then a byte holds each count.
    counts = np.zeros((len(names), np.shape(labels)[1]), dtype=np.min_scalar_type(sizes.max()))
    np.add.at(counts, which, np.asarray(labels, dtype=counts.dtype))
    shares = np.array([fractions[split] for split in SPLITS])
    chosen = _deal(counts, sizes, shares, np.random.default_rng(seed))
    counts = np.column_stack([counts, sizes.astype(counts.dtype)])
    chosen = _even_out(counts, shares, chosen)
    filled = np.bincount(chosen, minlength=len(SPLITS))
    if (filled == 0).any():
        empty = SPLITS[int(np.argmin(filled))]
        raise UserError(
            f"{len(names)} films or pictures are too few for a {empty} split of "
            f"{fractions[empty]:.0%}. Bring more posters."
        )
    return np.array(SPLITS)[chosen[which]]


def _deal(counts, sizes, shares, random):
    """Return the split number of every group; `counts` is `(groups, genres)`."""
    order = random.permutation(len(sizes))
    order = order[np.argsort(-sizes[order], kind="stable")]
    chance = random.random((len(sizes), len(shares)))
    wants = np.outer(shares, counts.sum(axis=0, dtype=np.int64)).astype(float)
    room = shares * sizes.sum()
    chosen = np.full(len(sizes), -1)

    def give(group, genre):
        appeal = room if genre is None else wants[:, genre]
        # Rounding makes equal wants of 0.15 each differ in the 16th digit.
        best = max(
            range(len(shares)),
            key=lambda s: (round(appeal[s], 6), round(room[s], 6), chance[group, s]),
        )
        chosen[group] = best
        wants[best] -= counts[group]
        room[best] -= sizes[group]

    while True:
        left = counts[chosen < 0].sum(axis=0, dtype=np.int64)
        if not left.any():
            break
        genre = int(np.argmin(np.where(left > 0, left, np.iinfo(np.int64).max)))
        for group in order[(counts[order, genre] > 0) & (chosen[order] < 0)]:
            give(group, genre)
    for group in order[chosen[order] < 0]:
        give(group, None)
    return chosen


def _even_out(counts, shares, chosen):
    """Move one group at a time, each time the one that helps most, while one helps.

    What is made small is the chi-square distance of the counts from the
    wanted ones: the sum of `(count - wanted)² / wanted`.

    Args:
        counts: What each group holds, shape `(groups, columns)`.
        shares: Wanted share of each split.
        chosen: Split number of each group.
    """
    chosen = chosen.copy()
    wants = np.outer(shares, np.maximum(counts.sum(axis=0, dtype=np.int64), 1))
    over = np.stack([counts[chosen == s].sum(axis=0, dtype=float) for s in range(len(shares))])
    over -= wants
    filled = np.bincount(chosen, minlength=len(shares))
    # (x ± c)² - x² = c² ± 2xc: the change of the sum when a group comes or goes
    squares = np.concatenate([part**2 @ (1 / wants).T for part in _parts(counts)])
    change = np.empty_like(squares)
    for _ in range(len(chosen)):
        start = 0
        for part in _parts(counts):
            double = part @ (2 * over / wants).T
            rows = slice(start, start + len(part))
            leaves = (squares[rows] - double)[np.arange(len(part)), chosen[rows]]
            change[rows] = squares[rows] + double + leaves[:, None]
            start += len(part)
        change[np.arange(len(chosen)), chosen] = 0
        change[filled[chosen] == 1] = 0  # the last group of a split stays
        # Rounded, so that the last digits of a machine's arithmetic decide nothing.
        group, best = np.unravel_index(np.argmin(change.round(6)), change.shape)
        if change[group, best] > -_LEAST_GAIN:
            break
        old = chosen[group]
        over[old] -= counts[group]
        over[best] += counts[group]
        filled[old] -= 1
        filled[best] += 1
        chosen[group] = best
    return chosen


def _parts(counts):
    """Yield the rows as floats, a part at a time: all of them would take much memory."""
    for start in range(0, len(counts), _PART):
        yield counts[start : start + _PART].astype(float)
