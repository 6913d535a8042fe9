"""The step in which the live picture is taken, after the traveller could read what is taken and why."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Protocol

from appliance.contracts.capture import Capture, TakePortrait
from appliance.contracts.errors import ServiceError
from appliance.services.lane.asking import Asking
from appliance.services.lane.policy import Pace
from appliance.services.lane.portrait_guide import PortraitGuide
from appliance.services.lane.workflow import AnyEvent, NoticeShown, PortraitTaken, Step


class Miss(Protocol):
    """Keeps that a step was missed."""

    async def __call__(self, step: Step, code: str, *, tried: bool = True) -> None: ...


async def take_portrait(
    capture: Capture,
    guide: PortraitGuide,
    asking: Asking,
    *,
    pace: Pace,
    reference: bytes | None,
    keep: Callable[[AnyEvent], Awaitable[None]],
    miss: Miss,
) -> None:
    """Give notice, then take the picture; `reference` is DG2 as it was read.

    Raises:
        Referred: the officer held the button.
    """
    guide.notice()
    left = pace.notice_seconds - guide.noticed_seconds
    if left > 0:
        await asking.unless_held(_pause(left))
    await keep(NoticeShown(seconds=round(guide.noticed_seconds, 1), pages=guide.pages))
    request = TakePortrait(timeout=pace.portrait_seconds, reference=reference)
    try:
        async with guide.following():
            evidence = await asking.unless_held(capture.take_portrait(request))
    except ServiceError as error:
        await miss(Step.TAKING_PORTRAIT, error.code, tried=error.code != "no_device")
        return
    await keep(PortraitTaken(evidence=evidence))


async def _pause(seconds: float) -> bool:
    await asyncio.sleep(seconds)
    return True
