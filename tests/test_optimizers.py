"""Updates of a small real network, against Keras's own and against NumPy."""

import keras
import numpy as np
import pytest

from keras_genres.training.optimizers import StageAdam, averages_of, factors_by_depth

RANDOM = np.random.default_rng(0)
X = RANDOM.random((16, 4), np.float32)
Y = RANDOM.integers(0, 2, (16, 2)).astype("float32")


def trained(optimizer, epochs=2, batch_size=4, after_step=None):
    """Return the network after some steps; `after_step` is called with it after each."""
    keras.utils.set_random_seed(0)
    inputs = keras.Input((4,))
    low = keras.layers.Dense(3, name="low")(inputs)
    high = keras.layers.Dense(2, activation="sigmoid", name="high")(low)
    model = keras.Model(inputs, high)
    model.compile(optimizer, "binary_crossentropy", jit_compile=False)
    model.optimizer.build(model.trainable_variables)
    hooks = []
    if after_step:
        told = keras.callbacks.LambdaCallback(on_train_batch_end=lambda *_, **__: after_step(model))
        hooks.append(told)
    model.fit(X, Y, batch_size, epochs, verbose=0, shuffle=False, callbacks=hooks)
    return model


def weights(model):
    return [np.array(each) for each in model.get_weights()]


def same(one, other):
    return all(np.array_equal(*pair) for pair in zip(weights(one), weights(other), strict=True))


def test_with_the_defaults_it_is_adam_to_the_bit():
    assert same(trained(StageAdam(1e-2)), trained(keras.optimizers.Adam(1e-2)))


def test_decay_is_that_of_adamw_and_leaves_biases_alone():
    wanted = keras.optimizers.AdamW(1e-2, weight_decay=0.5)
    wanted.exclude_from_weight_decay(var_names=["bias"])
    model, other = trained(StageAdam(1e-2, decay=0.5)), trained(wanted)
    for one, two in zip(weights(model), weights(other), strict=True):
        np.testing.assert_allclose(one, two, rtol=1e-5)
    assert not same(model, trained(StageAdam(1e-2)))


def test_a_factor_scales_the_steps_of_its_variable():
    start = weights(trained(StageAdam(0.0)))
    plain = weights(trained(StageAdam(1e-2), 1, 16))
    half = weights(trained(StageAdam(1e-2, factors=[0.5, 0.5, 1, 1]), 1, 16))
    for at, factor in enumerate([0.5, 0.5, 1, 1]):
        moved = factor * (plain[at] - start[at])
        np.testing.assert_allclose(half[at] - start[at], moved, atol=1e-7)


def test_a_factor_scales_the_decay_too():
    # Without a gradient only decay moves: 1 - 0.1 * 0.5 * 0.2 for each step.
    optimizer = StageAdam(0.1, factors=[0.5], decay=0.2)
    variable = keras.Variable(np.ones((2, 2), "float32"))
    optimizer.build([variable])
    for _ in range(3):
        optimizer.apply([np.zeros((2, 2), "float32")], [variable])
    np.testing.assert_allclose(keras.ops.convert_to_numpy(variable), 0.99**3, rtol=1e-6)


def test_factors_must_fit_the_variables():
    with pytest.raises(ValueError, match="each of the 4 variables"):
        trained(StageAdam(1e-2, factors=[1.0]))


def test_an_average_follows_the_weights():
    seen = []
    model = trained(
        StageAdam(1e-2, averaging=0.6), 3, after_step=lambda model: seen.append(weights(model))
    )
    assert len(seen) == 12
    average = seen[0]
    for step, now in enumerate(seen[1:], start=1):
        keep = min(0.6, step / (9 + step))
        average = [keep * old + (1 - keep) * new for old, new in zip(average, now, strict=True)]
    for found, wanted in zip(averages_of(model), average, strict=True):
        np.testing.assert_allclose(found, wanted, rtol=1e-5, atol=1e-7)
    assert same(model, trained(StageAdam(1e-2), 3)), "training goes on with its own weights"


def test_an_average_counts_whole_batches_when_they_are_cut_in_parts():
    parts = StageAdam(1e-2, averaging=0.6, decay=0.1, gradient_accumulation_steps=4)
    whole, cut = trained(StageAdam(1e-2, averaging=0.6, decay=0.1), 6, 16), trained(parts, 6, 4)
    for one, two in zip(averages_of(whole), averages_of(cut), strict=True):
        np.testing.assert_allclose(one, two, atol=1e-6)
    assert not averages_of(trained(StageAdam(1e-2)))


def test_the_average_is_found_where_float16_wraps_the_optimizer():
    wrapped = keras.optimizers.LossScaleOptimizer(StageAdam(1e-2, averaging=0.5))
    assert len(averages_of(trained(wrapped))) == 4


def test_rates_fall_from_block_to_block_below_the_head():
    layers = [keras.layers.Dense(2) for _ in range(4)]
    for layer in layers:
        layer.build((None, 2))
    head = layers.pop()
    blocks = [layers[:2], layers[2:]]
    order = [head, layers[2], layers[0], layers[1]]
    found = factors_by_depth([layer.kernel for layer in order], blocks, 0.5)
    assert found == [1, 0.5, 0.25, 0.25]
