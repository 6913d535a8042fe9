"""The camera module of a Raspberry Pi, through picamera2 and libcamera.

Untested on hardware. Written against picamera2 0.3.38, whose signatures the tests hold; the library itself is
imported only when a camera is opened, because it cannot be installed elsewhere.
"""

import contextlib
import importlib
import time
from collections.abc import Callable, Mapping
from concurrent.futures import CancelledError
from typing import Any, Protocol

import msgspec
import numpy as np
import numpy.typing as npt

from hal.camera import Frame
from hal.device import Capability, DeviceFault, DeviceGone, Identity, Timeout, Unreadable
from hal.driver import POLL_SECONDS, Driver

STREAM = "main"
FORMAT = "RGB888"
"""libcamera's name for pixels that lie blue, green, red in memory: OpenCV's order."""
BUFFERS = 4


class Options(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What the configuration may say of this driver."""

    camera: int = 0
    """Counted as `rpicam-hello --list-cameras` lists them."""
    width: int = 1280
    height: int = 720
    upside_down: bool = False
    """The module hangs on its head."""
    model: str = "Raspberry Pi camera"


class Request(Protocol):
    """What is used of `picamera2.request.CompletedRequest`."""

    def make_array(self, name: str) -> npt.NDArray[np.uint8]: ...
    def release(self) -> None: ...


class PiCamera(Protocol):
    """What is used of `picamera2.Picamera2`: the seam for tests."""

    def create_video_configuration(self, main: Any = ..., *, buffer_count: int = ...) -> dict[str, Any]: ...
    def configure(self, camera_config: Mapping[str, Any] | None = None) -> None: ...
    def start(self) -> None: ...
    def capture_request(self, wait: Any = None, signal_function: Any = None, flush: Any = None) -> Any: ...
    def wait(self, job: Any, timeout: float | None = None) -> Request: ...
    def cancel_all_and_flush(self) -> None: ...
    def stop(self) -> None: ...
    def close(self) -> None: ...


OpenCamera = Callable[[int], PiCamera]


def open_picamera(number: int) -> PiCamera:
    """The real thing.

    Raises:
        DeviceFault: picamera2 is not installed.
        DeviceGone: there is no such camera.
    """
    try:
        library = importlib.import_module("picamera2")
    except ImportError as error:
        raise DeviceFault(
            "picamera2 is not installed; a Raspberry Pi has it as python3-picamera2."
        ) from error
    if number >= len(library.Picamera2.global_camera_info()):
        raise DeviceGone(f"There is no camera number {number} on this board.")
    camera: PiCamera = library.Picamera2(number)
    return camera


class PicameraCamera(Driver):
    """A camera module that runs as long as it is open; each picture is exposed after it was asked for."""

    capabilities = frozenset({Capability.IMAGE})

    def __init__(self, options: Options, *, open_camera: OpenCamera = open_picamera) -> None:
        super().__init__(
            Identity(kind="camera", driver="picamera", model=options.model, port=f"csi{options.camera}")
        )
        self._options = options
        self._open_camera = open_camera
        self._camera: PiCamera | None = None

    def capture(self, timeout: float) -> Frame:
        deadline = time.monotonic() + timeout
        with self._operation():
            request = self._fresh_request(deadline)
            try:
                pixels = request.make_array(STREAM)
            except (RuntimeError, ValueError) as error:
                raise Unreadable("The camera's picture is damaged.") from error
            finally:
                request.release()
            if pixels.dtype != np.uint8 or pixels.ndim != 3 or pixels.shape[2] != 3 or not pixels.size:
                raise Unreadable("The camera's picture is not in colour, eight bits a channel.")
            if self._options.upside_down:
                pixels = pixels[::-1, ::-1]
            return Frame(np.ascontiguousarray(pixels))

    def _fresh_request(self, deadline: float) -> Request:
        """A picture exposed after now (`flush`); waited for in slices, so that `close` is felt."""
        assert self._camera is not None
        job = self._camera.capture_request(wait=False, flush=True)
        while True:
            left = deadline - time.monotonic()
            try:
                return self._camera.wait(job, timeout=max(0.0, min(POLL_SECONDS, left)))
            except TimeoutError:
                pass
            except KeyError as error:  # `flush` needs SensorTimestamp and ExposureTime
                raise DeviceFault("The camera does not say when its pictures were exposed.") from error
            except (RuntimeError, CancelledError) as error:
                raise DeviceFault("The camera stopped while it was asked for a picture.") from error
            try:
                self._check_not_closed()
                if left <= 0:
                    raise Timeout("The camera gave no picture in time.")
            except BaseException:
                self._take_back(job)
                raise

    def _take_back(self, job: Any) -> None:
        """The next caller must not get this one's picture; one that has come meanwhile is given back, as each
        that is kept takes a buffer from the camera."""
        assert self._camera is not None
        self._camera.cancel_all_and_flush()
        with contextlib.suppress(TimeoutError, CancelledError, RuntimeError, KeyError):
            self._camera.wait(job, timeout=0.0).release()

    def _take_hold(self) -> None:
        size = (self._options.width, self._options.height)
        camera: PiCamera | None = None
        try:
            camera = self._open_camera(self._options.camera)
            main = {"format": FORMAT, "size": size}
            camera.configure(camera.create_video_configuration(main=main, buffer_count=BUFFERS))
            camera.start()
        except (RuntimeError, IndexError, OSError) as error:
            if camera is not None:
                _end(camera)
            raise DeviceFault(
                f"Camera {self._options.camera} does not start: another program holds it, or it does not fit."
            ) from error
        self._camera = camera

    def _let_go(self) -> None:
        camera, self._camera = self._camera, None
        if camera is not None:
            _end(camera)


def _end(camera: PiCamera) -> None:
    for step in (
        camera.cancel_all_and_flush,
        camera.stop,
        camera.close,
    ):  # `stop` waits for the jobs before it
        with contextlib.suppress(RuntimeError, OSError):
            step()


def create(options: Options) -> PicameraCamera:
    """The driver for `hal.discovery.make_device`."""
    return PicameraCamera(options)
