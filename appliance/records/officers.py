"""The officers of this box: who they are, what they may do, and the proof of their PIN.

A small file, encrypted under the storage key and replaced whole. PINs are kept as Argon2id (RFC 9106); there
is none that the box comes with. Wrong tries are counted on disk, so that pulling the plug gives no new ones.
"""

import datetime as dt
import itertools
import re
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Final

import msgspec
from nacl.secret import SecretBox

from appliance.contracts.officers import OfficerView, Role
from appliance.records import secret_proof
from appliance.records.appointments import Appointments
from appliance.records.officer_cards import CardTaken, OfficerCards
from appliance.records.sealed_book import SealedBook
from appliance.records.secret_proof import proves

FILE: Final = "officers.sealed"
MAX_OFFICERS: Final = 200
MIN_PIN: Final = 6
MAX_TRIES: Final = 5
LOCKED_FOR: Final = dt.timedelta(minutes=15)
OPS, MEMORY = secret_proof.OPS, secret_proof.MEMORY
"""A PIN is short: the storage key guards the file."""
_PIN: Final = re.compile(rf"[0-9]{{{MIN_PIN},12}}")


class OfficerError(Exception):
    """What cannot be done with the book of officers, in one plain sentence; `code` for the officer's page."""

    def __init__(self, sentence: str, code: str = "") -> None:
        super().__init__(sentence)
        self.code = code


