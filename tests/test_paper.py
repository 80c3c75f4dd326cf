"""The paper's own numbers: read, recomputed, and where they disagree."""

import csv
import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from scipy.optimize import linprog

from keras_genres.cli import main
from keras_genres.errors import UserError
from keras_genres.evaluation.paper import ROWS, find_row, load_paper, paper_folder
from keras_genres.evaluation.paper_check import (
    f1_bounds,
    f1_of,
    find_disagreements,
    format_paper,
    recompute_averages,
)
from keras_genres.genres import GENRES

ROOT = Path(__file__).parents[1]
FOLDER = ROOT / "experiments/paper"


@pytest.fixture(scope="module")
def paper():
    return load_paper()


@pytest.fixture
def copied(tmp_path):
    """The paper's folder, to change."""
    return Path(shutil.copytree(FOLDER, tmp_path / "paper"))


def change(path, old, new):
    text = path.read_text(encoding="utf-8")
    assert text.count(old) == 1
    path.write_text(text.replace(old, new), encoding="utf-8")


def found_in(folder, place):
    return [row for row in find_disagreements(load_paper(folder)) if row["place"].startswith(place)]


def test_every_table_has_the_19_genres_and_its_averages(paper):
    assert list(paper.tables) == ["2", "3", "4 left", "4 right", "5", "6", "7", "8 left", "8 right"]
    for rows in paper.tables.values():
        assert list(rows)[:19] == list(GENRES)
    assert sum(map(len, paper.tables.values())) == 204
    assert paper.tables["7"]["War"] == (0.89, 0.71, 0.79)
    assert paper.thresholds["War"] == 0.80
    assert [row.model for row in ROWS] == list(paper.table9)


def test_f1_follows_from_precision_and_recall():
    assert f1_of(0.5, 0.25) == pytest.approx(1 / 3)
    assert f1_of(0, 0) == 0
    low, high = f1_bounds(0.62, 0.50)
    # 2 × 0.615 × 0.495 / 1.11 and 2 × 0.625 × 0.505 / 1.13
    assert (low, high) == pytest.approx((0.54851, 0.55863), abs=1e-5)
    low, high = f1_bounds(1.0, 0.0)
    assert (low, high) == pytest.approx((0, 2 * 0.005 / 1.005))


def test_macro_averages_are_the_means_of_the_rows(paper):
    rows = [row for row in recompute_averages(paper) if row["average"] == "macro"]
    assert len(rows) == 9 * 3
    for row in rows:
        column = ("precision", "recall", "f1").index(row["measure"])
        values = [paper.tables[row["table"]][genre][column] for genre in GENRES]
        assert row["recomputed"] == pytest.approx(np.mean(values), abs=5e-5)
        # 0.005 of the printed average and 0.005 of the printed rows
        assert row["agrees"] == (abs(row["printed"] - np.mean(values)) <= 0.01)


def test_no_row_or_average_of_the_paper_disagrees_with_its_table(paper):
    assert all(row["agrees"] for row in recompute_averages(paper))
    assert not [row for row in find_disagreements(paper) if row["place"].startswith("Table 2,")]


def test_a_row_whose_f1_does_not_follow_is_found(copied):
    change(copied / "tables2-8.csv", "Action,0.62,0.50,0.55", "Action,0.62,0.50,0.57")
    (row,) = found_in(copied, "Table 2, Action")
    assert row["says"] == "F1 0.57" and "0.549 to 0.559" in row["shows"]


def test_a_macro_average_that_does_not_follow_is_found(copied):
    change(copied / "tables2-8.csv", "Macro Avg,0.79,0.73,0.76", "Macro Avg,0.79,0.73,0.78")
    (row,) = found_in(copied, "Table 7, macro f1")
    assert "mean of the 19 rows" in row["shows"]
    (row,) = found_in(copied, "Table 9, EfficientNetV2-S (Blocks 4–7, 100 Epoch)")[:1]
    assert row["says"] == "macro F1 0.76" and row["shows"] == "0.78"


