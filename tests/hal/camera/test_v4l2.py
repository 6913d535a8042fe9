"""The V4L2 camera: stale frames dropped, the timeout kept, plain sentences."""

import threading
import time

import cv2
import numpy as np
import pytest

from hal.camera import v4l2
from hal.camera.v4l2 import STALE_FRAMES, Options, V4l2Camera
from hal.device import DeviceFault, DeviceGone, State, Timeout, Unreadable


class Fake:
    """A camera whose every frame has its number as brightness."""

    def __init__(self, *, opened=True, frames=True, shape=(4, 6, 3), dtype=np.uint8, decoded=True):
        self.opened, self.frames, self.shape, self.dtype, self.decoded = opened, frames, shape, dtype, decoded
        self.grabbed = 0
        self.released = threading.Event()
        self.go_on = threading.Event()
        self.go_on.set()
        self.buffer = np.zeros(shape, dtype)
        self.stamp = lambda grabbed: 0.0  # a driver without timestamps

    def isOpened(self):
        return self.opened

    def grab(self):
        self.go_on.wait()
        self.grabbed += 1
        return self.frames

    def retrieve(self):
        self.buffer[:] = self.grabbed
        return self.decoded, self.buffer

    def get(self, property_id):
        assert property_id == cv2.CAP_PROP_POS_MSEC
        return self.stamp(self.grabbed) * 1000.0

    def release(self):
        self.released.set()


@pytest.fixture
def camera(tmp_path):
    made = []

    def make(fake):
        node = tmp_path / "video0"
        node.touch()
        one = V4l2Camera(Options(device=str(node)), open_capture=lambda options: fake)
        made.append((one, fake))
        return one

    yield make
    for one, fake in made:
        fake.go_on.set()
        one.close()


def test_ok__drops_what_was_queued_before_the_call(camera):
    one = camera(Fake())
    assert one.capture(5.0).pixels.max() == STALE_FRAMES + 1
    assert one.capture(5.0).pixels.max() == 2 * (STALE_FRAMES + 1)


def test_ok__no_more_are_dropped_than_are_old_by_the_kernels_timestamp(camera):
    fake = Fake()
    began = time.monotonic()
    fake.stamp = lambda grabbed: began - 1.0 if grabbed < 3 else time.monotonic()
    one = camera(fake)
    assert one.capture(5.0).pixels.max() == 3
    assert one.capture(5.0).pixels.max() == 4  # live: one frame, one grab


@pytest.mark.parametrize("ahead", [-5.0, 60.0, 1.7e9])
def test_ok__a_timestamp_of_another_clock_is_not_believed(camera, ahead):
    fake = Fake()
    fake.stamp = lambda grabbed: time.monotonic() + ahead
    assert camera(fake).capture(5.0).pixels.max() == STALE_FRAMES + 1


def test_ok__the_frame_is_not_the_cameras_buffer(camera):
    fake = Fake()
    one = camera(fake)
    first = one.capture(5.0).pixels
    one.capture(5.0)
    assert first.max() == STALE_FRAMES + 1
    assert (one.capture(5.0).height, one.capture(5.0).width) == (4, 6)


def test_fail__a_camera_that_hangs(camera):
    fake = Fake()
    one = camera(fake)
    one.open()
    fake.go_on.clear()
    for _ in range(2):
        began = time.monotonic()
        with pytest.raises(Timeout):
            one.capture(0.3)
        assert time.monotonic() - began < 1.5
    fake.go_on.set()
    assert one.capture(5.0).pixels.max() == 2 * (STALE_FRAMES + 1)  # never the picture that came too late


def test_ok__closing_a_hanging_camera_releases_it_when_it_returns(camera):
    fake = Fake()
    one = camera(fake)
    one.open()
    fake.go_on.clear()
    with pytest.raises(Timeout):
        one.capture(0.1)
    one.close()
    assert not fake.released.is_set()
    fake.go_on.set()
    assert fake.released.wait(5.0)


def test_ok__opened_again_only_when_the_last_stream_has_ended(tmp_path):
    """The kernel streams to one at a time; a release that comes late must not end the new stream."""
    (tmp_path / "video0").touch()
    streams = []

    class Slow(Fake):
        def release(self):
            time.sleep(0.2)
            super().release()

    def open_capture(options):
        assert all(stream.released.is_set() for stream in streams)
        streams.append(Slow())
        return streams[-1]

    one = V4l2Camera(Options(device=str(tmp_path / "video0")), open_capture=open_capture)
    for _ in range(3):
        assert one.capture(5.0).pixels.max() == STALE_FRAMES + 1
        one.close()
    assert len(streams) == 3


