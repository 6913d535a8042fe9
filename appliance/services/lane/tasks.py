"""Ending a task that nobody waits for any more."""

import asyncio
from typing import Any


async def end(task: "asyncio.Future[Any]") -> None:
    """Cancel it and wait until it has ended, whatever it ends with.

    Awaiting the task itself under `suppress(CancelledError)` would swallow the caller's own cancellation.
    """
    task.cancel()
    await asyncio.wait({task})
    if not task.cancelled():
        task.exception()  # seen here


async def first_of(*tasks: "asyncio.Future[Any]") -> Any:
    """The result of the first that is done, in their order where several are; the others are cancelled."""
    try:
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        return next(task for task in tasks if task.done()).result()
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)  # our own cancellation still comes through
