"""Finds MRZ lines in a picture, at any turn: a small network marks their cores, geometry makes lines."""

from collections.abc import Sequence
from pathlib import Path
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from models.mrz.frame import CELL, FRAME_WIDTH, Grey, Points, View, normalise
from models.mrz.zone import Line, Zone
from models.runtime import Model

FILE: Final = Path(__file__).with_name("finder.tflite")
SHARES: Final = (0.35, 0.5, 0.65, 0.8, 0.9)
"""A cell counts from the first share of sureness on; where lines touch, from a later one."""
THICK: Final = 0.5
"""Pitches; a stretch whose cells lie farther from its middle (root mean square) is more than one line."""
LEAST_CELLS: Final = 12
LEAST_CHARACTERS: Final = 12
"""A shorter piece of a line is left to its neighbours."""
FINE: Final = 7.0
"""Frame pixels a character; where the picture has more pixels than the frame, smaller print is looked at
again in a piece of its own, so that its lines come apart."""
AIM: Final = 11.0
"""Frame pixels a character in such a piece: 44 of them fill three quarters of its width."""
MAX_ZONES: Final = 4
MAX_PIECES: Final = 2


class Finder:
    """The network with its geometry. Safe to share between threads."""

    def __init__(self, path: Path = FILE, *, sha256: str) -> None:
        """Load the network. Raises ModelError."""
        self._model = Model(path, sha256=sha256)

    def find(self, picture: Grey) -> list[Zone]:
        """Zones of a grey picture (height, width), the likeliest first."""
        view = View.of(picture)
        zones = self._zones(view)
        fine = [zone for zone in zones[:MAX_PIECES] if zone.pitch * view.scale < FINE and view.scale < 0.8]
        if not fine:
            return zones
        closer: list[Zone] = []
        for zone in fine:
            closer += self._look_closer(picture, zone, view.scale)
        rest = [zone for zone in zones if zone not in fine]
        return sorted([*(closer or fine), *rest], key=lambda zone: -zone.score)[:MAX_ZONES]

    def _look_closer(self, picture: Grey, zone: Zone, scale: float) -> list[Zone]:
        middle = np.mean([line.middle for line in zone.lines], 0)
        along = np.mean([line.along for line in zone.lines], 0)
        room = 0.9 * FRAME_WIDTH / max(zone.length, 1.0)
        finer = min(AIM / zone.pitch, room, 1.5)
        if finer < 1.2 * scale:
            return [zone]
        return self._zones(View.of_piece(picture, middle, along / np.linalg.norm(along), finer))

    def _zones(self, view: View) -> list[Zone]:
        (planes,) = self._model.run(normalise(view.frame[None]))
        return zones_of(planes[0], view)


def zones_of(planes: NDArray[np.float32], view: View) -> list[Zone]:
    """Zones from the network's planes (rows, columns, 4) for this view, the likeliest first."""
    pieces = _lines(planes)
    lines = _joined(pieces)
    groups = _groups(lines)
    zones = [Zone(tuple(_to_picture(line, view) for line in group), _score(group)) for group in groups]
    return sorted(zones, key=lambda zone: -zone.score)[:MAX_ZONES]


def _lines(planes: NDArray[np.float32]) -> list[Line]:
    """Each marked stretch as a line, in frame pixels.

    What is too thick to be one line is marked again with a higher share, until neighbours come apart.
    """
    sure: Points = 1 / (1 + np.exp(-np.clip(planes[..., 0].astype(np.float64), -30, 30)))
    found: list[Line] = []
    open_cells = np.ones(sure.shape, bool)
    for share in SHARES:
        marked = ((sure > share) & open_cells).astype(np.uint8)
        count, labels, boxes, _ = cv2.connectedComponentsWithStats(marked, connectivity=8)
        open_cells = np.zeros(sure.shape, bool)
        for number in range(1, count):
            if boxes[number, cv2.CC_STAT_AREA] < LEAST_CELLS:
                continue
            rows, columns = np.nonzero(labels == number)
            points = np.stack([columns + 0.5, rows + 0.5], 1).astype(np.float64) * CELL
            line, thickness = _fitted(points, sure[rows, columns], planes[rows, columns, 1:])
            if thickness > THICK and share != SHARES[-1]:
                open_cells[rows, columns] = True
            elif line is not None:
                found.append(line)
    return sorted(found, key=lambda line: -line.length * line.sureness)[:40]


def _fitted(points: Points, weights: Points, told: NDArray[np.float32]) -> tuple[Line | None, float]:
    """A line through weighted points, and their thickness in pitches (a line's core has about a quarter).

    `told` is what the network says there of direction and pitch.
    """
    total = float(weights.sum())
    middle = (points * weights[:, None]).sum(0) / total
    facing = (told[:, :2] * weights[:, None]).sum(0)
    pitch = float(np.exp(np.clip((told[:, 2] * weights).sum() / total, 0, 4)))
    apart = points - middle
    spread = (apart * weights[:, None]).T @ apart / total
    values, vectors = np.linalg.eigh(spread)
    along = vectors[:, 1]
    if values[1] < 6 * values[0]:
        return None, float(np.sqrt(values[0])) / pitch  # a blot, or lines that touch
    if along @ facing < 0:
        along = -along
    t, aside = apart @ along, apart @ np.array([-along[1], along[0]])
    low, high = float(t.min()) - CELL / 2, float(t.max()) + CELL / 2
    bend = np.polyfit(t, aside, 2 if high - low > 20 * pitch else 1, w=np.sqrt(weights))
    bend = np.concatenate([np.zeros(3 - len(bend)), bend])
    rest = aside - np.polyval(bend, t)
    thickness = float(np.sqrt((rest * rest * weights).sum() / total)) / pitch
    if high - low < LEAST_CHARACTERS * pitch * 0.5:
        return None, thickness
    growth = 0.0
    if high - low > 15 * pitch:
        slope = float(np.polyfit(t, told[:, 2], 1, w=weights)[0])
        growth = float(np.clip(slope * (high - low), -0.5, 0.5))
    cap = 0.3 * pitch  # the core's round ends reach beyond the letters
    sureness = float(weights.mean())
    return Line(middle, along, bend, low + cap, high - cap, pitch, growth, sureness), thickness


