"""From entries to an index, and from two days' entries to the changes between them; on the server's side."""

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Final

import msgspec
import numpy as np

from appliance.screening.documents.changes import Changes
from appliance.screening.documents.elias_fano import Numbers
from appliance.screening.documents.entries import DocumentEntry, DocumentStatus, check_document, month_of
from appliance.screening.documents.hashing import NumberHasher
from appliance.screening.documents.index import Header
from appliance.screening.documents.kinds import Kinds
from appliance.screening.documents.search import NumberList
from appliance.screening.documents.write import (
    BATCH,
    Progress,
    Sorter,
    hash_bits_for,
    no_progress,
    sorting_folder,
    write_index,
)
from appliance.screening.lists import ListInfo

TYPES: Final = ("P", "I", "V", "")
"""Document types that an index tells apart: passport, identity card, visa, anything else."""
CLASSES: Final = tuple((kind, status) for status in DocumentStatus for kind in TYPES)
"""Gravest first: of two reports of one number the lower place is kept."""


def build_numbers(
    path: Path,
    entries: Iterable[DocumentEntry],
    *,
    info: ListInfo,
    master_key: bytes,
    epoch: str,
    progress: Progress = no_progress,
    expected: int = 0,
) -> Header:
    """The index of these entries; it stands complete under `path`, or not at all.

    Raises:
        EntryError: an entry that no list takes.
        ValueError: a key of the wrong length, or the wrong kind of list.
        OSError: a file cannot be written.
    """
    if not info.kind.of_numbers:
        raise ValueError(f"A list of {info.kind} holds no numbers.")
    hasher = NumberHasher(master_key, epoch=epoch, kind=info.kind.value)
    kinds = Kinds.at(CLASSES, info.issued_at)
    with sorting_folder(path) as folder:
        sorter = Sorter(Path(folder))
        try:
            for hashes, payloads in _hashed(entries, hasher, kinds):
                sorter.add(hashes, payloads.astype(np.uint32))
                progress(sorter.count, max(expected, sorter.count))
            bits = hash_bits_for(sorter.count)
            return write_index(
                path, sorter.sorted(bits), info=info, kinds=kinds, epoch=epoch, key_id=hasher.key_id,
                hash_bits=bits, expected=sorter.count, progress=progress,
            )  # fmt: skip
        finally:
            sorter.close()


def merge_numbers(path: Path, one: NumberList, *, progress: Progress = no_progress) -> Header:
    """The list with all its changes as a new index under `path`, complete or not at all.

    Raises:
        ListUnreadable: the old one is damaged.
        OSError: the file cannot be written.
    """
    header, overlay = one.index.header, one.overlay
    return write_index(
        path, overlay.merged(one.index), info=overlay.info, kinds=overlay.kinds, epoch=header.epoch,
        key_id=header.key_id, hash_bits=header.hash_bits, expected=max(overlay.count, 1), progress=progress,
    )  # fmt: skip


def changes_of(
    one: NumberList,
    *,
    info: ListInfo,
    master_key: bytes,
    added: Iterable[DocumentEntry] = (),
    removed: Iterable[DocumentEntry] = (),
) -> Changes:
    """What leads from this list to the next version; numbers that are there, or are not, change nothing.

    Raises:
        EntryError: an entry that no list takes.
        ListUnreadable: the list is damaged.
        ValueError: the key is another one, or a version that does not rise.
    """
    header, overlay = one.index.header, one.overlay
    hasher = NumberHasher(master_key, epoch=header.epoch, kind=header.info.kind.value)
    if hasher.key_id != header.key_id:
        raise ValueError("The list is hashed under another key.")
    if info.version <= overlay.info.version or info.name != overlay.info.name:
        raise ValueError("Changes lead to a higher version of the same list.")
    if overlay.changed:
        raise ValueError("Merge the list first: changes are made from an index without changes of its own.")
    shift = 64 - header.hash_bits
    kinds = Kinds(CLASSES, header.first_month, header.month_bits)
    gone = sorted(
        {found[0] for entry in removed for found in (one.index.find(_hash(entry, hasher) >> shift),) if found}
    )
    new: dict[int, int] = {}
    for hashes, payloads in _hashed(added, hasher, kinds, exact_months=True):
        for wide, payload in zip(hashes.tolist(), payloads.tolist(), strict=True):
            if wide >> shift not in new and one.index.find(wide >> shift) is None:
                new[wide >> shift] = payload
    ordered = np.asarray(sorted(new), dtype=np.uint64)
    packed = np.asarray([new[int(one)] for one in ordered], dtype=np.uint64)
    lost = sum(_hash_of_rank(one, rank) for rank in gone)
    return Changes(
        info=msgspec.structs.replace(info, entries=header.count - len(gone) + len(ordered)),
        from_version=overlay.info.version,
        epoch=header.epoch,
        hash_bits=header.hash_bits,
        classes=CLASSES,
        hashes=ordered,
        kinds=(packed >> np.uint64(16)).astype(np.uint8),
        months=(packed & np.uint64(0xFFFF)).astype(np.uint16),
        removed=np.asarray(gone, dtype=np.uint64),
        count_before=header.count,
        total=(header.total - lost + sum(new)) & (2**64 - 1),
    )


def _hash_of_rank(one: NumberList, rank: int) -> int:
    number = one.index.page_of_rank(rank)
    hashes, _payloads = one.index.page(number)
    return int(hashes[rank - one.index.first_rank(number)])


def _hash(entry: DocumentEntry, hasher: NumberHasher) -> int:
    plain = check_document(entry)
    return hasher.hash64(plain.issuing_state, plain.number)


def _hashed(
    entries: Iterable[DocumentEntry], hasher: NumberHasher, kinds: Kinds, *, exact_months: bool = False
) -> Iterator[tuple[Numbers, Numbers]]:
    hashes: list[int] = []
    payloads: list[int] = []
    places = {one: place for place, one in enumerate(kinds.classes)}
    for entry in entries:
        plain = check_document(entry)
        kind = plain.document_type[:1] if plain.document_type[:1] in TYPES else ""
        if plain.document_type[:1] in ("A", "C"):  # identity cards too (Doc 9303-5, 4.2.2.3)
            kind = "I"
        place, month = places[(kind, plain.status)], month_of(plain.reported)
        hashes.append(hasher.hash64(plain.issuing_state, plain.number))
        payloads.append(
            place << 16 | month if exact_months else place << kinds.month_bits | kinds.kept(month)
        )
        if len(hashes) == BATCH:
            yield np.asarray(hashes, dtype=np.uint64), np.asarray(payloads, dtype=np.uint64)
            hashes, payloads = [], []
    if hashes:
        yield np.asarray(hashes, dtype=np.uint64), np.asarray(payloads, dtype=np.uint64)
