"""Runs of one split side by side."""

import csv
import json
import shutil
import subprocess
import sys

import numpy as np
import pytest
from click.testing import CliRunner
from synthetic import draw_scores, write_run

from keras_genres.cli import main
from keras_genres.errors import UserError
from keras_genres.evaluation.compare.facts import clean, open_runs
from keras_genres.evaluation.compare.runs import compare
from keras_genres.evaluation.compare.tables import (
    difference_rows,
    genre_rows,
    notes,
    seed_rows,
    table9,
    table10,
)
from keras_genres.evaluation.compare.text import format_comparison
from keras_genres.evaluation.compare.write import write_comparison
from keras_genres.evaluation.intervals import resample_measures
from keras_genres.evaluation.metrics import macro_f1, pick
from keras_genres.evaluation.paper import load_paper
from keras_genres.evaluation.report import make_report
from keras_genres.evaluation.thresholds import sweep
from keras_genres.files import read_json, write_json
from keras_genres.genres import GENRES
from keras_genres.manifest import write_manifest
from keras_genres.runs import Predictions, Run

FIGURES = ("compare_f1", "compare_genres", "compare_differences")


def write(path, skill=1.3, noise=0, posters=150, constant=False, shuffled=False, **facts):
    """Write a finished run whose labels are those of every other run written here.

    Args:
        path: Folder to make.
        skill: How well scores follow labels.
        noise: Seed of the scores.
        posters: In each of val and test.
        constant: Give every poster the same scores.
        shuffled: Save the posters in another order.
        **facts: For `environment.json`; `seed` and `backbone`, `weights` for the settings.
    """
    names = {"seed": "training.seed", "backbone": "model.backbone", "weights": "model.weights"}
    changes = {names[name]: facts.pop(name) for name in list(names) if name in facts}
    run = write_run(path, posters, changes={"evaluation.resamples": 200, **changes})
    generator = np.random.default_rng(noise + 100)
    for split in ("val", "test"):
        found = run.predictions(split)
        scores = draw_scores(found.labels, generator, skill)
        if constant:
            scores[:] = 0.5
        order = generator.permutation(posters) if shuffled else np.arange(posters)
        Predictions(
            found.filenames[order], found.labels[order], scores[order], found.groups[order]
        ).save(run.predictions_file(split))
    sweep(run)
    write_json(run.environment_file, facts)
    write_manifest(path)
    return run


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Six runs that no test changes, and other things a shell's `*` catches."""
    folder = tmp_path_factory.mktemp("compare")
    write(folder / "good", 1.6, 1, title="Good", experiment="resnet50", backbone="resnet50",
          weights="none", parameters=23_500_000, best_epoch=9, seconds=600.0)  # fmt: skip
    for seed in (0, 1):
        write(folder / f"middle-s{seed}", 1.2, 2 + seed, seed=seed, title="Middle",
              backbone="vgg16", weights="/far/away/vgg16.weights.h5",
              weights_sha256="0123456789abcdef")  # fmt: skip
    write(folder / "cut", 0.8, 4, title="Small", cut="400 of 4,000 posters; epochs × 0.1")
    for name, facts in (
        ("logistic", {"skill": 1.0, "noise": 5, "title": "Logistic regression"}),
        ("prior", {"constant": True, "title": "Constant set"}),
    ):
        run = write(folder / name, kind="baseline", **facts)
        run.settings_file.write_text("evaluation: {resamples: 200}\n")
        write_manifest(run.path)
    (folder / "notes.txt").write_text("not a run")
    (folder / "figures").mkdir()
    shutil.copytree(folder / "good", folder / "newer.partial")
    return folder


@pytest.fixture(scope="module")
def compared(folder):
    return compare(sorted(folder.iterdir()))


@pytest.fixture(scope="module")
def paper():
    return load_paper()


@pytest.fixture
def runs(folder, tmp_path):
    """Copies of two runs, to change; `compared_again` takes the files as they are."""
    names = ("good", "cut")
    return [Run(shutil.copytree(folder / name, tmp_path / name), checked=False) for name in names]


