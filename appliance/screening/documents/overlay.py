"""An index with the changes since it was written: additions and removals in memory, the base untouched."""

from collections.abc import Iterator
from typing import Final

import msgspec
import numpy as np

from appliance.screening.documents.changes import Changes
from appliance.screening.documents.elias_fano import Numbers
from appliance.screening.documents.entries import DocumentStatus
from appliance.screening.documents.index import NumberIndex
from appliance.screening.documents.kinds import Kinds, Payload
from appliance.screening.errors import ListUnreadable
from appliance.screening.lists import ListInfo

MERGE_SHARE: Final = 0.02
MERGE_COUNT: Final = 300_000
"""Changes that are worth writing the base anew for: a week of SLTD."""
_EMPTY: Final = np.zeros(0, dtype=np.uint64)


class CannotApply(ListUnreadable):
    """The changes are for another version of the list, or do not lead where they say."""


class _Saved(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    info: ListInfo
    base_total: int
    base_count: int
    classes: tuple[tuple[str, DocumentStatus], ...]
    hashes: bytes
    payloads: bytes
    removed: bytes
    count: int
    total: int


class Overlay:
    """What has changed since the base was written. Immutable: `applied` gives a new one."""

    def __init__(
        self,
        *,
        info: ListInfo,
        kinds: Kinds,
        hashes: Numbers = _EMPTY,
        payloads: Numbers = _EMPTY,
        removed: Numbers = _EMPTY,
        count: int,
        total: int,
    ) -> None:
        self.info = info
        self.kinds = kinds
        self.hashes = hashes
        self.payloads = payloads
        self.removed = removed
        self.count = count
        self.total = total

    @classmethod
    def of(cls, base: NumberIndex) -> "Overlay":
        """Nothing has changed."""
        header = base.header
        return cls(info=header.info, kinds=header.kinds, count=header.count, total=header.total)

    @property
    def changed(self) -> int:
        return len(self.hashes) + len(self.removed)

    @property
    def worth_merging(self) -> bool:
        """Whether the base should be written anew."""
        return self.changed > max(1000, min(MERGE_COUNT, int(self.count * MERGE_SHARE)))

    def added(self, wanted: int) -> Payload | None:
        """The payload of a hash that was added."""
        place = int(np.searchsorted(self.hashes, np.uint64(wanted)))
        if place == len(self.hashes) or int(self.hashes[place]) != wanted:
            return None
        packed = int(self.payloads[place])
        return self.kinds.unpack(packed)

    def has_removed(self, rank: int) -> bool:
        """Whether the base's record of this rank is gone."""
        place = int(np.searchsorted(self.removed, np.uint64(rank)))
        return place < len(self.removed) and int(self.removed[place]) == rank

    def applied(self, base: NumberIndex, changes: Changes) -> "Overlay":
        """With these changes too.

        Raises:
            CannotApply: they are for another version, or do not lead where they say.
            ListUnreadable: the base is damaged.
        """
        header = base.header
        if (changes.info.name, changes.info.kind) != (self.info.name, self.info.kind):
            raise CannotApply("The changes are of another list.")
        if changes.from_version != self.info.version or changes.info.version <= changes.from_version:
            raise CannotApply(
                f"The changes lead from version {changes.from_version}, and the list has {self.info.version}."
            )
        if (changes.epoch, changes.hash_bits, changes.count_before) != (
            header.epoch,
            header.hash_bits,
            self.count,
        ):
            raise CannotApply("The changes are for a list that was made otherwise.")
        gone_here, gone_in_base = self._resolved(base, changes.removed)
        classes = tuple(dict.fromkeys(self.kinds.classes + changes.classes))
        kinds = Kinds(classes, self.kinds.first_month, self.kinds.month_bits)
        places = np.asarray([kinds.classes.index(one) for one in changes.classes], dtype=np.uint64)
        months = np.asarray([kinds.kept(int(month)) for month in changes.months], dtype=np.uint64)
        payloads = (places[changes.kinds] << np.uint64(kinds.month_bits)) | months
        kept = ~np.isin(np.arange(len(self.hashes)), gone_here)
        lost = int(np.sum(self.hashes[~kept], dtype=np.uint64)) + sum(
            int(one) for one in _hashes_at(base, gone_in_base)
        )
        hashes = np.concatenate((self.hashes[kept], changes.hashes))
        order = np.argsort(hashes, kind="stable")
        result = Overlay(
            info=msgspec.structs.replace(
                changes.info, entries=self.count - len(changes.removed) + len(changes.hashes)
            ),
            kinds=kinds,
            hashes=hashes[order],
            payloads=np.concatenate((self.payloads[kept], payloads))[order],
            removed=np.sort(np.concatenate((self.removed, gone_in_base))),
            count=self.count - len(changes.removed) + len(changes.hashes),
            total=(self.total - lost + int(np.sum(changes.hashes, dtype=np.uint64))) & (2**64 - 1),
        )
        if result.total != changes.total or np.any(result.hashes[1:] == result.hashes[:-1]):
            raise CannotApply("The changes do not lead to the list that they say.")
        return result

    def _resolved(self, base: NumberIndex, ranks: Numbers) -> tuple[Numbers, Numbers]:
        """Ranks in the list as it stands: places among the additions, and ranks in the base."""
        own = self._ranks_of_added(base)
        is_own = np.isin(ranks, own)
        gone_here = np.searchsorted(own, ranks[is_own]).astype(np.uint64)
        others = ranks[~is_own]
        living = others - np.searchsorted(own, others).astype(np.uint64)
        # The living base record number k has as many removed ones before it as this says.
        before = self.removed - np.arange(len(self.removed), dtype=np.uint64)
        return gone_here, living + np.searchsorted(before, living, side="right").astype(np.uint64)

    def _ranks_of_added(self, base: NumberIndex) -> Numbers:
        """Where the additions stand in the list as it is."""
        ranks = np.asarray([base.rank_below(int(one)) for one in self.hashes], dtype=np.uint64)
        gone = np.searchsorted(self.removed, ranks).astype(np.uint64)
        return (ranks - gone + np.arange(len(self.hashes), dtype=np.uint64)).astype(np.uint64)

    def merged(self, base: NumberIndex) -> Iterator[tuple[Numbers, Numbers]]:
        """The whole list, rising, as a new base is written from.

        Raises:
            ListUnreadable: the base is damaged.
        """
        at = 0
        for rank, hashes, payloads in base.all_pages():
            low, high = np.searchsorted(self.removed, (np.uint64(rank), np.uint64(rank + len(hashes))))
            kept = np.ones(len(hashes), dtype=bool)
            kept[(self.removed[low:high] - np.uint64(rank)).astype(np.int64)] = False
            end = int(np.searchsorted(self.hashes, hashes[-1]))
            mixed = np.concatenate((hashes[kept], self.hashes[at:end]))
            order = np.argsort(mixed, kind="stable")
            yield mixed[order], np.concatenate((payloads[kept], self.payloads[at:end]))[order]
            at = end
        yield self.hashes[at:], self.payloads[at:]

    def save(self, base: NumberIndex) -> bytes:
        """As a file beside the base."""
        return msgspec.msgpack.encode(
            _Saved(
                info=self.info,
                base_total=base.header.total,
                base_count=base.header.count,
                classes=self.kinds.classes,
                hashes=self.hashes.astype("<u8").tobytes(),
                payloads=self.payloads.astype("<u4").tobytes(),
                removed=self.removed.astype("<u4").tobytes(),
                count=self.count,
                total=self.total,
            )
        )

    @classmethod
    def load(cls, data: bytes, base: NumberIndex) -> "Overlay":
        """From the file beside the base.

        Raises:
            ListUnreadable: damaged, or of another base.
        """
        try:
            saved = msgspec.msgpack.decode(data, type=_Saved)
            hashes = np.frombuffer(saved.hashes, dtype="<u8").astype(np.uint64)
            payloads = np.frombuffer(saved.payloads, dtype="<u4").astype(np.uint64)
            removed = np.frombuffer(saved.removed, dtype="<u4").astype(np.uint64)
        except (msgspec.MsgspecError, ValueError) as error:
            raise ListUnreadable("The changes beside the list are damaged.") from error
        header = base.header
        if (saved.base_total, saved.base_count) != (header.total, header.count):
            raise ListUnreadable("The changes beside the list are of another list.")
        total = header.total + int(np.sum(hashes, dtype=np.uint64))
        if len(hashes) != len(payloads) or saved.count != header.count + len(hashes) - len(removed):
            raise ListUnreadable("The changes beside the list are damaged.")
        if not len(removed) and saved.total != total & (2**64 - 1):
            raise ListUnreadable("The changes beside the list are damaged.")
        kinds = Kinds(saved.classes, header.first_month, header.month_bits)
        return cls(info=saved.info, kinds=kinds, hashes=hashes, payloads=payloads, removed=removed,
                   count=saved.count, total=saved.total)  # fmt: skip


def _hashes_at(base: NumberIndex, ranks: Numbers) -> Iterator[int]:
    """The base's hashes of these ranks, rising or not, a page read once for neighbours."""
    held, begin, hashes = -1, 0, _EMPTY
    for rank in sorted(int(one) for one in ranks):
        number = base.page_of_rank(rank)
        if number != held:
            begin, held = base.first_rank(number), number
            hashes, _payloads = base.page(number)
        if rank - begin >= len(hashes):
            raise CannotApply("The changes remove what the list does not have.")
        yield int(hashes[rank - begin])
