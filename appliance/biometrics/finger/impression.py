"""What is kept of one impression to compare it by: minutiae, and small maps of its ridges.

Lengths are pixels at 500 dpi; the maps are coarser, by the factors named here.
"""

from dataclasses import dataclass, replace
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from appliance.biometrics.finger.enhancement import Enhanced, enhance
from appliance.biometrics.finger.minutiae import Found, Minutiae, find_minutiae
from appliance.biometrics.finger.picture import FingerPicture, grey
from appliance.biometrics.finger.ridge_field import CELL, finger_area

HALF: Final = 2
"""The ridge map has every second pixel: four and more a ridge still."""
RIDGE_STEP: Final = 16
"""The ridge map has fifteen levels: half a byte a pixel in a template."""
MOST_COMPARED: Final = 90
"""So many of the most reliable minutiae are compared; a whole finger has 40 to 80 true ones."""


@dataclass(frozen=True, slots=True)
class Impression:
    """One impression's features."""

    left: int
    top: int
    """Where the part that was looked at begins in the picture at 500 dpi; all else counts from there."""
    shape: tuple[int, int]
    """(height, width) of that part."""
    minutiae: Minutiae
    ridges: NDArray[np.int8]
    """(height / 2, width / 2): -112 (ridge) to 112 (valley) in steps of 16, 0 where no finger is."""
    turn: NDArray[np.uint8]
    """(height / 8, width / 8): the ridges' direction in 1/256 of a half turn, from x to the right towards y
    down."""
    period: NDArray[np.uint8]
    """The same cells: ridge to ridge in eighths of a pixel."""
    weight: NDArray[np.uint8]
    """The same cells: clarity, 0 (no finger) to 255."""


@dataclass(frozen=True, slots=True)
class Extracted:
    """An impression and what it came from."""

    impression: Impression
    enhanced: Enhanced
    found: Found

    def minutiae_in_picture(self) -> Minutiae:
        """All minutiae, counted from the corner of the whole picture at 500 dpi."""
        m = self.found.minutiae
        return replace(m, x=m.x + self.impression.left, y=m.y + self.impression.top)


def extract(picture: FingerPicture) -> Extracted:
    """The features of a picture, of any resolution.

    Raises:
        FingerPictureError: in a different place, when the picture was made.
    """
    pixels = picture.at_working_resolution()
    rows, columns = finger_area(pixels)
    enhanced = enhance(np.ascontiguousarray(pixels[rows, columns]))
    found = find_minutiae(enhanced)
    height, width = enhanced.ridges.shape
    inside = enhanced.ridges * enhanced.mask
    half = cv2.resize(
        inside[: height // HALF * HALF, : width // HALF * HALF],
        (width // HALF, height // HALF),
        interpolation=cv2.INTER_AREA,
    )
    middle = slice(CELL // 2, None, CELL)
    weight = (enhanced.clarity * enhanced.field.coherence * enhanced.mask)[middle, middle]
    turn = np.round(enhanced.field.angle[middle, middle] * (256 / np.pi)).astype(np.int64) % 256
    impression = Impression(
        left=columns.start,
        top=rows.start,
        shape=(height, width),
        minutiae=_rounded(found.minutiae.best(MOST_COMPARED)),
        ridges=(np.round(np.asarray(half) * 7) * RIDGE_STEP).astype(np.int8),
        turn=turn.astype(np.uint8),
        period=np.round(enhanced.field.period[middle, middle] * 8).astype(np.uint8),
        weight=grey(np.round(weight * 255)),
    )
    return Extracted(impression, enhanced, found)


def _rounded(m: Minutiae) -> Minutiae:
    """As a template keeps them, so that what is kept compares like what is fresh."""
    angle = np.round(m.angle * (65536 / (2 * np.pi))) % 65536 * (2 * np.pi / 65536)
    return Minutiae(m.x, m.y, angle, m.kind, np.round(m.reliability * 255) / 255)
