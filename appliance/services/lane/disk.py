"""Looks at the journal's disk: says in time that it fills, and lets acknowledged media make room."""

import asyncio
import contextlib
import logging
from collections.abc import Callable
from typing import Final

from appliance.contracts.movement import Stamp
from appliance.records.errors import StorageError
from appliance.records.journal import Journal
from appliance.records.quota import Level

ALMOST_FULL: Final = "disk_almost_full"
"""Notice."""

log = logging.getLogger(__name__)


class DiskWatch:
    """One look at a time; `notices` are codes for the screen."""

    def __init__(self, journal: Journal, stamp: Callable[[], Stamp]) -> None:
        self._journal = journal
        self._stamp = stamp
        self.notices: tuple[str, ...] = ()

    async def look(self) -> None:
        """One step of making room at most: the next look takes the next."""
        with contextlib.suppress(StorageError):  # a disk that does not answer is said by the next step
            disk = await asyncio.to_thread(self._journal.disk)
            self.notices = (ALMOST_FULL,) if disk.level >= Level.ALARM else ()
            if not disk.wanted:
                return
            done = await asyncio.to_thread(self._journal.make_room, disk.wanted, stamp=self._stamp())
            if done.media_dropped:
                count, freed = done.media_dropped, done.bytes_freed
                log.warning("the disk is tight: %d acknowledged pictures gave up %d bytes", count, freed)
