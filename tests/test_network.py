"""The whole network: sizes, preprocessing, head, saving."""

import dataclasses
import json
import os
import subprocess
import sys

import keras
import numpy as np
import pytest

from keras_genres.errors import UserError
from keras_genres.genres import NUM_GENRES
from keras_genres.model.backbones import BACKBONES
from keras_genres.model.network import backbone_of, build_network
from keras_genres.model.row import PREPROCESSING
from keras_genres.settings import ModelSettings


def small(**changes):
    return ModelSettings(backbone="smallcnn", weights="none", **changes)


def pictures(height, width, count=2):
    random = np.random.default_rng(0)
    return random.integers(0, 256, (count, height, width, 3)).astype("float32")


def array(tensor):
    return keras.ops.convert_to_numpy(tensor)


def test_raw_pixels_give_19_scores():
    network = build_network(small(), 48, 32)
    assert network.input.name == "images"
    assert network.input_shape == (None, 48, 32, 3)
    scores = array(network(pictures(48, 32)))
    assert scores.shape == (2, NUM_GENRES)
    assert scores.dtype == "float32"
    assert ((scores > 0) & (scores < 1)).all()


def test_size_left_open_is_the_backbone_s_own():
    assert build_network(small()).input_shape == (None, 96, 96, 3)


@pytest.mark.parametrize("name", ["smallcnn", "efficientnetlite0", "mobilenetv2"])
def test_any_height_and_width_from_the_smallest_on_will_do(name):
    row = BACKBONES[name]
    settings = ModelSettings(backbone=name, weights="none")
    height, width = row.smallest, row.smallest + 7
    network = build_network(settings, height, width)
    assert np.isfinite(array(network(pictures(height, width)))).all()
    with pytest.raises(UserError, match=f"at least {row.smallest} × {row.smallest}"):
        build_network(settings, height, row.smallest - 1)


@pytest.mark.parametrize(
    "name, stock",
    [
        ("vgg16", "vgg16"),
        ("resnet50", "resnet"),
        ("resnet50v2", "resnet_v2"),
        ("inceptionv3", "inception_v3"),
        ("xception", "xception"),
        ("densenet121", "densenet"),
        ("mobilenetv2", "mobilenet_v2"),
    ],
)
def test_preprocessing_is_what_keras_does_outside(name, stock):
    kind = PREPROCESSING[BACKBONES[name].preprocessing]
    images = pictures(8, 8)
    ours = images * np.array(kind.scale) + np.array(kind.offset)
    ours = ours[..., ::-1] if kind.is_bgr else ours
    theirs = getattr(keras.applications, stock).preprocess_input(images.copy())
    np.testing.assert_allclose(ours, theirs, atol=2e-5)


@pytest.mark.parametrize("name", ["EfficientNetV2B0", "MobileNetV3Small", "ConvNeXtTiny"])
def test_preprocessing_is_what_keras_does_inside(name):
    stock = getattr(keras.applications, name)(
        include_top=False, weights=None, input_shape=(32, 32, 3)
    )
    first = next(layer for layer in stock.layers if layer.weights)
    inside = keras.Model(stock.input, first.input)
    kind = PREPROCESSING[BACKBONES[name.lower()].preprocessing]
    images = pictures(32, 32)
    np.testing.assert_allclose(
        images * np.array(kind.scale) + np.array(kind.offset), array(inside(images)), atol=2e-5
    )


def test_preprocessing_reaches_the_backbone():
    network = build_network(ModelSettings(backbone="vgg16", weights="none"), 32, 32)
    images = np.full((1, 32, 32, 3), 100, dtype="float32")
    images[..., 0] = 200
    core = backbone_of(network)
    before = network.operations[network.operations.index(core) - 1]
    pixel = array(keras.Model(network.input, before.output)(images))[0, 0, 0]
    # blue, green and red less their means
    np.testing.assert_allclose(pixel, [100 - 103.939, 100 - 116.779, 200 - 123.68], atol=1e-4)


def test_seed_fixes_the_first_weights():
    def weights(seed):
        keras.utils.set_random_seed(seed)
        return [array(weight) for weight in build_network(small(), 32, 32, seed=seed).weights]

    one, again, other = weights(1), weights(1), weights(2)
    assert all(np.array_equal(a, b) for a, b in zip(one, again, strict=True))
    assert not np.array_equal(one[0], other[0])
    assert not np.array_equal(one[-2], other[-2])


def test_prior_sets_the_first_scores():
    prior = np.linspace(0.02, 0.5, NUM_GENRES)
    network = build_network(small(), 32, 32, prior=prior)
    head = network.get_layer("genres")
    np.testing.assert_allclose(array(keras.ops.sigmoid(head.bias)), prior, rtol=1e-5)
    network = build_network(small(), 32, 32, prior=np.zeros(NUM_GENRES))
    assert np.isfinite(array(network.get_layer("genres").bias)).all()
    with pytest.raises(ValueError, match="19 genres"):
        build_network(small(), 32, 32, prior=[0.5])


@pytest.mark.parametrize("pooling, layer", [("avg", "GlobalAverage"), ("max", "GlobalMax")])
def test_pooling_and_dropout_are_settings(pooling, layer):
    network = build_network(small(pooling=pooling, dropout=0.35), 32, 32)
    assert type(network.get_layer("pool")).__name__.startswith(layer)
    assert network.get_layer("dropout").rate == 0.35


