"""The self-test against services behind real sockets, well and unwell; nothing undone is ever passed."""

import asyncio
import contextlib
import json
import os
import threading
from types import SimpleNamespace

import pytest

from appliance import cli
from appliance.contracts.agent import SELF_TEST_CHECKS, SELF_TEST_REASONS, NoteResults, WatchSelfTest
from appliance.contracts.capture import (
    Devices,
    DeviceStatus,
    Nothing,
    PortraitEvidence,
    RunSelfTest,
    SelfTested,
    SelfTestFinding,
    Show,
    TakePortrait,
)
from appliance.contracts.checks import Check
from appliance.contracts.errors import ServiceError
from appliance.contracts.face import Measure
from appliance.contracts.lane import LaneStatus, ListView, TrustView
from appliance.contracts.transport import Operation, application, listen_unix, serve
from appliance.contracts.uplink import NetworkLink, UplinkStatus
from appliance.services.agent import selftest
from appliance.services.agent.selftest import SIGNALS, SelfTest
from appliance.services.agent.selftest_runs import MOST_RESULTS, SelfTestRuns
from appliance.services.agent.updates import Slots, UpdaterUnavailable


def a_device(kind: str, state: str = "READY", **changes) -> DeviceStatus:
    values = {
        "kind": kind, "driver": "simulated", "key": f"{kind}:1", "model": "x", "state": state,
        "since_seconds": 1.0, "simulated": True, "capabilities": (), "successes": 1, "failures": 0,
        "consecutive_failures": 0, "last_error": None, "last_success_seconds": None, "p95_seconds": None,
    }  # fmt: skip
    return DeviceStatus(**(values | changes))


class Box:
    """The three services; what they say can be changed."""

    def __init__(self) -> None:
        self.devices = (a_device("document_reader"), a_device("camera"), a_device("panel", "BUSY"))
        self.lists = (ListView(name="persons", entries=7, age_hours=3.0, stale=False),)
        self.notices: tuple[str, ...] = ()
        self.quality = "nts"
        self.step = "waiting"
        self.findings: tuple[SelfTestFinding, ...] = ()
        self.connected = True
        self.shown: list[str] = []
        self.silent: set[str] = set()
        self.links: tuple[NetworkLink, ...] = ()
        self.trust: TrustView | None = None

    def _speak(self, name: str) -> None:
        if name in self.silent:
            raise ServiceError("unreachable", "Nobody answers.")

    async def say_devices(self, _: Nothing) -> Devices:
        self._speak("capture")
        return Devices(devices=self.devices)

    async def say_tested(self, request: RunSelfTest) -> SelfTested:
        self._speak(request.key)
        findings = self.findings if request.key == "fingerprint_sensor:1" else ()
        return SelfTested(key=request.key, findings=findings)

    async def take_portrait(self, request: TakePortrait) -> PortraitEvidence:
        self._speak("picture")
        return PortraitEvidence(
            record=b"", width=640, height=480, cropped=True, ended="time", faces=1, pictures=3, seconds=1.0,
            measures={"Sharpness": Measure(scalar=71), "HeadSize": Measure(scalar=9)}, comparison=None,
            attack=None, device="camera:1", simulated=True,
        )  # fmt: skip

    async def show(self, request: Show) -> Nothing:
        self._speak("panel")
        self.shown.append(request.signal)
        return Nothing()

    async def say_status(self, _: Nothing) -> LaneStatus:
        self._speak("lane")
        return LaneStatus(
            epoch="e", last_seq=5, acknowledged_seq=3, unsent=2, step=self.step, notices=self.notices,
            lists=self.lists, time_quality=self.quality, trust=self.trust,
        )  # fmt: skip

    async def say_link(self, _: Nothing) -> UplinkStatus:
        self._speak("uplink")
        return UplinkStatus(
            connected=self.connected, broker="b:8883", acknowledged_seq=3, published=3,
            repeated=0, reconnects=0,
            last_problem="" if self.connected else "The broker does not answer.", links=self.links,
        )  # fmt: skip

    def test(self, tmp_path, **more) -> dict[str, dict]:
        capture = SimpleNamespace(
            devices=self.say_devices,
            show=self.show,
            self_test=self.say_tested,
            take_portrait=self.take_portrait,
        )
        lane, uplink = SimpleNamespace(status=self.say_status), SimpleNamespace(status=self.say_link)
        one = SelfTest(capture=capture, lane=lane, uplink=uplink, data=tmp_path, signal_seconds=0, **more)
        return {result["id"]: result for result in asyncio.run(one.run())}


@pytest.fixture
def box() -> Box:
    return Box()


