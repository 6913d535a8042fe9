"""A visa on arrival from the booth to the label: what is taken, who decides, every wrong order refused."""

import asyncio
import datetime as dt
from concurrent.futures import ThreadPoolExecutor

import msgspec
import pytest
from scripted import ScriptedCapture, records_of
from second_line_scripted import PINS, login, records, staff
from test_visa import LINES, MRZ, Reader, decided

from appliance.contracts.asked import ApplyForVisa, SentNote
from appliance.contracts.cases import CaseOutcome, CloseCase, Ground
from appliance.contracts.checks import Direction, Outcome
from appliance.contracts.visas import IssueLabel, PrintLabel, VisaGrant, VoidLabel
from appliance.records.errors import StorageFull
from appliance.reference_data.sealed import ContentType
from appliance.services.lane.on_arrival import desk
from appliance.travel_document import MrzFormat, parse_mrz

TODAY = dt.datetime.now(dt.UTC).date()
RULES = f"""
name = "north"
version = 1

[[visa]]
nationalities = ["{MRZ.nationality}"]
issuers = ["KGZ"]

[[visa_on_arrival]]
nationalities = ["{MRZ.nationality}"]
issuing_state = "KGZ"
type = "TOURIST"
label = "MRV-A"
purposes = ["visit", "holiday"]
days = 30
validity_days = 60
entries = 2
fee = {{ amount = "60.00", currency = "USD" }}
says = {{ en = "Tourists, for 30 days." }}
"""
GOOD = {"purpose": "holiday", "days": "14", "address": "Hotel Ak-Keme, Bishkek", "receipt": "R 4711"}
REASON = "She shows her booking and her way back."


@pytest.fixture(autouse=True)
def _staff(keys_and_lists, tmp_path, quick_pins) -> None:
    staff(tmp_path, keys_and_lists[0].storage)


@pytest.fixture
def ruled(make_lane, central_signs):
    def make(capture, rules: str = RULES, direction: Direction = Direction.ENTRY):
        lane = make_lane(capture)
        lane.engine._box = lane._presenter._box = msgspec.structs.replace(lane._box, direction=direction)
        assert asyncio.run(lane.install(central_signs(ContentType.RULES, rules.encode()))).accepted
        return lane

    return make


async def at_the_booth(officer):
    """Until the decision, without a visa."""
    await officer.press()
    await officer.until(lambda view: view.press == "without_visa")
    await officer.press()
    return await officer.until(
        lambda view: view.step == "deciding" and view.press and view.asked and view.asked.visa_offer
    )


async def apply(lane, officer, *, number: int = 1, **changes) -> str:
    """An application is taken, and its traveller is at the second line."""
    view = await at_the_booth(officer)
    answer = await lane.note(SentNote(note=ApplyForVisa(crossing=view.crossing, **(GOOD | changes))))
    assert answer.taken, answer.problems
    await officer.until_recorded(number)
    return view.crossing


def grant(days: int = 14, entries: int = 1, *, last: int = 20, since: dt.date = TODAY) -> VisaGrant:
    until = since + dt.timedelta(days=last - 1)
    return VisaGrant(days=days, entries=entries, valid_from=since.isoformat(), valid_until=until.isoformat())


def close(crossing: str, **changes) -> CloseCase:
    values = {"pin": PINS["Emil"], "outcome": CaseOutcome.ADMITTED, "reason": REASON, "visa": grant()}
    return CloseCase(crossing=crossing, **(values | changes))


def label(crossing: str, number: str = "KV1234567", again: str | None = None) -> IssueLabel:
    return IssueLabel(crossing=crossing, number=number, number_again=again or number)


async def granted(lane, officer) -> str:
    crossing = await apply(lane, officer)
    assert (await lane.login(login("Emil"))).taken
    answer = await asyncio.to_thread(lane.second_line.close, close(crossing))
    assert answer.taken, answer.problem
    return crossing


