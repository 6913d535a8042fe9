"""Who is expected against the watchlists: at the import, and again in idle time when a newer list has come.

What a newer list finds is the second line's, as what the import found; what is recorded are counts.
"""

import hashlib
import time
from collections.abc import Callable
from typing import Any, Final

import msgspec

from appliance.clock import Clock
from appliance.contracts.advance import AdvanceList
from appliance.contracts.checks import Check, Direction, Verdict
from appliance.records.expected import Expected, Listed
from appliance.reference_data.store import ReferenceStore
from appliance.screening import OpenLists, Subject, screen
from appliance.screening.pairs import KnownPairs
from appliance.services.lane.advance.lines import Read
from appliance.services.lane.chase import hit_ids

PIECE: Final = 20
"""People between two writes."""
AGAIN_SECONDS: Final = 0.5
"""Of screening again at one look, so that who comes meanwhile is not kept waiting."""
Record = Callable[[AdvanceList, str, dict[str, Any]], None]
"""Writes a record of a list, once for each name."""


class Screening:
    """Its methods look at a disk: call them in a thread."""

    def __init__(
        self,
        *,
        expected: Expected,
        lists: ReferenceStore,
        known: KnownPairs,
        clock: Clock,
        record: Record,
    ) -> None:
        self._expected = expected
        self._lists = lists
        self._known = known
        self._clock = clock
        self._record = record
        self._through = ""
        """The watchlists with which everybody was screened."""

    def open_lists(self) -> OpenLists:
        """The watchlists in force."""
        return self._lists.open_lists()

    def first(self, read: Read, watchlists: OpenLists) -> Listed:
        """Somebody of a list that is being taken in."""
        listed = Listed(
            id=read.person,
            list=read.list.id,
            coach=read.coach,
            seat=read.seat,
            role=read.role,
            document_code=read.document_code,
            issuing_state=read.issuing_state,
            document_number=read.document_number,
            primary_identifier=read.primary_identifier,
            secondary_identifier=read.secondary_identifier,
            nationality=read.nationality,
            birth_date=read.birth_date,
            sex=read.sex,
            expiry_date=read.expiry_date,
            checks=(),
            hit=False,
        )
        return _with(listed, self._checks(listed, watchlists, read.list.direction))

    def again(self) -> bool:
        """Screen some of who has not come with the watchlists in force; whether what the second line sees
        has changed.

        Raises:
            StorageError: what was found before stays, and it goes on from there.
        """
        watchlists = self._lists.open_lists()
        key = key_of(watchlists)
        if key == self._through or watchlists.broken:  # a list that cannot be read clears nobody
            return False
        until, changed = time.monotonic() + AGAIN_SECONDS, False
        directions = {one.id: one.direction for one in self._expected.lists()}
        while time.monotonic() < until:
            people = self._expected.to_screen(key, most=PIECE)
            if not people:
                self._tell(key, watchlists)
                self._through = key
                break
            found = []
            for id_, listed in people:
                now, new = None, False
                if listed is not None and listed.list in directions:
                    now = _with(listed, self._checks(listed, watchlists, directions[listed.list]))
                    new = not hit_ids(now.checks) <= hit_ids(listed.checks)
                    changed = changed or hit_ids(now.checks) != hit_ids(listed.checks)
                found.append((id_, now, new))
            self._expected.note_screened(key, tuple(found))
        return changed

    def _tell(self, key: str, watchlists: OpenLists) -> None:
        lists = {one.id: one for one in self._expected.lists()}
        named = [{"list": one.info.name, "version": one.info.version} for one in watchlists.lists]
        for one in self._expected.screened_again(key):
            counts = {"persons": one.persons, "hits": one.hits, "new_hits": one.new_hits}
            if one.list in lists:
                self._record(lists[one.list], f"screened/{key}", {**counts, "watchlists": named})

    def _checks(self, listed: Listed, watchlists: OpenLists, direction: str) -> tuple[Check, ...]:
        subject = Subject(
            primary_identifier=listed.primary_identifier,
            secondary_identifier=listed.secondary_identifier,
            birth_date=listed.birth_date,
            sex=listed.sex,
            nationality=listed.nationality,
            issuing_state=listed.issuing_state,
            document_number=listed.document_number,
            document_type=listed.document_code,
        )
        now, quality = self._clock.now()
        return screen(
            subject,
            watchlists,
            direction=Direction(direction),
            now=now,
            time_quality=quality.value,
            known=self._known,
        )


def key_of(watchlists: OpenLists) -> str:
    """Names these versions of these lists; hexadecimal."""
    versions = sorted(f"{one.info.name} {one.info.version}" for one in watchlists.lists)
    return hashlib.sha256("\0".join(versions).encode()).hexdigest()[:16]


def _with(listed: Listed, checks: tuple[Check, ...]) -> Listed:
    """What was found; of what failed before and cannot be said now (a list expired) what was said then."""
    said = {one.id: one for one in checks}
    for old in listed.checks:
        now = said.get(old.id)
        if old.verdict is Verdict.FAIL and (now is None or now.verdict not in (Verdict.PASS, Verdict.FAIL)):
            said[old.id] = old
    kept = tuple(said.values())
    hit = any(one.verdict is Verdict.FAIL for one in kept)
    return msgspec.structs.replace(listed, checks=kept, hit=hit)
