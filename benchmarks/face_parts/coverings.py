"""What people wear on their heads and faces, drawn over portraits: crude, but the same for everybody."""

from typing import Any, Final

import cv2
import numpy as np

from appliance.biometrics.face.geometry import JAW

OVAL: Final = (
    *(10, 338, 297, 332, 284, 251, 389, 356, 454, 323, 361, 288, 397, 365, 379, 378, 400, 377, 152),
    *(148, 176, 149, 150, 136, 172, 58, 132, 93, 234, 127, 162, 21, 54, 103, 67, 109),
)
CLOTH, DARK = (72, 58, 49), (24, 22, 20)


def _polygon(picture: Any, points: Any, places: tuple[int, ...], colour: tuple[int, int, int]) -> Any:
    covered = picture.copy()
    cv2.fillPoly(covered, [np.rint(points[list(places)]).astype(np.int32)], colour)
    return covered


def headscarf(picture: Any, points: Any) -> Any:
    """Everything but the face's oval."""
    mask = np.zeros(picture.shape[:2], np.uint8)
    cv2.fillPoly(mask, [np.rint(points[list(OVAL)]).astype(np.int32)], 255)
    return np.where(mask[:, :, None] > 0, picture, np.array(CLOTH, np.uint8)).astype(np.uint8)


def turban(picture: Any, points: Any) -> Any:
    """All above the middle of the forehead, to beyond the ears."""
    covered = picture.copy()
    line = (points[151] + points[10]) / 2
    left, right = points[127], points[356]
    reach = (right - left) * 0.25
    corners = [left - reach, line, right + reach, (right[0] + reach[0], 0), (left[0] - reach[0], 0)]
    cv2.fillPoly(covered, [np.rint(np.array([tuple(corner) for corner in corners])).astype(np.int32)], CLOTH)
    return covered


def veil(picture: Any, points: Any) -> Any:
    """From below the eyes to the chin."""
    return _polygon(picture, points, (*JAW[1:-1], 347, 195, 118), DARK)


def surgical_mask(picture: Any, points: Any) -> Any:
    """From the middle of the nose to the chin."""
    return _polygon(picture, points, (*JAW[2:-2], 425, 5, 205), (200, 190, 170))


def dark_glasses(picture: Any, points: Any) -> Any:
    return _glasses(picture, points, fill=True)


def glasses(picture: Any, points: Any) -> Any:
    """A thick frame, no glare."""
    return _glasses(picture, points, fill=False)


def glare(picture: Any, points: Any) -> Any:
    """Glasses that mirror a lamp before both eyes."""
    covered = _glasses(picture, points, fill=False)
    for eye in (468, 473):
        centre = tuple(int(value) for value in points[eye])
        apart = float(np.linalg.norm(points[468] - points[473]))
        cv2.ellipse(covered, centre, (int(0.22 * apart), int(0.12 * apart)), 20, 0, 360, (255, 255, 255), -1)
    return covered


def _glasses(picture: Any, points: Any, *, fill: bool) -> Any:
    covered = picture.copy()
    apart = float(np.linalg.norm(points[468] - points[473]))
    size = (int(0.38 * apart), int(0.28 * apart))
    for eye in (468, 473):
        centre = tuple(int(value) for value in points[eye])
        cv2.ellipse(covered, centre, size, 0, 0, 360, DARK, -1 if fill else max(2, int(0.05 * apart)))
    bridge = [tuple(int(v) for v in points[at]) for at in (468, 473)]
    cv2.line(covered, bridge[0], bridge[1], DARK, max(2, int(0.04 * apart))) if fill else None
    return covered


COVERINGS: Final = {
    "nothing": lambda picture, _points: picture,
    "headscarf": headscarf,
    "turban": turban,
    "glasses": glasses,
    "glasses with glare": glare,
    "dark glasses": dark_glasses,
    "surgical mask": surgical_mask,
    "veil below the eyes": veil,
}
