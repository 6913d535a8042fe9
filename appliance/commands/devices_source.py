"""Whom `borne devices` asks: the capture service where it runs, for it holds the devices; else we look."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Protocol

from appliance.commands.output import CouldNot
from appliance.config import Config
from appliance.contracts.capture import (
    CaptureClient,
    Devices,
    Nothing,
    RunSelfTest,
    SelfTested,
    WatchDevices,
)
from appliance.contracts.errors import ServiceError

FIRST_LOOK_SECONDS = 15.0
"""How long all devices may take until each was looked for once; a camera's own limit is ten."""


class DeviceSource(Protocol):
    """What is known of the configured devices."""

    async def now(self) -> Devices: ...
    async def watch(self, request: WatchDevices) -> Devices: ...
    async def self_test(self, request: RunSelfTest) -> SelfTested: ...


@asynccontextmanager
async def device_source(configured: tuple[Path, Config] | None) -> AsyncIterator[DeviceSource]:
    """The source for this configuration, as long as it is asked.

    Raises:
        CouldNot: a device is configured wrongly.
    """
    if configured is None:
        yield _Nothing()
        return
    path, config = configured
    client = CaptureClient(config.paths.run / "capture.sock")
    try:
        try:
            await client.devices(Nothing())
        except ServiceError:
            async with _own(path, config) as own:
                yield own
        else:
            yield _Service(client)
    finally:
        await client.close()


class _Nothing:
    """No configuration, so no device of ours."""

    async def now(self) -> Devices:
        return Devices(devices=())

    async def watch(self, request: WatchDevices) -> Devices:
        await asyncio.sleep(request.timeout)
        return await self.now()

    async def self_test(self, request: RunSelfTest) -> SelfTested:
        raise ServiceError("no_device", f"No device {request.key} is configured.")


class _Service:
    """The running service."""

    def __init__(self, client: CaptureClient) -> None:
        self._client = client
        self.self_test = client.self_test
        self.watch = client.watch_devices

    async def now(self) -> Devices:
        return await self._client.devices(Nothing())


@asynccontextmanager
async def _own(path: Path, config: Config) -> AsyncIterator[DeviceSource]:
    """The devices in our own hands."""
    from appliance.opening import CannotStart
    from appliance.services.capture.device_desk import DeviceDesk
    from appliance.wiring import make_devices

    class Own(DeviceDesk):
        async def now(self) -> Devices:
            return self.status()

    try:
        desk = Own(make_devices(config))
    except CannotStart as error:
        raise CouldNot(error.in_file(path)) from error
    running = asyncio.ensure_future(desk.run())
    try:
        await asyncio.to_thread(desk.manager.wait_looked, FIRST_LOOK_SECONDS)
        yield desk
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
