"""Signs of a leak that are in the scores and the history alone.

A validation loss below the training loss is none: training loss is measured
with dropout on, on varied posters, and while the epoch still learns. In the
honest runs of the demo it is the higher of the two in nearly every epoch.
"""

import numpy as np

DIFFERENCE_ERRORS = 4.0
"""Standard errors by which mean ROC AUC may differ between validation and test."""
DIFFERENCE_LEAST = 0.02
"""A smaller difference is never an alarm: very large splits measure anything as different."""
JUMP_LEAST = 0.05
"""A smaller rise of validation macro F1 from one epoch to the next is never an alarm."""
JUMP_USUAL = 5.0
"""A jump is at least this many times the usual change from one epoch to the next."""
LOSS_FACTOR = 3.0
"""In a jump, validation loss falls by more than this many times what training loss falls."""

_LEAST_POSTERS = 5  # with and without a genre: fewer have no error to speak of
_LEAST_CHANGES = 3


def compare_auc(val, test):
    """Return how mean ROC AUC differs between validation and test, with its standard error.

    ROC AUC hangs neither on thresholds, which tuning makes flatter on
    validation, nor on how many posters have a genre, nor (as average precision
    does) on how small a split is. The error is the one that a bootstrap over
    groups of both splits would give, from each poster's influence on the mean
    over genres: exact, without draws, and it knows that the genres of a poster
    and the posters of a group are right or wrong together.

    Genres with fewer than five posters with or without them in either split
    are left out.

    Args:
        val: `Predictions` of validation.
        test: `Predictions` of test.

    Returns:
        `(difference, error)`: validation minus test, and its standard error;
        zeros where no genre is left.

    Source: DeLong, DeLong & Clarke-Pearson 1988, "Comparing the areas under two
    or more correlated receiver operating characteristic curves"; Obuchowski
    1997, "Nonparametric analysis of clustered ROC curve data".
    """
    genres = _countable(val.labels) & _countable(test.labels)
    if not genres.any():
        return 0.0, 0.0
    means, variances = zip(*(_mean_auc(part, genres) for part in (val, test)), strict=True)
    return means[0] - means[1], float(np.sqrt(sum(variances)))


def is_difference_suspicious(difference, error):
    """Say whether validation and test differ by more than chance and choice explain.

    The alarm is at `DIFFERENCE_ERRORS` standard errors, and at
    `DIFFERENCE_LEAST`. Of 5,730 simulated honest pairs of 18 to 5,000 posters,
    two a group, 3 reached that: 1 in 2,000. That the best epoch was chosen on
    validation adds less than one error, the luck of the best of a hundred
    epochs; with it the rate stays below 1 in 300. A validation of 300 posters
    of which half were seen in training is found 9 times in 10, one of 600
    always; a tenth of them is too little for it.

    Args:
        difference, error: As `compare_auc` returns them.
    """
    return abs(difference) > max(DIFFERENCE_ERRORS * error, DIFFERENCE_LEAST)


def find_jump(history):
    """Return the row at which validation jumps as it does on a split drawn anew, or `None`.

    When a run that was cut off goes on with another split, most of its new
    validation posters were trained on: validation macro F1 leaps, and
    validation loss falls while training loss, which now has new posters in it,
    does not. An epoch is a jump if all of this holds:

    - It is of the same stage as the epoch before: unfreezing may do anything.
    - Macro F1 (tuned) rises by `JUMP_LEAST`, and by `JUMP_USUAL` times the
      median change between other epochs of one stage; of those there must be
      three to know what is usual.
    - Half of the rise is still there in the median of the three epochs after.
    - Validation loss falls, and by more than `LOSS_FACTOR` times what training
      loss falls up to the epoch after. When a network simply learns fast, both
      fall: validation is scored when the epoch is over and the training loss
      is its mean, so it follows half an epoch later, which is twice and not
      three times as much.

    A jump at the first epoch of a stage is not seen.

    Args:
        history: DataFrame as `history.read_history` returns it.
    """
    f1, loss, val_loss = (
        history[name].to_numpy(float) for name in ("val_macro_f1_tuned", "loss", "val_loss")
    )
    stages = history["stage"].to_numpy()
    inside = np.flatnonzero(stages[1:] == stages[:-1]) + 1
    for epoch in inside:
        rise = f1[epoch] - f1[epoch - 1]
        others = np.abs((f1[inside] - f1[inside - 1])[inside != epoch])
        if len(others) < _LEAST_CHANGES or not rise >= JUMP_LEAST:
            continue
        after = f1[epoch + 1 : epoch + 4]
        stays = not len(after) or np.median(after) >= f1[epoch - 1] + rise / 2
        fallen = val_loss[epoch - 1] - val_loss[epoch]
        learned = max(0.0, loss[epoch - 1] - loss[epoch : epoch + 2].min())
        if rise >= JUMP_USUAL * np.median(others) and stays and fallen > LOSS_FACTOR * learned:
            return int(epoch)
    return None


def _countable(labels):
    found = labels.sum(axis=0, dtype=int)
    return np.minimum(found, len(labels) - found) >= _LEAST_POSTERS


def _mean_auc(part, genres):
    """Return mean ROC AUC over some genres and its variance over groups."""
    columns = np.flatnonzero(genres)
    influence = np.zeros(len(part.labels))
    mean = 0.0
    for column in columns:
        auc, of_poster = _auc(part.labels[:, column].astype(bool), part.scores[:, column])
        mean += auc / len(columns)
        influence += of_poster / len(columns)
    _, index = np.unique(part.groups, return_inverse=True)
    return mean, float((np.bincount(index, influence) ** 2).sum())


def _auc(found, scores):
    """Return ROC AUC of one genre and each poster's influence on it, shape `(posters,)`."""
    ranks, with_it, without = _ranks(scores), found.sum(), (~found).sum()
    influence = np.empty(len(scores))
    # Of a poster with the genre: the share of posters without that it beats. Of
    # one without: the share of posters with it by which it is beaten.
    beaten = (ranks[found] - _ranks(scores[found])) / without
    beaten_by = 1 - (ranks[~found] - _ranks(scores[~found])) / with_it
    auc = beaten.mean()
    influence[found] = (beaten - auc) / np.sqrt(with_it * (with_it - 1))
    influence[~found] = (beaten_by - auc) / np.sqrt(without * (without - 1))
    return float(auc), influence


def _ranks(values):
    """Return ranks from 1 on; equal values share the mean of theirs."""
    ordered = np.sort(values)
    below, upto = (np.searchsorted(ordered, values, side) for side in ("left", "right"))
    return (below + upto + 1) / 2
