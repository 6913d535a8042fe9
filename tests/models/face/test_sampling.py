import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.face.sampling import carry, inverse, sample, similarity, square

NUMBERS = st.floats(-500, 500)


@given(st.floats(-3.1, 3.1), st.floats(0.05, 20), NUMBERS, NUMBERS)
def test_ok_the_way_between_points_is_found_again(angle: float, scale: float, x: float, y: float) -> None:
    turn = scale * np.array([[math.cos(angle), -math.sin(angle)], [math.sin(angle), math.cos(angle)]])
    source = np.array([[0.0, 0.0], [10.0, 3.0], [-4.0, 8.0], [5.0, -7.0]])
    found = similarity(source, source @ turn.T + [x, y])
    assert np.allclose(found, np.column_stack([turn, [x, y]]), atol=1e-6 * max(scale, 1))


def test_ok_points_that_do_not_fit_are_met_as_nearly_as_can_be() -> None:
    source = np.array([[0.0, 0.0], [1.0, 0.0], [0.0, 1.0]])
    bent = np.array([[0.0, 0.1], [1.1, 0.0], [0.0, 1.0]])
    best = similarity(source, bent)

    def error(matrix: np.ndarray) -> float:
        return float(((carry(source, matrix) - bent) ** 2).sum())

    shifted = [best + np.array([[0, 0, dx], [0, 0, dy]]) for dx in (-0.01, 0.01) for dy in (-0.01, 0.01)]
    assert all(error(best) < error(other) for other in shifted)


@given(NUMBERS, NUMBERS, st.floats(1, 900), st.floats(-3, 3))
def test_ok_a_square_s_corners_land_on_the_cut_s(x: float, y: float, side: float, angle: float) -> None:
    matrix = square((x, y), side, angle, 192)
    (middle,) = carry(np.array([[x, y]]), matrix)
    assert np.allclose(middle, [96, 96], atol=1e-6)
    along = np.array([[x + side / 2 * math.cos(angle), y + side / 2 * math.sin(angle)]])
    assert np.allclose(carry(along, matrix), [[192, 96]], atol=1e-6)
    assert np.allclose(carry(carry(along, matrix), inverse(matrix)), along, atol=1e-6)


def test_ok_a_picture_that_shrinks_keeps_its_middle_and_does_not_alias() -> None:
    stripes = np.zeros((600, 600, 3), np.uint8)
    stripes[:, ::2] = 255  # finer than a tenth of it can show
    stripes[290:310, 290:310] = (0, 0, 255)
    small = sample(stripes, square((300, 300), 600, 0.0, 60), (60, 60))
    assert small[30, 30, 2] > small[30, 30, 0] + 60
    outside = small[5:20, 5:20, 0].astype(int)
    assert abs(outside.mean() - 127) < 6
    assert outside.std() < 8


def test_ok_outside_the_picture_is_the_border() -> None:
    cut = sample(np.full((10, 10, 3), 200, np.uint8), square((0, 0), 20, 0.0, 20), (20, 20), border=77)
    assert cut[2, 2].tolist() == [77, 77, 77]
    assert cut[15, 15].tolist() == [200, 200, 200]


def test_fail_points_that_are_all_one() -> None:
    with pytest.raises(ValueError, match="no direction"):
        similarity(np.ones((3, 2)), np.zeros((3, 2)))
