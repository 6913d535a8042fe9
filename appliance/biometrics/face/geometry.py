"""Where the parts of a face lie: distances and centres that measures, crop and pose are made of."""

import math
from dataclasses import dataclass
from typing import Final

import cv2
import numpy as np

from models.face.mesh import LEFT_IRIS, RIGHT_IRIS, Mesh
from models.face.sampling import Points, carry
from models.runtime import Array

RIGHT_EYE_CORNERS: Final = (33, 133)
LEFT_EYE_CORNERS: Final = (263, 362)
RIGHT_LIDS: Final = ((160, 144), (159, 145), (158, 153))
LEFT_LIDS: Final = ((385, 380), (386, 374), (387, 373))
INNER_LIPS: Final = ((82, 87), (13, 14), (312, 317))
RIGHT_EYE_EDGE: Final = (33, 246, 161, 160, 159, 158, 157, 173, 133, 155, 154, 153, 145, 144, 163, 7)
LEFT_EYE_EDGE: Final = (263, 466, 388, 387, 386, 385, 384, 398, 362, 382, 381, 380, 374, 373, 390, 249)
MOUTH_CORNERS: Final = (61, 291)
NOSE_TIP: Final = 4
CHIN: Final = 152
JAW: Final = (
    *(127, 234, 93, 132, 58, 172, 136, 150, 149, 176, 148, 152),
    *(377, 400, 378, 379, 365, 397, 288, 361, 323, 454, 356),
)
BROWS: Final = (70, 63, 105, 66, 107, 336, 296, 334, 293, 300)

FOCAL_LENGTH: Final = 1.2
"""In longer sides of the picture: a camera that sees 45 degrees. Pose depends on it little."""

_RIGID: Final = np.array(
    [
        (33, -4.445859, 2.663991, 3.173422),
        (133, -1.856432, 2.585245, 3.757904),
        (362, 1.856432, 2.585245, 3.757904),
        (263, 4.445859, 2.663991, 3.173422),
        (1, 0.0, -1.126865, 7.475604),
        (4, 0.0, -0.463170, 7.586580),
        (5, 0.0, 0.365669, 7.242870),
        (197, 0.0, 1.728369, 6.316750),
        (6, 0.0, 2.473255, 5.788627),
        (168, 0.0, 3.271027, 5.236015),
        (2, 0.0, -2.089024, 6.058267),
        (98, -1.405627, -1.714196, 5.241087),
        (327, 1.405627, -1.714196, 5.241087),
        (9, 0.0, 4.885979, 5.385258),
        (151, 0.0, 6.545390, 5.027311),
        (10, 0.0, 8.261778, 4.481535),
        (127, -7.743095, 2.364999, -2.005167),
        (356, 7.743095, 2.364999, -2.005167),
        (234, -7.664182, 0.673132, -2.435867),
        (454, 7.664182, 0.673132, -2.435867),
        (93, -7.542244, -1.049282, -2.431321),
        (323, 7.542244, -1.049282, -2.431321),
    ]
)
"""Points that no expression moves much: their number in the mesh, then where they lie in MediaPipe's
canonical face (Apache-2.0), in centimetres: right in the picture, up, towards the camera."""


@dataclass(frozen=True, slots=True)
class Pose:
    """How the head is turned, in degrees, by the signs of ISO/IEC 19794-5."""

    yaw: float
    """Positive: the person looks to their left."""
    pitch: float
    """Positive: the person looks down."""
    roll: float
    """Positive: the head leans to the person's right shoulder."""


def right_eye(points: Points) -> Points:
    """The middle of the eye's corners, (2,): what ISO/IEC 19794-5 calls the centre of an eye."""
    return np.asarray(points[list(RIGHT_EYE_CORNERS)].mean(axis=0))


def left_eye(points: Points) -> Points:
    """The same of the person's left eye."""
    return np.asarray(points[list(LEFT_EYE_CORNERS)].mean(axis=0))


def pupils(points: Points) -> tuple[Points, Points]:
    """The irises' centres: the person's right, then left."""
    return points[RIGHT_IRIS][0], points[LEFT_IRIS][0]


def distance(one: Points, other: Points) -> float:
    return float(np.linalg.norm(one - other))


def eyes_to_chin(points: Points) -> float:
    """T of ISO/IEC 29794-5: from between the eyes to the chin."""
    return max(distance((right_eye(points) + left_eye(points)) / 2, points[CHIN]), 1e-6)


def widest_gap(points: Points, pairs: tuple[tuple[int, int], ...]) -> float:
    return max(distance(points[one], points[other]) for one, other in pairs)


def outline(points: Points) -> Points:
    """The convex hull of jaw and brows, without the forehead, (n, 2)."""
    hull = cv2.convexHull(points[[*JAW, *BROWS]].astype(np.float32))
    return np.asarray(hull.reshape(-1, 2), dtype=np.float64)


def moved(mesh: Mesh, matrix: Array) -> Mesh:
    """The mesh after its picture was transformed."""
    scale = math.hypot(matrix[0, 0], matrix[1, 0])
    return Mesh(carry(mesh.points, matrix), mesh.depth * scale, mesh.presence)


def pose_of(points: Points, width: int, height: int) -> Pose:
    """The head's pose: the canonical face laid over the points as a camera would see it (PnP).

    Not comparable to 3DDFA-V2's, which OFIQ uses: over frontal portraits it spreads by 2 to 3 degrees.
    """
    focal = FOCAL_LENGTH * max(width, height)
    camera = np.array([[focal, 0, width / 2], [0, focal, height / 2], [0, 0, 1]])
    flip = np.diag([1.0, -1.0, -1.0])  # OpenCV looks down and away, the canonical face up and towards us
    seen = np.ascontiguousarray(points[_RIGID[:, 0].astype(int)])
    straight = np.zeros(4)  # no distortion of the lens is known
    try:
        found, turn, _ = cv2.solvePnP(_RIGID[:, 1:] @ flip, seen, camera, straight, flags=cv2.SOLVEPNP_SQPNP)
    except cv2.error:
        found = False
    if not found:
        return Pose(math.nan, math.nan, math.nan)
    rotation = flip @ cv2.Rodrigues(turn)[0] @ flip
    nose, up = rotation[:, 2], rotation[1, :2]
    return Pose(
        yaw=math.degrees(math.atan2(nose[0], nose[2])),
        pitch=math.degrees(math.atan2(-nose[1], math.hypot(nose[0], nose[2]))),
        roll=math.degrees(math.atan2(up[0], up[1])),
    )
