"""A vehicle, a family, a crew: so many people are said to come, each is a crossing of their own.

The group is opened with a count and a plate, and closed when all who were seen are decided or detached; a
count that differs is said, and needs a reason. A person who is detached stays for the second line while the
others go on. What is open survives a power cut in the box's memory (`appliance.records.memory`); opening and
closing are records.
"""

import asyncio
import secrets
from collections.abc import Callable
from typing import Any, Final

import msgspec

from appliance.clock import Clock
from appliance.contracts.asked import (
    GROUPS,
    MAX_GROUP,
    MAX_NOTE,
    ROLES,
    ChildView,
    CloseGroup,
    DetachFromGroup,
    GroupView,
    InGroup,
    MemberView,
    NoteTaken,
    OpenGroup,
    SayGuardian,
)
from appliance.contracts.checks import Check, Outcome, Recommendation, Verdict
from appliance.contracts.errors import ServiceError
from appliance.contracts.movement import RECORD_TYPE_GROUP, Accompanied, DocumentFacts, GroupLink
from appliance.records.errors import StorageError
from appliance.records.journal import Journal
from appliance.records.memory import Memory
from appliance.reference_data.store import ReferenceStore
from appliance.screening import Subject, screen
from appliance.screening.screen import VEHICLE
from appliance.services.lane.advance.desk import AdvanceDesk
from appliance.services.lane.guardians import (
    Asking,
    Guardian,
    GuardianDesk,
    child_age,
    guardian_check,
    guardian_of,
    named_by,
    views,
)
from appliance.services.lane.typed_entry import read_number
from appliance.services.lane.workflow import GuardianNoted, State
from appliance.travel_document.codes import can_issue

COUNT: Final = "group.count"
MAX_SHOWN: Final = 12


class Member(msgspec.Struct, frozen=True, kw_only=True):
    """One person of the group who is through."""

    crossing: str
    place: int
    name: str
    """The primary identifier, for the officer and for children's guardians."""
    outcome: str
    role: str = ""
    detached: str = ""
    document: DocumentFacts | None = None
    """Whose children may be entered in it; only while the group is open."""
    recommendation: str = ""


class Group(msgspec.Struct, frozen=True, kw_only=True):
    """The group that is open."""

    group: str
    kind: str
    declared: int
    plate: str
    plate_state: str
    advance: str = ""
    members: tuple[Member, ...] = ()

    @property
    def detached(self) -> int:
        return sum(bool(one.detached) for one in self.members)

    def link(self) -> GroupLink:
        """The next person's place."""
        return GroupLink(
            group=self.group,
            kind=self.kind,
            declared=self.declared,
            place=len(self.members) + 1,
            plate=self.plate,
            plate_state=self.plate_state,
            advance=self.advance,
        )

    def body(self, act: str, **more: Any) -> dict[str, Any]:
        """What is recorded of it: counts. Plate and place stand in each person's own record, which is erased
        with the person; nothing here points to anybody."""
        return {
            "act": act,
            "group": self.group,
            "kind": self.kind,
            "declared": self.declared,
            **({"advance": self.advance} if self.advance else {}),
            **more,
        }


