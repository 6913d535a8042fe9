"""One crossing judged and written down: all its checks, and the movement that is recorded of it."""

import datetime as dt

from appliance.config import Box
from appliance.contracts.checks import Check, Direction
from appliance.contracts.movement import DocumentFacts, Movement, Stamp
from appliance.contracts.typed import TypedDocument
from appliance.face_settings import FaceSettings
from appliance.finger_settings import FingerSettings
from appliance.records.history import History
from appliance.reference_data.store import ReferenceStore
from appliance.rules.accepted import Presented, accepted_checks
from appliance.rules.table import RuleTable
from appliance.screening import Subject, screen
from appliance.screening.pairs import KnownPairs
from appliance.services.lane.checks import (
    chip_checks,
    confirmed,
    expiry_check,
    mrz_checks,
    page_checks,
    portrait_checks,
    seal_checks,
)
from appliance.services.lane.chip_checks import moment_of
from appliance.services.lane.face_checks import dg2_authenticated
from appliance.services.lane.finger_checks import finger_checks
from appliance.services.lane.history_checks import history_check
from appliance.services.lane.typed_entry import NO_DOCUMENT
from appliance.services.lane.workflow import State, Step
from appliance.travel_document import Mrz, MrzError, MrzFormat, PartialDate, parse_mrz, to_json
from appliance.travel_document.pki.trust_store import TrustStore

MANUAL = "manual"
"""The source of what was typed."""


def document_of(state: State, *, today: dt.date) -> Mrz | None:
    """The MRZ of the crossing, or None when nothing readable came.

    Of a document that was typed in: the one that it would have; `state.typed` says so.
    """
    lines = state.typed.lines if state.typed else state.document.lines if state.document else ()
    if not lines:
        return None
    try:
        return parse_mrz(lines, today=today)
    except MrzError:
        return None


def assess(
    state: State,
    *,
    stamp: Stamp,
    floor: dt.datetime,
    today: dt.date,
    lists: ReferenceStore,
    trust: TrustStore,
    direction: Direction,
    face: FaceSettings,
    finger: FingerSettings | None = None,
    known: KnownPairs | None = None,
    history: History | None = None,
    stay_days: float = 0.0,
    rules: RuleTable | None = None,
    post: str = "",
) -> tuple[Check, ...]:
    """Every check of the crossing, in the order of the work."""
    mrz = document_of(state, today=today)
    checks = [*mrz_checks(state, mrz), *page_checks(state, mrz, today=today)]
    expiry = expiry_of(state, mrz)
    if expiry is not None:
        checks.append(expiry_check(expiry, stamp, floor=floor))
    presented = presented_of(state, mrz)
    if presented is not None:
        checks += accepted_checks(rules, presented, direction=direction, post=post, today=today)
    moment = moment_of(stamp, floor)
    checks += seal_checks(state, mrz, store=trust, moment=moment)
    chip = tuple(chip_checks(state, mrz, store=trust, moment=moment))
    checks += chip
    checks[0] = confirmed(checks[0], chip)
    checks += portrait_checks(state, face, reference_authenticated=dg2_authenticated(chip))
    checks += finger_checks(state, finger or FingerSettings())
    checks += screen(
        subject_of(state, mrz) or Subject(),
        lists.open_lists(),
        direction=direction,
        now=dt.datetime.fromisoformat(stamp.wall),
        time_quality=stamp.quality,
        known=known,
    )
    checks.append(
        history_check(
            history,
            None if state.shares_document else subject_of(state, mrz),
            direction=direction,
            now=dt.datetime.fromisoformat(stamp.wall),
            time_quality=stamp.quality,
            stay_days=stay_days,
        )
    )
    return tuple(checks)


def expiry_of(state: State, mrz: Mrz | None) -> PartialDate | None:
    """When the document expires, as far as it says; None where there is no document."""
    if state.typed is not None:
        if state.typed.typed_for == NO_DOCUMENT:
            return None
        return PartialDate.parse(state.typed.expiry_date or "????-??-??")
    return None if mrz is None else mrz.expiry_date


def presented_of(state: State, mrz: Mrz | None) -> Presented | None:
    """The document as the rules ask about it; None where there is none."""
    if state.typed is not None and state.typed.typed_for != NO_DOCUMENT:
        what = (state.typed.document_code, state.typed.issuing_state, state.typed.nationality)
    elif mrz is not None:
        what = (mrz.document_code, mrz.issuing_state, mrz.nationality)
    else:
        return None
    expires = expiry_of(state, mrz)
    return Presented(
        document_code=what[0],
        issuing_state=what[1],
        nationality=what[2],
        expires=expires.as_date() if expires else None,
        has_chip=has_chip(state),
    )


def has_chip(state: State) -> bool | None:
    """Whether the document has a chip: one that refuses is there too; None where nobody could look."""
    if state.chip is not None:
        return True
    missed = state.missed.get(Step.READING_CHIP)
    if missed is None or not missed.tried:
        return None
    return missed.code != "no_chip"


def subject_of(state: State, mrz: Mrz | None) -> Subject | None:
    """What is searched for: the document as read or typed, nothing repaired; None where nothing is known."""
    if state.typed is not None:
        return typed_subject(state.typed)
    if mrz is None:
        return None
    return Subject(
        primary_identifier=mrz.primary_identifier,
        secondary_identifier=mrz.secondary_identifier,
        name_truncated=mrz.name_truncated,
        birth_date=str(mrz.birth_date),
        sex=mrz.sex,
        nationality=mrz.nationality,
        issuing_state=mrz.issuing_state,
        document_number=mrz.document_number,
        document_type=mrz.document_code,
        number_check=_number_check(mrz),
        personal_number=mrz.personal_number,
        visa_number=mrz.document_number if mrz.format in (MrzFormat.MRV_A, MrzFormat.MRV_B) else "",
    )


