"""What the evidence of one crossing says: pure functions from evidence to checks.

What this box does not do yet is said as NOT_DONE, never left out and never passed.
"""

import datetime as dt
from collections.abc import Iterator

from appliance.clock import judge_expiry
from appliance.contracts.capture import ChipEvidence, PortraitEvidence
from appliance.contracts.checks import Check, Verdict
from appliance.contracts.movement import Stamp
from appliance.face_settings import FaceSettings
from appliance.services.lane.face_checks import face_checks
from appliance.services.lane.workflow import State, Step, StepMissed
from appliance.travel_document import Mrz, MrzError, different_fields, mrz_from_dg1, parse_mrz, to_json

CHIP_CHECKS = (
    "chip.pace",
    "chip.dg1_matches_mrz",
    "chip.passive_authentication",
    "chip.active_authentication",
    "chip.chip_authentication",
    "chip.portrait",
)
NOT_SUPPORTED = (
    "chip.passive_authentication",
    "chip.active_authentication",
    "chip.chip_authentication",
)
LATER = ("finger.comparison",)
"""Checks that this version names but does not do."""


def mrz_checks(state: State, mrz: Mrz | None) -> Iterator[Check]:
    """Whether there was an MRZ, and every check of its content."""
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


def expiry_check(mrz: Mrz, stamp: Stamp, *, floor: dt.datetime) -> Check:
    """Whether the document is still valid, as far as the clock can be trusted (promise 4)."""
    expiry = mrz.expiry_date.as_date()
    if expiry is None:
        return Check(id="document.expiry", verdict=Verdict.CANNOT, reason="no_date")
    reason = judge_expiry(expiry, stamp, floor)
    verdict = {"valid": Verdict.PASS, "expired": Verdict.FAIL, "clock_unsure": Verdict.CANNOT}[reason]
    return Check(
        id="document.expiry",
        verdict=verdict,
        reason=reason,
        evidence={"expiry_date": str(mrz.expiry_date), "time_quality": stamp.quality},
    )


def chip_checks(state: State, mrz: Mrz | None, *, today: dt.date) -> Iterator[Check]:
    """What the chip gave, and what was not done about it."""
    chip = state.chip
    if chip is None:
        yield _missed("chip.read", state.missed.get(Step.READING_CHIP))
        for id_ in CHIP_CHECKS:
            yield Check(id=id_, verdict=Verdict.NOT_DONE, reason="chip_not_read")
        return
    yield Check(
        id="chip.read",
        verdict=Verdict.PASS if "DG1" in chip.files else Verdict.CANNOT,
        reason="read" if "DG1" in chip.files else "chip_error",
        evidence={
            "access": chip.access,
            "files": sorted(chip.files),
            "not_read": chip.not_read,
            "transport": chip.transport,
        },
    )
    yield Check(
        id="chip.pace",
        verdict=Verdict.NOT_DONE,
        reason="offered_not_supported" if chip.pace_offered else "not_offered",
    )
    yield _dg1_check(chip, mrz, today=today)
    for id_ in NOT_SUPPORTED:
        yield Check(id=id_, verdict=Verdict.NOT_DONE, reason="not_supported")
    yield _chip_portrait_check(chip)


def _dg1_check(chip: ChipEvidence, mrz: Mrz | None, *, today: dt.date) -> Check:
    """The chip's MRZ against the page's, field by field (Doc 9303-10, 4.7.1)."""
    id_ = "chip.dg1_matches_mrz"
    if mrz is None or "DG1" not in chip.files:
        return Check(id=id_, verdict=Verdict.NOT_DONE, reason="no_mrz" if mrz is None else "chip_not_read")
    try:
        inside = parse_mrz(mrz_from_dg1(chip.files["DG1"]), today=today)
    except MrzError:
        return Check(id=id_, verdict=Verdict.FAIL, reason="malformed")
    fields = different_fields(mrz, inside)
    if not fields:
        return Check(id=id_, verdict=Verdict.PASS, reason="equal")
    return Check(id=id_, verdict=Verdict.FAIL, reason="different", evidence={"fields": list(fields)})


def _chip_portrait_check(chip: ChipEvidence) -> Check:
    if chip.portrait is not None:
        return Check(id="chip.portrait", verdict=Verdict.PASS, reason="decoded")
    if "DG2" not in chip.files:
        return Check(id="chip.portrait", verdict=Verdict.NOT_DONE, reason="chip_not_read")
    return Check(
        id="chip.portrait",
        verdict=Verdict.CANNOT,
        reason="undecodable",
        evidence={"problem": chip.portrait_problem or ""},
    )


def portrait_checks(state: State, face: FaceSettings) -> Iterator[Check]:
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
    yield from face_checks(state, face)
    for id_ in LATER:
        yield Check(id=id_, verdict=Verdict.NOT_DONE, reason="not_supported")


def _missed(id_: str, missed: StepMissed | None) -> Check:
    if missed is None:
        return Check(id=id_, verdict=Verdict.NOT_DONE, reason="skipped")
    if missed.code == "protection_broken":
        return Check(id=id_, verdict=Verdict.FAIL, reason=missed.code)
    return Check(id=id_, verdict=Verdict.CANNOT if missed.tried else Verdict.NOT_DONE, reason=missed.code)
