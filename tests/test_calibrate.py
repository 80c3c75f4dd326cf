import json
import shutil

import numpy as np
import pytest
from click.testing import CliRunner
from sklearn.calibration import CalibratedClassifierCV
from sklearn.frozen import FrozenEstimator
from sklearn.isotonic import IsotonicRegression
from sklearn.linear_model import LogisticRegression
from synthetic import write_run

from keras_genres.artefact import metadata_of, models_of, read_metadata
from keras_genres.calibration_map import CalibrationMap, GenreMap, logits
from keras_genres.cli import main
from keras_genres.errors import UserError
from keras_genres.evaluation.before_after import before_after, format_before_after
from keras_genres.evaluation.calibrate import FOLDS, _folds, calibrate, choose_map
from keras_genres.evaluation.calibration import brier_scores
from keras_genres.evaluation.calibrators import LEAST_SLOPE, fit_map
from keras_genres.evaluation.metrics import pick
from keras_genres.evaluation.thresholds import sweep
from keras_genres.genres import GENRES, NUM_GENRES
from keras_genres.manifest import write_manifest
from keras_genres.runs import Predictions, Run
from keras_genres.verify import verify


def shares(posters=1500, seed=0, scale=1.0):
    """Return labels and the true shares they were drawn with."""
    generator = np.random.default_rng(seed)
    z = generator.normal(-2.0, 1.2 * scale, posters)
    scores = 1 / (1 + np.exp(-z))
    return generator.random(posters) < scores, scores.astype(np.float32)


def distorted(scores, slope, shift):
    return (1 / (1 + np.exp(-(slope * logits(scores) + shift)))).astype(np.float32)


def brier(found, scores):
    return float(brier_scores(np.asarray(found)[:, None], np.asarray(scores)[:, None])[0])


@pytest.mark.parametrize(
    ("slope", "shift", "methods"),
    [(3.0, 0.0, ["temperature"]), (0.4, 0.0, ["temperature"]), (1.0, 2.5, ["platt"])],
)
def test_scores_that_were_distorted_are_mended(slope, shift, methods):
    found, true = shares()
    wrong = distorted(true, slope, shift)
    choice = choose_map(found, wrong, np.arange(len(found)), 0.3)
    assert choice.map.method in methods
    new, right = shares(5000, seed=1)
    after = choice.map.apply(distorted(right, slope, shift))
    assert brier(new, after) - brier(new, right) < 0.001
    assert brier(new, distorted(right, slope, shift)) - brier(new, right) > 0.005
    np.testing.assert_allclose(np.median(after / right), 1, atol=0.15)


def test_a_bend_no_line_can_mend_is_left_to_isotonic_regression():
    found, true = shares(4000)
    wrong = np.sqrt(np.maximum(true - 0.08, 0)) * 0.3 + 0.001 * true  # flat below, steep above
    choice = choose_map(found, wrong.astype(np.float32), np.arange(len(found)), 0.1)
    assert choice.map.method == "isotonic"
    assert min(choice.cv_brier, key=choice.cv_brier.get) == "isotonic"


def test_scores_that_are_shares_already_are_not_made_worse():
    changes, kept = [], 0
    for seed in range(12):
        found, scores = shares(600, seed)
        choice = choose_map(found, scores, np.arange(len(found)), 0.3)
        new, right = shares(5000, seed + 100)
        kept += choice.map.method == "none"
        changes.append(brier(new, choice.map.apply(right)) - brier(new, right))
    assert kept >= 9
    assert np.mean(changes) < 3e-4  # of 0.11; Platt for all twelve costs twice that


def test_a_rare_genre_that_is_far_off_is_mended_and_one_that_is_near_is_left_alone():
    generator = np.random.default_rng(3)
    found = np.zeros(900, bool)
    found[:8] = True
    near = (0.009 * generator.lognormal(0, 0.3, 900)).astype(np.float32)
    groups = np.arange(900)
    assert choose_map(found, near, groups, 0.01).map.method == "none"
    far = distorted(near, 1, 4)  # 0.33 where 0.009 is right
    choice = choose_map(found, far, groups, 0.4)
    assert choice.map.method != "none"
    assert choice.map.apply(far).mean() == pytest.approx(0.009, abs=0.004)


