"""The four services as systemd runs them: four processes, their sockets, the broker, central behind it."""

import asyncio
import contextlib
import errno
import json
import os
import pty
import shutil
import signal
import socket
import subprocess
import sys
import time
import tty
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace

import httpx
import pytest

from appliance import wiring
from appliance.config import Config, Profile, load_config
from appliance.contracts.capture import CaptureClient, Nothing
from appliance.contracts.errors import ServiceError
from appliance.contracts.lane import LaneClient, LaneStatus
from appliance.contracts.uplink import UplinkClient, UplinkStatus
from appliance.opening import CannotStart
from appliance.services.lane.policy import load_policy
from appliance.simulation.portraits import draw_portrait
from appliance.simulation.travellers import traveller
from appliance.simulation.world import DeviceTable, World

SERVICES = ("capture", "lane", "uplink", "agent")
PRESS = {"x-borne-kiosk": "1", "content-type": "application/json"}


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Box:
    """Four processes from one configuration, an MRZ reader on a serial line, a picture for a camera."""

    def __init__(self, folder: Path) -> None:
        self.world = World(folder)
        self.port = free_port()
        self.line, self._port_end = pty.openpty()
        tty.setraw(self._port_end)
        self.processes: dict[str, subprocess.Popen[str]] = {}

    def __enter__(self) -> "Box":
        self.world.__enter__()
        picture = self.world.folder / "box" / "portrait.jpg"
        picture.write_bytes(draw_portrait(11, live=True))
        devices = (
            DeviceTable("document_reader", "mrz_line", {"port": os.ttyname(self._port_end)}),
            DeviceTable("camera", "file", {"path": str(picture)}),
            DeviceTable("panel", "simulated", {}),
        )
        self.file = self.world.write_configuration(
            devices, kiosk_port=self.port, language="fr", unattended=True
        )
        self.config = load_config(self.file)
        for service in SERVICES:
            self.start(service)
        return self

    def __exit__(self, *problem: object) -> None:
        try:
            for process in self.processes.values():
                process.kill()
                process.wait()
                process.stderr.close()
            os.close(self.line)
            os.close(self._port_end)
        finally:
            self.world.__exit__()

    def start(self, service: str) -> None:
        self.processes[service] = subprocess.Popen(
            [sys.executable, "-m", "appliance.cli", "run", service, "--config", str(self.file)],
            stderr=subprocess.PIPE,
            text=True,
        )

    def lane(self) -> LaneStatus:
        return asked(lambda: LaneClient(self.config.paths.run / "lane.sock"))

    def uplink(self) -> UplinkStatus:
        return asked(lambda: UplinkClient(self.config.paths.run / "uplink.sock"))

    def press(self, event: str = "press") -> None:
        """What the page does: see a view that offers it, and answer that view."""

        def answered() -> bool:
            view = self.screen()
            if not view[event]:
                return False
            body = json.dumps({"event": event, "revision": view["revision"]})
            answer = httpx.post(f"http://127.0.0.1:{self.port}/press", content=body, headers=PRESS)
            return answer.json()["taken"]

        until(answered)

    def swiped(self) -> bool:
        """Swipe, and again if the reader was not yet listening: what came earlier is another's."""
        if self.lane().step == "reading_document":
            os.write(self.line, b"\r".join(line.encode() for line in traveller(1).lines) + b"\r")
            time.sleep(0.5)
        return self.lane().step == "deciding"

    def cross(self) -> None:
        """One traveller in this box's life, whichever test comes first: workers take from each other."""
        until(lambda: len(self.lane().lists) == 2)
        if self.lane().last_seq == 2:
            return
        self.press()
        until(lambda: self.lane().step == "reading_document")
        until(self.swiped)
        until(lambda: self.screen()["recommendation"] in ("GREEN", "AMBER"))
        self.press()
        until(lambda: self.lane().last_seq == 2 and self.lane().unsent == 0)  # the facts, and the portrait

    def screen(self) -> dict:
        with httpx.stream("GET", f"http://127.0.0.1:{self.port}/events", timeout=60) as answer:
            for line in answer.iter_lines():
                if line.startswith("data: "):
                    return json.loads(line[6:])
        raise AssertionError("no event")


def asked(make: Callable[[], object]):
    async def ask():
        client = make()
        try:
            return await client.status(Nothing())
        finally:
            await client.close()

    return asyncio.run(ask())


def answers(box: Box, service: str) -> bool:
    """Whether it has started: its socket is served."""
    with socket.socket(socket.AF_UNIX) as line, contextlib.suppress(OSError):
        line.connect(str(box.config.paths.run / f"{service}.sock"))
        return True
    return False


