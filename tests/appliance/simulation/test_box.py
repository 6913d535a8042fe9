import asyncio

import pytest

from appliance.simulation.box import beside


def test_ok__ends_with_the_block() -> None:
    ended = []

    async def work() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            ended.append(True)

    async def block() -> str:
        async with beside(work()):
            await asyncio.sleep(0)
            return "done"

    assert asyncio.run(block()) == "done"
    assert ended == [True]


def test_fail__what_fails_beside_fails_the_block() -> None:
    async def work() -> None:
        await asyncio.sleep(0)
        raise RuntimeError("the box broke")

    async def block() -> None:
        async with beside(work()):
            await asyncio.Event().wait()

    with pytest.raises(RuntimeError, match="the box broke"):
        asyncio.run(block())


def test_fail__the_blocks_own_error_is_kept() -> None:
    async def block() -> None:
        async with beside(asyncio.sleep(60)):
            raise LookupError("not found")

    with pytest.raises(LookupError, match="not found"):
        asyncio.run(block())


def test_fail__work_that_ends_early_does_not_leave_the_block_waiting() -> None:
    async def block() -> None:
        async with asyncio.timeout(60), beside(asyncio.sleep(0)):
            await asyncio.Event().wait()

    with pytest.raises(asyncio.CancelledError):
        asyncio.run(block())
