"""From the reader's columns to characters: the best even row of so many characters.

A line of an MRZ has 30, 36 or 44 characters of equal pitch (Doc 9303-4 to -6), which plain CTC decoding
does not know. Here each character stands at one place, neighbours stand about a pitch apart, and a dynamic
programme finds the places at which the reader is surest; what stands there is read off afterwards, so
that nothing is guessed from the neighbours.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from models.mrz.strip import ALPHABET, BLANK, COLUMN, MARGIN, PITCH

FINE: Final = 2
"""Places between columns: half columns, an eighth of a pitch."""
LEAST_SEEN: Final = 10
"""Characters; from fewer no pitch is told."""
BESIDE: Final = 5
"""Pitches behind the line in which more of it is looked for; what lies farther is something else."""
_FLOOR: Final = 1e-4
_STIFF: Final = 1.1
"""How much it costs to leave the pitch: a quarter of it costs as much as a character read at 0.4."""
_NEAREST, _FARTHEST = 0.62, 1.45
"""Neighbours' distance, in pitches."""


@dataclass(frozen=True, slots=True)
class Row:
    """So many characters of a strip: `sure` (n, 37) are the probabilities of `ALPHABET` at each place.

    `places` are in pixels of the strip; `fit` is the mean logarithm of what was found there, and falls
    when characters are invented or left over.
    """

    places: NDArray[np.float64]
    sure: NDArray[np.float32]
    fit: float
    left_over: float
    """Characters seen outside the row."""

    @property
    def text(self) -> str:
        return "".join(ALPHABET[code] for code in self.sure.argmax(1))

    @property
    def confidence(self) -> NDArray[np.float32]:
        """Of each character, 0 to 1."""
        best: NDArray[np.float32] = self.sure.max(1)
        return best


def seen(columns: NDArray[np.float32]) -> int:
    """How many characters plain CTC decoding sees in a strip."""
    return len(_runs(columns))


def spacing(columns: NDArray[np.float32], fallback: float) -> float:
    """Pixels of the strip from one character to the next: the median, so that a mark moves nothing."""
    places = _runs(columns)
    if len(places) < LEAST_SEEN:
        return fallback
    pitch = float(np.median(np.diff(places)))
    return pitch if 0.6 * fallback < pitch < 1.6 * fallback else fallback


def _runs(columns: NDArray[np.float32]) -> NDArray[np.float64]:
    """Middles, in pixels, of the stretches of columns that say one character."""
    best = columns.argmax(1)
    changes = np.flatnonzero(np.diff(best)) + 1
    starts, ends = np.concatenate([[0], changes]), np.concatenate([changes, [len(best)]])
    inked = best[starts] != BLANK
    middles: NDArray[np.float64] = (starts[inked] + ends[inked]) / 2 * COLUMN
    return middles


def align(columns: NDArray[np.float32], characters: int, pitch: float) -> Row:
    """The best row of so many characters, some `pitch` pixels of the strip apart."""
    columns = _cleared(columns, characters)
    fine = np.empty((FINE * len(columns) - 1, columns.shape[1]), np.float32)
    fine[0::2] = columns
    fine[1::2] = (columns[1:] + columns[:-1]) / 2
    step = COLUMN / FINE
    wide = pitch / step
    letters = np.log(np.maximum(fine[:, :BLANK].max(1), _FLOOR))
    ink = np.maximum(fine[:, :BLANK].max(1) - 0.5, 0) * 2
    before = np.concatenate([[0], np.cumsum(ink)[:-1]]) / (0.45 * wide)
    after = before[-1] - before
    distances = np.arange(max(2, int(wide * _NEAREST)), int(np.ceil(wide * _FARTHEST)) + 1)
    bends = -_STIFF * 16 * (distances / wide - 1) ** 2
    score = letters - 0.7 * before
    whence = np.zeros((characters, len(score)), np.int32)
    for number in range(1, characters):
        best = np.full(len(score), -np.inf, np.float32)
        for distance, bend in zip(distances, bends, strict=True):
            candidate = np.full(len(score), -np.inf, np.float32)
            candidate[distance:] = score[:-distance] + bend
            better = candidate > best
            best[better] = candidate[better]
            whence[number, better] = np.flatnonzero(better) - distance
        score = best + letters
    score = score - 0.7 * after
    places = np.empty(characters, np.int64)
    places[-1] = int(score.argmax())
    for number in range(characters - 1, 0, -1):
        places[number - 1] = whence[number, places[number]]
    left_over = before[places[0]] + after[places[-1]]
    found = fine[places, :BLANK]
    sure = found / np.maximum(found.sum(1, keepdims=True), _FLOOR)
    sure *= 1 - fine[places, BLANK, None] ** 2  # a place with nothing on it is sure of nothing
    return Row(
        np.asarray(places * step + COLUMN / 2, np.float64),
        np.asarray(sure, np.float32),
        float(score[places[-1]] / characters),
        float(max(left_over - 0.5, 0)),
    )


def _cleared(columns: NDArray[np.float32], characters: int) -> NDArray[np.float32]:
    """Blank from some pitches behind the line on: a short line's strip has room for other print."""
    end = round((MARGIN + (characters + BESIDE) * PITCH) / COLUMN)
    if end >= len(columns):
        return columns
    cleared = columns.copy()
    cleared[end:] = 0
    cleared[end:, BLANK] = 1
    return cleared


def vote(rows: Sequence[Row]) -> Row:
    """Several looks at the same line, of as many characters, as one: the mean of their logarithms.

    A look that is sure of nothing at a place says nothing there.
    """
    logs = [np.log(np.maximum(row.sure, _FLOOR)) for row in rows]
    weights = np.stack([row.confidence for row in rows])[..., None] + 0.05
    mean = (np.stack(logs) * weights).sum(0) / weights.sum(0)
    sure = np.exp(mean)
    total = sure.sum(1, keepdims=True)
    sure = sure / np.maximum(total, 1.0)
    best = max(rows, key=lambda row: row.fit)
    return Row(best.places, np.asarray(sure, np.float32), max(row.fit for row in rows), best.left_over)
