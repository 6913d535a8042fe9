"""Ridges one pixel wide: thinning by Zhang & Suen (1984), all pixels at once by looking neighbourhoods up.

A neighbourhood is a byte: bit k is the neighbour k, counted clockwise from above.
"""

from typing import Final

import cv2
import numpy as np

from appliance.biometrics.finger.picture import GreyMap, Mask, grey

NEIGHBOURS: Final = ((-1, 0), (-1, 1), (0, 1), (1, 1), (1, 0), (1, -1), (0, -1), (-1, -1))
"""(row, column) of neighbour k."""
_CODE: Final = np.zeros((3, 3), dtype=np.float32)
for _k, (_dy, _dx) in enumerate(NEIGHBOURS):
    _CODE[1 + _dy, 1 + _dx] = 1 << _k
MAX_PASSES: Final = 24
"""Ridges are at most 17 pixels apart, so that nothing is thicker than this after so many passes."""


def neighbourhoods(pixels: GreyMap) -> GreyMap:
    """The byte of every pixel's neighbours; outside nothing is set."""
    return grey(cv2.filter2D(pixels, cv2.CV_8U, _CODE, borderType=cv2.BORDER_CONSTANT))


def _bits(code: int) -> list[int]:
    return [code >> k & 1 for k in range(8)]


def _removable(first: bool) -> GreyMap:
    table = np.zeros(256, dtype=np.uint8)
    for code in range(256):
        p = _bits(code)
        steps = sum(p[k] == 0 and p[(k + 1) % 8] == 1 for k in range(8))
        north, east, south, west = p[0], p[2], p[4], p[6]
        sides = (
            (north * east * south == 0 and east * south * west == 0)
            if first
            else (north * east * west == 0 and north * south * west == 0)
        )
        table[code] = 2 <= sum(p) <= 6 and steps == 1 and sides
    return table


def _corner() -> GreyMap:
    """What Zhang & Suen leave two pixels wide: corners of staircases, whose neighbours touch without them."""
    table = np.zeros(256, dtype=np.uint8)
    for code in range(256):
        p = _bits(code)
        for k in (0, 2, 4, 6):  # two neighbours at a right angle, nothing opposite to them
            if p[k] and p[(k + 2) % 8] and not p[(k + 4) % 8] and not p[(k + 6) % 8] and not p[(k + 5) % 8]:
                table[code] = 1
    return table


_FIRST: Final = _removable(True)
_SECOND: Final = _removable(False)
_CORNERS: Final = _corner()
CROSSING_NUMBER: Final = np.array(
    [sum(abs(_bits(code)[k] - _bits(code)[(k + 1) % 8]) for k in range(8)) // 2 for code in range(256)],
    dtype=np.uint8,
)
"""1: a ridge ends here, 2: it goes on, 3: it forks (Rutovitz 1966)."""


def thinned(shape: Mask) -> GreyMap:
    """The skeleton, 0 and 1."""
    pixels = np.ascontiguousarray(shape, dtype=np.uint8)
    for _ in range(MAX_PASSES):
        changed = False
        for table in (_FIRST, _SECOND):
            gone = grey(cv2.LUT(neighbourhoods(pixels), table)) & pixels
            if gone.any():
                pixels = pixels ^ gone
                changed = True
        if not changed:
            break
    for parity in (0, 1):  # of two corners side by side one stays
        gone = grey(cv2.LUT(neighbourhoods(pixels), _CORNERS)) & pixels
        rows, columns = np.nonzero(gone)
        chosen = (rows + columns) % 2 == parity
        pixels = pixels.copy()
        pixels[rows[chosen], columns[chosen]] = 0
    return pixels
