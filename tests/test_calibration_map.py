import copy
import json

import numpy as np
import pytest

from keras_genres.calibration_map import (
    LEAST_SCORE,
    METHODS,
    MOST_SCORE,
    MOST_STEPS,
    CalibrationMap,
    GenreMap,
    logits,
)
from keras_genres.errors import UserError
from keras_genres.evaluation.metrics import pick
from keras_genres.genres import GENRES, NUM_GENRES

PLATT = GenreMap("platt", 0.5, -1.25)
STEPS = GenreMap("isotonic", 0.05, -3.0, (-4.0, -1.0), (2.0, 3.0), (1.5, 0.75))


def mixed():
    """A plain genre, then temperature, Platt and isotonic in turn."""
    kinds = [GenreMap(), GenreMap("temperature", 1.5), PLATT, STEPS]
    return CalibrationMap(tuple(kinds[i % 4] for i in range(NUM_GENRES)))


def drawn(posters=2000, seed=0):
    generator = np.random.default_rng(seed)
    scores = generator.beta(0.3, 0.9, (posters, NUM_GENRES)).astype(np.float32)
    scores[:4] = [[0], [1], [1e-30], [0.5]]
    return scores


def test_a_map_is_the_formula_of_its_numbers():
    # logit(0.5) is 0: both steps of the isotonic map are passed, the second by a third.
    scores = np.full((1, NUM_GENRES), 0.5, np.float32)
    after = mixed().apply(scores)[0]
    assert after[0] == after[1] == 0.5
    assert logits(after[2]) == pytest.approx(-1.25, abs=1e-6)
    assert logits(after[3]) == pytest.approx(-3 + 1.5 + 0.75 / 3, abs=1e-6)


def test_plain_genres_pass_bit_for_bit():
    scores = drawn()
    after = mixed().apply(scores)
    assert after.dtype == np.float32 and after.shape == scores.shape
    np.testing.assert_array_equal(after[:, ::4], scores[:, ::4])
    assert (after[:, 1] != scores[:, 1]).mean() > 0.9


def test_the_arrays_give_the_same_scores_in_float32():
    scores, arrays = drawn(), mixed().arrays()
    assert {key: value.shape for key, value in arrays.items()} == {
        "slope": (19,), "intercept": (19,), "start": (19, 2), "width": (19, 2), "rise": (19, 2),
        "is_plain": (19,),
    }  # fmt: skip
    clipped = np.clip(scores, np.float32(LEAST_SCORE), np.float32(MOST_SCORE))
    z = np.log(clipped) - np.log1p(-clipped)
    steps = np.clip((z[..., None] - arrays["start"]) / arrays["width"], 0, 1) * arrays["rise"]
    z = arrays["slope"] * z + arrays["intercept"] + steps.sum(axis=-1)
    found = np.where(arrays["is_plain"], scores, 1 / (1 + np.exp(-z)))
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, mixed().apply(scores), atol=1e-6)


def test_one_poster_or_many_get_the_same_scores():
    scores = drawn(60_000 // NUM_GENRES)
    whole = mixed().apply(scores)
    alone = [mixed().apply(scores[i : i + 1]) for i in range(9)]
    np.testing.assert_array_equal(np.concatenate(alone), whole[:9])
    assert mixed().apply(scores[:0]).shape == (0, NUM_GENRES)


@pytest.mark.parametrize("seed", range(4))
def test_carried_thresholds_pick_the_same_genres(seed):
    scores = drawn(seed=seed)
    for thresholds in (
        np.random.default_rng(seed).random(NUM_GENRES) ** 3,
        np.zeros(NUM_GENRES),
        scores[17].astype(np.float64),  # at a score
        np.ones(NUM_GENRES),
    ):
        carried = mixed().carry_thresholds(thresholds)
        before, after = pick(scores, thresholds), pick(mixed().apply(scores), carried)
        far = np.abs(scores - thresholds) > 1e-6  # nearer ones float32 may not tell apart
        np.testing.assert_array_equal(before[far], after[far])
        assert (before <= after).all()  # what is picked stays so, however near
        np.testing.assert_array_equal(carried[::4], thresholds[::4])


def test_ranks_are_kept():
    grid = np.linspace(1e-6, 1 - 1e-6, 5000)
    for each in mixed().genres:
        assert (np.diff(each.apply(grid)) > 0).all()


def test_json_gives_the_same_map_back():
    text = json.dumps(mixed().to_json())
    assert CalibrationMap.from_json(json.loads(text)) == mixed()
    assert json.dumps(CalibrationMap.from_json(json.loads(text)).to_json()) == text
    assert GenreMap("platt", 0.1, 1 / 3).slope == 0.1  # the shortest number of float32


def changed(change):
    value = copy.deepcopy(mixed().to_json())
    change(value)
    return value


@pytest.mark.parametrize(
    "value",
    [
        None,
        [],
        {},
        {"genres": None},
        {"genres": []},
        changed(lambda v: v["genres"].pop("War")),
        changed(lambda v: v["genres"].update(Western=v["genres"]["War"])),
        changed(lambda v: v.update(genres=dict(reversed(v["genres"].items())))),
        changed(lambda v: v["genres"].update(Action=0)),
        changed(lambda v: v["genres"]["Action"].pop("slope")),
        changed(lambda v: v["genres"]["Action"].update(more=1)),
        changed(lambda v: v["genres"]["Action"].update(slope=2)),  # but its method is none
        *(
            changed(lambda v, change=change: v["genres"]["Biography"].update(change))
            for change in (
                {"method": "magic"}, {"method": []}, {"slope": 0}, {"slope": -1}, {"slope": "1"},
                {"slope": True}, {"slope": 1e300}, {"slope": float("nan")}, {"intercept": None},
                {"intercept": float("inf")}, {"start": [0.0]}, {"width": [0.0, 1.0]},
                {"width": [-1.0, 1.0]}, {"rise": [-0.1, 0.1]}, {"rise": {"0": 1}}, {"rise": "ab"},
                dict.fromkeys(("start", "width", "rise"), [1.0] * (MOST_STEPS + 1)),
            )
        ),
    ],
)  # fmt: skip
def test_anything_else_is_refused_in_one_line(value):
    with pytest.raises(UserError, match=r"run\.json is no calibration of keras-genres") as error:
        CalibrationMap.from_json(value, "run.json")
    assert "\n" not in str(error.value)


def test_scores_of_another_shape_are_a_bug():
    for shape in ((3,), (3, 18), (19,), (2, 2, 19)):
        with pytest.raises(ValueError, match=r"\(posters, 19\)"):
            mixed().apply(np.zeros(shape))
    with pytest.raises(ValueError, match="19 maps"):
        CalibrationMap((GenreMap(),))


def test_every_genre_has_a_method():
    assert mixed().methods[:4] == ("none", "temperature", "platt", "isotonic") == METHODS
    assert list(mixed().to_json()["genres"]) == list(GENRES)
