"""Our F1, focal loss and affine augmentation against golden values of tensorflow-addons 0.23.

The values were made once by `experiments/addons/make_golden.py`; its package
is not needed here. Where conventions differ a test states the translation.
"""

import json
import math
from pathlib import Path

import keras
import numpy as np
import pytest
import tensorflow as tf

from keras_genres.evaluation import metrics
from keras_genres.input.augment import augment_batch
from keras_genres.input.resample import ERROR_LEVELS, moved_lanes, pixels_of
from keras_genres.input.variation import (
    BRIGHTNESS,
    HUE,
    NUM_UNIFORMS,
    ROTATION,
    SATURATION,
    SHIFT_X,
    SHIFT_Y,
    colour_changes,
    coloured,
)
from keras_genres.model import augment as device
from keras_genres.model.losses import make_loss
from keras_genres.settings import AugmentSettings, TrainingSettings

GOLDEN = json.loads(
    (Path(__file__).parents[1] / "experiments/addons/golden.json").read_text(encoding="utf-8")
)
F1, FOCAL, MOVED, COLOURED = (GOLDEN[name] for name in ("f1", "focal", "moved", "coloured"))
FILLS = {"reflect": "reflect", "constant": "black"}
"""Their name of a fill -> ours. Both mirror half a pixel outside the outermost centres."""
OFF = {"flip": False, "rotation_degrees": 0, "shift": 0, "scale": 0}
OFF |= {"brightness": 0, "contrast": 0, "saturation": 0, "hue": 0}
OURS = {
    None: metrics.f1_per_genre,
    "micro": metrics.micro_f1,
    "macro": metrics.macro_f1,
    "weighted": metrics.weighted_f1,
}


def case_name(case):
    return " ".join(str(value) for value in case.values() if not isinstance(value, list))


def cases(group, of):
    return pytest.mark.parametrize("case", group[of], ids=case_name)


def test_the_golden_values_say_what_made_them():
    made = GOLDEN["made_with"]
    assert (made["tensorflow-addons"], made["tensorflow"]) == ("0.23.0", "2.14.1")


@cases(F1, "cases")
def test_f1_agrees_in_every_average(case):
    """Theirs picks above a threshold, ours from it on: the next number up translates.

    Without a threshold theirs picks the highest genre of each poster alone.
    """
    labels, scores = np.array(F1["labels"], np.uint8), np.array(F1["scores"])
    if case["threshold"] is None:
        picks = (scores == scores.max(axis=1, keepdims=True)).astype(np.uint8)
    else:
        picks = metrics.pick(scores, np.nextafter(case["threshold"], 1))
    found = OURS[case["average"]](labels, picks)
    np.testing.assert_allclose(found, case["f1"], atol=1e-6)


def test_f1_differs_only_where_a_score_is_the_threshold():
    scores = np.array(F1["scores"])
    ours, theirs = metrics.pick(scores, 0.5), metrics.pick(scores, np.nextafter(0.5, 1))
    np.testing.assert_array_equal(ours != theirs, scores == 0.5)
    assert (scores == 0.5).any()


def test_default_f1_of_theirs_is_another_measure():
    """With several genres a poster, the highest genre alone is not what is picked."""
    by_threshold = {
        case["threshold"]: case["f1"] for case in F1["cases"] if case["average"] == "macro"
    }
    assert by_threshold[None] < 0.7 * by_threshold[0.5]


def ours_per_poster(case):
    loss = make_loss(TrainingSettings(loss="focal", focal_gamma=case["gamma"]))
    return per_poster(loss)


def per_poster(loss):
    labels, scores = (np.array(FOCAL[name], np.float32) for name in ("labels", "scores"))
    return keras.ops.convert_to_numpy(loss.call(labels, scores))


@pytest.mark.parametrize(
    "case", [case for case in FOCAL["cases"] if case["alpha"] != 0.25], ids=case_name
)
def test_focal_loss_is_the_mean_of_what_theirs_sums(case):
    """Ours is the mean over genres, theirs the sum; alpha 0 is none, 0.5 halves both sides."""
    genres = len(FOCAL["labels"][0])
    factor = genres * (case["alpha"] or 1)
    np.testing.assert_allclose(factor * ours_per_poster(case), case["loss"], rtol=2e-5)


