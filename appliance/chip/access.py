"""Opening a chip (ICAO Doc 9303-11, 4): PACE as the chip offers it, BAC where there is no other way, all
recorded."""

import enum
from dataclasses import dataclass, field

from appliance.chip.bac import access_cipher, establish_bac
from appliance.chip.channel import Channel
from appliance.chip.errors import AccessDenied, AccessUnavailable, FileAbsent, FileError, ProtocolFailed
from appliance.chip.pace import ChipMapping, Password, establish_pace, supported_group
from appliance.chip.read_file import (
    read_by_short_id,
    read_selected,
    select_application,
    select_by_path,
    select_file,
    select_master_file,
)
from appliance.secure_messaging.errors import SecureMessagingError, SessionEnded
from appliance.travel_document.authentication.facts import AccessAttempt
from appliance.travel_document.lds.errors import EmrtdError, Malformed
from appliance.travel_document.lds.files import CARD_ACCESS, CARD_SECURITY
from appliance.travel_document.lds.security_infos import PaceInfo, pace_ways, read_card_access

MAX_PACE_WAYS = 3
"""Ways that are tried of those that a chip offers; a fourth would gain nobody anything."""
TRIES_AT_LAST_STEP = 2
"""Greek documents were seen to refuse right keys at PACE's last step once."""


class Access(enum.StrEnum):
    """Access protocols."""

    BAC = "BAC"
    PACE = "PACE"


@dataclass(slots=True, repr=False)
class Offer:
    """What EF.CardAccess says."""

    content: bytes | None = None
    ways: tuple[PaceInfo, ...] = ()
    pace: bool = False
    """PACE is offered, by ways that are known or by others."""


@dataclass(slots=True, repr=False)
class Opening:
    """How the chip was opened; run again after a lost session, the same way first."""

    offer: Offer = field(default_factory=Offer)
    attempts: list[AccessAttempt] = field(default_factory=list)
    used: Access | None = None
    way: PaceInfo | None = None
    mapping: ChipMapping | None = None
    card_security: bytes | None = None


def read_offer(channel: Channel, *, block_bytes: int) -> Offer:
    """EF.CardAccess, by whichever way the chip likes; a file that cannot be understood is an offer.

    Otherwise whoever garbles it on its way would have PACE forgotten without a trace. Chips differ in how
    it is reached: by its short identifier, by its path, or after the master file was selected (Denmark).
    """
    try:
        content = _find_card_access(channel, block_bytes)
        if content is None:
            return Offer()
        infos = read_card_access(content)
    except Malformed:
        return Offer(pace=True)
    offered = bool(infos.pace or infos.unread or infos.explicit_pace_parameters)
    return Offer(content, pace_ways(infos.pace), offered)


def _find_card_access(channel: Channel, block_bytes: int) -> bytes | None:
    try:
        return read_by_short_id(channel, CARD_ACCESS, block_bytes=block_bytes)
    except FileError:
        pass
    try:
        try:
            select_by_path(channel, CARD_ACCESS)
        except FileAbsent:
            return None
        except FileError:
            if not select_master_file(channel):
                return None
            select_file(channel, CARD_ACCESS)
        return read_selected(channel, CARD_ACCESS, block_bytes=block_bytes)
    except FileError:
        return None


class Opener:
    """Opens one chip with one password, and opens it again when it ended the session."""

    def __init__(self, channel: Channel, *, mrz_information: str | None, can: str | None) -> None:
        if mrz_information is None and can is None:
            raise ValueError("A chip opens with an MRZ or a CAN.")
        self._channel = channel
        self._bac = access_cipher(mrz_information) if mrz_information is not None else None
        self._passwords = [
            *([Password.mrz(mrz_information)] if mrz_information is not None else []),
            *([Password.can(can)] if can is not None else []),
        ]
        self.opening = Opening()

    def open(self) -> None:
        """PACE in the order of strength, then BAC; the channel is protected and the application selected.

        Raises:
            AccessDenied: nothing opened it.
            NotAnEmrtd: there is no eMRTD application.
        """
        if self.opening.used is Access.BAC:
            self._open_with_bac()
            return
        error = self._try_pace()
        if error is None:
            return
        if self._bac is None:
            raise error
        try:
            self._open_with_bac()
        except AccessUnavailable:
            # A chip that speaks PACE only: what PACE said is the better reason.
            if self.opening.offer.ways:
                raise error from None
            raise

    def _try_pace(self) -> EmrtdError | None:
        """None when it opened; otherwise the first thing that went wrong."""
        first: EmrtdError | None = None
        ways = [self.opening.way] if self.opening.way is not None else list(self.opening.offer.ways)
        for way in ways[:MAX_PACE_WAYS]:
            if supported_group(way) is None:
                self._note(way.description, "", "unsupported")
                first = first or AccessUnavailable(
                    f"The chip offers {way.description} in a group not used here."
                )
                continue
            for password in self._passwords:
                error = self._pace(way, password)
                if error is None:
                    self.opening.way, self.opening.used = way, Access.PACE
                    return None
                first = first or error
        return first or AccessUnavailable("The chip does not offer PACE.")

    def _pace(self, way: PaceInfo, password: Password) -> EmrtdError | None:
        """One way with one password; a refusal at the last step is tried once more, with a CAN never."""
        tries = TRIES_AT_LAST_STEP if password.kind == "MRZ" else 1
        problem: EmrtdError | None = None
        for _ in range(tries):
            self._channel.start_over()
            try:
                mapping = establish_pace(self._channel, way, password)
                if mapping is not None and self.opening.card_security is None:
                    self.opening.mapping = mapping
                    self.opening.card_security = self._read_card_security()
                select_application(self._channel)
            except AccessDenied as error:
                unavailable = isinstance(error, AccessUnavailable)
                self._note(way.description, password.kind, "unavailable" if unavailable else "denied")
                problem = error
                if unavailable:
                    break
            except ProtocolFailed as error:
                self._note(way.description, password.kind, "failed", error.step, error.status_word)
                return error
            except (Malformed, SessionEnded) as error:
                status = error.status_word if isinstance(error, SessionEnded) else None
                self._note(way.description, password.kind, "failed", "", status)
                return error
            else:
                self._note(way.description, password.kind, "opened")
                return None
        return problem

    def _read_card_security(self) -> bytes | None:
        try:
            return read_by_short_id(self._channel, CARD_SECURITY, block_bytes=223)
        except FileError:
            pass
        try:
            select_file(self._channel, CARD_SECURITY)
            return read_selected(self._channel, CARD_SECURITY, block_bytes=223)
        except (FileError, Malformed):
            return None  # DG14 may hold the same key

    def _open_with_bac(self) -> None:
        assert self._bac is not None
        self._channel.start_over()
        select_application(self._channel)
        try:
            establish_bac(self._channel, self._bac)
        except AccessDenied as error:
            outcome = "unavailable" if isinstance(error, AccessUnavailable) else "denied"
            self._note("BAC", "MRZ", outcome)
            raise
        except SecureMessagingError:
            self._note("BAC", "MRZ", "failed")
            raise
        self.opening.used = Access.BAC
        self._note("BAC", "MRZ", "opened")

    def _note(
        self, protocol: str, password: str, outcome: str, step: str = "", status_word: int | None = None
    ) -> None:
        self.opening.attempts.append(AccessAttempt(protocol, password, outcome, step, status_word))
