"""Paper after an outage: each ledger line becomes a record as any other, screened, counted and told plainly.

The moment is the ledger's, and nobody's clock vouches for it. A line is known again by what it says, so that
the same file may be entered twice, on this box or on another of the post.
"""

import asyncio
import datetime as dt
import hashlib
from dataclasses import dataclass
from typing import Final

import msgspec

from appliance.clock import Clock, TimeQuality
from appliance.config import Box
from appliance.contracts.checks import Check, Direction, Outcome, Verdict
from appliance.contracts.errors import ServiceError
from appliance.contracts.movement import Movement, Stamp
from appliance.contracts.paper import PAPER, EnterPaper, PaperAnswer, PaperHit, PaperLine, PaperResult
from appliance.contracts.typed import TypedDocument, TypedEntry
from appliance.face_settings import FaceSettings
from appliance.records.errors import StorageError
from appliance.records.history import History, Passage
from appliance.records.journal import Journal
from appliance.records.statistics.book import Book
from appliance.reference_data.store import ReferenceStore
from appliance.screening import Subject
from appliance.screening.pairs import KnownPairs
from appliance.services.lane.assessment import assess, movement_of, typed_subject
from appliance.services.lane.chase import Chaser
from appliance.services.lane.counting import count
from appliance.services.lane.in_force import InForce
from appliance.services.lane.remembering import commit
from appliance.services.lane.typed_entry import NO_DOCUMENT, PROVISIONAL, read_entry
from appliance.services.lane.workflow import Assessed, Decided, Started, State, Step, StepMissed
from appliance.travel_document.pki.trust_store import TrustStore

OLDEST: Final = dt.timedelta(days=180)
"""No outage lasts longer; a line from before has a slip in its year."""
TOLERANCE: Final = dt.timedelta(minutes=10)
"""How far the clock on the wall may be ahead of the box's."""
WATCHLIST: Final = "watchlist."
NOT_ASKED: Final = (Step.READING_CHIP, Step.TAKING_PORTRAIT, Step.TAKING_FINGERS)


@dataclass(frozen=True, slots=True)
class _Read:
    """A line without mistakes."""

    crossing: str
    moment: dt.datetime
    direction: Direction
    outcome: Outcome
    typed: TypedDocument


class PaperDesk:
    """`changed` is called when the outbox has grown or the screen has something new to say."""

    def __init__(
        self,
        *,
        box: Box,
        journal: Journal,
        lists: ReferenceStore,
        clock: Clock,
        in_force: InForce,
        known: KnownPairs,
        chaser: Chaser,
        history: History | None,
        book: Book | None,
    ) -> None:
        self._box = box
        self._journal = journal
        self._lists = lists
        self._clock = clock
        self._in_force = in_force
        self._known = known
        self._chaser = chaser
        self._history = history
        self._book = book

    async def enter(self, request: EnterPaper) -> PaperAnswer:
        """Each line on its own: one that is wrong holds up none behind it.

        Raises:
            ServiceError: storage_broken, the journal does not take it; what was taken before stays, and the
                same lines may be sent again.
        """
        return PaperAnswer(results=tuple([await self._line(line, request) for line in request.lines]))

    async def _line(self, line: PaperLine, request: EnterPaper) -> PaperResult:
        read, problems = read_line(line, post=self._box.post, now=self._clock.now()[0])
        if read is None or request.check_only:
            return PaperResult(number=line.number, taken=False, problems=problems)
        try:
            if await asyncio.to_thread(self._journal.has_record, read.crossing):
                return PaperResult(number=line.number, taken=True, known=True)
            return await self._record(line, read, by=request.by)
        except StorageError as error:
            raise ServiceError("storage_broken", str(error), retry=True) from error

    async def _record(self, line: PaperLine, read: _Read, *, by: str) -> PaperResult:
        now = self._clock.stamp()
        movement = await asyncio.to_thread(self._movement, line, read, now, by)
        await asyncio.to_thread(commit, self._journal, movement, now)
        await count(self._book, movement, now)
        subject = typed_subject(read.typed)
        await asyncio.to_thread(self._remember, read, subject, movement.checks)
        hits = tuple(one for one in movement.checks if is_hit(one))
        for hit in hits:
            await self._chaser.late_answer(read.crossing, hit, found=PAPER)
        return PaperResult(number=line.number, taken=True, hits=tuple(map(_told, hits)))

    def _movement(self, line: PaperLine, read: _Read, now: Stamp, by: str) -> Movement:
        told = Stamp(boot_id=PAPER, monotonic_ns=0, wall=_utc(read.moment), quality=TimeQuality.UNSURE.value)
        state = State(
            started=Started(crossing=read.crossing, direction=read.direction, stamp=told),
            typed=read.typed,
            missed={step: StepMissed(step=step, code="not_asked", tried=False) for step in NOT_ASKED},
        )
        checks = assess(
            state,
            stamp=now,
            floor=self._clock.floor,
            today=read.moment.date(),
            lists=self._lists,
            trust=TrustStore(),
            direction=read.direction,
            face=FaceSettings(),
            known=self._known,
            rules=self._in_force.rules,
            post=self._box.post,
        )
        checks = tuple(
            msgspec.structs.replace(one, reason=PAPER) if one.id == "mrz.read" else one for one in checks
        )
        policy = self._in_force.policy
        recommendation, reasons = policy.recommend(checks, read.direction)
        assessed = Assessed(
            checks=checks, recommendation=recommendation, reasons=reasons, policy=policy.label
        )
        who = f"{line.officer.strip()} (entered by {by})" if line.officer.strip() else by
        decided = Decided(outcome=read.outcome, stamp=told, officer=who)
        state = msgspec.structs.replace(state, assessed=assessed, decided=decided)
        movement = movement_of(state, box=self._box, document=None)
        assert movement.document is not None
        document = msgspec.structs.replace(movement.document, source=PAPER, typed_for=PAPER)
        return msgspec.structs.replace(movement, document=document)

    def _remember(self, read: _Read, subject: Subject, checks: tuple[Check, ...]) -> None:
        """For lists that come later, and for who comes back."""
        self._chaser.remember(
            read.crossing, subject, read.direction, read.outcome.value, checks, moment=read.moment
        )
        if self._history is not None and subject.document_number:
            passage = Passage(
                crossing=read.crossing,
                direction=read.direction.value,
                at=_utc(read.moment),
                outcome=read.outcome.value,
            )
            self._history.add(
                passage, issuing_state=subject.issuing_state, document_number=subject.document_number
            )


