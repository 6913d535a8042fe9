"""A task is ended, and who ends it can still be cancelled."""

import asyncio
import contextlib

import pytest

from appliance.services.lane.tasks import end


async def slow_to_end() -> None:
    try:
        await asyncio.sleep(60)
    finally:
        with contextlib.suppress(asyncio.CancelledError):
            await asyncio.sleep(0.2)


async def fails() -> None:
    try:
        await asyncio.sleep(60)
    finally:
        raise ValueError


@pytest.mark.parametrize("work", [slow_to_end, fails])
def test_ok__it_has_ended(work) -> None:
    async def run() -> bool:
        task = asyncio.ensure_future(work())
        await asyncio.sleep(0)
        await end(task)
        return task.done()

    assert asyncio.run(run())


def test_ok__the_callers_own_cancellation_goes_through() -> None:
    async def run() -> None:
        task = asyncio.ensure_future(slow_to_end())
        await asyncio.sleep(0)
        ending = asyncio.ensure_future(end(task))
        await asyncio.sleep(0.05)
        ending.cancel()
        with pytest.raises(asyncio.CancelledError):
            await ending
        await asyncio.wait({task})

    asyncio.run(run())
