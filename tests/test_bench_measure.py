"""Rounds, ratios, the printed table and the process beside."""

import csv
import io
import json
import os
from pathlib import Path

import numpy as np
import pytest

from keras_genres.bench.measure import Contender, Measure, compare, run_rounds, summarise
from keras_genres.bench.peers import Peer, choose_peers, peer_versions
from keras_genres.bench.posters import draw_lot, parse_size, some_posters
from keras_genres.bench.result import Result
from keras_genres.bench.worker import Worker, once
from keras_genres.errors import UserError

SPEED = Measure("speed", "speed", "posters/s")
TIME = Measure("seconds", "time", "s", "less")
F1 = Measure("f1", "macro F1", "", "neither")


def contender(who, values, is_ours=False, what="work"):
    stream = iter(values)
    return Contender(what, who, lambda: next(stream), is_ours)


def table(contenders, measures, rounds):
    return summarise(contenders, measures, run_rounds(contenders, rounds))


def row(rows, who, against="", measure="speed"):
    (found,) = [
        one
        for one in rows
        if (one["who"], one["against"], one["measure"]) == (who, against, measure)
    ]
    return found


def test_a_ratio_is_taken_within_a_round():
    # Medians are 20 and 10, but no round has seen a ratio of 2.
    ours = contender("ours", [{"speed": 10}, {"speed": 20}, {"speed": 60}], is_ours=True)
    peer = contender("peer", [{"speed": 10}, {"speed": 5}, {"speed": 20}])
    found = row(table([ours, peer], [SPEED], 3), "ours", "peer")
    assert (found["median"], found["min"], found["max"]) == (3.0, 1.0, 4.0)


def test_a_ratio_above_1_is_better_whichever_way_better_is():
    assert compare(SPEED, 30, 10) == 3.0
    assert compare(TIME, 2, 8) == 4.0
    assert compare(F1, 0.5, 0.25) == 0.25


def test_every_way_of_ours_is_set_against_every_peer():
    ours = [contender(name, [{"speed": 8}], is_ours=True) for name in ("ours", "ours, cached")]
    peers = [contender(name, [{"speed": 2}]) for name in ("one", "two")]
    rows = table([*ours, *peers], [SPEED], 1)
    pairs = [(one["who"], one["against"]) for one in rows if one["against"]]
    assert pairs == [(a.who, b.who) for a in ours for b in peers]


def test_only_the_same_work_is_compared():
    ours = contender("ours", [{"speed": 8}], is_ours=True, what="decoding")
    peer = contender("peer", [{"speed": 8}], what="scoring")
    assert not [one for one in table([ours, peer], [SPEED], 1) if one["against"]]


def test_a_measure_one_side_lacks_has_no_ratio():
    ours = contender("ours", [{"speed": 8, "f1": 0.5}], is_ours=True)
    peer = contender("peer", [{"speed": 4}])
    rows = table([ours, peer], [SPEED, F1], 1)
    assert [one["measure"] for one in rows if one["against"]] == ["speed"]


def test_the_order_turns_and_every_timing_is_kept():
    some = [contender(name, [{"speed": 1, "posters": 7}] * 3) for name in "abc"]
    timings = run_rounds(some, 3)
    assert "".join(one["who"] for one in timings) == "abcbcacab"
    assert [one["round"] for one in timings] == [1, 1, 1, 2, 2, 2, 3, 3, 3]
    assert timings[0]["posters"] == 7


def test_no_round_is_an_error():
    with pytest.raises(ValueError, match="at least 1"):
        run_rounds([], 0)


@pytest.fixture
def result():
    some = [
        contender("ours", [{"seconds": 0.5}, {"seconds": 0.25}], is_ours=True),
        contender("peer", [{"seconds": 1.0}, {"seconds": 1.5}]),
    ]
    timings = run_rounds(some, 2)
    machine = {
        "processor": "A CPU",
        "cores": 8,
        "threads": 2,
        "gpus": [],
        "load_average": 0.25,
        "python": "3.12.1",
        "packages": {"numpy": "2.0", "jax": None},
        "command": "keras-genres bench sweep",
    }
    rows = summarise(some, [TIME], timings)
    return Result(
        "sweep", rows, timings, {"batch_size": 4, "more": {"a": 1}}, machine, ["a note"], ["dali"]
    )


