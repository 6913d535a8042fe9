"""A simulated PIV card (NIST SP 800-73-4) for an invented officer: its Card Authentication key, and ways to
misbehave. It holds no other key and no person's data."""

import datetime as dt
import enum
import gzip
from typing import Final

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import Prehashed
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID

from appliance.chip.piv import AID, CARD_AUTHENTICATION, CERTIFICATE, ECC_P256
from appliance.secure_messaging.apdu import Command, Response, Status
from appliance.travel_document.lds import tlv
from appliance.travel_document.lds.errors import Malformed

ATR: Final = bytes.fromhex("3B8880010073C84013009000D1")
MORE_DATA: Final = 0x61
PIECE: Final = 256
"""Bytes of an answer that go in one short response; the rest is fetched."""
_SELECT, _GET_DATA, _GENERAL_AUTHENTICATE, _GET_RESPONSE = 0xA4, 0xCB, 0x87, 0xC0


class Trick(enum.StrEnum):
    """What this card does that an honest one does not."""

    CLONE = "clone"
    """Shows somebody's certificate and signs with a key of its own."""
    REPLAY = "replay"
    """Gives the signature that it gave first."""
    NO_CERTIFICATE = "no_certificate"
    REFUSES = "refuses"
    """Does not sign."""
    NOISE = "noise"
    """Answers with bytes that mean nothing."""
    BOMB = "bomb"
    """Its compressed certificate has no end."""


class PivCard:
    """A card that can be put into the virtual reader."""

    def __init__(
        self,
        key: ec.EllipticCurvePrivateKey | None = None,
        *,
        compressed: bool = False,
        trick: Trick | None = None,
        curve: ec.EllipticCurve | None = None,
    ) -> None:
        self.atr = ATR
        self.key = key or ec.generate_private_key(curve or ec.SECP256R1())
        self.certificate = _certificate(self.key)
        self._compressed = compressed
        self._trick = trick
        self._selected = False
        self._rest = b""
        self._first: bytes | None = None
        self.signed = 0
        """How often it signed."""

    def reset(self) -> None:
        self._selected, self._rest = False, b""

    def transmit(self, message: bytes) -> bytes:
        try:
            command = Command.decode(message)
        except Malformed:
            return _status(Status.WRONG_LENGTH)
        if command.ins == _GET_RESPONSE:
            return self._piece()
        answer = self._answer(command)
        if not answer.ok or len(answer.data) <= PIECE:
            return answer.encode()
        self._rest = answer.data
        return self._piece()

    def whole(self, message: bytes) -> bytes:
        """The same, with what comes in pieces put together, as a reader's driver does it."""
        answer, collected = self.transmit(message), b""
        while answer[-2] == MORE_DATA:
            collected += answer[:-2]
            answer = self.transmit(bytes((0, _GET_RESPONSE, 0, 0, answer[-1])))
        return collected + answer

    def _piece(self) -> bytes:
        piece, self._rest = self._rest[:PIECE], self._rest[PIECE:]
        if not self._rest:
            return piece + _status(Status.OK)
        return piece + bytes((MORE_DATA, min(len(self._rest), 0xFF)))

    def _answer(self, command: Command) -> Response:
        if command.ins == _SELECT:
            self._selected = AID.startswith(command.data) and len(command.data) >= 9
            if not self._selected:
                return Response(b"", Status.FILE_NOT_FOUND)
            return Response(tlv.encode(0x61, tlv.encode(0x4F, AID[5:])), Status.OK)
        if not self._selected:
            return Response(b"", Status.UNKNOWN_INSTRUCTION)
        if command.ins == _GET_DATA:
            return self._data(command)
        if command.ins == _GENERAL_AUTHENTICATE:
            return self._authenticate(command)
        return Response(b"", Status.UNKNOWN_INSTRUCTION)

    def _data(self, command: Command) -> Response:
        known = (command.p1, command.p2, command.data) == (0x3F, 0xFF, tlv.encode(0x5C, CERTIFICATE))
        if not known or self._trick is Trick.NO_CERTIFICATE:
            return Response(b"", Status.FILE_NOT_FOUND)
        if self._trick is Trick.NOISE:
            return Response(bytes.fromhex("5382FFFF00"), Status.OK)
        certificate, info = self.certificate, 0
        if self._compressed or self._trick is Trick.BOMB:
            plain = bytes(1_000_000) if self._trick is Trick.BOMB else certificate
            certificate, info = gzip.compress(plain, mtime=0), 1
        inside = tlv.encode(0x70, certificate) + tlv.encode(0x71, bytes((info,))) + tlv.encode(0xFE, b"")
        return Response(tlv.encode(0x53, inside), Status.OK)

    def _authenticate(self, command: Command) -> Response:
        if (command.p1, command.p2) != (ECC_P256, CARD_AUTHENTICATION) or self._trick is Trick.REFUSES:
            return Response(b"", Status.WRONG_P1_P2)
        fields = {one.tag: one.value for one in tlv.decode(tlv.decode_one(command.data, 0x7C).value)}
        digest = fields.get(0x81, b"")
        if fields.get(0x82) != b"" or len(digest) != hashes.SHA256.digest_size:
            return Response(b"", Status.WRONG_DATA)
        key = ec.generate_private_key(ec.SECP256R1()) if self._trick is Trick.CLONE else self.key
        signature = key.sign(digest, ec.ECDSA(Prehashed(hashes.SHA256())))
        self.signed += 1
        self._first = self._first or signature
        if self._trick is Trick.REPLAY:
            signature = self._first
        return Response(tlv.encode(0x7C, tlv.encode(0x82, signature)), Status.OK)


def _certificate(key: ec.EllipticCurvePrivateKey) -> bytes:
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Simulated card")])
    begins = dt.datetime(2026, 1, 1, tzinfo=dt.UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(begins)
        .not_valid_after(begins + dt.timedelta(days=3650))
        .sign(key, hashes.SHA256())
        .public_bytes(Encoding.DER)
    )


def _status(status: Status) -> bytes:
    return int(status).to_bytes(2)
