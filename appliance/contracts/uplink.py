"""What `uplink` offers the agent: a way out for telemetry, and a way in for updates."""

from typing import Any, Protocol

import msgspec

from appliance.contracts.capture import Nothing
from appliance.contracts.transport import RemoteService
from appliance.contracts.update import Fetched, UpdateOffer


class Telemetry(msgspec.Struct, frozen=True, kw_only=True):
    """The box's health: states and counts, nothing of any traveller."""

    report: dict[str, Any]


class NetworkLink(msgspec.Struct, frozen=True, kw_only=True):
    """One of the box's network interfaces."""

    name: str
    up: bool
    """It has a carrier: a cable, or a network that it has joined."""


class UplinkStatus(msgspec.Struct, frozen=True, kw_only=True):
    """Where the line to central stands."""

    connected: bool
    broker: str
    acknowledged_seq: int
    published: int
    repeated: int
    """Of these, sent again because central had not spoken for them."""
    reconnects: int
    last_problem: str
    links: tuple[NetworkLink, ...] = ()
    """The interfaces beyond the loopback."""


class Uplink(Protocol):
    """The service as the agent sees it, in one process or across the socket."""

    async def publish_telemetry(self, request: Telemetry) -> Nothing: ...
    async def status(self, request: Nothing) -> UplinkStatus: ...
    async def fetch_update(self, request: UpdateOffer) -> Fetched: ...


class UplinkClient(RemoteService):
    """`Uplink` across its unix socket."""

    async def publish_telemetry(self, request: Telemetry) -> Nothing:
        return await self.call("publish_telemetry", request, Nothing)

    async def status(self, request: Nothing) -> UplinkStatus:
        return await self.call("status", request, UplinkStatus)

    async def fetch_update(self, request: UpdateOffer) -> Fetched:
        return await self.call("fetch_update", request, Fetched)
