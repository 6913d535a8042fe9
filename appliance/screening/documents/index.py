"""The index file of numbers: opened in milliseconds, one page read for each number asked (mmap(2)).

    16 KiB       header: magic, length, CRC-32, JSON (`Header`), zeros
    pages        sorted hashes with their payload (`pages`), full to the last record
    directory    first hash of each page (8 bytes), first rank of each page (4 bytes), CRC-32

Only the directory is held in memory: 12 bytes for some 850 numbers. A page is checked against its CRC each
time it is read, because a card that rots must not clear anybody.
"""

import mmap
import os
import zlib
from bisect import bisect_right
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import msgspec
import numpy as np

from appliance.screening.documents.elias_fano import Numbers
from appliance.screening.documents.entries import DocumentStatus
from appliance.screening.documents.kinds import Kinds, Payload
from appliance.screening.documents.pages import PAGE_BYTES, Layout, PageDamaged, find_in_page, read_page
from appliance.screening.errors import ListUnreadable
from appliance.screening.lists import ListInfo

MAGIC: Final = b"BORNE\x00N1"
HEADER_BYTES: Final = 16 * 1024
"""Always as long, so that the pages' place does not hang on what the list says of itself."""
MAX_HEADER_BYTES: Final = HEADER_BYTES - 16
MAX_CLASSES: Final = 256
MAX_PAGES: Final = 1 << 22
"""16 GiB: three and a half thousand million numbers."""
_DIRECTORY_ENTRY: Final = 12


