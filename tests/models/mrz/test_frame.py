"""Pictures as frames, and the way back."""

import numpy as np
import pytest

from models.mrz.frame import FRAME_HEIGHT, FRAME_WIDTH, View, normalise


@pytest.mark.parametrize("shape", [(480, 640), (960, 1280), (100, 150), (3000, 900), (900, 3000), (16, 16)])
def test_ok__a_point_comes_back(shape: tuple[int, int]) -> None:
    picture = np.full(shape, 40, np.uint8)
    row, column = shape[0] // 3, shape[1] // 4
    size = max(1, min(shape) // 20)
    picture[row - size : row + size, column - size : column + size] = 255
    view = View.of(picture)
    assert view.frame.shape == (FRAME_HEIGHT, FRAME_WIDTH)
    bright = view.frame > 180
    y, x = np.argwhere(bright).mean(0) + 0.5
    back = view.back(np.array([[x, y]]))[0]
    assert np.allclose(back, [column, row], atol=2 + 1.5 / view.scale)


def test_ok__a_piece_turned_and_scaled() -> None:
    picture = np.full((1200, 1600), 200, np.uint8)
    picture[700:710, 900:1100] = 0
    along = np.array([0.0, 1.0])
    view = View.of_piece(picture, np.array([1000.0, 705.0]), along, 0.5)
    y, x = np.argwhere(view.frame < 100).mean(0) + 0.5
    assert np.allclose(view.back(np.array([[x, y]]))[0], [1000, 705], atol=4)
    dark = np.argwhere(view.frame < 100)
    assert np.ptp(dark[:, 0]) > 5 * np.ptp(dark[:, 1])  # lay across, stands upright


def test_ok__a_white_frame_divides_by_nothing() -> None:
    seen = normalise(np.full((1, FRAME_HEIGHT, FRAME_WIDTH), 255, np.uint8))
    assert np.isfinite(seen).all()
    assert np.abs(seen).max() == 0
