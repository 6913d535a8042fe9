"""The box's place in its post, for the health report; and the start that a new certificate needs.

The errands of systemd take the papers (`borne post take`). Uplink and lane look at the certificate when they
start, so that the whole box is started again once nobody has been at it for a while.
"""

import logging
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import msgspec

from appliance.contracts.capture import Nothing
from appliance.contracts.errors import ServiceError
from appliance.contracts.lane import Lane
from appliance.contracts.post_joining import REPORT, PostReport, read_report
from appliance.services.agent.installing import QUIET_SECONDS, RESTART, WAITING

TOLD: Final = ("state", "until", "members", "event", "sentence")

log = logging.getLogger(__name__)


class PostPlace:
    """One look a round."""

    def __init__(
        self,
        *,
        lane: Lane,
        report: Path = REPORT,
        restart: Path = RESTART,
        quiet_seconds: float = QUIET_SECONDS,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._lane = lane
        self._path = report
        self._restart = restart
        self._quiet_seconds = quiet_seconds
        self._clock = clock
        self._started = self._busy_at = clock()
        self._report: PostReport | None = None
        self._restarting = False

    def telemetry(self) -> dict[str, Any]:
        """What the health report says; empty where the box has no post, or belongs to it by hand."""
        if self._report is None:
            return {}
        said = msgspec.structs.asdict(self._report)
        return {name: said[name] for name in TOLD if said[name] != ""}

    async def look(self, *, may_restart: bool) -> None:
        """Read what the errands said; `may_restart`: no update is being tried or installed now.

        Raises:
            OSError: the start cannot be asked for; the next round tries again.
        """
        self._report = read_report(self._path)
        came = self._report.new_certificate_at if self._report is not None else None
        if came is None or came <= self._started or self._restarting:
            return
        try:
            idle = (await self._lane.status(Nothing())).step == WAITING
        except ServiceError:
            idle = False
        if not idle or not may_restart:
            self._busy_at = self._clock()
        elif self._clock() - max(self._busy_at, came) >= self._quiet_seconds:
            log.warning("The post has given this box a certificate: it starts again, to use it.")
            self._restart.touch()
            self._restarting = True
