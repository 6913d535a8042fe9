"""A camera without hardware: shows frames it is given, or a drawn test card with nobody on it."""

import threading
import time
from collections.abc import Callable

import cv2
import numpy as np
import numpy.typing as npt

from hal.camera import Frame
from hal.device import Capability
from hal.simulated import Simulated, SimulatedOptions

Pixels = npt.NDArray[np.uint8]

REALISTIC_SECONDS = 0.07
"""Two frames at 30 frames a second, the one that is being exposed is dropped: an assumption."""


class Options(SimulatedOptions, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What the configuration may say of this driver."""

    width: int = 1280
    height: int = 720


class SimulatedCamera(Simulated):
    """Shows what `present` gave it; otherwise the test card."""

    capabilities = frozenset({Capability.IMAGE})

    def __init__(self, options: Options | None = None) -> None:
        self._options = options or Options()
        super().__init__("camera", self._options)
        self._source: Callable[[], Pixels] | None = None
        self._source_lock = threading.Lock()

    def present(self, source: Callable[[], Pixels] | Pixels) -> None:
        """Put a picture, or a source of pictures (BGR), in front of the camera."""
        with self._source_lock:
            self._source = source if callable(source) else lambda: source

    def remove(self) -> None:
        """Show the test card again."""
        with self._source_lock:
            self._source = None

    def capture(self, timeout: float) -> Frame:
        deadline = time.monotonic() + timeout
        with self._operation():
            self._begin(deadline)
            with self._source_lock:
                source = self._source
            if source is None:
                return Frame(draw_test_card(self._options.width, self._options.height))
            return Frame(np.array(source(), dtype=np.uint8))


def create(options: Options) -> SimulatedCamera:
    """The driver for `hal.discovery.make_device`."""
    return SimulatedCamera(options)


def draw_test_card(width: int, height: int) -> Pixels:
    """Colour bars and the drawing of a head and shoulders, made of ellipses: nobody's picture."""
    card = np.empty((height, width, 3), dtype=np.uint8)
    bars = np.array([(192, 192, 192), (0, 192, 192), (192, 192, 0), (192, 0, 192), (192, 0, 0)], np.uint8)
    card[:] = bars[np.arange(width) * len(bars) // width]
    unit = min(width, height) / 100
    centre = (width // 2, int(height * 0.45))

    def at(dx: float, dy: float) -> tuple[int, int]:
        return int(centre[0] + dx * unit), int(centre[1] + dy * unit)

    def axes(x: float, y: float) -> tuple[int, int]:
        return max(1, int(x * unit)), max(1, int(y * unit))

    skin, dark, cloth = (140, 170, 205), (40, 40, 60), (110, 80, 60)
    cv2.ellipse(card, at(0, 62), axes(42, 34), 0, 180, 360, cloth, -1)
    cv2.ellipse(card, at(0, 0), axes(22, 30), 0, 0, 360, skin, -1)
    cv2.ellipse(card, at(0, -10), axes(23, 22), 0, 180, 360, dark, -1)
    for side in (-1, 1):
        cv2.ellipse(card, at(side * 8, -3), axes(4, 2), 0, 0, 360, (255, 255, 255), -1)
        cv2.ellipse(card, at(side * 8, -3), axes(1.6, 1.6), 0, 0, 360, dark, -1)
    cv2.line(card, at(0, 0), at(-2, 8), dark, max(1, int(unit * 0.6)))
    cv2.ellipse(card, at(0, 15), axes(8, 3), 0, 0, 180, dark, max(1, int(unit * 0.6)))
    return card
