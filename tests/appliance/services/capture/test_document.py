"""The document station: frames until it is certain, votes, hints, and time."""

import asyncio
import io

import cv2
import numpy as np
import pytest
from mrz_drawn import LINES, page
from PIL import Image

from appliance.contracts.capture import PAGE_HINTS, WatchPage
from appliance.contracts.errors import ServiceError
from appliance.services.capture import document
from appliance.services.capture.document import DocumentStation
from appliance.services.capture.page_reader import Hint, PageReader
from appliance.simulation.seal import build_seal, draw_seal
from hal.camera import Frame
from hal.camera.simulated import SimulatedCamera
from models.runtime import ModelUnreadable

CAMERA = SimulatedCamera()
READER = PageReader()
OTHER = (LINES[0].replace("ANNA<MARIA", "OLGA<IRINA"), LINES[1])


class Frames:
    """Shows these pictures one after the other, the last one for ever; an error is raised."""

    def __init__(self, *pictures) -> None:
        self.pictures = list(pictures)
        self.shown = 0

    async def __call__(self, _seconds: float) -> Frame:
        self.shown += 1
        picture = self.pictures[0] if len(self.pictures) == 1 else self.pictures.pop(0)
        if isinstance(picture, Exception):
            raise picture
        await asyncio.sleep(0)
        return Frame(picture)


def read(frames: Frames, *, timeout: float = 30.0, station: DocumentStation | None = None):
    station = station or DocumentStation(make_reader=lambda: READER)
    return asyncio.run(station.read(CAMERA, timeout, frames))


def blurred(picture, sigma: float):
    return cv2.GaussianBlur(picture, (0, 0), sigma)


def test_ok__hints_are_the_contracts() -> None:
    assert {hint.value for hint in Hint} - {"none"} == set(PAGE_HINTS)


def test_ok__one_good_frame_is_enough() -> None:
    frames = Frames(page())
    evidence = read(frames)
    assert evidence.lines == LINES
    assert (evidence.source, evidence.simulated, evidence.uncertain) == ("camera", True, ())
    assert evidence.page.startswith(b"\xff\xd8\xff")
    assert frames.shown <= document.AGREEING


def test_ok__a_seal_on_the_page_is_read_with_it() -> None:
    """A visa's MRZ and its visible digital seal, from the same picture."""
    seal = build_seal(
        ("V<UTOERIKSSON<<ANNA<MARIA<<<<<<<<<<<<<<<<<<<", "L8988901C4XXX4009078F96121096ZE184226B<<<<<<")
    )
    picture = page().copy()
    printed = np.asarray(Image.open(io.BytesIO(draw_seal(seal, module=3))).convert("RGB"))
    picture[: printed.shape[0], : printed.shape[1]] = printed
    evidence = read(Frames(picture))
    assert evidence.lines == LINES
    assert evidence.barcodes == (seal,)
    assert read(Frames(page())).barcodes == ()


def test_ok__spoilt_frames_are_passed_over() -> None:
    spoilt = ServiceError("unreadable", "The frame is damaged.", retry=True)
    evidence = read(Frames(np.zeros((480, 640, 3), np.uint8), spoilt, blurred(page(), 9), page()))
    assert evidence.lines == LINES


def test_ok__another_page_begins_anew(monkeypatch) -> None:
    """Nothing of the traveller before is mixed in."""
    monkeypatch.setattr(document, "SURE", 2.0)
    evidence = read(Frames(page(), page(OTHER), page(OTHER, seed=2), page(OTHER, seed=3)))
    assert evidence.lines == OTHER


def test_ok__a_page_that_is_wrong_itself_is_not_looked_at_for_ever() -> None:
    wrong = (LINES[0], LINES[1][:9] + str((int(LINES[1][9]) + 4) % 10) + LINES[1][10:])
    frames = Frames(page(wrong))
    assert read(frames).lines == wrong
    assert frames.shown <= document.STEADY + 1


@pytest.mark.parametrize("sigma", [2.4, 2.8, 3.2])
def test_ok__when_time_is_over_the_best_guess_is_marked(monkeypatch, sigma: float) -> None:
    monkeypatch.setattr(document, "SETTLE_SECONDS", 0.3)
    try:
        evidence = read(Frames(blurred(page(), sigma)), timeout=3.0)
    except ServiceError:
        return  # nothing was read at all, which is an answer too
    assert evidence.lines == LINES or evidence.uncertain, "a wrong guess must be marked"


def test_fail__nothing_comes() -> None:
    with pytest.raises(ServiceError) as caught:
        read(Frames(np.full((480, 640, 3), 90, np.uint8)), timeout=0.5)
    assert (caught.value.code, caught.value.retry) == ("timeout", True)


def test_fail__the_camera_goes() -> None:
    with pytest.raises(ServiceError) as caught:
        read(Frames(ServiceError("device_gone", "The camera is gone.")))
    assert caught.value.code == "device_gone"


def test_fail__the_networks_are_missing() -> None:
    def missing() -> PageReader:
        raise ModelUnreadable("The model cannot be read.")

    with pytest.raises(ServiceError) as caught:
        read(Frames(page()), station=DocumentStation(make_reader=missing))
    assert caught.value.code == "device_error"


def test_ok__hints_are_heard_and_end_with_the_reading() -> None:
    station = DocumentStation(make_reader=lambda: READER)

    async def both():
        reading = asyncio.ensure_future(
            station.read(CAMERA, 20.0, Frames(np.full((480, 640, 3), 90, np.uint8), page()))
        )
        first = await station.watch(WatchPage(after=0, timeout=10.0))
        await reading
        last = await station.watch(WatchPage(after=first.revision, timeout=10.0))
        nothing_new = await station.watch(WatchPage(after=last.revision, timeout=0.05))
        return first, last, nothing_new

    first, last, nothing_new = asyncio.run(both())
    assert first.hint == "show_document"
    assert last.hint is None
    assert nothing_new == last
