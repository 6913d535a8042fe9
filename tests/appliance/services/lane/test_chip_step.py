"""A chip that does not answer: how long it is waited for, what the officer may say; and what was typed."""

import asyncio
import datetime as dt

import msgspec
import pytest
from scripted import ScriptedCapture, records_of

from appliance.contracts.capture import ReadChip
from appliance.contracts.checks import Check, Verdict
from appliance.contracts.errors import ServiceError
from appliance.contracts.lane import LAY_DOWN_AGAIN
from appliance.contracts.movement import Stamp
from appliance.contracts.typed import TypedDocument
from appliance.rules.accepted import Presented, chip_needed
from appliance.rules.table import read_table
from appliance.services.capture.service import CaptureService
from appliance.services.lane.asking import Asking, Referred
from appliance.services.lane.button import NO_CHIP, ButtonEvent
from appliance.services.lane.checks import IN_CHIP_TOO, SAID_BY_CHIP, chip_checks, confirmed
from appliance.services.lane.chip_step import ChipStep, may_have_chip, needs_chip
from appliance.services.lane.policy import Pace
from appliance.services.lane.workflow import ChipRead, Started, State, Step, StepMissed
from appliance.simulation.travellers import traveller
from appliance.travel_document import parse_mrz
from appliance.travel_document.authentication.finding import Moment
from appliance.travel_document.pki.trust_store import TrustStore
from hal.document_reader.simulated import Options, SimulatedDocumentReader

TODAY = dt.datetime.now(dt.UTC).date()
LINES = traveller(1).lines
PACE = Pace(chip_seconds=20, chip_absent_seconds=3, chip_attempts=2, look_first_seconds=0)
REQUEST = ReadChip(mrz_information="X", timeout=20)


class Reads(ScriptedCapture):
    """What each request for a chip asked; a code of `nothing` is what it comes to, one after the other."""

    def __init__(self, *nothing: str, forever: bool = False) -> None:
        super().__init__(LINES, open_chip=list(nothing))
        self.asked: list[float | None] = []
        self.forever = forever

    async def open_chip(self, request):
        self.asked.append(request.appear)
        if self.forever and not self.failures["open_chip"]:
            await asyncio.Event().wait()
        return await super().open_chip(request)


def step_of(capture: Reads, *, needed: bool = False, pace: Pace = PACE, during=None) -> list:
    """The events that the step keeps; `during` looks at the strip while it works."""

    async def work() -> list:
        kept: list = []
        asking = Asking(capture, lambda: None)

        async def keep(event) -> None:
            kept.append(event)

        step = ChipStep(capture, asking, lambda: None)
        task = asyncio.create_task(
            step.read(REQUEST, pace=pace, needed=needed, verify_ahead=lambda files: None, keep=keep)
        )
        if during is not None:
            await during(step, asking)
        await task
        assert step.hint is None
        return kept

    return asyncio.run(work())


async def until_offered(step: ChipStep, asking: Asking) -> None:
    while asking.button.offer.press != NO_CHIP:
        await asyncio.sleep(0.001)
    assert step.hint == LAY_DOWN_AGAIN


def missed(code: str, *, tried: bool = True, pressed: bool = False) -> StepMissed:
    return StepMissed(step=Step.READING_CHIP, code=code, tried=tried, pressed=pressed)


def test_ok__a_chip_at_once() -> None:
    capture = Reads()
    (read,) = step_of(capture)
    assert isinstance(read, ChipRead)
    assert capture.asked == [3]


def test_ok__none_on_a_reader_under_the_page_is_not_waited_for() -> None:
    capture = Reads("chip_absent")
    assert step_of(capture) == [missed("no_chip")]
    assert capture.asked == [3]


def test_ok__one_that_must_be_there_is() -> None:
    capture = Reads("chip_absent", "chip_absent")
    assert step_of(capture, needed=True) == [missed("no_chip")]
    assert capture.asked == [3, 17]


def test_ok__it_comes_when_it_is_laid_down_again() -> None:
    capture = Reads("no_chip")
    (read,) = step_of(capture)
    assert isinstance(read, ChipRead)
    assert capture.asked == [3, 17]


def test_ok__the_officer_goes_on() -> None:
    capture = Reads("no_chip", forever=True)

    async def press(step, asking) -> None:
        await until_offered(step, asking)
        assert asking.button.happened(ButtonEvent.PRESS, seen=True)

    assert step_of(capture, during=press) == [missed("no_chip", pressed=True)]


def test_fail__a_hold_refers() -> None:
    async def hold(step, asking) -> None:
        await until_offered(step, asking)
        assert asking.button.happened(ButtonEvent.HOLD, seen=True)

    with pytest.raises(Referred):
        step_of(Reads("no_chip", forever=True), during=hold)


@pytest.mark.parametrize(
    ("codes", "kept", "tries"),
    [
        (("no_device",), missed("no_device", tried=False), 1),
        (("access_denied",), missed("access_denied"), 1),
        (("chip_error", "chip_error"), missed("chip_error"), 2),
        (("no_chip", "chip_error", "removed"), missed("removed"), 3),
    ],
)
def test_fail__what_else_goes_wrong(codes, kept, tries) -> None:
    capture = Reads(*codes)
    assert step_of(capture) == [kept]
    assert len(capture.asked) == tries


def test_ok__no_more_time_than_the_policy_gives() -> None:
    pace = msgspec.structs.replace(PACE, chip_seconds=3)
    capture = Reads("no_chip")
    assert step_of(capture, pace=pace) == [missed("no_chip")]


# capture: where the document lies


