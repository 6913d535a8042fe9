"""A USB device of a few transfers, over PyUSB and libusb, in an order that can be relied on.

PyUSB's own calls wait for their result, so nobody can say whether a read was outstanding before the next
command went out. Here every transfer is submitted to the kernel before the call returns, and can be cancelled
at once: an interrupt-IN listens before the first control transfer, a bulk-IN before it is asked to be filled.
PyUSB finds, opens and claims the device; the transfers are libusb's asynchronous ones.
"""

import ctypes
import errno
import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import usb.backend.libusb1
import usb.core

from hal.device import DeviceBusy, DeviceError, DeviceFault, DeviceGone
from hal.driver import POLL_SECONDS

VENDOR_IN, VENDOR_OUT = 0xC0, 0x40
CONTROL, BULK, INTERRUPT = 0, 2, 3
SETUP_BYTES = 8

CONTROL_SECONDS = 5.0
"""Linux' own limit for control transfers; a register is read in milliseconds."""

CANCEL_SECONDS = 1.0
"""A cancelled transfer comes back from the kernel at once; one that does not is left to it, not freed."""

MAX_HEARD = 64
"""Interrupts kept that nobody has asked for: a device that babbles must not fill the memory."""

INTERRUPT_BYTES = 64
"""The largest packet of a full-speed interrupt endpoint."""

SYSFS = Path("/sys/bus/usb/devices")


class Link(Protocol):
    """What a driver sees. Every call that starts a transfer returns when the kernel has it."""

    def control_in(self, request: int, value: int, length: int) -> bytes: ...
    def control_out(self, request: int, value: int, data: bytes) -> None: ...
    def listen(self) -> None:
        """From now on an interrupt-IN is always outstanding."""

    def heard(self, timeout: float) -> bytes | None:
        """The next interrupt; None: none came."""

    def begin_bulk(self, length: int) -> None:
        """A bulk-IN of at most this length is outstanding on return."""

    def bulk(self, timeout: float) -> bytes | None:
        """What it brought; None: it is still outstanding."""

    def cancel_bulk(self) -> None: ...
    def close(self) -> None:
        """Cancel everything and let go of the device. Never raises."""


@dataclass(frozen=True, slots=True)
class UsbIds:
    """Who a device on the bus is."""

    vendor: int
    product: int
    port: str
    """As /sys names it: 1-1.2."""
    serial: str | None


class _Struct(ctypes.Structure):
    """libusb's `struct libusb_transfer`, without the list of isochronous packets."""


_Callback = ctypes.CFUNCTYPE(None, ctypes.POINTER(_Struct))

_Struct._fields_ = [
    ("dev_handle", ctypes.c_void_p),
    ("flags", ctypes.c_uint8),
    ("endpoint", ctypes.c_uint8),
    ("type", ctypes.c_uint8),
    ("timeout", ctypes.c_uint),
    ("status", ctypes.c_int),
    ("length", ctypes.c_int),
    ("actual_length", ctypes.c_int),
    ("callback", _Callback),
    ("user_data", ctypes.c_void_p),
    ("buffer", ctypes.c_void_p),
    ("num_iso_packets", ctypes.c_int),
]


class _TimeValue(ctypes.Structure):
    _fields_ = [("seconds", ctypes.c_long), ("microseconds", ctypes.c_long)]


# libusb's enum libusb_transfer_status and the one of its error codes that matters
COMPLETED, FAILED, TIMED_OUT, CANCELLED, STALLED, NO_DEVICE, OVERFLOW = range(7)
ERROR_NO_DEVICE = -4


class Library(Protocol):
    """What is used of libusb 1.0: the seam for tests."""

    def libusb_alloc_transfer(self, iso_packets: int, /) -> Any: ...
    def libusb_free_transfer(self, transfer: Any, /) -> None: ...
    def libusb_submit_transfer(self, transfer: Any, /) -> int: ...
    def libusb_cancel_transfer(self, transfer: Any, /) -> int: ...
    def libusb_handle_events_timeout_completed(self, context: Any, wait: Any, done: Any, /) -> int: ...


