"""Referred crossings and releases under RED at a real lane: kept, seen by whom they concern, closed once."""

import asyncio
import sqlite3
from pathlib import Path

import msgspec
import pytest
from second_line_scripted import HONEST, PINS, REASON, STOLEN, LitReader, login, records, refer, staff

from appliance.contracts.capture import Nothing
from appliance.contracts.cases import CaseOutcome, CloseCase, Ground, SaveWork, Work
from appliance.contracts.officers import Login, Release
from appliance.records.errors import StorageBroken
from appliance.records.journal import Journal
from appliance.services.lane.kiosk.traveller import word_of
from appliance.services.lane.second_line import desk as desks
from appliance.services.lane.second_line.indicators import INDICATORS

pytestmark = pytest.mark.usefixtures("quick_pins")

WORK = Work(
    routines={"IR.AB.MR": "PASS", "UV.BR.FU": "FAIL", "IR.TR.IS": "PASS", "VI.AB.IS": "PASS"},
    indicators=("another_speaks",),
    notes="She travels alone; the cousin at the barrier is not one.",
)


@pytest.fixture(autouse=True)
def _staff(keys_and_lists, tmp_path: Path) -> None:
    staff(tmp_path, keys_and_lists[0].storage)


def closing(crossing: str, name: str = "Emil", **changes) -> CloseCase:
    values = {"outcome": CaseOutcome.ADMITTED, "reason": REASON, "work": WORK, "pin": PINS[name]}
    return CloseCase(crossing=crossing, **(values | changes))


async def close(lane, request: CloseCase) -> str:
    """The problem; empty: it is closed."""
    answer = await asyncio.to_thread(lane.second_line.close, request)
    assert answer.taken == (not answer.problem)
    return answer.problem


def test_ok__a_referred_crossing_waits_with_all_that_is_known_of_it(make_lane, house) -> None:
    lane = make_lane(LitReader(HONEST))

    async def work(officer):
        crossing = await refer(officer)
        assert lane.second_line.queue() is None, "nobody of the second line is on duty"
        assert officer.lane.view().second_line is None
        for name in ("Aida", "Emil"):
            assert (await lane.login(login(name))).taken
            view = await officer.until(lambda view, name=name: view.officer and view.officer.name == name)
            assert (view.second_line is not None) == (name == "Emil")
        (head,) = lane.second_line.queue().cases
        assert (head.crossing, head.name, head.overdue) == (crossing, "ERIKSSON, ANNA MARIA", False)
        assert head.waited_seconds < 60
        file = lane.second_line.file(crossing)
        assert set(file.pictures) == {
            *("portrait", "chip_portrait", "page", "page_white", "page_infrared", "page_ultraviolet")
        }
        assert file.missing == ()
        assert all(lane.second_line.picture(crossing, name)[:2] == b"\xff\xd8" for name in file.pictures)
        assert {check.id for check in file.movement.checks} >= {"mrz.read", "watchlist.person"}
        ages = [c.evidence["list_age_hours"] for c in file.movement.checks if c.id == "watchlist.person"]
        assert ages == [pytest.approx(5.0, abs=0.5)]
        lane.second_line.file(crossing)
        acts = [b for type_, b in await records(lane, house) if type_ == "officer"]
        looks = [one for one in acts if one["act"] == "case_opened"]
        assert looks == [{"act": "case_opened", "officer": "Emil", "crossing": crossing}], "written once"

    house.run(lane, work)


def test_ok__what_was_looked_at_survives_a_power_cut_and_nothing_closes_by_itself(make_lane, house) -> None:
    lane = make_lane(LitReader(HONEST))

    async def first(officer):
        crossing = await refer(officer)
        await lane.login(login("Emil"))
        saved = await asyncio.to_thread(lane.second_line.save, SaveWork(crossing=crossing, work=WORK))
        assert saved.taken
        return crossing

    crossing = house.run(lane, first)
    again = make_lane(LitReader(HONEST))

    async def second(officer):
        await officer.until(lambda view: view.press == "start")
        await again.login(login("Emil"))
        await again.retain(Nothing())
        file = again.second_line.file(crossing)
        assert (file.work, file.closed) == (WORK, None)
        assert [one.crossing for one in again.second_line.queue().cases] == [crossing]

    house.run(again, second)


