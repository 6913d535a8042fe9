"""How one impression must be moved onto another: minutiae paired, first rigidly, then as skin stretches.

Every likely pair of minutiae is a guess at the movement; the guesses that most other minutiae agree with are
refined. Tolerances grow with distance, because skin is elastic: near to each other points keep their places.
Lengths: pixels at 500 dpi.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from appliance.biometrics.finger.minutiae import Minutiae

Values = NDArray[np.float64]
Scores = NDArray[np.float32]
Indices = NDArray[np.intp]

GUESSES: Final = 48
REFINED: Final = 3
_BASE: Final = 7.0
_STRETCH: Final = 0.09
"""A guess's tolerance: so many pixels, and so many more a pixel of distance from its pair."""
_TURN: Final = np.radians(28.0)
_STIFF: Final = 8.0
_FINAL: Final = 9.0
"""The tolerance when the skin's stretch is accounted for: one ridge."""


@dataclass(frozen=True, slots=True)
class Bend:
    """What skin does beyond a rigid movement: a plane and a thin plate."""

    stretch: Values
    """(2, 2)"""
    shift: Values
    """(2,)"""
    anchors: Values
    """(k, 2)"""
    weights: Values
    """(k, 2) of the anchors' kernels."""


@dataclass(frozen=True, slots=True)
class Movement:
    """From the first impression's pixels to the second's: rigid, then bent."""

    matrix: Values
    """(2, 3)"""
    bend: Bend | None = None

    def carry(self, points: Values) -> Values:
        """Points (n, 2), moved."""
        moved = np.asarray(points @ self.matrix[:, :2].T + self.matrix[:, 2])
        if self.bend is None:
            return moved
        plane = moved @ self.bend.stretch.T + self.bend.shift
        return np.asarray(plane + _kernel(moved, self.bend.anchors) @ self.bend.weights)

    @property
    def turn(self) -> float:
        """Radians."""
        return float(np.arctan2(self.matrix[1, 0], self.matrix[0, 0]))


@dataclass(frozen=True, slots=True)
class Alignment:
    """One way to lay the first impression on the second."""

    movement: Movement
    back: Movement
    """The other way."""
    pairs: NDArray[np.intp]
    """(n, 2) indices of minutiae."""
    strength: Values
    """(n,) of 0 to 1: how well each pair agrees."""

    @property
    def support(self) -> float:
        """The sum of it."""
        return float(self.strength.sum())


def align(one: Minutiae, other: Minutiae, alike: Scores) -> list[Alignment]:
    """The best ways, the best supported first; none when nothing agrees."""
    if min(len(one), len(other)) < 2:
        return []
    likely = _likely_pairs(alike)
    if not len(likely):
        return []
    guesses = _guess_support(one, other, alike, likely)
    order = np.argsort(-guesses)
    chosen: list[Alignment] = []
    for guess in order:
        if len(chosen) == REFINED or guesses[guess] < 0.35 * guesses[order[0]]:
            break
        i, j = likely[guess]
        if any(_contains(earlier.pairs, i, j) for earlier in chosen):
            continue  # the same movement again
        refined = _refined(one, other, alike, int(i), int(j))
        if refined is not None:
            chosen.append(refined)
    return sorted(chosen, key=lambda each: -each.support)


def _contains(pairs: NDArray[np.intp], i: int, j: int) -> bool:
    return bool(((pairs[:, 0] == i) & (pairs[:, 1] == j)).any())


def _likely_pairs(alike: Scores) -> NDArray[np.intp]:
    """The pairs whose surroundings are most alike, set off against what else they are like."""
    rows = alike.max(axis=1, keepdims=True)
    columns = alike.max(axis=0, keepdims=True)
    special = alike * alike / (np.sqrt(rows * columns) + 1e-6)
    count = min(GUESSES, special.size)
    flat = np.argpartition(-special.ravel(), count - 1)[:count]
    flat = flat[np.argsort(-special.ravel()[flat])]
    pairs = np.stack(np.unravel_index(flat, alike.shape), axis=1)
    return np.asarray(pairs[alike[pairs[:, 0], pairs[:, 1]] > 0.05], dtype=np.intp)


def _guess_support(one: Minutiae, other: Minutiae, alike: Scores, likely: NDArray[np.intp]) -> Values:
    """How much agrees when each likely pair is laid upon one another."""
    i, j = likely[:, 0], likely[:, 1]
    turn = other.angle[j] - one.angle[i]
    cos, sin = np.cos(turn)[:, None].astype(np.float32), np.sin(turn)[:, None].astype(np.float32)
    dx = (one.x[None, :] - one.x[i][:, None]).astype(np.float32)
    dy = (one.y[None, :] - one.y[i][:, None]).astype(np.float32)
    x = cos * dx - sin * dy + other.x[j][:, None].astype(np.float32)
    y = sin * dx + cos * dy + other.y[j][:, None].astype(np.float32)
    tolerance = np.float32(_BASE) + np.float32(_STRETCH) * np.sqrt(dx * dx + dy * dy)
    squares = (x[:, :, None] - other.x.astype(np.float32)) ** 2 + (
        y[:, :, None] - other.y.astype(np.float32)
    ) ** 2  # (guesses, n, m)
    near = np.maximum(1.0 - squares / (tolerance**2)[:, :, None], 0.0)
    off = np.abs(_wrapped(one.angle[None, :, None] + turn[:, None, None] - other.angle))
    agreement = near * np.maximum(1.0 - off / _TURN, 0.0).astype(np.float32) * np.sqrt(alike)
    return np.asarray(np.minimum(agreement.max(axis=2).sum(axis=1), agreement.max(axis=1).sum(axis=1)))


