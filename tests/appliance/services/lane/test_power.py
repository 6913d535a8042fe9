"""The power fails at a real lane: said on the screen, nobody begins, the step under way is kept, and after
the cut the box is back in the same traveller; and how long the box took to be ready."""

import asyncio
import json
from pathlib import Path

import pytest
from gpiozero.pins.mock import MockFactory
from scripted import ScriptedCapture

from appliance.clock import Kernel
from appliance.config import Power
from appliance.contracts.capture import Nothing
from appliance.contracts.lane import PowerNews
from appliance.services.agent.power_fail import PowerWatch
from appliance.services.capture.service import CaptureService
from appliance.services.lane import boot as boot_module
from appliance.services.lane import policy
from appliance.services.lane.boot import FILE, MAX_FILE_BYTES, STARTED_WITHIN_SECONDS, BootToReady
from appliance.simulation.travellers import traveller
from hal.power.gpio import GpioPower, Options

SHIPPED = Path(policy.__file__).with_name("policy.toml")


@pytest.fixture
def capture() -> ScriptedCapture:
    return ScriptedCapture(traveller(1).lines)


class SlowPortrait(ScriptedCapture):
    """Takes the picture when it is let."""

    def __init__(self) -> None:
        super().__init__(traveller(1).lines)
        self.let = asyncio.Event()

    async def take_portrait(self, request):
        await self.let.wait()
        return await super().take_portrait(request)


def test_ok_a_pin_falls_and_the_box_goes_in_order_and_comes_back(house, make_lane, tmp_path) -> None:
    """The whole way: a pin, capture, agent, lane, the officer's screen, the file that systemd waits for."""
    pins = MockFactory()
    supply = GpioPower(Options(pin=26), make_pins=lambda: pins)
    capture = SlowPortrait()
    lane = make_lane(capture)

    async def work(officer):
        devices = CaptureService([supply])
        watch = PowerWatch(
            Power(hold_seconds=0), capture=devices, lane=lane, power_off=tmp_path / "power-off",
            poll_seconds=0.01,
        )  # fmt: skip
        watching = asyncio.create_task(watch.run())
        pins.pin(26).drive_high()
        await officer.press()
        await officer.until(lambda view: view.step == "taking_portrait")
        pins.pin(26).drive_low()
        await devices._desk._read_power()
        await officer.until(lambda view: "power_failing" in view.notices)
        assert not (tmp_path / "power-off").exists(), "the step under way has its time"
        capture.let.set()
        async with asyncio.timeout(60):
            await watching
        assert (tmp_path / "power-off").exists()
        assert lane.engine.state.portrait is not None
        return lane.engine.state.started.crossing

    crossing = house.run(lane, work)
    supply.close()
    pins.reset()
    again = make_lane(ScriptedCapture(traveller(1).lines))

    async def after(officer):
        view = await officer.until(lambda view: view.step == "deciding")
        assert (view.crossing, view.has_portrait) == (crossing, True)
        assert "power_failing" not in view.notices

    house.run(again, after)


def test_ok_nobody_begins_and_when_it_is_back_somebody_does(house, make_lane, capture) -> None:
    lane = make_lane(capture)

    async def work(officer):
        await officer.until(lambda view: view.press == "start")
        assert (await lane.power(PowerNews(failing=True, wait=30.0))).step == "waiting"  # at once
        await officer.until(lambda view: view.press is None and "power_failing" in view.notices)
        assert (await lane.status(Nothing())).notices[-1] == "power_failing"
        await lane.power(PowerNews(failing=False))
        view = await officer.until(lambda view: view.press == "start")
        assert "power_failing" not in view.notices
        await officer.press()
        await officer.until(lambda view: view.step == "deciding")

    house.run(lane, work)


