import io
import itertools
import os
import threading
import time

import numpy as np
import pytest
from pictures import encoded, picture, write_posters
from PIL import Image

import keras_genres
from keras_genres.data.quality import PictureError
from keras_genres.data.table import load_posters
from keras_genres.errors import UserError
from keras_genres.genres import GENRES
from keras_genres.inference.predictor import Prediction, Predictor
from keras_genres.inference.sources import Found
from keras_genres.predictions import Predictions


@pytest.fixture(scope="module")
def predictor(finished):
    return Predictor.load(finished.path, batch_size=4)


@pytest.fixture(scope="module")
def paths(tmp_path_factory):
    """Paths of 7 JPEG posters."""
    folder = tmp_path_factory.mktemp("posters")
    write_posters(folder, 7, ["Drama"])
    return sorted(map(str, folder.iterdir()))


def scores_of(predictions):
    return np.array([[each.scores[genre] for genre in GENRES] for each in predictions])


def test_scores_are_those_of_the_evaluation(predictor, finished, prepared):
    kept = Predictions.load(finished.path / "predictions" / "test.npz")
    posters = load_posters(prepared).part("test")
    got = predictor.predict(posters.paths)
    assert [each.source for each in got] == posters.paths
    np.testing.assert_allclose(scores_of(got), kept.scores, atol=1e-6)


def test_genres_are_those_above_their_thresholds_best_first(predictor, paths):
    for each in predictor.predict(paths):
        values = list(each.scores.values())
        assert values == sorted(values, reverse=True) and len(values) == 19
        limits = dict(zip(GENRES, predictor.thresholds, strict=True))
        assert each.genres == tuple(g for g in each.scores if each.scores[g] >= limits[g])


def test_path_bytes_picture_and_array_are_the_same_poster(predictor, paths):
    image = Image.open(paths[0])
    with open(paths[0], "rb") as file:
        data = file.read()
    array = np.asarray(image)
    kinds = [paths[0], data, image, array, array.astype(np.float32), array.astype(np.int64)]
    pixels = np.stack([predictor.read(kind) for kind in kinds])
    assert (pixels == pixels[0]).all() and pixels.dtype == np.uint8
    got = predictor.predict(kinds)
    assert [each.source for each in got] == [paths[0], "#1", "#2", "#3", "#4", "#5"]


@pytest.mark.parametrize("kind", [str, bytes, Image.Image, np.ndarray])
def test_one_poster_needs_no_list(predictor, paths, kind):
    with open(paths[0], "rb") as file:
        data = file.read()
    image = Image.open(paths[0])
    poster = {str: paths[0], bytes: data, Image.Image: image, np.ndarray: np.asarray(image)}[kind]
    (got,) = predictor.predict(poster)
    assert got.error is None


@pytest.mark.parametrize(
    "array",
    [
        np.zeros((20, 20), np.uint8),
        np.zeros((20, 20, 4), np.uint8),
        np.zeros((0, 20, 3), np.uint8),
        np.full((20, 20, 3), 256),
        np.full((20, 20, 3), -1.0),
        np.full((20, 20, 3), np.nan),
        np.full((20, 20, 3), 0.5),
        np.full((20, 20, 3), "a"),
    ],
)
def test_arrays_that_are_no_posters_are_refused(predictor, array):
    with pytest.raises(UserError, match="An array"):
        predictor.read(array)


def test_a_bad_poster_fails_alone(predictor, paths, tmp_path):
    (tmp_path / "bad.jpg").write_bytes(b"no picture")
    bad = [str(tmp_path / "bad.jpg"), b"", str(tmp_path / "none.jpg")]
    mixed = [bad[0], *paths[:3], *bad[1:], *paths[3:]]
    got = predictor.predict(mixed)
    assert [each.error is None for each in got] == [False, *[True] * 3, False, False, *[True] * 4]
    assert got[0] == Prediction(bad[0], (), {}, got[0].error)
    good = [each for each in got if each.error is None]
    np.testing.assert_allclose(scores_of(good), scores_of(predictor.predict(paths)), atol=1e-6)


def test_only_bad_posters_and_none_at_all(predictor):
    assert [each.genres for each in predictor.predict([b"", b"x"])] == [(), ()]
    assert predictor.predict([]) == []


def test_top_keeps_the_best(predictor, paths):
    whole, best = predictor.predict(paths[0])[0], predictor.predict(paths[0], top=3)[0]
    assert list(best.scores.items()) == list(whole.scores.items())[:3]
    assert best.genres == whole.genres
    assert whole.to_dict(top=3)["scores"] == best.scores
    assert best.to_dict()["error"] is None and best.to_dict()["genres"] == list(whole.genres)


