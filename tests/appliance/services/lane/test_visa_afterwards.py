"""A visa of this box at later crossings, on the page's addresses, and when it is to be forgotten."""

import asyncio
import datetime as dt

import msgspec
import pytest
from second_line_scripted import PINS, login, records
from starlette.testclient import TestClient
from test_visa import LINES, MRZ, Reader, found
from test_visa_on_arrival import REASON, RULES, _staff, apply, close, grant, granted, label, ruled  # noqa: F401

from appliance.contracts.checks import Direction, Recommendation, Verdict
from appliance.contracts.visas import VoidLabel
from appliance.services.lane.kiosk import kiosk_app

FOUND = {"visa.shown", "visa.issuer", "visa.holder", "visa.mrz", "visa.validity", "visa.entries"}


async def with_label(lane, officer, **changes) -> str:
    crossing = await apply(lane, officer)
    assert (await lane.login(login("Emil"))).taken
    answer = await asyncio.to_thread(lane.second_line.close, close(crossing, visa=grant(**changes)))
    assert answer.taken, answer.problem
    assert lane.second_line.visas.issue(label(crossing)).taken
    return crossing


async def through(officer, number: int):
    await officer.press()
    view = await officer.until(lambda view: view.press in ("admit", "without_visa"))
    if view.press == "without_visa":
        return view
    await officer.press()
    await officer.until_recorded(number)
    return view


def test_ok__the_next_entry_knows_it_and_the_one_after_does_not(ruled, house) -> None:  # noqa: F811
    lane = ruled(Reader(*[LINES] * 6))

    async def work(officer):
        await with_label(lane, officer, entries=2)
        return await through(officer, 2), await through(officer, 3)

    second, third = house.run(lane, work)
    said = {check.id: (check.verdict, check.reason) for check in second.checks if check.id in FOUND}
    assert said == {
        "visa.shown": (Verdict.PASS, "issued_here"),
        "visa.mrz": (Verdict.PASS, "ok"),
        "visa.issuer": (Verdict.PASS, "serves"),
        "visa.holder": (Verdict.PASS, "same"),
        "visa.validity": (Verdict.PASS, "valid"),
        "visa.entries": (Verdict.PASS, "entries_left"),
    }
    assert second.recommendation in (Recommendation.GREEN, Recommendation.AMBER)
    stay = next(check for check in second.checks if check.id == "stay.allowed")
    assert (stay.verdict, stay.evidence["days"]) == (Verdict.PASS, 14)
    assert third.press == "without_visa", "both entries are used"


def test_ok__a_void_label_is_no_visa(ruled, house) -> None:  # noqa: F811
    lane = ruled(Reader(*[LINES] * 6))

    async def work(officer):
        crossing = await with_label(lane, officer, entries=2)
        void = VoidLabel(crossing=crossing, number="KV1234567", reason="Torn in two.", pin=PINS["Emil"])
        assert lane.second_line.visas.void(void).taken
        return await through(officer, 2)

    assert house.run(lane, work).press == "without_visa"


@pytest.mark.parametrize(("days", "reason"), [(1, "within"), (14, "within")])
def test_ok__the_stay_is_counted_by_the_visa_s_days(ruled, house, days, reason) -> None:  # noqa: F811
    lane = ruled(Reader(*[LINES] * 6))

    async def work(officer):
        crossing = await with_label(lane, officer, days=days)
        lane.engine._box = msgspec.structs.replace(lane.engine._box, direction=Direction.EXIT)
        await asyncio.sleep(0)
        view = await through(officer, 2)
        return crossing, view

    _, view = house.run(lane, work)
    stay = next(check for check in view.checks if check.id == "stay.days")
    assert (stay.reason, stay.evidence["days"], stay.evidence["used"]) == (reason, days, 1)


def test_ok__longer_than_the_visa_s_days_is_an_overstay(ruled, house) -> None:  # noqa: F811
    """The crossing that was admitted lies back: the history has it earlier than it was."""
    lane = ruled(Reader(*[LINES] * 6))

    async def work(officer):
        crossing = await with_label(lane, officer, days=3)
        row = lane.second_line.visas.visas.row(crossing)
        past = dt.datetime.now(dt.UTC) - dt.timedelta(days=5)
        history = lane._history
        (passage,) = history.search(
            issuing_state=row.document.issuing_state,
            document_number=row.document.document_number,
            purpose="test",
            now=past,
        )
        history.add(
            msgspec.structs.replace(passage, at=past.isoformat(timespec="milliseconds")),
            issuing_state=row.document.issuing_state,
            document_number=row.document.document_number,
        )
        earlier = msgspec.structs.replace(row.decision.grant, valid_from=(past.date()).isoformat())
        visas = lane.second_line.visas.visas
        changed = msgspec.structs.replace(row, decision=msgspec.structs.replace(row.decision, grant=earlier))
        with visas._lock:
            visas._connection.execute(
                "UPDATE applications SET sealed = ?", (visas._sealed(crossing, changed),)
            )
        lane.engine._box = msgspec.structs.replace(lane.engine._box, direction=Direction.EXIT)
        return await through(officer, 2)

    view = house.run(lane, work)
    assert found(view, "stay.days") == (Verdict.FAIL, "overstayed")
    assert next(one for one in view.checks if one.id == "stay.days").evidence["overstayed"] == 3


