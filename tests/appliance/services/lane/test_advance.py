"""Advance lists through a real lane: taken, screened, matched at the booth, counted, forgotten."""

import asyncio
import datetime as dt
import random
import sqlite3

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scripted import ScriptedCapture, records_of

from appliance.contracts.advance import (
    ADVANCE_COLUMNS,
    ADVANCE_PROBLEMS,
    AdvanceLine,
    ImportAdvance,
)
from appliance.contracts.asked import OpenGroup, SentNote
from appliance.contracts.checks import Recommendation, Verdict
from appliance.contracts.errors import ServiceError
from appliance.contracts.lane import FetchOutbox
from appliance.records import envelope
from appliance.records.errors import StorageBroken
from appliance.reference_data.sealed import ContentType
from appliance.services.lane.advance.lines import read_line
from appliance.services.lane.kiosk.reasons import reason_of
from appliance.services.lane.kiosk.words import load_words
from appliance.simulation.travellers import traveller
from appliance.simulation.watchlists import STOLEN_DOCUMENT
from appliance.travel_document import parse_mrz

NOW = dt.datetime.now().astimezone()
SOON = NOW + dt.timedelta(hours=1)
KEEP = dt.timedelta(hours=24)
LINES = traveller(1).lines
MRZ = parse_mrz(LINES, today=NOW.date())
LINE = {
    "number": 2,
    "list": "bus 17",
    "kind": "bus",
    "route": "North to South",
    "direction": "entry",
    "expected_date": SOON.date().isoformat(),
    "expected_time": SOON.strftime("%H:%M"),
    "plate": "01 KG-123 ABC",
    "plate_state": "UTO",
    "coach": "1",
    "seat": "14A",
    "document_code": "P",
    "issuing_state": MRZ.issuing_state,
    "document_number": MRZ.document_number,
    "primary_identifier": MRZ.primary_identifier,
    "secondary_identifier": MRZ.secondary_identifier,
    "nationality": MRZ.nationality,
    "birth_date": str(MRZ.birth_date),
    "sex": MRZ.sex,
}
OTHER = {
    "number": 3,
    "document_number": "ZZ00001",
    "primary_identifier": "ABSENT",
    "secondary_identifier": "N",
}


def line(**changes) -> AdvanceLine:
    return AdvanceLine(**(LINE | changes))


def take(lane, *lines: AdvanceLine, **more):
    return asyncio.run(lane.advance.take(ImportAdvance(lines=lines, by="A. Clerk", **more))).results


def advance_records(lane, house) -> list[dict]:
    page = asyncio.run(lane.fetch_outbox(FetchOutbox(after=0, limit=100)))
    key = lane._journal._keys.signing.verify_key
    opened = [
        envelope.open_(
            envelope.verify(record.envelope, verify_key_for=lambda _kid: key),
            private_key=house.central_sealing,
        )
        for record in page.records
    ]
    return [one.body for one in opened if one.type == "advance"]


def booth(lane, house, *, before=None):
    """One traveller comes, and the check of the list as the officer sees it."""
    seen = {}

    async def work(officer):
        await officer.until(lambda view: view.press == "start")
        if before is not None:
            answer = await lane.note(SentNote(note=before))
            assert answer.taken, answer.problems
        await officer.press()
        view = await officer.until(lambda view: view.step == "deciding" and view.press)
        seen.update({check.id: check for check in view.checks}, recommendation=view.recommendation)
        await officer.press()
        await officer.until_recorded(1)

    house.run(lane, work)
    return seen


@pytest.fixture
def lane(make_lane):
    return make_lane(ScriptedCapture(LINES))


