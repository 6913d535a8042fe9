"""The quality measures of ISO/IEC 29794-5 that landmarks and pixels can give, and four of this house.

Formulae: OFIQ 1.0.3 (BSI, MIT), read from its sources. Landmarks are the attention mesh's instead of
ADNet's, the alignment is a least-squares fit, and no occlusion mask takes hands or scarves out. What
needs OFIQ's own networks is NOT_DONE here, never imitated.
"""

import math
from collections.abc import Sequence
from typing import Any, Final

import cv2
import numpy as np
import numpy.typing as npt

from appliance.biometrics.face import geometry
from appliance.biometrics.face.scores import scalar_of, step
from appliance.contracts.face import NOT_MEASURED, OFIQ_MEASURES, Measure, MeasureState
from models.face.detector import Detection
from models.face.mesh import Mesh
from models.face.sampling import Picture, Points, carry, sample, similarity

SIDE: Final = 616
_TEMPLATE: Final = np.array([[251.0, 272.0], [364.0, 272.0], [308.0, 336.0], [262.0, 402.0], [355.0, 402.0]])
"""Eyes, tip of the nose, corners of the mouth in OFIQ's aligned picture."""
DARK, BRIGHT = 25, 247
"""Luminance at and below, at and above which a pixel is under- or over-exposed."""
GLARE: Final = 250
"""A channel at or above is a reflection or a lamp."""

ROOM: Final = 64
"""Pixels around the face that blurring reaches into."""
FOCUS_SIGMAS: Final = (1.0, 2.5, 24.0)
"""Pixels of the aligned picture, where the eyes are 113 apart."""
FULL_FOCUS: Final = 0.15
"""A sharp portrait's: of 51 persons the least had 0.146 at 90 pixels between the eyes."""

_CHANNEL_WEIGHTS: Final = (0.0722, 0.7152, 0.2126)
"""Blue, green, red of ITU-R BT.709."""

Plane = npt.NDArray[np.uint8]
Measures = dict[str, Measure]


def measure_all(picture: Picture, mesh: Mesh, faces: Sequence[Detection]) -> Measures:
    """Every measure of one face in its picture; `faces` are all that were found in it."""
    height, width = picture.shape[:2]
    found = {
        **geometric(mesh.points, width, height),
        **pictorial(picture, mesh.points),
        "SingleFacePresent": single_face(faces),
    }
    missing = {
        name: Measure(state=MeasureState.NOT_DONE, comparable=False, reason=reason)
        for name, reason in NOT_MEASURED.items()
    }
    every = found | missing
    return {name: every.pop(name) for name in OFIQ_MEASURES} | every


def geometric(points: Points, width: int, height: int) -> Measures:
    """What needs no pixel: sizes, margins, openings, pose. `width` and `height` are the picture's."""
    right, left = geometry.right_eye(points), geometry.left_eye(points)
    middle, chin = (right + left) / 2, geometry.eyes_to_chin(points)
    apart = max(geometry.distance(right, left), 1e-6)
    pose = geometry.pose_of(points, width, height)
    openings = [geometry.widest_gap(points, lids) for lids in (geometry.RIGHT_LIDS, geometry.LEFT_LIDS)]
    pupils = geometry.distance(*geometry.pupils(points))
    turned = math.cos(math.radians(min(abs(pose.yaw), 80.0))) if math.isfinite(pose.yaw) else 1.0
    return {
        "EyesOpen": _done("EyesOpen", min(openings) / chin),
        "MouthClosed": _done("MouthClosed", geometry.widest_gap(points, geometry.INNER_LIPS) / chin),
        "InterEyeDistance": _done("InterEyeDistance", pupils / turned),
        "HeadSize": _done("HeadSize", chin / height),
        "LeftwardCropOfTheFaceImage": _done("LeftwardCropOfTheFaceImage", float(right[0]) / apart),
        "RightwardCropOfTheFaceImage": _done("RightwardCropOfTheFaceImage", (width - float(left[0])) / apart),
        "MarginAboveOfTheFaceImage": _done("MarginAboveOfTheFaceImage", float(middle[1]) / chin),
        "MarginBelowOfTheFaceImage": _done("MarginBelowOfTheFaceImage", (height - float(middle[1])) / chin),
        "HeadPoseYaw": _pose("HeadPoseYaw", pose.yaw),
        "HeadPosePitch": _pose("HeadPosePitch", pose.pitch),
        "HeadPoseRoll": _pose("HeadPoseRoll", pose.roll),
    }


