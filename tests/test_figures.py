"""All figures of a run: which are drawn, in which order, and that nothing stops them."""

import json
import warnings

import numpy as np
import pytest
from synthetic import write_run

from keras_genres.data.table import load_posters
from keras_genres.errors import UserError
from keras_genres.evaluation.figures.draw import FIGURES, draw_figures, figure_text
from keras_genres.evaluation.report import make_report
from keras_genres.evaluation.thresholds import sweep
from keras_genres.runs import Predictions

NAMES = [text.name for text in FIGURES]
OF_POSTERS = {"samples", "top_losses"}


def draw(run, folder, **options):
    folder.mkdir(exist_ok=True)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        return draw_figures(run, make_report(run), folder, **options)


def replace_scores(run, change):
    for split in ("val", "test"):
        found = run.predictions(split)
        scores = change(found.labels).astype(np.float32)
        Predictions(found.filenames, found.labels, scores, found.groups).save(
            run.predictions_file(split)
        )


def test_without_posters_their_sheets_are_left_out(tmp_path):
    run = write_run(tmp_path / "run", posters=60)
    sweep(run)
    drawn = draw(run, tmp_path / "figures")
    assert drawn == [name for name in NAMES if name not in OF_POSTERS]
    files = {path.name for path in (tmp_path / "figures").iterdir()}
    assert files == {f"{name}.{end}" for name in drawn for end in ("png", "svg")}


def test_with_posters_all_are_drawn_in_order_and_errors_by_each_column(
    finished, prepared, tmp_path
):
    posters = load_posters(prepared)
    posters.extra["Über: $x^2$ / ../"] = np.array(["a", "b"] * (len(posters) // 2))
    posters.extra["über x 2"] = np.array(["c"] * len(posters))
    columns = ("year", "Über: $x^2$ / ../", "über x 2")
    drawn = draw(finished, tmp_path / "one", posters=posters, columns=columns)
    assert drawn == [*NAMES, "errors_by_year", "errors_by_ber_x_2", "errors_by_ber_x_2_2"]
    files = {path.name: path.read_bytes() for path in (tmp_path / "one").iterdir()}
    assert {name for name in drawn if f"{name}.svg" not in files} == OF_POSTERS
    draw(finished, tmp_path / "two", posters=posters, columns=columns)
    assert files == {path.name: path.read_bytes() for path in (tmp_path / "two").iterdir()}


def test_posters_of_another_split_are_refused(finished, prepared, tmp_path):
    run = write_run(tmp_path / "run", posters=20)
    sweep(run)
    with pytest.raises(UserError, match="different splits"):
        draw(run, tmp_path / "figures", posters=load_posters(prepared))


@pytest.mark.parametrize(
    "scores",
    [
        np.zeros_like,
        np.ones_like,
        lambda labels: np.full(labels.shape, 0.3),
        lambda labels: np.tile(labels.mean(axis=0), (len(labels), 1)),
        lambda labels: 1 - labels,
    ],
)
def test_constant_and_hard_scores_are_drawn(tmp_path, scores):
    run = write_run(tmp_path / "run", posters=30, history=False)
    replace_scores(run, scores)
    sweep(run)
    drawn = draw(run, tmp_path / "figures")
    assert drawn == [name for name in NAMES if name not in OF_POSTERS | {"history"}]


@pytest.mark.parametrize(
    "options",
    [
        {"posters": 3, "history": 1},
        {"posters": 1, "history": 2},
        {"posters": 30, "without": range(19)},
        {"posters": 30, "without": [16], "changes": {"evaluation.resamples": 0}},
    ],
)
def test_small_and_empty_runs_are_drawn(tmp_path, options):
    run = write_run(tmp_path / "run", **options)
    sweep(run)
    assert len(draw(run, tmp_path / "figures")) == len(NAMES) - len(OF_POSTERS)


def test_many_posters_make_no_large_files(tmp_path):
    run = write_run(tmp_path / "run", posters=3000)
    sweep(run)
    draw(run, tmp_path / "figures")
    assert max(path.stat().st_size for path in (tmp_path / "figures").iterdir()) < 200_000


def test_every_figure_has_texts_in_plain_words():
    for text in [*FIGURES, figure_text("errors_by_year")]:
        assert figure_text(text.name) == text
        assert text.title and text.alt.endswith(".") and text.caption.endswith(".")
        assert 1 <= text.caption.count(". ") + 1 <= 3
    assert figure_text("errors_by_release_year").title == "Errors by release year"
    with pytest.raises(ValueError, match="`name`"):
        figure_text("nothing")


def test_titles_of_the_page_are_those_in_the_figures(tmp_path):
    run = write_run(tmp_path / "run", posters=20)
    sweep(run)
    report = make_report(run)
    from keras_genres.evaluation.figures.draw import _drawings

    for name, make in _drawings(run, report).items():
        assert make().words[0].text == figure_text(name).title, json.dumps(name)
