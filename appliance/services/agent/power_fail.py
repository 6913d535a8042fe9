"""The mains are away and the battery ends: the box is switched off in order, while that can still be done.

First it is said on the officer's screen and nobody begins any more; the step under way has its time to be
kept; then the disk is flushed, and systemd is asked for the end (borne-poweroff.path: agent itself may not).
When the mains come back before that, the lane goes on. A cut without warning loses nothing either: the
journal holds every step. This spares the card, and the officer the surprise.
"""

import asyncio
import logging
import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Final

from appliance.config import Power
from appliance.contracts.capture import Capture, DeviceStatus, Nothing
from appliance.contracts.errors import ServiceError
from appliance.contracts.lane import Lane, PowerNews
from appliance.whole_files import write_whole

POWER_OFF: Final = Path("/run/borne-agent/power-off")
"""borne-poweroff.path waits for it."""
POLL_SECONDS: Final = 2.0
STEP_SECONDS: Final = 10.0
"""That the step under way may take: a supply that holds for less should say so earlier."""
SYNC_SECONDS: Final = 20.0

log = logging.getLogger(__name__)


class PowerWatch:
    """Looks at what feeds the box, as capture has it."""

    def __init__(
        self,
        settings: Power,
        *,
        capture: Capture,
        lane: Lane,
        power_off: Path = POWER_OFF,
        poll_seconds: float = POLL_SECONDS,
        step_seconds: float = STEP_SECONDS,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._settings = settings
        self._capture = capture
        self._lane = lane
        self._power_off = power_off
        self._poll_seconds = poll_seconds
        self._step_seconds = step_seconds
        self._clock = clock
        self._away_since: dict[str, float] = {}
        self.asked = False
        """The box is being switched off."""

    async def run(self) -> None:
        """Until cancelled, or until the box has been asked to switch itself off."""
        while not self.asked:
            await self.look()
            await asyncio.sleep(self._poll_seconds)

    async def look(self) -> None:
        """One look, and all that follows from it."""
        if not await self._failing():
            return
        log.warning("The power is failing: the box switches itself off.")
        await self._tell_lane(failing=True)
        if not await self._failing():  # the mains came back while the step was kept
            await self._tell_lane(failing=False)
            log.warning("The mains are back: the box stays on.")
            return
        await self._flush()
        try:
            await asyncio.to_thread(write_whole, self._power_off, b"power\n")
        except OSError as error:
            log.error("The box cannot be asked to switch itself off: %s", error.strerror)  # noqa: TRY400
            return  # and is asked again at the next look
        self.asked = True

    async def _failing(self) -> bool:
        """Whether any supply says that it ends; a capture that does not answer says nothing new."""
        try:
            devices = (await self._capture.devices(Nothing())).devices
        except ServiceError:
            return False
        ends = [self._ends(one) for one in devices]  # every one of them is asked, for its own since
        return any(ends)

    def _ends(self, device: DeviceStatus) -> bool:
        reading = device.power
        if reading is None or reading.on_mains is not False:
            self._away_since.pop(device.key, None)
            return False
        since = self._away_since.setdefault(device.key, self._clock())
        if reading.charge_percent is not None:
            return reading.charge_percent <= self._settings.battery_percent
        return self._clock() - since >= self._settings.hold_seconds

    async def _tell_lane(self, *, failing: bool) -> None:
        try:
            await self._lane.power(PowerNews(failing=failing, wait=self._step_seconds if failing else 0.0))
        except ServiceError as error:  # its journal is whole whatever happens
            log.warning("Lane does not hear of the power: %s", error.code)

    async def _flush(self) -> None:
        try:
            async with asyncio.timeout(SYNC_SECONDS):
                await asyncio.to_thread(os.sync)
        except TimeoutError:
            log.warning("The disk takes longer to flush than the power may last.")
