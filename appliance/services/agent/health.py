"""The box's own state from the kernel: disk, memory, load, heat and cold, power, battery, the card's wear.

A sensor that is not there is left out, never zero; what is out of bounds is named in `warnings`, by code.
"""

import contextlib
import os
import resource
import shutil
from pathlib import Path
from typing import Any, Final

SYSTEM: Final = Path("/sys")
PROCESSES: Final = Path("/proc")
HOT_CELSIUS: Final = 80.0
"""A Raspberry Pi 4 and 5 slow down from here on (80 and 85 degrees)."""
COLD_CELSIUS: Final = 0.0
"""The lower end of most boards' and cards' data sheets."""
DISK_FREE_SHARE: Final = 0.1
MEMORY_FREE_SHARE: Final = 0.1
BATTERY_PERCENT: Final = 20
WORN_PERCENT: Final = 80
"""Of the life that a card or eMMC says it has (JEDEC JESD84-B51, DEVICE_LIFE_TIME_EST: in tenths)."""
MAX_READING_BYTES: Final = 256


def box_health(data: Path, *, system: Path = SYSTEM, processes: Path = PROCESSES) -> dict[str, Any]:
    """What the kernel says of this box; folders are parameters for tests."""
    report: dict[str, Any] = {
        "load_1_minute": os.getloadavg()[0],
        "peak_rss_bytes": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024,
    }
    with contextlib.suppress(OSError):  # at the very first start lane has not made the folder yet
        usage = shutil.disk_usage(data)
        report |= {"disk_total_bytes": usage.total, "disk_free_bytes": usage.free}
    report |= _memory(processes)
    found = {
        "temperature_celsius": _temperature(system),
        "under_voltage": _under_voltage(system),
        "mains": _mains(system),
        "battery_percent": _battery(system),
        "card_worn_percent": _worn(system),
        "uptime_seconds": _uptime(processes),
    }
    report |= {name: value for name, value in found.items() if value is not None}
    report["warnings"] = warnings_of(report)
    return report


def warnings_of(report: dict[str, Any]) -> list[str]:
    """Codes of what a technician should see to."""
    temperature = report.get("temperature_celsius")
    share = _share(report, "disk_free_bytes", "disk_total_bytes")
    memory = _share(report, "memory_available_bytes", "memory_total_bytes")
    out_of_bounds = {
        "too_hot": temperature is not None and temperature >= HOT_CELSIUS,
        "too_cold": temperature is not None and temperature <= COLD_CELSIUS,
        "under_voltage": report.get("under_voltage") is True,
        "on_battery": report.get("mains") is False,
        "battery_low": report.get("battery_percent", 100) <= BATTERY_PERCENT,
        "card_worn": report.get("card_worn_percent", 0) >= WORN_PERCENT,
        "disk_almost_full": share is not None and share < DISK_FREE_SHARE,
        "memory_almost_full": memory is not None and memory < MEMORY_FREE_SHARE,
    }
    return [code for code, is_so in out_of_bounds.items() if is_so]


def _share(report: dict[str, Any], part: str, whole: str) -> float | None:
    return report[part] / report[whole] if report.get(whole) else None


def _reading(path: Path) -> str | None:
    """A line of sysfs; None when it is not there, or the sensor does not answer."""
    try:
        with path.open("rb") as file:
            return file.read(MAX_READING_BYTES).decode("ascii").strip()
    except (OSError, UnicodeDecodeError):
        return None


def _number(path: Path) -> int | None:
    said = _reading(path)
    try:
        return int(said, 0) if said is not None else None
    except ValueError:
        return None


def _temperature(system: Path) -> float | None:
    """The hottest zone, in degrees Celsius (sysfs gives thousandths)."""
    readings = [_number(zone) for zone in (system / "class/thermal").glob("thermal_zone*/temp")]
    return max((reading / 1000 for reading in readings if reading is not None), default=None)


def _under_voltage(system: Path) -> bool | None:
    """The Raspberry Pi's supply was below 4.63 V since it was last asked (driver raspberrypi-hwmon)."""
    for sensor in (system / "class/hwmon").glob("hwmon*"):
        if (
            _reading(sensor / "name") == "rpi_volt"
            and (alarm := _number(sensor / "in0_lcrit_alarm")) is not None
        ):
            return alarm != 0
    return None


def _supplies(system: Path, kind: str) -> list[Path]:
    return [one for one in (system / "class/power_supply").glob("*") if _reading(one / "type") == kind]


def _mains(system: Path) -> bool | None:
    """Whether any supply from outside is on; None where the box does not know."""
    states = [_number(one / "online") for one in _supplies(system, "Mains")]
    known = [state for state in states if state is not None]
    return any(known) if known else None


def _battery(system: Path) -> int | None:
    """The emptiest battery, per cent."""
    levels = [_number(one / "capacity") for one in _supplies(system, "Battery")]
    return min((level for level in levels if level is not None and 0 <= level <= 100), default=None)


def _worn(system: Path) -> int | None:
    """The most worn card or eMMC, per cent of the life that it says it has; most SD cards say nothing."""
    worn = []
    for life in (system / "block").glob("mmcblk*/device/life_time"):
        for word in (_reading(life) or "").split():
            with contextlib.suppress(ValueError):
                tenths = int(word, 16)
                if 1 <= tenths <= 11:  # 0: not defined; 11: past its life
                    worn.append(min(tenths, 10) * 10)
    return max(worn, default=None)


def _memory(processes: Path) -> dict[str, int]:
    try:
        lines = (processes / "meminfo").read_text("ascii").splitlines()
    except (OSError, UnicodeDecodeError):
        return {}
    names = {"MemTotal:": "memory_total_bytes", "MemAvailable:": "memory_available_bytes"}
    words = [line.split() for line in lines]
    return {
        names[one[0]]: int(one[1]) * 1024
        for one in words
        if len(one) >= 2 and one[0] in names and one[1].isdecimal()
    }


def _uptime(processes: Path) -> float | None:
    said = _reading(processes / "uptime")
    try:
        return float(said.split()[0]) if said else None
    except ValueError:
        return None
