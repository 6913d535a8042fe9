"""The desk of who is expected: lists are taken and their people screened before they are here, matched at the
booth, and forgotten some hours after their time. What is recorded are counts, nobody's name.

What the screening found is the second line's to see, and nobody else's: not the importer's, never the
traveller's (promise 8).
"""

import asyncio
import datetime as dt
import hashlib
import itertools
import logging
import time
from collections.abc import Callable, Iterable
from typing import Any, Final

from appliance.clock import Clock
from appliance.contracts.advance import (
    MAX_PERSONS,
    AdvanceAnswer,
    AdvanceList,
    AdvanceLists,
    AdvanceResult,
    ExpectedHit,
    ImportAdvance,
)
from appliance.contracts.capture import Nothing
from appliance.contracts.checks import Check, Direction, Verdict
from appliance.contracts.errors import ServiceError
from appliance.contracts.movement import RECORD_TYPE_ADVANCE, GroupLink
from appliance.contracts.transport import Operation
from appliance.records.errors import StorageError
from appliance.records.expected import MAX_EXPECTED, Expected, Listed, Match
from appliance.records.journal import Journal
from appliance.reference_data.store import ReferenceStore
from appliance.screening import Subject
from appliance.screening.pairs import KnownPairs
from appliance.services.lane.advance.lines import Read, read_line, same_list
from appliance.services.lane.advance.screening import Screening, key_of
from appliance.travel_document import MrzError, transliterate

ID: Final = "advance.list"
EARLY: Final = dt.timedelta(hours=12)
"""A coach may be so much before its time, and its people are still the ones."""
LOOK_SECONDS: Final = 20.0
COACHES: Final = ("bus", "crew")
"""Kinds of groups of which a list might have come."""
log = logging.getLogger(__name__)