def compared_again(paths):
    """Compare runs whose files were changed on purpose."""
    paths = list(paths)
    for path in paths:
        write_manifest(path)
    return compare(paths)


def call(*args):
    return CliRunner().invoke(main, ["compare", *map(str, args)])


def one_line(result):
    assert result.exit_code == 1, result.output
    assert len(result.stderr.strip().splitlines()) == 1
    return result.stderr


def test_runs_are_ordered_by_validation_and_not_by_test(compared):
    scores = [entry.measures["val"]["macro_f1"] for entry in compared.entries]
    assert scores == sorted(scores, reverse=True)
    assert compared.best == compared.entries[0].label == "Good"
    assert compared.entries[-1].label == compared.prior == "Constant set"


def test_the_best_is_the_best_on_validation_even_if_another_has_the_better_test(tmp_path):
    write(tmp_path / "a", 1.0, 1)
    write(tmp_path / "b", 1.0, 2)
    a, b = (Run(tmp_path / name, checked=False) for name in "ab")
    for run, val, test in ((a, 2.0, 0.3), (b, 0.3, 2.0)):
        for split, skill in (("val", val), ("test", test)):
            found = run.predictions(split)
            scores = draw_scores(found.labels, np.random.default_rng(3), skill)
            Predictions(found.filenames, found.labels, scores, found.groups).save(
                run.predictions_file(split)
            )
        sweep(run)
    found = compared_again([b.path, a.path])
    assert found.best == "a"
    assert found.differences["b", "a"].value > 0


def test_scores_and_intervals_are_those_of_the_report(folder, compared):
    for entry in compared.entries:
        report = make_report(Run(folder / entry.facts.name))
        for split, summary in report.summaries.items():
            for name in ("macro_f1", "micro_f1", "samples_f1"):
                assert entry.measures[split][name] == summary["measures"]["tuned"][name]
                wanted = summary["intervals"]["bounds"][name]
                assert entry.bounds[split][name] == pytest.approx(wanted, abs=2e-6)


def test_differences_are_paired_on_the_same_resamples(folder, compared):
    found = {}
    for name in ("good", "logistic"):
        run = Run(folder / name)
        test = run.predictions("test")
        picks = pick(test.scores, run.thresholds())
        draws = resample_measures(test.labels, picks, test.groups, 200, 0)["macro_f1"]
        found[name] = draws, macro_f1(test.labels, picks)
    difference = compared.differences["Logistic regression", "Good"]
    wanted = np.quantile(found["logistic"][0] - found["good"][0], [0.025, 0.975])
    assert difference.bounds == pytest.approx(tuple(wanted), abs=2e-6)
    assert difference.value == pytest.approx(found["logistic"][1] - found["good"][1], abs=2e-6)
    other = compared.differences["Good", "Logistic regression"]
    assert other.value == -difference.value
    assert other.bounds == pytest.approx((-difference.bounds[1], -difference.bounds[0]), abs=2e-6)


def test_a_pair_is_told_apart_more_closely_than_two_intervals_tell(tmp_path):
    """Two runs with nearly the same scores differ by less than either is known to."""
    write(tmp_path / "a", 1.2, 1)
    run = Run(shutil.copytree(tmp_path / "a", tmp_path / "b"), checked=False)
    found = run.predictions("test")
    scores = found.scores.copy()
    scores[:3] = 1 - scores[:3]
    Predictions(found.filenames, found.labels, scores, found.groups).save(
        run.predictions_file("test")
    )
    compared = compared_again([tmp_path / "a", tmp_path / "b"])
    low, high = compared.differences["b", "a"].bounds
    alone = compared.entries[0].bounds["test"]["macro_f1"]
    assert high - low < (alone[1] - alone[0]) / 2


