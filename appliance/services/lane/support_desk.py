"""Support access as lane keeps it: how long it lasts, what the officer is told, what was recorded of it."""

import asyncio
import time
from collections.abc import Callable
from typing import Final

from appliance.clock import Clock
from appliance.contracts.errors import ServiceError
from appliance.contracts.lane import Diagnostics, Installed, SupportState
from appliance.contracts.movement import RECORD_TYPE_DIAGNOSTICS
from appliance.contracts.transport import Operation
from appliance.records.errors import StorageError
from appliance.records.journal import Journal

NOTICE: Final = "support_access"
MAX_BUNDLE_BYTES: Final = 256 * 1024
LEAST_SECONDS: Final = 60.0
"""Between two records: whoever asks faster fills no disk."""


class SupportDesk:
    """`changed` is called when the outbox has grown."""

    def __init__(self, journal: Journal, clock: Clock, changed: Callable[[], None]) -> None:
        self._journal = journal
        self._clock = clock
        self._changed = changed
        self._next = time.monotonic()

    def operations(self) -> tuple[Operation, ...]:
        """What the service's socket offers of it."""
        return (Operation("diagnostics", Diagnostics, self.diagnostics),)

    @property
    def state(self) -> SupportState | None:
        """As long as it lasts; on an unsure clock until it is certainly over."""
        try:
            found = self._journal.support()
        except StorageError:
            return None
        now, quality = self._clock.now()
        if found is None or found[0] <= (now if quality.sure else self._clock.floor):
            return None
        return SupportState(request=found[1], until=found[0].isoformat(timespec="minutes"))

    @property
    def notices(self) -> tuple[str, ...]:
        """For the officer's screen."""
        return () if self.state is None else (NOTICE,)

    async def diagnostics(self, request: Diagnostics) -> Installed:
        """The box's state, sealed to central as a record of its own; only while support is let in."""
        state = self.state
        if state is None or state.request != request.request:
            return Installed(accepted=False, sentence="Nobody has let support in.")
        if len(request.bundle) > MAX_BUNDLE_BYTES:
            return Installed(accepted=False, sentence="The box's state is larger than support needs.")
        if time.monotonic() < self._next:
            return Installed(accepted=False, sentence="Too soon after the last time.")
        stamp = self._clock.stamp()
        name = f"diagnostics/{stamp.boot_id}/{stamp.monotonic_ns}"
        body = {"request": request.request, "bundle": request.bundle}
        try:
            await asyncio.to_thread(
                self._journal.commit, name, RECORD_TYPE_DIAGNOSTICS, body, stamp, alert=True
            )
        except StorageError as error:
            raise ServiceError("storage_broken", str(error), retry=True) from error
        self._next = time.monotonic() + LEAST_SECONDS
        self._changed()
        return Installed(accepted=True, sentence="Recorded.")