class Header(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What an index says of itself."""

    info: ListInfo
    epoch: str
    """Of the keys that its numbers are hashed under."""
    key_id: str
    hash_bits: int
    low_bits: int
    class_bits: int
    month_bits: int
    first_month: int
    classes: tuple[tuple[str, DocumentStatus], ...]
    """Document type and status; a record holds the place in this table."""
    count: int
    pages: int
    total: int
    """Sum of all hashes, modulo 2^64: what a box checks after it has merged changes."""

    @property
    def kinds(self) -> Kinds:
        return Kinds(self.classes, self.first_month, self.month_bits)

    @property
    def layout(self) -> Layout:
        return Layout(self.hash_bits, self.low_bits, self.class_bits + self.month_bits)


def write_header(header: Header) -> bytes:
    """The header, filled up with zeros.

    Raises:
        ValueError: longer than any reader takes.
    """
    text = msgspec.json.encode(header)
    if len(text) > MAX_HEADER_BYTES:
        raise ValueError("What the list says of itself is longer than an index holds.")
    head = MAGIC + len(text).to_bytes(4, "little") + zlib.crc32(text).to_bytes(4, "little") + text
    return head.ljust(HEADER_BYTES, b"\0")


def write_directory(fences: Numbers, ranks: Numbers) -> bytes:
    data = fences.astype("<u8").tobytes() + ranks.astype("<u4").tobytes()
    return data + zlib.crc32(data).to_bytes(4, "little")


class NumberIndex:
    """An index file, opened; safe to search from several threads."""

    def __init__(self, path: Path) -> None:
        """Raises:
        ListUnreadable: it cannot be read, is no index, or is damaged.
        """
        try:
            handle = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        except OSError as error:
            raise ListUnreadable(f"{path.name} cannot be read ({error.strerror}).") from error
        try:
            size = os.fstat(handle).st_size
            self._map = mmap.mmap(handle, size, access=mmap.ACCESS_READ) if size else None
        except (OSError, ValueError) as error:
            raise ListUnreadable(f"{path.name} cannot be read.") from error
        finally:
            os.close(handle)
        if self._map is None:
            raise ListUnreadable(f"{path.name} is empty.")
        try:
            self.header = self._read_header(size)
            self._read_directory(size)
        except (ListUnreadable, msgspec.MsgspecError, ValueError) as error:
            self._map.close()
            raise ListUnreadable(f"{path.name} is no index of numbers, or is damaged.") from error
        self.layout, self._kinds = self.header.layout, self.header.kinds
        self.pages_read = 0
        """Since it was opened: for measuring."""
        # Numbers are asked at random places: reading ahead would only wear the card's time.
        self._map.madvise(mmap.MADV_RANDOM)

    def _read_header(self, size: int) -> Header:
        assert self._map is not None
        length = int.from_bytes(self._map[8:12], "little")
        if self._map[:8] != MAGIC or not 0 < length <= min(MAX_HEADER_BYTES, size - 16):
            raise ListUnreadable("no index")
        text = self._map[16 : 16 + length]
        if zlib.crc32(text) != int.from_bytes(self._map[12:16], "little"):
            raise ListUnreadable("damaged header")
        header = msgspec.json.decode(text, type=Header)
        bits = (header.hash_bits, header.low_bits, header.class_bits, header.month_bits)
        if any(not 0 <= one <= 60 for one in bits) or header.layout.width > 64 or not header.classes:
            raise ListUnreadable("impossible header")
        if not 0 <= header.pages <= MAX_PAGES or header.count != header.info.entries:
            raise ListUnreadable("impossible header")
        if len(header.classes) > MAX_CLASSES or header.info.issued_at.tzinfo is None:
            raise ListUnreadable("impossible header")
        return header

    def _read_directory(self, size: int) -> None:
        assert self._map is not None
        pages = self.header.pages
        at = HEADER_BYTES + pages * PAGE_BYTES
        if size != at + pages * _DIRECTORY_ENTRY + 4:
            raise ListUnreadable("cut short")
        data = self._map[at : size - 4]
        if zlib.crc32(data) != int.from_bytes(self._map[size - 4 : size], "little"):
            raise ListUnreadable("damaged directory")
        self._fences = np.frombuffer(data, dtype="<u8", count=pages)
        self._ranks = np.frombuffer(data, dtype="<u4", count=pages, offset=pages * 8)

    def find(self, wanted: int) -> tuple[int, Payload] | None:
        """Rank and payload of a hash, None when the list does not have it.

        Raises:
            ListUnreadable: the page it would be in is damaged.
        """
        number = bisect_right(self._fences, wanted) - 1
        if number < 0:
            return None
        try:
            found = find_in_page(self._page(number), int(self._fences[number]), wanted, self.layout)
        except PageDamaged as error:
            raise ListUnreadable(f"The list {self.header.info.name} is damaged.") from error
        if found is None:
            return None
        place, payload = found
        return int(self._ranks[number]) + place, self.payload(payload)

    def rank_below(self, wanted: int) -> int:
        """How many hashes are smaller.

        Raises:
            ListUnreadable: a page is damaged.
        """
        number = bisect_right(self._fences, wanted) - 1
        if number < 0:
            return 0
        hashes, _payloads = self.page(number)
        return int(self._ranks[number]) + int(np.searchsorted(hashes, np.uint64(wanted)))

    def page_of_rank(self, rank: int) -> int:
        """The page that holds the record of this rank."""
        return max(0, bisect_right(self._ranks, rank) - 1)

    def first_rank(self, number: int) -> int:
        """The rank of a page's first record."""
        return int(self._ranks[number])

    def page(self, number: int) -> tuple[Numbers, Numbers]:
        """All hashes and payloads of one page.

        Raises:
            ListUnreadable: it is damaged.
        """
        try:
            return read_page(self._page(number), int(self._fences[number]), self.layout)
        except PageDamaged as error:
            raise ListUnreadable(f"The list {self.header.info.name} is damaged.") from error

    def all_pages(self) -> Iterator[tuple[int, Numbers, Numbers]]:
        """First rank, hashes and payloads of each page in order."""
        for number in range(self.header.pages):
            hashes, payloads = self.page(number)
            yield int(self._ranks[number]), hashes, payloads

    def payload(self, packed: int) -> Payload:
        """What a record's payload says.

        Raises:
            ListUnreadable: it names a class that the list does not have.
        """
        found = self._kinds.unpack(packed)
        if found is None:
            raise ListUnreadable(f"The list {self.header.info.name} is damaged.")
        return found

    def _page(self, number: int) -> bytes:
        assert self._map is not None
        self.pages_read += 1
        at = HEADER_BYTES + number * PAGE_BYTES
        try:
            return self._map[at : at + PAGE_BYTES]
        except ValueError as error:  # closed
            raise ListUnreadable(f"The list {self.header.info.name} is closed.") from error

    def close(self) -> None:
        if self._map is not None:
            self._map.close()
