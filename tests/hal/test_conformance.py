"""What every device must keep, run against every driver that can run without hardware.

A bench is one device and the hands around it: `provide` makes the next operation succeed, `unplug` pulls
the plug, `replug` puts it back. Serial readers and keyboards are the shipped drivers on a pty, the panel's
pins are gpiozero's mock pins, the V4L2 camera is the shipped driver over a fake of `cv2.VideoCapture`.
"""

import gc
import os
import sys
import threading
import time
import tty
from contextlib import contextmanager
from pathlib import Path

import cv2
import numpy as np
import pytest
from gpiozero.pins.mock import MockFactory

sys.path.insert(0, str(Path(__file__).parent / "camera"))

from picamera_fake import FakePicamera2

from hal.camera import Camera, picamera, v4l2
from hal.camera import file as file_camera
from hal.camera import simulated as simulated_camera
from hal.device import Capability, Device, DeviceBusy, DeviceGone, State, Timeout
from hal.document_reader import ChipReader, MrzLineReader, mrz_line
from hal.document_reader import simulated as simulated_reader
from hal.fingerprint_sensor import FingerprintSensor
from hal.fingerprint_sensor import simulated as simulated_sensor
from hal.panel import Panel, gpio, keyboard
from hal.panel import simulated as simulated_panel

LINES = ("P<UTOERIKSSON<<ANNA<MARIA<<<<<<<<<<<<<<<<<<<", "L898902C36UTO7408122F1204159ZE184226B<<<<<10")


class Bench:
    """The hands around one device."""

    protocol: type
    device: Device
    can_be_unplugged = True
    can_be_silent = True

    def __init__(self, tmp_path):
        self.tmp_path = tmp_path

    @contextmanager
    def providing(self):
        """While this lasts, a person is there: again and again, as some devices forget what nobody awaits."""
        stop = threading.Event()

        def go_on():
            while not stop.wait(0.03):
                self.provide()

        thread = threading.Thread(target=go_on)
        thread.start()
        try:
            yield
        finally:
            stop.set()
            thread.join()

    def provide(self):
        pass

    def unplug(self):
        self.device.unplug()

    def replug(self):
        self.device.plug()

    def tear_down(self):
        self.device.close()


class SimulatedLines(Bench):
    protocol = MrzLineReader

    def __init__(self, tmp_path):
        super().__init__(tmp_path)
        self.device = simulated_reader.SimulatedDocumentReader()

    def provide(self):
        self.device.present(lines=LINES, transmit=lambda command: command + b"\x90\x00")

    def operate(self, timeout):
        return self.device.read_lines(timeout)


class SimulatedChip(SimulatedLines):
    protocol = ChipReader

    def operate(self, timeout):
        return self.device.wait_for_chip(timeout)


class SimulatedCamera(Bench):
    protocol = Camera
    can_be_silent = False

    def __init__(self, tmp_path):
        super().__init__(tmp_path)
        self.device = simulated_camera.SimulatedCamera(simulated_camera.Options(width=64, height=48))

    def operate(self, timeout):
        return self.device.capture(timeout).pixels


class SimulatedSensor(Bench):
    protocol = FingerprintSensor

    def __init__(self, tmp_path):
        super().__init__(tmp_path)
        self.device = simulated_sensor.SimulatedFingerprintSensor(simulated_sensor.Options(finger=None))

    def provide(self):
        self.device.present(1)

    def operate(self, timeout):
        return self.device.capture(timeout).pixels


class SimulatedPanel(Bench):
    protocol = Panel

    def __init__(self, tmp_path):
        super().__init__(tmp_path)
        self.device = simulated_panel.SimulatedPanel()

    def provide(self):
        self.device.press()

    def operate(self, timeout):
        return self.device.wait_for_button(timeout)


class OnAPty(Bench):
    """A device at the other end of a pty; its plug is a symbolic link, as /dev/serial/by-id is."""

    text: bytes

    def __init__(self, tmp_path):
        super().__init__(tmp_path)
        self.port = tmp_path / "port"
        self.fds = ()
        self.replug()

    def provide(self):
        if self.fds:
            os.write(self.fds[0], self.text)

    def unplug(self):
        for fd in self.fds:
            os.close(fd)
        self.fds = ()
        self.port.unlink(missing_ok=True)

    def replug(self):
        self.fds = os.openpty()
        tty.setraw(self.fds[1])
        self.port.symlink_to(os.ttyname(self.fds[1]))

    def tear_down(self):
        super().tear_down()
        self.unplug()


