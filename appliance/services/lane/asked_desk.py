"""What the officer notes beside a crossing, and the checks that follow from it: stays, visas, groups."""

import asyncio
import datetime as dt
from collections.abc import Callable
from typing import Final, Protocol

import msgspec

from appliance.clock import Clock, wall_of
from appliance.contracts.asked import (
    MAX_ENTRIES,
    MAX_NOTE,
    MAX_PROOFS,
    MAX_STAY_DAYS,
    NOT_SAID,
    PROOFS,
    PURPOSES,
    QUESTIONS,
    TRANSPORTS,
    ApplyForVisa,
    AskedView,
    CloseGroup,
    DetachFromGroup,
    InGroup,
    Note,
    NoteTaken,
    OfPerson,
    OpenGroup,
    ProofView,
    QuestionView,
    Say,
    SayGuardian,
    SayPapers,
    SayProof,
    SayVisaEntries,
)
from appliance.contracts.checks import Check, Direction, Verdict
from appliance.contracts.errors import ServiceError
from appliance.contracts.movement import Movement, OtherPapers, Proof, Stated
from appliance.contracts.visas import KnownVisa
from appliance.records.errors import StorageError
from appliance.records.history import History
from appliance.records.journal import Journal
from appliance.records.memory import Memory
from appliance.reference_data.store import ReferenceStore
from appliance.rules.asked import Asked, asked_for, visa_rule_for
from appliance.rules.table import VisaRule
from appliance.services.lane.advance.desk import AdvanceDesk
from appliance.services.lane.advance.risk_check import risk_check
from appliance.services.lane.assessment import document_facts, document_of, presented_of, subject_of
from appliance.services.lane.duty import Duty
from appliance.services.lane.groups import GroupDesk
from appliance.services.lane.guardians import Asking
from appliance.services.lane.in_force import InForce
from appliance.services.lane.live import LIVE
from appliance.services.lane.on_arrival.applying import Applying
from appliance.services.lane.policy import Policy
from appliance.services.lane.stay_checks import Stayer, stay_checks
from appliance.services.lane.typed_entry import read_number
from appliance.services.lane.visa_checks import visa_checks, visa_of
from appliance.services.lane.workflow import (
    AnyEvent,
    GroupNoted,
    PapersNoted,
    ProofNoted,
    State,
    Stating,
    Step,
    VisaApplied,
    VisaAsked,
    VisaEntriesNoted,
    VisaKnown,
)
from appliance.travel_document import is_known_code
from appliance.travel_document.codes import can_issue

ANSWERS: Final = "stated.answers"
_CODES: Final = {"purpose": PURPOSES, "transport": TRANSPORTS}
_UNCOUNTED: Final = ("no_table", "no_rule", "not_asked", "nothing_to_search")
"""Reasons for which no day was counted, so that a proof would change nothing."""

Make = Callable[[State], AnyEvent]


class Stage(Protocol):
    """What the desk sees of the crossing that stands here."""

    state: State
    duty: Duty

    @property
    def today(self) -> dt.date: ...
    @property
    def policy(self) -> Policy: ...
    async def note(self, crossing: str, make: Make) -> bool:
        """Journals what is made of the state as it is then; False when this crossing's traveller has gone."""
        ...