def test_ok__forgotten_with_its_traveller_and_the_number_stays_used(ruled, house, tmp_path) -> None:  # noqa: F811
    lane = ruled(Reader(*[LINES] * 6))

    async def work(officer):
        crossing = await with_label(lane, officer)
        lane.second_line.forget((crossing,), cases=False)
        assert lane.second_line.visas.file(crossing) is not None, "only a restriction"
        lane.second_line.forget((crossing,), cases=True)
        return crossing

    crossing = house.run(lane, work)
    visas = lane.second_line.visas.visas
    assert (visas.row(crossing), visas.labels(crossing), visas.granted()) == (None, (), ())
    assert visas.known(MRZ.issuing_state, MRZ.document_number) == ()
    assert visas.was_used("KV1234567")
    visas._connection.execute("VACUUM")
    raw = b"".join(path.read_bytes() for path in tmp_path.glob("visas.db"))
    for secret in (b"ERIKSSON", b"KV1234567", b"Ak-Keme", MRZ.document_number.encode(), crossing.encode()):
        assert secret not in raw


def test_ok__kept_until_it_has_ended_and_so_long_after(ruled, house) -> None:  # noqa: F811
    lane = ruled(Reader(*[LINES] * 6))
    now = dt.datetime.now(dt.UTC)

    async def work(officer):
        return await with_label(lane, officer, last=20)

    crossing = house.run(lane, work)
    visas = lane.second_line.visas.visas
    assert visas.forget_old(now=now + dt.timedelta(days=33), days=14) == 0
    assert visas.row(crossing) is not None
    assert visas.forget_old(now=now + dt.timedelta(days=35), days=14) == 1
    assert visas.row(crossing) is None


def test_ok__an_open_application_is_never_forgotten_by_itself(ruled, house) -> None:  # noqa: F811
    lane = ruled(Reader())
    crossing = house.run(lane, lambda officer: apply(lane, officer))
    visas = lane.second_line.visas.visas
    assert visas.forget_old(now=dt.datetime.now(dt.UTC) + dt.timedelta(days=4000), days=1) == 0
    assert visas.row(crossing) is not None


HOSTILE = (
    b"",
    b"[]",
    b"{",
    b'{"crossing": 1}',
    b'{"crossing": "x", "number": "A", "number_again": "A", "more": 1}',
    b'{"crossing": "", "number": "A", "number_again": "A"}',
    b'{"crossing": "' + b"x" * 65 + b'", "number": "A", "number_again": "A"}',
    b"\xff\xfe",
    b'{"crossing": "x", "number": "' + b"9" * 9000 + b'"}',
)


def test_fail__hostile_requests_on_the_visas_addresses(ruled, house) -> None:  # noqa: F811
    lane = ruled(Reader())
    ours = {"X-Borne-Kiosk": "1", "Content-Type": "application/json"}

    async def work(officer):
        crossing = await granted(lane, officer)

        def ask():
            app = kiosk_app(lane, languages=("en",), default_language="en")
            client = TestClient(app, base_url="http://127.0.0.1", follow_redirects=False)
            good = msgspec.json.encode(label(crossing))
            for address in ("issue", "print", "void"):
                for body in HOSTILE:
                    answer = client.post(f"/visas/{address}", content=body, headers=ours)
                    assert answer.status_code in (400, 413), (address, body[:40])
                assert client.post(f"/visas/{address}", content=good).status_code == 403
                assert client.get(f"/visas/{address}").status_code in (303, 405)
            foreign = ours | {"Sec-Fetch-Site": "cross-site"}
            assert client.post("/visas/issue", content=good, headers=foreign).status_code == 403
            for name in ("nobody", "%00", "..%2f..%2fetc", "x" * 3000, "'; DROP TABLE labels; --"):
                assert client.get(f"/visas/{name}").status_code in (303, 404)
            said = client.post("/visas/issue", content=good.replace(b"KV1234567", b"<b>"), headers=ours)
            assert (said.status_code, said.json()["taken"]) == (200, False)
            page = client.get(f"/visas/{crossing}").text
            assert "label-mrz" not in page
            assert client.post("/visas/issue", content=good, headers=ours).json()["taken"] is True
            page = client.get(f"/visas/{crossing}").text
            assert "KV1234567" in page
            hostile = b'{"note": {"type": "ApplyForVisa", "crossing": "x", "purpose": "visit", "days": 3}}'
            assert client.post("/note", content=hostile, headers=ours).status_code == 400
            return page

        return await asyncio.to_thread(ask)

    page = house.run(lane, work)
    assert "V&lt;KGZ" in page


def test_ok__what_was_typed_is_shown_as_text(ruled, house) -> None:  # noqa: F811
    lane = ruled(Reader())

    async def work(officer):
        crossing = await apply(lane, officer, address="<img src=x onerror=alert(1)>", receipt="<b>1")
        assert (await lane.login(login("Emil"))).taken

        def ask():
            app = kiosk_app(lane, languages=("en",), default_language="en")
            client = TestClient(app, base_url="http://127.0.0.1", follow_redirects=False)
            return client.get(f"/second-line/{crossing}").text

        return await asyncio.to_thread(ask)

    page = house.run(lane, work)
    assert "<img src=x" not in page
    assert "&lt;img src=x onerror=alert(1)&gt;" in page


def test_ok__that_somebody_looked_is_a_record_once(ruled, house) -> None:  # noqa: F811
    lane = ruled(Reader())

    async def work(officer):
        crossing = await granted(lane, officer)
        for _ in range(3):
            assert lane.second_line.visas.file(crossing) is not None
        return await records(lane, house)

    looks = [body for type_, body in house.run(lane, work) if type_ == "officer"]
    assert [body["officer"] for body in looks if body["act"] == "visa_opened"] == ["Emil"]
