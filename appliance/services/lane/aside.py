"""When the lane stands aside: a technician works at the devices, or the power is failing. No crossing is
touched by it; it only decides whether a document is read unasked and whether a traveller may begin."""

import asyncio
from collections.abc import Coroutine
from typing import Any, TypeVar

from appliance.contracts.errors import ServiceError
from appliance.services.lane.tasks import end

Evidence = TypeVar("Evidence")


class Aside:
    """Lives in the event loop's thread; `set` tells whoever waits."""

    def __init__(self) -> None:
        self.technician = False
        """The readers are theirs. A press on the button takes the lane back all the same."""
        self.power_failing = False
        """Nobody begins."""
        self._changed = asyncio.Event()

    @property
    def asked(self) -> bool:
        return self.technician or self.power_failing

    def set(self, *, technician: bool | None = None, power_failing: bool | None = None) -> None:
        """Change one of the two."""
        if technician is not None:
            self.technician = technician
        if power_failing is not None:
            self.power_failing = power_failing
        self._changed.set()  # wakes all who wait now
        self._changed.clear()

    async def unless(self, reading: Coroutine[Any, Any, Evidence]) -> Evidence:
        """What is read; the lane that stands aside reads nothing, and what was begun is broken off.

        Raises:
            ServiceError: timeout: it stood aside meanwhile; ask again. Or as the reading says.
        """
        if self.asked:
            reading.close()
            await self._until(asked=False)
        else:
            task = asyncio.ensure_future(reading)
            changed = asyncio.ensure_future(self._until(asked=True))
            either: set[asyncio.Future[Any]] = {task, changed}
            try:
                await asyncio.wait(either, return_when=asyncio.FIRST_COMPLETED)
                if task.done():
                    return task.result()
            finally:
                await end(task)
                await end(changed)
        raise ServiceError("timeout", "The lane stood aside.", retry=True)

    async def _until(self, *, asked: bool) -> None:
        while self.asked is not asked:
            await self._changed.wait()
