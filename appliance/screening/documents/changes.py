"""A day's changes of a list of numbers: what comes and what goes, in some five bytes a number.

Additions are hashes in the order of the list (`elias_fano`), with their classes and months apart, which
compress well because most reports are of this month. Removals are ranks in the list as it stood, two bytes
each: only who has that very version can apply them. `count` and `total` say what must come out.
"""

import zlib
from typing import Final

import cbor2
import msgspec
import numpy as np
from numpy.typing import NDArray

from appliance import cbor
from appliance.screening.documents import elias_fano
from appliance.screening.documents.elias_fano import CodeError, Numbers
from appliance.screening.documents.entries import DocumentStatus
from appliance.screening.documents.index import MAX_CLASSES
from appliance.screening.errors import ListUnreadable
from appliance.screening.lists import ListInfo

MAGIC: Final = b"BORNE\x00C1"
MAX_ADDED: Final = 4_000_000
"""A quarter of a year of SLTD at once; more is a new list."""
MAX_REMOVED: Final = 1_000_000


class Changes(msgspec.Struct, frozen=True, kw_only=True):
    """From one version of a list to the next."""

    info: ListInfo
    """Of the list when they are applied."""
    from_version: int
    epoch: str
    hash_bits: int
    classes: tuple[tuple[str, DocumentStatus], ...]
    hashes: Numbers
    kinds: NDArray[np.uint8]
    """Of each addition, its place in `classes`."""
    months: NDArray[np.uint16]
    removed: Numbers
    """Ranks in the list as it stood."""
    count_before: int
    total: int
    """Sum of all hashes afterwards, modulo 2^64."""


class _Packed(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    info: bytes
    from_version: int
    epoch: str
    hash_bits: int
    classes: tuple[tuple[str, DocumentStatus], ...]
    added: int
    hashes: bytes
    kinds: bytes
    months: bytes
    removed: int
    ranks: bytes
    count_before: int
    total: int


def encode_changes(changes: Changes) -> bytes:
    """The changes as a file."""
    packed = _Packed(
        info=msgspec.json.encode(changes.info),
        from_version=changes.from_version,
        epoch=changes.epoch,
        hash_bits=changes.hash_bits,
        classes=changes.classes,
        added=len(changes.hashes),
        hashes=elias_fano.encode(changes.hashes, 1 << changes.hash_bits),
        kinds=zlib.compress(changes.kinds.astype(np.uint8).tobytes(), 9),
        months=zlib.compress(_months_apart(changes.months), 9),
        removed=len(changes.removed),
        ranks=elias_fano.encode(changes.removed, max(1, changes.count_before)),
        count_before=changes.count_before,
        total=changes.total,
    )
    return MAGIC + cbor2.dumps(msgspec.to_builtins(packed, builtin_types=(bytes,)), canonical=True)


def decode_changes(data: bytes) -> Changes:
    """The changes of a file.

    Raises:
        ListUnreadable: no such file, or a damaged one.
    """
    if not data.startswith(MAGIC):
        raise ListUnreadable("The file holds no changes of a list.")
    try:
        packed = msgspec.convert(cbor.loads(data[len(MAGIC) :]), _Packed, builtin_types=(bytes,))
        if not (0 <= packed.added <= MAX_ADDED and 0 <= packed.removed <= MAX_REMOVED):
            raise CodeError("More changes than any list has.")
        if not (1 <= packed.hash_bits <= 60 and 0 < len(packed.classes) <= MAX_CLASSES):
            raise CodeError("Impossible changes.")
        kinds = np.frombuffer(_inflated(packed.kinds, packed.added), dtype=np.uint8)
        months = np.frombuffer(_inflated(packed.months, 2 * packed.added), dtype=np.uint8)
        changes = Changes(
            info=msgspec.json.decode(packed.info, type=ListInfo),
            from_version=packed.from_version,
            epoch=packed.epoch,
            hash_bits=packed.hash_bits,
            classes=packed.classes,
            hashes=elias_fano.decode(packed.hashes, packed.added, 1 << packed.hash_bits),
            kinds=kinds,
            months=(months[: packed.added].astype(np.uint16) << 8 | months[packed.added :]).astype(np.uint16),
            removed=elias_fano.decode(packed.ranks, packed.removed, max(1, packed.count_before)),
            count_before=packed.count_before,
            total=packed.total,
        )
        if changes.info.issued_at.tzinfo is None or (len(kinds) and int(kinds.max()) >= len(packed.classes)):
            raise CodeError("Impossible changes.")
        if any(np.any(one[1:] == one[:-1]) for one in (changes.hashes, changes.removed)):
            raise CodeError("The same change twice.")
    except (CodeError, ValueError, msgspec.MsgspecError, zlib.error, TypeError, OverflowError,
            MemoryError) as error:  # fmt: skip
        raise ListUnreadable("The file of changes is damaged.") from error
    return changes


def _months_apart(months: NDArray[np.uint16]) -> bytes:
    """High bytes, then low bytes: each column compresses by itself."""
    return (months >> 8).astype(np.uint8).tobytes() + (months & 0xFF).astype(np.uint8).tobytes()


def _inflated(data: bytes, size: int) -> bytes:
    """Exactly so many bytes, and never more, however much a bomb would give."""
    inflater = zlib.decompressobj()
    plain = inflater.decompress(data, size + 1)
    if len(plain) != size:
        raise CodeError("A column has another length than it says.")
    return plain
