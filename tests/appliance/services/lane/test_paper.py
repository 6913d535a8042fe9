"""A paper ledger entered after an outage, through a real lane: recorded, screened, counted, once."""

import asyncio
import datetime as dt
import importlib.util
import random
from pathlib import Path

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from appliance.contracts.checks import Outcome, Recommendation, Verdict
from appliance.contracts.errors import ServiceError
from appliance.contracts.paper import PAPER_COLUMNS, PAPER_PROBLEMS, EnterPaper, PaperLine
from appliance.records.errors import StorageBroken
from appliance.records.statistics.facts import facts_of, on_paper
from appliance.records.statistics.report import Choice, make_report
from appliance.services.lane.paper_desk import read_line
from appliance.simulation.travellers import traveller
from appliance.simulation.watchlists import NEAR_MATCH, STOLEN_DOCUMENT

_spec = importlib.util.spec_from_file_location("scripted", Path(__file__).parent / "scripted.py")
_module = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(_module)

YESTERDAY = dt.datetime.now().astimezone() - dt.timedelta(days=1)
LINE = {
    "number": 2,
    "date": YESTERDAY.date().isoformat(),
    "time": "14:05",
    "direction": "entry",
    "outcome": "admitted",
    "document_code": "P",
    "issuing_state": "UTO",
    "document_number": "HW 000123",
    "primary_identifier": "ОРЛОВА",
    "secondary_identifier": "МАРИЯ",
    "nationality": "UTO",
    "birth_date": "1971-03",
    "sex": "F",
    "expiry_date": "2031-01-01",
    "officer": "A. Clerk",
}


def line(**changes) -> PaperLine:
    return PaperLine(**(LINE | changes))


def enter(lane, house, *lines: PaperLine, **more):
    request = EnterPaper(lines=lines, by="B. Guard", **more)
    return asyncio.run(lane.enter_paper(request)).results


@pytest.fixture
def lane(make_lane):
    capture = _module.ScriptedCapture(traveller(1).lines)
    capture.blocked = {"read_mrz"}
    return make_lane(capture)


def test_ok__a_line_is_a_record_as_any_other(lane, house) -> None:
    (result,) = enter(lane, house, line())
    assert (result.taken, result.known, result.problems, result.hits) == (True, False, {}, ())
    (movement,) = _module.records_of(lane, house)
    document = movement.document
    assert (document.source, document.typed_for, document.lines) == ("paper", "paper", ())
    assert (document.document_number, document.birth_date) == ("HW000123", "1971-03-??")
    assert (document.primary_identifier, document.name_as_written) == ("ORLOVA", "ОРЛОВА, МАРИЯ")
    assert movement.outcome is Outcome.ADMITTED
    assert movement.officer == "A. Clerk (entered by B. Guard)"
    assert movement.recommendation is Recommendation.AMBER
    at = dt.datetime.fromisoformat(movement.decided.wall)
    assert at == YESTERDAY.replace(hour=14, minute=5, second=0, microsecond=0)
    assert movement.decided.quality == "unsure", "a ledger's time is nobody's measurement"
    checks = {one.id: (one.verdict, one.reason) for one in movement.checks}
    assert checks["mrz.read"] == (Verdict.NOT_DONE, "paper")
    assert checks["watchlist.document"] == (Verdict.PASS, "no_hit")
    assert checks["watchlist.person"] == (Verdict.PASS, "no_hit")
    assert checks["chip.read"] == (Verdict.NOT_DONE, "not_asked")
    assert checks["portrait.taken"] == (Verdict.NOT_DONE, "not_asked")
    assert "document.machine_readable" not in checks


def test_ok__the_same_line_again_is_there_already(lane, house) -> None:
    enter(lane, house, line())
    again = enter(lane, house, line(number=9, primary_identifier=" орлова "), line(number=10, time="14:06"))
    assert [(one.taken, one.known) for one in again] == [(True, True), (True, False)]
    assert len(_module.records_of(lane, house)) == 2


def test_ok__a_person_without_papers(lane, house) -> None:
    (result,) = enter(
        lane, house, line(document_number="", document_code="", issuing_state="", nationality="XXA")
    )
    assert result.taken
    (movement,) = _module.records_of(lane, house)
    assert movement.document.document_number.startswith("PROV")
    assert movement.document.source == "paper"
    checks = {one.id: one.reason for one in movement.checks}
    assert (checks["mrz.read"], "document.expiry" in checks) == ("paper", False)


def test_ok__a_hit_is_told_recorded_first_and_stands_on_the_screen(lane, house) -> None:
    stolen = line(document_number=STOLEN_DOCUMENT.number, primary_identifier="VERITY")

    async def work(officer):
        answer = await lane.enter_paper(EnterPaper(lines=(stolen,), by="B. Guard"))
        view = await officer.until(lambda view: view.late_hits)
        return answer, view

    answer, view = house.run(lane, work)
    (hit,) = answer.results[0].hits
    assert (hit.check, hit.reason) == ("watchlist.document", "stolen")
    assert hit.list
    assert hit.list_age_hours == pytest.approx(5, abs=1)
    (late,) = view.late_hits
    assert (late.found, late.reason, late.outcome) == ("paper", "stolen", "admitted")
    assert dt.datetime.fromisoformat(late.crossed_at).date() == YESTERDAY.astimezone(dt.UTC).date()
    assert any(alert for alert in lane._journal.alerts(16, after=0))
    again = enter(lane, house, stolen)
    assert again[0].known


def test_ok__a_near_match_is_told(lane, house) -> None:
    near = line(
        primary_identifier=NEAR_MATCH.traveller_primary,
        secondary_identifier=NEAR_MATCH.traveller_secondary,
        birth_date=NEAR_MATCH.birth_date.isoformat(),
        sex="M",
    )
    (result,) = enter(lane, house, near)
    assert [hit.check for hit in result.hits] == ["watchlist.person"]


