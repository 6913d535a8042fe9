"""A virtual eMRTD chip: files behind BAC and secure messaging, honest unless told otherwise."""

import os
import threading
import time
from collections.abc import Callable, Collection, Mapping

from appliance.chip import tlv
from appliance.chip.apdu import CLA_SECURE_MESSAGING, Command, Ins, Response, Status
from appliance.chip.bac import KEY_BYTES, RND_BYTES, TOKEN_BYTES, access_cipher
from appliance.chip.errors import Malformed
from appliance.chip.files import BY_NAME, CARD_ACCESS, EMRTD_APPLICATION, MASTER_FILE, ElementaryFile
from appliance.chip.read_file import DO_DATA, DO_OFFSET, SELECT_BY_NAME, SELECT_EF, SELECT_MF
from appliance.simulation.chip.chip_side import ChipSession, ProtectionFailed, answer_bac
from appliance.simulation.chip.misbehaviour import (
    ENDLESS_HEADER_LENGTH,
    HUGE_HEADER_LENGTH,
    MAX_LE,
    READS_BEFORE_DEATH,
    SLOW_SECONDS,
    Misbehaviour,
)
from appliance.simulation.chip.timing import Delay, no_delay
from hal.device import ChipRemoved

GUARDED = frozenset({"DG3", "DG4"})
"""Fingerprints and irises, which no chip gives without terminal authentication."""
ATR = bytes.fromhex("3B80800101")
"""What PC/SC readers make of a contactless chip without historical bytes (PC/SC part 3)."""

_OK = Response(b"", Status.OK)


