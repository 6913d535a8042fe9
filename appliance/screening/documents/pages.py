"""One page of the index: 4 KiB of sorted hashes and what is known of each, found without unpacking the page.

bytes 0-3    CRC-32 of the rest (ISO 3309)
bytes 4-5    number of records
bytes 6-7    bytes of marks
marks        high parts of the hashes less the page's first hash (elias_fano)
records      low bits of the hash, then the payload, `low + payload` bits each
"""

import struct
import zlib
from dataclasses import dataclass
from typing import Final

import numpy as np

from appliance.screening.documents import elias_fano
from appliance.screening.documents.elias_fano import CodeError, Numbers

PAGE_BYTES: Final = 4096
_HEAD: Final = struct.Struct("<IHH")
HEAD_BYTES: Final = _HEAD.size


class PageDamaged(CodeError):
    """The page is not as it was written."""


@dataclass(frozen=True, slots=True)
class Layout:
    """Bits of a record."""

    hash_bits: int
    low: int
    payload: int

    @property
    def width(self) -> int:
        return self.low + self.payload

    def fitting(self, hashes: Numbers) -> int:
        """How many of these rising hashes go into one page."""
        counts = np.arange(1, len(hashes) + 1, dtype=np.int64)
        steps = ((hashes - hashes[0]) >> np.uint64(self.low)).astype(np.int64)
        size = HEAD_BYTES + (steps + counts + 1 + 7) // 8 + (counts * self.width + 7) // 8
        return int(np.searchsorted(size, PAGE_BYTES, side="right"))


def write_page(hashes: Numbers, payloads: Numbers, layout: Layout) -> bytes:
    """These records, which fit, as one page."""
    offsets = hashes - hashes[0]
    marks = elias_fano.marks_of(offsets >> np.uint64(layout.low))
    low = offsets & np.uint64((1 << layout.low) - 1)
    records = elias_fano.pack(low | (payloads << np.uint64(layout.low)), layout.width)
    body = (len(hashes).to_bytes(2, "little") + len(marks).to_bytes(2, "little") + marks + records).ljust(
        PAGE_BYTES - 4, b"\0"
    )
    if len(body) > PAGE_BYTES - 4:
        raise ValueError("More records than fit into a page.")
    return zlib.crc32(body).to_bytes(4, "little") + body


def read_page(page: bytes, first: int, layout: Layout) -> tuple[Numbers, Numbers]:
    """All hashes and payloads of a page whose first hash is `first`.

    Raises:
        PageDamaged: it is not as it was written.
    """
    count, marks = _checked(page)
    try:
        high = elias_fano.high_of(page[HEAD_BYTES : HEAD_BYTES + marks], count)
        records = elias_fano.unpack(page[HEAD_BYTES + marks :], layout.width, count)
    except CodeError as error:
        raise PageDamaged("A page of the index is damaged.") from error
    low = records & np.uint64((1 << layout.low) - 1)
    return np.uint64(first) + ((high << np.uint64(layout.low)) | low), records >> np.uint64(layout.low)


def find_in_page(page: bytes, first: int, wanted: int, layout: Layout) -> tuple[int, int] | None:
    """Place in the page and payload of a hash, None when it is not there.

    Raises:
        PageDamaged: it is not as it was written.
    """
    count, marks = _checked(page)
    offset = wanted - first
    high, low = offset >> layout.low, offset & ((1 << layout.low) - 1)
    bits = np.unpackbits(
        np.frombuffer(page, dtype=np.uint8, count=marks, offset=HEAD_BYTES), bitorder="little"
    )
    zeros = np.flatnonzero(bits == 0)
    if high >= len(zeros):
        return None
    begin = int(zeros[high - 1]) - high + 1 if high else 0
    end = min(int(zeros[high]) - high, count)
    mask = (1 << layout.low) - 1
    at = (HEAD_BYTES + marks) * 8
    for place in range(begin, end):
        bit = at + place * layout.width
        word = int.from_bytes(page[bit >> 3 : (bit >> 3) + 9], "little") >> (bit & 7)
        if word & mask == low:
            return place, (word >> layout.low) & ((1 << layout.payload) - 1)
    return None


def _checked(page: bytes) -> tuple[int, int]:
    if len(page) != PAGE_BYTES:
        raise PageDamaged("A page of the index is missing.")
    checksum, count, marks = _HEAD.unpack_from(page)
    if zlib.crc32(memoryview(page)[4:]) != checksum or HEAD_BYTES + marks > PAGE_BYTES:
        raise PageDamaged("A page of the index is damaged.")
    return count, marks
