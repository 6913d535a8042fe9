"""Document readers that send the MRZ as text over a serial line (RS-232, USB CDC)."""

import errno
import termios
import time
from collections import deque
from typing import Literal

import msgspec
import serial

from hal.device import (
    Capability,
    DeviceBusy,
    DeviceError,
    DeviceFault,
    DeviceGone,
    Identity,
    Timeout,
    Unreadable,
)
from hal.document_reader import RawLines
from hal.document_reader.framing import Damaged, ElyctisDeframer, FramingName, RteCheck, make_deframer
from hal.driver import POLL_SECONDS, Driver

FRESH_SECONDS = 2.0
"""A caller that asks again within this time is still waiting for the same document."""

NOISE_BYTES = 16
"""More skipped bytes than this in one wait are not stray ones: baud rate, parity or framing are wrong."""

WRITE_SECONDS = 1.0
"""The commands have four bytes: a line that does not take them in this time is stuck."""


LINE_ERRORS = (OSError, termios.error)
"""pyserial's own errors are OSErrors; those of the terminal layer come through it as they are."""


class Options(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What the configuration may say of this driver."""

    port: str
    """/dev/serial/by-id/... is stable across reboots; /dev/ttyUSB0 is not."""
    baud: int = 9600
    bytesize: Literal[7, 8] = 8
    parity: Literal["N", "E", "O"] = "N"
    stopbits: Literal[1, 2] = 1
    framing: FramingName = "auto"
    start_of_data: str = ""
    """DESKO's <SOD>, as its configuration sets it; empty when it sends none."""
    end_of_data: str = ""
    """DESKO's <EOD>."""
    rte_check: RteCheck = "xor_after_soh"
    accept_earlier: bool = False
    """Take a document that came before it was asked for; see `MrzLineReader`."""
    model: str = "serial MRZ reader"
    serial_number: str | None = None


class MrzLineReader(Driver):
    """A reader on a serial line.

    A call begins with an empty line: what came before it may be the document of the traveller before,
    and a wrong person's data are worse than a second swipe. Two exceptions: a caller that asks again
    soon after a `Timeout` is still waiting for the same document, so nothing is thrown away between
    the two calls; and `accept_earlier` is for a post where people swipe before the button is pressed.
    """

    capabilities = frozenset({Capability.MRZ_LINES})

    def __init__(self, options: Options) -> None:
        super().__init__(
            Identity(
                kind="document_reader",
                driver="mrz_line",
                model=options.model,
                serial=options.serial_number,
                port=options.port,
            )
        )
        self._options = options
        self._port: serial.Serial | None = None
        self._deframer = make_deframer(
            options.framing,
            start_of_data=options.start_of_data.encode("latin-1"),
            end_of_data=options.end_of_data.encode("latin-1"),
            rte_check=options.rte_check,
        )
        self._arms = options.framing == "elyctis"
        """Only where the technician has named the reader is anything written to it."""
        self._waiting: deque[RawLines | Damaged] = deque()
        self._asked_until: float | None = None
        """When the last wait ended with nothing; None when it ended otherwise."""

    def read_lines(self, timeout: float) -> RawLines:
        deadline = time.monotonic() + timeout
        with self._operation():
            try:
                lines = self._read(deadline)
            except Timeout:
                self._asked_until = time.monotonic()
                raise
            except serial.SerialTimeoutException as error:
                raise DeviceFault(f"The reader on {self._options.port} takes no commands.") from error
            except LINE_ERRORS as error:
                raise DeviceGone(f"The document reader on {self._options.port} was unplugged.") from error
            finally:
                self._disarm()
            return lines

    def _read(self, deadline: float) -> RawLines:
        assert self._port is not None
        asked_until, self._asked_until = self._asked_until, None
        again = asked_until is not None and time.monotonic() - asked_until < FRESH_SECONDS
        if not (again or self._options.accept_earlier):
            self._port.reset_input_buffer()
            self._deframer.reset()
            self._waiting.clear()
        if self._arms:  # disarm first: only then is a document that already lies in the slot read
            self._port.write(ElyctisDeframer.DISARM + ElyctisDeframer.ARM)
        heard = time.monotonic()
        while True:
            self._check_not_closed()
            if self._waiting:
                return _lines(self._waiting.popleft())
            now = time.monotonic()
            if self._deframer.in_document and now - heard >= self._deframer.gap_seconds:
                outcome = self._deframer.idle()
                if outcome is not None:
                    self._waiting.append(outcome)
                continue
            if now >= deadline:
                raise self._nothing_came()
            data = self._port.read(self._port.in_waiting or 1)
            if data:
                if not self._deframer.in_document:
                    self._wait_is_over()
                heard = time.monotonic()
                self._waiting.extend(self._deframer.feed(data))

    def _nothing_came(self) -> Timeout | Unreadable:
        noise, self._deframer.noise = self._deframer.noise, 0
        if noise > NOISE_BYTES:
            return Unreadable(
                f"The document reader on {self._options.port} sent {noise} bytes that are no document: "
                "check its baud rate, parity and framing."
            )
        return Timeout("No document was read.")

    def _disarm(self) -> None:
        """Leave the reader silent until it is asked again."""
        if self._arms and self._port is not None:
            try:
                self._port.write(ElyctisDeframer.DISARM)
            except LINE_ERRORS:
                return  # it is gone: the exchange itself, or the next one, says so

    def _take_hold(self) -> None:
        options = self._options
        try:
            self._port = serial.Serial(
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
            raise _why_not_open(error, options.port) from error
        except ValueError as error:
            raise DeviceFault(f"{options.port} cannot be set as configured: check its baud rate.") from error
        self._deframer.reset()
        self._waiting.clear()
        self._asked_until = None

    def _let_go(self) -> None:
        port, self._port = self._port, None
        if port is not None:
            try:
                port.close()
            except OSError:
                return  # already torn out: the descriptor is closed all the same


def create(options: Options) -> MrzLineReader:
    """The driver for `hal.discovery.make_device`."""
    return MrzLineReader(options)


def _lines(outcome: RawLines | Damaged) -> RawLines:
    if isinstance(outcome, Damaged):
        raise Unreadable(outcome.reason)
    return outcome


def _why_not_open(error: OSError | termios.error, port: str) -> DeviceError:
    number = getattr(error, "errno", None)
    if number is None:  # a failed setting: pyserial keeps its number only in the error before
        number = next(iter((error.__context__ or error).args), None)
    if number in (errno.EBUSY, errno.EAGAIN):
        return DeviceBusy(f"Another program holds {port}.")
    if number in (errno.EACCES, errno.EPERM):
        return DeviceFault(f"{port} may not be opened: this service needs the group that owns it (dialout).")
    if number in (errno.ENOTTY, errno.EINVAL, errno.EISDIR):
        return DeviceFault(f"{port} is not a serial port.")
    return DeviceGone(f"There is no document reader on {port}.")
