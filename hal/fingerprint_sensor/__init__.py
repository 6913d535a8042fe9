"""Fingerprint sensors: one impression at a time."""

import enum
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import numpy as np
import numpy.typing as npt

from hal.device import DeviceView


class Polarity(enum.StrEnum):
    """Which of ridge and valley is dark."""

    DARK_RIDGES = "dark_ridges"
    """As ink on paper, and as ISO/IEC 19794-4 wants it."""
    LIGHT_RIDGES = "light_ridges"


@dataclass(frozen=True, slots=True)
class FingerImage:
    """One impression: `pixels` is (height, width), uint8; `dpi` is the same across and along."""

    pixels: npt.NDArray[np.uint8]
    dpi: int
    live: bool | None = None
    """What the sensor's own test for a living finger says; None: it has none."""
    bits: int = 8
    """How many bits of a pixel the sensor measured: 4 means sixteen greys, spread over 0 to 255."""
    polarity: Polarity = Polarity.DARK_RIDGES

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
        """Wait up to `timeout` seconds for a finger and return its impression, ridges dark.

        Raises:
            Timeout: no finger came.
            Unreadable: the impression is damaged or empty.
            DeviceError: the sensor is gone, held by another, or broken.
        """

    def wait_for_removal(self, timeout: float) -> None:
        """Return when no finger lies on the sensor: the next impression is then of another touch.

        Raises:
            Timeout: a finger still lies there.
            NotSupported: the sensor does not feel it; callers ask for Capability.FINGER_PRESENCE first.
            DeviceError: the sensor is gone, held by another, or broken.
        """
