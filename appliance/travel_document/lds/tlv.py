"""BER-TLV as chips use it (ISO/IEC 7816-4, 5.2.2): definite lengths only, and every size bounded."""

from dataclasses import dataclass

from appliance.travel_document.lds.errors import LimitExceeded, Malformed

MAX_LENGTH = 65_535
"""No file of a chip is longer: offsets in READ BINARY have 16 bits."""
MAX_DEPTH = 12
"""DG2 nests four deep, a security object eight; the rest is somebody trying."""
MAX_OBJECTS = 512
"""Data objects on one level; a face needs 3, the longest SecurityInfos some 30."""
MAX_TAG_BYTES = 3
MAX_HEADER_BYTES = 1 + 4
"""One tag byte, as all files have, and the longest length that is looked at (83 xx xx xx)."""

_CONSTRUCTED = 0x20
_LONG_TAG = 0x1F
_MORE = 0x80


@dataclass(frozen=True, slots=True)
class Header:
    """The tag and length in front of a value."""

    tag: int
    length: int
    size: int
    """Bytes that the header itself takes."""


@dataclass(frozen=True, slots=True)
class Tlv:
    """One data object; `children` is asked for, never walked on its own, so depth costs no stack."""

    tag: int
    value: bytes
    depth: int = 0

    @property
    def constructed(self) -> bool:
        first = self.tag
        while first > 0xFF:
            first >>= 8
        return bool(first & _CONSTRUCTED)

    def children(self) -> tuple["Tlv", ...]:
        """The objects inside; refuses a primitive object, which has none."""
        if not self.constructed:
            raise Malformed(f"The data object {self.tag:02X} is primitive and holds no others.")
        if self.depth + 1 >= MAX_DEPTH:
            raise LimitExceeded(f"Data objects are nested deeper than {MAX_DEPTH} levels.")
        return decode(self.value, depth=self.depth + 1)

    def child(self, tag: int) -> "Tlv":
        """The first object inside that has this tag; it must be there."""
        for found in self.children():
            if found.tag == tag:
                return found
        raise Malformed(f"The data object {self.tag:02X} lacks {tag:02X}.")


def decode(data: bytes, *, depth: int = 0) -> tuple[Tlv, ...]:
    """All data objects of one level; `data` must end where the last one ends."""
    objects: list[Tlv] = []
    position = 0
    while position < len(data):
        if len(objects) == MAX_OBJECTS:
            raise LimitExceeded(f"More than {MAX_OBJECTS} data objects stand side by side.")
        header = read_header(data, position)
        start = position + header.size
        position = start + header.length
        if position > len(data):
            raise Malformed(f"The data object {header.tag:02X} ends before its length.")
        objects.append(Tlv(header.tag, data[start:position], depth))
    return tuple(objects)


def decode_one(data: bytes, tag: int) -> Tlv:
    """The one data object that `data` must be."""
    objects = decode(data)
    if len(objects) != 1 or objects[0].tag != tag:
        raise Malformed(f"One data object {tag:02X} was expected, and something else came.")
    return objects[0]


def read_header(data: bytes, position: int = 0) -> Header:
    """The tag and length that stand at `position`."""
    tag, after_tag = _read_tag(data, position)
    if after_tag >= len(data):
        raise Malformed("A data object ends within its header.")
    first = data[after_tag]
    if first < _MORE:
        return Header(tag, first, after_tag + 1 - position)
    count = first & 0x7F
    end = after_tag + 1 + count
    if count == 0:
        raise Malformed("A data object of indefinite length is not allowed on a chip.")
    if count > MAX_HEADER_BYTES - 2:
        raise LimitExceeded(f"A data object claims a length of {count} bytes' worth.")
    if end > len(data):
        raise Malformed("A data object ends within its header.")
    length = int.from_bytes(data[after_tag + 1 : end])
    if length > MAX_LENGTH:
        raise LimitExceeded(f"A data object claims {length} bytes; {MAX_LENGTH} are the most.")
    return Header(tag, length, end - position)


def encode(tag: int, value: bytes) -> bytes:
    """One data object with the shortest length, as DER has it."""
    tag_bytes = tag.to_bytes((tag.bit_length() + 7) // 8 or 1)
    size = len(value)
    if size < _MORE:
        return tag_bytes + bytes((size,)) + value
    length = size.to_bytes((size.bit_length() + 7) // 8)
    return tag_bytes + bytes((_MORE | len(length),)) + length + value


def _read_tag(data: bytes, position: int) -> tuple[int, int]:
    if position >= len(data):
        raise Malformed("A data object ends within its header.")
    end = position + 1
    if data[position] & _LONG_TAG == _LONG_TAG:
        while True:
            if end >= len(data):
                raise Malformed("A data object ends within its header.")
            if end - position == MAX_TAG_BYTES:
                raise LimitExceeded(f"A tag has more than {MAX_TAG_BYTES} bytes.")
            end += 1
            if not data[end - 1] & _MORE:
                break
    return int.from_bytes(data[position:end]), end
