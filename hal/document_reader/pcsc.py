"""Any contactless reader that PC/SC knows, through pyscard (PC/SC parts 5 and 10)."""

import queue
import threading
import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Annotated

import msgspec
from smartcard import scard

from hal.device import (
    Capability,
    ChipRemoved,
    DeviceError,
    DeviceGone,
    HalError,
    Identity,
    Timeout,
    Unreadable,
)
from hal.document_reader import pcsc_calls
from hal.document_reader.pcsc_models import apdu_limit
from hal.driver import CLOSE_SECONDS, POLL_SECONDS, Driver

EXCHANGE_SECONDS = 10.0
"""One command. A chip may ask for more time without end (ISO/IEC 14443-4, 7.3), so somebody must stop;
known chips delay up to 5 s after wrong keys."""
STATUS_BYTES = 2
VIRTUAL_APDU_BYTES = 65_535
"""vsmartcard's driver says nothing of itself, and was measured to carry this."""
MAX_FOLLOW_UPS = 260
"""GET RESPONSE commands for one answer: 256 bytes each, up to the longest answer there is."""
VIRTUAL_READER = "Virtual PCD"
"""vsmartcard's reader: what lies in it is simulated, and says so."""

_CLA_WITHOUT_SM = 0xF3
"""GET RESPONSE carries the channel's class without the secure messaging bits."""
_GET_RESPONSE = 0xC0
_MORE_DATA = 0x61
_WRONG_LE = 0x6C

_PCI = {
    scard.SCARD_PROTOCOL_T0: scard.SCARD_PCI_T0,
    scard.SCARD_PROTOCOL_T1: scard.SCARD_PCI_T1,
}


