"""The visa that the rules ask for: is it there, whose, for how long, for how many entries (Doc 9303-7)."""

import datetime as dt
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

from appliance.clock import judge_expiry
from appliance.contracts.asked import MULTIPLE_ENTRIES
from appliance.contracts.checks import Check, Direction, Outcome, Verdict
from appliance.contracts.movement import DocumentFacts, Stamp
from appliance.contracts.typed import TypedDocument
from appliance.records.errors import StorageError
from appliance.records.history import History
from appliance.reference_data.store import ReferenceStore
from appliance.rules.table import ANY, VisaRule
from appliance.screening import Subject, screen
from appliance.screening.names import PersonName
from appliance.screening.screen import VISA
from appliance.services.lane.workflow import State, Step
from appliance.travel_document import Mrz, MrzError, MrzFormat, PartialDate, parse_mrz

PURPOSE: Final = "visa_entries"
ISSUED_HERE: Final = "issued_here"
"""The source of a visa that was not laid on the reader: this box has printed its label."""
VISAS: Final = (MrzFormat.MRV_A, MrzFormat.MRV_B)


@dataclass(frozen=True, slots=True, kw_only=True)
class Visa:
    """A visa as read or typed; what is empty is not known."""

    issuing_state: str
    number: str
    """Of a read one: the MRZ's, which is the visa's or the passport's at the issuer's discretion."""
    primary_identifier: str
    secondary_identifier: str
    name_truncated: bool
    nationality: str
    birth_date: str
    expiry: PartialDate
    optional_data: str
    wrong: tuple[str, ...]
    """Checks of the MRZ that did not pass."""
    typed: bool
    lines: tuple[str, ...] = ()
    source: str = ""
    sex: str = ""
    format: str = ""


def visa_of(state: State, *, today: dt.date) -> Visa | None:
    """The visa of this crossing, None where none was shown."""
    if state.visa_typed is not None:
        return _typed(state.visa_typed)
    if state.visa_known is not None:
        lines, source = state.visa_known.lines, ISSUED_HERE
    elif state.visa is not None:
        lines, source = state.visa.lines, state.visa.source
    else:
        return None
    mrz = visa_mrz(lines, today=today)
    if mrz is None:
        return None
    return Visa(
        issuing_state=mrz.issuing_state,
        number=mrz.document_number,
        primary_identifier=mrz.primary_identifier,
        secondary_identifier=mrz.secondary_identifier,
        name_truncated=mrz.name_truncated,
        nationality=mrz.nationality,
        birth_date=str(mrz.birth_date),
        expiry=mrz.expiry_date,
        optional_data=mrz.optional_data,
        wrong=tuple(check.id for check in mrz.checks if not check.passed),
        typed=False,
        lines=mrz.lines,
        source=source,
        sex=mrz.sex,
        format=mrz.format.value,
    )


def visa_mrz(lines: tuple[str, ...], *, today: dt.date) -> Mrz | None:
    """The visa of these lines; None for a passport's, or none."""
    try:
        mrz = parse_mrz(lines, today=today)
    except MrzError:
        return None
    return mrz if mrz.format in VISAS else None


def _typed(typed: TypedDocument) -> Visa:
    return Visa(
        issuing_state=typed.issuing_state,
        number=typed.document_number,
        primary_identifier=typed.primary_in_latin,
        secondary_identifier=typed.secondary_in_latin,
        name_truncated=False,
        nationality=typed.nationality,
        birth_date=typed.birth_date,
        expiry=PartialDate.parse(typed.expiry_date or "????-??-??"),
        optional_data="",
        wrong=(),
        typed=True,
        source="manual",
        sex=typed.sex,
    )


def visa_facts(visa: Visa | None) -> DocumentFacts | None:
    """What is recorded of it."""
    if visa is None:
        return None
    return DocumentFacts(
        format=visa.format,
        lines=visa.lines,
        source=visa.source,
        document_code="V",
        issuing_state=visa.issuing_state,
        document_number=visa.number,
        primary_identifier=visa.primary_identifier,
        secondary_identifier=visa.secondary_identifier,
        name_truncated=visa.name_truncated,
        nationality=visa.nationality,
        birth_date=visa.birth_date,
        sex=visa.sex,
        expiry_date=str(visa.expiry),
        personal_number=None,
        typed_for="unreadable" if visa.typed else "",
    )