class Transfer:
    """One transfer. libusb writes into its buffer, so it lives until it is done."""

    def __init__(
        self,
        library: Library,
        handle: Any,
        *,
        kind: int,
        endpoint: int,
        length: int,
        content: bytes = b"",
        on_done: Callable[["Transfer"], None] = lambda _transfer: None,
    ) -> None:
        self._library = library
        self._buffer = ctypes.create_string_buffer(content, length)
        self._on_done = on_done
        self._callback = _Callback(self._finished)
        self._pointer = library.libusb_alloc_transfer(0)
        self.done = threading.Event()
        self.status = COMPLETED
        self.data = b""
        inside = self._pointer.contents
        inside.dev_handle, inside.endpoint, inside.type = handle, endpoint, kind
        inside.length, inside.callback, inside.timeout = length, self._callback, 0
        inside.buffer = ctypes.cast(self._buffer, ctypes.c_void_p)

    def submit(self) -> None:
        """Hand it to the kernel; it has it when this returns.

        Raises:
            DeviceGone: the device has left the bus.
            DeviceFault: the kernel does not take it.
        """
        self.done.clear()
        code = self._library.libusb_submit_transfer(self._pointer)
        if code:
            self.done.set()
            if code == ERROR_NO_DEVICE:
                raise DeviceGone("The USB device was unplugged.")
            raise DeviceFault(f"The USB device takes no transfers (libusb error {code}).")

    def cancel(self) -> None:
        """Ask for it back; `done` says when it has come."""
        if not self.done.is_set():
            self._library.libusb_cancel_transfer(self._pointer)

    def free(self) -> None:
        """Give libusb's part back, if the kernel has given back the transfer."""
        if self._pointer is not None and self.done.is_set():
            self._library.libusb_free_transfer(self._pointer)
            self._pointer = None

    def _finished(self, pointer: Any) -> None:
        """Called by libusb, in whichever thread handles its events."""
        inside = pointer.contents
        self.status = inside.status
        start = SETUP_BYTES if inside.type == CONTROL else 0
        length = max(0, min(inside.actual_length, len(self._buffer) - start))
        self.data = self._buffer.raw[start : start + length]
        self.done.set()
        self._on_done(self)


