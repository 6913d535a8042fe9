"""Documents, vehicles and visas on lists: by number and issuing state, as read and as it may have been
meant."""

import weakref
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Final

from appliance.screening.documents.entries import DocumentStatus, month_text
from appliance.screening.documents.hashing import NumberHasher
from appliance.screening.documents.index import NumberIndex
from appliance.screening.documents.kinds import Payload
from appliance.screening.documents.overlay import Overlay
from appliance.screening.documents.spellings import plate_spellings, spellings
from appliance.screening.errors import ListUnreadable
from appliance.screening.lists import ListInfo, ListKind
from appliance.screening.numbers import normalise_number, normalise_state
from appliance.travel_document.codes import can_issue, issuing_codes

CHANGED_SCORE: Final = 0.6
"""A spelling that was not read: the officer looks at the page before anything else."""
ENTRY_DIGITS: Final = 12
_ISSUERS: Final = tuple(dict.fromkeys(normalise_state(code) for code in issuing_codes()))


@dataclass(frozen=True, slots=True)
class NumberHit:
    """A number that a list names."""

    entry: str
    """The owner's handle: the first digits of the keyed hash, because the list itself holds no number."""
    status: DocumentStatus
    document_type: str
    reported: str
    """YYYY-MM, empty when the list does not say."""
    changed: int
    """How many characters were read otherwise; 0 for the number as it was read."""
    spelling: str
    state: str
    """Whose number it is on the list."""
    state_read: bool
    """False: the document does not say whose it is, and every issuer was asked for."""
    why: tuple[str, ...]


class NumberList:
    """An opened list of numbers with its changes; safe to search from several threads."""

    def __init__(
        self,
        index: NumberIndex,
        hasher: NumberHasher,
        *,
        overlay: Overlay | None = None,
        expires_at: datetime | None = None,
    ) -> None:
        self._index = index
        self._hasher = hasher
        self.overlay = overlay or Overlay.of(index)
        self._expires_at = expires_at
        weakref.finalize(self, index.close)

    @property
    def info(self) -> ListInfo:
        return self.overlay.info

    @property
    def expires_at(self) -> datetime | None:
        return self._expires_at

    @property
    def index(self) -> NumberIndex:
        return self._index

    def find(self, state: str, number: str) -> Payload | None:
        """What the list says of exactly this number; both normalised.

        Raises:
            ListUnreadable: the page it would be in is damaged.
        """
        wanted = self._hasher.hash64(state, number) >> (64 - self._index.layout.hash_bits)
        added = self.overlay.added(wanted) if len(self.overlay.hashes) else None
        if added is not None:
            return added
        found = self._index.find(wanted)
        if found is None or (len(self.overlay.removed) and self.overlay.has_removed(found[0])):
            return None
        return found[1]

    def search(
        self, number: str, *, issuing_state: str, check_digit_fits: bool | None, document_type: str = ""
    ) -> tuple[NumberHit, ...]:
        """The number as read, or else the spellings that may have been meant, the fewest changes first.

        Where the issuing state is not known, or is no issuer's code, the number as read is asked under every
        issuer: another state's document may well have the same one.

        Raises:
            ListUnreadable: the list is damaged.
        """
        number, state = normalise_number(number), normalise_state(issuing_state)
        if not number:
            return ()
        if not can_issue(state):
            asked = ((code, self.find(code, number)) for code in _ISSUERS)
            return tuple(
                self._hit(code, number, found, number, document_type, state_read=False)
                for code, found in asked
                if found is not None
            )
        exact = self.find(state, number)
        if exact is not None:
            return (self._hit(state, number, exact, number, document_type),)
        others = (
            plate_spellings(number)
            if self.info.kind is ListKind.VEHICLES
            else spellings(number, check_digit_fits=check_digit_fits)
        )
        hits = []
        for spelling in others:
            found = self.find(state, spelling)
            if found is not None:
                hits.append(self._hit(state, spelling, found, number, document_type))
        return tuple(hits)

    def _hit(
        self,
        state: str,
        spelling: str,
        found: Payload,
        read: str,
        document_type: str,
        *,
        state_read: bool = True,
    ) -> NumberHit:
        changed = sum(a != b for a, b in zip(spelling, read, strict=True))
        what = {ListKind.VEHICLES: "plate", ListKind.VISAS: "visa"}.get(self.info.kind, "document")
        why = [
            f"read_with_changed_character_{changed}" if changed else f"{what}_number_equal",
            "issuing_state_equal" if state_read else "issuing_state_not_known",
        ]
        if found.document_type and document_type and found.document_type[:1] != document_type[:1]:
            # Two kinds of document of one state may have one number.
            why.append("document_type_differs")
        entry = f"{self._hasher.hash64(state, spelling):016x}"[:ENTRY_DIGITS]
        return NumberHit(
            entry=entry, status=found.status, document_type=found.document_type,
            reported=month_text(found.month), changed=changed, spelling=spelling, state=state,
            state_read=state_read, why=tuple(why),
        )  # fmt: skip

    def close(self) -> None:
        self._index.close()


def open_numbers(path: Path, master_key: bytes, *, expires_at: datetime | None = None) -> NumberList:
    """A list of numbers from its index file.

    Raises:
        ListUnreadable: it cannot be read, is damaged, or is hashed under another key.
    """
    index = NumberIndex(path)
    header = index.header
    try:
        hasher = NumberHasher(master_key, epoch=header.epoch, kind=header.info.kind.value)
    except ValueError as error:
        index.close()
        raise ListUnreadable(f"There is no key for the list {header.info.name}.") from error
    if hasher.key_id != header.key_id:
        index.close()
        raise ListUnreadable(f"The list {header.info.name} is hashed under another key than this box has.")
    return NumberList(index, hasher, expires_at=expires_at)
