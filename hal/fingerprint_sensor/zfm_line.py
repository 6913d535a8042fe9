"""Commands, answers and transfers of a ZFM-20, R30x or R503 module on its line, from the makers' manuals."""

import enum
import time
from collections import deque
from collections.abc import Callable, Iterator
from typing import Protocol

from hal.device import DeviceFault, DeviceGone, Unreadable
from hal.driver import POLL_SECONDS
from hal.fingerprint_sensor.zfm_packets import Deframer, Kind, Packet

ANSWER_SECONDS = 1.0
"""The slowest command, taking an image, answers in about half of this."""

SILENCE_SECONDS = 0.5
"""A module sends its packets back to back: after this long in the middle of one, the rest was lost."""

TRIES = 3
"""A damaged answer is asked for again: every command used here may be repeated."""

MAX_IMAGE_BYTES = 256 * 288 // 2
"""The largest image known, at four bits a pixel: what sends more sends something else."""

BITS_ON_THE_LINE = 10
"""Start, eight of data, stop."""

SLACK = 2.0
"""A module may pause between packets: an image may take this many times what its bytes need on the line."""

DRAIN_SECONDS = 9.0
"""An image takes 6.4 s at 57,600 baud; a module cannot be told to stop sending one."""


class Code(enum.IntEnum):
    """Instruction codes."""

    GET_IMAGE = 0x01
    UP_IMAGE = 0x0A
    READ_SYS_PARA = 0x0F
    VFY_PWD = 0x13
    AURA_LED_CONFIG = 0x35
    READ_PROD_INFO = 0x3C


class Confirm(enum.IntEnum):
    """Confirmation codes: the first byte of every answer."""

    OK = 0x00
    PACKET_ERROR = 0x01
    NO_FINGER = 0x02
    IMAGE_FAILED = 0x03
    CANNOT_SEND = 0x0E
    CANNOT_UPLOAD = 0x0F
    WRONG_PASSWORD = 0x13
    NO_VALID_IMAGE = 0x15
    ADDRESS_ERROR = 0x20
    PASSWORD_NEEDED = 0x21
    SENSOR_ERROR = 0x29


# What came is no answer: internal to this file, always turned into one of hal's errors.
class _Silence(Exception):
    """Nothing that could be an answer came in time."""


class _Damaged(Exception):
    """Something came, and was damaged."""


class Port(Protocol):
    """What is used of `serial.Serial`."""

    baudrate: int

    @property
    def in_waiting(self) -> int: ...
    def read(self, size: int = 1) -> bytes: ...
    def write(self, data: bytes, /) -> int | None: ...
    def reset_input_buffer(self) -> None: ...


