"""What is kept of a decided crossing: its record, and what the box itself remembers for lists that come
later, for overstays, and for who comes back.

The record must stand; if remembering fails, that is said and no more.
"""

import asyncio
import datetime as dt
import logging
from collections.abc import Callable

import msgspec

from appliance.clock import wall_of
from appliance.contracts.checks import Recommendation
from appliance.contracts.movement import RECORD_TYPE_MOVEMENT, DocumentFacts, Movement, Stamp, apart, to_plain
from appliance.records.errors import StorageError
from appliance.records.history import History, Passage, by_visa
from appliance.records.journal import Journal
from appliance.records.memory import Memory
from appliance.screening import Subject
from appliance.services.lane.chase import Chaser
from appliance.services.lane.finger_desk import FingerDesk
from appliance.services.lane.visa_checks import visa_state
from appliance.services.lane.workflow import State

log = logging.getLogger(__name__)


def commit(
    journal: Journal,
    movement: Movement,
    stamp: Stamp,
    keep_case: Callable[[Movement], None] | None = None,
) -> None:
    """The crossing's record, its media apart; one under RED is reported first.

    What the second line has to look at is kept before: with the record the crossing is over, and no power
    cut may come between.

    Raises:
        StorageError: it is not on disk.
    """
    if keep_case is not None:
        keep_case(movement)
    facts, media = apart(movement)
    journal.commit(
        movement.crossing,
        RECORD_TYPE_MOVEMENT,
        to_plain(facts),
        stamp,
        alert=movement.recommendation is Recommendation.RED,
        media=media,
    )


async def remember(
    state: State,
    subject: Subject | None,
    *,
    memory: Memory,
    chaser: Chaser,
    fingers: FingerDesk,
    finger_days: float,
    history: History | None,
    visa: DocumentFacts | None = None,
) -> None:
    """Keep the passage, pairs that are two persons, the subject to be screened again, and the fingers'
    templates."""
    started, decided, assessed = state.started, state.decided, state.assessed
    if subject is None or started is None or decided is None or assessed is None:
        return
    moment = wall_of(decided.stamp)
    try:
        if history is not None and subject.document_number and not state.shares_document:
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
            if visa is not None:
                await asyncio.to_thread(
                    history.add,
                    msgspec.structs.replace(passage, crossing=by_visa(passage.crossing)),
                    issuing_state=visa_state(visa.issuing_state),
                    document_number=visa.document_number,
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
            recommendation=assessed.recommendation.value,
        )
    except StorageError as error:
        log.warning("this crossing will not be screened again: %s", error)
    try:
        if finger_days > 0:
            await asyncio.to_thread(lambda: fingers.enrol(state, subject, moment, days=finger_days))
    except StorageError as error:
        log.warning("these fingers will not be known again: %s", error)
