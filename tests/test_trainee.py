"""What is trained compiles once: no batch has another shape."""

import pytest
from conftest import TINY

from keras_genres.data.table import load_posters
from keras_genres.settings import load_settings
from keras_genres.training.interrupt import StopOnSignal
from keras_genres.training.job import build_job, poster_sources
from keras_genres.training.prefix import keep_frozen
from keras_genres.training.stages import resolve
from keras_genres.training.trainee import kept_trainee, live_trainee


@pytest.mark.parametrize("place", ["pixels", "kept"])
def test_a_stage_is_traced_in_its_first_epoch_and_never_again(
    prepared, tmp_path, monkeypatch, place
):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    cache = "on" if place == "kept" else "off"
    changes = [f"prefix.cache={cache}", "prefix.views=2", "training.jit=on"]
    # 82 posters to train on and 18 to validate: neither is a multiple of the batch.
    job = build_job(resolve(load_settings(None, [*TINY, *changes])), load_posters(prepared))
    sources = poster_sources(job)
    prefix = keep_frozen(job, sources, StopOnSignal())
    head = job.network.get_layer("genres")
    traced = []
    call = head.call
    monkeypatch.setattr(head, "call", lambda *args, **more: traced.append(1) or call(*args, **more))
    if place == "kept":
        trainee = kept_trainee(job, prefix.kept[job.stages[0]])
    else:
        trainee = live_trainee(job, sources)
    job.compile(trainee.model, 1e-3)

    def epoch():
        trainee.model.fit(trainee.batches(0), steps_per_epoch=6, shuffle=False, verbose=0)
        assert trainee.score("val").shape == (18, 19)

    epoch()
    after_one = len(traced)
    assert after_one > 0
    for _ in range(2):
        epoch()
    assert len(traced) == after_one


def test_evaluation_batches_are_larger_than_training_batches(prepared):
    job = build_job(resolve(load_settings(None, [*TINY])), load_posters(prepared))
    trainee = live_trainee(job, poster_sources(job))
    seen = []
    predict = job.network.predict
    job.network.predict = lambda batches, **more: seen.append(batches) or predict(batches, **more)
    trainee.score("val")
    sizes = [
        batches.element_spec.shape[0]
        for batches in (seen[0], trainee.batches(0).map(lambda x, y: x))
    ]
    assert sizes == [32, 16]