def test_a_run_does_not_differ_from_its_own_copy(folder, tmp_path):
    shutil.copytree(folder / "good", tmp_path / "copy")
    compared = compare([folder / "good", tmp_path / "copy"])
    difference = compared.differences["Good (copy)", "Good (good)"]
    assert (difference.value, difference.bounds, difference.excludes_0) == (0, (0, 0), False)


def test_excluding_0_is_what_the_interval_says(compared):
    for found in compared.differences.values():
        low, high = found.bounds
        assert found.excludes_0 == (low > 0 or high < 0)
    assert compared.differences["Good", "Constant set"].excludes_0


def test_the_prior_is_whatever_picks_the_same_for_every_poster(folder, compared):
    assert [entry.label for entry in compared.entries if entry.is_constant] == ["Constant set"]
    rows = {row["title"]: row for row in table9(compared)}
    above = compared.differences["Good", "Constant set"]
    assert rows["Good"]["to_prior"] == above.value
    assert rows["Constant set"]["to_prior"] is None
    without = compare([folder / "good", folder / "cut"])
    assert without.prior is None
    assert all(row["to_prior"] is None for row in table9(without))


def test_each_measure_has_the_prior_that_is_best_by_it(folder, tmp_path):
    """All genres are the best constant by macro F1, the two most frequent ones by micro F1."""
    write(tmp_path / "model", 1.0)
    for name, picked in (("all", range(19)), ("two", (4, 7))):
        run = write(tmp_path / name)
        for split in ("val", "test"):
            found = run.predictions(split)
            scores = np.zeros_like(found.scores)
            scores[:, list(picked)] = 1
            Predictions(found.filenames, found.labels, scores, found.groups).save(
                run.predictions_file(split)
            )
        run.save_thresholds([0.5] * 19, "fixed picks", [0] * 19, "train")
    found = compared_again(tmp_path / name for name in ("model", "all", "two"))
    assert found.priors == {"macro_f1": "all", "micro_f1": "two", "samples_f1": "two"}
    assert found.all_genres == found.entry("all").measures["test"]
    told = "\n".join(notes(found))
    assert f"has F1 on test: macro {found.all_genres['macro_f1']:.3f}" in told
    assert f"Prior by micro F1, {found.entry('two').measures['test']['micro_f1']:.3f}" in told


def test_runs_that_are_no_better_than_the_prior_are_named(tmp_path):
    write(tmp_path / "blind", 0)
    write(tmp_path / "model", 1.5)
    write(tmp_path / "prior", constant=True)
    found = compare(sorted(tmp_path.iterdir()))
    blind, prior = (found.entry(label).measures["test"] for label in ("blind", "prior"))
    told = next(line for line in notes(found) if line.startswith("Prior by macro"))
    assert ("blind" in told) == (blind["macro_f1"] <= prior["macro_f1"])
    assert "model" not in told


def test_baselines_show_only_what_counted_for_them(tmp_path, paper):
    """Their settings.yaml holds no more; a default backbone in it would be invented."""
    for name, text in (
        ("frozen", "model: {backbone: vgg16, weights: imagenet}\nevaluation: {resamples: 200}\n"),
        ("low", "evaluation: {resamples: 200}\n"),
    ):
        run = write(tmp_path / name, noise=len(name), kind="baseline")
        run.settings_file.write_text(text)
    compared = compared_again(sorted(tmp_path.iterdir()))
    rows = {row["title"]: row for row in table9(compared, paper)}
    assert (rows["frozen"]["backbone"], rows["frozen"]["weights"]) == ("vgg16", "ImageNet")
    assert (rows["low"]["backbone"], rows["low"]["weights"]) == (None, None)
    assert rows["frozen"]["seed"] is rows["low"]["seed"] is None
    assert rows["frozen"]["paper_row"] is None  # the paper has no baselines