def test_fail__opened_again_while_the_last_picture_hangs(camera, monkeypatch):
    monkeypatch.setattr(v4l2, "RELEASE_SECONDS", 0.1)
    fake = Fake()
    one = camera(fake)
    one.open()
    fake.go_on.clear()
    with pytest.raises(Timeout):
        one.capture(0.1)
    one.close()
    with pytest.raises(DeviceFault, match="still hangs"):
        one.open()
    fake.go_on.set()
    assert fake.released.wait(5.0)
    one.open()
    assert one.state is State.READY


@pytest.mark.parametrize(
    "fake",
    [
        Fake(frames=False),
        Fake(decoded=False),
        Fake(shape=(4, 6)),
        Fake(dtype=np.uint16),
        Fake(shape=(0, 0, 3)),
    ],
)
def test_fail__no_picture_or_none_of_use(camera, fake):
    one = camera(fake)
    with pytest.raises(Unreadable):
        one.capture(5.0)
    assert one.state is State.READY


def test_fail__unplugged(camera, tmp_path):
    fake = Fake()
    one = camera(fake)
    one.capture(5.0)
    fake.frames = False
    (tmp_path / "video0").unlink()
    with pytest.raises(DeviceGone, match="unplugged"):
        one.capture(5.0)


def test_fail__no_such_camera(tmp_path):
    with pytest.raises(DeviceGone, match="There is no camera"):
        v4l2.create(Options(device=str(tmp_path / "none"))).open()


def test_fail__not_a_camera(tmp_path):
    plain = tmp_path / "plain"
    plain.touch()
    with pytest.raises(DeviceFault):
        v4l2.create(Options(device=str(plain))).open()


def test_fail__held_by_another_program(camera):
    one = camera(Fake(opened=False))
    with pytest.raises(DeviceFault, match="another program"):
        one.open()


def test_fail__not_permitted(camera, monkeypatch):
    monkeypatch.setattr(v4l2.os, "access", lambda path, mode: False)
    with pytest.raises(DeviceFault, match="group video"):
        camera(Fake()).open()


def test_fail__does_not_start(tmp_path, monkeypatch):
    monkeypatch.setattr(v4l2, "OPEN_SECONDS", 0.1)
    node, fake, start = tmp_path / "video0", Fake(), threading.Event()
    node.touch()

    def slow(options):
        start.wait()
        return fake

    one = V4l2Camera(Options(device=str(node)), open_capture=slow)
    with pytest.raises(DeviceFault, match="does not start"):
        one.open()
    start.set()
    assert fake.released.wait(5.0)


def test_ok__opencv_s_own_capture_reading_a_file(tmp_path):
    """No V4L2 node is needed for the rest of the way: OpenCV's decoder, frames, dropping what is stale."""
    video = tmp_path / "video.avi"
    writer = cv2.VideoWriter(str(video), cv2.VideoWriter.fourcc(*"MJPG"), 10.0, (64, 48))
    for number in range(30):
        writer.write(np.full((48, 64, 3), 8 * number, np.uint8))
    writer.release()
    one = V4l2Camera(Options(device=str(video)), open_capture=lambda _options: cv2.VideoCapture(str(video)))
    found = [int(one.capture(5.0).pixels.mean()) for _ in range(2)]
    assert found == pytest.approx([8 * v4l2.STALE_FRAMES, 8 * (2 * v4l2.STALE_FRAMES + 1)], abs=4)
    one.close()


def test_ok__the_pixel_format_is_set_before_the_size(monkeypatch):
    asked = []

    class Asked:
        def __init__(self, device, backend):
            asked.append((device, backend))

        def set(self, name, value):
            asked.append((name, value))

    monkeypatch.setattr(v4l2.cv2, "VideoCapture", Asked)
    v4l2.open_v4l2(Options(device="/dev/video9", width=640, height=480, pixel_format="MJPG"))
    v4l2.open_v4l2(Options(device="/dev/video9", width=640, height=480))
    size = [(cv2.CAP_PROP_FRAME_WIDTH, 640), (cv2.CAP_PROP_FRAME_HEIGHT, 480)]
    opened = ("/dev/video9", cv2.CAP_V4L2)
    assert asked == [opened, (cv2.CAP_PROP_FOURCC, 0x47504A4D), *size, opened, *size]
