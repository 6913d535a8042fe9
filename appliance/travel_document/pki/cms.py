"""CMS signed data (RFC 5652) as security objects, master lists and CardSecurity use it (ICAO Doc 9303-10,
4.6.2)."""

import datetime as dt
import enum
import hashlib
import hmac
from collections.abc import Iterable
from dataclasses import dataclass, field

from appliance.travel_document.lds import der, tlv
from appliance.travel_document.lds.errors import EmrtdError, LimitExceeded, Malformed
from appliance.travel_document.pki.certificate import Certificate, Name, read_certificate, read_name
from appliance.travel_document.pki.signatures import (
    SignatureAlgorithm,
    parse_digest_algorithm,
    parse_signature_algorithm,
    verify,
)

SIGNED_DATA = "1.2.840.113549.1.7.2"
_CONTENT_TYPE = "1.2.840.113549.1.9.3"
_MESSAGE_DIGEST = "1.2.840.113549.1.9.4"
_SIGNING_TIME = "1.2.840.113549.1.9.5"

MAX_SIGNERS = 8
"""A security object has one; a master list was seen with two."""
MAX_CERTIFICATES = 32
MAX_CRLS = 32


class SignatureOutcome(enum.StrEnum):
    """What came of checking one signer's signature; codes for checks."""

    OK = "ok"
    CONTENT_ALTERED = "content_altered"
    """The digest in the signed attributes is not the content's."""
    SIGNATURE_WRONG = "signature_wrong"
    UNSUPPORTED = "unsupported_algorithm"
    WRONG_CONTENT_TYPE = "wrong_content_type"


@dataclass(frozen=True, slots=True)
class SignerInfo:
    """One signer: how to find its certificate, and its signature."""

    issuer: Name | None
    serial: int | None
    subject_key_id: bytes | None
    attributes: der.Element | None = field(repr=False)
    content_type: str | None
    message_digest: bytes | None
    signing_time: dt.datetime | None
    signature: bytes = field(repr=False)
    _digest: der.Element = field(repr=False)
    _algorithm: der.Element = field(repr=False)

    def is_of(self, certificate: Certificate) -> bool:
        """Whether this is the certificate that the signer names."""
        if self.subject_key_id is not None:
            return certificate.subject_key_id == self.subject_key_id
        if self.issuer is None or certificate.serial != self.serial:
            return False
        return (
            self.issuer.raw == certificate.issuer.raw
            or self.issuer.comparable == certificate.issuer.comparable
        )

    @property
    def digest(self) -> str:
        return parse_digest_algorithm(self._digest)

    @property
    def algorithm(self) -> SignatureAlgorithm:
        return parse_signature_algorithm(self._algorithm, digest=self.digest)


@dataclass(frozen=True, slots=True)
class SignedData:
    """A signed content with what is needed to check it."""

    content_type: str
    content: bytes = field(repr=False)
    signers: tuple[SignerInfo, ...]
    certificates: tuple[Certificate, ...] = field(repr=False)
    unread_certificates: int
    """Certificates inside that are none; nothing relies on them."""
    crls: tuple[bytes, ...] = field(repr=False)

    def certificate_of(self, signer: SignerInfo, more: Iterable[Certificate] = ()) -> Certificate | None:
        """The signer's certificate, from inside or from `more`."""
        return next((one for one in (*self.certificates, *more) if signer.is_of(one)), None)

    def check(self, signer: SignerInfo, certificate: Certificate) -> SignatureOutcome:
        """Whether the signer's signature over the content holds with this certificate's key."""
        try:
            message = self.content
            if signer.attributes is not None:
                digest = hashlib.new(signer.digest, self.content, usedforsecurity=False).digest()
                if signer.message_digest is None or not hmac.compare_digest(digest, signer.message_digest):
                    return SignatureOutcome.CONTENT_ALTERED
                if signer.content_type not in (None, self.content_type):
                    return SignatureOutcome.WRONG_CONTENT_TYPE
                message = _attributes_as_signed(signer.attributes.content)
            key, algorithm = certificate.public_key, signer.algorithm
            if verify(key, algorithm, signer.signature, message):
                return SignatureOutcome.OK
            if signer.attributes is not None:
                resorted = _attributes_as_signed(_sorted(signer.attributes))
                if resorted != message and verify(key, algorithm, signer.signature, resorted):
                    return SignatureOutcome.OK
        except EmrtdError:
            return SignatureOutcome.UNSUPPORTED
        return SignatureOutcome.SIGNATURE_WRONG