@pytest.mark.parametrize("positives", [0, 1, FOLDS - 1])
def test_too_few_posters_with_or_without_a_genre_leave_its_scores(positives):
    scores = np.full(200, 0.9, np.float32)
    found = np.arange(200) < positives
    choice = choose_map(found, scores, np.arange(200), 0.5)
    assert choice.map == GenreMap() and "with the genre, too few" in choice.why
    choice = choose_map(~found, 1 - scores, np.arange(200), 0.5)
    assert choice.map == GenreMap() and "without the genre, too few" in choice.why


def test_posters_of_one_group_count_once():
    found = np.repeat([True, False], [40, 400])
    groups = np.concatenate([np.zeros(40, int), np.arange(1, 401)])  # forty of one film
    choice = choose_map(found, np.full(440, 0.9, np.float32), groups, 0.5)
    assert choice.map == GenreMap() and choice.why.startswith("1 group with")


def test_folds_spread_the_groups_with_the_genre_evenly():
    has_genre = np.arange(103) < 13
    fold = _folds(has_genre, np.random.default_rng(0))
    assert set(np.bincount(fold[has_genre])) <= {2, 3}
    assert set(np.bincount(fold)) <= {20, 21}
    assert not np.array_equal(fold, _folds(has_genre, np.random.default_rng(1)))


def second_opinion(method, found, scores):
    """scikit-learn's own calibration of a classifier whose decision is the logit."""
    z = logits(scores)[:, None]
    line = LogisticRegression().fit([[0.0], [1.0]], [0, 1])
    line.coef_, line.intercept_ = np.array([[1.0]]), np.array([0.0])
    fit = CalibratedClassifierCV(FrozenEstimator(line), method=method).fit(z, found)
    return fit.predict_proba(z)[:, 1]


@pytest.mark.parametrize(("method", "theirs"), [("platt", "sigmoid"), ("temperature",) * 2])
def test_fits_are_those_of_scikit_learn(method, theirs):
    found, true = shares(4000)
    wrong = distorted(true, 2.0, 0.7 if method == "platt" else 0)
    try:
        wanted = second_opinion(theirs, found, wrong)
    except ValueError:
        pytest.skip(f"this scikit-learn has no {theirs!r}")
    np.testing.assert_allclose(fit_map(method, found, wrong).apply(wrong), wanted, atol=0.005)


def test_isotonic_fit_goes_through_the_middle_of_each_stair():
    found, true = shares(3000)
    fitted = fit_map("isotonic", found, true)
    stairs = IsotonicRegression().fit_transform(logits(true), found)
    after = fitted.apply(true)
    assert np.abs(after - stairs).mean() < 0.015
    # Strictly increasing where the staircase is flat, and of the same share as a whole.
    order = np.argsort(true)
    assert (np.diff(logits(after[order])) >= 0.9 * LEAST_SLOPE * np.diff(logits(true[order]))).all()
    assert after.mean() == pytest.approx(found.mean(), abs=0.003)


def test_isotonic_fit_has_few_steps_however_many_posters():
    generator = np.random.default_rng(0)
    scores = np.sort(generator.random(40_000))
    found = generator.random(40_000) < scores
    fitted = fit_map("isotonic", found, scores)
    assert 20 < len(fitted.start) <= 64
    assert np.abs(fitted.apply(scores) - scores).max() < 0.1


@pytest.mark.parametrize("method", ["temperature", "platt", "isotonic"])
def test_fits_hold_where_scores_say_nothing_or_everything(method):
    found = np.arange(60) < 20
    for scores in (np.full(60, 0.3), found.astype(float), 1.0 - found, np.where(found, 1e-30, 0)):
        fitted = fit_map(method, found, scores.astype(np.float32))
        if fitted is not None:
            assert np.isfinite(fitted.apply(scores)).all()
    if method == "platt":
        assert fit_map(method, found, 1.0 - found) is None  # it would fall


