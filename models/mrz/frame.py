"""What the finder sees: the picture shrunk into a frame of fixed size, and the cells of its answer."""

from dataclasses import dataclass
from typing import Final, Self

import cv2
import numpy as np
from numpy.typing import NDArray

Grey = NDArray[np.uint8]
Points = NDArray[np.float64]

FRAME_WIDTH: Final = 640
FRAME_HEIGHT: Final = 480
"""Pixels; a picture is shrunk to fit, an upright one is turned by a quarter first."""
CELL: Final = 4
"""Frame pixels to one cell of the answer, both ways."""
CORE: Final = 0.7
"""Thickness of the core of a line that the finder marks, in pitches: thinner than the letters, so that
neighbouring lines stay apart."""
LARGEST: Final = 4.0
"""A picture is not enlarged beyond this: a stamp-sized one has nothing to show."""


@dataclass(frozen=True, slots=True)
class View:
    """A picture, or a piece of one, as a frame; `to_picture` (2, 3) takes frame points back."""

    frame: Grey
    to_picture: Points

    @classmethod
    def of(cls, picture: Grey) -> Self:
        """The whole picture (height, width), in the upper left of the frame."""
        height, width = picture.shape
        turned = height > width
        scale = min(FRAME_WIDTH / max(width, height), FRAME_HEIGHT / min(width, height), LARGEST)
        shrunk = _resized(picture, scale)
        upright = np.rot90(shrunk) if turned else shrunk
        frame = np.full((FRAME_HEIGHT, FRAME_WIDTH), round(float(shrunk.mean())), np.uint8)
        frame[: upright.shape[0], : upright.shape[1]] = upright
        there = np.array([shrunk.shape[1] / width, shrunk.shape[0] / height])
        if turned:  # rot90: frame x is picture y, frame y counts the picture's x from the right
            to_picture = np.array([[0, -1 / there[0], width], [1 / there[1], 0, 0.0]])
        else:
            to_picture = np.array([[1 / there[0], 0, 0], [0, 1 / there[1], 0.0]])
        return cls(np.ascontiguousarray(frame), to_picture)

    @classmethod
    def of_piece(cls, picture: Grey, middle: Points, along: Points, scale: float) -> Self:
        """A piece around `middle`, turned so that `along` (a unit vector) points right."""
        across = np.array([-along[1], along[0]])
        corner = middle - (along * FRAME_WIDTH + across * FRAME_HEIGHT) / (2 * scale)
        to_picture = np.stack([along / scale, across / scale, corner], 1)
        source = picture
        if scale < 1:  # smooth first what is to be shrunk
            source = _resized(picture, scale)
            shrink = np.array([[source.shape[1] / picture.shape[1]], [source.shape[0] / picture.shape[0]]])
            mapped = to_picture * shrink
        else:
            mapped = to_picture
        frame = cv2.warpAffine(
            source,
            mapped,
            (FRAME_WIDTH, FRAME_HEIGHT),
            flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP,
            borderMode=cv2.BORDER_REPLICATE,
        )
        return cls(np.asarray(frame, np.uint8), to_picture)

    @property
    def scale(self) -> float:
        """Frame pixels to one pixel of the picture."""
        return float(1 / np.linalg.norm(self.to_picture[:, 0]))

    def back(self, points: Points) -> Points:
        """Points (n, 2) of the frame as points of the picture."""
        moved: Points = points @ self.to_picture[:, :2].T + self.to_picture[:, 2]
        return moved


def normalise(frames: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Grey frames (n, FRAME_HEIGHT, FRAME_WIDTH) as the finder sees them: mean 0, spread 1.

    Shape (n, FRAME_HEIGHT, FRAME_WIDTH, 1), float32.
    """
    grey = frames.astype(np.float32)
    mean = grey.mean((1, 2), keepdims=True)
    spread = np.maximum(grey.std((1, 2), keepdims=True), 8.0)
    evened: NDArray[np.float32] = (grey - mean) / spread
    return evened[..., None]


def _resized(picture: Grey, scale: float) -> Grey:
    size = (max(1, round(picture.shape[1] * scale)), max(1, round(picture.shape[0] * scale)))
    how = cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR
    return np.asarray(cv2.resize(picture, size, interpolation=how), np.uint8)
