"""Where an MRZ lies in a picture: its lines as gently bent paths, and strips cut along them."""

from dataclasses import dataclass
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from models.mrz.frame import Grey, Points
from models.mrz.strip import HEIGHT, MARGIN, PITCH, WIDTH

TALL: Final = 1.62
"""Height of a strip, in pitches: a letter is about one pitch high."""
ENOUGH: Final = 1.3
"""A picture is shrunk before cutting where a letter has more pixels than a strip's, times this."""


@dataclass(frozen=True, slots=True, eq=False)
class Line:
    """One line of print, in pixels of the picture.

    A point at `t` pixels from `origin` along the reading direction lies `bend` (a parabola's three
    coefficients, highest first) to its right hand side, which is down for upright text.
    """

    origin: Points
    along: Points
    bend: Points
    start: float
    end: float
    pitch: float
    """Of the characters, in the middle of the line, as the finder judged it."""
    growth: float
    """Logarithm of the pitch at the end over that at the start: perspective."""
    sureness: float
    """Mean of the finder's answer along it, 0 to 1."""

    @property
    def length(self) -> float:
        return self.end - self.start

    @property
    def across(self) -> Points:
        return np.array([-self.along[1], self.along[0]])

    def points(self, t: Points) -> Points:
        """Points (n, 2) of its middle."""
        aside = np.polyval(self.bend, t)
        found: Points = self.origin + t[:, None] * self.along + aside[:, None] * self.across
        return found

    @property
    def middle(self) -> Points:
        return np.asarray(self.points(np.array([(self.start + self.end) / 2]))[0])


@dataclass(frozen=True, slots=True, eq=False)
class Zone:
    """Lines that belong together, from the top; `score` is larger for more print of which more is sure."""

    lines: tuple[Line, ...]
    score: float

    @property
    def length(self) -> float:
        return max(line.length for line in self.lines)

    @property
    def pitch(self) -> float:
        return float(np.median([line.pitch for line in self.lines]))

    def outline(self) -> Points:
        """Corners (4, 2) around all lines: upper left, upper right, lower right, lower left."""
        half = 0.8 * self.pitch
        first, last = self.lines[0], self.lines[-1]
        top = first.points(np.array([first.start, first.end])) - first.across * half
        bottom = last.points(np.array([last.end, last.start])) + last.across * half
        return np.concatenate([top, bottom])


def cut(picture: Grey, line: Line, characters: int) -> NDArray[np.uint8]:
    """The strip (HEIGHT, WIDTH) of a line that has so many characters."""
    pitch = line.length / characters
    columns = np.arange(WIDTH, dtype=np.float64) + 0.5
    share = (columns - MARGIN) / (characters * PITCH)
    # A row of equal letters in perspective: the pitch changes by exp(growth) from end to end.
    k = float(np.exp(np.clip(line.growth, -0.5, 0.5) / 2))
    warped = share / np.maximum(k + (1 - k) * share, 0.2)
    t = line.start + line.length * warped
    rows = (np.arange(HEIGHT) - (HEIGHT - 1) / 2) * TALL / HEIGHT
    local = pitch * np.exp(np.clip(line.growth, -0.5, 0.5) * (np.clip(share, 0, 1) - 0.5))
    path = line.points(t)
    grid = path[None] + (rows[:, None] * local[None])[..., None] * line.across
    return _sampled(picture, grid, pitch)


def _sampled(picture: Grey, grid: Points, pitch: float) -> NDArray[np.uint8]:
    """The picture at these points (rows, columns, 2), shrunk first where it has more pixels than needed."""
    low = np.floor(grid.min((0, 1))).astype(int) - 2
    high = np.ceil(grid.max((0, 1))).astype(int) + 3
    left, top = np.maximum(low, 0)
    right, bottom = np.minimum(high, picture.shape[::-1])
    if right - left < 2 or bottom - top < 2:
        return np.full(grid.shape[:2], 128, np.uint8)
    piece = picture[top:bottom, left:right]
    scale = 1.0
    if pitch > PITCH * ENOUGH:
        scale = PITCH / pitch
        size = (max(2, round(piece.shape[1] * scale)), max(2, round(piece.shape[0] * scale)))
        piece = np.asarray(cv2.resize(piece, size, interpolation=cv2.INTER_AREA), np.uint8)
    x = ((grid[..., 0] - left) * scale - 0.5).astype(np.float32)
    y = ((grid[..., 1] - top) * scale - 0.5).astype(np.float32)
    return np.asarray(cv2.remap(piece, x, y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE), np.uint8)
