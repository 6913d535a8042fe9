"""A serial line (RS-232, USB CDC), opened for one reader alone."""

import errno
import termios
from typing import Literal

import msgspec
import serial

from hal.device import DeviceBusy, DeviceError, DeviceFault, DeviceGone
from hal.driver import POLL_SECONDS
from hal.framed_reader import LINE_ERRORS

WRITE_SECONDS = 1.0
"""The commands have four bytes: a line that does not take them in this time is stuck."""


class SerialOptions(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What the configuration may say of a reader on a serial line."""

    port: str
    """/dev/serial/by-id/... is stable across reboots; /dev/ttyUSB0 is not."""
    baud: int = 9600
    bytesize: Literal[7, 8] = 8
    parity: Literal["N", "E", "O"] = "N"
    stopbits: Literal[1, 2] = 1
    accept_earlier: bool = False
    """Take a document that came before it was asked for; see `FramedReader`."""
    serial_number: str | None = None


def open_serial(options: SerialOptions, what: str) -> serial.Serial:
    """The line, as configured.

    Raises:
        DeviceError: it is not there, is held by another, or is no serial line.
    """
    try:
        return serial.Serial(
            options.port,
            baudrate=options.baud,
            bytesize=options.bytesize,
            parity=options.parity,
            stopbits=options.stopbits,
            timeout=POLL_SECONDS,
            write_timeout=WRITE_SECONDS,
            exclusive=True,
        )
    except LINE_ERRORS as error:
        raise why_not_open(error, options.port, what) from error
    except ValueError as error:
        raise DeviceFault(f"{options.port} cannot be set as configured: check its baud rate.") from error


def why_not_open(error: OSError | termios.error, port: str, what: str) -> DeviceError:
    """The error of hal that says why this port could not be opened; `what` should have been on it."""
    number = getattr(error, "errno", None)
    if number is None:  # a failed setting: pyserial keeps its number only in the error before
        number = next(iter((error.__context__ or error).args), None)
    if number in (errno.EBUSY, errno.EAGAIN):
        return DeviceBusy(f"Another program holds {port}.")
    if number in (errno.EACCES, errno.EPERM):
        return DeviceFault(f"{port} may not be opened: this service needs the group that owns it (dialout).")
    if number in (errno.ENOTTY, errno.EINVAL, errno.EISDIR):
        return DeviceFault(f"{port} is not a serial port.")
    return DeviceGone(f"There is no {what} on {port}.")
