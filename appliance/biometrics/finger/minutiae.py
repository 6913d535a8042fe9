"""Where ridges end and fork, with direction and reliability, from the skeleton of the enhanced picture.

By crossing number (Rutovitz 1966). The direction is ISO/IEC 19794-2's: from an ending along its ridge, from a
fork into the valley between its two branches, so that it stays when pressure makes one of the other; here in
radians from x to the right towards y down. Structures that filters and noise leave behind are taken out:
spurs, breaks, bridges, islands. Lengths: pixels at 500 dpi.
"""

from dataclasses import dataclass
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from appliance.biometrics.finger.enhancement import Enhanced
from appliance.biometrics.finger.picture import FloatMap, GreyMap, floats, grey
from appliance.biometrics.finger.ridge_field import blurred
from appliance.biometrics.finger.skeleton import CROSSING_NUMBER, NEIGHBOURS, neighbourhoods, thinned

ENDING: Final = 1
FORK: Final = 2
"""As ISO/IEC 19794-2 numbers them; 0 is neither, or not known."""
MAX_MINUTIAE: Final = 255
"""What a record of ISO/IEC 19794-2 can count."""
_TRACE: Final = 14
"""A ridge is followed so far; it tells the direction, and finds what is connected too closely."""
_DIRECTION_STEP: Final = 8
_BORDER: Final = 9.0
"""So near to where the finger's picture ends, a ridge ends because the picture does."""
_BREAK: Final = 12.0
"""Two endings that face each other across less are one ridge with a gap."""
_BRIDGE: Final = 13.0
"""The longest piece that joins two neighbouring ridges."""
_CLOSE: Final = 7.0
"""Nearer to each other two minutiae are one, or noise."""

Angles = NDArray[np.float64]
Indices = NDArray[np.intp]


@dataclass(frozen=True, slots=True)
class Minutiae:
    """Minutiae as columns of equal length, the most reliable first."""

    x: Angles
    y: Angles
    angle: Angles
    """Radians, from x to the right towards y down, 0 to 2 pi."""
    kind: NDArray[np.uint8]
    """ENDING, FORK or 0."""
    reliability: Angles
    """0 to 1."""

    def __len__(self) -> int:
        return len(self.x)

    def best(self, count: int) -> "Minutiae":
        """The `count` most reliable."""
        return self.only(np.arange(min(count, len(self))))

    def only(self, chosen: Indices) -> "Minutiae":
        """Those with these indices, in that order."""
        return Minutiae(
            self.x[chosen], self.y[chosen], self.angle[chosen], self.kind[chosen], self.reliability[chosen]
        )


NO_MINUTIAE: Final = Minutiae(np.zeros(0), np.zeros(0), np.zeros(0), np.zeros(0, np.uint8), np.zeros(0))


@dataclass(frozen=True, slots=True)
class Found:
    """The minutiae, and what they were seen on."""

    minutiae: Minutiae
    skeleton: GreyMap
    removed: NDArray[np.float64]
    """(n, 2) x and y of what was taken out, for those who draw it."""


