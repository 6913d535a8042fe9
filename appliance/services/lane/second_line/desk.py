"""The second line's desk: what an officer with that role sees of the cases, and how one is closed.

A decision is on disk before its record is written, so that it is made once; a power cut between the two ends
with the same record. Nothing closes a case but an officer.
"""

import asyncio
import datetime as dt
import logging
from collections.abc import Callable
from pathlib import Path
from typing import Final

from appliance.clock import Clock, wall_of
from appliance.contracts.advance import ExpectedHit
from appliance.contracts.cases import (
    OUTCOMES,
    REVIEW_HOURS,
    REVIEWS,
    CaseFile,
    CaseHead,
    CaseKind,
    CaseOutcome,
    CloseCase,
    Closing,
    Queue,
    SaveWork,
    SecondLineView,
    Work,
    closing_record,
)
from appliance.contracts.checks import Outcome
from appliance.contracts.face_record import RecordError, picture_of
from appliance.contracts.movement import Movement, apart
from appliance.contracts.officers import MIN_REASON, OfficerAnswer, Role
from appliance.contracts.post import Post
from appliance.records.cases import OPEN, Case, Cases, NotOpen
from appliance.records.errors import StorageError
from appliance.records.history import History, Passage
from appliance.records.journal import Journal
from appliance.records.visas import Visas
from appliance.services.lane.advance.desk import AdvanceDesk
from appliance.services.lane.advance.intake import IntakeDesk
from appliance.services.lane.duty import Duty
from appliance.services.lane.in_force import InForce
from appliance.services.lane.on_arrival.applying import Applying
from appliance.services.lane.on_arrival.desk import VisaDesk
from appliance.services.lane.second_line.indicators import INDICATORS
from appliance.services.lane.second_line.post_desk import PostDesk, PostKeys
from appliance.services.lane.second_line.roles import CLOSES, role_of
from appliance.services.lane.second_line.routines import IDS, NOT_DONE, RESULTS, composites
from appliance.services.lane.second_line.waiting import waited_seconds
from appliance.services.lane.typed_entry import NO_DOCUMENT

REVIEWS_RELEASES: Final = frozenset({Role.SUPERVISOR})
MEND_SECONDS: Final = 5.0
OVERDUE_SECONDS: Final = REVIEW_HOURS * 3600
log = logging.getLogger(__name__)


def kind_of(movement: Movement) -> CaseKind | None:
    """What the second line has to do about this crossing; None: nothing."""
    if movement.outcome is Outcome.REFERRED:
        return CaseKind.REFERRED
    return CaseKind.RELEASED if movement.released else None


def pictures_of(movement: Movement) -> dict[str, bytes]:
    """The pictures that are put side by side, as JPEG: faces, and the page in each light. No fingers."""
    pictures: dict[str, bytes] = {}
    record = movement.media.get("portrait_record")
    if record is not None:
        try:
            pictures["portrait"] = picture_of(record)
        except RecordError as error:
            log.warning("a case has no live picture: %s", error)
    wanted = ("chip_portrait", "page")
    return pictures | {
        name: content
        for name, content in movement.media.items()
        if name in wanted or name.startswith("page_")
    }


