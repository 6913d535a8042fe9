"""The presenter: turns the situation into the one view that the screen shows, and numbers its changes."""

import asyncio
import contextlib
import datetime as dt
from dataclasses import dataclass

import msgspec

from appliance.clock import TimeQuality
from appliance.config import Box
from appliance.contracts.advance import AdvanceList
from appliance.contracts.asked import AskedView, GroupView
from appliance.contracts.capture import DeviceStatus
from appliance.contracts.cases import SecondLineView
from appliance.contracts.checks import Outcome
from appliance.contracts.lane import (
    DeviceView,
    DocumentView,
    FingerView,
    LateHit,
    ListView,
    PortraitView,
    Trouble,
    View,
)
from appliance.contracts.movement import DocumentFacts
from appliance.contracts.officers import OfficerView
from appliance.contracts.receipt import Receipt
from appliance.records.chain import JournalStatus
from appliance.services.lane.assessment import document_facts, document_of
from appliance.services.lane.button import Offer
from appliance.services.lane.workflow import State, Step
from appliance.travel_document import state_name


@dataclass(frozen=True, slots=True, kw_only=True)
class Situation:
    """All that the view is made of."""

    state: State
    today: dt.date
    trouble: Trouble | None
    offer: Offer
    connected: bool
    lists: tuple[ListView, ...]
    records: JournalStatus
    notices: tuple[str, ...]
    last_outcome: Outcome | None
    page_hint: str | None
    takes_typed: bool
    officer: OfficerView | None
    officers: tuple[OfficerView, ...]
    needs_login: bool
    may_release: bool
    late_hits: tuple[LateHit, ...]
    now: dt.datetime
    time_quality: TimeQuality
    portrait: PortraitView | None
    finger: FingerView | None = None
    second_line: SecondLineView | None = None
    asked: AskedView | None = None
    group: GroupView | None = None
    coming: tuple[AdvanceList, ...] = ()
    receipt: Receipt | None = None


