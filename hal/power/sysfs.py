"""Batteries and supplies that the kernel knows (Documentation/ABI/testing/sysfs-class-power).

A UPS on USB is here when its maker follows the HID power class and a kernel driver serves it; UPS hats on a
Pi are when their driver registers a power supply (the MAX17040 family's does).
"""

from pathlib import Path

import msgspec

from hal.device import Capability, DeviceFault, DeviceGone, Identity, Unreadable
from hal.driver import Driver
from hal.power import PowerState

CLASS = "/sys/class/power_supply"
MAX_BYTES = 256
"""An attribute holds a word or a number."""
MAX_SUPPLIES = 16
"""More than any box has: a folder of thousands is not that class."""
MAINS_TYPES = frozenset({"Mains", "USB", "Wireless"})
BATTERY_TYPES = frozenset({"Battery", "UPS"})
MICRO_HOURS = 60.0
"""Micro-watt-hours by micro-watts are hours."""
MAX_MINUTES = 60 * 24 * 30
"""A battery that says it lasts longer says nothing."""


class Options(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What the configuration may say of this driver."""

    folder: str = CLASS
    name: str | None = None
    """One supply's name; none: all there are, the emptiest battery counts."""
    model: str = "battery or UPS"


class SysfsPower(Driver):
    """Asks the kernel at every call; nothing is held open."""

    capabilities = frozenset({Capability.POWER_STATE})

    def __init__(self, options: Options) -> None:
        super().__init__(
            Identity(kind="power", driver="sysfs", model=options.model, port=options.name or "all")
        )
        self._options = options
        self._folder = Path(options.folder)

    def read_power(self) -> PowerState:
        with self._operation():
            supplies = self._supplies()
            mains = [_flag(one / "online") for one in supplies if _word(one / "type") in MAINS_TYPES]
            batteries = [one for one in supplies if _word(one / "type") in BATTERY_TYPES]
            known = [flag for flag in mains if flag is not None]
            states = [_battery(one) for one in batteries if _flag(one / "present") is not False]
            discharging = any(state.charging is False and state.on_mains is False for state in states)
            return PowerState(
                on_mains=any(known) if known else (False if discharging else _first_known(states)),
                charge_percent=min(
                    (state.charge_percent for state in states if state.charge_percent is not None),
                    default=None,
                ),
                charging=any(state.charging for state in states) if states else None,
                minutes_left=min(
                    (state.minutes_left for state in states if state.minutes_left is not None), default=None
                ),
            )

    def _supplies(self) -> list[Path]:
        try:
            names = sorted(path.name for path in self._folder.iterdir())[:MAX_SUPPLIES]
        except OSError as error:
            raise DeviceGone("The kernel knows no power supplies.") from error
        wanted = [self._folder / name for name in names if self._options.name in (None, name)]
        if self._options.name is None:  # a mouse's battery does not feed the box
            wanted = [one for one in wanted if _word(one / "scope") != "Device"]
        if not wanted:
            raise DeviceGone(f"There is no power supply {self._options.name or 'at all'}.")
        return wanted

    def _take_hold(self) -> None:
        if not any(_word(one / "type") in MAINS_TYPES | BATTERY_TYPES for one in self._supplies()):
            raise DeviceFault("What the kernel calls a power supply is neither mains nor battery.")

    def _let_go(self) -> None:
        """Nothing is held."""


def create(options: Options) -> SysfsPower:
    """The driver for `hal.discovery.make_device`."""
    return SysfsPower(options)


def _first_known(states: list[PowerState]) -> bool | None:
    return next((state.on_mains for state in states if state.on_mains is not None), None)


def _battery(supply: Path) -> PowerState:
    """One battery. A status of Discharging means that the mains are away, as no supply else feeds the box."""
    status = _word(supply / "status")
    charge = _number(supply / "capacity")
    if charge is not None and not 0 <= charge <= 100:
        raise Unreadable(f"The power supply {supply.name} says it is {charge} per cent full.")
    discharging = status == "Discharging"
    return PowerState(
        on_mains=None if status in ("", "Unknown") else not discharging,
        charge_percent=charge,
        charging=None if status in ("", "Unknown") else status == "Charging",
        minutes_left=_minutes(supply) if discharging else None,
    )


def _minutes(supply: Path) -> int | None:
    """As the supply says, or as energy (or charge) and flow have it."""
    seconds = _number(supply / "time_to_empty_now")
    if seconds is not None and seconds > 0:
        return min(seconds // 60, MAX_MINUTES)
    for left, flow in (("energy_now", "power_now"), ("charge_now", "current_now")):
        amount, rate = _number(supply / left), _number(supply / flow)
        if amount is not None and rate:
            minutes = amount / abs(rate) * MICRO_HOURS
            return int(minutes) if 0 <= minutes <= MAX_MINUTES else None
    return None


def _word(path: Path) -> str:
    """What the attribute says; empty where it is not there. A driver may refuse while it changes state."""
    try:
        with path.open("rb") as file:
            return file.read(MAX_BYTES).decode("ascii", "replace").strip()
    except OSError:
        return ""


def _number(path: Path) -> int | None:
    word = _word(path)
    if not word:
        return None
    try:
        return int(word)
    except ValueError as error:
        raise Unreadable(f"The power supply {path.parent.name} gives no number for {path.name}.") from error


def _flag(path: Path) -> bool | None:
    number = _number(path)
    return None if number is None else number > 0
