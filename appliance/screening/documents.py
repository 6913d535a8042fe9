"""Document numbers on lists: exact, by number and issuing state (Doc 9303-3 section 4.7; no repair)."""

import re
from dataclasses import dataclass
from typing import Final

from appliance.screening.lists import DocumentStatus, ListUnreadable, OpenList

MAX_NUMBER_CHARACTERS: Final = 64
"""Twice the longest number that a TD1 can carry on its two fields."""
_NOT_IN_NUMBER: Final = re.compile("[^A-Z0-9]")
_SAME_STATE: Final = {"DEU": "D"}
"""Germany is D in every MRZ and DEU in every other table of codes; without this such a list never hits."""


@dataclass(frozen=True, slots=True)
class DocumentHit:
    """A number that a list names."""

    reference: str
    status: DocumentStatus
    document_type: str
    why: tuple[str, ...]


def normalise_number(text: str) -> str:
    """As comparable between page, chip and list: upper case, without fillers and separators."""
    return _NOT_IN_NUMBER.sub("", text[:MAX_NUMBER_CHARACTERS].upper())


def normalise_state(text: str) -> str:
    """A state's code without fillers."""
    code = text.strip().strip("<").upper()
    return _SAME_STATE.get(code, code)


def search_documents(one: OpenList, *, number: str, issuing_state: str) -> tuple[DocumentHit, ...]:
    """The entries with this number of this state.

    Raises:
        ListUnreadable: the list is damaged.
    """
    rows = one.rows(
        "SELECT reference, status, document_type FROM documents WHERE number = ? AND issuing_state = ?",
        (normalise_number(number), normalise_state(issuing_state)),
    )
    try:
        return tuple(
            DocumentHit(
                reference=str(row["reference"]),
                status=DocumentStatus(row["status"]),
                document_type=str(row["document_type"]),
                why=("document_number_equal", "issuing_state_equal"),
            )
            for row in rows
        )
    except ValueError as error:
        raise ListUnreadable(f"The list {one.info.name} has an entry of an unknown kind.") from error