class AdvanceDesk:
    """`changed` is called when there is something new for the outbox or the second line. Its methods that are
    not `async` look at a disk: call them in a thread."""

    def __init__(
        self,
        *,
        expected: Expected,
        journal: Journal,
        lists: ReferenceStore,
        known: KnownPairs,
        clock: Clock,
        post: str,
        keep_hours: Callable[[], float],
        changed: Callable[[], None],
    ) -> None:
        self._expected = expected
        self._journal = journal
        self._clock = clock
        self._screening = Screening(
            expected=expected, lists=lists, known=known, clock=clock, record=self._record_again
        )
        self._post = post
        self._keep_hours = keep_hours
        self._tell = changed
        self.revision = 0
        """Rises with every change of who is expected."""
        self._next_look = 0.0
        self.coming: tuple[AdvanceList, ...] = ()
        """The lists of about now, as they were last looked at."""

    def _changed(self) -> None:
        self.revision += 1
        self._tell()

    def close(self) -> None:
        """Let go of the file."""
        self._expected.close()

    @property
    def _keep(self) -> dt.timedelta:
        return dt.timedelta(hours=self._keep_hours())

    # The service's socket

    def operations(self) -> tuple[Operation, ...]:
        """What the lane's socket offers of it."""
        return (
            Operation("import_advance", ImportAdvance, self.take),
            Operation("advance_lists", Nothing, self._all_lists),
        )

    async def _all_lists(self, request: Nothing) -> AdvanceLists:  # noqa: ARG002 - the operation's shape
        return await asyncio.to_thread(self.lists)

    # Before they are here

    async def take(self, request: ImportAdvance) -> AdvanceAnswer:
        """Each line on its own: one that is wrong holds up none behind it.

        Raises:
            ServiceError: storage_broken, the disk does not take it; what was taken before stays, and the same
                lines may be sent again.
        """
        try:
            return await asyncio.to_thread(self._take, request)
        except StorageError as error:
            raise ServiceError("storage_broken", str(error), retry=True) from error
        finally:
            if not request.check_only:
                await self.forget()
                self._changed()

    def _take(self, request: ImportAdvance) -> AdvanceAnswer:
        now = self._clock.now()[0]
        results: list[AdvanceResult] = []
        watchlists = self._screening.open_lists()
        new: dict[str, tuple[AdvanceList, list[Listed]]] = {}
        for line in request.lines:
            read, problems = read_line(line, post=self._post, now=now, keep=self._keep)
            if read is not None:
                problems = self._room(read, *new.get(read.list.id, (None, [])))
            if read is None or problems:
                results.append(AdvanceResult(number=line.number, taken=False, problems=problems))
                continue
            known = self._expected.has(read.person)
            if request.check_only:
                new.setdefault(read.list.id, (read.list, []))
                results.append(AdvanceResult(number=line.number, taken=False, known=known))
                continue
            people = new.setdefault(read.list.id, (read.list, []))[1]
            known = known or any(one.id == read.person for one in people)
            if not known:
                people.append(self._screening.first(read, watchlists))
            results.append(AdvanceResult(number=line.number, taken=True, known=known))
        for list_, people in new.values():
            if people:
                # The record first: after a power cut between the two the same file makes the same record.
                self._record_import(list_, people, request.by)
                self._expected.add(list_, tuple(people), watchlists=key_of(watchlists))
        return AdvanceAnswer(results=tuple(results))

    def _room(self, read: Read, begun: AdvanceList | None, people: list[Listed]) -> dict[str, str]:
        """Whether one more fits on this list, which says the same of itself as before; `begun` and `people`
        are what this very request has of it."""
        standing = self._expected.known_list(read.list.id)
        for one in (standing, begun):
            if one is not None and (one.ended or not same_list(one, read.list)):
                return {"list": "list_differs"}
        on_it = len(people) + (standing.persons if standing else 0)
        if on_it >= MAX_PERSONS or self._expected.count() + len(people) >= MAX_EXPECTED:
            return {} if self._expected.has(read.person) else {"list": "too_many"}
        return {}

    def _record_import(self, list_: AdvanceList, people: list[Listed], by: str) -> None:
        piece = hashlib.sha256("".join(sorted(one.id for one in people)).encode()).hexdigest()[:16]
        removals = self._removals(list_)
        self._record(
            f"advance/{list_.id}/{piece}" + (f"/{removals}" if removals else ""),
            _body(list_, "imported", persons=len(people), hits=sum(one.hit for one in people), by=by),
        )

    def _removals(self, list_: AdvanceList) -> int:
        """How often it was removed: what is taken in again afterwards is recorded again."""
        return next(
            n for n in itertools.count() if not self._journal.has_record(f"advance/{list_.id}/removed/{n}")
        )

    def remove(self, id_: str, *, by: str) -> bool:
        """A list that was taken in by mistake: its people are forgotten, and it may be taken in again. False:
        there is none of this name.

        Raises:
            StorageError: it is still there.
        """
        list_ = self._expected.known_list(id_)
        if list_ is None:
            return False
        counts = {"persons": list_.persons, "came": list_.came, "perhaps": list_.perhaps}
        name = f"advance/{list_.id}/removed/{self._removals(list_)}"
        self._record(name, _body(list_, "removed", **counts, by=by))
        self._expected.remove(list_.id)
        self._forget()
        self._changed()
        return True

    def lists(self) -> AdvanceLists:
        """All lists with their counts.

        Raises:
            ServiceError: storage_broken.
        """
        try:
            return AdvanceLists(lists=self._expected.lists())
        except StorageError as error:
            raise ServiceError("storage_broken", str(error), retry=True) from error

    def known_list(self, id_: str) -> AdvanceList | None:
        """One list.

        Raises:
            StorageError: it cannot be read.
        """
        return self._expected.known_list(id_)

    def count_hits(self) -> int:
        """How many are on their way whom a list names, and have not come.

        Raises:
            StorageError: they cannot be read.
        """
        return self._expected.count_hits()

    def expected_hits(self) -> tuple[ExpectedHit, ...]:
        """Who is on their way and whom a list names, the next ones first.

        Raises:
            StorageError: they cannot be read.
        """
        lists = {one.id: one for one in self._expected.lists()}
        return tuple(
            sorted(
                (
                    _expected_hit(listed, lists[listed.list], check, came=came)
                    for listed, came in self._expected.hits()
                    if listed.list in lists
                    for check in listed.checks
                    if check.verdict is Verdict.FAIL
                ),
                key=lambda one: (one.list.expected, one.name),
            )
        )

    # At the booth

    def check(
        self, subject: Subject | None, *, link: GroupLink | None, direction: Direction, now: dt.datetime
    ) -> tuple[Check, ...]:
        """Whether who stands here is on a list of about now; nothing is said where no list was sent and none
        was to be."""
        try:
            here = [one for one in self._expected.lists() if self._is_now(one, direction, now)]
            matches = self._matches(subject, {one.id for one in here}) if subject else ()
        except StorageError:
            return (Check(id=ID, verdict=Verdict.CANNOT, reason="lists_unreadable"),)
        if matches:
            return (_match_check(matches[0], subject),)
        theirs = list_of(link, here)
        if theirs is not None:
            evidence = {"list": theirs.reference, "expected": theirs.expected, "persons": theirs.persons}
            return (Check(id=ID, verdict=Verdict.FAIL, reason="not_on_the_list", evidence=evidence),)
        if link is not None and link.kind in COACHES:
            return (Check(id=ID, verdict=Verdict.NOT_DONE, reason="no_list"),)
        if here:
            evidence = {"lists": len(here)}
            return (Check(id=ID, verdict=Verdict.NOT_DONE, reason="on_no_list", evidence=evidence),)
        return ()

    def _is_now(self, list_: AdvanceList, direction: Direction, now: dt.datetime) -> bool:
        return list_.direction == direction.value and self._is_soon(list_, now)

    def _is_soon(self, list_: AdvanceList, now: dt.datetime) -> bool:
        expected = dt.datetime.fromisoformat(list_.expected)
        return not list_.ended and expected - EARLY <= now < expected + self._keep

    def _matches(self, subject: Subject, lists: set[str]) -> tuple[Match, ...]:
        found = self._expected.find(
            issuing_state=subject.issuing_state.replace("<", ""),
            document_number=subject.document_number.replace("<", ""),
            name=(_latin(subject.primary_identifier), _latin(subject.secondary_identifier)),
            birth_date=subject.birth_date,
        )
        return tuple(one for one in found if one.list.id in lists)

    def note_decided(self, checks: Iterable[Check]) -> None:
        """Whoever was on a list has come.

        Raises:
            StorageError: it is not on disk.
        """
        for check in checks:
            person = check.evidence.get("listed")
            if check.id == ID and isinstance(person, str):
                self._expected.note_came(person, sure=check.verdict is Verdict.PASS)

    # Afterwards

    async def look(self, *, idle: bool = True) -> None:
        """From time to time: forget whose time is over and, while nobody stands here, screen again who is
        expected, when there are newer watchlists."""
        if time.monotonic() >= self._next_look:
            self._next_look = time.monotonic() + LOOK_SECONDS
            await self.forget()
        if idle:
            try:
                if await asyncio.to_thread(self._screening.again):
                    self._changed()
            except StorageError as error:
                log.warning("who is expected is not screened again yet: %s", type(error).__name__)

    async def forget(self) -> int:
        """The people of lists whose time is over: how many lists ended, each with a record of its counts."""
        try:
            ended = await asyncio.to_thread(self._forget)
        except StorageError as error:
            log.warning("who was expected is not forgotten yet: %s", type(error).__name__)
            return 0
        if ended:
            self._changed()
        return ended

    def _forget(self) -> int:
        now, lists = self._clock.now()[0], self._expected.lists()
        self.coming = tuple(one for one in lists if self._is_soon(one, now))
        over = [
            one
            for one in lists
            if not one.ended and dt.datetime.fromisoformat(one.expected) + self._keep <= now
        ]
        for list_ in over:
            counts = {"persons": list_.persons, "came": list_.came, "perhaps": list_.perhaps}
            self._record(f"advance/{list_.id}/ended", _body(list_, "ended", **counts, no_shows=list_.absent))
            self._expected.end(list_)
        self._expected.forget_counts(now=now)
        return len(over)

    def _record_again(self, list_: AdvanceList, name: str, found: dict[str, Any]) -> None:
        self._record(f"advance/{list_.id}/{name}", _body(list_, "screened_again", **found))

    def _record(self, name: str, body: dict[str, Any]) -> None:
        self._journal.commit(name, RECORD_TYPE_ADVANCE, body, self._clock.stamp())