def test_mixed_precision_keeps_pixels_and_scores_in_float32():
    keras.mixed_precision.set_global_policy("mixed_bfloat16")
    try:
        network = build_network(small(), 32, 32)
        scores = network(pictures(32, 32))
    finally:
        keras.mixed_precision.set_global_policy("float32")
    assert keras.backend.standardize_dtype(scores.dtype) == "float32"
    assert network.get_layer("preprocess").compute_dtype == "float32"
    assert network.get_layer("smallcnn").get_layer("block1_conv1").compute_dtype == "bfloat16"
    assert all(weight.dtype == "float32" for weight in network.trainable_weights)


def test_small_network_learns_from_scratch():
    keras.utils.set_random_seed(0)
    network = build_network(small(dropout=0.0), 16, 16)
    images = np.zeros((32, 16, 16, 3), dtype="float32")
    labels = np.zeros((32, NUM_GENRES), dtype="float32")
    images[::2, :, :, 0] = 255  # red ones are genre 0, the black ones genre 1
    labels[::2, 0] = 1
    labels[1::2, 1] = 1
    images += np.random.default_rng(0).uniform(0, 20, images.shape).astype("float32")
    adam = keras.optimizers.Adam(1e-2)
    network.compile(optimizer=adam, loss="binary_crossentropy", jit_compile=False)
    network.fit(images, labels, batch_size=8, epochs=6, verbose=0)
    scores = array(network(images))
    np.testing.assert_array_equal(scores[:, :2] > 0.5, labels[:, :2] == 1)


LOAD = """
import json, sys
import numpy as np, keras
folder = sys.argv[1]
found = {}
for name in sys.argv[2:]:
    network = keras.models.load_model(f"{folder}/{name}.keras", compile=False)
    held = np.load(f"{folder}/{name}.npz")
    scores = keras.ops.convert_to_numpy(network(held["images"]))
    found[name] = float(np.abs(scores - held["scores"]).max())
found["ours"] = [name for name in sys.modules if name.startswith("keras_genres")]
print(json.dumps(found))
"""


def check_loading(networks, folder):
    for name, network in networks.items():
        network.save(folder / f"{name}.keras")
        images = pictures(*network.input_shape[1:3])
        np.savez(folder / f"{name}.npz", images=images, scores=array(network(images)))
    answer = subprocess.run(
        [sys.executable, "-c", LOAD, str(folder), *networks],
        capture_output=True, text=True, check=True, cwd=folder,
    )  # fmt: skip
    found = json.loads(answer.stdout.splitlines()[-1])
    assert found.pop("ours") == []
    assert max(found.values()) < 1e-6


def test_a_saved_network_loads_without_this_package(tmp_path, monkeypatch):
    networks = {"plain": build_network(small(), 32, 40)}
    row = dataclasses.replace(BACKBONES["smallcnn"], preprocessing="caffe")
    monkeypatch.setitem(BACKBONES, "smallcnn", row)  # a light one that wants blue first
    networks["caffe"] = build_network(small(), 32, 40)
    check_loading(networks, tmp_path)
    assert backbone_of(keras.models.load_model(tmp_path / "caffe.keras")).name == "smallcnn"


@pytest.mark.slow
def test_saved_networks_of_other_families_load_too(tmp_path):
    names = ["vgg16", "efficientnetlite0", "efficientnetb0", "mobilenetv3small", "convnexttiny"]
    networks = {
        name: build_network(ModelSettings(backbone=name, weights="none"), 32, 40) for name in names
    }
    check_loading(networks, tmp_path)


ON_JAX = """
import json, sys
import numpy as np, keras
from keras_genres.model.backbones import BACKBONES
from keras_genres.model.freezing import count_parameters, set_open_blocks
from keras_genres.model.losses import WeightedBinaryCrossentropy
from keras_genres.model.network import build_network
from keras_genres.settings import ModelSettings
assert keras.backend.backend() == "jax"
assert "tensorflow" not in sys.modules
network = build_network(ModelSettings(backbone="smallcnn"), 16, 16)
set_open_blocks(network, BACKBONES["smallcnn"], ("block4",))
network.compile(optimizer="adam", loss=WeightedBinaryCrossentropy(np.full(19, 3.0)))
images = np.random.default_rng(0).uniform(0, 255, (4, 16, 16, 3)).astype("float32")
loss = network.train_on_batch(images, np.eye(4, 19, dtype="float32"))
print(json.dumps([[v.path for v in network.trainable_variables], count_parameters(network),
                  float(loss)]))
"""


def test_jax_trains_the_same_weights():
    pytest.importorskip("jax")
    answer = subprocess.run(
        [sys.executable, "-c", ON_JAX],
        capture_output=True, text=True, env={**os.environ, "KERAS_BACKEND": "jax"}, check=False,
    )  # fmt: skip
    assert answer.returncode == 0, answer.stderr[-2000:]
    paths, (trained, total), loss = json.loads(answer.stdout.splitlines()[-1])
    assert [path.split("/")[-2] for path in paths] == [
        "block4_conv1", "block4_conv2", "block4_conv0", "genres", "genres",
    ]  # fmt: skip
    assert trained == 96 * 160 * 9 + 160 * 160 * 9 + 96 * 160 + 161 * NUM_GENRES
    assert total == BACKBONES["smallcnn"].parameters + 161 * NUM_GENRES
    assert np.isfinite(loss)
