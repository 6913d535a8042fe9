"""The packets of ZFM-20, R30x and R503 modules, from their makers' manuals.

    EF 01 | address 4 | identifier 1 | length 2 | content | sum 2

All big-endian; `length` counts content and sum; the sum is of identifier, length and content, modulo 2^16.
A line that lost or gained bytes is mended by looking for the next EF 01 whose sum is right.
"""

import enum
from dataclasses import dataclass

START = b"\xef\x01"
HEADER_BYTES = 9
SUM_BYTES = 2

MAX_CONTENT = 256
"""The largest data packet that a module can be set to; a longer length is noise that looked like a header."""

MAX_PACKET = HEADER_BYTES + MAX_CONTENT + SUM_BYTES


class Kind(enum.IntEnum):
    """The packet identifier."""

    COMMAND = 0x01
    DATA = 0x02
    ANSWER = 0x07
    END = 0x08
    """The last data packet of a transfer."""


@dataclass(frozen=True, slots=True)
class Packet:
    """One packet, its sum already checked."""

    kind: Kind
    address: int
    content: bytes

    def encode(self) -> bytes:
        """The bytes on the line.

        Raises:
            ValueError: the content is longer than a packet may be.
        """
        if len(self.content) > MAX_CONTENT:
            raise ValueError(f"a packet holds at most {MAX_CONTENT} bytes")
        summed = bytes([self.kind]) + (len(self.content) + SUM_BYTES).to_bytes(2, "big") + self.content
        return START + self.address.to_bytes(4, "big") + summed + _sum(summed)


class Deframer:
    """Bytes in, packets out. It holds less than one packet, and counts what was none."""

    def __init__(self) -> None:
        self._held = bytearray()
        self.noise = 0
        """Bytes that belonged to no packet."""
        self.damaged = 0
        """Headers whose packet had a wrong sum, an impossible length or an unknown identifier."""

    def reset(self) -> None:
        """Forget what came so far."""
        self._held.clear()
        self.noise = self.damaged = 0

    @property
    def waiting(self) -> bool:
        """A packet has begun and has not ended."""
        return bool(self._held)

    def feed(self, data: bytes) -> list[Packet]:
        """All packets that are complete now."""
        self._held += data
        found = []
        while (packet := self._next()) is not None:
            found.append(packet)
        return found

    def idle(self) -> list[Packet]:
        """The line fell silent inside a packet: it was cut short, and what follows is read anew."""
        found: list[Packet] = []
        while self._held:
            self.damaged += 1
            self._skip(1)
            found += self.feed(b"")
        return found

    def _next(self) -> Packet | None:
        """The first whole packet; what cannot be one is skipped, never more than its start."""
        while True:
            self._skip_to_start()
            if len(self._held) < HEADER_BYTES:
                return None
            length = int.from_bytes(self._held[7:9], "big")
            kind = self._held[6]
            if not (SUM_BYTES <= length <= MAX_CONTENT + SUM_BYTES) or kind not in Kind._value2member_map_:
                self.damaged += 1
                self._skip(len(START))
                continue
            end = HEADER_BYTES + length
            if len(self._held) < end:
                return None
            if bytes(self._held[end - SUM_BYTES : end]) != _sum(self._held[6 : end - SUM_BYTES]):
                self.damaged += 1  # a cut packet swallows the start of the next: look again behind its header
                self._skip(len(START))
                continue
            packet = Packet(
                Kind(kind),
                int.from_bytes(self._held[2:6], "big"),
                bytes(self._held[HEADER_BYTES : end - SUM_BYTES]),
            )
            del self._held[:end]
            return packet

    def _skip_to_start(self) -> None:
        at = self._held.find(START)
        if at < 0:  # the last byte may be the first half of a start
            at = len(self._held) - (1 if self._held.endswith(START[:1]) else 0)
        self._skip(at)

    def _skip(self, count: int) -> None:
        self.noise += count
        del self._held[:count]


def _sum(summed: bytes | bytearray) -> bytes:
    return (sum(summed) & 0xFFFF).to_bytes(2, "big")