def _refined(one: Minutiae, other: Minutiae, alike: Scores, i: int, j: int) -> Alignment | None:
    """From one pair to all that agree: rigid, then affine, then bent."""
    source, goal = np.stack([one.x, one.y], axis=1), np.stack([other.x, other.y], axis=1)
    turn = float(other.angle[j] - one.angle[i])
    matrix = _rigid(turn, source[i], goal[j])
    centre = source[i]
    pairs, strength = np.zeros((0, 2), np.intp), np.zeros(0)
    for reach, stretch in ((90.0, 0.10), (160.0, 0.08), (400.0, 0.06)):
        movement = Movement(matrix)
        distance = np.hypot(*(source - centre).T)
        tolerance = np.where(distance < reach, 8.0 + stretch * distance, 0.0)
        pairs, strength = _paired(movement, one, other, alike, tolerance)
        if len(pairs) < 2:
            return None
        matrix = _fit(source[pairs[:, 0]], goal[pairs[:, 1]], strength)
        centre = np.average(source[pairs[:, 0]], axis=0, weights=strength)
    movement = Movement(matrix)
    for tolerance_now, stiff in ((14.0, 60.0), (11.0, 20.0), (_FINAL, _STIFF)):
        movement = bent(matrix, source[pairs[:, 0]], goal[pairs[:, 1]], strength, stiff)
        pairs, strength = _paired(movement, one, other, alike, np.full(len(one), tolerance_now))
        if len(pairs) < 3:
            return None
    back = bent(
        _fit(goal[pairs[:, 1]], source[pairs[:, 0]], strength),
        goal[pairs[:, 1]], source[pairs[:, 0]], strength, _STIFF,
    )  # fmt: skip
    return Alignment(movement, back, pairs, strength)


def _paired(
    movement: Movement, one: Minutiae, other: Minutiae, alike: Scores, tolerance: Values
) -> tuple[NDArray[np.intp], Values]:
    """Pairs that choose each other."""
    moved = movement.carry(np.stack([one.x, one.y], axis=1))
    squares = (moved[:, 0, None] - other.x) ** 2 + (moved[:, 1, None] - other.y) ** 2
    near = np.maximum(1.0 - squares / np.maximum(tolerance, 1e-3)[:, None] ** 2, 0.0)
    off = np.abs(_wrapped(one.angle[:, None] + movement.turn - other.angle))
    agreement = near * np.maximum(1.0 - off / _TURN, 0.0) * np.sqrt(alike + 0.01)
    best, chooser = agreement.argmax(axis=1), agreement.argmax(axis=0)
    each = np.arange(len(one))
    mutual = (chooser[best] == each) & (agreement[each, best] > 0.02)
    pairs = np.stack([each[mutual], best[mutual]], axis=1)
    return pairs, agreement[pairs[:, 0], pairs[:, 1]]


def _wrapped(angle: Values) -> Values:
    """Between -pi and pi."""
    return np.asarray(np.mod(angle + np.pi, 2 * np.pi) - np.pi)


def _rigid(turn: float, source: Values, goal: Values) -> Values:
    rotation = np.array([[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]])
    return np.column_stack([rotation, goal - rotation @ source])


def _fit(source: Values, goal: Values, weights: Values) -> Values:
    """The rigid movement of least weighted squares (Kabsch 1976)."""
    a, b = np.average(source, axis=0, weights=weights), np.average(goal, axis=0, weights=weights)
    spread = ((source - a) * weights[:, None]).T @ (goal - b)
    turn = np.arctan2(spread[0, 1] - spread[1, 0], spread[0, 0] + spread[1, 1])
    return _rigid(float(turn), a, b)


_SCALE: Final = 100.0


def _kernel(points: Values, anchors: Values) -> Values:
    """r^2 log r, in units of 100 pixels."""
    squares = ((points[:, None, :] - anchors[None, :, :]) ** 2).sum(axis=2) / _SCALE**2
    return np.asarray(0.5 * squares * np.log(squares + 1e-9))


def bent(matrix: Values, source: Values, goal: Values, weights: Values, stiffness: float) -> Movement:
    """A smoothing thin plate spline (Bookstein 1989) after a rigid movement.

    `stiffness` is the weight of bending against residuals in pixels.
    """
    moved = source @ matrix[:, :2].T + matrix[:, 2]
    count = len(moved)
    if count < 5:
        return Movement(matrix)
    system = np.zeros((count + 3, count + 3))
    system[:count, :count] = _kernel(moved, moved) + np.diag(stiffness * 0.01 / np.maximum(weights, 0.05))
    plane = np.column_stack([np.ones(count), moved / _SCALE])
    system[:count, count:], system[count:, :count] = plane, plane.T
    # the plane is held near to no stretch at all, because few pairs would tear it
    system[count + 1 :, count + 1 :] = -np.eye(2) * 0.5 / stiffness
    answer = np.linalg.solve(system + 1e-9 * np.eye(count + 3), np.vstack([goal - moved, np.zeros((3, 2))]))
    shift, slope = answer[count], answer[count + 1 :] / _SCALE
    return Movement(matrix, Bend(np.eye(2) + slope.T, shift, moved, answer[:count]))