def _joined(lines: Sequence[Line]) -> list[Line]:
    """Stretches of one line that glare or a finger has parted, as one."""
    rest = sorted(lines, key=lambda line: -line.length)
    whole: list[Line] = []
    while rest:
        line = rest.pop(0)
        again = True
        while again:
            again = False
            for other in rest:
                if _continues(line, other):
                    line = _together(line, other)
                    rest.remove(other)
                    again = True
                    break
        whole.append(line)
    return [line for line in whole if line.length > LEAST_CHARACTERS * line.pitch]


def _continues(line: Line, other: Line) -> bool:
    if line.along @ other.along < 0.97 or not 0.7 < line.pitch / other.pitch < 1.43:
        return False
    ends = other.points(np.array([other.start, other.end])) - line.origin
    t = ends @ line.along
    aside = ends @ line.across - np.polyval(line.bend, t)
    near = aside[0] if t.min() > line.start else aside[1]
    gap = max(line.start - t.max(), t.min() - line.end)
    return bool(-3 * line.pitch < gap < 14 * line.pitch and abs(near) < 0.8 * line.pitch)


def _together(line: Line, other: Line) -> Line:
    """One line through both, each counting by its length."""
    samples = [
        part.points(np.linspace(part.start, part.end, 2 + int(part.length / 4))) for part in (line, other)
    ]
    points = np.concatenate(samples)
    middle = points.mean(0)
    along = line.along * line.length + other.along * other.length
    ends = points - middle
    _values, vectors = np.linalg.eigh(ends.T @ ends)
    axis = vectors[:, 1] if vectors[:, 1] @ along > 0 else -vectors[:, 1]
    across = np.array([-axis[1], axis[0]])
    t = ends @ axis
    bend = np.polyfit(t, ends @ across, 2)
    share = line.length / (line.length + other.length)
    return Line(
        middle,
        axis,
        bend,
        float(t.min()),
        float(t.max()),
        line.pitch * share + other.pitch * (1 - share),
        line.growth * share + other.growth * (1 - share),
        line.sureness * share + other.sureness * (1 - share),
    )


def _groups(lines: Sequence[Line]) -> list[list[Line]]:
    """Neighbouring parallel lines, at most three, from the top."""
    rest = sorted(lines, key=lambda line: -line.length * line.sureness)
    groups = []
    while rest:
        group = [rest.pop(0)]
        while len(group) < 3:
            beside = [line for line in rest if any(_neighbours(known, line) for known in group)]
            if not beside:
                break
            nearest = min(beside, key=lambda line: min(abs(_offset(known, line)) for known in group))
            group.append(nearest)
            rest.remove(nearest)
        top = group[0]
        groups.append(_even(sorted(group, key=lambda line: _offset(top, line))))
    return groups


def _offset(line: Line, other: Line) -> float:
    """How far the other lies below, in frame pixels."""
    away = other.middle - line.origin
    return float(away @ line.across - np.polyval(line.bend, away @ line.along))


def _neighbours(line: Line, other: Line) -> bool:
    if line.along @ other.along < 0.97 or not 0.6 < line.pitch / other.pitch < 1.67:
        return False
    t = (other.points(np.array([other.start, other.end])) - line.origin) @ line.along
    shared = min(line.end, t[1]) - max(line.start, t[0])
    pitch = (line.pitch + other.pitch) / 2
    return bool(
        shared > 0.5 * min(line.length, other.length) and 1.3 < abs(_offset(line, other)) / pitch < 3.9
    )


def _even(group: list[Line]) -> list[Line]:
    """Lines of an MRZ begin and end together: a shorter one is drawn out to the longest."""
    longest = max(group, key=lambda line: line.length)
    ends = longest.points(np.array([longest.start, longest.end]))
    evened = []
    for line in group:
        t = (ends - line.origin) @ line.along
        start, end = min(line.start, float(t[0])), max(line.end, float(t[1]))
        if line is longest or end - start > 1.3 * longest.length:
            start, end = line.start, line.end
        evened.append(
            Line(line.origin, line.along, line.bend, start, end, line.pitch, line.growth, line.sureness)
        )
    return evened


def _score(group: Sequence[Line]) -> float:
    return float(sum(min(line.length / line.pitch, 44) * line.sureness for line in group))


def _to_picture(line: Line, view: View) -> Line:
    """From frame pixels to the picture's."""
    turn = view.to_picture[:, :2]
    per_pixel = 1 / view.scale
    along = turn @ line.along / per_pixel
    bend = line.bend * np.array([view.scale, 1.0, per_pixel])
    return Line(
        np.asarray(view.back(line.origin[None])[0]),
        along / np.linalg.norm(along),
        bend,
        line.start * per_pixel,
        line.end * per_pixel,
        line.pitch * per_pixel,
        line.growth,
        line.sureness,
    )