def test_an_unknown_method_is_a_bug():
    with pytest.raises(ValueError, match="no method"):
        fit_map("beta", [0, 1], [0.1, 0.2])


def far_off(path, posters=300, **how):
    """A run whose scores are three times too sure, with thresholds."""
    run = write_run(path, posters=posters, **how)
    for split in ("val", "test"):
        found = run.predictions(split)
        scores = distorted(found.scores, 3.0, 0.5)
        Predictions(found.filenames, found.labels, scores, found.groups).save(
            run.predictions_file(split)
        )
    sweep(run)
    return run


@pytest.fixture(scope="module")
def mended(tmp_path_factory):
    """A calibrated run; nobody in it has genre 16. Do not write into it."""
    run = far_off(tmp_path_factory.mktemp("mended") / "run", 1000, without=[16])
    calibrate(run)
    return run


def test_a_run_is_mended_on_test_and_no_pick_changes(mended):
    run, calibration = mended, mended.calibration()
    found = before_after(run)
    mean = found["table"][-1]
    assert mean["genre"] == "mean" and mean["ece_after"] < 0.5 * mean["ece_before"]
    assert mean["brier_high"] < 0 and mean["ece_high"] < 0
    assert found["changed_picks"] == 0
    for split in ("val", "test"):
        part = run.predictions(split)
        np.testing.assert_array_equal(
            pick(part.scores, run.thresholds()),
            pick(calibration.apply(part.scores), calibration.carry_thresholds(run.thresholds())),
        )


def test_the_same_run_gives_the_same_bytes(mended, tmp_path):
    run = Run(shutil.copytree(mended.path, tmp_path / "run"), checked=False)
    first = run.calibration_file.read_bytes()
    calibrate(run)
    assert run.calibration_file.read_bytes() == first
    one, other = (format_before_after(before_after(each), "json") for each in (run, mended))
    assert one == other


def test_the_table_is_of_the_scores_and_its_intervals_hold_the_difference(mended):
    run, calibration = mended, mended.calibration()
    assert calibration.methods[16] == "none"
    test = run.predictions("test")
    after = calibration.apply(test.scores)
    found = before_after(run)
    rows = found["table"]
    assert [row["genre"] for row in rows] == [*GENRES, "mean"]
    np.testing.assert_allclose(
        [row["brier_after"] for row in rows[:-1]], brier_scores(test.labels, after)
    )
    assert rows[7]["positives"] == test.labels[:, 7].sum()
    assert rows[7]["val_positives"] == run.predictions("val").labels[:, 7].sum()
    for row in rows:
        for name in ("ece", "brier"):
            low, high = row[f"{name}_low"], row[f"{name}_high"]
            assert low - 1e-6 <= row[f"{name}_difference"] <= high + 1e-6
    assert [rows[16][f"brier_{name}"] for name in ("difference", "low", "high")] == [0, 0, 0]
    lines = format_before_after(found, "csv").splitlines()
    assert len(lines) == NUM_GENRES + 2 and lines[0].startswith("genre,method,val_positives")
    assert json.loads(format_before_after(found, "json")) == found
    assert max(map(len, format_before_after(found).splitlines()[: NUM_GENRES + 2])) <= 100
    with pytest.raises(ValueError, match="`form`"):
        format_before_after(found, "xml")


def test_no_resamples_mean_no_intervals(tmp_path):
    run = far_off(tmp_path / "run", changes={"evaluation.resamples": 0})
    mapped(run)
    assert before_after(run)["table"][-1]["brier_low"] is None
    assert "%" not in format_before_after(before_after(run))


def test_a_run_without_a_calibration_has_no_table(tmp_path):
    run = far_off(tmp_path / "run")
    assert run.calibration() is None and before_after(run) is None


def call(*arguments):
    return CliRunner().invoke(main, [str(each) for each in arguments])