def list_of(link: GroupLink | None, lists: Iterable[AdvanceList]) -> AdvanceList | None:
    """The list of this vehicle: the one that its group was opened from, or the one with its plate."""
    if link is None:
        return None
    return next(
        (
            one
            for one in lists
            if one.id == link.advance
            or (link.plate and one.plate == link.plate and one.plate_state in ("", link.plate_state))
        ),
        None,
    )


def _match_check(match: Match, subject: Subject | None) -> Check:
    listed = match.listed
    evidence: dict[str, Any] = {
        "list": match.list.reference,
        "list_kind": match.list.kind,
        "route": match.list.route,
        "expected": match.list.expected,
        "coach": listed.coach,
        "seat": listed.seat,
        "plate": match.list.plate,
        "role": listed.role,
        "listed": listed.id,
        "hits_at_import": listed.hit,
    }
    if not match.sure:
        evidence |= {
            "listed_number": listed.document_number,
            "listed_state": listed.issuing_state,
        }
        return Check(id=ID, verdict=Verdict.CANNOT, reason="perhaps_listed", evidence=evidence)
    born = (subject.birth_date if subject else "", listed.birth_date)
    if all(len(one) == 10 and "?" not in one for one in born) and born[0] != born[1]:
        evidence["listed_birth_date"] = listed.birth_date
        return Check(id=ID, verdict=Verdict.PASS, reason="listed_otherwise", evidence=evidence)
    return Check(id=ID, verdict=Verdict.PASS, reason="listed", evidence=evidence)


def _expected_hit(listed: Listed, list_: AdvanceList, check: Check, *, came: bool) -> ExpectedHit:
    return ExpectedHit(
        list=list_,
        coach=listed.coach,
        seat=listed.seat,
        name=f"{listed.primary_identifier}, {listed.secondary_identifier}".strip(", "),
        document=f"{listed.issuing_state} {listed.document_number}".strip(),
        birth_date=listed.birth_date,
        check=check,
        came=came,
    )


def _body(list_: AdvanceList, act: str, **more: Any) -> dict[str, Any]:
    return {
        "act": act,
        "list": list_.id,
        "reference": list_.reference,
        "kind": list_.kind,
        "direction": list_.direction,
        "expected": list_.expected,
        **more,
    }


def _latin(name: str) -> str:
    try:
        return transliterate(name).replace("<", " ").strip()
    except MrzError:
        return ""
