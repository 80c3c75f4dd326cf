"""`explain` writes a folder that a person can look at and a program can read."""

import dataclasses
import json
import os
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from pictures import encoded, picture
from PIL import Image

from keras_genres.cli import main
from keras_genres.errors import UserError
from keras_genres.evaluation.figures.style import house_style
from keras_genres.genres import GENRES, NUM_GENRES
from keras_genres.inference.explain import Explanation, agreement, explain, explain_image, shown
from keras_genres.inference.explain_panel import panel
from keras_genres.inference.predictor import Predictor


@pytest.fixture(scope="module")
def poster(drawn):
    return min((path for path in drawn.rglob("*") if path.suffix in (".jpg", ".png")), key=str)


@pytest.fixture
def wide(tmp_path):
    path = tmp_path / "wide one.png"
    path.write_bytes(encoded(picture(3, 150, 60), "PNG"))
    return path


def invoke(*arguments):
    done = CliRunner().invoke(main, ["explain", *map(str, arguments)])
    assert done.exception is None or isinstance(done.exception, SystemExit), done.exception
    return done


def test_both_methods_side_by_side(finished, poster, tmp_path):
    out = tmp_path / "why"
    done = invoke(finished.path, poster, "--method", "both", "--top", 2, "--out", out)
    assert done.exit_code == 0, done.output
    told = json.loads((out / "explanation.json").read_text())
    names = [row["genre"] for row in told["genres"]]
    scores = Predictor.load(finished.path).predict([poster])[0].scores
    assert names == list(scores)[:2]
    assert sorted(path.name for path in out.iterdir()) == sorted(
        ["explanation.json", "panel.png"]
        + [f"{name.lower()}-{how}.png" for name in names for how in ("gradcam", "occlusion")]
    )
    assert (told["poster"], told["backbone"]) == (poster.name, "smallcnn")
    assert told["split_sha256"] == finished.split().sha256
    assert (told["height"], told["width"], told["fit"]) == (32, 32, "squeeze")
    for row in told["genres"]:
        assert row["score"] == pytest.approx(scores[row["genre"]], abs=1e-5)
        assert row["given"] == (row["score"] >= row["threshold"])
        assert np.shape(row["gradcam"]) == (2, 2) and np.shape(row["occlusion"]) == (9, 9)
        assert row["agreement"] is None or -1 <= row["agreement"] <= 1
        odds = np.array([row[name] / (1 - row[name]) for name in ("score", "covered_score")])
        assert np.log(odds[0] / odds[1]) == pytest.approx(np.max(row["occlusion"]), abs=1e-3)
        assert f"{row['genre']:<13}" in done.stdout
    with Image.open(poster) as image, Image.open(out / f"{names[0].lower()}-gradcam.png") as laid:
        assert laid.size == image.size
    with Image.open(out / "panel.png") as image:
        assert image.width == 1280 and image.height > 600


def test_asked_for_genres_in_their_order_and_an_old_explanation_replaced(
    finished, wide, tmp_path, monkeypatch
):
    monkeypatch.chdir(tmp_path)
    asked = ["--genre", "sci fi", "--genre", "war", "--genre", "Sci-Fi"]
    done = invoke(finished.path, wide, *asked)
    assert done.exit_code == 0, done.output
    told = json.loads(Path("wide one-explained/explanation.json").read_text())
    assert [row["genre"] for row in told["genres"]] == ["Sci-Fi", "War"]
    assert list(told["methods"]) == ["gradcam"] and "agreement" not in told["genres"][0]
    assert Image.open("wide one-explained/sci-fi-gradcam.png").size == (150, 60)
    again = invoke(finished.path, wide)
    assert again.exit_code == 1 and "--overwrite" in again.stderr
    assert invoke(finished.path, wide, "--overwrite", "--top", 1).exit_code == 0
    assert len(os.listdir("wide one-explained")) == 3


def test_an_exported_model_is_explained_by_occlusion(finished, poster, tmp_path):
    _, exported = explain(finished.saved_model, poster, tmp_path / "exported")
    _, network = explain(finished.path, poster, tmp_path / "network", method="occlusion")
    assert list(exported.maps) == ["occlusion"] and exported.genres == network.genres
    np.testing.assert_allclose(exported.maps["occlusion"], network.maps["occlusion"], atol=1e-3)
    with pytest.raises(UserError, match="--method occlusion"):
        explain(finished.saved_model, poster, tmp_path / "other", method="gradcam")
    assert not (tmp_path / "other").exists()


def test_what_a_user_can_mend_is_one_line(finished, poster, tmp_path):
    text = tmp_path / "text.jpg"
    text.write_text("no picture")
    out = tmp_path / "out"
    for arguments, message in [
        ((finished.path, tmp_path / "gone.jpg"), "gone.jpg"),
        ((finished.path, text), "no usable picture"),
        ((tmp_path / "gone", poster), "gone"),
        ((finished.path, poster, "--genre", "Comdy"), "Did you mean 'Comedy'"),
    ]:
        done = invoke(*arguments, "--out", out)
        assert done.exit_code == 1 and message in done.stderr
        assert len(done.stderr.strip().splitlines()) == 1
    assert invoke(finished.path, poster, "--top", 0).exit_code == 2
    out.mkdir()
    (out / "thesis.txt").write_text("mine")
    assert "other things" in invoke(finished.path, poster, "--out", out, "--overwrite").stderr
    assert os.listdir(out) == ["thesis.txt"]


