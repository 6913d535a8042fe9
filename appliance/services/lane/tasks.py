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
