"""Cameras on Video4Linux (USB webcams and the like), through OpenCV."""

import os
import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor, wait
from concurrent.futures import TimeoutError as FutureTimeout
from typing import Any, Literal, Protocol

import cv2
import msgspec
import numpy as np
import numpy.typing as npt

from hal.camera import Frame
from hal.device import Capability, DeviceFault, DeviceGone, Identity, Timeout, Unreadable
from hal.driver import POLL_SECONDS, Driver

STALE_FRAMES = 5
"""OpenCV queues four V4L2 buffers, and the camera may be exposing a fifth: all older than the call. Where the
kernel's timestamp says that a frame is younger, no more are dropped: a live view keeps the camera's pace."""

CREDIBLE_SECONDS = 10.0
"""A timestamp further in the future is of another clock than the kernel's monotonic one."""

OPEN_SECONDS = 10.0
"""A USB camera that needs longer to start its stream is stuck."""

RELEASE_SECONDS = 2.0
"""How long a camera that is opened again may take to end the stream of before."""


class Options(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What the configuration may say of this driver."""

    device: str = "/dev/video0"
    """/dev/v4l/by-id/... is stable across reboots."""
    width: int = 1280
    height: int = 720
    pixel_format: Literal["MJPG", "YUYV"] | None = None
    """None: the camera's own. Over USB 2, 1280 x 720 is slow in YUYV, and quick in MJPG."""
    model: str = "V4L2 camera"
    serial_number: str | None = None


class Capture(Protocol):
    """What is used of `cv2.VideoCapture`: the seam for tests."""

    def isOpened(self) -> bool: ...  # noqa: N802 - OpenCV's name
    def grab(self) -> bool: ...
    def retrieve(self) -> tuple[bool, Any]: ...
    def get(self, property_id: int) -> float: ...
    def release(self) -> None: ...


OpenCapture = Callable[[Options], Capture]


def open_v4l2(options: Options) -> Capture:
    """The real thing."""
    capture = cv2.VideoCapture(options.device, cv2.CAP_V4L2)
    if options.pixel_format is not None:  # before the size, which depends on it
        capture.set(cv2.CAP_PROP_FOURCC, cv2.VideoWriter.fourcc(*options.pixel_format))
    capture.set(cv2.CAP_PROP_FRAME_WIDTH, options.width)
    capture.set(cv2.CAP_PROP_FRAME_HEIGHT, options.height)
    return capture


class V4l2Camera(Driver):
    """A camera.

    OpenCV waits up to ten seconds inside the kernel and cannot be interrupted, so all its calls are made
    by one worker thread: the caller's timeout holds whatever the camera does, and the capture is never
    released while it is being read.
    """

    capabilities = frozenset({Capability.IMAGE})

    def __init__(self, options: Options, *, open_capture: OpenCapture = open_v4l2) -> None:
        super().__init__(
            Identity(
                kind="camera",
                driver="v4l2",
                model=options.model,
                serial=options.serial_number,
                port=options.device,
            )
        )
        self._options = options
        self._open_capture = open_capture
        self._worker: ThreadPoolExecutor | None = None
        self._capture: Capture | None = None
        self._pending: Future[npt.NDArray[np.uint8]] | None = None
        self._releasing: Future[None] | None = None
        """The stream of before, which the kernel gives to one at a time."""

    def capture(self, timeout: float) -> Frame:
        deadline = time.monotonic() + timeout
        with self._operation():
            assert self._worker is not None
            if self._pending is not None:  # a capture before this one hung: its picture is stale
                self._wait(self._pending, deadline)
            self._pending = self._worker.submit(self._fresh_frame, time.monotonic())
            self._wait(self._pending, deadline)
            done, self._pending = self._pending, None
            return Frame(done.result())

    def _wait(self, pending: Future[npt.NDArray[np.uint8]], deadline: float) -> None:
        while not pending.done():
            self._check_not_closed()
            left = deadline - time.monotonic()
            if left <= 0:
                raise Timeout("The camera gave no picture in time.")
            wait([pending], timeout=min(POLL_SECONDS, left))

    def _fresh_frame(self, asked: float) -> npt.NDArray[np.uint8]:
        assert self._capture is not None
        for _ in range(STALE_FRAMES + 1):
            if not self._capture.grab():
                raise self._no_frame()
            exposed = self._capture.get(cv2.CAP_PROP_POS_MSEC) / 1000.0
            if asked <= exposed < asked + CREDIBLE_SECONDS:
                break
        decoded, pixels = self._capture.retrieve()
        if not decoded or not isinstance(pixels, np.ndarray):
            raise Unreadable("The camera's picture is damaged.")
        if pixels.dtype != np.uint8 or pixels.ndim != 3 or pixels.shape[2] != 3 or not pixels.size:
            raise Unreadable("The camera's picture is not in colour, eight bits a channel.")
        return pixels.copy()  # OpenCV may reuse its buffer for the next picture

    def _no_frame(self) -> Unreadable | DeviceGone:
        if os.path.exists(self._options.device):
            return Unreadable("The camera gave no picture.")
        return DeviceGone(f"The camera on {self._options.device} was unplugged.")

    def _take_hold(self) -> None:
        device = self._options.device
        if not os.path.exists(device):
            raise DeviceGone(f"There is no camera on {device}.")
        if not os.access(device, os.R_OK | os.W_OK):
            raise DeviceFault(f"{device} may not be opened: this service needs the group video.")
        if self._releasing is not None:
            wait([self._releasing], timeout=RELEASE_SECONDS)
            if not self._releasing.done():
                raise DeviceFault(f"The camera on {device} still hangs in its last picture.")
            self._releasing = None
        self._worker = ThreadPoolExecutor(max_workers=1, thread_name_prefix="camera")
        opening = self._worker.submit(self._open_capture, self._options)
        try:
            self._capture = opening.result(OPEN_SECONDS)
        except FutureTimeout:
            opening.add_done_callback(lambda done: done.result().release())
            self._worker.shutdown(wait=False)
            raise DeviceFault(f"The camera on {device} does not start.") from None
        if not self._capture.isOpened():
            self._let_go()
            raise DeviceFault(f"{device} is no camera, or another program holds it.")

    def _let_go(self) -> None:
        worker, capture = self._worker, self._capture
        self._worker, self._capture, self._pending = None, None, None
        if worker is not None and capture is not None:
            self._releasing = worker.submit(capture.release)  # after the read that may still hang
            worker.shutdown(wait=False)


def create(options: Options) -> V4l2Camera:
    """The driver for `hal.discovery.make_device`."""
    return V4l2Camera(options)
