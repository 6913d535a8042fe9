"""A camera made of files: one picture, a folder of pictures in order of name, or a video.

It says `simulated`: what it shows is not in front of the box now.
"""

import stat
from pathlib import Path

import cv2
import msgspec
import numpy as np
import numpy.typing as npt
from PIL import Image, UnidentifiedImageError

from hal.camera import Frame
from hal.device import Capability, DeviceFault, DeviceGone, Identity, Unreadable
from hal.driver import Driver

MAX_PIXELS = 50_000_000
"""Three times a 16-megapixel camera; checked on the header, before any memory is taken for pixels."""

MAX_BYTES = 100_000_000
"""A picture of MAX_PIXELS is smaller than this in every format that is usual."""

PICTURES = {".jpg", ".jpeg", ".png", ".bmp", ".tif", ".tiff", ".webp", ".jp2"}
VIDEOS = {".mp4", ".avi", ".mkv", ".mov", ".webm"}


class Options(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What the configuration may say of this driver."""

    path: str
    """A picture, a folder of pictures, or a video; it begins anew when it is at its end."""


class FileCamera(Driver):
    """Shows one file after the other, or one frame of a video after the other."""

    simulated = True
    capabilities = frozenset({Capability.IMAGE})

    def __init__(self, options: Options) -> None:
        super().__init__(
            Identity(kind="camera", driver="file", model="pictures from files", port=options.path)
        )
        self._path = Path(options.path)
        self._pictures: list[Path] = []
        self._next = 0
        self._video: cv2.VideoCapture | None = None

    def capture(self, timeout: float) -> Frame:  # noqa: ARG002 - the Protocol's; a file is there or is not
        with self._operation():
            if self._video is not None:
                return Frame(self._next_video_frame(self._video))
            picture = self._pictures[self._next % len(self._pictures)]
            self._next += 1
            return Frame(_read_picture(picture))

    def _next_video_frame(self, video: cv2.VideoCapture) -> npt.NDArray[np.uint8]:
        if not self._path.exists():
            raise DeviceGone(f"{self._path} is no longer there.")
        read, pixels = video.read()
        if not read:  # at its end
            video.set(cv2.CAP_PROP_POS_FRAMES, 0)
            read, pixels = video.read()
        if not read:
            raise Unreadable(f"{self._path} holds no picture that can be decoded.")
        return np.array(pixels, dtype=np.uint8)

    def _take_hold(self) -> None:
        self._next = 0
        if self._path.is_dir():
            self._pictures = sorted(path for path in self._path.iterdir() if path.suffix.lower() in PICTURES)
            if not self._pictures:
                raise DeviceFault(f"There is no picture in the folder {self._path}.")
            return
        _require_file(self._path)
        if self._path.suffix.lower() not in VIDEOS:
            self._pictures = [self._path]
            return
        video = cv2.VideoCapture(str(self._path), cv2.CAP_FFMPEG)
        pixels = video.get(cv2.CAP_PROP_FRAME_WIDTH) * video.get(cv2.CAP_PROP_FRAME_HEIGHT)
        if not video.isOpened() or not 0 < pixels <= MAX_PIXELS:
            video.release()
            raise DeviceFault(f"{self._path} is no video that can be played, or its pictures are too large.")
        self._video = video

    def _let_go(self) -> None:
        video, self._video = self._video, None
        if video is not None:
            video.release()


def create(options: Options) -> FileCamera:
    """The driver for `hal.discovery.make_device`."""
    return FileCamera(options)


def _require_file(path: Path) -> None:
    """A pipe would block, a device would never end."""
    try:
        mode = path.stat().st_mode
    except OSError as error:
        raise DeviceGone(f"There is no picture or video at {path}.") from error
    if not stat.S_ISREG(mode):
        raise DeviceFault(f"{path} is neither a file nor a folder.")


def _read_picture(path: Path) -> npt.NDArray[np.uint8]:
    _require_file(path)
    if path.stat().st_size > MAX_BYTES:
        raise Unreadable(f"{path} has more than {MAX_BYTES:,} bytes.")
    try:
        with Image.open(path) as header:  # reads the header only
            width, height = header.size
    except Image.DecompressionBombError as error:
        raise Unreadable(f"{path} has more than {MAX_PIXELS:,} pixels.") from error
    except (UnidentifiedImageError, OSError, ValueError, SyntaxError) as error:
        raise Unreadable(f"{path} is not a picture.") from error
    if width * height > MAX_PIXELS:
        raise Unreadable(f"{path} has more than {MAX_PIXELS:,} pixels.")
    try:
        data = np.frombuffer(path.read_bytes(), dtype=np.uint8)
        pixels = cv2.imdecode(data, cv2.IMREAD_COLOR)
    except (cv2.error, OSError) as error:
        raise Unreadable(f"{path} cannot be decoded.") from error
    if pixels is None:
        raise Unreadable(f"{path} cannot be decoded.")
    return np.asarray(pixels, dtype=np.uint8)