def pictorial(picture: Picture, points: Points) -> Measures:
    """What is read from the pixels of the aligned face."""
    source = np.array(
        [
            geometry.right_eye(points),
            geometry.left_eye(points),
            *points[[geometry.NOSE_TIP, *geometry.MOUTH_CORNERS]],
        ]
    )
    matrix = similarity(source, _TEMPLATE)
    points = carry(points, matrix)
    hull = geometry.outline(points)
    # Only the face's part of the aligned picture is looked at, with room for the widest blur.
    low = np.clip(np.floor(hull.min(axis=0)) - ROOM, 0, SIDE - 1).astype(int)
    high = np.clip(np.ceil(hull.max(axis=0)) + ROOM, low + 16, SIDE).astype(int)
    width, height = high - low
    matrix, points = np.column_stack([matrix[:, :2], matrix[:, 2] - low]), points - low
    aligned = sample(picture, matrix, (int(height), int(width)))
    mask = np.zeros((height, width), np.uint8)
    cv2.fillConvexPoly(mask, np.rint(hull - low).astype(np.int32), (1,))
    luminance = luminance_of(aligned)
    shares = _histogram(luminance, mask)
    levels = np.arange(256) / 255.0
    mean = float(shares @ levels)
    seen = shares[shares > 0]
    right_cheek, left_cheek = _cheeks(points, int(width), int(height))
    inside = luminance * mask
    return {
        "IlluminationUniformity": _done(
            "IlluminationUniformity", _shared(inside[right_cheek], inside[left_cheek])
        ),
        "LuminanceMean": _done("LuminanceMean", mean),
        "LuminanceVariance": _done("LuminanceVariance", float(shares @ (levels - mean) ** 2)),
        "UnderExposurePrevention": _unmasked("UnderExposurePrevention", float(shares[: DARK + 1].sum())),
        "OverExposurePrevention": _unmasked("OverExposurePrevention", float(shares[BRIGHT:].sum())),
        "DynamicRange": _done("DynamicRange", float(-(seen * np.log2(seen)).sum())),
        "NaturalColour": _done(
            "NaturalColour", _colour_distance(aligned * mask[:, :, None], (right_cheek, left_cheek))
        ),
        "own.focus": _focus(luminance, mask),
        "own.eye_light": _eye_light(luminance, points),
        "own.light_balance": _light_balance(inside[right_cheek], inside[left_cheek]),
        "own.eye_reflection": _eye_reflection(aligned, points),
    }


def single_face(faces: Sequence[Detection]) -> Measure:
    """The root of the second largest face's area over the largest's: 0 is one face alone."""
    areas = sorted((face.area for face in faces), reverse=True)
    native = 1.0 if not areas or areas[0] <= 0 else math.sqrt(areas[1] / areas[0]) if areas[1:] else 0.0
    return _done("SingleFacePresent", native)


def luminance_of(picture: Picture) -> Plane:
    """Relative luminance of sRGB (IEC 61966-2-1), 0 to 255: linear light, not the eye's lightness."""
    linear = cv2.transform(cv2.LUT(picture, _LINEAR), np.array([_CHANNEL_WEIGHTS], np.float32))
    return np.asarray(np.floor(linear * np.float32(255.0) + np.float32(0.5)), dtype=np.uint8)


def _linear_light() -> npt.NDArray[np.float32]:
    value = np.arange(256) / 255.0
    light = np.where(value > 0.04045, ((value + 0.055) / 1.055) ** 2.4, value / 12.92)
    return np.repeat(light.astype(np.float32)[None, :, None], 3, axis=2)


_LINEAR: Final = _linear_light()


def _histogram(luminance: Plane, mask: Plane | None = None) -> npt.NDArray[np.float64]:
    """The share of each of the 256 levels."""
    counts = cv2.calcHist([np.ascontiguousarray(luminance)], [0], mask, [256], [0, 256]).ravel()
    return np.asarray(counts / max(float(counts.sum()), 1.0), dtype=np.float64)


def _cheeks(points: Points, width: int, height: int) -> tuple[tuple[slice, slice], tuple[slice, slice]]:
    """A square below each eye, towards the nose: 0.3 of the eyes' distance, half way down to the mouth."""
    right, left = geometry.right_eye(points), geometry.left_eye(points)
    mouth = points[list(geometry.INNER_LIPS[1])].mean(axis=0)
    side = max(int(geometry.distance(right, left) * 0.3), 2)
    down = int(geometry.distance((right + left) / 2, mouth) / 2)

    def zone(x: float, y: float) -> tuple[slice, slice]:
        top = min(max(int(y + down), 0), max(height - side, 0))
        start = min(max(int(x), 0), max(width - side, 0))
        return slice(top, top + side), slice(start, start + side)

    return zone(right[0], right[1]), zone(left[0] - side, left[1])


def _shared(one: Plane, other: Plane) -> float:
    return float(np.minimum(_histogram(one), _histogram(other)).sum())