def test_the_order_of_saved_posters_does_not_matter(folder, tmp_path):
    write(tmp_path / "one", 1.0, 7)
    write(tmp_path / "two", 1.0, 7, shuffled=True)
    two = Run(tmp_path / "two", checked=False)
    for split in ("val", "test"):
        one = Run(tmp_path / "one").predictions(split)
        by_name = dict(zip(one.filenames, one.scores, strict=True))
        found = two.predictions(split)
        scores = np.array([by_name[name] for name in found.filenames])
        Predictions(found.filenames, found.labels, scores, found.groups).save(
            two.predictions_file(split)
        )
    sweep(two)
    difference = compared_again([tmp_path / "one", two.path]).differences["two", "one"]
    assert (difference.value, difference.bounds) == (0, (0, 0))


def test_runs_that_differ_only_by_their_seed_get_mean_and_spread(compared):
    assert compared.seeds == [[label for label in labels_of(compared) if "Middle" in label]]
    assert set(compared.seeds[0]) == {"Middle (seed 0)", "Middle (seed 1)"}
    (row,) = seed_rows(compared)
    entries = [entry for entry in compared.entries if entry.label in compared.seeds[0]]
    one, two = (entry.measures["test"]["macro_f1"] for entry in entries)
    assert row["test_macro_f1"] == pytest.approx((one + two) / 2, abs=1e-6)
    # The sample deviation of two values is their distance over the root of 2.
    assert row["test_macro_f1_deviation"] == pytest.approx(abs(one - two) / 2**0.5, abs=1e-6)
    assert (row["seeds"], row["runs"], row["title"]) == ("0 1", 2, "Middle")


def labels_of(compared):
    return [entry.label for entry in compared.entries]


@pytest.mark.parametrize(
    "other", [{"backbone": "resnet50"}, {"cut": "half"}, {"weights_sha256": "ff"}, {"seed": 0}]
)
def test_runs_that_differ_by_more_or_not_at_all_get_no_spread(tmp_path, other):
    common = {"title": "A", "backbone": "vgg16", "weights": "none"}
    write(tmp_path / "one", seed=0, **common)
    write(tmp_path / "two", **{**common, "seed": 1, **other})
    assert compare([tmp_path / "one", tmp_path / "two"]).seeds == []


def test_what_is_no_run_is_left_out_and_told(folder, compared):
    assert len(compared.entries) == 6
    told = "\n".join(compared.notes)
    for name in ("notes.txt: no folder", "figures: no run folder", "newer.partial: not finished"):
        assert name in told
    runs, found = open_runs([folder / "good", folder / "good/", folder / "." / "good"])
    assert (len(runs), found) == (1, [])
    with pytest.raises(UserError, match="No run folder among"):
        open_runs([folder / "figures", folder / "nowhere"])


def test_the_command_prints_results_and_tells_the_rest_on_stderr(folder, compared):
    result = call(*folder.iterdir())
    assert result.exit_code == 0, result.output
    assert "notes.txt: no folder" in result.stderr and "notes.txt" not in result.stdout
    assert "Good" in result.stdout and "400 of 4,000 posters" in result.stdout


def test_runs_of_different_splits_are_refused_with_what_differs(folder, tmp_path):
    write_run(tmp_path / "other", 150, seed=3)
    line = one_line(call(folder / "good", tmp_path / "other"))
    assert "seed 0 -> 3" in line and "other" in line


def test_a_run_without_thresholds_is_answered_with_what_to_do(runs):
    runs[1].thresholds_file.unlink()
    assert f"keras-genres thresholds {runs[1].path}" in one_line(call(*(run.path for run in runs)))


@pytest.mark.parametrize("file", ["settings.yaml", "split.json", "predictions/test.npz"])
def test_a_damaged_run_is_answered_by_one_line(runs, file):
    (runs[1].path / file).write_text("{ damaged")
    assert file in one_line(call(*(run.path for run in runs)))


def test_a_missing_score_file_is_named(runs):
    runs[1].predictions_file("val").unlink()
    assert "val.npz" in one_line(call(*(run.path for run in runs)))


def test_posters_grouped_otherwise_are_refused(runs):
    found = runs[1].predictions("test")
    groups = found.groups.copy()
    groups[1] = "alone"
    Predictions(found.filenames, found.labels, found.scores, groups).save(
        runs[1].predictions_file("test")
    )
    write_manifest(runs[1].path)
    assert "group the test posters differently" in one_line(call(*(run.path for run in runs)))


