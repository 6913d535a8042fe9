"""Lights over a page: one at a time, for a picture under each (the second line; Doc 9303-2's features)."""

import enum
from typing import Protocol, runtime_checkable

from hal.device import DeviceView


class Light(enum.StrEnum):
    """Where the light comes from, and of which kind it is."""

    WHITE = "white"
    OBLIQUE = "oblique"
    """White, from the side: relief, holograms, erasures."""
    INFRARED = "infrared"
    """What inks hide or show near 850-950 nm; the MRZ is printed in B900 ink and stays black."""
    ULTRAVIOLET = "ultraviolet"
    """365 nm: fluorescent fibres and prints; paper that glows is not security paper."""


@runtime_checkable
class Illumination(DeviceView, Protocol):
    """Lights that can be switched."""

    @property
    def lights(self) -> frozenset[Light]:
        """Those that this device has."""

    def switch(self, light: Light | None) -> None:
        """This light and no other; None: all off. It goes out by itself after `MAX_ON_SECONDS`.

        Raises:
            NotSupported: it has no such light.
            DeviceError: the lights are gone or broken.
        """


MAX_ON_SECONDS = 10.0
"""Nobody looks into a UV lamp because a program has hung: the driver puts it out."""
SETTLE_SECONDS = 0.15
"""From switching to a steady picture: LEDs take less than 1 ms, a camera's exposure control some frames."""
