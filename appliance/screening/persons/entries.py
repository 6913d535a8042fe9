"""What an entry about a person says, and what no list takes."""

import enum
from datetime import date
from typing import Final

import msgspec

from appliance.contracts.checks import Direction
from appliance.screening.dates import BirthDate, DateError
from appliance.screening.errors import EntryError
from appliance.screening.names import PersonName
from appliance.screening.numbers import normalise_number, normalise_state

MAX_NAMES: Final = 200
"""The longest entry of any public list has some fifty; more is not one person."""
MAX_TEXT: Final = 2000


class EntryDirection(enum.StrEnum):
    ENTRY = "entry"
    EXIT = "exit"
    BOTH = "both"

    def concerns(self, direction: Direction | None) -> bool:
        return direction is None or self is EntryDirection.BOTH or self.value == direction.value


class Number(msgspec.Struct, frozen=True):
    """A document's or a person's number, and the state that gave it out, when that is known."""

    number: str
    state: str = ""


class PersonEntry(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One person; names are pairs of primary and secondary identifier, in any script.

    `owner`, `legal_basis`, `contact` and `action` may be left out where the whole list has them.
    """

    reference: str
    names: tuple[tuple[str, str], ...] = ()
    reason: str
    birth_dates: tuple[str, ...] = ()
    sex: str = ""
    nationality: str = ""
    """One state's code, or several parted by spaces."""
    document_numbers: tuple[Number, ...] = ()
    personal_numbers: tuple[Number, ...] = ()
    direction: EntryDirection = EntryDirection.BOTH
    owner: str = ""
    legal_basis: str = ""
    contact: str = ""
    action: str = ""
    valid_from: str = ""
    valid_until: str = ""
    review_date: str = ""
    """ISO 8601 dates, empty where the owner set none."""


def check_entry(entry: PersonEntry) -> None:
    """What a list needs of an entry.

    Raises:
        EntryError: it cannot be searched for, or has a value that nobody understands.
    """
    names = [PersonName.of(primary, secondary) for primary, secondary in entry.names]
    if not entry.reference.strip() or not entry.reason.strip():
        raise EntryError("A person needs a reference and a reason.")
    if len(names) > MAX_NAMES:
        raise EntryError(f"A person has at most {MAX_NAMES} names.")
    if not any(name.parts for name in names) and not entry.document_numbers and not entry.personal_numbers:
        raise EntryError("A person needs a name or a number that can be searched for.")
    if any("".join(pair).strip() and not name.parts for pair, name in zip(entry.names, names, strict=True)):
        raise EntryError("A name has no letter that can be compared: give it in Latin letters.")
    if entry.sex not in ("", "M", "F", "X"):
        raise EntryError("Sex is M, F, X or empty.")
    for text in entry.birth_dates:
        try:
            BirthDate.parse(text)
        except DateError as error:
            raise EntryError(str(error)) from error
    for number in entry.document_numbers + entry.personal_numbers:
        if not normalise_number(number.number):
            raise EntryError("A number has neither letters nor digits.")
    for text in (entry.valid_from, entry.valid_until, entry.review_date):
        try:
            _ = text and date.fromisoformat(text)
        except ValueError as error:
            raise EntryError("Validity and review are written YYYY-MM-DD, or left empty.") from error
    if any(len(text) > MAX_TEXT for text in (entry.reference, entry.reason, entry.action, entry.contact)):
        raise EntryError(f"A text has more than {MAX_TEXT} characters.")


def normalised(entry: PersonEntry) -> PersonEntry:
    """The entry as it is stored: codes and numbers as they are compared."""
    return msgspec.structs.replace(
        entry,
        reference=entry.reference.strip(),
        reason=entry.reason.strip(),
        nationality=" ".join(normalise_state(state) for state in entry.nationality.split()),
        document_numbers=tuple(map(_normalised_number, entry.document_numbers)),
        personal_numbers=tuple(map(_normalised_number, entry.personal_numbers)),
    )


def _normalised_number(number: Number) -> Number:
    return Number(normalise_number(number.number), normalise_state(number.state))
