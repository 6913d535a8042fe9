"""Where the finger is, which way its ridges run and how wide they are: the maps that filters and comparison
need.

Orientation by the structure tensor (Bigun & Granlund 1987; Kass & Witkin 1987) as doubled angles; the ridge
period by the spectrum of signatures across the ridges (after Hong, Wan & Jain 1998). Lengths: pixels at 500
dpi.
"""

from dataclasses import dataclass
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from appliance.biometrics.finger.picture import MIN_SIDE, FloatMap, GreyMap, Mask, floats, grey

CELL: Final = 8
"""Pixels a cell of the coarse maps."""
MIN_PERIOD: Final = 4.5
MAX_PERIOD: Final = 17.0
"""Ridge periods: adults 7 to 12, small children from 5 (ISO/IEC 29794-4 gives 0.3 to 0.6 mm for adults)."""
USUAL_PERIOD: Final = 9.0
REACH: Final = 24
"""A signature goes so far to both sides: two of the widest ridges or more."""
_PERIODS: Final = np.geomspace(MIN_PERIOD, MAX_PERIOD, 40)
_COARSE: Final = 8
_ROOM: Final = 20
_LEAST_CONTRAST: Final = 4.0
"""Grey levels of local deviation under which a place is background even in the faintest print."""


@dataclass(frozen=True, slots=True)
class RidgeField:
    """Maps of one picture, all of its size."""

    cos2: FloatMap
    sin2: FloatMap
    """The doubled angle of the ridges' direction, from x to the right towards y down; unit vectors."""
    coherence: FloatMap
    """0 (no one direction) to 1."""
    period: FloatMap
    """Ridge to ridge."""

    @property
    def angle(self) -> FloatMap:
        """The ridges' direction in radians, between -pi/2 and pi/2."""
        return floats(np.arctan2(self.sin2, self.cos2) / 2)


def blurred(values: FloatMap, sigma: float) -> FloatMap:
    """Gaussian mean."""
    return floats(cv2.GaussianBlur(values, (0, 0), sigma, borderType=cv2.BORDER_REFLECT_101))


