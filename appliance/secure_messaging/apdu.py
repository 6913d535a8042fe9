"""Commands, responses and status words (ISO/IEC 7816-4, 5): what travels between reader and chip."""

import enum
from dataclasses import dataclass

from appliance.travel_document.lds.errors import Malformed

MAX_SHORT_DATA = 255
MAX_SHORT_LE = 256
MAX_EXTENDED_DATA = 65_535
MAX_EXTENDED_LE = 65_536
MAX_RESPONSE_BYTES = MAX_EXTENDED_LE + 2

CLA_CHAINED = 0x10
"""More commands of the same chain follow (ISO/IEC 7816-4, 5.1.1.1)."""
CLA_SECURE_MESSAGING = 0x0C
"""Secure messaging with the command header authenticated; the other bits are the channel's."""


class Ins(enum.IntEnum):
    """The instructions that reading an eMRTD needs."""

    MANAGE_SECURITY_ENVIRONMENT = 0x22
    EXTERNAL_AUTHENTICATE = 0x82
    GET_CHALLENGE = 0x84
    GENERAL_AUTHENTICATE = 0x86
    INTERNAL_AUTHENTICATE = 0x88
    SELECT = 0xA4
    READ_BINARY = 0xB0
    READ_BINARY_ODD = 0xB1
    """Its offset travels in a data object, so it can be above 32,767."""


class Status(enum.IntEnum):
    """Status words that have a meaning here; any other is an error of its own number."""

    OK = 0x9000
    END_OF_FILE = 0x6282
    AUTHENTICATION_FAILED = 0x6300
    WRONG_LENGTH = 0x6700
    SECURITY_NOT_SATISFIED = 0x6982
    CONDITIONS_NOT_SATISFIED = 0x6985
    SM_OBJECT_MISSING = 0x6987
    SM_OBJECT_WRONG = 0x6988
    WRONG_DATA = 0x6A80
    FILE_NOT_FOUND = 0x6A82
    WRONG_P1_P2 = 0x6A86
    REFERENCED_DATA_NOT_FOUND = 0x6A88
    WRONG_OFFSET = 0x6B00
    UNKNOWN_INSTRUCTION = 0x6D00
    UNKNOWN_CLASS = 0x6E00


@dataclass(frozen=True, slots=True)
class Command:
    """A C-APDU; `le` is the number of bytes that are expected back, None for none."""

    cla: int
    ins: int
    p1: int
    p2: int
    data: bytes = b""
    le: int | None = None

    @property
    def header(self) -> bytes:
        return bytes((self.cla, self.ins, self.p1, self.p2))

    @property
    def extended(self) -> bool:
        return len(self.data) > MAX_SHORT_DATA or (self.le or 0) > MAX_SHORT_LE

    def encode(self) -> bytes:
        """The bytes to send: short form where it suffices, extended where it does not."""
        if len(self.data) > MAX_EXTENDED_DATA or (self.le is not None and not 0 < self.le <= MAX_EXTENDED_LE):
            raise ValueError("An APDU carries at most 65,535 bytes and asks for 1 to 65,536.")
        size = 2 if self.extended else 1
        message = self.header + (b"\x00" if self.extended else b"")
        if self.data:
            message += len(self.data).to_bytes(size) + self.data
        if self.le is not None:
            message += (self.le % (1 << 8 * size)).to_bytes(size)
        return message

    @classmethod
    def decode(cls, message: bytes) -> "Command":
        """The command in these bytes, as a chip reads them (ISO/IEC 7816-4, 5.1)."""
        if len(message) < 4:
            raise Malformed("A command is shorter than its header.")
        (cla, ins, p1, p2), body = message[:4], message[4:]
        if not body:
            return cls(cla, ins, p1, p2)
        extended = body[0] == 0 and len(body) >= 3
        size, body = (2, body[1:]) if extended else (1, body)
        if len(body) == size:
            return cls(cla, ins, p1, p2, le=_read_le(body, size))
        length, rest = int.from_bytes(body[:size]), body[size:]
        data, le = rest[:length], rest[length:]
        if length == 0 or len(data) < length or len(le) not in (0, size):
            raise Malformed("A command's lengths contradict each other.")
        return cls(cla, ins, p1, p2, data, _read_le(le, size) if le else None)


@dataclass(frozen=True, slots=True)
class Response:
    """An R-APDU: its data and its status word."""

    data: bytes
    status: int

    @property
    def ok(self) -> bool:
        return self.status == Status.OK

    @property
    def claims_success(self) -> bool:
        """Normal, or a warning (61xx, 62xx, 63xx, 90xx): processed all the same."""
        return self.status >> 8 in (0x61, 0x62, 0x63, 0x90)

    def encode(self) -> bytes:
        return self.data + self.status.to_bytes(2)

    @classmethod
    def decode(cls, message: bytes) -> "Response":
        if not 2 <= len(message) <= MAX_RESPONSE_BYTES:
            raise Malformed(f"An answer of {len(message)} bytes is no response.")
        return cls(bytes(message[:-2]), int.from_bytes(message[-2:]))


def _read_le(field: bytes, size: int) -> int:
    return int.from_bytes(field) or 1 << 8 * size
