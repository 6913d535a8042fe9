"""How alike two minutiae's surroundings are: what would be the same however the finger lay.

Two descriptions, both in the minutia's own frame: the directions of the ridges on circles around it (Tico &
Kuosmanen 2003), and where its neighbours lie and point (the cylinder code of Cappelli, Ferrara & Maltoni
2010, with real values). Lengths: pixels at 500 dpi.
"""

from dataclasses import dataclass
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from appliance.biometrics.finger.impression import Impression
from appliance.biometrics.finger.picture import FloatMap, floats
from appliance.biometrics.finger.ridge_field import CELL

_CIRCLES: Final = ((14.0, 6), (28.0, 10), (42.0, 14), (58.0, 18), (76.0, 22))
"""(radius, points)"""
_REACH: Final = 75.0
_CELLS: Final = 10
_SPREAD: Final = 10.0
_SECTIONS: Final = 6
_TURN_SPREAD: Final = 2 * np.pi / 9
_SATURATION: Final = 0.6
"""How much of a neighbour fills a cell to a half."""
_LEAST_SEEN: Final = 0.25
"""The share of the circles that both must see."""

Scores = NDArray[np.float32]


def _circle_points() -> FloatMap:
    points = [
        (radius * np.cos(2 * np.pi * k / count), radius * np.sin(2 * np.pi * k / count))
        for radius, count in _CIRCLES
        for k in range(count)
    ]
    return floats(points)


def _cell_points() -> FloatMap:
    side = (np.arange(_CELLS) + 0.5) / _CELLS * 2 * _REACH - _REACH
    grid = np.stack(np.meshgrid(side, side), axis=-1).reshape(-1, 2)
    return floats(grid[np.hypot(grid[:, 0], grid[:, 1]) <= _REACH])


_ON_CIRCLES: Final = _circle_points()
_IN_CYLINDER: Final = _cell_points()


@dataclass(frozen=True, slots=True)
class Surroundings:
    """All minutiae of one impression: (n, ...)."""

    directions: NDArray[np.complex64]
    """(n, circle points): the ridges' doubled angle as a unit number, times the square root of its weight."""
    seen: Scores
    """(n, circle points)"""
    cylinders: Scores
    """(n, cells * sections), 0 to 1."""
    valid: Scores
    """(n, cells * sections): 1 where the finger is."""


def surroundings(impression: Impression) -> Surroundings:
    """Describe every minutia of an impression."""
    m = impression.minutiae
    turn = impression.turn.astype(np.float32) * np.float32(2 * np.pi / 256)
    seen = np.sqrt(impression.weight.astype(np.float32) / 255)
    maps = [np.cos(turn) * seen, np.sin(turn) * seen, seen]
    x, y = _placed(impression, _ON_CIRCLES)
    c, s, w = (_looked_up(each, x, y) for each in maps)
    own = np.exp(-2j * m.angle)[:, None]
    length = np.sqrt(c * c + s * s) + 1e-6
    unit = (c + 1j * s) / length * own
    inside = floats(impression.weight > 12)
    x, y = _placed(impression, _IN_CYLINDER)
    valid = np.repeat(_looked_up(inside, x, y) > 0.5, _SECTIONS, axis=1)
    return Surroundings(
        directions=unit.astype(np.complex64), seen=floats(w > 0.2), cylinders=_cylinders(impression, x, y) *
        valid, valid=floats(valid), )  # fmt: skip


def alike(one: Surroundings, other: Surroundings) -> Scores:
    """(n, m) of 0 to 1: every minutia of one with every one of the other."""
    common = one.seen @ other.seen.T
    a, b = one.directions * one.seen, np.conj(other.directions * other.seen)
    # cos(d) + cos(2d) of the doubled angle's difference d: sharper than one cosine
    sharp = 0.5 * (a @ b.T).real + 0.5 * (_squared(a) @ _squared(b).T).real
    flow = np.clip(sharp / np.maximum(common, 1.0), 0.0, 1.0)
    flow[common < _LEAST_SEEN * len(_ON_CIRCLES)] = 0.0
    u, v = one.cylinders, other.cylinders
    left, right = (u * u) @ other.valid.T, one.valid @ (v * v).T
    apart = np.sqrt(np.maximum(left + right - 2 * (u @ v.T), 0.0))
    size = np.sqrt(left) + np.sqrt(right)
    near = np.where(size > 0.5, 1.0 - apart / np.maximum(size, 0.5), 0.0)
    return floats(flow * np.clip(near, 0.0, 1.0))


def _squared(values: NDArray[np.complex64]) -> NDArray[np.complex64]:
    return np.asarray(values * values, dtype=np.complex64)


def _placed(impression: Impression, points: FloatMap) -> tuple[FloatMap, FloatMap]:
    """(n, points) x and y of points that are given in each minutia's own frame."""
    m = impression.minutiae
    cos, sin = np.cos(m.angle)[:, None], np.sin(m.angle)[:, None]
    x = m.x[:, None] + cos * points[:, 0] - sin * points[:, 1]
    y = m.y[:, None] + sin * points[:, 0] + cos * points[:, 1]
    return floats(x), floats(y)


def _looked_up(cells: FloatMap, x: FloatMap, y: FloatMap) -> FloatMap:
    """A map of cells at places in pixels; nothing outside."""
    at_x, at_y = (x - CELL // 2) / CELL, (y - CELL // 2) / CELL
    return floats(cv2.remap(floats(cells), at_x, at_y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_CONSTANT))


def _cylinders(impression: Impression, x: FloatMap, y: FloatMap) -> Scores:
    """How much of the neighbours lies near every cell and points its section's way."""
    m = impression.minutiae
    squares = (x[:, :, None] - floats(m.x)) ** 2 + (
        y[:, :, None] - floats(m.y)
    ) ** 2  # (n, cells, neighbours)
    near = np.exp(-squares / (2 * _SPREAD**2))
    each = np.arange(len(m))
    near[each, :, each] = 0.0
    near *= floats(0.4 + 0.6 * np.minimum(2 * m.reliability, 1.0))
    turn = m.angle[None, :] - m.angle[:, None]  # (n, neighbours)
    centres = np.arange(_SECTIONS) * (2 * np.pi / _SECTIONS)
    off = np.angle(np.exp(1j * (turn[:, :, None] - centres)))
    facing = floats(np.exp(-(off**2) / (2 * _TURN_SPREAD**2)))  # (n, neighbours, sections)
    filled = np.matmul(near, facing).reshape(len(m), -1)
    return floats(filled / (filled + _SATURATION))
