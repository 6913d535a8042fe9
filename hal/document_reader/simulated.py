"""A document reader without hardware: gives the lines, and connects to the chip, that it is given."""

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass

from hal.device import Capability, ChipRemoved, DeviceGone, NotSupported, Timeout
from hal.document_reader import RawLines
from hal.driver import POLL_SECONDS
from hal.simulated import Simulated, SimulatedOptions

Transmit = Callable[[bytes], bytes]

REALISTIC_SECONDS = 1.0
"""From a document in the slot to its lines; 1 s is an assumption: makers' data sheets say 0.5 to 2 s."""

DEFAULT_ATR = bytes.fromhex("3B80800101")
"""What PC/SC part 3 makes of a contactless chip without historical bytes."""


class Options(SimulatedOptions, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What the configuration may say of this driver."""

    chip: bool = True
    """False: it reads pages only, and another reader has the chips."""
    under_page: bool = True
    """A document lies on it while its page is read; False: the chip is laid down after a swipe."""
    lines: tuple[str, ...] = ()
    """The MRZ of a document that lies on the reader from the start; usually `present` puts one there."""


MAX_APDU_BYTES = 65_535
"""Nothing is in between that could carry less."""


@dataclass(frozen=True, slots=True)
class _Document:
    lines: tuple[str, ...] | None
    transmit: Transmit | None
    atr: bytes


class SimulatedDocumentReader(Simulated):
    """Reads lines and chips of what `present` put on it, until `remove`."""

    capabilities = frozenset({Capability.MRZ_LINES, Capability.CHIP})

    def __init__(self, options: Options | None = None) -> None:
        options = options or Options()
        super().__init__("document_reader", options)
        if not options.chip:
            self.capabilities = frozenset({Capability.MRZ_LINES})
        self.under_page = options.under_page
        self._document: _Document | None = None
        if options.lines:
            self.present(lines=options.lines)

    def present(
        self,
        *,
        lines: tuple[str, ...] | None = None,
        transmit: Transmit | None = None,
        atr: bytes = DEFAULT_ATR,
    ) -> None:
        """Lay a document on the reader: its lines, if it has any, and its chip, if it has one."""
        with self._changed:
            self._document = _Document(lines, transmit, atr)
            self._changed.notify_all()

    def remove(self) -> None:
        """Take the document away; a connection to its chip breaks."""
        with self._changed:
            self._document = None
            self._changed.notify_all()

    def read_lines(self, timeout: float) -> RawLines:
        deadline = time.monotonic() + timeout
        with self._operation():
            document = self._wait_for(lambda document: document.lines is not None, deadline)
            self._begin(deadline)
            assert document.lines is not None
            return RawLines(lines=document.lines, framing="simulated")

    def wait_for_chip(self, timeout: float) -> "SimulatedChipConnection":
        if Capability.CHIP not in self.capabilities:
            raise NotSupported(f"{self.identity.key} reads no chips.")
        deadline = time.monotonic() + timeout
        with self._operation():
            document = self._wait_for(lambda document: document.transmit is not None, deadline)
            self._begin(deadline)
            return SimulatedChipConnection(self, document)

    def _wait_for(self, wanted: Callable[[_Document], bool], deadline: float) -> _Document:
        with self._changed:
            while True:
                self._check_plugged()
                if self._document is not None and wanted(self._document):
                    return self._document
                left = deadline - time.monotonic()
                if left <= 0:
                    raise Timeout("No document was put on the reader.")
                self._changed.wait(min(left, POLL_SECONDS))

    def _in_field(self, document: _Document) -> bool:
        return self._document is document


class SimulatedChipConnection:
    """One chip, from `wait_for_chip` until its document is removed."""

    def __init__(self, reader: SimulatedDocumentReader, document: _Document) -> None:
        self._reader = reader
        self._document = document
        self._exchange = threading.Lock()
        self._closed = False

    @property
    def atr(self) -> bytes:
        return self._document.atr

    @property
    def max_apdu_bytes(self) -> int:
        return MAX_APDU_BYTES

    def transmit(self, command: bytes) -> bytes:
        with self._exchange:
            self._check()
            assert self._document.transmit is not None
            answer = self._document.transmit(command)
            self._check()
            return answer

    def close(self) -> None:
        self._closed = True

    def _check(self) -> None:
        if not self._reader._plugged:
            raise DeviceGone(f"{self._reader.identity.key} was unplugged.")
        if self._closed or not self._reader._in_field(self._document):
            raise ChipRemoved("The chip left the reader's field.")


def create(options: Options) -> SimulatedDocumentReader:
    """The driver for `hal.discovery.make_device`."""
    return SimulatedDocumentReader(options)
