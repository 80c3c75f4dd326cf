"""Grad-CAM, against what can be computed by hand, seen and destroyed."""

import os
import subprocess
import sys

import keras
import numpy as np
import pytest
from keras import layers

from keras_genres.errors import UserError
from keras_genres.genres import GENRES, NUM_GENRES
from keras_genres.inference.explain import shown
from keras_genres.inference.gradcam import grad_cam
from keras_genres.inference.occlusion import occlusion
from keras_genres.inference.overlay import on_poster
from keras_genres.model.backbones import BACKBONES
from keras_genres.model.network import backbone_of, build_network
from keras_genres.settings import ModelSettings


def array(tensor):
    return keras.ops.convert_to_numpy(tensor)


def built(name, height, width, **more):
    return build_network(ModelSettings(backbone=name, weights="none", **more), height, width)


def pictures(count, height, width, seed=0):
    return np.random.default_rng(seed).integers(0, 256, (count, height, width, 3), np.uint8)


def toy(kernel, head):
    """Return a network whose feature map is one convolution of the pixels and ReLU."""
    inputs = keras.Input((None, None, 3))
    convolution = layers.Conv2D(kernel.shape[-1], kernel.shape[0], padding="same", use_bias=False)
    x = layers.ReLU(name="block4_relu2")(convolution(inputs))
    core = keras.Model(inputs, x, name="smallcnn")
    convolution.set_weights([kernel])
    images = keras.Input((4, 6, 3), name="images")
    x = layers.GlobalAveragePooling2D(name="pool")(core(layers.Rescaling(1.0)(images)))
    dense = layers.Dense(NUM_GENRES, activation="sigmoid", name="genres")
    network = keras.Model(images, dense(x))
    dense.set_weights([head.astype("float32"), np.zeros(NUM_GENRES)])
    return network


def test_a_case_by_hand():
    head = np.zeros((3, NUM_GENRES))
    head[:, 0] = 1, 0, -1  # genre 0: red, and not blue
    head[:, 1] = 0, 0, -1  # genre 1: anything but blue
    network = toy(np.eye(3, dtype="float32")[None, None], head)
    image = np.zeros((1, 4, 6, 3), np.uint8)
    image[0, 0, 0] = 200, 0, 0
    image[0, 1, 2] = 150, 90, 50  # red less blue: half of the peak
    image[0, 3, 5] = 100, 0, 250
    maps = grad_cam(network, image, ["Action", "Adventure"])
    assert maps.shape == (1, 2, 4, 6) and maps.dtype == np.float32
    wanted = np.zeros((4, 6))
    wanted[0, 0], wanted[1, 2] = 1, 0.5
    np.testing.assert_allclose(maps[0, 0], wanted, atol=1e-6)
    assert not maps[0, 1].any()


@pytest.mark.parametrize("pooling", ["avg", "max"])
@pytest.mark.parametrize("name", ["smallcnn", "vgg16"])
def test_below_a_pooling_and_one_dense_layer_it_is_cam(name, pooling):
    network = built(name, 96, 64, pooling=pooling)
    images, core = pictures(2, 96, 64), backbone_of(network)
    seen = BACKBONES[name].feature_map_of(core)
    before = network.operations[network.operations.index(core) - 1].output
    inputs = array(keras.Model(network.input, before)(images.astype("float32")))
    features = array(keras.Model(core.input, seen)(inputs))
    # Zhou et al. 2016: the head's weights, laid on the feature map.
    cam = np.einsum("nhwc,cg->nghw", features, array(network.get_layer("genres").kernel))
    cam = np.maximum(cam, 0)
    peaks = cam.max(axis=(2, 3), keepdims=True)
    found = grad_cam(network, images, range(NUM_GENRES))
    assert found.shape == (2, NUM_GENRES, 6, 4)
    np.testing.assert_allclose(found, cam / np.where(peaks > 0, peaks, 1), atol=2e-5)


def test_many_genres_are_explained_as_each_alone():
    network = built("smallcnn", 48, 48)
    images = pictures(2, 48, 48)
    together = grad_cam(network, images, ["War", "Drama", 3])
    for index, genre in enumerate([18, "Drama", "Biography"]):
        alone = grad_cam(network, images, [genre])[:, 0]
        np.testing.assert_allclose(together[:, index], alone, atol=1e-6)
    assert grad_cam(network, images, []).shape == (2, 0, 3, 3)