class AskedDesk:
    """Lives in the event loop's thread; `news` is set when checks may have changed."""

    def __init__(
        self,
        stage: Stage,
        *,
        in_force: InForce,
        lists: ReferenceStore,
        history: History | None,
        clock: Clock,
        post: str,
        journal: Journal,
        memory: Memory,
        changed: Callable[[], None],
        advance: AdvanceDesk | None = None,
    ) -> None:
        self._stage = stage
        self._advance = advance
        self.groups = GroupDesk(
            journal=journal,
            memory=memory,
            clock=clock,
            state=lambda: stage.state,
            officer=lambda: stage.duty.name,
            lists=lists,
            changed=changed,
            advance=advance,
        )
        self._in_force = in_force
        self._lists = lists
        self._history = history
        self._clock = clock
        self._post = post
        self.news = asyncio.Event()
        self.applying: Applying | None = None
        """Visas on arrival; None: this box takes no applications."""

    async def note(self, note: Note) -> NoteTaken:
        """One note of the officer's: what is wrong with it, or that it is kept.

        Raises:
            ServiceError: the disk refuses it.
        """
        if isinstance(note, OpenGroup):
            return await self.groups.open(note)
        if isinstance(note, CloseGroup):
            return await self.groups.close(note)
        if isinstance(note, ApplyForVisa):
            make, problems = await asyncio.to_thread(self._application, note, self._stage.state)
        else:
            make, problems = self._made(note)
        if make is None:
            return NoteTaken(taken=False, problems=problems)
        if not await self._stage.note(note.crossing, make):
            return NoteTaken(taken=False, problems={"crossing": "gone"})
        self.news.set()
        return NoteTaken(taken=True)

    def _application(self, note: ApplyForVisa, state: State) -> tuple[Make | None, dict[str, str]]:
        """Raises:
        ServiceError: earlier applications cannot be looked at.
        """
        if self.applying is None or state.started is None or state.started.crossing != note.crossing:
            return None, {"crossing": "not_offered"}
        officer = self._stage.duty.name
        try:
            application, problems = self.applying.read(note, state, today=self._stage.today, officer=officer)
        except StorageError as error:
            raise ServiceError("storage_broken", str(error), retry=True) from error
        if application is None:
            return None, problems
        return lambda _state: VisaApplied(application=application), {}

    def _made(self, note: OfPerson) -> tuple[Make | None, dict[str, str]]:
        match note:
            case Say():
                return _say(note)
            case SayProof():
                return _proof(
                    note,
                    today=self._stage.today,
                    officer=self._stage.duty.name,
                    noted=len(self._stage.state.proofs),
                )
            case SayPapers():
                return _papers(note)
            case SayVisaEntries():
                if not 0 <= note.entries <= MAX_ENTRIES:
                    return None, {"entries": "not_a_number"}
                return lambda _state: VisaEntriesNoted(entries=note.entries), {}
            case SayGuardian():
                return self._guardian(note)
            case InGroup() | DetachFromGroup():
                place, problems = self.groups.placed(note)
                return None if problems else (lambda state: GroupNoted(group=place(state))), problems

    async def checks(self) -> tuple[Check, ...]:
        """The checks of this desk as things stand."""
        return await asyncio.to_thread(self._checks, self._stage.state)

    async def renewed(self, checks: tuple[Check, ...]) -> tuple[Check, ...] | None:
        """All checks with this desk's, which stand behind the registers', made anew; None when they are what
        they were."""
        self.news.clear()
        now = await self.checks()
        before = next(place for place, check in enumerate(checks, 1) if check.id == LIVE)
        return None if checks[before:] == now else (*checks[:before], *now)

    def needs_visa(self) -> bool:
        """Whether the rules ask this traveller for a visa."""
        rule = self._visa_rule(self._stage.state)
        return rule is not None and rule.needed

    async def visa_event(self) -> VisaKnown | VisaAsked:
        """The visa that this traveller has from this box, or that they are asked for one."""
        known = await asyncio.to_thread(self._known_visa, self._stage.state)
        return VisaAsked() if known is None else VisaKnown(visa=known)

    def _known_visa(self, state: State) -> KnownVisa | None:
        if self.applying is None:
            return None
        now, today = self._clock.now()[0], self._stage.today
        history = self._history if self._stage.policy.memory.history_days > 0 else None
        try:
            return self.applying.known(state, history, today=today, now=now)
        except StorageError:
            return None  # then its label is asked for, as any other visa

    def view(self) -> AskedView | None:
        """What may be asked now; None while nobody whose document is known stands here."""
        state = self._stage.state
        if state.started is None or state.decided is not None or (state.document or state.typed) is None:
            return None
        asked = self._asked(state)
        visa = visa_of(state, today=self._stage.today)
        checks = state.assessed.checks if state.assessed else ()
        return AskedView(
            questions=tuple(
                QuestionView(question=one, must=one in asked.must, value=_answer(state.stated, one))
                for one in asked.questions
            ),
            countries=asked.countries or self._likely(state),
            proofs=tuple(
                ProofView(direction=one.direction, day=one.day, kind=one.kind, place=one.place)
                for one in state.proofs
            ),
            other_nationality=state.other_papers.nationality if state.other_papers else "",
            takes_proof=any(
                check.id.startswith("stay.") and check.reason not in _UNCOUNTED for check in checks
            ),
            takes_visa=state.step is Step.READING_VISA,
            visa_number=visa.number if visa else "",
            visa_entries=state.visa_entries,
            child=self.groups.child(state, self._child(state)),
            visa_offer=self.applying.offer(state, today=self._stage.today) if self.applying else None,
        )

    def _child(self, state: State) -> Asking:
        assert state.started is not None
        return Asking(
            child=document_facts(state, document_of(state, today=self._stage.today)),
            direction=state.started.direction,
            now=self._clock.now()[0],
            guardian_under=self._stage.policy.children.guardian_under,
        )

    def _guardian(self, note: SayGuardian) -> tuple[Make | None, dict[str, str]]:
        state = self._stage.state
        if state.started is None or state.started.crossing != note.crossing:
            return None, {"crossing": "gone"}
        return self.groups.accompanied(note, state, self._child(state))

    def _likely(self, state: State) -> tuple[str, ...]:
        """The traveller's own country and the one that issued the document."""
        presented = presented_of(state, document_of(state, today=self._stage.today))
        if presented is None:
            return ()
        codes = (presented.nationality, presented.issuing_state)
        return tuple(dict.fromkeys(code for code in codes if can_issue(code)))

    def _asked(self, state: State) -> Asked:
        assert state.started is not None
        direction = state.started.direction
        presented = presented_of(state, document_of(state, today=self._stage.today))
        return asked_for(
            self._in_force.rules,
            by_default=self._stage.policy.ask.going(direction).stated,
            nationality=presented.nationality if presented else "",
            document_code=presented.document_code if presented else "",
            direction=direction,
            post=self._post,
            today=self._stage.today,
        )

    def _visa_rule(self, state: State) -> VisaRule | None:
        today = self._stage.today
        presented = presented_of(state, document_of(state, today=today))
        if presented is None or state.started is None:
            return None
        return visa_rule_for(
            self._in_force.rules,
            nationality=presented.nationality,
            document_code=presented.document_code,
            direction=state.started.direction,
            post=self._post,
            today=today,
        )

    def _checks(self, state: State) -> tuple[Check, ...]:
        today = self._stage.today
        assert state.started is not None
        direction = state.started.direction
        stamp = self._clock.stamp()
        history = self._history if self._stage.policy.memory.history_days > 0 else None
        found = list(_answers_check(self._asked(state), state.stated))
        found += stay_checks(
            self._in_force.rules,
            self._stayer(state, today),
            history,
            direction=direction,
            post=self._post,
            now=dt.datetime.fromisoformat(stamp.wall),
            today=today,
            time_quality=stamp.quality,
        )
        found += visa_checks(
            self._visa_rule(state),
            state,
            subject_of(state, document_of(state, today=today)),
            lists=self._lists,
            history=history,
            direction=direction,
            stamp=stamp,
            floor=self._clock.floor,
            today=today,
        )
        found += self.applying.checks(state) if self.applying else ()
        found += self.groups.checks(state, self._child(state), time_quality=stamp.quality)
        subject = subject_of(state, document_of(state, today=today))
        began = wall_of(state.started.stamp)  # what hangs on the hour stays as it is while somebody waits
        listed: tuple[Check, ...] = ()
        if self._advance is not None:
            listed = self._advance.check(subject, link=state.group, direction=direction, now=began)
        found += listed
        found += risk_check(
            self._in_force.rules,
            subject,
            advance=listed,
            history=history,
            crossing=state.started.crossing,
            direction=direction,
            post=self._post,
            now=began,
            today=today,
            time_quality=state.started.stamp.quality,
        )
        return tuple(found)

    def note_decided(self, state: State, movement: Movement) -> None:
        """One more is through: of the group, and of a list.

        Raises:
            StorageError: it is not on disk.
        """
        self.groups.note_decided(state, movement.document)
        self.groups.guardians.note_decided(movement)
        if self._advance is not None:
            self._advance.note_decided(movement.checks)

    def _stayer(self, state: State, today: dt.date) -> Stayer | None:
        mrz = document_of(state, today=today)
        presented, subject = presented_of(state, mrz), subject_of(state, mrz)
        if presented is None or subject is None or not subject.document_number or state.shares_document:
            return None
        visa = visa_of(state, today=today)
        return Stayer(
            nationality=presented.nationality,
            document_code=presented.document_code,
            issuing_state=presented.issuing_state,
            document_number=subject.document_number,
            other=state.other_papers,
            proofs=state.proofs,
            visa_until=visa.expiry.as_date() if visa else None,
            issued=self._issued(state, today),
        )

    def _issued(self, state: State, today: dt.date) -> tuple[KnownVisa, ...] | None:
        try:
            return self.applying.issued(state, today=today) if self.applying else ()
        except StorageError:
            return None


