"""What the officer notes beside a crossing, through a real lane: the journal, the statistics, central."""

import asyncio
import datetime as dt

import msgspec
import pytest
from scripted import ScriptedCapture, records_of

from appliance.contracts.asked import (
    NOT_SAID,
    Say,
    SayPapers,
    SayProof,
    SentNote,
)
from appliance.contracts.checks import Direction, Recommendation, Verdict
from appliance.contracts.lane import FetchOutbox
from appliance.contracts.movement import OtherPapers
from appliance.records.history import Passage
from appliance.records.statistics.facts import NOT_ASKED
from appliance.reference_data.sealed import ContentType
from appliance.simulation.travellers import traveller
from appliance.travel_document import parse_mrz
from central.deriving import catch_up
from central.ingest import ingest
from central.keys import Keys
from central.statistics.tables import read_facts
from central.store import Store

LINES = traveller(1).lines
MRZ = parse_mrz(LINES, today=dt.datetime.now(dt.UTC).date())
RULES = f"""
name = "north"
version = 1

[[ask]]
nationalities = ["{MRZ.nationality}"]
ask = ["purpose", "next_residence", "intended_stay_days"]
must = ["purpose"]
countries = ["KGZ", "UZB"]

[[stay]]
nationalities = ["{MRZ.nationality}"]
days = 30
window_days = 180
says = {{ en = "30 days in any 180." }}
"""


def capture() -> ScriptedCapture:
    return ScriptedCapture(LINES)


def found(view, id_: str):
    return next(((check.verdict, check.reason) for check in view.checks if check.id == id_), None)


async def at_decision(officer):
    await officer.press()
    return await officer.until(lambda view: view.step == "deciding" and view.press)


async def say(lane, question: str, value: str):
    view = lane.view()
    return await lane.note(SentNote(note=Say(crossing=view.crossing or "", question=question, value=value)))


def crossed(lane, name: str, *, days: float, direction: str, outcome: str = "admitted", number: str = ""):
    at = (dt.datetime.now(dt.UTC) - dt.timedelta(days=days)).isoformat(timespec="milliseconds")
    passage = Passage(crossing=name, direction=direction, at=at, outcome=outcome)
    lane._history.add(passage, issuing_state=MRZ.issuing_state, document_number=number or MRZ.document_number)


@pytest.fixture
def ruled(make_lane, central_signs):
    """A lane with signed rules."""

    def make(rules: str = RULES, *, direction: Direction = Direction.ENTRY, scripted=None):
        lane = make_lane(scripted or capture())
        lane.engine._box = lane._presenter._box = msgspec.structs.replace(lane._box, direction=direction)
        answer = asyncio.run(lane.install(central_signs(ContentType.RULES, rules.encode())))
        assert answer.accepted, answer.sentence
        return lane

    return make


def test_ok__nobody_is_held_up_who_needs_not_be_asked(make_lane, house) -> None:
    lane = make_lane(capture())

    async def work(officer):
        view = await at_decision(officer)
        assert view.recommendation is Recommendation.GREEN
        assert [one.question for one in view.asked.questions] == [
            *("purpose", "previous_residence", "intended_stay_days", "transport"),
        ]
        assert {one.value for one in view.asked.questions} == {None}
        await officer.press()
        await officer.until_recorded(1)

    house.run(lane, work)
    (movement,) = records_of(lane, house)
    assert movement.stated is None
    (facts,) = lane._book.facts()
    assert (facts.purpose, facts.previous_residence) == (NOT_ASKED, NOT_ASKED)


def test_ok__what_was_said_is_recorded_and_counted(make_lane, house) -> None:
    lane = make_lane(capture())

    async def work(officer):
        view = await at_decision(officer)
        for question, value in (
            *(("purpose", "work"), ("previous_residence", "uzb"), ("intended_stay_days", "40")),
            *(("transport", "bus"), ("next_residence", NOT_SAID)),
        ):
            assert (await say(lane, question, value)).taken
        assert (await say(lane, "purpose", "holiday")).taken
        assert (await say(lane, "transport", "")).taken  # taken back: nobody has asked
        view = await officer.until(lambda view: view.asked.questions[0].value == "holiday")
        assert [one.value for one in view.asked.questions] == ["holiday", "UZB", "40", None]
        assert view.recommendation is Recommendation.GREEN
        await officer.press()
        await officer.until_recorded(1)

    house.run(lane, work)
    (movement,) = records_of(lane, house)
    stated = movement.stated
    assert (stated.purpose, stated.previous_residence, stated.intended_stay_days) == ("holiday", "UZB", 40)
    assert (stated.next_residence, stated.transport, stated.declined) == (None, None, ("next_residence",))
    (facts,) = lane._book.facts()
    assert (facts.purpose, facts.previous_residence, facts.next_residence) == ("holiday", "UZB", "not_said")
    assert (facts.intended_stay_days, facts.birth_country) == (40, NOT_ASKED)


