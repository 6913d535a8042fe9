"""Training scripts: data that a trainer writes (TOML), read with every mistake named by its line.

docs/training.md is the trainer's guide to them.
"""

import datetime as dt
import enum
import re
from collections.abc import Sequence
from importlib import resources
from pathlib import Path
from typing import Annotated, Any, Final

import msgspec

from appliance.config import ConfigError, did_you_mean, line_in, parse_toml, read_toml
from appliance.contracts.asked import PROOFS
from appliance.contracts.checks import CHECKS, Direction, Recommendation
from appliance.screening.documents.entries import DocumentStatus
from appliance.travel_document import is_known_code
from appliance.travel_document.codes import can_issue

MAX_TRAVELLERS: Final = 200
"""In one book: what ships has sixty-three."""
_OFFSET: Final = re.compile(r"today([+-]\d{1,5})")
_NUMBER: Final = re.compile(r"[A-Z0-9]{1,9}")

Text = Annotated[str, msgspec.Meta(min_length=1, max_length=600)]
Code = Annotated[str, msgspec.Meta(pattern="^[a-z0-9][a-z0-9-]{1,39}$")]
Seed = Annotated[int, msgspec.Meta(ge=1, le=100_000)]


class ScriptError(ConfigError):
    """A script that cannot be used: which file, which line, and what would do."""


class Kind(enum.StrEnum):
    """What the traveller holds."""

    PASSPORT = "passport"
    CARD = "card"
    CONVENTION = "convention"
    """A travel document under the conventions of 1951 or 1954; nationality XXA, XXB or XXC."""
    NONE = "none"


class Chip(enum.StrEnum):
    """Its chip: the schemes of `simulation/chip/schemes.py`, no chip, or one that is dead."""

    TODAY = "today"
    MAPPING = "mapping"
    SIGNING = "signing"
    INTEGRATED = "integrated"
    OLD = "old"
    NONE = "none"
    DEAD = "dead"


class Page(enum.StrEnum):
    """How the page can be read."""

    MACHINE = "machine"
    HANDWRITTEN = "handwritten"
    """It has no MRZ: the officer types."""
    UNREADABLE = "unreadable"
    """It has one that no reader reads: dirty, glossy, torn."""


class Trick(enum.StrEnum):
    """What is wrong with document or bearer."""

    WRONG_CHECK_DIGIT = "wrong_check_digit"
    """The number was altered, its check digit was not."""
    ALTERED_NAME = "altered_name"
    """The page says another name than the chip."""
    ALTERED_NATIONALITY = "altered_nationality"
    ALTERED_BIRTH_DATE = "altered_birth_date"
    """The page no longer opens the chip."""
    SWAPPED_CHIP_PHOTO = "swapped_chip_photo"
    """Another picture was written into the chip; nobody could sign it."""
    SWAPPED_PAGE_PHOTO = "swapped_page_photo"
    """Another picture was glued over the page's; the chip was killed."""
    CLONE = "clone"
    """All files are right, the chip's own keys are not."""
    WITHHELD_KEYS = "withheld_keys"
    """A clone that hides which keys it should have."""
    REVOKED_SIGNER = "revoked_signer"
    UNKNOWN_SIGNER = "unknown_signer"
    """Signed by somebody who says that they are the state."""
    HIDDEN_PACE = "hidden_pace"
    OTHER_FACE = "other_face"
    """Somebody else stands there."""
    OTHER_FINGERS = "other_fingers"
    """Somebody with the same face stands there: a twin."""


NEEDS_STRANGER: Final = frozenset({Trick.OTHER_FACE, Trick.SWAPPED_CHIP_PHOTO, Trick.SWAPPED_PAGE_PHOTO})
"""Tricks with two faces."""


class Act(enum.StrEnum):
    """The right act. At this counter who is to be refused is referred: the second line refuses."""

    ADMIT = "admit"
    REFER = "refer"
    REFUSE = "refuse"


