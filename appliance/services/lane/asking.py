"""Asking the officer and waiting: an offer on the strip, a trouble above it, work that a hold breaks off."""

import asyncio
import logging
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

from appliance.contracts.capture import Capture
from appliance.contracts.lane import Trouble
from appliance.records.errors import StorageError, StorageFull
from appliance.services.lane.button import Button, Offer
from appliance.services.lane.signals import show
from appliance.services.lane.tasks import end

Evidence = TypeVar("Evidence")
log = logging.getLogger(__name__)


class Referred(Exception):
    """The officer held the button while a step was under way."""


class Asking:
    """The strip and the trouble above it; `changed` is called when either is another one."""

    def __init__(self, capture: Capture, changed: Callable[[], None]) -> None:
        self._capture = capture
        self._changed = changed
        self.button = Button()
        self.trouble: Trouble | None = None
        self.pressed: str | None = None
        """What broke the latest work off."""

    async def ask(
        self, offer: Offer, *, look_first: float = 0.0, outdated: Callable[[], bool] | None = None
    ) -> str:
        """Put the offer on the screen and wait for the officer."""
        answer = self.button.stand(offer, look_first=look_first, outdated=outdated)
        self._changed()
        try:
            return await answer
        finally:
            self.button.withdraw()
            self._changed()

    async def in_trouble(self, trouble: Trouble, offer: Offer) -> str:
        """The same, with what keeps the box from going on."""
        self.trouble = trouble
        try:
            return await self.ask(offer)
        finally:
            self.trouble = None

    async def unless_held(self, work: Coroutine[Any, Any, Evidence]) -> Evidence:
        """The work's result, unless a hold breaks it off.

        Raises:
            Referred: the officer held the button.
        """
        evidence = await self.or_button(work, Offer(hold="refer"))
        if evidence is None:
            raise Referred
        return evidence

    async def or_button(
        self, work: Coroutine[Any, Any, Evidence], offer: Offer, *, look_first: float = 0.0
    ) -> Evidence | None:
        """The work's result, or None when the button came first; the work is cancelled then."""
        answer = self.button.stand(offer, look_first=look_first)
        self._changed()
        task = asyncio.ensure_future(work)
        waited_for: set[asyncio.Future[Any]] = {task, answer}
        try:
            await asyncio.wait(waited_for, return_when=asyncio.FIRST_COMPLETED)
            self.pressed = answer.result() if answer.done() and not answer.cancelled() else None
            return await task if task.done() else None
        finally:
            self.button.withdraw()
            if not task.done():
                await end(task)

    async def until_stored(self, store: Callable[[], object]) -> None:
        """Do it; while the disk refuses, say so and try again on a press: nothing is dropped."""
        while True:
            try:
                await asyncio.to_thread(store)
            except StorageError as error:
                code = "storage_full" if isinstance(error, StorageFull) else "storage_broken"
                log.error("%s", error)  # noqa: TRY400 - the sentence says it all
                await show(self._capture, "attention")
                trouble = Trouble(code=code, evidence={"sentence": str(error)})
                await self.in_trouble(trouble, Offer(press="retry"))
                continue
            return
