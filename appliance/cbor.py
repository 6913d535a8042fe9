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
_KEYS: Final = (_UNSIGNED, _NEGATIVE, _BYTES, _TEXT)
_SIMPLE: Final = {20: 0, 21: 0, 22: 0, 25: 2, 26: 4, 27: 8}
"""false, true, null, and floats with so many bytes."""


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
    waiting: list[list[int]] = []
    """Of each open container: the items that are still to come, and whether it is a map."""
    while True:
        if at >= size:
            raise CborError("The bytes end too early.")
        kind, short = data[at] >> 5, data[at] & 0x1F
        if waiting and waiting[-1][1] and waiting[-1][0] % 2 == 0 and kind not in _KEYS:
            raise CborError("A map has a key that is no plain value.")
        value, at = _argument(data, at, kind, short)
        if kind in (_BYTES, _TEXT):
            at += value
            if at > size:
                raise CborError("The bytes end too early.")
        elif kind in (_ARRAY, _MAP) and value:
            items = value * (2 if kind == _MAP else 1)
            if items > size - at or len(waiting) >= MAX_DEPTH:
                raise CborError("A list or map is longer than its bytes, or too deep.")
            waiting.append([items, kind == _MAP])
            continue
        while waiting:
            waiting[-1][0] -= 1
            if waiting[-1][0]:
                break
            waiting.pop()
        if not waiting:
            return at


def _argument(data: bytes, at: int, kind: int, short: int) -> tuple[int, int]:
    """The number in an item's head, and where the head ends."""
    if kind == _TAG:
        raise CborError("The bytes have a tag.")
    if kind == _OTHER:
        if short not in _SIMPLE or at + 1 + _SIMPLE[short] > len(data):
            raise CborError("The bytes have a simple value that is not known here, or end too early.")
        return 0, at + 1 + _SIMPLE[short]
    if short < 24:
        return short, at + 1
    extra = {24: 1, 25: 2, 26: 4, 27: 8}.get(short)
    if extra is None or at + 1 + extra > len(data):
        raise CborError("The bytes end too early, or leave a length unsaid.")
    return int.from_bytes(data[at + 1 : at + 1 + extra], "big"), at + 1 + extra
