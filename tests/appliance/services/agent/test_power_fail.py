"""The power fails: when the box goes, when it stays, and what it asks for, with the shipped drivers."""

import asyncio
from pathlib import Path

import pytest
from gpiozero.pins.mock import MockFactory

from appliance.config import Power
from appliance.contracts.errors import ServiceError
from appliance.contracts.lane import PowerHeard, PowerNews
from appliance.services.agent.power_fail import PowerWatch
from appliance.services.capture.service import CaptureService
from hal.power import gpio, sysfs


class Lane:
    """Hears of it; `then` happens while it keeps its step."""

    def __init__(self, *, silent: bool = False) -> None:
        self.heard: list[PowerNews] = []
        self.silent = silent
        self.then = lambda: None

    async def power(self, request: PowerNews) -> PowerHeard:
        if self.silent:
            raise ServiceError("unreachable", "Nobody answers.")
        self.heard.append(request)
        if request.failing:
            self.then()
        return PowerHeard(step="waiting")


class Supplies:
    """The kernel's folder of power supplies, and a pin."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.pins = MockFactory()
        self.mains(on=True)
        self.now = 0.0

    def write(self, supply: str, **attributes) -> None:
        (self.folder / supply).mkdir(parents=True, exist_ok=True)
        for name, value in attributes.items():
            (self.folder / supply / name).write_text(f"{value}\n")

    def mains(self, *, on: bool, charge: int = 100) -> None:
        self.write("AC", type="Mains", online=int(on))
        self.write("BAT0", type="Battery", present=1, status="Full" if on else "Discharging", capacity=charge)
        pin = self.pins.pin(26)
        (pin.drive_high if on else pin.drive_low)()

    def watch(self, device, lane: Lane, tmp_path: Path, **settings):
        capture = CaptureService([device])
        watch = PowerWatch(
            Power(**settings), capture=capture, lane=lane, power_off=tmp_path / "power-off",
            poll_seconds=0.01, step_seconds=1.0, clock=lambda: self.now,
        )  # fmt: skip
        return capture, watch


@pytest.fixture
def supplies(tmp_path: Path):
    there = Supplies(tmp_path / "power_supply")
    yield there
    there.pins.reset()


def battery(supplies: Supplies) -> sysfs.SysfsPower:
    return sysfs.create(sysfs.Options(folder=str(supplies.folder)))


def pin(supplies: Supplies) -> gpio.GpioPower:
    return gpio.GpioPower(gpio.Options(pin=26), make_pins=lambda: supplies.pins)


async def looked(capture: CaptureService, watch: PowerWatch) -> None:
    await capture._desk._read_power()
    await watch.look()


def test_ok_a_battery_that_ends_switches_the_box_off(supplies, tmp_path) -> None:
    lane = Lane()

    async def main() -> None:
        capture, watch = supplies.watch(battery(supplies), lane, tmp_path, battery_percent=10)
        await looked(capture, watch)
        for charge in (60, 11):
            supplies.mains(on=False, charge=charge)
            await looked(capture, watch)
        assert lane.heard == []
        supplies.mains(on=False, charge=10)
        await capture._desk._read_power()
        async with asyncio.timeout(60):
            await watch.run()  # ends by itself
        assert watch.asked

    asyncio.run(main())
    assert lane.heard == [PowerNews(failing=True, wait=1.0)]
    assert (tmp_path / "power-off").read_bytes() == b"power\n"


def test_ok_a_full_pin_says_nothing_of_charge_so_that_time_decides(supplies, tmp_path) -> None:
    lane = Lane()

    async def main() -> None:
        capture, watch = supplies.watch(pin(supplies), lane, tmp_path, hold_seconds=15)
        await looked(capture, watch)
        supplies.mains(on=False)
        for supplies.now in (0.0, 10.0, 14.9):
            await looked(capture, watch)
        supplies.mains(on=True)
        await looked(capture, watch)  # a flicker: the time begins anew
        supplies.mains(on=False)
        for supplies.now in (20.0, 34.9):
            await looked(capture, watch)
        assert lane.heard == []
        supplies.now = 35.0
        await looked(capture, watch)
        assert watch.asked

    asyncio.run(main())
    assert (tmp_path / "power-off").exists()


def test_ok_the_mains_come_back_while_the_step_is_kept(supplies, tmp_path) -> None:
    lane = Lane()

    async def main() -> None:
        capture, watch = supplies.watch(battery(supplies), lane, tmp_path)
        supplies.mains(on=False, charge=5)
        await capture._desk._read_power()
        reading = capture._desk._power
        lane.then = reading.clear  # capture has seen the mains again
        await watch.look()
        assert not watch.asked

    asyncio.run(main())
    assert [one.failing for one in lane.heard] == [True, False]
    assert not (tmp_path / "power-off").exists()


def test_ok_a_lane_that_is_down_does_not_keep_the_box_on(supplies, tmp_path) -> None:
    async def main() -> None:
        capture, watch = supplies.watch(battery(supplies), Lane(silent=True), tmp_path)
        supplies.mains(on=False, charge=1)
        await looked(capture, watch)
        assert watch.asked

    asyncio.run(main())


def test_fail_a_folder_that_cannot_be_written_is_asked_again(supplies, tmp_path) -> None:
    async def main() -> None:
        capture, watch = supplies.watch(battery(supplies), Lane(), tmp_path)
        watch._power_off = tmp_path / "none" / "power-off"
        supplies.mains(on=False, charge=1)
        await looked(capture, watch)
        assert not watch.asked
        (tmp_path / "none").mkdir()
        await looked(capture, watch)
        assert watch.asked

    asyncio.run(main())


def test_ok_a_box_without_a_supply_that_speaks_or_without_capture_stays_on(tmp_path) -> None:
    class Silent:
        async def devices(self, _):
            raise ServiceError("unreachable", "Nobody answers.")

    async def main() -> None:
        for capture in (CaptureService([]), Silent()):
            watch = PowerWatch(Power(), capture=capture, lane=Lane(), power_off=tmp_path / "power-off")
            await watch.look()
            assert not watch.asked

    asyncio.run(main())