def test_ok__the_decision_is_a_record_and_is_made_once(make_lane, house) -> None:
    lane = make_lane(LitReader(HONEST))

    async def work(officer):
        crossing = await refer(officer)
        assert await close(lane, closing(crossing)) == "not_allowed", "nobody is on duty"
        await lane.login(login("Aida"))
        assert await close(lane, closing(crossing, "Aida")) == "not_allowed"
        await lane.login(login("Emil"))
        for changes, problem in (
            ({"pin": "000001"}, "wrong_pin"),
            ({"reason": "  because  "}, "no_reason"),
            ({"outcome": CaseOutcome.REFUSED}, "no_ground"),
            ({"ground": Ground.OTHER}, "no_ground"),
            ({"outcome": CaseOutcome.UPHELD}, "no_outcome"),
            ({"work": Work(routines={"XX.AB.MR": "PASS"})}, "unknown_item"),
            ({"work": Work(routines={"IR.AB.MR": "MAYBE"})}, "unknown_item"),
            ({"work": Work(indicators=("shoes",))}, "unknown_item"),
        ):
            assert await close(lane, closing(crossing, **changes)) == problem
        assert await close(lane, closing("f" * 32)) == "unknown_case"
        refused = {"outcome": CaseOutcome.REFUSED, "ground": Ground.FALSE_DOCUMENT}
        assert await close(lane, closing(crossing, **refused)) == ""
        assert await close(lane, closing(crossing)) == "closed_already"
        saved = await asyncio.to_thread(lane.second_line.save, SaveWork(crossing=crossing, work=WORK))
        assert saved.problem == "closed_already"
        assert lane.second_line.queue().cases == ()
        file = lane.second_line.file(crossing)
        assert (file.closed.officer, file.closed_at_device) == ("Emil", "test-box")
        await officer.until(lambda view: view.second_line is not None and view.second_line.cases == 0)
        return crossing, await records(lane, house)

    crossing, found = house.run(lane, work)
    (movement,) = [body for type_, body in found if type_ == "movement"]
    (closed,) = [body for type_, body in found if type_ == "case_closed"]
    assert movement["outcome"] == "referred", "what was recorded stays"
    assert closed["crossing"] == movement["crossing"] == crossing
    assert (closed["outcome"], closed["ground"]) == ("refused", "false_document")
    assert (closed["officer"], closed["role"], closed["device"]) == ("Emil", "second_line", "test-box")
    assert closed["examined"]["routines"] == WORK.routines
    assert closed["examined"]["composites"] == {"IR.TR.IS+VI.AB.IS": "PASS"}
    assert closed["examined"]["indicators"] == ["another_speaks"]
    assert closed["examined"]["notes"] == WORK.notes
    assert closed["examined"]["checks"] == len(movement["checks"])
    assert PINS["Emil"] not in msgspec.json.encode(found, enc_hook=repr).decode()


def test_ok__a_power_cut_between_the_decision_and_its_record(make_lane, house, monkeypatch) -> None:
    lane = make_lane(LitReader(HONEST))

    async def first(officer):
        crossing = await refer(officer)
        await lane.login(login("Emil"))
        whole = Journal.commit

        def cut(self, crossing, record_type, *more, **named):
            if record_type == "case_closed":
                raise StorageBroken("The disk is gone.")
            return whole(self, crossing, record_type, *more, **named)

        monkeypatch.setattr(desks, "MEND_SECONDS", 3600)
        monkeypatch.setattr(Journal, "commit", cut)
        assert await close(lane, closing(crossing)) == "", "it is decided: the decision is on disk"
        assert await close(lane, closing(crossing, outcome=CaseOutcome.WITHDRAWN)) == "closed_already"
        monkeypatch.setattr(Journal, "commit", whole)
        return crossing

    crossing = house.run(lane, first)
    again = make_lane(LitReader(HONEST))

    async def second(officer):
        async with asyncio.timeout(20):
            while True:
                found = [body for type_, body in await records(again, house) if type_ == "case_closed"]
                if found:
                    return found
                await asyncio.sleep(0.05)

    (closed,) = house.run(again, second)
    assert (closed["crossing"], closed["outcome"], closed["reason"]) == (crossing, "admitted", REASON)


def test_ok__a_case_is_on_disk_before_the_crossing_is_over(make_lane, house, monkeypatch) -> None:
    """The power goes when the case is kept and the crossing's record is not."""
    lane = make_lane(LitReader(HONEST))

    async def first(officer):
        await officer.press()
        await officer.until(lambda view: view.step == "deciding" and view.hold == "refer")
        whole = Journal.commit

        def cut(self, crossing, record_type, *more, **named):
            if record_type == "movement":
                raise StorageBroken("The disk is gone.")
            return whole(self, crossing, record_type, *more, **named)

        monkeypatch.setattr(Journal, "commit", cut)
        await officer.press("hold")
        await officer.until(lambda view: view.trouble is not None)
        monkeypatch.setattr(Journal, "commit", whole)
        assert len(lane.second_line.cases.open_cases()) == 1

    house.run(lane, first)
    again = make_lane(LitReader(HONEST))

    async def second(officer):
        await officer.until_recorded(1)
        assert len(again.second_line.cases.open_cases()) == 1

    house.run(again, second)


