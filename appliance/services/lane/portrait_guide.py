"""What the traveller sees of the portrait step: the notice first, then one instruction at a time."""

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Callable

from appliance.contracts.capture import Capture, WatchGuidance
from appliance.contracts.errors import ServiceError
from appliance.contracts.lane import PortraitView
from appliance.services.lane.tasks import end
from appliance.services.lane.workflow import State, Step

WATCH_SECONDS = 5.0
RETRY_SECONDS = 0.5
"""How soon a capture service that does not answer is asked again."""


class PortraitGuide:
    """Follows what capture tells the traveller; `changed` is called when it is something new."""

    def __init__(self, capture: Capture, changed: Callable[[], None]) -> None:
        self._capture = capture
        self._changed = changed
        self._noticed_at: float | None = None
        self.looking = False
        self.instruction: str | None = None
        self.pages = 0
        """How many traveller's pages are open."""

    def notice(self) -> None:
        """The notice is on the screen from now on."""
        if self._noticed_at is None:
            self._noticed_at = time.monotonic()

    def forget(self) -> None:
        """The next traveller has seen no notice."""
        self._noticed_at = None

    @property
    def noticed_seconds(self) -> float:
        """How long the notice has stood."""
        return 0.0 if self._noticed_at is None else time.monotonic() - self._noticed_at

    def view_of(self, state: State) -> PortraitView | None:
        """What the traveller's page shows of this crossing."""
        if state.started is None:
            return None
        if state.portrait is not None:
            return PortraitView(phase="timed_out" if state.portrait.ended == "time" else "taken")
        missed = state.missed.get(Step.TAKING_PORTRAIT)
        if missed is not None:
            return PortraitView(phase="missed") if missed.tried else None
        if self._noticed_at is None:
            return None
        if self.looking:
            return PortraitView(phase="guiding" if self.instruction else "good", instruction=self.instruction)
        return PortraitView(phase="notice")

    @contextlib.asynccontextmanager
    async def following(self) -> AsyncIterator[None]:
        """Show what capture tells the traveller for as long as the block lasts."""
        task = asyncio.ensure_future(self._follow())
        try:
            yield
        finally:
            await end(task)
            self._show(looking=False, instruction=None)

    async def _follow(self) -> None:
        revision = 0
        while True:
            try:
                word = await self._capture.watch_guidance(
                    WatchGuidance(after=revision, timeout=WATCH_SECONDS)
                )
            except ServiceError:
                await asyncio.sleep(RETRY_SECONDS)
                continue
            revision = word.revision
            self._show(looking=word.looking, instruction=word.instruction)

    def _show(self, *, looking: bool, instruction: str | None) -> None:
        if (looking, instruction) != (self.looking, self.instruction):
            self.looking, self.instruction = looking, instruction
            self._changed()
