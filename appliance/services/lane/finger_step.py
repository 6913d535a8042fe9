"""The step in which fingers are taken: one after another, each kept on disk before the next is asked for."""

import datetime as dt
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any

from appliance.contracts.errors import ServiceError
from appliance.contracts.finger import FingerEvidence, FingerException
from appliance.screening import Subject
from appliance.services.lane.finger_desk import FingerDesk, not_asked
from appliance.services.lane.policy import Policy
from appliance.services.lane.workflow import (
    AnyEvent,
    FingerExcepted,
    FingerTaken,
    State,
    Step,
    StepMissed,
)

Taken = FingerEvidence | FingerException


async def take_fingers(
    desk: FingerDesk,
    *,
    state: Callable[[], State],
    subject: Subject | None,
    policy: Policy,
    today: dt.date,
    unless_held: Callable[[Coroutine[Any, Any, Taken]], Awaitable[Taken]],
    keep: Callable[[AnyEvent], Awaitable[None]],
) -> None:
    """Take what the policy asks for, then compare; a restart goes on with the first finger that is
    missing."""
    started = state().started
    assert started is not None
    asked = policy.ask.going(started.direction).fingers
    code = not_asked(asked, policy.fingers, subject.birth_date if subject else None, today)
    if code is not None:
        await keep(StepMissed(step=Step.TAKING_FINGERS, code=code, tried=False))
        return
    for finger in policy.fingers.which:
        if finger in state().fingers or finger in state().finger_exceptions:
            continue
        try:
            taken = await unless_held(desk.take(finger))
        except ServiceError as error:
            await keep(StepMissed(step=Step.TAKING_FINGERS, code=error.code, tried=False))
            return
        if isinstance(taken, FingerEvidence):
            await keep(FingerTaken(evidence=taken))
        else:
            await keep(FingerExcepted(exception=taken))
    await keep(await desk.compare(state(), subject, policy.fingers))
