"""X.509 certificates as CSCAs and document signers have them (RFC 5280; ICAO Doc 9303-12, 7.1).

Tolerant on purpose: of 588 certificates on one master list six are refused by strict parsers. What is read
here is believed only under a signature that holds.
"""

import datetime as dt
import functools
import hashlib
import unicodedata
from dataclasses import dataclass, field

from appliance.travel_document.lds import der
from appliance.travel_document.lds.errors import EmrtdError, Malformed
from appliance.travel_document.pki.keys import PublicKey, parse_public_key
from appliance.travel_document.pki.signatures import parse_signature_algorithm, verify

MAX_CERTIFICATE_BYTES = 64 * 1024
"""The largest of today's lists has 3 kB."""

COUNTRY = "2.5.4.6"
COMMON_NAME = "2.5.4.3"
_SUBJECT_KEY_IDENTIFIER = "2.5.29.14"
_KEY_USAGE = "2.5.29.15"
_PRIVATE_KEY_USAGE_PERIOD = "2.5.29.16"
_BASIC_CONSTRAINTS = "2.5.29.19"
_AUTHORITY_KEY_IDENTIFIER = "2.5.29.35"
_EXTENDED_KEY_USAGE = "2.5.29.37"
_DOCUMENT_TYPE_LIST = "2.23.136.1.1.6.2"

_KEY_USAGES = (
    *("digital_signature", "content_commitment", "key_encipherment", "data_encipherment"),
    *("key_agreement", "key_cert_sign", "crl_sign", "encipher_only", "decipher_only"),
)


@dataclass(frozen=True, slots=True)
class Name:
    """A distinguished name: its bytes, and what is compared and shown of it."""

    raw: bytes
    attributes: tuple[tuple[str, str], ...]

    def first(self, oid: str) -> str:
        return next((value for kind, value in self.attributes if kind == oid), "")

    @property
    def country(self) -> str:
        """The country's two letters, in capitals as 9303-12 wants them whatever the issuer wrote."""
        return self.first(COUNTRY).strip().upper()

    @property
    def comparable(self) -> tuple[tuple[str, str], ...]:
        """For comparing names as RFC 5280, 7.1 does: no case, no kind of string, no runs of spaces."""
        return tuple(sorted((kind, _folded(value)) for kind, value in self.attributes))


@dataclass(frozen=True)
class Certificate:
    """One certificate; equal when its bytes are."""

    raw: bytes
    serial: int = field(compare=False)
    issuer: Name = field(compare=False, repr=False)
    subject: Name = field(compare=False, repr=False)
    not_before: dt.datetime = field(compare=False)
    not_after: dt.datetime = field(compare=False)
    subject_key_id: bytes | None = field(compare=False)
    authority_key_id: bytes | None = field(compare=False)
    is_authority: bool = field(compare=False)
    key_usage: frozenset[str] | None = field(compare=False)
    """None where the extension is missing."""
    extended_key_usage: tuple[str, ...] = field(compare=False)
    private_key_period: tuple[dt.datetime | None, dt.datetime | None] = field(compare=False)
    document_types: tuple[str, ...] = field(compare=False)
    _signed: bytes = field(compare=False, repr=False)
    _algorithm: der.Element = field(compare=False, repr=False)
    _signature: bytes = field(compare=False, repr=False)
    _key_info: der.Element = field(compare=False, repr=False)

    @property
    def country(self) -> str:
        return self.subject.country

    @functools.cached_property
    def fingerprint(self) -> str:
        """SHA-256 over the whole certificate, in hexadecimal."""
        return hashlib.sha256(self.raw).hexdigest()

    @functools.cached_property
    def public_key(self) -> PublicKey:
        """The key, read when it is first asked for.

        Raises:
            EmrtdError: of no kind that is used in travel documents.
        """
        return parse_public_key(self._key_info)

    @property
    def names_itself(self) -> bool:
        """Issuer and subject are the same: a root, or a link certificate between two keys of one name."""
        return self.issuer.raw == self.subject.raw or self.issuer.comparable == self.subject.comparable

    @property
    def self_issued_root(self) -> bool:
        """A root rather than a link: told by the key identifiers, because both name themselves."""
        if not self.names_itself:
            return False
        if self.authority_key_id is None or self.subject_key_id is None:
            return True
        return self.authority_key_id == self.subject_key_id

    def signed_by(self, issuer: "Certificate") -> bool:
        """Whether this issuer's key made the signature; an algorithm that is not known makes it False."""
        try:
            algorithm = parse_signature_algorithm(self._algorithm)
            return verify(issuer.public_key, algorithm, self._signature, self._signed)
        except EmrtdError:
            return False

    @property
    def signature_algorithm(self) -> str:
        """For people: scheme and digest, or the word unknown."""
        try:
            return parse_signature_algorithm(self._algorithm).description
        except EmrtdError:
            return "unknown"

    def valid_at(self, moment: dt.datetime) -> bool:
        return self.not_before <= moment <= self.not_after