class GroupDesk:
    """Holds the open group. Lives in the event loop's thread."""

    def __init__(
        self,
        *,
        journal: Journal,
        memory: Memory,
        clock: Clock,
        state: Callable[[], State],
        officer: Callable[[], str],
        lists: ReferenceStore,
        changed: Callable[[], None],
        advance: AdvanceDesk | None = None,
    ) -> None:
        self._advance = advance
        self._journal = journal
        self._memory = memory
        self._clock = clock
        self._state = state
        self._officer = officer
        self._lists = lists
        self._changed = changed
        self._group = _read(memory)
        self.guardians = GuardianDesk(memory, now=clock.now()[0])

    def link(self) -> GroupLink | None:
        """The place of who comes now, None where no group is open."""
        return self._group.link() if self._group else None

    async def open(self, note: OpenGroup) -> NoteTaken:
        """Open a group, between travellers."""
        note, problems = await asyncio.to_thread(self._from_list, note)
        problems |= _opening_problems(note)
        if self._group is not None or self._state().started is not None:
            problems["declared"] = "group_open"
        if problems:
            return NoteTaken(taken=False, problems=problems)
        plate, _problem = read_number(note.plate)
        group = Group(
            group=secrets.token_hex(16),
            kind=note.kind,
            declared=note.declared,
            plate=plate,
            plate_state=note.plate_state.strip().upper(),
            advance=note.advance,
        )
        await self._keep(group, "opened", officer=self._officer())
        return NoteTaken(taken=True)

    def _from_list(self, note: OpenGroup) -> tuple[OpenGroup, dict[str, str]]:
        """With the count and the plate of the list that it names, where the officer said none."""
        if not note.advance:
            return note, {}
        try:
            list_ = self._advance.known_list(note.advance) if self._advance else None
        except StorageError:
            return note, {"advance": "storage"}
        if list_ is None or list_.ended:
            return note, {"advance": "gone"}
        return msgspec.structs.replace(
            note,
            kind=list_.kind if list_.kind in GROUPS else note.kind,
            declared=note.declared or min(list_.persons, MAX_GROUP),
            plate=note.plate or list_.plate,
            plate_state=note.plate_state or list_.plate_state,
        ), {}

    async def close(self, note: CloseGroup) -> NoteTaken:
        """Close it, between travellers: what was declared against what was seen."""
        group = self._group
        if group is None or note.group != group.group:
            return NoteTaken(taken=False, problems={"group": "gone"})
        reason = " ".join(note.reason.split())
        seen = len(group.members)
        if self._state().started is not None:
            return NoteTaken(taken=False, problems={"group": "not_all_seen"})
        if seen != group.declared and not reason:
            return NoteTaken(taken=False, problems={"reason": "needs_reason"})
        if len(reason) > MAX_NOTE:
            return NoteTaken(taken=False, problems={"reason": "too_long"})
        await self._keep(
            group,
            "closed",
            officer=self._officer(),
            seen=seen,
            detached=group.detached,
            reason=reason,
        )
        return NoteTaken(taken=True)

    def placed(self, note: InGroup | DetachFromGroup) -> tuple[Callable[[State], GroupLink], dict[str, str]]:
        """The person's new place in the group, or what is wrong with it."""
        problems: dict[str, str] = {}
        guardians = {one.crossing for one in self._group.members} if self._group else set()
        if self._state().group is None:
            problems["group"] = "not_in_group"
        if isinstance(note, DetachFromGroup):
            if not note.reason.strip():
                problems["reason"] = "needs_reason"
            if len(note.reason) > MAX_NOTE:
                problems["reason"] = "too_long"
            changed: dict[str, Any] = {"detached": " ".join(note.reason.split())}
        else:
            if note.role and note.role not in ROLES:
                problems["role"] = "choose"
            if note.guardian and note.guardian not in guardians:
                problems["guardian"] = "choose"
            if note.shared_document and not note.guardian:
                problems["guardian"] = "missing"
            changed = {
                "role": note.role or ("child" if note.guardian else ""),
                "guardian": note.guardian,
                "shared_document": note.shared_document,
            }

        def place(state: State) -> GroupLink:
            assert state.group is not None
            return msgspec.structs.replace(state.group, **changed)

        return place, problems

    def note_decided(self, state: State, document: DocumentFacts | None) -> None:
        """One more is through; the same one again after a power cut counts once.

        Raises:
            StorageError: it is not on disk.
        """
        group, link = self._group, state.group
        if group is None or link is None or link.group != group.group:
            return
        assert state.started is not None
        assert state.decided is not None
        member = Member(
            crossing=state.started.crossing,
            place=link.place,
            name=document.primary_identifier if document else "",
            outcome=state.decided.outcome.value,
            role=link.role,
            detached=link.detached,
            document=document,
            recommendation=state.assessed.recommendation.value if state.assessed else "",
        )
        others = tuple(one for one in group.members if one.crossing != member.crossing)
        new = msgspec.structs.replace(group, members=(*others, member))
        self._memory.keep_group(new.group, msgspec.msgpack.encode(new))
        self._group = new

    def guardian_of(self, link: GroupLink | None) -> Member | None:
        """Who is with this child, as far as they are through."""
        members = self._group.members if self._group and link else ()
        return next((one for one in members if link and one.crossing == link.guardian), None)

    def shared_document(self, link: GroupLink | None) -> DocumentFacts | None:
        """The document that this child is entered in, once its guardian is linked so."""
        guardian = self.guardian_of(link)
        return guardian.document if guardian and link and link.shared_document else None

    def checks(self, state: State, asking: Asking, *, time_quality: str) -> tuple[Check, ...]:
        """The count, the plate, and who is with a child."""
        link = state.group
        found: list[Check] = []
        if link is not None:
            more = link.place > link.declared
            found.append(
                Check(
                    id=COUNT,
                    verdict=Verdict.FAIL if more else Verdict.PASS,
                    reason="more_than_declared" if more else "within_declared",
                    evidence={"place": link.place, "declared": link.declared},
                )
            )
        if link is not None and link.plate:
            vehicle = Subject(vehicle_plate=link.plate, vehicle_state=link.plate_state)
            screened = screen(
                vehicle,
                self._lists.open_lists(),
                direction=asking.direction,
                now=asking.now,
                time_quality=time_quality,
            )
            found += [check for check in screened if check.id == VEHICLE]
        age = child_age(asking, link)
        if age is not None:
            member, said = self.guardian_of(link), state.accompanied
            guardian = _as_guardian(member) if member else guardian_of(said, state.guardian_name)
            found.append(guardian_check(guardian, asking.child, age, said))
        return tuple(found)

    def child(self, state: State, asking: Asking) -> ChildView | None:
        """The question who is with the child that stands here; None where there is none to ask."""
        link, said = state.group, state.accompanied
        if child_age(asking, link) is None:
            return None
        if said is None and self.guardian_of(link) is not None:
            return None  # the group has answered
        named = said.guardian if said else ""
        return ChildView(
            offered=views(self.guardians.offered(asking)),
            guardian=named,
            alone=said is not None and not named,
        )

    def accompanied(
        self, note: SayGuardian, state: State, asking: Asking
    ) -> tuple[Callable[[State], GuardianNoted] | None, dict[str, str]]:
        """The officer's word on who is with the child, and its place in the group where there is one."""
        if self.child(state, asking) is None:
            return None, {"guardian": "choose"}
        adult, problems = named_by(note, self.guardians.offered(asking))
        if problems:
            return None, problems
        said = Accompanied(guardian=adult.crossing if adult else "", officer=self._officer())
        name = adult.primary if adult else ""
        members = {one.crossing for one in self._group.members} if self._group else set()

        def make(state: State) -> GuardianNoted:
            place = state.group
            if place is not None:
                guardian = said.guardian if said.guardian in members else ""
                place = msgspec.structs.replace(place, role="child", guardian=guardian, shared_document=False)
            return GuardianNoted(accompanied=said, name=name, group=place)

        return make, {}

    def view(self) -> GroupView | None:
        """The group as the officer sees it."""
        group = self._group
        if group is None:
            return None
        link = self._state().group
        here = link is not None and link.group == group.group
        return GroupView(
            group=group.group,
            kind=group.kind,
            declared=group.declared,
            plate=group.plate,
            plate_state=group.plate_state,
            seen=len(group.members) + here,
            decided=len(group.members),
            detached=group.detached,
            members=tuple(
                MemberView(
                    crossing=one.crossing,
                    place=one.place,
                    name=one.name,
                    outcome=one.outcome,
                    detached=bool(one.detached),
                )
                for one in group.members[-MAX_SHOWN:]
            ),
            role=link.role if here and link else "",
            guardian=link.guardian if here and link else "",
            shared_document=bool(here and link and link.shared_document),
            detached_here=bool(here and link and link.detached),
        )

    async def _keep(self, group: Group, act: str, **more: Any) -> None:
        stamp = self._clock.stamp()
        name = f"group/{group.group}/{act}"

        def work() -> None:
            self._journal.commit(name, RECORD_TYPE_GROUP, group.body(act, **more), stamp)
            if act == "closed":
                self._memory.end_group()
            else:
                self._memory.keep_group(group.group, msgspec.msgpack.encode(group))

        try:
            await asyncio.to_thread(work)
        except StorageError as error:
            raise ServiceError("storage_broken", str(error), retry=True) from error
        self._group = None if act == "closed" else group
        self._changed()


def _as_guardian(member: Member) -> Guardian:
    # A group that was opened by an earlier version does not say what was recommended.
    red = member.recommendation == Recommendation.RED.value
    admitted = member.outcome == Outcome.ADMITTED.value and not red
    return Guardian(crossing=member.crossing, name=member.name, admitted=admitted)


def _opening_problems(note: OpenGroup) -> dict[str, str]:
    problems: dict[str, str] = {}
    if not 1 <= note.declared <= MAX_GROUP:
        problems["declared"] = "not_a_number"
    if note.kind not in GROUPS:
        problems["kind"] = "choose"
    if note.plate.strip():
        _plate, problem = read_number(note.plate)
        if problem:
            problems["plate"] = problem
    if note.plate_state.strip() and not can_issue(note.plate_state.strip().upper()):
        problems["plate_state"] = "unknown_code"
    return problems


def _read(memory: Memory) -> Group | None:
    """The group that was open when the power went; one that cannot be read is gone, and its people's records
    stand."""
    payload = memory.group()
    if payload is None:
        return None
    try:
        return msgspec.msgpack.decode(payload, type=Group)
    except msgspec.MsgspecError:
        return None