def test_a_weighted_recall_that_is_not_the_micro_recall_is_found(copied):
    change(copied / "tables2-8.csv", "Weighted Avg,0.52,0.61,0.56", "Weighted Avg,0.52,0.64,0.56")
    (row,) = found_in(copied, "Table 5, weighted recall")
    assert "equals micro recall" in row["shows"]


def test_the_texts_numbers_are_held_against_the_tables(paper):
    computed = [row for row in find_disagreements(paper) if row["found"] == "computed"]
    assert [(row["place"], row["says"], row["against"], row["shows"]) for row in computed[:5]] == [
        ("Section 5.1.1", "macro F1 0.4035", "Table 2", "0.41"),
        ("Section 5.1.1", "micro F1 0.4621", "Table 2", "0.47"),
        ("Section 5.1.1", "samples F1 0.4198", "Table 2", "0.41"),
        ("Section 5.2", "macro F1 0.55", "Table 5", "0.53"),
        ("Section 5.2", "micro F1 0.53", "Table 5", "0.55"),
    ]
    assert len(computed) == 6
    assert "macro F1 0.76 above micro F1 0.74" in computed[5]["says"]


def test_numbers_in_the_statements_are_those_of_the_tables(paper):
    """What was read by hand says what the tables say."""
    table = paper.tables
    assert (table["2"]["Animation"][1], table["3"]["Animation"][1]) == (0.78, 0.75)
    assert (table["2"]["Music"][2], table["3"]["Music"][2]) == (0.33, 0.31)
    assert table["2"]["Animation"][2] == table["3"]["Animation"][2] == 0.83
    assert (paper.thresholds["Sport"], paper.thresholds["Drama"]) == (0.75, 0.30)
    assert (table["2"]["War"][0], table["4 left"]["War"][0]) == (0.38, 0.36)
    assert table["3"]["War"][1] == table["4 right"]["War"][1] == 0.20
    sport = [table[name]["Sport"][2] for name in ("2", "3", "4 left", "4 right")]
    assert (min(sport), max(sport)) == (0.40, 0.46)
    small, base = (paper.table9[ROWS[i].model] for i in (4, 1))
    assert all(small[name] < base[name] for name in base)
    balanced = paper.table9[ROWS[2].model]
    assert all(balanced[name] < base[name] for name in base)
    assert min(paper.table9, key=lambda model: paper.table9[model]["macro_f1"]) == ROWS[0].model


def test_one_distribution_of_genres_explains_every_micro_and_weighted_average(paper):
    """Micro and weighted rows need the shares of the genres, which are not printed.

    Unknowns are a share a genre, the same for all tables, and for each table
    right picks, picks and the weighted precision of each genre. Printed
    numbers bound them, and every bound is linear.
    """
    n = len(GENRES)
    size = n + 3 * n * len(paper.tables)
    share = np.eye(size)[:n]
    bounds = []

    def within(part, value, whole):
        """Add `value - 0.005 <= part / whole <= value + 0.005`."""
        bounds.append(part - min(1, value + 0.005) * whole)
        bounds.append(max(0, value - 0.005) * whole - part)

    for number, rows in enumerate(paper.tables.values()):
        start = n + 3 * n * number
        hits, picks, precise = (np.eye(size)[start + n * i :][:n] for i in range(3))
        for i, genre in enumerate(GENRES):
            precision, recall, f1 = rows[genre]
            within(hits[i], precision, picks[i])
            within(hits[i], recall, share[i])
            within(2 * hits[i], f1, picks[i] + share[i])
            within(precise[i], precision, share[i])
        precision, recall, f1 = rows["Micro Avg"]
        within(hits.sum(0), precision, picks.sum(0))
        within(hits.sum(0), recall, share.sum(0))
        within(2 * hits.sum(0), f1, (picks + share).sum(0))
        if "Weighted Avg" in rows:
            precision, recall, f1 = rows["Weighted Avg"]
            within(precise.sum(0), precision, share.sum(0))
            within(hits.sum(0), recall, share.sum(0))
            values = np.array([rows[genre][2] for genre in GENRES])
            bounds.append((values - 0.005) @ share - (f1 + 0.005) * share.sum(0))
            bounds.append((f1 - 0.005) * share.sum(0) - (values + 0.005) @ share)
    found = linprog(
        np.zeros(size),
        A_ub=np.array(bounds),
        b_ub=np.full(len(bounds), 1e-9),
        A_eq=share.sum(0)[None],
        b_eq=[1],
    )
    assert found.success, found.message