def parse_certificate(data: bytes) -> Certificate:
    """A certificate in DER.

    Raises:
        Malformed: it is none.
    """
    if len(data) > MAX_CERTIFICATE_BYTES:
        raise Malformed(f"A certificate has at most {MAX_CERTIFICATE_BYTES} bytes.")
    return read_certificate(der.parse(data))


def read_certificate(element: der.Element) -> Certificate:
    """A certificate that stands within another structure; the same errors."""
    outer = element.fields()
    signed = outer.take(der.SEQUENCE)
    algorithm, signature = outer.take(der.SEQUENCE), outer.take(der.BIT_STRING).bits()
    fields = signed.fields()
    fields.maybe(0xA0)  # the version
    serial = fields.take(der.INTEGER).integer()
    fields.take(der.SEQUENCE)
    issuer = read_name(fields.take(der.SEQUENCE))
    validity = fields.take(der.SEQUENCE).fields()
    not_before, not_after = validity.take().time(), validity.take().time()
    subject = read_name(fields.take(der.SEQUENCE))
    key_info = fields.take(der.SEQUENCE)
    fields.maybe(0x81, 0xA1)
    fields.maybe(0x82, 0xA2)
    extensions = _extensions(fields.maybe(0xA3))
    return Certificate(
        raw=element.raw,
        serial=serial,
        issuer=issuer,
        subject=subject,
        not_before=not_before,
        not_after=not_after,
        subject_key_id=_octets_of(extensions.get(_SUBJECT_KEY_IDENTIFIER)),
        authority_key_id=_authority_key_id(extensions.get(_AUTHORITY_KEY_IDENTIFIER)),
        is_authority=_is_authority(extensions.get(_BASIC_CONSTRAINTS)),
        key_usage=_key_usage(extensions.get(_KEY_USAGE)),
        extended_key_usage=_oids(extensions.get(_EXTENDED_KEY_USAGE)),
        private_key_period=_private_key_period(extensions.get(_PRIVATE_KEY_USAGE_PERIOD)),
        document_types=_document_types(extensions.get(_DOCUMENT_TYPE_LIST)),
        _signed=signed.raw,
        _algorithm=algorithm,
        _signature=signature,
        _key_info=key_info,
    )


def read_name(element: der.Element) -> Name:
    """A distinguished name."""
    attributes = []
    for relative in element.expect(der.SEQUENCE).children():
        for pair in relative.expect(der.SET).children():
            fields = pair.fields()
            kind = fields.take(der.OBJECT_IDENTIFIER).oid()
            attributes.append((kind, fields.take().text()))
    return Name(element.raw, tuple(attributes))


def _extensions(wrapped: der.Element | None) -> dict[str, bytes]:
    found: dict[str, bytes] = {}
    if wrapped is None:
        return found
    for extension in wrapped.explicit().expect(der.SEQUENCE).children():
        fields = extension.fields()
        oid = fields.take(der.OBJECT_IDENTIFIER).oid()
        fields.maybe(der.BOOLEAN)
        found.setdefault(oid, fields.take(der.OCTET_STRING).content)
    return found


def _octets_of(extension: bytes | None) -> bytes | None:
    return None if extension is None else der.parse(extension).expect(der.OCTET_STRING).octets()


def _authority_key_id(extension: bytes | None) -> bytes | None:
    if extension is None:
        return None
    inside = der.parse(extension).expect(der.SEQUENCE).children()
    return next((element.content for element in inside if element.tag == 0x80), None)


def _is_authority(extension: bytes | None) -> bool:
    if extension is None:
        return False
    flag = der.parse(extension).fields().maybe(der.BOOLEAN)
    return flag is not None and any(flag.content)


def _key_usage(extension: bytes | None) -> frozenset[str] | None:
    if extension is None:
        return None
    bits = der.parse(extension).bits()
    return frozenset(
        name for at, name in enumerate(_KEY_USAGES) if at // 8 < len(bits) and bits[at // 8] & 0x80 >> at % 8
    )


def _oids(extension: bytes | None) -> tuple[str, ...]:
    if extension is None:
        return ()
    return tuple(oid.oid() for oid in der.parse(extension).expect(der.SEQUENCE).children())


def _private_key_period(extension: bytes | None) -> tuple[dt.datetime | None, dt.datetime | None]:
    begins = ends = None
    for element in () if extension is None else der.parse(extension).expect(der.SEQUENCE).children():
        moment = der.parse_time(element.content, generalized=True)
        if element.tag == 0x80:
            begins = moment
        elif element.tag == 0x81:
            ends = moment
    return begins, ends


def _document_types(extension: bytes | None) -> tuple[str, ...]:
    """DocumentTypeList: which documents the signer is for, by their codes (9303-12, 7.1.1.6)."""
    if extension is None:
        return ()
    try:
        fields = der.parse(extension).fields()
        fields.maybe(der.INTEGER)
        return tuple(kind.text().strip("<") for kind in fields.take(der.SET).children())
    except Malformed:
        return ()  # seen in many shapes; it is a hint, no certificate is refused for it


def _folded(value: str) -> str:
    return " ".join(unicodedata.normalize("NFKC", value).casefold().split())
