"""A virtual eMRTD chip: files behind PACE, BAC and secure messaging, honest unless told otherwise."""

import os
import threading
import time
from collections.abc import Callable, Collection, Mapping

from appliance.chip.bac import KEY_BYTES, RND_BYTES, TOKEN_BYTES, access_cipher
from appliance.chip.pace import MSE_PACE
from appliance.chip.read_file import (
    BY_SHORT_ID,
    DO_DATA,
    DO_OFFSET,
    SELECT_BY_NAME,
    SELECT_EF,
    SELECT_MF,
    SELECT_PATH,
)
from appliance.secure_messaging.apdu import (
    CLA_SECURE_MESSAGING,
    MAX_EXTENDED_LE,
    MAX_SHORT_LE,
    Command,
    Ins,
    Response,
    Status,
)
from appliance.secure_messaging.chip_authentication import MSE_SET_AT, MSE_SET_KAT
from appliance.simulation.chip.chip_side import ChipSession, ProtectionFailed, answer_bac
from appliance.simulation.chip.misbehaviour import (
    ENDLESS_HEADER_LENGTH,
    EXACT_LE,
    HUGE_HEADER_LENGTH,
    MAX_LE,
    READS_BEFORE_DEATH,
    SHORT_READ_BYTES,
    SLOW_SECONDS,
    Misbehaviour,
)
from appliance.simulation.chip.protocols import (
    DENIED,
    NOT_FOUND,
    NOT_NOW,
    OK,
    WRONG_DATA,
    ChipAuthenticationSide,
    PaceSide,
)
from appliance.simulation.chip.secrets import ChipSecrets
from appliance.simulation.chip.timing import Delay, no_delay
from appliance.travel_document.lds import tlv
from appliance.travel_document.lds.errors import EmrtdError, Malformed
from appliance.travel_document.lds.files import (
    ATR_INFO,
    BY_NAME,
    CARD_ACCESS,
    CARD_SECURITY,
    EMRTD_APPLICATION,
    MASTER_FILE,
    ElementaryFile,
)
from hal.device import ChipRemoved

GUARDED = frozenset({"DG3", "DG4"})
"""Fingerprints and irises, which no chip gives without terminal authentication."""
ATR = bytes.fromhex("3B80800101")
"""What PC/SC readers make of a contactless chip without historical bytes (PC/SC part 3)."""
KEY_FILES = frozenset({"DG14", "DG15"})

_MASTER_FILES = (CARD_ACCESS, CARD_SECURITY, ATR_INFO)


