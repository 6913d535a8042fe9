"""The engine of one lane: carries a crossing from step to step, and keeps each before it is shown."""

import asyncio
import datetime as dt
import logging
import secrets
import time
from collections.abc import Awaitable, Callable, Mapping

import msgspec

from appliance.clock import Clock
from appliance.config import Box
from appliance.contracts.capture import Capture, Wait
from appliance.contracts.checks import Check, Direction, Outcome, Recommendation
from appliance.contracts.errors import ServiceError
from appliance.contracts.lane import Trouble
from appliance.contracts.movement import Movement
from appliance.contracts.officers import OfficerAnswer, Release
from appliance.contracts.typed import TypedAnswer, TypedEntry
from appliance.face_settings import FaceSettings
from appliance.records.errors import StorageError
from appliance.records.history import History
from appliance.records.journal import Journal
from appliance.records.memory import Memory
from appliance.records.statistics.book import Book
from appliance.reference_data.store import ReferenceStore
from appliance.reference_data.trust_folder import TrustFolder
from appliance.services.lane import workflow
from appliance.services.lane.advance.desk import AdvanceDesk
from appliance.services.lane.aside import Aside
from appliance.services.lane.asked_desk import AskedDesk, Make
from appliance.services.lane.asking import Asking, Referred
from appliance.services.lane.assessment import assess, document_of, movement_of, subject_of
from appliance.services.lane.button import NOT_SAME, RELEASE, SEEN, ButtonEvent, Offer
from appliance.services.lane.chase import Chaser
from appliance.services.lane.chip_checks import moment_of, trusted, verify_ahead
from appliance.services.lane.chip_reading import chip_request
from appliance.services.lane.chip_step import ChipStep, may_have_chip, needs_chip
from appliance.services.lane.counting import count
from appliance.services.lane.document_station import DocumentStation
from appliance.services.lane.document_step import read_document
from appliance.services.lane.duty import Duty
from appliance.services.lane.finger_desk import FingerDesk
from appliance.services.lane.finger_step import take_fingers
from appliance.services.lane.in_force import InForce
from appliance.services.lane.live import LIVE, LiveDesk
from appliance.services.lane.pairs import possible_pairs
from appliance.services.lane.policy import Action, Policy, Start
from appliance.services.lane.portrait_guide import PortraitGuide
from appliance.services.lane.portrait_step import take_portrait
from appliance.services.lane.remembering import commit, remember
from appliance.services.lane.signals import show, signal_of
from appliance.services.lane.tasks import first_of
from appliance.services.lane.visa_checks import visa_facts, visa_of
from appliance.services.lane.visa_step import read_visa
from appliance.services.lane.workflow import AnyEvent, State, Step

CAPTURE_RETRY_SECONDS = 1.0
"""How soon a capture service that does not answer is asked again."""
CROSSING_UNREADABLE = "crossing_unreadable"

log = logging.getLogger(__name__)