def test_ok__from_the_booth_to_the_label(ruled, house) -> None:
    lane = ruled(Reader())

    async def work(officer):
        crossing = await granted(lane, officer)
        desk = lane.second_line.visas
        assert [(one.crossing, one.number) for one in desk.heads()] == [(crossing, "")]
        assert desk.issue(label(crossing, "kv 1234567")).taken
        assert desk.print(PrintLabel(crossing=crossing)).taken
        return crossing, desk.file(crossing), await records(lane, house)

    crossing, file, told = house.run(lane, work)
    (movement,) = records_of(lane, house)
    assert movement.outcome is Outcome.REFERRED
    application = movement.visa_application
    assert (application.purpose, application.days, application.receipt) == ("holiday", 14, "R 4711")
    assert application.terms.fee.amount == "60.00"
    assert ("visa.application", "undecided") in [(one.id, one.reason) for one in movement.checks]
    (closed,) = [body for type_, body in told if type_ == "case_closed"]
    assert closed["visa"] == {
        "outcome": "granted",
        "type": "TOURIST",
        "grant": msgspec.to_builtins(grant()),
    }
    labels = [body for type_, body in told if type_ == "visa_label"]
    assert [one["act"] for one in labels] == ["issued", "printed"]
    assert {(one["number"], one["crossing"], one["officer"]) for one in labels} == {
        ("KV1234567", crossing, "Emil")
    }
    mrz = parse_mrz(file.label.lines, today=TODAY)
    assert mrz.passed
    assert (mrz.format, mrz.issuing_state, mrz.document_number) == ("MRV-A", "KGZ", "KV1234567")
    assert mrz.expiry_date.as_date() == TODAY + dt.timedelta(days=19)
    assert mrz.optional_data == MRZ.document_number
    assert (file.label.prints, file.picture) == (1, "portrait")


def test_ok__nobody_is_offered_one_who_needs_none_has_one_or_goes_out(ruled, house, make_lane) -> None:
    async def offered(officer):
        await officer.press()
        view = await officer.until(lambda view: view.press in ("admit", "without_visa"))
        if view.press == "without_visa":
            await officer.press()
            view = await decided(officer)
        return view.asked.visa_offer

    without = RULES.split("[[visa_on_arrival]]")[0]
    assert house.run(ruled(Reader(), without), offered) is None
    later = RULES.replace("version = 1", "version = 2") + "from = 2099-01-01\n"
    assert house.run(ruled(Reader(), later), offered) is None
    lane = ruled(Reader(), RULES.replace("version = 1", "version = 3"))
    offer = house.run(lane, offered)
    assert (offer.days, offer.fee.currency, offer.purposes) == (30, "USD", ("visit", "holiday"))


@pytest.mark.parametrize(
    ("changes", "problems"),
    [
        ({"purpose": "work"}, {"purpose": "choose"}),
        ({"purpose": "<script>"}, {"purpose": "choose"}),
        ({"days": "31"}, {"days": "too_many_days"}),
        ({"days": "0"}, {"days": "not_a_number"}),
        ({"days": "-3"}, {"days": "not_a_number"}),
        ({"days": "9" * 400}, {"days": "not_a_number"}),
        ({"days": "٣"}, {"days": "not_a_number"}),
        ({"address": "   "}, {"address": "missing"}),
        ({"address": "x" * 201}, {"address": "too_long"}),
        ({"address": "a\x00b"}, {"address": "too_long"}),
        ({"receipt": ""}, {"receipt": "missing"}),
        ({"receipt": "9" * 33}, {"receipt": "too_long"}),
        (
            {"purpose": "", "days": "", "address": "", "receipt": ""},
            {"purpose": "choose", "days": "not_a_number", "address": "missing", "receipt": "missing"},
        ),
        ({"crossing": "somebody else's"}, {"crossing": "not_offered"}),
    ],
)
def test_fail__an_application_that_is_none(ruled, house, changes, problems) -> None:
    lane = ruled(Reader())

    async def work(officer):
        view = await at_the_booth(officer)
        note = ApplyForVisa(**({"crossing": view.crossing} | GOOD | changes))
        answer = await lane.note(SentNote(note=note))
        return answer, lane.engine.state.visa_application

    answer, application = house.run(lane, work)
    assert (answer.taken, answer.problems) == (False, problems)
    assert application is None


