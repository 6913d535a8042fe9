"""What statistics keep of a movement: no name, no number, no picture; the person as a keyed pseudonym."""

import datetime as dt
import hashlib
import re
from typing import Final

import msgspec

from appliance.contracts.checks import Verdict
from appliance.contracts.movement import DocumentFacts, Movement
from appliance.contracts.paper import PAPER

UNKNOWN: Final = "unknown"
"""Not read, not asked, or not legible: counted, never left out."""
NO_AGE: Final = -1
MAX_HANDLING_SECONDS: Final = 4 * 3600.0
"""Longer is a box that was switched off between button and decision, and says nothing of handling."""
MAX_AGE_YEARS: Final = 130
_CONVENTION: Final = frozenset({"XXA", "XXB", "XXC"})
"""Stateless persons and refugees (ICAO Doc 9303-3, section 5, part D)."""
_CONVENTION_CODES: Final = frozenset({"PR", "PT", "PS"})
_DATE: Final = re.compile(r"(\d{4})-(\d{2}|\?\?)-(\d{2}|\?\?)")


class Missed(msgspec.Struct, frozen=True, kw_only=True):
    """A check that was not done, or could not be."""

    check: str
    verdict: str
    reason: str


class Hit(msgspec.Struct, frozen=True, kw_only=True):
    """A watchlist's hit."""

    check: str
    reason: str


class Facts(msgspec.Struct, frozen=True, kw_only=True):
    """One crossing, as it is counted."""

    crossing: str
    device: str
    post: str
    lane: str
    profile: str
    simulated: bool
    direction: str
    moment: str
    """ISO 8601 in UTC."""
    time_quality: str
    nationality: str = UNKNOWN
    birth_country: str = UNKNOWN
    previous_residence: str = UNKNOWN
    next_residence: str = UNKNOWN
    purpose: str = UNKNOWN
    intended_stay_days: int | None = None
    sex: str = UNKNOWN
    age: int = NO_AGE
    document: str = UNKNOWN
    issuing_state: str = UNKNOWN
    recommendation: str
    outcome: str
    handling_seconds: float | None = None
    person: str
    """The same for crossings of one person, of no use without the key; the crossing itself when unknown."""
    missed: tuple[Missed, ...] = ()
    hits: tuple[Hit, ...] = ()
    false_hits: int = 0
    """How many pairs, this traveller and a list's entry, the officer found to be two persons."""


def on_paper(facts: Facts) -> bool:
    """Whether the crossing was noted in a ledger while no box was at work, and entered afterwards."""
    return any(one.check == "mrz.read" and one.reason == PAPER for one in facts.missed)


def facts_of(movement: Movement, *, link_key: bytes) -> Facts:
    """The movement without what names anybody. `link_key` (16 to 64 bytes) makes the pseudonym."""
    document = movement.document
    stated = movement.stated
    told: dict[str, str] = {}
    if stated is not None:
        for name in ("birth_country", "previous_residence", "next_residence", "purpose"):
            told[name] = getattr(stated, name) or UNKNOWN
    return Facts(
        crossing=movement.crossing,
        device=movement.device,
        post=movement.post,
        lane=movement.lane,
        profile=movement.profile,
        simulated=bool(movement.simulated),
        direction=movement.direction.value,
        moment=movement.decided.wall,
        time_quality=movement.decided.quality,
        nationality=(document.nationality if document else "") or UNKNOWN,
        intended_stay_days=stated.intended_stay_days if stated else None,
        sex=_sex(document),
        age=NO_AGE if document is None else age_at(document.birth_date, movement.decided.wall),
        document=kind_of(document),
        issuing_state=(document.issuing_state if document else "") or UNKNOWN,
        recommendation=movement.recommendation.value,
        outcome=movement.outcome.value,
        handling_seconds=handling_seconds(movement),
        person=person_link(document, crossing=movement.crossing, key=link_key),
        missed=tuple(
            Missed(check=one.id, verdict=one.verdict.value, reason=one.reason)
            for one in movement.checks
            if one.verdict in (Verdict.NOT_DONE, Verdict.CANNOT)
        ),
        hits=tuple(
            Hit(check=one.id, reason=one.reason)
            for one in movement.checks
            if one.id.startswith("watchlist.") and one.verdict is Verdict.FAIL
        ),
        false_hits=len(movement.not_same),
        **told,
    )


def person_link(document: DocumentFacts | None, *, crossing: str, key: bytes) -> str:
    """A keyed pseudonym of who this is: by name, birth date and nationality, as they were read.

    A renewed passport keeps it, a change of name does not, and a child in its parent's passport has its own.
    Without a name or a birth date nobody is linked with anybody.
    """
    name = f"{document.primary_identifier}<<{document.secondary_identifier}" if document else "<<"
    if document is None or name == "<<" or not _DATE.fullmatch(document.birth_date):
        text = f"crossing\0{crossing}"
    else:
        text = "\0".join(("person", name, document.birth_date, document.nationality))
    return hashlib.blake2b(text.encode(), key=key, digest_size=16).hexdigest()


def document_link(document: DocumentFacts | None, *, key: bytes) -> str | None:
    """A keyed pseudonym of the document; None without a number."""
    if document is None or not document.document_number.strip("<"):
        return None
    text = "\0".join(("document", document.issuing_state, document.document_number))
    return hashlib.blake2b(text.encode(), key=key, digest_size=16).hexdigest()


def age_at(birth_date: str, wall: str) -> int:
    """Completed years on that day; `NO_AGE` when what is known of the birth date leaves more than one."""
    match = _DATE.fullmatch(birth_date)
    if match is None:
        return NO_AGE
    try:
        day = dt.date.fromisoformat(wall[:10])
    except ValueError:
        return NO_AGE
    year, month, date = match.groups()
    earliest = (int(year), 1 if month == "??" else int(month), 1 if date == "??" else int(date))
    latest = (int(year), 12 if month == "??" else int(month), 31 if date == "??" else int(date))
    ages = {day.year - born[0] - ((day.month, day.day) < born[1:]) for born in (earliest, latest)}
    age = ages.pop()
    return age if not ages and 0 <= age <= MAX_AGE_YEARS else NO_AGE


def handling_seconds(movement: Movement) -> float | None:
    """From the button to the decision; None on paper, and across a restart: boots cannot be compared."""
    started, decided = movement.started, movement.decided
    if started.boot_id != decided.boot_id or started.boot_id == PAPER:
        return None
    seconds = (decided.monotonic_ns - started.monotonic_ns) / 1e9
    return seconds if 0 <= seconds <= MAX_HANDLING_SECONDS else None


def kind_of(document: DocumentFacts | None) -> str:
    """passport, identity_card, convention_document, visa, other, or no_document."""
    if document is None:
        return "no_document"
    code = document.document_code.strip("<").upper()
    if document.nationality in _CONVENTION or code in _CONVENTION_CODES:
        return "convention_document"
    kinds = {"P": "passport", "I": "identity_card", "A": "identity_card", "C": "identity_card", "V": "visa"}
    return kinds.get(code[:1], "other")


def _sex(document: DocumentFacts | None) -> str:
    if document is None:
        return UNKNOWN
    return {"F": "female", "M": "male", "X": "unspecified", "<": "unspecified"}.get(document.sex, UNKNOWN)