def test_ok__a_listed_person_is_matched_counted_and_forgotten(lane, house, monkeypatch, tmp_path) -> None:
    assert [one.taken for one in take(lane, line(), line(**OTHER))] == [True, True]
    again = take(lane, line(primary_identifier=f" {MRZ.primary_identifier.lower()} "))
    assert [(one.taken, one.known) for one in again] == [(True, True)]
    seen = booth(lane, house)
    check = seen["advance.list"]
    assert (check.verdict, check.reason) == (Verdict.PASS, "listed")
    assert (check.evidence["list"], check.evidence["seat"], check.evidence["plate"]) == (
        *("bus 17", "14A", "01KG123ABC"),
    )
    assert seen["recommendation"] is Recommendation.GREEN
    (known,) = lane.advance.lists().lists
    assert (known.persons, known.came, known.perhaps, known.absent) == (2, 1, 0, 1)

    later = NOW + dt.timedelta(hours=26)
    quality = lane._clock.now()[1]
    monkeypatch.setattr(lane._clock, "now", lambda: (later, quality))
    assert asyncio.run(lane.advance.forget()) == 1
    assert asyncio.run(lane.advance.forget()) == 0
    (ended,) = lane.advance.lists().lists
    assert (ended.ended, ended.persons, ended.came, ended.absent) == (True, 2, 1, 1)
    with sqlite3.connect(tmp_path / "expected.db") as database:
        assert database.execute("SELECT count(*) FROM persons").fetchone() == (0,)
    imported, over = advance_records(lane, house)
    assert (imported["act"], imported["persons"], imported["hits"], imported["by"]) == (
        *("imported", 2, 0, "A. Clerk"),
    )
    assert (over["act"], over["came"], over["no_shows"]) == ("ended", 1, 1)
    assert MRZ.primary_identifier not in str((imported, over))


def test_ok__nothing_readable_lies_on_the_disk(lane, tmp_path) -> None:
    take(lane, line())
    lane.advance.close()
    for file in tmp_path.glob("expected.db*"):
        content = file.read_bytes()
        for secret in (MRZ.primary_identifier, MRZ.document_number, "bus 17"):
            assert secret.encode() not in content


def test_ok__another_number_is_perhaps_the_listed_person(lane, house) -> None:
    take(lane, line(document_number="NEW00001"))
    seen = booth(lane, house)
    check = seen["advance.list"]
    assert (check.verdict, check.reason) == (Verdict.CANNOT, "perhaps_listed")
    assert check.evidence["listed_number"] == "NEW00001"
    assert seen["recommendation"] is Recommendation.GREEN
    (known,) = lane.advance.lists().lists
    assert (known.came, known.perhaps, known.absent) == (0, 1, 0)


def test_ok__the_same_number_with_another_birth_date_is_said(lane, house) -> None:
    take(lane, line(birth_date="1950-01-01"))
    check = booth(lane, house)["advance.list"]
    assert (check.verdict, check.reason) == (Verdict.PASS, "listed_otherwise")
    assert check.evidence["listed_birth_date"] == "1950-01-01"


@pytest.mark.parametrize(
    ("lists", "group", "says"),
    [
        ([], None, None),
        ([], OpenGroup(declared=2, kind="bus"), (Verdict.NOT_DONE, "no_list")),
        ([OTHER], None, (Verdict.NOT_DONE, "on_no_list")),
        (
            [OTHER],
            OpenGroup(declared=2, kind="bus", plate="01KG123ABC", plate_state="UTO"),
            (Verdict.FAIL, "not_on_the_list"),
        ),
        ([OTHER | {"direction": "exit"}], None, None),
        ([{"expected_date": (NOW + dt.timedelta(days=9)).date().isoformat()}], None, None),
    ],
)
def test_ok__what_is_said_of_who_is_on_no_list(lane, house, lists, group, says) -> None:
    if lists:
        assert all(one.taken for one in take(lane, *(line(**one) for one in lists)))
    check = booth(lane, house, before=group).get("advance.list")
    assert (None if check is None else (check.verdict, check.reason)) == says


def test_ok__a_group_takes_its_count_and_plate_from_the_list(lane, house) -> None:
    take(lane, line(), line(**OTHER))
    (known,) = lane.advance.lists().lists
    seen = booth(lane, house, before=OpenGroup(declared=0, kind="bus", advance=known.id))
    assert seen["advance.list"].reason == "listed"
    (movement,) = records_of(lane, house)
    link = movement.group
    assert (link.declared, link.plate, link.advance) == (2, "01KG123ABC", known.id)