def test_ok_a_box_that_is_well(box, tmp_path) -> None:
    results = box.test(tmp_path, ask=lambda question: True)
    assert box.shown == [*SIGNALS, "off"]
    verdicts = {id_: one["verdict"] for id_, one in results.items() if id_ != "box.health"}
    undone = {"disk.flush", "disk.card", "box.software", "central.network"}
    assert {verdicts.pop(id_) for id_ in undone} == {"NOT_DONE"}
    assert set(verdicts.values()) == {"PASS"}
    assert {"devices.camera.2", "panel.lights", "records.journal", "clock.quality"} <= verdicts.keys()
    assert {"lists.persons", "central.broker"} <= verdicts.keys()


def test_ok_each_device_tests_itself_and_a_picture_is_taken(box, tmp_path) -> None:
    box.devices = (a_device("fingerprint_sensor"), a_device("camera"))
    box.findings = (SelfTestFinding(name="image", passed=True, value="384x290"),)
    results = box.test(tmp_path)
    assert results["devices.fingerprint_sensor.1"]["verdict"] == "PASS"
    assert results["devices.fingerprint_sensor.1"]["evidence"]["findings"] == {"image": "384x290"}
    assert results["camera.picture"]["evidence"] == {"size": "640x480", "faces": 1, "Sharpness": 71}
    box.findings += (SelfTestFinding(name="dirt", passed=False, value="seen"),)
    failed = box.test(tmp_path)["devices.fingerprint_sensor.1"]
    assert (failed["verdict"], failed["reason"]) == ("FAIL", "self_test_dirt")
    box.silent = {"fingerprint_sensor:1"}
    assert box.test(tmp_path)["devices.fingerprint_sensor.1"]["reason"] == "self_test_answers"


def test_ok_no_picture_of_a_traveller(box, tmp_path) -> None:
    box.step = "reading_chip"
    picture = box.test(tmp_path)["camera.picture"]
    assert (picture["verdict"], picture["reason"]) == ("NOT_DONE", "traveller_at_the_box")
    box.step, box.silent = "waiting", {"picture"}
    assert box.test(tmp_path)["camera.picture"]["verdict"] == "CANNOT"
    box.devices = (a_device("panel"),)
    assert box.test(tmp_path)["camera.picture"]["reason"] == "no_camera"


def test_ok_what_nobody_saw_is_not_done(box, tmp_path) -> None:
    results = box.test(tmp_path)
    assert (results["panel.lights"]["verdict"], box.shown) == ("NOT_DONE", [])
    box.devices = (a_device("camera"),)
    assert box.test(tmp_path, ask=lambda question: True)["panel.lights"]["reason"] == "no_panel"


@pytest.mark.parametrize(
    ("changes", "id_", "verdict", "reason"),
    [
        ({"devices": ()}, "devices.capture", "FAIL", "no_device_configured"),
        (
            {"devices": (a_device("camera", "ABSENT", last_error="gone"),)},
            "devices.camera.1",
            "FAIL",
            "absent",
        ),
        ({"notices": ("database_set_aside",)}, "records.journal", "FAIL", "database_set_aside"),
        ({"quality": "unsure"}, "clock.quality", "FAIL", "unsure"),
        ({"lists": ()}, "lists.any", "NOT_DONE", "no_list"),
        (
            {"lists": (ListView(name="x", entries=1, age_hours=400.0, stale=True),)},
            "lists.x",
            "FAIL",
            "stale",
        ),
        (
            {"lists": (ListView(name="x", entries=1, age_hours=None, stale=False),)},
            *("lists.x", "CANNOT", "clock_cannot_tell"),
        ),
        ({"connected": False}, "central.broker", "FAIL", "not_connected"),
        ({"silent": {"capture"}}, "devices.capture", "CANNOT", "unreachable"),
        ({"silent": {"panel"}}, "panel.lights", "CANNOT", "unreachable"),
        ({"silent": {"lane"}}, "records.lane", "CANNOT", "unreachable"),
        ({"silent": {"uplink"}}, "central.uplink", "CANNOT", "unreachable"),
    ],
)
def test_fail_each_by_itself_is_said(box, tmp_path, changes, id_, verdict, reason) -> None:
    vars(box).update(changes)
    result = box.test(tmp_path, ask=lambda question: True)[id_]
    assert (result["verdict"], result["reason"]) == (verdict, reason)


def test_fail_lights_that_nobody_saw(box, tmp_path) -> None:
    assert box.test(tmp_path, ask=lambda question: False)["panel.lights"]["verdict"] == "FAIL"


def test_ok_a_disk_that_waits_and_one_that_only_says_so(box, tmp_path, monkeypatch) -> None:
    monkeypatch.setattr(selftest, "HONEST_FLUSH_SECONDS", 0.0)
    honest = box.test(tmp_path, disk=tmp_path)["disk.flush"]
    assert (honest["verdict"], honest["evidence"]["flushes"]) == ("PASS", selftest.FLUSHES)
    monkeypatch.setattr(selftest, "HONEST_FLUSH_SECONDS", 10.0)
    assert box.test(tmp_path, disk=tmp_path)["disk.flush"]["reason"] == "too_fast"
    assert list(tmp_path.iterdir()) == []  # nothing is left behind


