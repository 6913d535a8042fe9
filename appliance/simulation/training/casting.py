"""From a script to somebody with a document: page, chip, face and fingers. Pure, but for new keys."""

import datetime as dt
import functools
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import msgspec

from appliance.screening.dates import BirthDate
from appliance.simulation.booth import Person, fingers_of
from appliance.simulation.chip import Misbehaviour, build_files, mrz_information_of
from appliance.simulation.chip.authority import Authority, Holder, authority_of
from appliance.simulation.chip.files import build_dg2
from appliance.simulation.chip.schemes import integrated, mapping, old, signing, today
from appliance.simulation.chip.secrets import ChipSecrets
from appliance.simulation.chip.signing import ec_signing
from appliance.simulation.training.faces import draw_face, draw_nobody
from appliance.simulation.training.script import (
    Book,
    Chip,
    Document,
    Kind,
    Page,
    ScriptError,
    Traveller,
    Trick,
    day_of,
)
from appliance.travel_document import MrzError, MrzFormat, PartialDate, generate_mrz
from appliance.travel_document.codes_alpha2 import alpha2_of

REVOKED_SERIAL: Final = 1666
"""Of the signer that is on every training authority's revocation list."""
ALTERED_NAME: Final = ("MOREL", "SASKIA")
ALTERED_NATIONALITY: Final = "UNO"
_SCHEMES: Final = {
    Chip.TODAY: today,
    Chip.MAPPING: mapping,
    Chip.SIGNING: signing,
    Chip.INTEGRATED: integrated,
    Chip.OLD: old,
}
_MISBEHAVIOURS: Final = {
    Trick.CLONE: Misbehaviour.CLONE,
    Trick.WITHHELD_KEYS: Misbehaviour.WITHHOLDS_KEYS,
    Trick.HIDDEN_PACE: Misbehaviour.PACE_HIDDEN,
}
_NUMBER_AT: Final = {"TD3": (1, 0), "TD1": (0, 5)}
"""Line and column of the document number."""


@dataclass(frozen=True, slots=True)
class Counter:
    """What lies on the counter, and who stands there, for the trainee's eyes."""

    document: Document | None
    lines: tuple[str, ...]
    """The page's MRZ; empty where it has none that a machine reads."""
    surname: str
    given: str
    nationality: str
    born: str
    expires: str
    photo: bytes | None
    face: bytes


@dataclass(frozen=True, slots=True)
class Cast:
    """One scripted traveller, ready to step up."""

    script: Traveller
    person: Person
    counter: Counter
    sex: str


def cast_of(book: Book, traveller: Traveller, *, day: dt.date) -> Cast:
    """Everything that this traveller brings on this day.

    Raises:
        ScriptError: Doc 9303 has no such document.
    """
    document = book.document(traveller)
    assert document is not None
    if document.kind is Kind.NONE:
        return _without_papers(traveller, document, day=day)
    holder, tricks = book.holder(traveller), traveller.tricks
    try:
        honest = lines_of(document, day=day)
        printed = _page(document, honest, tricks, day=day)
    except MrzError as error:
        raise ScriptError(f"traveller `{traveller.id}`: {error}") from error
    secrets, files = _chip_of(traveller, holder, document, honest)
    glued = Trick.SWAPPED_PAGE_PHOTO in tricks
    person = Person(
        traveller=None,
        lines=printed,
        files=files,
        portrait=_seen(traveller),
        secrets=secrets,
        chip=bool(files) and not glued,
        readable=document.page is Page.MACHINE,
        access=mrz_information_of(files) if files else None,
        misbehaviour=next(
            (_MISBEHAVIOURS[one] for one in tricks if one in _MISBEHAVIOURS), Misbehaviour.NONE
        ),
        fingers=_fingers(traveller, document, honest),
    )
    shown = _altered(document, tricks)
    expiry = day_of(document.expires, today=day)
    assert expiry is not None
    counter = Counter(
        document=document,
        lines=printed if document.page is not Page.HANDWRITTEN else (),
        surname=shown.surname,
        given=shown.given,
        nationality=shown.nationality or shown.issuer,
        born=born_of(shown.born, day=day),
        expires=expiry.isoformat(),
        photo=draw_face(_standing(traveller) if glued else holder.person.face),
        face=draw_face(_standing(traveller), live=True),
    )
    return Cast(traveller, person, counter, document.sex)


def _without_papers(traveller: Traveller, document: Document, *, day: dt.date) -> Cast:
    person = Person(
        traveller=None,
        lines=(),
        files={},
        portrait=_seen(traveller),
        chip=False,
        fingers=_fingers(traveller, document, ()),
    )
    counter = Counter(
        document=None,
        lines=(),
        surname=document.surname,
        given=document.given,
        nationality=document.nationality or "",
        born=born_of(document.born, day=day),
        expires="",
        photo=None,
        face=draw_face(_standing(traveller), live=True),
    )
    return Cast(traveller, person, counter, document.sex)


def _standing(traveller: Traveller) -> int:
    """The face of who stands there."""
    stranger = traveller.person.stranger
    another = {Trick.OTHER_FACE, Trick.SWAPPED_PAGE_PHOTO} & set(traveller.tricks)
    return stranger if another and stranger is not None else traveller.person.face