def test_fail__wrong_orders_at_the_booth(ruled, house) -> None:
    """Before the checks are made, a second time, and when its traveller has gone."""
    lane = ruled(Reader())

    async def work(officer):
        await officer.press()
        early = await officer.until(lambda view: view.press == "without_visa")
        note = SentNote(note=ApplyForVisa(crossing=early.crossing, **GOOD))
        assert (await lane.note(note)).problems == {"crossing": "not_offered"}
        await officer.press()
        await officer.until(lambda view: view.asked and view.asked.visa_offer)
        answers = await asyncio.gather(lane.note(note), lane.note(note))
        assert any(one.taken for one in answers)
        await officer.until_recorded(1)
        assert (await lane.note(note)).problems == {"crossing": "not_offered"}

    house.run(lane, work)
    assert len(records_of(lane, house)) == 1


def test_fail__a_receipt_serves_once(ruled, house) -> None:
    lane = ruled(Reader(LINES))

    async def work(officer):
        await apply(lane, officer)
        view = await at_the_booth(officer)
        note = ApplyForVisa(crossing=view.crossing, **(GOOD | {"receipt": "r  4711"}))
        assert (await lane.note(SentNote(note=note))).problems == {"receipt": "receipt_used"}
        note = msgspec.structs.replace(note, receipt="R 4712")
        assert (await lane.note(SentNote(note=note))).taken
        await officer.until_recorded(2)

    house.run(lane, work)
    earlier = records_of(lane, house)[1].visa_application.earlier
    assert [(one.outcome, one.days) for one in earlier] == [("", 14)]


@pytest.mark.parametrize(
    "wrong",
    [
        {"days": 31},
        {"days": 0},
        {"entries": 3},
        {"entries": 0},
        {"last": 61},
        {"last": 0},
        {"since": TODAY + dt.timedelta(days=1)},
    ],
)
def test_fail__beyond_what_may_be_granted(ruled, house, wrong) -> None:
    lane = ruled(Reader())

    async def work(officer):
        crossing = await apply(lane, officer)
        assert (await lane.login(login("Emil"))).taken
        return lane.second_line.close(close(crossing, visa=grant(**wrong))), lane.second_line.cases.counts()

    answer, counts = house.run(lane, work)
    assert (answer.problem, counts) == ("visa_terms", {"referred": 1})


def test_fail__wrong_orders_of_the_decision(ruled, house) -> None:
    lane = ruled(Reader())

    async def work(officer):
        crossing = await apply(lane, officer)
        second = lane.second_line
        assert second.close(close(crossing)).problem == "not_allowed", "nobody is on duty"
        assert (await lane.login(login("Aida"))).taken
        assert second.close(close(crossing)).problem == "not_allowed", "no role at the second line"
        assert (await lane.login(login("Emil"))).taken
        assert second.close(close(crossing, pin="000000")).problem == "wrong_pin"
        refused = {"outcome": CaseOutcome.REFUSED, "ground": Ground.NO_MEANS}
        assert second.close(close(crossing, **refused)).problem == "visa_terms", "refused, and granted"
        for act in (
            lambda: second.visas.issue(label(crossing)),
            lambda: second.visas.print(PrintLabel(crossing=crossing)),
            lambda: second.visas.void(
                VoidLabel(crossing=crossing, number="KV1", reason=REASON, pin=PINS["Emil"])
            ),
        ):
            assert act().problem == "unknown_visa", "nobody has decided"
        assert second.visas.heads() == ()
        assert second.close(close(crossing, visa=None, **refused)).taken
        assert second.close(close(crossing)).problem == "closed_already"
        assert second.visas.issue(label(crossing)).problem == "unknown_visa"
        return await records(lane, house)

    told = house.run(lane, work)
    (closed,) = [body for type_, body in told if type_ == "case_closed"]
    assert closed["visa"] == {"outcome": "refused", "type": "TOURIST", "grant": None}
    assert [type_ for type_, _ in told if type_ == "visa_label"] == []


@pytest.mark.parametrize(
    ("outcome", "ends"),
    [
        (CaseOutcome.WITHDRAWN, "withdrawn"),
        (CaseOutcome.ASYLUM_CLAIM, "lapsed"),
        (CaseOutcome.ADMITTED, "lapsed"),
    ],
)
def test_ok__other_ends(ruled, house, outcome, ends) -> None:
    lane = ruled(Reader())

    async def work(officer):
        crossing = await apply(lane, officer)
        assert (await lane.login(login("Emil"))).taken
        assert lane.second_line.close(close(crossing, outcome=outcome, visa=None)).taken
        return lane.second_line.visas.visas.row(crossing)

    row = house.run(lane, work)
    assert (row.decision.outcome, row.decision.grant) == (ends, None)


