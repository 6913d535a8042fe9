"""Fingers at the lane: who is asked for which, taking one after another, and who crossed here before.

`capture` takes and compares; what is kept of earlier travellers lies with `records`, and what follows from a
score is said in `finger_checks.py`.
"""

import asyncio
import datetime as dt
import logging
from collections.abc import Callable, Iterable
from typing import Any, Final

import msgspec

from appliance.contracts.capture import Capture
from appliance.contracts.errors import ServiceError
from appliance.contracts.finger import (
    EXCEPTIONS,
    CompareFingers,
    Enrolled,
    FingerEvidence,
    FingerException,
    FingerScores,
    Probe,
    TakeFinger,
)
from appliance.contracts.lane import FingerView
from appliance.finger_settings import FingerSettings
from appliance.records.enrolment import Enrolment, Enrolments, Owner
from appliance.records.errors import StorageError
from appliance.screening import Subject
from appliance.services.lane.policy import Fingers
from appliance.services.lane.portrait_guide import PortraitGuide
from appliance.services.lane.workflow import FingersCompared, State, Step

MAX_SEARCHED: Final = 200
"""So many of the last crossings are searched, one to many: each costs comparisons while a traveller
stands."""
log = logging.getLogger(__name__)


class Kept(msgspec.Struct, frozen=True, kw_only=True):
    """What is enrolled of a crossing."""

    identity: tuple[str, ...]
    """Issuing state and number of the document, then the name: to be shown beside a hit."""
    fingers: dict[str, bytes]
    """Name to template."""


class FingerDesk:
    """The fingers of the traveller who stands here."""

    def __init__(
        self,
        capture: Capture,
        changed: Callable[[], None],
        *,
        settings: FingerSettings,
        enrolments: Enrolments | None,
    ) -> None:
        self._capture = capture
        self._changed = changed
        self.settings = settings
        self._enrolments = enrolments
        self._guide = PortraitGuide(capture, changed)
        self._asked: str | None = None
        self._excepted: asyncio.Future[str] | None = None

    @property
    def asked(self) -> str | None:
        """The finger that is being asked for."""
        return self._asked

    def except_(self, finger: str, reason: str) -> bool:
        """The officer says that the finger being asked for is missing or bandaged; whether that was taken."""
        waiting = self._excepted
        if finger != self._asked or reason not in EXCEPTIONS or waiting is None or waiting.done():
            return False
        waiting.set_result(reason)
        return True

    async def take(self, finger: str) -> FingerEvidence | FingerException:
        """One finger, or why there is none.

        Raises:
            ServiceError: the box has no sensor.
        """
        request = TakeFinger(
            finger=finger,
            attempts=self.settings.attempts,
            seconds=self.settings.seconds,
            quality=self.settings.quality,
        )
        self._excepted = excepted = asyncio.get_running_loop().create_future()
        self._asked = finger
        self._changed()
        taking = asyncio.ensure_future(self._capture.take_finger(request))
        try:
            async with self._guide.following():
                either: set[asyncio.Future[Any]] = {taking, excepted}
                await asyncio.wait(either, return_when=asyncio.FIRST_COMPLETED)
                if excepted.done():
                    return FingerException(finger=finger, reason=excepted.result())
                return await taking
        except ServiceError as error:
            if error.code == "no_device":
                raise
            return FingerException(finger=finger, reason=error.code)
        finally:
            taking.cancel()
            await asyncio.gather(taking, return_exceptions=True)
            self._asked = self._excepted = None
            self._changed()

    def view_of(self, state: State) -> FingerView | None:
        """What the traveller is told of the fingers; None before and after."""
        if self._asked is not None:
            told = self._guide.instruction if self._guide.looking else None
            return FingerView(finger=self._asked, instruction=None if told == "lay_finger" else told)
        if state.step is Step.TAKING_FINGERS and state.fingers:
            return FingerView(finger=None)
        return None

    async def compare(self, state: State, subject: Subject | None, asked: Fingers) -> FingersCompared:
        """Hold the fingers against this document's and person's earlier ones, and, where the policy has a
        purpose for it, against everybody's of late."""
        taken = tuple(state.fingers.values())
        try:
            earlier, others = await asyncio.to_thread(self._found, subject, asked)
        except StorageError as error:
            log.warning("earlier fingers cannot be read: %s", error)
            return FingersCompared(problem="enrolment_unreadable")
        if not taken:
            return FingersCompared(earlier=tuple(_crossings(earlier)))
        try:
            same = await self._scores(taken, earlier)
            many = await self._scores(taken, others) if asked.search else None
        except ServiceError as error:
            return FingersCompared(earlier=tuple(_crossings(earlier)), problem=error.code)
        return FingersCompared(
            earlier=tuple(_crossings(earlier)),
            scores=same.scores,
            purpose=asked.search_purpose if asked.search else None,
            searched=len(others),
            hits=() if many is None else self._hits(many, others),
        )

    def _found(
        self, subject: Subject | None, asked: Fingers
    ) -> tuple[tuple[Enrolment, ...], tuple[Enrolment, ...]]:
        """(this traveller's, other people's): the second only for a search."""
        if self._enrolments is None:
            return (), ()
        earlier = self._enrolments.of(owner_of(subject)) if subject is not None else ()
        if not asked.search:
            return earlier, ()
        own = {each.crossing for each in earlier}
        latest = self._enrolments.latest(MAX_SEARCHED)
        return earlier, tuple(each for each in latest if each.crossing not in own)

    async def _scores(self, taken: Iterable[FingerEvidence], against: Iterable[Enrolment]) -> FingerScores:
        enrolled = tuple(
            Enrolled(crossing=each.crossing, finger=finger, template=template)
            for each in against
            for finger, template in _kept(each).fingers.items()
        )
        if not enrolled:
            return FingerScores(scores=(), seconds=0.0)
        probes = tuple(Probe(finger=each.finger, template=each.template) for each in taken)
        return await self._capture.compare_fingers(CompareFingers(probes=probes, enrolled=enrolled))

    def _hits(self, many: FingerScores, others: Iterable[Enrolment]) -> tuple[dict[str, object], ...]:
        """Other people whose finger this is: the search pays for how many it looked at."""
        known = {each.crossing: each for each in others}
        threshold = self.settings.search_threshold(len(many.scores))
        return tuple(
            {
                "crossing": score.crossing,
                "moment": known[score.crossing].moment,
                "finger": score.finger,
                "score": round(score.score, 1),
                "threshold": round(threshold, 1),
                "identity": list(_kept(known[score.crossing]).identity),
            }
            for score in many.scores
            if score.score is not None and score.score >= threshold
        )

    def enrol(self, state: State, subject: Subject, moment: dt.datetime, *, days: float) -> None:
        """Keep the templates of a recorded crossing.

        Raises:
            StorageError: it is not on disk.
        """
        if self._enrolments is None or not state.fingers or state.started is None:
            return
        kept = Kept(
            identity=(subject.issuing_state, subject.document_number, subject.primary_identifier),
            fingers={name: each.template for name, each in state.fingers.items()},
        )
        payload = msgspec.msgpack.encode(kept)
        self._enrolments.enrol(state.started.crossing, moment, owner_of(subject), payload, days=days)

    async def forget(self, now: dt.datetime, *, days: float) -> None:
        """Forget what is older than the policy's days, when nobody crosses either."""
        enrolments = self._enrolments
        if enrolments is None:
            return
        try:
            await asyncio.to_thread(lambda: enrolments.forget(now, days=days))
        except StorageError as error:
            log.warning("old fingers cannot be forgotten now: %s", error)

    def close(self) -> None:
        """Let go of the file."""
        if self._enrolments is not None:
            self._enrolments.close()