class VirtualChip:
    """One chip; `transmit` has the shape that the reader wants.

    `files` are contents by name (COM, DG1, ..., CardAccess, CardSecurity, ATR). `reset` is what leaving and
    entering the field does.
    """

    def __init__(
        self,
        files: Mapping[str, bytes],
        *,
        mrz_information: str,
        secrets: ChipSecrets | None = None,
        guarded: Collection[str] = GUARDED,
        misbehaviour: Misbehaviour = Misbehaviour.NONE,
        delay: Delay = no_delay,
        slow_seconds: float = SLOW_SECONDS,
        random: Callable[[int], bytes] = os.urandom,
    ) -> None:
        self._files = {
            file.file_id: (file, files[file.name]) for file in BY_NAME.values() if file.name in files
        }
        self._master = {
            file.file_id: (file, files[file.name]) for file in _MASTER_FILES if file.name in files
        }
        self._secrets = secrets or ChipSecrets()
        self._mrz_information = mrz_information
        self._guarded = frozenset(guarded)
        self._cipher = access_cipher(mrz_information)
        self._misbehaviour = misbehaviour
        self._delay = delay
        self._slow_seconds = slow_seconds
        self._random = random
        self._gone = threading.Event()
        self._refused_once = False
        if misbehaviour is Misbehaviour.CLONE:
            self._secrets = self._secrets.cloned()
        if misbehaviour is Misbehaviour.WITHHOLDS_KEYS:
            self._withhold_keys()
        if misbehaviour is Misbehaviour.PACE_HIDDEN:
            self._master.pop(CARD_ACCESS.file_id, None)
        self.atr = ATR
        self.reset()

    def reset(self) -> None:
        """As fresh from the field: nothing selected, nothing proved."""
        self._gone.clear()
        self._in_application = False
        self._master_selected = False
        self._selected: tuple[ElementaryFile, bytes] | None = None
        self._challenge: bytes | None = None
        self._session: ChipSession | None = None
        self._pace: PaceSide | None = None
        self._authentication = ChipAuthenticationSide(self._secrets)
        self._reads = 0

    def transmit(self, message: bytes) -> bytes:
        """One C-APDU in, its R-APDU out.

        Raises:
            ChipRemoved: this chip is one that leaves the field.
        """
        if self._gone.is_set():
            raise ChipRemoved("The simulated chip is not in the field.")
        answer = self._answer(message)
        seconds = self._delay(len(message), len(answer))
        if self._misbehaviour is Misbehaviour.SLOW:
            seconds += self._slow_seconds
        if seconds > 0:
            time.sleep(seconds)
        return answer

    def _answer(self, message: bytes) -> bytes:
        if self._misbehaviour is Misbehaviour.EMPTY_ANSWER:
            return b""
        if self._misbehaviour is Misbehaviour.GARBAGE:
            return self._random(1 + self._random(1)[0] % 64)
        try:
            command = Command.decode(message)
        except Malformed:
            return Response(b"", Status.WRONG_LENGTH).encode()
        if command.cla & CLA_SECURE_MESSAGING:
            return self._answer_protected(command).encode()
        if self._session is not None:
            self._session, self._pace = None, None  # a plain command ends a protected session
        answer = self._execute(command)
        if self._pace is not None and self._pace.session is not None:
            self._session, self._pace = self._pace.session, None
        return answer.encode()

    def _answer_protected(self, command: Command) -> Response:
        session = self._session
        if session is None:
            return Response(b"", Status.SM_OBJECT_WRONG)
        try:
            plain = session.unprotect(command)
        except ProtectionFailed:
            self._session = None
            return Response(b"", Status.SM_OBJECT_WRONG)
        answer = self._execute(plain)
        if self._session is None:  # the command ended it, so its status goes out bare
            return Response(b"", answer.status)
        reading = plain.ins in (Ins.READ_BINARY, Ins.READ_BINARY_ODD)
        if reading and self._misbehaviour is Misbehaviour.PLAIN_ANSWER_AFTER_SM:
            return answer
        with_status = self._misbehaviour is not Misbehaviour.NO_PROTECTED_STATUS
        protected = session.protect(plain, answer, with_status=with_status)
        if self._authentication.next_session is not None:
            # The answer that ends Chip Authentication still goes out under the old keys (9303-11, 9.8.1).
            self._session, self._authentication.next_session = self._authentication.next_session, None
        if self._misbehaviour is Misbehaviour.WRONG_MAC:
            return Response(protected.data[:-1] + bytes((protected.data[-1] ^ 1,)), protected.status)
        if self._misbehaviour is Misbehaviour.TRUNCATED_ANSWER:
            return Response(protected.data[: len(protected.data) // 2], protected.status)
        return protected

    def _execute(self, command: Command) -> Response:
        if (
            self._misbehaviour is Misbehaviour.QUIRK_LE_ON_SELECT
            and command.ins in (Ins.SELECT, Ins.MANAGE_SECURITY_ENVIRONMENT)
            and command.le is not None
        ):
            return Response(b"", Status.WRONG_LENGTH)
        try:
            match command.ins:
                case Ins.SELECT:
                    return self._select(command)
                case Ins.GET_CHALLENGE:
                    return self._get_challenge(command)
                case Ins.EXTERNAL_AUTHENTICATE:
                    return self._authenticate(command)
                case Ins.READ_BINARY | Ins.READ_BINARY_ODD:
                    return self._read_binary(command)
                case Ins.MANAGE_SECURITY_ENVIRONMENT:
                    return self._manage_security_environment(command)
                case Ins.GENERAL_AUTHENTICATE:
                    return self._general_authenticate(command)
                case Ins.INTERNAL_AUTHENTICATE:
                    return self._internal_authenticate(command)
                case _:
                    return Response(b"", Status.UNKNOWN_INSTRUCTION)
        except EmrtdError:
            return WRONG_DATA

    # Files

    def _select(self, command: Command) -> Response:
        if command.p1 == SELECT_BY_NAME:
            known = command.data == EMRTD_APPLICATION
            if not known or self._misbehaviour is Misbehaviour.NO_APPLICATION:
                return Response(b"", Status.FILE_NOT_FOUND)
            self._in_application, self._selected = True, None
            return OK
        if command.p1 == SELECT_MF and command.data in (b"", MASTER_FILE.to_bytes(2)):
            self._in_application, self._selected = False, None
            self._master_selected = True
            return OK
        if command.p1 == SELECT_PATH and len(command.data) == 2:
            self._in_application, self._selected, self._master_selected = False, None, True
        elif command.p1 != SELECT_EF or len(command.data) != 2:
            return Response(b"", Status.WRONG_P1_P2)
        return self._select_file(int.from_bytes(command.data))

    def _select_file(self, file_id: int) -> Response:
        shy = self._misbehaviour is Misbehaviour.QUIRK_CARD_ACCESS_PATH and not self._master_selected
        if shy and file_id == CARD_ACCESS.file_id:
            return Response(b"", Status.FILE_NOT_FOUND)
        found = self._find(file_id)
        if isinstance(found, Response):
            return found
        self._selected = found
        return OK

    def _find(self, file_id: int) -> tuple[ElementaryFile, bytes] | Response:
        """The file in what is selected now, or why not."""
        if not self._in_application:
            if file_id not in self._master:
                return Response(b"", Status.FILE_NOT_FOUND)
            if file_id == CARD_SECURITY.file_id and self._session is None:
                return Response(b"", Status.SECURITY_NOT_SATISFIED)
            return self._master[file_id]
        if self._session is None:
            return Response(b"", Status.SECURITY_NOT_SATISFIED)
        if file_id not in self._files:
            return Response(b"", Status.FILE_NOT_FOUND)
        file, content = self._files[file_id]
        if file.name in self._guarded:
            return Response(b"", Status.SECURITY_NOT_SATISFIED)
        return file, self._misrepresent(file, content)

    def _misrepresent(self, file: ElementaryFile, content: bytes) -> bytes:
        match self._misbehaviour:
            case Misbehaviour.HUGE_LENGTH:
                return bytes((file.tag,)) + HUGE_HEADER_LENGTH + content
            case Misbehaviour.ENDLESS_FILE:
                return bytes((file.tag,)) + ENDLESS_HEADER_LENGTH + bytes(0xFFF0)
            case Misbehaviour.WRONG_FILE:
                return self._files[BY_NAME["COM"].file_id][1]
            case _:
                return content

    def _read_binary(self, command: Command) -> Response:
        offset = command.p1 << 8 | command.p2
        if command.ins == Ins.READ_BINARY and command.p1 & BY_SHORT_ID:
            if self._misbehaviour is Misbehaviour.NO_SHORT_IDS:
                return Response(b"", Status.WRONG_P1_P2)
            selected = self._select_short(command.p1 & 0x1F)
            if not selected.ok:
                return selected
            offset = command.p2
        if self._selected is None:
            return NOT_NOW
        file, content = self._selected
        if file.name not in (CARD_ACCESS.name, ATR_INFO.name) and self._session is None:
            return Response(b"", Status.SECURITY_NOT_SATISFIED)
        self._reads += 1
        refused = self._refuse_read(command)
        if refused is not None:
            return refused
        if command.ins == Ins.READ_BINARY:
            return _slice(content, offset, self._count(command.le or 0, offset))
        return self._read_odd(command, content)

    def _select_short(self, short_id: int) -> Response:
        known = self._files if self._in_application else self._master
        matching = [file_id for file_id in known if file_id & 0x1F == short_id]
        if not matching:
            return Response(b"", Status.FILE_NOT_FOUND)
        if not self._in_application and matching[0] == CARD_ACCESS.file_id:
            return self._select_file(matching[0])
        found = self._find(matching[0])
        if isinstance(found, Response):
            return found
        self._selected = found
        return OK

    def _read_odd(self, command: Command, content: bytes) -> Response:
        try:
            offset = int.from_bytes(tlv.decode_one(command.data, DO_OFFSET).value)
        except Malformed:
            return WRONG_DATA
        # Le counts the data object, so its header comes off what is read.
        le = command.le or 0
        count = le - (2 if le < 130 else 3 if le < 259 else 4)
        answer = _slice(content, offset, self._count(count, offset))
        return Response(tlv.encode(DO_DATA, answer.data), answer.status) if answer.data else answer

    def _refuse_read(self, command: Command) -> Response | None:
        le = command.le or 0
        match self._misbehaviour:
            case Misbehaviour.DIES_MID_FILE if self._reads > READS_BEFORE_DEATH:
                self._gone.set()
                raise ChipRemoved("The simulated chip left the field.")
            case Misbehaviour.SESSION_DROPS if self._session is not None:
                self._session = None
                return Response(b"", Status.SM_OBJECT_WRONG)
            case Misbehaviour.LE_256_REFUSED | Misbehaviour.LE_ABOVE_160_REFUSED if self._session is not None:
                if le > MAX_LE[self._misbehaviour]:
                    self._session = None
                    return Response(b"", Status.WRONG_LENGTH)
            case Misbehaviour.WRONG_LE if le > EXACT_LE and self._session is not None:
                return Response(b"", 0x6C00 | EXACT_LE)
            case Misbehaviour.QUIRK_LONGEST_LE if le == MAX_EXTENDED_LE:
                return OK
            case Misbehaviour.EMPTY_READS:
                return OK
        return None

    def _count(self, count: int, offset: int) -> int:
        if self._misbehaviour is Misbehaviour.SHORT_READS:
            return min(count, SHORT_READ_BYTES)
        if self._misbehaviour is Misbehaviour.ENDLESS_FILE and self._session is not None:
            # The header comes whole, so that its length is believed; then drops.
            return min(count, 1 if offset else 6)
        return count

    # Access

    def _get_challenge(self, command: Command) -> Response:
        if not self._in_application:
            return NOT_NOW
        if command.le != RND_BYTES:
            return Response(b"", Status.WRONG_LENGTH)
        self._challenge = self._random(RND_BYTES)
        return Response(self._challenge, Status.OK)

    def _authenticate(self, command: Command) -> Response:
        challenge, self._challenge = self._challenge, None
        if self._misbehaviour is Misbehaviour.REFUSES_BAC or not self._secrets.bac:
            return NOT_FOUND
        if challenge is None:
            return NOT_NOW
        if self._misbehaviour is Misbehaviour.CANNOT_PROVE_KEYS:
            return Response(self._random(TOKEN_BYTES), Status.OK)
        accepted = answer_bac(
            self._cipher, rnd_ic=challenge, k_ic=self._random(KEY_BYTES), token=command.data
        )
        if accepted is None:
            return DENIED
        proof, self._session = accepted
        return Response(proof, Status.OK)

    def _manage_security_environment(self, command: Command) -> Response:
        kind = command.p1, command.p2
        if kind == MSE_PACE:
            self._pace = PaceSide(self._secrets, self._mrz_information, random=self._random)
            wants = self._misbehaviour is Misbehaviour.QUIRK_PACE_PARAMETERS
            return self._pace.set_template(command.data, wants_parameters=wants)
        if self._session is None or self._misbehaviour is Misbehaviour.REFUSES_CHIP_AUTHENTICATION:
            return NOT_FOUND
        if kind == MSE_SET_KAT:
            return self._authentication.set_key_agreement_template(command.data)
        if kind == MSE_SET_AT:
            return self._authentication.set_template(command.data)
        return Response(b"", Status.WRONG_P1_P2)

    def _general_authenticate(self, command: Command) -> Response:
        if self._pace is None:
            return self._authentication.authenticate(command.data) if self._session is not None else NOT_NOW
        pace = self._pace
        answer = pace.authenticate(command.data)
        match self._misbehaviour:
            case Misbehaviour.PACE_FAILS if tlv.decode_one(command.data, 0x7C).value:
                self._pace = None
                return Response(b"", 0x6FFF)
            case Misbehaviour.PACE_DENIES if pace.session is not None:
                self._pace = None
                return DENIED
            case Misbehaviour.QUIRK_PACE_ONCE if pace.session is not None and not self._refused_once:
                self._pace, self._refused_once = None, True
                return DENIED
            case Misbehaviour.PACE_CANNOT_PROVE if pace.session is not None:
                return Response(tlv.encode(0x7C, tlv.encode(0x86, self._random(8))), Status.OK)
        return answer

    def _internal_authenticate(self, command: Command) -> Response:
        if self._secrets.active_authentication is None:
            return Response(b"", Status.UNKNOWN_INSTRUCTION)
        if self._session is None:
            return Response(b"", Status.SECURITY_NOT_SATISFIED)
        if self._misbehaviour is Misbehaviour.REFUSES_ACTIVE_AUTHENTICATION:
            return NOT_NOW
        signature = self._secrets.sign_challenge(command.data)
        le = command.le or 0
        if self._misbehaviour is Misbehaviour.QUIRK_LONGEST_LE and le == MAX_EXTENDED_LE:
            return OK
        if le < len(signature):
            if self._misbehaviour is Misbehaviour.QUIRK_SHORT_SIGNATURE and le <= MAX_SHORT_LE:
                return Response(signature[:le], Status.OK)
            return Response(b"", Status.WRONG_LENGTH)
        return Response(signature, Status.OK)

    def _withhold_keys(self) -> None:
        """Without DG14 and DG15, and with an EF.COM that never heard of them: the oldest trick of clones."""
        for name in KEY_FILES:
            self._files.pop(BY_NAME[name].file_id, None)
        com = BY_NAME["COM"]
        if com.file_id in self._files:
            content = self._files[com.file_id][1]
            gone = bytes(BY_NAME[name].tag for name in KEY_FILES)
            objects = tlv.decode_one(content, com.tag).children()
            shorter = b"".join(
                tlv.encode(one.tag, bytes(byte for byte in one.value if byte not in gone))
                if one.tag == 0x5C
                else tlv.encode(one.tag, one.value)
                for one in objects
            )
            self._files[com.file_id] = com, tlv.encode(com.tag, shorter)


def _slice(content: bytes, offset: int, count: int) -> Response:
    if offset >= len(content):
        return Response(b"", Status.WRONG_OFFSET)
    data = content[offset : offset + count]
    return Response(data, Status.OK if len(data) == count else Status.END_OF_FILE)
