"""An officer who acts as each script says is right, through the same doors as the kiosk's page."""

import asyncio
import datetime as dt
from collections.abc import Callable
from typing import Protocol

from appliance.contracts.asked import NoteTaken, SayGuardian, SayProof, SentNote
from appliance.contracts.checks import Recommendation
from appliance.contracts.lane import ExceptFinger, Press, PressTaken, View
from appliance.contracts.typed import TypedAnswer, TypedEntry
from appliance.simulation.booth import LOOK_SECONDS, Screen
from appliance.simulation.officer import look_until
from appliance.simulation.training.casting import Cast, Counter
from appliance.simulation.training.script import Act, Kind, Page


class Kiosk(Screen, Protocol):
    """The screen with its forms."""

    def enter(self, entry: TypedEntry) -> TypedAnswer: ...
    def except_finger(self, said: ExceptFinger) -> PressTaken: ...
    async def note(self, sent: SentNote) -> NoteTaken: ...


Admits = Callable[[Cast, View], bool]
"""Whether this traveller is admitted, by an officer who sees this."""


def as_the_script_says(cast: Cast, view: View) -> bool:  # noqa: ARG001 - the shape of Admits
    """Rightly."""
    return cast.script.right.act is Act.ADMIT


def as_the_box_says(cast: Cast, view: View) -> bool:  # noqa: ARG001 - the shape of Admits
    """GREEN is admitted, all else is referred: nobody looks for themselves."""
    return view.recommendation is Recommendation.GREEN


class RightOfficer:
    """Sees travellers through; `pressed` and `sent` are told of every press and form.

    `thinks`: so many seconds pass before each answer, note and decision, as with a person.
    """

    def __init__(
        self,
        kiosk: Kiosk,
        *,
        pressed: Callable[[], None],
        sent: Callable[[], None],
        admits: Admits = as_the_script_says,
        thinks: float = 0.0,
    ) -> None:
        self._kiosk = kiosk
        self._admits = admits
        self._pressed = pressed
        self._sent = sent
        self._thinks = thinks
        self._crossings: dict[str, str] = {}
        """Script's id -> crossing of who has been seen."""

    async def see(self, cast: Cast, number: int) -> None:
        """One traveller, from the press that begins to the decision; `number` counts from 1."""
        await self._start()
        typed = decided = False
        view = self._kiosk.view()
        while view.crossings < number:
            if view.crossing is not None:
                self._crossings[cast.script.id] = view.crossing
            if self._knows_company(view, cast):
                await self._say_company(view, cast)
            elif view.takes_typed and not typed and _must_type(cast):
                typed = self._type(view, cast.counter, cast)
            elif view.finger is not None and view.finger.finger and not cast.script.person.fingers:
                self._excuse(view)
            elif not decided:
                decided = await self._decide(cast)
            view = await self._kiosk.wait_for_change(view.revision, LOOK_SECONDS)

    async def _decide(self, cast: Cast) -> bool:
        """Whether the decision was taken: the screen may have changed between the look and the press."""
        view = self._kiosk.view()
        if view.step != "deciding" or view.press is None:
            return False
        await asyncio.sleep(self._thinks)
        if not _judged(view) or await self._proved(view, cast):
            return False
        view = self._kiosk.view()
        event = "press" if self._admits(cast, view) or view.press == "refer" else "hold"
        return await self._press(event, view)

    def _knows_company(self, view: View, cast: Cast) -> bool:
        """Whether the box asks who is with this child, and the script says it."""
        child = view.asked.child if view.asked else None
        if child is None or child.guardian or child.alone:
            return False
        company = cast.script.company
        return company is None or self._crossings.get(company) in {one.crossing for one in child.offered}

    async def _say_company(self, view: View, cast: Cast) -> None:
        """By one key: who it is, or nobody."""
        assert view.crossing is not None
        await asyncio.sleep(self._thinks)
        company = cast.script.company
        guardian = self._crossings[company] if company is not None else ""
        note = SayGuardian(crossing=view.crossing, guardian=guardian, alone=company is None)
        if (await self._kiosk.note(SentNote(note=note))).taken:
            self._sent()

    async def _proved(self, view: View, cast: Cast) -> bool:
        """Whether what the traveller shows for a missing leg was noted now."""
        shown, asked = cast.script.proof, view.asked
        if shown is None or asked is None or not asked.takes_proof or asked.proofs:
            return False
        assert view.crossing is not None
        day = dt.datetime.now(dt.UTC).date() - dt.timedelta(days=shown.days_ago)
        note = SayProof(
            crossing=view.crossing,
            direction=shown.direction.value,
            day=day.isoformat(),
            kind=shown.kind,
            place=shown.place,
            reason=shown.reason,
        )
        answer = await self._kiosk.note(SentNote(note=note))
        assert answer.taken, answer.problems
        self._sent()
        while (now := self._kiosk.view()).crossing == view.crossing and now.checks == view.checks:
            await self._kiosk.wait_for_change(now.revision, LOOK_SECONDS)
        return True

    async def _start(self) -> None:
        view = await look_until(self._kiosk, _may_start)
        while not await self._press("press", view):  # the screen changed between the look and the press
            view = await self._kiosk.wait_for_change(view.revision, LOOK_SECONDS)

    async def _press(self, event: str, view: View) -> bool:
        taken = (await self._kiosk.press(Press(event=event, revision=view.revision))).taken
        if taken:
            self._pressed()
        return taken

    def _type(self, view: View, counter: Counter, cast: Cast) -> bool:
        assert view.crossing is not None
        self._sent()
        answer = self._kiosk.enter(entry_of(view.crossing, counter, cast))
        assert answer.taken, answer.problems
        return True

    def _excuse(self, view: View) -> None:
        assert view.crossing is not None
        assert view.finger is not None
        assert view.finger.finger is not None
        said = ExceptFinger(crossing=view.crossing, finger=view.finger.finger, reason="finger_missing")
        if self._kiosk.except_finger(said).taken:
            self._sent()


def _judged(view: View) -> bool:
    """Whether what was said of a child is in the recommendation already."""
    child = view.asked.child if view.asked else None
    said = child is not None and (child.guardian or child.alone)
    return not said or all(one.reason != "unaccompanied" for one in view.checks)


def _may_start(view: View) -> bool:
    return view.press == "start"


def _must_type(cast: Cast) -> bool:
    document = cast.counter.document
    return document is None or document.page is not Page.MACHINE


def entry_of(crossing: str, counter: Counter, cast: Cast) -> TypedEntry:
    """The form as somebody fills it in who sees what lies on the counter."""
    document = counter.document
    born = counter.born.replace("-??", "").replace("????", "")
    if document is None:
        return TypedEntry(
            crossing=crossing,
            typed_for="no_document",
            primary_identifier=counter.surname,
            secondary_identifier=counter.given,
            nationality=counter.nationality or "XXX",
            birth_date=born,
            birth_date_again=born,
            sex=cast.sex,
            confirmed=True,
        )
    return TypedEntry(
        crossing=crossing,
        typed_for="not_machine_readable" if document.page is Page.HANDWRITTEN else "unreadable",
        document_code="I" if document.kind is Kind.CARD else "P",
        issuing_state=document.issuer,
        document_number=document.number,
        document_number_again=document.number,
        primary_identifier=counter.surname,
        secondary_identifier=counter.given,
        nationality=counter.nationality,
        birth_date=born,
        birth_date_again=born,
        sex=document.sex,
        expiry_date=counter.expires,
        confirmed=True,
    )
