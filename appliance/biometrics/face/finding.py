"""Finds the faces of a picture: detected, and each held against the mesh's own word on what is a face."""

from dataclasses import dataclass, replace
from typing import Final

import cv2
import numpy as np

from appliance.biometrics.face.geometry import eyes_to_chin, moved
from models.face.detector import Detection, FaceDetector
from models.face.mesh import FaceMesh, Mesh
from models.face.sampling import Picture

MAX_MESHES: Final = 4
"""So many of the largest candidates are looked at; further back nobody stands before the counter."""
WIDE: Final = 1.3
"""A picture so many times as wide as high (or the reverse) has a middle that is worth another look."""
ROOM: Final = 0.25
"""What is put around a tight portrait, in longer sides of it."""


@dataclass(frozen=True, slots=True)
class FoundFace:
    """One face."""

    detection: Detection
    mesh: Mesh


class FaceFinder:
    """Detector and mesh, loaded once."""

    def __init__(self) -> None:
        """Raises models.runtime.ModelError."""
        self._detector = FaceDetector()
        self._mesh = FaceMesh()

    def find(self, picture: Picture) -> tuple[FoundFace, ...]:
        """The faces of the picture, the largest first; candidates that are none are left out."""
        found: list[FoundFace] = []
        for detection in (self._detector.detect(picture) or self._from_nearby(picture))[:MAX_MESHES]:
            mesh = self._mesh.find(picture, detection)
            if mesh is not None and not any(_same(mesh, face.mesh) for face in found):
                found.append(FoundFace(detection, mesh))
        return tuple(found)

    def _from_nearby(self, picture: Picture) -> tuple[Detection, ...]:
        """What the middle of a wide picture shows when it is looked at alone: somebody further away."""
        height, width = picture.shape[:2]
        side = min(height, width)
        if max(height, width) < WIDE * side:
            return ()
        left, top = (width - side) // 2, (height - side) // 2
        middle = picture[top : top + side, left : left + side]
        return tuple(_shifted(face, left, top) for face in self._detector.detect(middle))

    def find_reference(self, picture: Picture) -> tuple[FoundFace, ...]:
        """The same in a document's portrait, whose face may fill it: the detector needs room around it."""
        faces = self.find(picture)
        if faces:
            return faces
        height, width = picture.shape[:2]
        margin = round(max(height, width) * ROOM)
        roomy = cv2.copyMakeBorder(picture, margin, margin, margin, margin, cv2.BORDER_REPLICATE)
        back = np.array([[1.0, 0.0, -margin], [0.0, 1.0, -margin]])
        return tuple(
            FoundFace(_shifted(face.detection, -margin, -margin), moved(face.mesh, back))
            for face in self.find(np.asarray(roomy, dtype=np.uint8))
        )


def _shifted(detection: Detection, x: float, y: float) -> Detection:
    return replace(
        detection, left=detection.left + x, top=detection.top + y, points=detection.points + np.array([x, y])
    )


def _same(one: Mesh, other: Mesh) -> bool:
    """Whether two meshes lie on one face: each one's middle within the other's eyes and chin."""
    middle = one.points.mean(axis=0) - other.points.mean(axis=0)
    return float(np.linalg.norm(middle)) < min(eyes_to_chin(one.points), eyes_to_chin(other.points)) / 2
