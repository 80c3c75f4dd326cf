"""Real training of a tiny model on both stages; the numbers are counted by hand."""

import csv
import types

import keras
import numpy as np
import pytest

from keras_genres.settings import TrainingSettings
from keras_genres.training.callbacks import (
    Diverged,
    MacroF1EarlyStopping,
    StageLR,
    Unfreeze,
    Validate,
)
from keras_genres.training.display import HISTORY_COLUMNS, History, Progress, format_seconds
from keras_genres.training.stages import Stage

HALVED = TrainingSettings(step_epochs=2, gamma=0.5)
STAGES = (Stage("head", 0, 2, 1e-2, ()), Stage("blocks", 2, 4, 1e-3, ("base",)))


def tiny():
    keras.utils.set_random_seed(0)
    inputs = keras.Input((4,))
    base = keras.layers.Dense(3, name="base", trainable=False)(inputs)
    outputs = keras.layers.Dense(2, activation="sigmoid", name="head")(base)
    return keras.Model(inputs, outputs)


def data():
    random = np.random.default_rng(0)
    return random.random((8, 4), np.float32), random.integers(0, 2, (8, 2)).astype("float32")


def recompile(model, rate):
    model.compile(keras.optimizers.Adam(rate), "binary_crossentropy", jit_compile=False)
    model.optimizer.build(model.trainable_variables)


def train(hooks, epochs=6, model=None):
    model = model or tiny()
    hooks = [hook(model) if hook is unfreeze else hook for hook in hooks]
    recompile(model, STAGES[0].learning_rate)
    return model, model.fit(*data(), batch_size=4, epochs=epochs, verbose=0, callbacks=hooks)


class Record(keras.callbacks.Callback):
    """Writes down what a user could see at each epoch's end."""

    def on_train_begin(self, logs=None):
        self.rates, self.base, self.head = [], [], []

    def on_epoch_end(self, epoch, logs=None):
        model = self.model
        self.rates.append(float(keras.ops.convert_to_numpy(model.optimizer.learning_rate)))
        self.base.append(model.get_layer("base").get_weights()[0])
        self.head.append(model.get_layer("head").get_weights()[0])


class Scripted(keras.callbacks.Callback):
    """Gives each epoch the validation score that the test wants."""

    def __init__(self, scores):
        super().__init__()
        self.scores = scores

    def on_epoch_end(self, epoch, logs=None):
        logs["val_macro_f1_tuned"] = logs["val_macro_f1"] = self.scores[epoch]
        logs["val_loss"] = 0.5


def unfreeze(model):
    def open_base(stage):
        for name in stage.blocks:
            model.get_layer(name).trainable = True

    return Unfreeze(STAGES[1], open_base, recompile)


def test_the_base_moves_from_the_first_epoch_of_its_stage_and_not_before(capsys):
    record = Record()
    train([unfreeze, record])
    start = tiny().get_layer("base").get_weights()[0]
    assert [np.array_equal(base, start) for base in record.base] == [True] * 2 + [False] * 4
    assert not np.array_equal(record.head[0], record.head[1])
    assert "Epoch 3: unfroze base, learning rate 1e-03" in capsys.readouterr().err


def test_the_learning_rate_steps_within_each_stage():
    record = Record()
    train([unfreeze, StageLR(STAGES, HALVED), record])
    np.testing.assert_allclose(record.rates, [1e-2, 1e-2, 1e-3, 1e-3, 5e-4, 5e-4], rtol=1e-6)


def early(patience=2):
    return MacroF1EarlyStopping("val_macro_f1_tuned", patience, STAGES[1].first_epoch)


def test_the_best_epoch_is_remembered_across_the_stages_and_restored():
    record, stop = Record(), early()
    scores = [0.1, 0.9, 0.2, 0.3, 0.4, 0.5]
    model, history = train([unfreeze, Scripted(scores), stop, record])
    # Epoch 2 (of the head's stage) is best; epochs 3 and 4 are not better, so 4 is the last.
    assert (stop.best_epoch, stop.stopped_epoch) == (1, 3)
    assert len(history.epoch) == 4
    stop.take_best(model)
    np.testing.assert_array_equal(model.get_layer("head").get_weights()[0], record.head[1])


def test_the_first_stage_cannot_be_stopped_and_patience_starts_afresh():
    stop = early()
    scores = [0.5, 0.1, 0.1, 0.6, 0.1, 0.7]
    _, history = train([unfreeze, Scripted(scores), stop], epochs=6)
    assert stop.stopped_epoch is None and stop.best_epoch == 5
    assert len(history.epoch) == 6


def test_a_metric_nobody_wrote_is_named_with_those_there_are():
    with pytest.raises(ValueError, match=r"'val_macro_f1_tuned'.* Available: loss"):
        train([early()], epochs=1)


def test_validation_scores_are_written_to_the_logs():
    labels = data()[1]
    scores = np.where(labels == 1, 0.4, 0.2)
    hook = Validate(lambda model: scores, labels, keras.losses.BinaryCrossentropy())
    _, history = train([hook], epochs=1)
    # Everything is below 0.5, so nothing is picked; a threshold of 0.3 picks all right.
    assert history.history["val_macro_f1"] == [0.0]
    assert history.history["val_macro_f1_tuned"] == [1.0]
    wanted = -np.mean(np.where(labels == 1, np.log(0.4), np.log(0.8)))
    assert history.history["val_loss"][0] == pytest.approx(wanted, rel=1e-5)


def test_scores_that_are_not_numbers_stop_the_epoch():
    hook = Validate(lambda model: np.full((8, 2), np.nan), data()[1], None)
    with pytest.raises(Diverged, match="epoch 1"):
        train([hook], epochs=1)


def test_a_factor_lowers_every_rate():
    record = Record()
    train([unfreeze, StageLR(STAGES, HALVED, factor=0.25), record])
    np.testing.assert_allclose(record.rates[1:4], [2.5e-3, 2.5e-4, 2.5e-4], rtol=1e-6)


def test_history_grows_by_a_row_an_epoch(tmp_path, capsys):
    path = tmp_path / "history.csv"
    rows_seen = []
    count = types.SimpleNamespace(rows=rows_seen)

    class Count(keras.callbacks.Callback):
        def on_epoch_end(self, epoch, logs=None):
            count.rows.append(len(path.read_text().splitlines()) - 1)

    scores = [0.1, 0.3, 0.2]
    hooks = [Scripted(scores), early(), History(path, STAGES), Count()]
    train([*hooks, Progress(STAGES, 2, 4)], epochs=3)
    assert rows_seen == [1, 2, 3]
    rows = list(csv.DictReader(path.open()))
    assert tuple(rows[0]) == HISTORY_COLUMNS
    assert [row["stage"] for row in rows] == ["head", "head", "blocks"]
    assert [row["is_best"] for row in rows] == ["1", "1", "0"]
    assert [row["val_macro_f1_tuned"] for row in rows] == ["0.100000", "0.300000", "0.200000"]
    assert "Epoch 2/6 head: loss" in capsys.readouterr().err


def test_lengths_of_time_are_written_for_people():
    assert [format_seconds(seconds) for seconds in (0, 59.6, 3600)] == ["0:00", "1:00", "1:00:00"]
