"""The box's network interfaces, as the kernel lists them (Documentation/ABI/testing/sysfs-class-net)."""

from pathlib import Path
from typing import Final

from appliance.contracts.uplink import NetworkLink

CLASS: Final = Path("/sys/class/net")
LOOPBACK: Final = "lo"
MOST: Final = 16
"""More than any box has."""


def network_links(folder: Path = CLASS) -> tuple[NetworkLink, ...]:
    """Every interface but the loopback; none where the kernel does not say."""
    try:
        names = sorted(path.name for path in folder.iterdir() if path.name != LOOPBACK)[:MOST]
    except OSError:
        return ()
    return tuple(NetworkLink(name=name, up=_carrier(folder / name)) for name in names)


def _carrier(interface: Path) -> bool:
    try:
        return (interface / "carrier").read_text("ascii").strip() == "1"
    except (OSError, UnicodeDecodeError):
        return False  # an interface that is switched off refuses the question