def test_fail__a_group_of_a_list_that_nobody_knows(lane) -> None:
    note = OpenGroup(declared=0, kind="bus", advance="0" * 32)
    answer = asyncio.run(lane.note(SentNote(note=note)))
    assert not answer.taken
    assert answer.problems["advance"] == "gone"


def test_ok__a_hit_is_the_second_line_s_and_is_not_told_to_who_imports(lane, house) -> None:
    stolen = {"issuing_state": STOLEN_DOCUMENT.issuing_state, "document_number": STOLEN_DOCUMENT.number}
    (result,) = take(lane, line(**stolen, primary_identifier="EXPECTED"))
    assert msgspec.to_builtins(result) == {"number": 2, "taken": True, "known": False, "problems": {}}
    (hit,) = lane.advance.expected_hits()
    assert (hit.check.id, hit.check.reason, hit.seat, hit.came) == (
        "watchlist.document",
        "stolen",
        "14A",
        False,
    )
    (record,) = advance_records(lane, house)
    assert record["hits"] == 1


@pytest.mark.parametrize(
    ("changes", "problems"),
    [
        ({"list": " "}, {"list": "missing"}),
        ({"kind": "ship"}, {"kind": "choose"}),
        ({"direction": ""}, {"direction": "choose"}),
        ({"expected_date": "1.2.2026"}, {"expected_date": "not_a_date"}),
        ({"expected_date": ""}, {"expected_date": "missing"}),
        ({"expected_date": "2020-01-01"}, {"expected_date": "too_old"}),
        ({"expected_date": "2090-01-01"}, {"expected_date": "too_early"}),
        ({"expected_time": "7 h"}, {"expected_time": "not_a_time"}),
        ({"issuing_state": "QQQ"}, {"issuing_state": "unknown_code"}),
        ({"issuing_state": "XXA"}, {"issuing_state": "not_an_issuer"}),
        ({"issuing_state": ""}, {"issuing_state": "missing"}),
        ({"document_number": "№1"}, {"document_number": "no_letters"}),
        ({"document_number": "", "birth_date": "1980"}, {"document_number": "missing"}),
        ({"primary_identifier": ""}, {"primary_identifier": "missing"}),
        ({"primary_identifier": "???"}, {"primary_identifier": "no_letters"}),
        ({"birth_date": "1980-02-31"}, {"birth_date": "not_a_date"}),
        ({"birth_date": "2090-01-01"}, {"birth_date": "in_future"}),
        ({"expiry_date": "soon"}, {"expiry_date": "not_a_date"}),
        ({"nationality": "QQQ"}, {"nationality": "unknown_code"}),
        ({"role": "pilot"}, {"role": "choose"}),
        ({"sex": "W"}, {"sex": "choose"}),
        ({"plate": "№"}, {"plate": "no_letters"}),
    ],
)
def test_fail__what_is_wrong_with_a_line(lane, changes, problems) -> None:
    (result,) = take(lane, line(**changes))
    assert (result.taken, result.problems) == (False, problems)
    assert set(problems.values()) <= set(ADVANCE_PROBLEMS)
    assert lane.advance.lists().lists == ()


def test_fail__a_list_that_says_two_things_of_itself(lane) -> None:
    take(lane, line())
    (result,) = take(lane, line(**OTHER, plate="OTHER1"))
    assert result.problems == {"list": "list_differs"}


def test_fail__a_list_without_end(lane, monkeypatch) -> None:
    monkeypatch.setattr("appliance.services.lane.advance.desk.MAX_PERSONS", 2)
    results = take(lane, line(), line(**OTHER), line(**(OTHER | {"number": 4, "document_number": "ZZ00002"})))
    assert [one.problems for one in results] == [{}, {}, {"list": "too_many"}]
    assert take(lane, line())[0].known  # who is on it stays on it


def test_ok__check_only_keeps_nothing(lane) -> None:
    (result,) = take(lane, line(), check_only=True)
    assert (result.taken, result.problems) == (False, {})
    assert lane.advance.lists().lists == ()


