"""Rising numbers in little room (Elias 1974, Fano 1971): low bits as they are, high bits as a row of marks.

`n` numbers below `u` take about 2 + log2(u / n) bits each, and any of them can be found without unpacking
the others. Bits are little-endian within bytes.
"""

from typing import Final

import numpy as np
from numpy.typing import NDArray

Numbers = NDArray[np.uint64]
MAX_WIDTH: Final = 63
MAX_MARKS: Final = 1 << 31


class CodeError(ValueError):
    """The bytes are no such code."""


def low_bits(count: int, universe: int) -> int:
    """How many bits are kept as they are."""
    return max(0, min(MAX_WIDTH, (universe // max(count, 1)).bit_length() - 1))


def pack(values: Numbers, width: int) -> bytes:
    """`width` bits of each value in a row."""
    if width == 0 or not len(values):
        return b""
    octets = np.ascontiguousarray(values.astype("<u8")).view(np.uint8).reshape(-1, 8)
    bits = np.unpackbits(octets, axis=1, bitorder="little")[:, :width]
    return np.packbits(bits.reshape(-1), bitorder="little").tobytes()


def unpack(data: bytes, width: int, count: int) -> Numbers:
    """The values again.

    Raises:
        CodeError: fewer bits than that.
    """
    if width == 0:
        return np.zeros(count, dtype=np.uint64)
    if len(data) * 8 < width * count:
        raise CodeError("The code is cut short.")
    bits = np.unpackbits(np.frombuffer(data, dtype=np.uint8), bitorder="little", count=width * count)
    wide = np.zeros((count, 64), dtype=np.uint8)
    wide[:, :width] = bits.reshape(count, width)
    return np.packbits(wide, axis=1, bitorder="little").reshape(-1).view("<u8").astype(np.uint64)


def marks_of(high: Numbers) -> bytes:
    """High parts, rising, as a row of bits: a one for each, a zero for each step upwards."""
    if not len(high):
        return b"\x00"
    places = high + np.arange(len(high), dtype=np.uint64)
    bits = np.zeros(int(places[-1]) + 2, dtype=np.uint8)
    bits[places.astype(np.int64)] = 1
    return np.packbits(bits, bitorder="little").tobytes()


def high_of(marks: bytes, count: int) -> Numbers:
    """The high parts again.

    Raises:
        CodeError: other than `count` of them.
    """
    places = np.flatnonzero(np.unpackbits(np.frombuffer(marks, dtype=np.uint8), bitorder="little"))
    if len(places) != count:
        raise CodeError("The code holds another number of values than it says.")
    high: Numbers = np.subtract(places.astype(np.uint64), np.arange(count, dtype=np.uint64), dtype=np.uint64)
    return high


def encode(values: Numbers, universe: int) -> bytes:
    """Rising values below `universe`; how many there are is not in the code."""
    width = low_bits(len(values), universe)
    marks = marks_of(values >> np.uint64(width))
    low = pack(values & np.uint64((1 << width) - 1), width)
    return len(marks).to_bytes(4, "little") + marks + low


def decode(data: bytes, count: int, universe: int) -> Numbers:
    """The values of `encode`.

    Raises:
        CodeError: not such a code, or its values do not rise.
    """
    width = low_bits(count, universe)
    size = int.from_bytes(data[:4], "little")
    if size > len(data) - 4 or size * 8 > MAX_MARKS or (count and not size):
        raise CodeError("The code is cut short.")
    high = high_of(data[4 : 4 + size], count)
    values = (high << np.uint64(width)) | unpack(data[4 + size :], width, count)
    if count and (int(values[-1]) >= universe or np.any(values[1:] < values[:-1])):
        raise CodeError("The values do not rise, or leave their range.")
    return values
