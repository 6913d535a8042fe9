"""The lane service: the engine behind its socket, and the source of the kiosk's view."""

import asyncio
import contextlib
import logging
from collections.abc import Callable
from pathlib import Path

from nacl.signing import VerifyKey

from appliance.clock import Clock
from appliance.config import Box, Retention
from appliance.contracts.asked import NoteTaken, SentNote
from appliance.contracts.capture import Capture, Nothing, Wait, WatchDevices
from appliance.contracts.errors import ServiceError
from appliance.contracts.face_record import picture_of
from appliance.contracts.lane import (
    ChangeKey,
    Correct,
    Corrected,
    ExceptFinger,
    FetchOutbox,
    FetchQueries,
    Installed,
    KeyChanged,
    LaneStatus,
    LinkState,
    LiveQueries,
    MakeRoom,
    OutboxPage,
    PowerHeard,
    PowerNews,
    Press,
    PressTaken,
    ReportSigned,
    Retained,
    SignedData,
    SignReport,
    View,
)
from appliance.contracts.officers import Login, OfficerAnswer, Release
from appliance.contracts.paper import EnterPaper, PaperAnswer
from appliance.contracts.post import Post
from appliance.contracts.receipt import ShowReceipt
from appliance.contracts.transport import Operation
from appliance.contracts.typed import TypedAnswer, TypedEntry
from appliance.face_settings import FaceSettings
from appliance.finger_settings import FingerSettings
from appliance.records.cases import Cases
from appliance.records.enrolment import Enrolments
from appliance.records.errors import StorageError
from appliance.records.expected import Expected
from appliance.records.history import History
from appliance.records.journal import Journal
from appliance.records.memory import Memory
from appliance.records.officers import Officers
from appliance.records.statistics.book import Book
from appliance.records.visas import Visas
from appliance.reference_data.errors import Refused
from appliance.reference_data.store import ReferenceStore
from appliance.reference_data.trust_folder import TrustFolder
from appliance.services.lane.advance.desk import AdvanceDesk
from appliance.services.lane.boot import BootToReady
from appliance.services.lane.button import ButtonEvent
from appliance.services.lane.chase import Chaser
from appliance.services.lane.disk import DiskWatch
from appliance.services.lane.engine import CAPTURE_RETRY_SECONDS, Engine
from appliance.services.lane.finger_desk import FingerDesk
from appliance.services.lane.in_force import InForce
from appliance.services.lane.live import GatewayKeys, LiveDesk
from appliance.services.lane.naming import Naming
from appliance.services.lane.outbox import Outbox
from appliance.services.lane.paper_desk import PaperDesk
from appliance.services.lane.power import NOTICE as POWER_FAILING
from appliance.services.lane.power import hear
from appliance.services.lane.presenter import Presenter, Situation
from appliance.services.lane.printing import PrintDesk
from appliance.services.lane.receipt import ReceiptDesk
from appliance.services.lane.records_desk import RecordsDesk
from appliance.services.lane.second_line.desk import SecondLine
from appliance.services.lane.second_line.post_desk import PostKeys
from appliance.services.lane.support_desk import SupportDesk
from appliance.services.lane.technician import TechnicianDesk
from appliance.services.lane.trust_view import trust_view
from appliance.services.lane.workflow import Step

REFRESH_SECONDS = 5.0
"""How often lists and clock are looked at anew for the screen; of devices capture says at once."""
UNSETTLED_SECONDS = 1.0
"""The same while a device is away: the officer who plugs one in, or starts the box, waits for it."""
UNSETTLED = frozenset({"ABSENT", "PROBING", "FAULT"})
BUTTON_WAIT_SECONDS = 30.0
"""One long wait for the panel's button; then it is asked again."""
LISTS_SECONDS = 2.0
"""How often it is looked for new lists, which may come by stick and another process."""
COSE = b"\xd2"
"""What a signed list of central's keys begins with (CBOR tag 18)."""
log = logging.getLogger(__name__)