class Officer(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One officer."""

    name: Annotated[str, msgspec.Meta(min_length=1, max_length=64)]
    roles: frozenset[Role]
    proof: bytes
    """Argon2id of the PIN, in libsodium's text form."""
    tries: int = 0
    """Wrong ones since the last right one."""
    locked_until: dt.datetime | None = None


class _Book(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    officers: dict[str, Officer]


class Officers:
    """The book, read anew when another process has replaced it. Safe to use from several threads."""

    def __init__(self, folder: Path, storage: SecretBox) -> None:
        self._file = SealedBook(folder / FILE, storage, _Book, what="The book of officers")
        self._lock = threading.Lock()
        self.cards = OfficerCards(folder, storage)
        self.appointments = Appointments(folder, storage)

    def all(self) -> tuple[OfficerView, ...]:
        """By name.

        Raises:
            StorageBroken: the book cannot be read.
        """
        found = sorted(self._read().values(), key=lambda officer: officer.name)
        cards = self.cards.all()
        return tuple(
            OfficerView(name=one.name, roles=tuple(sorted(one.roles)), card=one.name in cards)
            for one in found
        )

    def add(self, name: str, pin: str, roles: frozenset[Role]) -> None:
        """A new officer, or an old one with a new PIN and these roles.

        Raises:
            OfficerError: a name, a PIN or roles that nobody can have.
            StorageBroken: it is not on disk.
        """
        name = check_name(name)
        _check_roles(roles)
        check_pin(pin)
        with self._lock:
            officers = self._read()
            if name not in officers and len(officers) >= MAX_OFFICERS:
                raise OfficerError(f"There are {MAX_OFFICERS} officers already.", "full")
            self._write(officers | {name: Officer(name=name, roles=roles, proof=_prove(pin))})

    def set_roles(self, name: str, roles: frozenset[Role]) -> None:
        """These from now on; the PIN stays.

        Raises:
            OfficerError: there is none of this name, or roles that nobody can have.
            StorageBroken: it is not on disk.
        """
        _check_roles(roles)
        self._change(name, lambda officer: msgspec.structs.replace(officer, roles=roles))

    def unlock(self, name: str) -> None:
        """Wrong PINs of before are forgiven.

        Raises:
            OfficerError: there is none of this name.
            StorageBroken: it is not on disk.
        """
        self._change(name, lambda officer: _tried(officer, 0, None))

    def locked(self, *, now: dt.datetime) -> dict[str, int]:
        """For how many minutes still, by name, who is locked out.

        Raises:
            StorageBroken: the book cannot be read.
        """
        found = {}
        for officer in self._read().values():
            try:
                _refuse_locked(officer, now)
            except OfficerLocked as locked:
                found[officer.name] = locked.minutes
        return found

    def _change(self, name: str, change: Callable[[Officer], Officer]) -> None:
        with self._lock:
            officers = self._read()
            if name not in officers:
                raise OfficerError(f"There is no officer called {name}.", "not_there")
            self._write(officers | {name: change(officers[name])})

    def remove(self, name: str) -> None:
        """Raises:
        OfficerError: there is none of this name.
        StorageBroken: it is not on disk.
        """
        with self._lock:
            officers = self._read()
            if officers.pop(name, None) is None:
                raise OfficerError(f"There is no officer called {name}.", "not_there")
            self._write(officers)
        self.cards.take_away(name)

    def give_card(self, name: str, key: bytes) -> None:
        """This officer's card from now on: the key that it has proved.

        Raises:
            OfficerError: there is none of this name, or the card is somebody else's.
            StorageBroken: it is not on disk.
        """
        if name not in self._read():
            raise OfficerError(f"There is no officer called {name}.", "not_there")
        try:
            self.cards.give(name, key)
        except CardTaken as error:
            raise OfficerError(str(error), "card_taken") from error

    def holder(self, key: bytes, *, now: dt.datetime) -> Officer | None:
        """The officer whose card has this key; None: nobody's.

        Raises:
            OfficerLocked: too many wrong PINs before; until when.
            StorageBroken: the book cannot be read.
        """
        officers = self._read()
        name = next((one for one, known in self.cards.all().items() if known == key), None)
        officer = None if name is None else officers.get(name)
        if officer is not None:
            _refuse_locked(officer, now)
        return officer

    def check(self, name: str, pin: str, *, now: dt.datetime) -> Officer | None:
        """The officer whose PIN this is; None for a wrong one, which is counted.

        Raises:
            OfficerUnknown: there is none of this name.
            OfficerLocked: too many wrong ones; until when.
            StorageBroken: the book cannot be read, or the count is not on disk.
        """
        with self._lock:
            officers = self._read()
            officer = officers.get(name)
            if officer is None:
                _prove(pin)  # it takes as long as a wrong PIN
                raise OfficerUnknown(f"There is no officer called {name}.", "not_there")
            _refuse_locked(officer, now)
            if proves(officer.proof, pin):
                if officer.tries:
                    self._write(officers | {name: _tried(officer, 0, None)})
                return officer
            tries = officer.tries + 1
            locked = now + LOCKED_FOR if tries >= MAX_TRIES else None
            self._write(officers | {name: _tried(officer, 0 if locked else tries, locked)})
            if locked:
                raise OfficerLocked(LOCKED_FOR)
            return None

    def _read(self) -> dict[str, Officer]:
        book = self._file.read()
        return {} if book is None else book.officers

    def _write(self, officers: dict[str, Officer]) -> None:
        self._file.write(_Book(officers))


class OfficerUnknown(OfficerError):
    """There is no officer of this name."""


class OfficerLocked(OfficerError):
    """Too many wrong PINs."""

    def __init__(self, left: dt.timedelta) -> None:
        self.minutes = max(1, -(-int(left.total_seconds()) // 60))
        super().__init__(f"Too many wrong PINs: locked for {self.minutes} minutes.", "locked")


def check_name(name: str) -> str:
    """The name as it is kept.

    Raises:
        OfficerError: nobody is called so.
    """
    name = " ".join(name.split())
    if not 1 <= len(name) <= 64 or not name.isprintable():
        raise OfficerError("A name has 1 to 64 characters.", "bad_name")
    return name


def check_pin(pin: str) -> None:
    """Raises:
    OfficerError: nobody should have this PIN.
    """
    if not _PIN.fullmatch(pin):
        raise OfficerError(f"A PIN has {MIN_PIN} to 12 digits.", "bad_pin")
    steps = {(int(after) - int(before)) % 10 for before, after in itertools.pairwise(pin)}
    if len(steps) == 1 and steps <= {0, 1, 9}:
        raise OfficerError("This PIN is the first that anybody would try: choose another.", "easy_pin")


def _check_roles(roles: frozenset[Role]) -> None:
    if not roles:
        raise OfficerError("An officer has at least one role.", "no_roles")


def _refuse_locked(officer: Officer, now: dt.datetime) -> None:
    if officer.locked_until is not None and now < officer.locked_until:
        # A clock that was set back locks nobody out for longer than it would have.
        raise OfficerLocked(min(officer.locked_until - now, LOCKED_FOR))


def _tried(officer: Officer, tries: int, locked: dt.datetime | None) -> Officer:
    return msgspec.structs.replace(officer, tries=tries, locked_until=locked)


def _prove(pin: str) -> bytes:
    return secret_proof.prove(pin, ops=OPS, memory=MEMORY)
