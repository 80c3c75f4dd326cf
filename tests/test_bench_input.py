"""`bench input`: the work of peers is what is claimed, and the numbers hang together."""

import dataclasses
import os
from importlib.util import find_spec
from pathlib import Path

import keras
import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

import keras_genres
from keras_genres.bench.input import FILES, MEMORY, bench_input, time_batches
from keras_genres.bench.keras_layers import (
    augmentation,
    batches_of_folder,
    link_posters,
    varied,
)
from keras_genres.errors import UserError
from keras_genres.settings import AugmentSettings

PARTS = ("rotation_degrees", "shift", "scale", "brightness", "contrast", "saturation", "hue")
OFF = AugmentSettings(flip=False, **dict.fromkeys(PARTS, 0.0))
SMALL = {
    "posters": 40,
    "size": (32, 32),
    "batch_size": 8,
    "rounds": 1,
    "backbone": "smallcnn",
    "steps": 2,
}


@pytest.fixture
def grey(tmp_path):
    """12 PNGs, of which number n has grey 10 n everywhere."""
    paths = [tmp_path / f"{name}.png" for name in "lkjihgfedcba"]
    for number, path in enumerate(paths):
        Image.new("RGB", (40, 50), (10 * number,) * 3).save(path)
    return [str(path) for path in paths]


def one_hot(count):
    return np.eye(19, dtype=np.uint8)[:count]


def test_keras_batches_give_each_poster_its_own_labels(grey, tmp_path):
    links = link_posters(grey, tmp_path / "links")
    seen = set()
    for images, labels in batches_of_folder(links, one_hot(12), 32, 32, batch_size=4):
        assert images.shape == (4, 32, 32, 3) and images.dtype == labels.dtype == tf.float32
        numbers = labels.numpy().argmax(axis=1)
        np.testing.assert_array_equal(images.numpy()[:, 0, 0, 0], 10 * numbers)
        seen |= set(numbers.tolist())
    assert seen == set(range(12))


def test_keras_gets_a_layer_for_each_part_that_is_on():
    assert len(augmentation(AugmentSettings())) == 8
    assert augmentation(OFF) == []
    only = augmentation(dataclasses.replace(OFF, hue=0.1))
    assert [type(layer) for layer in only] == [keras.layers.RandomHue]


def test_keras_saturation_stays_around_no_change():
    layer = augmentation(dataclasses.replace(OFF, saturation=0.2))[0]
    assert layer.factor == (0.4, 0.6)


def test_varied_batches_differ_and_keep_their_labels():
    """Two batches may be alike: a parallel map moves the seed of Keras on without a lock."""
    images = np.random.default_rng(0).integers(0, 256, (4, 32, 32, 3)).astype(np.float32)
    batches = tf.data.Dataset.from_tensors((images, one_hot(4))).repeat(8)
    first, *others = varied(batches, AugmentSettings())
    assert max(np.abs(first[0].numpy() - other[0].numpy()).max() for other in others) > 10
    for _, labels in (first, *others):
        np.testing.assert_array_equal(labels, one_hot(4))


def test_batches_before_the_clock_starts_are_not_counted():
    batches = tf.data.Dataset.from_tensors((np.zeros((8, 2)), np.zeros(8))).repeat()
    found = time_batches(batches, steps=5)
    assert found["posters"] == 40 and found["seconds"] > 0


def test_all_who_are_installed_do_the_same_posters(prepared):
    found = bench_input(prepared, **SMALL)
    peers = {"keras-layers"}
    if all(find_spec(name) for name in ("torch", "albumentations", "cv2")):
        peers.add("torch-albumentations")
        assert found.machine["packages"]["albumentations"]
    if find_spec("torchvision"):
        peers.add("torchvision")
    inputs = [one for one in found.timings if one["what"] in (FILES, MEMORY)]
    assert len(inputs) == 2 * (1 + len(peers))
    for one in inputs:
        assert one["posters"] == 40 and 0 < one["cpu_seconds"] < 60
        assert one["posters_per_second"] == pytest.approx(40 / one["seconds"])
        assert one["posters_per_cpu_second"] == pytest.approx(40 / one["cpu_seconds"])
    against = {(one["what"], one["against"]) for one in found.rows if one["against"]}
    wanted = {(what, peer) for what in (FILES, MEMORY) for peer in peers}
    assert against == wanted | {("smallcnn step", "constant")}
    (wait,) = [one["wait_percent"] for one in found.timings if "wait_percent" in one]
    assert 0 <= wait <= 100
    assert found.settings["augmentation"]["hue"] == 0.02
    assert found.notes[-1].startswith("Only 5 batches a round")
    assert "dali: needs a GPU" in "\n".join(found.left_out)