def test_ok__to_check_records_nothing(lane, house) -> None:
    good, bad = enter(lane, house, line(), line(number=3, sex="?"), check_only=True)
    assert (good.taken, good.problems, bad.problems) == (False, {}, {"sex": "choose"})
    assert _module.records_of(lane, house) == []


def test_ok__one_that_is_wrong_holds_up_none_beside_it(lane, house) -> None:
    results = enter(lane, house, line(number=2, birth_date="31.05.1980"), line(number=3))
    assert [(one.number, one.taken, one.problems) for one in results] == [
        (2, False, {"birth_date": "not_a_date"}),
        (3, True, {}),
    ]


@pytest.mark.parametrize(
    ("changes", "problems"),
    [
        ({"date": ""}, {"date": "missing"}),
        ({"date": "20.11.2026"}, {"date": "not_a_date"}),
        ({"date": "2062-11-20"}, {"date": "in_future"}),
        ({"date": "2016-11-20"}, {"date": "too_old"}),
        ({"date": "0001-01-01"}, {"date": "not_a_date"}),
        ({"time": "25:00"}, {"time": "not_a_time"}),
        ({"time": ""}, {"time": "missing"}),
        ({"direction": "in", "outcome": "yes"}, {"direction": "choose", "outcome": "choose"}),
        ({"document_code": "Q"}, {"document_code": "choose"}),
        ({"issuing_state": "QQQ"}, {"issuing_state": "unknown_code"}),
        ({"issuing_state": "XXA"}, {"issuing_state": "not_an_issuer"}),
        ({"primary_identifier": ""}, {"primary_identifier": "missing"}),
        ({"nationality": ""}, {"nationality": "missing"}),
        ({"expiry_date": "1960-01-01"}, {"expiry_date": "expires_before_birth"}),
        ({"document_number": "№"}, {"document_number": "no_letters"}),
    ],
)
def test_fail__each_field_says_what_is_wrong(changes, problems) -> None:
    read, found = read_line(line(**changes), post="P", now=dt.datetime.now(dt.UTC))
    assert (read, found) == (None, problems)


_texts = st.one_of(st.text(max_size=40), st.sampled_from([*LINE.values(), "1980", "P", "entry"]).map(str))


@settings(deadline=None, max_examples=150)
@given(st.fixed_dictionaries(dict.fromkeys(PAPER_COLUMNS, _texts)))
def test_fail__any_text_is_a_line_or_a_problem(fields) -> None:
    read, problems = read_line(PaperLine(number=1, **fields), post="P", now=dt.datetime.now(dt.UTC))
    assert (read is None) == bool(problems)
    assert set(problems) <= {*PAPER_COLUMNS}
    assert set(problems.values()) <= set(PAPER_PROBLEMS)


def test_fail__a_disk_that_refuses_is_said_and_the_lines_may_be_sent_again(lane, house, monkeypatch) -> None:
    real = lane._journal.commit

    def broken(*args, **kwargs):
        raise StorageBroken("The disk is gone.")

    async def work(officer):
        monkeypatch.setattr(lane._journal, "commit", broken)
        with pytest.raises(ServiceError, match="The disk is gone"):
            await lane.enter_paper(EnterPaper(lines=(line(),), by="B. Guard"))
        monkeypatch.setattr(lane._journal, "commit", real)
        return await lane.enter_paper(EnterPaper(lines=(line(),), by="B. Guard"))

    assert house.run(lane, work).results[0].known is False
    assert len(_module.records_of(lane, house)) == 1


def test_ok__it_is_counted_as_paper(lane, house) -> None:
    lines = tuple(line(number=n, document_number=f"HW{n:06}") for n in range(2, 9))
    enter(lane, house, *lines)
    facts = lane._book.facts()
    assert len(facts) == 7
    assert all(on_paper(one) and one.handling_seconds is None for one in facts)
    choice = Choice(
        first_day=YESTERDAY.date() - dt.timedelta(days=1),
        last_day=YESTERDAY.date() + dt.timedelta(days=1),
        zone="UTC",
        simulated=True,
    )
    report = make_report(facts, choice, made_at="now", zone=dt.UTC)
    listings = {one.name: one for one in report.listings}
    assert listings["paper_entered"].rows == (("Test post", "entry", 7),)
    assert listings["staffing"].rows == (), "no lane was at work"
    assert report.crossings == 7


def test_ok__a_traveller_who_stands_here_is_not_disturbed(make_lane, house) -> None:
    lane = make_lane(_module.ScriptedCapture(traveller(1).lines))

    async def work(officer):
        await officer.press()
        before = await officer.until(lambda view: view.step == "deciding" and view.press)
        await lane.enter_paper(EnterPaper(lines=(line(),), by="B. Guard"))
        assert lane.view().crossing == before.crossing
        await officer.press()
        await officer.until_recorded(2)

    house.run(lane, work)
    sources = sorted(one.document.source for one in _module.records_of(lane, house))
    assert sources == ["mrz_line", "paper"]


def test_ok__another_order_makes_the_same_records(lane, house) -> None:
    lines = [line(number=n, document_number=f"HW{n:06}") for n in range(2, 6)]
    enter(lane, house, *lines)
    random.shuffle(lines)
    assert all(one.known for one in enter(lane, house, *lines))
    movement = _module.records_of(lane, house)[0]
    facts = facts_of(movement, link_key=b"k" * 16)
    assert msgspec.msgpack.decode(msgspec.msgpack.encode(facts), type=type(facts)) == facts
