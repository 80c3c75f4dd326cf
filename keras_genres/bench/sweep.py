"""`bench sweep`: choosing the thresholds of all genres, against scikit-learn.

Both peers do what is usual: F1 from scikit-learn at every step of a grid, and
scikit-learn's own curve over all scores. None needs Keras.
"""

import time

import numpy as np
from sklearn.metrics import f1_score, precision_recall_curve

from keras_genres.bench.machine import describe_machine, use_cores
from keras_genres.bench.measure import Contender, Measure, run_rounds, summarise
from keras_genres.bench.peers import Peer, choose_peers
from keras_genres.bench.result import Result
from keras_genres.errors import UserError
from keras_genres.evaluation.metrics import macro_f1, pick
from keras_genres.evaluation.thresholds import FALLBACK, choose_thresholds
from keras_genres.genres import NUM_GENRES

PEERS = (Peer("f1-grid", ("sklearn",)), Peer("pr-curve", ("sklearn",)))
GRID_STEP = 0.05
MEASURES = (
    Measure("seconds", "time", "s", "less"),
    Measure("macro_f1", "macro F1", "", "neither"),
)
_WHAT = "thresholds"


def bench_sweep(posters=34_000, rounds=5, peers=(), seed=0, note=lambda line: None):
    """Time the choice of a threshold for every genre on drawn scores.

    Args:
        posters: Posters that are scored.
        rounds: How often each contender works.
        peers: Names of peers; empty for all.
        seed: Seed of labels and scores.
        note: Called with a line before each piece of work.

    Returns:
        A `Result`: seconds, and macro F1 of the picks on the same posters.

    Raises:
        UserError: For an unknown peer or too few posters.
    """
    if posters < 2:
        raise UserError(f"--posters must be at least 2. Received: {posters}")
    names, left_out = choose_peers(PEERS, peers)
    labels, scores = draw_scores(posters, seed)
    ways = {"f1-grid": grid_loop, "pr-curve": curve_loop}
    notes = {
        "f1-grid": f"sklearn.metrics.f1_score at every {GRID_STEP:g}, genre by genre",
        "pr-curve": "sklearn.metrics.precision_recall_curve, genre by genre; exact as ours",
    }
    contenders = [
        Contender(_WHAT, "ours", _timed(choose_thresholds, labels, scores), is_ours=True),
        *(
            Contender(_WHAT, name, _timed(ways[name], labels, scores), note=notes[name])
            for name in names
        ),
    ]
    with use_cores(uses_tensorflow=False) as use:
        timings = run_rounds(contenders, rounds, note)
    return Result(
        "sweep",
        summarise(contenders, MEASURES, timings),
        timings,
        {"posters": posters, "genres": NUM_GENRES, "scores": "float32", "rounds": rounds}
        | {"seed": seed},
        describe_machine(use),
        [f"{one.who}: {one.note}" for one in contenders if one.note],
        left_out,
    )


def draw_scores(posters, seed=0):
    """Draw labels and scores that look like those of a trained network.

    Genres are had by 3 % to 45 % of the posters; scores are overlapping and
    calibrated about as binary cross-entropy leaves them: those of rare
    genres are low.

    Args:
        posters: Number of rows.
        seed: Seed of the drawing.

    Returns:
        uint8 labels and float32 scores, each of shape `(posters, genres)`.
    """
    random = np.random.default_rng(seed)
    shares = np.geomspace(0.03, 0.45, NUM_GENRES)
    labels = random.random((posters, NUM_GENRES)) < shares
    logits = random.normal(np.log(shares / (1 - shares)) - 0.5, 1.0, labels.shape) + labels
    return labels.astype(np.uint8), (1 / (1 + np.exp(-logits))).astype(np.float32)


def grid_loop(labels, scores):
    """Choose as is usual: `f1_score` at every threshold of a grid."""
    grid = np.arange(1, round(1 / GRID_STEP)) * GRID_STEP
    chosen = []
    for genre in range(labels.shape[1]):
        f1 = [
            f1_score(labels[:, genre], scores[:, genre] >= threshold, zero_division=0)
            for threshold in grid
        ]
        chosen.append(grid[int(np.argmax(f1))])
    return np.array(chosen)


def curve_loop(labels, scores):
    """Choose on scikit-learn's curve of precision and recall over all scores."""
    chosen = []
    for genre in range(labels.shape[1]):
        if not labels[:, genre].any():
            chosen.append(FALLBACK)
            continue
        precision, recall, cuts = precision_recall_curve(labels[:, genre], scores[:, genre])
        precision, recall = precision[:-1], recall[:-1]
        f1 = 2 * precision * recall / np.maximum(precision + recall, 1e-12)
        chosen.append(cuts[int(np.argmax(f1))])
    return np.array(chosen)


def _timed(choose, labels, scores):
    def run():
        started, cpu = time.perf_counter(), time.process_time()
        thresholds = choose(labels, scores)
        seconds = time.perf_counter() - started
        cpu = time.process_time() - cpu
        found = macro_f1(labels, pick(scores, thresholds))
        return {"seconds": seconds, "cpu_seconds": cpu, "macro_f1": found}

    return run