class SerialReader(OnAPty):
    protocol = MrzLineReader
    text = b"\x02" + "\r".join(LINES).encode() + b"\r\x03"

    def __init__(self, tmp_path):
        super().__init__(tmp_path)
        self.device = mrz_line.create(mrz_line.Options(port=str(self.port)))

    def operate(self, timeout):
        return self.device.read_lines(timeout)


class Keyboard(OnAPty):
    protocol = Panel
    text = b"xh "

    def __init__(self, tmp_path):
        super().__init__(tmp_path)
        self.device = keyboard.create(keyboard.Options(terminal=str(self.port)))

    def operate(self, timeout):
        return self.device.wait_for_button(timeout)


class Pins(Bench):
    protocol = Panel
    can_be_unplugged = False

    def __init__(self, tmp_path):
        super().__init__(tmp_path)
        self.pins = MockFactory()
        options = gpio.Options(ready_pin=5, working_pin=6, attention_pin=13, buzzer_pin=19)
        self.device = gpio.GpioPanel(options, make_pins=lambda: self.pins)

    def provide(self):
        self.pins.pin(17).drive_low()
        time.sleep(0.05)
        self.pins.pin(17).drive_high()

    def operate(self, timeout):
        return self.device.wait_for_button(timeout)


class FakeCapture:
    """`cv2.VideoCapture` as far as the driver uses it."""

    def __init__(self, bench):
        self.bench = bench
        self.grabbed = 0

    def isOpened(self):
        return True

    def grab(self):
        while not self.bench.there.wait(0.02):
            if self.bench.gone.is_set():
                return False
        self.grabbed += 1
        return not self.bench.gone.is_set()

    def retrieve(self):
        return True, np.full((48, 64, 3), self.grabbed, np.uint8)

    def get(self, property_id):
        return 0.0

    def release(self):
        self.bench.gone.set()


class V4l2(Bench):
    protocol = Camera

    def __init__(self, tmp_path):
        super().__init__(tmp_path)
        self.node = tmp_path / "video0"
        self.there, self.gone = threading.Event(), threading.Event()
        self.node.touch()
        self.device = v4l2.V4l2Camera(v4l2.Options(device=str(self.node)), open_capture=self.open)

    def open(self, options):
        self.gone.clear()
        return FakeCapture(self)

    def provide(self):
        self.there.set()

    def unplug(self):
        self.node.unlink(missing_ok=True)
        self.there.clear()
        self.gone.set()

    def replug(self):
        self.node.touch()

    def operate(self, timeout):
        return self.device.capture(timeout).pixels

    def tear_down(self):
        super().tear_down()
        self.gone.set()  # OpenCV's own limit in the kernel, at last


class PiModule(Bench):
    protocol = Camera
    can_be_unplugged = False  # its cable is not pulled while the board runs

    def __init__(self, tmp_path):
        super().__init__(tmp_path)
        self.there = threading.Event()
        self.device = picamera.PicameraCamera(picamera.Options(), open_camera=self.open)

    def open(self, number):
        camera = FakePicamera2(number)
        camera.there = self.there
        return camera

    def provide(self):
        self.there.set()

    def operate(self, timeout):
        return self.device.capture(timeout).pixels


class Files(Bench):
    protocol = Camera
    can_be_silent = False

    def __init__(self, tmp_path):
        super().__init__(tmp_path)
        self.folder = tmp_path / "pictures"
        self.replug()
        self.device = file_camera.create(file_camera.Options(path=str(self.folder)))

    def unplug(self):
        for picture in self.folder.iterdir():
            picture.unlink()
        self.folder.rmdir()

    def replug(self):
        self.folder.mkdir()
        for number in range(2):
            cv2.imwrite(str(self.folder / f"{number}.png"), np.full((48, 64, 3), 50 * number, np.uint8))

    def operate(self, timeout):
        return self.device.capture(timeout).pixels


BENCHES = [SimulatedLines, SimulatedChip, SimulatedCamera, SimulatedSensor, SimulatedPanel]
BENCHES += [SerialReader, Keyboard, Pins, V4l2, PiModule, Files]


def open_files():
    gc.collect()
    return len(os.listdir("/proc/self/fd"))


