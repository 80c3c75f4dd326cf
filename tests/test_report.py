import dataclasses
import json
import shutil
import subprocess
import sys

import numpy as np
import pandas as pd
import pytest
from sklearn import metrics as second
from synthetic import write_run

from keras_genres.errors import UserError
from keras_genres.evaluation.report import format_report, format_table, make_report, write_report
from keras_genres.evaluation.thresholds import sweep
from keras_genres.genres import GENRES
from keras_genres.manifest import write_manifest
from keras_genres.runs import Predictions, Run
from keras_genres.split import Split

TABLES = (".csv", ".json", "_side_by_side.csv")
FIGURES = ["f1_per_genre", "genre_distribution", "history", "precision_recall", "thresholds"]


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    """A run with its report, which no test changes."""
    run = write_run(tmp_path_factory.mktemp("report") / "run", posters=200, without=[16])
    sweep(run)
    write_report(run)
    write_manifest(run.path)
    return run


@pytest.fixture
def run(finished, tmp_path):
    """A copy to change."""
    return Run(shutil.copytree(finished.path, tmp_path / "run"), checked=False)


def contents(folder):
    return {path.name: path.read_bytes() for path in sorted(folder.iterdir())}


def warnings_of(run):
    sweep(run)
    return "\n".join(make_report(run).warnings)


def test_report_holds_tables_summaries_and_figures(finished):
    wanted = {f"{split}{end}" for split in ("val", "test") for end in TABLES} | {"report.md"}
    found = set(contents(finished.report))
    assert {name for name in found if not name.endswith((".png", ".svg"))} == wanted
    assert {f"{name}.png" for name in FIGURES} <= found


def test_report_is_replaced_by_the_same_bytes_in_another_process(run):
    before = contents(run.report)
    (run.report / "stale.txt").write_text("leaves with the old report")
    code = (
        "import sys\n"
        "from keras_genres.evaluation.report import format_report, write_report\n"
        "from keras_genres.runs import Run\n"
        "write_report(Run.open(sys.argv[1]))\n"
        "print(format_report(Run.open(sys.argv[1])))\n"
        "assert not {'keras', 'tensorflow', 'jax', 'matplotlib.pyplot'} & set(sys.modules)\n"
    )
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", code, str(run.path)], capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    assert "macro avg" in done.stdout and not done.stderr
    assert contents(run.report) == before


def test_report_does_not_hang_on_the_name_of_the_run_or_the_users_style(run, tmp_path):
    import matplotlib

    before = contents(run.report)
    moved = Run(run.path.rename(tmp_path / "elsewhere"), checked=False)
    with matplotlib.rc_context({"axes.facecolor": "black", "font.size": 30, "savefig.dpi": 20}):
        write_report(moved)
    assert contents(moved.report) == before


@pytest.mark.parametrize("split", ["val", "test"])
def test_report_agrees_with_scikit_learn_from_the_predictions(finished, split):
    saved = np.load(finished.path / "predictions" / f"{split}.npz")
    labels, scores = saved["labels"], saved["scores"]
    chosen = json.loads((finished.path / "thresholds.json").read_text())["genres"]
    picks = scores.astype(float) >= np.array([chosen[genre]["threshold"] for genre in GENRES])
    wanted = second.classification_report(
        labels, picks, target_names=GENRES, zero_division=0, output_dict=True
    )
    table = pd.read_csv(finished.report / f"{split}.csv").set_index("genre")
    assert list(table.columns) == ["precision", "recall", "f1", "support", "threshold"]
    assert list(table.index) == [
        *GENRES,
        "micro avg",
        "macro avg",
        "weighted avg",
        "samples avg",
    ]
    for row, values in wanted.items():
        found = table.loc[row, ["precision", "recall", "f1", "support"]]
        assert list(found) == pytest.approx(list(values.values()), abs=1e-9)
    summary = json.loads((finished.report / f"{split}.json").read_text())
    measures = summary["measures"]["tuned"]
    for average in ("micro", "macro", "weighted", "samples"):
        assert measures[f"{average}_f1"] == pytest.approx(
            wanted[f"{average} avg"]["f1-score"], abs=1e-9
        )
    assert measures["hamming_loss"] == pytest.approx(second.hamming_loss(labels, picks), abs=1e-9)
    assert measures["exact_match"] == pytest.approx(second.accuracy_score(labels, picks), abs=1e-9)
    assert summary["measures"]["at_0.5"]["macro_f1"] == pytest.approx(
        second.f1_score(labels, scores >= 0.5, average="macro", zero_division=0), abs=1e-9
    )
    for column, genre in enumerate(GENRES):
        if labels[:, column].any():
            pair = (labels[:, column], scores[:, column])
            found = summary["genres"][genre]
            assert found["average_precision"] == pytest.approx(
                second.average_precision_score(*pair), abs=1e-9
            )
            assert found["roc_auc"] == pytest.approx(second.roc_auc_score(*pair), abs=1e-9)


def test_what_is_not_defined_is_null_in_json(finished):
    for split in ("val", "test"):
        text = (finished.report / f"{split}.json").read_text()
        assert "NaN" not in text
        sport = json.loads(text)["genres"]["Sport"]
        assert sport == {"f1": 0, "f1_at_0.5": 0, "average_precision": None, "roc_auc": None}


