"""What the evidence of one crossing says: pure functions from evidence to checks.

What this box does not do yet is said as NOT_DONE, never left out and never passed.
"""

import datetime as dt
from collections.abc import Iterable, Iterator

from appliance.clock import judge_expiry
from appliance.contracts.capture import MrzEvidence, PortraitEvidence
from appliance.contracts.checks import Check, Verdict
from appliance.contracts.movement import Stamp
from appliance.face_settings import FaceSettings
from appliance.services.lane.chip_checks import CHIP_CHECKS, check_of, chip_findings
from appliance.services.lane.face_checks import face_checks
from appliance.services.lane.workflow import State, Step, StepMissed
from appliance.travel_document import (
    Mrz,
    MrzError,
    PartialDate,
    different_fields,
    parse_mrz,
    to_json,
)
from appliance.travel_document.authentication.finding import Moment
from appliance.travel_document.pki.trust_store import TrustStore
from appliance.travel_document.seal.seal import looks_like_seal
from appliance.travel_document.seal.verify import judge_seal

MACHINE_READABLE_SINCE = "2015-11-24"
"""By then passports that are not machine readable should have expired (Annex 9 to the Chicago Convention,
chapter 3); emergency papers and those of refugees and stateless persons are exempt."""
IN_CHIP_TOO = frozenset({"unreadable", "reader_failed"})
"""Why an MRZ is typed that the chip has too (`appliance.contracts.typed.TYPED_FOR`)."""
SAID_BY_CHIP = frozenset({"chip.dg1_matches_mrz", "chip.data_group_hash.dg1", "chip.passive_authentication"})
EXEMPT = frozenset({"XXA", "XXB", "XXC"})


def mrz_checks(state: State, mrz: Mrz | None) -> Iterator[Check]:
    """Whether there was an MRZ, and every check of its content; of typed papers nothing was read."""
    if state.typed is not None:
        yield Check(id="mrz.read", verdict=Verdict.NOT_DONE, reason=state.typed.typed_for)
        typed = state.typed
        passport = typed.document_code == "P" and typed.nationality not in EXEMPT
        if typed.typed_for == "not_machine_readable" and passport:
            yield Check(
                id="document.machine_readable",
                verdict=Verdict.FAIL,
                reason="not_machine_readable",
                evidence={"not_valid_since": MACHINE_READABLE_SINCE},
            )
        return
    if mrz is None:
        if state.document is not None:
            yield Check(id="mrz.read", verdict=Verdict.FAIL, reason="not_an_mrz")
        else:
            yield _missed("mrz.read", state.missed.get(Step.READING_DOCUMENT))
        return
    yield Check(
        id="mrz.read",
        verdict=Verdict.PASS,
        reason="read",
        evidence={"format": mrz.format.value, "source": state.document.source if state.document else ""},
    )
    for check in to_json(mrz)["checks"]:
        yield Check(
            id=check["id"],
            verdict=Verdict(check["verdict"]),
            reason=check["reason"],
            evidence=check["evidence"],
        )


def confirmed(read: Check, chip: Iterable[Check]) -> Check:
    """The check of the MRZ that was typed, once what its state signed in the chip says the same.

    The typed number, birth date and expiry opened the chip, and its signed MRZ is the typed one, character
    by character: nobody could have slipped. What was typed of a page without a chip stays NOT_DONE.
    """
    passed = {check.id for check in chip if check.verdict is Verdict.PASS}
    if read.reason not in IN_CHIP_TOO or not passed >= SAID_BY_CHIP:
        return read
    return Check(
        id=read.id, verdict=Verdict.PASS, reason="typed_and_in_chip", evidence={"typed_for": read.reason}
    )


def page_checks(state: State, mrz: Mrz | None, *, today: dt.date) -> Iterator[Check]:
    """What a camera adds: whether it saw every character, and whether all that read the page agree."""
    document = state.document
    if document is None or mrz is None:
        return
    if document.source == "camera":
        yield _legibility(document)
    if document.others:
        yield _sources_agree(mrz, document, today=today)


