"""Whom central has appointed supervisor of this box: the document comes by stick, and the code by telephone.

Nothing that the box comes with lets anybody in: the first supervisor, and the next one when all have gone or
have forgotten their PINs, is named by central's signature and chooses a PIN here. Where the power goes
between naming and spending, the appointment can be used again, with the same code, by the same person.
"""

import datetime as dt
import logging
from pathlib import Path
from typing import Final, TypedDict

from nacl.signing import VerifyKey

from appliance.clock import Clock
from appliance.contracts.naming import Appoint, Named
from appliance.contracts.officers import Login, Role
from appliance.plain_files import plain_files, read_plain
from appliance.records.appointment import MAX_BYTES, Appointment, AppointmentError
from appliance.records.appointments import CodeLocked
from appliance.records.errors import StorageError
from appliance.records.officers import OfficerError, Officers, check_pin
from appliance.services.lane.duty import Duty

PREFIX, SUFFIX = "appointment", ".cose"
MAX_ON_STICK: Final = 200
"""Entries of the box's folder that are looked at."""
log = logging.getLogger(__name__)


class _Time(TypedDict):
    now: dt.datetime
    sure: bool
    floor: dt.datetime


class AppointingDesk:
    """`key` None: nobody appoints for this box. Looking at a code takes a while: call `take` in a thread."""

    def __init__(
        self,
        *,
        key: VerifyKey | None,
        officers: Officers,
        duty: Duty,
        clock: Clock,
        device: str,
        stick: Path | None,
    ) -> None:
        self._key = key
        self._officers = officers
        self._duty = duty
        self._clock = clock
        self._device = device
        self._stick = stick
        self._said = ""
        self.names: tuple[str, ...] = ()
        """Who may come with a code, as of the last look."""
        self.refused = ""
        """Why what lies on the stick appoints nobody: of APPOINTMENT_PROBLEMS."""

    def look(self) -> None:
        """Take in what lies on the stick for this box, and see whose time is over."""
        if self._key is None:
            return
        said, self.refused = "", ""
        try:
            for path in self._found():
                try:
                    self._take_in(path)
                except AppointmentError as error:
                    said, self.refused = str(error), error.code
            self.names = tuple(one.name for one in self._officers.appointments.waiting(**self._time()))
        except (OSError, StorageError) as error:
            said = str(error)
        if said and said != self._said:
            log.warning("%s", said)
        self._said = said

    def take(self, request: Appoint) -> Named:
        """Somebody says the code and chooses a PIN: they are supervisor, and on duty here."""
        if request.pin != request.again:
            return Named(taken=False, problem="pins_differ")
        try:
            check_pin(request.pin)  # before the code: a PIN that nobody can have costs no try
            appointment = self._officers.appointments.check(request.name, request.code, **self._time())
            if appointment is None:
                self._duty.visited("wrong_code", request.name)
                return Named(taken=False, problem="wrong_code")
            self._name(appointment, request.pin)
        except CodeLocked as locked:
            self._duty.visited("code_locked", request.name)
            return Named(taken=False, problem="locked", minutes=locked.minutes)
        except AppointmentError:
            return Named(taken=False, problem="not_appointed")
        except OfficerError as error:
            return Named(taken=False, problem=error.code)
        except StorageError:
            return Named(taken=False, problem="storage")
        self.names = tuple(one for one in self.names if one != appointment.name)
        self._duty.renew()
        self._duty.login(Login(name=appointment.name, pin=request.pin))
        return Named(taken=True)

    def _name(self, appointment: Appointment, pin: str) -> None:
        """The record first, as of every act; spent last, so that a power cut leaves it usable or done."""
        roles = {one.name: frozenset(one.roles) for one in self._officers.all()}.get(appointment.name)
        self._duty.acted("appointed", appointment.name, serial=appointment.serial, again=roles is not None)
        self._officers.add(appointment.name, pin, (roles or frozenset()) | {Role.SUPERVISOR})
        # A card that was lost would keep them out: who has central's word is given a new one on the page.
        self._officers.cards.take_away(appointment.name)
        self._officers.appointments.spend(appointment.serial)

    def _found(self) -> list[Path]:
        if self._stick is None:
            return []
        folder = self._stick / self._device
        return [
            folder / one.name
            for one in plain_files(folder, most=MAX_ON_STICK)
            if one.name.lower().startswith(PREFIX) and one.name.lower().endswith(SUFFIX)
        ]

    def _take_in(self, path: Path) -> None:
        data = read_plain(path, MAX_BYTES)
        if data is None or self._key is None:
            raise AppointmentError("The appointment on the stick is no plain file, or larger than one is.")
        self._officers.appointments.take_in(data, key=self._key, device=self._device, **self._time())

    def _time(self) -> _Time:
        now, quality = self._clock.now()
        return {"now": now, "sure": quality.sure, "floor": self._clock.floor}