@pytest.mark.parametrize(
    ("experiment", "backbone", "table", "follows"),
    [
        ("resnet50", "resnet50", "3", True),
        ("resnet50_pos_weight", "resnet50", "4 right", True),
        ("efficientnetb0", "efficientnetb0", "5", True),
        ("efficientnetv2s_blocks6-7", "efficientnetv2s", "6", True),
        ("efficientnetv2s_blocks4-7", "efficientnetv2s", "7", True),
        ("vgg16_frozen", "vgg16", "8 right", True),
        ("vgg16_finetuned", "vgg16", "8 right", True),
        (None, "vgg16", "8 right", False),
        ("mine", "efficientnetv2s", "7", False),
    ],
)
def test_runs_stand_beside_the_row_of_their_recipe_else_of_their_backbone(
    experiment, backbone, table, follows
):
    row, does = find_row(experiment, backbone)
    assert (row.table, does) == (table, follows)


def test_other_runs_stand_beside_nothing():
    assert find_row("mobilenetv2", "mobilenetv2") == (None, False)
    assert find_row(None, None) == (None, False)


def test_every_experiment_of_a_row_has_its_file():
    names = {name for row in ROWS for name in row.experiments}
    assert {name for name in names if not (ROOT / f"experiments/{name}.yaml").exists()} == set()


def test_the_command_prints_every_form():
    text = CliRunner().invoke(main, ["paper"]).stdout
    assert "99 of 99 printed averages agree" in text
    assert "18 disagreements" in text
    assert max(map(len, text.splitlines())) <= 100
    values = json.loads(CliRunner().invoke(main, ["paper", "--format", "json"]).stdout)
    rows = list(csv.DictReader(format_paper(load_paper(), "csv").splitlines()))
    assert len(rows) == len(values["averages"]) + len(values["disagreements"]) == 99 + 18
    with pytest.raises(ValueError, match="`form`"):
        format_paper(load_paper(), "html")


def test_the_folder_is_looked_for_and_can_be_named(tmp_path, monkeypatch, copied):
    assert paper_folder() == FOLDER
    assert paper_folder(copied) == copied
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("keras_genres.__file__", str(tmp_path / "lib/keras_genres/__init__.py"))
    with pytest.raises(UserError, match="--paper-folder"):
        paper_folder()
    (tmp_path / "experiments").mkdir()
    copied.rename(tmp_path / "experiments/paper")
    assert load_paper().table9


@pytest.mark.parametrize(
    ("file", "old", "new", "message"),
    [
        ("table9.csv", "0.34,0.37,0.36", "0.34,many,0.36", "no number 'micro_f1'"),
        ("table9.csv", "macro_f1", "macro", "no number 'macro_f1'"),
        ("table9.csv", "VGG-16", "VGG-17", "lack a genre, an average or a model"),
        ("table10.csv", "War,0.80\n", "", "lack a genre"),
        ("statements.csv", "place,says", "where,says", "columns place, says"),
        ("text_numbers.csv", "5.4,8 right,Sport", "5.4,9,Sport", "lack a genre"),
    ],
)
def test_damaged_files_are_answered_by_one_line(copied, file, old, new, message):
    change(copied / file, old, new)
    result = CliRunner().invoke(main, ["paper", "--paper-folder", str(copied)])
    assert result.exit_code == 1, result.output
    assert message in result.stderr
    assert len(result.stderr.strip().splitlines()) == 1


def test_a_missing_file_is_named(copied):
    (copied / "statements.csv").unlink()
    with pytest.raises(UserError, match=r"Cannot read .*statements.csv"):
        load_paper(copied)
