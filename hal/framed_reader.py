"""What readers share that send text in frames by themselves: a fresh line, a deframer, silence, noise."""

import termios
import time
from abc import abstractmethod
from collections import deque
from typing import ClassVar, Generic, Protocol, TypeVar

import serial

from hal.device import DeviceFault, DeviceGone, Identity, Timeout, Unreadable
from hal.document_reader.framing.base import Damaged
from hal.driver import Driver

FRESH_SECONDS = 2.0
"""A caller that asks again within this time is still waiting for the same document."""

NOISE_BYTES = 16
"""More skipped bytes than this in one wait are not stray ones: baud rate, parity or framing are wrong."""

LINE_ERRORS = (OSError, termios.error)
"""pyserial's own errors are OSErrors; those of the terminal layer come through it as they are."""

Frame = TypeVar("Frame")


class LinePort(Protocol):
    """Where bytes come from: what is used of `serial.Serial`; a keyboard wedge offers the same."""

    @property
    def in_waiting(self) -> int: ...
    def read(self, size: int) -> bytes:
        """What has come, after at most `hal.driver.POLL_SECONDS`."""

    def write(self, data: bytes) -> int | None: ...
    def reset_input_buffer(self) -> None: ...
    def close(self) -> None: ...


class Frames(Protocol[Frame]):
    """Cuts the bytes into frames: `hal.document_reader.framing.Deframer` is one."""

    noise: int

    @property
    def gap_seconds(self) -> float: ...
    @property
    def in_document(self) -> bool: ...
    def feed(self, data: bytes) -> list[Frame | Damaged]: ...
    def idle(self) -> Frame | Damaged | None: ...
    def reset(self) -> None: ...


class FramedReader(Driver, Generic[Frame]):
    """A reader on a line.

    A call begins with an empty line: what came before it may be the document of the traveller before,
    and a wrong person's data are worse than a second swipe. Two exceptions: a caller that asks again
    soon after a `Timeout` is still waiting for the same document, so nothing is thrown away between
    the two calls; and `accept_earlier` is for a post where people swipe before the button is pressed.
    """

    what: ClassVar[str]
    """What it is, in an error's sentence: document reader, barcode reader."""

    def __init__(
        self,
        identity: Identity,
        frames: Frames[Frame],
        *,
        accept_earlier: bool = False,
        arm: bytes = b"",
        disarm: bytes = b"",
    ) -> None:
        """`arm` and `disarm`: what is written before and after a wait, where the reader needs it."""
        super().__init__(identity)
        self._deframer = frames
        self._accept_earlier = accept_earlier
        self._arm, self._disarm_command = arm, disarm
        self._port: LinePort | None = None
        self._waiting: deque[Frame | Damaged] = deque()
        self._asked_until: float | None = None
        """When the last wait ended with nothing; None when it ended otherwise."""

    @abstractmethod
    def _open_port(self) -> LinePort:
        """Open the line.

        Raises:
            DeviceError: it cannot be opened.
        """

    def _next(self, timeout: float) -> Frame:
        """The next frame; waits up to `timeout` seconds.

        Raises:
            Timeout: nothing came.
            Unreadable: bytes came that are no frame.
            DeviceError: the reader is gone, held by another, or broken.
        """
        deadline = time.monotonic() + timeout
        with self._operation():
            try:
                frame = self._read(deadline)
            except Timeout:
                self._asked_until = time.monotonic()
                raise
            except serial.SerialTimeoutException as error:
                raise DeviceFault(f"The {self.what} on {self.identity.port} takes no commands.") from error
            except LINE_ERRORS as error:
                raise DeviceGone(f"The {self.what} on {self.identity.port} was unplugged.") from error
            finally:
                self._disarm()
            return frame

    def _read(self, deadline: float) -> Frame:
        assert self._port is not None
        asked_until, self._asked_until = self._asked_until, None
        again = asked_until is not None and time.monotonic() - asked_until < FRESH_SECONDS
        if not (again or self._accept_earlier):
            self._port.reset_input_buffer()
            self._deframer.reset()
            self._waiting.clear()
        if self._arm:  # disarm first: only then is a document that already lies in the slot read
            self._port.write(self._disarm_command + self._arm)
        heard = time.monotonic()
        while True:
            self._check_not_closed()
            if self._waiting:
                return _frame(self._waiting.popleft())
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
                f"The {self.what} on {self.identity.port} sent {noise} bytes that mean nothing: "
                "check its baud rate, parity and framing."
            )
        return Timeout(f"Nothing came from the {self.what}.")

    def _disarm(self) -> None:
        """Leave the reader silent until it is asked again."""
        if self._disarm_command and self._port is not None:
            try:
                self._port.write(self._disarm_command)
            except LINE_ERRORS:
                return  # it is gone: the exchange itself, or the next one, says so

    def _take_hold(self) -> None:
        self._port = self._open_port()
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


def _frame(outcome: Frame | Damaged) -> Frame:
    if isinstance(outcome, Damaged):
        raise Unreadable(outcome.reason)
    return outcome
