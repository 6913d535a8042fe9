"""A disk image with a GUID partition table (UEFI 2.10, section 5.3), by writing a file: no loop device.

Identity, outbox and data are not in the image: the box makes them at its first start from the files of
`overlay/usr/lib/repart.d`, as large as its card is.
"""

import struct
import uuid
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

SECTOR = 512
ALIGN = 2048
"""Sectors: 1 MiB."""
ENTRIES, ENTRY_BYTES = 128, 128
TABLE_SECTORS = ENTRIES * ENTRY_BYTES // SECTOR
COPY_BYTES = 1024 * 1024

FAT = uuid.UUID("ebd0a0a2-b9e5-4433-87c0-68b6b72699c7")
"""Microsoft basic data: what the Raspberry Pi's first stage looks for a FAT in."""
LINUX = uuid.UUID("0fc63daf-8483-4772-8e79-3d69d8477de4")
NAMES = uuid.UUID("6f6ce3a2-6f65-5b2c-9d0b-6b5a8a0b1f0e")
"""Our own namespace: the same board always has the same ids, and two boards never."""


@dataclass(frozen=True, slots=True)
class Part:
    """One partition; None leaves it empty (zeros)."""

    label: str
    kind: uuid.UUID
    mib: int
    content: Path | None


def write_disk(path: Path, parts: Sequence[Part], *, board: str) -> None:
    """Write the image, sparse.

    Raises:
        ValueError: a partition's content is larger than it.
    """
    first = ALIGN
    entries = b""
    with path.open("wb") as file:
        for part in parts:
            sectors = part.mib * 1024 * 1024 // SECTOR
            if part.content is not None:
                if part.content.stat().st_size > sectors * SECTOR:
                    raise ValueError(
                        f"{part.label} has {part.content.stat().st_size} bytes, and {part.mib} MiB of room."
                    )
                _copy(part.content, file, first * SECTOR)
            entries += _entry(part, board, first, first + sectors - 1)
            first += sectors
        total = first + ALIGN  # room for the second table
        file.truncate(total * SECTOR)
        entries = entries.ljust(ENTRIES * ENTRY_BYTES, b"\0")
        disk = uuid.uuid5(NAMES, board)
        last = total - 1
        _put(file, 0, _protective_mbr(total))
        _put(file, 1, _header(disk, entries, here=1, other=last, table=2, last=last))
        _put(file, 2, entries)
        _put(file, last - TABLE_SECTORS, entries)
        _put(file, last, _header(disk, entries, here=last, other=1, table=last - TABLE_SECTORS, last=last))


def _entry(part: Part, board: str, first: int, last: int) -> bytes:
    own = uuid.uuid5(NAMES, f"{board}/{part.label}")
    name = part.label.encode("utf-16-le")
    return struct.pack("<16s16sQQQ72s", part.kind.bytes_le, own.bytes_le, first, last, 0, name)


def _header(disk: uuid.UUID, entries: bytes, *, here: int, other: int, table: int, last: int) -> bytes:
    usable = (2 + TABLE_SECTORS, last - TABLE_SECTORS - 1)

    def pack(own_crc: int) -> bytes:
        return struct.pack(
            "<8sIIIIQQQQ16sQIII", b"EFI PART", 0x00010000, 92, own_crc, 0, here, other, *usable,
            disk.bytes_le, table, ENTRIES, ENTRY_BYTES, zlib.crc32(entries),
        )  # fmt: skip

    return pack(zlib.crc32(pack(0))).ljust(SECTOR, b"\0")


def _protective_mbr(total: int) -> bytes:
    entry = struct.pack("<B3sB3sII", 0, b"\x00\x02\x00", 0xEE, b"\xff\xff\xff", 1, min(total - 1, 0xFFFFFFFF))
    return bytes(446) + entry + bytes(48) + b"\x55\xaa"


def _copy(source: Path, file: BinaryIO, at: int) -> None:
    file.seek(at)
    with source.open("rb") as content:
        while block := content.read(COPY_BYTES):
            if block.count(0) == len(block):
                file.seek(len(block), 1)
            else:
                file.write(block)


def _put(file: BinaryIO, sector: int, data: bytes) -> None:
    file.seek(sector * SECTOR)
    file.write(data)