@pytest.fixture
def scored(tmp_path):
    """A run of scores alone with a calibration, as others open it."""
    run = far_off(tmp_path / "run", changes={"evaluation.resamples": 20})
    mapped(run)
    write_manifest(run.path)
    return Run.open(run.path)


def test_a_report_says_whose_scores_and_thresholds_it_shows(scored):
    said = "the network's own. The models of the run give calibrated ones"
    assert said in call("report", scored.path).stderr
    call("calibrate", scored.path, "--undo")
    assert said not in call("report", scored.path).stderr


def test_the_command_calibrates_and_undoes(scored):
    done = call("calibrate", scored.path, "--format", "csv")
    assert done.exit_code == 0, done.output
    assert done.stdout.splitlines()[0].startswith("genre,method")
    assert (scored.report / "calibration.csv").read_text() == done.stdout
    assert "## Calibration" in (scored.report / "report.md").read_text()
    assert not scored.model_card.exists()  # there is no model
    assert verify(scored.path).is_whole
    done = call("calibrate", scored.path, "--undo")
    assert done.exit_code == 0 and done.stdout == ""
    assert not scored.calibration_file.exists()
    assert not (scored.report / "calibration.csv").exists()
    assert verify(scored.path).is_whole
    done = call("calibrate", scored.path, "--undo")
    assert done.exit_code == 1 and "has no calibration" in done.stderr


def test_a_calibration_that_does_not_fit_is_one_line(scored):
    value = json.loads(scored.calibration_file.read_text())
    other = value | {"split_sha256": "0" * 64}
    broken = value | {"genres": value["genres"] | {"War": {}}}
    for text, why in (
        ("{", "not"),
        ("[]", "JSON object"),
        (json.dumps(other), "another split"),
        (json.dumps(broken), "at War"),
    ):
        scored.calibration_file.write_text(text)
        write_manifest(scored.path)
        for command in ("report", "thresholds"):
            before = scored.thresholds_file.read_bytes()
            done = call(command, scored.path)
            line = done.stderr.strip().splitlines()[-1]
            assert done.exit_code == 1 and line.startswith("Error: ") and why in line
            assert scored.thresholds_file.read_bytes() == before
        assert "calibration.json" in {each.file for each in verify(scored.path).findings}
    assert call("calibrate", scored.path).exit_code == 0
    assert verify(scored.path).is_whole


def test_a_changed_calibration_is_noticed(scored):
    assert call("report", scored.path).exit_code == 0
    text = scored.calibration_file.read_text()
    scored.calibration_file.write_text(text.replace(": -1.0", ": -1.5"))
    done = call("report", scored.path)
    assert done.exit_code == 1 and "`keras-genres calibrate" in done.stderr
    write_manifest(scored.path)
    told = {each.file: each.what for each in verify(scored.path).findings}
    assert "another calibration" in told["report/calibration.json"]


@pytest.mark.parametrize("kept", [0, 1])
def test_a_calibration_that_was_cut_off_is_settled_by_the_next(scored, monkeypatch, kept):
    from keras_genres import runs

    calls, settle = [], runs.settle

    def killed(*arguments):
        calls.append(arguments)
        if len(calls) > kept:
            raise KeyboardInterrupt
        settle(*arguments)

    monkeypatch.setattr(runs, "settle", killed)
    assert call("calibrate", scored.path).exit_code == 1
    monkeypatch.undo()
    for command in ("calibrate", "report"):  # the files are whole, the old or the new ones
        assert call(command, scored.path).exit_code == 0
        assert {each.file for each in verify(scored.path).findings} == {
            "model.keras",
            "saved_model",
        }


