"""The appointments that a box has taken in, and those that are spent: each is good once, and for few guesses.

A small file, encrypted under the storage key and replaced whole, beside the book of officers and apart from
it, so that a version of this program that knows no appointments still reads the book. Wrong codes are counted
on disk, so that pulling the plug gives no new tries; what is spent stays so when the stick comes back.
"""

import datetime as dt
import threading
from pathlib import Path
from typing import Final

import msgspec
from nacl.secret import SecretBox
from nacl.signing import VerifyKey

from appliance.records.appointment import Appointment, AppointmentError, is_code, read_appointment
from appliance.records.sealed_book import SealedBook

FILE: Final = "appointments.sealed"
MAX_WAITING: Final = 20
MAX_SPENT: Final = 4000
"""Serials kept; the oldest go first, long after their own time is over."""
MAX_TRIES: Final = 5
LOCKED_FOR: Final = dt.timedelta(minutes=15)
"""As of PINs."""


class CodeLocked(Exception):
    """Too many wrong codes."""

    def __init__(self, left: dt.timedelta) -> None:
        self.minutes = max(1, -(-int(left.total_seconds()) // 60))
        super().__init__(f"Too many wrong codes: locked for {self.minutes} minutes.")


class _Waiting(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    document: Appointment
    tries: int = 0
    """Wrong codes since it came or was locked last."""
    locked_until: dt.datetime | None = None


class _Book(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    waiting: dict[str, _Waiting] = {}
    """By the officer's name: a newer one takes the place of an older."""
    spent: tuple[str, ...] = ()
    """Serials of those that were used or replaced, the newest last."""


class Appointments:
    """The file, read anew when another process has replaced it. Safe to use from several threads."""

    def __init__(self, folder: Path, storage: SecretBox) -> None:
        self._file = SealedBook(folder / FILE, storage, _Book, what="The book of appointments")
        self._lock = threading.Lock()

    def take_in(
        self, data: bytes, *, key: VerifyKey, device: str, now: dt.datetime, sure: bool, floor: dt.datetime
    ) -> Appointment | None:
        """Keep an appointment until it is used or over; None where it is kept already.

        Raises:
            AppointmentError: not central's, another box's, over, not yet, spent, or older than one for the
                same person; or too many wait.
            StorageBroken: it is not on disk.
        """
        found = read_appointment(data, key=key)
        if found.device != device:
            raise AppointmentError("The appointment is for another box.", "appointment_other_box")
        if not found.counts(now=now, sure=sure, floor=floor):
            raise AppointmentError("The appointment's time is over, or has not come.", "appointment_over")
        with self._lock:
            book = self._read()
            if found.serial in book.spent:
                raise AppointmentError("The appointment is spent.", "appointment_spent")
            before = book.waiting.get(found.name)
            if before is not None and before.document.serial == found.serial:
                return None
            if before is not None and before.document.not_before > found.not_before:
                self._file.write(_spent(book, found.serial))
                raise AppointmentError(
                    "There is a newer appointment for the same person.", "appointment_spent"
                )
            if before is not None:
                book = _spent(book, before.document.serial)
            waiting = {
                name: one
                for name, one in book.waiting.items()
                if one.document.counts(now=now, sure=sure, floor=floor)
            }
            if len(waiting) >= MAX_WAITING:
                raise AppointmentError(f"{MAX_WAITING} appointments wait already.")
            waiting[found.name] = _Waiting(document=found)
            self._file.write(msgspec.structs.replace(book, waiting=waiting))
            return found

    def waiting(self, *, now: dt.datetime, sure: bool, floor: dt.datetime) -> tuple[Appointment, ...]:
        """Those that can be used now, by name.

        Raises:
            StorageBroken: the file cannot be read.
        """
        found = (one.document for _, one in sorted(self._read().waiting.items()))
        return tuple(one for one in found if one.counts(now=now, sure=sure, floor=floor))

    def check(
        self, name: str, code: str, *, now: dt.datetime, sure: bool, floor: dt.datetime
    ) -> Appointment | None:
        """The appointment of this name whose code this is; None for a wrong one, which is counted. It is good
        until `spend`.

        Raises:
            AppointmentError: none of this name can be used now.
            CodeLocked: too many wrong codes; until when.
            StorageBroken: the file cannot be read, or the count is not on disk.
        """
        with self._lock:
            book = self._read()
            one = book.waiting.get(name)
            if one is None or not one.document.counts(now=now, sure=sure, floor=floor):
                raise AppointmentError(f"No appointment waits for {name}.")
            if one.locked_until is not None and now < one.locked_until:
                # A clock that was set back locks nobody out for longer than it would have.
                raise CodeLocked(min(one.locked_until - now, LOCKED_FOR))
            if is_code(one.document, code):
                return one.document
            tries = one.tries + 1
            locked = now + LOCKED_FOR if tries >= MAX_TRIES else None
            counted = msgspec.structs.replace(one, tries=0 if locked else tries, locked_until=locked)
            self._file.write(msgspec.structs.replace(book, waiting=book.waiting | {name: counted}))
            if locked:
                raise CodeLocked(LOCKED_FOR)
            return None

    def spend(self, serial: str) -> None:
        """It was used: never again.

        Raises:
            StorageBroken: it is not on disk.
        """
        with self._lock:
            self._file.write(_spent(self._read(), serial))

    def _read(self) -> _Book:
        return self._file.read() or _Book()


def _spent(book: _Book, serial: str) -> _Book:
    waiting = {name: one for name, one in book.waiting.items() if one.document.serial != serial}
    earlier = (one for one in book.spent if one != serial)
    return _Book(waiting=waiting, spent=(*earlier, serial)[-MAX_SPENT:])
