"""The technician at a real lane: who may, what a traveller ends, and that nothing of it is a crossing."""

import asyncio
import json
from pathlib import Path

import httpx
import msgspec
import pytest
from scripted import ScriptedCapture, records_of

from appliance.contracts.agent import AgentStatus, NoteResults, SelfTestState
from appliance.contracts.capture import Looked, LookThrough, Nothing
from appliance.contracts.errors import ServiceError
from appliance.contracts.officers import Role
from appliance.contracts.post_joining import PostReport
from appliance.contracts.technician import SIGNALS, OpenBench
from appliance.services.lane import policy
from appliance.services.lane.kiosk import kiosk_app
from appliance.simulation.travellers import traveller

pytestmark = pytest.mark.usefixtures("quick_pins")

SHIPPED = Path(policy.__file__).with_name("policy.toml")
PIN, WRONG = "271828", "314159"
PRESS = {"x-borne-kiosk": "1", "content-type": "application/json"}


class Agent:
    """A health service that remembers what it was told."""

    def __init__(self) -> None:
        self.state = SelfTestState()
        self.runs = 0
        self.noted: list[NoteResults] = []

    async def status(self, _: Nothing) -> AgentStatus:
        return AgentStatus(version="1", device="b", profile="demo", box={}, self_test=self.state)

    async def run_self_test(self, _: Nothing) -> SelfTestState:
        self.runs += 1
        return self.state

    async def note_results(self, request: NoteResults) -> SelfTestState:
        self.noted.append(request)
        return self.state


class Capture(ScriptedCapture):
    """With a camera that can be looked through."""

    async def look_through(self, request: LookThrough) -> Looked:
        await self._called("look_through")
        return Looked(jpeg=b"\xff\xd8", width=4, height=3, focus=1.0, luminance=1.0, dark=0.0, bright=0.0)


@pytest.fixture
def capture() -> Capture:
    return Capture(traveller(1).lines)


@pytest.fixture
def lane(make_lane, capture: Capture):
    lane = make_lane(capture)
    book = lane.engine.duty._officers
    book.add("Tekhnik", PIN, frozenset({Role.TECHNICIAN}))
    book.add("Officer", PIN, frozenset({Role.OFFICER, Role.SUPERVISOR}))
    lane.engine.duty.look()
    lane.technician.agent = Agent()
    return lane


async def until(condition) -> None:
    async with asyncio.timeout(60):
        while not condition():
            await asyncio.sleep(0.01)


async def begun(lane) -> str:
    answer, token = await lane.technician.open(OpenBench(name="Tekhnik", pin=PIN))
    assert answer.taken
    return token


def page_of(lane) -> httpx.AsyncClient:
    app = kiosk_app(lane, languages=("en",), default_language="en")
    return httpx.AsyncClient(
        transport=httpx.ASGITransport(app=app, raise_app_exceptions=False), base_url="http://127.0.0.1"
    )


@pytest.mark.parametrize(
    ("name", "pin", "problem"),
    [
        ("Tekhnik", WRONG, "wrong_pin"),
        ("Officer", PIN, "not_allowed"),
        ("Nobody", PIN, "unknown"),
        ("", "", "unknown"),
    ],
)
def test_fail_who_has_not_the_role_or_the_pin(house, lane, name, pin, problem) -> None:
    async def work(_):
        answer, token = await lane.technician.open(OpenBench(name=name, pin=pin))
        assert (answer.taken, answer.problem, token) == (False, problem, "")
        assert not lane.technician.knows("")
        assert not lane.engine.aside.technician

    house.run(lane, work)


def test_ok_where_nobody_was_ever_named_nobody_needs_a_pin(house, make_lane, capture) -> None:
    lane = make_lane(capture)

    async def work(_):
        answer, token = await lane.technician.open(OpenBench())
        assert answer.taken
        assert lane.technician.knows(token)
        lane.engine.duty.known, lane.engine.duty.readable = (
            (),
            False,
        )  # a book that cannot be read is no such box
        answer, _token = await lane.technician.open(OpenBench())
        assert not answer.taken

    house.run(lane, work)


def test_ok_what_the_errands_say_of_the_post_is_on_the_page(house, lane) -> None:
    async def work(_):
        token = await begun(lane)
        assert (await lane.technician.view()).post is None
        lane.technician.post = lambda: PostReport(
            device="lane-2", state="asked", request='{"version":2}', letters="1A2B 3C4D 5E6F 7A8B"
        )
        async with page_of(lane) as page:
            path = "/technician/post-request.svg"
            assert (await page.get(path)).status_code == 404, "to whom has not proved who he is"
            page.cookies.set("technician", token)
            drawn = await page.get(path)
            assert drawn.headers["content-type"] == "image/svg+xml"
            assert drawn.text.count("<svg") == 1
            lane.technician.post = lambda: PostReport(device="lane-2", state="member", until="2029-02-04")
            assert (await page.get(path)).status_code == 404

    house.run(lane, work)


