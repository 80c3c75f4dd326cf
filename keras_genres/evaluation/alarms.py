"""What a reader should know before believing the numbers of a report.

Each alarm is a sentence: what was seen, and what to do. What the numbers
themselves give away is told by `leakage` and `twins`; here it is put into words.
"""

import os

import numpy as np

from keras_genres.evaluation.history import read_history
from keras_genres.evaluation.leakage import compare_auc, find_jump, is_difference_suspicious
from keras_genres.evaluation.metrics import f1_per_genre, pick
from keras_genres.evaluation.thresholds import FIXED
from keras_genres.evaluation.twins import same_scores
from keras_genres.genres import GENRES

LEAK_ALARM = 0.60
"""Test macro F1 above which a leak is likelier than a good model, on real posters.

A linear probe on frozen features of real posters has 0.31 to 0.34, and labels
from two sources agree with each other at F1 0.90 to 1.00 a genre.
"""
NAMES = {"train": "training", "val": "validation", "test": "test"}

_AGAIN = "Prepare the data again and train anew."
_OPTIMISTIC = (
    "scores are optimistic: the thresholds were chosen on these posters. The result is the test's."
)
_ROUNDING = 1e-6
_LEAST_SPREAD = 1e-3
# Networks that learned anything are above 0.05; random weights behind frozen
# BatchNormalization are at 1e-5 and below.


def find_warnings(split, predictions, summary):
    """Return what speaks against the numbers of a split, as sentences.

    Args:
        split: `val` or `test`.
        predictions: `val` and `test` -> `Predictions`.
        summary: The split's part of a report, as `report.make_report` builds it.
    """
    found = []
    name = NAMES[split].capitalize()
    macro = summary["measures"]["tuned"]["macro_f1"]
    chosen_on = summary["thresholds"]["chosen_on"]
    if split == chosen_on == "val":
        found.append(f"{name} {_OPTIMISTIC}")
    if split == "test" and macro > LEAK_ALARM:
        found.append(
            f"{name} macro F1 is {macro:.2f}, above {LEAK_ALARM:.2f}: more than honest splits of "
            "real posters have given. That is fine for drawn posters; on real ones take it for "
            "a leak until the opposite is shown (one film or one picture on both sides?)."
        )
    empty = [
        genre
        for genre, has in zip(GENRES, predictions[split].labels.any(axis=0), strict=True)
        if not has
    ]
    if empty:
        result = "threshold is 0.5 for want of a better" if split == "val" else "F1 says nothing"
        found.append(
            f"{name} has no poster of {', '.join(empty)}: the {result}, and macro F1 counts 0."
        )
    return found


def is_alarm(warning):
    """Say whether a warning is of more than what holds for every sound run."""
    return not warning.endswith(_OPTIMISTIC)


def find_run_warnings(run, predictions, thresholds, saved, posters=None, crossing=None):
    """Return what speaks against the numbers of both splits, as sentences.

    Args:
        run: The `Run`, for its history.
        predictions: `val` and `test` -> `Predictions`.
        thresholds: Floats of shape `(genres,)`.
        saved: What `thresholds.json` holds.
        posters: `Posters` the run was trained on, for the groups of training.
        crossing: `twins.Crossing` of those posters, where they were looked at.

    Raises:
        UserError: If `history.csv` is damaged.
    """
    found = [
        *_thresholds(predictions["val"], thresholds, saved),
        *_signal(predictions["val"], saved),
        *_difference(predictions),
        *_jump(read_history(run)),
        *_groups(predictions, posters),
        *_twins(predictions),
    ]
    return found + (_pictures(crossing) if crossing is not None else [])


def _thresholds(val, thresholds, saved):
    if saved.get("chosen_on") == "test":
        yield (
            "TEST SCORES ARE NO RESULT: thresholds.json says that the thresholds were chosen on "
            "the test, the posters they are scored on. Choose them on validation with "
            "`keras-genres thresholds`."
        )
    if saved.get("chosen_on") is None:
        yield (
            "thresholds.json does not say which posters its thresholds were chosen on. Choose them "
            "on validation with `keras-genres thresholds`."
        )
    known = [saved["genres"][genre].get("val_f1") for genre in GENRES]
    for genre, said, is_so in zip(
        GENRES, known, f1_per_genre(val.labels, pick(val.scores, thresholds)), strict=True
    ):
        if said is not None and abs(said - is_so) > _ROUNDING:
            yield (
                "thresholds.json was written for other validation scores or thresholds: it says "
                f"that {genre} has F1 {said:.3f} there, and it has {is_so:.3f}. Choose them again "
                "with `keras-genres thresholds`."
            )
            return


