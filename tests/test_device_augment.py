import dataclasses
import os
import subprocess
import sys

import keras
import numpy as np
import pytest

from keras_genres.input.augment import augment_batch
from keras_genres.input.pipeline import PosterSource, training_batches
from keras_genres.input.variation import FLIP, NUM_UNIFORMS
from keras_genres.model.augment import Augment, augment, augmented
from keras_genres.settings import AugmentSettings, InputSettings

ALL = AugmentSettings()
NEAR = 0.25  # levels: 0.1 of resampling, times the strongest colour change of the defaults


def drawn_posters(count=6, height=20, width=14):
    return np.random.default_rng(0).integers(0, 256, (count, height, width, 3), dtype=np.uint8)


def drawn_uniforms(count=6):
    return np.random.default_rng(1).random((count, NUM_UNIFORMS), np.float32)


def on_device(images, settings, uniforms=None):
    uniforms = drawn_uniforms(len(images)) if uniforms is None else uniforms
    images, uniforms = (keras.ops.convert_to_tensor(part) for part in (images, uniforms))
    return keras.ops.convert_to_numpy(augment(images, uniforms, settings))


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"fill": "black"},
        {"rotation_degrees": 180, "shift": 0.5, "scale": 0.9},
        {"rotation_degrees": 0, "shift": 0, "scale": 0},
        {"saturation": 0, "hue": 0},
        {"contrast": 0, "saturation": 0, "hue": 0},
        {"brightness": 0, "contrast": 0, "saturation": 0, "hue": 0},
        {"crop": 0.2, "erase": 0.7},
    ],
    ids=lambda changes: " ".join(changes) or "all",
)
def test_the_device_gives_the_pixels_of_the_pipeline(changes):
    settings = dataclasses.replace(ALL, **changes)
    images, uniforms = drawn_posters(), drawn_uniforms()
    found = on_device(images, settings)
    wanted = augment_batch(images, uniforms, settings).numpy()
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, wanted, atol=NEAR)
    assert abs(wanted - images).max() > 10


def test_the_middle_changes_nothing_and_a_mirror_is_exact():
    images = drawn_posters()
    middle = np.full((6, NUM_UNIFORMS), 0.5, np.float32)
    plain = dataclasses.replace(ALL, brightness=0, contrast=0, saturation=0, hue=0)
    np.testing.assert_array_equal(on_device(images, plain, middle), images)
    np.testing.assert_allclose(on_device(images, ALL, middle), images, atol=1e-3)
    middle[:, FLIP] = 0
    np.testing.assert_array_equal(on_device(images, plain, middle), images[:, :, ::-1])


def test_float_images_do_as_well_as_bytes():
    images = drawn_posters()
    np.testing.assert_array_equal(on_device(np.float32(images), ALL), on_device(images, ALL))


@pytest.mark.parametrize("policy", ["mixed_bfloat16", "mixed_float16"])
def test_half_precision_leaves_the_pixels_alone(policy):
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy(policy)
    try:
        inputs = keras.Input((20, 14, 3), name="images")
        seen = keras.layers.Rescaling(1.0, dtype="float32")(inputs)
        network = augmented(keras.Model(inputs, seen), ALL)
        found = network([drawn_posters(), drawn_uniforms()])
    finally:
        keras.config.set_dtype_policy(before)
    np.testing.assert_allclose(
        keras.ops.convert_to_numpy(found), on_device(drawn_posters(), ALL), atol=1e-3
    )


def test_a_step_trains_the_networks_own_weights():
    network = small_network()
    trainee = augmented(network, ALL)
    assert [id(part) for part in trainee.trainable_variables] == [
        id(part) for part in network.trainable_variables
    ]
    assert Augment(ALL).supports_jit
    before = network.get_weights()[0].copy()
    trainee.compile("sgd", "binary_crossentropy", jit_compile=True)
    trainee.train_on_batch([drawn_posters(), drawn_uniforms()], np.ones((6, 2)))
    assert abs(network.get_weights()[0] - before).max() > 0


def small_network():
    inputs = keras.Input((20, 14, 3))
    mean = keras.layers.GlobalAveragePooling2D()(keras.layers.Rescaling(1 / 255)(inputs))
    return keras.Model(inputs, keras.layers.Dense(2, "sigmoid")(mean))


def test_the_pipeline_hands_over_bytes_and_the_same_random_numbers(tmp_path):
    files = [tmp_path / f"{number}.png" for number in range(5)]
    for file, pixels in zip(files, drawn_posters(5), strict=True):
        keras.utils.save_img(file, pixels, scale=False)
    source = PosterSource(files, 20, 14, InputSettings(cache="memory"))
    source.prepare()
    options = {"batch_size": 4, "seed": 3, "augment": ALL, "first_epoch": 2}
    images, labels = next(training_batches(source, np.eye(5), **options).as_numpy_iterator())
    batches = training_batches(source, np.eye(5), where="device", **options)
    (raw, uniforms), same_labels = next(batches.as_numpy_iterator())
    assert raw.dtype == np.uint8 and uniforms.shape == (4, NUM_UNIFORMS)
    np.testing.assert_array_equal(labels, same_labels)
    np.testing.assert_allclose(on_device(raw, ALL, uniforms), images, atol=NEAR)
    with pytest.raises(ValueError, match="'pipeline' or 'device'"):
        training_batches(source, np.eye(5), where="auto", **options)


JAX = """
import keras, numpy as np, sys
sys.path.insert(0, sys.argv[1])
import test_device_augment as these
assert keras.backend.backend() == "jax"
these.test_the_device_gives_the_pixels_of_the_pipeline({})
these.test_the_device_gives_the_pixels_of_the_pipeline({"fill": "black"})
these.test_the_device_gives_the_pixels_of_the_pipeline({"crop": 0.2, "erase": 0.7})
these.test_a_step_trains_the_networks_own_weights()
these.test_half_precision_leaves_the_pixels_alone("mixed_bfloat16")
print("trained")
"""


def test_it_trains_on_jax_too():
    pytest.importorskip("jax")
    done = subprocess.run(
        [sys.executable, "-c", JAX, os.path.dirname(__file__)],
        env={**os.environ, "KERAS_BACKEND": "jax", "TF_CPP_MIN_LOG_LEVEL": "2"},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0 and "trained" in done.stdout, done.stderr[-3000:]
