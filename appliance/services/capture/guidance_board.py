"""What the traveller is being told: written by the thread that takes the portrait, read by who asks."""

import asyncio
import contextlib
import threading

from appliance.contracts.capture import Guidance


class GuidanceBoard:
    """The latest word, numbered; readers wait for a newer one."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._now = Guidance(revision=1, looking=False, instruction=None)
        self._waiting: list[tuple[asyncio.AbstractEventLoop, asyncio.Event]] = []

    @property
    def now(self) -> Guidance:
        return self._now

    def say(self, instruction: str | None, *, looking: bool = True) -> None:
        """Put this up; the same again is nothing new."""
        with self._lock:
            if (self._now.looking, self._now.instruction) == (looking, instruction):
                return
            self._now = Guidance(revision=self._now.revision + 1, looking=looking, instruction=instruction)
            waiting, self._waiting = self._waiting, []
        for loop, event in waiting:
            with contextlib.suppress(RuntimeError):  # its loop has ended
                loop.call_soon_threadsafe(event.set)

    async def newer_than(self, revision: int, timeout: float) -> Guidance:
        """The word as soon as it is another than `revision`, or as it is after `timeout` seconds."""
        event = asyncio.Event()
        entry = (asyncio.get_running_loop(), event)
        with self._lock:
            if self._now.revision != revision:
                return self._now
            self._waiting.append(entry)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(timeout):
                await event.wait()
        with self._lock:
            if entry in self._waiting:
                self._waiting.remove(entry)
        return self._now
