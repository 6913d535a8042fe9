"""What is plugged in: enumeration by the table of families, and the ways to a device.

Works without a udev daemon (ids are read from /sys) and without pcscd: then it finds less, and says why.
The table is `hal.families`, hot-plug is `hal.hotplug`, making a device is `hal.drivers`.
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

import pyudev

from hal.device import DeviceError
from hal.document_reader import pcsc
from hal.drivers import ConfigurationError, make_device
from hal.families import FAMILIES, OURS, Configured, Family, PcscName, SerialPort, Supply, Usb, VideoCapture

__all__ = [
    "FAMILIES",
    "ConfigurationError",
    "Family",
    "Found",
    "Inventory",
    "enumerate_devices",
    "family_of",
    "found_at_node",
    "found_by_name",
    "make_device",
]

SUBSYSTEMS = ("usb", "tty", "video4linux", "input", "power_supply")

MAX_SERIAL = 64
"""A device chooses its own serial number, and the key goes to logs and records."""


@dataclass(frozen=True, slots=True)
class Found:
    """A device that is there now."""

    family: Family
    key: str
    """Stable across unplugging: usb:VID:PID:SERIAL, or usb:VID:PID@PORT where it has no serial number."""
    node: str | None = None
    """/dev/..., where it has one."""
    options: Mapping[str, Any] = field(default_factory=dict)
    """What `make_device` needs to open it; empty where more must be configured."""

    @property
    def kind(self) -> str:
        return self.family.kind

    @property
    def driver(self) -> str | None:
        return self.family.driver


@dataclass(frozen=True, slots=True)
class Inventory:
    """All that was found, and what could not be looked at."""

    found: tuple[Found, ...]
    reasons: tuple[str, ...]
    """One sentence for each place that could not be searched."""

    def __iter__(self) -> Iterator[Found]:
        return iter(self.found)

    def __len__(self) -> int:
        return len(self.found)


class UdevDevice(Protocol):
    """What is used of `pyudev.Device`: the seam for tests."""

    subsystem: str
    device_path: str
    sys_name: str
    device_node: str | None

    @property
    def properties(self) -> Mapping[str, str]: ...
    @property
    def attributes(self) -> Any: ...
    def find_parent(self, subsystem: str, device_type: str | None = None) -> Any: ...


def enumerate_devices() -> Inventory:
    """Everything of a known family, on the bus and in PC/SC."""
    found: dict[str, Found] = {}
    reasons: list[str] = []
    try:
        for one in _found_by_udev(_udev_devices()):
            found.setdefault(one.key + one.family.kind + str(one.driver), one)
    except (ImportError, OSError) as error:  # no libudev, or no /sys
        reasons.append(f"USB devices could not be listed: {type(error).__name__}.")
    try:
        names = pcsc.reader_names()
    except DeviceError as error:
        reasons.append(f"PC/SC readers could not be listed: {error}")
    else:
        for one in filter(None, map(found_by_name, names)):
            found[one.key] = one
    return Inventory(tuple(found.values()), tuple(reasons))


def family_of(device: UdevDevice) -> Found | None:
    """The family that a device on the bus belongs to, if it is a known one."""
    usb = device if device.subsystem == "usb" else device.find_parent("usb", "usb_device")
    vendor, product = _id(usb, "idVendor"), _id(usb, "idProduct")
    for family in FAMILIES:
        if _matches(family, device, vendor, product):
            return Found(
                family, _key(device, usb, vendor, product), device.device_node, _options(family, device)
            )
    return None


def found_by_name(name: str) -> Found | None:
    """The family that a PC/SC reader belongs to, by its name."""
    family = _family_of_name(name)
    return None if family is None else Found(family, f"pcsc:{name}", options={"reader_name": name})


def found_at_node(device: UdevDevice, kind: str, driver: str) -> Found:
    """A device whose node the configuration names: it is what it is configured as, whoever made it."""
    usb = device if device.subsystem == "usb" else device.find_parent("usb", "usb_device")
    key = _key(device, usb, _id(usb, "idVendor"), _id(usb, "idProduct"))
    return Found(Family(kind, driver, "as configured", Configured(), OURS), key, device.device_node)


def _udev_devices() -> Iterable[UdevDevice]:
    context = pyudev.Context()
    for subsystem in SUBSYSTEMS:
        yield from context.list_devices(subsystem=subsystem)


def _found_by_udev(devices: Iterable[UdevDevice]) -> Iterator[Found]:
    for device in devices:
        found = family_of(device)
        if found is not None:
            yield found


def _matches(family: Family, device: UdevDevice, vendor: str, product: str) -> bool:
    rule = family.rule
    if isinstance(rule, Usb):
        wanted = device.subsystem == "usb" and rule.vendor == vendor and _attribute(device, "idVendor") != ""
        return wanted and (not rule.products or product in rule.products)
    if isinstance(rule, SerialPort):
        return device.subsystem == "tty" and rule.vendor == vendor
    if isinstance(rule, VideoCapture):
        return device.subsystem == "video4linux" and _gives_pictures(device)
    if isinstance(rule, Supply):
        return device.subsystem == "power_supply" and _feeds_the_box(device)
    return False


def _gives_pictures(device: UdevDevice) -> bool:
    """A UVC camera has a second node for its metadata; without the daemon only the index tells."""
    capabilities = device.properties.get("ID_V4L_CAPABILITIES")
    if capabilities is not None:
        return ":capture:" in capabilities
    return _attribute(device, "index") in ("", "0")


def _feeds_the_box(device: UdevDevice) -> bool:
    """A battery of the box, not of a mouse (sysfs-class-power: scope)."""
    return _attribute(device, "type") in ("Battery", "UPS") and _attribute(device, "scope") != "Device"


def _options(family: Family, device: UdevDevice) -> dict[str, Any]:
    if isinstance(family.rule, SerialPort):
        return {"port": device.device_node}
    if isinstance(family.rule, VideoCapture):
        return {"device": device.device_node}
    if isinstance(family.rule, Supply):
        return {"name": device.sys_name}
    return {}  # PC/SC readers are opened by their PC/SC name


def _key(device: UdevDevice, usb: UdevDevice | None, vendor: str, product: str) -> str:
    if device.subsystem == "power_supply":
        return f"power_supply:{device.sys_name}"  # the kernel's name for it, and its driver's
    if usb is None or not vendor:
        return f"{device.subsystem}@{device.device_path}"
    serial = usb.properties.get("ID_SERIAL_SHORT") or _attribute(usb, "serial")
    serial = re.sub(r"[^0-9A-Za-z._-]", "_", serial)[:MAX_SERIAL]
    return f"usb:{vendor}:{product}:{serial}" if serial else f"usb:{vendor}:{product}@{usb.sys_name}"


def _id(usb: UdevDevice | None, name: str) -> str:
    """From /sys rather than from udev's database: it is there without the daemon too."""
    return _attribute(usb, name).lower() if usb is not None else ""


def _attribute(device: UdevDevice, name: str) -> str:
    try:
        return str(device.attributes.asstring(name)).strip()
    except (KeyError, UnicodeDecodeError):
        return ""


def _family_of_name(name: str) -> Family | None:
    for family in FAMILIES:
        if isinstance(family.rule, PcscName) and family.rule.pattern.search(name):
            return family
    return None
