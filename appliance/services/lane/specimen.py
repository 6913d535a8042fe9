"""A specimen document read to try the readers: every check of page and chip, and no crossing.

Nothing of it reaches the journal, a list, or a register; what is kept is that it could be read.
"""

import datetime as dt
from collections.abc import Mapping
from typing import Final

from appliance.clock import Clock
from appliance.contracts.capture import Capture, Wait
from appliance.contracts.checks import Check, Direction, Verdict
from appliance.contracts.errors import ServiceError
from appliance.contracts.technician import Specimen
from appliance.reference_data.trust_folder import TrustFolder
from appliance.services.lane.assessment import document_of
from appliance.services.lane.checks import chip_checks, mrz_checks, page_checks
from appliance.services.lane.chip_checks import moment_of, trusted
from appliance.services.lane.chip_reading import chip_request, read_chip
from appliance.services.lane.workflow import AnyEvent, DocumentRead, Started, Step, StepMissed, fold

PAGE_SECONDS: Final = 30.0
CHIP_SECONDS: Final = 20.0
NOBODY: Final = "specimen"
"""In the place of a crossing's id."""


async def read_specimen(capture: Capture, *, clock: Clock, trust: TrustFolder) -> Specimen:
    """Wait for a document, read its page and its chip, and judge both.

    Raises:
        ServiceError: no document came, or no device reads one.
    """
    stamp = clock.stamp()
    today = max(dt.datetime.fromisoformat(stamp.wall), clock.floor).date()
    events: list[AnyEvent] = [Started(crossing=NOBODY, direction=Direction.ENTRY, stamp=stamp)]
    events.append(DocumentRead(evidence=await capture.read_mrz(Wait(timeout=PAGE_SECONDS))))
    mrz = document_of(fold(events), today=today)
    if mrz is not None:
        request = chip_request(mrz, seconds=CHIP_SECONDS)
        try:
            events.append(await read_chip(capture, request, verify_ahead=_not_ahead))
        except ServiceError as error:
            tried = error.code != "no_device"
            events.append(StepMissed(step=Step.READING_CHIP, code=error.code, tried=tried))
    state = fold(events)
    moment = moment_of(stamp, clock.floor)
    checks = [*mrz_checks(state, mrz), *page_checks(state, mrz, today=today)]
    checks += chip_checks(state, mrz, store=trusted(trust), moment=moment)
    lines = state.document.lines if state.document is not None else ()
    return Specimen(lines=lines, checks=tuple(checks))


def results_of(specimen: Specimen) -> tuple[Check, ...]:
    """What goes with the self-test: that page and chip could be read, and nothing of who is on it."""
    by_id = {one.id: one for one in specimen.checks}
    wrong = [
        one.id
        for one in specimen.checks
        if one.id.startswith("mrz.") and one.verdict in (Verdict.FAIL, Verdict.CANNOT)
    ]
    page = by_id["mrz.read"]
    if page.verdict is Verdict.PASS and wrong:
        page = Check(id=page.id, verdict=Verdict.FAIL, reason="check_digit_wrong")
    found = [Check(id="document.page", verdict=page.verdict, reason=page.reason, evidence={"wrong": wrong})]
    if (chip := by_id.get("chip.read")) is not None:
        evidence = {
            one.id: one.verdict.value for one in specimen.checks if one.id.startswith("chip.") and one != chip
        }
        found.append(Check(id="document.chip", verdict=chip.verdict, reason=chip.reason, evidence=evidence))
    return tuple(found)


def _not_ahead(_files: Mapping[str, bytes]) -> None:
    """All is verified when all has come: nobody stands here and waits."""