def _seen(traveller: Traveller) -> bytes:
    """What the post's camera sees."""
    return draw_face(_standing(traveller), live=True) if traveller.person.camera else draw_nobody()


def lines_of(document: Document, *, day: dt.date) -> tuple[str, ...]:
    """The MRZ that such a document has.

    Raises:
        MrzError: Doc 9303 cannot write it.
    """
    expiry = day_of(document.expires, today=day)
    assert expiry is not None
    card = document.kind is Kind.CARD
    return generate_mrz(
        MrzFormat.TD1 if card else MrzFormat.TD3,
        document_code="I" if card else "P",
        issuing_state=document.issuer,
        primary_identifier=document.surname,
        secondary_identifier=document.given,
        document_number=document.number,
        nationality=document.nationality or document.issuer,
        birth_date=PartialDate.parse(born_of(document.born, day=day)),
        sex=document.sex,
        expiry_date=expiry,
    )


def born_of(text: str, *, day: dt.date) -> str:
    """The birth date as ISO 8601, unknown parts as ??"""
    whole = day_of(text, today=day)
    if whole is not None:
        return whole.isoformat()
    known = BirthDate.parse(text)
    return str(PartialDate(known.year, known.month, known.day))


def _page(
    document: Document, honest: tuple[str, ...], tricks: tuple[Trick, ...], *, day: dt.date
) -> tuple[str, ...]:
    """What is printed, tricks and all."""
    lines = honest
    if set(tricks) & {Trick.ALTERED_NAME, Trick.ALTERED_NATIONALITY, Trick.ALTERED_BIRTH_DATE}:
        lines = lines_of(_altered(document, tricks), day=day)
    if Trick.WRONG_CHECK_DIGIT in tricks:
        lines = _with_other_digit(lines)
    return lines


def _altered(document: Document, tricks: tuple[Trick, ...]) -> Document:
    changes: dict[str, str] = {}
    if Trick.ALTERED_NAME in tricks:
        changes |= {"surname": ALTERED_NAME[0], "given": ALTERED_NAME[1]}
    if Trick.ALTERED_NATIONALITY in tricks:
        changes["nationality"] = ALTERED_NATIONALITY
    if Trick.ALTERED_BIRTH_DATE in tricks:
        changes["born"] = "1969-03-14" if document.born != "1969-03-14" else "1971-03-14"
    return msgspec.structs.replace(document, **changes)


def _with_other_digit(lines: tuple[str, ...]) -> tuple[str, ...]:
    """One digit of the number altered, its check digit left as it was."""
    line, start = _NUMBER_AT["TD1" if len(lines) == 3 else "TD3"]
    at = next(at for at in range(start + 8, start - 1, -1) if lines[line][at].isdigit())
    other = str((int(lines[line][at]) + 3) % 10)
    changed = lines[line][:at] + other + lines[line][at + 1 :]
    return (*lines[:line], changed, *lines[line + 1 :])


def _chip_of(
    traveller: Traveller, holder: Traveller, document: Document, lines: tuple[str, ...]
) -> tuple[ChipSecrets | None, Mapping[str, bytes]]:
    """The chip's keys and files; no files where it is dead or there is none."""
    scheme = _SCHEMES.get(document.chip)
    if scheme is None or document.page is Page.HANDWRITTEN:
        return None, {}
    secrets = scheme()
    files = build_files(
        mrz_lines=lines,
        picture=draw_face(holder.person.face),
        secrets=secrets,
        signer=_signer(document.issuer, traveller.tricks),
    )
    if Trick.SWAPPED_CHIP_PHOTO in traveller.tricks and traveller.person.stranger is not None:
        files |= {"DG2": build_dg2(draw_face(traveller.person.stranger))}
    return secrets, files


def _signer(issuer: str, tricks: tuple[Trick, ...]) -> Holder:
    if Trick.UNKNOWN_SIGNER in tricks:
        return _pretender(issuer).signer(signing=ec_signing(seed=f"Borne training forger {issuer}"))
    if Trick.REVOKED_SIGNER in tricks:
        return authority_of(issuer).signer(serial=REVOKED_SERIAL)
    return authority_of(issuer).signer()


@functools.cache
def _pretender(issuer: str) -> Authority:
    """Who says that they are this state, and is not in any trust store."""
    return Authority(alpha2_of(issuer) or "UT", signing=ec_signing(seed=f"Borne training pretender {issuer}"))


def _fingers(traveller: Traveller, document: Document, lines: tuple[str, ...]) -> tuple[int, ...]:
    """The same for who comes back with the same document; a twin's are others."""
    if not traveller.person.fingers:
        return ()
    own = traveller.person.finger
    first, second = fingers_of(lines or (document.surname, document.given)) if own is None else (own, own + 1)
    return (first + 7, second + 7) if Trick.OTHER_FINGERS in traveller.tricks else (first, second)


__all__ = ["REVOKED_SERIAL", "Cast", "Counter", "born_of", "cast_of", "lines_of"]