def visa_checks(
    rule: VisaRule | None,
    state: State,
    passport: Subject | None,
    *,
    lists: ReferenceStore,
    history: History | None,
    direction: Direction,
    stamp: Stamp,
    floor: dt.datetime,
    today: dt.date,
) -> Iterator[Check]:
    """Nothing where no visa is needed; else whether one was shown, and what it says."""
    if rule is None or not (rule.needed or state.visa_asked):
        return
    visa = visa_of(state, today=today)
    evidence: dict[str, Any] = {"says": dict(rule.says)}
    if visa is None:
        missed = state.missed.get(Step.READING_VISA)
        reason = "skipped" if missed is None else "missing"
        verdict = Verdict.NOT_DONE if missed is None else Verdict.FAIL
        yield Check(id="visa.shown", verdict=verdict, reason=reason, evidence=evidence)
        return
    yield Check(
        id="visa.shown",
        verdict=Verdict.PASS,
        reason="typed" if visa.typed else ISSUED_HERE if visa.source == ISSUED_HERE else "shown",
        evidence=evidence,
    )
    yield from _mrz(visa)
    served = ANY in rule.issuers or visa.issuing_state in rule.issuers
    yield _verdict("visa.issuer", served, "serves", "does_not_serve", issuing_state=visa.issuing_state)
    yield _holder(visa, passport or Subject())
    yield from _passport_number(visa, passport or Subject())
    yield _validity(visa, stamp, floor)
    yield _entries(state.visa_entries, visa, history, now=dt.datetime.fromisoformat(stamp.wall))
    yield from (
        check
        for check in screen(
            Subject(visa_number=visa.number, issuing_state=visa.issuing_state, document_type="V"),
            lists.open_lists(),
            direction=direction,
            now=dt.datetime.fromisoformat(stamp.wall),
            time_quality=stamp.quality,
        )
        if check.id == VISA
    )


def _mrz(visa: Visa) -> Iterator[Check]:
    if not visa.typed:
        yield _verdict("visa.mrz", not visa.wrong, "ok", "faulty", checks=list(visa.wrong))


def _holder(visa: Visa, passport: Subject) -> Check:
    """Name, nationality and birth date against the passport; a name that was cut agrees as far as it goes."""
    different = []
    if not _same_name(visa, passport):
        different.append("primary_identifier")
    if visa.nationality != passport.nationality:
        different.append("nationality")
    if visa.birth_date != passport.birth_date:
        different.append("birth_date")
    return _verdict("visa.holder", not different, "same", "different", fields=different)


def _same_name(visa: Visa, passport: Subject) -> bool:
    """Letter by letter in the MRZ's alphabet; the shorter one's end where either was cut."""
    mine = PersonName.of(visa.primary_identifier, visa.secondary_identifier).joined[0]
    theirs = PersonName.of(passport.primary_identifier, passport.secondary_identifier).joined[0]
    if visa.name_truncated or passport.name_truncated:
        length = min(len(mine), len(theirs))
        mine, theirs = mine[:length], theirs[:length]
    return bool(mine) and mine == theirs


def _passport_number(visa: Visa, passport: Subject) -> Iterator[Check]:
    """The MRZ may hold it instead of the visa's number, or in its optional data; often in neither."""
    number = passport.document_number.replace("<", "")
    if visa.typed or not number:
        return
    held = (visa.number.replace("<", ""), visa.optional_data.replace("<", ""))
    if number == held[0] or number in held[1]:
        yield Check(id="visa.passport_number", verdict=Verdict.PASS, reason="same")
    elif held[1]:
        yield Check(id="visa.passport_number", verdict=Verdict.NOT_DONE, reason="not_found")
    else:
        yield Check(id="visa.passport_number", verdict=Verdict.NOT_DONE, reason="not_in_mrz")


def _validity(visa: Visa, stamp: Stamp, floor: dt.datetime) -> Check:
    expiry = visa.expiry.as_date()
    if expiry is None:
        return Check(id="visa.validity", verdict=Verdict.CANNOT, reason="no_date")
    reason = judge_expiry(expiry, stamp, floor)
    verdict = {"valid": Verdict.PASS, "expired": Verdict.FAIL, "clock_unsure": Verdict.CANNOT}[reason]
    return Check(
        id="visa.validity", verdict=verdict, reason=reason, evidence={"expiry_date": str(visa.expiry)}
    )


def _entries(allowed: int | None, visa: Visa, history: History | None, *, now: dt.datetime) -> Check:
    """Entries used, as far as this box's own history knows; the MRZ does not say how many there are."""
    try:
        used = entries_used(history, visa.issuing_state, visa.number, now=now)
    except StorageError:
        return Check(id="visa.entries", verdict=Verdict.CANNOT, reason="history_unreadable")
    evidence = {"used": used, "allowed": allowed}
    if allowed is None:
        return Check(id="visa.entries", verdict=Verdict.NOT_DONE, reason="not_told", evidence=evidence)
    if used is None:
        return Check(id="visa.entries", verdict=Verdict.NOT_DONE, reason="not_asked", evidence=evidence)
    left = allowed == MULTIPLE_ENTRIES or used < allowed
    return _verdict("visa.entries", left, "entries_left", "entries_used_up", **evidence)


def entries_used(history: History | None, issuing_state: str, number: str, *, now: dt.datetime) -> int | None:
    """Admitted entries with this visa, as far as this box knows; None where it keeps no history.

    Raises:
        StorageError: the history cannot be read.
    """
    if history is None or not number:
        return None
    found = history.search(
        issuing_state=visa_state(issuing_state), document_number=number, purpose=PURPOSE, now=now
    )
    return sum(
        one.direction == Direction.ENTRY.value and one.outcome == Outcome.ADMITTED.value for one in found
    )


def visa_state(issuing_state: str) -> str:
    """Under which state a visa is found in the history: no passport has the same."""
    return f"visa/{issuing_state}"


def _verdict(id_: str, fine: bool, good: str, bad: str, **evidence: Any) -> Check:
    return Check(
        id=id_,
        verdict=Verdict.PASS if fine else Verdict.FAIL,
        reason=good if fine else bad,
        evidence=evidence,
    )
