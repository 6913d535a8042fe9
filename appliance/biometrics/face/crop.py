"""The picture that is kept: a token frontal image of ISO/IEC 19794-5, as JPEG below a size.

Its geometry also keeps within what the standard allows for full frontal images: the eyes level, their middle
in the middle, 0.45 of the height down.
"""

import math
from dataclasses import dataclass
from typing import Final

import cv2
import numpy as np

from appliance.biometrics.face import geometry
from models.face.sampling import Picture, Points, carry, inverse, sample, similarity
from models.runtime import Array

EYES_APART: Final = 0.25
EYES_DOWN: Final = 0.6
HEIGHT: Final = 4 / 3
"""In widths of the picture (ISO/IEC 19794-5:2005, token frontal)."""
MIN_WIDTH, MAX_WIDTH = 240, 480
"""The standard's least width, with 60 pixels between the eyes; and 120, beyond which a comparison gains
nothing. Between them no pixel is invented."""
MAX_JPEG_BYTES: Final = 20_000
QUALITIES: Final = (95, 90, 85, 80, 75, 70, 65, 60, 55, 50, 45, 40, 30)
SOFTENINGS: Final = (0.0, 0.8, 1.6, 3.2, 6.4)
"""Sigmas in pixels: noise of a dark room is given up before the picture falls into blocks."""
OUTSIDE: Final = 128
"""The grey of what the camera did not see."""


class CropError(Exception):
    """A picture that cannot be written, in one plain sentence."""


@dataclass(frozen=True, slots=True)
class Crop:
    """Where the token picture lies in the camera's: nothing is cut yet."""

    matrix: Array
    """(2, 3): carries points of the camera's picture into the crop."""
    width: int
    height: int
    inside: float
    """The share of the crop that the camera saw."""
    missing: frozenset[str]
    """Sides of the camera's picture that the crop reaches over: left, right, top, bottom."""


def token_crop(points: Points, width: int, height: int) -> Crop:
    """The crop for a face whose mesh is `points`, in a picture of this size."""
    right, left = geometry.right_eye(points), geometry.left_eye(points)
    wide = geometry.distance(right, left) / EYES_APART
    crop_width = min(max(int(wide) // 2 * 2, MIN_WIDTH), MAX_WIDTH)
    crop_height = round(crop_width * HEIGHT)
    down, middle, half = EYES_DOWN * crop_width, crop_width / 2, EYES_APART * crop_width / 2
    goal = np.array([[middle - half, down], [middle + half, down]])
    matrix = similarity(np.array([right, left]), goal)
    corners = np.array([[0, 0], [crop_width, 0], [crop_width, crop_height], [0, crop_height]], np.float64)
    seen = carry(corners, inverse(matrix)).astype(np.float32)
    frame = np.array([[0, 0], [width, 0], [width, height], [0, height]], np.float32)
    shared, _ = cv2.intersectConvexConvex(seen, frame)
    whole = abs(cv2.contourArea(seen))
    low, high = seen.min(axis=0), seen.max(axis=0)
    slack = 0.02 * math.sqrt(max(whole, 1.0))
    sides = {
        "left": low[0] < -slack,
        "right": high[0] > width + slack,
        "top": low[1] < -slack,
        "bottom": high[1] > height + slack,
    }
    return Crop(
        matrix=matrix,
        width=crop_width,
        height=crop_height,
        inside=min(float(shared) / whole, 1.0) if whole > 0 else 0.0,
        missing=frozenset(side for side, over in sides.items() if over),
    )


def cut(picture: Picture, crop: Crop) -> Picture:
    """The crop's pixels."""
    return sample(picture, crop.matrix, (crop.height, crop.width), border=OUTSIDE)


def write_jpeg(picture: Picture, *, max_bytes: int = MAX_JPEG_BYTES) -> bytes:
    """The picture as JPEG of the best quality that fits into `max_bytes`.

    Raises:
        CropError: it does not fit at any quality and softened, or cannot be encoded.
    """
    for sigma in SOFTENINGS:
        soft = cv2.GaussianBlur(picture, (0, 0), sigma) if sigma else picture
        for quality in QUALITIES:
            done, encoded = cv2.imencode(
                ".jpg", soft, [cv2.IMWRITE_JPEG_QUALITY, quality, cv2.IMWRITE_JPEG_OPTIMIZE, 1]
            )
            if not done:
                raise CropError("The picture cannot be written as JPEG.")
            if len(encoded) <= max_bytes:
                return encoded.tobytes()
    raise CropError(f"The picture does not fit into {max_bytes} bytes.")