class Presenter:
    """Holds the latest view; those who wait are woken when it changes."""

    def __init__(self, box: Box) -> None:
        self._box = box
        self._wakers: set[asyncio.Future[None]] = set()
        self._document: tuple[object, DocumentView | None] = (None, None)
        self.devices: tuple[DeviceStatus, ...] = ()
        self._away: dict[str, tuple[str | None, str | None]] = {}
        """Device -> its state, and since when it is away."""
        self.capture_reachable = True
        self._latest: View | None = None
        self._question_since = 1

    @property
    def view(self) -> View:
        assert self._latest is not None, "nothing was presented yet"
        return self._latest

    def present(self, situation: Situation) -> None:
        """Make the view anew; its revision rises when anything but the time has changed."""
        last = self._latest
        revision = 1 if last is None else last.revision
        view = self._view(situation, revision)
        if last is not None and view != msgspec.structs.replace(last, time=view.time):
            if _question(view) != _question(last):
                self._question_since = revision + 1
            view = msgspec.structs.replace(view, revision=revision + 1)
        self._latest = view
        if last is None or view.revision != last.revision:
            wakers, self._wakers = self._wakers, set()
            for waker in wakers:
                if not waker.done():
                    waker.set_result(None)

    def answers(self, revision: int) -> bool:
        """Whether a press on this revision answers what is asked now: no more than the strip has changed."""
        return self._question_since <= revision <= self.view.revision

    async def wait_for_change(self, revision: int, timeout: float) -> View:
        """The view as soon as it differs from `revision`, or after `timeout` seconds as it is."""
        if self.view.revision == revision:
            waker: asyncio.Future[None] = asyncio.get_running_loop().create_future()
            self._wakers.add(waker)
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(timeout):
                    await waker
            self._wakers.discard(waker)
        return self.view

    def _view(self, situation: Situation, revision: int) -> View:
        state, offer = situation.state, situation.offer
        assessed = state.assessed
        trouble = situation.trouble
        if trouble is None and not self.capture_reachable:
            trouble = Trouble(code="capture_unreachable")
        # RECORDING lasts as long as a commit: for the officer it is still the decision
        step = Step.DECIDING if state.step is Step.RECORDING else state.step
        return View(
            revision=revision,
            step=step.value,
            trouble=trouble,
            press=offer.press,
            hold=offer.hold,
            direction=self._box.direction,
            post=self._box.post,
            crossing=state.started.crossing if state.started else None,
            document=self._document_view(state, situation.today),
            has_portrait=state.portrait is not None,
            has_chip_portrait=state.chip is not None and state.chip.portrait is not None,
            checks=assessed.checks if assessed else (),
            recommendation=assessed.recommendation if assessed else None,
            reasons=assessed.reasons if assessed else (),
            lists=situation.lists,
            devices=tuple(self._device_view(device, situation.now) for device in self.devices),
            simulated=tuple(sorted({device.kind for device in self.devices if device.simulated})),
            profile=self._box.profile.value,
            connected=situation.connected,
            last_seq=situation.records.last_seq,
            unsent=situation.records.unsent,
            crossings=situation.records.crossings,
            notices=self._notices(situation),
            last_outcome=situation.last_outcome,
            late_hits=situation.late_hits,
            time=situation.now.astimezone().isoformat(timespec="seconds"),
            time_quality=situation.time_quality.value,
            portrait=situation.portrait,
            finger=situation.finger,
            asked=situation.asked,
            group=situation.group,
            coming=situation.coming,
            receipt=situation.receipt,
            page_hint=situation.page_hint,
            takes_typed=situation.takes_typed,
            officer=situation.officer,
            officers=situation.officers,
            needs_login=situation.needs_login,
            may_release=situation.may_release,
            second_line=situation.second_line,
        )

    def _device_view(self, device: DeviceStatus, now: dt.datetime) -> DeviceView:
        # BUSY comes and goes with every exchange; the officer sees READY
        state = "READY" if device.state == "BUSY" else device.state
        before, since = self._away.get(device.key, (None, None))
        if state != before:  # worked out once: its age is measured anew each time, to the millisecond
            moment = (now - dt.timedelta(seconds=device.since_seconds)).astimezone()
            since = None if state == "READY" else moment.isoformat(timespec="minutes")
            self._away[device.key] = (state, since)
        power = device.power
        return DeviceView(
            kind=device.kind,
            model=device.model,
            state=state,
            simulated=device.simulated,
            since=since,
            charge_percent=power.charge_percent if power else None,
            on_mains=power.on_mains if power else None,
        )

    def _notices(self, situation: Situation) -> tuple[str, ...]:
        unsure = () if situation.time_quality.sure else ("clock_unsure",)
        return (*situation.notices, *unsure)

    def _document_view(self, state: State, today: dt.date) -> DocumentView | None:
        source = state.typed or state.document
        if self._document[0] is not source:
            facts = document_facts(state, document_of(state, today=today))
            self._document = (source, None if facts is None else document_view(facts))
        return self._document[1]


def _question(view: View) -> View:
    """The view without what may change while the officer presses: network, devices, lists, time."""
    return msgspec.structs.replace(
        view,
        revision=0,
        time="",
        connected=False,
        unsent=0,
        devices=(),
        lists=(),
        notices=(),
        portrait=None,
        finger=None,
        second_line=None,
        receipt=None,
    )


def document_view(facts: DocumentFacts) -> DocumentView:
    """The document as the screen shows it."""
    return DocumentView(
        format=facts.format,
        document_code=facts.document_code,
        issuing_state=facts.issuing_state,
        issuing_state_name=state_name(facts.issuing_state),
        document_number=facts.document_number,
        primary_identifier=facts.primary_identifier,
        secondary_identifier=facts.secondary_identifier,
        nationality=facts.nationality,
        nationality_name=state_name(facts.nationality),
        birth_date=facts.birth_date,
        sex=facts.sex,
        expiry_date=facts.expiry_date,
        lines=facts.lines,
        source=facts.source,
    )