@dataclasses.dataclass
class Side:
    """Stands for a model that likes red on the left."""

    fit: str = "squeeze"
    network: object = None
    has_feature_map: bool = False
    thresholds: object = dataclasses.field(default_factory=lambda: np.full(NUM_GENRES, 0.5))

    def score(self, images):
        red = images[:, :, : images.shape[2] // 2, 0].mean(axis=(1, 2)) / 255
        return np.linspace(0.1, 0.2, NUM_GENRES) + 0.5 * red[:, None]


def test_a_model_that_is_no_network_is_asked_for_its_scores_alone():
    image = np.full((40, 40, 3), 255, np.uint8)
    found = explain_image(Side(), image, top=2)
    assert found.genres == ("War", "Thriller") and found.picks.tolist() == [True, True]
    left, right = np.split(found.maps["occlusion"][0], [4], axis=1)
    assert left[:, :3].min() > 0 and np.abs(right[:, 3:]).max() == 0
    assert found.agreement is None
    # The patch hides an eighth of the left half, and grey is half as red as red.
    np.testing.assert_allclose(found.covered_scores, found.scores - 0.5 * 0.5 / 8, atol=2e-4)


def test_agreement_is_a_rank_correlation():
    random = np.random.default_rng(0)
    one = random.uniform(size=(7, 7))
    assert agreement(one, np.exp(3 * one)) == pytest.approx(1)
    assert agreement(one, -one) == pytest.approx(-1)
    assert abs(agreement(one, random.uniform(size=(7, 7)))) < 0.4
    assert agreement(one, np.zeros((9, 9))) is None
    scipy = pytest.importorskip("scipy.stats")
    tied, other = np.round(one, 1), np.round(one + random.uniform(size=(7, 7)), 1)
    wanted = scipy.spearmanr(tied.ravel(), other.ravel()).statistic
    assert agreement(tied, other) == pytest.approx(wanted)
    assert agreement(one, np.kron(one, np.ones((2, 2)))) > 0.9


def test_a_shown_map_is_divided_by_its_peak():
    assert shown(np.array([[-2.0, 1.0], [0.5, 2.0]])).tolist() == [[0, 0.5], [0.25, 1]]
    assert not shown(np.array([[-2.0, 0.0]])).any()


def texts_apart(sheet):
    """Assert that no text leaves the sheet or lies on another one."""
    boxes = [words.box for words in sheet.words if words.text.strip()]
    for left, top, right, bottom in boxes:
        assert left >= 0 and top >= 0 and right <= sheet.width and bottom <= sheet.height
    for index, one in enumerate(boxes):
        for other in boxes[index + 1 :]:
            apart = one[2] <= other[0] or other[2] <= one[0] or one[3] <= other[1]
            assert apart or other[3] <= one[1], (sheet.words[index], other)


@pytest.mark.parametrize("count", [1, 3, 4, 19])
@pytest.mark.parametrize("methods", [("gradcam",), ("gradcam", "occlusion")])
@pytest.mark.parametrize("size", [(100, 148), (200, 80), (30, 200)])
def test_panels_of_every_shape_have_texts_apart(count, methods, size):
    random = np.random.default_rng(0)
    maps = {method: random.uniform(-1, 1, (count, 9, 9)) for method in methods}
    maps = {method: np.where(np.arange(count) == 2, -1, each.T).T for method, each in maps.items()}
    scores = random.uniform(0, 1, count)
    # Longest names first.
    names = tuple(sorted(GENRES, key=len, reverse=True)[:count])
    found = Explanation(names, scores, np.full(count, 0.5), maps, "squeeze", 32, 32)
    image = Image.new("RGB", size, "white")
    overlays = {method: found.overlays(image, method) for method in methods}
    with house_style():
        sheet = panel(found, image, overlays, 30 * "long name ", 40 * "x", "efficientnetv2b0")
    texts_apart(sheet)
    assert len(sheet.pictures) == 1 + count * len(methods) + 1
    for left, top, each in sheet.pictures:
        assert left + each.width <= 1280 and top + each.height <= sheet.pixels(sheet.height)
    said = [words.text for words in sheet.words]
    covered = sum("down to " in text and "down to:" not in text for text in said)
    assert covered == ("occlusion" in methods) * (count - (count > 2))
    assert said.count("nothing speaks for it") == (len(methods) if count > 2 else 0)


def test_names_from_strangers_stay_names(finished, tmp_path):
    poster = tmp_path / "a\x1b[2J$x$\nb.png"
    poster.write_bytes(encoded(picture(1), "PNG"))
    done = invoke(finished.path, poster, "--top", 1, "--out", tmp_path / "out")
    assert done.exit_code == 0 and "\x1b" not in done.output
