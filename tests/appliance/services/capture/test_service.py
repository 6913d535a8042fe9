"""The capture service over the shipped drivers' simulated twins."""

import asyncio
import datetime as dt
import io
import time

import numpy as np
import pytest
from face_pictures import drawn
from PIL import Image

from appliance.contracts.capture import Nothing, ReadChip, Show, TakePortrait, Wait, WatchGuidance
from appliance.contracts.errors import ServiceError
from appliance.contracts.face_record import picture_of
from appliance.services.capture import portrait as capture_portrait
from appliance.services.capture.pictures import PictureError
from appliance.services.capture.service import CaptureService
from appliance.simulation.chip import Misbehaviour, VirtualChip, build_files, mrz_information_of
from appliance.simulation.pages import draw_page
from appliance.simulation.portraits import draw_portrait
from appliance.travel_document import MrzFormat, generate_mrz
from hal.camera.simulated import Options as CameraOptions
from hal.camera.simulated import SimulatedCamera
from hal.document_reader.simulated import SimulatedDocumentReader
from hal.panel.simulated import SimulatedPanel
from hal.simulated import Fault

LINES = generate_mrz(
    MrzFormat.TD3,
    document_code="P",
    issuing_state="UTO",
    primary_identifier="ERIKSSON",
    secondary_identifier="ANNA MARIA",
    document_number="L898902C3",
    nationality="UTO",
    birth_date=dt.date(1974, 8, 12),
    sex="F",
    expiry_date=dt.date(2030, 4, 15),
)
FILES = build_files(mrz_lines=LINES, picture=draw_portrait(1))
INFORMATION = mrz_information_of(FILES)


def chip(misbehaviour: Misbehaviour = Misbehaviour.NONE, **settings) -> VirtualChip:
    return VirtualChip(FILES, mrz_information=INFORMATION, misbehaviour=misbehaviour, **settings)


def reader_with(one: VirtualChip | None) -> SimulatedDocumentReader:
    reader = SimulatedDocumentReader()
    if one is None:
        reader.present(lines=LINES)
    else:
        reader.present(lines=LINES, transmit=one.transmit, atr=one.atr)
    return reader


def ask(service: CaptureService, operation: str, request):
    return asyncio.run(getattr(service, operation)(request))


def code_of(service: CaptureService, operation: str, request) -> str:
    with pytest.raises(ServiceError) as caught:
        ask(service, operation, request)
    return caught.value.code


def test_ok_lines_come_as_they_were_sent_and_say_that_they_are_simulated():
    evidence = ask(CaptureService([reader_with(None)]), "read_mrz", Wait(timeout=1))
    assert evidence.lines == LINES
    assert evidence.simulated


def test_ok_a_chip_is_read_and_its_portrait_written_anew():
    evidence = ask(CaptureService([reader_with(chip())]), "read_chip", ReadChip(mrz_information=INFORMATION))
    assert {"COM", "DG1", "DG2", "SOD"} <= set(evidence.files)
    assert evidence.files["DG1"] == FILES["DG1"]
    assert evidence.access == "BAC"
    picture = Image.open(io.BytesIO(evidence.portrait))
    assert picture.format == "JPEG"
    assert not picture.getexif()


def test_ok_the_live_picture_is_what_stands_before_the_camera():
    camera = SimulatedCamera()
    camera.present(np.full((480, 360, 3), (10, 200, 30), np.uint8))
    evidence = ask(CaptureService([camera]), "take_portrait", TakePortrait(timeout=0.5))
    assert (evidence.width, evidence.height) == (360, 480)
    middle = Image.open(io.BytesIO(picture_of(evidence.record))).getpixel((180, 240))
    assert all(abs(got - want) < 8 for got, want in zip(middle, (30, 200, 10), strict=True))