def not_asked(asked: bool, fingers: Fingers, birth_date: str | None, today: dt.date) -> str | None:
    """Why nobody asks for this traveller's fingers; None: they are asked for.

    The youngest that an incomplete birth date allows counts: no child's fingers by mistake.
    """
    if not asked or not fingers.which:
        return "not_asked"
    year, month, day, *_ = [*(birth_date or "").split("-"), "??", "??", "??"]
    if not year.isdigit():
        return "age_unknown"
    born = dt.date(int(year), int(month) if month.isdigit() else 12, 1)
    last = int(day) if day.isdigit() else 28
    age = today.year - born.year - ((today.month, today.day) < (born.month, last))
    return "under_age" if age < fingers.minimum_age else None


def owner_of(subject: Subject) -> Owner:
    """Whose fingers these are, as the document says."""
    number = subject.document_number
    person = (
        subject.primary_identifier,
        subject.secondary_identifier,
        subject.birth_date,
        subject.nationality,
    )
    return Owner(
        document=(subject.issuing_state, number) if number else (),
        person=person if subject.primary_identifier and "?" not in subject.birth_date else (),
    )


def _kept(enrolment: Enrolment) -> Kept:
    """What was enrolled; nothing where another version wrote it."""
    try:
        return msgspec.msgpack.decode(enrolment.payload, type=Kept)
    except msgspec.MsgspecError:
        return Kept(identity=(), fingers={})


def _crossings(enrolments: Iterable[Enrolment]) -> Iterable[tuple[str, str]]:
    return ((each.crossing, each.moment) for each in enrolments)
