"""What finder and reader agree on: the strip, one line of the MRZ cut straight out of the picture."""

from typing import Final

import numpy as np
from numpy.typing import NDArray

ALPHABET: Final = "<0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ"
"""The MRZ's characters (Doc 9303-3, 4.3), in the order of the reader's outputs."""
BLANK: Final = len(ALPHABET)
"""The reader's output for a column between two characters."""
HEIGHT: Final = 32
"""Pixels; the line's middle lies on the strip's, and a capital letter is some 20 high."""
PITCH: Final = 16
"""Pixels from one character to the next, about: the reader bears 12 to 21."""
COLUMN: Final = 4
"""Pixels of a strip to one column of the reader's output."""
MARGIN: Final = 2 * PITCH
"""Before the first and after the last character, so that none is cut where the finder was not exact."""
WIDTH: Final = 44 * PITCH + 2 * MARGIN
"""Of every strip: the longest line fills it, shorter ones leave room at the end."""
_LIGHT: Final = 4 * PITCH
"""Over this many columns light and contrast are evened out: wide enough to leave glyphs alone."""
_LEAST_CONTRAST: Final = 4.0
"""Grey levels; noise on blank paper is not blown up beyond this."""


def normalise(strips: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Grey strips (n, HEIGHT, width) as the reader sees them: local light 0, local contrast 1.

    Shape (n, HEIGHT, width, 1), float32.
    """
    grey = strips.astype(np.float32)
    mean = _smooth(grey.mean(1))
    spread = np.sqrt(np.maximum(_smooth((grey * grey).mean(1)) - mean * mean, 0))
    overall = spread.mean(1, keepdims=True)
    spread = np.maximum(spread, np.maximum(0.5 * overall, _LEAST_CONTRAST))
    evened: NDArray[np.float32] = (grey - mean[:, None]) / spread[:, None]
    return np.clip(evened, -4, 4)[..., None]


def _smooth(rows: NDArray[np.float32]) -> NDArray[np.float32]:
    """Running mean over `_LIGHT` columns, the ends repeated."""
    padded = np.pad(rows, ((0, 0), (_LIGHT // 2 + 1, _LIGHT // 2 - 1)), mode="edge")
    sums = np.cumsum(padded, 1, dtype=np.float64)
    return ((sums[:, _LIGHT:] - sums[:, :-_LIGHT]) / _LIGHT).astype(np.float32)
