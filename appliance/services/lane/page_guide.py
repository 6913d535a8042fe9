"""What the officer is told while a camera reads the page: one hint at a time, as capture sees it."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable

from appliance.contracts.capture import Capture, WatchPage
from appliance.contracts.errors import ServiceError
from appliance.services.lane.tasks import end

WATCH_SECONDS = 5.0
RETRY_SECONDS = 0.5
"""How soon a capture service that does not answer is asked again."""


class PageGuide:
    """Follows capture's hint; `changed` is called when it is another one."""

    def __init__(self, capture: Capture, changed: Callable[[], None]) -> None:
        self._capture = capture
        self._changed = changed
        self.hint: str | None = None

    @contextlib.asynccontextmanager
    async def following(self) -> AsyncIterator[None]:
        """Show the hint for as long as the block lasts."""
        task = asyncio.ensure_future(self._follow())
        try:
            yield
        finally:
            await end(task)
            self._show(None)

    async def _follow(self) -> None:
        revision = 0
        while True:
            try:
                word = await self._capture.watch_page(WatchPage(after=revision, timeout=WATCH_SECONDS))
            except ServiceError:
                await asyncio.sleep(RETRY_SECONDS)
                continue
            revision = word.revision
            self._show(word.hint)

    def _show(self, hint: str | None) -> None:
        if hint != self.hint:
            self.hint = hint
            self._changed()
