"""Receipt printers that speak ESC/POS on a serial line: RS-232, or USB set to a virtual COM port.

The commands are those of Epson's ESC/POS reference that its imitators share: ESC @, GS v 0 (raster), GS V
(cut), GS r (status, answered when all before it is printed), DLE EOT (status, answered at once), DLE DC4
(clear).
"""

import time
from typing import Final, Literal

import numpy as np
import numpy.typing as npt
import serial

from hal.device import (
    Capability,
    DeviceError,
    DeviceFault,
    DeviceGone,
    Finding,
    Identity,
    Timeout,
    Unreadable,
)
from hal.driver import POLL_SECONDS, Driver
from hal.framed_reader import LINE_ERRORS
from hal.printer import check_page
from hal.serial_port import SerialOptions, open_serial

INITIALISE: Final = b"\x1b@"
RASTER: Final = b"\x1dv0\x00"
FEED_AND_CUT: Final = b"\x1dVB\x00"
PAPER_WHEN_DONE: Final = b"\x1dr\x01"
CLEAR: Final = b"\x10\x14\x08\x01\x03\x14\x01\x06\x02\x08"
"""DLE DC4, function 8: buffers are emptied at once, also of a printer that waits for paper."""

PRINTER, OFFLINE, PAPER = 1, 2, 4
"""What DLE EOT n asks for."""
FIXED_MASK, FIXED = 0b1001_0011, 0b0001_0010
"""Bits 0, 1, 4 and 7 of every answer to DLE EOT: they tell it from noise."""
DONE_MASK, DONE = 0b1001_0000, 0
"""Bits 4 and 7 of the answer to GS r 1."""
COVER_OPEN, PAPER_ENDED, BROKEN = 0x04, 0x20, 0x40
"""Of OFFLINE."""
NO_PAPER: Final = 0x60
"""Of PAPER."""

BAND_ROWS: Final = 64
"""Rows sent at once; between two bands the printer is asked how it is."""
ANSWER_SECONDS: Final = 1.0
"""DLE EOT is answered while the printer prints, and without paper."""


