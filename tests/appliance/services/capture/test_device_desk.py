"""Plugs pulled in the middle of a step, late answers, and what the devices are said to be."""

import asyncio
import threading
import time

import pytest

from appliance.contracts.capture import Nothing, ReadChip, RunSelfTest, TakePortrait, Wait, WatchDevices
from appliance.contracts.errors import ServiceError
from appliance.services.capture import device_desk
from appliance.services.capture.device_desk import DeviceDesk
from appliance.services.capture.service import CaptureService
from appliance.simulation.chip import VirtualChip, build_files, mrz_information_of
from appliance.simulation.portraits import draw_portrait
from hal import slot
from hal.camera.simulated import SimulatedCamera
from hal.device import Capability, DeviceFault, Finding, State
from hal.document_reader.simulated import SimulatedDocumentReader
from hal.manager import DeviceManager
from hal.panel.simulated import SimulatedPanel
from hal.power import PowerState
from hal.power.simulated import SimulatedPower

LINES = ("P<UTOERIKSSON<<ANNA<MARIA<<<<<<<<<<<<<<<<<<<", "L898902C36UTO7408122F1204159ZE184226B<<<<<10")
FILES = build_files(mrz_lines=LINES, picture=draw_portrait(1))
INFORMATION = mrz_information_of(FILES)


@pytest.fixture(autouse=True)
def _soon(monkeypatch):
    monkeypatch.setattr(slot, "FIRST_PROBE_SECONDS", 0.05)


def living(service, scenario):
    """The scenario, while the service runs."""

    async def main():
        running = asyncio.ensure_future(service.run())
        try:
            return await scenario()
        finally:
            running.cancel()
            await asyncio.gather(running, return_exceptions=True)

    return asyncio.run(main())


async def until(condition):
    async with asyncio.timeout(10):
        while not condition():
            await asyncio.sleep(0.01)


def test_ok__a_reader_pulled_and_put_back_reads_on():
    reader = SimulatedDocumentReader()
    service = CaptureService([reader])

    async def scenario():
        reading = asyncio.ensure_future(service.read_mrz(Wait(timeout=20)))
        await until(lambda: reader.state is State.BUSY)
        reader.unplug()
        await until(lambda: reader.state is State.ABSENT)
        await asyncio.sleep(0.2)
        assert not reading.done()
        reader.plug()
        reader.present(lines=LINES)
        return await reading

    assert living(service, scenario).lines == LINES


def test_ok__a_chip_reader_pulled_while_it_waits():
    reader = SimulatedDocumentReader()
    service = CaptureService([reader], chip_transport="direct")
    chip = VirtualChip(FILES, mrz_information=INFORMATION)

    async def scenario():
        opening = asyncio.ensure_future(service.read_chip(ReadChip(mrz_information=INFORMATION, timeout=20)))
        await until(lambda: reader.state is State.BUSY)
        reader.unplug()
        await until(lambda: reader.state is State.ABSENT)
        reader.plug()
        reader.present(lines=LINES, transmit=chip.transmit, atr=chip.atr)
        return await opening

    assert living(service, scenario).files["DG1"] == FILES["DG1"]


def test_ok__a_camera_pulled_while_a_portrait_is_taken(monkeypatch):
    camera = SimulatedCamera()
    service = CaptureService([camera])
    monkeypatch.setattr(service._portraits, "_ready", lambda: None)  # one picture, without models
    asked = []
    real = camera.capture

    def capture(timeout):
        asked.append(timeout)
        if len(asked) == 1:
            camera.unplug()
        return real(timeout)

    camera.capture = capture

    async def scenario():
        await until(lambda: camera.state is State.READY)
        taking = asyncio.ensure_future(service.take_portrait(TakePortrait(timeout=20)))
        await until(lambda: camera.state is State.ABSENT)
        camera.plug()
        return await taking

    assert living(service, scenario).ended == "single"
    assert len(asked) >= 2
    assert asked[1] <= asked[0]  # the time is the caller's, not the step's


def test_fail__one_that_does_not_come_back_is_said(monkeypatch):
    monkeypatch.setattr(slot, "RETURN_SECONDS", 0.5)
    reader = SimulatedDocumentReader()
    service = CaptureService([reader])

    async def scenario():
        await until(lambda: reader.state is State.READY)
        reading = asyncio.ensure_future(service.read_mrz(Wait(timeout=60)))
        await until(lambda: reader.state is State.BUSY)
        reader.unplug()
        began = time.monotonic()
        with pytest.raises(ServiceError) as caught:
            await reading
        return caught.value.code, time.monotonic() - began

    code, seconds = living(service, scenario)
    assert code == "device_gone"
    assert seconds < 5


def test_fail__one_that_never_was_there_is_said_at_once():
    reader = SimulatedDocumentReader()
    reader.unplug()
    service = CaptureService([reader])

    async def scenario():
        began = time.monotonic()
        with pytest.raises(ServiceError, match="unplugged"):
            await service.read_mrz(Wait(timeout=60))
        return time.monotonic() - began

    assert living(service, scenario) < 2


