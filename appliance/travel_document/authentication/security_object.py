"""EF.SOD, the document security object (ICAO Doc 9303-10, 4.6.2): signed hashes of the data groups."""

import hashlib
import hmac
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from appliance.travel_document.lds import der, tlv
from appliance.travel_document.lds.errors import LimitExceeded, Malformed
from appliance.travel_document.pki.cms import SignedData, parse_signed_data
from appliance.travel_document.pki.signatures import parse_digest_algorithm

TAG_SOD: Final = 0x77
LDS_SECURITY_OBJECT: Final = "2.23.136.1.1.1"
LEGACY_CONTENT_TYPES: Final = frozenset({"1.2.840.113549.1.7.1", "1.2.528.1.1006.1.20.1"})
"""What early Chinese (plain data) and Dutch (Sdu) security objects say instead."""
MAX_DATA_GROUPS: Final = 32
"""There are 16; a number above that is kept and named, and covers nothing that is read."""


@dataclass(frozen=True, slots=True)
class SecurityObject:
    """The signed content, taken apart; nothing in it is believed before its signature holds."""

    signed: SignedData = field(repr=False)
    digest: str
    hashes: Mapping[int, bytes] = field(repr=False)
    """By data group number."""
    legacy_content_type: bool
    lds_version: str

    def covers(self, number: int, content: bytes) -> bool | None:
        """Whether this is the data group that was signed; None when the object does not list it."""
        expected = self.hashes.get(number)
        if expected is None:
            return None
        made = hashlib.new(self.digest, content, usedforsecurity=False).digest()
        return hmac.compare_digest(made, expected)


def read_security_object(content: bytes) -> SecurityObject:
    """EF.SOD.

    Raises:
        Malformed: it is none.
    """
    signed = parse_signed_data(_inside(content))
    legacy = signed.content_type in LEGACY_CONTENT_TYPES
    if signed.content_type != LDS_SECURITY_OBJECT and not legacy:
        raise Malformed("EF.SOD signs something else than data groups.")
    fields = der.parse(signed.content).fields()
    fields.take(der.INTEGER)
    digest = parse_digest_algorithm(fields.take(der.SEQUENCE))
    hashes: dict[int, bytes] = {}
    for pair in fields.take(der.SEQUENCE).iterate():
        inner = pair.fields()
        number, value = inner.take(der.INTEGER).integer(), inner.take(der.OCTET_STRING).content
        if len(hashes) >= MAX_DATA_GROUPS:
            raise LimitExceeded(f"EF.SOD lists more than {MAX_DATA_GROUPS} data groups.")
        if number in hashes:
            raise Malformed("EF.SOD lists a data group twice.")
        hashes[number] = value
    version = fields.maybe(der.SEQUENCE)
    stated = version.children() if version is not None else ()
    return SecurityObject(signed, digest, hashes, legacy, stated[0].text() if stated else "")


def _inside(content: bytes) -> bytes:
    """The ContentInfo under tag 77; the outer length may be indefinite only inside."""
    return tlv.decode_one(content, TAG_SOD).value
