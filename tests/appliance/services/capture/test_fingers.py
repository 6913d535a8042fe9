"""The finger station over the simulated sensor: attempts, the best of them, instructions, and comparison."""

import asyncio
import sys
import threading
import time
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

sys.path.insert(0, str(Path(__file__).parents[3]))

from finger_prints import PLAIN, extracted, print_of

from appliance.biometrics.finger.image_record import picture_of, read_images
from appliance.biometrics.finger.template import FingerTemplate, from_bytes, to_bytes
from appliance.contracts.errors import ServiceError
from appliance.contracts.finger import CompareFingers, Enrolled, Probe, TakeFinger
from appliance.services.capture import fingers
from appliance.services.capture.fingers import FingerStation, compare_fingers
from appliance.services.capture.guidance_board import GuidanceBoard
from appliance.services.capture.service import CaptureService
from hal.device import DeviceGone, Identity, Timeout
from hal.fingerprint_sensor import FingerImage
from hal.fingerprint_sensor.simulated import Options, SimulatedFingerprintSensor

EMPTY = np.full((300, 300), 230, np.uint8)


class Script:
    """A sensor that gives these pictures, one after the other, then nothing."""

    identity = Identity(kind="fingerprint_sensor", driver="script", model="script", serial="1")
    simulated = True

    def __init__(self, pictures: Iterable[Any], *, live: bool | None = None) -> None:
        self._pictures = list(pictures)
        self._live = live

    def capture(self, timeout: float) -> FingerImage:
        if not self._pictures:
            time.sleep(min(timeout, 0.05))
            raise Timeout("No finger was put on the sensor.")
        picture = self._pictures.pop(0)
        if isinstance(picture, Exception):
            raise picture
        return FingerImage(pixels=picture, dpi=500, live=self._live)


def take(
    sensor: Any,
    *,
    board: GuidanceBoard | None = None,
    given_up: threading.Event | None = None,
    **changes: Any,
):
    request = TakeFinger(finger="right_index", **({"seconds": 0.3} | changes))
    return FingerStation(board or GuidanceBoard()).take(sensor, request, given_up or threading.Event())


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fingers, "PAUSE_SECONDS", 0.0)


def test_ok_a_good_finger_is_taken_at_once() -> None:
    evidence = take(Script([print_of(5)], live=True))
    assert (evidence.ended, evidence.attempts, evidence.live) == ("good_enough", 1, True)
    assert evidence.quality > 60
    record = read_images(evidence.record)
    assert record.fingers[0].position == 2
    assert (picture_of(record).pixels == print_of(5)).all()
    assert len(from_bytes(evidence.template).impressions[0].minutiae) >= 20


def test_ok_of_three_poor_ones_the_best_is_kept() -> None:
    small = EMPTY.copy()
    small[100:220, 90:210] = print_of(5)[120:240, 100:220]
    larger = EMPTY.copy()
    larger[60:240, 60:240] = print_of(5)[90:270, 80:260]
    evidence = take(Script([small, larger, small]), quality=95)
    assert (evidence.ended, evidence.attempts) == ("attempts", 3)
    assert (picture_of(read_images(evidence.record)).pixels == larger).all()


def test_ok_what_is_wrong_is_said_one_thing_at_a_time() -> None:
    said: list[str | None] = []

    class Board(GuidanceBoard):
        def say(self, instruction: str | None, *, looking: bool = True) -> None:
            said.append(instruction)
            super().say(instruction, looking=looking)

    moved = np.full_like(print_of(5), 228)
    moved[:, :-150] = print_of(5)[:, 150:]
    take(Script([moved, print_of(5)]), board=Board(), quality=101)
    assert said[0] == "lay_finger"
    assert "finger_right" in said
    assert said[-1] is None


def test_ok_when_no_more_comes_what_there_is_must_do() -> None:
    evidence = take(Script([print_of(5)]), quality=101)
    assert (evidence.ended, evidence.attempts) == ("time", 2)


def test_ok_an_empty_or_impossible_picture_is_tried_again() -> None:
    evidence = take(Script([EMPTY, np.zeros((10, 10), np.uint8), print_of(5)]))
    assert (evidence.ended, evidence.attempts) == ("good_enough", 3)


