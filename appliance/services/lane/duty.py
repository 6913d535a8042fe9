"""Who is on duty at this lane: logging in with a PIN, handing over, and letting a traveller go on under RED.

Every act is a record. The box that nobody has been named for works without: a post with one officer, a demo,
a first day; a policy may ask for a login.
"""

import datetime as dt
import logging
import secrets
from collections.abc import Callable
from typing import Any

from appliance.clock import Clock
from appliance.contracts.movement import RECORD_TYPE_OFFICER
from appliance.contracts.officers import MIN_REASON, Login, OfficerAnswer, OfficerView, Release, Role
from appliance.records.errors import StorageError
from appliance.records.journal import Journal
from appliance.records.officers import Officer, OfficerLocked, Officers, OfficerUnknown

DECIDE = frozenset({Role.OFFICER, Role.SECOND_LINE, Role.SUPERVISOR})
"""Roles that may decide about travellers."""
log = logging.getLogger(__name__)


class Duty:
    """The officer at this lane. Looking at a PIN takes a quarter of a second: call it in a thread."""

    def __init__(
        self, *, officers: Officers, journal: Journal, clock: Clock, changed: Callable[[], None]
    ) -> None:
        self._officers = officers
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

    def look(self) -> None:
        """Read the book again: another process writes it. While it cannot be read nobody new logs in."""
        try:
            self.known, self.readable = self._officers.all(), True
        except StorageError as error:
            self.known, self.readable = (), False
            log.error("%s", error)  # noqa: TRY400 - the sentence says it all

    def login(self, login: Login) -> OfficerAnswer:
        """Take the lane over, or, without a name, end the shift."""
        if not login.name:
            return self._logout()
        officer = self._checked(login.name, login.pin)
        if isinstance(officer, OfficerAnswer):
            return officer
        if not officer.roles & DECIDE:
            return OfficerAnswer(taken=False, problem="not_allowed")
        before = self.name
        try:
            self._record("login", officer.name, **({"from": before} if before else {}))
        except StorageError:
            return OfficerAnswer(taken=False, problem="storage")
        self.officer = OfficerView(name=officer.name, roles=tuple(sorted(officer.roles)))
        self._changed()
        return OfficerAnswer(taken=True)

    def may_release(self, release: Release) -> OfficerAnswer:
        """Whether this officer, with this PIN and for this reason, may let a traveller go on under RED."""
        if len(" ".join(release.reason.split())) < MIN_REASON:
            return OfficerAnswer(taken=False, problem="no_reason")
        return self.proves(release.name, release.pin, DECIDE)

    def proves(self, name: str, pin: str, roles: frozenset[Role]) -> OfficerAnswer:
        """Whether this is the PIN of an officer who has one of these roles."""
        officer = self._checked(name, pin)
        if isinstance(officer, OfficerAnswer):
            return officer
        if not officer.roles & roles:
            return OfficerAnswer(taken=False, problem="not_allowed")
        return OfficerAnswer(taken=True)

    def note(self, act: str, **more: Any) -> None:
        """An act of the officer on duty, as a record.

        Raises:
            StorageError: it is not on disk.
        """
        self._record(act, self.name, **more)

    def visited(self, act: str, name: str) -> None:
        """A technician came or went; on a disk that is to be mended nothing can be written down."""
        self._try_to_record(act, name)

    def _logout(self) -> OfficerAnswer:
        if self.officer is not None:
            try:
                self._record("logout", self.officer.name)
            except StorageError:
                return OfficerAnswer(taken=False, problem="storage")
            self.officer = None
            self._changed()
        return OfficerAnswer(taken=True)

    def _checked(self, name: str, pin: str) -> Officer | OfficerAnswer:
        try:
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
        return officer

    def _try_to_record(self, act: str, name: str) -> None:
        """What happened has happened, whether or not it can be written down: a wrong PIN is refused."""
        try:
            self._record(act, name)
        except StorageError as error:
            log.warning("an officer's act is not recorded: %s", type(error).__name__)

    def _record(self, act: str, name: str, **more: Any) -> None:
        body = {"act": act, "officer": name, **more}
        self._journal.commit(
            f"officer/{secrets.token_hex(8)}", RECORD_TYPE_OFFICER, body, self._clock.stamp()
        )

    def _now(self) -> dt.datetime:
        return self._clock.now()[0]
