"""Readers that pretend to be a keyboard: their keystrokes, taken before anyone else sees them (evdev).

The kernel's interface is Documentation/input/input.rst: `struct input_event` from /dev/input/event*, and
EVIOCGRAB, after which no terminal, no browser and no other program gets this device's keys. Without the grab
nothing is read: what a reader types into the officer's page would be a traveller's data in the wrong place.
"""

import errno
import fcntl
import os
import select
import struct
import time
from collections.abc import Callable
from typing import Final

import msgspec

from hal.device import DeviceBusy, DeviceError, DeviceFault, DeviceGone
from hal.driver import POLL_SECONDS

EVIOCGRAB: Final = 0x40044590
"""_IOW('E', 0x90, int)"""
EVENT: Final = struct.Struct("@llHHi")
"""struct input_event: time (two longs of this machine), type, code, value."""
MAX_EVENTS: Final = 64
"""Read at once; the kernel holds this many for a keyboard by default."""
DRAIN_READS: Final = 1024
"""Reads that empty the queue: a device that types faster than this is not a reader."""

_EV_SYN, _EV_KEY = 0, 1
_SYN_DROPPED = 3
_PRESSED, _RELEASED = 1, 0
"""2 is autorepeat: a slow host makes it, not the reader, so it counts for nothing."""
_SHIFTS = frozenset({42, 54})
_NO_CHARACTER = frozenset({29, 97, 56, 100, 58, 125, 126})
"""Control, Alt, Caps Lock, Super: a wedge may press them around its text."""
LOST: Final = b"\x80"
"""In place of keys that were lost or mean nothing: no MRZ and no text has this byte."""


def _row(first: int, plain: str, shifted: str) -> dict[int, tuple[str, str]]:
    return {first + place: pair for place, pair in enumerate(zip(plain, shifted, strict=True))}


KEYS: Final[dict[int, tuple[str, str]]] = (
    _row(2, "1234567890-=", "!@#$%^&*()_+")
    | _row(16, "qwertyuiop[]", "QWERTYUIOP{}")
    | _row(30, "asdfghjkl;'`", 'ASDFGHJKL:"~')
    | _row(43, "\\zxcvbnm,./", "|ZXCVBNM<>?")
    | _row(71, "789-456+1230.", "789-456+1230.")
    | {15: ("\t", "\t"), 28: ("\r", "\r"), 96: ("\r", "\r"), 57: (" ", " "), 55: ("*", "*"), 98: ("/", "/")}
    | {86: ("<", ">")}  # the key that only ISO keyboards have; some readers use it for `<`
)
"""Key code (linux/input-event-codes.h) -> what it types in the US layout, plain and with Shift."""


class KeyDecoder:
    """Key events to text."""

    def __init__(self) -> None:
        self._shift: set[int] = set()

    def reset(self) -> None:
        self._shift.clear()

    def feed(self, kind: int, code: int, value: int) -> bytes:
        """What this event types."""
        if kind == _EV_SYN and code == _SYN_DROPPED:
            self._shift.clear()
            return LOST
        if kind != _EV_KEY:
            return b""
        if code in _SHIFTS:
            (self._shift.discard if value == _RELEASED else self._shift.add)(code)
            return b""
        if value != _PRESSED or code in _NO_CHARACTER:
            return b""
        pair = KEYS.get(code)
        return LOST if pair is None else pair[bool(self._shift)].encode("ascii")


class WedgeOptions(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What the configuration may say of a reader that types."""

    device: str
    """/dev/borne/wedge-... or /dev/input/by-id/...-event-kbd; /dev/input/event3 changes."""
    accept_earlier: bool = False
    """Take a document that came before it was asked for; see `FramedReader`."""
    serial_number: str | None = None


def grab(fd: int) -> None:
    """Have this device's keys for ourselves.

    Raises:
        OSError: another program has them, or this is no input device.
    """
    fcntl.ioctl(fd, EVIOCGRAB, 1)


class WedgePort:
    """A `hal.framed_reader.LinePort` whose bytes are keystrokes; Enter is CR."""

    def __init__(self, device: str, what: str, *, take: Callable[[int], None] = grab) -> None:
        """Open and grab.

        Raises:
            DeviceError: it is not there, may not be opened, or cannot be grabbed.
        """
        try:
            self._fd = os.open(device, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        except OSError as error:
            raise _why_not_open(error, device, what) from error
        try:
            take(self._fd)
        except OSError as error:
            os.close(self._fd)
            raise _why_not_grabbed(error, device) from error
        self._decoder = KeyDecoder()
        self._rest = b""

    @property
    def in_waiting(self) -> int:
        return 0

    def read(self, size: int) -> bytes:  # noqa: ARG002 - a keystroke is a keystroke
        """What was typed, after at most POLL_SECONDS.

        Raises:
            OSError: the device was unplugged.
        """
        deadline = time.monotonic() + POLL_SECONDS
        typed = b""
        while not typed and (left := deadline - time.monotonic()) > 0:
            readable, _, _ = select.select([self._fd], [], [], left)
            if readable:
                typed = self._decode(self._take())
        return typed

    def write(self, data: bytes) -> int | None:
        """A keyboard takes no commands."""
        return len(data)

    def reset_input_buffer(self) -> None:
        """Forget what was typed while nobody asked."""
        for _ in range(DRAIN_READS):
            readable, _, _ = select.select([self._fd], [], [], 0)
            if not readable or not self._take():
                break
        self._rest = b""
        self._decoder.reset()

    def close(self) -> None:
        """Closing ends the grab."""
        os.close(self._fd)

    def _take(self) -> bytes:
        try:
            data = os.read(self._fd, EVENT.size * MAX_EVENTS)
        except BlockingIOError:
            return b""
        if not data:
            raise OSError(errno.ENODEV, "the input device has ended")
        return data

    def _decode(self, data: bytes) -> bytes:
        data = self._rest + data
        whole = len(data) - len(data) % EVENT.size
        self._rest = data[whole:]
        return b"".join(
            self._decoder.feed(kind, code, value)
            for _, _, kind, code, value in EVENT.iter_unpack(data[:whole])
        )


def _why_not_open(error: OSError, device: str, what: str) -> DeviceError:
    if error.errno in (errno.EACCES, errno.EPERM):
        return DeviceFault(f"{device} may not be opened: its udev rule gives it to the group borne-devices.")
    if error.errno in (errno.EISDIR, errno.ENOTDIR):
        return DeviceFault(f"{device} is not an input device.")
    return DeviceGone(f"There is no {what} at {device}.")


def _why_not_grabbed(error: OSError, device: str) -> DeviceError:
    if error.errno == errno.EBUSY:
        return DeviceBusy(f"Another program has grabbed {device}.")
    if error.errno == errno.ENODEV:
        return DeviceGone(f"{device} was unplugged.")
    return DeviceFault(f"{device} cannot be kept from typing into the page, so it is not read.")
