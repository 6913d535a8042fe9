"""What feeds the box: mains, battery, UPS."""

from dataclasses import dataclass
from typing import Protocol, runtime_checkable

from hal.device import DeviceView


@dataclass(frozen=True, slots=True)
class PowerState:
    """What is known now; None where the supply does not say, never a guess."""

    on_mains: bool | None
    charge_percent: int | None = None
    """0 to 100, of the emptiest battery."""
    charging: bool | None = None
    minutes_left: int | None = None
    """Until the battery is empty, as it discharges now."""


@runtime_checkable
class PowerSupply(DeviceView, Protocol):
    """A battery or an uninterruptible supply that can be asked how it is."""

    def read_power(self) -> PowerState:
        """Mains and battery as they are now.

        Raises:
            Unreadable: it says something that cannot be.
            DeviceError: it is gone or broken.
        """
