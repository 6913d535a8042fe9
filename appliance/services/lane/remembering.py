"""What the box remembers of a crossing whose record stands: for lists that come later, and for who comes
back.

If this fails, it is said and no more: no record hangs on it.
"""

import asyncio
import logging

from appliance.clock import wall_of
from appliance.records.errors import StorageError
from appliance.records.memory import Memory
from appliance.screening import Subject
from appliance.services.lane.chase import Chaser
from appliance.services.lane.finger_desk import FingerDesk
from appliance.services.lane.workflow import State

log = logging.getLogger(__name__)


async def remember(
    state: State, subject: Subject, *, memory: Memory, chaser: Chaser, fingers: FingerDesk, finger_days: float
) -> None:
    """Keep pairs that are two persons, the subject to be screened again, and the templates of the fingers."""
    started, assessed, decided = state.started, state.assessed, state.decided
    assert started is not None
    assert assessed is not None
    assert decided is not None
    try:
        if decided.not_same:
            await asyncio.to_thread(memory.not_same, decided.not_same, wall_of(decided.stamp))
        await asyncio.to_thread(
            chaser.remember,
            started.crossing,
            subject,
            started.direction,
            decided.outcome.value,
            assessed.checks,
        )
    except StorageError as error:
        log.warning("this crossing will not be screened again: %s", error)
    try:
        if finger_days > 0:
            moment = wall_of(decided.stamp)
            await asyncio.to_thread(lambda: fingers.enrol(state, subject, moment, days=finger_days))
    except StorageError as error:
        log.warning("these fingers will not be known again: %s", error)
