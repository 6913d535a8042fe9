"""The chip desk: opens chips, holds one open between two requests, and says what it gave."""

import asyncio
import contextlib
import secrets
import threading
import time
from collections.abc import Awaitable, Callable
from typing import Protocol, TypeVar

from appliance.chip import ChipFiles, ChipReading
from appliance.chip.errors import AccessDenied, ChipGone, ProtocolFailed
from appliance.contracts.capture import (
    MAX_WAIT_SECONDS,
    AccessAttempt,
    AuthenticateChip,
    ChipAnswer,
    ChipEvidence,
    ChipKeys,
    ChipMappingEvidence,
    ChipOpened,
    ReadChip,
)
from appliance.contracts.errors import ServiceError
from appliance.secure_messaging.apdu import Command
from appliance.secure_messaging.chip_authentication import SessionKeys
from appliance.secure_messaging.errors import SecureMessagingError, SessionEnded
from appliance.services.capture.pictures import PictureError, decode_portrait
from appliance.travel_document.authentication.active import CHALLENGE_BYTES
from appliance.travel_document.lds.errors import EmrtdError
from appliance.travel_document.lds.face_image import extract_face_image
from appliance.travel_document.lds.security_infos import Cipher
from hal.device import ChipRemoved, Device
from hal.document_reader import ChipConnection, ChipReader

HOLD_SECONDS = 10.0
"""How long an opened chip waits to be asked on; lane asks within milliseconds."""

Result = TypeVar("Result")


class Ask(Protocol):
    """Do blocking work with a device in a thread, one caller at a time."""

    def __call__(self, device: Device, work: Callable[[], Result]) -> Awaitable[Result]: ...


class _Held:
    """One chip that is open."""

    def __init__(
        self, reader: ChipReader, connection: ChipConnection, request: ReadChip, began: float
    ) -> None:
        self.id = secrets.token_hex(8)
        self.reader = reader
        self.connection = connection
        self.began = began
        self.given_up = threading.Event()
        self.expires: asyncio.TimerHandle | None = None
        left = min(max(request.timeout, 0.0), MAX_WAIT_SECONDS) - (time.monotonic() - began)
        self.reading = ChipReading(
            self._transmit,
            mrz_information=request.mrz_information,
            can=request.can,
            issuer=request.issuing_state,
            reader_bytes=connection.max_apdu_bytes,
            max_seconds=max(1.0, left),
        )

    def _transmit(self, command: bytes) -> bytes:
        if self.given_up.is_set():
            raise ChipRemoved("The reading was given up.")
        return self.connection.transmit(command)

    def close(self) -> None:
        self.given_up.set()
        if self.expires is not None:
            self.expires.cancel()
        self.connection.close()


