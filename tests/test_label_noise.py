"""What labels let anyone reach: a second source that disagrees a little."""

import numpy as np
import pytest
from click.testing import CliRunner

from keras_genres.cli import main
from keras_genres.errors import UserError
from keras_genres.evaluation.label_noise import bound_of, mean_jaccard, simulated_bound


def films(count=2000, seed=0):
    """Labels of one to three of 19 genres, some frequent and some rare."""
    random = np.random.default_rng(seed)
    share = np.linspace(10, 1, 19)
    labels = np.zeros((count, 19), int)
    for row in labels:
        row[random.choice(19, random.integers(1, 4), replace=False, p=share / share.sum())] = 1
    return labels


def test_the_jaccard_index_is_the_mean_over_posters():
    # {0, 1} against {0}: 1 of 2. {2} against {2}: 1 of 1. Nothing against nothing: 1.
    labels, other = [[1, 1, 0], [0, 0, 1], [0, 0, 0]], [[1, 0, 0], [0, 0, 1], [0, 0, 0]]
    assert mean_jaccard(labels, other) == pytest.approx((0.5 + 1 + 1) / 3)


@pytest.mark.parametrize("jaccard", [0.98, 0.945, 0.8])
def test_the_second_source_agrees_as_far_as_asked(jaccard):
    found = simulated_bound(films(), jaccard, draws=3)
    assert found.jaccard == pytest.approx(jaccard, abs=0.001)
    assert jaccard < found.measures["samples_f1"].mean() < 1  # F1 of two sets is above their index
    assert found.f1.shape == (3, 19) and (found.f1.std(axis=0) > 0).any()


def test_more_disagreement_is_a_lower_bound():
    high, low = (simulated_bound(films(), each, draws=2) for each in (0.97, 0.9))
    assert all(low.measures[f"{kind}_f1"].max() < high.measures[f"{kind}_f1"].min()
               for kind in ("macro", "micro", "samples"))  # fmt: skip


def test_films_keep_their_number_of_genres():
    labels = films()
    from keras_genres.evaluation.label_noise import _second_source

    other = _second_source(labels.astype(bool), 0.9, np.random.default_rng(0))
    assert other.sum(axis=1).min() >= 1 and other.sum(axis=1).max() <= 3
    assert abs(other.sum() - labels.sum()) < 0.02 * labels.sum()


def test_a_source_like_the_first_is_no_bound():
    labels = films(50)
    same = bound_of(labels, labels)
    assert same.jaccard == 1 and same.measures["micro_f1"] == [1]


def test_too_much_disagreement_is_one_line():
    with pytest.raises(UserError, match="One genre a poster cannot lower"):
        simulated_bound(films(100), 0.1)
    with pytest.raises(ValueError, match="a genre"):
        simulated_bound(np.zeros((3, 19)), 0.9)


def test_the_command_takes_a_second_source_or_draws_one(prepared):
    drawn = CliRunner().invoke(main, ["bound", str(prepared), "--draws", "2", "--format", "csv"])
    assert drawn.exit_code == 0 and drawn.stdout.splitlines()[0] == "what,f1,spread"
    same = CliRunner().invoke(main, ["bound", str(prepared), "--second", str(prepared)])
    assert "mean Jaccard index 1.000" in same.output
    assert same.stdout.splitlines()[1].split() == ["macro", "F1", "1.000", "0.000"]
