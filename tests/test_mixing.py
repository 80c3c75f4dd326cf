"""Posters mixed with one another: shares, labels, and the same in all ways of training."""

import itertools

import keras
import numpy as np
import pytest
import tensorflow as tf
from test_resume import cut_off, settings, unlike

from keras_genres.errors import UserError
from keras_genres.input.activations import activation_batches
from keras_genres.input.boxes import cut_boxes
from keras_genres.input.chance import epoch_mixes, epoch_rows, epoch_uniforms
from keras_genres.input.mixing import NUM_MIX, SHARE, mixed_labels, partners_of
from keras_genres.input.pipeline import PosterSource, training_batches
from keras_genres.input.variation import NUM_FIRST
from keras_genres.model.augment import augmented
from keras_genres.model.losses import make_loss
from keras_genres.settings import AugmentSettings, InputSettings, TrainingSettings
from keras_genres.training.fit import dry_run, fit, resume
from keras_genres.training.stages import resolve

HEIGHT, WIDTH = 20, 12
LABELS = np.eye(7, dtype=np.float32)  # poster k has genre k, so labels tell the shares
KINDS = [{"mixup": 1.0}, {"cutmix": 1.0}, {"mixup": 0.4, "cutmix": 1.0}]


@pytest.fixture
def source(tmp_path):
    random = np.random.default_rng(0)
    files = [tmp_path / f"{number}.png" for number in range(7)]
    for file in files:
        keras.utils.save_img(file, random.integers(0, 256, (HEIGHT, WIDTH, 3)), scale=False)
    source = PosterSource(files, HEIGHT, WIDTH, InputSettings(cache="memory"))
    source.prepare()
    return source


def stream(source, batches=4, batch_size=3, seed=0, **options):
    options = {"augment": AugmentSettings(), **options}
    found = training_batches(source, LABELS, batch_size=batch_size, seed=seed, **options)
    return list(itertools.islice(found.as_numpy_iterator(), batches))


def rolled(values):
    return np.concatenate([values[-1:], values[:-1]])


def test_mixup_is_the_mean_by_the_shares_that_the_labels_tell(source):
    for (pixels, labels), (plain, hard) in zip(
        stream(source, mixup=1.0), stream(source), strict=True
    ):
        shares = (labels * hard).sum(axis=1)
        np.testing.assert_allclose(labels.sum(axis=1), 1, atol=1e-6)
        by = shares[:, None, None, None]
        np.testing.assert_allclose(pixels, by * plain + (1 - by) * rolled(plain), atol=1e-2)
        np.testing.assert_allclose(
            labels, shares[:, None] * hard + (1 - shares[:, None]) * rolled(hard), atol=1e-6
        )
        assert np.ptp(shares) > 0.01


def test_cutmix_pastes_a_box_of_the_area_that_the_labels_tell(source):
    areas = []
    for (pixels, labels), (plain, hard) in zip(
        stream(source, cutmix=1.0), stream(source), strict=True
    ):
        is_partner = (pixels == rolled(plain)).all(axis=-1)
        is_own = (pixels == plain).all(axis=-1)
        assert (is_partner | is_own).all()
        np.testing.assert_allclose(
            (labels * rolled(hard)).sum(axis=1), is_partner.mean(axis=(1, 2)), atol=1e-6
        )
        for inside in is_partner:
            rows, columns = inside.any(axis=1), inside.any(axis=0)
            np.testing.assert_array_equal(inside, rows[:, None] & columns)
        areas += is_partner.mean(axis=(1, 2)).tolist()
    assert len({round(area, 3) for area in areas}) > 5


def test_a_batch_takes_one_kind_or_the_other():
    mixes = epoch_mixes(400, 8, 0, 0, 0.4, 1.0, HEIGHT, WIDTH).numpy().reshape(50, 8, NUM_MIX)
    has_box = mixes[..., 1:].any(axis=-1)
    is_mixup = (mixes[..., SHARE] < 1).any(axis=1)
    assert not has_box[is_mixup].any()
    assert (mixes[~is_mixup][..., SHARE] == 1).all() and has_box[~is_mixup].any(axis=1).all()
    assert 15 < is_mixup.sum() < 35


@pytest.mark.parametrize("alpha", [0.2, 1.0, 4.0])
def test_shares_come_from_the_beta_distribution(alpha):
    shares = epoch_mixes(20000, 10, 1, 2, alpha).numpy()[:, SHARE]
    # Beta(a, a) has mean 1/2 and variance 1 / (4 (2 a + 1)).
    assert shares.mean() == pytest.approx(0.5, abs=0.01)
    assert shares.var() == pytest.approx(1 / (4 * (2 * alpha + 1)), rel=0.04)


def test_a_tiny_alpha_gives_shares_of_0_and_1_and_none_that_is_no_number():
    shares = epoch_mixes(1000, 10, 0, 0, 1e-6).numpy()[:, SHARE]
    assert set(np.unique(shares)) == {0, 1}