class ZfmLine:
    """One module. Reads nothing that no command has asked for; errors of the port itself pass through."""

    def __init__(self, port: Port, *, address: int, check: Callable[[], None]) -> None:
        """`check` is called at least each `POLL_SECONDS`; what it raises ends the exchange."""
        self._port = port
        self._address = address
        self._check = check
        self._deframer = Deframer()
        self._packets_read: deque[Packet] = deque()
        """Read together with the one before, and not yet asked for."""

    def drain(self, *, silence: float = POLL_SECONDS) -> None:
        """Wait until the line is silent for so long: what was asked for before is no answer to what comes.

        Raises:
            DeviceFault: it is never silent.
        """
        heard = began = time.monotonic()
        now = began
        while now - heard < silence:
            self._check()
            read = self._port.read(self._port.in_waiting or 1)
            now = time.monotonic()
            heard = now if read else heard
            if now > began + DRAIN_SECONDS:
                raise DeviceFault(
                    "The fingerprint module's line is never silent: something else sends on it."
                )
        self._forget()

    def transfer(self, *, packet_bytes: int) -> bytes:
        """The data packets that follow an answer, to the last.

        Raises:
            Unreadable: one was lost or damaged: it cannot be sent again, so the finger must be laid anew.
            DeviceFault: they are not of that size, or more than an image.
        """
        image = bytearray()
        limit = SLACK * MAX_IMAGE_BYTES * BITS_ON_THE_LINE / self._port.baudrate
        for packet in self._packets(SILENCE_SECONDS, limit):
            if packet.kind not in (Kind.DATA, Kind.END) or packet.address != self._address:
                raise Unreadable("The fingerprint module broke off its image.")
            if packet.kind is Kind.DATA and len(packet.content) != packet_bytes:
                raise DeviceFault(
                    f"The fingerprint module says that its packets have {packet_bytes} bytes, and sent "
                    f"{len(packet.content)}."
                )
            image += packet.content
            if len(image) > MAX_IMAGE_BYTES:
                raise DeviceFault("The fingerprint module sends more than an image.")
            if self._deframer.damaged:
                raise Unreadable("A part of the fingerprint was damaged on the line.")
            if packet.kind is Kind.END:
                return bytes(image)
        raise Unreadable("The fingerprint was not sent to its end.")

    def command(
        self, code: Code, content: bytes = b"", *, wait: float = ANSWER_SECONDS, tries: int = TRIES
    ) -> bytes:
        """Send a command and return its answer, without the confirmation code.

        An answer does not say to what, so one that comes after the command was sent again must not be left
        for the next command: the line is silent before this returns, but for an image that follows.

        Raises:
            Refused: the module answers with another code than OK.
            DeviceFault: every answer is damaged, or the line is never silent.
            DeviceGone: nothing answers.
        """
        packet = Packet(Kind.COMMAND, self._address, bytes([code]) + content).encode()
        heard = False
        for attempt in range(tries):
            self._port.reset_input_buffer()
            self._forget()
            self._port.write(packet)
            try:
                answer = self._answer(wait)
            except _Silence:
                continue
            except _Damaged:
                heard = True
                continue
            heard = True
            if answer[0] == Confirm.PACKET_ERROR:  # our command was damaged on its way
                continue
            if attempt and code is not Code.UP_IMAGE:
                self.drain(silence=SILENCE_SECONDS)
            if answer[0] != Confirm.OK:
                raise Refused(code, answer[0])
            return answer[1:]
        if heard:
            raise DeviceFault(
                "The fingerprint module's answers are damaged: check its wiring, its power and its baud rate."
            )
        raise DeviceGone("No fingerprint module answers: it has no power, or is not on this line.")

    def _answer(self, wait: float) -> bytes:
        """The next answer. Data packets of a transfer that nobody waits for any more are passed over."""
        for packet in self._packets(wait, DRAIN_SECONDS):
            if packet.kind is Kind.ANSWER and packet.address == self._address and packet.content:
                return packet.content
        raise _Damaged if self._deframer.damaged or self._deframer.noise else _Silence

    def _packets(self, silence: float, limit: float) -> Iterator[Packet]:
        """Packets as they come: until nothing has come for `silence` seconds, nor a whole one for twice that,
        and never for more than `limit`."""
        heard = whole = began = time.monotonic()
        while heard - began < limit:
            while self._packets_read:
                yield self._packets_read.popleft()
            self._check()
            data = self._port.read(self._port.in_waiting or 1)
            now = time.monotonic()
            if data:
                heard = now
                packets = self._deframer.feed(data)
            elif now - heard >= silence:
                packets = self._deframer.idle()
                if not packets:
                    return
            else:
                continue
            if packets:
                whole = now
                self._packets_read.extend(packets)
            elif now - whole > 2 * silence + POLL_SECONDS:
                return

    def _forget(self) -> None:
        self._deframer.reset()
        self._packets_read.clear()


class Refused(DeviceFault):
    """The module answered with a code that is not OK."""

    def __init__(self, code: Code, confirm: int) -> None:
        super().__init__(
            _REFUSALS.get(confirm) or f"The fingerprint module answered {code.name} with {confirm:#04x}."
        )
        self.code = code
        self.confirm = confirm


_REFUSALS: dict[int, str] = {
    Confirm.WRONG_PASSWORD: "The fingerprint module's password is not the configured one.",
    Confirm.PASSWORD_NEEDED: "The fingerprint module's password is not the configured one.",
    Confirm.SENSOR_ERROR: "The fingerprint module says that its sensor is broken.",
    Confirm.ADDRESS_ERROR: "The fingerprint module's address is not the configured one.",
}
