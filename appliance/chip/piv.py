"""A PIV card's proof of its Card Authentication key (NIST SP 800-73-4, part 2): certificate and signature.

This key asks for no PIN, and it alone may be used over the air as well as over contacts. Nothing else of the
card is read, and nothing is written.
"""

import zlib
from dataclasses import dataclass
from typing import Final

from appliance.chip.channel import Channel, Transmit
from appliance.chip.errors import ChipError
from appliance.secure_messaging.apdu import Command
from appliance.travel_document.lds import tlv
from appliance.travel_document.lds.errors import Malformed

AID: Final = bytes.fromhex("A000000308000010000100")
"""With its version: 01.00, which every version of the standard has kept."""
CARD_AUTHENTICATION: Final = 0x9E
ECC_P256: Final = 0x11
"""SP 800-78-4, table 6-2."""
CERTIFICATE: Final = bytes.fromhex("5FC101")
DIGEST_BYTES: Final = 32
MAX_SECONDS: Final = 8.0
MAX_CERTIFICATE_BYTES: Final = 4096
_SELECT, _GET_DATA, _GENERAL_AUTHENTICATE = 0xA4, 0xCB, 0x87
_GZIP: Final = 1
"""CertInfo: the certificate is compressed (RFC 1952)."""


class NotPiv(ChipError):
    """The chip has no PIV application: a passport, say."""


@dataclass(frozen=True, slots=True)
class CardAnswer:
    """What the card gave; whoever relies on it verifies it."""

    certificate: bytes
    """X.509, DER."""
    signature: bytes
    """ECDSA over the digest, DER."""


def prove(transmit: Transmit, digest: bytes, *, max_seconds: float = MAX_SECONDS) -> CardAnswer:
    """Let the card sign this digest.

    Raises:
        NotPiv: it is no PIV card.
        ChipError: it has no such key or certificate, refuses, left, or took too long.
        Malformed: it answers with what no reading of the standard allows.
    """
    channel = Channel(transmit, max_seconds=max_seconds)
    if not channel.send(Command(0x00, _SELECT, 0x04, 0x00, AID, le=256)).ok:
        raise NotPiv("The chip has no PIV application.")
    asked = tlv.encode(0x5C, CERTIFICATE)
    answer = channel.send(Command(0x00, _GET_DATA, 0x3F, 0xFF, asked, le=256))
    if not answer.ok:
        raise ChipError(f"The card gives no certificate for card authentication ({answer.status:04X}).")
    certificate = _certificate(answer.data)
    template = tlv.encode(0x7C, tlv.encode(0x82, b"") + tlv.encode(0x81, digest))
    signed = channel.send(
        Command(0x00, _GENERAL_AUTHENTICATE, ECC_P256, CARD_AUTHENTICATION, template, le=256)
    )
    if not signed.ok:
        raise ChipError(f"The card does not sign with its card authentication key ({signed.status:04X}).")
    (response,) = _only(tlv.decode_one(signed.data, 0x7C).value, 0x82)
    return CardAnswer(certificate, response)


def _certificate(data: bytes) -> bytes:
    inside = tlv.decode_one(data, 0x53).value
    (certificate,) = _only(inside, 0x70)
    (info,) = _only(inside, 0x71)
    if info and info[0] & _GZIP:
        return _unpacked(certificate)
    if len(certificate) > MAX_CERTIFICATE_BYTES:
        raise Malformed("The card's certificate is larger than one is.")
    return certificate


def _only(data: bytes, tag: int) -> tuple[bytes]:
    found = [one.value for one in tlv.decode(data) if one.tag == tag]
    if len(found) != 1:
        raise Malformed(f"One data object {tag:02X} was expected on the card.")
    return (found[0],)


def _unpacked(data: bytes) -> bytes:
    unpacking = zlib.decompressobj(zlib.MAX_WBITS | 16)
    try:
        plain = unpacking.decompress(data, MAX_CERTIFICATE_BYTES)
    except zlib.error as error:
        raise Malformed("The card's certificate cannot be unpacked.") from error
    if not unpacking.eof:
        raise Malformed("The card's certificate is cut short, or larger than one is.")
    return plain