def test_the_table_tells_medians_ratios_and_the_machine(result):
    text = result.format()
    lines = [" ".join(line.split()) for line in text.splitlines()]
    assert "work ours time 0.375 0.25 0.5 s" in lines
    assert "work ours peer time 4 2 6 x as good" in lines
    assert "a note" in text and "Not measured:\ndali" in text
    assert "Machine: A CPU, 2 of 8 cores, no GPU, load 0.25 at the start" in text
    assert "Versions: Python 3.12.1, numpy 2.0\n" in text
    assert "Work: batch size 4\nMore: a 1\nCommand: keras-genres bench sweep" in text


def test_csv_holds_the_rows_and_json_everything(result, tmp_path):
    rows = list(csv.DictReader(io.StringIO(result.format("csv"))))
    assert [(one["who"], one["against"], float(one["median"])) for one in rows] == [
        ("ours", "", 0.375),
        ("peer", "", 1.25),
        ("ours", "peer", 4.0),
    ]
    result.save(tmp_path / "found.json")
    saved = json.loads((tmp_path / "found.json").read_text())
    assert saved == json.loads(result.format("json"))
    assert [one["seconds"] for one in saved["timings"]] == [0.5, 1.0, 1.5, 0.25]
    assert saved["machine"]["cores"] == 8 and saved["settings"]["batch_size"] == 4


KNOWN = (
    Peer("there", ("json",), ("numpy",)),
    Peer("away", ("no_such_module",), ("no-such-package",)),
    Peer("never", lacks="needs a GPU"),
)


def test_a_peer_that_is_not_installed_is_named_and_left_out():
    names, lines = choose_peers(KNOWN)
    assert names == ["there"]
    assert lines == [
        "away: not installed (no_such_module): pip install 'keras-genres[bench]'",
        "never: needs a GPU",
    ]


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("away", "not installed"),
        ("never", "needs a GPU"),
        ("else", "one of there, away, never. Received: 'else'"),
    ],
)
def test_a_peer_asked_for_by_name_must_be_there(name, said):
    with pytest.raises(UserError, match=said):
        choose_peers(KNOWN, [name])


def test_versions_of_peers_are_told():
    found = peer_versions(KNOWN, ["there", "away"])
    assert found["numpy"] and found["no-such-package"] is None


@pytest.mark.parametrize(("text", "size"), [("224", (224, 224)), ("278x185", (278, 185))])
def test_sizes_are_read(text, size):
    assert parse_size(text) == size


@pytest.mark.parametrize("text", ["", "big", "3", "1x2x3", "224x"])
def test_other_sizes_are_explained(text):
    with pytest.raises(UserError, match="--size must be pixels"):
        parse_size(text)


def test_a_lot_has_of_every_split_its_share():
    splits = np.repeat(["train", "val", "test"], [70, 20, 10])
    for seed in range(5):
        rows = draw_lot(splits, 20, seed)
        counts = dict(zip(*np.unique(splits[rows], return_counts=True), strict=True))
        assert counts == {"train": 14, "val": 4, "test": 2}
    assert draw_lot(splits, 20, 1).tolist() != draw_lot(splits, 20, 2).tolist()


def test_posters_are_taken_by_lot_in_their_order(prepared):
    with some_posters(prepared, 30, seed=1) as (posters, where):
        assert len(posters) == 30 and str(prepared) in where
        assert len(set(posters.splits.tolist())) == 3
    with some_posters(prepared, 30, seed=2) as (others, _):
        assert set(others.filenames) != set(posters.filenames)
    with pytest.raises(UserError, match="Received: --posters 5000"), some_posters(prepared, 5000):
        pass


MAKER = """
import os

def make(start):
    state = [start]
    print("a library prints")

    def run():
        os.system("echo another one")
        state[0] += 1
        if state[0] > 12:
            raise ValueError("too many")
        if state[0] == 0:
            os._exit(3)
        return {"value": state[0], "pid": os.getpid()}

    return run
"""


@pytest.fixture
def place(tmp_path):
    (tmp_path / "maker_of_numbers.py").write_text(MAKER)
    return {"PYTHONPATH": f"{tmp_path}{os.pathsep}{Path(__file__).parents[1]}"}


def test_a_worker_keeps_its_state_in_another_process(place):
    with Worker("maker_of_numbers:make", {"start": 10}, place) as worker:
        first, second = worker.run(), worker.run()
        assert (first["value"], second["value"]) == (11, 12)
        assert first["pid"] == second["pid"] != os.getpid()
        with pytest.raises(RuntimeError, match=r"(?s)Traceback.*too many"):
            worker.run()


def test_a_worker_that_dies_is_told(place):
    with pytest.raises(RuntimeError, match="exit code 3"):
        once("maker_of_numbers:make", {"start": -1}, place)
