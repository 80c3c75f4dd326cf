import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import classification_report
from synthetic import write_run

from keras_genres.evaluation.report import make_report
from keras_genres.evaluation.side_by_side import side_by_side
from keras_genres.evaluation.thresholds import sweep
from keras_genres.genres import GENRES


@pytest.fixture(scope="module")
def report(tmp_path_factory):
    run = write_run(tmp_path_factory.mktemp("side") / "run", posters=200, without=[16])
    sweep(run)
    return make_report(run)


@pytest.mark.parametrize("split", ["val", "test"])
def test_left_is_scikit_learns_at_half_and_right_is_the_report(report, split):
    table = side_by_side(report, split).set_index("genre")
    found = report.predictions[split]
    wanted = classification_report(
        found.labels, found.scores >= 0.5, target_names=GENRES, zero_division=0, output_dict=True
    )
    for row, values in wanted.items():
        left = table.loc[row, ["precision_at_0.5", "recall_at_0.5", "f1_at_0.5", "support"]]
        assert list(left) == pytest.approx(list(values.values()), abs=1e-9)
    tuned = report.tables[split].set_index("genre")
    pd.testing.assert_frame_equal(table[tuned.columns], tuned)


def test_intervals_of_genres_and_averages_hold_their_f1(report):
    table = side_by_side(report, "test")
    assert (table["f1_low"] <= table["f1"]).all() and (table["f1"] <= table["f1_high"]).all()
    rare, common = (table.set_index("genre").loc[genre] for genre in ("War", "Drama"))
    assert rare["f1_high"] - rare["f1_low"] > 2 * (common["f1_high"] - common["f1_low"])
    assert table["f1_high"].iloc[GENRES.index("Sport")] == 0


def test_without_intervals_their_cells_are_empty(tmp_path):
    run = write_run(tmp_path / "run", posters=40, changes={"evaluation.resamples": 0})
    sweep(run)
    table = side_by_side(make_report(run), "test")
    assert np.isnan(table[["f1_low", "f1_high"]].to_numpy()).all()