@pytest.fixture(params=BENCHES, ids=lambda bench: bench.__name__)
def bench(request, tmp_path):
    if issubclass(request.param, OnAPty):
        request.getfixturevalue("pseudo_terminals")
    threads, files = set(threading.enumerate()), open_files()
    one = request.param(tmp_path)
    yield one
    one.tear_down()
    deadline = time.monotonic() + 5
    while (left := set(threading.enumerate()) - threads) and time.monotonic() < deadline:
        time.sleep(0.02)
    assert not left, "threads left behind"
    assert open_files() <= files, "files left open"


def work(bench):
    with bench.providing():
        return bench.operate(10.0)


def test_ok__identity_and_protocol(bench):
    before = bench.device.identity
    assert isinstance(bench.device, bench.protocol)
    assert bench.device.state is State.ABSENT
    assert bench.device.capabilities
    assert bench.device.capabilities <= set(Capability)
    work(bench)
    assert bench.device.identity == before
    assert before.key.startswith(f"{before.kind}/{before.driver}/")
    assert bench.device.simulated == (before.driver in ("simulated", "file"))


def test_ok__open_and_close_may_be_said_twice(bench):
    for _ in range(2):
        bench.device.open()
        bench.device.open()
        assert bench.device.state is State.READY
        bench.device.close()
        bench.device.close()
        assert bench.device.state is State.ABSENT


def test_ok__works_unopened_and_after_close(bench):
    work(bench)
    bench.device.close()
    work(bench)
    assert bench.device.state is State.READY


def test_ok__counts_successes(bench):
    work(bench)
    work(bench)
    health = bench.device.health
    assert (health.successes, health.failures, health.last_error) == (2, 0, None)
    assert health.last_success is not None
    assert health.p95_seconds is not None


def test_fail__timeout_is_kept_and_is_no_failure(bench):
    if not bench.can_be_silent:
        pytest.skip("always has something to give")
    bench.device.open()
    began = time.monotonic()
    with pytest.raises(Timeout):
        bench.operate(0.3)
    assert 0.25 < time.monotonic() - began < 2.0
    assert bench.device.state is State.READY
    assert bench.device.health.failures == 0
    work(bench)


def test_fail__unplugged_and_back(bench):
    if not bench.can_be_unplugged:
        pytest.skip("soldered")
    work(bench)
    bench.unplug()
    with pytest.raises(DeviceGone):
        bench.operate(5.0)
    assert bench.device.state is State.ABSENT
    assert bench.device.health.last_error == "DeviceGone"
    assert bench.device.health.consecutive_failures == 1
    with pytest.raises(DeviceGone):
        bench.device.open()
    bench.replug()
    work(bench)
    assert bench.device.state is State.READY
    assert bench.device.health.consecutive_failures == 0


def test_fail__unplugged_while_waiting(bench):
    if not (bench.can_be_unplugged and bench.can_be_silent):
        pytest.skip("does not wait, or is soldered")
    bench.device.open()
    timer = threading.Timer(0.2, bench.unplug)
    timer.start()
    began = time.monotonic()
    with pytest.raises(DeviceGone):
        bench.operate(10.0)
    assert time.monotonic() - began < 5.0
    assert bench.device.state is State.ABSENT
    timer.join()


def test_fail__one_at_a_time(bench):
    if not bench.can_be_silent:
        pytest.skip("does not wait")
    bench.device.open()
    outcome = []

    def wait():
        with pytest.raises(Timeout):
            bench.operate(0.6)
        outcome.append("timeout")

    thread = threading.Thread(target=wait)
    thread.start()
    while bench.device.state is not State.BUSY:
        time.sleep(0.01)
    with pytest.raises(DeviceBusy):
        bench.operate(0.1)
    assert bench.device.state is State.BUSY
    thread.join()
    assert outcome == ["timeout"]


def test_fail__close_ends_a_wait(bench):
    if not bench.can_be_silent:
        pytest.skip("does not wait")
    bench.device.open()
    ended = []

    def wait():
        with pytest.raises(DeviceGone):
            bench.operate(30.0)
        ended.append(time.monotonic())

    thread = threading.Thread(target=wait)
    thread.start()
    while bench.device.state is not State.BUSY:
        time.sleep(0.01)
    closed = time.monotonic()
    bench.device.close()
    thread.join()
    assert ended[0] - closed < 1.0
    assert bench.device.state is State.ABSENT


def test_ok__two_results_share_no_data(bench):
    first, second = work(bench), work(bench)
    if isinstance(first, np.ndarray):
        assert not np.shares_memory(first, second)
        kept = second.copy()
        first[:] = 0
        assert (second == kept).all()
        assert second.dtype == np.uint8
    elif hasattr(first, "transmit"):
        assert first is not second