def test_a_mirrored_poster_has_the_mirrored_map():
    random = np.random.default_rng(0)
    kernel = random.normal(size=(3, 3, 3, 4)).astype("float32")
    head = random.normal(size=(4, NUM_GENRES))
    images = pictures(1, 4, 6)
    even = toy((kernel + kernel[:, ::-1]) / 2, head)
    maps, mirrored = (
        grad_cam(even, each, ["Action", "War"]) for each in (images, images[:, :, ::-1])
    )
    np.testing.assert_allclose(mirrored, maps[..., ::-1], atol=1e-5)
    assert np.abs(maps - maps[..., ::-1]).max() > 0.1
    uneven = toy(kernel, head)
    maps, mirrored = (grad_cam(uneven, each, ["War"]) for each in (images, images[:, :, ::-1]))
    assert np.abs(mirrored - maps[..., ::-1]).max() > 0.1


def check_map(name, size=64):
    size = max(size, 2 * BACKBONES[name].smallest)  # an InceptionV3 has one place at its smallest
    network = built(name, size, size)
    maps = grad_cam(network, pictures(1, size, size), GENRES)
    seen = BACKBONES[name].feature_map_of(backbone_of(network))
    assert maps.shape == (1, NUM_GENRES, *seen.shape[1:3])
    assert min(maps.shape[2:]) > 1
    assert np.isfinite(maps).all() and maps.min() >= 0
    # From random weights about half of the genres have something that speaks for them.
    assert set(maps.max(axis=(0, 2, 3))) <= {0.0, 1.0} and maps.max() == 1
    keras.backend.clear_session()


@pytest.mark.parametrize("name", ["vgg16", "efficientnetb0"])
def test_maps_of_backbones_of_several_families(name):
    check_map(name)


@pytest.mark.slow
@pytest.mark.parametrize("name", list(BACKBONES))
def test_maps_of_every_backbone(name):
    check_map(name)


def test_a_loaded_network_whose_layers_are_numbered_anew(tmp_path):
    first, network = (built("mobilenetv3small", 64, 64) for _ in range(2))
    assert backbone_of(first).layers[-1].name != backbone_of(network).layers[-1].name
    network.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras")
    core = backbone_of(loaded)
    assert BACKBONES["mobilenetv3small"].feature_map_of(core) is core.output
    assert grad_cam(loaded, pictures(1, 64, 64), GENRES).shape == (1, NUM_GENRES, 2, 2)


def test_what_does_not_fit_is_refused():
    network = built("smallcnn", 32, 32)
    with pytest.raises(ValueError, match=r"\(N, 32, 32, 3\)"):
        grad_cam(network, pictures(1, 32, 40), ["Drama"])
    for genre in ("Western", 19, -1):
        with pytest.raises(ValueError, match="Received"):
            grad_cam(network, pictures(1, 32, 32), [genre])
    backbone_of(network).name = "unknown"
    with pytest.raises(UserError, match=r"'unknown'.*Use occlusion"):
        grad_cam(keras.models.clone_model(network), pictures(1, 32, 32), ["Drama"])


@pytest.mark.parametrize("policy", ["mixed_bfloat16", "mixed_float16"])
def test_reduced_precision_gives_nearly_the_same_map(policy):
    keras.utils.set_random_seed(0)
    full = built("smallcnn", 64, 64)
    keras.mixed_precision.set_global_policy(policy)
    try:
        reduced = built("smallcnn", 64, 64)
    finally:
        keras.mixed_precision.set_global_policy("float32")
    reduced.set_weights(full.get_weights())
    images = pictures(2, 64, 64)
    maps = [grad_cam(network, images, GENRES) for network in (full, reduced)]
    assert 0 < np.abs(maps[0] - maps[1]).mean() < 0.02


# What a trained network looks at.

SIZE, SIDE, SEED = 48, 16, 0


@pytest.fixture(scope="module")
def trained():
    """A network that tells small drawn motifs from one another, wherever they are."""
    keras.utils.set_random_seed(SEED)
    network = built("smallcnn", SIZE, SIZE, dropout=0.0)
    images, labels = zip(*(motif(seed) for seed in range(160)), strict=True)
    adam = keras.optimizers.Adam(4e-3)
    network.compile(optimizer=adam, loss="binary_crossentropy", jit_compile=False)
    network.fit(np.stack(images), np.stack(labels), batch_size=16, epochs=7, verbose=0)
    return network


def noise(random, height=SIZE, width=SIZE):
    return random.integers(60, 196, (height, width, 3)).astype("float32")


def draw(random, genre, image, top, left, side=SIDE):
    """Draw genre 0 as a disc and genre 1 as stripes, of one colour, so that only shape tells."""
    y, x = np.mgrid[:side, :side]
    middle = (side - 1) / 2
    inside = (y - middle) ** 2 + (x - middle) ** 2 < middle**2 if genre == 0 else y // 4 % 2 == 0
    part = image[top : top + side, left : left + side]
    part[inside] = np.array((240, 200, 30)) + random.normal(0, 5, (inside.sum(), 3))


