"""Button events on their way from where they happen to who waits for them."""

import threading
import time
from collections import deque
from collections.abc import Callable

from hal.device import Timeout
from hal.driver import POLL_SECONDS
from hal.panel import ButtonEvent

FRESH_SECONDS = 1.0
"""A press nobody waited for is forgotten after this: it must not accept the next traveller."""

MAX_EVENTS = 8
"""Nobody means more presses than this within `FRESH_SECONDS`."""


class ButtonQueue:
    """Holds each event for `FRESH_SECONDS`, in order."""

    def __init__(self) -> None:
        self._events: deque[tuple[float, ButtonEvent]] = deque(maxlen=MAX_EVENTS)
        self._changed = threading.Condition()

    def put(self, event: ButtonEvent) -> None:
        with self._changed:
            self._events.append((time.monotonic(), event))
            self._changed.notify_all()

    def clear(self) -> None:
        with self._changed:
            self._events.clear()

    def get(self, timeout: float, check: Callable[[], None]) -> ButtonEvent:
        """The next event; `check` is called at every look and may raise.

        Raises:
            Timeout: nobody pressed.
        """
        deadline = time.monotonic() + timeout
        with self._changed:
            while True:
                check()
                now = time.monotonic()
                while self._events:
                    when, event = self._events.popleft()
                    if now - when <= FRESH_SECONDS:
                        return event
                if now >= deadline:
                    raise Timeout("Nobody pressed the button.")
                self._changed.wait(min(POLL_SECONDS, deadline - now))