def test_strange_facts_are_left_out_rather_than_shown(runs):
    facts = {"title": "\x1b[31mRed\n| <b>", "parameters": "many", "seconds": None}
    write_json(runs[0].environment_file, {**facts, "best_epoch": True, "cut": ["x"], "kind": 3})
    compared = compared_again(run.path for run in runs)
    entry = next(entry for entry in compared.entries if entry.facts.name == "good")
    assert entry.label == "?[31mRed | <b>"
    assert (entry.facts.parameters, entry.facts.seconds, entry.facts.best_epoch) == (None,) * 3
    assert (entry.facts.cut, entry.facts.kind) == ("", "network")
    shown = format_comparison(compared, form="markdown")
    assert r"?\[31mRed \| &lt;b&gt;" in shown


def test_a_title_that_is_a_formula_is_shown_as_text(runs):
    write_json(runs[0].environment_file, {"title": "=cmd()"})
    compared = compared_again(run.path for run in runs)
    rows = list(csv.DictReader(format_comparison(compared, form="csv").splitlines()))
    assert {row["title"] for row in rows} == {"'=cmd()", "Small"}


def test_text_is_made_one_printable_line():
    assert clean("a\tb\n\x07c") == "a b ?c"
    assert clean(None) == clean(7) == ""
    assert len(clean("x" * 1000)) == 200


def test_how_weights_began_is_always_said(folder, compared):
    rows = {row["title"]: row for row in table9(compared)}
    assert rows["Good"]["weights"] == "random"
    assert rows["Middle (seed 0)"]["weights"] == "file"
    assert rows["Middle (seed 0)"]["weight_file"] == "vgg16.weights.h5 (SHA-256 01234567)"
    assert rows["Logistic regression"]["weights"] is None
    assert rows["Logistic regression"]["backbone"] is None
    text = format_comparison(compared)
    assert "random" in text and "vgg16.weights.h5 (SHA-256 01234567)" in text


def test_epochs_parameters_and_time_stand_in_the_row(compared):
    row = table9(compared)[0]
    facts = ("best_epoch", "epochs", "parameters", "seconds")
    assert tuple(row[name] for name in facts) == (9, 12, 23_500_000, 600.0)
    line = next(
        line for line in format_comparison(compared).splitlines() if line.endswith("random")
    )
    assert line.split()[-6:] == ["9", "12", "23.50", "M", "10.0", "random"]


@pytest.mark.parametrize("columns", [80, 100, 132, 200])
@pytest.mark.parametrize("with_paper", [True, False])
def test_tables_fit_the_terminal_and_hold_every_run(compared, paper, columns, with_paper):
    text = format_comparison(compared, paper if with_paper else None, columns=columns)
    assert max(map(len, text.splitlines())) <= columns
    for entry in compared.entries:
        assert f"{entry.measures['test']['macro_f1']:.3f}" in text
        low, high = entry.bounds["test"]["samples_f1"]
        assert f"[{low:.3f}, {high:.3f}]" in text
    assert "Small (cut)" in text


def test_a_wider_terminal_takes_fewer_tables(compared, paper):
    narrow, wide = (
        format_comparison(compared, paper, columns=columns).count("\nrun ") for columns in (80, 200)
    )
    assert wide < narrow