def read_line(line: PaperLine, *, post: str, now: dt.datetime) -> tuple[_Read | None, dict[str, str]]:
    """The line, or what is wrong with it, field by field."""
    problems: dict[str, str] = {}
    moment = _moment(line, now, problems)
    for field, allowed in (("direction", Direction), ("outcome", Outcome)):
        if getattr(line, field).strip() not in {one.value for one in allowed}:
            problems[field] = "choose"
    crossing = _name_of(line, post)
    typed, wrong = read_entry(
        _entry(line), today=now.date(), provisional_number=f"{PROVISIONAL}{crossing[:8].upper()}"
    )
    problems |= wrong
    if problems or typed is None or moment is None:
        return None, problems
    direction, outcome = Direction(line.direction.strip()), Outcome(line.outcome.strip())
    return _Read(crossing, moment, direction, outcome, typed), {}


def is_hit(check: Check) -> bool:
    """Whether a list names somebody or something here."""
    return check.id.startswith(WATCHLIST) and check.verdict is Verdict.FAIL


def _name_of(line: PaperLine, post: str) -> str:
    """The crossing's name: the same for the same line, whatever its spaces and capitals."""
    said = (
        *(PAPER, post, line.date, line.time, line.direction, line.issuing_state, line.document_number),
        *(line.primary_identifier, line.secondary_identifier, line.birth_date),
    )
    plain = "\0".join(" ".join(one.upper().split()) for one in said)
    return hashlib.sha256(plain.encode("utf-8", "surrogatepass")).hexdigest()[:32]


def _entry(line: PaperLine) -> TypedEntry:
    return TypedEntry(
        crossing="",
        typed_for="reader_failed" if line.document_number.strip() else NO_DOCUMENT,
        document_code=line.document_code.strip().upper(),
        issuing_state=line.issuing_state,
        document_number=line.document_number,
        document_number_again=line.document_number,
        primary_identifier=line.primary_identifier,
        secondary_identifier=line.secondary_identifier,
        nationality=line.nationality,
        birth_date=line.birth_date,
        birth_date_again=line.birth_date,
        sex=line.sex.strip().upper(),
        expiry_date=line.expiry_date,
    )


def _moment(line: PaperLine, now: dt.datetime, problems: dict[str, str]) -> dt.datetime | None:
    """Day and time on the post's own clock."""
    time: dt.time | None = None
    try:
        time = dt.datetime.strptime(line.time.strip(), "%H:%M").time()  # noqa: DTZ007 - the post's own
    except ValueError:
        problems["time"] = "not_a_time" if line.time.strip() else "missing"
    try:
        day = dt.date.fromisoformat(line.date.strip())
        moment = dt.datetime.combine(day, time or dt.time()).astimezone()
    except (OverflowError, ValueError, OSError):
        problems["date"] = "not_a_date" if line.date.strip() else "missing"
        return None
    if moment > now + TOLERANCE:
        problems["date"] = "in_future"
    elif moment < now - OLDEST:
        problems["date"] = "too_old"
    return None if time is None else moment


def _told(check: Check) -> PaperHit:
    evidence = check.evidence
    age = evidence.get("list_age_hours")
    return PaperHit(
        check=check.id,
        reason=check.reason,
        list=str(evidence.get("list", "")),
        contact=str(evidence.get("contact") or ""),
        list_age_hours=float(age) if isinstance(age, int | float) else None,
    )


def _utc(moment: dt.datetime) -> str:
    return moment.astimezone(dt.UTC).isoformat(timespec="milliseconds")