def test_fail_a_disk_that_cannot_be_written(box, tmp_path) -> None:
    assert box.test(tmp_path, disk=tmp_path / "none")["disk.flush"]["verdict"] == "CANNOT"


def test_fail_a_box_that_is_not_well(box, tmp_path, monkeypatch) -> None:
    monkeypatch.setattr(selftest, "box_health", lambda data: {"warnings": ["too_hot"]})
    assert box.test(tmp_path)["box.health"]["reason"] == "too_hot"


# the command, across the services' sockets

CONFIG = """
[box]
device = "box-1"
post = "North"
[paths]
run = "{run}"
data = "{run}"
[central]
sealing_key = "x"
watermark_key = "x"
"""


@contextlib.contextmanager
def served(box: Box, run):
    """The services behind their sockets, in a thread of their own."""
    parts = {
        "capture": [
            Operation("devices", Nothing, box.say_devices),
            Operation("show", Show, box.show),
            Operation("self_test", RunSelfTest, box.say_tested),
            Operation("take_portrait", TakePortrait, box.take_portrait),
        ],
        "lane": [Operation("status", Nothing, box.say_status)],
        "uplink": [Operation("status", Nothing, box.say_link)],
    }
    listeners = {name: listen_unix(run / f"{name}.sock") for name in parts}
    started: list[tuple[asyncio.AbstractEventLoop, asyncio.Event]] = []

    async def main() -> None:
        stop = asyncio.Event()
        jobs = [asyncio.ensure_future(serve(application(parts[name]), listeners[name])) for name in parts]
        started.append((asyncio.get_running_loop(), stop))
        await stop.wait()
        for job in jobs:
            job.cancel()
        await asyncio.gather(*jobs, return_exceptions=True)

    thread = threading.Thread(target=lambda: asyncio.run(main()))
    thread.start()
    try:
        yield
    finally:
        loop, stop = started[0]
        loop.call_soon_threadsafe(stop.set)
        thread.join(10)


def run_command(tmp_path, *words: str) -> int:
    (tmp_path / "borne.toml").write_text(CONFIG.format(run=tmp_path))
    return cli.main(["selftest", "--config", str(tmp_path / "borne.toml"), *words])


def test_ok_the_command_asks_a_running_box(box, tmp_path, capsys, monkeypatch) -> None:
    monkeypatch.setattr(selftest, "box_health", lambda data: {"warnings": []})
    with served(box, tmp_path):
        assert run_command(tmp_path, "--json") == 0
        said = json.loads(capsys.readouterr().out)
        assert said["device"] == "box-1"
        assert {one["id"] for one in said["checks"]} >= {"devices.camera.2", "central.broker", "disk.flush"}
        assert run_command(tmp_path, "--unattended") == 0
        assert "Nothing failed." in capsys.readouterr().out


def test_ok_a_technician_is_asked(box, tmp_path, capsys, monkeypatch) -> None:
    monkeypatch.setattr(selftest, "box_health", lambda data: {"warnings": []})
    monkeypatch.setattr(selftest, "SIGNALS", ("ready",))
    monkeypatch.setattr("sys.stdin", SimpleNamespace(isatty=lambda: True))
    monkeypatch.setattr("builtins.input", lambda prompt: "n")
    with served(box, tmp_path):
        assert run_command(tmp_path) == 1
    assert "not_seen" in capsys.readouterr().out


def test_fail_nobody_answers(tmp_path, capsys) -> None:
    assert run_command(tmp_path, "--unattended") == 1
    assert "unreachable" in capsys.readouterr().out


def test_fail_no_configuration(tmp_path, capsys) -> None:
    assert cli.main(["selftest", "--config", str(tmp_path / "none")]) == 2
    assert os.linesep in capsys.readouterr().err


# Its state, for the technician's page and the telemetry


def runs_of(box: Box, tmp_path, **more) -> SelfTestRuns:
    capture = SimpleNamespace(
        devices=box.say_devices, show=box.show, self_test=box.say_tested, take_portrait=box.take_portrait
    )
    lane, uplink = SimpleNamespace(status=box.say_status), SimpleNamespace(status=box.say_link)
    return SelfTestRuns(SelfTest(capture=capture, lane=lane, uplink=uplink, data=tmp_path, **more))


