"""Fingerprint sensors: one impression at a time."""

from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import numpy as np
import numpy.typing as npt

from hal.device import DeviceView


@dataclass(frozen=True, slots=True)
class FingerImage:
    """One impression: `pixels` is (height, width), uint8, ridges dark on a light ground."""

    pixels: npt.NDArray[np.uint8]
    dpi: int

    @property
    def height(self) -> int:
        return int(self.pixels.shape[0])

    @property
    def width(self) -> int:
        return int(self.pixels.shape[1])


@runtime_checkable
class FingerprintSensor(DeviceView, Protocol):
    """A single-finger sensor."""

    def capture(self, timeout: float) -> FingerImage:
        """Wait up to `timeout` seconds for a finger and return its impression.

        Raises:
            Timeout: no finger came.
            Unreadable: the impression is damaged or empty.
            DeviceError: the sensor is gone, held by another, or broken.
        """