def test_summary_says_what_it_was_made_of(finished):
    summary = json.loads((finished.report / "test.json").read_text())
    assert (summary["posters"], summary["groups"]) == (200, 100)
    assert summary["split_sha256"] == finished.split().sha256
    assert summary["thresholds"] == {"method": "exact", "chosen_on": "val"}
    low, high = summary["intervals"]["bounds"]["macro_f1"]
    assert low < summary["measures"]["tuned"]["macro_f1"] < high
    assert summary["intervals"]["bounds"]["top_3_hit"]
    assert list(summary["intervals"]["genres"]) == list(GENRES)
    low, high = summary["intervals"]["genres"]["Drama"]
    assert low < summary["genres"]["Drama"]["f1"] < high


def test_intervals_can_be_turned_off(tmp_path):
    run = write_run(tmp_path / "run", posters=40, changes={"evaluation.resamples": 0})
    sweep(run)
    report = make_report(run)
    assert report.summaries["test"]["intervals"]["bounds"] == {}
    assert report.summaries["test"]["intervals"]["genres"] == {}
    write_report(run)
    assert "bootstrap" not in format_report(report)


def test_failed_report_leaves_the_old_one(run):
    before = contents(run.report)
    run.history_file.write_text("epoch,loss\n1,0.5\n")
    with pytest.raises(UserError, match=r"history.csv is not a history"):
        write_report(run)
    assert contents(run.report) == before
    assert not list(run.path.glob("report.*"))


def test_run_without_a_history_has_no_figure_of_it(tmp_path):
    run = write_run(tmp_path / "run", posters=40, history=False)
    sweep(run)
    write_report(run)
    assert "history.png" not in contents(run.report)


def test_missing_thresholds_are_named_with_the_command_that_makes_them(run):
    run.thresholds_file.unlink()
    with pytest.raises(UserError, match="keras-genres thresholds"):
        make_report(run)


def test_split_without_posters_is_refused(tmp_path):
    run = write_run(tmp_path / "run", posters=10)
    val = run.predictions("val")
    splits = np.full(10, "val")
    Split.of(val.filenames, val.labels, splits, val.groups, 0, {}).save(run.split_file)
    empty = Predictions(*(getattr(val, field.name)[:0] for field in dataclasses.fields(val)))
    empty.save(run.predictions_file("test"))
    sweep(run)
    with pytest.raises(UserError, match="has no posters"):
        make_report(run)


def test_validation_is_flagged_as_optimistic_and_the_test_is_not(finished):
    report = make_report(finished)
    assert "optimistic" in report.summaries["val"]["warnings"][0]
    assert not any("optimistic" in line for line in report.summaries["test"]["warnings"])


def test_test_score_beyond_what_posters_give_raises_the_leak_alarm(tmp_path):
    assert "leak" in warnings_of(write_run(tmp_path / "good", skill=5))
    assert "leak" not in warnings_of(write_run(tmp_path / "usual", skill=1))


def test_empty_genres_and_shared_groups_are_told(tmp_path):
    run = write_run(tmp_path / "run", without=[3, 16], shared_group=True)
    found = warnings_of(run)
    assert "Validation has no poster of Biography, Sport" in found
    assert "Test has no poster of Biography, Sport" in found
    assert found.count("1 group is in both validation and test") == 1
    assert "both validation" not in warnings_of(write_run(tmp_path / "other"))


def test_table_fits_a_terminal_and_shows_both_splits(finished):
    text = format_report(finished)
    assert max(map(len, text.splitlines())) <= 100
    action = next(line for line in text.splitlines() if line.startswith("Action"))
    tables = make_report(finished).tables
    for split in ("test", "val"):
        assert f"{tables[split]['f1'][0]:.3f}" in action.split()
    for words in ("micro avg", "samples avg", "Hamming loss", "top-3 hit", "95 % intervals"):
        assert words in text


def test_csv_and_json_hold_the_same_table(finished, tmp_path):
    (tmp_path / "both.csv").write_text(format_report(finished, "csv"))
    both = pd.read_csv(tmp_path / "both.csv", float_precision="round_trip")
    assert both.groupby("split").size().to_dict() == {"val": 23, "test": 23}
    values = json.loads(format_report(finished, "json"))
    for split in ("val", "test"):
        rows = both[both["split"] == split]
        assert [row["f1"] for row in values[split]["table"]] == rows["f1"].tolist()
        assert values[split]["table"][-1]["threshold"] is None
    with pytest.raises(ValueError, match="`form`"):
        format_report(finished, "html")


def test_table_rounds_for_reading_and_csv_does_not():
    table = pd.DataFrame({"genre": ["Action", "War"], "f1": [1 / 3, np.nan], "posters": [7, 1234]})
    assert format_table(table).splitlines() == [
        "genre      f1  posters",
        "Action  0.333        7",
        "War               1234",
    ]
    assert (
        format_table(table, "csv") == "genre,f1,posters\nAction,0.3333333333333333,7\nWar,,1234\n"
    )
    assert json.loads(format_table(table, "json"))[1] == {
        "genre": "War",
        "f1": None,
        "posters": 1234,
    }
