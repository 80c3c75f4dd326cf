import numpy as np
import pytest

from keras_genres.errors import UserError
from keras_genres.runs import Predictions, Run
from keras_genres.settings import Settings
from keras_genres.split import Split


def predictions(posters=6):
    random = np.random.default_rng(0)
    return Predictions(
        np.array([f"ü{index}.jpg" for index in range(posters)]),
        random.integers(0, 2, (posters, 19)).astype(np.uint8),
        random.random((posters, 19)).astype(np.float32),
        np.array([f"g{index}" for index in range(posters)]),
    )


@pytest.fixture
def run(tmp_path):
    run = Run(tmp_path / "run", checked=False)
    run.path.mkdir()
    run.settings_file.write_text(Settings().to_yaml())
    val = predictions()
    Split.of(val.filenames, val.labels, ["val"] * 6, val.groups, 0, {}).save(run.split_file)
    val.save(run.predictions_file("val"))
    return run


def test_predictions_are_read_back_and_the_same_bytes_each_time(tmp_path):
    for name in ("a.npz", "b.npz"):
        predictions().save(tmp_path / name)
    assert (tmp_path / "a.npz").read_bytes() == (tmp_path / "b.npz").read_bytes()
    found = Predictions.load(tmp_path / "a.npz")
    assert found.filenames[0] == "ü0.jpg"
    np.testing.assert_array_equal(found.scores, predictions().scores)


def test_damaged_predictions_are_named(tmp_path):
    path = tmp_path / "a.npz"
    predictions().save(path)
    path.write_bytes(path.read_bytes()[:500])
    with pytest.raises(UserError, match=r"a.npz is damaged"):
        Predictions.load(path)


def test_scores_that_are_not_numbers_are_refused(tmp_path):
    val = predictions()
    val.scores[0, 0] = np.nan
    val.save(tmp_path / "a.npz")
    with pytest.raises(UserError, match="not numbers"):
        Predictions.load(tmp_path / "a.npz")


def test_scores_of_another_split_are_refused(run):
    run.predictions("val")
    other = predictions()
    other.labels[0, 0] ^= 1
    other.save(run.predictions_file("val"))
    with pytest.raises(UserError, match="does not hold the val posters"):
        run.predictions("val")


def test_thresholds_are_read_back_to_the_last_bit(run):
    thresholds = np.random.default_rng(1).random(19)
    run.save_thresholds(thresholds, "exact", np.zeros(19))
    np.testing.assert_array_equal(run.thresholds(), thresholds)


def test_thresholds_of_another_split_are_refused(run):
    run.save_thresholds(np.full(19, 0.5), "exact", np.zeros(19))
    val = predictions()
    Split.of(val.filenames, val.labels, ["test"] * 6, val.groups, 0, {}).save(run.split_file)
    with pytest.raises(UserError, match="chosen on another split"):
        run.thresholds()


def test_a_folder_that_is_no_run_is_refused(tmp_path):
    with pytest.raises(UserError, match="There is no run folder"):
        Run.open(tmp_path / "nowhere")
    with pytest.raises(UserError, match="is not a run folder"):
        Run.open(tmp_path)


def test_a_run_that_was_cut_off_is_told_by_the_name_it_will_have(tmp_path):
    (tmp_path / "v2s.partial").mkdir()
    with pytest.raises(UserError, match=r"cut off. `keras-genres fit --resume \S+/v2s` goes on"):
        Run.open(tmp_path / "v2s")
