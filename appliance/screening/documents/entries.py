"""What an entry about a document, a vehicle or a visa says, and what no list takes."""

import enum
import re
from datetime import date
from typing import Final

import msgspec

from appliance.screening.errors import EntryError
from appliance.screening.numbers import normalise_number, normalise_state

_TYPE: Final = re.compile(r"[A-Z]{0,2}")


class DocumentStatus(enum.StrEnum):
    """Why a number is not to be used, the gravest first."""

    STOLEN = "stolen"
    BLANK = "blank"
    """Stolen before it was made out to anybody."""
    REVOKED = "revoked"
    LOST = "lost"


class DocumentEntry(msgspec.Struct, frozen=True, kw_only=True):
    """One document, number plate or visa that is not to be used."""

    number: str
    issuing_state: str
    status: DocumentStatus
    document_type: str = ""
    """The MRZ's document code: P, I, V, ...; empty when the list does not say."""
    reported: str = ""
    """When it was reported: YYYY-MM-DD or YYYY-MM; kept by month."""


def check_document(entry: DocumentEntry) -> DocumentEntry:
    """The entry as it is compared.

    Raises:
        EntryError: no list takes it.
    """
    number, state = normalise_number(entry.number), normalise_state(entry.issuing_state)
    kind = entry.document_type.strip().strip("<").upper()
    if not number or not state:
        raise EntryError("A document needs a number and an issuing state.")
    if not _TYPE.fullmatch(kind):
        raise EntryError("A document's type is one or two letters, as in its MRZ.")
    month_of(entry.reported)
    return DocumentEntry(
        number=number, issuing_state=state, status=entry.status, document_type=kind, reported=entry.reported
    )


def month_of(reported: str) -> int:
    """The month as one number, twelve a year; 0 when it is not known.

    Raises:
        EntryError: not a date.
    """
    if not reported:
        return 0
    try:
        day = date.fromisoformat(reported if len(reported) > 7 else f"{reported}-01")
    except ValueError as error:
        raise EntryError("The day of a report is written YYYY-MM-DD or YYYY-MM, or left empty.") from error
    return day.year * 12 + day.month - 1


def month_text(month: int) -> str:
    """YYYY-MM of such a number, empty for 0."""
    return f"{month // 12:04d}-{month % 12 + 1:02d}" if month else ""