class UsbLink:
    """One claimed interface of one device."""

    def __init__(
        self,
        library: Library,
        handle: Any,
        *,
        context: Any,
        interrupt_endpoint: int,
        bulk_endpoint: int,
        check: Callable[[], None],
        let_go: Callable[[], None],
    ) -> None:
        """`check` is called at least each `POLL_SECONDS` of a wait; what it raises ends the wait."""
        self._library, self._handle, self._context = library, handle, context
        self._interrupt_endpoint, self._bulk_endpoint = interrupt_endpoint, bulk_endpoint
        self._check, self._let_go = check, let_go
        self._changed = threading.Condition()
        self._heard: deque[bytes] = deque(maxlen=MAX_HEARD)
        self._deaf: DeviceError | None = None
        """Why no interrupt will come any more."""
        self._interrupt: Transfer | None = None
        self._bulk: Transfer | None = None
        self._closing = threading.Event()
        self._events = threading.Thread(target=self._handle_events, name="usb", daemon=True)
        self._events.start()

    def control_in(self, request: int, value: int, length: int) -> bytes:
        """Read registers.

        Raises:
            DeviceError: the device is gone, or does not answer as it should.
        """
        data = self._control(VENDOR_IN, request, value, bytes(length))
        if len(data) != length:
            raise DeviceFault(f"The USB device gave {len(data)} bytes where {length} were asked for.")
        return data

    def control_out(self, request: int, value: int, data: bytes) -> None:
        """Write registers.

        Raises:
            DeviceError: the device is gone, or does not take them.
        """
        self._control(VENDOR_OUT, request, value, data)

    def listen(self) -> None:
        self._interrupt = self._transfer(
            INTERRUPT, self._interrupt_endpoint, INTERRUPT_BYTES, on_done=self._on_interrupt
        )
        self._interrupt.submit()

    def heard(self, timeout: float) -> bytes | None:
        """The next interrupt; None: none came.

        Raises:
            DeviceError: none can come any more.
        """
        deadline = time.monotonic() + timeout
        with self._changed:
            while True:
                if self._heard:
                    return self._heard.popleft()
                if self._deaf is not None:
                    raise self._deaf
                left = deadline - time.monotonic()
                if left <= 0:
                    return None
                self._changed.wait(min(left, POLL_SECONDS))
                self._check()

    def begin_bulk(self, length: int) -> None:
        self.cancel_bulk()
        self._bulk = self._transfer(BULK, self._bulk_endpoint, length)
        self._bulk.submit()

    def bulk(self, timeout: float) -> bytes | None:
        """What the bulk-IN brought; None: it is still outstanding.

        Raises:
            DeviceError: it failed.
        """
        assert self._bulk is not None
        if not self._wait(self._bulk, timeout):
            return None
        done, self._bulk = self._bulk, None
        return _result(done)

    def cancel_bulk(self) -> None:
        bulk, self._bulk = self._bulk, None
        if bulk is not None:
            self._withdraw(bulk)

    def close(self) -> None:
        self._closing.set()
        self.cancel_bulk()
        if self._interrupt is not None:
            self._withdraw(self._interrupt)
        self._let_go()  # closing the handle wakes the event thread
        self._events.join(CANCEL_SECONDS)

    def _control(self, kind: int, request: int, value: int, data: bytes) -> bytes:
        setup = bytes([kind, request]) + value.to_bytes(2, "little") + bytes(2)
        content = setup + len(data).to_bytes(2, "little") + data
        transfer = self._transfer(CONTROL, 0, len(content), content=content)
        transfer.submit()
        try:
            if not self._wait(transfer, CONTROL_SECONDS):
                raise DeviceFault("The USB device does not answer.")
        except BaseException:
            self._withdraw(transfer)
            raise
        return _result(transfer)

    def _transfer(
        self,
        kind: int,
        endpoint: int,
        length: int,
        *,
        content: bytes = b"",
        on_done: Callable[[Transfer], None] = lambda _transfer: None,
    ) -> Transfer:
        return Transfer(
            self._library,
            self._handle,
            kind=kind,
            endpoint=endpoint,
            length=length,
            content=content,
            on_done=on_done,
        )

    def _wait(self, transfer: Transfer, timeout: float) -> bool:
        deadline = time.monotonic() + timeout
        while not transfer.done.is_set():
            left = deadline - time.monotonic()
            if left <= 0:
                return False
            transfer.done.wait(min(left, POLL_SECONDS))
            self._check()
        return True

    def _withdraw(self, transfer: Transfer) -> None:
        transfer.cancel()
        if transfer.done.wait(CANCEL_SECONDS):
            transfer.free()

    def _on_interrupt(self, transfer: Transfer) -> None:
        """In the event thread: keep it, and listen again at once."""
        with self._changed:
            if transfer.status == COMPLETED:
                self._heard.append(transfer.data)
                if not self._closing.is_set():
                    try:
                        transfer.submit()
                    except DeviceError as error:
                        self._deaf = error
            else:
                self._deaf = _error(transfer.status)
            self._changed.notify_all()

    def _handle_events(self) -> None:
        wait = _TimeValue(0, int(POLL_SECONDS * 1e6))
        while not (self._closing.is_set() and self._all_done()):
            self._library.libusb_handle_events_timeout_completed(self._context, ctypes.byref(wait), None)

    def _all_done(self) -> bool:
        return self._interrupt is None or self._interrupt.done.is_set()


def find(wanted: Callable[[UsbIds], bool]) -> UsbIds | None:
    """The first device on the bus that is wanted.

    Raises:
        DeviceFault: libusb is not installed.
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
    pointer = ctypes.POINTER(_Struct)
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


def _result(transfer: Transfer) -> bytes:
    status, data = transfer.status, transfer.data
    transfer.free()
    if status != COMPLETED:
        raise _error(status)
    return data


def _error(status: int) -> DeviceError:
    if status in (NO_DEVICE, FAILED):  # a plug that is pulled in the middle of a transfer gives the second
        return DeviceGone("The USB device was unplugged.")
    if status == CANCELLED:
        return DeviceGone("The USB device was closed while it was in use.")
    if status == STALLED:
        return DeviceFault("The USB device refuses a request.")
    return DeviceFault("The USB device sends more than it was asked for, or is stuck.")


def _why_not_open(error: usb.core.USBError) -> DeviceError:
    if error.errno == errno.EBUSY:
        return DeviceBusy("Another program holds the USB device.")
    if error.errno in (errno.EACCES, errno.EPERM):
        return DeviceFault("The USB device may not be opened: this service needs the group of its udev rule.")
    if error.errno in (errno.ENODEV, errno.ENOENT):
        return DeviceGone("The USB device was unplugged.")
    return DeviceFault("The USB device cannot be opened.")
