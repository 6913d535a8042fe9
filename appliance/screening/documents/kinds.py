"""What a list of numbers knows of each: type, status and month of report, in some twelve bits."""

from dataclasses import dataclass
from datetime import datetime
from typing import Final

from appliance.screening.documents.entries import DocumentStatus
from appliance.screening.errors import EntryError

MONTH_BITS: Final = 8
MONTHS_BACK: Final = 180
"""Fifteen years before a list is made, and six to live on: a passport is valid for ten."""


@dataclass(frozen=True, slots=True)
class Payload:
    """What a list says of a number."""

    document_type: str
    status: DocumentStatus
    month: int
    """Of the report, as `entries.month_of` numbers it; 0 when it is not known."""


@dataclass(frozen=True, slots=True)
class Kinds:
    """The table of document types and statuses, and how wide a record's payload is."""

    classes: tuple[tuple[str, DocumentStatus], ...]
    first_month: int
    """The earliest month that is kept; what was reported before is kept as that."""
    month_bits: int = MONTH_BITS

    @classmethod
    def at(cls, classes: tuple[tuple[str, DocumentStatus], ...], issued_at: datetime) -> "Kinds":
        """For a list that is issued now and lives on by changes for some years."""
        return cls(classes, issued_at.year * 12 - MONTHS_BACK)

    @property
    def class_bits(self) -> int:
        return max(1, (len(self.classes) - 1).bit_length())

    def pack(self, document_type: str, status: DocumentStatus, month: int) -> int:
        """A record's payload, from a month as `entries.month_of` numbers it.

        Raises:
            EntryError: the table does not have this type and status.
        """
        try:
            place = self.classes.index((document_type, status))
        except ValueError as error:
            raise EntryError("The index has no place for this type of document.") from error
        return place << self.month_bits | self.kept(month)

    def kept(self, month: int) -> int:
        """A month as it is kept: 0 for unknown."""
        return month and min(max(1, month - self.first_month + 1), (1 << self.month_bits) - 1)

    def unpack(self, packed: int) -> Payload | None:
        """What a record's payload says; None when it names a class that there is not."""
        place, month = packed >> self.month_bits, packed & ((1 << self.month_bits) - 1)
        if place >= len(self.classes):
            return None
        kind, status = self.classes[place]
        return Payload(kind, status, month and month + self.first_month - 1)