def test_ok_a_caller_who_gives_up_frees_the_camera():
    camera = SimulatedCamera()
    service = CaptureService([camera])

    async def main():
        taking = asyncio.create_task(service.take_portrait(TakePortrait(timeout=60)))
        await asyncio.sleep(0.5)
        taking.cancel()
        await asyncio.gather(taking, return_exceptions=True)
        camera.present(drawn())
        began = time.monotonic()
        evidence = await service.take_portrait(TakePortrait(timeout=20))
        return evidence.ended, time.monotonic() - began

    ended, seconds = asyncio.run(main())
    assert ended == "good_enough"
    assert seconds < 10


def test_ok_guidance_is_watched_while_a_portrait_is_taken():
    camera = SimulatedCamera()
    service = CaptureService([camera])

    async def main():
        said = []
        taking = asyncio.create_task(service.take_portrait(TakePortrait(timeout=20)))
        revision = 0
        while not taking.done():
            word = await service.watch_guidance(WatchGuidance(after=revision, timeout=1))
            revision = word.revision
            said.append((word.looking, word.instruction))
            if word.looking and word.instruction == "stand_in_front":
                camera.present(drawn())
        said.append((service._portraits.board.now.looking, None))
        return (await taking).ended, said

    ended, said = asyncio.run(main())
    assert ended == "good_enough"
    assert (True, "stand_in_front") in said
    assert (True, None) in said
    assert said[-1] == (False, None)


def test_fail_an_unplugged_camera_is_gone_and_a_picture_that_cannot_be_written_is_unreadable(monkeypatch):
    camera = SimulatedCamera()
    service = CaptureService([camera])
    camera.unplug()
    assert code_of(service, "take_portrait", TakePortrait(timeout=1)) == "device_gone"
    camera.plug()
    camera.present(np.full((60, 80, 3), 128, np.uint8))

    def refuse(*_arguments):
        raise PictureError("It cannot be written.")

    monkeypatch.setattr(capture_portrait, "_whole", refuse)
    assert code_of(service, "take_portrait", TakePortrait(timeout=0.3)) == "unreadable"


def test_fail_a_camera_that_shows_nothing_in_time():
    camera = SimulatedCamera(CameraOptions(faults=dict.fromkeys(range(1, 50), Fault.GARBAGE)))
    assert code_of(CaptureService([camera]), "take_portrait", TakePortrait(timeout=0.5)) == "unreadable"


def test_ok_button_and_lights():
    panel = SimulatedPanel()
    service = CaptureService([panel])
    panel.open()
    panel.hold()
    assert ask(service, "wait_for_button", Wait(timeout=1)).event == "hold"
    assert ask(service, "wait_for_button", Wait(timeout=0.1)).event is None
    ask(service, "show", Show(signal="working"))
    assert code_of(service, "show", Show(signal="verdict_red")) == "bad_request"


def test_ok_devices_say_who_and_how_they_are():
    service = CaptureService([reader_with(None), SimulatedCamera()])
    ask(service, "read_mrz", Wait(timeout=1))
    reader, camera = ask(service, "devices", Nothing()).devices
    assert (reader.kind, reader.state, reader.successes) == ("document_reader", "READY", 1)
    assert (camera.kind, camera.successes) == ("camera", 0)
    assert reader.simulated


def test_fail_a_box_without_the_device():
    assert code_of(CaptureService([]), "read_mrz", Wait(timeout=1)) == "no_device"


def test_fail_nobody_puts_a_document_down():
    assert code_of(CaptureService([SimulatedDocumentReader()]), "read_mrz", Wait(timeout=0.2)) == "timeout"


def test_fail_no_chip_in_the_document():
    request = ReadChip(mrz_information=INFORMATION, timeout=0.2)
    assert code_of(CaptureService([reader_with(None)]), "read_chip", request) == "chip_absent"


def test_fail_another_documents_mrz_does_not_open_the_chip():
    request = ReadChip(mrz_information=INFORMATION.replace("L898902C3", "L898902C4", 1))
    assert code_of(CaptureService([reader_with(chip())]), "read_chip", request) == "access_denied"