class Engine:
    """Runs the workflow; `changed` is called whenever the screen has something new to say."""

    def __init__(
        self,
        *,
        box: Box,
        in_force: InForce,
        capture: Capture,
        journal: Journal,
        lists: ReferenceStore,
        trust: TrustFolder,
        clock: Clock,
        memory: Memory,
        chaser: Chaser,
        live: LiveDesk,
        duty: Duty,
        fingers: FingerDesk,
        changed: Callable[[], None],
        face: FaceSettings | None = None,
        book: Book | None = None,
        history: History | None = None,
        keep_case: Callable[[Movement], None] | None = None,
        advance: AdvanceDesk | None = None,
    ) -> None:
        self._box = box
        self._book = book
        self._face = face or FaceSettings()
        self.guide = PortraitGuide(capture, changed)
        self.fingers = fingers
        self._in_force = in_force
        self._policy = in_force.policy
        self._capture = capture
        self._journal = journal
        self._lists = lists
        self._trust = trust
        self._clock = clock
        self._memory = memory
        self._history = history
        self._refer = keep_case
        self._chaser = chaser
        self._live = live
        self._late_checks: list[Check] = []
        self._changed = changed
        self.aside = Aside()
        self._asking = Asking(capture, changed)
        self.button = self._asking.button
        self.documents = DocumentStation(capture, changed)
        self.chips = ChipStep(capture, self._asking, changed)
        self.duty = duty
        self._login = asyncio.Event()
        self._keeping = asyncio.Lock()
        self.asked = AskedDesk(
            self, in_force=in_force, lists=lists, history=history, clock=clock, post=box.post,
            journal=journal, memory=memory, changed=changed, advance=advance,
        )  # fmt: skip
        self._released: Release | None = None
        self.state = State()
        self.last_outcome: Outcome | None = None
        self.notices: tuple[str, ...] = ()
        """Codes of what stays on the screen until a technician has seen to it."""
        self.step_seconds: dict[str, float] = {}
        """Of the latest crossing: how long each step took."""

    @property
    def trouble(self) -> Trouble | None:
        """What keeps the box from going on."""
        return self._asking.trouble

    @property
    def policy(self) -> Policy:
        """Of the traveller who stands here: a new one begins with the next."""
        return self._policy

    @property
    def today(self) -> dt.date:
        """The day that the crossing is judged by: its start, so that a restart judges alike."""
        started = self.state.started
        now = dt.datetime.fromisoformat(started.stamp.wall) if started else self._clock.now()[0]
        return max(now, self._clock.floor).date()

    @property
    def _direction(self) -> Direction:
        """Which way this traveller goes: as the crossing began, whatever the configuration says by now."""
        started = self.state.started
        return started.direction if started else self._box.direction

    @property
    def needs_login(self) -> bool:
        """Whether nobody is on duty, and the policy asks for somebody."""
        return self._policy.officers.login and self.duty.officer is None

    def duty_changed(self) -> None:
        """Somebody came on duty, or went."""
        if self.duty.officer is not None:
            self._login.set()
        else:
            self._login.clear()
        self._changed()

    async def release(self, release: Release) -> OfficerAnswer:
        """Let the traveller under RED go on: one officer, with PIN and reason; recorded, reported first, and
        reviewed."""
        gone = OfficerAnswer(taken=False, problem="gone")
        if not (self.may_release and self._stands_here(release.crossing)):
            return gone
        answer = await asyncio.to_thread(self.duty.may_release, release)
        if not answer.taken:
            return answer
        self._released = release
        return answer if self._stands_here(release.crossing) and self.button.answer(RELEASE) else gone

    def _stands_here(self, crossing: str) -> bool:
        return self.state.started is not None and self.state.started.crossing == crossing

    @property
    def may_release(self) -> bool:
        """Whether a traveller stands under RED, and an officer could let them go on."""
        assessed = self.state.assessed
        return (
            self.state.step is Step.DECIDING
            and self.button.stands
            and not self.state.referral_asked
            and assessed is not None
            and assessed.recommendation is Recommendation.RED
        )

    async def run(self) -> None:
        """Come back into the crossing that was open, then serve travellers until cancelled."""
        opened = self._journal.open_crossing()
        if opened is not None:
            try:
                self.state = workflow.fold(workflow.decode(payload) for payload in opened.events)
                log.info("back in an open crossing, at step %s", self.state.step)
            except msgspec.MsgspecError:
                # Another version's steps: they stay in the journal, and the next traveller is served.
                self.notices = (CROSSING_UNREADABLE,)
                log.error("the open crossing cannot be read by this version; it stays in the journal")  # noqa: TRY400
        steps: dict[Step, Callable[[], Awaitable[None]]] = {
            Step.WAITING: self._wait_for_traveller,
            Step.READING_DOCUMENT: self._read_document,
            Step.READING_CHIP: self._read_chip,
            Step.READING_VISA: self._read_visa,
            Step.TAKING_PORTRAIT: self._take_portrait,
            Step.TAKING_FINGERS: self._take_fingers,
            Step.CHECKING: self._check,
            Step.DECIDING: self._decide,
            Step.RECORDING: self._record,
        }
        while True:
            step, began = self.state.step, time.monotonic()
            if step is Step.WAITING:
                self._policy = self._in_force.policy
            await show(self._capture, signal_of(step, after_traveller=self.last_outcome is not None))
            try:
                await steps[step]()
            except Referred:
                await self._keep(workflow.ReferralAsked())
            self.step_seconds[step.value] = time.monotonic() - began

    # The steps, in order

    async def _wait_for_traveller(self) -> None:
        if self.needs_login:
            await self._login.wait()
        if self._policy.pace.start is Start.DOCUMENT:
            await self._wait_for_document()
            return
        if await self._asking.ask(self._ready_offer()) == SEEN:
            await self._seen()
            return
        await self._start()

    def _ready_offer(self) -> Offer:
        start = None if self.aside.power_failing else "start"
        return Offer(press=start, hold=SEEN if self._chaser.late_hits() else None)

    def ready_offer_changed(self) -> None:
        """There is something to read while nobody stands here, or the power fails, or is back."""
        if self.state.step is Step.WAITING and self.button.offer.press in ("start", None):
            self.button.change(self._ready_offer())

    async def _seen(self) -> None:
        """The officer has read the late hits."""
        await self._asking.until_stored(self._chaser.seen)
        self._changed()

    async def _wait_for_document(self) -> None:
        """A document on the reader, or a press, begins the crossing."""
        wait = Wait(timeout=self._policy.pace.document_seconds)
        try:
            reading = self.aside.unless(self.documents.read(wait))
            evidence = await self._asking.or_button(reading, self._ready_offer())
        except ServiceError as error:
            if error.code != "timeout":
                await asyncio.sleep(CAPTURE_RETRY_SECONDS)
            return
        if evidence is None and self._asking.pressed == SEEN:
            await self._seen()
            return
        await self._start()
        if evidence is not None:
            await self._keep(workflow.DocumentRead(evidence=evidence))

    async def _start(self) -> None:
        await self._asking.until_stored(self._journal.room_to_begin)
        if self._policy.ask.portrait:
            self.guide.notice()
        crossing = secrets.token_hex(16)
        direction, stamp, group = self._box.direction, self._clock.stamp(), self.asked.groups.link()
        await self._keep(workflow.Started(crossing=crossing, direction=direction, stamp=stamp, group=group))

    async def _read_document(self) -> None:
        await read_document(
            self.documents, self._asking, seconds=self._policy.pace.document_seconds,
            keep=self._keep, miss=self._miss,
        )  # fmt: skip

    def enter(self, entry: TypedEntry) -> TypedAnswer:
        """The officer's form: what is wrong with it, what it would be, or that it is taken."""
        if not self._stands_here(entry.crossing):
            return TypedAnswer(taken=False)
        guardian = self.asked.groups.shared_document(self.state.group)
        answer = self.documents.enter(entry, today=self.today, guardian=guardian)
        if answer.taken and self.trouble is not None:
            self.button.happened(ButtonEvent.PRESS, seen=True)  # try again: what was typed is there now
        return answer

    async def _read_chip(self) -> None:
        mrz = document_of(self.state, today=self.today)
        self._ask_live()
        if self.asked.needs_visa() and not self.state.visa_asked:
            await self._keep(await self.asked.visa_event())
        asked = self._policy.ask.going(self._direction).chip
        if mrz is None or not asked or not may_have_chip(self.state):
            code = "no_mrz" if asked else "not_asked"
            await self._miss(Step.READING_CHIP, code, tried=False)
            return
        await self.chips.read(
            chip_request(mrz, seconds=self._policy.pace.chip_seconds),
            pace=self._policy.pace,
            needed=needs_chip(self.state, mrz, self._in_force.rules, post=self._box.post, today=self.today),
            verify_ahead=self._verify_ahead,
            keep=self._keep,
        )

    async def _read_visa(self) -> None:
        await read_visa(
            self.documents, self._asking, seconds=self._policy.pace.document_seconds,
            today=self.today, keep=self._keep,
        )  # fmt: skip

    def _verify_ahead(self, files: Mapping[str, bytes]) -> None:
        verify_ahead(files, trusted(self._trust), moment_of(self._clock.stamp(), self._clock.floor))

    async def _take_portrait(self) -> None:
        if not self._policy.ask.going(self._direction).portrait:
            await self._miss(Step.TAKING_PORTRAIT, "not_asked", tried=False)
            return
        await take_portrait(
            self._capture,
            self.guide,
            self._asking,
            pace=self._policy.pace,
            reference=self.state.chip.files.get("DG2") if self.state.chip else None,
            keep=self._keep,
            miss=self._miss,
        )

    async def _take_fingers(self) -> None:
        await take_fingers(
            self.fingers,
            state=lambda: self.state,
            subject=subject_of(self.state, document_of(self.state, today=self.today)),
            policy=self._policy,
            today=self.today,
            unless_held=self._asking.unless_held,
            keep=self._keep,
        )

    async def _check(self) -> None:
        stamp = self._clock.stamp()
        checks = await asyncio.to_thread(
            assess,
            self.state,
            stamp=stamp,
            floor=self._clock.floor,
            today=self.today,
            lists=self._lists,
            trust=trusted(self._trust),
            direction=self._direction,
            face=self._face,
            finger=self.fingers.settings,
            known=self._memory,
            history=self._history if self._policy.memory.history_days > 0 else None,
            stay_days=self._policy.memory.stay_days,
            rules=self._in_force.rules,
            post=self._box.post,
        )
        started = self.state.started
        assert started is not None
        self._ask_live()  # after a restart nobody has asked yet
        live = await self._live.result(started.crossing, seconds=self._policy.pace.live_seconds)
        await self._assessed((*checks, live, *await self.asked.checks()))

    async def _assessed(self, checks: tuple[Check, ...]) -> None:
        recommendation, reasons = self._policy.recommend(checks, self._direction)
        await self._keep(
            workflow.Assessed(
                checks=checks,
                recommendation=recommendation,
                reasons=reasons,
                policy=self._policy.label,
            )
        )

    async def _decide(self) -> None:
        assessed = self.state.assessed
        assert assessed is not None
        if self._late_checks:
            late = self._late_checks.pop(0)
            await self._assessed(tuple(late if one.id == LIVE else one for one in assessed.checks))
            return
        renewed = await self.asked.renewed(assessed.checks)
        if renewed is not None:
            await self._assessed(renewed)
            return
        pairs: tuple[str, ...] = ()
        released: Release | None = None
        if self.state.referral_asked:
            action = Action.REFER
        else:
            button = self._policy.button[assessed.recommendation]
            pairs = possible_pairs(assessed) if button.press is Action.ADMIT else ()
            offer = Offer(press=NOT_SAME if pairs else button.press.value, hold=button.hold.value)
            chosen = await self._unless_late(offer)
            if chosen is None:
                return
            pairs = pairs if chosen == NOT_SAME else ()
            action = Action.ADMIT if chosen in (NOT_SAME, RELEASE) else Action(chosen)
            released = self._released if chosen == RELEASE else None
        decided = workflow.Decided(
            outcome=action.outcome,
            stamp=self._clock.stamp(),
            not_same=pairs,
            officer=released.name if released else self.duty.name,
            released=" ".join(released.reason.split()) if released else "",
        )
        await self._keep(decided)

    async def _unless_late(self, offer: Offer) -> str | None:
        """The officer's decision; None when a late answer hit, or a note of theirs, came first: what they saw
        is not what stands there any more."""
        news, pace = self.asked.news, self._policy.pace
        asked = self._asking.ask(offer, look_first=pace.look_first_seconds, outdated=news.is_set)
        first = await first_of(asyncio.ensure_future(asked), asyncio.ensure_future(news.wait()))
        return first if isinstance(first, str) else None

    async def late_answer(self, crossing: str, check: Check) -> None:
        """A register answered after its time, and hits: now, if the traveller still stands here."""
        if self._stands_here(crossing) and self.state.decided is None:
            self._late_checks.append(check)
            self.asked.news.set()
        else:
            await self._chaser.late_answer(crossing, check)

    async def _record(self) -> None:
        started, decided = self.state.started, self.state.decided
        assert started is not None
        assert decided is not None
        document = document_of(self.state, today=self.today)
        visa = visa_facts(visa_of(self.state, today=self.today))
        movement = movement_of(self.state, box=self._box, document=document, visa=visa)
        await self._asking.until_stored(lambda: self.asked.note_decided(self.state, movement))
        await self._asking.until_stored(lambda: commit(self._journal, movement, decided.stamp, self._refer))
        await count(self._book, movement, decided.stamp)
        await remember(
            self.state,
            subject_of(self.state, document),
            memory=self._memory,
            chaser=self._chaser,
            fingers=self.fingers,
            finger_days=self._policy.fingers.keep_days,
            history=self._history if self._policy.memory.history_days > 0 else None,
            visa=visa,
        )
        while self._late_checks:
            await self._chaser.late_answer(started.crossing, self._late_checks.pop(0))
        self.last_outcome = decided.outcome
        self.guide.forget()
        self.state = State()
        self._changed()

    def _ask_live(self) -> None:
        started = self.state.started
        subject = subject_of(self.state, document_of(self.state, today=self.today))
        if subject is not None and started is not None and self._policy.ask.live:
            self._live.ask(started.crossing, subject, started.direction, self._clock.now()[0])

    # Keeping

    async def _keep(self, event: AnyEvent) -> None:
        """Commit the event, then let the screen know."""
        async with self._keeping:
            await self._asking.until_stored(lambda: self._append(event))
        self._changed()

    async def note(self, crossing: str, make: Make) -> bool:
        """Commit an officer's note, unless its traveller is decided or gone.

        Raises:
            ServiceError: the disk refuses it.
        """
        async with self._keeping:
            if not self._stands_here(crossing) or self.state.decided is not None:
                return False
            try:
                await asyncio.to_thread(self._append, make(self.state))
            except StorageError as error:
                raise ServiceError("storage_broken", str(error), retry=True) from error
        self._changed()
        return True

    def _append(self, event: AnyEvent) -> None:
        state = self.state.after(event)
        assert state.started is not None
        self._journal.append_event(state.started.crossing, type(event).__name__, workflow.encode(event))
        self.state = state

    async def _miss(self, step: Step, code: str, *, tried: bool = True) -> None:
        await self._keep(workflow.StepMissed(step=step, code=code, tried=tried))
