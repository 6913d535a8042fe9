"""A supply without hardware: `pull_plug` and `plug_in` are the mains."""

import time

from hal.device import Capability
from hal.power import PowerState
from hal.simulated import Simulated, SimulatedOptions

ON_MAINS = PowerState(on_mains=True, charge_percent=100, charging=False)
ANSWER_SECONDS = 1.0
"""A fault script's silence lasts so long: nobody waits for a person here."""


class Options(SimulatedOptions, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What the configuration may say of this driver."""


class SimulatedPower(Simulated):
    """Says what it was told to say."""

    capabilities = frozenset({Capability.POWER_STATE})

    def __init__(self, options: Options | None = None) -> None:
        super().__init__("power", options or Options())
        self._says = ON_MAINS

    def present(self, state: PowerState) -> None:
        """What it says from now on."""
        self._says = state

    def read_power(self) -> PowerState:
        with self._operation():
            self._check_plugged()
            self._begin(time.monotonic() + ANSWER_SECONDS)
            return self._says


def create(options: Options) -> SimulatedPower:
    """The driver for `hal.discovery.make_device`."""
    return SimulatedPower(options)