def test_the_papers_numbers_stand_beside_the_runs_of_its_recipes(compared, paper):
    rows = table9(compared, paper)
    by_title = {row["title"]: row for row in rows if row["title"]}
    assert by_title["Good"]["paper_row"] == "ResNet50 (Baseline, 12 Epochs)"
    assert (by_title["Good"]["paper_val_macro_f1"], by_title["Good"]["paper_match"]) == (
        0.44,
        "recipe",
    )
    near = by_title["Middle (seed 1)"]
    assert (near["paper_val_macro_f1"], near["paper_match"]) == (0.34, "backbone")
    assert by_title["Logistic regression"]["paper_row"] is None
    others = [row["paper_row"] for row in rows if row["paper_match"] == "not run"]
    assert len(others) == 5 and "ResNet50 (Baseline, 12 Epochs)" not in others
    assert rows[-1]["paper_val_macro_f1"] == 0.76 and rows[-1]["rank"] is None
    text = format_comparison(compared, paper)
    for words in ("≈", "contaminated", "never reports its", "33,887", "frozen or fine-tuned"):
        assert words in text
    assert "contaminated" not in format_comparison(compared)


def test_without_the_paper_no_column_speaks_of_it(compared):
    assert not [name for name in table9(compared)[0] if "paper" in name]


def test_csv_and_json_hold_the_numbers_in_full(compared, paper):
    rows = list(csv.DictReader(format_comparison(compared, paper, "csv").splitlines()))
    values = json.loads(format_comparison(compared, paper, "json"))
    assert len(rows) == len(values["table9"]) == 6 + 5
    assert float(rows[0]["test_macro_f1"]) == compared.entries[0].measures["test"]["macro_f1"]
    assert values["table9"][0]["cut"] is None
    assert len(values["differences"]) == 15
    assert len(values["genres"]) == 6 * len(GENRES)
    assert values["seeds"][0]["runs"] == 2
    assert values["notes"] == notes(compared, paper)
    with pytest.raises(ValueError, match="`form`"):
        format_comparison(compared, form="html")


def test_every_table_a_cut_run_feeds_says_so(compared, tmp_path):
    write_comparison(compared, None, tmp_path / "out")
    for file in (tmp_path / "out").iterdir():
        if file.name not in ("seeds.csv", "seeds.md") and file.suffix in (".csv", ".md"):
            assert "400 of 4,000" in file.read_text(), file.name


def test_table_10_holds_the_thresholds_of_every_run_and_the_papers(folder, compared, paper):
    rows = table10(compared, paper)
    assert [row["genre"] for row in rows] == list(GENRES)
    thresholds = Run(folder / "good").thresholds()
    assert [row["Good"] for row in rows] == thresholds.tolist()
    assert rows[-1]["paper, EfficientNetV2-S (blocks 4–7)"] == 0.80


def test_genres_hold_f1_of_both_splits(folder, compared, paper):
    row = next(row for row in genre_rows(compared, paper) if row["genre"] == "Drama")
    table = make_report(Run(folder / "good")).tables
    assert row["test_f1"] == pytest.approx(table["test"]["f1"][7])
    assert row["val_f1"] == pytest.approx(table["val"]["f1"][7])
    assert row["paper_val_f1"] == paper.tables["3"]["Drama"][2]


def test_differences_are_of_the_better_on_validation_minus_the_other(compared):
    rows = difference_rows(compared)
    ranks = {label: rank for rank, label in enumerate(labels_of(compared))}
    assert all(ranks[row["run"]] < ranks[row["minus"]] for row in rows)


def contents(folder):
    return {path.name: path.read_bytes() for path in sorted(folder.iterdir())}


def test_the_folder_is_whole_and_the_same_bytes_from_elsewhere(folder, tmp_path):
    names = ["good", "middle-s0", "middle-s1", "cut", "logistic", "prior"]
    result = call(*(folder / name for name in names), "--paper", "--out", tmp_path / "out")
    assert result.exit_code == 0, result.output
    found = contents(tmp_path / "out")
    tables = ("table9", "table10", "genres", "differences", "seeds")
    wanted = [f"{name}.{end}" for name in tables for end in ("csv", "md")]
    wanted += [f"{name}.{end}" for name in FIGURES for end in ("png", "svg")]
    assert sorted(found) == sorted(wanted)
    moved = [shutil.copytree(folder / name, tmp_path / "moved" / name) for name in names]
    code = (
        "import sys; from keras_genres.cli import main\n"
        "try: main([*sys.argv[1:]])\n"
        "finally: assert not {'keras', 'tensorflow', 'sklearn', 'matplotlib.pyplot'} & "
        "set(sys.modules)\n"
    )
    args = ["compare", *map(str, moved), "--paper", "--out", str(tmp_path / "again")]
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", code, *args], capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    assert contents(tmp_path / "again") == found
    assert "is there already" in one_line(call(moved[0], "--out", tmp_path / "out"))
    assert call(moved[0], "--out", tmp_path / "out", "--overwrite").exit_code == 0
    assert "differences.csv" not in contents(tmp_path / "out")