def motif(seed):
    random = np.random.default_rng(seed)
    image, labels = noise(random), np.zeros(NUM_GENRES, "float32")
    for genre in (0, 1):
        if random.uniform() < 0.4:
            draw(random, genre, image, *random.integers(0, SIZE - SIDE, 2))
            labels[genre] = 1
    return image, labels


def share(evidence, columns):
    return evidence[:, columns].sum() / evidence.sum()


def beside_noise(genre, is_left, count=8):
    """Return images with a motif in the left or right third, and the columns of that third."""
    random = np.random.default_rng(100 + genre)
    images = np.stack([noise(random) for _ in range(count)])
    for image in images:
        draw(random, genre, image, random.integers(0, SIZE - SIDE), 2 if is_left else 30)
    return images, slice(0, SIZE // 2) if is_left else slice(SIZE // 2, SIZE)


@pytest.mark.parametrize("genre", [0, 1])
@pytest.mark.parametrize("is_left", [True, False])
def test_a_drawn_motif_beside_noise_lights_up_on_its_side(trained, genre, is_left):
    images, half = beside_noise(genre, is_left)
    assert np.median(trained.predict_on_batch(images)[:, genre]) > 0.5
    maps = grad_cam(trained, images, [genre])[:, 0]
    assert np.mean([share(on_poster(each, (SIZE, SIZE)), half) for each in maps]) > 0.75
    hidden = occlusion(trained.predict_on_batch, images[0], [genre], positions=8)[0]
    assert share(on_poster(shown(hidden), (SIZE, SIZE)), half) > 0.6


def test_each_genre_lights_up_where_its_own_motif_is(trained):
    images, _ = beside_noise(0, True)
    random = np.random.default_rng(7)
    for image in images:
        draw(random, 1, image, random.integers(0, SIZE - SIDE), 30)
    disc, stripes = grad_cam(trained, images, [0, 1]).sum(axis=(0, 2))
    assert disc[0] > 2 * disc[2] and stripes[2] > 2 * stripes[0]


def test_random_weights_give_another_map(trained):
    """Source: the model parameter randomization test of Adebayo et al. 2018, arXiv:1810.03292."""
    images = np.stack([motif(seed)[0] for seed in range(300, 324)])
    keras.utils.set_random_seed(1)
    other, network = built("smallcnn", SIZE, SIZE), keras.models.clone_model(trained)
    head = array(trained.get_layer("genres").kernel)
    wanted = grad_cam(trained, images, [0, 1]).reshape(48, -1)

    def correlations():
        found = grad_cam(network, images, [0, 1]).reshape(48, -1)
        pairs = [pair for pair in zip(wanted, found, strict=True) if pair[0].std()]
        return np.array([np.corrcoef(pair)[0, 1] if pair[1].std() else 0 for pair in pairs])

    network.set_weights(trained.get_weights())
    np.testing.assert_allclose(correlations(), 1, atol=1e-4)
    # From the head downwards, as in the paper: first the head alone, then all.
    order = np.random.default_rng(0).permutation(len(head))
    network.get_layer("genres").kernel.assign(head[order])
    assert correlations().mean() < 0.5
    network.set_weights(other.get_weights())
    assert correlations().mean() < 0.4


ON_JAX = """
import sys, keras, numpy as np
from keras_genres.inference.gradcam import grad_cam
assert keras.backend.backend() == "jax"
network = keras.saving.load_model(sys.argv[1])
held = np.load(sys.argv[2])
maps = grad_cam(network, held["images"], range(19))
assert maps.shape == held["maps"].shape
print(float(np.abs(maps - held["maps"]).max()))
"""


def test_jax_gives_the_same_maps(tmp_path):
    pytest.importorskip("jax")
    random = np.random.default_rng(0)
    network = toy(random.normal(size=(3, 3, 3, 4)), random.normal(size=(4, NUM_GENRES)))
    images = pictures(2, 4, 6)
    network.save(tmp_path / "model.keras")
    np.savez(tmp_path / "maps.npz", images=images, maps=grad_cam(network, images, range(19)))
    answer = subprocess.run(
        [sys.executable, "-c", ON_JAX, tmp_path / "model.keras", tmp_path / "maps.npz"],
        capture_output=True, text=True, env={**os.environ, "KERAS_BACKEND": "jax"}, check=False,
    )  # fmt: skip
    assert answer.returncode == 0, answer.stderr[-2000:]
    assert float(answer.stdout.splitlines()[-1]) < 1e-4