def test_ok_a_specimen_is_read_and_judged_and_no_crossing(house, lane, capture) -> None:
    async def work(_):
        token = await begun(lane)
        assert (await lane.technician.try_(token, "specimen")).taken
        assert (await lane.technician.try_(token, "finger")).problem == "busy"
        await until(lambda: lane.technician._doing == "")
        view = await lane.technician.view()
        assert view.specimen.lines == capture.lines
        by_id = {one.id: one for one in view.specimen.checks}
        assert by_id["mrz.read"].verdict == "PASS"
        assert by_id["chip.read"].verdict == "PASS"
        noted = {one.id: one for one in lane.technician.agent.noted[-1].results}
        assert (noted["document.page"].verdict, noted["document.chip"].verdict) == ("PASS", "PASS")
        told = json.dumps(msgspec.to_builtins(noted), default=str)
        assert not any(line[:20] in told for line in capture.lines), "nothing of who is on it leaves"
        assert lane.engine.state.started is None
        await lane.technician.try_(token, "leave")
        assert (await lane.technician.view()).specimen is None

    house.run(lane, work)
    assert records_of(lane, house) == []


def test_fail_no_document_no_sensor_and_no_agent_are_said(house, lane, capture) -> None:
    capture.failures = {"read_mrz": ["timeout"]}

    async def work(_):
        token = await begun(lane)
        for what in ("specimen", "finger"):
            assert (await lane.technician.try_(token, what)).taken
            await until(lambda: lane.technician._doing == "")
        noted = {one.id: (one.verdict, one.reason) for one in (await lane.technician.view()).results}
        assert noted["document.page"] == ("CANNOT", "timeout")
        assert noted["finger.image"] == ("NOT_DONE", "no_device")
        lane.technician.agent = None
        assert (await lane.technician.try_(token, "run")).problem == "no_agent"
        assert (await lane.technician.view()).agent is None

    house.run(lane, work)


def test_ok_each_light_is_confirmed_and_one_unseen_fails_them(house, lane, capture) -> None:
    async def confirmed(answers: dict[str, str]) -> dict[str, str]:
        token = await begun(lane)
        assert (await lane.technician.try_(token, "seen")).problem == "nothing_shown"
        await lane.technician.try_(token, "signal")
        for signal in SIGNALS:
            assert (await lane.technician.view()).signal == signal == capture.signals[-1]
            await lane.technician.try_(token, answers.get(signal, "seen"))
        assert (await lane.technician.view()).signal == ""
        return {one.id: one.verdict.value for one in (await lane.technician.view()).results}

    async def work(_):
        assert (await confirmed({}))["panel.lights"] == "PASS"
        second = await confirmed({"done": "not_seen"})
        assert (second["panel.done"], second["panel.lights"]) == ("FAIL", "FAIL")
        assert capture.signals[-1] == "ready"

    house.run(lane, work)


def test_ok_a_traveller_ends_it_wherever_it_stands(house, lane, capture) -> None:
    async def work(officer):
        token = await begun(lane)
        capture.blocked = {"read_mrz"}
        await lane.technician.try_(token, "specimen")
        await until(lambda: capture.calls.count("read_mrz") == 1)
        await lane.technician.look_through(token, "camera/simulated/x")
        await officer.press()
        await officer.until(lambda view: view.step == "reading_document")
        assert not lane.technician.knows(token)
        assert not lane.engine.aside.technician
        assert (await lane.technician.try_(token, "finger")).problem == "traveller"
        with pytest.raises(ServiceError, match="Nobody works"):
            await lane.technician.look_through(token, "camera/simulated/x")
        answer, _ = await lane.technician.open(OpenBench(name="Tekhnik", pin=PIN))
        assert (answer.taken, answer.problem) == (False, "gone")
        await until(lambda: capture.calls.count("read_mrz") == 2)  # the traveller's own

    house.run(lane, work)


def test_fail_a_picture_that_is_a_traveller_s_by_now_is_not_shown(house, lane, capture) -> None:
    async def work(officer):
        token = await begun(lane)
        gate = asyncio.Event()
        inner = capture.look_through

        async def slow(request):
            await gate.wait()
            return await inner(request)

        capture.look_through = slow
        looking = asyncio.create_task(lane.technician.look_through(token, "camera/simulated/x"))
        await officer.press()
        await officer.until(lambda view: view.step != "waiting")
        gate.set()
        with pytest.raises(ServiceError, match="Somebody stands"):
            await looking

    house.run(lane, work)


def test_ok_who_goes_away_gives_the_readers_back(house, lane) -> None:
    async def work(_):
        lane.technician._idle_seconds = 0.05
        token = await begun(lane)
        await until(lambda: not lane.technician.knows(token))
        assert (await lane.technician.try_(token, "run")).problem == "idle"
        assert not lane.engine.aside.technician

    house.run(lane, work)


