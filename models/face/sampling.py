"""Cutting a rotated square out of a picture, and finding the way that carries points onto others."""

import math

import cv2
import numpy as np
import numpy.typing as npt

from models.runtime import Array

Picture = npt.NDArray[np.uint8]
"""(height, width, 3), BGR as OpenCV has it."""
Points = npt.NDArray[np.float64]
"""(n, 2): x to the right and y down, in pixels."""


def similarity(source: Points, target: Points) -> Array:
    """The rotation, scale and shift (2, 3) that carries `source` nearest to `target` (least squares).

    Source: Umeyama 1991, without reflection; closed form for the plane.
    """
    centre, goal = source.mean(axis=0), target.mean(axis=0)
    here, there = source - centre, target - goal
    spread = float((here**2).sum())
    if spread == 0.0:
        raise ValueError("Points that are all one carry no direction.")
    cosine = float((here * there).sum()) / spread
    sine = float((here[:, 0] * there[:, 1] - here[:, 1] * there[:, 0]).sum()) / spread
    turn = np.array([[cosine, -sine], [sine, cosine]])
    return np.column_stack([turn, goal - turn @ centre])


def square(centre: tuple[float, float], side: float, angle: float, size: int) -> Array:
    """What carries a square of the picture, turned by `angle` (radians, clockwise), onto `size` pixels."""
    scale = size / side
    cosine, sine = scale * math.cos(angle), scale * math.sin(angle)
    turn = np.array([[cosine, sine], [-sine, cosine]])
    return np.column_stack([turn, size / 2 - turn @ np.array(centre)])


def carry(points: Points, matrix: Array) -> Points:
    """The points after this transformation (2, 3)."""
    return np.asarray(points @ matrix[:, :2].T + matrix[:, 2], dtype=np.float64)


def inverse(matrix: Array) -> Array:
    """The transformation (2, 3) that undoes this one."""
    turn = np.linalg.inv(matrix[:, :2])
    return np.column_stack([turn, -turn @ matrix[:, 2]])


def sample(picture: Picture, matrix: Array, size: tuple[int, int], *, border: int = 0) -> Picture:
    """The picture seen through the transformation, (height, width) = `size`; outside is `border`.

    A picture that shrinks to less than half is first averaged, so that no detail folds over.
    """
    scale = math.hypot(matrix[0, 0], matrix[1, 0])
    shrink = int(1 / scale) if 0 < scale < 0.5 else 1
    if shrink > 1:
        picture, matrix = _surroundings(picture, matrix, size, shrink)
        height, width = picture.shape[:2]
        small = (max(1, width // shrink), max(1, height // shrink))
        factors = np.array([width / small[0], height / small[1]])
        picture = np.asarray(cv2.resize(picture, small, interpolation=cv2.INTER_AREA), dtype=np.uint8)
        # pixel centres: x = (x' + 0.5) * factor - 0.5
        shift = matrix[:, :2] @ ((factors - 1) / 2)
        matrix = np.column_stack([matrix[:, :2] * factors, matrix[:, 2] + shift])
    cut = cv2.warpAffine(
        picture,
        matrix,
        (size[1], size[0]),
        flags=cv2.INTER_LINEAR,
        borderMode=cv2.BORDER_CONSTANT,
        borderValue=(border, border, border),
    )
    return np.asarray(cut, dtype=np.uint8)


def _surroundings(
    picture: Picture, matrix: Array, size: tuple[int, int], margin: int
) -> tuple[Picture, Array]:
    """The part of the picture that is looked at, and how it is seen from there."""
    height, width = size
    corners = np.array([[0, 0], [width, 0], [width, height], [0, height]], np.float64)
    seen = carry(corners, inverse(matrix))
    limits = np.array(picture.shape[1::-1])
    low = np.clip(np.floor(seen.min(axis=0)) - 2 * margin, 0, limits - 1).astype(int)
    high = np.clip(np.ceil(seen.max(axis=0)) + 2 * margin, low + 1, limits).astype(int)
    part = picture[low[1] : high[1], low[0] : high[0]]
    return part, np.column_stack([matrix[:, :2], matrix[:, 2] + matrix[:, :2] @ low])
