"""The visa at the crossing: asked for by the rules, read by the same reader, typed, or missing."""

import asyncio
import datetime as dt

import msgspec
import pytest
from scripted import ScriptedCapture, records_of

from appliance.contracts.asked import SayVisaEntries, SentNote
from appliance.contracts.checks import Direction, Recommendation, Verdict
from appliance.contracts.typed import TypedEntry
from appliance.reference_data.sealed import ContentType
from appliance.simulation.travellers import traveller
from appliance.travel_document import MrzFormat, generate_mrz, parse_mrz

LINES = traveller(1).lines
TODAY = dt.datetime.now(dt.UTC).date()
MRZ = parse_mrz(LINES, today=TODAY)
RULES = f"""
name = "north"
version = 1

[[visa]]
nationalities = ["{MRZ.nationality}"]
issuers = ["KGZ"]
says = {{ en = "Visas of Kyrgyzstan only." }}

[[stay]]
nationalities = ["{MRZ.nationality}"]
days = 90
"""


def visa(format_: MrzFormat = MrzFormat.MRV_A, **changes) -> tuple[str, ...]:
    """The visa of this traveller."""
    values = {
        "document_code": "V",
        "issuing_state": "KGZ",
        "primary_identifier": MRZ.primary_identifier,
        "secondary_identifier": MRZ.secondary_identifier,
        "document_number": "KV1234567",
        "nationality": MRZ.nationality,
        "birth_date": MRZ.birth_date,
        "sex": MRZ.sex,
        "expiry_date": TODAY + dt.timedelta(days=20),
        "optional_data": MRZ.document_number if format_ is MrzFormat.MRV_A else "",
    } | changes
    return generate_mrz(format_, **values)


class Reader(ScriptedCapture):
    """Reads the passport, then what is laid down next."""

    def __init__(self, *after: tuple[str, ...], **failures: list[str]) -> None:
        super().__init__(LINES, **failures)
        self.after = list(after)

    async def read_mrz(self, request):
        evidence = await super().read_mrz(request)
        if self.after:
            self.lines = self.after.pop(0)
        return evidence

    async def read_chip(self, request):
        laid, self.lines = self.lines, LINES
        try:
            return await super().read_chip(request)
        finally:
            self.lines = laid


def found(view, id_: str):
    return next(((check.verdict, check.reason) for check in view.checks if check.id == id_), None)


async def decided(officer):
    return await officer.until(lambda view: view.step == "deciding" and view.press)


@pytest.fixture
def ruled(make_lane, central_signs):
    def make(capture, rules: str = RULES, direction: Direction = Direction.ENTRY):
        lane = make_lane(capture)
        lane.engine._box = lane._presenter._box = msgspec.structs.replace(lane._box, direction=direction)

        assert asyncio.run(lane.install(central_signs(ContentType.RULES, rules.encode()))).accepted
        return lane

    return make


async def cross(lane, officer, *, entries: int | None = None, number: int = 1):
    """Through, with so many entries noted of the visa; the view at the decision."""
    await officer.press()
    view = await decided(officer)
    if entries is not None:
        note = SayVisaEntries(crossing=view.crossing, entries=entries)
        assert (await lane.note(SentNote(note=note))).taken
        untold = (None, (Verdict.NOT_DONE, "not_told"))
        view = await officer.until(lambda view: view.press and found(view, "visa.entries") not in untold)
    await officer.press()
    await officer.until_recorded(number)
    return view


def crossing(lane, house, *, number: int = 1):
    return house.run(lane, lambda officer: cross(lane, officer, number=number))


@pytest.mark.parametrize("format_", [MrzFormat.MRV_A, MrzFormat.MRV_B])
def test_ok__read_and_matched(ruled, house, format_) -> None:
    lane = ruled(Reader(visa(format_)))
    view = crossing(lane, house)
    assert view.recommendation is Recommendation.GREEN, view.reasons
    number = (Verdict.PASS, "same") if format_ is MrzFormat.MRV_A else (Verdict.NOT_DONE, "not_in_mrz")
    assert {
        check.id: (check.verdict, check.reason) for check in view.checks if check.id.startswith("visa")
    } == {
        "visa.shown": (Verdict.PASS, "shown"),
        "visa.mrz": (Verdict.PASS, "ok"),
        "visa.issuer": (Verdict.PASS, "serves"),
        "visa.holder": (Verdict.PASS, "same"),
        "visa.passport_number": number,
        "visa.validity": (Verdict.PASS, "valid"),
        "visa.entries": (Verdict.NOT_DONE, "not_told"),
    }
    assert found(view, "watchlist.visa") is not None
    until = next(check.evidence["visa_until"] for check in view.checks if check.id == "stay.allowed")
    assert until == (TODAY + dt.timedelta(days=20)).isoformat()
    (movement,) = records_of(lane, house)
    assert movement.document.format == "TD3"
    assert (movement.visa.format, movement.visa.document_number) == (format_.value, "KV1234567")


@pytest.mark.parametrize(
    ("changes", "id_", "reason"),
    [
        ({"primary_identifier": "SOMEBODY"}, "visa.holder", "different"),
        ({"nationality": "KGZ"}, "visa.holder", "different"),
        ({"birth_date": dt.date(1960, 1, 1)}, "visa.holder", "different"),
        ({"expiry_date": TODAY - dt.timedelta(days=2)}, "visa.validity", "expired"),
        ({"issuing_state": "UZB"}, "visa.issuer", "does_not_serve"),
    ],
)
def test_ok__somebody_else_s_or_too_old(ruled, house, changes, id_, reason) -> None:
    view = crossing(ruled(Reader(visa(**changes))), house)
    assert found(view, id_) == (Verdict.FAIL, reason)
    assert view.recommendation is Recommendation.AMBER