def _legibility(document: MrzEvidence) -> Check:
    if not document.uncertain:
        return Check(id="mrz.legibility", verdict=Verdict.PASS, reason="legible")
    line, position = document.uncertain[0]
    places = [list(place) for place in document.uncertain]
    return Check(
        id="mrz.legibility",
        verdict=Verdict.CANNOT,
        reason="uncertain_characters",
        evidence={"line": line, "position": position, "places": places},
    )


def _sources_agree(mrz: Mrz, document: MrzEvidence, *, today: dt.date) -> Check:
    """The page as each source read it, field by field."""
    sources = [document.source, *(other.source for other in document.others)]
    differing: set[str] = set()
    for other in document.others:
        try:
            differing.update(different_fields(mrz, parse_mrz(other.lines, today=today)))
        except MrzError:
            return Check(
                id="mrz.sources_agree",
                verdict=Verdict.CANNOT,
                reason="not_an_mrz",
                evidence={"sources": sources},
            )
    return Check(
        id="mrz.sources_agree",
        verdict=Verdict.FAIL if differing else Verdict.PASS,
        reason="different" if differing else "equal",
        evidence={"sources": sources, **({"fields": sorted(differing)} if differing else {})},
    )


def expiry_check(expires: PartialDate, stamp: Stamp, *, floor: dt.datetime) -> Check:
    """Whether the document is still valid, as far as the clock can be trusted (promise 4)."""
    expiry = expires.as_date()
    if expiry is None:
        return Check(id="document.expiry", verdict=Verdict.CANNOT, reason="no_date")
    reason = judge_expiry(expiry, stamp, floor)
    verdict = {"valid": Verdict.PASS, "expired": Verdict.FAIL, "clock_unsure": Verdict.CANNOT}[reason]
    return Check(
        id="document.expiry",
        verdict=verdict,
        reason=reason,
        evidence={"expiry_date": str(expires), "time_quality": stamp.quality},
    )


def chip_checks(state: State, mrz: Mrz | None, *, store: TrustStore, moment: Moment) -> Iterator[Check]:
    """What the chip gave and proved, or why there is none."""
    if state.chip is None:
        yield _missed("chip.read", state.missed.get(Step.READING_CHIP))
        for id_ in CHIP_CHECKS:
            yield Check(id=id_, verdict=Verdict.NOT_DONE, reason="chip_not_read")
        return
    yield from chip_findings(state.chip, state.chip_proofs, mrz, store=store, moment=moment)


def seal_checks(state: State, mrz: Mrz | None, *, store: TrustStore, moment: Moment) -> Iterator[Check]:
    """The first visible digital seal on the page, where a picture showed one; papers without one are
    ordinary."""
    barcodes = state.document.barcodes if state.document is not None else ()
    seals = [content for content in barcodes if looks_like_seal(content)]
    for content in seals[:1]:
        for finding in judge_seal(content, store, moment, page=mrz):
            yield check_of(finding)


def portrait_checks(
    state: State, face: FaceSettings, *, reference_authenticated: bool = False
) -> Iterator[Check]:
    """The live picture, what it says, and what is not done yet."""
    portrait: PortraitEvidence | None = state.portrait
    if portrait is None:
        yield _missed("portrait.taken", state.missed.get(Step.TAKING_PORTRAIT))
    else:
        yield Check(
            id="portrait.taken",
            verdict=Verdict.PASS,
            reason="taken",
            evidence={
                "width": portrait.width,
                "height": portrait.height,
                "cropped": portrait.cropped,
                "notice_seconds": state.noticed.seconds if state.noticed else None,
                "notice_pages": state.noticed.pages if state.noticed else None,
            },
        )
    yield from face_checks(state, face, reference_authenticated=reference_authenticated)


def _missed(id_: str, missed: StepMissed | None) -> Check:
    if missed is None:
        return Check(id=id_, verdict=Verdict.NOT_DONE, reason="skipped")
    if missed.code == "protection_broken":
        return Check(id=id_, verdict=Verdict.FAIL, reason=missed.code)
    return Check(
        id=id_,
        verdict=Verdict.CANNOT if missed.tried else Verdict.NOT_DONE,
        reason=missed.code,
        evidence={"officer_went_on": True} if missed.pressed else {},
    )
