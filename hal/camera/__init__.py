"""Cameras: one still frame at a time."""

from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import numpy as np
import numpy.typing as npt

from hal.device import DeviceView


@dataclass(frozen=True, slots=True)
class Frame:
    """One picture: `pixels` is (height, width, 3), uint8, in BGR order as OpenCV has it."""

    pixels: npt.NDArray[np.uint8]

    @property
    def height(self) -> int:
        return int(self.pixels.shape[0])

    @property
    def width(self) -> int:
        return int(self.pixels.shape[1])


@runtime_checkable
class Camera(DeviceView, Protocol):
    """A source of frames."""

    def capture(self, timeout: float) -> Frame:
        """A frame exposed after this call: never one that lay in a buffer.

        Raises:
            Timeout: no frame came in `timeout` seconds.
            Unreadable: the frame is damaged.
            DeviceError: the camera is gone, held by another, or broken.
        """
