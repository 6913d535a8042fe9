"""How a box gets its name: what a technician puts on its card, what it asks of central, what central answers.

Three files on the configuration partition, or on a stick: `device.toml` (technician), `request.json`
(box) and `answer.cose` (central, a COSE_Sign1 by the key that `device.toml` pins). Nothing secret is in
any of them but the claim token, which is good for one enrolment and a few hours.
"""

import hashlib
from typing import Annotated, Any, Final

import msgspec

VERSION: Final = 1
DEVICE_FILE: Final = "device.toml"
REQUEST_FILE: Final = "request.json"
ANSWER_FILE: Final = "answer.cose"
STATUS_FILE: Final = "status.txt"
ANSWER_TYPE: Final = "application/vnd.borne.answer+json"
MAX_FILE_BYTES: Final = 256 * 1024
"""Of each: a page of text, or two certificates and a root of trust."""

Hex32 = Annotated[str, msgspec.Meta(pattern=r"^[0-9a-f]{64}\Z")]
Token = Annotated[str, msgspec.Meta(pattern=r"^[A-Za-z0-9_-]{22,128}\Z")]
"""At least 128 bits in base64url."""
Pem = Annotated[str, msgspec.Meta(max_length=32 * 1024)]
Word = Annotated[str, msgspec.Meta(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.:-]{0,127}\Z")]
"""Names of boxes, hosts, serial numbers: nothing that could begin a line or an option."""


class Request(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
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


class BrokerAddress(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Where the box's records go."""

    host: Word
    port: Annotated[int, msgspec.Meta(ge=1, le=65535)]


class Answer(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
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
    reference_root: dict[str, Any]
    """The root of trust of lists, trust anchors and policies (TUF's root.json)."""


def fingerprint(request: Request) -> str:
    """What a technician reads to central's operator: 16 letters of the keys that are asked for, in fours."""
    said = f"{request.device} {request.signing_key} {request.sealing_key} {request.csr}"
    digest = hashlib.sha256(said.encode()).hexdigest()[:16].upper()
    return " ".join(digest[at : at + 4] for at in range(0, 16, 4))