def test_a_failed_figure_leaves_no_folder(folder, tmp_path, monkeypatch):
    monkeypatch.setattr("keras_genres.evaluation.compare.plots.genres_figure", lambda *_: 1 / 0)
    result = call(folder / "good", folder / "cut", "--out", tmp_path / "out")
    assert isinstance(result.exception, ZeroDivisionError)
    assert list(tmp_path.iterdir()) == []


def test_figures_keep_their_texts_apart_and_inside(compared, paper):
    from matplotlib.backends.backend_agg import FigureCanvasAgg

    from keras_genres.evaluation.compare import plots
    from keras_genres.evaluation.figures.style import house_style

    with house_style():
        for figure in (
            plots.f1_figure(compared, paper),
            plots.genres_figure(compared),
            plots.differences_figure(compared),
        ):
            renderer = FigureCanvasAgg(figure).get_renderer()
            figure.draw(renderer)
            titles = [text.get_window_extent(renderer) for text in figure.texts]
            labels = [
                label.get_window_extent(renderer)
                for axes in figure.axes
                for label in axes.get_yticklabels()
                if label.get_text()
            ]
            width, height = figure.canvas.get_width_height()
            for box in titles + labels:
                assert box.x0 >= 0 and box.x1 <= width and box.y0 >= 0 and box.y1 <= height
            for i, one in enumerate(labels):
                assert not any(one.overlaps(other) for other in labels[i + 1 :])


def test_many_runs_keep_eight_and_the_prior_in_the_genres(folder, tmp_path):
    for number in range(10):
        write(tmp_path / f"run{number}", 0.5 + number / 10, number)
    write(tmp_path / "prior", constant=True)
    from keras_genres.evaluation.compare.plots import genres_figure
    from keras_genres.evaluation.figures.style import house_style

    with house_style():
        figure = genres_figure(compare(sorted(tmp_path.iterdir())))
    shown = [text.get_text() for text in figure.axes[0].get_legend().get_texts()]
    assert len(shown) == 9 and shown[-1] == "prior"
    assert any("2 more runs are not shown" in text.get_text() for text in figure.texts)


def test_one_run_alone_has_a_table_and_no_difference(folder, tmp_path):
    result = call(folder / "prior", "--out", tmp_path / "out", "--format", "json")
    assert result.exit_code == 0, result.output
    assert json.loads(result.stdout)["differences"] == []
    assert not (tmp_path / "out/compare_differences.png").exists()


def test_intervals_can_be_off(tmp_path):
    for name in ("a", "b"):
        run = write(tmp_path / name, noise=ord(name))
        text = run.settings_file.read_text().replace("resamples: 200", "resamples: 0")
        run.settings_file.write_text(text)
    found = compared_again([tmp_path / "a", tmp_path / "b"])
    assert found.entries[0].bounds == {"val": {}, "test": {}}
    assert all(each.excludes_0 is None for each in found.differences.values())
    assert "In brackets" not in format_comparison(found)
    write_comparison(found, None, tmp_path / "out")
    assert read_json(tmp_path / "a/environment.json") == {}


def test_other_evaluation_settings_are_told(tmp_path):
    write(tmp_path / "a")
    run = write(tmp_path / "b", noise=2)
    run.settings_file.write_text(run.settings_file.read_text().replace(": 200", ": 300"))
    assert "intervals are those of a's" in compared_again([tmp_path / "a", tmp_path / "b"]).notes[0]
