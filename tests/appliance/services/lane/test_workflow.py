import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scripted import portrait_evidence

from appliance.contracts.capture import MrzEvidence
from appliance.contracts.checks import Direction, Outcome, Recommendation
from appliance.contracts.movement import GroupLink, OtherPapers, Proof, Stamp, Stated
from appliance.services.lane import workflow
from appliance.services.lane.workflow import State, Step, StepMissed, fold

STAMP = Stamp(boot_id="b", monotonic_ns=1, wall="2026-11-24T10:00:00.000+00:00", quality="rtc")
STARTED = workflow.Started(crossing="c1", direction=Direction.ENTRY, stamp=STAMP)
DOCUMENT = workflow.DocumentRead(
    evidence=MrzEvidence(lines=("A", "B"), source="mrz_line", device="d", simulated=True)
)
NO_CHIP = StepMissed(step=Step.READING_CHIP, code="no_chip", tried=True)
PORTRAIT = workflow.PortraitTaken(evidence=portrait_evidence())
ASSESSED = workflow.Assessed(checks=(), recommendation=Recommendation.GREEN, reasons=(), policy="p/1/0")
DECIDED = workflow.Decided(outcome=Outcome.ADMITTED, stamp=STAMP)
NO_FINGERS = StepMissed(step=Step.TAKING_FINGERS, code="no_device", tried=False)
ORDINARY = (STARTED, DOCUMENT, NO_CHIP, PORTRAIT, NO_FINGERS, ASSESSED, DECIDED)


def test_ok_every_event_leads_to_the_next_step():
    steps = [fold(ORDINARY[:count]).step for count in range(len(ORDINARY) + 1)]
    assert steps == [
        Step.WAITING,
        Step.READING_DOCUMENT,
        Step.READING_CHIP,
        Step.TAKING_PORTRAIT,
        Step.TAKING_FINGERS,
        Step.CHECKING,
        Step.DECIDING,
        Step.RECORDING,
    ]


def test_ok_a_hold_skips_to_the_checks():
    state = fold((STARTED, DOCUMENT, workflow.ReferralAsked()))
    assert state.step is Step.CHECKING
    assert state.referral_asked


def test_ok_a_missed_document_does_not_stop_the_crossing():
    missed = StepMissed(step=Step.READING_DOCUMENT, code="timeout", tried=True)
    assert fold((STARTED, missed)).step is Step.READING_CHIP


def test_ok_a_new_start_forgets_the_last_traveller():
    again = workflow.Started(crossing="c2", direction=Direction.EXIT, stamp=STAMP)
    assert fold((*ORDINARY, again)) == State(started=again)


VISA = workflow.VisaRead(
    evidence=MrzEvidence(lines=("V", "W"), source="mrz_line", device="d", simulated=True)
)
LINK = GroupLink(group="g", kind="bus", declared=2, place=1)
NOTES = (
    workflow.VisaAsked(),
    VISA,
    workflow.Stating(stated=Stated(purpose="work", declined=("transport",))),
    workflow.ProofNoted(
        proof=Proof(direction=Direction.ENTRY, day="2026-01-01", kind="stamp", place="", reason="p. 7")
    ),
    workflow.PapersNoted(papers=OtherPapers(nationality="D", issuing_state="D", document_number="1")),
    workflow.VisaEntriesNoted(entries=2),
    workflow.GroupNoted(group=LINK),
)


def test_ok_a_visa_that_is_asked_for_is_a_step_of_its_own():
    asked = (STARTED, DOCUMENT, workflow.VisaAsked(), NO_CHIP)
    assert fold(asked).step is Step.READING_VISA
    assert fold((*asked, VISA)).step is Step.TAKING_PORTRAIT
    without = StepMissed(step=Step.READING_VISA, code="missing", tried=True)
    assert fold((*asked, without)).step is Step.TAKING_PORTRAIT
    assert fold((*asked, workflow.ReferralAsked())).step is Step.CHECKING


def test_ok_notes_change_no_step_but_who_is_detached_is_referred():
    before = fold(ORDINARY[:-1])
    after = fold((*ORDINARY[:-1], *NOTES[2:]))
    assert (before.step, after.step) == (Step.DECIDING, Step.DECIDING)
    assert (after.stated.purpose, after.visa_entries, after.group) == ("work", 2, LINK)
    assert not after.referral_asked
    detached = msgspec.structs.replace(LINK, detached="looked at")
    assert fold((*ORDINARY[:-1], workflow.GroupNoted(group=detached))).referral_asked


@pytest.mark.parametrize("event", [*ORDINARY, *NOTES])
def test_ok_events_come_back_from_the_journal_as_they_were(event):
    assert workflow.decode(workflow.encode(event)) == event


@given(st.binary(max_size=200))
def test_fail_other_bytes_are_no_event(data):
    try:
        event = workflow.decode(data)
    except msgspec.MsgspecError:
        return
    assert workflow.decode(workflow.encode(event)) == event
