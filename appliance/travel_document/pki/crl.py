"""Certificate revocation lists of CSCAs (RFC 5280, 5; ICAO Doc 9303-12, 7.1.4)."""

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass, field

from appliance.travel_document.lds import der
from appliance.travel_document.lds.errors import EmrtdError, Malformed
from appliance.travel_document.pki.certificate import Certificate, Name, read_name
from appliance.travel_document.pki.signatures import parse_signature_algorithm, verify

MAX_CRL_BYTES = 16 * 1024 * 1024
_AUTHORITY_KEY_IDENTIFIER = "2.5.29.35"
_CRL_NUMBER = "2.5.29.20"
_REASON_CODE = "2.5.29.21"
_REASONS = (
    *("unspecified", "key_compromise", "ca_compromise", "affiliation_changed", "superseded"),
    *("cessation_of_operation", "certificate_hold", "7", "remove_from_crl", "privilege_withdrawn"),
)


@dataclass(frozen=True, slots=True)
class RevocationList:
    """What an issuer has revoked, as of `this_update`."""

    raw: bytes = field(repr=False)
    issuer: Name = field(repr=False)
    this_update: dt.datetime
    next_update: dt.datetime | None
    authority_key_id: bytes | None
    number: int | None
    revoked: Mapping[int, tuple[dt.datetime, str]] = field(repr=False)
    """By serial number: since when, and why."""
    _signed: bytes = field(repr=False)
    _algorithm: der.Element = field(repr=False)
    _signature: bytes = field(repr=False)

    @property
    def country(self) -> str:
        return self.issuer.country

    def signed_by(self, issuer: Certificate) -> bool:
        """Whether this authority's key made the signature."""
        try:
            algorithm = parse_signature_algorithm(self._algorithm)
            return verify(issuer.public_key, algorithm, self._signature, self._signed)
        except EmrtdError:
            return False

    def covers(self, certificate: Certificate) -> bool:
        """Whether this list is by the certificate's own issuer."""
        return (
            self.issuer.raw == certificate.issuer.raw
            or self.issuer.comparable == certificate.issuer.comparable
        )


def parse_crl(data: bytes) -> RevocationList:
    """A revocation list in DER.

    Raises:
        Malformed: it is none.
    """
    if len(data) > MAX_CRL_BYTES:
        raise Malformed(f"A revocation list has at most {MAX_CRL_BYTES} bytes.")
    outer = der.parse(data)
    fields = outer.fields()
    signed = fields.take(der.SEQUENCE)
    algorithm, signature = fields.take(der.SEQUENCE), fields.take(der.BIT_STRING).bits()
    inner = signed.fields()
    inner.maybe(der.INTEGER)
    inner.take(der.SEQUENCE)
    issuer = read_name(inner.take(der.SEQUENCE))
    this_update = inner.take(der.UTC_TIME, der.GENERALIZED_TIME).time()
    next_update = inner.maybe(der.UTC_TIME, der.GENERALIZED_TIME)
    entries = inner.maybe(der.SEQUENCE)
    extensions = _extensions(inner.maybe(0xA0))
    return RevocationList(
        raw=outer.raw,
        issuer=issuer,
        this_update=this_update,
        next_update=next_update.time() if next_update is not None else None,
        authority_key_id=_key_id(extensions.get(_AUTHORITY_KEY_IDENTIFIER)),
        number=_number(extensions.get(_CRL_NUMBER)),
        revoked=dict(map(_entry, entries.iterate())) if entries is not None else {},
        _signed=signed.raw,
        _algorithm=algorithm,
        _signature=signature,
    )


def _entry(element: der.Element) -> tuple[int, tuple[dt.datetime, str]]:
    fields = element.fields()
    serial = fields.take(der.INTEGER).integer()
    since = fields.take(der.UTC_TIME, der.GENERALIZED_TIME).time()
    reason = _REASONS[0]
    for extension in extensions.children() if (extensions := fields.maybe(der.SEQUENCE)) is not None else ():
        inside = extension.fields()
        if inside.take(der.OBJECT_IDENTIFIER).oid() == _REASON_CODE:
            inside.maybe(der.BOOLEAN)
            code = int.from_bytes(der.parse(inside.take(der.OCTET_STRING).content).content)
            reason = _REASONS[code] if code < len(_REASONS) else str(code)
    return serial, (since, reason)


def _extensions(wrapped: der.Element | None) -> dict[str, bytes]:
    found: dict[str, bytes] = {}
    for extension in wrapped.explicit().children() if wrapped is not None else ():
        fields = extension.fields()
        oid = fields.take(der.OBJECT_IDENTIFIER).oid()
        fields.maybe(der.BOOLEAN)
        found[oid] = fields.take(der.OCTET_STRING).content
    return found


def _key_id(extension: bytes | None) -> bytes | None:
    inside = der.parse(extension).children() if extension is not None else ()
    return next((element.content for element in inside if element.tag == 0x80), None)


def _number(extension: bytes | None) -> int | None:
    return None if extension is None else der.parse(extension).expect(der.INTEGER).integer()