def test_flip_is_the_mean_over_a_poster_and_its_mirror_image(predictor, paths):
    images = np.stack([predictor.read(path) for path in paths[:4]])
    wanted = (predictor.score(images) + predictor.score(images[:, :, ::-1])) / 2
    np.testing.assert_allclose(
        scores_of(predictor.predict(paths[:4], tta="flip")), wanted, atol=1e-6
    )
    with pytest.raises(ValueError, match="flip"):
        predictor.predict(paths, tta="rotate")


def test_an_endless_stream_is_read_only_a_little_ahead(predictor):
    data = encoded(picture(1), quality=90)
    read = itertools.count()
    endless = (Found(str(n), lambda: next(read) * 0 or data) for n in itertools.count())
    stream = predictor.stream(endless)
    assert [each.source for each in itertools.islice(stream, 9)] == [str(n) for n in range(9)]
    stream.close()
    assert next(read) <= 9 + 4 * 4  # what is asked for, and some batches of 4


def test_large_files_are_not_read_at_a_time(predictor, tmp_path):
    data, reading, most = encoded(picture(1), quality=90), [], []
    (tmp_path / "large.jpg").touch()
    os.truncate(tmp_path / "large.jpg", 200 * 2**20)  # takes no room on the disk

    def read():
        reading.append(1)
        most.append(len(reading))
        time.sleep(0.01)
        reading.pop()
        return data

    large = str(tmp_path / "large.jpg")
    list(predictor.stream(Found(large, read, path=large) for _ in range(8)))
    assert max(most) == 1  # of four readers


def test_readers_end_with_the_stream(predictor, paths):
    before = threading.active_count()
    stream = predictor.stream(itertools.cycle(paths))
    next(stream)
    stream.close()
    assert threading.active_count() <= before


def test_many_readers_that_begin_at_once_trace_once(finished, paths, caplog):
    predictor = Predictor.load(finished.path, batch_size=16)
    assert all(each.error is None for each in predictor.stream(paths * 8, readers=16))
    assert "retracing" not in caplog.text


def test_a_reader_may_say_why_there_is_no_poster(predictor):
    def refuse():
        raise PictureError("a", "not fetched", "HTTP status 404")

    (got,) = predictor.stream([Found("http://a/b.jpg", refuse)])
    assert (got.source, got.error) == ("http://a/b.jpg", "not fetched (HTTP status 404)")


def test_the_package_gives_a_predictor_for_any_model(finished, tmp_path):
    assert keras_genres.Predictor is Predictor
    with pytest.raises(UserError, match="There is no model"):
        keras_genres.Predictor.load(tmp_path / "none")
    with pytest.raises(ValueError, match="batch_size"):
        Predictor.load(finished.path, batch_size=0)


@pytest.mark.parametrize(
    "source", ["odd.webp", "alpha.png", "turned.jpg", "deep.png", "four.jpg", "palette.gif"]
)
def test_odd_pictures_have_the_pixels_that_prepare_gives_them(predictor, tmp_path, source):
    image = picture(3, 90, 60)
    path = tmp_path / source
    if source == "alpha.png":
        image.putalpha(128)
        image.save(path)
    elif source == "turned.jpg":
        exif = Image.Exif()
        exif[0x0112] = 6
        image.save(path, exif=exif, quality=90)
    elif source == "deep.png":
        Image.fromarray(np.asarray(image.convert("L")).astype(np.uint16) * 257).save(path)
    elif source == "four.jpg":
        image.convert("CMYK").save(path)
    elif source == "palette.gif":
        image.save(path)
    else:
        image.save(path, quality=90)
    from keras_genres.data.quality import load_picture

    plain = np.asarray(load_picture(str(path)))
    assert (predictor.read(path) == predictor.read(plain)).all()
    with Image.open(path) as opened:
        assert (predictor.read(opened) == predictor.read(plain)).all()


def test_a_picture_that_is_too_large_or_damaged_is_refused_before_it_is_loaded(predictor, paths):
    small = Predictor(predictor.runtime, max_megapixels=0.001)
    with pytest.raises(PictureError, match="too large"), Image.open(paths[0]) as image:
        small.read(image)
    with open(paths[0], "rb") as file:
        cut = io.BytesIO(file.read()[:-200])
    with pytest.raises(PictureError, match="unreadable"), Image.open(cut) as image:
        predictor.read(image)
