"""Weight files: what is loaded, and what is refused."""

import os
import urllib.request
from pathlib import Path

import h5py
import keras
import numpy as np
import pytest

from keras_genres.errors import UserError
from keras_genres.model.backbones import BACKBONES
from keras_genres.model.network import backbone_of, build_backbone, build_network
from keras_genres.model.weights import load_weight_file, resolve_weights, weights_hash
from keras_genres.settings import ModelSettings

SMALL = BACKBONES["smallcnn"]


def core_of(name="smallcnn", size=32):
    return build_backbone(BACKBONES[name], size, size)


def arrays(model):
    return [keras.ops.convert_to_numpy(weight) for weight in model.weights]


def assert_same(one, other, tolerance=0.0):
    for a, b in zip(arrays(one), arrays(other), strict=True):
        np.testing.assert_allclose(a, b, atol=tolerance)


def shake(model, seed=0):
    """Give every weight a value of its own, so that none can be right by chance."""
    random = np.random.default_rng(seed)
    for weight in model.weights:
        weight.assign(random.uniform(0.1, 1, weight.shape))
    return model


def write_legacy(model, path):
    """Write weights as Keras 2 did: the layers at the root of the file."""
    whole = path.with_name("whole.h5")
    model.save(whole)
    with h5py.File(whole) as source, h5py.File(path, "w") as target:
        root = source["model_weights"]
        for key, value in root.attrs.items():
            target.attrs[key] = value
        for name in root:
            source.copy(root[name], target, name)
    whole.unlink()


def halve(path):
    """Turn every array of a weight file into float16."""
    with h5py.File(path, "r+") as file:
        names = []
        file.visititems(lambda name, item: names.append(name))
        for name in names:
            if isinstance(file[name], h5py.Dataset):
                value = file[name][()].astype("float16")
                del file[name]
                file[name] = value


@pytest.fixture(scope="module")
def small_file(tmp_path_factory):
    """A good weight file of smallcnn; do not write into it."""
    path = tmp_path_factory.mktemp("weights") / "small.weights.h5"
    shake(core_of()).save_weights(path)
    return path


@pytest.fixture
def broken(small_file, tmp_path):
    """A copy of the good weight file, to break."""
    path = tmp_path / "broken.weights.h5"
    path.write_bytes(small_file.read_bytes())
    return path


def refuse(path, said, name="smallcnn"):
    """Load, expect one line that says so, and expect nothing to have been loaded."""
    core = core_of(name)
    before = arrays(core)
    with pytest.raises(UserError, match=said) as caught:
        load_weight_file(core, path, BACKBONES[name])
    assert "\n" not in str(caught.value)
    assert all(np.array_equal(a, b) for a, b in zip(before, arrays(core), strict=True))
    return str(caught.value)


# ConvNeXt has layers within layers; InceptionV3 numbers its layers anew for each network.
@pytest.mark.parametrize(
    "name, size",
    [
        ("smallcnn", 32),
        ("efficientnetlite0", 32),
        pytest.param("inceptionv3", 75, marks=pytest.mark.slow),
        pytest.param("mobilenetv3small", 32, marks=pytest.mark.slow),
        pytest.param("xception", 71, marks=pytest.mark.slow),
        pytest.param("densenet121", 32, marks=pytest.mark.slow),
        pytest.param("resnet50v2", 32, marks=pytest.mark.slow),
        pytest.param("efficientnetv2b0", 32, marks=pytest.mark.slow),
        pytest.param("convnexttiny", 32, marks=pytest.mark.slow),
    ],
)
def test_every_weight_comes_back_from_both_kinds_of_file(name, size, tmp_path):
    core = shake(core_of(name, size))
    core.save_weights(tmp_path / "new.weights.h5")
    write_legacy(core, tmp_path / "old_notop.h5")
    for file in ("new.weights.h5", "old_notop.h5"):
        again = core_of(name, size)
        load_weight_file(again, tmp_path / file, BACKBONES[name])
        assert_same(core, again)


@pytest.mark.parametrize("kind", ["weights.h5", "notop.h5"])
def test_float16_files_load_into_float32_weights(kind, tmp_path):
    core = shake(core_of())
    path = tmp_path / f"half.{kind}"
    if kind == "weights.h5":
        core.save_weights(path)
    else:
        write_legacy(core, path)
    halve(path)
    again = core_of()
    load_weight_file(again, path, SMALL)
    assert {weight.dtype for weight in again.weights} == {"float32"}
    assert_same(core, again, tolerance=1e-3)


def test_a_weight_file_serves_every_picture_size(small_file):
    network = build_network(ModelSettings(backbone="smallcnn", weights=str(small_file)), 48, 64)
    assert_same(backbone_of(network), shake(core_of()))


