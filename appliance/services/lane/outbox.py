"""The sealed records that wait for central, as the lane gives them to who carries them."""

import asyncio
import contextlib
from typing import Final

from appliance.clock import Clock
from appliance.contracts.errors import ServiceError
from appliance.contracts.lane import FetchOutbox, Installed, OutboxPage, SignedData
from appliance.records.chain import JournalStatus
from appliance.records.errors import RecordsError, StorageError
from appliance.records.journal import Journal

MAX_WAIT_SECONDS: Final = 60.0
MAX_URGENT: Final = 16


class Outbox:
    """Pages of what is unsent, and central's word about what it has."""

    def __init__(self, *, device: str, journal: Journal, clock: Clock) -> None:
        self._device = device
        self._journal = journal
        self._clock = clock
        self._grew = asyncio.Event()
        self._historical_before = 1
        self._seen = journal.status()

    def grew(self) -> None:
        """There may be more: who waits looks again."""
        self._grew.set()

    def line_came_up(self) -> None:
        """What was recorded until now is history."""
        self._historical_before = self.status().last_seq + 1

    def status(self) -> JournalStatus:
        """Where the journal stands; while its disk does not answer, where it stood last."""
        with contextlib.suppress(StorageError):
            self._seen = self._journal.status()
        return self._seen

    async def fetch(self, request: FetchOutbox) -> OutboxPage:
        """What follows, as soon as there is something.

        Raises:
            ServiceError: storage_broken.
        """
        self._grew.clear()
        page = self._page(request)
        if not page.records and request.wait > 0:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(min(request.wait, MAX_WAIT_SECONDS)):
                    await self._grew.wait()
            page = self._page(request)
        return page

    def acknowledge(self, request: SignedData) -> Installed:
        """Central's signed word of what it has committed; the time in it is a floor for the clock."""
        try:
            self._journal.acknowledge(request.data)
        except RecordsError as error:
            return Installed(accepted=False, sentence=str(error))
        said_at = self._journal.acknowledged_at()
        if said_at is not None:
            self._clock.raise_floor(said_at)
        return Installed(accepted=True, sentence="Acknowledged.")

    def _page(self, request: FetchOutbox) -> OutboxPage:
        try:
            status = self._journal.status()
            records = self._journal.page(request.after, request.limit)
            urgent = self._journal.alerts(MAX_URGENT, after=request.alerts_after)
        except StorageError as error:
            raise ServiceError("storage_broken", str(error)) from error
        return OutboxPage(
            device=self._device,
            epoch=status.epoch,
            last_seq=status.last_seq,
            acknowledged_seq=status.acknowledged_seq,
            records=tuple(records),
            urgent=urgent,
            send_from=max(status.acknowledged_seq + 1, status.first_seq),
            gaps=status.gaps,
            records_per_second=status.records_per_second,
            historical_before=self._historical_before,
        )