def test_a_box_is_cut_off_at_the_edges():
    shares = tf.constant([0.75, 0.75, 1.0, 0.0])
    places = tf.constant([[0.5, 0.5], [0.0, 0.99], [0.5, 0.5], [0.5, 0.5]])
    boxes = cut_boxes(shares, places, 20, 12, tf).numpy()
    # A quarter of the area is half of each side: 10 rows and 6 columns about the centre.
    assert boxes.tolist() == [[5, 3, 15, 9], [0, 8, 5, 12], [10, 6, 10, 6], [0, 0, 20, 12]]
    mixes = tf.concat([tf.ones((4, 1)), boxes], axis=1)
    labels = tf.eye(4)
    found = mixed_labels(labels, partners_of(labels, tf), mixes, 20, 12).numpy()
    np.testing.assert_allclose(np.diag(found), [0.75, 1 - 20 / 240, 1, 0], atol=1e-6)


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: " and ".join(kind))
def test_the_device_mixes_as_the_pipeline_whatever_parts_a_batch_is_cut_in(source, kind):
    inputs = keras.Input((HEIGHT, WIDTH, 3))
    network = augmented(keras.Model(inputs, inputs), AugmentSettings(), is_mixed=True)
    batches = stream(source, 6, **kind)
    on_device = training_batches(
        source, LABELS, batch_size=3, seed=0, augment=AugmentSettings(), where="device", **kind
    ).rebatch(1)
    parts = itertools.islice(on_device.as_numpy_iterator(), 18)
    for number, (posters, labels) in enumerate(parts):
        pixels, wanted = (part[number % 3] for part in batches[number // 3])
        np.testing.assert_array_equal(labels[0], wanted)
        found = keras.ops.convert_to_numpy(network(list(posters)))[0]
        np.testing.assert_allclose(found, pixels, atol=0.25)


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: " and ".join(kind))
def test_a_stream_begun_later_goes_on_as_the_whole_one(source, kind):
    whole, again = stream(source, 8, **kind), stream(source, 8, **kind)
    later = stream(source, 4, first_epoch=1, first_step=1, **kind)
    for one, other in zip([*whole, *whole[4:]], [*again, *later], strict=True):
        np.testing.assert_array_equal(one[0], other[0])
        np.testing.assert_array_equal(one[1], other[1])
    assert abs(stream(source, 1, seed=1, **kind)[0][1] - whole[0][1]).max() > 0.01


def test_later_streams_of_chance_leave_the_first_three_as_they_were():
    order, _, varied = np.random.SeedSequence(5).generate_state(3, np.uint32).astype(np.int64)
    rows = tf.random.experimental.stateless_shuffle(tf.range(9, dtype=tf.int64), [order, 4])
    np.testing.assert_array_equal(epoch_rows(9, 3, 5, 4), rows)
    uniforms = tf.random.stateless_uniform((9, NUM_FIRST), [varied, 4])
    np.testing.assert_array_equal(epoch_uniforms(9, 5, 4)[:, :NUM_FIRST], uniforms)


def test_kept_activations_are_mixed_by_the_shares_of_the_labels():
    views = [np.random.default_rng(0).normal(size=(7, 5)).astype(np.float16)]
    options = {"batch_size": 3, "seed": 2}
    plain, found = (
        next(activation_batches(views, LABELS, mixup=mixup, **options).as_numpy_iterator())
        for mixup in (0.0, 1.0)
    )
    assert found[0].dtype == np.float16
    shares = (found[1] * plain[1]).sum(axis=1, keepdims=True)
    exact = plain[0].astype(np.float32)
    np.testing.assert_allclose(found[0], shares * exact + (1 - shares) * rolled(exact), atol=2e-3)
    assert shares.min() > 0.01 and shares.max() < 0.99


@pytest.mark.parametrize("name", ["bce", "weighted_bce", "focal", "asymmetric", "hill"])
def test_losses_take_labels_between_0_and_1(name):
    random = np.random.default_rng(0)
    hard = (random.random((2, 4, 19)) < 0.3).astype("float32")
    scores = random.uniform(0.01, 0.99, (4, 19)).astype("float32")
    loss = make_loss(TrainingSettings(loss=name), hard[0])
    one, other, mixed = (
        float(keras.ops.convert_to_numpy(loss(labels, scores)))
        for labels in (*hard, 0.3 * hard[0] + 0.7 * hard[1])
    )
    if name == "focal":  # Keras weighs by the distance to the soft label
        assert 0 < mixed < max(one, other)
    else:
        assert mixed == pytest.approx(0.3 * one + 0.7 * other, rel=1e-4)


def test_cutmix_trains_on_pixels_and_refuses_kept_activations(prepared):
    assert "Prefix cache: off (training.cutmix" in dry_run(
        settings("training.cutmix=1", "prefix.cache=auto"), prepared
    )
    with pytest.raises(UserError, match=r"training\.cutmix pastes pixels"):
        resolve(settings("training.cutmix=1", "prefix.cache=on"))


@pytest.mark.slow
@pytest.mark.parametrize(
    "changes",
    [
        ("training.mixup=0.4", "training.cutmix=1", "prefix.cache=off"),
        ("training.mixup=0.4", "augment.where=device", "prefix.cache=off"),
        ("training.mixup=0.4", "training.unfreeze=block4", "prefix.cache=on"),
    ],
    ids=["pipeline", "device", "kept"],
)
def test_a_mixed_run_that_was_cut_off_ends_as_the_whole_one(
    prepared, tmp_path, monkeypatch, changes
):
    whole = fit(settings(*changes), prepared, tmp_path / "whole")
    cut_off(prepared, tmp_path / "cut", monkeypatch, 9, *changes)
    assert unlike(resume(tmp_path / "cut"), whole) == []
