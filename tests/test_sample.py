import csv
from collections import Counter

import numpy as np
import pytest
from PIL import Image

from keras_genres.data import sample
from keras_genres.data.drawing.brush import Canvas
from keras_genres.data.drawing.motifs_more import MOTIFS
from keras_genres.data.drawing.poster import draw_poster
from keras_genres.data.drawing.touches import TOUCHES
from keras_genres.data.sample import MIN_POSTERS, draw_sample, plan_posters
from keras_genres.errors import UserError
from keras_genres.genres import GENRES

SMALL = (96, 64)


@pytest.fixture(scope="module")
def drawn(tmp_path_factory):
    out = tmp_path_factory.mktemp("sample") / "posters"
    return out, draw_sample(out, MIN_POSTERS, seed=3, size=SMALL)


def _rows(out):
    with open(out / "labels.csv", encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def _pixels(path):
    with Image.open(path) as image:
        return np.asarray(image.convert("RGB"), dtype=np.int16)


def test_labels_name_every_file_and_only_known_genres(drawn):
    out, _ = drawn
    rows = _rows(out)
    assert list(rows[0]) == ["filename", "genres", "film_id", "title", "year"]
    assert {row["filename"] for row in rows} == {path.name for path in (out / "images").iterdir()}
    for row in rows:
        genres = row["genres"].split("|")
        assert set(genres) <= set(GENRES)
        assert 1 <= len(genres) == len(set(genres)) <= 3
        assert 1900 < int(row["year"]) < 2100
        assert row["title"]


def test_posters_are_jpeg_files_of_the_asked_size(drawn):
    out, _ = drawn
    for path in (out / "images").iterdir():
        with Image.open(path) as image:
            assert (image.format, image.mode, image.size) == ("JPEG", "RGB", (64, 96))


def test_the_same_seed_gives_the_same_bytes_and_another_seed_does_not(drawn, tmp_path):
    out, _ = drawn
    draw_sample(tmp_path / "again", MIN_POSTERS, seed=3, size=SMALL)
    draw_sample(tmp_path / "other", MIN_POSTERS, seed=4, size=SMALL)
    for path in [out / "labels.csv", *(out / "images").iterdir()]:
        inside = path.relative_to(out)
        assert (tmp_path / "again" / inside).read_bytes() == path.read_bytes()
        assert (tmp_path / "other" / inside).read_bytes() != path.read_bytes()


def test_a_smaller_sample_is_the_beginning_of_a_larger_one(drawn, tmp_path):
    out, plan = drawn
    more = draw_sample(tmp_path / "more", MIN_POSTERS + 5, seed=3, size=SMALL)
    assert more[:MIN_POSTERS] == plan
    for poster in plan:
        inside = f"images/{poster.filename}"
        assert (tmp_path / "more" / inside).read_bytes() == (out / inside).read_bytes()


@pytest.mark.parametrize("seed", range(5))
def test_every_genre_is_on_eight_percent_of_300_posters_and_drama_leads(seed):
    counts = Counter(genre for poster in plan_posters(300, seed) for genre in poster.genres)
    assert set(counts) == set(GENRES)
    assert min(counts.values()) >= 24
    assert counts["Drama"] == max(counts.values())


@pytest.mark.parametrize("seed", range(5))
def test_the_smallest_sample_has_each_genre_once_for_each_split(seed):
    counts = Counter(genre for poster in plan_posters(MIN_POSTERS, seed) for genre in poster.genres)
    assert min(counts[genre] for genre in GENRES) >= 3


def test_some_films_have_two_posters_with_the_same_labels():
    plan = plan_posters(600)
    films = Counter(poster.film_id for poster in plan)
    assert 6 <= sum(count > 1 for count in films.values()) <= 36
    labels = {(poster.film_id, poster.genres, poster.title, poster.year) for poster in plan}
    assert len(labels) == len(films)


def test_a_copy_is_the_same_picture_in_other_bytes_under_another_film(drawn):
    out, plan = drawn
    (copy,) = [poster for poster in plan if poster.copy_of is not None]
    first = plan[copy.copy_of]
    paths = [out / "images" / poster.filename for poster in (copy, first)]
    assert paths[0].read_bytes() != paths[1].read_bytes()
    assert np.abs(_pixels(paths[0]) - _pixels(paths[1])).mean() < 10
    assert copy.film_id != first.film_id
    assert copy.genres == first.genres


def test_only_the_copies_look_alike(drawn):
    # Were two posters of different films taken for one picture, grouping
    # would tie their splits together.
    out, plan = drawn
    thumbs = []
    for poster in plan:
        small = Image.open(out / "images" / poster.filename).convert("L").resize((16, 16))
        thumbs.append(np.asarray(small, dtype=float).ravel())
    alike = np.argwhere(np.triu(np.corrcoef(thumbs) > 0.98, 1))
    assert alike.tolist() == [[p.copy_of, k] for k, p in enumerate(plan) if p.copy_of is not None]


def test_titles_are_told_apart():
    plan = [poster for poster in plan_posters(600) if poster.copy_of is None]
    assert len({poster.title for poster in plan}) == len({poster.film_id for poster in plan})


def test_too_few_posters_too_small_ones_and_a_negative_seed_are_refused(tmp_path):
    with pytest.raises(UserError, match="39 posters are too few for 19 genres"):
        draw_sample(tmp_path / "out", MIN_POSTERS - 1)
    with pytest.raises(UserError, match="at least 64 pixels"):
        draw_sample(tmp_path / "out", MIN_POSTERS, size=(268, 40))
    with pytest.raises(UserError, match="Received: -1"):
        draw_sample(tmp_path / "out", MIN_POSTERS, seed=-1)
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_is_there_is_kept_unless_overwritten(tmp_path):
    out = tmp_path / "out"
    out.mkdir()
    (out / "mine.txt").write_text("mine")
    with pytest.raises(UserError, match="there already"):
        draw_sample(out, MIN_POSTERS, size=SMALL)
    with pytest.raises(UserError, match="holds other things"):
        draw_sample(out, MIN_POSTERS, size=SMALL, overwrite=True)
    assert [path.name for path in out.iterdir()] == ["mine.txt"]
    (out / "labels.csv").touch()
    draw_sample(out, MIN_POSTERS, size=SMALL, overwrite=True)
    assert sorted(path.name for path in out.iterdir()) == ["images", "labels.csv"]


def test_nothing_is_left_when_drawing_fails(tmp_path, monkeypatch):
    drawn = []

    def draw_three(*args):
        if len(drawn) == 3:
            raise OSError(28, "No space left on device")
        drawn.append(args)
        return draw_poster(*args)

    monkeypatch.setattr(sample, "draw_poster", draw_three)
    with pytest.raises(OSError, match="No space left"):
        draw_sample(tmp_path / "out", MIN_POSTERS, size=SMALL)
    assert len(drawn) == 3
    assert list(tmp_path.iterdir()) == []


def _changed_share(paint):
    """Return the share of pixels that `paint(canvas)` changes clearly on a grey canvas."""
    canvas = Canvas((268, 182), np.random.default_rng(0))
    canvas.gradient((128, 128, 128), (128, 128, 128))
    before = np.asarray(canvas.image, dtype=np.int16)
    paint(canvas)
    after = np.asarray(canvas.image, dtype=np.int16)
    return (np.abs(after - before).max(axis=-1) > 24).mean()


@pytest.mark.parametrize("genre", GENRES)
def test_a_motif_fills_its_square_and_a_touch_crosses_the_poster(genre):
    rng = np.random.default_rng(1)
    radius = 30
    square = (2 * radius) ** 2 / (100 * 100 * 268 / 182)
    drawn = _changed_share(lambda canvas: MOTIFS[genre](canvas.pen(50, 70, radius), rng))
    assert 0.3 * square < drawn < 1.3 * square
    touch, _ = TOUCHES[genre]
    assert 0.005 < _changed_share(lambda canvas: touch(canvas, rng, 0.0, 110.0)) < 0.6


@pytest.mark.parametrize("genre", GENRES)
def test_a_genre_changes_the_poster_as_the_main_one_and_as_another(genre):
    def poster(*genres):
        image = draw_poster(genres, "The Title", 1999, np.random.default_rng(5), SMALL)
        return np.asarray(image, dtype=np.int16)

    other = "Drama" if genre != "Drama" else "War"
    for with_it in (poster(genre), poster(other, genre)):
        assert (np.abs(with_it - poster(other)).max(axis=-1) > 40).mean() > 0.1


def test_any_shape_of_poster_can_be_drawn():
    for size in ((64, 64), (300, 200), (90, 160)):
        image = draw_poster(("War", "Music", "Horror"), "A", 2000, np.random.default_rng(0), size)
        assert image.size == (size[1], size[0])
