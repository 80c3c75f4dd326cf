"""The range test of learning rates."""

import csv

import keras
import numpy as np
import pytest
from click.testing import CliRunner
from conftest import TINY

from keras_genres.cli import main
from keras_genres.data.table import load_posters
from keras_genres.errors import UserError
from keras_genres.search.rate import Rates, rate
from keras_genres.search.trial import without_test
from keras_genres.settings import load_settings
from keras_genres.training.job import build_job, poster_sources
from keras_genres.training.stages import resolve
from keras_genres.training.trainee import live_trainee


def rates(losses, low=1e-6):
    found = Rates("head", 1.0)
    planned = np.geomspace(low, 1, 61)[: len(losses)]
    ends = [found.add(each, loss) for each, loss in zip(planned, losses, strict=True)]
    return found, ends


def test_the_rate_is_told_where_the_loss_falls_fastest_and_a_tenth_of_its_lowest():
    places = np.linspace(-6, 0, 61)
    # Flat, a slope around 1e-3, lowest at 1e-2, then up.
    found, _ = rates(1 - 0.5 / (1 + np.exp(-6 * (places + 3))) + 3 * np.maximum(0, places + 2) ** 2)
    smooth_lag = 10**0.7
    assert 1e-3 <= found.steepest <= 1e-3 * smooth_lag
    assert 1e-3 <= found.tenth <= 1e-3 * smooth_lag
    assert found.tenth * 10 == pytest.approx(found.rates[int(np.argmin(found.smooth))])


def test_a_loss_that_only_rises_has_no_good_rate():
    found, _ = rates(np.linspace(1, 2, 61))
    assert (found.steepest, found.tenth) == (None, None)


def test_the_test_ends_where_the_loss_runs_away_or_is_no_number():
    losses = [1.0] * 30 + [100.0] * 31
    found, ends = rates(losses)
    assert ends.index(True) == 30 + next(n for n in range(31) if found.smooth[30 + n] > 4)
    found, ends = rates([1.0, float("nan")])
    assert ends == [False, True] and found.losses == [1.0]


@pytest.fixture(scope="module")
def low_rates(prepared, tmp_path_factory):
    """Settings, and the folder and `Rates` of a test at rates too low to change anything."""
    settings = load_settings(None, [*TINY, "model.dropout=0", "training.head_epochs=0"])
    out = tmp_path_factory.mktemp("rates") / "low"
    return settings, out, rate(settings, prepared, out, "top", 1e-12, 1e-11, 12)


def test_each_batch_has_its_own_rate_and_its_own_loss(low_rates, prepared):
    settings, out, found = low_rates
    assert sorted(path.name for path in out.iterdir()) == ["rate.csv", "rate.png", "rate.svg"]
    rows = list(csv.DictReader((out / "rate.csv").open()))
    steps = np.diff(np.log([float(row["learning_rate"]) for row in rows]))
    np.testing.assert_allclose(steps, np.log(10) / 11, rtol=1e-3)
    job = build_job(resolve(settings), without_test(load_posters(prepared)))
    trainee = live_trainee(job, poster_sources(job))
    wanted = [
        float(job.loss(labels, job.network(images, training=True)))
        for images, labels in trainee.batches(0).take(12)
    ]
    np.testing.assert_allclose([float(row["loss"]) for row in rows], wanted, rtol=1e-3)
    assert found.losses == pytest.approx(wanted, rel=1e-3)


def test_a_high_rate_ends_the_test_and_the_command_tells_the_rates(prepared, tmp_path):
    asked = [part for override in TINY for part in ("--set", override)]
    command = ["rate", "smallcnn", "--data", prepared, "--out", tmp_path / "rate", *asked]
    command = [str(part) for part in (*command, "--prefix-cache", "on", "--high", "1e9")]
    result = CliRunner().invoke(main, [*command, "--batches", "40", "--format", "csv"])
    assert result.exit_code == 0, result.output
    names, values = (line.split(",") for line in result.stdout.splitlines()[:2])
    row = dict(zip(names, values, strict=True))
    assert row["stage"] == "head" and int(row["batches"]) < 40
    assert "18 as they are" in result.stderr  # kept of validation, and nothing of the test
    again = CliRunner().invoke(main, command)
    assert again.exit_code == 1 and "is there already" in again.output


@pytest.mark.parametrize(
    "changes, options, message",
    [
        ([], {"low": 1.0, "high": 0.1}, "below --high"),
        ([], {"batches": 3}, "at least 10"),
        (["training.head_epochs=0"], {"stage": "head"}, "no head stage"),
        (["training.epochs=0"], {"stage": "top"}, "No block is trained"),
        ([], {"low": 1e37, "high": 1e39}, "no number after"),
    ],
)
def test_what_cannot_be_tested_is_said_in_one_line(prepared, tmp_path, changes, options, message):
    keras.backend.clear_session()
    with pytest.raises(UserError, match=message):
        rate(load_settings(None, [*TINY, *changes]), prepared, tmp_path / "rate", **options)
    assert list(tmp_path.iterdir()) == []


def test_chance_in_the_first_batches_is_no_fall():
    # The mean of one or two batches jumps; from the fifteenth on the loss falls as fast as it can.
    random = np.random.default_rng(0)
    losses = np.concatenate([[2.0, 0.9, 1.1, 1.0, 1.0], np.ones(10), np.linspace(1, 0.6, 20)])
    found, _ = rates(losses + random.normal(0, 1e-3, len(losses)))
    assert found.steepest >= found.rates[15]
    # Lowest in those batches: nothing is learned after them.
    found, _ = rates([1.0, *np.full(5, 0.5), *np.full(40, 1.0)])
    assert (found.steepest, found.tenth) == (None, None)