class Options(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What the configuration may say of this driver."""

    reader_name: str
    """How PC/SC names the reader, or how that name begins."""
    exchange_seconds: float = EXCHANGE_SECONDS
    max_apdu_bytes: Annotated[int, msgspec.Meta(ge=256, le=65_536)] | None = None
    """Instead of what reader and driver say and `pcsc_models` knows."""
    under_page: bool = False
    """True: the document lies on this reader while its page is read (a full-page reader). A chip that does
    not answer within moments is then not waited for, unless it must be there."""


def create(options: Options) -> "PcscReader":
    return PcscReader(
        reader_name=options.reader_name,
        exchange_seconds=options.exchange_seconds,
        max_apdu_bytes=options.max_apdu_bytes,
        under_page=options.under_page,
    )


def reader_names() -> tuple[str, ...]:
    """All readers that PC/SC knows now.

    Raises:
        DeviceError: the PC/SC daemon does not run.
    """
    context = pcsc_calls.establish()
    try:
        return pcsc_calls.list_readers(context)
    finally:
        pcsc_calls.release(context)


class PcscReader(Driver):
    """One contactless reader."""

    def __init__(
        self,
        *,
        reader_name: str,
        exchange_seconds: float = EXCHANGE_SECONDS,
        max_apdu_bytes: int | None = None,
        under_page: bool = False,
    ) -> None:
        super().__init__(Identity("document_reader", "pcsc", reader_name))
        self.under_page = under_page
        self.simulated = VIRTUAL_READER.startswith(reader_name) or reader_name.startswith(VIRTUAL_READER)
        self._reader = reader_name
        self._exchange_seconds = exchange_seconds
        self._max_apdu_bytes = max_apdu_bytes
        self._context = 0
        self._connection: PcscConnection | None = None

    @property
    def capabilities(self) -> frozenset[Capability]:
        return frozenset({Capability.CHIP})

    def wait_for_chip(self, timeout: float) -> "PcscConnection":
        """Connect to the chip in the field; waits up to `timeout` seconds. Ends an earlier connection.

        Raises:
            Timeout: no chip came into the field.
            Unreadable: something lies there that does not answer as a chip.
            DeviceError: the reader is gone, held by another, or broken.
        """
        with self._operation():
            self._end_connection()
            self._connection = self._connect(time.monotonic() + timeout)
            return self._connection

    def _take_hold(self) -> None:
        self._context = pcsc_calls.establish()
        try:
            self._reader = self._find(pcsc_calls.list_readers(self._context))
            self.simulated = self._reader.startswith(VIRTUAL_READER)
        except DeviceError:
            self._let_go()
            raise

    def _let_go(self) -> None:
        self._end_connection()
        pcsc_calls.release(self._context)

    def _end_connection(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.close()

    def _connect(self, deadline: float) -> "PcscConnection":
        while True:
            self._wait_until_present(deadline)
            self._wait_is_over()
            try:
                return PcscConnection(
                    self._reader,
                    exchange_seconds=self._exchange_seconds,
                    operation=self._operation,
                    max_apdu_bytes=self._max_apdu_bytes,
                )
            except ChipRemoved:  # it only passed by
                time.sleep(POLL_SECONDS)

    def _wait_until_present(self, deadline: float) -> None:
        known, mute = scard.SCARD_STATE_UNAWARE, False
        while True:
            left = max(0.0, deadline - time.monotonic())
            slice_ms = int(min(left, POLL_SECONDS) * 1000)
            result, states = scard.SCardGetStatusChange(self._context, slice_ms, [(self._reader, known)])
            if result == scard.SCARD_S_SUCCESS:
                _, event, _ = states[0]
                if event & (scard.SCARD_STATE_UNKNOWN | scard.SCARD_STATE_UNAVAILABLE):
                    raise DeviceGone(f"The reader {self._reader} was unplugged.")
                mute = bool(event & scard.SCARD_STATE_MUTE)
                if event & scard.SCARD_STATE_PRESENT and not mute:
                    return
                known = event & ~scard.SCARD_STATE_CHANGED
            elif result != scard.SCARD_E_TIMEOUT:
                pcsc_calls.fail(result)
            if self._closing.is_set() or time.monotonic() >= deadline:
                if mute:
                    raise Unreadable("Something lies on the reader that does not answer as a chip.")
                raise Timeout("No chip came in the time allowed.")

    def _find(self, names: tuple[str, ...]) -> str:
        for name in names:
            if name.startswith(self.identity.model):
                return name
        raise DeviceGone(f"PC/SC knows no reader whose name begins with {self.identity.model!r}.")


class PcscConnection:
    """One chip in the field, held exclusively.

    It has a PC/SC context and a thread of its own: PC/SC cannot be told to give up an exchange, so one
    that takes too long is left behind, and what it holds is let go when it returns.
    """

    def __init__(
        self,
        reader: str,
        *,
        exchange_seconds: float,
        operation: Callable[[], AbstractContextManager[None]],
        max_apdu_bytes: int | None,
    ) -> None:
        self._exchange_seconds = exchange_seconds
        self._operation = operation
        self._context = pcsc_calls.establish()
        try:
            self._card, self._protocol, self._atr = pcsc_calls.connect(self._context, reader)
        except HalError:
            pcsc_calls.release(self._context)
            raise
        said = pcsc_calls.max_apdu_data(self._card)
        if said is None and reader.startswith(VIRTUAL_READER):
            said = VIRTUAL_APDU_BYTES
        self._max_apdu_bytes = apdu_limit(reader, said, configured=max_apdu_bytes)
        self._closed = False
        self._jobs: queue.SimpleQueue[Callable[[], None] | None] = queue.SimpleQueue()
        self._worker = threading.Thread(target=self._work, name=f"pcsc {reader}", daemon=True)
        self._worker.start()

    @property
    def atr(self) -> bytes:
        return self._atr

    @property
    def max_apdu_bytes(self) -> int:
        return self._max_apdu_bytes

    def transmit(self, command: bytes) -> bytes:
        """Send one C-APDU, return the R-APDU; the transport's own 61xx and 6Cxx are dealt with here.

        Raises:
            ChipRemoved: the chip left the field, or the connection was closed.
            Timeout: the chip did not answer; the connection is of no more use.
            DeviceError: the reader is gone or broken.
        """
        if self._closed:
            raise ChipRemoved("The connection to this chip is closed.")
        with self._operation():
            answer = self._exchange(command)
            if len(answer) == STATUS_BYTES and answer[0] == _WRONG_LE and _ends_with_short_le(command):
                answer = self._exchange(command[:-1] + answer[1:])
            return self._collect(command[0], answer)

    def close(self) -> None:
        """Let go of the chip, at once unless an exchange hangs; closing a closed connection does nothing."""
        self._abandon()
        self._worker.join(CLOSE_SECONDS)

    def _abandon(self) -> None:
        if not self._closed:
            self._closed = True
            self._jobs.put(self._let_go)
            self._jobs.put(None)

    def _collect(self, cla: int, answer: bytes) -> bytes:
        """Fetch the rest as long as the chip says that there is more (ISO/IEC 7816-3, T=0)."""
        collected = b""
        for _ in range(MAX_FOLLOW_UPS):
            if answer[-2] != _MORE_DATA:
                return collected + answer
            collected += answer[:-2]
            answer = self._exchange(bytes((cla & _CLA_WITHOUT_SM, _GET_RESPONSE, 0, 0, answer[-1])))
        raise Unreadable("The chip's answer has no end.")

    def _exchange(self, command: bytes) -> bytes:
        answers: queue.SimpleQueue[tuple[int, list[int]]] = queue.SimpleQueue()
        self._jobs.put(
            lambda: answers.put(scard.SCardTransmit(self._card, _PCI[self._protocol], list(command)))
        )
        try:
            result, answer = answers.get(timeout=self._exchange_seconds)
        except queue.Empty:
            self._abandon()
            raise Timeout(f"The chip has not answered for {self._exchange_seconds:g} seconds.") from None
        if result != scard.SCARD_S_SUCCESS:
            self.close()
            pcsc_calls.fail(result)
        if len(answer) < STATUS_BYTES:  # vpcd's driver calls it a success when the chip leaves meanwhile
            self.close()
            raise ChipRemoved("The chip left the reader's field.")
        return bytes(answer)

    def _work(self) -> None:
        while (job := self._jobs.get()) is not None:
            job()

    def _let_go(self) -> None:
        pcsc_calls.disconnect(self._card)
        pcsc_calls.release(self._context)


def _ends_with_short_le(command: bytes) -> bool:
    """Header and Le, or header, Lc, data and Le, in short form (ISO/IEC 7816-4, 5.1)."""
    return len(command) == 5 or (len(command) > 6 and command[4] != 0 and len(command) == 6 + command[4])
