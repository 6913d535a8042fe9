"""The box's own state from the kernel: disk, memory, load, temperature."""

import contextlib
import os
import resource
import shutil
from pathlib import Path
from typing import Any

_THERMAL = Path("/sys/class/thermal")


def box_health(data: Path) -> dict[str, Any]:
    """What the kernel says of this box; a sensor that is not there is left out, never zero."""
    report: dict[str, Any] = {
        "load_1_minute": os.getloadavg()[0],
        "peak_rss_bytes": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024,
    }
    with contextlib.suppress(OSError):  # at the very first start lane has not made the folder yet
        usage = shutil.disk_usage(data)
        report |= {"disk_total_bytes": usage.total, "disk_free_bytes": usage.free}
    temperature = _temperature()
    if temperature is not None:
        report["temperature_celsius"] = temperature
    return report


def _temperature() -> float | None:
    """The hottest zone, in degrees Celsius (sysfs gives thousandths)."""
    readings = []
    for zone in _THERMAL.glob("thermal_zone*/temp"):
        try:
            readings.append(int(zone.read_text("ascii")) / 1000)
        except (OSError, ValueError):
            continue  # a zone that is switched off gives no number
    return max(readings, default=None)
