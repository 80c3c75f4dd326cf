import numpy as np
import pandas as pd
import pytest
from synthetic import draw_labels, draw_scores, write_history

from keras_genres.evaluation import panels, plots
from keras_genres.evaluation.figures import read_history
from keras_genres.evaluation.style import house_style, save_png
from keras_genres.evaluation.thresholds import choose_thresholds
from keras_genres.genres import GENRES


def arrays(without=()):
    generator = np.random.default_rng(0)
    labels = draw_labels(300, generator)
    scores = draw_scores(labels, generator)
    labels[:, list(without)] = 0
    return labels, scores


def all_figures(folder, without=()):
    """Return every figure by name."""
    labels, scores = arrays(without)
    thresholds = choose_thresholds(labels, scores)
    write_history(folder / "history.csv", 12)
    f1 = np.linspace(0, 1, 19)
    counts = {"train": np.arange(19) * 1000, "val": np.arange(19) * 300, "test": np.arange(19) * 9}
    return {
        "f1_per_genre": plots.f1_per_genre(f1, f1[::-1], thresholds, labels.sum(axis=0)),
        "genre_distribution": plots.genre_distribution(counts),
        "history": plots.history(read_history(folder / "history.csv")),
        "precision_recall": panels.precision_recall(labels, scores, thresholds),
        "thresholds": panels.thresholds_panels((labels, scores), (labels, scores), thresholds),
    }


def drawn_texts(figure):
    """Return the texts of a figure with their boxes, in pixels."""
    renderer = figure.canvas.get_renderer()
    figure.draw(renderer)
    parts = list(figure.texts)
    for axes in figure.axes:
        parts += [*axes.texts, axes._left_title, axes.xaxis.label, axes.yaxis.label]
        if axes.axison:
            parts += _tick_labels(axes.xaxis, axes.get_xlim())
            parts += _tick_labels(axes.yaxis, axes.get_ylim())
    shown = [part for part in parts if part.get_text() and part.get_visible()]
    return [(part.get_text(), part.get_window_extent(renderer)) for part in shown]


def _tick_labels(axis, limits):
    # Ticks outside the limits exist but are not drawn.
    pairs = zip(axis.get_majorticklocs(), axis.get_ticklabels(), strict=True)
    return [label for where, label in pairs if min(limits) <= where <= max(limits)]


@pytest.mark.parametrize("without", [(), (3, 16)])
def test_no_text_overlaps_another_or_leaves_the_figure(tmp_path, without):
    with house_style():
        for name, figure in all_figures(tmp_path, without).items():
            texts = drawn_texts(figure)
            assert len(texts) > 10
            width, height = figure.bbox.width, figure.bbox.height
            for index, (text, box) in enumerate(texts):
                assert box.x0 >= 0 and box.y0 >= 0, (name, text)
                assert box.x1 <= width and box.y1 <= height, (name, text)
                for other, other_box in texts[:index]:
                    assert not box.padded(-1.5).overlaps(other_box.padded(-1.5)), (
                        name,
                        text,
                        other,
                    )


def test_figures_are_the_same_bytes_and_hold_no_date(tmp_path):
    for folder in ("one", "two"):
        (tmp_path / folder).mkdir()
        with house_style():
            for name, figure in all_figures(tmp_path).items():
                save_png(figure, tmp_path / folder / f"{name}.png")
    for path in (tmp_path / "one").iterdir():
        content = path.read_bytes()
        assert content == (tmp_path / "two" / path.name).read_bytes()
        assert b"tEXt" not in content and b"tIME" not in content


def test_f1_per_genre_puts_the_best_genre_on_top():
    f1 = np.zeros(19)
    f1[[4, 16]] = 0.5, 0.9
    with house_style():
        figure = plots.f1_per_genre(f1, f1, f1, np.arange(19))
    names = [label.get_text() for label in figure.axes[0].get_yticklabels()]
    assert names[:3] == ["Sport", "Comedy", "Action"]
    assert sorted(names) == sorted(GENRES)


def test_history_marks_unfreezing_between_the_stages_and_the_best_epoch(tmp_path):
    write_history(tmp_path / "history.csv", 12)
    table = read_history(tmp_path / "history.csv")
    with house_style():
        figure = plots.history(table)
    verticals = [
        line.get_xdata()[0]
        for line in figure.axes[1].lines
        if len(line.get_xdata()) == 2 and line.get_xdata()[0] == line.get_xdata()[1]
    ]
    assert verticals == [4.5]  # epochs 1 to 4 are the head's
    assert any("epoch 10" in text.get_text() for text in figure.texts)


@pytest.mark.parametrize("epochs", [1, 2])
def test_short_and_diverged_histories_are_drawn(tmp_path, epochs):
    write_history(tmp_path / "history.csv", epochs)
    table = read_history(tmp_path / "history.csv")
    with house_style():
        for worse in (table, table.assign(loss=np.nan, val_loss=np.inf, is_best=0.0)):
            texts = drawn_texts(plots.history(worse))
            assert {"training", "validation", "tuned", "at 0.5"} <= {text for text, _ in texts}


def test_history_without_a_file_or_an_epoch_has_no_rows(tmp_path):
    assert not len(read_history(tmp_path / "history.csv"))
    write_history(tmp_path / "history.csv", 0)
    assert not len(read_history(tmp_path / "history.csv"))
    (tmp_path / "history.csv").write_text("")
    assert isinstance(read_history(tmp_path / "history.csv"), pd.DataFrame)


def test_panels_say_which_genre_has_nothing_to_show():
    labels, scores = arrays(without=[16])
    with house_style():
        figure = panels.precision_recall(labels, scores, np.full(19, 0.5))
    texts = [text.get_text() for text in figure.axes[0].texts]
    assert texts.count("no positive\nin test") == 1
    assert "Sport" in texts
