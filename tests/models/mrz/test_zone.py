"""Strips cut along lines."""

import numpy as np
import pytest

from models.mrz.strip import HEIGHT, MARGIN, PITCH, WIDTH
from models.mrz.zone import Line, Zone, cut


def line(*, origin=(400.0, 300.0), along=(1.0, 0.0), start=-300.0, end=300.0, bend=(0, 0, 0), growth=0.0):
    return Line(
        np.array(origin), np.array(along), np.array(bend, float), start, end, (end - start) / 44, growth, 1.0
    )


def stripes(shape=(600, 800)):
    """A picture whose grey is its column."""
    return np.broadcast_to(np.arange(shape[1]) % 256, shape).astype(np.uint8)


def test_ok__the_ends_lie_at_the_margins() -> None:
    picture = np.full((600, 800), 255, np.uint8)
    picture[290:310, 100:700] = 0  # where the line is
    strip = cut(picture, line(), 44)
    assert strip.shape == (HEIGHT, WIDTH)
    middle = strip[HEIGHT // 2]
    inked = np.flatnonzero(middle < 128)
    assert abs(inked[0] - MARGIN) <= 1
    assert abs(inked[-1] - (MARGIN + 44 * PITCH)) <= 2


def test_ok__upside_down_is_turned() -> None:
    picture = stripes()
    there, back = (
        cut(picture, line(start=-50, end=50), 44),
        cut(picture, line(start=-50, end=50, along=(-1.0, 0)), 44),
    )
    assert np.abs(there[16, MARGIN:-MARGIN].astype(int) - back[16, MARGIN:-MARGIN][::-1]).max() <= 3


def test_ok__a_bent_line_comes_out_straight() -> None:
    picture = np.full((600, 800), 255, np.uint8)
    columns = np.arange(100, 700)
    rows = (300 + 0.0003 * (columns - 400) ** 2).round().astype(int)
    for offset in range(-4, 5):
        picture[rows + offset, columns] = 0
    strip = cut(picture, line(bend=(0.0003, 0, 0)), 44)
    heights = [
        np.flatnonzero(strip[:, column] < 128).mean() for column in range(MARGIN + 8, WIDTH - MARGIN - 8, 40)
    ]
    assert np.ptp(heights) < 1.5


def test_ok__perspective_is_evened_out() -> None:
    """Marks whose distance grows along the line come out at even distances."""
    picture = np.full((200, 1200), 255, np.uint8)
    k = np.exp(0.2)
    share = np.linspace(0, 1, 12)
    places = 100 + 1000 * share / (k + (1 - k) * share)
    for place in places.round().astype(int):
        picture[:, place - 3 : place + 4] = 0
    strip = cut(picture, line(origin=(600.0, 100.0), start=-500, end=500, growth=0.4), 44)
    dark = np.flatnonzero(strip[16] < 100)
    centres = np.array([group.mean() for group in np.split(dark, np.flatnonzero(np.diff(dark) > 3) + 1)])
    assert len(centres) == 12
    assert np.ptp(np.diff(centres)) < 4


@pytest.mark.parametrize("origin", [(-5000.0, 300.0), (400.0, 9000.0), (1e9, 1e9)])
def test_ok__outside_the_picture_there_is_nothing(origin) -> None:
    strip = cut(stripes(), line(origin=origin), 44)
    assert strip.shape == (HEIGHT, WIDTH)


def test_ok__an_outline_holds_all_lines() -> None:
    lower = line(origin=(400.0, 335.0))
    zone = Zone((line(), lower), 1.0)
    corners = zone.outline()
    assert corners.min(0)[0] <= 100
    assert corners.max(0)[1] > 335
    assert zone.pitch == pytest.approx(600 / 44)