def test_nothing_heavy_is_imported(scored):
    import subprocess
    import sys

    code = (
        "import sys; from click.testing import CliRunner; from keras_genres.cli import main\n"
        f"done = CliRunner().invoke(main, ['calibrate', {str(scored.path)!r}])\n"
        "assert done.exit_code == 0, done.output\n"
        "assert not {'keras', 'tensorflow', 'jax'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def mapped(run):
    """Give a run a calibration that changes scores, whatever its scores are."""
    genres = [GenreMap("platt", 0.5, -1.0), GenreMap("temperature", 2.0)] * 10
    run.save_calibration(CalibrationMap(tuple(genres[:NUM_GENRES])), {})
    return run.calibration()


def test_models_tell_of_the_calibration(run):
    from keras_genres.artefact import update_thresholds

    raw = run.thresholds().tolist()
    calibration = mapped(run)
    carried = calibration.carry_thresholds(run.thresholds()).tolist()
    assert update_thresholds(run, models_of(run)) == [run.model_file]
    told = read_metadata(run.model_file)
    assert list(told["thresholds"].values()) == raw
    assert list(told["calibrated_thresholds"].values()) == carried
    assert CalibrationMap.from_json(told["calibration"]) == calibration
    # The export's graph is as it was, and so is what it says.
    assert list(read_metadata(run.saved_model)["thresholds"].values()) == raw
    told = metadata_of(run, calibrated=True)
    assert told["calibrated"] is True and list(told["thresholds"].values()) == carried
    assert {each.file for each in verify(run.path).findings if each.level == "wrong"} == {
        "saved_model",
        "report/calibration.json",
    }
    run.remove_file(run.calibration_file)
    assert update_thresholds(run, models_of(run)) == [run.model_file]
    assert verify(run.path).is_whole


def test_thresholds_chosen_again_reach_a_calibrated_export(run):
    from keras_genres.artefact import update_thresholds, write_metadata

    calibration = mapped(run)
    write_metadata(run.saved_model, metadata_of(run, calibrated=True), run.new_file)
    update_thresholds(run, models_of(run))
    done = call("thresholds", run.path, "--method", "grid", "--grid-step", "0.1")
    assert done.exit_code == 0, done.output
    carried = calibration.carry_thresholds(run.thresholds()).tolist()
    told = {model.name: read_metadata(model) for model in models_of(run)}
    assert list(told["saved_model"]["thresholds"].values()) == carried
    assert list(told["model.keras"]["calibrated_thresholds"].values()) == carried
    assert list(told["model.keras"]["thresholds"].values()) == run.thresholds().tolist()
    assert set(run.thresholds()) <= {0.5, *np.round(np.arange(1, 10) / 10, 12)}
    assert verify(run.path).is_whole


@pytest.mark.parametrize(
    "change",
    [
        {"calibration": {"genres": {}}},
        {"calibration": None},
        {"calibrated": True},  # but which?
        {"calibrated_thresholds": dict.fromkeys(GENRES, 0.5)},
    ],
)
def test_metadata_with_half_a_calibration_are_refused(run, change):
    from keras_genres.artefact import write_metadata

    told = read_metadata(run.model_file)
    write_metadata(run.model_file, told | change)
    with pytest.raises(UserError):
        read_metadata(run.model_file)


def test_the_command_exports_again_with_the_calibration_inside(run, monkeypatch):
    import tensorflow as tf

    monkeypatch.setattr("keras_genres.evaluation.calibrate.calibrate", lambda run: mapped(run))
    images = np.random.default_rng(0).integers(0, 256, (3, 32, 32, 3)).astype(np.float32)

    def serve():
        serving = tf.saved_model.load(str(run.saved_model)).signatures["serving_default"]
        return serving(images=tf.constant(images))["scores"].numpy()

    before = serve()
    done = call("calibrate", run.path)
    assert done.exit_code == 0, done.output
    np.testing.assert_allclose(serve(), run.calibration().apply(before), atol=1e-5)
    assert verify(run.path).is_whole
    assert read_metadata(run.saved_model)["calibrated"] is True
    done = call("calibrate", run.path, "--undo")
    assert done.exit_code == 0, done.output
    np.testing.assert_allclose(serve(), before, atol=1e-6)
    assert "calibrated" not in read_metadata(run.saved_model)
    assert verify(run.path).is_whole
