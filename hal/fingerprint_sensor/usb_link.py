"""A USB device of a few transfers, over libusb, in an order that can be relied on.

PyUSB's own calls wait for their result, so nobody can say whether a read was outstanding before the next
command went out. Here every transfer is submitted to the kernel before the call returns, and can be cancelled
at once: an interrupt-IN listens before the first control transfer, a bulk-IN before it is asked to be filled.
"""

import ctypes
import threading
import time
from collections import deque
from collections.abc import Callable
from typing import Any, Protocol

from hal.device import DeviceError, DeviceFault
from hal.driver import POLL_SECONDS
from hal.fingerprint_sensor.usb_transfer import (
    BULK,
    COMPLETED,
    CONTROL,
    INTERRUPT,
    Library,
    TimeValue,
    Transfer,
    error_of,
)

VENDOR_IN, VENDOR_OUT = 0xC0, 0x40

CONTROL_SECONDS = 5.0
"""Linux' own limit for control transfers; a register is read in milliseconds."""

CANCEL_SECONDS = 1.0
"""A cancelled transfer comes back from the kernel at once; one that does not is left to it, not freed."""

MAX_HEARD = 64
"""Interrupts kept that nobody has asked for: a device that babbles must not fill the memory."""

INTERRUPT_BYTES = 64
"""The largest packet of a full-speed interrupt endpoint."""


LEFT_TO_THE_KERNEL: list[Transfer] = []
"""Transfers that did not come back: their buffers may still be written to, so they are never freed."""


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
        return done.result()

    def cancel_bulk(self) -> None:
        bulk, self._bulk = self._bulk, None
        if bulk is not None:
            self._withdraw(bulk)

    def close(self) -> None:
        with self._changed:  # an interrupt that has just come is either awaited anew by now, or never again
            self._closing.set()
        self.cancel_bulk()
        if self._interrupt is not None:
            self._withdraw(self._interrupt)
            self._interrupt = None
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
        return transfer.result()

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
        else:
            LEFT_TO_THE_KERNEL.append(transfer)

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
                self._deaf = error_of(transfer.status)
            self._changed.notify_all()

    def _handle_events(self) -> None:
        wait = TimeValue(0, int(POLL_SECONDS * 1e6))
        while not (self._closing.is_set() and self._interrupt is None):
            self._library.libusb_handle_events_timeout_completed(self._context, ctypes.byref(wait), None)
