"""All four services of one box in this process, their interfaces called directly: demo, training, tests."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Coroutine
from pathlib import Path
from typing import Any

from appliance.config import load_config
from appliance.contracts.transport import serve
from appliance.wiring import kiosk, listen_loopback, make_agent, make_capture, make_lane, make_uplink


class Box:
    """A box as its configuration file says."""

    def __init__(self, configuration: Path, *, transport: str = "pcscd") -> None:
        config = load_config(configuration)
        self.transport = transport
        self.config = config
        self.capture = make_capture(config, chip_transport=transport)
        self.lane = make_lane(config, capture=self.capture)
        self.uplink = make_uplink(config, lane=self.lane)
        self.agent = make_agent(config, capture=self.capture, lane=self.lane, uplink=self.uplink)
        self.lane.technician.agent = self.agent
        self._listener = listen_loopback(config.kiosk.port)

    @property
    def address(self) -> str:
        """Where the kiosk is."""
        host, port = self._listener.getsockname()
        return f"http://{host}:{port}/"

    async def run(self) -> None:
        """All of it, until cancelled."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self.capture.run())
            tasks.create_task(self.lane.run())
            tasks.create_task(self.uplink.run())
            tasks.create_task(self.agent.run())
            tasks.create_task(serve(kiosk(self.config, self.lane), self._listener))


@contextlib.asynccontextmanager
async def beside(work: Coroutine[Any, Any, None]) -> AsyncIterator[None]:
    """Run it beside the block: if it fails the block fails, and when the block ends it is cancelled."""
    task = asyncio.ensure_future(work)
    block = asyncio.current_task()
    assert block is not None
    inside = True

    def stop(done: "asyncio.Future[None]") -> None:
        if inside and not done.cancelled():  # a block that has ended is told by the result below
            block.cancel()

    task.add_done_callback(stop)
    try:
        yield
    finally:
        inside = False
        if task.done() and not task.cancelled():
            task.result()
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
