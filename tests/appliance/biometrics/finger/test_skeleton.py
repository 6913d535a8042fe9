"""Thinning: one pixel wide, nothing torn, and the number that tells endings from forks."""

import cv2
import numpy as np
from hypothesis import given, settings
from hypothesis.extra.numpy import arrays

from appliance.biometrics.finger.skeleton import CROSSING_NUMBER, neighbourhoods, thinned


def test_ok_a_bar_becomes_a_line() -> None:
    bar = np.zeros((40, 60), bool)
    bar[15:22, 10:50] = True
    line = thinned(bar)
    assert line.sum(axis=0).max() == 1
    assert 28 <= line.sum() <= 40
    ends = (cv2.LUT(neighbourhoods(line), CROSSING_NUMBER) == 1) & (line > 0)
    assert ends.sum() == 2


def test_ok_a_fork_has_one_fork() -> None:
    shape = np.zeros((80, 80), np.uint8)
    for end in ((70, 10), (70, 70), (10, 40)):
        cv2.line(shape, (40, 40), end[::-1], 1, 5)
    line = thinned(shape > 0)
    forks = (cv2.LUT(neighbourhoods(line), CROSSING_NUMBER) == 3) & (line > 0)
    assert forks.sum() == 1
    y, x = np.argwhere(forks)[0]
    assert abs(int(y) - 40) < 6
    assert abs(int(x) - 40) < 6


@settings(max_examples=50)
@given(arrays(bool, (24, 24)))
def test_ok_no_part_is_lost_or_torn(shape: np.ndarray) -> None:
    before, _ = cv2.connectedComponents(shape.astype(np.uint8), connectivity=8)
    line = thinned(shape)
    after, _ = cv2.connectedComponents(line, connectivity=8)
    assert ((line > 0) <= shape).all()
    assert after == before


def test_ok_nothing_stays_nothing() -> None:
    assert thinned(np.zeros((10, 10), bool)).sum() == 0
