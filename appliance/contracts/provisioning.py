"""How a box gets its name: what a technician puts on its card, what it asks of central, what central answers.

Three files on the configuration partition, or on a stick: `device.toml` (technician), `request.json`
(box) and `answer.cose` (central, a COSE_Sign1 by the key that `device.toml` pins). Nothing secret is in
any of them but the claim token, which is good for one enrolment and a few hours. Where the claim names a
door of central's, the same request and the same answer go by network instead.

Version 2 adds the request's proof, and the answer's `operator`, `authority` and `support`; both ends pass
over members that they do not know, and central gives a box of version 1 nothing that is new.
"""

import hashlib
from pathlib import Path
from typing import Annotated, Any, Final

import msgspec

VERSION: Final = 2
DEVICE_FILE: Final = "device.toml"
REQUEST_FILE: Final = "request.json"
ANSWER_FILE: Final = "answer.cose"
STATUS_FILE: Final = "status.txt"
SAID_FILE: Final = "said.json"
"""Beside where the answer by network would lie: the word with which central's door refused."""
PROVISIONING_KEY: Final = "provisioning.pub"
"""Beside central's other public keys on the box: who signed its answer, and may appoint supervisors."""
ANSWER_TYPE: Final = "application/vnd.borne.answer+json"
MAX_FILE_BYTES: Final = 256 * 1024
"""Of each: a page of text, or two certificates and a root of trust."""

DOOR_PATH: Final = "/borne/v1/enrol"
"""Where central's door takes a request: one POST, and nothing else (see docs/wire/enrolment.md)."""
MAX_REQUEST_BYTES: Final = 16 * 1024
"""At the door: a request has some two thousand bytes."""
PROOF_CONTEXT: Final = b"borne enrolment 1"

Hex32 = Annotated[str, msgspec.Meta(pattern=r"^[0-9a-f]{64}\Z")]
Token = Annotated[str, msgspec.Meta(pattern=r"^[A-Za-z0-9_-]{22,128}\Z")]
"""At least 128 bits in base64url."""
Pem = Annotated[str, msgspec.Meta(max_length=32 * 1024)]
Word = Annotated[str, msgspec.Meta(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.:-]{0,127}\Z")]
"""Names of boxes, hosts, serial numbers: nothing that could begin a line or an option."""


Hex64 = Annotated[str, msgspec.Meta(pattern=r"^[0-9a-f]{128}\Z")]
Door = Annotated[str, msgspec.Meta(pattern=r"^[A-Za-z0-9][A-Za-z0-9.-]{0,252}:[0-9]{1,5}\Z")]
"""HOST:PORT of central's door for requests."""
Pins = Annotated[tuple[Hex32, ...], msgspec.Meta(max_length=4)]
"""SHA-256 of the door's public keys (SubjectPublicKeyInfo), as `borne-central claim` prints them."""


class Request(msgspec.Struct, frozen=True, kw_only=True):
    """What the box asks of central: its public halves, and the claim."""

    version: int = VERSION
    device: Word
    post: Annotated[str, msgspec.Meta(max_length=200)]
    token: Token
    signing_key: Hex32
    sealing_key: Hex32
    csr: Pem
    """PKCS #10 (RFC 2986) for the key of the box's broker certificate."""
    hardware: Word
    """The board's serial number, `unknown` where it has none."""
    key_tier: Word
    software: Word
    proof: Hex64 | None = None
    """The signing key's signature over what it is asked for (`to_be_proved`); None: a box of version 1."""


class Wanted(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What the card says that the box's keys must know, handed to the process that makes them: it reads no
    stranger's file itself."""

    device: Word
    token_hash: Hex32
    tier: str
    tpm: str
    board_key: Path | None = None


class KeysMade(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What became of it: the public halves and their proof, or why there are none."""

    token_hash: Hex32
    tier: str = ""
    signing_key: str = ""
    sealing_key: str = ""
    proof: str = ""
    problem: str = ""


class Errand(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What uplink needs to carry the request to central's door, and to know the answer."""

    door: Door
    pins: Pins
    central_key: Hex32
    request: Request


class DoorWord(msgspec.Struct, frozen=True, kw_only=True):
    """What central's door says where it gives no answer."""

    code: Word
    """waiting, unknown_token, token_over, token_used, other_name, not_a_request, busy."""
    sentence: Annotated[str, msgspec.Meta(max_length=500)]


class BrokerAddress(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Where the box's records go."""

    host: Word
    port: Annotated[int, msgspec.Meta(ge=1, le=65535)]


class Answer(msgspec.Struct, frozen=True, kw_only=True):
    """What central gives: a certificate, and whom to believe."""

    version: int = VERSION
    device: Word
    signing_key: Hex32
    """Of the box that asked: an answer for another box with the same name is not taken."""
    certificate: Pem
    ca: Pem
    broker: BrokerAddress
    sealing: Hex32
    """Central's public keys."""
    watermark: Hex32
    gateway_sealing: Hex32 | None = None
    gateway_signing: Hex32 | None = None
    operator: Hex32 | None = None
    """Who may order this box (version 2); None: nobody."""
    authority: Hex32 | None = None
    """Who signs lists of central's keys (version 2)."""
    support: Hex32 | None = None
    """Whose grant support access needs (version 2)."""
    reference_root: dict[str, Any]
    """The root of trust of lists, trust anchors and policies (TUF's root.json)."""


def fingerprint(request: Request) -> str:
    """What a technician reads to central's operator: 16 letters of the keys that are asked for, in fours."""
    said = f"{request.device} {request.signing_key} {request.sealing_key} {request.csr}"
    digest = hashlib.sha256(said.encode()).hexdigest()[:16].upper()
    return " ".join(digest[at : at + 4] for at in range(0, 16, 4))


def token_hash(token: str) -> str:
    """What stands for a token where the token itself must not stand."""
    return hashlib.sha256(token.encode()).hexdigest()


def to_be_proved(device: str, hashed: str, signing_key: str, sealing_key: str, tier: str) -> bytes:
    """What a box's signing key signs to prove that the box has it, for this name and this token alone."""
    lines = (device, hashed, signing_key, sealing_key, tier)
    return b"\n".join((PROOF_CONTEXT, *(line.encode() for line in lines)))


def split_door(door: str) -> tuple[str, int]:
    """Host and port.

    Raises:
        ValueError: it has no port that is one.
    """
    host, _, port = door.rpartition(":")
    number = int(port)
    if not host or not 0 < number < 65536:
        raise ValueError("a door is HOST:PORT")
    return host, number
