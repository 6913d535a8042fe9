"""Barcode readers: what a driver must offer to be asked for a code (visible digital seals, QR, PDF417)."""

from dataclasses import dataclass
from typing import Protocol, runtime_checkable

from hal.device import DeviceView


@dataclass(frozen=True, slots=True)
class Barcode:
    """One code as the reader sent it: nothing is decoded or judged here."""

    data: bytes
    symbology: str | None = None
    """The AIM identifier without its bracket (ISO/IEC 15424), such as Q1 for QR; None where none was sent."""


@runtime_checkable
class BarcodeReader(DeviceView, Protocol):
    """A reader that is held at a code, or a code at it."""

    def read_barcode(self, timeout: float) -> Barcode:
        """The next code; waits up to `timeout` seconds.

        Raises:
            Timeout: no code came.
            Unreadable: bytes came that are no code.
            DeviceError: the reader is gone, held by another, or broken.
        """