def test_ok__a_wrong_check_digit(ruled, house) -> None:
    first, second = visa()
    wrong = second[:9] + str((int(second[9]) + 1) % 10) + second[10:]
    view = crossing(ruled(Reader((first, wrong))), house)
    assert found(view, "visa.mrz") == (Verdict.FAIL, "faulty")


def test_ok__entries_are_counted(ruled, house) -> None:
    lane = ruled(Reader(visa(), LINES, visa()))

    async def work(officer):
        first = await cross(lane, officer, entries=1)
        return first, await cross(lane, officer, entries=1, number=2)

    first, view = house.run(lane, work)
    assert found(first, "visa.entries") == (Verdict.PASS, "entries_left")
    assert found(view, "visa.entries") == (Verdict.FAIL, "entries_used_up")
    assert next(check.evidence for check in view.checks if check.id == "visa.entries") == {
        "used": 1,
        "allowed": 1,
    }
    assert [one.visa_entries for one in records_of(lane, house)] == [1, 1]


def test_ok__the_passport_s_page_is_no_visa_and_a_press_says_that_there_is_none(ruled, house) -> None:
    lane = ruled(Reader())

    async def work(officer):
        await officer.press()
        view = await officer.until(lambda view: view.press == "without_visa")
        assert (view.step, view.hold, view.asked.takes_visa, view.takes_typed) == (
            *("reading_visa", "refer", True, True),
        )
        await officer.press()
        view = await decided(officer)
        await officer.press("hold")
        await officer.until_recorded(1)
        return view

    view = house.run(lane, work)
    assert found(view, "visa.shown") == (Verdict.FAIL, "missing")
    assert view.recommendation is Recommendation.AMBER
    assert records_of(lane, house)[0].visa is None


def test_ok__typed_where_it_cannot_be_read(ruled, house) -> None:
    lane = ruled(Reader())

    async def work(officer):
        await officer.press()
        view = await officer.until(lambda view: view.press == "without_visa" and view.takes_typed)
        entry = TypedEntry(
            crossing=view.crossing,
            typed_for="unreadable",
            document_code="V",
            issuing_state="KGZ",
            document_number="KV 77",
            document_number_again="KV77",
            primary_identifier=MRZ.primary_identifier,
            secondary_identifier=MRZ.secondary_identifier,
            nationality=MRZ.nationality,
            birth_date=str(MRZ.birth_date),
            birth_date_again=str(MRZ.birth_date),
            sex=MRZ.sex,
            expiry_date=(TODAY + dt.timedelta(days=9)).isoformat(),
            confirmed=True,
        )
        assert lane.enter(entry).taken
        view = await decided(officer)
        await officer.press()
        await officer.until_recorded(1)
        return view

    view = house.run(lane, work)
    assert found(view, "visa.shown") == (Verdict.PASS, "typed")
    assert found(view, "visa.holder") == (Verdict.PASS, "same")
    assert found(view, "visa.mrz") is None
    facts = records_of(lane, house)[0].visa
    assert (facts.source, facts.document_number, facts.typed_for) == ("manual", "KV77", "unreadable")


def test_ok__a_power_cut_while_the_visa_is_asked_for(ruled, house, make_lane) -> None:
    lane = ruled(Reader())

    async def until_asked(officer):
        await officer.press()
        await officer.until(lambda view: view.press == "without_visa")

    house.run(lane, until_asked)
    again = make_lane(ScriptedCapture(visa()))

    async def go_on(officer):
        view = await decided(officer)
        assert found(view, "visa.shown") == (Verdict.PASS, "shown")
        assert view.document.document_number == MRZ.document_number

    house.run(again, go_on)


def test_ok__no_visa_is_asked_on_the_way_out_or_of_others(ruled, house) -> None:
    view = crossing(ruled(Reader(), direction=Direction.EXIT), house)
    assert found(view, "visa.shown") is None
    other = RULES.replace(
        f'[[visa]]\nnationalities = ["{MRZ.nationality}"]', '[[visa]]\nnationalities = ["KGZ"]'
    )
    lane = ruled(Reader(), other.replace("version = 1", "version = 2"))
    view = crossing(lane, house, number=2)
    assert found(view, "visa.shown") is None
    assert view.recommendation is Recommendation.GREEN


def test_ok__a_reader_that_is_gone(ruled, house) -> None:
    capture = Reader()
    lane = ruled(capture)

    async def work(officer):
        await officer.press()
        await officer.until(lambda view: view.press == "without_visa")
        capture.failures["read_mrz"] = ["no_device"] * 50
        view = await officer.until(lambda view: view.trouble is not None)
        assert (view.trouble.code, view.press, view.hold) == ("visa_not_read", "retry", "without_visa")
        await officer.press("hold")
        return await decided(officer)

    view = house.run(lane, work)
    assert found(view, "visa.shown") == (Verdict.FAIL, "missing")


def test_ok__a_hold_refers(ruled, house) -> None:
    lane = ruled(Reader())

    async def work(officer):
        await officer.press()
        await officer.until(lambda view: view.press == "without_visa")
        await officer.press("hold")
        await officer.until_recorded(1)

    house.run(lane, work)
    (movement,) = records_of(lane, house)
    assert movement.outcome == "referred"
    assert ("visa.shown", "skipped") in [(check.id, check.reason) for check in movement.checks]
