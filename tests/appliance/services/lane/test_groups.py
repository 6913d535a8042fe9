"""A vehicle with so many people, through a real lane: each a crossing of their own, and a count."""

import asyncio
import datetime as dt

import msgspec
import pytest
from scripted import ScriptedCapture, records_of

from appliance.contracts.asked import CloseGroup, DetachFromGroup, InGroup, OpenGroup, SentNote
from appliance.contracts.checks import Outcome, Recommendation, Verdict
from appliance.contracts.lane import FetchOutbox
from appliance.contracts.typed import TypedEntry
from appliance.records import envelope
from appliance.simulation.travellers import traveller
from appliance.travel_document import MrzFormat, generate_mrz, parse_mrz

TODAY = dt.datetime.now(dt.UTC).date()
PARENT = traveller(1).lines


def child(name: str = "") -> tuple[str, ...]:
    """A passport of a child of eight; of the parent's name unless another is given."""
    parent = parse_mrz(PARENT, today=TODAY)
    return generate_mrz(
        MrzFormat.TD3,
        document_code="P",
        issuing_state=parent.issuing_state,
        primary_identifier=name or parent.primary_identifier,
        secondary_identifier="LILI",
        document_number="CH1234567",
        nationality=parent.nationality,
        birth_date=TODAY.replace(year=TODAY.year - 8, day=1),
        sex="F",
        expiry_date=TODAY.replace(year=TODAY.year + 3, day=1),
    )


def found(view, id_: str):
    return next(((check.verdict, check.reason) for check in view.checks if check.id == id_), None)


def group_records(lane, house) -> list[dict]:
    """What central reads of groups."""
    page = asyncio.run(lane.fetch_outbox(FetchOutbox(after=0, limit=100)))
    key = lane._journal._keys.signing.verify_key
    opened = [
        envelope.open_(
            envelope.verify(record.envelope, verify_key_for=lambda _kid: key),
            private_key=house.central_sealing,
        )
        for record in page.records
    ]
    return [one.body for one in opened if one.type == "group"]


class Car:
    """The officer's work at a car, on a capture whose next document can be laid down."""

    def __init__(self, lane, capture) -> None:
        self.lane, self.capture = lane, capture
        self.through = 0

    async def note(self, note):
        return await self.lane.note(SentNote(note=note))

    async def open(self, declared: int, **changes):
        answer = await self.note(OpenGroup(declared=declared, **({"plate": "01 kg-123 ABC"} | changes)))
        assert answer.taken, answer.problems

    async def person(self, officer, lines, *, press: str = "press", before=None):
        self.capture.lines = lines
        await officer.until(lambda view: view.press == "start")
        await officer.press()
        view = await officer.until(lambda view: view.step == "deciding" and view.press)
        if before is not None:
            known = view.checks
            assert (await self.note(before(view.crossing))).taken
            view = await officer.until(lambda view: view.press and view.checks != known)
        await officer.press(press)
        self.through += 1
        await officer.until_recorded(self.through)
        return view

    async def close(self, officer, reason: str = ""):
        await officer.until(lambda view: view.press == "start")
        return await self.note(CloseGroup(group=self.lane.view().group.group, reason=reason))


@pytest.fixture
def car(make_lane):
    capture = ScriptedCapture(PARENT)
    return Car(make_lane(capture), capture)


def test_ok__two_people_in_a_car(car, house) -> None:
    async def work(officer):
        await officer.until(lambda view: view.press == "start")
        await car.open(2)
        view = await car.person(officer, PARENT)
        assert (view.group.seen, view.group.declared, view.group.plate) == (1, 2, "01KG123ABC")
        assert found(view, "group.count") == (Verdict.PASS, "within_declared")
        assert found(view, "watchlist.vehicle") == (Verdict.NOT_DONE, "no_list")
        assert view.recommendation is Recommendation.GREEN
        assert (await car.close(officer)).problems == {"reason": "needs_reason"}
        await car.person(officer, traveller(5).lines)
        assert (await car.close(officer)).taken
        await officer.until(lambda view: view.group is None)

    house.run(car.lane, work)
    first, second = records_of(car.lane, house)
    assert first.group.group == second.group.group
    assert [(one.group.place, one.group.declared, one.group.kind) for one in (first, second)] == [
        *((1, 2, "vehicle"), (2, 2, "vehicle")),
    ]
    opened, closed = group_records(car.lane, house)
    assert (opened["act"], opened["declared"]) == ("opened", 2)
    assert (closed["act"], closed["seen"], closed["detached"], closed["reason"]) == ("closed", 2, 0, "")
    # What points to the people stands in their own records, which are erased with them.
    assert [one.group.plate for one in records_of(car.lane, house)] == ["01KG123ABC"] * 2
    for pointing in ("01KG123ABC", first.crossing, second.crossing):
        assert pointing not in str((opened, closed))