def test_ok__a_power_cut_loses_no_answer(make_lane, house) -> None:
    lane = make_lane(capture())

    async def until_said(officer):
        await at_decision(officer)
        assert (await say(lane, "purpose", "transit")).taken

    house.run(lane, until_said)
    again = make_lane(capture())

    async def go_on(officer):
        view = await officer.until(lambda view: view.step == "deciding" and view.press)
        assert view.asked.questions[0].value == "transit"
        await officer.press()
        await officer.until_recorded(1)

    house.run(again, go_on)
    assert records_of(again, house)[0].stated.purpose == "transit"


def test_ok__what_must_be_asked_is_amber_until_it_is(ruled, house) -> None:
    lane = ruled()

    async def work(officer):
        view = await at_decision(officer)
        assert found(view, "stated.answers") == (Verdict.NOT_DONE, "must_be_asked")
        assert view.recommendation is Recommendation.AMBER
        assert view.asked.countries == ("KGZ", "UZB")
        assert [(one.question, one.must) for one in view.asked.questions] == [
            *(("purpose", True), ("next_residence", False), ("intended_stay_days", False)),
        ]
        assert (await say(lane, "purpose", NOT_SAID)).taken
        view = await officer.until(lambda view: view.recommendation is Recommendation.GREEN and view.press)
        assert found(view, "stated.answers") == (Verdict.PASS, "answered")
        assert found(view, "stay.allowed") == (Verdict.PASS, "days_left")
        await officer.press()
        await officer.until_recorded(1)

    house.run(lane, work)


@pytest.mark.parametrize(
    ("question", "value", "problem"),
    [
        ("purpose", "smuggling", "choose"),
        ("colour", "red", "choose"),
        ("previous_residence", "QQQ", "unknown_code"),
        ("intended_stay_days", "-1", "not_a_number"),
        ("intended_stay_days", "٤", "not_a_number"),
        ("intended_stay_days", "9" * 400, "not_a_number"),
        ("transport", "dragon", "choose"),
    ],
)
def test_fail__answers_that_are_none(make_lane, house, question: str, value: str, problem: str) -> None:
    lane = make_lane(capture())

    async def work(officer):
        await at_decision(officer)
        answer = await say(lane, question, value)
        assert not answer.taken
        assert list(answer.problems.values()) == [problem]
        assert lane.engine.state.stated is None

    house.run(lane, work)


def test_fail__for_somebody_who_has_gone(make_lane, house) -> None:
    lane = make_lane(capture())
    note = SentNote(note=Say(crossing="nobody", question="purpose", value="work"))
    assert asyncio.run(lane.note(note)).problems == {"crossing": "gone"}


# The stay


def stay_at(ruled, house, direction, before, after=None, rules=RULES):
    """What is found with these passages, and after this note."""
    lane = ruled(rules, direction=direction)
    for number, (way, days) in enumerate(before):
        crossed(lane, f"before{number}", days=days, direction=way)

    async def work(officer):
        first = await at_decision(officer)
        if after is None:
            return first, first
        answer = await lane.note(SentNote(note=after(first.crossing)))
        assert answer.taken, answer.problems
        second = await officer.until(
            lambda view: view.step == "deciding" and view.press and view.checks != first.checks
        )
        await officer.press()
        await officer.until_recorded(1)
        return first, second

    return lane, *house.run(lane, work)


def evidence(view, id_: str):
    return next(check.evidence for check in view.checks if check.id == id_)


