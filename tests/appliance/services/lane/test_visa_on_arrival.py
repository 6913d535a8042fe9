"""A visa on arrival from the booth to the label: what is taken, who decides, every wrong order refused."""

import asyncio
import datetime as dt

import msgspec
import pytest
from scripted import records_of
from second_line_scripted import PINS, login, records, staff
from test_visa import MRZ, Reader

from appliance.contracts.asked import ApplyForVisa, SentNote
from appliance.contracts.cases import CaseOutcome, CloseCase
from appliance.contracts.checks import Direction, Outcome
from appliance.contracts.visas import IssueLabel, PrintLabel, VisaGrant
from appliance.records import officers
from appliance.reference_data.sealed import ContentType
from appliance.travel_document import parse_mrz

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
def _staff(keys_and_lists, tmp_path, monkeypatch) -> None:
    monkeypatch.setattr(officers, "MEMORY", 8192)
    monkeypatch.setattr(officers, "OPS", 1)
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
    assert closed["visa"] == {"outcome": "granted", "grant": msgspec.to_builtins(grant())}
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
