import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scripted import portrait_evidence

from appliance.contracts.capture import MrzEvidence
from appliance.contracts.checks import Direction, Outcome, Recommendation
from appliance.contracts.movement import Stamp
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


@pytest.mark.parametrize("event", ORDINARY)
def test_ok_events_come_back_from_the_journal_as_they_were(event):
    assert workflow.decode(workflow.encode(event)) == event


@given(st.binary(max_size=200))
def test_fail_other_bytes_are_no_event(data):
    try:
        event = workflow.decode(data)
    except msgspec.MsgspecError:
        return
    assert workflow.decode(workflow.encode(event)) == event