@pytest.mark.parametrize(("under_page", "code"), [(True, "chip_absent"), (False, "no_chip")])
def test_fail__what_capture_says_of_a_document_without_a_chip(under_page: bool, code: str) -> None:
    reader = SimulatedDocumentReader(Options(under_page=under_page))
    reader.present(lines=LINES)
    capture = CaptureService([reader], chip_transport="direct")
    request = ReadChip(mrz_information="X", timeout=20, appear=0.05)
    with pytest.raises(ServiceError) as caught:
        asyncio.run(capture.open_chip(request))
    assert caught.value.code == code


# Who may have a chip, and who must


def typed(typed_for: str) -> TypedDocument:
    return TypedDocument(
        typed_for=typed_for,
        document_code="P",
        issuing_state="UTO",
        document_number="X1",
        primary_identifier="BERG",
        secondary_identifier="",
        nationality="UTO",
        birth_date="1980-01-02",
        sex="F",
        expiry_date="2030-01-02",
        primary_in_latin="BERG",
        secondary_in_latin="",
        lines=LINES,
    )


def test_ok__a_page_without_an_mrz_has_no_chip() -> None:
    assert may_have_chip(State())
    assert may_have_chip(State(typed=typed("unreadable")))
    assert not may_have_chip(State(typed=typed("not_machine_readable")))


RULES = """
name = "r"
version = 1
[[document]]
codes = ["P"]
issuers = ["UTO"]
chip_if_expires_after = 2026-01-01
[[document]]
"""


@pytest.mark.parametrize(
    ("issuer", "expires", "needed"),
    [
        ("UTO", dt.date(2030, 1, 1), True),
        ("UTO", dt.date(2025, 1, 1), False),
        ("UTO", None, False),
        ("FRA", dt.date(2030, 1, 1), False),
    ],
)
def test_ok__the_rules_say_who_must_have_one(issuer: str, expires, needed: bool) -> None:
    table = read_table(RULES.encode())
    document = Presented(
        document_code="P", issuing_state=issuer, nationality=issuer, expires=expires, has_chip=None
    )
    how = {"direction": "entry", "post": "p", "today": TODAY}
    assert chip_needed(table, document, **how) is needed
    assert not chip_needed(None, document, **how)


def test_ok__a_crossing_s_document_by_the_rules() -> None:
    mrz = parse_mrz(LINES, today=TODAY)
    stamp = Stamp(boot_id="b", monotonic_ns=1, wall=dt.datetime.now(dt.UTC).isoformat(), quality="rtc")
    state = State(started=Started(crossing="c", direction="entry", stamp=stamp))
    rules = f'name = "r"\nversion = 1\n[[document]]\nissuers = ["{mrz.issuing_state}"]\nchip = true\n'
    table = read_table(rules.encode())
    assert needs_chip(state, mrz, table, post="p", today=TODAY)
    assert not needs_chip(state, mrz, None, post="p", today=TODAY)


# What was typed, and is in the chip


def test_ok__what_was_typed_and_signed_so_in_the_chip_counts_as_read() -> None:
    chip = [Check(id=id_, verdict=Verdict.PASS, reason="r") for id_ in SAID_BY_CHIP]
    for why in IN_CHIP_TOO:
        read = Check(id="mrz.read", verdict=Verdict.NOT_DONE, reason=why)
        said = confirmed(read, chip)
        assert (said.verdict, said.reason, said.evidence) == (
            *(Verdict.PASS, "typed_and_in_chip", {"typed_for": why}),
        )


@pytest.mark.parametrize("without", sorted(SAID_BY_CHIP))
def test_fail__it_does_not_where_one_of_them_is_missing(without: str) -> None:
    read = Check(id="mrz.read", verdict=Verdict.NOT_DONE, reason="unreadable")
    passed = [Check(id=id_, verdict=Verdict.PASS, reason="r") for id_ in SAID_BY_CHIP - {without}]
    failed = Check(id=without, verdict=Verdict.CANNOT, reason="r")
    assert confirmed(read, [*passed, failed]) is read
    assert confirmed(read, passed) is read


@pytest.mark.parametrize("why", ["not_machine_readable", "no_document", "in_guardians_document"])
def test_fail__nor_for_papers_that_have_no_mrz(why: str) -> None:
    chip = [Check(id=id_, verdict=Verdict.PASS, reason="r") for id_ in SAID_BY_CHIP]
    read = Check(id="mrz.read", verdict=Verdict.NOT_DONE, reason=why)
    assert confirmed(read, chip) is read


def test_ok__the_record_says_that_the_officer_went_on() -> None:
    state = State(missed={Step.READING_CHIP: missed("no_chip", pressed=True)})
    moment = Moment(dt.datetime.now(dt.UTC), None, dt.datetime.now(dt.UTC))
    read = next(iter(chip_checks(state, None, store=TrustStore(), moment=moment)))
    assert (read.verdict, read.reason, read.evidence) == (
        *(Verdict.CANNOT, "no_chip", {"officer_went_on": True}),
    )


def test_ok__through_the_lane_to_the_record(make_lane, house) -> None:
    capture = Reads("no_chip", forever=True)
    lane = make_lane(capture)

    async def work(officer):
        await officer.until(lambda view: view.press == "start")
        await officer.press()
        view = await officer.until(lambda view: view.press == NO_CHIP)
        assert (view.step, view.page_hint, view.hold) == ("reading_chip", LAY_DOWN_AGAIN, "refer")
        await officer.press()
        await officer.until(lambda view: view.step == "deciding" and view.press)
        await officer.press()
        await officer.until_recorded(1)

    house.run(lane, work)
    (record,) = records_of(lane, house)
    read = next(check for check in record.checks if check.id == "chip.read")
    assert (read.reason, read.evidence) == ("no_chip", {"officer_went_on": True})