def _colour_distance(face: Picture, cheeks: Sequence[tuple[slice, slice]]) -> float:
    """How far the cheeks' mean colour lies outside a in 5..25, b in 5..35 of CIELAB (D50)."""
    pixels = np.concatenate([face[zone].reshape(-1, 3) for zone in cheeks])
    mean = pixels.mean(axis=0)[::-1] / 255.0
    light = np.where(mean > 0.04045, ((mean + 0.055) / 1.055) ** 2.4, mean / 12.92)
    x, y, z = (_TO_XYZ @ light) / np.array([0.964221, 1.0, 0.825211])
    fx, fy, fz = (
        math.cbrt(value) if value > 216 / 24389 else (24389 / 27 * value + 16) / 116 for value in (x, y, z)
    )
    a, b = 500.0 * (fx - fy), 200.0 * (fy - fz)
    if a < 0 or b < 0:
        return 100.0
    return math.hypot(max(0.0, 5 - a, a - 25), max(0.0, 5 - b, b - 35))


_TO_XYZ: Final = np.array(
    [[0.43605, 0.38508, 0.14309], [0.22249, 0.71689, 0.06062], [0.01393, 0.09710, 0.71419]]
)


def _focus(luminance: Plane, mask: Plane) -> Measure:
    """The strength of fine detail over that of form, on the aligned face; both grow with contrast alike, so
    that neither light nor skin counts. Detail finer still is left out: it is noise as often as lashes."""
    lightness = np.sqrt(luminance.astype(np.float32))
    fine, medium = (cv2.GaussianBlur(lightness, (0, 0), sigma) for sigma in FOCUS_SIGMAS[:2])
    detail = _deviation(fine - medium, mask)
    size = (
        max(lightness.shape[1] // 4, 1),
        max(lightness.shape[0] // 4, 1),
    )  # blurred, it fits into a quarter
    medium = cv2.resize(medium, size, interpolation=cv2.INTER_AREA)
    coarse = cv2.GaussianBlur(medium, (0, 0), FOCUS_SIGMAS[2] / 4)
    form = _deviation(medium - coarse, cv2.resize(mask, size, interpolation=cv2.INTER_NEAREST))
    native = detail / form if form > 0 else 0.0
    return own(native, 100.0 * min(native / FULL_FOCUS, 1.0))


def _deviation(plane: npt.NDArray[Any], mask: npt.NDArray[Any]) -> float:
    return float(cv2.meanStdDev(plane, mask=mask)[1].item())


def _light_balance(right: Plane, left: Plane) -> Measure:
    """Stops (factors of two) by which the person's left cheek is brighter than the right."""
    native = math.log2((float(left.mean()) + 1.0) / (float(right.mean()) + 1.0))
    return own(native, 100.0 * 2.0 ** -abs(native))


def _eye_light(luminance: Plane, points: Points) -> Measure:
    """How bright the white of the eyes is (0 to 1): says how much light there is, whatever the skin."""
    bright = [np.percentile(luminance[opening], 90) for opening in _eye_openings(points, *luminance.shape)]
    native = float(np.mean(bright)) / 255.0
    return own(native, 100.0 * step(native, 0.09, 0.03))


def _eye_reflection(aligned: Picture, points: Points) -> Measure:
    """The share of the worse eye's opening that is glare: spectacles that mirror a lamp."""
    openings = _eye_openings(points, *aligned.shape[:2])
    worst = max(float((aligned[opening].min(axis=1) >= GLARE).mean()) for opening in openings)
    return own(worst, 100.0 * (1.0 - worst))


def _eye_openings(points: Points, height: int, width: int) -> list[npt.NDArray[np.bool_]]:
    """Which pixels lie between the lids, of the right eye and the left; a closed eye leaves its edge."""
    openings = []
    for edge in (geometry.RIGHT_EYE_EDGE, geometry.LEFT_EYE_EDGE):
        opening = np.zeros((height, width), np.uint8)
        corners = np.clip(np.rint(points[list(edge)]), 0, [width - 1, height - 1]).astype(np.int32)
        cv2.fillPoly(opening, [corners], (1,))
        openings.append(opening > 0)
    return openings


def _done(name: str, native: float) -> Measure:
    return Measure(native=native, scalar=scalar_of(name, native))


def _pose(name: str, degrees: float) -> Measure:
    if not math.isfinite(degrees):
        return Measure(state=MeasureState.CANNOT, comparable=False, reason="no_pose")
    return Measure(
        native=degrees, scalar=scalar_of(name, degrees), comparable=False, reason="other_pose_estimator"
    )


def _unmasked(name: str, native: float) -> Measure:
    return Measure(
        native=native, scalar=scalar_of(name, native), comparable=False, reason="no_occlusion_mask"
    )


def own(native: float, scalar: float) -> Measure:
    """A measure of this house."""
    return Measure(native=native, scalar=math.floor(scalar + 0.5), comparable=False, reason="own_measure")
