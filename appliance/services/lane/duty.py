"""Who is on duty at this lane: logging in with PIN or card, handing over, and releases under RED.

An officer who has a card shows it with the PIN, wherever the PIN is asked for: without the card the PIN is
not looked at. Every act is a record. The box that nobody has been named for works without: a post with one
officer, a demo, a first day; a policy may ask for a login.
"""

import asyncio
import datetime as dt
import logging
import secrets
from collections.abc import Callable
from typing import Any, Final

import msgspec

from appliance.clock import Clock
from appliance.contracts.movement import RECORD_TYPE_OFFICER
from appliance.contracts.officers import MIN_REASON, Login, OfficerAnswer, OfficerView, Release, Role
from appliance.officer_card import name_of
from appliance.records.errors import StorageError
from appliance.records.journal import Journal
from appliance.records.officers import Officer, OfficerLocked, Officers, OfficerUnknown
from appliance.services.lane.card import CardProblem, CardReader, SeenCard
from appliance.services.lane.policy import CardAsked, CardRemoved, OfficersAsked

DECIDE = frozenset({Role.OFFICER, Role.SECOND_LINE, Role.SUPERVISOR})
"""Roles that may decide about travellers."""
WATCH_SECONDS: Final = 3.0
"""Between two looks at a card that is to go on lying there."""
PRESENT_SECONDS: Final = 1.0
MISSES: Final = 2
log = logging.getLogger(__name__)


