import json

import pytest
from synthetic import write_run

from keras_genres.evaluation.figures.captions import FIGURES, figure_text
from keras_genres.evaluation.report import make_report
from keras_genres.evaluation.report_markdown import report_markdown
from keras_genres.evaluation.side_by_side import side_by_side
from keras_genres.evaluation.thresholds import sweep
from keras_genres.genres import GENRES


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    run = write_run(tmp_path_factory.mktemp("markdown") / "run", posters=100)
    sweep(run)
    facts = {"title": "A | B <b>", "cut": "100 of 200 posters", "data": "/srv/x/data"}
    run.environment_file.write_text(json.dumps(facts))
    return run


@pytest.fixture(scope="module")
def text(run):
    return report_markdown(run, make_report(run), [figure.name for figure in FIGURES])


def section(text, title):
    return text.split(f"\n## {title}\n", 1)[1].split("\n## ", 1)[0]


@pytest.mark.parametrize("split, title", [("test", "Test"), ("val", "Validation")])
def test_tables_are_those_side_by_side(run, text, split, title):
    lines = section(text, f"{title}, genre by genre").strip().splitlines()[2:]
    table = side_by_side(make_report(run), split)
    assert len(lines) == len(table) == 23
    for line, row in zip(lines, table.itertuples(index=False, name=None), strict=True):
        cells = [cell.strip() for cell in line.strip("|").split(" | ")]
        wanted = [row[0], *(f"{value:.3f}" for value in row[1:7])]
        assert cells[:7] == wanted and cells[8] == f"{row[9]:,}"


def test_thresholds_have_a_row_a_genre(run, text):
    lines = section(text, "Thresholds").splitlines()
    for genre, threshold in zip(GENRES, run.thresholds(), strict=True):
        assert f"| {genre} | {threshold:.4f} |" in lines


def test_title_cut_warnings_and_figures_are_told_and_escaped(text):
    assert text.startswith("# A \\| B &lt;b&gt;\n")
    assert "**Cut to size: 100 of 200 posters.**" in text
    assert "Validation scores are optimistic" in section(text, "Before the numbers")
    figures = section(text, "Figures")
    for name, title, _, _ in map(figure_text, [figure.name for figure in FIGURES]):
        assert f"({name}.png)" in figures and f"### {title}" in figures
    assert "/srv" not in text and "- Data: data\n" in text
