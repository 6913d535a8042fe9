"""What goes with a page that is read: codes from the barcode reader, and the page under each light."""

import asyncio
import io
from types import SimpleNamespace

import numpy as np
import pytest
from gpiozero.pins.mock import MockFactory
from PIL import Image

from appliance.contracts.capture import LitPicture, MrzEvidence, Wait
from appliance.contracts.errors import ServiceError
from appliance.services.capture import page_lights
from appliance.services.capture.barcodes import MAX_CODES
from appliance.services.capture.device_desk import DeviceDesk
from appliance.services.capture.page_lights import MAX_LIT_BYTES, under_each_light
from appliance.services.capture.service import CaptureService
from appliance.services.lane.assessment import lit_pages_of
from hal.barcode_reader.simulated import SimulatedBarcodeReader
from hal.camera.simulated import Options as CameraOptions
from hal.camera.simulated import SimulatedCamera
from hal.document_reader.simulated import SimulatedDocumentReader
from hal.illumination import Light
from hal.illumination.gpio import GpioIllumination
from hal.illumination.gpio import Options as GpioOptions
from hal.illumination.simulated import SimulatedIllumination

LINES = ("P<UTOERIKSSON<<ANNA<MARIA<<<<<<<<<<<<<<<<<<<", "L898902C36UTO7408122F1204159ZE184226B<<<<<10")
SHADES = {None: 10, Light.WHITE: 200, Light.OBLIQUE: 150, Light.INFRARED: 100, Light.ULTRAVIOLET: 50}


@pytest.fixture(autouse=True)
def _steady_at_once(monkeypatch):
    monkeypatch.setattr(page_lights, "SETTLE_SECONDS", 0.0)


def read_while(barcodes, act):
    """Read a page; `act` happens meanwhile, then the page comes."""
    reader = SimulatedDocumentReader()
    service = CaptureService([reader, barcodes])

    async def main():
        reading = asyncio.ensure_future(service.read_mrz(Wait(timeout=20)))
        await asyncio.sleep(0.2)
        for code in act:
            barcodes.present(code)
            await asyncio.sleep(0.2)
        reader.present(lines=LINES)
        return await reading

    return asyncio.run(main())


def test_ok__codes_scanned_meanwhile_go_with_the_page():
    assert read_while(SimulatedBarcodeReader(), [b"seal", b"seal", b"other"]).barcodes == (b"seal", b"other")


def test_ok__nothing_scanned():
    evidence = read_while(SimulatedBarcodeReader(), [])
    assert (evidence.lines, evidence.barcodes) == (LINES, ())


def test_ok__nobody_scans_for_ever():
    codes = [bytes([number]) for number in range(MAX_CODES + 2)]
    assert len(read_while(SimulatedBarcodeReader(), codes).barcodes) == MAX_CODES


def test_fail__a_barcode_reader_that_is_away_stops_nobody():
    barcodes = SimulatedBarcodeReader()
    barcodes.unplug()
    assert read_while(barcodes, [b"seal"]).lines == LINES


def lit(lights, camera, *, frame=None):
    desk = DeviceDesk([lights, camera])
    page = MrzEvidence(lines=LINES, source="camera", device="d", simulated=True)

    async def capture(seconds):
        return await desk.ask(camera, lambda: camera.capture(seconds))

    async def main():
        return await under_each_light(desk, [lights], frame or capture, page)

    return asyncio.run(main())


def under(lights):
    """A camera that sees what is lit."""
    camera = SimulatedCamera(CameraOptions(width=64, height=48))
    camera.present(lambda: np.full((48, 64, 3), SHADES[lights.lit], np.uint8))
    return camera


def test_ok__a_picture_under_each_light(tmp_path):
    lights = SimulatedIllumination()
    evidence = lit(lights, under(lights))
    assert [picture.light for picture in evidence.lit] == [light.value for light in Light]
    for picture in evidence.lit:
        (tmp_path / "picture.jpg").write_bytes(picture.jpeg)
        grey = np.asarray(Image.open(tmp_path / "picture.jpg"))[0, 0, 0]
        assert abs(int(grey) - SHADES[Light(picture.light)]) < 4
        assert len(picture.jpeg) <= MAX_LIT_BYTES
    assert lights.lit is None


def test_fail__lights_that_fail_in_the_middle(caplog):
    lights = SimulatedIllumination()
    camera, real, frames = under(lights), under(lights).capture, []

    def capture(seconds):
        frames.append(1)
        if len(frames) == 2:
            lights.unplug()
        return real(seconds)

    camera.capture = capture
    evidence = lit(lights, camera)
    assert [picture.light for picture in evidence.lit] == ["white", "oblique"]
    assert evidence.lines == LINES
    assert "not seen under every light" in caplog.text


def test_fail__the_light_goes_out_when_the_camera_fails():
    lights = SimulatedIllumination()

    async def fail(seconds):
        raise ServiceError("device_gone", "The camera was unplugged.")

    assert lit(lights, under(lights), frame=fail).lit == ()
    assert lights.lit is None
    assert lights.health.successes == 2  # on, and off


def test_ok__lights_on_the_boards_pins():
    """The shipped driver on mock pins: the camera sees which pin is high."""
    pins = MockFactory()
    numbers = {Light.WHITE: 5, Light.INFRARED: 6}
    lights = GpioIllumination(GpioOptions(white_pin=5, infrared_pin=6), make_pins=lambda: pins)
    camera = SimulatedCamera(CameraOptions(width=64, height=48))

    def seen():
        lit = [light for light, number in numbers.items() if pins.pin(number).state]
        return np.full((48, 64, 3), SHADES[lit[0] if lit else None], np.uint8)

    camera.present(seen)
    evidence = lit(lights, camera)
    assert [picture.light for picture in evidence.lit] == ["white", "infrared"]
    shades = [np.asarray(Image.open(io.BytesIO(picture.jpeg)))[0, 0, 0] for picture in evidence.lit]
    assert [abs(int(shade) - SHADES[Light(picture.light)]) < 4
            for shade, picture in zip(shades, evidence.lit, strict=True)] == [True, True]  # fmt: skip
    assert not any(pins.pin(number).state for number in numbers.values())
    lights.close()


def test_ok__the_service_lights_the_page_that_its_camera_has_read():
    lights = SimulatedIllumination()
    camera = under(lights)

    class Station:
        async def read(self, camera, timeout, capture):
            assert lights.lit is None
            await capture(timeout)
            return MrzEvidence(lines=LINES, source="camera", device="d", simulated=True)

    pages = [camera.identity.key]
    service = CaptureService([camera, lights], document_cameras=pages, document=Station())
    evidence = asyncio.run(service.read_mrz(Wait(timeout=10)))
    assert [picture.light for picture in evidence.lit] == [light.value for light in Light]


def test_ok__each_light_has_its_name_in_the_record():
    picture = LitPicture(light="infrared", jpeg=b"jpeg")
    evidence = MrzEvidence(lines=LINES, source="camera", device="d", simulated=True, lit=(picture,))
    other = MrzEvidence(lines=LINES, source="mrz_line", device="e", simulated=True, others=(evidence,))
    assert lit_pages_of(SimpleNamespace(document=other)) == {"page_infrared": b"jpeg"}
    assert lit_pages_of(SimpleNamespace(document=None)) == {}
