"""CBOR (RFC 8949) of strangers, decoded in a time that grows with its length and no faster.

A general decoder builds whatever is asked for: a map whose key is a map whose key is a map costs it twice as
much with each level, because each is hashed again for the one around it, and thirty bytes keep it busy for
hours. What travels here needs none of that: numbers, bytes, text, lists, and maps with plain keys. The bytes
are walked first, and a decoder sees only what passed.
"""

from typing import Final

import cbor2

MAX_DEPTH: Final = 32
"""A movement has six levels."""
_UNSIGNED, _NEGATIVE, _BYTES, _TEXT, _ARRAY, _MAP, _TAG, _OTHER = range(8)
_EXTRA: Final = {24: 1, 25: 2, 26: 4, 27: 8}
"""Bytes of a number that does not fit into the first one."""
_NO_KEY: Final = 0x80
"""First bytes from here on begin nothing that may be a map's key."""
_SIMPLE: Final = {20: 0, 21: 0, 22: 0, 25: 2, 26: 4, 27: 8}
"""false, true, null, and floats with so many bytes."""


def _leaf(first: int) -> int:
    """The length of an item that ends where its first byte says; 0 for all others."""
    kind, short = first >> 5, first & 0x1F
    if kind in (_UNSIGNED, _NEGATIVE):
        return 1 if short < 24 else 1 + _EXTRA.get(short, -1)
    if kind in (_BYTES, _TEXT) and short < 24:
        return 1 + short
    return 1 + _SIMPLE[short] if kind == _OTHER and short in _SIMPLE else 0


_LEAVES: Final = tuple(_leaf(first) for first in range(256))
"""Nearly every item of a record is one of these: a look into a table instead of arithmetic."""


class CborError(ValueError):
    """The bytes are not such CBOR."""


def loads(data: bytes) -> object:
    """What is encoded, the whole of it.

    Raises:
        CborError: it is malformed, too deep, has tags, lengths that are not said, or keys that are no plain
            values, or something behind it.
    """
    if _walk(data) != len(data):
        raise CborError("There is something behind the value.")
    try:
        decoded: object = cbor2.loads(data)
    except (cbor2.CBORError, ValueError, TypeError, OverflowError) as error:
        raise CborError("The bytes are not CBOR.") from error
    return decoded


def _walk(data: bytes) -> int:
    """Where the first value ends; iterative, with how many items each open container still expects."""
    at, size = 0, len(data)
    left, in_map = 1, False
    """Of the innermost open container: the items that are still to come, and whether it is a map."""
    outer: list[tuple[int, bool]] = []
    while True:
        if at >= size:
            raise CborError("The bytes end too early.")
        first = data[at]
        if in_map and not left & 1 and first >= _NO_KEY:
            raise CborError("A map has a key that is no plain value.")
        length = _LEAVES[first]
        if length:
            at += length
            if at > size:
                raise CborError("The bytes end too early.")
        else:
            kind, value = first >> 5, first & 0x1F
            if value < 24 and kind in (_ARRAY, _MAP):
                at += 1
            else:
                value, at = _argument(data, at, kind, value)
            if kind in (_BYTES, _TEXT):
                at += value
                if at > size:
                    raise CborError("The bytes end too early.")
            elif value:
                items = value * (2 if kind == _MAP else 1)
                if items > size - at or len(outer) >= MAX_DEPTH:
                    raise CborError("A list or map is longer than its bytes, or too deep.")
                outer.append((left, in_map))
                left, in_map = items, kind == _MAP
                continue
        left -= 1
        while not left:
            if not outer:
                return at
            left, in_map = outer.pop()
            left -= 1


def _argument(data: bytes, at: int, kind: int, short: int) -> tuple[int, int]:
    """The number behind the first byte of text, bytes, a list or a map, and where it ends."""
    if kind == _TAG:
        raise CborError("The bytes have a tag.")
    if kind == _OTHER:
        raise CborError("The bytes have a simple value that is not known here.")
    extra = _EXTRA.get(short)
    if extra is None or at + 1 + extra > len(data):
        raise CborError("The bytes end too early, or leave a length unsaid.")
    return int.from_bytes(data[at + 1 : at + 1 + extra], "big"), at + 1 + extra
