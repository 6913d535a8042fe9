"""BlazeFace, short range: faces in a picture, with six points each, decoded from the model's outputs.

Source: Bazarevsky et al., BlazeFace (2019); anchors and decoding as MediaPipe's graph
`face_detection_short_range` states them.
"""

from dataclasses import dataclass
from typing import Final

import cv2
import numpy as np

from models.face.sampling import Picture, Points
from models.face.weights import DETECTOR
from models.runtime import Array, Model

SIDE: Final = 128
MIN_SCORE: Final = 0.5
"""MediaPipe's own threshold; what passes it is still held against the mesh's flag."""
MAX_OVERLAP: Final = 0.3
"""Boxes that share more than this (intersection over union) are one face."""
MAX_FACES: Final = 8
"""More people than fit before a counter: a crowd must not take the box's time."""
POINTS: Final = 6
"""Right eye, left eye (the person's), tip of the nose, mouth, right ear, left ear."""


@dataclass(frozen=True, slots=True)
class Detection:
    """One face: pixels of the picture, which the box may leave."""

    left: float
    top: float
    width: float
    height: float
    points: Points
    """(6, 2)"""
    score: float
    """0 to 1."""

    @property
    def area(self) -> float:
        return self.width * self.height


class FaceDetector:
    """Finds faces that are at least a tenth of the picture's longer side."""

    def __init__(self, model: Model | None = None) -> None:
        """Raises models.runtime.ModelError."""
        self._model = model or DETECTOR.load()
        self._anchors = _anchors()

    def detect(self, picture: Picture) -> tuple[Detection, ...]:
        """The faces of a picture, the largest first."""
        height, width = picture.shape[:2]
        longer = max(height, width)
        small_width, small_height = (max(1, round(side * SIDE / longer)) for side in (width, height))
        small = cv2.resize(picture, (small_width, small_height), interpolation=cv2.INTER_AREA)
        left, top = (SIDE - small_width) // 2, (SIDE - small_height) // 2
        canvas = np.zeros((SIDE, SIDE, 3), np.float32)
        canvas[top : top + small_height, left : left + small_width] = small[:, :, ::-1]
        canvas[:] = canvas / 127.5 - 1.0
        regressors, logits = self._model.run(canvas[None])
        boxes, scores = self._decode(regressors[0].astype(np.float64), logits[0, :, 0].astype(np.float64))
        factor, offset = np.array([width / small_width, height / small_height]), np.array([left, top])
        faces = [
            _detection((values.reshape(-1, 2) * SIDE - offset) * factor, score)
            for values, score in _suppress(boxes, scores)
        ]
        return tuple(sorted(faces, key=lambda face: -face.area))

    def _decode(self, regressors: Array, logits: Array) -> tuple[Array, Array]:
        """Corners and points (n, 16), as shares of the square, and scores (n,), above the threshold."""
        scores = 1 / (1 + np.exp(-np.clip(logits, -100, 100)))
        chosen = (scores >= MIN_SCORE) & np.isfinite(regressors).all(axis=1)
        values, anchors = regressors[chosen] / SIDE, self._anchors[chosen]
        centres, half = anchors + values[:, :2], values[:, 2:4] / 2
        points = values[:, 4:].reshape(-1, POINTS, 2) + anchors[:, None]
        return np.hstack([centres - half, centres + half, points.reshape(-1, 2 * POINTS)]), scores[chosen]


def _anchors() -> Points:
    """The centre of each anchor (896, 2): two for each cell of 16 x 16, six for each of 8 x 8."""
    found = []
    for cells, each in ((16, 2), (8, 6)):
        y, x = np.divmod(np.arange(cells * cells), cells)
        centres = np.column_stack([(x + 0.5) / cells, (y + 0.5) / cells])
        found.append(np.repeat(centres, each, axis=0))
    return np.vstack(found)


def _suppress(boxes: Array, scores: Array) -> list[tuple[Array, float]]:
    """Overlapping boxes blended into one, each weighed by its score; the surest faces, at most MAX_FACES."""
    kept: list[tuple[Array, float]] = []
    order = np.argsort(-scores, kind="stable")
    while len(order) and len(kept) < MAX_FACES:
        alike = _overlap(boxes[order[0]], boxes[order]) > MAX_OVERLAP
        alike[0] = True
        group = order[alike]
        weights = scores[group] / scores[group].sum()
        kept.append(((boxes[group] * weights[:, None]).sum(axis=0), float(scores[order[0]])))
        order = order[~alike]
    return kept


def _overlap(box: Array, others: Array) -> Array:
    corner = np.maximum(box[:2], others[:, :2])
    size = np.maximum(np.minimum(box[2:4], others[:, 2:4]) - corner, 0)
    shared = size.prod(axis=1)
    areas = np.maximum(others[:, 2:4] - others[:, :2], 0).prod(axis=1)
    whole = float(np.maximum(box[2:4] - box[:2], 0).prod()) + areas - shared
    return np.asarray(shared / np.maximum(whole, 1e-12))


def _detection(values: Points, score: float) -> Detection:
    (left, top), (right, bottom) = values[0], values[1]
    return Detection(float(left), float(top), float(right - left), float(bottom - top), values[2:], score)