class SecondLine:
    """`changed` is called, from any thread, when the screen has something new to say."""

    def __init__(
        self,
        *,
        cases: Cases,
        duty: Duty,
        journal: Journal,
        clock: Clock,
        history: History | None,
        device: str,
        changed: Callable[[], None],
        post: tuple[Post, PostKeys] | None = None,
        advance: AdvanceDesk | None = None,
        visas: Visas | None = None,
        stick: Path | None = None,
    ) -> None:
        self.cases = cases
        self.visas: VisaDesk | None = None
        """Visas on arrival; None: this box keeps none."""
        if visas is not None:
            self.visas = VisaDesk(
                visas=visas, cases=cases, duty=duty, journal=journal, clock=clock, history=history,
                device=device, changed=self.came,
            )  # fmt: skip
        self._advance = advance
        self.lists: IntakeDesk | None = None
        """Where advance lists are taken in."""
        if advance is not None:
            self.lists = IntakeDesk(advance, officer=self._works_here, stick=stick)
        self._duty, self._journal = duty, journal
        self._clock, self._history = clock, history
        self._device, self._changed = device, changed
        self.post: PostDesk | None = None
        """The other boxes of the post; None: this box stands alone."""
        if post is not None:
            self.post = PostDesk(
                post=post[0], keys=post[1], cases=cases, clock=clock, came=self.came,
                closed_elsewhere=self._was_closed, taken_back=self._was_taken_back,
            )  # fmt: skip
            if history is not None:
                history.post = self.post
        self._opened_by: set[tuple[str, str]] = set()
        self.revision = 0
        """Rises with every change of the queue."""

    async def run(self) -> None:
        """Follow the post, and write the records of decisions that a power cut or a full disk has held up,
        until cancelled."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._keep_mending())
            if self.post is not None:
                tasks.create_task(self.post.run())

    async def _keep_mending(self) -> None:
        while True:
            try:
                await asyncio.to_thread(self.mend)
            except StorageError as error:
                log.warning("a decision of the second line waits for its record: %s", error)
            await asyncio.sleep(MEND_SECONDS)

    # From the lane

    def keep(self, movement: Movement) -> None:
        """A crossing that was decided; its media are still in it.

        Raises:
            StorageError: it is not on disk, and may be tried again.
        """
        kind = kind_of(movement)
        if self.visas is not None and kind is CaseKind.REFERRED:
            self.visas.visas.applied(movement)
        if kind is not None and self.cases.keep(apart(movement)[0], kind, pictures_of(movement)):
            self.came()

    def came(self) -> None:
        """There is a new case, or one is gone, here or at another box."""
        self.revision += 1
        if self.post is not None:
            self.post.grown()
        self._changed()

    def forget(self, crossings: tuple[str, ...], *, cases: bool) -> None:
        """By a person's request, here and, of this box's own crossings, at the post's other boxes: what stays
        count from, and with `cases` the cases too. Records are named `CROSSING/PART`.

        Raises:
            StorageError: they are not forgotten yet.
        """
        named = {one.partition("/")[0] for one in crossings}
        if self.post is not None:
            self.post.withdraw(named, cases=cases)
        elif cases:
            self.cases.forget(named)
        if self.visas is not None and cases:
            self.visas.visas.forget(named)
        self.revision += 1

    def forget_old(self, *, now: dt.datetime, days: float) -> int:
        """Cases and visas that ended more than so many days ago; how many.

        Raises:
            StorageError: not all is forgotten yet.
        """
        visas = self.visas.visas.forget_old(now=now, days=days) if self.visas is not None else 0
        return visas + self.cases.forget_closed(now=now, days=days)

    def _was_taken_back(self, item: bytes, device: str) -> None:
        """Another box's case is erased there."""
        if self.visas is not None:
            self.visas.visas.forget_item(item, device=device)

    def applying(self, in_force: InForce, *, post: str) -> Applying | None:
        """What the booth knows of visas on arrival."""
        return Applying(visas=self.visas.visas, in_force=in_force, post=post) if self.visas else None

    def let_go(self) -> None:
        """Let go of the files."""
        self.cases.close()
        if self.visas is not None:
            self.visas.visas.close()

    # For the screen

    @property
    def role(self) -> Role | None:
        """In which role the officer on duty works here; None: they do not."""
        return role_of(self._duty.officer)

    def _works_here(self) -> str:
        officer = self._duty.officer
        return officer.name if officer is not None and role_of(officer) is not None else ""

    def summary(self) -> SecondLineView | None:
        """For the officer's screen; None for who does not work at the second line."""
        if self.role is None:
            return None
        try:
            counts = self.cases.counts()
            expected = self._advance.count_hits() if self._advance else 0
            reviews = counts.get(CaseKind.RELEASED, 0)
            heads = [self._head(one) for one in self.cases.open_cases(CaseKind.RELEASED)] if reviews else []
        except StorageError:
            return SecondLineView(cases=0, reviews=0, overdue=0)
        overdue = sum(one.overdue for one in heads)
        return SecondLineView(
            cases=counts.get(CaseKind.REFERRED, 0),
            reviews=reviews,
            overdue=overdue,
            expected=expected,
            revision=self.revision + (self._advance.revision if self._advance else 0),
        )

    def queue(self) -> Queue | None:
        """What waits; None for who does not work here.

        Raises:
            StorageError: the cases cannot be read.
        """
        if self.role is None:
            return None
        heads = [self._head(one) for one in self.cases.open_cases()]
        heads.sort(key=lambda one: (one.kind is not CaseKind.RELEASED, -_long(one.waited_seconds)))
        return Queue(
            cases=tuple(heads),
            may_review=self.role is Role.SUPERVISOR,
            other_lanes=self.post.other_lanes() if self.post is not None else None,
        )

    def expected(self) -> tuple[ExpectedHit, ...]:
        """Who is on their way and whom a list names, for who works here; that they looked is a record.

        Raises:
            StorageError: it cannot be read, or the look not be written down: then nothing is shown.
        """
        hits = self._advance.expected_hits() if self._advance is not None and self.role is not None else ()
        look = (self._duty.name, f"expected {len(hits)}")
        if hits and look not in self._opened_by:
            self._duty.note("expected_opened", hits=len(hits))
            self._opened_by.add(look)
        return hits

    def file(self, crossing: str) -> CaseFile | None:
        """One case, for who works here; None when there is none. That this officer looked at it is a record.

        Raises:
            StorageError: it cannot be read, or the look not be written down: then nothing is shown.
        """
        case = self.cases.case(crossing) if self.role is not None else None
        if case is None:
            return None
        look = (self._duty.name, crossing)
        if look not in self._opened_by:
            self._duty.note("case_opened", crossing=crossing)
            self._opened_by.add(look)
        named = {"portrait" if name == "portrait_record" else name for name in case.movement.media_named}
        shown = {name for name in named if not name.startswith("finger_")}
        return CaseFile(
            head=self._head(case),
            movement=case.movement,
            pictures=tuple(name for name in case.pictures if name in shown),
            missing=tuple(sorted(shown - set(case.pictures))),
            work=case.work,
            closed=case.closing,
            closed_at_device=case.closed_at_device,
            also=case.also,
        )

    def picture(self, crossing: str, name: str) -> bytes | None:
        """A picture of a case, for who works here.

        Raises:
            StorageError: it cannot be read.
        """
        return self.cases.picture(crossing, name) if self.role is not None else None

    def _head(self, case: Case) -> CaseHead:
        movement, now = case.movement, self._clock.stamp()
        document = movement.document
        waited = waited_seconds(movement.decided, now)
        released = case.kind is CaseKind.RELEASED
        return CaseHead(
            crossing=case.crossing,
            device=case.device,
            post=movement.post,
            lane=movement.lane,
            kind=case.kind,
            direction=movement.direction.value,
            name=f"{document.primary_identifier}, {document.secondary_identifier}".strip(", ")
            if document
            else "",
            document=f"{document.issuing_state} {document.document_number}".strip() if document else "",
            recommendation=movement.recommendation.value,
            reasons=movement.reasons,
            crossed_at=movement.decided.wall,
            waited_seconds=waited,
            overdue=released and waited is not None and waited > OVERDUE_SECONDS,
            released=movement.released,
            officer=movement.officer,
        )

    # From the officer

    def save(self, request: SaveWork) -> OfficerAnswer:
        """What was looked at so far."""
        if self.role is None:
            return _no("not_allowed")
        if not _known(request.work):
            return _no("unknown_item")
        try:
            self.cases.save_work(request.crossing, request.work)
        except NotOpen:
            return _no("closed_already")
        except StorageError:
            return _no("storage")
        return OfficerAnswer(taken=True)

    def close(self, request: CloseCase) -> OfficerAnswer:
        """The officer on duty decides. Looking at a PIN takes a quarter of a second: call it in a thread.

        It is their decision whoever takes the lane over in that time."""
        officer = self._duty.officer
        role = role_of(officer)
        if officer is None or role is None:
            return _no("not_allowed")
        try:
            case = self.cases.case(request.crossing)
        except StorageError:
            return _no("storage")
        if case is None:
            return _no("unknown_case")
        problem = self._problem(case, request, officer.name)
        if problem:
            return _no(problem)
        allowed = REVIEWS_RELEASES if case.kind is CaseKind.RELEASED else CLOSES
        proven = self._duty.proves(officer.name, request.pin, allowed)
        if not proven.taken:
            return proven
        closing = self._closing(case, request, officer.name, role)
        try:
            self.cases.begin_closing(closing, device=self._device)
        except NotOpen:
            return _no("closed_already")
        except StorageError:
            return _no("storage")
        try:
            self._write_down(closing)
        except StorageError as error:  # the decision stands on disk, and `run` writes its record
            log.warning("a decision of the second line waits for its record: %s", error)
        self.came()
        return OfficerAnswer(taken=True)

    def _problem(self, case: Case, request: CloseCase, officer: str) -> str:
        """Why this cannot be decided so by them; empty: it can."""
        if case.state != OPEN:
            return "closed_already" if case.closed_at_device == self._device else "closed_elsewhere"
        if request.outcome not in (REVIEWS if case.kind is CaseKind.RELEASED else OUTCOMES):
            return "no_outcome"
        if (request.outcome is CaseOutcome.REFUSED) != (request.ground is not None):
            return "no_ground"
        if len(" ".join(request.reason.split())) < MIN_REASON:
            return "no_reason"
        if not _known(request.work):
            return "unknown_item"
        if case.kind is CaseKind.RELEASED and case.movement.officer == officer:
            return "own_release"
        return self.visas.problem(case.movement, request) if self.visas else ""

    def _closing(self, case: Case, request: CloseCase, officer: str, role: Role) -> Closing:
        stamp = self._clock.stamp()
        waited = waited_seconds(case.movement.decided, stamp)
        review = case.kind is CaseKind.RELEASED
        results = {id_: said for id_, said in request.work.routines.items() if said != NOT_DONE}
        return Closing(
            crossing=case.crossing,
            device=case.device,
            kind=case.kind,
            outcome=request.outcome,
            ground=request.ground,
            reason=" ".join(request.reason.split()),
            officer=officer,
            role=role.value,
            crossed_at=case.movement.decided.wall,
            waited_seconds=None if waited is None else round(waited, 1),
            released_by=case.movement.officer if review else "",
            late=review and waited is not None and waited > OVERDUE_SECONDS,
            examined={
                "checks": len(case.movement.checks),
                "pictures": list(case.pictures),
                "routines": results,
                "composites": composites(results),
                "indicators": list(request.work.indicators),
                "notes": request.work.notes,
            },
            visa=self.visas.decision(case.movement, request) if self.visas and not review else None,
            stamp=stamp,
        )

    # Records

    def mend(self) -> None:
        """Decisions that are on disk and whose record may not be.

        Raises:
            StorageError: the disk still does not answer.
        """
        for closing in self.cases.half_closed():
            self._write_down(closing)
            self.came()
        if self.visas is not None:
            self.visas.mend()

    def _write_down(self, closing: Closing) -> None:
        name, record_type, body = closing_record(closing)
        self._journal.commit(name, record_type, body, closing.stamp)
        case = self.cases.case(closing.crossing)
        if case is not None and self.visas is not None:
            self.visas.decided(case)
        self.cases.finish_closing(closing.crossing)
        if case is not None:
            self.admitted_later(case)

    def _was_closed(self, case: Case) -> None:
        """At another box."""
        if self.visas is not None:
            self.visas.decided(case)
        self.admitted_later(case)

    def admitted_later(self, case: Case) -> None:
        """A crossing of this box that the second line let go on has crossed: its stay begins or ends."""
        movement, closing, history = case.movement, case.closing, self._history
        document = movement.document
        if (
            history is None
            or closing is None
            or document is None
            or closing.outcome is not CaseOutcome.ADMITTED
            or (case.device, case.kind) != (self._device, CaseKind.REFERRED)
            or not document.document_number
            or document.typed_for == NO_DOCUMENT
        ):
            return
        passage = Passage(
            crossing=case.crossing,
            direction=movement.direction.value,
            at=wall_of(movement.decided).astimezone(dt.UTC).isoformat(timespec="milliseconds"),
            outcome=Outcome.ADMITTED.value,
        )
        try:
            history.add(
                passage,
                issuing_state=document.issuing_state,
                document_number=document.document_number,
            )
        except StorageError as error:
            log.warning("this crossing will not be known when it comes back: %s", error)


def _known(work: Work) -> bool:
    return (
        set(work.routines) <= IDS
        and set(work.routines.values()) <= set(RESULTS)
        and set(work.indicators) <= set(INDICATORS)
    )


def _long(seconds: float | None) -> float:
    """What nobody can tell may be any time: it comes first."""
    return float("inf") if seconds is None else seconds


def _no(problem: str) -> OfficerAnswer:
    return OfficerAnswer(taken=False, problem=problem)
