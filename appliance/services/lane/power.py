"""The power is failing: said on the screen, nobody begins, and the step under way is waited for."""

import asyncio
from collections.abc import Callable
from typing import Final

from appliance.contracts.lane import PowerHeard, PowerNews
from appliance.services.lane.engine import Engine
from appliance.services.lane.workflow import Step

NOTICE: Final = "power_failing"
MOST_WAIT_SECONDS: Final = 60.0
POLL_SECONDS: Final = 0.05
WAITS_FOR_PERSONS: Final = frozenset({Step.WAITING, Step.DECIDING})
"""Nothing is under way in these: what came before is on disk."""


async def hear(engine: Engine, request: PowerNews, changed: Callable[[], None]) -> PowerHeard:
    """Take the news; of failing power the answer comes when the step under way has been kept, or the time is
    over. A step that is cut off begins anew when the box is back: the journal holds all before it."""
    engine.aside.set(power_failing=request.failing)
    engine.ready_offer_changed()
    changed()
    began = engine.state.step
    for _ in range(round(min(max(request.wait, 0.0), MOST_WAIT_SECONDS) / POLL_SECONDS)):
        under_way = engine.state.step is began and began not in WAITS_FOR_PERSONS
        if not (request.failing and engine.aside.power_failing and under_way):  # or it is back meanwhile
            break
        await asyncio.sleep(POLL_SECONDS)
    return PowerHeard(step=engine.state.step.value)
