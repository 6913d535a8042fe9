"""From a form to a document: every field held against its code list, calendar and alphabet. Pure."""

import datetime as dt
import re
from typing import Final

import msgspec

from appliance.contracts.movement import DocumentFacts
from appliance.contracts.typed import (
    DOCUMENT_CODES,
    IN_GUARDIANS_DOCUMENT,
    MAX_FIELD,
    TYPED_FOR,
    TypedDocument,
    TypedEntry,
)
from appliance.screening.dates import BirthDate, DateError
from appliance.travel_document import (
    MrzError,
    MrzFormat,
    PartialDate,
    generate_mrz,
    is_known_code,
    transliterate,
)
from appliance.travel_document.codes import can_issue

NO_DOCUMENT: Final = "no_document"
PROVISIONAL: Final = "PROV"
"""What the number of a provisional identity begins with: no state's series of passports does."""
_SEPARATORS: Final = re.compile(r"[\s./-]+")
_NUMBER: Final = re.compile(r"[A-Z0-9]+")
_FORMATS: Final = {"P": MrzFormat.TD3, "I": MrzFormat.TD1, "V": MrzFormat.MRV_A}


def read_entry(
    entry: TypedEntry, *, today: dt.date, provisional_number: str, guardian: DocumentFacts | None = None
) -> tuple[TypedDocument | None, dict[str, str]]:
    """The document, or what is wrong, field by field.

    `provisional_number` is for a person without papers, `guardian` the document that a child is entered in.
    """
    if entry.typed_for == IN_GUARDIANS_DOCUMENT:
        if guardian is None:
            return None, {"typed_for": "no_guardian"}
        entry = _in_document(entry, guardian)
    form = _Form(entry, today)
    form.choice("typed_for", TYPED_FOR)
    papers = entry.typed_for != NO_DOCUMENT
    if papers:
        form.choice("document_code", DOCUMENT_CODES)
    number = form.number() if papers else provisional_number
    state = form.code("issuing_state") if papers else ""
    primary, primary_latin = form.name("primary_identifier", needed=True)
    secondary, secondary_latin = form.name("secondary_identifier", needed=False)
    nationality = form.code("nationality")
    birth = form.birth_date()
    form.choice("sex", ("M", "F", "X"))
    expiry = form.expiry_date(birth) if papers else ""
    if form.problems:
        return None, form.problems
    document = TypedDocument(
        typed_for=entry.typed_for,
        document_code=entry.document_code if papers else "",
        issuing_state=state,
        document_number=number,
        primary_identifier=primary,
        secondary_identifier=secondary,
        nationality=nationality,
        birth_date=birth,
        sex=entry.sex,
        expiry_date=expiry,
        primary_in_latin=primary_latin,
        secondary_in_latin=secondary_latin,
    )
    shared = entry.typed_for == IN_GUARDIANS_DOCUMENT  # whose chip and lines are the guardian's
    return (document if shared else _with_lines(document)), {}


def _in_document(entry: TypedEntry, guardian: DocumentFacts) -> TypedEntry:
    """The child's entry with what the guardian's document says for both."""
    expiry = guardian.expiry_date if "?" not in guardian.expiry_date else ""
    return msgspec.structs.replace(
        entry,
        document_code=guardian.document_code[:1] if guardian.document_code[:1] in DOCUMENT_CODES else "O",
        issuing_state=guardian.issuing_state,
        document_number=guardian.document_number.replace("<", ""),
        document_number_again=guardian.document_number.replace("<", ""),
        nationality=entry.nationality or guardian.nationality,
        expiry_date=expiry,
    )


def read_number(typed: str) -> tuple[str, str]:
    """A document's number without separators, and a code of PROBLEMS, empty where nothing is wrong."""
    number = _bare(typed)
    if not number:
        return number, "missing"
    if len(number) > MAX_FIELD:
        return number, "too_long"
    return number, "" if _NUMBER.fullmatch(number) else "no_letters"


def _bare(typed: str) -> str:
    return _SEPARATORS.sub("", typed.upper())


class _Form:
    """One look at a form; `problems` collects what is wrong with it."""

    def __init__(self, entry: TypedEntry, today: dt.date) -> None:
        self._entry = entry
        self._today = today
        self.problems: dict[str, str] = {}

    def choice(self, field: str, allowed: tuple[str, ...]) -> None:
        if getattr(self._entry, field) not in allowed:
            self.problems[field] = "choose"

    def number(self) -> str:
        number, problem = read_number(self._entry.document_number)
        if problem:
            self.problems["document_number"] = problem
        elif number != _bare(self._entry.document_number_again):
            self.problems["document_number_again"] = "differs"
        return number

    def code(self, field: str) -> str:
        """A code of Doc 9303-3, section 5; the officer may have typed it in small letters."""
        code: str = getattr(self._entry, field).strip().upper()
        if not code:
            self.problems[field] = "missing"
        elif not is_known_code(code):
            self.problems[field] = "unknown_code"
        elif field == "issuing_state" and not can_issue(code):
            self.problems[field] = "not_an_issuer"
        return code

    def name(self, field: str, *, needed: bool) -> tuple[str, str]:
        """As typed, and in the MRZ's alphabet."""
        typed = " ".join(getattr(self._entry, field).split())
        if len(typed) > MAX_FIELD:
            self.problems[field] = "too_long"
            return "", ""
        try:
            latin = transliterate(typed)
        except MrzError:
            self.problems[field] = "no_letters"
            return "", ""
        if not latin and (needed or typed):
            self.problems[field] = "no_letters" if typed else "missing"
        return typed, latin.replace("<", " ")

    def birth_date(self) -> str:
        """Whole or in part: 1980, 1980-05, empty where nobody knows it."""
        typed, again = self._entry.birth_date.strip(), self._entry.birth_date_again.strip()
        try:
            born = BirthDate.parse(typed)
        except DateError:
            self.problems["birth_date"] = "not_a_date"
            return ""
        first = dt.date(born.year or 1, born.month or 1, born.day or 1)
        if first > self._today:
            self.problems["birth_date"] = "in_future"
        if typed != again:
            self.problems["birth_date_again"] = "differs"
        return str(PartialDate(born.year, born.month, born.day))

    def expiry_date(self, birth: str) -> str:
        typed = self._entry.expiry_date.strip()
        if not typed:
            return ""
        try:
            expiry = dt.date.fromisoformat(typed)
        except ValueError:
            self.problems["expiry_date"] = "not_a_date"
            return ""
        if birth and birth[:4].isdigit() and expiry.year < int(birth[:4]):
            self.problems["expiry_date"] = "expires_before_birth"
        return expiry.isoformat()


def _with_lines(document: TypedDocument) -> TypedDocument:
    """With the MRZ that it would have, where its number and names fit one."""
    format_ = _FORMATS.get(document.document_code)
    if format_ is None:
        return document
    try:
        lines = generate_mrz(
            format_,
            document_code=document.document_code,
            issuing_state=document.issuing_state,
            primary_identifier=document.primary_identifier,
            secondary_identifier=document.secondary_identifier,
            document_number=document.document_number,
            nationality=document.nationality,
            birth_date=PartialDate.parse(document.birth_date),
            sex=document.sex,
            expiry_date=PartialDate.parse(document.expiry_date or "????-??-??"),
        )
    except MrzError:
        return document
    return msgspec.structs.replace(document, lines=lines)