def test_ok__one_is_detached_and_the_others_go_on(car, house) -> None:
    async def work(officer):
        await officer.until(lambda view: view.press == "start")
        await car.open(2)
        car.capture.lines = PARENT
        await officer.press()
        view = await officer.until(lambda view: view.step == "deciding" and view.press)
        note = DetachFromGroup(crossing=view.crossing, reason="papers to be looked at")
        assert (await car.note(note)).taken
        await officer.until_recorded(1)  # no press: whoever is detached is referred
        car.through = 1
        view = await car.person(officer, traveller(5).lines)
        assert (view.group.detached, view.group.decided) == (1, 1)
        assert (await car.close(officer)).taken

    house.run(car.lane, work)
    first, second = records_of(car.lane, house)
    assert (first.outcome, first.group.detached) == (Outcome.REFERRED, "papers to be looked at")
    assert (second.outcome, second.group.detached) == (Outcome.ADMITTED, "")
    assert group_records(car.lane, house)[-1]["detached"] == 1


def test_ok__more_people_than_were_declared(car, house) -> None:
    async def work(officer):
        await officer.until(lambda view: view.press == "start")
        await car.open(1)
        await car.person(officer, PARENT)
        view = await car.person(officer, traveller(5).lines)
        assert found(view, "group.count") == (Verdict.FAIL, "more_than_declared")
        assert view.recommendation is Recommendation.AMBER
        assert (await car.close(officer)).problems == {"reason": "needs_reason"}
        assert (await car.close(officer, "one lay under the blanket")).taken

    house.run(car.lane, work)
    assert group_records(car.lane, house)[-1]["reason"] == "one lay under the blanket"


def test_ok__a_child_with_a_guardian_alone_and_with_somebody_of_another_name(car, house) -> None:
    async def work(officer):
        await officer.until(lambda view: view.press == "start")
        await car.open(3, kind="family", plate="")
        await car.person(officer, PARENT)
        parent = car.lane.view().group.members[0].crossing

        def with_parent(crossing):
            return InGroup(crossing=crossing, guardian=parent)

        car.capture.lines = child()
        await officer.until(lambda view: view.press == "start")
        await officer.press()
        alone = await officer.until(lambda view: view.step == "deciding" and view.press)
        assert found(alone, "child.guardian") == (Verdict.FAIL, "unaccompanied")
        assert alone.recommendation is Recommendation.AMBER
        assert (await car.note(with_parent(alone.crossing))).taken
        view = await officer.until(
            lambda view: found(view, "child.guardian") == (Verdict.PASS, "with_guardian")
        )
        assert view.recommendation is Recommendation.GREEN
        await officer.press()
        await officer.until_recorded(2)
        car.through = 2
        other = await car.person(officer, child("SOMEBODY"), before=with_parent)
        assert found(other, "child.guardian") == (Verdict.FAIL, "name_differs")
        return parent

    parent = house.run(car.lane, work)
    _first, second, _third = records_of(car.lane, house)
    assert (second.group.role, second.group.guardian) == ("child", parent)