@pytest.mark.parametrize("kind", [pytest.param("weights.h5", marks=pytest.mark.slow), "notop.h5"])
def test_stock_efficientnet_files_fit_although_its_normalisation_is_left_out(kind, tmp_path):
    row = BACKBONES["efficientnetb0"]
    stock = keras.applications.EfficientNetB0(
        include_top=False, weights=None, input_shape=(32, 32, 3)
    )
    shake(stock)

    def write():
        path = tmp_path / f"b0.{kind}"
        path.unlink(missing_ok=True)
        if kind == "weights.h5":
            stock.save_weights(path)
        else:
            write_legacy(stock, path)
        return path

    normalisation = stock.get_layer(index=2)
    assert isinstance(normalisation, keras.layers.Normalization)
    normalisation.set_weights(
        [np.array([0.485, 0.456, 0.406]), np.array([0.229, 0.224, 0.225]), np.array(0)]
    )
    core = core_of("efficientnetb0")
    load_weight_file(core, write(), row)
    ours = {layer.name: layer.get_weights() for layer in core.layers}
    for layer in stock.layers[3:]:
        for a, b in zip(layer.get_weights(), ours[layer.name], strict=True):
            np.testing.assert_array_equal(a, b)

    normalisation.set_weights([np.zeros(3), np.ones(3), np.array(0)])
    refuse(write(), "normalised by mean", "efficientnetb0")


def test_imagenet_weights_of_efficientnet_see_the_pixels_they_were_trained_on():
    # Keras's file holds std as variance, and its graph divides by the root of std once more.
    from keras_genres.model.row import IMAGENET_MEAN, IMAGENET_STD, PREPROCESSING

    kind = PREPROCESSING[BACKBONES["efficientnetb0"].preprocessing]
    pixels = np.array([[0.0, 128.0, 255.0], [12.0, 200.0, 7.0]])
    mean, std = np.array(IMAGENET_MEAN), np.array(IMAGENET_STD)
    stock = (pixels / 255 - mean) / np.sqrt(std) / np.sqrt(std)
    np.testing.assert_allclose(pixels * kind.scale + kind.offset, stock)


def test_a_missing_file_is_named(tmp_path):
    refuse(tmp_path / "none.weights.h5", "There is no weight file .*none.weights.h5")
    refuse(tmp_path, "There is no weight file")


def test_another_kind_of_file_is_refused(tmp_path):
    text = tmp_path / "notes.txt"
    text.write_text("weights")
    assert "smallcnn" in refuse(text, "not a weight file by its name").lower()
    path = tmp_path / "text.weights.h5"
    path.write_text("weights")
    refuse(path, "damaged or not HDF5")
    with h5py.File(tmp_path / "other.h5", "w") as file:
        file["table"] = np.arange(5)
    refuse(tmp_path / "other.h5", "no weights that Keras wrote")


@pytest.mark.parametrize("share", [0.0, 0.3, 0.9, 0.999])
def test_a_file_cut_short_is_damaged(broken, share):
    content = broken.read_bytes()
    broken.write_bytes(content[: int(len(content) * share)])
    refuse(broken, "damaged")


def test_weights_of_another_network_are_refused_with_a_guess(tmp_path):
    lite = core_of("efficientnetlite0")
    lite.save_weights(tmp_path / "lite.weights.h5")
    write_legacy(lite, tmp_path / "lite_notop.h5")
    for file in ("lite.weights.h5", "lite_notop.h5"):
        said = refuse(tmp_path / file, "another network")
        assert "It looks like EfficientNet-Lite0" in said
        assert "Expected the weights of SmallCNN" in said


def test_a_missing_layer_is_not_loaded_around(broken):
    with h5py.File(broken, "r+") as file:
        del file["layers/conv2d_3"]
    refuse(broken, "lacks 1 of 22 layers, such as 'layers/conv2d_3'")


def test_a_missing_array_is_not_loaded_around(broken):
    with h5py.File(broken, "r+") as file:
        del file["layers/batch_normalization/vars/3"]
    refuse(broken, "'layers/batch_normalization' has shapes")


def test_a_layer_missing_in_the_middle_of_an_old_file_is_noticed(tmp_path):
    path = tmp_path / "old.h5"
    write_legacy(core_of(), path)
    with h5py.File(path, "r+") as file:
        names = [name for name in file.attrs["layer_names"] if "bn2" not in str(name)]
        file.attrs["layer_names"] = names
    refuse(path, "another network")


def test_another_shape_is_told(broken):
    with h5py.File(broken, "r+") as file:
        del file["layers/conv2d/vars/0"]
        file["layers/conv2d/vars/0"] = np.zeros((3, 3, 3, 8), "float32")
    refuse(broken, r"\(3, 3, 3, 8\).* where .*\(3, 3, 3, 24\)")