def _answer(stated: Stated | None, question: str) -> str | None:
    """None: not asked; NOT_SAID: asked and not said."""
    value = getattr(stated, question) if stated else None
    if value is not None:
        return str(value)
    return NOT_SAID if stated and question in stated.declined else None


def _answers_check(asked: Asked, stated: Stated | None) -> tuple[Check, ...]:
    """Only where something must be asked; what may be asked and was not is said by the record itself."""
    if not asked.must:
        return ()
    left = [one for one in asked.must if _answer(stated, one) is None]
    return (
        Check(
            id=ANSWERS,
            verdict=Verdict.NOT_DONE if left else Verdict.PASS,
            reason="must_be_asked" if left else "answered",
            evidence={"questions": left},
        ),
    )


def _say(note: Say) -> tuple[Make | None, dict[str, str]]:
    if note.question not in QUESTIONS:
        return None, {"question": "choose"}
    value: str | int | None = note.value.strip()
    if value in ("", NOT_SAID):
        value = None
    elif note.question in _CODES:
        if value not in _CODES[note.question]:
            return None, {note.question: "choose"}
    elif note.question == "intended_stay_days":
        text = str(value)
        if not (text.isascii() and text.isdigit() and int(text[:9]) <= MAX_STAY_DAYS and len(text) < 9):
            return None, {note.question: "not_a_number"}
        value = int(text)
    else:
        value = str(value).upper()
        if not is_known_code(value):
            return None, {note.question: "unknown_code"}
    declined = note.value.strip() == NOT_SAID

    def make(state: State) -> AnyEvent:
        before = state.stated or Stated()
        others = tuple(one for one in before.declined if one != note.question)
        changed = {note.question: value, "declined": (*others, note.question) if declined else others}
        return Stating(stated=msgspec.structs.replace(before, **changed))

    return make, {}