def _signal(val, saved):
    """Tell a network that gives every poster the same scores, unless that is what it is for."""
    if saved.get("method") == FIXED or len(val.scores) < 2:
        return
    spread = float(val.scores.std(axis=0).max())
    if spread < _LEAST_SPREAD:
        yield (
            "Every poster gets nearly the same scores (their standard deviation is at most "
            f"{spread:.0e}): the network passes no signal. Frozen blocks of random weights do "
            "that: pass --weights, or --unfreeze all."
        )


def _difference(predictions):
    difference, error = compare_auc(predictions["val"], predictions["test"])
    if is_difference_suspicious(difference, error):
        better, worse = ("validation", "test") if difference > 0 else ("test", "validation")
        yield (
            f"{better.capitalize()} has a mean ROC AUC {abs(difference):.3f} above the {worse}'s, "
            f"{_times(difference, error)}. Neither thresholds nor chance explain that. "
            f"Was a part of {better} trained on (a run resumed on another split, copies of one "
            f"picture), or is the {worse} of other posters?"
        )


def _times(difference, error):
    if not error:
        return "with no error at all"
    return f"{abs(difference) / error:.0f} times its standard error of {error:.3f}"


def _jump(history):
    row = find_jump(history)
    if row is not None:
        before, after = history["val_macro_f1_tuned"].iloc[[row - 1, row]]
        yield (
            f"Validation macro F1 jumps from {before:.2f} to {after:.2f} at epoch "
            f"{history['epoch'].iloc[row]}, where no stage begins and training loss does not fall "
            "as validation loss does. So it looks when a run goes on with a split drawn anew: what "
            "it was trained on is asked again."
        )


def _groups(predictions, posters):
    groups = {name: part.groups for name, part in predictions.items()}
    if posters is not None:
        groups = {"train": posters.groups[posters.splits == "train"]} | groups
    names = list(groups)
    for index, one in enumerate(names):
        for other in names[index + 1 :]:
            shared = np.intersect1d(groups[one], groups[other])
            if len(shared):
                count = "1 group is" if len(shared) == 1 else f"{len(shared):,} groups are"
                yield (
                    f"{count} in both {NAMES[one]} and {NAMES[other]} (say {str(shared[0])!r}), so "
                    f"the two are not independent. {_AGAIN}"
                )


def _twins(predictions):
    val, test = predictions["val"], predictions["test"]
    pairs = same_scores(val, test)
    if len(pairs):
        one, other = _name(val.filenames[pairs[0, 0]]), _name(test.filenames[pairs[0, 1]])
        count = "1 pair" if len(pairs) == 1 else f"{len(pairs):,} pairs"
        yield (
            f"{count} of a validation and a test poster have the same 19 scores (say {one!r} and "
            f"{other!r}): that is one picture on both sides. {_AGAIN}"
        )


def _pictures(crossing):
    found = []
    if crossing.pictures:
        first = crossing.pictures[0]
        (one, here), (other, there) = first[0], next(row for row in first if row[1] != first[0][1])
        count = len(crossing.pictures)
        found.append(
            f"{count:,} picture{' stands' if count == 1 else 's stand'} in more than one split "
            f"(say {_name(one)!r} in {NAMES[here]} and {_name(other)!r} in {NAMES[there]}; "
            f"report/duplicates.csv names all). {_AGAIN}"
        )
    if crossing.unread:
        count = crossing.unread
        found.append(
            f"{count:,} poster{' was' if count == 1 else 's were'} not compared for duplicates: "
            "missing or unreadable. `keras-genres data check` names what is missing."
        )
    return found


def _name(filename):
    """Return the name without its folders, which are the business of this machine."""
    return os.path.basename(str(filename))