def until(wanted: Callable[[], object], *, seconds: float = 60.0) -> None:
    deadline = time.monotonic() + seconds
    while True:
        with contextlib.suppress(ServiceError, httpx.TransportError):
            if wanted():
                return
        assert time.monotonic() < deadline, "it did not come about"
        time.sleep(0.05)


@pytest.fixture(scope="module")
def box(pseudo_terminals: None, tmp_path_factory) -> Iterator[Box]:
    with Box(tmp_path_factory.mktemp("b")) as box:
        yield box


# The box lives through them all.


def test_ok__signed_lists_come_through_uplink_into_lane(box: Box) -> None:
    until(lambda: len(box.lane().lists) == 2)
    assert box.uplink().connected
    assert [one.stale for one in box.lane().lists] == [False, False]


def test_ok__sockets_let_in_owner_and_group_only(box: Box) -> None:
    until(lambda: all(answers(box, service) for service in SERVICES))
    sockets = {file.name: file.stat().st_mode & 0o777 for file in box.config.paths.run.glob("*.sock")}
    assert sockets == dict.fromkeys(("capture.sock", "lane.sock", "uplink.sock", "agent.sock"), 0o660)


def test_ok__the_kiosk_speaks_its_language_on_the_loopback(box: Box) -> None:
    pages: list[httpx.Response] = []
    until(lambda: pages.append(httpx.get(f"http://127.0.0.1:{box.port}/")) or pages)
    assert pages[-1].status_code == 200
    assert 'lang="fr"' in pages[-1].text


def test_ok__one_traveller_across_all_sockets(box: Box) -> None:
    box.cross()
    counted = box.world.count()
    assert (counted["crossings"], counted["records"]) == (1, 2)


def test_ok__killed_and_started_again(box: Box) -> None:
    box.cross()
    for service in ("capture", "uplink", "lane"):
        box.processes[service].kill()
        box.processes[service].communicate()
    with pytest.raises(ServiceError) as gone:
        box.lane()
    assert (gone.value.code, gone.value.retry) == ("unreachable", True)
    for service in ("capture", "uplink", "lane"):
        box.start(service)  # the socket files of the killed are still there
    until(lambda: box.lane().last_seq == 2 and len(box.lane().lists) == 2)
    until(lambda: box.uplink().connected)
    capture = CaptureClient(box.config.paths.run / "capture.sock")
    until(lambda: asyncio.run(capture.devices(Nothing())).devices)