def test_ok_a_lane_that_begins_with_the_document_reads_none_meanwhile(
    house, make_lane, capture, tmp_path
) -> None:
    text = SHIPPED.read_text("utf-8").replace('start = "press"', 'start = "document"')
    (tmp_path / "policy.toml").write_text(text)
    capture.blocked = {"read_mrz"}
    lane = make_lane(capture, policy=tmp_path / "policy.toml")

    async def work(officer):
        await officer.until(lambda view: view.press == "start")
        await lane.power(PowerNews(failing=True))
        await officer.until(lambda view: view.press is None)
        capture.blocked = set()
        await asyncio.sleep(0.2)
        assert lane.view().step == "waiting"
        await lane.power(PowerNews(failing=False))
        await officer.until(lambda view: view.step != "waiting")

    house.run(lane, work)


def test_ok_a_step_that_takes_too_long_is_not_waited_for(house, make_lane, capture) -> None:
    lane = make_lane(capture)
    capture.blocked = {"read_mrz"}

    async def work(officer):
        await officer.press()
        await officer.until(lambda view: view.step == "reading_document")
        assert (await lane.power(PowerNews(failing=True, wait=0.1))).step == "reading_document"
        waiting = asyncio.create_task(lane.power(PowerNews(failing=True, wait=60.0)))
        await asyncio.sleep(0)
        await lane.power(PowerNews(failing=False))  # it is back: nobody waits any more
        async with asyncio.timeout(30):
            await waiting

    house.run(lane, work)


# From the kernel's start to the screen


def kernel(boot: str, seconds: float) -> Kernel:
    return Kernel(
        boot_id=lambda: boot,
        boottime_ns=lambda: round(seconds * 1e9),
        wall_ns=lambda: 0,
        synchronised=lambda: False,
        set_from_rtc=lambda: False,
    )


def test_ok_each_start_of_the_box_is_measured_once(tmp_path: Path) -> None:
    first = BootToReady(tmp_path, kernel=kernel("a", 61.24))
    assert first.seconds is None
    first.ready()
    first.ready()
    assert first.seconds == 61.2
    restarted = BootToReady(tmp_path, kernel=kernel("a", 4000.0))
    restarted.ready()
    assert restarted.seconds == 61.2, "lane started anew, the box did not"
    other = BootToReady(tmp_path, kernel=kernel("b", 58.0))
    assert other.seconds is None
    other.ready()
    assert other.seconds == 58.0


TOO_LONG = b'{"boot_id": "a", "seconds": 1' + b" " * MAX_FILE_BYTES + b"}"


@pytest.mark.parametrize(
    "spoilt", [b"", b"{", b"[]", b'{"boot_id": "a"}', b'{"boot_id": "a", "seconds": "x"}', TOO_LONG]
)
def test_ok_a_file_that_a_cut_spoilt_is_measured_anew(tmp_path: Path, spoilt: bytes) -> None:
    (tmp_path / FILE).write_bytes(spoilt)
    boot = BootToReady(tmp_path, kernel=kernel("a", 9.0))
    assert boot.seconds is None
    boot.ready()
    assert json.loads((tmp_path / FILE).read_bytes())["seconds"] == 9.0


def test_ok_a_folder_that_cannot_be_written_hides_nothing(tmp_path: Path) -> None:
    boot = BootToReady(tmp_path / "none", kernel=kernel("a", 9.0))
    boot.ready()
    assert boot.seconds == 9.0


def test_ok_a_lane_that_a_person_starts_later_measures_nothing(tmp_path: Path) -> None:
    boot = BootToReady(tmp_path, kernel=kernel("a", STARTED_WITHIN_SECONDS + 1))
    boot.ready()
    assert boot.seconds is None
    assert list(tmp_path.iterdir()) == []


def test_ok_the_lane_tells_it_once_somebody_follows_the_screen(
    house, make_lane, capture, monkeypatch
) -> None:
    monkeypatch.setattr(boot_module, "STARTED_WITHIN_SECONDS", float("inf"))  # this machine is up for long
    lane = make_lane(capture)

    async def work(_):
        assert (await lane.status(Nothing())).boot_to_ready_seconds is None
        await lane.wait_for_change(lane.view().revision, 0.0)
        assert (await lane.status(Nothing())).boot_to_ready_seconds > 0

    house.run(lane, work)