def _proof(note: SayProof, *, today: dt.date, officer: str, noted: int) -> tuple[Make | None, dict[str, str]]:
    problems: dict[str, str] = {}
    if note.direction not in set(Direction):
        problems["direction"] = "choose"
    if note.kind not in PROOFS:
        problems["kind"] = "choose"
    try:
        if dt.date.fromisoformat(note.day.strip()) > today:
            problems["day"] = "in_future"
    except ValueError:
        problems["day"] = "not_a_date"
    reason, place = " ".join(note.reason.split()), " ".join(note.place.split())
    if not reason:
        problems["reason"] = "missing"
    for field, text in (("reason", reason), ("place", place)):
        if len(text) > MAX_NOTE:
            problems[field] = "too_long"
    if noted >= MAX_PROOFS:
        problems["day"] = "too_many"
    if problems:
        return None, problems
    proof = Proof(
        direction=Direction(note.direction),
        day=dt.date.fromisoformat(note.day.strip()).isoformat(),
        kind=note.kind,
        place=place,
        reason=reason,
        officer=officer,
    )
    return lambda _state: ProofNoted(proof=proof), {}


def _papers(note: SayPapers) -> tuple[Make | None, dict[str, str]]:
    problems: dict[str, str] = {}
    nationality, state = note.nationality.strip().upper(), note.issuing_state.strip().upper()
    if not is_known_code(nationality):
        problems["nationality"] = "unknown_code"
    if not can_issue(state):
        problems["issuing_state"] = "not_an_issuer"
    number, problem = read_number(note.document_number)
    if problem:
        problems["document_number"] = problem
    if problems:
        return None, problems
    papers = OtherPapers(nationality=nationality, issuing_state=state, document_number=number)
    return lambda _state: PapersNoted(papers=papers), {}
