"""Finding, opening and claiming a USB device by PyUSB; its transfers are `usb_link`'s."""

import ctypes
import errno
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import usb.backend.libusb1
import usb.core

from hal.device import DeviceBusy, DeviceError, DeviceFault, DeviceGone
from hal.fingerprint_sensor.usb_link import UsbLink
from hal.fingerprint_sensor.usb_transfer import Library, TransferStruct

SYSFS = Path("/sys/bus/usb/devices")


@dataclass(frozen=True, slots=True)
class UsbIds:
    """Who a device on the bus is."""

    vendor: int
    product: int
    port: str
    """As /sys names it: 1-1.2."""
    serial: str | None


def find(wanted: Callable[[UsbIds], bool]) -> UsbIds | None:
    """The first device on the bus that is wanted.

    Raises:
        DeviceFault: libusb is not installed, or there is no bus.
    """
    return next((ids for _, ids in _devices(_backend()) if wanted(ids)), None)


def open_link(
    ids: UsbIds, *, interrupt_endpoint: int, bulk_endpoint: int, check: Callable[[], None]
) -> UsbLink:
    """Open and claim the vendor-specific interface (255, 255, 255) of a device that `find` has found.

    Raises:
        DeviceGone: it is not there any more.
        DeviceBusy: another program holds it.
        DeviceFault: this service may not open it, or it has no such interface.
    """
    backend = _backend()
    device = next((one for one, found in _devices(backend) if found == ids), None)
    if device is None:
        raise DeviceGone("The USB device was unplugged.")
    try:
        interface = _vendor_interface(backend, device)
        handle = backend.open_device(device)
        try:
            backend.claim_interface(handle, interface)
        except usb.core.USBError:
            backend.close_device(handle)
            raise
    except usb.core.USBError as error:
        raise _why_not_open(error) from error

    def let_go() -> None:
        try:
            backend.release_interface(handle, interface)
        except usb.core.USBError:
            pass  # unplugged: the kernel has let go already
        finally:
            backend.close_device(handle)

    return UsbLink(
        _library(backend),
        handle.handle,
        context=backend.ctx,
        interrupt_endpoint=interrupt_endpoint,
        bulk_endpoint=bulk_endpoint,
        check=check,
        let_go=let_go,
    )


def _backend() -> Any:
    backend = usb.backend.libusb1.get_backend()
    if backend is None:
        raise DeviceFault("libusb 1.0 is not installed.")
    return backend


def _library(backend: Any) -> Library:
    """libusb once more, with prototypes of our own: PyUSB's belong to its isochronous transfers."""
    library = ctypes.CDLL(backend.lib._name)
    pointer = ctypes.POINTER(TransferStruct)
    library.libusb_alloc_transfer.restype = pointer
    for name in ("libusb_free_transfer", "libusb_submit_transfer", "libusb_cancel_transfer"):
        getattr(library, name).argtypes = [pointer]
    library.libusb_handle_events_timeout_completed.argtypes = [
        ctypes.c_void_p,
        ctypes.c_void_p,
        ctypes.c_void_p,
    ]
    return library


def _devices(backend: Any) -> list[tuple[Any, UsbIds]]:
    try:
        return _listed(backend)
    except usb.core.USBError as error:
        raise DeviceFault("The USB bus cannot be listed.") from error


def _listed(backend: Any) -> list[tuple[Any, UsbIds]]:
    found = []
    for device in backend.enumerate_devices():
        descriptor = backend.get_device_descriptor(device)
        numbers = ".".join(map(str, descriptor.port_numbers or ()))
        port = f"{descriptor.bus}-{numbers}"
        found.append((device, UsbIds(descriptor.idVendor, descriptor.idProduct, port, _serial(port))))
    return found


def _serial(port: str) -> str | None:
    """From /sys: to ask the device itself is one more exchange, which some refuse before they are set up."""
    try:
        return (SYSFS / port / "serial").read_text("utf-8", errors="replace").strip() or None
    except OSError:
        return None


def _vendor_interface(backend: Any, device: Any) -> int:
    count = backend.get_configuration_descriptor(device, 0).bNumInterfaces
    for number in range(count):
        found = backend.get_interface_descriptor(device, number, 0, 0)
        if (found.bInterfaceClass, found.bInterfaceSubClass, found.bInterfaceProtocol) == (255, 255, 255):
            return int(found.bInterfaceNumber)
    raise DeviceFault("The USB device has no interface of the maker's own.")


def _why_not_open(error: usb.core.USBError) -> DeviceError:
    if error.errno == errno.EBUSY:
        return DeviceBusy("Another program holds the USB device.")
    if error.errno in (errno.EACCES, errno.EPERM):
        return DeviceFault("The USB device may not be opened: this service needs the group of its udev rule.")
    if error.errno in (errno.ENODEV, errno.ENOENT):
        return DeviceGone("The USB device was unplugged.")
    return DeviceFault("The USB device cannot be opened.")
