"""Uplink over a real journal, run for a while; beside it lie `uplink_scripted` and `broker_scripted`."""

import asyncio
import contextlib
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

sys.path.insert(0, str(Path(__file__).parent))

from uplink_scripted import DEVICE, JournalLane

from appliance.services.uplink.service import Settings, UplinkService


@pytest.fixture
def lane(tmp_path: Path):
    lane = JournalLane.with_own_central(tmp_path)
    yield lane
    lane.journal.close()


@pytest.fixture
def run_uplink(lane: JournalLane):
    """Runs uplink against these credentials while `work(uplink)` does its part."""

    def run(credentials: Any, work: Callable[[UplinkService], Any], *, resend: float = 0.3) -> Any:
        async def main() -> Any:
            settings = Settings(DEVICE, credentials, resend_seconds=resend, min_backoff_seconds=0.05)
            uplink = UplinkService(lane=lane, settings=settings)
            running = asyncio.ensure_future(uplink.run())
            try:
                working = asyncio.ensure_future(work(uplink))
                await asyncio.wait({running, working}, return_when=asyncio.FIRST_COMPLETED)
                if running.done():
                    running.result()
                return await working
            finally:
                running.cancel()
                with contextlib.suppress(asyncio.CancelledError):
                    await running

        return asyncio.run(main())

    return run
