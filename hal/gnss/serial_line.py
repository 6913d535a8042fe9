"""A receiver on a serial line or USB: its sentences, each with the moment at which its first byte came."""

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from hal.device import DeviceGone
from hal.framed_reader import LINE_ERRORS
from hal.gnss.nmea import MAX_SENTENCE_BYTES
from hal.serial_port import SerialOptions, open_serial

BAUD = 9600
"""What receivers are set to when they are bought; a u-blox on USB takes any."""


@dataclass(frozen=True, slots=True)
class Sentence:
    """One line as it came, with this machine's clocks when it began to come."""

    line: bytes
    wall_ns: int
    monotonic_ns: int


def sentences(
    port: str, baud: int = BAUD, *, goes_on: Callable[[], bool] = lambda: True
) -> Iterator[Sentence]:
    """Every line that begins with `$`, for as long as `goes_on`; what is between is passed over.

    Raises:
        DeviceError: the line is not there, is held by another, or has gone.
    """
    line = open_serial(SerialOptions(port=port, baud=baud), "satellite receiver")
    try:
        buffer, wall, monotonic = b"", 0, 0
        while goes_on():
            try:
                byte = line.read(1)
            except LINE_ERRORS as error:
                raise DeviceGone(f"The satellite receiver on {port} has gone.") from error
            if byte == b"$":
                buffer, wall, monotonic = byte, time.time_ns(), time.monotonic_ns()
            elif byte in (b"\r", b"\n"):
                if buffer:
                    yield Sentence(buffer, wall, monotonic)
                buffer = b""
            elif buffer:
                buffer = buffer + byte if len(buffer) < MAX_SENTENCE_BYTES else b""
    finally:
        line.close()
