"""Lights without hardware: they remember what was switched, for a simulated camera to look different."""

import time

from hal.device import Capability, NotSupported
from hal.illumination import Light
from hal.simulated import Simulated, SimulatedOptions

SWITCH_SECONDS = 1.0
"""A fault script's silence lasts so long."""


class Options(SimulatedOptions, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What the configuration may say of this driver."""

    lights: tuple[Light, ...] = tuple(Light)


class SimulatedIllumination(Simulated):
    """At most one light is on."""

    capabilities = frozenset({Capability.ILLUMINATION})

    def __init__(self, options: Options | None = None) -> None:
        options = options or Options()
        super().__init__("illumination", options)
        self.lights = frozenset(options.lights)
        self.lit: Light | None = None

    def switch(self, light: Light | None) -> None:
        if light is not None and light not in self.lights:
            raise NotSupported(f"{self.identity.key} has no {light.value} light.")
        with self._operation():
            self._check_plugged()
            self._begin(time.monotonic() + SWITCH_SECONDS)
            self.lit = light

    def _let_go(self) -> None:
        self.lit = None


def create(options: Options) -> SimulatedIllumination:
    """The driver for `hal.discovery.make_device`."""
    return SimulatedIllumination(options)
