"""Run folders with drawn scores, for the tests of everything that reads them."""

import numpy as np

from keras_genres.genres import NUM_GENRES
from keras_genres.manifest import write_manifest
from keras_genres.runs import Predictions, Run
from keras_genres.settings import Settings
from keras_genres.split import Split

# Near the shares of real films: three common genres, a tail of rare ones.
SHARES = np.array(
    [21, 13, 5, 6, 36, 15, 6, 52, 6, 7, 4, 12, 4, 8, 18, 8, 2, 21, 3], dtype=float
) / 100  # fmt: skip


def draw_labels(posters, generator):
    """Return labels of shape `(posters, 19)`, each poster with at least one genre."""
    labels = (generator.random((posters, NUM_GENRES)) < SHARES).astype(np.uint8)
    labels[labels.sum(axis=1) == 0, 7] = 1
    return labels


def draw_scores(labels, generator, skill=1.3):
    """Return float32 scores that know about the labels as much as `skill` says."""
    odds = np.log(SHARES / (1 - SHARES)) + skill * (labels - SHARES)
    odds = odds + generator.normal(0, 0.9, labels.shape)
    return (1 / (1 + np.exp(-odds))).astype(np.float32)


def write_run(
    path, posters=300, seed=0, skill=1.3, without=(), history=True, shared_group=False, changes=None
):
    """Write a finished run as `fit` would, but thresholds and report.

    The `Run` does not ask for hashes, so that a test may change files. Before
    it is opened as others open it, `write_manifest` takes them as they are.

    Args:
        path: Folder to make.
        posters: Posters in each of val and test; train has three times as many.
        seed: Seed of labels and scores.
        skill: How well scores follow labels; 0 for not at all.
        without: Columns of genres that nobody in val and test has.
        history: Epochs in `history.csv`; `True` for 12, `False` for no file.
        shared_group: Put one group into both val and test.
        changes: Settings, as `Settings.replace` takes them.
    """
    generator = np.random.default_rng(seed)
    splits = np.repeat(["train", "val", "test"], [3 * posters, posters, posters])
    labels = draw_labels(len(splits), generator)
    labels[np.ix_(splits != "train", list(without))] = 0
    scores = draw_scores(labels, generator, skill)
    names = np.array([f"images/{number:05d}.png" for number in range(len(splits))])
    groups = np.array([f"film{number // 2:05d}{split}" for number, split in enumerate(splits)])
    if shared_group:
        groups[np.flatnonzero(splits == "test")[0]] = groups[np.flatnonzero(splits == "val")[0]]
    run = Run(path, checked=False)
    run.path.mkdir(parents=True)
    settings = Settings().replace(changes or {})
    run.settings_file.write_text(settings.to_yaml(), encoding="utf-8")
    fractions = {"train": 0.6, "val": 0.2, "test": 0.2}
    Split.of(names, labels, splits, groups, seed, fractions).save(run.split_file)
    for split in ("val", "test"):
        rows = splits == split
        found = Predictions(names[rows], labels[rows], scores[rows], groups[rows])
        found.save(run.predictions_file(split))
    if history:
        write_history(run.history_file, 12 if history is True else history)
    write_manifest(path)
    return run


def write_history(path, epochs):
    """Write a `history.csv` of two stages whose best epoch is not the last."""
    lines = [
        "epoch,stage,learning_rate,loss,val_loss,val_macro_f1,val_macro_f1_tuned,seconds,is_best"
    ]
    best = max(0, epochs - 3)
    for epoch in range(epochs):
        stage, rate = ("head", 1e-4) if epoch < epochs / 3 else ("blocks", 1e-5)
        f1 = 0.3 - 0.2 / (epoch + 1) - 0.01 * max(0, epoch - best)
        lines.append(
            f"{epoch + 1},{stage},{rate},{0.3 - 0.01 * epoch},"
            f"{0.31 - 0.008 * min(epoch, best)},{f1 / 2},{f1},12.5,{int(epoch <= best)}"
        )
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