@pytest.mark.parametrize("misbehaviour", [one for one in Misbehaviour if one is not Misbehaviour.NONE])
def test_fail_or_ok_no_misbehaving_chip_gets_further_than_a_service_error(misbehaviour):
    service = CaptureService([reader_with(chip(misbehaviour, slow_seconds=0.3))])
    codes = {"access_denied", "chip_error", "protection_broken", "removed", "no_chip", "chip_absent"}
    try:
        evidence = ask(service, "read_chip", ReadChip(mrz_information=INFORMATION, timeout=2))
        code, first_group = None, evidence.files.get("DG1", FILES["DG1"])
    except ServiceError as error:
        code, first_group = error.code, FILES["DG1"]
    assert code is None or code in codes
    assert first_group == FILES["DG1"]


def test_fail_an_unplugged_reader_is_gone_and_comes_back():
    reader = reader_with(None)
    service = CaptureService([reader])
    reader.unplug()
    assert code_of(service, "read_mrz", Wait(timeout=0.5)) == "device_gone"
    reader.plug()
    assert ask(service, "read_mrz", Wait(timeout=1)).lines == LINES


def test_ok_a_caller_who_gives_up_frees_the_device_within_a_slice():
    reader = SimulatedDocumentReader()
    service = CaptureService([reader])

    async def main():
        waiting = asyncio.create_task(service.read_mrz(Wait(timeout=60)))
        await asyncio.sleep(0.1)
        waiting.cancel()
        await asyncio.gather(waiting, return_exceptions=True)
        reader.present(lines=LINES)
        began = time.monotonic()
        evidence = await service.read_mrz(Wait(timeout=5))
        return evidence.lines, time.monotonic() - began

    lines, seconds = asyncio.run(main())
    assert lines == LINES
    assert seconds < 4


def test_ok__a_camera_over_the_page_reads_it_without_an_mrz_reader():
    camera = SimulatedCamera(CameraOptions(name="page"))
    camera.present(draw_page(LINES, draw_portrait(1), seed=1))
    service = CaptureService([camera], document_cameras=[camera.identity.key])
    evidence = ask(service, "read_mrz", Wait(timeout=20.0))
    assert (evidence.lines, evidence.source, evidence.others) == (LINES, "camera", ())
    assert code_of(service, "take_portrait", Wait(timeout=0.1)) == "no_device", "it looks at pages only"


def test_ok__reader_and_camera_are_held_against_each_other():
    camera = SimulatedCamera(CameraOptions(name="page"))
    camera.present(draw_page(LINES, draw_portrait(1), seed=1))
    service = CaptureService([reader_with(None), camera], document_cameras=[camera.identity.key])
    evidence = ask(service, "read_mrz", Wait(timeout=20.0))
    assert (evidence.source, evidence.lines) == ("mrz_line", LINES)
    assert [(other.source, other.lines) for other in evidence.others] == [("camera", LINES)]
    assert evidence.others[0].page is not None


def test_ok__a_dead_camera_does_not_keep_the_reader_from_reading():
    camera = SimulatedCamera(CameraOptions(name="page"))
    camera.unplug()
    service = CaptureService([reader_with(None), camera], document_cameras=[camera.identity.key])
    evidence = ask(service, "read_mrz", Wait(timeout=5.0))
    assert (evidence.source, evidence.others) == ("mrz_line", ())


def test_fail__no_source_reads():
    camera = SimulatedCamera(CameraOptions(name="page"))
    service = CaptureService([SimulatedDocumentReader(), camera], document_cameras=[camera.identity.key])
    assert code_of(service, "read_mrz", Wait(timeout=0.6)) == "timeout"
    assert code_of(CaptureService([]), "read_mrz", Wait(timeout=0.1)) == "no_device"
