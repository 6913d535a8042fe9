"""Document readers: what a driver must offer to be asked for MRZ lines or for a chip."""

from dataclasses import dataclass
from typing import Protocol, runtime_checkable

from hal.device import DeviceView


@dataclass(frozen=True, slots=True)
class RawLines:
    """The lines as the reader sent them, after deframing: but for the fill character nothing is repaired."""

    lines: tuple[str, ...]
    framing: str
    """Which framing was recognised: stx_etx, cr_lines, desko, access_is, rte_native, elyctis, simulated."""


@runtime_checkable
class MrzLineReader(DeviceView, Protocol):
    """A reader that gives the MRZ as text (swipe or full-page reader on a serial line)."""

    def read_lines(self, timeout: float) -> RawLines:
        """The next document's lines; waits up to `timeout` seconds.

        Raises:
            Timeout: no document came.
            Unreadable: bytes came that no framing explains.
            DeviceError: the reader is gone, held by another, or broken.
        """


@runtime_checkable
class ChipConnection(Protocol):
    """One chip in the field, from the moment it was found until it leaves."""

    @property
    def atr(self) -> bytes: ...
    @property
    def max_apdu_bytes(self) -> int:
        """What reader and driver carry in one APDU (PC/SC part 10); 256 where they do not say."""

    def transmit(self, command: bytes) -> bytes:
        """Send one C-APDU, return the R-APDU with its two status bytes.

        Raises:
            ChipRemoved: the chip left the field.
            DeviceError: the reader is gone or broken.
        """

    def close(self) -> None: ...


@runtime_checkable
class ChipReader(DeviceView, Protocol):
    """A contactless reader."""

    @property
    def under_page(self) -> bool:
        """Whether a document lies on it while its page is read, as on a full-page reader: then a chip that
        is not in the field within moments is none that answers."""

    def wait_for_chip(self, timeout: float) -> ChipConnection:
        """Connect to the chip in the field; waits up to `timeout` seconds.

        Raises:
            Timeout: no chip came into the field.
            DeviceError: the reader is gone, held by another, or broken.
        """
