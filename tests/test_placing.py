import numpy as np
import pytest

from keras_genres.evaluation.figures.placing import place_names

BOUNDS = (0, 0, 7, 5)


def boxes_of(found, sizes):
    middles = np.array([middle for middle, _ in found])
    return np.hstack([middles - np.array(sizes) / 2, middles + np.array(sizes) / 2])


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("spread", [1.0, 0.3])  # 0.3: all 19 within a fifth of the frame
def test_names_overlap_neither_names_nor_dots_nor_the_frame(seed, spread):
    generator = np.random.default_rng(seed)
    dots = 3 + (generator.random((19, 2)) - 0.5) * spread * 4
    sizes = np.column_stack([0.4 + 0.5 * generator.random(19), np.full(19, 0.15)])
    boxes = boxes_of(place_names(dots, sizes, BOUNDS), sizes)
    low = np.maximum(boxes[:, None, :2], boxes[None, :, :2])
    high = np.minimum(boxes[:, None, 2:], boxes[None, :, 2:])
    assert not np.triu((high - low > 1e-9).all(axis=2), 1).any()
    inside = (dots[None] > boxes[:, None, :2]) & (dots[None] < boxes[:, None, 2:])
    assert not inside.all(axis=2).any()
    assert (boxes[:, :2] >= -1e-9).all() and (boxes[:, 2:] <= np.array([7, 5]) + 1e-9).all()


def test_a_dot_alone_has_its_name_beside_it():
    [(middle, needs_line)] = place_names([(3, 2)], [(0.6, 0.15)], BOUNDS)
    assert middle[0] == pytest.approx(3 + 0.085 + 0.3) and middle[1] == pytest.approx(2, abs=0.08)
    assert not needs_line


def test_a_name_at_the_right_edge_goes_left():
    [(middle, _)] = place_names([(6.95, 2)], [(0.6, 0.15)], BOUNDS)
    assert middle[0] < 6.65


def test_names_keep_off_what_is_taken():
    [(middle, _)] = place_names([(3, 2)], [(0.6, 0.15)], BOUNDS, taken=[(3.06, 1.5, 4, 2.5)])
    assert middle[0] + 0.3 <= 3.06 or abs(middle[1] - 2) > 0.5


def test_far_names_get_a_line_and_no_dots_no_names():
    found = place_names([(3, 2)] * 12, [(0.6, 0.15)] * 12, BOUNDS)
    assert 0 < sum(needs_line for _, needs_line in found) < 12
    assert place_names([], [], BOUNDS) == []
