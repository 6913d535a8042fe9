"""A panel without hardware: `press` and `hold` are its button, and it remembers what it showed."""

import threading
import time
from collections import deque

from hal.device import Capability
from hal.panel import ButtonEvent, Signal
from hal.panel.button import ButtonQueue
from hal.simulated import Simulated, SimulatedOptions

REALISTIC_SECONDS = 0.0
"""A button is immediate; the person in front of it is not, and belongs to the script."""

MAX_SHOWN = 10_000
"""Days of crossings; a demo left running must not grow."""


class Options(SimulatedOptions, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What the configuration may say of this driver."""


class SimulatedPanel(Simulated):
    """Button, lights and buzzer in memory."""

    capabilities = frozenset({Capability.BUTTON, Capability.LIGHTS, Capability.BUZZER})

    def __init__(self, options: Options | None = None) -> None:
        super().__init__("panel", options or Options())
        self._events = ButtonQueue()
        self._shown: deque[tuple[float, Signal]] = deque(maxlen=MAX_SHOWN)
        self._shown_lock = threading.Lock()

    @property
    def shown(self) -> tuple[tuple[float, Signal], ...]:
        """Every signal shown, with its monotonic time."""
        with self._shown_lock:
            return tuple(self._shown)

    def press(self) -> None:
        """Press the button."""
        self._events.put(ButtonEvent.PRESS)

    def hold(self) -> None:
        """Hold the button: as it is reported, so without waiting."""
        self._events.put(ButtonEvent.HOLD)

    def show(self, signal: Signal) -> None:
        self.open()
        self._check_plugged()
        with self._shown_lock:
            self._shown.append((time.monotonic(), signal))

    def wait_for_button(self, timeout: float) -> ButtonEvent:
        deadline = time.monotonic() + timeout
        with self._operation():
            event = self._events.get(timeout, self._check_plugged)
            self._begin(deadline)
            return event


def create(options: Options) -> SimulatedPanel:
    """The driver for `hal.discovery.make_device`."""
    return SimulatedPanel(options)
