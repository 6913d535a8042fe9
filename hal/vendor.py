"""Drivers that are not in this house: a vendor's SDK behind our contract, named `package.module:Class`.

docs/vendor-sdk.md says how one is written. Nothing is searched for: only what the configuration names is
imported, and it is refused with a sentence unless it keeps the contract of its kind.
"""

import importlib
import re
from collections.abc import Collection
from typing import Any, Protocol, cast

import msgspec

from hal.device import Device, DeviceView

NAME = re.compile(r"([A-Za-z_]\w*(?:\.[A-Za-z_]\w*)*):([A-Za-z_]\w*)")


class VendorDriverError(Exception):
    """The driver that the configuration names is none, or does not keep the contract."""


class VendorClass(Protocol):
    """A driver class: its options, and how it is made of them."""

    Options: type[msgspec.Struct]

    def __call__(self, options: msgspec.Struct, /) -> Device: ...


def load_vendor_class(name: str) -> VendorClass:
    """Import it.

    Raises:
        VendorDriverError: there is no such class, or it is no driver.
    """
    matched = NAME.fullmatch(name)
    if matched is None:
        raise VendorDriverError(f"`{name}` does not name a driver: it must read `package.module:Class`.")
    module_name, class_name = matched.groups()
    if module_name.partition(".")[0] in ("hal", "appliance", "central", "models"):
        raise VendorDriverError(f"`{name}` is not a vendor's: drivers of this house are named by their file.")
    try:
        module = importlib.import_module(module_name)
    except Exception as error:  # whatever an SDK does when its library is missing
        raise VendorDriverError(
            f"`{module_name}` cannot be imported ({type(error).__name__}): is its package installed?"
        ) from error
    found = getattr(module, class_name, None)
    if not (isinstance(found, type) and issubclass(found, Device)):
        raise VendorDriverError(f"`{name}` is no class of a `hal.device.Device`.")
    options = getattr(found, "Options", None)
    if not (isinstance(options, type) and issubclass(options, msgspec.Struct)):
        raise VendorDriverError(f"`{name}` has no `Options`, a msgspec.Struct.")
    return cast(VendorClass, found)


def check_vendor_device(device: Device, kind: str, taken: Collection[str]) -> None:
    """Hold it to its kind.

    Raises:
        VendorDriverError: it is of another kind, lacks a method, or takes the name of a driver of this house.
    """
    identity = device.identity
    if identity.kind != kind:
        raise VendorDriverError(f"The driver is of kind {identity.kind}, and is configured as {kind}.")
    if identity.driver in taken:
        raise VendorDriverError(f"The driver calls itself `{identity.driver}`, which is one of this house's.")
    protocols = protocols_of(kind)
    if not any(isinstance(device, protocol) for protocol in protocols):
        names = " or ".join(protocol.__name__ for protocol in protocols)
        raise VendorDriverError(f"The driver does not have all that {names} asks for.")


def protocols_of(kind: str) -> tuple[type[Any], ...]:
    """What a device of this kind must be one of: the device Protocols in `hal/<kind>/__init__.py`."""
    module = importlib.import_module(f"hal.{kind}")
    return tuple(
        found
        for found in vars(module).values()
        if isinstance(found, type)
        and found.__module__ == module.__name__
        and DeviceView in found.__mro__
        and getattr(found, "_is_protocol", False)
    )
