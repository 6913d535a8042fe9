"""Drawn fingerprints: a ridge pattern grown from noise by filters along an orientation field.

The method is the well-known one of Gabor filtering noise again and again until ridges stand; the field is
the zero-pole model of loop and delta. Nobody's finger: the pattern follows from a number alone.
"""

import math
from functools import lru_cache

import cv2
import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float32]
Pixels = npt.NDArray[np.uint8]

DPI = 500
"""The resolution of ISO/IEC 19794-4 capture, and of every sensor this stands for."""

WIDTH, HEIGHT = 300, 400
"""15 x 20 mm at 500 dpi: a usual single-finger window."""

RIDGE_PERIOD = 9.0
"""Pixels from ridge to ridge: about 0.46 mm, an adult's finger."""

DIRECTIONS = 16
ROUNDS = 12
"""After these the ridges stand; more changes no minutiae."""


@lru_cache(maxsize=10)
def grow(finger: int) -> Floats:
    """The finger of this number: ridges -1, valleys +1, the same for the same number."""
    random = np.random.default_rng(finger)
    field = _orientation(random)
    period = RIDGE_PERIOD * random.uniform(0.9, 1.1)
    bank = [_gabor(math.pi * index / DIRECTIONS, period) for index in range(DIRECTIONS)]
    sector = np.rint(field / math.pi * DIRECTIONS).astype(int) % DIRECTIONS
    ridges = (random.standard_normal((HEIGHT, WIDTH)) * 0.1).astype(np.float32)
    for _ in range(ROUNDS):
        filtered = np.zeros_like(ridges)
        for index, kernel in enumerate(bank):
            here = sector == index
            filtered[here] = cv2.filter2D(ridges, cv2.CV_32F, kernel, borderType=cv2.BORDER_REFLECT)[here]
        ridges = np.tanh(filtered * 3).astype(np.float32)
    ridges.setflags(write=False)
    return ridges


def impression(finger: int, number: int) -> Pixels:
    """One touch of that finger: shifted, turned, with its own noise; ridges dark on a light ground."""
    random = np.random.default_rng((finger, number))
    turn = cv2.getRotationMatrix2D((WIDTH / 2, HEIGHT / 2), random.uniform(-8, 8), 1.0)
    turn[:, 2] = turn[:, 2] + random.uniform(-10, 10, size=2)
    ridges = cv2.warpAffine(grow(finger), turn, (WIDTH, HEIGHT), borderMode=cv2.BORDER_REFLECT)
    rows, columns = np.mgrid[0:HEIGHT, 0:WIDTH]
    reach = ((columns - WIDTH / 2) / (WIDTH * 0.46)) ** 2 + ((rows - HEIGHT / 2) / (HEIGHT * 0.47)) ** 2
    touch = 1 / (1 + np.exp((reach - 0.9) * 25))  # the finger's edge fades into the empty window
    grey = 130 + 90 * ridges + random.normal(0, 8, size=ridges.shape)
    return np.asarray(np.clip(grey * touch + 245 * (1 - touch), 0, 255), dtype=np.uint8)


def _orientation(random: np.random.Generator) -> Floats:
    """A loop: half the angle round its core, less half the angle round its delta."""
    rows, columns = np.mgrid[0:HEIGHT, 0:WIDTH].astype(np.float32)
    side = random.choice((-1.0, 1.0))
    core = (WIDTH * 0.5 + random.uniform(-15, 15), HEIGHT * 0.42 + random.uniform(-20, 20))
    delta = (WIDTH * (0.5 + side * random.uniform(0.3, 0.42)), HEIGHT * random.uniform(0.72, 0.85))
    round_core = np.arctan2(rows - core[1], columns - core[0])
    round_delta = np.arctan2(rows - delta[1], columns - delta[0])
    return np.asarray(np.mod((round_core - round_delta) / 2, math.pi), dtype=np.float32)


def _gabor(direction: float, period: float) -> Floats:
    """Passes ridges that run along `direction`; without a mean, so that grey stays grey."""
    kernel = cv2.getGaborKernel((19, 19), period * 0.45, direction + math.pi / 2, period, 1.0, 0, cv2.CV_32F)
    even = kernel - kernel.mean()
    return np.asarray(even / np.abs(even).sum() * 2, dtype=np.float32)
