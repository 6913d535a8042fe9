"""The face's mesh: 468 points, and the attention mesh's 478 with lips, lids and irises refined.

Source: Kartynnik et al. (2019), Grishchenko et al., Attention Mesh (2020); regions of interest and the
order of the refined points as MediaPipe's graphs state them.
"""

import math
from dataclasses import dataclass
from typing import Final

import numpy as np

from models.face.detector import Detection
from models.face.mesh_parts import LEFT_EYE_REGION, LIPS, RIGHT_EYE_REGION
from models.face.sampling import Picture, Points, carry, inverse, sample, square
from models.face.weights import ATTENTION_MESH, MESH
from models.runtime import Array, Model, ModelError

SIDE: Final = 192
MIN_PRESENCE: Final = 0.5
"""Of the mesh's own flag: near 1 on faces, near 0 on flowers and animals; MediaPipe's threshold too."""
MARGIN: Final = 1.5
"""The square looked at, in sizes of the detected box."""
PLAIN_POINTS: Final = 468
POINTS: Final = 478
RIGHT_IRIS: Final = slice(468, 473)
LEFT_IRIS: Final = slice(473, 478)
"""Centre, then four points of the edge. Right and left are the person's."""

_OUTPUTS: Final = {
    "output_mesh_identity": None,
    "output_lips": LIPS,
    "output_left_eye": RIGHT_EYE_REGION,  # the model's left is the picture's
    "output_right_eye": LEFT_EYE_REGION,
    "output_left_iris": tuple(range(*RIGHT_IRIS.indices(POINTS))),
    "output_right_iris": tuple(range(*LEFT_IRIS.indices(POINTS))),
}
LIPS_DOWN: Final = 1.1
"""Pixels of the square by which this conversion of the attention mesh sets the lips too high: the mean
against MediaPipe's own run over 111 pictures of 55 people (0.8 to 1.5 a picture); sideways it is right."""
_FLAG: Final = "conv_faceflag"


@dataclass(frozen=True, slots=True)
class Mesh:
    """One face's points in pixels of the picture."""

    points: Points
    """(478, 2)"""
    depth: Array
    """(478,): towards the camera is negative, in pixels like x and y, and only relative."""
    presence: float
    """0 to 1: how sure both meshes are that this is a face; the lower of the two."""


class FaceMesh:
    """Lays the meshes over a detected face."""

    def __init__(self, plain: Model | None = None, attention: Model | None = None) -> None:
        """Raises models.runtime.ModelError."""
        self._plain = plain or MESH.load()
        self._attention = attention or ATTENTION_MESH.load()
        self._order = {tensor.name: number for number, tensor in enumerate(self._attention.outputs)}

    def find(self, picture: Picture, detection: Detection) -> Mesh | None:
        """The mesh of this face, None when it is no face after all."""
        to_square = _around(detection)
        landmarks, flag = self._plain.run(_input(picture, to_square))
        presence = _sigmoid(flag)
        plain = landmarks.reshape(PLAIN_POINTS, 3).astype(np.float64)
        if presence < MIN_PRESENCE or not np.isfinite(plain).all():
            return None
        # Closer and better turned than the detector's box, whose eyes are coarse.
        to_square = _around_points(carry(plain[:, :2], inverse(to_square)))
        try:
            outputs = self._attention.run(_input(picture, to_square))
        except ModelError:
            # The rebuilt graph looks up its lips and eyes by index, and fails where they lie outside of the
            # square: there is no face, whatever the flag says.
            return None
        presence = min(presence, _sigmoid(outputs[self._order[_FLAG]]))
        if presence < MIN_PRESENCE:
            return None
        return self._refined(outputs, to_square, presence)

    def _refined(self, outputs: tuple[Array, ...], to_square: Array, presence: float) -> Mesh | None:
        values = np.zeros((POINTS, 3))
        for name, places in _OUTPUTS.items():
            got = outputs[self._order[name]].astype(np.float64)
            if places is None:
                values[:PLAIN_POINTS] = got.reshape(PLAIN_POINTS, 3)
            else:
                values[list(places), :2] = got.reshape(-1, 2)
        values[list(LIPS), 1] += LIPS_DOWN
        for iris, lids in ((RIGHT_IRIS, RIGHT_EYE_REGION[:16]), (LEFT_IRIS, LEFT_EYE_REGION[:16])):
            values[iris, 2] = values[list(lids), 2].mean()
        if not np.isfinite(values).all():
            return None
        to_picture = inverse(to_square)
        scale = math.hypot(to_picture[0, 0], to_picture[1, 0])
        return Mesh(carry(values[:, :2], to_picture), values[:, 2] * scale, presence)


def _around(detection: Detection) -> Array:
    right, left = detection.points[0], detection.points[1]
    angle = math.atan2(left[1] - right[1], left[0] - right[0])
    centre = (detection.left + detection.width / 2, detection.top + detection.height / 2)
    side = max(detection.width, detection.height, 1.0) * MARGIN
    return square(centre, side, angle, SIDE)


def _around_points(points: Points) -> Array:
    """The square around a mesh, upright along the line of its eyes' outer corners."""
    right, left = points[33], points[263]
    angle = math.atan2(left[1] - right[1], left[0] - right[0])
    upright = carry(points, square((0.0, 0.0), 1.0, angle, 1))
    low, high = upright.min(axis=0), upright.max(axis=0)
    (centre,) = carry((low + high)[None] / 2, inverse(square((0.0, 0.0), 1.0, angle, 1)))
    side = max(float((high - low).max()), 1.0) * MARGIN
    return square((float(centre[0]), float(centre[1])), side, angle, SIDE)


def _input(picture: Picture, to_square: Array) -> Array:
    cut = sample(picture, to_square, (SIDE, SIDE))
    return np.ascontiguousarray(cut[None, :, :, ::-1], dtype=np.float32) / np.float32(255.0)


def _sigmoid(logit: Array) -> float:
    value = float(logit.reshape(-1)[0])
    return 1 / (1 + math.exp(-min(max(value, -100.0), 100.0))) if math.isfinite(value) else 0.0
