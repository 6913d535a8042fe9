"""What the box itself remembers of a recorded crossing: for lists that come later, and for overstays."""

import asyncio
import datetime as dt
import logging

from appliance.clock import wall_of
from appliance.records.errors import StorageError
from appliance.records.history import History, Passage
from appliance.records.memory import Memory
from appliance.screening import Subject
from appliance.services.lane.chase import Chaser
from appliance.services.lane.workflow import State

log = logging.getLogger(__name__)


async def remember(
    state: State, subject: Subject | None, *, chaser: Chaser, memory: Memory, history: History | None
) -> None:
    """The record stands already: if this fails, it is said and no more."""
    started, decided, assessed = state.started, state.decided, state.assessed
    if subject is None or started is None or decided is None or assessed is None:
        return
    moment = wall_of(decided.stamp)
    try:
        if history is not None and subject.document_number:
            passage = Passage(
                crossing=started.crossing,
                direction=started.direction.value,
                at=moment.astimezone(dt.UTC).isoformat(timespec="milliseconds"),
                outcome=decided.outcome.value,
            )
            await asyncio.to_thread(
                history.add,
                passage,
                issuing_state=subject.issuing_state,
                document_number=subject.document_number,
            )
        if decided.not_same:
            await asyncio.to_thread(memory.not_same, decided.not_same, moment)
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