class VirtualChip:
    """One chip; `transmit` has the shape that the reader wants.

    `files` are contents by name (COM, DG1, ..., CardAccess for a chip that claims PACE). `reset` is
    what leaving and entering the field does.
    """

    def __init__(
        self,
        files: Mapping[str, bytes],
        *,
        mrz_information: str,
        guarded: Collection[str] = GUARDED,
        misbehaviour: Misbehaviour = Misbehaviour.NONE,
        delay: Delay = no_delay,
        slow_seconds: float = SLOW_SECONDS,
        random: Callable[[int], bytes] = os.urandom,
    ) -> None:
        self._files = {
            file.file_id: (file, files[file.name]) for file in BY_NAME.values() if file.name in files
        }
        self._card_access = files.get(CARD_ACCESS.name)
        self._guarded = frozenset(guarded)
        self._cipher = access_cipher(mrz_information)
        self._misbehaviour = misbehaviour
        self._delay = delay
        self._slow_seconds = slow_seconds
        self._random = random
        self._gone = threading.Event()
        self.atr = ATR
        self.reset()

    def reset(self) -> None:
        """As fresh from the field: nothing selected, nothing proved."""
        self._gone.clear()
        self._in_application = False
        self._selected: tuple[ElementaryFile, bytes] | None = None
        self._challenge: bytes | None = None
        self._session: ChipSession | None = None
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
        self._session = None  # a plain command ends a protected session
        return self._execute(command).encode()

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
        if self._misbehaviour is Misbehaviour.WRONG_MAC:
            return Response(protected.data[:-1] + bytes((protected.data[-1] ^ 1,)), protected.status)
        if self._misbehaviour is Misbehaviour.TRUNCATED_ANSWER:
            return Response(protected.data[: len(protected.data) // 2], protected.status)
        return protected

    def _execute(self, command: Command) -> Response:
        match command.ins:
            case Ins.SELECT:
                return self._select(command)
            case Ins.GET_CHALLENGE:
                return self._get_challenge(command)
            case Ins.EXTERNAL_AUTHENTICATE:
                return self._authenticate(command)
            case Ins.READ_BINARY | Ins.READ_BINARY_ODD:
                return self._read_binary(command)
            case _:
                return Response(b"", Status.UNKNOWN_INSTRUCTION)

    def _select(self, command: Command) -> Response:
        if command.p1 == SELECT_BY_NAME:
            known = command.data == EMRTD_APPLICATION
            if not known or self._misbehaviour is Misbehaviour.NO_APPLICATION:
                return Response(b"", Status.FILE_NOT_FOUND)
            self._in_application, self._selected = True, None
            return _OK
        if command.p1 == SELECT_MF and command.data in (b"", MASTER_FILE.to_bytes(2)):
            self._in_application, self._selected = False, None
            return _OK
        if command.p1 != SELECT_EF or len(command.data) != 2:
            return Response(b"", Status.WRONG_P1_P2)
        return self._select_file(int.from_bytes(command.data))

    def _select_file(self, file_id: int) -> Response:
        if not self._in_application:
            if file_id != CARD_ACCESS.file_id or self._card_access is None:
                return Response(b"", Status.FILE_NOT_FOUND)
            self._selected = CARD_ACCESS, self._card_access
            return _OK
        if self._session is None:
            return Response(b"", Status.SECURITY_NOT_SATISFIED)
        if file_id not in self._files:
            return Response(b"", Status.FILE_NOT_FOUND)
        file, content = self._files[file_id]
        if file.name in self._guarded:
            return Response(b"", Status.SECURITY_NOT_SATISFIED)
        self._selected = file, self._misrepresent(file, content)
        return _OK

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

    def _get_challenge(self, command: Command) -> Response:
        if not self._in_application:
            return Response(b"", Status.CONDITIONS_NOT_SATISFIED)
        if command.le != RND_BYTES:
            return Response(b"", Status.WRONG_LENGTH)
        self._challenge = self._random(RND_BYTES)
        return Response(self._challenge, Status.OK)

    def _authenticate(self, command: Command) -> Response:
        challenge, self._challenge = self._challenge, None
        if self._misbehaviour is Misbehaviour.REFUSES_BAC:
            return Response(b"", Status.REFERENCED_DATA_NOT_FOUND)
        if challenge is None:
            return Response(b"", Status.CONDITIONS_NOT_SATISFIED)
        if self._misbehaviour is Misbehaviour.CANNOT_PROVE_KEYS:
            return Response(self._random(TOKEN_BYTES), Status.OK)
        accepted = answer_bac(
            self._cipher, rnd_ic=challenge, k_ic=self._random(KEY_BYTES), token=command.data
        )
        if accepted is None:
            return Response(b"", Status.AUTHENTICATION_FAILED)
        proof, self._session = accepted
        return Response(proof, Status.OK)

    def _read_binary(self, command: Command) -> Response:
        if self._selected is None:
            return Response(b"", Status.CONDITIONS_NOT_SATISFIED)
        file, content = self._selected
        if file is not CARD_ACCESS and self._session is None:
            return Response(b"", Status.SECURITY_NOT_SATISFIED)
        self._reads += 1
        refused = self._refuse_read(command)
        if refused is not None:
            return refused
        if command.ins == Ins.READ_BINARY:
            return _slice(content, command.p1 << 8 | command.p2, self._count(command.le or 0))
        return self._read_odd(command, content)

    def _read_odd(self, command: Command, content: bytes) -> Response:
        try:
            offset = int.from_bytes(tlv.decode_one(command.data, DO_OFFSET).value)
        except Malformed:
            return Response(b"", Status.WRONG_DATA)
        # Le counts the data object, so its header comes off what is read.
        le = command.le or 0
        count = le - (2 if le < 130 else 3 if le < 259 else 4)
        answer = _slice(content, offset, self._count(count))
        return Response(tlv.encode(DO_DATA, answer.data), answer.status) if answer.data else answer

    def _refuse_read(self, command: Command) -> Response | None:
        match self._misbehaviour:
            case Misbehaviour.DIES_MID_FILE if self._reads > READS_BEFORE_DEATH:
                self._gone.set()
                raise ChipRemoved("The simulated chip left the field.")
            case Misbehaviour.SESSION_DROPS:
                self._session = None
                return Response(b"", Status.SM_OBJECT_WRONG)
            case Misbehaviour.LE_256_REFUSED | Misbehaviour.LE_ABOVE_160_REFUSED:
                if (command.le or 0) > MAX_LE[self._misbehaviour]:
                    self._session = None
                    return Response(b"", Status.WRONG_LENGTH)
            case Misbehaviour.EMPTY_READS:
                return _OK
        return None

    def _count(self, count: int) -> int:
        endless = self._misbehaviour is Misbehaviour.ENDLESS_FILE
        # The header comes whole, so that its length is believed; then drops.
        return min(count, 1) if endless and count > 6 else count


def _slice(content: bytes, offset: int, count: int) -> Response:
    if offset >= len(content):
        return Response(b"", Status.WRONG_OFFSET)
    data = content[offset : offset + count]
    return Response(data, Status.OK if len(data) == count else Status.END_OF_FILE)
