"""Carries a new box's request to central's door, and its answer back: uplink's one errand before the box
has a name.

The door is known by its key, which came with the card: no authority is asked, and nothing is sent before the
key is seen. An answer counts when central's key, which came with the card too, has signed it for this box; a
refusal ends the asking until the next start; all else is asked again, for days, each box at its own moment.
"""

import contextlib
import hashlib
import http.client
import logging
import ssl
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import msgspec
from cryptography import x509
from cryptography.hazmat.primitives import serialization
from nacl.signing import VerifyKey

from appliance.contracts.provisioning import (
    ANSWER_FILE,
    ANSWER_TYPE,
    DOOR_PATH,
    MAX_FILE_BYTES,
    SAID_FILE,
    Answer,
    DoorWord,
    Errand,
    split_door,
    token_hash,
)
from appliance.cose import CONTENT_TYPE, CoseError, key_id, verify1
from appliance.services.uplink.pace import Backoff
from appliance.whole_files import write_whole

SECONDS: Final = 20.0
"""A line that is silent for so long is lost."""
WHOLE_SECONDS: Final = 120.0
"""For one exchange, however slowly the other end drips."""
LEAST_WAIT, MOST_WAIT = 5.0, 15 * 60.0
WAITING_SECONDS: Final = 60.0
"""While a person must agree, the longest wait: the technician stands beside the box."""
WAITING, OFFLINE = "waiting", "offline"
AGAIN: Final = frozenset({WAITING, OFFLINE, "busy"})
"""What may be otherwise in a minute; every other word of the door ends the asking."""
BLOCK: Final = 16 * 1024

log = logging.getLogger(__name__)


class NoDoor(Exception):
    """Why the door was not reached, in one plain sentence."""


@dataclass(frozen=True, slots=True)
class Fetched:
    """Central's signed answer, for this box."""

    data: bytes


def ask_once(errand: Errand) -> Fetched | DoorWord:
    """One exchange.

    Raises:
        NoDoor: it was not reached, or it is another's.
    """
    host, port = split_door(errand.door)
    connection = http.client.HTTPSConnection(host, port, timeout=SECONDS, context=_context())
    try:
        with contextlib.closing(connection):
            connection.connect()
            _check_pin(connection.sock, errand.pins)
            body = msgspec.json.encode(errand.request)
            connection.request("POST", DOOR_PATH, body, {"Content-Type": "application/json"})
            answer = connection.getresponse()
            data = _bounded(answer)
    except (OSError, ValueError) as error:
        said = getattr(error, "strerror", None) or type(error).__name__
        raise NoDoor(f"Central's door {errand.door} cannot be reached ({said}).") from error
    except http.client.HTTPException as error:
        raise NoDoor(f"Central's door {errand.door} speaks no proper HTTP.") from error
    if answer.status == http.HTTPStatus.OK:
        _check_answer(data, errand)
        return Fetched(data)
    try:
        return msgspec.json.decode(data, type=DoorWord)
    except msgspec.MsgspecError as error:
        raise NoDoor(f"Central's door {errand.door} answers {answer.status}.") from error


def run_errand(
    errand: Errand,
    folder: Path,
    *,
    said: Callable[[DoorWord], None] = lambda _: None,
    sleep: Callable[[float], object] = time.sleep,
    least_wait: float = LEAST_WAIT,
) -> bool:
    """Ask until there is an answer, which lies in `folder` then (True), or until the door refuses (False),
    whose word lies there as `said.json`. `said` is told how it stands after each exchange.

    Raises:
        OSError: the folder does not take it.
    """
    folder.mkdir(parents=True, exist_ok=True)
    folder.chmod(0o755)  # provisioning reads there; nothing in it is secret
    for name in (ANSWER_FILE, SAID_FILE):  # of an earlier card, or not taken by provisioning
        (folder / name).unlink(missing_ok=True)
    away, waiting = Backoff(least_wait, MOST_WAIT), Backoff(least_wait, WAITING_SECONDS)
    while True:
        try:
            outcome = ask_once(errand)
        except NoDoor as error:
            outcome = DoorWord(code=OFFLINE, sentence=str(error))
        if isinstance(outcome, Fetched):
            write_whole(folder / ANSWER_FILE, outcome.data, mode=0o644)
            said(DoorWord(code="answered", sentence="Central has answered; the box starts again."))
            return True
        log.warning("%s: %s", outcome.code, outcome.sentence)
        said(outcome)
        if outcome.code not in AGAIN:
            word = {"token_hash": token_hash(errand.request.token)} | msgspec.to_builtins(outcome)
            write_whole(folder / SAID_FILE, msgspec.json.encode(word), mode=0o644)
            return False
        if outcome.code != OFFLINE:
            away.reset()
        sleep((away if outcome.code == OFFLINE else waiting).next())


def _context() -> ssl.SSLContext:
    """TLS to a key: names and authorities say nothing here, the pin does."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = ssl.TLSVersion.TLSv1_3
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context


def _check_pin(sock: object, pins: tuple[str, ...]) -> None:
    assert isinstance(sock, ssl.SSLSocket)
    der = sock.getpeercert(binary_form=True) or b""
    key = x509.load_der_x509_certificate(der).public_key()
    info = key.public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
    if hashlib.sha256(info).hexdigest() not in pins:
        raise NoDoor("Somebody else stands at central's door: its key is not the card's. Nothing was sent.")


def _bounded(answer: http.client.HTTPResponse) -> bytes:
    data, until = b"", time.monotonic() + WHOLE_SECONDS
    while block := answer.read1(BLOCK):
        data += block
        if len(data) > MAX_FILE_BYTES or time.monotonic() > until:
            raise NoDoor("Central's door says more, or says it more slowly, than an answer takes.")
    return data


def _check_answer(data: bytes, errand: Errand) -> None:
    pinned = VerifyKey(bytes.fromhex(errand.central_key))
    try:
        header, payload = verify1(data, verify_key_for={key_id(pinned): pinned}.get, max_bytes=MAX_FILE_BYTES)
        answer = msgspec.json.decode(payload, type=Answer)
    except (CoseError, msgspec.MsgspecError, RecursionError) as error:
        raise NoDoor("What central's door gave is not signed by central's key.") from error
    asked = errand.request.device, errand.request.signing_key
    if header.get(CONTENT_TYPE) != ANSWER_TYPE or (answer.device, answer.signing_key) != asked:
        raise NoDoor("What central's door gave is for another box.")
