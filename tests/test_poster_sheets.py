import numpy as np
import pytest
from pictures import encoded, picture

from keras_genres.evaluation.figures import poster_sheets as sheets
from keras_genres.evaluation.figures.style import LINE, TEST, VAL

LABELS = np.eye(19, dtype=np.uint8)


def cards(folder, count, title="Jaws (1975)"):
    found = []
    for number in range(count):
        path = folder / f"p{number}.jpg"
        path.write_bytes(encoded(picture(number)))
        found.append(sheets.Card(str(path), title, LABELS[number % 19]))
    return found


def test_samples_show_every_genre_that_occurs():
    generator = np.random.default_rng(0)
    labels = (generator.random((2000, 19)) < 0.2).astype(np.uint8)
    labels[:, [3, 16]] = 0
    labels[777, 3] = 1  # the only one
    for seed in range(5):
        rows = sheets.choose_samples(labels, 21, seed)
        assert len(set(rows)) == 21 and 777 in rows
        assert labels[rows].any(axis=0).tolist() == labels.any(axis=0).tolist()
    assert sheets.choose_samples(labels, 21, 0).tolist() != rows.tolist()


def test_samples_of_few_posters_are_all_of_them():
    assert sheets.choose_samples(LABELS[:3], 21).tolist() == [0, 1, 2]
    assert sheets.choose_samples(LABELS[:0], 21).tolist() == []


def test_top_losses_are_the_most_wrong_one_a_group():
    labels = LABELS[:4].copy()
    scores = labels * 0.8 + 0.1
    scores[2] = 1 - scores[2]
    scores[3] = 1 - scores[3] * 0.9
    groups = np.array(["a", "b", "c", "c"])
    assert sheets.choose_top_losses(labels, scores, groups).tolist() == [3, 0, 1]
    assert sheets.choose_top_losses(labels, scores, np.arange(4), 2).tolist() == [3, 2]


def test_posters_are_fitted_into_their_places_whole(tmp_path):
    sheet = sheets.samples(cards(tmp_path, 9))
    assert len(sheet.pictures) == 9
    width = max(image.width for *_, image in sheet.pictures)
    assert 140 < width < 180
    for left, top, image in sheet.pictures:
        assert image.width / image.height == pytest.approx(60 / 90, abs=0.02)
        assert left + image.width <= 1280 and top + image.height <= sheet.height * 160


def test_a_poster_that_is_gone_or_broken_leaves_a_box_that_says_so(tmp_path):
    found = cards(tmp_path, 3)
    (tmp_path / "p0.jpg").unlink()
    (tmp_path / "p1.jpg").write_bytes(b"not a picture")
    sheet = sheets.samples(found)
    texts = [words.text for words in sheet.words]
    assert len(sheet.pictures) == 1
    assert texts.count("no picture:") == 2 and "missing" in texts and "not an image" in texts
    assert any(look.colour == LINE and look.kind == "fill" for look, _ in sheet.marks())
    assert not any(str(tmp_path) in text for text in texts)


def test_long_and_hostile_titles_stay_in_their_column(tmp_path):
    for title in ("W" * 400, "word " * 200, "日本" * 99, "a" * 50 + " " + "b" * 50):
        sheet = sheets.samples(cards(tmp_path, 2, title))
        boxes = sorted(words.box for words in sheet.words if words.size == 7 and words.y > 1)
        assert all(box[2] < 2.4 for box in boxes)
        assert all(box[2] < 1.2 for box in boxes if box[0] < 1)
        assert max(box[3] for box in boxes) < sheet.height
        sheet = sheets.top_losses(cards(tmp_path, 2, title), LABELS[:2] * 0.5, np.full(19, 0.3))
        loss = min(words.box[0] for words in sheet.words if words.text.startswith("loss"))
        cut = min(words.box[2] for words in sheet.words if words.bold and words.size == 8)
        assert cut < loss


def test_top_losses_show_true_genres_and_wrong_picks_with_scores(tmp_path):
    scores = np.zeros((1, 19))
    scores[0, [0, 4, 7, 9]] = 0.05, 0.9, 0.6, 0.2
    sheet = sheets.top_losses(cards(tmp_path, 1), scores, np.full(19, 0.5))
    by_text = {words.text: words.colour for words in sheet.words}
    assert by_text["Action"] == by_text["0.05"] == TEST
    assert by_text["Comedy"] == by_text["0.90"] == by_text["Drama"] == VAL
    assert "Fantasy" not in by_text  # neither true nor picked
    order = [words.text for words in sheet.words if words.text in ("Action", "Comedy", "Drama")]
    assert order == ["Action", "Comedy", "Drama"]


def test_many_wrong_picks_are_named_without_a_bar(tmp_path):
    scores = np.linspace(0.9, 0.6, 19)[None]
    sheet = sheets.top_losses(cards(tmp_path, 1), scores, np.full(19, 0.5))
    texts = [words.text for words in sheet.words]
    assert any(text.startswith("also picked: Crime") and text.endswith("…") for text in texts)
    assert max(words.box[2] for words in sheet.words if "also" in words.text) < 4