def test_ok_a_lane_that_begins_with_the_document_leaves_it_to_the_technician(
    house, make_lane, capture, tmp_path
) -> None:
    text = SHIPPED.read_text("utf-8").replace('start = "press"', 'start = "document"')
    assert 'start = "document"' in text
    (tmp_path / "policy.toml").write_text(text)
    capture.blocked = {"read_mrz"}
    lane = make_lane(capture, policy=tmp_path / "policy.toml")

    async def work(officer):
        await until(lambda: capture.calls.count("read_mrz") == 1)  # the lane waits for a document
        _answer, token = await lane.technician.open(OpenBench())
        capture.blocked = set()
        await lane.technician.try_(token, "specimen")
        await until(lambda: lane.technician._doing == "")
        assert (await lane.technician.view()).specimen is not None
        assert lane.view().step == "waiting"
        assert lane.view().press == "start"
        await lane.technician.try_(token, "leave")
        await officer.until(lambda view: view.step != "waiting")  # and now it begins by itself

    house.run(lane, work)


# The page, attacked


def test_fail_without_the_visit_s_word_no_route_says_anything(house, lane) -> None:
    async def work(_):
        token = await begun(lane)
        async with page_of(lane) as page:
            for cookie in (
                {},
                {"technician": "x"},
                {"technician": token[:-1]},
                {"technician": "\u00fc".encode()},
            ):
                heads = {"cookie": "; ".join(f"{k}={v}" for k, v in cookie.items())} if cookie else {}
                look = await page.get("/technician/look?camera=camera/simulated/x", headers=heads)
                assert look.status_code == 403
                assert (await page.get("/technician/picture?frame=1", headers=heads)).status_code == 404
                tried = await page.post("/technician/try", json={"what": "run"}, headers=PRESS | heads)
                assert tried.json()["taken"] is False
                events = await page.get("/technician/events", headers=heads)
                assert "ended" in events.text
                assert "regions" in events.text
                assert "device" not in events.text
                assert "bench-do" not in (await page.get("/technician", headers=heads)).text
        assert lane.technician.agent.runs == 0

    house.run(lane, work)


@pytest.mark.parametrize(
    ("path", "body", "headers", "status"),
    [
        ("/technician/try", b'{"what": "reboot"}', {}, 400),
        ("/technician/try", b'{"what": "run", "more": 1}', {}, 400),
        ("/technician/try", b"[]", {}, 400),
        ("/technician/try", b"\xff\xfe", {}, 400),
        ("/technician/try", b'{"what": "' + b"x" * 5000 + b'"}', {}, 413),
        ("/technician/try", b'{"what": "run"}', {"x-borne-kiosk": "0"}, 403),
        ("/technician/try", b'{"what": "run"}', {"sec-fetch-site": "cross-site"}, 403),
        ("/technician/try", b'{"what": "run"}', {"host": "evil.example"}, 400),
        ("/technician/try", b"what=run", {"content-type": "application/x-www-form-urlencoded"}, 415),
        ("/technician/open", b'{"name": "Tekhnik", "pin": "' + b"1" * 65 + b'"}', {}, 400),
        ("/technician/open", b'{"name": 7}', {}, 400),
    ],
)
def test_fail_hostile_requests(house, lane, path, body, headers, status) -> None:
    async def work(_):
        token = await begun(lane)
        async with page_of(lane) as page:
            sent = PRESS | {"cookie": f"technician={token}"} | headers
            assert (await page.post(path, content=body, headers=sent)).status_code == status
            for method in ("put", "delete"):
                assert (await getattr(page, method)("/technician/open")).status_code == 405
            assert (await page.get("/technician/try")).status_code == 405
        assert lane.technician.agent.runs == 0

    house.run(lane, work)


def test_ok_the_page_begins_looks_and_ends(house, lane, capture) -> None:
    async def work(officer):
        async with page_of(lane) as page:
            assert "Tekhnik" in (await page.get("/technician")).text
            assert "Officer<" not in (await page.get("/technician")).text
            wrong = await page.post("/technician/open", json={"name": "Tekhnik", "pin": WRONG}, headers=PRESS)
            assert (wrong.json()["taken"], "set-cookie" in wrong.headers) == (False, False)
            begun_ = await page.post("/technician/open", json={"name": "Tekhnik", "pin": PIN}, headers=PRESS)
            cookie = begun_.headers["set-cookie"]
            assert begun_.json()["taken"]
            assert all(word in cookie for word in ("HttpOnly", "Path=/technician", "SameSite=strict"))
            assert "bench-do" in (await page.get("/technician")).text
            seen = (await page.get("/technician/look?camera=camera/simulated/x")).json()
            assert (await page.get(f"/technician/picture?frame={seen['frame']}")).content == b"\xff\xd8"
            assert (await page.get(f"/technician/picture?frame={seen['frame'] + 1}")).status_code == 404
            capture.failures = {"look_through": ["device_error", "no_device"]}
            assert (await page.get("/technician/look?camera=x")).status_code == 503
            assert (await page.get("/technician/look?camera=x")).status_code == 404
            await page.post("/technician/try", json={"what": "run"}, headers=PRESS)
            assert lane.technician.agent.runs == 1
            await officer.press()
            await officer.until(lambda view: view.step != "waiting")
            assert (await page.get("/technician")).status_code == 303

    house.run(lane, work)