def find_minutiae(enhanced: Enhanced) -> Found:
    """The minutiae of an enhanced picture."""
    ridges = blurred(enhanced.ridges, 0.7) < 0
    skeleton = thinned(ridges & np.asarray(cv2.dilate(grey(enhanced.mask), np.ones((5, 5), np.uint8)), bool))
    crossings = grey(cv2.LUT(neighbourhoods(skeleton), CROSSING_NUMBER))
    inside = floats(cv2.distanceTransform(_framed(enhanced.mask), cv2.DIST_L2, 5))[1:-1, 1:-1]
    candidate = (skeleton > 0) & ((crossings == 1) | (crossings == 3)) & enhanced.mask
    rows, columns = np.nonzero(candidate)
    if not len(rows):
        return Found(NO_MINUTIAE, skeleton, np.zeros((0, 2)))
    kind = np.where(crossings[rows, columns] == 1, ENDING, FORK).astype(np.uint8)
    traces = _traces(skeleton, crossings, rows, columns)
    angle = _directions(traces, rows, columns, kind, enhanced.field.angle)
    bad = inside[rows, columns] < _BORDER
    bad |= traces.hit.any(axis=1) & (
        traces.length.min(axis=1, where=traces.hit, initial=99) < _shortest(kind)
    )
    bad |= _bridges(traces, angle)
    apart = np.hypot(rows[:, None] - rows[None, :], columns[:, None] - columns[None, :])
    bad |= _faces_another(apart, rows, columns, angle, kind)
    apart[bad, :] = apart[:, bad] = 99.0
    np.fill_diagonal(apart, 99.0)
    bad |= (apart < _CLOSE).any(axis=1)
    reliability = _reliability(enhanced, rows, columns, apart)
    good = np.flatnonzero(~bad)
    order = good[np.argsort(-reliability[good], kind="stable")][:MAX_MINUTIAE]
    minutiae = Minutiae(
        columns[order].astype(np.float64), rows[order].astype(np.float64),
        np.mod(angle[order], 2 * np.pi), kind[order], reliability[order],
    )  # fmt: skip
    return Found(minutiae, skeleton, np.stack([columns[bad], rows[bad]], axis=1).astype(np.float64))


def _shortest(kind: NDArray[np.uint8]) -> Angles:
    """A branch that comes to another minutia sooner is a spur, an island or a bridge."""
    return np.where(kind == ENDING, 11.0, 8.0)


def _framed(mask: NDArray[np.bool_]) -> GreyMap:
    """The mask with a rim of nothing, so that the picture's edge is a border too."""
    return grey(cv2.copyMakeBorder(grey(mask), 1, 1, 1, 1, cv2.BORDER_CONSTANT, value=(0,)))


@dataclass(frozen=True, slots=True)
class _Traces:
    """Up to three branches a candidate: (n, 3)."""

    dx: Angles
    dy: Angles
    """From the candidate to where the branch is after some steps."""
    used: NDArray[np.bool_]
    hit: NDArray[np.bool_]
    """The branch came to another candidate."""
    length: Angles


def _traces(skeleton: GreyMap, crossings: GreyMap, rows: Indices, columns: Indices) -> _Traces:
    """Follow all branches of all candidates at the same time."""
    pad = 2
    ridge = np.pad(skeleton, pad).astype(bool)
    special = np.pad((crossings != 2) & (skeleton > 0), pad)
    width = ridge.shape[1]
    ridge, special = ridge.ravel(), special.ravel()
    steps = np.array([dy * width + dx for dy, dx in NEIGHBOURS])
    start = (rows + pad) * width + columns + pad
    count = len(start)
    around = ridge[start[:, None] + steps]  # (n, 8)
    # a branch begins where the ring of neighbours goes from nothing to ridge; of two the straight one leads
    begins = around & ~np.roll(around, 1, axis=1)
    here = np.repeat(start[:, None], 3, axis=1)
    used = np.zeros((count, 3), dtype=bool)
    for branch in range(3):
        has = begins.any(axis=1)
        first = begins.argmax(axis=1)
        after = (first + 1) % 8
        straight = (first % 2 == 1) & around[np.arange(count), after]
        chosen = np.where(straight, after, first)
        here[has, branch] = start[has] + steps[chosen[has]]
        used[:, branch] = has
        begins[np.arange(count), first] = False
    before = np.repeat(start[:, None], 3, axis=1)
    origin = before.copy()
    alive = used.copy()
    hit = np.zeros_like(used)
    length = np.where(used, 1.0, 0.0)
    reach = here.copy()
    for step in range(2, _TRACE + 1):
        arrived = alive & special[here] & (here != origin)
        hit |= arrived
        alive &= ~arrived
        options = here[..., None] + steps  # (n, 3, 8)
        open_ = ridge[options] & (options != before[..., None]) & (options != origin[..., None])
        # not back: nothing that touches where we came from, unless it is the only way
        gap = np.abs(options - before[..., None])
        touching = (gap <= 1) | (np.abs(gap - width) <= 1)
        away = open_ & ~touching
        use = np.where(away.any(axis=2, keepdims=True), away, open_ & (step > 2))
        ends = use & special[options]  # a fork beside the way must not be passed by
        use = np.where(ends.any(axis=2, keepdims=True), ends, use)
        alive &= use.any(axis=2)
        move = np.take_along_axis(options, use.argmax(axis=2)[..., None], axis=2)[..., 0]
        before = np.where(alive, here, before)
        here = np.where(alive, move, here)
        length += alive
        if step <= _DIRECTION_STEP:
            reach = here.copy()
    y, x = np.divmod(reach, width)
    at_y, at_x = np.divmod(origin, width)
    return _Traces((x - at_x).astype(np.float64), (y - at_y).astype(np.float64), used, hit, length)