@pytest.mark.parametrize(
    "case", [case for case in FOCAL["cases"] if case["alpha"] == 0.25], ids=case_name
)
def test_their_default_alpha_is_keras_class_balancing(case):
    """Ours leaves it out: it weighs positives by 0.25 and negatives by 0.75."""
    loss = keras.losses.BinaryFocalCrossentropy(
        apply_class_balancing=True, alpha=0.25, gamma=case["gamma"]
    )
    genres = len(FOCAL["labels"][0])
    np.testing.assert_allclose(genres * per_poster(loss), case["loss"], rtol=2e-5)
    assert not np.allclose(genres * ours_per_poster(case), case["loss"], rtol=0.05)


def image():
    return np.array(MOVED["image"], np.uint8)[None]


def on_the_device(fill, maps, monkeypatch):
    """Return the picture moved by the augmentation of the training step."""
    settings = AugmentSettings(**OFF | {"flip": True, "fill": fill})
    monkeypatch.setattr(device, "affine_maps", lambda *_: keras.ops.convert_to_tensor(maps))
    uniforms = np.full((1, NUM_UNIFORMS), 0.5, np.float32)
    return keras.ops.convert_to_numpy(device.augment(image(), uniforms, settings))[0]


@cases(MOVED, "transforms")
def test_a_map_means_the_same(case, monkeypatch):
    """Both say where an output pixel comes from, in pixel centres from 0: x first, then y."""
    maps = np.array([case["map"]], np.float32)
    fill = FILLS[case["fill"]]
    found = pixels_of(moved_lanes(tf.constant(image()), tf.constant(maps), fill)).numpy()[0]
    np.testing.assert_allclose(found, case["pixels"], atol=ERROR_LEVELS)
    found = on_the_device(fill, maps, monkeypatch)
    np.testing.assert_allclose(found, case["pixels"], atol=1e-2)


def varied(settings, columns):
    """Return the picture as the pipeline and as the training step vary it."""
    uniforms = np.full((1, NUM_UNIFORMS), 0.5, np.float32)
    for column, signed in columns.items():
        uniforms[0, column] = (signed + 1) / 2
    piped = augment_batch(image(), uniforms, settings).numpy()[0]
    return piped, keras.ops.convert_to_numpy(device.augment(image(), uniforms, settings))[0]


@cases(MOVED, "rotations")
def test_a_positive_angle_turns_anticlockwise_about_the_middle_of_the_centres(case):
    degrees = case["degrees"]
    options = {"rotation_degrees": abs(degrees), "fill": FILLS[case["fill"]]}
    settings = AugmentSettings(**OFF | options)
    for found in varied(settings, {ROTATION: math.copysign(1, degrees)}):
        np.testing.assert_allclose(found, case["pixels"], atol=ERROR_LEVELS)


@cases(MOVED, "translations")
def test_a_shift_goes_right_and_down(case):
    height, width = image().shape[1:3]
    settings = AugmentSettings(**OFF | {"shift": 0.5, "fill": FILLS[case["fill"]]})
    columns = {SHIFT_X: case["right"] / (0.5 * width), SHIFT_Y: case["down"] / (0.5 * height)}
    for found in varied(settings, columns):
        np.testing.assert_allclose(found, case["pixels"], atol=ERROR_LEVELS)


@cases(COLOURED, "cases")
def test_hue_and_saturation_are_their_change_in_yiq(case):
    """Hue turns by the same angle, saturation scales the chroma, value is our brightness."""
    settings = AugmentSettings(**OFF | {"brightness": 0.5, "saturation": 0.5, "hue": 0.25})
    uniforms = np.full((1, NUM_UNIFORMS), 0.5, np.float32)
    for column, signed in (
        (HUE, case["hue_radians"] / (2 * math.pi * 0.25)),
        (SATURATION, (case["saturation"] - 1) / 0.5),
        (BRIGHTNESS, (case["value"] - 1) / 0.5),
    ):
        uniforms[0, column] = (signed + 1) / 2
    pixels = 255 * np.array(COLOURED["image"], np.float32)[None]
    changes = colour_changes(None, keras.ops.convert_to_tensor(uniforms), settings, keras.ops)
    found = coloured(keras.ops.convert_to_tensor(pixels), *changes, keras.ops.clip)
    found = keras.ops.convert_to_numpy(found)[0] / 255
    np.testing.assert_allclose(found, case["pixels"], atol=1e-4)