def test_fail_no_finger_at_all() -> None:
    with pytest.raises(Timeout):
        take(Script([]), attempts=1)
    gone = threading.Event()
    gone.set()
    with pytest.raises(Timeout):
        take(Script([]), seconds=60, given_up=gone)


def test_ok_who_gives_up_between_attempts_gets_the_best_so_far() -> None:
    gone = threading.Event()
    gone.set()
    assert take(Script([print_of(5), print_of(5, 2)]), quality=101, given_up=gone).attempts == 1


def test_fail_a_sensor_that_is_gone() -> None:
    with pytest.raises(DeviceGone):
        take(Script([DeviceGone("The sensor was unplugged.")]))


def template(finger: int, touch: int = 1) -> bytes:
    return to_bytes(FingerTemplate((extracted(finger, touch, PLAIN).impression,)))


def test_ok_only_the_same_position_is_compared() -> None:
    request = CompareFingers(
        probes=(
            Probe(finger="right_index", template=template(5, 2)),
            Probe(finger="left_index", template=template(6)),
        ),
        enrolled=(
            Enrolled(crossing="a", finger="right_index", template=template(5)),
            Enrolled(crossing="b", finger="right_index", template=template(8)),
            Enrolled(crossing="b", finger="left_thumb", template=template(6)),
            Enrolled(crossing="c", finger="left_index", template=b"damaged"),
        ),
    )
    answer = compare_fingers(request, threading.Event())
    scores = {(one.crossing, one.finger): (one.score, one.problem) for one in answer.scores}
    assert set(scores) == {("a", "right_index"), ("b", "right_index"), ("c", "left_index")}
    assert (scores["a", "right_index"][0] or 0) > 40 > 30 > (scores["b", "right_index"][0] or 0)
    assert scores["c", "left_index"] == (None, "template_unreadable")


def test_ok_who_gave_up_gets_an_answer_without_scores() -> None:
    gone = threading.Event()
    gone.set()
    one = Enrolled(crossing="a", finger="right_index", template=template(5))
    request = CompareFingers(probes=(Probe(finger="right_index", template=template(5)),), enrolled=(one,))
    assert [(each.score, each.problem) for each in compare_fingers(request, gone).scores] == [
        (None, "timeout")
    ]


def test_ok_the_service_takes_and_compares() -> None:
    service = CaptureService([SimulatedFingerprintSensor(Options(finger=4))])
    taken = asyncio.run(service.take_finger(TakeFinger(finger="left_index")))
    assert taken.simulated
    again = asyncio.run(service.take_finger(TakeFinger(finger="left_index")))
    request = CompareFingers(
        probes=(Probe(finger="left_index", template=again.template),),
        enrolled=(Enrolled(crossing="a", finger="left_index", template=taken.template),),
    )
    (score,) = asyncio.run(service.compare_fingers(request)).scores
    assert (score.score or 0) > 50


def test_fail_the_service_without_a_sensor_or_such_a_finger() -> None:
    with pytest.raises(ServiceError) as said:
        asyncio.run(CaptureService([]).take_finger(TakeFinger(finger="left_index")))
    assert said.value.code == "no_device"
    service = CaptureService([SimulatedFingerprintSensor()])
    with pytest.raises(ServiceError) as said:
        asyncio.run(service.take_finger(TakeFinger(finger="nose")))
    assert said.value.code == "bad_request"


def test_ok_who_gives_up_frees_the_sensor() -> None:
    async def main() -> None:
        sensor = SimulatedFingerprintSensor(Options(finger=None))
        service = CaptureService([sensor])
        taking = asyncio.create_task(service.take_finger(TakeFinger(finger="left_index", seconds=60)))
        await asyncio.sleep(0.2)
        taking.cancel()
        await asyncio.gather(taking, return_exceptions=True)
        sensor.present(4)
        taken = await service.take_finger(TakeFinger(finger="left_index", seconds=20))
        assert taken.ended == "good_enough"

    asyncio.run(main())
