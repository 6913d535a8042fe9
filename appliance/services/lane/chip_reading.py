"""The conversation with `capture` about one chip, in which lane keeps what proves a chip: challenge and
one-time key.

capture faces strangers and may be fooled or taken over; so the challenge for Active Authentication is made
here, and in Chip Authentication the secret half stays here until the chip has answered rightly under the
new keys. What lane found out is journaled with the evidence, so that a restart judges alike.
"""

import asyncio
import contextlib
import secrets
from collections.abc import Awaitable, Callable, Mapping
from typing import Final

import msgspec

from appliance.contracts.capture import AuthenticateChip, Capture, ChipKeys, ReadChip
from appliance.contracts.errors import ServiceError
from appliance.secure_messaging.apdu import Command
from appliance.secure_messaging.chip_authentication import ChipAuthentication, SessionKeys
from appliance.secure_messaging.errors import SecureMessagingError, SessionEnded
from appliance.services.lane.workflow import ChipAuthenticationProof, ChipProofs, ChipRead
from appliance.travel_document import Mrz, chip_access_fields
from appliance.travel_document.authentication.active import CHALLENGE_BYTES
from appliance.travel_document.lds.errors import EmrtdError
from appliance.travel_document.lds.security_infos import read_dg14

FINAL_CODES: Final = frozenset({"no_chip", "chip_absent", "no_device", "access_denied"})
"""Another try changes nothing, and a chip may slow down after wrong keys. A reader that was unplugged is
asked again: capture waits for one that comes back, and says at once that one is away for good."""


def chip_request(mrz: Mrz, *, seconds: float) -> ReadChip:
    """What capture needs to open this document's chip."""
    return ReadChip(mrz_information=chip_access_fields(mrz), issuing_state=mrz.issuing_state, timeout=seconds)


async def read_chip(
    capture: Capture, request: ReadChip, *, verify_ahead: Callable[[Mapping[str, bytes]], None]
) -> ChipRead:
    """Read the chip, and have it prove itself on the way; `verify_ahead` works while the portrait comes.

    Raises:
        ServiceError: as `capture` says.
    """
    challenge = secrets.token_bytes(CHALLENGE_BYTES)
    request = msgspec.structs.replace(request, challenge=challenge)
    opened = await capture.open_chip(request)
    proof, keys = await _authenticate(capture, opened.session, opened.files, opened.next_command)
    ahead = asyncio.ensure_future(asyncio.to_thread(verify_ahead, opened.files))
    try:
        evidence = await capture.read_chip(
            msgspec.structs.replace(request, session=opened.session, keys=_handed_over(keys))
        )
    finally:
        with contextlib.suppress(Exception):  # what cannot be verified ahead is said when it is judged
            await ahead
    return ChipRead(evidence=evidence, proofs=ChipProofs(challenge=challenge, chip_authentication=proof))


async def _authenticate(
    capture: Capture, session: str, files: Mapping[str, bytes], next_command: bytes
) -> tuple[ChipAuthenticationProof | None, SessionKeys | None]:
    """One run of Chip Authentication, with the strongest way that DG14 states; nothing where it states
    none."""
    run = _begin(files.get("DG14"))
    if run is None:
        return None, None
    try:
        first = run.first_command(Command.decode(next_command)).encode()
    except EmrtdError:
        return None, None
    answer = await capture.authenticate_chip(
        AuthenticateChip(
            session=session,
            commands=tuple(command.encode() for command in run.commands()),
            first=first,
        )
    )
    if answer.response is None:
        return _proof(run, "refused", answer.status_word), None
    try:
        run.proof(answer.response)
    except SessionEnded as error:
        return _proof(run, "wrong", error.status_word), None
    except SecureMessagingError:
        return _proof(run, "wrong"), None
    return _proof(run, "proved"), run.keys


def _begin(dg14: bytes | None) -> ChipAuthentication | None:
    if dg14 is None:
        return None
    try:
        ways = read_dg14(dg14).chip_authentication_ways()
        return ChipAuthentication(*ways[0]) if ways else None
    except EmrtdError:
        return None  # what DG14 holds is judged later, with the reason


def _proof(run: ChipAuthentication, outcome: str, status_word: int | None = None) -> ChipAuthenticationProof:
    return ChipAuthenticationProof(
        outcome=outcome,
        protocol=run.info.description,
        public_key=run.public_key,
        inferred=run.info.inferred,
        status_word=status_word,
    )


def _handed_over(keys: SessionKeys | None) -> ChipKeys | None:
    if keys is None:
        return None
    return ChipKeys(
        cipher=keys.cipher.name,
        key_bytes=keys.cipher.key_bytes,
        key_enc=keys.key_enc,
        key_mac=keys.key_mac,
    )


async def with_tries(read: Callable[[], Awaitable[ChipRead]], attempts: int) -> tuple[ChipRead | None, str]:
    """What one of so many tries read, or None and the code of the last one's failure."""
    code = "no_chip"
    for _attempt in range(attempts):
        try:
            return await read(), ""
        except ServiceError as error:
            code = error.code
            if code in FINAL_CODES:
                break
    return None, code
