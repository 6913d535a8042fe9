"""A picamera2 that accepts the calls that the published package accepts, and no others."""

import functools
import inspect
import json
import threading
from concurrent.futures import CancelledError
from pathlib import Path
from types import ModuleType

import numpy as np

FACTS = json.loads(Path(__file__).with_name("picamera2_0_3_38.json").read_text("utf-8"))["signatures"]


def as_published(name: str):
    """Hold a fake's method to the recorded signature of the real one."""
    fact = FACTS[name]
    names, first_default = fact["parameters"], len(fact["parameters"]) - fact["defaults"]
    parameters = [
        inspect.Parameter(
            one, inspect.Parameter.POSITIONAL_OR_KEYWORD,
            default=None if place >= first_default else inspect.Parameter.empty,
        )
        for place, one in enumerate(names)
    ]  # fmt: skip
    parameters += [inspect.Parameter(one, inspect.Parameter.KEYWORD_ONLY) for one in fact["keyword_only"]]
    signature = inspect.Signature(parameters)

    def hold(function):
        @functools.wraps(function)
        def held(self, *args, **kwargs):
            bound = signature.bind(*args, **kwargs)  # TypeError: the real one would raise it too
            return function(self, **bound.arguments)

        return held

    return hold


class FakeRequest:
    def __init__(self, camera, pixels):
        self.camera, self.pixels = camera, pixels

    @as_published("CompletedRequest.make_array")
    def make_array(self, name):
        assert name == "main"
        if self.pixels is None:
            raise RuntimeError("no such stream")
        return self.pixels

    @as_published("CompletedRequest.release")
    def release(self):
        self.camera.held -= 1


class FakePicamera2:
    """Pictures whose brightness is their number; `there` says whether the sensor delivers."""

    cameras = [{"Num": 0}]

    @as_published("Picamera2.__init__")
    def __init__(self, camera_num=0):
        self.camera_num = camera_num
        self.configured = None
        self.started = self.closed = False
        self.there = threading.Event()
        self.there.set()
        self.taken = 0
        self.held = 0
        self.jobs = []
        self.pixels = lambda number: np.full((48, 64, 3), number, np.uint8)
        self.fails: str | None = None
        self.late = False
        """A picture comes just as the wait for it has ended."""
        self.cancelled = []

    @staticmethod
    def global_camera_info():
        return FakePicamera2.cameras

    @as_published("Picamera2.create_video_configuration")
    def create_video_configuration(self, main=None, buffer_count=6, **others):
        assert not others
        return {"main": main, "buffer_count": buffer_count}

    @as_published("Picamera2.configure")
    def configure(self, camera_config=None):
        if self.fails == "configure":
            raise RuntimeError("Invalid camera configuration")
        self.configured = camera_config

    @as_published("Picamera2.start")
    def start(self):
        assert self.configured is not None
        self.started = True

    @as_published("Picamera2.capture_request")
    def capture_request(self, wait=None, signal_function=None, flush=None):
        assert wait is False
        assert flush is True, "a queued picture would be taken for a fresh one"
        self.jobs.append(object())
        return self.jobs[-1]

    @as_published("Picamera2.wait")
    def wait(self, job, timeout=None):
        if self.fails == "wait":
            raise RuntimeError("Camera frontend has timed out")
        if self.fails == "timestamps":
            raise KeyError("SensorTimestamp")
        if job in self.cancelled:
            raise CancelledError
        if self.late and self.jobs:
            raise TimeoutError
        if not self.there.wait(timeout):
            raise TimeoutError
        if job in self.jobs:
            self.jobs.remove(job)
        self.taken += 1
        self.held += 1
        return FakeRequest(self, self.pixels(self.taken))

    @as_published("Picamera2.cancel_all_and_flush")
    def cancel_all_and_flush(self):
        if not self.late:  # a job that is done is no longer in the list, and is not cancelled
            self.cancelled += self.jobs
        self.jobs.clear()

    @as_published("Picamera2.stop")
    def stop(self):
        self.started = False

    @as_published("Picamera2.close")
    def close(self):
        self.closed = True
        if self.fails == "close":
            raise RuntimeError("Closing failed")


def library() -> ModuleType:
    """The package as it is imported."""
    module = ModuleType("picamera2")
    module.Picamera2 = FakePicamera2
    return module