def test_fail__a_disk_that_refuses_is_said(lane, house, monkeypatch) -> None:
    def broken(*_args, **_more):
        raise StorageBroken("The disk does not answer.")

    monkeypatch.setattr(lane.advance._expected, "add", broken)
    with pytest.raises(ServiceError, match="does not answer"):
        take(lane, line())
    monkeypatch.setattr(lane.advance._expected, "lists", broken)
    check = booth(lane, house)["advance.list"]
    assert (check.verdict, check.reason) == (Verdict.CANNOT, "lists_unreadable")


@settings(max_examples=200, deadline=None)
@given(st.dictionaries(st.sampled_from(ADVANCE_COLUMNS), st.text(max_size=40)))
def test_ok__no_text_breaks_a_line(fields) -> None:
    read, problems = read_line(AdvanceLine(**(LINE | fields)), post="p", now=NOW, keep=KEEP)
    assert (read is None) == bool(problems)
    assert set(problems.values()) <= set(ADVANCE_PROBLEMS)
    assert set(problems) <= set(ADVANCE_COLUMNS)


def test_ok__ten_thousand_spoiled_lines_have_typed_answers() -> None:
    chance = random.Random(11)
    odd = ["", "\0", "٣٠", "9" * 200, "a" * 200, "2026-02-29", "24:00", "\ud800", "<<<", "P", "UTO", "−1"]
    for _ in range(10_000):
        spoiled = {name: chance.choice(odd) for name in chance.sample(ADVANCE_COLUMNS, 5)}
        read, problems = read_line(AdvanceLine(**(LINE | spoiled)), post="p", now=NOW, keep=KEEP)
        assert (read is None) == bool(problems)
        assert set(problems.values()) <= set(ADVANCE_PROBLEMS)


RISK = """
name = "post rules"
version = 1
[[risk]]
name = "not listed at night"
owner = "Border Service, risk analysis"
legal_basis = "Border Act, art. 12"
review = {review}
listed = {listed}
says = {{ en = "Ask how this person came.", fr = "Demander comment cette personne est venue." }}
"""


def with_rules(lane, central_signs, *, listed: bool, review: dt.date) -> None:
    table = RISK.format(review=review.isoformat(), listed=str(listed).lower()).encode()
    said = asyncio.run(lane.install(central_signs(ContentType.RULES, table)))
    assert said.accepted, said.sentence


def test_ok__a_rule_that_fits_is_amber_and_says_why(lane, house, central_signs) -> None:
    with_rules(lane, central_signs, listed=True, review=NOW.date() + dt.timedelta(days=30))
    take(lane, line())
    seen = booth(lane, house)
    check = seen["risk.rule"]
    assert (check.verdict, check.reason) == (Verdict.FAIL, "rule_fits")
    assert check.evidence["says"]["en"] == "Ask how this person came."
    assert check.evidence["fit"][0]["owner"] == "Border Service, risk analysis"
    assert check.evidence["facts"]["listed"] is True
    assert seen["recommendation"] is Recommendation.AMBER
    assert "how this person came" in reason_of(check, load_words("en"))
    assert "Demander comment" in reason_of(check, load_words("fr"))


@pytest.mark.parametrize(
    ("listed", "review_in", "imported", "says"),
    [
        (False, 30, True, (Verdict.PASS, "none_fits")),
        (True, -1, True, (Verdict.NOT_DONE, "review_expired")),
        (True, 30, False, (Verdict.NOT_DONE, "facts_missing")),
    ],
)
def test_ok__a_rule_that_does_not_fit(lane, house, central_signs, listed, review_in, imported, says) -> None:
    with_rules(lane, central_signs, listed=listed, review=NOW.date() + dt.timedelta(days=review_in))
    if imported:
        take(lane, line())
    seen = booth(lane, house)
    assert (seen["risk.rule"].verdict, seen["risk.rule"].reason) == says
    assert seen["recommendation"] is Recommendation.GREEN


def test_ok__a_match_is_said_with_its_seat(lane, house) -> None:
    take(lane, line(document_number="NEW00001"))
    check = booth(lane, house)["advance.list"]
    said = reason_of(check, load_words("en"))
    assert "Perhaps on the list" in said
    assert "seat 14A" in said
    assert "NEW00001" in said