def typed_subject(typed: TypedDocument) -> Subject:
    """The names in the script in which they were typed: lists are searched across scripts."""
    papers = typed.typed_for != NO_DOCUMENT
    return Subject(
        primary_identifier=typed.primary_identifier,
        secondary_identifier=typed.secondary_identifier,
        birth_date=typed.birth_date,
        sex=typed.sex,
        nationality=typed.nationality,
        issuing_state=typed.issuing_state,
        document_number=typed.document_number if papers else "",
        document_type=typed.document_code,
        visa_number=typed.document_number if typed.document_code == "V" else "",
    )


def page_of(state: State) -> bytes | None:
    """The picture of the page that a camera read, as JPEG."""
    if state.document is None:
        return None
    pages = (state.document, *state.document.others)
    return next((evidence.page for evidence in pages if evidence.page is not None), None)


def lit_pages_of(state: State) -> dict[str, bytes]:
    """The page under each light, as JPEG: page_infrared, page_ultraviolet, ..."""
    if state.document is None:
        return {}
    pages = (state.document, *state.document.others)
    return {f"page_{picture.light}": picture.jpeg for evidence in pages for picture in evidence.lit}


def _number_check(mrz: Mrz) -> bool | None:
    """Whether the number's check digit fits; None when there was none to compare."""
    for check in to_json(mrz)["checks"]:
        if check["id"] == "mrz.document_number_check_digit" and check["verdict"] in ("PASS", "FAIL"):
            return bool(check["verdict"] == "PASS")
    return None


def simulated_kinds(state: State) -> tuple[str, ...]:
    """Which of the evidence came from simulated devices (promise 7)."""
    document = state.document
    pages = () if document is None else (document, *document.others)
    kinds = {
        "document_reader": any(page.simulated and page.source != "camera" for page in pages)
        or (state.chip is not None and state.chip.simulated),
        "fingerprint_sensor": any(each.simulated for each in state.fingers.values()),
        "camera": any(page.simulated and page.source == "camera" for page in pages)
        or (state.portrait is not None and state.portrait.simulated),
    }
    return tuple(kind for kind, simulated in kinds.items() if simulated)


def movement_of(
    state: State, *, box: Box, document: Mrz | None, visa: DocumentFacts | None = None
) -> Movement:
    """The record of a decided crossing."""
    assert state.started is not None
    assert state.assessed is not None
    assert state.decided is not None
    media = {}
    if state.portrait is not None:
        media["portrait_record"] = state.portrait.record
    if state.chip is not None and state.chip.portrait is not None:
        media["chip_portrait"] = state.chip.portrait
    for name, finger in state.fingers.items():
        media[f"finger_{name}"] = finger.record
    page = page_of(state)
    if page is not None:
        media["page"] = page
    media |= lit_pages_of(state)
    return Movement(
        crossing=state.started.crossing,
        device=box.device,
        post=box.post,
        lane=box.lane,
        profile=box.profile.value,
        direction=state.started.direction,
        started=state.started.stamp,
        decided=state.decided.stamp,
        document=document_facts(state, document),
        checks=state.assessed.checks,
        recommendation=state.assessed.recommendation,
        reasons=state.assessed.reasons,
        outcome=state.decided.outcome,
        simulated=simulated_kinds(state),
        policy=state.assessed.policy,
        not_same=state.decided.not_same,
        stated=state.stated,
        proofs=state.proofs,
        other_papers=state.other_papers,
        visa=visa,
        visa_entries=state.visa_entries,
        visa_application=state.visa_application,
        group=state.group,
        accompanied=state.accompanied,
        officer=state.decided.officer,
        released=state.decided.released,
        media=media,
    )


def document_facts(state: State, mrz: Mrz | None) -> DocumentFacts | None:
    """The document as read or as typed, for the record and the screen; None where there is none."""
    if state.typed is not None:
        return _typed_facts(state.typed)
    return None if mrz is None else _facts(mrz, state)


def _typed_facts(typed: TypedDocument) -> DocumentFacts:
    """What is recorded of a document that was typed in: in Latin letters as any other, and as written."""
    return DocumentFacts(
        format="",
        lines=(),
        source=MANUAL,
        document_code=typed.document_code,
        issuing_state=typed.issuing_state,
        document_number=typed.document_number,
        primary_identifier=typed.primary_in_latin,
        secondary_identifier=typed.secondary_in_latin,
        name_truncated=False,
        nationality=typed.nationality,
        birth_date=typed.birth_date,
        sex=typed.sex,
        expiry_date=typed.expiry_date,
        personal_number=None,
        typed_for=typed.typed_for,
        name_as_written=f"{typed.primary_identifier}, {typed.secondary_identifier}".rstrip(", "),
    )


def _facts(mrz: Mrz, state: State) -> DocumentFacts:
    assert state.document is not None
    return DocumentFacts(
        format=mrz.format.value,
        lines=state.document.lines,
        source=state.document.source,
        document_code=mrz.document_code,
        issuing_state=mrz.issuing_state,
        document_number=mrz.document_number,
        primary_identifier=mrz.primary_identifier,
        secondary_identifier=mrz.secondary_identifier,
        name_truncated=mrz.name_truncated,
        nationality=mrz.nationality,
        birth_date=str(mrz.birth_date),
        sex=mrz.sex,
        expiry_date=str(mrz.expiry_date),
        personal_number=mrz.personal_number,
    )