def parse_signed_data(data: bytes) -> SignedData:
    """The SignedData in a ContentInfo.

    Raises:
        Malformed: it is none.
    """
    info = der.parse(data).fields()
    if info.take(der.OBJECT_IDENTIFIER).oid() != SIGNED_DATA:
        raise Malformed("A signed object is not CMS signed data.")
    fields = info.take(0xA0).explicit().fields()
    fields.take(der.INTEGER)
    fields.take(der.SET)  # the digest algorithms; each signer says its own
    content_type, content = _encapsulated(fields.take(der.SEQUENCE))
    certificates, unread = _certificates(fields.maybe(0xA0))
    crls = fields.maybe(0xA1)
    revocation = tuple(crl.raw for crl in crls.children()) if crls is not None else ()
    if len(revocation) > MAX_CRLS:
        raise LimitExceeded(f"A signed object carries more than {MAX_CRLS} revocation lists.")
    signers = fields.take(der.SET).children()
    if not 0 < len(signers) <= MAX_SIGNERS:
        raise Malformed(f"A signed object has one to {MAX_SIGNERS} signers.")
    return SignedData(content_type, content, tuple(map(_signer, signers)), certificates, unread, revocation)


def _encapsulated(element: der.Element) -> tuple[str, bytes]:
    fields = element.fields()
    content_type = fields.take(der.OBJECT_IDENTIFIER).oid()
    inside = fields.maybe(0xA0)
    if inside is None:
        raise Malformed("A signed object does not hold what was signed.")
    content = inside.explicit()
    if content.tag in (der.OCTET_STRING, der.OCTET_STRING | 0x20):
        return content_type, content.octets()
    return content_type, content.raw  # PKCS#7 before CMS put the content in as it was


def _certificates(element: der.Element | None) -> tuple[tuple[Certificate, ...], int]:
    if element is None:
        return (), 0
    children = element.children()
    if len(children) > MAX_CERTIFICATES:
        raise LimitExceeded(f"A signed object carries more than {MAX_CERTIFICATES} certificates.")
    found, unread = [], 0
    for child in children:
        try:
            found.append(read_certificate(child))
        except EmrtdError:
            unread += 1
    return tuple(found), unread


def _signer(element: der.Element) -> SignerInfo:
    fields = element.fields()
    fields.take(der.INTEGER)
    issuer, serial, key_id = None, None, None
    identifier = fields.take(der.SEQUENCE, 0x80, 0xA0)
    if identifier.tag == der.SEQUENCE:
        pair = identifier.fields()
        issuer, serial = read_name(pair.take(der.SEQUENCE)), pair.take(der.INTEGER).integer()
    else:
        key_id = identifier.content if identifier.tag == 0x80 else identifier.explicit().octets()
    digest = fields.take(der.SEQUENCE)
    attributes = fields.maybe(0xA0)
    algorithm = fields.take(der.SEQUENCE)
    signature = fields.take(der.OCTET_STRING, der.OCTET_STRING | 0x20).octets()
    values = _attribute_values(attributes)
    kind, stated, moment = (values.get(oid) for oid in (_CONTENT_TYPE, _MESSAGE_DIGEST, _SIGNING_TIME))
    return SignerInfo(
        issuer=issuer,
        serial=serial,
        subject_key_id=key_id,
        attributes=attributes,
        content_type=kind.oid() if kind is not None else None,
        message_digest=stated.octets() if stated is not None else None,
        signing_time=moment.time() if moment is not None else None,
        signature=signature,
        _digest=digest,
        _algorithm=algorithm,
    )


def _attribute_values(attributes: der.Element | None) -> dict[str, der.Element]:
    """The first value of each signed attribute."""
    found: dict[str, der.Element] = {}
    for attribute in attributes.children() if attributes is not None else ():
        fields = attribute.fields()
        oid = fields.take(der.OBJECT_IDENTIFIER).oid()
        values = fields.take(der.SET).children()
        if values:
            found.setdefault(oid, values[0])
    return found


def _attributes_as_signed(content: bytes) -> bytes:
    """Stored under tag [0], signed as the SET that they are (RFC 5652, 5.4)."""
    return tlv.encode(der.SET, content)


def _sorted(attributes: der.Element) -> bytes:
    """In DER's order: some signers store them in another."""
    return b"".join(sorted(child.raw for child in attributes.children()))