class ChipDesk:
    """What `capture` does with chips; at most one is held open."""

    def __init__(self, *, transport: str, ask: Ask) -> None:
        self._transport = transport
        self._ask = ask
        self._held: _Held | None = None

    @property
    def holds(self) -> bool:
        """Whether a chip is open between two requests."""
        return self._held is not None

    def close(self) -> None:
        """Let go of a chip that is held."""
        held, self._held = self._held, None
        if held is not None:
            held.close()

    async def open(
        self, reader: ChipReader, connection: ChipConnection, request: ReadChip, began: float
    ) -> ChipOpened:
        """Open the chip and hold it."""
        self.close()
        try:
            held = _Held(reader, connection, request, began)
        except EmrtdError as error:
            connection.close()
            raise _problem(error) from error
        self._held = held
        await self._work(held, held.reading.open)
        return ChipOpened(
            session=held.id,
            files=dict(held.reading.files),
            next_command=held.reading.next_command().encode(),
        )

    async def authenticate(self, request: AuthenticateChip) -> ChipAnswer:
        """Carry Chip Authentication to the chip that is held."""
        held = self._session(request.session)
        try:
            commands = [Command.decode(command) for command in request.commands]
            response = await self._work(
                held, lambda: held.reading.authenticate(commands, request.first), keep=(ProtocolFailed,)
            )
        except ProtocolFailed as error:
            return ChipAnswer(response=None, status_word=error.status_word)
        except EmrtdError as error:
            raise ServiceError("bad_request", str(error)) from error
        return ChipAnswer(response=response)

    async def read(self, request: ReadChip) -> ChipEvidence:
        """Read the rest of the chip that is held, and let go of it."""
        held = self._session(request.session or "")

        def work() -> ChipFiles:
            held.reading.continue_with(_keys(request.keys))
            if len(request.challenge) == CHALLENGE_BYTES:
                held.reading.sign(request.challenge)
            held.reading.read_rest()
            return held.reading.result(held.connection.atr)

        try:
            files = await self._work(held, work)
        finally:
            if self._held is held:
                self.close()
        portrait, problem = await asyncio.to_thread(_portrait, files.files.get("DG2"))
        return self._evidence(held, files, portrait, problem)

    def _session(self, id_: str) -> _Held:
        if self._held is None or self._held.id != id_:
            raise ServiceError("session_lost", "The chip is no longer held open.", retry=True)
        return self._held

    async def _work(
        self, held: _Held, work: Callable[[], Result], *, keep: tuple[type[EmrtdError], ...] = ()
    ) -> Result:
        """Do it; after an error, but for those in `keep`, or when the caller gives up, the chip is let go."""
        if held.expires is not None:
            held.expires.cancel()
        done = False
        try:
            assert isinstance(held.reader, Device)
            result = await self._ask(held.reader, work)
            done = True
        except keep:
            done = True
            raise
        except EmrtdError as error:
            raise _problem(error) from error
        finally:
            if done:
                held.expires = asyncio.get_running_loop().call_later(HOLD_SECONDS, self._expire, held)
            else:
                held.given_up.set()
                if self._held is held:
                    self._held = None
                with contextlib.suppress(Exception):
                    held.close()
        return result

    def _expire(self, held: _Held) -> None:
        if self._held is held:
            self._held = None
        held.close()

    def _evidence(
        self, held: _Held, files: ChipFiles, portrait: bytes | None, problem: str | None
    ) -> ChipEvidence:
        signed, mapping = files.active_authentication, files.chip_mapping
        return ChipEvidence(
            files=dict(files.files),
            not_read=files.not_read,
            access=files.access.used,
            pace_offered=files.pace_offered,
            attempts=tuple(
                AccessAttempt(
                    protocol=one.protocol,
                    password=one.password,
                    outcome=one.outcome,
                    step=one.step,
                    status_word=one.status_word,
                )
                for one in files.access.attempts
            ),
            signature=signed.response if signed is not None else None,
            signature_status=signed.status_word if signed is not None else 0x9000,
            mapping=None
            if mapping is None
            else ChipMappingEvidence(
                curve=mapping.curve, mapping_key=mapping.mapping_key, chip_data=mapping.chip_data
            ),
            atr=files.atr,
            apdus=files.apdus,
            block_bytes=files.block_bytes,
            seconds=time.monotonic() - held.began,
            card_seconds=files.card_seconds,
            portrait=portrait,
            portrait_problem=problem,
            device=held.reader.identity.key,
            simulated=held.reader.simulated,
            transport=self._transport,
        )


def _problem(error: EmrtdError) -> ServiceError:
    """What a chip did wrong, as a code; only a breach of its protection is held against the document."""
    table: tuple[tuple[type[EmrtdError], str], ...] = (
        (AccessDenied, "access_denied"),
        (SessionEnded, "chip_error"),
        (SecureMessagingError, "protection_broken"),
        (ChipGone, "removed"),
    )
    code = next((code for kind, code in table if isinstance(error, kind)), "chip_error")
    return ServiceError(code, str(error), retry=True)


def _keys(keys: ChipKeys | None) -> SessionKeys | None:
    if keys is None:
        return None
    return SessionKeys(Cipher(keys.cipher, keys.key_bytes), keys.key_enc, keys.key_mac)


def _portrait(dg2: bytes | None) -> tuple[bytes | None, str | None]:
    if dg2 is None:
        return None, None
    try:
        return decode_portrait(extract_face_image(dg2).content), None
    except (EmrtdError, PictureError) as error:
        return None, type(error).__name__