def broadly_blurred(values: FloatMap, sigma: float) -> FloatMap:
    """The same for wide windows, at a quarter of the resolution."""
    height, width = values.shape
    small = floats(
        cv2.resize(values, (max(width // 4, 1), max(height // 4, 1)), interpolation=cv2.INTER_AREA)
    )
    return floats(cv2.resize(blurred(small, sigma / 4), (width, height), interpolation=cv2.INTER_LINEAR))


def normalised(pixels: GreyMap) -> tuple[FloatMap, FloatMap]:
    """The picture with local mean 0 and local deviation about 1, and the local deviation in grey levels."""
    picture = pixels.astype(np.float32)
    local = picture - broadly_blurred(picture, 12.0)
    deviation = np.sqrt(np.maximum(broadly_blurred(local * local, 12.0), 0.0))
    floor = max(float(np.percentile(deviation, 90)) * 0.15, 2.0)
    return np.clip(local / (deviation + floor), -3.0, 3.0), floats(deviation)


def orientation_of(picture: FloatMap, sigma: float) -> tuple[FloatMap, FloatMap, FloatMap]:
    """(cos2, sin2, coherence) of the ridges, the tensor averaged with this sigma."""
    dx = floats(cv2.Scharr(picture, cv2.CV_32F, 1, 0))
    dy = floats(cv2.Scharr(picture, cv2.CV_32F, 0, 1))
    across, mixed, energy = dx * dx - dy * dy, 2 * dx * dy, dx * dx + dy * dy
    # averaged in two steps: near, so that strong edges do not rule; then direction counts as far as it is one
    near = sigma / 2
    across, mixed, energy = blurred(across, near), blurred(mixed, near), blurred(energy, near) + 1e-6
    c, s, weight = (
        broadly_blurred(part, sigma) for part in (across / energy, mixed / energy, np.ones_like(energy))
    )
    length = np.sqrt(c * c + s * s) + 1e-6
    return -c / length, -s / length, np.minimum(length / weight, 1.0)


def period_of(along: FloatMap, angle: FloatMap, trust: FloatMap) -> FloatMap:
    """Ridge periods from a picture that is smoothed along its ridges; `trust` weighs the places."""
    height, width = along.shape
    ys, xs = np.mgrid[CELL // 2 : height : CELL, CELL // 2 : width : CELL].astype(np.float32)
    rows, columns = ys.shape
    offsets = np.arange(-REACH, REACH + 1, dtype=np.float32)
    at = angle[CELL // 2 :: CELL, CELL // 2 :: CELL].reshape(-1, 1)
    sample_x = xs.reshape(-1, 1) - np.sin(at) * offsets
    sample_y = ys.reshape(-1, 1) + np.cos(at) * offsets
    signature = floats(
        cv2.remap(along, sample_x, sample_y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT_101)
    )
    window = np.hanning(2 * REACH + 3)[1:-1].astype(np.float32)
    signature = (signature - signature.mean(axis=1, keepdims=True)) * window
    power = np.abs(signature @ _WAVES) ** 2  # (cells, periods)
    power = power / (power.sum(axis=1, keepdims=True) + 1e-3)
    weight = trust[CELL // 2 :: CELL, CELL // 2 :: CELL].reshape(-1, 1) + 1e-3
    spectrum = floats((power * weight).reshape(rows, columns, -1))
    spectrum = np.stack(
        [blurred(np.ascontiguousarray(band), 2.0) for band in np.moveaxis(spectrum, 2, 0)], axis=2
    )
    best = spectrum[..., 1:-1].argmax(axis=2) + 1
    left, middle, right = (
        np.take_along_axis(spectrum, (best + step)[..., None], axis=2)[..., 0] for step in (-1, 0, 1)
    )
    bend = left - 2 * middle + right
    shift = np.where(np.abs(bend) > 1e-9, 0.5 * (left - right) / np.where(bend == 0, 1, bend), 0.0)
    found = floats(_PERIODS[0] * (_PERIODS[1] / _PERIODS[0]) ** (best + np.clip(shift, -0.5, 0.5)))
    certain = weight.reshape(rows, columns) * middle
    smooth = blurred(floats(np.log(found) * certain), 2.0) / (blurred(floats(certain), 2.0) + 1e-9)
    period = np.clip(np.exp(smooth), MIN_PERIOD, MAX_PERIOD)
    return floats(cv2.resize(floats(period), (width, height), interpolation=cv2.INTER_LINEAR))


_WAVES: Final = np.exp(-2j * np.pi * np.outer(np.arange(-REACH, REACH + 1), 1 / _PERIODS)).astype(
    np.complex64
)


def finger_area(pixels: GreyMap) -> tuple[slice, slice]:
    """(rows, columns) of the part that the finger is in, so that no work goes into an empty window."""
    height, width = pixels.shape
    smooth = blurred(floats(pixels), 1.5)
    local = smooth - floats(cv2.boxFilter(smooth, -1, (15, 15)))
    energy = cv2.resize(local * local, (width // _COARSE, height // _COARSE), interpolation=cv2.INTER_AREA)
    contrast = np.sqrt(np.maximum(floats(cv2.boxFilter(floats(energy), -1, (5, 5))), 0.0))
    busy = contrast > max(0.25 * float(np.percentile(contrast, 95)), _LEAST_CONTRAST)
    opened = cv2.morphologyEx(grey(busy), cv2.MORPH_OPEN, _disc(5))
    rows, columns = np.flatnonzero(grey(opened).any(axis=1)), np.flatnonzero(grey(opened).any(axis=0))
    if not len(rows):
        return slice(0, height), slice(0, width)
    return _widened(rows, height), _widened(columns, width)


def _widened(found: NDArray[np.intp], side: int) -> slice:
    """With room for filters, on the grid of cells, and never less than the smallest picture."""
    first, last = int(found[0]) * _COARSE - _ROOM, int(found[-1] + 1) * _COARSE + _ROOM
    first -= max(MIN_SIDE - (last - first), 0) // 2
    first = min(max(first, 0), max(side - MIN_SIDE, 0)) // CELL * CELL
    return slice(first, min(max(last, first + MIN_SIDE), side))


def segmented(deviation: FloatMap, coherence: FloatMap) -> Mask:
    """The finger: one blob without holes, where there is contrast that runs in one direction."""
    bright = float(np.percentile(deviation, 95))
    contrast = broadly_blurred(deviation, 6.0)
    clear = np.minimum(contrast / max(0.35 * bright, _LEAST_CONTRAST), 2.0) * np.minimum(
        coherence / 0.35, 1.5
    )
    inside = grey(clear > 0.75)
    inside = grey(cv2.morphologyEx(inside, cv2.MORPH_OPEN, _disc(9)))
    inside = grey(cv2.morphologyEx(inside, cv2.MORPH_CLOSE, _disc(15)))
    count, labels, stats, _ = cv2.connectedComponentsWithStats(inside)
    if count < 2:
        return np.zeros(deviation.shape, dtype=np.bool_)
    sizes = stats[1:, cv2.CC_STAT_AREA]
    kept = np.isin(labels, 1 + np.flatnonzero(sizes > 0.2 * sizes.max())).astype(np.uint8)
    outlines, _ = cv2.findContours(kept, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    return np.asarray(cv2.drawContours(np.zeros_like(kept), outlines, -1, (1,), cv2.FILLED), dtype=np.bool_)


def _disc(side: int) -> GreyMap:
    return grey(cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (side, side)))
