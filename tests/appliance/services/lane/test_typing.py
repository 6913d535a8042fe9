"""A document that the officer types, through a real lane: beside a reader, without one, without papers."""

import importlib.util
from pathlib import Path

import msgspec
import pytest

from appliance.contracts.checks import Outcome, Recommendation, Verdict
from appliance.contracts.typed import TypedEntry
from appliance.simulation.travellers import traveller
from appliance.simulation.watchlists import NEAR_MATCH, STOLEN_DOCUMENT

_spec = importlib.util.spec_from_file_location("scripted", Path(__file__).parent / "scripted.py")
_module = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(_module)

PASSPORT = {
    "typed_for": "not_machine_readable",
    "document_code": "P",
    "issuing_state": "UTO",
    "document_number": "HW000123",
    "document_number_again": "HW000123",
    "primary_identifier": "ОРЛОВА",
    "secondary_identifier": "МАРИЯ",
    "nationality": "UTO",
    "birth_date": "1971-03-04",
    "birth_date_again": "1971-03-04",
    "sex": "F",
    "expiry_date": "2031-01-01",
}


def blocked(number: int = 1):
    """A reader on which nothing is ever laid."""
    capture = _module.ScriptedCapture(traveller(number).lines, open_chip=["no_chip"] * 2)
    capture.blocked = {"read_mrz"}
    return capture


def typed(lane, house, *, capture=None, press="press", **changes):
    """One crossing with a typed document: the view at the decision, and the record."""

    async def work(officer):
        await officer.press()
        view = await officer.until(lambda view: view.takes_typed)
        entry = TypedEntry(crossing=view.crossing, **(PASSPORT | changes))
        asked = lane.enter(entry)
        assert (asked.taken, asked.problems) == (False, {})
        assert lane.enter(msgspec.structs.replace(entry, confirmed=True)).taken
        decided = await officer.until(lambda view: view.step == "deciding" and view.press)
        assert not lane.enter(msgspec.structs.replace(entry, confirmed=True)).taken
        await officer.press(press)
        await officer.until_recorded(1)
        return decided

    view = house.run(lane, work)
    (movement,) = _module.records_of(lane, house)
    return view, movement


def found(view, id_: str):
    return next((check.verdict, check.reason) for check in view.checks if check.id == id_)


def test_ok__a_handwritten_passport(make_lane, house) -> None:
    view, movement = typed(make_lane(blocked()), house)
    assert view.recommendation is Recommendation.AMBER
    assert found(view, "mrz.read") == (Verdict.NOT_DONE, "not_machine_readable")
    assert found(view, "document.machine_readable") == (Verdict.FAIL, "not_machine_readable")
    assert found(view, "document.expiry") == (Verdict.PASS, "valid")
    assert found(view, "watchlist.document") == (Verdict.PASS, "no_hit")
    assert found(view, "watchlist.person") == (Verdict.PASS, "no_hit")
    assert view.document.source == "manual"
    assert view.document.lines == ()
    facts = movement.document
    assert (facts.source, facts.lines, facts.typed_for) == ("manual", (), "not_machine_readable")
    assert (facts.primary_identifier, facts.name_as_written) == ("ORLOVA", "ОРЛОВА, МАРИЯ")
    assert movement.outcome is Outcome.ADMITTED
    assert "document_reader" not in movement.simulated


def test_ok__it_is_screened_like_any_other(make_lane, house) -> None:
    stolen = dict.fromkeys(("document_number", "document_number_again"), STOLEN_DOCUMENT.number)
    view, _ = typed(make_lane(blocked()), house, **stolen)
    assert view.recommendation is Recommendation.RED
    assert found(view, "watchlist.document") == (Verdict.FAIL, "stolen")


def test_ok__names_in_another_script_are_found(make_lane, house) -> None:
    born = NEAR_MATCH.birth_date.isoformat()
    view, _ = typed(
        make_lane(blocked()),
        house,
        primary_identifier="МУХАМЕДОВ",
        secondary_identifier="ТИМУР",
        birth_date=born,
        birth_date_again=born,
        sex="M",
    )
    assert found(view, "watchlist.person")[0] is Verdict.FAIL


@pytest.mark.parametrize("exempt", ["XXA", "XXB"])
def test_ok__papers_of_stateless_persons_and_refugees_need_no_mrz(make_lane, house, exempt: str) -> None:
    view, _ = typed(make_lane(blocked()), house, nationality=exempt)
    assert "document.machine_readable" not in {check.id for check in view.checks}


def test_ok__a_person_without_papers(make_lane, house) -> None:
    view, movement = typed(
        make_lane(blocked()),
        house,
        press="hold",
        typed_for="no_document",
        document_code="",
        issuing_state="",
        document_number="",
        document_number_again="",
        nationality="XXX",
        birth_date="1990",
        birth_date_again="1990",
        expiry_date="",
    )
    assert view.recommendation is Recommendation.AMBER
    assert found(view, "mrz.read") == (Verdict.NOT_DONE, "no_document")
    assert found(view, "chip.read") == (Verdict.NOT_DONE, "no_mrz")
    assert found(view, "watchlist.document") == (Verdict.NOT_DONE, "nothing_to_search")
    assert found(view, "watchlist.person") == (Verdict.PASS, "no_hit")
    assert "document.expiry" not in {check.id for check in view.checks}
    assert movement.document.document_number == f"PROV{movement.crossing[:8].upper()}"
    assert movement.outcome is Outcome.REFERRED


def test_ok__where_no_reader_works(make_lane, house) -> None:
    capture = _module.ScriptedCapture(
        traveller(1).lines, read_mrz=["no_device"] * 50, open_chip=["no_chip"] * 2
    )
    lane = make_lane(capture)

    async def work(officer):
        await officer.press()
        view = await officer.until(lambda view: view.trouble is not None and view.takes_typed)
        entry = TypedEntry(
            crossing=view.crossing, confirmed=True, **(PASSPORT | {"typed_for": "reader_failed"})
        )
        assert lane.enter(entry).taken
        return await officer.until(lambda view: view.step == "deciding" and view.press)

    view = house.run(lane, work)
    assert found(view, "mrz.read") == (Verdict.NOT_DONE, "reader_failed")
    assert "document.machine_readable" not in {check.id for check in view.checks}


def test_ok__a_power_cut_after_typing_loses_nothing(make_lane, house) -> None:
    first = blocked()
    first.blocked |= {"open_chip"}
    lane = make_lane(first)

    async def until_typed(officer):
        await officer.press()
        view = await officer.until(lambda view: view.takes_typed)
        assert lane.enter(TypedEntry(crossing=view.crossing, confirmed=True, **PASSPORT)).taken
        await officer.until(lambda view: view.step == "reading_chip")

    house.run(lane, until_typed)
    again = make_lane(blocked())

    async def go_on(officer):
        return await officer.until(lambda view: view.step == "deciding" and view.press)

    assert house.run(again, go_on).document.document_number == "HW000123"


def test_fail__for_another_traveller_or_none(make_lane, house) -> None:
    lane = make_lane(blocked())
    entry = TypedEntry(crossing="nobody", confirmed=True, **PASSPORT)
    assert not lane.enter(entry).taken

    async def work(officer):
        await officer.press()
        await officer.until(lambda view: view.takes_typed)
        assert not lane.enter(entry).taken
        wrong = TypedEntry(crossing=lane.view().crossing, confirmed=True, **(PASSPORT | {"sex": ""}))
        assert lane.enter(wrong).problems == {"sex": "choose"}

    house.run(lane, work)
