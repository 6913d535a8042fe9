"""Late hits: crossings are screened again when a new list comes, and what is found then is told and
reported first.

The list that cleared a traveller may have been hours old; the one that comes an hour later may name them.
So each
crossing's subject is remembered, encrypted, for some days, with the hits that were shown; only what is new
counts.
"""

import asyncio
import datetime as dt
import hashlib
import logging
from collections.abc import Callable, Iterable
from typing import Any, Final

import msgspec

from appliance.clock import Clock
from appliance.contracts.checks import Check, Direction, Verdict
from appliance.contracts.lane import LateHit
from appliance.contracts.movement import RECORD_TYPE_LATE_HIT
from appliance.records.errors import StorageError
from appliance.records.journal import Journal
from appliance.records.memory import Memory, Recent
from appliance.reference_data.store import ReferenceStore
from appliance.screening import OpenLists, Subject, screen

NEW_LIST: Final = "new_list"
LATE_ANSWER: Final = "late_answer"
MAX_SHOWN: Final = 10
log = logging.getLogger(__name__)


class Remembered(msgspec.Struct, frozen=True, kw_only=True):
    """What is kept of a crossing to screen it again."""

    subject: Subject
    direction: Direction
    outcome: str
    hits: tuple[str, ...]
    """Those that the officer was shown, by `hit_id`."""
    recommendation: str = ""
    """Empty in what an earlier version kept."""


class Chaser:
    """Watches the lists and the late answers."""

    def __init__(
        self,
        *,
        journal: Journal,
        memory: Memory,
        lists: ReferenceStore,
        clock: Clock,
        recent_days: Callable[[], float],
        changed: Callable[[], None],
    ) -> None:
        self._journal = journal
        self._memory = memory
        self._lists = lists
        self._clock = clock
        self._recent_days = recent_days
        self._changed = changed
        self._pending: dict[str, Check] = {}
        """Answers that came between the decision and its record."""

    def remember(
        self,
        crossing: str,
        subject: Subject,
        direction: Direction,
        outcome: str,
        checks: Iterable[Check],
        *,
        recommendation: str = "",
        moment: dt.datetime | None = None,
    ) -> None:
        """Keep a crossing decided now, or at an earlier `moment`.

        Raises:
            StorageError: it is not on disk.
        """
        kept = Remembered(
            subject=subject,
            direction=direction,
            outcome=outcome,
            hits=tuple(sorted(hit_ids(checks))),
            recommendation=recommendation,
        )
        now = moment or self._clock.now()[0]
        payload = msgspec.msgpack.encode(kept)
        self._memory.remember(crossing, now, payload, days=self._recent_days())
        pending = self._pending.pop(crossing, None)
        if pending is not None:
            self._tell(Recent(crossing, now.isoformat(), payload), pending, LATE_ANSWER)

    async def late_answer(self, crossing: str, check: Check, *, found: str = LATE_ANSWER) -> None:
        """A hit that came after the decision: a register's answer, or a paper ledger's line."""
        recent = await asyncio.to_thread(self._memory.recent, crossing)
        if recent is None:
            self._pending = {crossing: check}  # being recorded at this moment
            return
        await asyncio.to_thread(self._tell, recent, check, found)
        self._changed()

    async def look_at_lists(self) -> int:
        """Screen the crossings since the old lists again, when there are new ones; how many late hits
        there were."""
        try:
            found = await asyncio.to_thread(self._look)
        except StorageError as error:
            log.warning("late hits cannot be looked for: %s", type(error).__name__)
            return 0
        if found:
            self._changed()
        return found

    def late_hits(self) -> tuple[LateHit, ...]:
        """What the officer has not seen yet."""
        try:
            return tuple(
                msgspec.msgpack.decode(one.payload, type=LateHit) for one in self._memory.late()[:MAX_SHOWN]
            )
        except (StorageError, msgspec.MsgspecError):
            return ()

    def seen(self) -> None:
        """The officer has seen them.

        Raises:
            StorageError: it is not on disk.
        """
        self._memory.seen_late()

    def _look(self) -> int:
        lists = self._lists.open_lists()
        now = {one.info.name: (one.info.version, one.info.issued_at.isoformat()) for one in lists.lists}
        known = self._memory.lists()
        new = {name for name, (version, _issued) in now.items() if version > known.get(name, (0, ""))[0]}
        if not new:
            return 0
        since = min((_moment(known[name][1]) if name in known else _BEFORE) for name in new)
        only = OpenLists(tuple(one for one in lists.lists if one.info.name in new))
        found = sum(self._again(recent, only) for recent in self._memory.since(since))
        self._memory.note_lists(now)
        return found

    def _again(self, recent: Recent, lists: OpenLists) -> int:
        try:
            kept = msgspec.msgpack.decode(recent.payload, type=Remembered)
        except msgspec.MsgspecError:
            return 0  # of an older version of this program
        moment, quality = self._clock.now()
        checks = screen(
            kept.subject,
            lists,
            direction=kept.direction,
            now=moment,
            time_quality=quality.value,
            known=self._memory,
        )
        told = 0
        for check in checks:
            if check.verdict is Verdict.FAIL and not hit_ids((check,)) <= set(kept.hits):
                told += self._tell(recent, check, NEW_LIST)
        return told

    def _tell(self, recent: Recent, check: Check, found: str) -> int:
        """Record it, keep it for the screen; the same hit is told once."""
        evidence = check.evidence
        id_ = hashlib.sha256(
            "|".join((recent.crossing, check.id, *sorted(hit_ids((check,))))).encode()
        ).hexdigest()[:32]
        if self._memory.has_late(id_):
            return 0
        kept = msgspec.msgpack.decode(recent.payload, type=Remembered)
        hit = LateHit(
            found=found,
            list=str(evidence.get("list", "")),
            reason=check.reason,
            entry=str(evidence.get("entry", "")),
            action=str(evidence.get("action", "")),
            contact=str(evidence.get("contact", "")),
            crossed_at=recent.moment,
            document_number=kept.subject.document_number,
            issuing_state=kept.subject.issuing_state,
            primary_identifier=kept.subject.primary_identifier,
            secondary_identifier=kept.subject.secondary_identifier,
            outcome=kept.outcome,
        )
        body: dict[str, Any] = {
            "crossing": recent.crossing,
            "crossed_at": recent.moment,
            "found": found,
            "checks": [msgspec.to_builtins(check)],
        }
        seq = self._journal.commit(
            f"{recent.crossing}/{id_}", RECORD_TYPE_LATE_HIT, body, self._clock.stamp(), alert=True
        )
        self._memory.add_late(id_, seq, msgspec.msgpack.encode(hit))
        return 1


def hit_ids(checks: Iterable[Check]) -> set[str]:
    """Each entry that was hit, so that it is told once."""
    found = set()
    for check in checks:
        if check.verdict is Verdict.FAIL and "entry" in check.evidence:
            for one in (check.evidence, *check.evidence.get("others", ())):
                found.add(f"{check.id}|{one.get('list')}|{one.get('entry')}")
    return found


def _moment(text: str) -> dt.datetime:
    try:
        moment = dt.datetime.fromisoformat(text)
    except ValueError:
        return _BEFORE
    return moment if moment.tzinfo else _BEFORE


_BEFORE: Final = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)
