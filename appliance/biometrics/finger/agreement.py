"""Whether the ridges themselves run into each other when one impression is laid on another.

Minutiae are few and some are noise; between them there are hundreds of ridges. The first impression's ridge
map is bent onto the second's, each neighbourhood may still slip by less than a ridge, the slips are made
smooth, and then ridge is held against ridge by normalised correlation. Ridges of another finger cannot be
made to agree over a large area without tearing. All lengths here: pixels at 250 dpi, the resolution of the
ridge maps.
"""

from dataclasses import dataclass
from typing import Final

import cv2
import numpy as np

from appliance.biometrics.finger.alignment import Movement
from appliance.biometrics.finger.impression import HALF, Impression
from appliance.biometrics.finger.picture import FloatMap, floats
from appliance.biometrics.finger.ridge_field import CELL

_STEP: Final = 8
"""The bend is computed at every eighth pixel, and is smooth between."""
Maps = tuple[FloatMap, FloatMap]
"""x and y in the first ridge map of each of the second's pixels."""


@dataclass(frozen=True, slots=True)
class _Round:
    """How far a neighbourhood may slip, and the sigma that makes the slips smooth."""

    slip: int
    sigma: float


_ROUNDS: Final = (_Round(3, 10.0), _Round(2, 7.0))
_BLOCK: Final = 4
_BLOCKS: Final = 5
"""Slips are looked for in windows of so many blocks of so many pixels."""
_WINDOW: Final = 21
"""Two and more ridges to each side."""
_DEAR: Final = 0.012
"""What a pixel of slip, squared, must gain in correlation."""


@dataclass(frozen=True, slots=True)
class Agreement:
    """What the ridge maps say."""

    correlation: float
    """-1 to 1, the mean over the overlap, each place by its clarity."""
    area: float
    """Of the overlap, in square millimetres, each place by its clarity."""
    agreeing: float
    """The part of it where ridges run into each other, in square millimetres."""
    flow: float
    """-1 to 1: how far the ridges' directions agree."""
    spacing: float
    """The mean difference of the ridge periods as a logarithm."""


NONE: Final = Agreement(0.0, 0.0, 0.0, 0.0, 1.0)
_SQUARE_MM: Final = (25.4 / 250) ** 2
_AGREES: Final = 0.6


def agreement(one: Impression, other: Impression, back: Movement) -> Agreement:
    """Hold the first impression's ridges against the second's.

    `back` carries the second's pixels to the first's.
    """
    height, width = other.ridges.shape
    maps = _maps(back, height, width)
    weight = _weight(one, other, maps)
    if float(weight.sum()) * _SQUARE_MM < 4.0:
        return NONE
    flow, spacing = _flow(one, other, back, maps, weight)
    theirs = floats(other.ridges)
    ours = floats(one.ridges)
    for round_ in _ROUNDS:
        maps = _slipped(ours, theirs, weight, maps, round_)
    moved = floats(cv2.remap(ours, *maps, cv2.INTER_LINEAR))
    local = _correlation(moved, theirs)
    weight = weight * floats(moved != 0) * floats(theirs != 0)
    total = float(weight.sum()) + 1e-6
    return Agreement(
        correlation=float((local * weight).sum()) / total,
        area=total * _SQUARE_MM,
        agreeing=float((weight * (local > _AGREES)).sum()) * _SQUARE_MM,
        flow=flow,
        spacing=spacing,
    )


def _maps(back: Movement, height: int, width: int) -> Maps:
    """Where in the first ridge map each of the second's pixels lies."""
    ys, xs = np.mgrid[0 : height + _STEP : _STEP, 0 : width + _STEP : _STEP].astype(np.float64)
    points = back.carry(np.stack([xs.ravel(), ys.ravel()], axis=1) * HALF) / HALF
    x, y = (floats(points[:, k].reshape(xs.shape)) for k in (0, 1))
    matrix = np.array([[1 / _STEP, 0, 0], [0, 1 / _STEP, 0]])
    way = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    return floats(cv2.warpAffine(x, matrix, (width, height), flags=way)), floats(
        cv2.warpAffine(y, matrix, (width, height), flags=way)
    )


def _weight(one: Impression, other: Impression, maps: Maps) -> FloatMap:
    """How clear both are, at every pixel of the second."""
    map_x, map_y = maps
    scale = CELL / HALF
    theirs = cv2.resize(
        floats(other.weight), (map_x.shape[1], map_x.shape[0]), interpolation=cv2.INTER_LINEAR
    )
    ours = cv2.remap(
        floats(one.weight), (map_x - scale / 2) / scale, (map_y - scale / 2) / scale, cv2.INTER_LINEAR
    )
    both = np.sqrt(floats(theirs) * floats(ours)) / 255
    return floats(np.where(other.ridges != 0, both, 0))