def test_ok__leaving_in_time_and_too_late(ruled, house) -> None:
    _lane, view, _ = stay_at(ruled, house, Direction.EXIT, [("entry", 29)])
    assert found(view, "stay.days") == (Verdict.PASS, "within")
    assert found(view, "stay.legs") == (Verdict.PASS, "complete")
    told = evidence(view, "stay.days")
    assert (told["used"], told["days"], told["window_days"], told["days_here"]) == (30, 30, 180, 30)
    _lane, view, _ = stay_at(ruled, house, Direction.EXIT, [("entry", 33)])
    assert found(view, "stay.days") == (Verdict.FAIL, "overstayed")
    assert evidence(view, "stay.days")["overstayed"] == 4
    assert view.recommendation is Recommendation.AMBER


def test_ok__an_earlier_overstay_is_not_said_again(ruled, house) -> None:
    before = [("entry", 400), ("exit", 350), ("entry", 5)]
    _lane, view, _ = stay_at(ruled, house, Direction.EXIT, before)
    assert found(view, "stay.days") == (Verdict.PASS, "within")


def test_ok__a_missing_entry_is_a_finding_and_a_stamp_rebuts_it(ruled, house) -> None:
    day = (dt.datetime.now(dt.UTC).date() - dt.timedelta(days=12)).isoformat()

    def stamp(crossing):
        return SayProof(
            crossing=crossing, direction="entry", day=day, kind="stamp", place="Osh", reason="stamp on page 7"
        )

    lane, first, second = stay_at(ruled, house, Direction.EXIT, [], stamp)
    assert found(first, "stay.legs") == (Verdict.FAIL, "entry_missing")
    assert found(first, "stay.days") == (Verdict.NOT_DONE, "entry_missing")
    assert first.recommendation is Recommendation.AMBER
    assert found(second, "stay.legs") == (Verdict.PASS, "proved")
    assert found(second, "stay.days") == (Verdict.PASS, "within")
    assert evidence(second, "stay.days")["used"] == 13
    (movement,) = records_of(lane, house)
    (proof,) = movement.proofs
    assert (proof.day, proof.kind, proof.place, proof.reason) == (day, "stamp", "Osh", "stamp on page 7")
    now = dt.datetime.now(dt.UTC)
    kept = lane._history.search(
        issuing_state=MRZ.issuing_state, document_number=MRZ.document_number, purpose="test", now=now
    )
    assert [one.direction for one in kept] == ["exit"], "no movement was made of the proof"


def test_ok__coming_back_too_early(ruled, house) -> None:
    _lane, view, _ = stay_at(ruled, house, Direction.ENTRY, [("entry", 40), ("exit", 11)])
    assert found(view, "stay.allowed") == (Verdict.FAIL, "used_up")
    told = evidence(view, "stay.allowed")
    assert told["overstayed"] == 0, "nobody has overstayed by asking to come in"
    today = dt.datetime.now(dt.UTC).date()
    first_day = today - dt.timedelta(days=40)
    # 30 days were used from the first day on; the day after it leaves the window there is one again.
    assert told["again_from"] == (first_day + dt.timedelta(days=180)).isoformat()
    assert view.recommendation is Recommendation.AMBER


def test_ok__days_left_until(ruled, house) -> None:
    _lane, view, _ = stay_at(ruled, house, Direction.ENTRY, [("entry", 40), ("exit", 31)])
    assert found(view, "stay.allowed") == (Verdict.PASS, "days_left")
    today = dt.datetime.now(dt.UTC).date()
    assert evidence(view, "stay.allowed")["last_day"] == (today + dt.timedelta(days=19)).isoformat()
    assert evidence(view, "stay.allowed")["says"] == {"en": "30 days in any 180."}


def test_ok__a_missing_exit_is_unsure_and_never_made_up(ruled, house) -> None:
    _lane, view, _ = stay_at(ruled, house, Direction.ENTRY, [("entry", 60)])
    assert found(view, "stay.legs") == (Verdict.FAIL, "exit_missing")
    assert found(view, "stay.allowed") == (Verdict.CANNOT, "perhaps_used_up")
    told = evidence(view, "stay.allowed")
    assert (told["used"], told["used_most"]) == (2, 61)


