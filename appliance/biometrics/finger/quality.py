"""What an impression is worth, 0 to 100, and the one thing to say to the traveller about it.

This is the house's own measure, not NFIQ 2 (ISO/IEC 29794-4): how many square millimetres of clear ridges
there are. With it go signs of moisture and of a finger beside the window. How well it foretells errors stands
in `docs/finger.md`.
"""

from dataclasses import dataclass
from typing import Final

import cv2
import numpy as np

from appliance.biometrics.finger.impression import Extracted
from appliance.biometrics.finger.picture import WORKING_DPI, FloatMap, GreyMap, Mask, floats

SQUARE_MM: Final = (25.4 / WORKING_DPI) ** 2
"""A pixel's area."""
ENOUGH: Final = 90.0
"""Square millimetres of perfectly clear ridges that give 63: half of what a good sensor shows of a thumb."""
NO_FINGER: Final = 12.0
"""Less than so many square millimetres of ridges is no finger."""
_RIDGE: Final = -0.5
_VALLEY: Final = 0.5
"""Where the enhanced picture is surely one or the other."""


@dataclass(frozen=True, slots=True)
class Limits:
    """Where a measure is so bad that the traveller is told; set on invented prints, see `docs/finger.md`."""

    wet: float = 0.62
    broken: float = 0.32
    faint: float = 50.0
    small: float = 60.0
    cut: float = 0.55
    clear: float = 0.25


@dataclass(frozen=True, slots=True)
class FingerQuality:
    """The measures of one impression."""

    score: int
    """0 to 100: the more clear ridges, the higher."""
    area: float
    """Square millimetres that the finger covers."""
    clarity: float
    """0 to 1: the mean there."""
    contrast: float
    """Grey levels between ridges and valleys."""
    darkness: float
    """Grey levels between ridges and the empty window. Low: dry, or pressed too little."""
    wet: float
    """0 to 1: how dark valleys are between the empty window and the ridges. High: moisture, or pressed too
    hard."""
    broken: float
    """0 to 1: the share of ridges that is as light as valleys. High: dry, or pressed too little."""
    cut: dict[str, float]
    """left, right, top, bottom: the share of the window's side that the finger runs out over."""
    minutiae: int
    instruction: str | None
    """What to say, one thing at a time; None: nothing."""


def quality_of(extracted: Extracted, window: GreyMap, *, limits: Limits | None = None) -> FingerQuality:
    """Judge an impression; `window` is its whole picture at 500 dpi, with what is empty of it."""
    limits = limits or Limits()
    enhanced, found, impression = extracted.enhanced, extracted.found, extracted.impression
    height, width = enhanced.ridges.shape
    mask = enhanced.mask
    seen = window[impression.top : impression.top + height, impression.left : impression.left + width]
    area = float(mask.sum()) * SQUARE_MM
    clarity = float(enhanced.clarity[mask].mean()) if mask.any() else 0.0
    clear = float((enhanced.clarity * mask).sum()) * SQUARE_MM
    ridge, valley, darkness, wet, broken = _ink(floats(seen), floats(enhanced.ridges), mask, window)
    cut = _cut(mask, impression.left, impression.top, window)
    measured = FingerQuality(
        score=round(100 * (1 - float(np.exp(-clear / ENOUGH)))),
        area=round(area, 1),
        clarity=round(clarity, 3),
        contrast=round(valley - ridge, 1),
        darkness=round(darkness, 1),
        wet=round(wet, 3),
        broken=round(broken, 3),
        cut={side: round(share, 2) for side, share in cut.items()},
        minutiae=len(found.minutiae),
        instruction=None,
    )
    return FingerQuality(
        **{name: getattr(measured, name) for name in measured.__slots__ if name != "instruction"},
        instruction=_instruction(measured, _middle(mask, impression.left, impression.top, window), limits),
    )


def _ink(
    seen: FloatMap, ridges: FloatMap, mask: Mask, window: GreyMap
) -> tuple[float, float, float, float, float]:
    """(grey of ridges, grey of valleys, darkness, wet, broken)."""
    on, between = mask & (ridges < _RIDGE), mask & (ridges > _VALLEY)
    if on.sum() < 100 or between.sum() < 100:
        return 0.0, 0.0, 0.0, 0.0, 0.0
    smooth = floats(cv2.GaussianBlur(seen, (0, 0), 0.8))
    ridge, valley = float(np.median(smooth[on])), float(np.median(smooth[between]))
    empty = max(float(np.percentile(window, 98)), valley + 1.0)
    wet = (empty - valley) / max(empty - ridge, 1.0)
    broken = float((smooth[on] > (ridge + valley) / 2).mean()) if valley > ridge else 1.0
    return ridge, valley, empty - ridge, min(max(wet, 0.0), 1.0), broken


def _cut(mask: Mask, left: int, top: int, window: GreyMap) -> dict[str, float]:
    """How much of each side of the window the finger covers."""
    height, width = mask.shape
    rim = 4
    return {
        "left": float(mask[:, :rim].any(axis=1).mean()) if left == 0 else 0.0,
        "right": float(mask[:, -rim:].any(axis=1).mean()) if left + width >= window.shape[1] - rim else 0.0,
        "top": float(mask[:rim].any(axis=0).mean()) if top == 0 else 0.0,
        "bottom": float(mask[-rim:].any(axis=0).mean()) if top + height >= window.shape[0] - rim else 0.0,
    }


def _middle(mask: Mask, left: int, top: int, window: GreyMap) -> tuple[float, float]:
    """Where the finger lies, from -1 (left, top) to 1."""
    if not mask.any():
        return 0.0, 0.0
    rows, columns = np.nonzero(mask)
    height, width = window.shape
    return (columns.mean() + left) / width * 2 - 1, (rows.mean() + top) / height * 2 - 1


def _instruction(measured: FingerQuality, middle: tuple[float, float], limits: Limits) -> str | None:
    """The first thing that can be mended; the picture's top is where the fingertip points."""
    if measured.area < NO_FINGER:
        return "lay_finger"
    x, y = middle
    cut = measured.cut
    if cut["left"] > limits.cut and cut["left"] - cut["right"] > 0.3 and x < -0.15:
        return "finger_right"
    if cut["right"] > limits.cut and cut["right"] - cut["left"] > 0.3 and x > 0.15:
        return "finger_left"
    if cut["top"] > limits.cut and cut["bottom"] < 0.2 and y < -0.15:
        return "finger_down"
    if cut["bottom"] > limits.cut and cut["top"] < 0.2 and y > 0.25:
        return "finger_up"
    if measured.darkness < limits.faint:
        return "press_harder"
    if measured.wet > limits.wet:
        return "wipe_finger" if measured.clarity < 2 * limits.clear else "press_lighter"
    if measured.broken > limits.broken or measured.area < limits.small:
        return "press_harder"
    return "wipe_finger" if measured.clarity < limits.clear else None