def test_fail__a_second_lane(box: Box) -> None:
    box.cross()
    second = subprocess.run(
        [sys.executable, "-m", "appliance.cli", "run", "lane", "--config", str(box.file)],
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert second.returncode == 2
    assert second.stderr.count("\n") == 1
    assert "stop it first" in second.stderr
    assert box.lane().last_seq == 2, "the first one did not notice"


@pytest.mark.parametrize("service", ["agent", "uplink", "lane", "capture"])
def test_ok__sigterm_ends_each(box: Box, service: str) -> None:
    process = box.processes[service]
    until(lambda: answers(box, service))
    assert process.poll() is None, process.communicate()[1]
    began = time.monotonic()
    process.send_signal(signal.SIGTERM)
    _, said = process.communicate(timeout=60)
    assert process.returncode == 0, said
    assert time.monotonic() - began < 5
    assert "Traceback" not in said


# What cannot be built


@pytest.fixture
def configured(box: Box, tmp_path: Path) -> Callable[..., Config]:
    """The box's configuration with other data, and words replaced."""

    def make(**replaced: str) -> Config:
        text = box.file.read_text().replace(str(box.config.paths.data), str(tmp_path / "data"))
        for word, other in replaced.items():
            assert word in text
            text = text.replace(word, other)
        file = tmp_path / "borne.toml"
        file.write_text(text)
        return load_config(file)

    return make


def cannot(build: Callable[[], object]) -> str:
    with pytest.raises(CannotStart) as error:
        build()
    return str(error.value)


def test_ok__what_config_holds_can_be_used() -> None:
    """The commented defaults, as a technician copies them; the policy is the one that ships."""
    folder = Path(__file__).parents[2] / "config"
    config = load_config(folder / "borne.toml")
    assert [device.identity.kind for device in wiring.make_devices(config)] == [
        "document_reader", "document_reader", "camera", "panel"
    ]  # fmt: skip
    assert load_policy(folder / "policy.toml") == load_policy(None)


def test_fail__devices(configured) -> None:
    assert "telepathy" in cannot(lambda: wiring.make_devices(configured(mrz_line="telepathy")))
    production = configured(**{'profile = "demo"': 'profile = "production"'})
    assert "production profile refuses" in cannot(lambda: wiring.make_devices(production))


def test_fail__the_kiosk(configured) -> None:
    def kiosk(words: str) -> str:
        return cannot(lambda: wiring.kiosk(configured(**{"[kiosk]": f"[kiosk]\n{words}"}), lane=None))

    assert "'xx'; there are for: ar, en, es, fr, ky, prs, ps, pt, ru" in kiosk('languages = ["en", "xx"]')
    assert "is not among the page's languages: ru" in kiosk('languages = ["ru"]')
    with socket.socket() as taken:
        taken.bind((wiring.LOOPBACK, 0))
        assert "is taken" in cannot(lambda: wiring.listen_loopback(taken.getsockname()[1]))


def test_fail__a_port_of_the_systems(monkeypatch) -> None:
    def refuse(*_: object) -> None:
        raise PermissionError(errno.EACCES, "Permission denied")

    class Refusing(socket.socket):
        bind = refuse

    monkeypatch.setattr(wiring.socket, "socket", Refusing)
    assert "is the system's" in cannot(lambda: wiring.listen_loopback(80))


def test_fail__lane(configured, box: Box, tmp_path: Path) -> None:
    def lane(**replaced: str) -> str:
        return cannot(lambda: wiring.make_lane(configured(**replaced), capture=None))

    assert "cannot be read" in lane(**{"sealing.pub": "other.pub"})
    assert "nobody may sign" in lane(**{"reference-root.json": "other.json"})
    assert "both" in lane(gateway_signing_key="# gateway_signing_key")
    assert "cannot be read" in lane(**{"gateway-sealing.pub": "none.pub"})
    (tmp_path / "policy.toml").write_text("no = such policy")
    wrong = lane(**{str(box.config.paths.policy): str(tmp_path / "policy.toml")})
    assert str(tmp_path / "policy.toml") in wrong
    shutil.rmtree(tmp_path / "data", ignore_errors=True)
    (tmp_path / "data").touch()
    assert "journal" in lane()


def test_fail__uplink(configured, box: Box) -> None:
    named = configured(**{str(box.config.broker.key): "/nowhere/box.key"})
    assert "/nowhere/box.key is missing" in cannot(lambda: wiring.make_uplink(named, lane=None))
    text = box.file.read_text()
    start = text.index("[broker]")
    unconnected = configured(**{text[start : text.index("[kiosk]")]: ""})
    assert "No [broker]" in cannot(lambda: wiring.make_uplink(unconnected, lane=None))


def test_fail__the_kiosks_port_is_taken() -> None:
    with wiring.listen_loopback(0) as taken:
        port = taken.getsockname()[1]
        assert f"Port {port} on 127.0.0.1 is taken" in cannot(lambda: wiring.listen_loopback(port))


def test_fail__a_part_that_fails_ends_the_service() -> None:
    # systemd starts a service again that ended; one that went on without a part would look well.
    ended = []

    async def broken() -> None:
        await asyncio.sleep(0)
        raise RuntimeError("a part broke")

    async def other() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            ended.append("other")

    with pytest.raises(RuntimeError, match="a part broke"):
        asyncio.run(wiring._until_stopped([broken(), other()]))
    assert ended == ["other"]


def test_fail__production_refuses_the_simulator_s_authority(tmp_path: Path) -> None:
    import datetime as dt

    from appliance.opening import content_checks, trust_folder
    from appliance.reference_data.installer import ContentUnusable
    from appliance.reference_data.sealed import ContentType
    from appliance.reference_data.trust_folder import install_trust_store
    from appliance.simulation.chip.authority import trust_store_for

    config = SimpleNamespace(
        paths=SimpleNamespace(data=tmp_path), box=SimpleNamespace(profile=Profile.PRODUCTION)
    )
    assert trust_folder(config).store().empty
    store = trust_store_for(["UTO"], now=dt.datetime.now(dt.UTC), crl_age=dt.timedelta(hours=1))
    install_trust_store(tmp_path / "trust", store.to_bytes())
    with pytest.raises(CannotStart, match="simulator's authority"):
        trust_folder(config)
    with pytest.raises(ContentUnusable, match="simulator's authority"):
        content_checks(production=True)[ContentType.TRUST_ANCHORS](store.to_bytes())
    content_checks()[ContentType.TRUST_ANCHORS](store.to_bytes())
    config.box.profile = Profile.TRAINING
    assert trust_folder(config).store().countries == ("UT",)
    (tmp_path / "trust" / "trust.store").write_bytes(b"garbage")
    trust_folder(config)
