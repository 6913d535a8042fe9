"""The agent service: gathers the health of devices, records and box, and sends it as telemetry."""

import asyncio
import contextlib
import datetime as dt
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec

import appliance
from appliance.config import Box
from appliance.contracts.capture import Capture, Nothing
from appliance.contracts.errors import ServiceError
from appliance.contracts.lane import Lane
from appliance.contracts.telemetry import flat
from appliance.contracts.uplink import Telemetry, Uplink
from appliance.services.agent.health import box_health

REPORT_SECONDS = 30.0
"""How often health is sent; the broker keeps the last report for whoever asks later."""


class AgentService:
    """Asks the other services how they are; holds no data of its own."""

    def __init__(
        self,
        *,
        box: Box,
        data: Path,
        capture: Capture,
        lane: Lane,
        uplink: Uplink,
        report_seconds: float = REPORT_SECONDS,
    ) -> None:
        self._box = box
        self._data = data
        self._capture = capture
        self._lane = lane
        self._uplink = uplink
        self._report_seconds = report_seconds

    async def run(self, *, progressed: Callable[[], None] = lambda: None) -> None:
        """Report until cancelled; `progressed` is called after every round, for the watchdog."""
        while True:
            with contextlib.suppress(ServiceError):  # the report is gathered anew the next time
                await self._uplink.publish_telemetry(Telemetry(report=flat(await self.report())))
            progressed()
            await asyncio.sleep(self._report_seconds)

    async def report(self) -> dict[str, Any]:
        """The whole health report; a service that does not answer is said to be unreachable."""
        return {
            "version": appliance.__version__,
            "time": dt.datetime.now(dt.UTC).isoformat(timespec="milliseconds"),
            "device": self._box.device,
            "profile": self._box.profile.value,
            "key_tier": "software",
            "box": await asyncio.to_thread(box_health, self._data),
            "devices": await self._devices(),
            "records": await self._records(),
        }

    async def _devices(self) -> Any:
        try:
            answer = await self._capture.devices(Nothing())
        except ServiceError as error:
            return {"problem": error.code}
        return [msgspec.to_builtins(device) for device in answer.devices]

    async def _records(self) -> Any:
        try:
            return msgspec.to_builtins(await self._lane.status(Nothing()))
        except ServiceError as error:
            return {"problem": error.code}