def test_ok__a_release_is_reviewed_by_another_supervisor(make_lane, house, monkeypatch) -> None:
    lane = make_lane(LitReader(STOLEN))
    released = "Found again: the desk has confirmed it by telephone."

    async def work(officer):
        await officer.press()
        view = await officer.until(lambda view: view.may_release)
        release = Release(crossing=view.crossing, name="Cholpon", pin=PINS["Cholpon"], reason=released)
        assert (await lane.release(release)).taken
        await officer.until_recorded(1)
        review = {"outcome": CaseOutcome.UPHELD, "work": Work()}
        await lane.login(login("Emil"))
        assert not lane.second_line.queue().may_review
        assert await close(lane, closing(view.crossing, **review)) == "not_allowed"
        await lane.login(login("Cholpon"))
        assert await close(lane, closing(view.crossing, "Cholpon", **review)) == "own_release"
        await lane.login(login("Dinara"))
        (head,) = lane.second_line.queue().cases
        assert (head.kind, head.officer, head.released, head.overdue) == (
            *("released", "Cholpon", released),
            False,
        )
        assert await close(lane, closing(view.crossing, "Dinara", **(review | {"outcome": "admitted"}))) == (
            "no_outcome"
        )
        monkeypatch.setattr(desks, "OVERDUE_SECONDS", 0.0)
        assert lane.second_line.queue().cases[0].overdue
        assert lane.second_line.summary().overdue == 1
        assert await close(lane, closing(view.crossing, "Dinara", **review)) == ""
        return await records(lane, house)

    found = house.run(lane, work)
    (review,) = [body for type_, body in found if type_ == "release_review"]
    assert (review["officer"], review["role"], review["released_by"]) == ("Dinara", "supervisor", "Cholpon")
    assert (review["outcome"], review["late"]) == ("upheld", True)


@pytest.mark.parametrize("after", ["Dinara", ""])
def test_ok__a_decision_is_theirs_who_proved_it(make_lane, house, monkeypatch, after: str) -> None:
    """Though the lane is handed over, or the shift ends, while their PIN is looked at."""
    lane = make_lane(LitReader(HONEST))

    async def work(officer):
        crossing = await refer(officer)
        await lane.login(login("Emil"))
        duty, proves = lane.engine.duty, lane.engine.duty.proves

        def slowly(*args):
            proven = proves(*args)
            assert duty.login(login(after) if after else Login(name="", pin="")).taken
            return proven

        monkeypatch.setattr(duty, "proves", slowly)
        assert await close(lane, closing(crossing)) == ""
        assert duty.name == after
        return await records(lane, house)

    found = house.run(lane, work)
    (closed,) = [body for type_, body in found if type_ == "case_closed"]
    assert (closed["officer"], closed["role"]) == ("Emil", "second_line")


def test_ok__an_admitted_one_has_crossed(make_lane, house) -> None:
    lane = make_lane(LitReader(HONEST))

    async def work(officer):
        crossing = await refer(officer)
        await lane.login(login("Emil"))
        assert await close(lane, closing(crossing)) == ""
        (passage,) = lane._history.search(
            issuing_state="UTO", document_number="L898902C3", purpose="test", now=lane._clock.now()[0]
        )
        assert (passage.crossing, passage.outcome) == (crossing, "admitted")

    house.run(lane, work)


def test_ok__nothing_of_it_reaches_the_traveller(make_lane, house) -> None:
    """Lights and the traveller's words while a case is opened and closed: none (promise 8)."""
    capture = LitReader(HONEST)
    lane = make_lane(capture)

    async def work(officer):
        crossing = await refer(officer)
        view = await officer.until(lambda view: view.press == "start")
        signals, word = list(capture.signals), word_of(view)
        await lane.login(login("Emil"))
        lane.second_line.file(crossing)
        trafficking = {"outcome": CaseOutcome.PRESUMED_TRAFFICKING_VICTIM}
        assert await close(lane, closing(crossing, work=Work(indicators=INDICATORS), **trafficking)) == ""
        view = await officer.until(lambda view: view.second_line and view.second_line.cases == 0)
        assert capture.signals == signals
        assert word_of(view) == word

    house.run(lane, work)


def test_ok__only_what_is_closed_is_forgotten_and_nothing_lies_there_in_clear(
    make_lane, house, tmp_path
) -> None:
    lane = make_lane(LitReader(HONEST))

    async def work(officer):
        crossing = await refer(officer)
        cases = lane.second_line.cases
        now = lane._clock.now()[0]
        assert cases.forget_closed(now=now.replace(year=now.year + 30), days=14) == 0
        raw = b"".join(path.read_bytes() for path in tmp_path.glob("cases.db*"))
        assert b"ERIKSSON" not in raw
        assert b"L898902C3" not in raw
        assert b"\xff\xd8\xff\xe0" not in raw, "no picture in clear"
        await lane.login(login("Emil"))
        assert await close(lane, closing(crossing)) == ""
        assert cases.forget_closed(now=now, days=14) == 0
        assert cases.forget_closed(now=now.replace(year=now.year + 1), days=14) == 1
        assert cases.case(crossing) is None
        assert cases.picture(crossing, "portrait") is None

    house.run(lane, work)


def test_fail__cases_that_cannot_be_read(make_lane, house) -> None:
    lane = make_lane(LitReader(HONEST))

    async def work(officer):
        crossing = await refer(officer)
        await lane.login(login("Emil"))
        lane.second_line.cases._connection.close()
        with pytest.raises(StorageBroken):
            lane.second_line.queue()
        assert await close(lane, closing(crossing)) == "storage"
        save = SaveWork(crossing=crossing, work=WORK)
        assert (await asyncio.to_thread(lane.second_line.save, save)).problem == "storage"
        assert lane.second_line.summary().cases == 0
        lane.second_line.cases._connection = sqlite3.connect(":memory:")

    house.run(lane, work)