def _directions(
    traces: _Traces, rows: Indices, columns: Indices, kind: NDArray[np.uint8], field: FloatMap
) -> Angles:
    """The field's angle at the minutia, turned to the side that the branches show."""
    size = np.hypot(traces.dx, traces.dy) + 1e-9
    ux, uy = np.where(traces.used, traces.dx / size, 0), np.where(traces.used, traces.dy / size, 0)
    # a fork's lone branch is the one least like the other two; the direction is against it
    alike = ux * (ux.sum(axis=1, keepdims=True) - ux) + uy * (uy.sum(axis=1, keepdims=True) - uy)
    lone = alike.argmin(axis=1)
    each = np.arange(len(rows))
    fork = kind == FORK
    towards_x = np.where(fork, -ux[each, lone], ux[:, 0])
    towards_y = np.where(fork, -uy[each, lone], uy[:, 0])
    angle = field[rows, columns].astype(np.float64)
    against = towards_x * np.cos(angle) + towards_y * np.sin(angle) < 0
    return np.asarray(angle + np.pi * against)


def _bridges(traces: _Traces, angle: Angles) -> NDArray[np.bool_]:
    """Minutiae that a short piece across the ridges connects."""
    size = np.hypot(traces.dx, traces.dy) + 1e-9
    along = (traces.dx * np.cos(angle)[:, None] + traces.dy * np.sin(angle)[:, None]) / size
    return np.asarray((traces.hit & (traces.length < _BRIDGE) & (np.abs(along) < 0.5)).any(axis=1))


def _faces_another(
    apart: Angles, rows: Indices, columns: Indices, angle: Angles, kind: NDArray[np.uint8]
) -> NDArray[np.bool_]:
    """Endings with another ending ahead of them that points back: a ridge with a gap."""
    dx = (columns[None, :] - columns[:, None]) / (apart + 1e-9)
    dy = (rows[None, :] - rows[:, None]) / (apart + 1e-9)
    ahead = -(dx * np.cos(angle)[:, None] + dy * np.sin(angle)[:, None]) > 0.8  # 37 degrees
    opposite = np.cos(angle[:, None] - angle[None, :]) < -0.7
    both = (kind == ENDING)[:, None] & (kind == ENDING)[None, :]
    return np.asarray(((apart < _BREAK) & (apart > 0) & ahead & ahead.T & opposite & both).any(axis=1))


def _reliability(enhanced: Enhanced, rows: Indices, columns: Indices, apart: Angles) -> Angles:
    """Clear ridges around, one direction, and not one of a crowd."""
    clear = enhanced.clarity[rows, columns].astype(np.float64)
    direction = enhanced.field.coherence[rows, columns].astype(np.float64)
    crowd = (apart < 20.0).sum(axis=1)
    return np.asarray(np.sqrt(clear * np.maximum(direction, 0.05)) * 0.85 ** np.maximum(crowd - 1, 0))