BROKEN = {"torch": "raise ImportError('libtorch is not there')", "torchvision": ""}


@pytest.fixture
def broken(tmp_path, monkeypatch):
    """A torch and a torchvision that are found, but do not import."""
    for name, code in BROKEN.items():
        (tmp_path / name).mkdir()
        (tmp_path / name / "__init__.py").write_text(code)
    root = str(Path(keras_genres.__file__).parents[1])
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(tmp_path), root]))
    monkeypatch.syspath_prepend(tmp_path)


def test_a_peer_that_does_not_import_is_named(prepared, broken):
    small = SMALL | {"backbone": "none", "posters": 8}
    with pytest.raises(UserError, match=r"--peer torchvision: .*libtorch is not there"):
        bench_input(prepared, **small, peers=["torchvision"])


def torch_input():
    pytest.importorskip("albumentations")
    pytest.importorskip("cv2")
    pytest.importorskip("torch")
    from keras_genres.bench import torch_input

    return torch_input


def test_torch_gives_each_poster_its_own_labels(grey, monkeypatch):
    monkeypatch.setenv("NO_ALBUMENTATIONS_UPDATE", "1")
    module = torch_input()
    way = module._Albumentations((32, 24), dataclasses.asdict(OFF))
    posters = module._Posters(way, grey, one_hot(12).astype(np.float32), in_memory=False)
    images, labels, worker, cpu = way.collate([posters[3], posters[7]])
    assert images.shape == (2, 32, 24, 3) and str(images.dtype) == "torch.float32"
    assert images[:, 0, 0, 0].tolist() == [30, 70]
    assert labels.argmax(axis=1).tolist() == [3, 7]
    assert worker == os.getpid() and cpu > 0


def test_torch_varies_posters(grey, monkeypatch):
    monkeypatch.setenv("NO_ALBUMENTATIONS_UPDATE", "1")
    way = torch_input()._Albumentations((64, 64), dataclasses.asdict(AugmentSettings()))
    poster = np.random.default_rng(0).integers(0, 256, (64, 64, 3), dtype=np.uint8)
    one, two = way.vary(poster), way.vary(poster)
    assert one.shape == two.shape == (64, 64, 3) and one.dtype == np.uint8
    assert (one != two).any()


@pytest.mark.parametrize("threads", [1, 2])
def test_torch_counts_the_time_of_its_workers(prepared, threads, monkeypatch):
    monkeypatch.setenv("NO_ALBUMENTATIONS_UPDATE", "1")
    module = torch_input()
    from keras_genres.data.table import load_posters

    posters = load_posters(prepared).take(np.arange(24))
    run = module.make(
        "albumentations",
        posters.paths,
        posters.labels,
        (64, 64),
        batch_size=4,
        steps=12,
        threads=threads,
        augment=dataclasses.asdict(AugmentSettings()),
        in_memory=False,
        seed=0,
    )
    found = run()
    assert found["posters"] == 48
    assert 0 < found["cpu_seconds"] < 60 and found["seconds"] > 0


def test_torchvision_gives_batches_of_its_own_layout(grey):
    pytest.importorskip("torchvision")
    module = torch_input()
    way = module._Torchvision((32, 24), dataclasses.asdict(AugmentSettings()))
    images, *_ = way.collate([(way.vary(way.decode(grey[0])), one_hot(1)[0])])
    assert images.shape == (1, 3, 32, 24)
