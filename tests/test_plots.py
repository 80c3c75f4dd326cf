"""The figures that need no posters: nothing overlaps, nothing is cut off, nothing misleads."""

import numpy as np
import pandas as pd
import pytest
from synthetic import draw_labels, draw_scores, write_history

from keras_genres.evaluation.figures import maps, panels, plots, score_panels
from keras_genres.evaluation.figures.style import house_style
from keras_genres.evaluation.history import read_history
from keras_genres.evaluation.slices import slice_errors
from keras_genres.evaluation.thresholds import choose_thresholds
from keras_genres.genres import GENRES
from keras_genres.runs import Run


def arrays(without=()):
    generator = np.random.default_rng(0)
    labels = draw_labels(300, generator)
    scores = draw_scores(labels, generator)
    labels[:, list(without)] = 0
    return labels, scores


def all_figures(folder, without=(), scores=None):
    """Return the sheet of every figure by name."""
    labels, drawn = arrays(without)
    scores = drawn if scores is None else np.broadcast_to(np.float32(scores), drawn.shape)
    thresholds = choose_thresholds(labels, scores)
    write_history(folder / "history.csv", 12)
    f1 = np.linspace(0, 1, 19)
    counts = {"train": np.arange(19) * 1000, "val": np.arange(19) * 300, "test": np.arange(19) * 9}
    values = ["A land whose name is far too long to stand beside a row"] * 100 + ["b", ""] * 100
    slices = slice_errors(labels, labels, np.arange(300), values, resamples=20)
    return {
        "f1_per_genre": plots.f1_per_genre(f1, f1[::-1], thresholds, labels.sum(axis=0)),
        "genre_distribution": plots.genre_distribution(counts),
        "history": plots.history(read_history(Run(folder, checked=False))),
        "errors": plots.errors_by("country", slices),
        "precision_recall": panels.precision_recall(labels, scores, thresholds),
        "thresholds": panels.thresholds_panels((labels, scores), (labels, scores), thresholds),
        "calibration": score_panels.calibration(labels, scores),
        "scores": score_panels.score_histograms(labels, scores, thresholds),
        "confusion": score_panels.confusion(labels, scores, thresholds),
        "cooccurrence": maps.cooccurrence_maps(labels, scores, thresholds),
        "precision_recall_map": maps.precision_recall_map(labels, scores, thresholds),
    }


def overlaps(sheet):
    """Return the pairs of texts that overlap, and texts that leave the sheet."""
    boxes = np.array([words.box for words in sheet.words])
    texts = [words.text for words in sheet.words]
    edge = (boxes[:, :2] < 0).any(axis=1)
    edge |= (boxes[:, 2] > sheet.width) | (boxes[:, 3] > sheet.height)
    slack = 0.012  # inches: the boxes have room for letters that few texts have
    low = np.maximum(boxes[:, None, :2], boxes[None, :, :2])
    high = np.minimum(boxes[:, None, 2:], boxes[None, :, 2:])
    pairs = np.argwhere(np.triu((high - low > slack).all(axis=2), 1))
    return [(texts[one], texts[other]) for one, other in pairs], [
        text for text, is_out in zip(texts, edge, strict=True) if is_out
    ]


@pytest.mark.parametrize(
    ("without", "scores"), [((), None), ((3, 16), None), ((), 0.3), (range(19), None)]
)
def test_no_text_overlaps_another_or_leaves_the_figure(tmp_path, without, scores):
    for name, sheet in all_figures(tmp_path, without, scores).items():
        assert len(sheet.words) > 10
        assert overlaps(sheet) == ([], []), name


def test_colours_are_all_of_the_style(tmp_path):
    from keras_genres.evaluation.figures import style

    known = {"white", style.INK, style.QUIET, style.LINE, *style.SPLIT_COLOURS.values()}
    for sheet in all_figures(tmp_path).values():
        used = {look.colour for look, _ in sheet.marks()} | {words.colour for words in sheet.words}
        assert used <= known


def test_figures_are_the_same_bytes_small_and_without_a_date(tmp_path):
    for folder in ("one", "two"):
        (tmp_path / folder).mkdir()
        with house_style():
            for name, sheet in all_figures(tmp_path).items():
                sheet.save(tmp_path / folder, name)
    files = sorted((tmp_path / "one").iterdir())
    assert len(files) == 2 * len(all_figures(tmp_path))
    for path in files:
        content = path.read_bytes()
        assert content == (tmp_path / "two" / path.name).read_bytes()
        assert b"tEXt" not in content and b"tIME" not in content and b"<dc:date" not in content
        assert len(content) < 200_000