def test_a_network_with_its_head_is_told_apart(tmp_path):
    core = core_of()
    pooled = keras.layers.GlobalAveragePooling2D()(core.output)
    whole = keras.Model(core.input, keras.layers.Dense(10)(pooled))
    whole.save_weights(tmp_path / "headed.weights.h5")
    write_legacy(whole, tmp_path / "headed.h5")
    refuse(tmp_path / "headed.weights.h5", "with its head.*'layers/dense'")
    refuse(tmp_path / "headed.h5", "with its head.*'dense")


def test_weights_of_a_run_s_network_are_told_apart(tmp_path):
    network = build_network(ModelSettings(backbone="smallcnn"), 32, 32)
    network.save_weights(tmp_path / "run.weights.h5")
    refuse(tmp_path / "run.weights.h5", "whole network around a backbone")


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_values_that_are_not_numbers_are_refused(broken, bad):
    with h5py.File(broken, "r+") as file:
        file["layers/conv2d_2/vars/0"][0, 0, 0, 0] = bad
    refuse(broken, "not finite numbers in 'layers/conv2d_2'")


def test_a_name_that_is_no_text_is_refused(broken):
    with h5py.File(broken, "r+") as file:
        file.move("layers/add", b"layers/\xff\xfe")
    refuse(broken, "a name that is no text")


def test_text_where_numbers_belong_is_refused(broken):
    with h5py.File(broken, "r+") as file:
        shape = file["layers/conv2d/vars/0"].shape
        del file["layers/conv2d/vars/0"]
        file["layers/conv2d/vars/0"] = np.full(shape, b"x")
    refuse(broken, "float16 or float32 is expected")


def test_settings_say_where_weights_come_from():
    def resolved(backbone, weights=None):
        return resolve_weights(ModelSettings(backbone=backbone, weights=weights))

    assert resolved("vgg16") == "imagenet"
    assert resolved("vgg16", "None") == "none"
    assert resolved("smallcnn") == "none"
    assert resolved("efficientnetlite0") == "none"
    assert resolved("vgg16", "some/File.h5") == "some/File.h5"
    with pytest.raises(UserError, match="no ImageNet weights for SmallCNN"):
        resolved("smallcnn", "imagenet")


def test_a_failed_download_names_the_file_and_the_options(monkeypatch):
    row = BACKBONES["mobilenetv3small"]
    cached = Path(os.environ.get("KERAS_HOME", "~/.keras")).expanduser() / "models"
    if (cached / row.weights_file).exists():
        pytest.skip("these weights are in Keras's cache already")
    for name in ("http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")  # nobody listens on the discard port
    monkeypatch.delenv("no_proxy", raising=False)
    monkeypatch.setattr(urllib.request, "_opener", None)
    with pytest.raises(UserError) as caught:
        build_network(ModelSettings(backbone="mobilenetv3small"), 32, 32)
    said = str(caught.value)
    assert "\n" not in said
    for part in (row.weights_file, "--weights FILE", "--weights none", "MobileNetV3Small"):
        assert part in said


def test_hash_is_of_the_bytes(tmp_path):
    path = tmp_path / "three.h5"
    path.write_bytes(b"abc")
    assert weights_hash(path).startswith("ba7816bf8f01cfea")
    with pytest.raises(UserError, match="Cannot read weight file"):
        weights_hash(tmp_path / "none.h5")


FOLDER = os.environ.get("KERAS_GENRES_WEIGHTS")


@pytest.mark.skipif(not FOLDER, reason="KERAS_GENRES_WEIGHTS names no folder")
@pytest.mark.parametrize("name", ["vgg16", "densenet121", "mobilenetv2", "efficientnetlite0"])
def test_real_imagenet_weights_see_pictures_as_the_stock_network_does(name):
    path = Path(FOLDER) / f"{name}_notop_f16.weights.h5"
    if not path.exists():
        pytest.skip(f"no {path.name}")
    row = BACKBONES[name]
    network = build_network(ModelSettings(backbone=name, weights=str(path)), 64, 64)
    images = np.random.default_rng(0).uniform(0, 255, (4, 64, 64, 3)).astype("float32")
    pooled = keras.Model(network.input, network.get_layer("pool").output)
    features = keras.ops.convert_to_numpy(pooled(images))
    assert np.isfinite(features).all()
    assert features.std(axis=0).max() > 0.01
    if hasattr(keras.applications, row.application):
        build = getattr(keras.applications, row.application)
        stock = build(include_top=False, weights=None, input_shape=(64, 64, 3), pooling="avg")
        stock.load_weights(path)
        module = {"vgg16": "vgg16", "densenet121": "densenet", "mobilenetv2": "mobilenet_v2"}[name]
        seen = getattr(keras.applications, module).preprocess_input(images.copy())
        np.testing.assert_allclose(
            features, keras.ops.convert_to_numpy(stock(seen)), rtol=1e-3, atol=1e-3
        )
