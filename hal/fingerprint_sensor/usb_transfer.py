"""One asynchronous transfer of libusb 1.0 through ctypes: submitted, cancelled, done; its errors are ours."""

import ctypes
import threading
from collections.abc import Callable
from typing import Any, Protocol

from hal.device import DeviceError, DeviceFault, DeviceGone

CONTROL, BULK, INTERRUPT = 0, 2, 3
SETUP_BYTES = 8


class TransferStruct(ctypes.Structure):
    """libusb's `struct libusb_transfer`, without the list of isochronous packets."""


_Callback = ctypes.CFUNCTYPE(None, ctypes.POINTER(TransferStruct))

TransferStruct._fields_ = [
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


class TimeValue(ctypes.Structure):
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

    def result(self) -> bytes:
        """What a transfer that is done has brought; it is freed.

        Raises:
            DeviceError: it failed.
        """
        self.free()
        if self.status != COMPLETED:
            raise error_of(self.status)
        return self.data


def error_of(status: int) -> DeviceError:
    """The error that a status stands for."""
    if status in (NO_DEVICE, FAILED):  # a plug that is pulled in the middle of a transfer gives the second
        return DeviceGone("The USB device was unplugged.")
    if status == CANCELLED:
        return DeviceGone("The USB device was closed while it was in use.")
    if status == STALLED:
        return DeviceFault("The USB device refuses a request.")
    return DeviceFault("The USB device sends more than it was asked for, or is stuck.")