def test_fail__a_case_without_an_application_grants_nothing(ruled, house) -> None:
    lane = ruled(Reader())

    async def work(officer):
        view = await at_the_booth(officer)
        await officer.press("hold")
        await officer.until_recorded(1)
        assert (await lane.login(login("Emil"))).taken
        assert lane.second_line.close(close(view.crossing)).problem == "visa_terms"
        assert lane.second_line.close(close(view.crossing, visa=None)).taken
        return await records(lane, house)

    (closed,) = [body for type_, body in house.run(lane, work) if type_ == "case_closed"]
    assert "visa" not in closed, "as before there were visas"


def test_ok__of_two_officers_at_once_one_wins(ruled, house) -> None:
    lane = ruled(Reader())

    async def work(officer):
        crossing = await apply(lane, officer)
        assert (await lane.login(login("Emil"))).taken
        orders = (close(crossing), close(crossing, visa=None, outcome=CaseOutcome.WITHDRAWN))
        with ThreadPoolExecutor(2) as both:
            answers = list(both.map(lane.second_line.close, orders))
        row = lane.second_line.visas.visas.row(crossing)
        return answers, row, await records(lane, house)

    answers, row, told = house.run(lane, work)
    assert sorted((one.taken, one.problem) for one in answers) == [(False, "closed_already"), (True, "")]
    (closed,) = [body for type_, body in told if type_ == "case_closed"]
    assert closed["visa"]["outcome"] == row.decision.outcome
    assert (closed["outcome"] == "admitted") is answers[0].taken


def test_ok__of_two_labels_at_once_one_is_taken(ruled, house) -> None:
    lane = ruled(Reader())

    async def work(officer):
        crossing = await granted(lane, officer)
        with ThreadPoolExecutor(4) as both:
            numbers = [f"KV{number}" for number in range(4)]
            answers = list(both.map(lane.second_line.visas.issue, (label(crossing, one) for one in numbers)))
        return answers, lane.second_line.visas.file(crossing).labels

    answers, labels = house.run(lane, work)
    assert sorted(one.problem for one in answers) == ["", "has_label", "has_label", "has_label"]
    assert len(labels) == 1


def test_fail__wrong_orders_of_a_label(ruled, house) -> None:
    lane = ruled(Reader())

    async def work(officer):
        crossing = await granted(lane, officer)
        desk = lane.second_line.visas

        def void(number, reason="The printer jammed, it is torn.", pin=PINS["Emil"]):
            return desk.void(VoidLabel(crossing=crossing, number=number, reason=reason, pin=pin)).problem

        def print_(reason="", pin=""):
            return desk.print(PrintLabel(crossing=crossing, reason=reason, pin=pin)).problem

        assert print_() == "no_label"
        for number in ("", "TOOLONG123", "KV-1", "ЖV1", "KV\x00"):
            assert desk.issue(label(crossing, number)).problem == "number_wrong"
        assert desk.issue(label(crossing, "KV1", "KV2")).problem == "not_the_same"
        assert desk.issue(label("nobody", "KV1")).problem == "unknown_visa"
        assert desk.issue(label(crossing, "KV1")).taken
        assert desk.issue(label(crossing, "KV2")).problem == "has_label"
        assert print_() == ""
        assert print_() == "no_reason"
        assert print_("It came out too pale.") == "wrong_pin"
        assert print_("It came out too pale.", PINS["Emil"]) == ""
        assert void("KV1", reason="torn") == "no_reason"
        assert void("KV1", pin="") == "wrong_pin"
        assert void("KV9") == "", "a blank that was spoiled in the printer"
        assert void("KV9") == "number_used"
        assert void("KV1") == ""
        assert void("KV1") == "number_used"
        assert print_() == "no_label"
        assert [one.number for one in desk.heads()] == [""], "it waits for a label again"
        for number in ("KV1", "KV9"):
            assert desk.issue(label(crossing, number)).problem == "number_used"
        assert desk.issue(label(crossing, "KV2")).taken
        await lane.login(login(""))
        assert desk.issue(label(crossing, "KV3")).problem == "not_allowed"
        assert desk.file(crossing) is None
        assert desk.heads() == ()
        return await records(lane, house)

    told = house.run(lane, work)
    labels = [(body["act"], body["number"]) for type_, body in told if type_ == "visa_label"]
    assert labels == [
        *(("issued", "KV1"), ("printed", "KV1"), ("printed_again", "KV1"), ("voided", "KV9")),
        *(("voided", "KV1"), ("issued", "KV2")),
    ]
    blank = next(body for type_, body in told if type_ == "visa_label" and body["number"] == "KV9")
    assert (blank["crossing"], blank["reason"]) == ("", "The printer jammed, it is torn.")


