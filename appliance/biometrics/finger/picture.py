"""A fingerprint picture with its resolution, and the same at the 500 dpi that everything else measures in."""

from dataclasses import dataclass
from typing import Any, Final

import cv2
import numpy as np
from numpy.typing import NDArray

FloatMap = NDArray[np.float32]
GreyMap = NDArray[np.uint8]
Mask = NDArray[np.bool_]

WORKING_DPI: Final = 500.0
"""All lengths in pixels of this package are at this resolution (ISO/IEC 19794-4, 19.7 pixels per mm)."""
MIN_DPI: Final = 150.0
MAX_DPI: Final = 2100.0
"""Below, ridges of 0.5 mm have three pixels; above nothing is sold."""
MIN_SIDE: Final = 48
"""Five ridges: less is no fingerprint."""
MAX_SIDE: Final = 4096
MAX_WORKING_PIXELS: Final = 1_000_000
"""At 500 dpi 50 x 50 mm: no single finger is larger, and the time of extraction goes with it."""


class FingerPictureError(ValueError):
    """A picture that cannot be one finger's print, in one plain sentence."""


@dataclass(frozen=True, slots=True)
class FingerPicture:
    """One impression: grey, ridges dark, and how many pixels an inch has."""

    pixels: GreyMap
    """(height, width)"""
    dpi: float

    def __post_init__(self) -> None:
        """Raises FingerPictureError: not grey, too small, too large, or an impossible resolution."""
        if self.pixels.ndim != 2 or self.pixels.dtype != np.uint8:
            raise FingerPictureError("A fingerprint picture is grey, one byte a pixel.")
        if not MIN_DPI <= self.dpi <= MAX_DPI:
            raise FingerPictureError(f"{self.dpi:g} dpi is not between {MIN_DPI:g} and {MAX_DPI:g}.")
        height, width = self.pixels.shape
        scale = WORKING_DPI / self.dpi
        if max(height, width) > MAX_SIDE or height * width * scale**2 > MAX_WORKING_PIXELS:
            raise FingerPictureError(
                f"{width} x {height} pixels at {self.dpi:g} dpi are more than one finger."
            )
        if min(height, width) * min(scale, 1.0) < MIN_SIDE:
            raise FingerPictureError(
                f"{width} x {height} pixels at {self.dpi:g} dpi are too few for a finger."
            )

    def at_working_resolution(self) -> GreyMap:
        """The pixels at 500 dpi."""
        scale = WORKING_DPI / self.dpi
        if abs(scale - 1.0) < 0.01:  # less than what a skin stretches
            return self.pixels
        way = cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC
        return grey(cv2.resize(self.pixels, None, fx=scale, fy=scale, interpolation=way))


def floats(values: Any) -> FloatMap:
    """An OpenCV answer by its type: float32."""
    return np.asarray(values, dtype=np.float32)


def grey(values: Any) -> GreyMap:
    """An OpenCV answer by its type: uint8."""
    return np.asarray(values, dtype=np.uint8)