def test_ok__a_child_in_a_parent_s_passport_is_two_people(car, house) -> None:
    entry = {
        "typed_for": "in_guardians_document",
        "primary_identifier": parse_mrz(PARENT, today=TODAY).primary_identifier,
        "secondary_identifier": "LILI",
        "birth_date": f"{TODAY.year - 6}-02-03",
        "birth_date_again": f"{TODAY.year - 6}-02-03",
        "sex": "F",
        "confirmed": True,
    }

    async def work(officer):
        await officer.until(lambda view: view.press == "start")
        await car.open(2, kind="family", plate="")
        await car.person(officer, PARENT)
        parent = car.lane.view().group.members[0].crossing
        car.capture.blocked = {"read_mrz"}
        await officer.until(lambda view: view.press == "start")
        await officer.press()
        view = await officer.until(lambda view: view.takes_typed)
        typed = TypedEntry(crossing=view.crossing, **entry)
        assert car.lane.enter(typed).problems == {"typed_for": "no_guardian"}
        note = InGroup(crossing=view.crossing, guardian=parent, shared_document=True)
        assert (await car.note(note)).taken
        answer = car.lane.enter(typed)
        assert answer.taken, answer.problems
        view = await officer.until(lambda view: view.step == "deciding" and view.press)
        await officer.press()
        await officer.until_recorded(2)
        assert (await car.close(officer)).taken
        return view, parent

    view, parent = house.run(car.lane, work)
    assert found(view, "child.guardian") == (Verdict.PASS, "with_guardian")
    assert found(view, "mrz.read") == (Verdict.NOT_DONE, "in_guardians_document")
    assert found(view, "history.crossings") == (Verdict.NOT_DONE, "nothing_to_search")
    assert found(view, "watchlist.document")[0] is Verdict.PASS
    mother, little = records_of(car.lane, house)
    assert little.document.document_number == mother.document.document_number
    assert (little.document.secondary_identifier, little.document.typed_for) == (
        *("LILI", "in_guardians_document"),
    )
    assert (little.group.guardian, little.group.shared_document) == (parent, True)
    one, two = car.lane._book.facts()
    assert one.person != two.person, "two people are counted"
    assert group_records(car.lane, house)[-1]["seen"] == 2


def test_ok__a_power_cut_in_the_middle(car, house, make_lane) -> None:
    async def first(officer):
        await officer.until(lambda view: view.press == "start")
        await car.open(2)
        await car.person(officer, PARENT)

    house.run(car.lane, first)
    capture = ScriptedCapture(PARENT)
    again = Car(make_lane(capture), capture)
    again.through = 1

    async def go_on(officer):
        view = await again.person(officer, traveller(5).lines)
        assert (view.group.seen, view.group.plate) == (2, "01KG123ABC")
        assert (await again.close(officer)).taken

    house.run(again.lane, go_on)
    assert [one.group.place for one in records_of(again.lane, house)] == [1, 2]


def test_ok__a_crossing_that_is_recorded_again_after_a_power_cut_counts_once(car, house) -> None:
    async def work(officer):
        await officer.until(lambda view: view.press == "start")
        await car.open(2)
        car.capture.lines = PARENT
        await officer.press()
        await officer.until(lambda view: view.step == "deciding" and view.press)
        state = car.lane.engine.state
        await officer.press()
        await officer.until_recorded(1)
        return state

    state = house.run(car.lane, work)
    groups = car.lane.engine.asked.groups
    from appliance.services.lane.workflow import Decided  # noqa: PLC0415

    decided = msgspec.structs.replace(
        state, decided=Decided(outcome=Outcome.ADMITTED, stamp=state.started.stamp)
    )
    groups.note_decided(decided, None)
    assert groups.view().decided == 1


@pytest.mark.parametrize(
    ("note", "problem"),
    [
        (OpenGroup(declared=0), {"declared": "not_a_number"}),
        (OpenGroup(declared=10_000), {"declared": "not_a_number"}),
        (OpenGroup(declared=2, kind="herd"), {"kind": "choose"}),
        (OpenGroup(declared=2, plate="☺"), {"plate": "no_letters"}),
        (OpenGroup(declared=2, plate_state="QQQ"), {"plate_state": "unknown_code"}),
        (CloseGroup(group="none"), {"group": "gone"}),
        (InGroup(crossing="none", role="driver"), {"group": "not_in_group"}),
        (DetachFromGroup(crossing="none", reason="x"), {"group": "not_in_group"}),
    ],
)
def test_fail__what_is_no_group(car, note, problem) -> None:
    answer = asyncio.run(car.note(note))
    assert (answer.taken, answer.problems) == (False, problem)


def test_fail__two_groups_at_once_or_beside_a_traveller(car, house) -> None:
    async def work(officer):
        await officer.until(lambda view: view.press == "start")
        await car.open(2)
        assert (await car.note(OpenGroup(declared=2))).problems == {"declared": "group_open"}
        await officer.press()
        view = await officer.until(lambda view: view.step == "deciding" and view.press)
        answer = await car.note(CloseGroup(group=view.group.group))
        assert answer.problems == {"group": "not_all_seen"}
        strange = InGroup(crossing=view.crossing, guardian="nobody")
        assert (await car.note(strange)).problems == {"guardian": "choose"}
        alone = InGroup(crossing=view.crossing, shared_document=True)
        assert (await car.note(alone)).problems == {"guardian": "missing"}
        assert (await car.note(DetachFromGroup(crossing=view.crossing))).problems == {
            "reason": "needs_reason"
        }

    house.run(car.lane, work)