def test_fail__a_late_answer_of_an_earlier_life_is_dropped():
    """Even of a driver that does not notice: whoever was asked before the plug was pulled is nobody now."""
    panel = SimulatedPanel()
    desk = DeviceDesk([panel])
    inside, go_on = threading.Event(), threading.Event()

    def slow():
        inside.set()
        go_on.wait(10)
        return "the last traveller's"

    async def scenario():
        panel.open()
        asking = asyncio.ensure_future(desk.ask(panel, slow))
        await until(inside.is_set)
        panel.unplug()
        panel.close()
        panel.plug()
        panel.open()
        go_on.set()
        with pytest.raises(ServiceError) as caught:
            await asking
        return caught.value.code

    assert asyncio.run(scenario()) == "device_gone"


def test_ok__changes_are_told_at_once():
    panel = SimulatedPanel()
    service = CaptureService([panel])

    async def scenario():
        revision = 0

        async def told(state):
            nonlocal revision
            while True:
                answer = await service.watch_devices(WatchDevices(after=revision, timeout=20))
                assert answer.revision != revision, "it came after the time, not at once"
                revision = answer.revision
                if answer.devices[0].state == state:
                    return answer.devices[0]

        await told("READY")
        panel.unplug()
        panel.close()
        await told("ABSENT")
        panel.plug()
        return await told("READY")

    assert living(service, scenario).departures == 1


def test_ok__without_news_the_answer_comes_after_the_time():
    service = CaptureService([SimulatedPanel()])

    async def scenario():
        now = await service.devices(Nothing())
        began = time.monotonic()
        later = await service.watch_devices(WatchDevices(after=now.revision, timeout=0.2))
        return later.revision == now.revision, time.monotonic() - began

    same, seconds = asyncio.run(scenario())
    assert same
    assert 0.15 < seconds < 2


def test_ok__power_is_read_and_a_change_is_news(monkeypatch):
    monkeypatch.setattr(device_desk, "POWER_SECONDS", 0.02)
    power = SimulatedPower()
    service = CaptureService([power])

    async def scenario():
        seen = []
        for state in (
            PowerState(on_mains=True, charge_percent=80),
            PowerState(on_mains=False, minutes_left=40),
        ):
            power.present(state)
            async with asyncio.timeout(10):
                revision = 0
                while True:
                    answer = await service.watch_devices(WatchDevices(after=revision, timeout=5))
                    revision, reading = answer.revision, answer.devices[0].power
                    if reading is not None and reading.on_mains == state.on_mains:
                        break
            seen.append((reading.charge_percent, reading.minutes_left))
        power.unplug()
        async with asyncio.timeout(10):
            while (await service.devices(Nothing())).devices[0].power is not None:
                await asyncio.sleep(0.01)
        return seen

    assert living(service, scenario) == [(80, None), (None, 40)]


class SelfTesting(SimulatedPanel):
    capabilities = frozenset({Capability.BUTTON, Capability.SELF_TEST})
    broken = False

    def self_test(self):
        if self.broken:
            raise DeviceFault("The panel does not answer.")
        return (Finding("password", True), Finding("sensor", False, "0x1a"))


def test_ok__self_test():
    service = CaptureService([SelfTesting(), SimulatedCamera()])

    async def scenario():
        tested = await service.self_test(RunSelfTest(key="panel/simulated/1"))
        none = await service.self_test(RunSelfTest(key="camera/simulated/1"))
        return [(one.name, one.passed, one.value) for one in tested.findings], none.findings

    assert asyncio.run(scenario()) == ([("password", True, ""), ("sensor", False, "0x1a")], ())


def test_fail__self_test():
    panel = SelfTesting()
    panel.broken = True
    service = CaptureService([panel])
    for key, code in (("panel/simulated/9", "no_device"), ("panel/simulated/1", "device_error")):
        with pytest.raises(ServiceError) as caught:
            asyncio.run(service.self_test(RunSelfTest(key=key)))
        assert caught.value.code == code


def test_fail__a_self_test_without_end(monkeypatch):
    monkeypatch.setattr(device_desk, "SELF_TEST_SECONDS", 0.1)
    panel, go_on = SelfTesting(), threading.Event()
    monkeypatch.setattr(panel, "self_test", lambda: go_on.wait(5))
    desk = DeviceDesk([panel])

    async def scenario():
        with pytest.raises(ServiceError, match="does not end") as caught:
            await desk.self_test(RunSelfTest(key="panel/simulated/1"))
        go_on.set()
        return caught.value.code

    assert asyncio.run(scenario()) == "timeout"


def test_ok__says_why_hot_plug_is_deaf():
    def refuse(manager, on_add, on_remove):
        raise OSError("no netlink")

    panel = SimulatedPanel()
    desk = DeviceDesk([panel], manager=DeviceManager([panel], monitors=[refuse]))

    async def scenario():
        running = asyncio.ensure_future(desk.run())
        await until(lambda: panel.state is State.READY)
        problems = desk.status().problems
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
        return problems

    assert asyncio.run(scenario()) == ("Hot-plug cannot be listened to: OSError.",)
