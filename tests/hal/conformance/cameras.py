"""Benches of the cameras: fakes of the library below the driver, and files as they are."""

import sys
import threading
from collections import deque
from pathlib import Path

import cv2
import numpy as np

from conformance.case import Bench
from conformance.panels import SOLDERED, UNPLUGGING
from conformance.simulated import ALWAYS

sys.path.insert(0, str(Path(__file__).parents[1] / "camera"))

from picamera_fake import FakePicamera2

from hal.camera import Camera, picamera, v4l2
from hal.camera import file as file_camera

WAITING = ("time_out", "cancel", "one_at_a_time", "unplugged_waiting", "unplugged_at_every_exchange")


class FakeCapture:
    """`cv2.VideoCapture` as far as the driver uses it; the kernel's queue is full of older pictures."""

    def __init__(self, bench):
        self.bench = bench
        self.queue = deque([bench.number] * v4l2.STALE_FRAMES)
        self.grabbed = 0

    def isOpened(self):
        return True

    def grab(self):
        while not self.bench.there.wait(0.02):
            if self.bench.gone.is_set():
                return False
        self.queue.append(self.bench.number)
        self.grabbed = self.queue.popleft()
        return not self.bench.gone.is_set()

    def retrieve(self):
        if self.bench.damaged:
            self.bench.damaged = False
            return False, None
        return True, np.full((48, 64, 3), self.grabbed, np.uint8)

    def get(self, property_id):
        return 0.0

    def release(self):
        self.bench.gone.set()


class V4l2(Bench):
    protocol = Camera
    lies = True
    number, damaged = 0, False

    def __init__(self, tmp_path):
        super().__init__(tmp_path)
        self.node = tmp_path / "video0"
        self.there, self.gone = threading.Event(), threading.Event()
        self.node.touch()
        self.device = v4l2.V4l2Camera(v4l2.Options(device=str(self.node)), open_capture=self.open)

    def open(self, options):
        self.gone.clear()
        return FakeCapture(self)

    def provide(self, number=0):
        self.number = number
        self.there.set()

    def take_away(self):
        self.there.clear()

    def malform(self):
        self.damaged = True
        self.there.set()

    def unplug(self):
        self.node.unlink(missing_ok=True)
        self.there.clear()
        self.gone.set()

    def replug(self):
        self.node.touch()

    def operate(self, timeout):
        return self.device.capture(timeout).pixels

    def number_of(self, result):
        return int(result[0, 0, 0])

    def tear_down(self):
        super().tear_down()
        self.gone.set()  # OpenCV's own limit in the kernel, at last


class PiModule(Bench):
    protocol = Camera
    not_applicable = dict.fromkeys(UNPLUGGING, SOLDERED) | {
        "malformed": "libcamera gives whole frames or none",
        "nothing_stale": "the fake numbers its own pictures; the check of it is in test_picamera.py",
    }

    def __init__(self, tmp_path):
        super().__init__(tmp_path)
        self.there = threading.Event()
        self.device = picamera.PicameraCamera(picamera.Options(), open_camera=self.open)

    def open(self, number):
        camera = FakePicamera2(number)
        camera.there = self.there
        return camera

    def provide(self, number=0):
        self.there.set()

    def operate(self, timeout):
        return self.device.capture(timeout).pixels


class Files(Bench):
    protocol = Camera
    simulated = True
    not_applicable = dict.fromkeys(WAITING, ALWAYS) | {
        "nothing_stale": "each file is shown once, in order: that is what it is for"
    }

    def __init__(self, tmp_path):
        super().__init__(tmp_path)
        self.folder = tmp_path / "pictures"
        self.replug()
        self.device = file_camera.create(file_camera.Options(path=str(self.folder)))

    def malform(self):
        (self.folder / "1.png").write_bytes(b"no picture")

    def mend(self):
        self.unplug()
        self.replug()

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