def test_ok_a_run_is_watched_as_it_goes_on(box, tmp_path) -> None:
    async def main() -> None:
        runs = runs_of(box, tmp_path)
        assert runs.telemetry() == {}
        runs.start()
        runs.start()  # one goes on: nothing begins anew
        seen = [runs.state]
        async with asyncio.timeout(60):
            while seen[-1].running:
                seen.append(await runs.watch(WatchSelfTest(after=seen[-1].revision, timeout=30.0)))
        assert [one.revision for one in seen] == sorted({one.revision for one in seen})
        assert (seen[-1].done, seen[-1].total) == (7, 7)
        assert {"panel.lights", "box.health", "central.network"} <= {one.id for one in seen[-1].results}
        told = runs.telemetry()
        assert "panel.lights: nobody_looks" in told["not_done"]
        assert told["passed"] == sum(one.verdict == "PASS" for one in seen[-1].results)

    asyncio.run(main())


def test_ok_what_a_technician_confirmed_goes_with_the_telemetry_until_the_next_run(box, tmp_path) -> None:
    async def main() -> None:
        runs = runs_of(box, tmp_path)
        runs.start()
        seen = Check(id="panel.lights", verdict="PASS", reason="seen")
        runs.note(NoteResults(results=(seen,)))
        async with asyncio.timeout(60):
            while runs.state.running:
                await runs.watch(WatchSelfTest(after=runs.state.revision, timeout=30.0))
        assert seen in runs.state.results, "the run could not do it, a person could"
        assert not any(one.startswith("panel.lights") for one in runs.telemetry()["not_done"])
        runs.start()
        assert seen not in runs.state.results
        await runs.stop()
        assert not runs.running

    asyncio.run(main())


def test_fail_more_than_a_box_has_and_no_self_test_at_all(box, tmp_path) -> None:
    runs = runs_of(box, tmp_path)
    many = tuple(Check(id=f"x.{n}", verdict="PASS", reason="seen") for n in range(MOST_RESULTS + 1))
    with pytest.raises(ServiceError, match="more than a box"):
        runs.note(NoteResults(results=many))
    assert runs.state.results == ()
    with pytest.raises(ServiceError, match="no self-test"):
        SelfTestRuns(None).start()


@pytest.mark.parametrize(
    ("slots", "expected"),
    [
        (Slots(running="A", primary="A"), ("PASS", "kept")),
        (Slots(running="B", primary="A"), ("NOT_DONE", "on_trial")),
        (UpdaterUnavailable("RAUC does not answer."), ("CANNOT", "updater")),
    ],
)
def test_ok_which_slot_runs_and_whether_it_is_kept(box, tmp_path, slots, expected) -> None:
    def say() -> Slots:
        if isinstance(slots, Exception):
            raise slots
        return slots

    software = box.test(tmp_path, slots=say)["box.software"]
    assert (software["verdict"], software["reason"]) == expected


def test_ok_the_card_s_wear_stands_on_its_own(box, tmp_path, monkeypatch) -> None:
    for worn, warnings, verdict in ((30, [], "PASS"), (90, ["card_worn"], "FAIL")):
        report = {"warnings": warnings, "card_worn_percent": worn}
        monkeypatch.setattr(selftest, "box_health", lambda data, report=report: report)
        results = box.test(tmp_path)
        assert (results["disk.card"]["verdict"], results["box.health"]["verdict"]) == (verdict, "PASS")


def test_ok_the_cable_the_broker_and_central_s_word_are_three_things(box, tmp_path) -> None:
    box.links = (NetworkLink(name="eth0", up=False),)
    box.connected = False
    results = box.test(tmp_path)
    told = {name: results[f"central.{name}"]["reason"] for name in ("network", "broker", "word")}
    assert told == {"network": "no_link", "broker": "not_connected", "word": "nothing_acknowledged"}
    box.links, box.connected = (NetworkLink(name="eth0", up=True),), True
    results = box.test(tmp_path)
    told = {name: results[f"central.{name}"]["reason"] for name in ("network", "broker", "word")}
    assert told == {"network": "link", "broker": "connected", "word": "acknowledged"}


@pytest.mark.parametrize(("authorities", "verdict"), [(588, "PASS"), (0, "FAIL")])
def test_ok_trust_anchors_are_counted(box, tmp_path, authorities, verdict) -> None:
    box.trust = TrustView(authorities=authorities, version=3, age_hours=2.0)
    assert box.test(tmp_path)["trust.anchors"]["verdict"] == verdict


def test_ok_every_part_and_reason_has_words_on_the_page(box, tmp_path) -> None:
    """What agent can say is what contracts.agent lists: the page's catalogues are held to that list."""
    import ast
    import inspect

    strings = {
        node.value
        for node in ast.walk(ast.parse(inspect.getsource(selftest)))
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
    }
    unused = {"document.page", "document.chip", "finger.image"}  # lane's own
    assert set(SELF_TEST_CHECKS) - unused <= strings
    said = {one["id"] for one in box.test(tmp_path).values()}
    plain = {one for one in said if not one.startswith(("devices.", "lists."))}
    assert plain <= set(SELF_TEST_CHECKS)
    assert SELF_TEST_REASONS