def test_f1_per_genre_puts_the_best_genre_on_top():
    f1 = np.zeros(19)
    f1[[4, 16]] = 0.5, 0.9
    sheet = plots.f1_per_genre(f1, f1, f1, np.arange(19))
    names = [words.text for words in sorted(sheet.words, key=lambda words: words.y)]
    names = [name for name in names if name in GENRES]
    assert names[:3] == ["Sport", "Comedy", "Action"]
    assert sorted(names) == sorted(GENRES)


def lines(sheet, **look):
    """Return the ends of all lines of a look, in points."""
    return [
        points.tolist()
        for found, marks in sheet.marks()
        if found.kind == "line" and all(getattr(found, k) == v for k, v in look.items())
        for points, _ in marks
    ]


def test_history_marks_unfreezing_between_the_stages_and_the_best_epoch(tmp_path):
    write_history(tmp_path / "history.csv", 12)
    sheet = plots.history(read_history(Run(tmp_path, checked=False)))
    ticks = {words.text: 72 * words.x for words in sheet.words if words.text in ("4", "6")}
    dotted = lines(sheet, dashes=(1, 2))
    # Epochs 1 to 4 are the head's. Of the ticks those of the right panel remain.
    assert dotted[1][0][0] == pytest.approx(ticks["4"] + (ticks["6"] - ticks["4"]) / 4, abs=0.02)
    assert dotted[1][0][0] == dotted[1][1][0]
    assert any("epoch 10" in words.text for words in sheet.words)
    rings = [marks for look, marks in sheet.marks() if look.hollow]
    assert len(rings[0]) == 4


@pytest.mark.parametrize("epochs", [1, 2])
def test_short_and_diverged_histories_are_drawn(tmp_path, epochs):
    write_history(tmp_path / "history.csv", epochs)
    table = read_history(Run(tmp_path, checked=False))
    for worse in (table, table.assign(loss=np.nan, val_loss=np.inf, is_best=0.0)):
        texts = {words.text for words in plots.history(worse).words}
        assert {"training", "validation", "tuned", "at 0.5"} <= texts


def test_history_without_a_file_or_an_epoch_has_no_rows(tmp_path):
    assert not len(read_history(Run(tmp_path, checked=False)))
    write_history(tmp_path / "history.csv", 0)
    assert not len(read_history(Run(tmp_path, checked=False)))
    (tmp_path / "history.csv").write_text("")
    assert isinstance(read_history(Run(tmp_path, checked=False)), pd.DataFrame)


def test_panels_say_which_genre_has_nothing_to_show():
    labels, scores = arrays(without=[16])
    sheet = panels.precision_recall(labels, scores, np.full(19, 0.5))
    texts = [words.text for words in sheet.words]
    assert texts.count("no positive") == 1
    assert "Sport" in texts


def test_confusion_counts_every_poster_once_a_genre():
    labels = np.zeros((10, 19), np.uint8)
    labels[:4, 0] = 1
    scores = np.zeros((10, 19))
    scores[:3, 0] = scores[9, 0] = 0.9  # three right, one missed, one wrong
    words = score_panels.confusion(labels, scores, 0.5).words
    texts = [each.text for each in words if each.text not in GENRES]
    start = next(i for i in range(len(texts)) if texts[i : i + 2] == ["3", "75%"])
    assert texts[start : start + 8] == ["3", "75%", "1", "25%", "1", "17%", "5", "83%"]


def test_wrong_picks_that_come_together_are_named_first():
    labels = np.eye(19, dtype=np.uint8).repeat(4, axis=0)
    scores = labels.astype(float)
    scores[labels[:, 2] == 1, 8] = 1  # every animation picked as a family film too
    sheet = maps.cooccurrence_maps(labels, scores, 0.5)
    texts = [words.text for words in sheet.words]
    place = texts.index("Animation → Family")
    assert texts[place + 1 : place + 4] == ["0%", "100%", "+100"]
    # The other way round it is half: of eight films picked as family, four are animations.
    assert texts[place + 4 : place + 8] == ["Family → Animation", "0%", "50%", "+50"]
    assert sum("→" in text for text in texts) == 2