class Options(SerialOptions, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What the configuration may say of this driver."""

    baud: int = 38400
    dots: Literal[384, 432, 512, 576] = 576
    """Across the paper: 576 of 80 mm rolls, 384 of 58 mm rolls at 203 dpi."""
    cutter: bool = True
    model: str = "ESC/POS receipt printer"


class EscposPrinter(Driver):
    """A printer whose every page is either whole on paper, or given up."""

    capabilities = frozenset({Capability.PRINT, Capability.SELF_TEST})

    def __init__(self, options: Options) -> None:
        super().__init__(
            Identity(
                kind="printer",
                driver="escpos",
                model=options.model,
                serial=options.serial_number,
                port=options.port,
            )
        )
        self.dots = int(options.dots)
        self._options = options
        self._port: serial.Serial | None = None
        self._done = False
        """The answer to GS r came while something else was asked."""

    def print_page(self, page: npt.NDArray[np.bool_], timeout: float) -> None:
        check_page(page, self.dots)
        deadline = time.monotonic() + timeout
        with self._operation():
            try:
                self._wait_until_ready(deadline)
                self._wait_is_over()
                self._send(page, deadline)
            except LINE_ERRORS as error:
                raise DeviceGone("The printer was unplugged.") from error

    def self_test(self) -> tuple[Finding, ...]:
        with self._operation():
            try:
                offline, paper = self._ask(OFFLINE), self._ask(PAPER)
            except LINE_ERRORS as error:
                raise DeviceGone("The printer was unplugged.") from error
            return (
                Finding("answers", True),
                Finding("cover is closed", not offline & COVER_OPEN),
                Finding("has paper", not paper & NO_PAPER),
                Finding("no error of its own", not offline & BROKEN),
            )

    def _wait_until_ready(self, deadline: float) -> None:
        """Until there is paper and the cover is closed; a person may be loading a roll."""
        while problem := self._problem():
            if time.monotonic() >= deadline:
                raise Timeout(problem)
            self._pause()

    def _send(self, page: npt.NDArray[np.bool_], deadline: float) -> None:
        try:
            self._write(INITIALISE, deadline)
            width = self.dots // 8
            for start in range(0, len(page), BAND_ROWS):
                band = np.packbits(page[start : start + BAND_ROWS], axis=1)
                head = RASTER + width.to_bytes(2, "little") + len(band).to_bytes(2, "little")
                self._write(head + band.tobytes(), deadline)
                if problem := self._problem():
                    raise Timeout(problem)
            self._write((FEED_AND_CUT if self._options.cutter else b"\n\n\n\n") + PAPER_WHEN_DONE, deadline)
            self._wait_until_done(deadline)
        except (Timeout, Unreadable):
            self._give_up()
            raise

    def _wait_until_done(self, deadline: float) -> None:
        assert self._port is not None
        while True:
            answer = self._port.read(1)  # waits POLL_SECONDS at most
            self._check_not_closed()
            if answer and answer[0] & DONE_MASK == DONE:
                return
            if answer:
                raise Unreadable("The printer said something that no printer says.")
            if problem := self._problem(or_done=True):
                raise Timeout(problem)
            if self._done:
                return
            if time.monotonic() >= deadline:
                raise Timeout("The printer did not finish in time.")

    def _give_up(self) -> None:
        """What is left of the page goes: with a new roll it would be printed, of a traveller who has gone."""
        assert self._port is not None
        try:
            self._port.write(CLEAR)
        except LINE_ERRORS:
            return  # it is unplugged, and forgets by itself

    def _problem(self, *, or_done: bool = False) -> str:
        """Why it cannot print now, in a sentence; empty when it can.

        Raises:
            DeviceFault: it has an error that only a technician can mend.
        """
        offline = self._ask(OFFLINE, or_done=or_done)
        if offline & BROKEN:
            raise DeviceFault("The printer reports an error of its own: switch it off and on.")
        if offline & COVER_OPEN:
            return "The printer's cover is open."
        if offline & PAPER_ENDED or self._ask(PAPER, or_done=or_done) & NO_PAPER:
            return "The printer has no paper."
        return ""

    def _ask(self, what: int, *, or_done: bool = False) -> int:
        """The answer to DLE EOT; `or_done`: that to GS r may come before it, which `_done` then says."""
        assert self._port is not None
        if not or_done:
            self._port.reset_input_buffer()
            self._done = False
        self._port.write(b"\x10\x04" + bytes([what]))
        until = time.monotonic() + ANSWER_SECONDS
        while time.monotonic() < until:
            self._check_not_closed()
            answer = self._port.read(1)
            if not answer:
                continue
            if answer[0] & FIXED_MASK == FIXED:
                return answer[0]
            if not (or_done and answer[0] & DONE_MASK == DONE):
                raise Unreadable("The printer said something that no printer says.")
            self._done = True
        raise DeviceFault("The printer does not answer: is it on, and its baud rate as configured?")

    def _write(self, data: bytes, deadline: float) -> None:
        """In pieces that the line takes within its own time-out, so that `close` is felt."""
        assert self._port is not None
        piece = max(64, self._options.baud // 10 // 4)  # a quarter of a second
        for start in range(0, len(data), piece):
            self._check_not_closed()
            if time.monotonic() >= deadline:
                raise Timeout("The printer did not take the page in time.")
            self._port.write(data[start : start + piece])

    def _pause(self) -> None:
        self._check_not_closed()
        self._closing.wait(POLL_SECONDS)
        self._check_not_closed()

    def _take_hold(self) -> None:
        self._port = open_serial(self._options, "receipt printer")
        self._done = False
        try:
            self._port.write(CLEAR)
            self._ask(PRINTER)
        except LINE_ERRORS as error:
            self._let_go()
            raise DeviceGone("The printer was unplugged.") from error
        except (DeviceError, Unreadable) as error:
            self._let_go()
            raise DeviceFault(
                "What is on this line is no ESC/POS printer, or its settings are others."
            ) from error

    def _let_go(self) -> None:
        port, self._port = self._port, None
        if port is not None:
            try:
                port.close()
            except LINE_ERRORS:
                return  # it went before


def create(options: Options) -> EscposPrinter:
    """The driver for `hal.discovery.make_device`."""
    return EscposPrinter(options)
