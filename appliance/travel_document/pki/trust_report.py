"""What an import into the trust store is given and tells: the anchor, what was taken, what was refused,
why."""

import base64
import binascii
import datetime as dt
import re
from collections import Counter
from dataclasses import dataclass, field
from typing import Any, Final

from appliance.travel_document.lds.errors import EmrtdError, Malformed
from appliance.travel_document.pki.certificate import Certificate, parse_certificate
from appliance.travel_document.pki.trust_store import TrustStore

MAX_REFUSALS: Final = 10_000
MAX_PEM_BYTES: Final = 4 * 1024 * 1024
_SHA256 = re.compile(r"[0-9a-f]{64}")


class NotImportable(EmrtdError):
    """The file is nothing that a trust store is made from."""


@dataclass(frozen=True, slots=True)
class Anchor:
    """What is pinned: a certificate, or the SHA-256 of one."""

    fingerprint: str
    certificate: Certificate | None = None

    @classmethod
    def from_text(cls, text: str) -> "Anchor":
        """A SHA-256 as people write it, with or without colons and spaces.

        Raises:
            NotImportable: it is none.
        """
        digest = re.sub(r"[\s:.-]", "", text).lower()
        if not _SHA256.fullmatch(digest):
            raise NotImportable("An anchor is a certificate's file, or 64 hexadecimal digits of its SHA-256.")
        return cls(digest)

    @classmethod
    def from_bytes(cls, data: bytes) -> "Anchor":
        """A certificate's file, DER or PEM."""
        certificate = parse_certificate(from_pem(data))
        return cls(certificate.fingerprint, certificate)


@dataclass(frozen=True, slots=True)
class Refusal:
    """Something in the file that was not taken, and why."""

    reason: str
    subject: str = ""
    country: str = ""
    fingerprint: str = ""
    sentence: str = ""


@dataclass(slots=True)
class ImportReport:
    """What came of an import; `store` is the new one, or the old one when nothing was taken."""

    store: TrustStore
    kind: str = ""
    certificates: int = 0
    accepted: int = 0
    duplicates: int = 0
    expired: int = 0
    crls: int = 0
    deviations: int = 0
    roles: Counter[str] = field(default_factory=Counter)
    refused: list[Refusal] = field(default_factory=list)
    countries: set[str] = field(default_factory=set)
    signed_at: dt.datetime | None = None
    checks: list[dict[str, Any]] = field(default_factory=list)
    installed: bool = False

    def check(self, id_: str, verdict: str, reason: str, **evidence: Any) -> None:
        self.checks.append({"id": id_, "verdict": verdict, "reason": reason, "evidence": evidence})

    def refuse(self, refusal: Refusal) -> None:
        if len(self.refused) < MAX_REFUSALS:
            self.refused.append(refusal)


def from_pem(data: bytes) -> bytes:
    """The bytes inside PEM's armour; what has none is taken as it is."""
    match = re.search(rb"-----BEGIN [A-Z0-9 ]+-----(.*?)-----END", data[:MAX_PEM_BYTES], re.DOTALL)
    if match is None:
        return data
    try:
        return base64.b64decode(re.sub(rb"\s", b"", match.group(1)), validate=True)
    except (binascii.Error, ValueError) as error:
        raise Malformed("The PEM file's content is not base64.") from error