def test_ok__the_other_passport_has_the_entry(ruled, house) -> None:
    def other(crossing):
        return SayPapers(
            crossing=crossing, nationality=MRZ.nationality, issuing_state=MRZ.issuing_state,
            document_number="old 1234",
        )  # fmt: skip

    lane = ruled(direction=Direction.EXIT)
    crossed(lane, "with the old one", days=10, direction="entry", number="OLD1234")

    async def work(officer):
        first = await at_decision(officer)
        assert (await lane.note(SentNote(note=other(first.crossing)))).taken
        view = await officer.until(lambda view: found(view, "stay.days") == (Verdict.PASS, "within"))
        await officer.press()
        await officer.until_recorded(1)
        return view

    view = house.run(lane, work)
    assert found(view, "stay.legs") == (Verdict.PASS, "complete")
    (movement,) = records_of(lane, house)
    assert movement.other_papers == OtherPapers(
        nationality=MRZ.nationality, issuing_state=MRZ.issuing_state, document_number="OLD1234"
    )


def test_ok__two_nationalities_of_which_one_has_no_limit(ruled, house) -> None:
    def other(crossing):
        return SayPapers(crossing=crossing, nationality="KGZ", issuing_state="KGZ", document_number="AC1")

    _lane, first, second = stay_at(ruled, house, Direction.EXIT, [("entry", 50)], other)
    assert found(first, "stay.days") == (Verdict.FAIL, "overstayed")
    assert found(second, "stay.days") == (Verdict.CANNOT, "nationalities_differ")
    (told,) = evidence(second, "stay.days")["other_nationalities"]
    assert (told["nationality"], told["reason"]) == ("KGZ", "no_limit")


def test_ok__who_has_no_rule_is_not_counted(ruled, house) -> None:
    rules = RULES.replace(
        f'[[stay]]\nnationalities = ["{MRZ.nationality}"]', '[[stay]]\nnationalities = ["KGZ"]'
    )
    _lane, view, _ = stay_at(ruled, house, Direction.EXIT, [], rules=rules)
    assert found(view, "stay.days") == (Verdict.NOT_DONE, "no_rule")
    assert not view.asked.takes_proof


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        ({"direction": "sideways"}, {"direction": "choose"}),
        ({"day": "2999-01-01"}, {"day": "in_future"}),
        ({"day": "yesterday"}, {"day": "not_a_date"}),
        ({"kind": "promise"}, {"kind": "choose"}),
        ({"reason": " "}, {"reason": "missing"}),
        ({"place": "x" * 301}, {"place": "too_long"}),
    ],
)
def test_fail__proofs_that_are_none(ruled, house, changes, problem) -> None:
    lane = ruled(direction=Direction.EXIT)
    values = {"direction": "entry", "day": "2026-01-01", "kind": "stamp", "place": "Osh", "reason": "p. 7"}

    async def work(officer):
        view = await at_decision(officer)
        note = SayProof(crossing=view.crossing, **(values | changes))
        assert (await lane.note(SentNote(note=note))).problems == problem

    house.run(lane, work)


def test_ok__notes_reach_central_s_statistics(make_lane, house, tmp_path) -> None:
    """From the officer's key through sealed records to central's facts; nobody between reads them."""
    lane = make_lane(capture())

    async def work(officer):
        await at_decision(officer)
        for question, value in (
            ("purpose", "study"),
            ("previous_residence", "UZB"),
            ("intended_stay_days", "120"),
        ):
            assert (await say(lane, question, value)).taken
        await officer.press()
        await officer.until_recorded(1)
        return await lane.fetch_outbox(FetchOutbox(after=0))

    page = house.run(lane, work)
    envelopes = [record.envelope for record in page.records]
    words = (b"study", b"previous_residence", b"intended_stay_days")  # three letters stand in noise by chance
    assert all(word not in one for word in words for one in envelopes)
    store = Store(str(tmp_path / "central.db"))
    keys = Keys(sealing=house.central_sealing, watermark=house.central_watermark)
    with store.batch() as batch:
        batch.register(page.device, bytes(lane._journal._keys.signing.verify_key), None)
        assert ingest(batch, device=page.device, messages=envelopes, keys=keys).refused == []
    assert catch_up(store, keys) == 1
    with store.reading() as batch:
        (facts,) = read_facts(batch.connection)
    store.close()
    assert (facts.purpose, facts.previous_residence, facts.intended_stay_days) == ("study", "UZB", 120)
    assert (facts.birth_country, facts.next_residence) == (NOT_ASKED, NOT_ASKED)
