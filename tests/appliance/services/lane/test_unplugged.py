"""A plug pulled in the middle of a crossing, and put back: the step begins anew, and nothing is lost."""

import asyncio
import threading
from types import SimpleNamespace

import pytest

from appliance.services.capture.service import CaptureService
from appliance.simulation.booth import person_of
from appliance.simulation.chip import VirtualChip, mrz_information_of
from hal import slot
from hal.camera.simulated import Options as CameraOptions
from hal.camera.simulated import SimulatedCamera
from hal.device import State
from hal.document_reader.simulated import SimulatedDocumentReader
from hal.panel.simulated import SimulatedPanel

AWAY_SECONDS = 0.5


def pull(device):
    """Pull the plug now, put it back a moment later."""
    device.unplug()
    threading.Timer(AWAY_SECONDS, device.plug).start()


class Post:
    """The devices of a lane, and a traveller whose document is ready."""

    def __init__(self, monkeypatch):
        self.person = person_of(1)
        self.chip = VirtualChip(
            self.person.files,
            mrz_information=mrz_information_of(self.person.files),
            secrets=self.person.secrets,
        )
        self.reader = SimulatedDocumentReader()
        self.camera = SimulatedCamera(CameraOptions(width=480, height=640))
        self.panel = SimulatedPanel()
        self.capture = CaptureService([self.reader, self.camera, self.panel], chip_transport="direct")
        # one picture, as where no model is: what is asked here is the plug
        monkeypatch.setattr(self.capture._portraits, "_ready", lambda: None)
        self.apdus = 0
        self.pull_reader_at = None

    def lay(self):
        def transmit(command):
            self.apdus += 1
            if self.apdus == self.pull_reader_at:
                pull(self.reader)
            return self.chip.transmit(command)

        self.reader.present(lines=self.person.lines, transmit=transmit, atr=self.chip.atr)


@pytest.fixture
def post(monkeypatch):
    monkeypatch.setattr(slot, "FIRST_PROBE_SECONDS", 0.05)
    return Post(monkeypatch)


async def until(condition):
    async with asyncio.timeout(20):
        while not condition():
            await asyncio.sleep(0.005)


def cross(house, lane, post, meanwhile) -> SimpleNamespace:
    """One crossing from the button to the record, while something happens."""

    async def crossing(officer):
        serving = asyncio.ensure_future(post.capture.run())
        disturbing = None
        try:
            await until(lambda: post.camera.state is State.READY)
            await officer.press()
            disturbing = asyncio.ensure_future(meanwhile(officer))
            view = await officer.until(lambda view: view.step == "deciding" and view.press)
            await officer.press()
            await officer.until_recorded(1)
            return view
        finally:
            for task in (serving, disturbing):
                if task is not None:
                    task.cancel()
            await asyncio.gather(serving, *([disturbing] if disturbing else []), return_exceptions=True)

    view = house.run(lane, crossing)
    checks = {check.id: check for check in view.checks}
    return SimpleNamespace(view=view, checks=checks, lane=lane)


def whole(crossed):
    """All of the evidence is there."""
    assert crossed.view.document is not None
    assert crossed.view.has_portrait
    assert crossed.view.has_chip_portrait
    assert crossed.checks["chip.sod_signature"].verdict.value == "PASS"
    assert crossed.lane.view().crossings == 1


def test_ok_the_reader_while_the_page_is_awaited(make_lane, house, post):
    seen = []

    async def meanwhile(officer):
        await until(lambda: post.reader.state is State.BUSY)
        pull(post.reader)
        view = await officer.until(lambda view: view.devices[0].state == "ABSENT")
        seen.append(view.devices[0].since)
        await officer.until(lambda view: view.devices[0].state == "READY")
        post.lay()

    whole(cross(house, make_lane(post.capture), post, meanwhile))
    assert seen[0] is not None


@pytest.mark.parametrize("apdu", [1, 8, 25])
def test_ok_the_reader_while_the_chip_is_read(make_lane, house, post, apdu):
    post.pull_reader_at = apdu

    async def meanwhile(officer):
        post.lay()

    whole(cross(house, make_lane(post.capture), post, meanwhile))
    assert post.apdus > apdu


def test_ok_the_camera_while_a_portrait_is_taken(make_lane, house, post):
    pictures = []
    real = post.camera.capture

    def capture(timeout):
        pictures.append(timeout)
        if len(pictures) == 1:
            pull(post.camera)
        return real(timeout)

    post.camera.capture = capture

    async def meanwhile(officer):
        post.lay()

    whole(cross(house, make_lane(post.capture), post, meanwhile))
    assert len(pictures) >= 2


def test_ok_the_panel_is_only_a_state(make_lane, house, post):
    async def meanwhile(officer):
        post.panel.unplug()
        post.lay()

    whole(cross(house, make_lane(post.capture), post, meanwhile))


def test_fail_a_reader_that_stays_away_is_said_and_the_crossing_goes_on(make_lane, house, post, monkeypatch):
    monkeypatch.setattr(slot, "RETURN_SECONDS", 0.5)

    async def meanwhile(officer):
        post.lay()
        await until(lambda: post.apdus > 5)
        post.reader.unplug()

    crossed = cross(house, make_lane(post.capture), post, meanwhile)
    assert crossed.checks["chip.sod_signature"].verdict.value in ("CANNOT", "NOT_DONE")
    assert crossed.view.document is not None
    assert crossed.view.has_portrait
    assert crossed.lane.view().crossings == 1
