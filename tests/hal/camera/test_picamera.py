"""The Pi camera over a fake that is held to picamera2's published signatures.

PICAMERA2_WHEEL=file in the environment reads the signatures anew from a wheel of the package.
"""

import ast
import os
import sys
import threading
import time
import zipfile
from pathlib import Path

import numpy as np
import pytest

sys.path.insert(0, str(Path(__file__).parent))

from picamera_fake import FACTS, FakePicamera2, as_published, library

from hal.camera import Camera
from hal.camera.picamera import BUFFERS, FORMAT, Options, PicameraCamera, create
from hal.device import DeviceFault, DeviceGone, State, Timeout, Unreadable


@pytest.fixture
def camera(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setitem(sys.modules, "picamera2", library())
    made = []

    def make(**options):
        made.append(create(Options(**options)))
        return made[-1]

    yield make
    for one in made:
        one.close()


def inside(one: PicameraCamera) -> FakePicamera2:
    assert isinstance(one._camera, FakePicamera2)
    return one._camera


def test_ok__it_is_a_camera_and_every_picture_is_a_fresh_one(camera) -> None:
    one = camera()
    assert isinstance(one, Camera)
    assert [one.capture(2.0).pixels.max() for _ in range(3)] == [1, 2, 3]
    assert inside(one).held == 0, "a request that is not released stops the camera"
    assert inside(one).jobs == []


def test_ok__the_stream_is_small_and_in_opencv_s_order(camera) -> None:
    one = camera(width=1640, height=1232)
    one.open()
    assert inside(one).configured == {
        "main": {"format": FORMAT, "size": (1640, 1232)},
        "buffer_count": BUFFERS,
    }
    assert inside(one).started


def test_ok__a_module_on_its_head_is_turned(camera) -> None:
    one = camera(upside_down=True)
    one.open()
    picture = np.zeros((4, 6, 3), np.uint8)
    picture[0, 0] = (1, 2, 3)
    inside(one).pixels = lambda _number: picture
    turned = one.capture(2.0).pixels
    assert turned[-1, -1].tolist() == [1, 2, 3]
    assert turned.flags["C_CONTIGUOUS"]


def test_ok__closing_lets_go_and_opening_takes_hold_again(camera) -> None:
    one = camera()
    one.capture(2.0)
    first = inside(one)
    one.close()
    assert (first.started, first.closed) == (False, True)
    assert one.capture(2.0).pixels.max() == 1
    assert inside(one) is not first


def test_fail__a_sensor_that_delivers_nothing(camera) -> None:
    one = camera()
    one.open()
    inside(one).there.clear()
    began = time.monotonic()
    with pytest.raises(Timeout):
        one.capture(0.3)
    assert time.monotonic() - began < 1.5
    assert inside(one).jobs == [], "the job that timed out would give its picture to the next caller"
    inside(one).there.set()
    assert one.capture(2.0).pixels.max() == 1


def test_ok__a_picture_that_comes_too_late_is_given_back(camera) -> None:
    one = camera()
    one.open()
    inside(one).late = True
    for _ in range(BUFFERS + 1):
        with pytest.raises(Timeout):
            one.capture(0.05)
    assert inside(one).held == 0, "each that is kept takes a buffer from the camera"
    inside(one).late = False
    assert one.capture(2.0).pixels.shape == (48, 64, 3)


def test_fail__a_camera_without_timestamps(camera) -> None:
    one = camera()
    one.open()
    inside(one).fails = "timestamps"
    with pytest.raises(DeviceFault, match="exposed"):
        one.capture(2.0)


def test_ok__closing_ends_a_wait(camera) -> None:
    one = camera()
    one.open()
    inside(one).there.clear()
    threading.Timer(0.2, one.close).start()
    with pytest.raises(DeviceGone, match="closed"):
        one.capture(30.0)


@pytest.mark.parametrize(
    "pixels",
    [
        None,
        np.zeros((4, 6), np.uint8),
        np.zeros((4, 6, 4), np.uint8),
        np.zeros((4, 6, 3), np.uint16),
        np.zeros((0, 0, 3), np.uint8),
    ],
)
def test_fail__a_picture_of_no_use(camera, pixels) -> None:
    one = camera()
    one.open()
    inside(one).pixels = lambda _number: pixels
    with pytest.raises(Unreadable):
        one.capture(2.0)
    assert inside(one).held == 0
    assert one.state is State.READY


def test_fail__a_camera_that_stops(camera) -> None:
    one = camera()
    one.open()
    inside(one).fails = "wait"
    with pytest.raises(DeviceFault, match="stopped"):
        one.capture(2.0)
    assert one.capture(2.0).pixels.max() == 1  # opened anew


def test_fail__a_configuration_that_does_not_fit(monkeypatch) -> None:
    fake = FakePicamera2()
    fake.fails = "configure"
    one = PicameraCamera(Options(), open_camera=lambda _number: fake)
    with pytest.raises(DeviceFault, match="does not start"):
        one.open()
    assert fake.closed


def test_ok__a_camera_that_does_not_close_is_let_go_of(camera) -> None:
    one = camera()
    one.open()
    inside(one).fails = "close"
    one.close()
    assert one.state is State.ABSENT


def test_fail__no_such_camera(camera) -> None:
    with pytest.raises(DeviceGone, match="number 3"):
        camera(camera=3).open()


def test_fail__picamera2_is_not_installed(monkeypatch) -> None:
    monkeypatch.setitem(sys.modules, "picamera2", None)
    with pytest.raises(DeviceFault, match="python3-picamera2"):
        create(Options()).open()


# What the fake is worth


def test_fail__the_fake_refuses_what_the_package_would_refuse() -> None:
    with pytest.raises(TypeError):
        FakePicamera2().start(preview=True)
    with pytest.raises(TypeError):
        FakePicamera2().capture_request(timeout=3)
    with pytest.raises(KeyError):
        as_published("Picamera2.no_such_method")


@pytest.mark.skipif("PICAMERA2_WHEEL" not in os.environ, reason="PICAMERA2_WHEEL names no wheel")
def test_ok__the_recorded_signatures_are_the_wheel_s() -> None:
    with zipfile.ZipFile(os.environ["PICAMERA2_WHEEL"]) as wheel:
        trees = [ast.parse(wheel.read(f"picamera2/{name}.py")) for name in ("picamera2", "request")]
    found = {}
    for node in (node for tree in trees for node in tree.body if isinstance(node, ast.ClassDef)):
        for method in (item for item in node.body if isinstance(item, ast.FunctionDef)):
            if not any("overload" in ast.unparse(one) for one in method.decorator_list):
                arguments = method.args
                found[f"{node.name}.{method.name}"] = {
                    "parameters": [one.arg for one in arguments.args if one.arg != "self"],
                    "defaults": len(arguments.defaults),
                    "keyword_only": [one.arg for one in arguments.kwonlyargs],
                }
    assert {name: found.get(name) for name in FACTS} == FACTS