class Duty:
    """The officer at this lane. Looking at a PIN takes a quarter of a second: call it in a thread."""

    def __init__(
        self,
        *,
        officers: Officers,
        journal: Journal,
        clock: Clock,
        changed: Callable[[], None],
        cards: CardReader | None = None,
        asked: Callable[[], OfficersAsked] = OfficersAsked,
    ) -> None:
        self._officers = officers
        self._cards = cards
        self._asked = asked
        self._lying: bytes | None = None
        """The key of the card that lies on the officers' own reader since the login."""
        self._missed = 0
        self._journal = journal
        self._clock = clock
        self._changed = changed
        self.officer: OfficerView | None = None
        self.known: tuple[OfficerView, ...] = ()
        """Those who may log in."""
        self.readable = True
        """Whether the book could be read: an unreadable one is no box without officers."""
        self.look()

    @property
    def name(self) -> str:
        """For the record; empty where nobody has logged in."""
        officer = self.officer  # once: another thread may be handing the lane over
        return officer.name if officer else ""

    async def run(self) -> None:
        """Look whether the card still lies there, where the policy wants it, until cancelled."""
        if self._cards is not None:
            self._cards.loop = asyncio.get_running_loop()
        while True:
            await asyncio.to_thread(self.watch_card)
            await asyncio.sleep(WATCH_SECONDS)

    def watch_card(self) -> None:
        """The shift ends when the card was taken away, and it is asked twice before that is believed."""
        key = self._lying
        if key is None or self._cards is None or self._asked().card_removed is not CardRemoved.LOGOUT:
            self._missed = 0
            return
        try:
            there = self._cards.ask(PRESENT_SECONDS).key == key
        except CardProblem:
            there = False
        self._missed = 0 if there else self._missed + 1
        if self._missed >= MISSES and self._lying == key:
            self._logout("card_removed")

    def look(self) -> None:
        """Read the book again: another process writes it. While it cannot be read nobody new logs in."""
        try:
            alone = self._asked().card is CardAsked.ALONE
            self.known = tuple(
                msgspec.structs.replace(one, card_alone=one.card and alone) for one in self._officers.all()
            )
            self.readable = True
        except StorageError as error:
            self.known, self.readable = (), False
            log.error("%s", error)  # noqa: TRY400 - the sentence says it all

    def renew(self) -> None:
        """The book was changed at this lane: the screen knows at once."""
        self.look()
        self._changed()

    def login(self, login: Login) -> OfficerAnswer:
        """Take the lane over, or, with neither a name nor a card, end the shift."""
        if not login.name and not login.card:
            return self._logout()
        checked = self._checked(login.name, login.pin) if login.name else self._by_card()
        if isinstance(checked, OfficerAnswer):
            return checked
        officer, card = checked
        if not officer.roles & DECIDE:
            return OfficerAnswer(taken=False, problem="not_allowed")
        before = self.name
        try:
            self._record("login", officer.name, **_with(before, card, pin=bool(login.name)))
        except StorageError:
            return OfficerAnswer(taken=False, problem="storage")
        self._lying = card.key if card is not None and card.own_reader else None
        self.officer = OfficerView(name=officer.name, roles=tuple(sorted(officer.roles)))
        self._changed()
        return OfficerAnswer(taken=True)

    def may_release(self, release: Release) -> OfficerAnswer:
        """Whether this officer, with this PIN and for this reason, may let a traveller go on under RED."""
        if len(" ".join(release.reason.split())) < MIN_REASON:
            return OfficerAnswer(taken=False, problem="no_reason")
        return self.proves(release.name, release.pin, DECIDE)

    def proves(self, name: str, pin: str, roles: frozenset[Role]) -> OfficerAnswer:
        """Whether this is the PIN, with the card if they have one, of an officer of one of these roles."""
        checked = self._checked(name, pin)
        if isinstance(checked, OfficerAnswer):
            return checked
        if not checked[0].roles & roles:
            return OfficerAnswer(taken=False, problem="not_allowed")
        return OfficerAnswer(taken=True)

    def note(self, act: str, **more: Any) -> None:
        """An act of the officer on duty, as a record.

        Raises:
            StorageError: it is not on disk.
        """
        self._record(act, self.name, **more)

    def acted(self, act: str, name: str, **more: Any) -> None:
        """An act of who has just proved their PIN, on duty or not.

        Raises:
            StorageError: it is not on disk.
        """
        self._record(act, name, **more)

    def visited(self, act: str, name: str, **more: Any) -> None:
        """Somebody came, went or was refused; on a disk that is to be mended nothing can be written down."""
        self._try_to_record(act, name, **more)

    def _logout(self, act: str = "logout") -> OfficerAnswer:
        if self.officer is not None:
            try:
                self._record(act, self.officer.name)
            except StorageError:
                return OfficerAnswer(taken=False, problem="storage")
            self.officer = self._lying = None
            self._changed()
        return OfficerAnswer(taken=True)

    def _checked(self, name: str, pin: str) -> tuple[Officer, SeenCard | None] | OfficerAnswer:
        """The officer, and the card that they have shown; None for one who has none."""
        try:
            key = self._officers.cards.all().get(name)
            card = None if key is None else self._shown(name, key)
            if isinstance(card, OfficerAnswer):
                return card
            officer = self._officers.check(name, pin, now=self._now())
        except OfficerUnknown:
            return OfficerAnswer(taken=False, problem="unknown")
        except OfficerLocked as locked:
            self._try_to_record("locked", name)
            return OfficerAnswer(taken=False, problem="locked", minutes=locked.minutes)
        except StorageError:
            return OfficerAnswer(taken=False, problem="storage")
        if officer is None:
            self._try_to_record("wrong_pin", name)
            return OfficerAnswer(taken=False, problem="wrong_pin")
        return officer, card

    def _shown(self, name: str, key: bytes) -> SeenCard | OfficerAnswer:
        try:
            card = self._ask()
        except CardProblem as problem:
            self._try_to_record(str(problem), name)
            return OfficerAnswer(taken=False, problem=str(problem))
        if card.key != key:
            self._try_to_record("wrong_card", name, card=name_of(card.key))
            return OfficerAnswer(taken=False, problem="wrong_card")
        return card

    def _by_card(self) -> tuple[Officer, SeenCard] | OfficerAnswer:
        """Whose card lies there, without a PIN, where the policy lets a card do alone."""
        if self._asked().card is not CardAsked.ALONE:
            return OfficerAnswer(taken=False, problem="card_and_pin")
        try:
            card = self._ask()
            officer = self._officers.holder(card.key, now=self._now())
        except CardProblem as problem:
            self._try_to_record(str(problem), "")
            return OfficerAnswer(taken=False, problem=str(problem))
        except OfficerLocked as locked:
            self._try_to_record("locked", "", card=name_of(card.key))
            return OfficerAnswer(taken=False, problem="locked", minutes=locked.minutes)
        except StorageError:
            return OfficerAnswer(taken=False, problem="storage")
        if officer is None:
            self._try_to_record("unknown_card", "", card=name_of(card.key))
            return OfficerAnswer(taken=False, problem="unknown_card")
        return officer, card

    def _ask(self) -> SeenCard:
        if self._cards is None:
            raise CardProblem("no_reader")
        return self._cards.ask()

    def _try_to_record(self, act: str, name: str, **more: Any) -> None:
        """What happened has happened, whether or not it can be written down: a wrong PIN is refused."""
        try:
            self._record(act, name, **more)
        except StorageError as error:
            log.warning("an officer's act is not recorded: %s", type(error).__name__)

    def _record(self, act: str, name: str, **more: Any) -> None:
        body = {"act": act, "officer": name, **more}
        self._journal.commit(
            f"officer/{secrets.token_hex(8)}", RECORD_TYPE_OFFICER, body, self._clock.stamp()
        )

    def _now(self) -> dt.datetime:
        return self._clock.now()[0]


def _with(before: str, card: SeenCard | None, *, pin: bool) -> dict[str, Any]:
    """What a login's record says beyond who it is: from whom, and by which card, with the PIN or alone."""
    more: dict[str, Any] = {"from": before} if before else {}
    if card is not None:
        more |= {"card": name_of(card.key), "pin": pin}
    return more
