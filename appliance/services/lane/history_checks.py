"""What the box's own history says of this document: read twice, or here longer than was allowed."""

import datetime as dt
from collections.abc import Sequence
from typing import Final

from appliance.clock import TimeQuality
from appliance.contracts.checks import Check, Direction, Outcome, Verdict
from appliance.records.errors import StorageError
from appliance.records.history import History, Passage
from appliance.screening import Subject

ID: Final = "history.crossings"
PURPOSE: Final = "stay_and_duplicate"
DUPLICATE: Final = dt.timedelta(minutes=10)
"""The same document the same way within so long was read twice, or handed back through the barrier."""


def history_check(
    history: History | None,
    subject: Subject | None,
    *,
    direction: Direction,
    now: dt.datetime,
    time_quality: str,
    stay_days: float,
) -> Check:
    """One search, and what it means. The evidence says what was searched for and how much was found, so that
    the record of the crossing is the search's own log."""
    if history is None:
        return Check(id=ID, verdict=Verdict.NOT_DONE, reason="not_asked")
    if subject is None or not subject.document_number:
        return Check(id=ID, verdict=Verdict.NOT_DONE, reason="nothing_to_search")
    try:
        found = history.search(
            issuing_state=subject.issuing_state,
            document_number=subject.document_number,
            purpose=PURPOSE,
            now=now,
        )
    except StorageError:
        return Check(id=ID, verdict=Verdict.CANNOT, reason="history_unreadable")
    evidence: dict[str, object] = {"purpose": PURPOSE, "found": len(found), "time_quality": time_quality}
    if history.post is not None:
        others = history.post.other_lanes()
        evidence |= {"other_lanes": others.reachable, "other_lanes_seconds": others.age_seconds}
    last = next((one for one in found if one.outcome == Outcome.ADMITTED.value), None)
    if last is not None:
        evidence |= {"last": last.at, "last_direction": last.direction}
    reason = _reason(
        found, last, direction=direction, now=now, time_quality=time_quality, stay_days=stay_days
    )
    if reason == "stay_exceeded":
        evidence["stay_days"] = stay_days
    if reason == "ok" and history.post and direction is Direction.EXIT and not _entered(last):
        # An entry at another post, before these boxes were here, or none: the stay could not be counted.
        return Check(id=ID, verdict=Verdict.NOT_DONE, reason="no_entry_known", evidence=evidence)
    verdict = Verdict.PASS if reason == "ok" else Verdict.FAIL
    return Check(id=ID, verdict=verdict, reason=reason, evidence=evidence)


def _reason(
    found: Sequence[Passage],
    last: Passage | None,
    *,
    direction: Direction,
    now: dt.datetime,
    time_quality: str,
    stay_days: float,
) -> str:
    if any(one.direction == direction.value and abs(now - _at(one)) <= DUPLICATE for one in found):
        return "same_direction_again"
    if (
        stay_days > 0
        and TimeQuality(time_quality).sure  # nobody overstayed by a clock that is not sure
        and direction is Direction.EXIT
        and last is not None
        and last.direction == Direction.ENTRY.value
        and now - _at(last) > dt.timedelta(days=stay_days)
    ):
        return "stay_exceeded"
    return "ok"


def _entered(last: Passage | None) -> bool:
    return last is not None and last.direction == Direction.ENTRY.value


def _at(passage: Passage) -> dt.datetime:
    return dt.datetime.fromisoformat(passage.at)