class LaneService:
    """`Lane` for uplink and agent, `ViewSource` for the kiosk."""

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
        officers: Officers,
        appointing: VerifyKey | None = None,
        gateway: GatewayKeys | None = None,
        face: FaceSettings | None = None,
        finger: FingerSettings | None = None,
        enrolments: Enrolments | None = None,
        book: Book | None = None,
        history: History | None = None,
        retention: Retention | None = None,
        cases: Cases | None = None,
        expected: Expected | None = None,
        post: tuple[Post, PostKeys] | None = None,
        visas: Visas | None = None,
        data: Path | None = None,
        stick: Path | None = None,
    ) -> None:
        """`data`: the folder in which lane remembers when this start of the box was ready."""
        self._loop_of_run: asyncio.AbstractEventLoop | None = None
        self._book = book
        self._box = box
        self._capture = capture
        self._journal = journal
        self._lists = lists
        self._in_force = in_force
        self._clock = clock
        self._link = LinkState(connected=False)
        self._outbox = Outbox(device=box.device, journal=journal, clock=clock)
        self._disk = DiskWatch(journal, clock.stamp)
        self._presenter = Presenter(box)
        self._receipts = ReceiptDesk(
            post=box.post, rules=lambda: in_force.rules, appeal=lambda: in_force.policy.receipt.appeal
        )
        self.printing = PrintDesk(capture)
        self._memory = memory
        self._chaser = Chaser(
            journal=journal, memory=memory, lists=lists, clock=clock,
            recent_days=lambda: in_force.policy.memory.recent_days, changed=self._late_hits_came,
        )  # fmt: skip
        self.naming = Naming(
            officers=officers, journal=journal, clock=clock, capture=capture, box=box, key=appointing,
            changed=lambda: self._in_loop(self.engine.duty_changed), stick=stick,
            asked=lambda: in_force.policy.officers, step=lambda: self.engine.state.step,
        )  # fmt: skip
        duty = self.naming.duty
        self.advance = AdvanceDesk(
            expected=expected, journal=journal, lists=lists, known=memory, clock=clock, post=box.post,
            keep_hours=lambda: in_force.policy.memory.advance_hours,
            changed=self._records_changed,
        ) if expected is not None else None  # fmt: skip
        self.second_line: SecondLine | None = None
        if cases is not None:
            self.second_line = SecondLine(
                cases=cases, duty=duty, journal=journal, clock=clock, history=history, device=box.device,
                changed=lambda: self._in_loop(self._records_changed), post=post, advance=self.advance,
                visas=visas, stick=stick,
            )  # fmt: skip
        self._live = LiveDesk(
            device=box.device, keys=gateway, signing=lambda: journal.signing_key,
            late=lambda crossing, check: self.engine.late_answer(crossing, check),  # noqa: PLW0108 - made later
        )  # fmt: skip
        self.engine = Engine(
            box=box, in_force=in_force, capture=capture, journal=journal, lists=lists, trust=trust,
            clock=clock, memory=memory, chaser=self._chaser, live=self._live, duty=duty,
            fingers=FingerDesk(
                capture, self._refresh, settings=finger or FingerSettings(), enrolments=enrolments
            ),
            changed=self._refresh, face=face, book=book, history=history,
            keep_case=self.second_line.keep if self.second_line is not None else None,
            advance=self.advance,
        )  # fmt: skip
        if self.second_line is not None:
            self.engine.asked.applying = self.second_line.applying(in_force, post=box.post)
        self._trust = trust
        self._boot = BootToReady(data)
        self.technician = TechnicianDesk(
            capture=capture, duty=duty, clock=clock, trust=trust, aside=self.engine.aside,
            step=lambda: self.engine.state.step, devices=lambda: self._presenter.devices, status=self.status,
        )  # fmt: skip
        self._history = history
        self._paper = PaperDesk(
            box=box, journal=journal, lists=lists, clock=clock, in_force=in_force, known=memory,
            chaser=self._chaser, history=history, book=book,
        )  # fmt: skip
        self._desk = RecordsDesk(
            journal=journal, memory=memory, history=history, clock=clock,
            retention=retention or Retention(), history_days=lambda: in_force.policy.memory.history_days,
            changed=self._records_changed, second_line=self.second_line,
        )  # fmt: skip
        self.support = SupportDesk(journal, clock, self._records_changed)
        self.diagnostics = self.support.diagnostics
        self._refresh()

    def close(self) -> None:
        """Let go of the journal, so that another may open it."""
        self._journal.close()
        self._memory.close()
        self.engine.fingers.close()
        if self._book is not None:
            self._book.close()
        if self._history is not None:
            self._history.close()
        if self.second_line is not None:
            self.second_line.let_go()
        if self.advance is not None:
            self.advance.close()

    async def run(self, *, progressed: Callable[[], None] = lambda: None) -> None:
        """Serve travellers until cancelled; `progressed` is called as the screen is kept fresh."""
        self._loop_of_run = asyncio.get_running_loop()
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._listen_to_the_panel())
            tasks.create_task(self._keep_the_screen_fresh(progressed))
            tasks.create_task(self._watch_the_lists())
            tasks.create_task(self.engine.run())
            tasks.create_task(self.engine.duty.run())
            if self.second_line is not None:
                tasks.create_task(self.second_line.run())

    # The service's socket

    def operations(self) -> tuple[Operation, ...]:
        """What the service's socket offers."""
        return (
            Operation("fetch_outbox", FetchOutbox, self.fetch_outbox),
            Operation("acknowledge", SignedData, self.acknowledge),
            Operation("install", SignedData, self.install),
            Operation("command", SignedData, self.command),
            Operation("correct", Correct, self.correct),
            Operation("change_key", ChangeKey, self.change_key),
            Operation("enter_paper", EnterPaper, self.enter_paper),
            *(self.advance.operations() if self.advance is not None else ()),
            *self.support.operations(),
            Operation("retain", Nothing, self.retain),
            Operation("make_room", MakeRoom, self.make_room),
            Operation("sign_report", SignReport, self.sign_report),
            Operation("link", LinkState, self.link),
            Operation("fetch_queries", FetchQueries, self.fetch_queries),
            Operation("answer", SignedData, self.answer),
            Operation("power", PowerNews, self.power),
            Operation("status", Nothing, self.status),
        )

    async def fetch_outbox(self, request: FetchOutbox) -> OutboxPage:
        return await self._outbox.fetch(request)

    async def acknowledge(self, request: SignedData) -> Installed:
        said = self._outbox.acknowledge(request)
        self._refresh()
        return said

    async def command(self, request: SignedData) -> Installed:
        return await self._desk.command(request)

    async def correct(self, request: Correct) -> Corrected:
        return await self._desk.correct(request)

    async def change_key(self, request: ChangeKey) -> KeyChanged:
        return await self._desk.change_key(request)

    async def enter_paper(self, request: EnterPaper) -> PaperAnswer:
        try:
            return await self._paper.enter(request)
        finally:
            self._records_changed()

    async def retain(self, request: Nothing) -> Retained:  # noqa: ARG002 - the Protocol's shape
        return await self._desk.retain()

    async def make_room(self, request: MakeRoom) -> Retained:
        return await self._desk.make_room(request.bytes)

    async def install(self, request: SignedData) -> Installed:
        if request.data.startswith(COSE):
            return await asyncio.to_thread(self._desk.install_keys, request.data)
        now, quality = self._clock.now()
        installed = await asyncio.to_thread(self._lists.receive, request.data, now=now, time_quality=quality)
        await asyncio.to_thread(self._in_force.look)
        self._refresh()
        return installed

    async def sign_report(self, request: SignReport) -> ReportSigned:
        return await self._desk.sign_report(self._box.device, request)

    async def link(self, request: LinkState) -> Nothing:
        if request.connected and not self._link.connected:
            self._outbox.line_came_up()
        self._link = request
        self._live.connected = request.connected
        self._refresh()
        return Nothing()

    async def fetch_queries(self, request: FetchQueries) -> LiveQueries:
        return await self._live.fetch(request)

    async def answer(self, request: SignedData) -> Installed:
        return await self._live.take(request)

    async def power(self, request: PowerNews) -> PowerHeard:
        return await hear(self.engine, request, self._refresh)

    async def status(self, request: Nothing) -> LaneStatus:  # noqa: ARG002 - the Protocol's shape
        try:
            status = self._journal.status()
        except StorageError as error:
            raise ServiceError("storage_broken", str(error)) from error
        view = self._presenter.view
        return LaneStatus(
            epoch=status.epoch,
            last_seq=status.last_seq,
            acknowledged_seq=status.acknowledged_seq,
            unsent=status.unsent,
            step=self.engine.state.step.value,
            notices=view.notices,
            lists=view.lists,
            time_quality=view.time_quality,
            key_tier=self._journal.key_tier,
            uncertainty_ms=self._clock.stamp().uncertainty_ms,
            updates=self._in_force.updates,
            support=self.support.state,
            trust=trust_view(self._trust, self._lists, self._clock),
            boot_to_ready_seconds=self._boot.seconds,
        )

    # The kiosk's source

    def view(self) -> View:
        """What the screen shows now."""
        return self._presenter.view

    async def wait_for_change(self, revision: int, timeout: float) -> View:
        """The view as soon as it differs from `revision`, or after `timeout` seconds as it is."""
        self._boot.ready()
        return await self._presenter.wait_for_change(revision, timeout)

    async def press(self, press: Press) -> PressTaken:
        """The button on the screen; it answers only what the revision that was seen asked."""
        if not self._presenter.answers(press.revision) or press.event not in set(ButtonEvent):
            return PressTaken(taken=False)
        return PressTaken(taken=self.engine.button.happened(ButtonEvent(press.event), seen=True))

    async def login(self, login: Login) -> OfficerAnswer:
        """An officer takes the lane over, or the shift ends."""
        return await asyncio.to_thread(self.engine.duty.login, login)

    async def release(self, release: Release) -> OfficerAnswer:
        """A traveller under RED is let go on."""
        return await self.engine.release(release)

    def enter(self, entry: TypedEntry) -> TypedAnswer:
        """A document that the officer typed, for the traveller who stood there when the form was opened."""
        return self.engine.enter(entry)

    async def note(self, sent: SentNote) -> NoteTaken:
        """What the officer notes beside a crossing, or of a group."""
        return await self.engine.asked.note(sent.note)

    def show_receipt(self, show: ShowReceipt) -> PressTaken:
        """The receipt goes onto the traveller's screen."""
        taken = self._receipts.show(show.reference)
        self._refresh()
        return PressTaken(taken=taken)

    def except_finger(self, said: ExceptFinger) -> PressTaken:
        """The officer says that the finger being asked for is missing or bandaged."""
        started = self.engine.state.started
        here = started is not None and said.crossing == started.crossing
        return PressTaken(taken=here and self.engine.fingers.except_(said.finger, said.reason))

    def traveller_page(self, *, opened: bool) -> None:
        """A traveller's page was opened or is gone."""
        self.engine.guide.pages += 1 if opened else -1

    def picture(self, name: str) -> bytes | None:
        """portrait or chip_portrait of the crossing on the screen, as JPEG."""
        state = self.engine.state
        if name == "portrait" and state.portrait:
            return picture_of(state.portrait.record)
        if name == "chip_portrait" and state.chip:
            return state.chip.portrait
        return None

    # Beside the engine

    async def _listen_to_the_panel(self) -> None:
        while True:
            try:
                pressed = await self._capture.wait_for_button(Wait(timeout=BUTTON_WAIT_SECONDS))
            except ServiceError:
                await asyncio.sleep(CAPTURE_RETRY_SECONDS)
                continue
            if pressed.event is not None:
                self.engine.button.happened(ButtonEvent(pressed.event), seen=False)

    async def _keep_the_screen_fresh(self, progressed: Callable[[], None]) -> None:
        seen = 0
        while True:
            wait = UNSETTLED_SECONDS if self._unsettled() else REFRESH_SECONDS
            try:
                answer = await self._capture.watch_devices(WatchDevices(after=seen, timeout=wait))
                self._presenter.devices, seen = answer.devices, answer.revision
                self._presenter.capture_reachable = True
            except ServiceError:
                self._presenter.capture_reachable, seen = False, 0
            await asyncio.to_thread(self._desk.watch_the_clock)
            await self._disk.look()
            self._refresh()
            progressed()
            if not self._presenter.capture_reachable:
                await asyncio.sleep(UNSETTLED_SECONDS)

    def _unsettled(self) -> bool:
        return any(device.state in UNSETTLED for device in self._presenter.devices)

    async def _watch_the_lists(self) -> None:
        """New lists, however they came: crossings since the old ones are screened again, changes are merged;
        a new policy and new trust anchors are taken up."""
        while True:
            if await asyncio.to_thread(self._in_force.look):
                self._refresh()
            await asyncio.to_thread(self.naming.look)
            await self._chaser.look_at_lists()
            keep_days = self._in_force.policy.fingers.keep_days
            await self.engine.fingers.forget(self._clock.now()[0], days=keep_days)
            if self.advance is not None:
                await self.advance.look(idle=self.engine.state.step is Step.WAITING)
            with contextlib.suppress(Refused):  # said by the list's own state
                await asyncio.to_thread(self._lists.merge)
            await asyncio.sleep(LISTS_SECONDS)

    def _in_loop(self, work: Callable[[], None]) -> None:
        if self._loop_of_run is not None:  # from whatever thread a PIN was looked at or a case was kept in
            self._loop_of_run.call_soon_threadsafe(work)

    def _records_changed(self) -> None:
        self._outbox.grew()
        self._refresh()

    def _late_hits_came(self) -> None:
        self._outbox.grew()
        self.engine.ready_offer_changed()
        self._refresh()

    def _refresh(self) -> None:
        engine = self.engine
        now, quality = self._clock.now()
        self._receipts.look(engine.state)
        self.technician.look()
        self.naming.desk.look()
        if engine.state.step is Step.WAITING:
            self._outbox.grew()
        self._presenter.present(
            Situation(
                state=engine.state,
                today=engine.today,
                trouble=engine.trouble,
                offer=engine.button.offer,
                connected=self._link.connected,
                lists=self._lists.ages(now=now, time_quality=quality),
                records=self._outbox.status(),
                notices=(
                    *self._journal.notices,
                    *engine.notices,
                    *self._in_force.notices,
                    *self._disk.notices,
                    *self.support.notices,
                    *((POWER_FAILING,) if engine.aside.power_failing else ()),
                ),
                last_outcome=engine.last_outcome,
                page_hint=engine.documents.page.hint or engine.chips.hint,
                takes_typed=engine.documents.takes_typed,
                officer=engine.duty.officer,
                officers=engine.duty.known,
                needs_login=engine.needs_login,
                may_release=engine.may_release,
                late_hits=self._chaser.late_hits() if engine.state.step is Step.WAITING else (),
                now=now,
                time_quality=quality,
                portrait=engine.guide.view_of(engine.state),
                finger=engine.fingers.view_of(engine.state),
                second_line=self.second_line.summary() if self.second_line is not None else None,
                asked=engine.asked.view(),
                group=engine.asked.groups.view(),
                coming=self.advance.coming if self.advance is not None else (),
                receipt=self._receipts.current,
            )
        )
