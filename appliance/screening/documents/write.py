"""Writing an index file: a stream of hashes is sorted through files, so that 200 million fit into little
memory."""

import os
import tempfile
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Final

import msgspec
import numpy as np
from numpy.typing import NDArray

from appliance.screening.documents.elias_fano import Numbers
from appliance.screening.documents.hashing import MAX_HASH_BITS
from appliance.screening.documents.index import (
    HEADER_BYTES,
    MAX_CLASSES,
    Header,
    write_directory,
    write_header,
)
from appliance.screening.documents.kinds import Kinds
from appliance.screening.documents.pages import PAGE_BYTES, Layout, write_page
from appliance.screening.lists import ListInfo

FALSE_POSITIVE_BITS: Final = 24
"""A number that is on no list hits one time in 2^24 at most; a traveller asks some eight spellings."""
BUCKETS: Final = 256
BATCH: Final = 1 << 17
MIN_HASH_BITS: Final = 40
_RECORD: Final = np.dtype([("hash", "<u8"), ("payload", "<u4")])

Records = NDArray[np.void]
Progress = Callable[[int, int], None]
"""Called with how much is done, and of how much."""


def no_progress(done: int, total: int) -> None:
    """Nobody is watching."""
    del done, total


def hash_bits_for(count: int) -> int:
    """How long hashes must be for a list of so many numbers."""
    return min(MAX_HASH_BITS, max(MIN_HASH_BITS, max(1, count).bit_length() + FALSE_POSITIVE_BITS))


class Sorter:
    """Takes hashes with payloads in any order, and gives them back sorted, one of each hash."""

    def __init__(self, folder: Path) -> None:
        self._files = [open(folder / f"{number:03d}", "w+b") for number in range(BUCKETS)]  # noqa: SIM115
        self.count = 0

    def add(self, hashes: Numbers, payloads: NDArray[np.uint32]) -> None:
        """Hashes of 64 bits."""
        buckets = (hashes >> np.uint64(56)).astype(np.int64)
        order = np.argsort(buckets, kind="stable")
        records = np.empty(len(hashes), dtype=_RECORD)
        records["hash"], records["payload"] = hashes[order], payloads[order]
        ends = np.searchsorted(buckets[order], np.arange(BUCKETS), side="right")
        start = 0
        for number, end in enumerate(ends):
            if end > start:
                self._files[number].write(records[start:end].tobytes())
            start = int(end)
        self.count += len(hashes)

    def sorted(self, hash_bits: int) -> Iterator[tuple[Numbers, Numbers]]:
        """All, rising, cut to `hash_bits`; of equal ones the gravest payload, which has the lowest number."""
        shift = np.uint64(64 - hash_bits)
        for file in self._files:
            file.flush()
            file.seek(0)
            records = np.frombuffer(file.read(), dtype=_RECORD)
            file.close()
            hashes = records["hash"].astype(np.uint64) >> shift
            order = np.lexsort((records["payload"], hashes))
            hashes, payloads = hashes[order], records["payload"][order].astype(np.uint64)
            first = np.ones(len(hashes), dtype=bool)
            first[1:] = hashes[1:] != hashes[:-1]
            yield hashes[first], payloads[first]

    def close(self) -> None:
        for file in self._files:
            file.close()


def write_index(
    path: Path,
    records: Iterable[tuple[Numbers, Numbers]],
    *,
    info: ListInfo,
    kinds: Kinds,
    epoch: str,
    key_id: str,
    hash_bits: int,
    expected: int,
    progress: Progress = no_progress,
) -> Header:
    """The index of rising hashes with their payloads; it stands complete on disk under `path`, or not at all.

    Raises:
        OSError: the file cannot be written.
    """
    low = max(1, hash_bits - max(1, expected).bit_length())
    layout = Layout(hash_bits, low, kinds.class_bits + kinds.month_bits)
    header = Header(
        info=info,
        epoch=epoch,
        key_id=key_id,
        hash_bits=hash_bits,
        low_bits=low,
        class_bits=kinds.class_bits,
        month_bits=kinds.month_bits,
        first_month=kinds.first_month,
        classes=kinds.classes[:MAX_CLASSES],
        count=0,
        pages=0,
        total=0,
    )
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    fences: list[int] = []
    ranks: list[int] = []
    count = total = 0
    try:
        with temporary.open("w+b") as file:
            file.write(b"\0" * HEADER_BYTES)
            for hashes, payloads in _full_pages(records, layout):
                fences.append(int(hashes[0]))
                ranks.append(count)
                file.write(write_page(hashes, payloads, layout))
                count += len(hashes)
                total = (total + int(np.sum(hashes, dtype=np.uint64))) & (2**64 - 1)
                if len(fences) % 256 == 0:
                    progress(count, expected)
            file.write(
                write_directory(np.asarray(fences, dtype=np.uint64), np.asarray(ranks, dtype=np.uint64))
            )
            header = _counted(header, count, len(fences), total)
            file.seek(0)
            file.write(write_header(header))
            file.flush()
            os.fsync(file.fileno())
        progress(count, count)
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)
    return header


def _counted(header: Header, count: int, pages: int, total: int) -> Header:
    info = msgspec.structs.replace(header.info, entries=count)
    return msgspec.structs.replace(header, info=info, count=count, pages=pages, total=total)


def _full_pages(
    records: Iterable[tuple[Numbers, Numbers]], layout: Layout
) -> Iterator[tuple[Numbers, Numbers]]:
    """The stream cut into pages that are full to the last record."""
    hashes, payloads = np.zeros(0, dtype=np.uint64), np.zeros(0, dtype=np.uint64)
    look = PAGE_BYTES * 8 // (layout.width + 1) + 2
    for more, more_payloads in records:
        hashes, payloads = np.concatenate((hashes, more)), np.concatenate((payloads, more_payloads))
        at = 0
        while len(hashes) - at > look:
            end = at + layout.fitting(hashes[at : at + look])
            yield hashes[at:end], payloads[at:end]
            at = end
        hashes, payloads = hashes[at:], payloads[at:]
    at = 0
    while at < len(hashes):
        end = at + layout.fitting(hashes[at : at + look])
        yield hashes[at:end], payloads[at:end]
        at = end


def sorting_folder(near: Path) -> "tempfile.TemporaryDirectory[str]":
    """Where the sorter's files lie: beside the index, which has the room that they need."""
    return tempfile.TemporaryDirectory(prefix=".sort-", dir=near.parent)