def _flow(
    one: Impression, other: Impression, back: Movement, maps: Maps, weight: FloatMap
) -> tuple[float, float]:
    """How far directions and periods agree, on the second's cells."""
    rows, columns = other.turn.shape
    step = CELL // HALF
    pick = (slice(step // 2, None, step), slice(step // 2, None, step))
    x, y, w = (np.ascontiguousarray(each[pick][:rows, :columns]) for each in (*maps, weight))
    at_x, at_y = (x - step / 2) / step, (y - step / 2) / step
    theirs = other.turn[: x.shape[0], : x.shape[1]] * np.float32(2 * np.pi / 256)
    turn = one.turn * np.float32(2 * np.pi / 256)
    c = floats(cv2.remap(floats(np.cos(turn)), at_x, at_y, cv2.INTER_LINEAR))
    s = floats(cv2.remap(floats(np.sin(turn)), at_x, at_y, cv2.INTER_LINEAR))
    period = floats(
        cv2.remap(floats(one.period), at_x, at_y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    )
    off = np.arctan2(s, c) - 2 * back.turn - theirs
    sharp = 0.5 * np.cos(off) + 0.5 * np.cos(2 * off)
    apart = np.abs(
        np.log(np.maximum(period, 1.0) / np.maximum(other.period[: x.shape[0], : x.shape[1]], 1.0))
    )
    total = float(w.sum()) + 1e-6
    return float((sharp * w).sum()) / total, float((apart * w).sum()) / total


def _slipped(ours: FloatMap, theirs: FloatMap, weight: FloatMap, maps: Maps, how: _Round) -> Maps:
    """The maps after each neighbourhood went where it correlates best, made smooth."""
    map_x, map_y = maps
    slip, sigma = how.slip, how.sigma / _BLOCK
    height, width = (side // _BLOCK * _BLOCK for side in theirs.shape)
    rows, columns = height // _BLOCK, width // _BLOCK
    moved = floats(cv2.remap(ours, _wider(map_x, slip), _wider(map_y, slip), cv2.INTER_LINEAR))
    power, goal = moved * moved, theirs[:height, :width]
    right = _block_sums(goal * goal, rows, columns)
    best = np.full((rows, columns), -2.0, dtype=np.float32)
    best_x, best_y = np.zeros_like(best), np.zeros_like(best)
    for dy in range(-slip, slip + 1):
        for dx in range(-slip, slip + 1):
            here = (slice(slip + dy, slip + dy + height), slice(slip + dx, slip + dx + width))
            left = _block_sums(power[here], rows, columns)
            both = _block_sums(moved[here] * goal, rows, columns)
            local = both / (np.sqrt(left * right) + 1.0) - np.float32(_DEAR * (dx * dx + dy * dy))
            better = local > best
            best[better], best_x[better], best_y[better] = local[better], dx, dy
    trust = floats(cv2.resize(weight[:height, :width], (columns, rows), interpolation=cv2.INTER_AREA))
    trust = trust * np.maximum(best, 0.0) ** 2 + 1e-4
    total = _far(trust, sigma)
    size = (theirs.shape[1], theirs.shape[0])
    slip_x, slip_y = (
        floats(cv2.resize(_far(each * trust, sigma) / total, size, interpolation=cv2.INTER_LINEAR))
        for each in (best_x, best_y)
    )
    # a slip is in the second's pixels: what the maps say there is where it comes from in the first
    xs = np.arange(size[0], dtype=np.float32)[None, :]
    ys = np.arange(size[1], dtype=np.float32)[:, None]
    at_x, at_y = xs + slip_x, ys + slip_y
    return (
        floats(cv2.remap(map_x, at_x, at_y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)),
        floats(cv2.remap(map_y, at_x, at_y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)),
    )


def _wider(values: FloatMap, rim: int) -> FloatMap:
    """A map of places that goes on evenly for `rim` pixels around."""
    return floats(np.pad(values, rim, mode="reflect", reflect_type="odd"))


def _block_sums(values: FloatMap, rows: int, columns: int) -> FloatMap:
    """Means over a window, for every block."""
    blocks = cv2.resize(np.ascontiguousarray(values), (columns, rows), interpolation=cv2.INTER_AREA)
    return floats(cv2.boxFilter(blocks, -1, (_BLOCKS, _BLOCKS)))


def _correlation(one: FloatMap, other: FloatMap) -> FloatMap:
    """Normalised correlation in a window around every pixel; ridge maps have no mean to take away."""
    both, left, right = (
        floats(cv2.boxFilter(each, -1, (_WINDOW, _WINDOW)))
        for each in (one * other, one * one, other * other)
    )
    return floats(both / (np.sqrt(left * right) + 1.0))


def _far(values: FloatMap, sigma: float) -> FloatMap:
    return floats(cv2.GaussianBlur(values, (0, 0), sigma, borderType=cv2.BORDER_REFLECT_101))
