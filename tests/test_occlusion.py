"""Occlusion, on scores that can be counted by hand."""

import numpy as np
import pytest

from keras_genres.genres import NUM_GENRES
from keras_genres.inference.occlusion import lowered, occlusion


class Counting:
    """Scores that rise with the red of the upper left corner, and what was asked for."""

    def __init__(self, corner=4):
        self.corner, self.seen = corner, []

    def __call__(self, images):
        self.seen.append(images)
        scores = np.full((len(images), NUM_GENRES), 0.5, "float32")
        red = images[:, : self.corner, : self.corner, 0].mean(axis=(1, 2)) / 255
        scores[:, 0] = 0.1 + 0.8 * red
        scores[:, 1] = 0.9 - 0.8 * red
        return scores


def red(height=16, width=16):
    image = np.zeros((height, width, 3), np.uint8)
    image[..., 0] = 255
    return image


def test_losses_are_where_the_score_looks():
    # Four patches of 4 x 4 pixels a side, next to one another; only the first hides the corner.
    # A grey patch is level 128.
    losses = occlusion(Counting(), red(), [0, 1, 2], positions=4, patch=0.25, unit="score")
    assert losses.shape == (3, 4, 4) and losses.dtype == np.float32
    wanted = np.zeros((4, 4))
    wanted[0, 0] = 0.8 * (1 - 128 / 255)
    np.testing.assert_allclose(losses, [wanted, -wanted, 0 * wanted], atol=1e-6)


def test_the_loss_is_of_the_logit_unless_told_otherwise():
    losses = occlusion(Counting(), red(), ["Action"], positions=4, patch=0.25)[0]
    before, after = 0.9, 0.1 + 0.8 * 128 / 255
    wanted = np.log(before / (1 - before)) - np.log(after / (1 - after))
    assert losses[0, 0] == pytest.approx(wanted, abs=1e-5)
    assert np.count_nonzero(np.abs(losses) > 1e-6) == 1


def test_patches_that_overlap_are_averaged():
    # Across, three patches of 8 pixels start at 0, 4 and 8: only the first hides the left 4.
    # Cells are 16/3 wide. The first has 16/3 pixels under the first patch and 4/3 under the
    # second, so 0.8 of its mean is the first's; the second cell has 8/3, 16/3 and 8/3, so 0.25.
    # Down, each patch hides 2 of the 4 rows: half of the red.
    losses = occlusion(Counting(), red(4, 16), [0], positions=3, patch=0.5, unit="score")[0]
    half = 0.8 * (1 - 128 / 255) / 2
    np.testing.assert_allclose(losses, [np.multiply(half, (0.8, 0.25, 0))] * 3, atol=1e-6)


def test_the_model_gets_small_batches_of_the_posters_kind():
    score = Counting()
    occlusion(score, red(20, 12), [0], positions=5, batch_size=8)
    assert [len(each) for each in score.seen] == [8, 8, 8, 2]  # 25 places and the poster itself
    assert {each.shape[1:] for each in score.seen} == {(20, 12, 3)}
    assert {each.dtype for each in score.seen} == {np.dtype("uint8")}
    np.testing.assert_array_equal(score.seen[0][0], red(20, 12))


@pytest.mark.parametrize("fill, colour", [("grey", (128, 128, 128)), ("mean", (255, 0, 0))])
def test_what_hides(fill, colour):
    score = Counting()
    image = red(16, 16)
    occlusion(score, image, [0], positions=2, patch=0.5, fill=fill)
    hidden = np.concatenate(score.seen)[1:]
    assert (hidden[0, :8, :8] == colour).all() and (hidden[3, 8:, 8:] == colour).all()
    for each in hidden:
        assert (each == image).all(axis=2).sum() >= 16 * 16 - 64
    assert (image == red(16, 16)).all()


def test_every_pixel_is_hidden_at_least_once_and_all_patches_are_equal():
    for height, width, positions, patch in [(17, 31, 9, 0.01), (224, 224, 9, 0.25), (5, 7, 5, 1.0)]:
        score = Counting()
        image = np.full((height, width, 3), 7, np.uint8)
        occlusion(score, image, [0], positions=positions, patch=patch)
        hidden = (np.concatenate(score.seen)[1:] != 7).any(axis=3)
        assert hidden.any(axis=0).all()
        assert len(set(hidden.sum(axis=(1, 2)).tolist())) == 1


def test_scores_of_exactly_0_and_1_have_a_finite_loss():
    def score(images):
        return np.repeat((images[:, 0, 0, :1] == 255).astype("float32"), NUM_GENRES, axis=1)

    losses = occlusion(score, red(), [0], positions=2, patch=0.5)
    assert np.isfinite(losses).all() and losses[0, 0, 0] > 20
    assert lowered(np.ones(1, "float32"), losses[:, 0, 0]) == pytest.approx(1e-7, rel=1e-3)


@pytest.mark.parametrize(
    "options, message",
    [
        ({"positions": 0}, "positions"),
        ({"positions": 65}, "positions"),
        ({"patch": 0}, "patch"),
        ({"patch": 1.5}, "patch"),
        ({"fill": "blue"}, "grey, mean"),
        ({"unit": "percent"}, "logit, score"),
        ({"batch_size": 0}, "batch_size"),
    ],
)
def test_arguments_out_of_range_are_errors(options, message):
    with pytest.raises(ValueError, match=message):
        occlusion(Counting(), red(80, 80), [0], **options)


def test_other_pictures_and_other_scores_are_errors():
    with pytest.raises(ValueError, match="height, width, 3"):
        occlusion(Counting(), red()[None], [0])
    with pytest.raises(ValueError, match=r"\(16, 19\)"):
        occlusion(lambda images: np.zeros((len(images), 3)), red(), [0])