def test_fail__a_label_that_cannot_be_written_takes_no_blank(ruled, house, monkeypatch) -> None:
    lane = ruled(Reader())

    async def work(officer):
        crossing = await granted(lane, officer)
        monkeypatch.setattr(desk, "visa_label_lines", lambda *_a, **_k: MrzFormat("another box's"))
        assert lane.second_line.visas.issue(label(crossing, "KV1")).problem == "not_representable"
        monkeypatch.undo()
        return lane.second_line.visas.issue(label(crossing, "KV1"))

    assert house.run(lane, work).taken


def test_ok__a_number_stays_used_when_the_book_was_lost(ruled, house, make_lane, tmp_path) -> None:
    lane = ruled(Reader(LINES))

    async def first(officer):
        crossing = await granted(lane, officer)
        assert lane.second_line.visas.issue(label(crossing, "KV1")).taken

    house.run(lane, first)
    lane.second_line.let_go()
    for file in tmp_path.glob("visas.db*"):
        file.write_bytes(b"no database" * 500)
    again = make_lane(Reader())

    async def second(officer):
        crossing = await apply(again, officer, number=2, receipt="R 1")
        assert (await again.login(login("Emil"))).taken
        assert again.second_line.close(close(crossing)).taken
        return again.second_line.visas.issue(label(crossing, "KV1")).problem

    assert house.run(again, second) == "number_used"


def test_ok__power_cuts_from_the_application_to_the_label(ruled, house, make_lane, monkeypatch) -> None:
    """After the application, after the decision and after the label, each before its record."""
    lane = ruled(Reader())

    async def until_applied(officer):
        view = await at_the_booth(officer)
        monkeypatch.setattr(lane._journal, "commit", _cut)
        note = SentNote(note=ApplyForVisa(crossing=view.crossing, **GOOD))
        assert (await lane.note(note)).taken
        return view.crossing

    crossing = house.run(lane, until_applied)
    lane = make_lane(ScriptedCapture(LINES))
    assert records_of(lane, house) == []

    async def until_decided(officer):
        await officer.until_recorded(1)
        assert (await lane.login(login("Emil"))).taken
        monkeypatch.setattr(lane._journal, "commit", _cut)
        assert lane.second_line.close(close(crossing)).taken

    house.run(lane, until_decided)
    lane = make_lane(ScriptedCapture(LINES))
    assert lane.second_line.visas.visas.row(crossing).decision is None

    async def until_labelled(officer):
        assert (await lane.login(login("Emil"))).taken
        desk = lane.second_line.visas
        await officer.until(lambda _view: desk.visas.row(crossing).decision is not None)
        lane.second_line.file(crossing)
        desk.file(crossing)
        monkeypatch.setattr(lane._journal, "commit", _cut)
        assert desk.issue(label(crossing)).taken

    house.run(lane, until_labelled)
    lane = make_lane(ScriptedCapture(LINES))

    async def at_last(officer):
        await officer.until(lambda _view: not lane.second_line.visas.visas.waiting_acts())
        return await records(lane, house)

    told = house.run(lane, at_last)
    types = [type_ for type_, _ in told if type_ in ("movement", "case_closed", "visa_label")]
    assert types == ["movement", "case_closed", "visa_label"]
    assert lane.second_line.visas.visas.label(crossing).number == "KV1234567"


def _cut(*_args, **_kwargs):
    raise StorageFull("The power is gone.")
