"""The supervisor's desk at the lane: who works here, while nobody stands here.

A supervisor opens it with PIN, and with the card of who has one, and proves it again for every change. Each
change is a record with who did it. The box is never left without a supervisor; a traveller ends the visit.
"""

import asyncio
import time
from collections.abc import Callable
from typing import Final

from appliance.clock import Clock
from appliance.contracts.naming import (
    ACTS,
    Act,
    Named,
    OfficerLine,
    OfficersView,
    OpenOfficers,
)
from appliance.contracts.officers import Login, OfficerAnswer, OfficerView, Role
from appliance.officer_card import name_of
from appliance.records.errors import StorageError
from appliance.records.officers import OfficerError, Officers, check_name, check_pin
from appliance.services.lane.card import CardProblem, CardReader
from appliance.services.lane.duty import Duty
from appliance.services.lane.visit import Visit
from appliance.services.lane.workflow import Step

CARD_SECONDS: Final = 30.0
"""To lay a new officer's card down, and to take one's own away before."""
LOOK_SECONDS: Final = 3.0
"""One look at the reader: a traveller who comes waits no longer for it."""
OWN_CARD_AGAIN: Final = 0.5


class OfficersDesk(Visit):
    """Lives in the event loop's thread; what looks at PINs and cards goes on in another."""

    def __init__(
        self,
        *,
        officers: Officers,
        duty: Duty,
        clock: Clock,
        cards: CardReader,
        step: Callable[[], Step],
        card_seconds: float = CARD_SECONDS,
    ) -> None:
        super().__init__(role=Role.SUPERVISOR, duty=duty, step=step)
        self._officers = officers
        self._clock = clock
        self._cards = cards
        self._card_seconds = card_seconds
        self._giving: asyncio.Task[None] | None = None
        self._card_for = ""
        self._card_problem = ""
        self._changing = asyncio.Lock()

    async def open(self, request: OpenOfficers) -> tuple[OfficerAnswer, str]:
        """Begin; the answer, and the word by which the page is known from now on."""
        answer = await self._proves(request.name, request.pin)
        return await self._begin(request.name) if answer.taken else (answer, "")

    async def view(self) -> OfficersView:
        """All that can be told now."""
        try:
            officers = await asyncio.to_thread(self._lines)
        except StorageError:
            return OfficersView(by=self._by, officers=(), readable=False)
        return OfficersView(
            by=self._by, officers=officers, card_for=self._card_for, card_problem=self._card_problem
        )

    def _lines(self) -> tuple[OfficerLine, ...]:
        locked = self._officers.locked(now=self._clock.now()[0])
        return tuple(
            OfficerLine(name=one.name, roles=one.roles, card=one.card, locked_minutes=locked.get(one.name, 0))
            for one in self._officers.all()
        )

    async def act(self, token: str, act: Act) -> Named:
        """Do one of ACTS; a card is waited for beside the page."""
        if not self.knows(token):
            return Named(taken=False, problem=self.ended or "closed")
        if act.what not in ACTS:
            return Named(taken=False, problem="closed")
        self._touch()
        if self._card_for or self._changing.locked():
            return Named(taken=False, problem="busy")
        async with self._changing:
            done = await asyncio.to_thread(self._change, token, act)
        if not done.taken:
            return done
        self._card_problem = ""
        if act.what == "card":
            self._card_for = act.name
            self._giving = asyncio.create_task(self._give_card(token, self._by, act.name))
        else:
            await self._changed()
        return done

    # The changes; each in a thread

    def _change(self, token: str, act: Act) -> Named:
        """What can be said without a PIN is said before one is looked at."""
        try:
            name = self._checked(act)
            proved = self._duty.proves(self._by, act.own_pin, frozenset({Role.SUPERVISOR}))
            if not proved.taken:
                return Named(taken=False, problem=proved.problem, minutes=proved.minutes)
            if not self.knows(token):  # a card was waited for, and a traveller came
                return Named(taken=False, problem=self.ended or "closed")
            self._do(act, name, self._by)
        except OfficerError as error:
            return Named(taken=False, problem=error.code)
        except StorageError:
            return Named(taken=False, problem="storage")
        return Named(taken=True)

    def _checked(self, act: Act) -> str:
        """The name that it is about.

        Raises:
            OfficerError: it cannot be done, whoever wants it.
            StorageBroken: the book cannot be read.
        """
        known = {one.name: one for one in self._officers.all()}
        name = check_name(act.name) if act.what == "add" else act.name
        if act.what == "add" and name in known:
            raise OfficerError(f"{name} works here already.", "there_already")
        if act.what != "add" and name not in known:
            raise OfficerError(f"There is no officer called {name}.", "not_there")
        if act.what in ("add", "roles") and not act.roles:
            raise OfficerError("An officer has at least one role.", "no_roles")
        if act.what in ("add", "pin"):
            if act.pin != act.again:
                raise OfficerError("The two PINs differ.", "pins_differ")
            check_pin(act.pin)
        if act.what == "remove" or (act.what == "roles" and Role.SUPERVISOR not in act.roles):
            _refuse_last(known, name)
        if act.what == "card_away" and not known[name].card:
            raise OfficerError(f"{name} has no card.", "no_card_here")
        return name

    def _do(self, act: Act, name: str, by: str) -> None:
        """The record first, as of every act of officers."""
        book, roles = self._officers, frozenset(act.roles)
        listed = tuple(sorted(roles))
        if act.what == "add":
            self._duty.acted("officer_added", by, about=name, roles=listed)
            book.add(name, act.pin, roles)
        elif act.what == "pin":
            kept = next(frozenset(one.roles) for one in book.all() if one.name == name)
            self._duty.acted("officer_pin", by, about=name)
            book.add(name, act.pin, kept)
        elif act.what == "roles":
            self._duty.acted("officer_roles", by, about=name, roles=listed)
            book.set_roles(name, roles)
        elif act.what == "remove":
            self._duty.acted("officer_removed", by, about=name)
            book.remove(name)
        elif act.what == "unlock":
            self._duty.acted("officer_unlocked", by, about=name)
            book.unlock(name)
        elif act.what == "card_away":
            self._duty.acted("card_taken_away", by, about=name)
            book.cards.take_away(name)

    async def _changed(self) -> None:
        """The lane knows at once; who is on duty in roles that they have no more logs in again."""
        await asyncio.to_thread(self._duty.renew)
        known = {one.name: one for one in self._duty.known}
        if not self._duty.readable:
            return
        on_duty = self._duty.officer
        now = known.get(on_duty.name) if on_duty is not None else None
        if on_duty is not None and (now is None or now.roles != on_duty.roles):
            await asyncio.to_thread(self._duty.login, Login(name=""))
        if self._by not in self.names:
            self._end("leave")

    # A card

    async def _give_card(self, token: str, by: str, name: str) -> None:
        """The first card on the reader that is not the supervisor's own, unless it is for them."""
        try:
            problem = await asyncio.to_thread(self._card, token, by, name)
            if self.knows(token):
                self._card_problem = problem
        finally:
            self._card_for = ""
        await self._changed()

    def _card(self, token: str, by: str, name: str) -> str:
        """What went wrong; empty: nothing."""
        try:
            own = None if name == by else self._officers.cards.all().get(by)
            key = self._laid(token, own)
            if not self.knows(token):
                return "closed"
            holder = next((one for one, held in self._officers.cards.all().items() if held == key), name)
            if holder != name:
                return "card_taken"
            self._duty.acted("card_given", by, about=name, card=name_of(key))
            self._officers.give_card(name, key)
        except CardProblem as problem:
            return str(problem)
        except OfficerError as error:
            return error.code
        except StorageError:
            return "storage"
        return ""

    def _laid(self, token: str, own: bytes | None) -> bytes:
        until = time.monotonic() + self._card_seconds
        while (left := until - time.monotonic()) > 0 and self.knows(token):
            try:
                key = self._cards.ask(min(left, LOOK_SECONDS)).key
            except CardProblem as problem:
                if str(problem) != "no_card":
                    raise
                continue
            if key != own:
                return key
            time.sleep(OWN_CARD_AGAIN)
        raise CardProblem("no_card")

    def _over(self) -> None:
        self._card_problem = ""


def _refuse_last(known: dict[str, OfficerView], name: str) -> None:
    others = (one for one in known.values() if one.name != name)
    if Role.SUPERVISOR in known[name].roles and not any(Role.SUPERVISOR in one.roles for one in others):
        raise OfficerError("The last supervisor stays one.", "last_supervisor")