class _Section(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    pass


class Document(_Section, frozen=True, kw_only=True):
    """What is printed, and what is in the chip."""

    kind: Kind = Kind.PASSPORT
    issuer: str = "UTO"
    nationality: str | None = None
    """None: the issuer's."""
    number: str = "X00000000"
    surname: str
    given: str = ""
    born: str
    """A date, or its year and month, or its year, or today-N days."""
    sex: str = "F"
    expires: str = "today+1800"
    chip: Chip = Chip.TODAY
    page: Page = Page.MACHINE


class Person(_Section, frozen=True, kw_only=True):
    """Who stands there."""

    face: Seed
    """Of the drawn face; where somebody else stands there, theirs is `stranger`."""
    stranger: Seed | None = None
    camera: bool = True
    """False: does not look in, or refuses."""
    finger: Seed | None = None
    """Of the drawn fingers; None: they follow from the document."""
    fingers: bool = True
    """False: none can be taken: worn, wet, bandaged, refused."""


class Listed(_Section, frozen=True, kw_only=True):
    """An entry on the training post's lists, of a person or of a document."""

    surname: str = ""
    given: str = ""
    born: str = ""
    sex: str = ""
    nationality: str = ""
    reason: str = "wanted for questioning (invented)"
    number: str = ""
    issuer: str = "UTO"
    status: DocumentStatus | None = None


class Passage(_Section, frozen=True, kw_only=True):
    """An earlier crossing of the document at this box, admitted; its history has it before they come."""

    direction: Direction
    days_ago: Annotated[int, msgspec.Meta(ge=1, le=180)]
    """As long as the shipped policy keeps the history."""


class Shown(_Section, frozen=True, kw_only=True):
    """What the traveller shows for a leg that the box does not know."""

    direction: Direction
    days_ago: Annotated[int, msgspec.Meta(ge=0, le=3660)]
    kind: str = "stamp"
    """One of `appliance.contracts.asked.PROOFS`."""
    place: Text
    reason: Text


class Right(_Section, frozen=True, kw_only=True):
    """What should happen."""

    box: Recommendation
    """What the box recommends, with everything noted that is to be noted."""
    act: Act
    notice: tuple[str, ...] = ()
    """Ids of the checks that must be noticed."""
    debrief: Text


class Traveller(_Section, frozen=True, kw_only=True):
    """One traveller."""

    id: Code
    grade: Annotated[int, msgspec.Meta(ge=1, le=3)]
    scenario: Annotated[int, msgspec.Meta(ge=1, le=15)] | None = None
    """Of docs/scenarios/."""
    title: Text
    tells: Text
    """What the trainee sees and hears at the counter."""
    honest: bool
    document: Document | None = None
    document_of: str | None = None
    """Brings the document of an earlier traveller of the same book."""
    person: Person
    tricks: tuple[Trick, ...] = ()
    listed: tuple[Listed, ...] = ()
    passage: Annotated[tuple[Passage, ...], msgspec.Meta(max_length=40)] = ()
    company: str | None = None
    """Of a child: the earlier traveller who is with it; left out: nobody."""
    proof: Shown | None = None
    right: Right


class Book(_Section, frozen=True, kw_only=True):
    """A file of travellers, in the order in which they come."""

    name: Text
    traveller: tuple[Traveller, ...]

    def document(self, traveller: Traveller) -> Document | None:
        """What this one holds; None: nothing."""
        if traveller.document_of is None:
            return traveller.document
        return next(one.document for one in self.traveller if one.id == traveller.document_of)

    def holder(self, traveller: Traveller) -> Traveller:
        """Whose document it is."""
        return next((one for one in self.traveller if one.id == traveller.document_of), traveller)


def load_book(*paths: Path) -> Book:
    """One book of these files, in their order; without any, the sixty-three that ship.

    Raises:
        ScriptError: a file cannot be read or used, with its line.
    """
    if not paths:
        with resources.as_file(resources.files("appliance.simulation") / "scripts") as shipped:
            return load_book(*sorted(shipped.glob("*.toml")))
    books = []
    for path in paths:
        try:
            books.append(read_book(read_toml(path), name=str(path)))
        except ScriptError:
            raise
        except ConfigError as error:
            raise ScriptError(str(error)) from error
    travellers = tuple(one for book in books for one in book.traveller)
    ids = [one.id for one in travellers]
    twice = next((id_ for id_ in ids if ids.count(id_) > 1), None)
    if twice is not None:
        raise ScriptError(
            f"`{twice}` is in more than one of the files: each traveller has an id of their own."
        )
    return Book(name=", ".join(book.name for book in books), traveller=travellers)


def read_book(text: str, *, name: str) -> Book:
    """One file's text; `name` is what complaints call it.

    Raises:
        ScriptError: it cannot be used, with its line.
    """
    try:
        book = parse_toml(text, Book, name=name)
    except ConfigError as error:
        raise ScriptError(str(error)) from error
    if not 1 <= len(book.traveller) <= MAX_TRAVELLERS:
        raise ScriptError(
            f"{name}: a book has 1 to {MAX_TRAVELLERS} travellers; this one has {len(book.traveller)}."
        )
    seen: list[str] = []
    for number, one in enumerate(book.traveller):
        for key, sentence in _problems(one, seen, book):
            line = line_in(text, "traveller", number, key)
            raise ScriptError(f"{name}: line {line}: traveller `{one.id}`: {sentence}")
        seen.append(one.id)
    return book


def day_of(text: str, *, today: dt.date) -> dt.date | None:
    """A date, or `today+N`, `today-N` days; None where it is neither (a year alone, nothing)."""
    offset = _OFFSET.fullmatch(text)
    try:
        return today + dt.timedelta(days=int(offset[1])) if offset else dt.date.fromisoformat(text)
    except (ValueError, OverflowError):
        return None


def _problems(one: Traveller, seen: list[str], book: Book) -> Any:
    """(key, sentence) of what is wrong, one by one."""
    if one.id in seen:
        yield "id", "the id is taken by an earlier traveller."
    if (one.document is None) == (one.document_of is None):
        yield "id", 'has either a `document` or a `document_of`; somebody without papers has kind = "none".'
    if one.document_of is not None and one.document_of not in seen:
        yield (
            "document_of",
            f"there is no earlier traveller `{one.document_of}`.{did_you_mean(one.document_of, seen)}",
        )
    elif one.document_of is not None and book.holder(one).document is None:
        yield "document_of", "that traveller has borrowed a document too: name its holder."
    elif one.document is not None:
        yield from _document_problems(one.document)
    if one.company is not None and one.company not in seen:
        yield "company", f"there is no earlier traveller `{one.company}`.{did_you_mean(one.company, seen)}"
    if one.proof is not None and one.proof.kind not in PROOFS:
        yield "proof", f"a proof is one of {', '.join(PROOFS)}.{did_you_mean(one.proof.kind, PROOFS)}"
    document = book.document(one)
    if one.passage and (document is None or document.kind is Kind.NONE):
        yield "passage", "an earlier crossing is found by its document, and there is none."
    if NEEDS_STRANGER & set(one.tricks) and one.person.stranger is None:
        yield "tricks", "`person.stranger` says whose face that is, and is missing."
    for id_ in one.right.notice:
        if id_ not in CHECKS:
            yield "notice", f"there is no check `{id_}`.{did_you_mean(id_, CHECKS)}"
    for entry in one.listed:
        if bool(entry.number) == bool(entry.surname):
            yield "listed", "an entry is of a person (surname) or of a document (number)."
        elif entry.number and entry.status is None:
            yield "listed", "a document on a list has a status: lost, stolen, revoked or blank."


def _document_problems(document: Document) -> Any:
    if not can_issue(document.issuer):
        yield "issuer", f"`{document.issuer}` issues no documents (Doc 9303-3, section 5)."
    if document.nationality is not None and not is_known_code(document.nationality):
        yield "nationality", f"`{document.nationality}` is no code of Doc 9303-3, section 5."
    if not _NUMBER.fullmatch(document.number):
        yield "number", "a number has 1 to 9 capital letters and digits."
    if document.sex not in ("M", "F", "X"):
        yield "sex", "sex is M, F or X."
    today = dt.date(2026, 1, 1)
    if day_of(document.expires, today=today) is None:
        yield "expires", "a date (2031-05-20), or days from now (today+1800, today-30)."
    if day_of(document.born, today=today) is None and not re.fullmatch(r"(\d{4}(-\d{2})?)?", document.born):
        yield "born", "a date, a year and month, a year, nothing, or days from now (today-3000)."


def chosen_of(book: Book, *, grade: int | None = None, ids: Sequence[str] = ()) -> Book:
    """Only the travellers of these ids, in that order, or of this difficulty; whose document they bring and
    who is with them come before them.

    Raises:
        ScriptError: there is none.
    """
    by_id = {one.id: one for one in book.traveller}
    for id_ in ids:
        if id_ not in by_id:
            raise ScriptError(f"There is no traveller `{id_}`.{did_you_mean(id_, by_id)}")
    named = [by_id[id_] for id_ in ids] or book.traveller
    wanted = [one for one in named if grade in (None, one.grade)]
    if not wanted:
        raise ScriptError(f"There is no such traveller of grade {grade}.")
    chosen: dict[str, Traveller] = {}
    for one in wanted:
        holder = book.holder(one)
        company = {one.company: by_id[one.company]} if one.company is not None else {}
        chosen |= company | {holder.id: holder} | {one.id: one}
    return msgspec.structs.replace(book, traveller=tuple(chosen.values()))
